//! What remains to be done after something happened to an account: mail to its owner, word to
//! other servers, and the end of what belonged to it.

use std::time::Duration;

use common::UserId;
use time::OffsetDateTime;

use crate::{
    mail::MailErrand,
    outbox::Erasure,
    store::{NewErrand, Reuse},
    webhook::{Event, WebhookUrl},
};

/// After how long what belonged to an account is deleted a second time: by then no request is
/// under way any more that its tokens had let in.
const LAST_REQUESTS: Duration = Duration::from_secs(90);

/// Which other servers are told.
#[derive(Debug, Clone, Default)]
pub struct Notices {
    receivers: Vec<WebhookUrl>,
}

impl Notices {
    /// These are told.
    pub fn new(receivers: Vec<WebhookUrl>) -> Self {
        Self { receivers }
    }

    fn tell(&self, event: &Event, now: OffsetDateTime) -> Vec<NewErrand> {
        event.errands(&self.receivers, now)
    }

    pub(super) fn registered(&self, user: &UserId, now: OffsetDateTime) -> Vec<NewErrand> {
        self.tell(&Event::AccountRegistered { user: user.clone() }, now)
    }

    pub(super) fn reset_requested(&self, user: &UserId, now: OffsetDateTime) -> Vec<NewErrand> {
        self.tell(&Event::PasswordResetRequested { user: user.clone() }, now)
    }

    /// As many errands as [`reset_requested`](Self::reset_requested) has, for nobody.
    pub(super) fn reset_requested_by_nobody(&self, now: OffsetDateTime) -> Vec<NewErrand> {
        self.receivers.iter().map(|_| nobody(now)).collect()
    }

    pub(super) fn reset(&self, user: &UserId, now: OffsetDateTime) -> Vec<NewErrand> {
        let mut errands = self.tell(&Event::PasswordReset { user: user.clone() }, now);
        errands.push(password_changed(user, now));
        errands
    }

    pub(super) fn rotated(
        &self,
        user: &UserId,
        sign_in: &str,
        now: OffsetDateTime,
    ) -> Vec<NewErrand> {
        let (user, sign_in) = (user.clone(), sign_in.to_owned());
        self.tell(&Event::SignInRotated { user, sign_in }, now)
    }

    pub(super) fn reused(
        &self,
        user: &UserId,
        sign_in: &str,
        reuse: Reuse,
        now: OffsetDateTime,
    ) -> Vec<NewErrand> {
        let event =
            Event::SignInReuseDetected { user: user.clone(), sign_in: sign_in.to_owned(), reuse };
        let mut errands = self.tell(&event, now);
        errands.push(MailErrand::ReuseDetected { user: user.clone() }.errand(now));
        errands
    }

    pub(super) fn deleted(&self, user: &UserId, now: OffsetDateTime) -> Vec<NewErrand> {
        let mut errands = self.tell(&Event::AccountDeleted { user: user.clone() }, now);
        let erasure = Erasure { user: user.clone() };
        errands.push(erasure.errand(now));
        errands.push(NewErrand { due_at: now + LAST_REQUESTS, ..erasure.errand(now) });
        errands
    }
}

/// What is written where nobody gets a mail, so that the work is the same.
pub(super) fn nobody(now: OffsetDateTime) -> NewErrand {
    MailErrand::Nobody.errand(now)
}

/// The mail that proves the address of a registration.
pub(super) fn verify(user: &UserId, now: OffsetDateTime) -> NewErrand {
    MailErrand::Verify { user: user.clone() }.errand(now)
}

/// The mail to an address that has an account and was registered again.
pub(super) fn already_registered(email: &str, now: OffsetDateTime) -> NewErrand {
    MailErrand::AlreadyRegistered { email: email.to_owned() }.errand(now)
}

/// The mail that leads to a new password.
pub(super) fn new_password(user: &UserId, now: OffsetDateTime) -> NewErrand {
    MailErrand::Reset { user: user.clone() }.errand(now)
}

/// The mail that says that the password is another one.
pub(super) fn password_changed(user: &UserId, now: OffsetDateTime) -> NewErrand {
    MailErrand::PasswordChanged { user: user.clone() }.errand(now)
}
