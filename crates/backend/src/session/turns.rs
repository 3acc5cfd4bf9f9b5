//! Writers of one session take turns on this node: nobody starves, and what they show comes
//! in the order in which it was stored.

use std::sync::Arc;

use common::SessionAddress;
use dashmap::DashMap;
use tokio::sync::{Mutex, OwnedMutexGuard};

/// The queues before the sessions that are being written to.
#[derive(Debug, Default)]
pub(super) struct Turns(DashMap<SessionAddress, Arc<Mutex<()>>>);

/// A writer's turn; dropped, it is the next one's.
#[derive(Debug)]
pub(super) struct Turn {
    // Dropped in this order: the queue can only go when nobody holds it any more.
    _guard: OwnedMutexGuard<()>,
    _place: Place,
}

/// A place in a queue. The last to leave takes the queue away.
#[derive(Debug)]
struct Place {
    queue: Option<Arc<Mutex<()>>>,
    turns: Arc<Turns>,
    address: SessionAddress,
}

impl Turns {
    /// Waits for one's turn. Whoever stops waiting leaves the queue.
    pub(super) async fn take(self: &Arc<Self>, address: &SessionAddress) -> Turn {
        let queue = self.0.entry(address.clone()).or_default().clone();
        let place =
            Place { queue: Some(queue.clone()), turns: self.clone(), address: address.clone() };
        Turn { _guard: queue.lock_owned().await, _place: place }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.queue = None;
        self.turns.0.remove_if(&self.address, |_, queue| Arc::strong_count(queue) == 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::poll;

    #[tokio::test]
    async fn one_writes_while_the_others_wait_and_nothing_stays_behind() {
        let turns = Arc::new(Turns::default());
        let (chart, other) = ("a/chart".parse().unwrap(), "a/other".parse().unwrap());
        let first = turns.take(&chart).await;
        drop(turns.take(&other).await);
        let mut second = Box::pin(turns.take(&chart));
        let mut impatient = Box::pin(turns.take(&chart));
        assert!(poll!(&mut second).is_pending());
        assert!(poll!(&mut impatient).is_pending());
        drop(first);
        drop(impatient);
        drop(second.await);
        assert!(turns.0.is_empty());
        let first = turns.take(&chart).await;
        let mut gone = Box::pin(turns.take(&chart));
        assert!(poll!(&mut gone).is_pending());
        drop(first);
        drop(gone);
        assert!(turns.0.is_empty());
    }
}
