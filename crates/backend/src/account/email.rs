//! E-mail addresses as accounts have them.

use std::{fmt, str::FromStr};

use crate::mail::is_address;

/// An address in the spelling that is compared and stored: in lower case, as practically every
/// server reads it.
#[derive(Clone, PartialEq, Eq)]
pub struct Email(String);

/// A text that is no address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be an e-mail address such as alice@example.com")]
pub struct InvalidEmail;

impl Email {
    /// As it is compared and stored.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Email {
    type Err = InvalidEmail;

    fn from_str(text: &str) -> Result<Self, InvalidEmail> {
        let text = text.trim().to_lowercase();
        if is_address(&text) { Ok(Self(text)) } else { Err(InvalidEmail) }
    }
}

/// An address must not reach a log by way of a debug line.
impl fmt::Debug for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Email")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_compared_in_lower_case() {
        let email: Email = " Alice.B+list@Example.COM ".parse().unwrap();
        assert_eq!(email.as_str(), "alice.b+list@example.com");
        assert_eq!(format!("{email:?}"), "Email");
        assert_eq!("alice".parse::<Email>(), Err(InvalidEmail));
    }
}
