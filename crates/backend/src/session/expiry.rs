//! Lifetimes end by themselves: a session that has expired is removed, and its viewers are
//! told.

use std::{sync::Arc, time::Duration};

use common::SessionAddress;

use super::{SessionError, Sessions};
use crate::{encode::EndReason, store::StoreError};

/// How often the store is asked. A stream outlives its session by no more than this.
const SWEEP_EVERY: Duration = Duration::from_millis(500);

impl Sessions {
    /// Removes expired sessions as time passes. Runs until it is dropped.
    pub async fn expire(self: Arc<Self>) {
        let mut failing = false;
        loop {
            self.clock.sleep(SWEEP_EVERY).await;
            // Reads take no notice of expired sessions, so a late sweep shows nobody a wrong
            // picture; the next one tries again.
            match self.sweep().await {
                Ok(()) => failing = false,
                Err(error) if !std::mem::replace(&mut failing, true) => {
                    tracing::error!(%error, "expired sessions cannot be removed");
                }
                Err(_) => {}
            }
        }
    }

    async fn tell_of_the_end(&self, address: &SessionAddress) {
        let _turn = self.turns.take(address).await;
        let epoch = self.shown_epoch(address);
        // Its next life may have begun meanwhile, with viewers of its own.
        if matches!(self.get(address).await, Err(SessionError::NotFound)) {
            self.hub.announce_end(address, epoch, EndReason::Expired).await;
        }
    }

    async fn sweep(&self) -> Result<(), StoreError> {
        loop {
            let expired = self.store.take_expired(self.clock.now()).await?;
            if expired.is_empty() {
                return Ok(());
            }
            for address in expired {
                self.tell_of_the_end(&address).await;
            }
        }
    }
}
