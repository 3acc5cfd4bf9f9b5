//! One drawing at one moment, and the order of such moments.

use std::{fmt, str::FromStr, sync::Arc};

/// The place of a frame in the life of its session.
///
/// The epoch is fixed when a session is created and is higher than that of every earlier
/// session in the same store; `seq` counts its updates from 1. So revisions of one address
/// compare as they happened, across deletion and re-creation too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Revision {
    /// Which life of the session: unique within a store, ascending.
    pub epoch: u64,
    /// Which update of that life, from 1.
    pub seq: u64,
}

impl Revision {
    /// The strong entity tag (RFC 9110 §8.8.3) of what has this revision.
    pub fn etag(self) -> String {
        format!("\"{self}\"")
    }
}

/// `<epoch>-<seq>`: the `id:` of a server-sent event and the inside of an `ETag`.
impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.epoch, self.seq)
    }
}

/// The string was not `<epoch>-<seq>`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a revision is written <epoch>-<seq>")]
pub struct InvalidRevision;

impl FromStr for Revision {
    type Err = InvalidRevision;

    fn from_str(text: &str) -> Result<Self, InvalidRevision> {
        let (epoch, seq) = text.split_once('-').ok_or(InvalidRevision)?;
        // One spelling only: a tag either is what was sent, or is not.
        let plain = |digits: &str| {
            digits.bytes().all(|b| b.is_ascii_digit())
                && (digits == "0" || !digits.starts_with('0'))
        };
        let number = |digits: &str| match plain(digits) {
            true => digits.parse().map_err(|_| InvalidRevision),
            false => Err(InvalidRevision),
        };
        Ok(Self { epoch: number(epoch)?, seq: number(seq)? })
    }
}

/// One drawing at one moment: well-formed SVG, and when in its session's life it was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// Its place in the session's order.
    pub revision: Revision,
    /// The picture, UTF-8, with one `svg` root.
    pub svg: Arc<str>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn revisions_order_by_epoch_then_seq() {
        let old = Revision { epoch: 7, seq: 900 };
        let new = Revision { epoch: 8, seq: 1 };
        assert!(old < new);
        assert!(Revision { epoch: 7, seq: 901 } > old);
    }

    #[test]
    fn a_revision_reads_as_it_is_written() {
        let revision = Revision { epoch: 1_795_000_000_000_000, seq: 12 };
        assert_eq!(revision.to_string().parse(), Ok(revision));
        assert_eq!(revision.etag(), "\"1795000000000000-12\"");
        for bad in [
            "",
            "1",
            "-",
            "1-",
            "-1",
            "1-2-3",
            "+1-2",
            "a-b",
            "01-2",
            "1-00",
            "1-99999999999999999999",
        ] {
            assert_eq!(bad.parse::<Revision>(), Err(InvalidRevision), "{bad:?}");
        }
    }
}
