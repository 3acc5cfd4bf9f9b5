//! Streams: what a client decodes is the frame that was encoded, whatever is drawn in it.

use backend::encode::{
    Coding, EndReason,
    multipart::{self, Boundary},
    sse,
};
use common::{Frame, Revision};

/// In an input, these stand for the boundary, which is not known before, and for all of it
/// but its first letter.
const BOUNDARY: char = '\u{1a}';
const END_OF_BOUNDARY: char = '\u{1b}';

/// Takes a picture, after a line with a revision if there is one.
pub fn stream(input: &[u8]) {
    let input = String::from_utf8_lossy(input);
    let (revision, svg) = input
        .split_once('\n')
        .and_then(|(first, rest)| Some((first.parse().ok()?, rest)))
        .unwrap_or((Revision { epoch: 7, seq: 3 }, &*input));
    events(revision, svg);
    parts(svg);
}

/// An event as a client sees it.
#[derive(Debug, Default, PartialEq, Eq)]
struct Event {
    id: String,
    kind: String,
    data: String,
}

fn events(revision: Revision, svg: &str) {
    let frame = Frame { revision, svg: svg.into() };
    let mut stream = [sse::RETRY, sse::HEARTBEAT].concat().into_bytes();
    stream.extend(sse::event(&frame).payload());
    stream.extend_from_slice(sse::HEARTBEAT.as_bytes());
    stream.extend(sse::event(&frame).payload());
    stream.extend(sse::end(EndReason::Expired).identity.payload());
    let id = revision.to_string();
    // XML reads every line end as a newline (XML 1.0 §2.11).
    let data = svg.replace("\r\n", "\n").replace('\r', "\n");
    let shown = || Event { id: id.clone(), kind: String::new(), data: data.clone() };
    let data = "{\"reason\":\"expired\"}".to_owned();
    let end = Event { id: id.clone(), kind: "end".to_owned(), data };
    let stream = String::from_utf8(stream).expect("a stream of UTF-8");
    assert_eq!(decode(&stream), [shown(), shown(), end], "{stream:?}");
}

/// As WHATWG HTML §9.2.6 says it.
fn decode(stream: &str) -> Vec<Event> {
    let lines = stream.replace("\r\n", "\n").replace('\r', "\n");
    let (mut events, mut event) = (Vec::new(), Event::default());
    for line in lines.split('\n') {
        if line.is_empty() {
            let id = event.id.clone();
            let mut whole = std::mem::replace(&mut event, Event { id, ..Event::default() });
            if whole.data.pop().is_some() {
                events.push(whole);
            }
            continue;
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "id" if !value.contains('\0') => value.clone_into(&mut event.id),
            "event" => value.clone_into(&mut event.kind),
            "data" => {
                event.data.push_str(value);
                event.data.push('\n');
            }
            // `retry`, comments, and what clients pass over.
            _ => {}
        }
    }
    events
}

fn parts(svg: &str) {
    let boundary = Boundary::random();
    let kind = boundary.content_type();
    let (_, name) = kind.split_once("boundary=").expect("a boundary in the content type");
    assert!(name.len() <= 70 && name.bytes().all(|b| b.is_ascii_alphanumeric()), "RFC 2046 §5.1.1");
    let svg = svg.replace(BOUNDARY, name).replace(END_OF_BOUNDARY, &name[1..]);
    let part = multipart::part(&boundary, &svg);
    let closing = multipart::closing(&boundary, &svg);
    let stream = [boundary.opening(Coding::Identity), &part, &part, &closing];
    let stream = stream.map(|chunk| chunk.payload()).concat();
    let stream = String::from_utf8(stream).expect("a stream of UTF-8");
    // Engines look for the boundary anywhere, not at the beginning of a line only.
    let pieces: Vec<&str> = stream.split(&format!("--{name}")).collect();
    assert_eq!(stream.matches(name).count(), 4, "{stream:?}");
    let [padding, first, second, third, after] = pieces[..] else { panic!("{stream:?}") };
    assert!(padding.strip_suffix("\r\n").is_some_and(|spaces| spaces.trim().is_empty()));
    assert!(padding.len() > 1024, "Chromium waits for that much");
    assert_eq!(after, "--\r\n");
    for piece in [first, second, third] {
        let (head, body) = piece.split_once("\r\n\r\n").expect("headers and a body");
        assert_eq!(head, "\r\nContent-Type: image/svg+xml; charset=utf-8");
        let body = body.strip_suffix("\r\n").expect("a line end before the boundary");
        // The one thing that may be spelled otherwise.
        let reference = format!("&#66;{}", &name[1..]);
        assert_eq!(body.replace(&reference, name), svg.replace(&reference, name));
    }
}
