//! Lifetimes end by themselves: a session that has expired is removed, and its viewers are
//! told.

use std::{sync::Arc, time::Duration};

use super::{SessionError, Sessions};
use crate::encode::EndReason;

/// How often the store is asked. A stream outlives its session by no more than this.
const SWEEP_EVERY: Duration = Duration::from_millis(500);

impl Sessions {
    /// Removes expired sessions as time passes. Runs until it is dropped.
    pub async fn expire(self: Arc<Self>) {
        loop {
            self.clock.sleep(SWEEP_EVERY).await;
            self.sweep().await;
        }
    }

    async fn sweep(&self) {
        loop {
            match self.store.take_expired(self.clock.now()).await {
                Ok(expired) if expired.is_empty() => return,
                Ok(expired) => {
                    for address in expired {
                        let _turn = self.turns.take(&address).await;
                        // Its next life may have begun meanwhile, with viewers of its own.
                        if matches!(self.get(&address).await, Err(SessionError::NotFound)) {
                            self.hub.end(&address, EndReason::Expired);
                        }
                    }
                }
                // Reads take no notice of expired sessions, so a late sweep shows nobody a
                // wrong picture; the next one tries again.
                Err(error) => {
                    tracing::error!(%error, "could not remove expired sessions");
                    return;
                }
            }
        }
    }
}
