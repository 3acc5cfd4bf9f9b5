//! Who may watch: a pure decision.

use common::api::Visibility;

use crate::{store::StoredSession, token::Identity};

/// Why someone may not watch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    /// Nobody has said who is asking.
    #[error("a token is needed")]
    Anonymous,
    /// The session is someone else's.
    #[error("this belongs to someone else")]
    Stranger,
}

/// A right to watch.
#[derive(Debug, Clone, Copy)]
pub enum Right<'a> {
    /// As long as the session lasts.
    Lasting,
    /// As long as the token lasts that says who this is.
    Of(&'a Identity),
}

/// Whether `caller` may watch `session`.
///
/// # Errors
/// See [`Denied`].
pub fn may_watch<'a>(
    session: &StoredSession,
    caller: Option<&'a Identity>,
) -> Result<Right<'a>, Denied> {
    if session.drawing.visibility == Visibility::Public {
        return Ok(Right::Lasting);
    }
    match caller {
        None => Err(Denied::Anonymous),
        Some(caller) if session.address.owner.as_ref() == Some(&caller.user) => {
            Ok(Right::Of(caller))
        }
        Some(_) => Err(Denied::Stranger),
    }
}
