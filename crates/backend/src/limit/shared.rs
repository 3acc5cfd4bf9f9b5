//! Shares that are one over all nodes.

use std::{collections::BTreeMap, sync::Arc};

use async_trait::async_trait;

use super::{Decision, Key, Limit, LocalRates, Rate, Rates};
use crate::{
    clock::Clock,
    store::{Share, ShareOwner, ShareStore, Taken},
};

/// Counts in a store that nodes share what protects users and those who share with them, and
/// in the memory of this node what protects the node. While the store does not answer, the node
/// counts for itself.
#[derive(Debug)]
pub struct SharedRates {
    store: Arc<dyn ShareStore>,
    rates: BTreeMap<Limit, Rate>,
    local: LocalRates,
}

impl SharedRates {
    /// Counts what has a rate.
    pub fn new(
        store: Arc<dyn ShareStore>,
        rates: &BTreeMap<Limit, Rate>,
        clock: &Arc<dyn Clock>,
    ) -> Self {
        Self { store, rates: rates.clone(), local: LocalRates::new(rates, clock) }
    }

    async fn take_shared(&self, limit: Limit, key: &Key) -> Option<Decision> {
        let owner = match key {
            Key::User(user) => ShareOwner::User(user.clone()),
            Key::Session(session) => ShareOwner::Session(session.clone()),
            Key::Address(_) => return None,
        };
        let rate = *self.rates.get(&limit).filter(|_| limit.is_shared())?;
        let share = Share { limit: limit.name(), owner };
        let taken = self.store.take(&share, rate.interval(), rate.window()).await;
        let decision =
            match taken.inspect_err(|error| tracing::debug!(%error, "counted here")).ok()? {
                Taken::Left(remaining) => {
                    Decision { limit, rate, remaining, more_after: rate.interval(), refused: false }
                }
                Taken::Refused(more_after) => {
                    Decision { limit, rate, remaining: 0, more_after, refused: true }
                }
            };
        Some(decision)
    }
}

#[async_trait]
impl Rates for SharedRates {
    async fn take(&self, limit: Limit, key: &Key) -> Option<Decision> {
        match self.take_shared(limit, key).await {
            Some(decision) => Some(decision),
            None => self.local.take(limit, key).await,
        }
    }
}
