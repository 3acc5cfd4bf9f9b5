//! Which mails there are.

use common::UserId;
use serde::{Deserialize, Serialize};
use serde_json::json;
use time::OffsetDateTime;

use crate::{
    outbox::new_errand,
    store::{ErrandKind, NewErrand},
};

/// A mail that is to be sent. It holds no token: the token of a link is made when the mail is, so
/// nobody who reads the store can use one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "mail")]
pub enum MailErrand {
    /// Goes to nobody: what is written for an address that gets no mail, so that whoever waits for
    /// the answer cannot tell.
    Nobody,
    /// Leads to the proof of a registration's address.
    Verify {
        /// Whose registration.
        user: UserId,
    },
    /// Tells that an address has an account, after someone asked for another one with it.
    AlreadyRegistered {
        /// The address. Its account says the rest.
        email: String,
    },
    /// Leads to a new password.
    Reset {
        /// Whose account.
        user: UserId,
    },
    /// Tells that a sign-in ended, because a refresh token of its was used twice.
    ReuseDetected {
        /// Whose account.
        user: UserId,
    },
    /// Tells that the password is another one.
    PasswordChanged {
        /// Whose account.
        user: UserId,
    },
}

impl MailErrand {
    /// The errand, due now.
    pub fn errand(&self, now: OffsetDateTime) -> NewErrand {
        new_errand(ErrandKind::Mail, &json!(self), now)
    }

    /// Which mail it is: the name of its words.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Nobody => "nobody",
            Self::Verify { .. } => "verify",
            Self::AlreadyRegistered { .. } => "already_registered",
            Self::Reset { .. } => "reset",
            Self::ReuseDetected { .. } => "reuse_detected",
            Self::PasswordChanged { .. } => "password_changed",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_errand_names_its_mail_and_whom_it_is_about() {
        let user: UserId = "alice".parse().unwrap();
        let email = "alice@example.com".to_owned();
        for (mail, rest) in [
            (MailErrand::Verify { user: user.clone() }, r#""user":"alice""#),
            (MailErrand::AlreadyRegistered { email }, r#""email":"alice@example.com""#),
            (MailErrand::Reset { user: user.clone() }, r#""user":"alice""#),
            (MailErrand::ReuseDetected { user: user.clone() }, r#""user":"alice""#),
            (MailErrand::PasswordChanged { user }, r#""user":"alice""#),
        ] {
            let errand = mail.errand(OffsetDateTime::UNIX_EPOCH);
            assert_eq!(errand.kind, ErrandKind::Mail);
            let name = format!(r#""mail":"{}""#, mail.name());
            for part in [name.as_str(), rest] {
                assert!(errand.payload.contains(part), "{}", errand.payload);
            }
            let read: MailErrand = serde_json::from_str(&errand.payload).unwrap();
            assert_eq!(read, mail);
        }
    }
}
