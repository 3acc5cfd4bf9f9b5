//! What others are told of accounts.

use common::UserId;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use super::WebhookUrl;
use crate::{
    outbox::{name, new_errand},
    store::{ErrandKind, NewErrand, Reuse},
};

/// Something that has happened, as others may want to know it. There is no address in it and no
/// secret: whoever needs more asks for it, with a right to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// There is a new account; its address is proved.
    AccountRegistered {
        /// Its name.
        user: UserId,
    },
    /// Someone asked for a new password.
    PasswordResetRequested {
        /// For whose account.
        user: UserId,
    },
    /// A new password was set with the link of a mail.
    PasswordReset {
        /// For whose account.
        user: UserId,
    },
    /// A refresh token was replaced by the next one.
    SignInRotated {
        /// Whose.
        user: UserId,
        /// The sign-in that it belongs to.
        sign_in: String,
    },
    /// A refresh token was used twice, and its sign-in ended.
    SignInReuseDetected {
        /// Whose.
        user: UserId,
        /// The sign-in that it belonged to.
        sign_in: String,
        /// How far behind it was.
        reuse: Reuse,
    },
    /// An account is gone.
    AccountDeleted {
        /// Its name.
        user: UserId,
    },
}

/// The payload of an errand: an event for one of the receivers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Notice {
    /// The fingerprint of its URL.
    pub(super) receiver: String,
    /// The name of the event, by which receivers know it again.
    pub(super) event: String,
    /// What is sent, to the byte the same each time.
    pub(super) body: String,
}

impl Event {
    /// Its type, as others read it.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::AccountRegistered { .. } => "account.registered",
            Self::PasswordResetRequested { .. } => "password.reset_requested",
            Self::PasswordReset { .. } => "password.reset",
            Self::SignInRotated { .. } => "sign_in.rotated",
            Self::SignInReuseDetected { .. } => "sign_in.reuse_detected",
            Self::AccountDeleted { .. } => "account.deleted",
        }
    }

    fn data(&self) -> Value {
        match self {
            Self::AccountRegistered { user }
            | Self::PasswordResetRequested { user }
            | Self::PasswordReset { user }
            | Self::AccountDeleted { user } => json!({ "user_id": user }),
            Self::SignInRotated { user, sign_in } => {
                json!({ "user_id": user, "sign_in_id": sign_in })
            }
            Self::SignInReuseDetected { user, sign_in, reuse } => {
                let class = match reuse {
                    Reuse::Recent => "RECENT",
                    Reuse::Stale => "STALE",
                };
                json!({ "user_id": user, "sign_in_id": sign_in, "class": class })
            }
        }
    }

    /// An errand for each receiver, due now: each is told, and told again, by itself.
    pub fn errands(&self, receivers: &[WebhookUrl], now: OffsetDateTime) -> Vec<NewErrand> {
        let event = name("event");
        // Only a year of five digits cannot be written so.
        let occurred_at = now.format(&Rfc3339).unwrap_or_else(|_| now.to_string());
        let body = json!({
            "id": event, "type": self.kind(), "occurred_at": occurred_at, "data": self.data(),
        });
        let body = body.to_string();
        let errand = |(n, receiver): (usize, &WebhookUrl)| {
            let notice = Notice {
                receiver: receiver.fingerprint(),
                event: event.clone(),
                body: body.clone(),
            };
            let id = format!("{event}.{n}");
            NewErrand { id, ..new_errand(ErrandKind::Webhook, &json!(notice), now) }
        };
        receivers.iter().enumerate().map(errand).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noon() -> OffsetDateTime {
        OffsetDateTime::from_unix_timestamp(2_000_000_000).unwrap()
    }

    #[test]
    fn each_receiver_has_an_errand_of_its_own_with_the_same_event() {
        let receivers: Vec<WebhookUrl> = ["https://one.example/a?key=1", "https://two.example/"]
            .iter()
            .map(|url| url.parse().unwrap())
            .collect();
        let user: UserId = "alice".parse().unwrap();
        let event = Event::AccountRegistered { user };
        assert_eq!(event.errands(&[], noon()), []);
        let errands = event.errands(&receivers, noon());
        let notices: Vec<Notice> =
            errands.iter().map(|errand| serde_json::from_str(&errand.payload).unwrap()).collect();
        let [first, second] = &notices[..] else { panic!("{notices:?}") };
        assert_eq!((&first.event, &first.body), (&second.event, &second.body));
        assert_ne!(first.receiver, second.receiver);
        assert_eq!(errands[0].id, format!("{}.0", first.event));
        assert_eq!(errands[1].id, format!("{}.1", first.event));
        for errand in &errands {
            assert_eq!((errand.kind, errand.due_at), (ErrandKind::Webhook, noon()));
            assert!(!errand.payload.contains("example"), "{}", errand.payload);
        }
        let again = event.errands(&receivers, noon());
        assert_ne!(again[0].id, errands[0].id, "it has happened twice");
    }

    #[test]
    fn every_event_says_what_happened_to_whom_and_when() {
        let user: UserId = "alice".parse().unwrap();
        let sign_in = "s1".to_owned();
        let receiver: WebhookUrl = "https://one.example".parse().unwrap();
        for (event, kind, data) in [
            (
                Event::AccountRegistered { user: user.clone() },
                "account.registered",
                json!({ "user_id": "alice" }),
            ),
            (
                Event::PasswordResetRequested { user: user.clone() },
                "password.reset_requested",
                json!({ "user_id": "alice" }),
            ),
            (
                Event::PasswordReset { user: user.clone() },
                "password.reset",
                json!({ "user_id": "alice" }),
            ),
            (
                Event::SignInRotated { user: user.clone(), sign_in: sign_in.clone() },
                "sign_in.rotated",
                json!({ "user_id": "alice", "sign_in_id": "s1" }),
            ),
            (
                Event::SignInReuseDetected { user: user.clone(), sign_in, reuse: Reuse::Stale },
                "sign_in.reuse_detected",
                json!({ "user_id": "alice", "sign_in_id": "s1", "class": "STALE" }),
            ),
            (Event::AccountDeleted { user }, "account.deleted", json!({ "user_id": "alice" })),
        ] {
            let errands = event.errands(std::slice::from_ref(&receiver), noon());
            let notice: Notice = serde_json::from_str(&errands[0].payload).unwrap();
            let body: Value = serde_json::from_str(&notice.body).unwrap();
            let wanted = json!({
                "id": notice.event, "type": kind, "occurred_at": "2033-05-18T03:33:20Z",
                "data": data,
            });
            assert_eq!(body, wanted);
        }
    }
}
