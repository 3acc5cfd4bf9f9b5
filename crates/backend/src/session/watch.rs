//! Who comes to watch: what they are shown first, and what that costs the store.

use std::sync::Arc;

use common::{Revision, SessionAddress};

use super::{
    SessionError, Sessions, Shown,
    access::{self, Right},
};
use crate::{encode::SharedFrame, hub::Place, store::StoreError, token::Identity};

/// How someone comes to watch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Visit {
    /// For one look.
    Look,
    /// To see what comes.
    Stay {
        /// What they have seen before.
        seen: Option<Revision>,
    },
}

impl Sessions {
    /// The session as it is now, and a place from which `caller` watches it. For whoever
    /// stays nothing is missed: what was shown since is newer and wins. While the store does
    /// not answer, what is shown here goes on being shown.
    ///
    /// # Errors
    /// See [`SessionError`].
    pub async fn watch(
        &self,
        address: &SessionAddress,
        caller: Option<&Identity>,
        visit: Visit,
    ) -> Result<(Place, Shown), SessionError> {
        loop {
            let mut place = self.hub.join(address);
            let shown = match visit {
                Visit::Stay { seen } => self.stay(&mut place, address, caller, seen).await?,
                Visit::Look => self.enter(&mut place, address, caller, false).await?,
            };
            // The room may have ended with an earlier life of what was read just now.
            if !place.has_ended() {
                return Ok((place, shown));
            }
        }
    }

    async fn stay(
        &self,
        place: &mut Place,
        address: &SessionAddress,
        caller: Option<&Identity>,
        seen: Option<Revision>,
    ) -> Result<Shown, SessionError> {
        // One viewer more of what is watched here costs no look into the store; but nobody is
        // refused, or shown less than they have seen, without one.
        let is_for_them = |frame: &Arc<SharedFrame>| {
            let may_watch = access::may_watch(address, frame.terms().visibility, caller).is_ok();
            self.lives(frame) && may_watch && seen.is_none_or(|seen| seen <= frame.revision())
        };
        if let Some(frame) = place.settled().filter(is_for_them) {
            return admitted(place, shown(address, &frame), caller);
        }
        let listens = place.is_listening();
        let entered = self.enter(place, address, caller, listens).await?;
        if listens {
            return Ok(entered);
        }
        if !place.listens() {
            place.listening().await?;
        }
        // What came before this node listened is in the store.
        self.enter(place, address, caller, true).await
    }

    async fn enter(
        &self,
        place: &mut Place,
        address: &SessionAddress,
        caller: Option<&Identity>,
        listens: bool,
    ) -> Result<Shown, SessionError> {
        let began = self.clock.running();
        let session = match self.get(address).await {
            Ok(session) => {
                let session = Shown::from(session);
                // For the others, whoever asks.
                place.offer(&session.frame, session.terms);
                if listens {
                    place.settle(began);
                }
                session
            }
            Err(SessionError::NotFound) => return Err(access::absent(address, caller)),
            // What is shown here is what was stored when it was last heard of.
            Err(SessionError::Store(error @ StoreError::Unavailable(_))) => match place.shown() {
                Some(frame) if self.lives(&frame) => shown(address, &frame),
                _ => return Err(error.into()),
            },
            Err(error) => return Err(error),
        };
        admitted(place, session, caller)
    }

    fn lives(&self, frame: &SharedFrame) -> bool {
        frame.terms().expires_at > self.clock.now()
    }
}

/// What is shown of a session, as a look into the store would say it.
fn shown(address: &SessionAddress, frame: &SharedFrame) -> Shown {
    Shown { address: address.clone(), frame: frame.frame().clone(), terms: frame.terms() }
}

/// Lets `caller` watch a session from a place, if they may.
fn admitted(
    place: &mut Place,
    shown: Shown,
    caller: Option<&Identity>,
) -> Result<Shown, SessionError> {
    match access::may_watch(&shown.address, shown.terms.visibility, caller)? {
        Right::Lasting => {}
        Right::Of(caller) => place.admit(caller.expires_at, caller.withdrawn()),
    }
    place.offer(&shown.frame, shown.terms);
    Ok(shown)
}
