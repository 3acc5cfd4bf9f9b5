//! What a store of revocations promises: tokens are verified without a store, so every node keeps
//! in memory which of them have ended before their time.

use std::fmt::Debug;

use async_trait::async_trait;
use common::UserId;
use time::OffsetDateTime;

use super::StoreError;

/// Which tokens have ended before their time.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Revoked {
    /// Those with this `sid`: of a sign-in, or minted by an API key.
    Sid(String),
    /// Those with this `sid` that were issued until then: minted by an API key that may go on.
    SidUntil(String, OffsetDateTime),
    /// Those of this user without a `sid` that were issued until then.
    Unbound(UserId, OffsetDateTime),
}

/// A revocation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revocation {
    /// Its place: later ones are greater, with no gap that is filled afterwards.
    pub position: u64,
    /// Which tokens it ends.
    pub revoked: Revoked,
    /// When all of them would have ended by themselves.
    pub ends_at: OffsetDateTime,
}

/// Keeps revocations, which are written together with what causes them.
#[async_trait]
pub trait RevocationStore: Debug + Send + Sync {
    /// The place of the last one, 0 before the first: a look that is cheap enough for twice a
    /// second.
    async fn last_revocation(&self) -> Result<u64, StoreError>;

    /// At most `limit` that matter still, after a place, in order.
    async fn revocations(
        &self,
        after: u64,
        limit: u32,
        now: OffsetDateTime,
    ) -> Result<Vec<Revocation>, StoreError>;
}

/// None, ever: where there are no accounts, nobody signs in, and nothing ends before its time.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoRevocations;

#[async_trait]
impl RevocationStore for NoRevocations {
    async fn last_revocation(&self) -> Result<u64, StoreError> {
        Ok(0)
    }

    async fn revocations(
        &self,
        _: u64,
        _: u32,
        _: OffsetDateTime,
    ) -> Result<Vec<Revocation>, StoreError> {
        Ok(Vec::new())
    }
}
