//! A place in a list of sessions, and how a client carries it.

use std::{fmt, str::FromStr};

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use common::SessionId;
use time::OffsetDateTime;

/// A place in a list of sessions: everything after this session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListPosition {
    /// When the last session of the page before was created.
    pub created_at: OffsetDateTime,
    /// Its name: two may have been created in the same microsecond.
    pub id: SessionId,
}

/// `<microseconds>:<session id>`, base64url: opaque to clients, so it may change.
impl fmt::Display for ListPosition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let micros = self.created_at.unix_timestamp_nanos() / 1000;
        f.write_str(&BASE64_URL_SAFE_NO_PAD.encode(format!("{micros}:{}", self.id)))
    }
}

/// The text is no position that [`ListPosition`] has written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a position in a list")]
pub struct InvalidPosition;

impl FromStr for ListPosition {
    type Err = InvalidPosition;

    fn from_str(text: &str) -> Result<Self, InvalidPosition> {
        let read = || {
            let inside = String::from_utf8(BASE64_URL_SAFE_NO_PAD.decode(text).ok()?).ok()?;
            let (micros, id) = inside.split_once(':')?;
            let nanos = i128::from(micros.parse::<i64>().ok()?) * 1000;
            let created_at = OffsetDateTime::from_unix_timestamp_nanos(nanos).ok()?;
            Some(Self { created_at, id: id.parse().ok()? })
        };
        // A number has more spellings than the one that is written.
        read().filter(|position| position.to_string() == text).ok_or(InvalidPosition)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_is_read_as_it_was_written_and_nothing_else_is() {
        let created_at = OffsetDateTime::UNIX_EPOCH + time::Duration::microseconds(7);
        let position = ListPosition { created_at, id: "chart".parse().unwrap() };
        assert_eq!(position.to_string().parse(), Ok(position));
        for text in [
            "",
            "x:y",
            "7",
            "7:",
            "7:a/b",
            "07:a",
            "+7:a",
            "-0:a",
            "99999999999999999999:a",
            "9223372036854775807:a",
        ] {
            let bad = BASE64_URL_SAFE_NO_PAD.encode(text);
            assert_eq!(bad.parse::<ListPosition>(), Err(InvalidPosition), "{text}");
        }
        assert!("7:chart".parse::<ListPosition>().is_err());
    }
}
