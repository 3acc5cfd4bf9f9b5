//! Shares that are one over all nodes.

use std::{collections::BTreeMap, sync::Arc};

use async_trait::async_trait;

use super::{Decision, Key, Limit, LocalRates, Rate, Rates};
use crate::{
    clock::Clock,
    store::{Share, ShareOwner, ShareStore, StoreError, Taken},
};

/// Counts in a store that nodes share what protects users and those who share with them, and
/// in the memory of this node what protects the node. While the store does not answer, the node
/// counts for itself, but for what must not be passed unseen.
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

    async fn take_shared(&self, limit: Limit, key: &Key) -> Result<Option<Decision>, StoreError> {
        let owner = match key {
            Key::User(user) => ShareOwner::User(user.clone()),
            Key::Session(session) => ShareOwner::Session(session.clone()),
            Key::Account(account) => ShareOwner::Account(account.0),
            Key::Address(_) => return Ok(None),
        };
        let Some(&rate) = self.rates.get(&limit).filter(|_| limit.is_shared()) else {
            return Ok(None);
        };
        let share = Share { limit: limit.name(), owner };
        let (remaining, more_after, refused) =
            match self.store.take(&share, rate.interval(), rate.window()).await {
                Ok(Taken::Left(remaining)) => (remaining, rate.interval(), false),
                Ok(Taken::Refused(more_after)) => (0, more_after, true),
                Err(error) if limit.fails_closed() => return Err(error),
                Err(error) => {
                    tracing::debug!(%error, "counted here");
                    return Ok(None);
                }
            };
        Ok(Some(Decision { limit, rate, remaining, more_after, refused }))
    }
}

#[async_trait]
impl Rates for SharedRates {
    async fn take(&self, limit: Limit, key: &Key) -> Result<Option<Decision>, StoreError> {
        match self.take_shared(limit, key).await? {
            Some(decision) => Ok(Some(decision)),
            None => self.local.take(limit, key).await,
        }
    }
}
