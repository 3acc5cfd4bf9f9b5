//! The errand to delete what belonged to an account that is gone.

use common::UserId;
use serde::{Deserialize, Serialize};
use serde_json::json;
use time::OffsetDateTime;

use super::{Failure, new_errand, payload};
use crate::store::{Errand, ErrandKind, NewErrand};

/// Whose sessions and other belongings are to be deleted. Whoever owns them does it, as the
/// handler of [`ErrandKind::Erasure`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Erasure {
    /// Whose.
    pub user: UserId,
}

impl Erasure {
    /// The errand, due now.
    pub fn errand(&self, now: OffsetDateTime) -> NewErrand {
        new_errand(ErrandKind::Erasure, &json!(self), now)
    }

    /// What an errand is about.
    ///
    /// # Errors
    /// [`Failure::Never`] when nobody can tell.
    pub fn of(errand: &Errand) -> Result<Self, Failure> {
        payload(errand)
    }
}
