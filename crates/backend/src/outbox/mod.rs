//! What remains to be done after a change: mail is to be sent, others are to be told, belongings
//! are to be deleted. It is written in one step with the change (see
//! [`Aftermath`](crate::store::Aftermath)) and taken up here, by any node, until it has worked or
//! there is no hope.
//!
//! An errand is done at least once. A node that ends between doing it and writing that down leaves
//! it to the next one that looks, so whatever is told to others carries a name to know it again.

mod erasure;
mod schedule;

use std::{fmt::Debug, sync::Arc, time::Duration};

use async_trait::async_trait;
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use futures_util::{
    future::join_all,
    stream::{FuturesUnordered, StreamExt},
};
use serde::de::DeserializeOwned;
use serde_json::Value;
use time::OffsetDateTime;
use tokio::sync::Notify;

pub use self::erasure::Erasure;
use self::schedule::{ATTEMPTS, judge, never_gives_up};
use crate::{
    clock::Clock,
    lifecycle::Lifecycle,
    metrics::{ErrandOutcome, Metrics},
    store::{Attempt, Errand, ErrandKind, NewErrand, OutboxStore, StoreError},
};

/// How often the node looks for errands that nobody told it of: those of other nodes, and those
/// that are due again. A mail may be a second late.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// How long an errand belongs to the node that took it up. One whose node has ended waits for so
/// long.
const LEASE: Duration = Duration::from_secs(120);

/// How long an attempt may take, whatever its handler does: well within the lease, so that no
/// errand is ever taken up twice while its node lives.
const ATTEMPT_WITHIN: Duration = Duration::from_secs(60);

/// How often errands are counted, for the metrics alone.
const COUNT_EVERY: Duration = Duration::from_secs(15);

/// Random bytes in the name of an errand: nobody meets one twice.
const NAME_BYTES: usize = 16;

/// Why an attempt did not work. The text is kept with the errand and logged: no secret, and no
/// address of anyone.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// It may work later.
    #[error("{0}")]
    Again(String),
    /// It cannot work.
    #[error("{0}")]
    Never(String),
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        // Databases quote the values that they fail on.
        tracing::error!(%error, "an errand meets a store that fails");
        Self::Again("the store failed".to_owned())
    }
}

/// Does what errands of one kind ask for.
#[async_trait]
pub trait Handler: Debug + Send + Sync {
    /// Which kind.
    fn kind(&self) -> ErrandKind;

    /// How many errands it may be busy with at once on this node.
    fn at_once(&self) -> usize;

    /// Does what the errand asks for, once. It bounds its own time, below a minute.
    async fn run(&self, errand: &Errand) -> Result<(), Failure>;
}

/// A kind of errands: it waits for no other kind.
#[derive(Debug)]
struct Line {
    handler: Arc<dyn Handler>,
    nudged: Notify,
}

/// Takes up errands and settles them.
#[derive(Debug)]
pub struct Outbox {
    store: Arc<dyn OutboxStore>,
    clock: Arc<dyn Clock>,
    metrics: Arc<Metrics>,
    lifecycle: Lifecycle,
    lines: Vec<Line>,
}

impl Outbox {
    /// Errands of this store, for these handlers: one for each kind. Kinds without one wait.
    pub fn new(
        store: Arc<dyn OutboxStore>,
        clock: Arc<dyn Clock>,
        metrics: Arc<Metrics>,
        lifecycle: Lifecycle,
        handlers: Vec<Arc<dyn Handler>>,
    ) -> Arc<Self> {
        let line = |handler| Line { handler, nudged: Notify::new() };
        let lines = handlers.into_iter().map(line).collect();
        Arc::new(Self { store, clock, metrics, lifecycle, lines })
    }

    /// Looks at once: an errand was written.
    pub fn nudge(&self) {
        for line in &self.lines {
            line.nudged.notify_one();
        }
    }

    /// Does errands as they become due. Runs until it is dropped; an attempt that has begun by
    /// then is brought to its end, if that comes soon.
    pub async fn run(self: Arc<Self>) {
        let lines = join_all(self.lines.iter().map(|line| self.tend(line)));
        tokio::join!(lines, self.count());
    }

    async fn tend(self: &Arc<Self>, line: &Line) {
        let mut under_way = FuturesUnordered::new();
        let mut failing = false;
        loop {
            let free = line.handler.at_once().saturating_sub(under_way.len());
            match self.take_up(line.handler.kind(), free).await {
                Ok(errands) => {
                    failing = false;
                    for errand in errands {
                        let attempt = self.clone().attempt(line.handler.clone(), errand);
                        under_way.push(self.lifecycle.complete(attempt));
                    }
                }
                Err(error) if !std::mem::replace(&mut failing, true) => {
                    tracing::error!(%error, "errands cannot be taken up");
                }
                Err(_) => {}
            }
            // One that panicked has said so, and is due again after its lease.
            tokio::select! {
                Some(_) = under_way.next() => {}
                () = line.nudged.notified() => {}
                () = self.clock.sleep(LOOK_EVERY) => {}
            }
        }
    }

    async fn take_up(&self, kind: ErrandKind, free: usize) -> Result<Vec<Errand>, StoreError> {
        let limit = u32::try_from(free).unwrap_or(u32::MAX);
        if limit == 0 {
            return Ok(Vec::new());
        }
        let now = self.clock.now();
        self.store.take_up(kind, limit, now + LEASE, now).await
    }

    async fn attempt(self: Arc<Self>, handler: Arc<dyn Handler>, errand: Errand) {
        let ended = match errand.attempts {
            // It has cost nodes their lives again and again.
            many if many > 2 * ATTEMPTS && !never_gives_up(errand.kind) => {
                Err(Failure::Never("no attempt of many came to an end".to_owned()))
            }
            _ => tokio::select! {
                ended = handler.run(&errand) => ended,
                () = self.clock.sleep(ATTEMPT_WITHIN) => {
                    Err(Failure::Again(format!("not done within {ATTEMPT_WITHIN:?}")))
                }
            },
        };
        let attempt = judge(errand.kind, ended, errand.attempts, self.clock.now(), rand::random());
        let (id, kind, number) = (&errand.id, errand.kind.as_str(), errand.attempts);
        let outcome = match &attempt {
            Attempt::Done => ErrandOutcome::Done,
            Attempt::Later { due_at, error } => {
                let again_at = due_at.unix_timestamp();
                tracing::warn!(
                    errand.id = id,
                    errand.kind = kind,
                    attempt = number,
                    again_at,
                    error,
                    "an errand did not work and is tried again"
                );
                ErrandOutcome::Later
            }
            Attempt::Dead { error } => {
                tracing::warn!(
                    errand.id = id,
                    errand.kind = kind,
                    attempt = number,
                    error,
                    "an errand did not work and is not tried again"
                );
                ErrandOutcome::Dead
            }
        };
        self.metrics.errand_attempted(kind, outcome);
        if let Err(error) = self.store.settle(id, number, &attempt).await {
            tracing::error!(
                errand.id = id,
                errand.kind = kind,
                %error,
                "what became of an errand could not be written, so it is done again"
            );
        }
    }

    /// Counts the errands that are left, for the metrics.
    async fn count(&self) {
        loop {
            for line in &self.lines {
                let kind = line.handler.kind();
                // Of a store that fails, whoever takes up errands says so.
                if let Ok(backlog) = self.store.backlog(kind).await {
                    self.metrics.errands_left(kind.as_str(), backlog.waiting, backlog.dead);
                }
            }
            self.clock.sleep(COUNT_EVERY).await;
        }
    }
}

/// A name that begins with what it names.
pub fn name(prefix: &str) -> String {
    let random = BASE64_URL_SAFE_NO_PAD.encode(rand::random::<[u8; NAME_BYTES]>());
    format!("{prefix}_{random}")
}

/// An errand with a new name, due now.
pub fn new_errand(kind: ErrandKind, payload: &Value, now: OffsetDateTime) -> NewErrand {
    NewErrand { id: name(kind.as_str()), kind, payload: payload.to_string(), due_at: now }
}

/// What an errand is about.
///
/// # Errors
/// [`Failure::Never`] when it cannot be read: another version of this program wrote it, or nobody.
pub fn payload<T: DeserializeOwned>(errand: &Errand) -> Result<T, Failure> {
    // The parser would quote what it read.
    let unreadable = |_| Failure::Never("what it is about cannot be read".to_owned());
    serde_json::from_str(&errand.payload).map_err(unreadable)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken_up(new: NewErrand) -> Errand {
        let NewErrand { id, kind, payload, due_at } = new;
        Errand { id, kind, payload, created_at: due_at, attempts: 1, last_error: None }
    }

    #[test]
    fn an_erasure_is_read_as_it_was_written() {
        let now = OffsetDateTime::UNIX_EPOCH;
        let erasure = Erasure { user: "alice".parse().unwrap() };
        let new = erasure.errand(now);
        assert_eq!((new.kind, new.due_at), (ErrandKind::Erasure, now));
        assert_eq!(new.payload, r#"{"user":"alice"}"#);
        assert_ne!(new.id, erasure.errand(now).id);
        assert_eq!(Erasure::of(&taken_up(new)), Ok(erasure));
    }

    #[test]
    fn what_cannot_be_read_is_not_quoted() {
        let now = OffsetDateTime::UNIX_EPOCH;
        let new = NewErrand {
            payload: r#"{"user":"a@b.example"}"#.to_owned(),
            ..Erasure { user: "alice".parse().unwrap() }.errand(now)
        };
        let Err(Failure::Never(error)) = Erasure::of(&taken_up(new)) else {
            panic!("an address is no user id");
        };
        assert!(!error.contains("example"), "{error}");
    }
}
