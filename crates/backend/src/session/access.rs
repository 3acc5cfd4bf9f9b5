//! Who may watch: a pure decision.

use common::api::Visibility;

use crate::{store::StoredSession, token::Identity};

/// Why someone may not watch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Denied {
    /// Nobody has said who is asking.
    Anonymous,
    /// The session is someone else's.
    Stranger,
}

/// A right to watch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Right {
    /// As long as the session lasts.
    Lasting,
    /// As long as the token lasts.
    WithToken,
}

/// Whether `caller` may watch `session`.
///
/// # Errors
/// See [`Denied`].
pub fn may_watch(session: &StoredSession, caller: Option<&Identity>) -> Result<Right, Denied> {
    if session.drawing.visibility == Visibility::Public {
        return Ok(Right::Lasting);
    }
    match caller {
        None => Err(Denied::Anonymous),
        Some(caller) if session.address.owner.as_ref() == Some(&caller.user) => {
            Ok(Right::WithToken)
        }
        Some(_) => Err(Denied::Stranger),
    }
}
