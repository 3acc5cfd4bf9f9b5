//! Frames as server-sent events (WHATWG HTML §9.2).

use std::iter;

use common::Frame;
use once_cell::sync::Lazy;

use super::{Chunk, EndReason, PerCoding};

/// The media type of the stream.
pub const CONTENT_TYPE: &str = "text/event-stream";

/// Opens every stream: how long a browser waits before it connects again, in milliseconds.
pub const RETRY: &str = "retry: 2000\n\n";

/// Keeps an idle connection known to be alive: a comment, which no client shows.
pub const HEARTBEAT: &str = ":\n\n";

/// An unnamed event whose id is the revision and whose data is the picture.
///
/// Every line of the picture becomes a `data:` line; a client joins them with newlines. XML
/// reads any line end as a newline anyway, so the picture stays the same.
pub fn event(frame: &Frame) -> Chunk {
    Chunk::of(frame.svg.len() + 64, |event| {
        let mut add = |text: &str| event.extend_from_slice(text.as_bytes());
        add("id: ");
        add(&frame.revision.to_string());
        add("\n");
        for line in lines(&frame.svg) {
            add("data: ");
            add(line);
            add("\n");
        }
        add("\n");
    })
}

/// The last event of a stream.
pub fn end(reason: EndReason) -> &'static PerCoding<Chunk> {
    static ENDS: Lazy<[PerCoding<Chunk>; 4]> = Lazy::new(|| EndReason::ALL.map(made));
    fn made(reason: EndReason) -> PerCoding<Chunk> {
        let event = format!("event: end\ndata: {{\"reason\":\"{}\"}}\n\n", reason.as_str());
        PerCoding::piece(event.as_bytes())
    }
    &ENDS[reason as usize]
}

/// Splits at CRLF, LF and CR: to a client each of them ends a line, and one that slipped
/// through would let a picture speak as the protocol.
fn lines(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = Some(text);
    iter::from_fn(move || {
        let text = rest?;
        let Some(end) = text.find(['\n', '\r']) else { return rest.take() };
        let after = &text[end..];
        rest = Some(after.strip_prefix("\r\n").unwrap_or(&after[1..]));
        Some(&text[..end])
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use common::Revision;

    fn encoded(svg: &str) -> String {
        let frame = Frame { revision: Revision { epoch: 7, seq: 3 }, svg: svg.into() };
        String::from_utf8(event(&frame).payload().to_vec()).unwrap()
    }

    #[test]
    fn a_frame_is_an_unnamed_event_with_its_revision() {
        assert_eq!(encoded("<svg/>"), "id: 7-3\ndata: <svg/>\n\n");
    }

    #[test]
    fn every_kind_of_line_end_stays_inside_the_data() {
        assert_eq!(
            encoded("<svg>\n\r\nevent: end\rid: 9\n</svg>"),
            "id: 7-3\ndata: <svg>\ndata: \ndata: event: end\ndata: id: 9\ndata: </svg>\n\n"
        );
        assert_eq!(encoded("a\r\r\nb\r"), "id: 7-3\ndata: a\ndata: \ndata: b\ndata: \n\n");
    }

    #[test]
    fn an_end_says_why() {
        for reason in EndReason::ALL {
            let event = format!("event: end\ndata: {{\"reason\":\"{}\"}}\n\n", reason.as_str());
            assert_eq!(end(reason).identity.payload(), event);
        }
    }
}
