//! The store that nodes share: Redis or Valkey, alone, with Sentinel, or a Cluster.
//!
//! A user's keys are in one slot, so what belongs to one user changes in one step. What all
//! sessions share, the index, is in another slot: room in it is reserved before a session is
//! written. Whoever fails in between leaves room that is reserved until the session would have
//! ended, and nothing else.
//!
//! | key | type | holds | goes |
//! |---|---|---|---|
//! | `user:<user>:session:<id>` | hash | a session | with it; by itself an hour after its end |
//! | `session:<id>` | hash | a public session | the same |
//! | `user:<user>:sessions` | sorted set | a user's sessions, newest first | with the last |
//! | `user:<user>:ends` | sorted set | the same, by their end | with the last |
//! | `user:<user>:bytes` | hash | what each takes, `*`: together | with the last |
//! | `user:<user>:ticket:<sha-256>` | hash | a ticket | by itself, soon after its end |
//! | `ticket:<sha-256>` | hash | a ticket of a public session, which opens nothing | the same |
//! | `user:<user>:tickets`, `tickets` | sorted set | tickets by their end | the same |
//! | `user:<user>:rate:<limit>` | string | when the user's share is whole again | by itself, then |
//! | `user:<user>:session:<id>:rate:<limit>`, `session:<id>:rate:<limit>` | string | the session's | the same |
//! | `sessions:ends` | sorted set | all sessions, by their end | each with its session |
//! | `sessions:rows` | hash | the epoch of each, the most that it has taken, who created it if it is public | the same |
//! | `sessions:usage` | hash | what all, the public ones, and those of a network come to | never |
//! | `sessions:epoch` | string | the last epoch that was given out | never |
//! | `idempotency:<sha-256>` | hash | a request that may be sent again, and its answer | by itself, soon after its end |
//! | `keyring` | string | its generation, a space, the ring | never |
//!
//! On a Cluster `<user>` is `{<user>}`, and `sessions` is `{sessions}` where it begins a key: what
//! is in braces decides the slot. Keys of sessions are names of channels, too; see the bus.
//! A prefix goes before all of them.

mod connection;
mod idempotency;
mod keyring;
mod names;
mod rates;
mod script;
mod sessions;
mod tickets;

use std::sync::Arc;

use self::script::Scripts;
pub use self::{
    connection::{RedisConnection, RedisUrl},
    names::Prefix,
};
use super::StoreError;

/// The store that nodes share. Clones share its connection.
#[derive(Debug, Clone)]
pub struct RedisStore {
    redis: RedisConnection,
    scripts: Arc<Scripts>,
}

impl RedisStore {
    /// A store behind this connection.
    pub fn new(redis: RedisConnection) -> Self {
        Self { redis, scripts: Arc::default() }
    }
}

fn unavailable(error: fred::error::Error) -> StoreError {
    StoreError::Unavailable(Box::new(error))
}
