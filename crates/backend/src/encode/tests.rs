//! What random viewers are sent, and what they make of it.

use std::sync::Arc;

use common::{Frame, Revision, api::Visibility};
use miniz_oxide::{
    DataFormat, MZFlush,
    inflate::stream::{InflateState, inflate},
};
use proptest::{collection::vec, prelude::*};
use time::OffsetDateTime;

use super::*;
use crate::metrics::Metrics;

/// What happens to a viewer, between one frame of a session and the next.
#[derive(Debug, Clone, Copy)]
enum Moment {
    /// It is sent the frame.
    Takes,
    /// It is too slow for the frame.
    Skips,
    /// It is sent the frame, and then a sign of life.
    Rests,
    /// It goes, and comes back.
    Returns,
}

fn moments() -> impl Strategy<Value = Vec<Moment>> {
    use Moment::{Rests, Returns, Skips, Takes};
    let moment =
        prop_oneof![6 => Just(Takes), 3 => Just(Skips), 2 => Just(Rests), 1 => Just(Returns)];
    vec(moment, 20)
}

/// Pictures that share most of what is in them, some larger than the window, some the same as the
/// one before.
fn pictures() -> impl Strategy<Value = Vec<String>> {
    let paths = prop_oneof![8 => 0..60_u32, 1 => 1500..2500_u32];
    let picture = (paths, any::<u32>(), "\\PC{0,20}").prop_map(|(paths, n, text)| {
        let paths: String =
            (0..paths).map(|p| format!("<path d=\"M{p} {}\"/>\n", p * 7919 % 1000)).collect();
        format!("<svg><text>{n} {}</text>{paths}</svg>", text.replace(['<', '&'], ""))
    });
    vec((picture, prop::bool::weighted(0.2)), 1..20).prop_map(|drawn| {
        let mut pictures: Vec<String> = Vec::new();
        for (picture, again) in drawn {
            let last = pictures.last().filter(|_| again).cloned();
            pictures.push(last.unwrap_or(picture));
        }
        pictures
    })
}

/// All that a stream sends, beginning with its head.
struct Stream {
    transcript: Transcript,
    sent: Vec<u8>,
    shown: Option<Arc<SharedFrame>>,
}

impl Stream {
    fn begins(format: Format, coding: Coding, first: &Arc<SharedFrame>) -> Self {
        let mut stream =
            Self { transcript: Transcript::new(format, coding), sent: Vec::new(), shown: None };
        let opening = stream.transcript.opening(Some(first)).unwrap().clone();
        stream.sends(&opening);
        stream.takes(first);
        stream
    }

    fn sends(&mut self, chunk: &Chunk) {
        self.sent.extend_from_slice(&chunk.payload());
    }

    fn takes(&mut self, frame: &Arc<SharedFrame>) {
        let chunk = self.transcript.frame(frame).clone();
        self.sends(&chunk);
        self.shown = Some(frame.clone());
    }

    fn rests(&mut self) {
        let chunk = self.transcript.quiet(self.shown.as_deref()).unwrap().clone();
        self.sends(&chunk);
    }

    fn ends(mut self) -> Vec<u8> {
        let end = self.transcript.end(EndReason::Deleted, self.shown.as_deref()).unwrap().clone();
        self.sends(&end);
        self.sent
    }
}

fn inflated(gzip: &[u8]) -> Vec<u8> {
    let mut deflated = gzip.strip_prefix(&[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff]).unwrap();
    let mut state = InflateState::new_boxed(DataFormat::Raw);
    let (mut plain, mut piece) = (Vec::new(), vec![0; 1 << 16]);
    loop {
        let step = inflate(&mut state, deflated, &mut piece, MZFlush::None);
        deflated = &deflated[step.bytes_consumed..];
        plain.extend_from_slice(&piece[..step.bytes_written]);
        if deflated.is_empty() && step.bytes_written < piece.len() {
            return plain;
        }
        step.status.unwrap();
    }
}

fn session(pictures: &[String]) -> Vec<Arc<SharedFrame>> {
    let metrics = Arc::new(Metrics::default());
    let terms = Terms {
        visibility: Visibility::Public,
        expires_at: OffsetDateTime::UNIX_EPOCH,
        max_frames_per_second: None,
    };
    let mut frames: Vec<Arc<SharedFrame>> = Vec::new();
    for (seq, svg) in (1..).zip(pictures) {
        let frame = Frame { revision: Revision { epoch: 7, seq }, svg: svg.as_str().into() };
        let before = frames.last().map(|before| &**before);
        // One that looks like the last is not sent to those who have that.
        let is_sent = before.is_none_or(|before| before.frame().svg != frame.svg);
        frames.push(Arc::new(SharedFrame::new(frame, terms, before, is_sent, metrics.clone())));
    }
    frames
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_is_inflated_is_what_others_are_sent_plain(
        pictures in pictures(),
        lives in vec(moments(), 1..6),
        format in prop_oneof![Just(Format::Sse), Just(Format::Multipart)],
    ) {
        let frames = session(&pictures);
        for life in lives {
            let begin = |coding, frame| Stream::begins(format, coding, frame);
            let mut plain = begin(Coding::Identity, &frames[0]);
            let mut gzip = begin(Coding::Gzip, &frames[0]);
            for (frame, moment) in frames[1..].iter().zip(life) {
                if let Moment::Returns = moment {
                    plain = begin(Coding::Identity, frame);
                    gzip = begin(Coding::Gzip, frame);
                    continue;
                }
                for stream in [&mut plain, &mut gzip] {
                    if let Moment::Takes | Moment::Rests = moment {
                        stream.takes(frame);
                    }
                    if let Moment::Rests = moment {
                        stream.rests();
                    }
                }
            }
            prop_assert_eq!(inflated(&gzip.ends()), plain.ends());
        }
    }
}

#[test]
fn a_small_change_is_a_small_delta_for_whoever_holds_the_frame_before() {
    let drawing = |n: u32| {
        // Coordinates without a pattern.
        let number = |p: u32| u64::from(p).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 40;
        let paths: String = (0..600)
            .map(|p| format!("<path d=\"M{} {}\"/>", number(p), number(p + 9999)))
            .collect();
        format!("<svg><text>{n}</text>{paths}</svg>")
    };
    let frames = session(&[drawing(1), drawing(2), drawing(3)]);
    let size = |chunk: &Chunk| chunk.payload().len();
    for format in [Format::Sse, Format::Multipart] {
        let mut transcript = Transcript::new(format, Coding::Gzip);
        let plain = size(frames[0].plain(format));
        assert!(plain > 16_000);
        assert_eq!(size(transcript.frame(&frames[0])), size(frames[0].whole(format)));
        let delta = size(transcript.frame(&frames[1]));
        assert!(delta * 100 < plain * 3, "{delta} of {plain} bytes");
        // Whoever has missed one gets all of the next, and is in step again.
        let mut late = Transcript::new(format, Coding::Gzip);
        late.frame(&frames[0]);
        assert_eq!(size(late.frame(&frames[2])), size(frames[2].whole(format)));
    }
    // A picture that is sent again costs next to nothing.
    let mut still = Transcript::new(Format::Multipart, Coding::Gzip);
    still.frame(&frames[2]);
    let again = size(still.quiet(Some(&frames[2])).unwrap());
    assert!(again * 100 < 16_000 * 3, "{again} bytes");
}
