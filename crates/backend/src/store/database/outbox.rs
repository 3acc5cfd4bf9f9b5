//! Errands, which are written with what they follow from: see `aftermath.rs`.

use async_trait::async_trait;
use sqlx::FromRow;
use time::OffsetDateTime;

use super::{
    Database,
    connection::{moment, unsigned, values},
};
use crate::store::{Attempt, Backlog, Errand, ErrandKind, OutboxStore, StoreError};

const DUE: &str = "SELECT COUNT(*) FROM outbox WHERE kind = $1 AND is_dead = 0 AND due_at <= $2";

/// Whoever waits in PostgreSQL for a row that someone settles just now, looks again when that is
/// done, and then at what is outside of the inner query alone: so the conditions stand there too.
const TAKE_UP: &str = "UPDATE outbox SET due_at = $4, attempts = attempts + 1 \
     WHERE id IN (SELECT id FROM outbox WHERE kind = $1 AND is_dead = 0 AND due_at <= $2 \
             ORDER BY due_at, created_at, id LIMIT $3) \
         AND is_dead = 0 AND due_at <= $2 \
     RETURNING id, kind, payload, created_at, attempts, last_error";

const DONE: &str = "DELETE FROM outbox WHERE id = $1 AND attempts = $2 AND is_dead = 0";
const LATER: &str = "UPDATE outbox SET due_at = $3, last_error = $4 \
     WHERE id = $1 AND attempts = $2 AND is_dead = 0";
const DIES: &str = "UPDATE outbox SET is_dead = 1, last_error = $3 \
     WHERE id = $1 AND attempts = $2 AND is_dead = 0";

const BACKLOG: &str = "SELECT is_dead, COUNT(*) FROM outbox WHERE kind = $1 GROUP BY is_dead";
const DEAD: &str = "SELECT id, kind, payload, created_at, attempts, last_error FROM outbox \
     WHERE is_dead = 1 ORDER BY created_at DESC, id DESC LIMIT $1";
const REVIVE: &str = "UPDATE outbox SET is_dead = 0, due_at = $2, attempts = 0 \
     WHERE id = $1 AND is_dead = 1";

#[derive(FromRow)]
struct Entry {
    id: String,
    kind: String,
    payload: String,
    created_at: i64,
    attempts: i64,
    last_error: Option<String>,
}

#[async_trait]
impl OutboxStore for Database {
    async fn take_up(
        &self,
        kind: ErrandKind,
        limit: u32,
        leased_until: OffsetDateTime,
        now: OffsetDateTime,
    ) -> Result<Vec<Errand>, StoreError> {
        // Most of the time there is nothing to do, and a look does not disturb writers.
        let due: Option<(i64,)> = self.kind.read_one(DUE, values![kind.as_str(), now]).await?;
        if due == Some((0,)) {
            return Ok(Vec::new());
        }
        let mut transaction = self.kind.begin().await?;
        // Two who take several at once might each wait for one that the other has.
        transaction.turn("outbox").await?;
        let values = values![kind.as_str(), now, limit, leased_until];
        let entries: Vec<Entry> = transaction.rows(TAKE_UP, values).await?;
        transaction.commit().await?;
        let errands: Result<Vec<Errand>, _> = entries.into_iter().map(Errand::try_from).collect();
        let mut errands = errands?;
        errands.sort_by(|one, other| (one.created_at, &one.id).cmp(&(other.created_at, &other.id)));
        Ok(errands)
    }

    async fn settle(&self, id: &str, attempt: u32, outcome: &Attempt) -> Result<(), StoreError> {
        let (statement, values) = match outcome {
            Attempt::Done => (DONE, values![id, attempt]),
            Attempt::Later { due_at, error } => (LATER, values![id, attempt, *due_at, error]),
            Attempt::Dead { error } => (DIES, values![id, attempt, error]),
        };
        self.kind.write(statement, values).await.map(drop)
    }

    async fn backlog(&self, kind: ErrandKind) -> Result<Backlog, StoreError> {
        let counts: Vec<(i64, i64)> = self.kind.read(BACKLOG, values![kind.as_str()]).await?;
        let mut backlog = Backlog::default();
        for (is_dead, count) in counts {
            let of = if is_dead == 0 { &mut backlog.waiting } else { &mut backlog.dead };
            *of = unsigned(count)?;
        }
        Ok(backlog)
    }

    async fn dead(&self, limit: u32) -> Result<Vec<Errand>, StoreError> {
        let entries: Vec<Entry> = self.kind.read(DEAD, values![limit]).await?;
        entries.into_iter().map(Errand::try_from).collect()
    }

    async fn revive(&self, id: &str, now: OffsetDateTime) -> Result<bool, StoreError> {
        Ok(self.kind.write(REVIVE, values![id, now]).await? == 1)
    }
}

impl TryFrom<Entry> for Errand {
    type Error = StoreError;

    fn try_from(row: Entry) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.id,
            kind: ErrandKind::of(&row.kind).ok_or(StoreError::Corrupt("errand"))?,
            payload: row.payload,
            created_at: moment(row.created_at)?,
            attempts: u32::try_from(row.attempts).map_err(|_| StoreError::Corrupt("errand"))?,
            last_error: row.last_error,
        })
    }
}
