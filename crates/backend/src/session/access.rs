//! Who may watch: a pure decision.

use common::{SessionAddress, api::Visibility};

use super::SessionError;
use crate::token::Identity;

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

/// Whether `caller` may watch the session at `address`.
///
/// # Errors
/// See [`Denied`].
pub fn may_watch<'a>(
    address: &SessionAddress,
    visibility: Visibility,
    caller: Option<&'a Identity>,
) -> Result<Right<'a>, Denied> {
    if visibility == Visibility::Public {
        return Ok(Right::Lasting);
    }
    match caller {
        None => Err(Denied::Anonymous),
        Some(caller) if is_owner(address, caller) => Ok(Right::Of(caller)),
        Some(_) => Err(Denied::Stranger),
    }
}

/// What to say of a session that is not there. To someone else's token, all that is not
/// public looks alike: the answer does not tell whether there is such a session.
pub fn absent(address: &SessionAddress, caller: Option<&Identity>) -> SessionError {
    match caller {
        Some(caller) if address.owner.is_some() && !is_owner(address, caller) => {
            Denied::Stranger.into()
        }
        _ => SessionError::NotFound,
    }
}

/// Whether a session is this user's.
pub fn is_owner(address: &SessionAddress, who: &Identity) -> bool {
    address.owner.as_ref() == Some(&who.user)
}
