//! Requests that may be sent again, in SQLite. One connection writes, so whoever holds it decides
//! who runs a request.

use std::time::Duration;

use async_trait::async_trait;
use sqlx::{Row, sqlite::SqliteRow};
use time::OffsetDateTime;

use super::{EXPIRED_AT_ONCE, SqliteStore, micros, moment, unavailable};
use crate::store::{Begun, IdempotencyStore, Run, RunToken, StoreError, StoredAnswer};

#[async_trait]
impl IdempotencyStore for SqliteStore {
    async fn begin(&self, run: &Run, now: OffsetDateTime) -> Result<Begun, StoreError> {
        let mut transaction =
            self.writer.begin_with("BEGIN IMMEDIATE").await.map_err(unavailable)?;
        let known =
            sqlx::query("SELECT * FROM idempotent_requests WHERE scope = $1 AND expires_at > $2")
                .bind(&run.scope.0[..])
                .bind(micros(now))
                .fetch_optional(&mut *transaction)
                .await
                .map_err(unavailable)?;
        // Without a commit, nothing changes.
        let (first, begun) = match known.map(|row| judge(run, &row, now)).transpose()? {
            None => (run.token, Begun::Started),
            Some(Begun::TakenOver { first }) => (first, Begun::TakenOver { first }),
            Some(other) => return Ok(other),
        };
        sqlx::query(
            "INSERT OR REPLACE INTO idempotent_requests \
               (scope, fingerprint, first_token, token, leased_until, expires_at) \
             VALUES ($1, $2, $3, $4, $5, $6)",
        )
        .bind(&run.scope.0[..])
        .bind(&run.fingerprint.0[..])
        .bind(&first.0[..])
        .bind(&run.token.0[..])
        .bind(micros(run.leased_until))
        .bind(micros(run.expires_at))
        .execute(&mut *transaction)
        .await
        .map_err(unavailable)?;
        transaction.commit().await.map_err(unavailable)?;
        Ok(begun)
    }

    async fn finish(
        &self,
        run: &Run,
        answer: &StoredAnswer,
        expires_at: OffsetDateTime,
        _: OffsetDateTime,
    ) -> Result<bool, StoreError> {
        sqlx::query(
            "UPDATE idempotent_requests \
             SET status = $3, content_type = $4, location = $5, etag = $6, body = $7, \
                 expires_at = $8 \
             WHERE scope = $1 AND token = $2 AND status IS NULL",
        )
        .bind(&run.scope.0[..])
        .bind(&run.token.0[..])
        .bind(answer.status)
        .bind(&answer.content_type)
        .bind(&answer.location)
        .bind(&answer.etag)
        .bind(&answer.body)
        .bind(micros(expires_at))
        .execute(&self.writer)
        .await
        .map(|done| done.rows_affected() == 1)
        .map_err(unavailable)
    }

    async fn abandon(&self, run: &Run) -> Result<bool, StoreError> {
        // Which of the two it is has been decided when the run began.
        for step in [
            "DELETE FROM idempotent_requests \
             WHERE scope = $1 AND token = $2 AND status IS NULL AND first_token = token",
            "UPDATE idempotent_requests SET leased_until = 0 \
             WHERE scope = $1 AND token = $2 AND status IS NULL",
        ] {
            let done = sqlx::query(step)
                .bind(&run.scope.0[..])
                .bind(&run.token.0[..])
                .execute(&self.writer)
                .await
                .map_err(unavailable)?;
            if done.rows_affected() == 1 {
                return Ok(true);
            }
        }
        Ok(false)
    }

    async fn sweep(&self, now: OffsetDateTime) -> Result<bool, StoreError> {
        // Most of the time there is nothing to do, and a look does not disturb writers.
        let due: bool = sqlx::query_scalar(
            "SELECT EXISTS (SELECT 1 FROM idempotent_requests WHERE expires_at <= $1)",
        )
        .bind(micros(now))
        .fetch_one(&self.readers)
        .await
        .map_err(unavailable)?;
        if !due {
            return Ok(false);
        }
        let swept = sqlx::query(
            "DELETE FROM idempotent_requests WHERE rowid IN \
               (SELECT rowid FROM idempotent_requests WHERE expires_at <= $1 LIMIT $2)",
        )
        .bind(micros(now))
        .bind(EXPIRED_AT_ONCE)
        .execute(&self.writer)
        .await
        .map_err(unavailable)?;
        Ok(swept.rows_affected() > 0)
    }
}

/// What a request that is known means for a run of it.
fn judge(run: &Run, row: &SqliteRow, now: OffsetDateTime) -> Result<Begun, StoreError> {
    let fingerprint: &[u8] = row.try_get("fingerprint").map_err(unavailable)?;
    if fingerprint != run.fingerprint.0 {
        return Ok(Begun::Mismatch);
    }
    let status: Option<u16> = row.try_get("status").map_err(unavailable)?;
    if let Some(status) = status {
        return Ok(Begun::Done(StoredAnswer {
            status,
            content_type: row.try_get("content_type").map_err(unavailable)?,
            location: row.try_get("location").map_err(unavailable)?,
            etag: row.try_get("etag").map_err(unavailable)?,
            body: row.try_get("body").map_err(unavailable)?,
        }));
    }
    let left = Duration::try_from(moment(row, "leased_until")? - now);
    if let Ok(left) = left.as_ref().copied()
        && !left.is_zero()
    {
        return Ok(Begun::InProgress(left));
    }
    let first: &[u8] = row.try_get("first_token").map_err(unavailable)?;
    let first = first.try_into().map_err(|_| StoreError::Corrupt("run"))?;
    Ok(Begun::TakenOver { first: RunToken(first) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{Fingerprint, RequestScope};

    #[tokio::test]
    async fn all_that_is_old_goes_in_steps_and_nothing_else() {
        let directory = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(&directory.path().join("easel.db")).await.unwrap();
        let now = OffsetDateTime::UNIX_EPOCH;
        let run = |n: i64, expires_at| {
            let mut scope = [0; 32];
            scope[..8].copy_from_slice(&n.to_be_bytes());
            Run {
                scope: RequestScope(scope),
                fingerprint: Fingerprint([0; 32]),
                token: RunToken([0; 16]),
                leased_until: now,
                expires_at,
            }
        };
        let second = now + Duration::from_secs(1);
        for n in 0..EXPIRED_AT_ONCE + 2 {
            let end = if n == 0 { second + Duration::from_micros(1) } else { second };
            assert_eq!(store.begin(&run(n, end), now).await.unwrap(), Begun::Started);
        }
        let left = async || {
            let left: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM idempotent_requests")
                .fetch_one(&store.readers)
                .await
                .unwrap();
            left
        };
        for after in [2, 1] {
            assert!(store.sweep(second).await.unwrap());
            assert_eq!(left().await, after);
        }
        assert!(!store.sweep(second).await.unwrap());
        assert_eq!(left().await, 1);
    }
}
