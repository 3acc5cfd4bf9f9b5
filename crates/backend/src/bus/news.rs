//! News as they travel: a line that says what it is, and the picture as it is. Pure.

use common::{Frame, Revision, api::Visibility};

use crate::encode::EndReason;

/// What is new about a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum News {
    /// It shows this now.
    Frame(Frame, Visibility),
    /// It has ended.
    Ended(EndReason),
}

impl News {
    /// As it travels: `frame <revision> public|private` or `ended <reason>`, a line end, and the
    /// picture.
    pub fn written(&self) -> String {
        match self {
            Self::Frame(Frame { revision, svg }, visibility) => {
                format!("frame {revision} {}\n{svg}", visibility.as_str())
            }
            Self::Ended(reason) => format!("ended {}\n", reason.as_str()),
        }
    }

    /// What was written; `None` for what no node of this version writes.
    pub fn read(text: &str) -> Option<Self> {
        let (head, svg) = text.split_once('\n')?;
        let words: Vec<_> = head.split(' ').collect();
        match words[..] {
            ["frame", revision, visibility] => {
                let revision: Revision = revision.parse().ok()?;
                let visibility = Visibility::of(visibility)?;
                Some(Self::Frame(Frame { revision, svg: svg.into() }, visibility))
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
        for news in [
            News::Frame(frame.clone(), Visibility::Private),
            News::Frame(frame, Visibility::Public),
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
            "frame 1-1 public",
            "frame x public\n",
            "frame 1-1 open\n<svg/>",
            "ended\n",
            "ended never\n",
            "ended deleted now\n",
            "\n<svg/>",
        ] {
            assert_eq!(News::read(text), None, "{text}");
        }
    }
}
