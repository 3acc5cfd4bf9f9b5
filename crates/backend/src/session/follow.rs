//! What other nodes do to sessions that are watched here.
//!
//! Frames are shown as they come. Whatever may have been missed is looked up in the store, and
//! every so often all of it is: a subscription that was lost without a word does not leave
//! viewers behind for longer.

use std::{collections::HashMap, future::ready, sync::Arc, time::Duration};

use common::{Frame, Revision, SessionAddress};
use futures_util::{StreamExt, stream};
use tokio::sync::mpsc;

use super::{SessionError, Sessions};
use crate::{
    bus::{Heard, News},
    encode::{EndReason, Terms},
    store::StoredSession,
};

/// How often everything that is watched is compared with the store.
const COMPARE_EVERY: Duration = Duration::from_secs(10);

/// How long to wait when the store does not answer.
const TRY_AGAIN_AFTER: Duration = Duration::from_millis(250);

/// Sessions that are looked up side by side.
const SIDE_BY_SIDE: usize = 32;

/// Sessions that may differ from what is shown, and what it means if they are not there.
type Doubt = (SessionAddress, EndReason);

impl Sessions {
    /// Follows the other nodes. Runs until it is dropped.
    pub async fn follow(self: Arc<Self>) {
        let (doubts, doubtful) = mpsc::unbounded_channel();
        tokio::join!(self.hear(&doubts), self.compare(), self.look_up(doubtful));
    }

    async fn hear(&self, doubts: &mpsc::UnboundedSender<Doubt>) {
        let doubt = |address, reason| {
            // Whoever looks them up ends with this task.
            let _ = doubts.send((address, reason));
        };
        loop {
            match self.hub.hear().await {
                Heard::News(address, News::Frame(frame, terms)) => {
                    self.hub.show(&address, &frame, terms);
                }
                // It may be of an earlier life of that name.
                Heard::News(address, News::Ended(reason)) => doubt(address, reason),
                Heard::Gap(Some(address)) => doubt(address, EndReason::Expired),
                Heard::Gap(None) => {
                    for address in self.hub.watched() {
                        doubt(address, EndReason::Expired);
                    }
                }
            }
        }
    }

    async fn look_up(&self, mut doubtful: mpsc::UnboundedReceiver<Doubt>) {
        let mut pending = HashMap::new();
        loop {
            if pending.is_empty() {
                let Some((address, reason)) = doubtful.recv().await else { return };
                pending.insert(address, reason);
            }
            while let Ok((address, reason)) = doubtful.try_recv() {
                pending.insert(address, reason);
            }
            let look_ups = stream::iter(pending.drain()).map(|(address, reason)| async move {
                let looked = self.look_again(&address, reason).await;
                looked.err().map(|error| (address, reason, error))
            });
            let failed: Vec<_> =
                look_ups.buffer_unordered(SIDE_BY_SIDE).filter_map(ready).collect().await;
            if failed.is_empty() {
                continue;
            }
            self.clock.sleep(TRY_AGAIN_AFTER).await;
            for (address, reason, error) in failed {
                tracing::debug!(%error, "a session that is watched cannot be read");
                if self.hub.viewers(&address) > 0 {
                    pending.insert(address, reason);
                }
            }
        }
    }

    async fn compare(&self) {
        loop {
            self.clock.sleep(COMPARE_EVERY).await;
            let comparisons = stream::iter(self.hub.watched()).map(|address| async move {
                // What cannot be read now is compared the next time.
                if let Ok(true) = self.look_again(&address, EndReason::Expired).await {
                    self.hub.listen_anew(&address);
                }
            });
            comparisons.buffer_unordered(SIDE_BY_SIDE).collect::<()>().await;
        }
    }

    /// Shows what the store says of a session, or that it has ended. Says whether there was
    /// something new.
    pub(super) async fn look_again(
        &self,
        address: &SessionAddress,
        reason: EndReason,
    ) -> Result<bool, SessionError> {
        let _turn = self.turns.take(address).await;
        let epoch = self.shown_epoch(address);
        match self.get(address).await {
            Ok(session) => {
                let terms = Terms::from(&session.drawing);
                let is_news = self.hub.show(address, &session.frame(), terms);
                if !is_news && let Some(lost) = self.what_was_lost(&session).await? {
                    // Nobody goes backwards within a stream: whoever comes back sees it.
                    tracing::warn!(%address, "the store has forgotten what was shown");
                    self.hub.end(address, lost.epoch, EndReason::Draining);
                }
                Ok(is_news)
            }
            Err(SessionError::NotFound) => {
                self.hub.end(address, epoch, reason);
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }

    /// The revision that is shown, if the store no longer knows it: after a failover to a
    /// replica that was behind, or when of two lives the later one came and went first. What is
    /// shown was stored before: a look into the store after one at the screen sees as much, or
    /// it was lost.
    async fn what_was_lost(
        &self,
        stored: &StoredSession,
    ) -> Result<Option<Revision>, SessionError> {
        let differs = |session: &StoredSession, frame: &Frame| {
            frame.revision > session.revision
                || (frame.revision == session.revision && frame.svg != session.drawing.svg)
        };
        let Some(shown) = self.hub.shown(&stored.address).filter(|shown| differs(stored, shown))
        else {
            return Ok(None);
        };
        let again = self.get(&stored.address).await?;
        Ok(differs(&again, &shown).then_some(shown.revision))
    }
}
