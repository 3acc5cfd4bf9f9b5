//! News as they travel: a line that says what it is, and the picture as it is. Pure.

use std::num::NonZeroU16;

use common::{Frame, Revision, api::Visibility};
use time::OffsetDateTime;

use crate::encode::{EndReason, Terms};

/// What is new about a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum News {
    /// It shows this now.
    Frame(Frame, Terms),
    /// It has ended.
    Ended(EndReason),
}

impl News {
    /// As it travels: `frame <revision> public|private <end of the session, in microseconds since
    /// the epoch> <most frames a second, or 0>` or `ended <reason>`, a line end, and the picture.
    pub fn written(&self) -> String {
        match self {
            Self::Frame(Frame { revision, svg }, terms) => {
                let visibility = terms.visibility.as_str();
                let end = terms.expires_at.unix_timestamp_nanos() / 1000;
                let rate = terms.max_frames_per_second.map_or(0, NonZeroU16::get);
                format!("frame {revision} {visibility} {end} {rate}\n{svg}")
            }
            Self::Ended(reason) => format!("ended {}\n", reason.as_str()),
        }
    }

    /// What was written; `None` for what no node of this version writes.
    pub fn read(text: &str) -> Option<Self> {
        let (head, svg) = text.split_once('\n')?;
        let words: Vec<_> = head.split(' ').collect();
        match words[..] {
            ["frame", revision, visibility, end, rate] => {
                let revision: Revision = revision.parse().ok()?;
                let visibility = Visibility::of(visibility)?;
                let nanos = end.parse::<i128>().ok()?.checked_mul(1000)?;
                let expires_at = OffsetDateTime::from_unix_timestamp_nanos(nanos).ok()?;
                let max_frames_per_second = NonZeroU16::new(rate.parse().ok()?);
                let terms = Terms { visibility, expires_at, max_frames_per_second };
                Some(Self::Frame(Frame { revision, svg: svg.into() }, terms))
            }
            ["ended", reason] => EndReason::of(reason).map(Self::Ended),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let frame = Frame {
            revision: Revision { epoch: 1_795_258_487_172_794, seq: 3 },
            svg: "<svg>\n <text>é</text>\n</svg>\n".into(),
        };
        let expires_at =
            OffsetDateTime::UNIX_EPOCH + std::time::Duration::from_micros(1_795_284_000_000_001);
        let terms = |visibility, rate| Terms {
            visibility,
            expires_at,
            max_frames_per_second: NonZeroU16::new(rate),
        };
        for news in [
            News::Frame(frame.clone(), terms(Visibility::Private, 0)),
            News::Frame(frame, terms(Visibility::Public, 30)),
            News::Ended(EndReason::Deleted),
            News::Ended(EndReason::Expired),
        ] {
            assert_eq!(News::read(&news.written()), Some(news));
        }
    }

    #[test]
    fn what_nobody_writes_is_not_read() {
        for text in [
            "",
            "frame",
            "frame 1-1 public 5 0",
            "frame x public 5 0\n",
            "frame 1-1 open 5 0\n<svg/>",
            "frame 1-1 public 5\n<svg/>",
            "frame 1-1 public soon 0\n<svg/>",
            "frame 1-1 public 99999999999999999999999999999999999999 0\n<svg/>",
            "frame 1-1 public 5 70000\n<svg/>",
            "ended\n",
            "ended never\n",
            "ended deleted now\n",
            "\n<svg/>",
        ] {
            assert_eq!(News::read(text), None, "{text}");
        }
    }
}
