//! Names of users and sessions: one alphabet, one parser, for both sides of the wire.

use std::{fmt, str::FromStr, sync::Arc};

use serde::{Deserialize, Serialize};

/// Longest id, in characters (which are bytes: the alphabet is ASCII).
pub const MAX_ID_LENGTH: usize = 64;

/// Why a string is not an id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidId {
    /// Nothing at all.
    #[error("must not be empty")]
    Empty,
    /// More than [`MAX_ID_LENGTH`] characters.
    #[error("must have at most {MAX_ID_LENGTH} characters")]
    TooLong,
    /// A character outside the alphabet.
    #[error("may only contain letters, digits, `_` and `-`")]
    Character,
}

fn check(id: &str) -> Result<(), InvalidId> {
    if id.is_empty() {
        return Err(InvalidId::Empty);
    }
    if !id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-') {
        return Err(InvalidId::Character);
    }
    if id.len() > MAX_ID_LENGTH {
        return Err(InvalidId::TooLong);
    }
    Ok(())
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        ///
        /// `[A-Za-z0-9_-]{1,64}`: no separator of a URL, a cache key or a channel name can
        /// be part of it, so no id can be mistaken for two. Cloning is cheap.
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(Arc<str>);

        impl $name {
            /// The id as it stands in a URL.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;

            fn from_str(id: &str) -> Result<Self, InvalidId> {
                check(id).map(|()| Self(id.into()))
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidId;

            fn try_from(id: String) -> Result<Self, InvalidId> {
                id.parse()
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.0.as_ref().to_owned()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }
    };
}

id! {
    /// Who owns sessions and signs in: the `sub` of a token.
    UserId
}
id! {
    /// One live drawing within its namespace (a user's, or the public one).
    SessionId
}

/// Where a session lives: in a user's namespace, or in the public one.
///
/// The two can never name the same session, whatever the ids are.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionAddress {
    /// The owner; `None` for a public session, which everyone shares.
    pub owner: Option<UserId>,
    /// The name within that namespace.
    pub id: SessionId,
}

impl SessionAddress {
    /// A session that belongs to `owner`.
    pub fn owned(owner: UserId, id: SessionId) -> Self {
        Self { owner: Some(owner), id }
    }

    /// A session that belongs to everyone.
    pub fn public(id: SessionId) -> Self {
        Self { owner: None, id }
    }
}

/// `user/session`, or `session` alone for a public one.
impl fmt::Display for SessionAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(owner) = &self.owner {
            write!(f, "{owner}/")?;
        }
        self.id.fmt(f)
    }
}

impl fmt::Debug for SessionAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for SessionAddress {
    type Err = InvalidId;

    fn from_str(address: &str) -> Result<Self, InvalidId> {
        match address.split_once('/') {
            Some((owner, id)) => Ok(Self::owned(owner.parse()?, id.parse()?)),
            None => Ok(Self::public(address.parse()?)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_take_the_alphabet_and_nothing_else() {
        assert!("a".parse::<UserId>().is_ok());
        assert!("A-Z_09".parse::<UserId>().is_ok());
        assert!("x".repeat(64).parse::<SessionId>().is_ok());
        assert_eq!("".parse::<UserId>(), Err(InvalidId::Empty));
        assert_eq!("x".repeat(65).parse::<UserId>(), Err(InvalidId::TooLong));
        for strange in ["a b", "a:b", "a/b", "ä", "a\n", "a.svg", "%61", "a\0"] {
            assert_eq!(strange.parse::<SessionId>(), Err(InvalidId::Character), "{strange:?}");
        }
    }

    #[test]
    fn json_cannot_smuggle_an_id_past_the_parser() {
        assert!(serde_json::from_str::<UserId>("\"a:b\"").is_err());
        let id: UserId = serde_json::from_str("\"alice\"").unwrap();
        assert_eq!(serde_json::to_string(&id).unwrap(), "\"alice\"");
    }

    #[test]
    fn an_address_reads_as_it_is_written() {
        for text in ["alice/chart", "chart"] {
            assert_eq!(text.parse::<SessionAddress>().unwrap().to_string(), text);
        }
        assert!("a/b/c".parse::<SessionAddress>().is_err());
        assert!("/b".parse::<SessionAddress>().is_err());
    }
}
