//! Revocations: tokens that end before their time.

use std::time::Duration;

use async_trait::async_trait;
use sqlx::{AssertSqlSafe, FromRow};
use time::OffsetDateTime;

use super::{
    Database,
    connection::{Transaction, Value, after, moment, unsigned, user_id, values},
};
use crate::store::{Revocation, RevocationStore, Revoked, StoreError};

const LAST: &str = "SELECT taken FROM turns WHERE name = 'revocations'";
const REVOCATIONS: &str = "SELECT position, sid, user_id, until, ends_at FROM revocations \
     WHERE position > $1 AND ends_at > $2 ORDER BY position LIMIT $3";

const LONGEST_TOKEN: &str = "SELECT lifetime FROM longest_token";

/// Rows of one statement.
const TOGETHER: usize = 100;
const COLUMNS: usize = 5;

#[derive(FromRow)]
struct Entry {
    position: i64,
    sid: Option<String>,
    user_id: Option<String>,
    until: i64,
    ends_at: i64,
}

#[async_trait]
impl RevocationStore for Database {
    async fn last_revocation(&self) -> Result<u64, StoreError> {
        let last: Option<(i64,)> = self.kind.read_one(LAST, values![]).await?;
        last.map_or(Err(StoreError::Corrupt("turn")), |(last,)| unsigned(last))
    }

    async fn revocations(
        &self,
        after: u64,
        limit: u32,
        now: OffsetDateTime,
    ) -> Result<Vec<Revocation>, StoreError> {
        let rows: Vec<Entry> = self.kind.read(REVOCATIONS, values![after, now, limit]).await?;
        rows.into_iter().map(Revocation::try_from).collect()
    }
}

impl Transaction {
    /// When a token ends that is minted now, at the latest.
    pub(super) async fn last_token_end(
        &mut self,
        now: OffsetDateTime,
    ) -> Result<OffsetDateTime, StoreError> {
        let longest = self.number(LONGEST_TOKEN, values![]).await?;
        Ok(after(now, Duration::from_micros(unsigned(longest)?)))
    }

    /// Revokes tokens that would end by themselves at some time. Nothing that others hold may be
    /// asked for after this but an aftermath's.
    pub(super) async fn revoke(
        &mut self,
        revoked: &[(Revoked, OffsetDateTime)],
    ) -> Result<(), StoreError> {
        if revoked.is_empty() {
            return Ok(());
        }
        let first = self.places("revocations", revoked.len()).await?;
        let numbered: Vec<_> = (first..).zip(revoked).collect();
        for rows in numbered.chunks(TOGETHER) {
            let mut values = Vec::with_capacity(COLUMNS * rows.len());
            for (position, (revoked, ends_at)) in rows {
                let (sid, user, until) = match revoked {
                    Revoked::Sid(sid) => (Some(sid.as_str()), None, None),
                    Revoked::SidUntil(sid, until) => (Some(sid.as_str()), None, Some(*until)),
                    Revoked::Unbound(user, until) => (None, Some(user.as_str()), Some(*until)),
                };
                values.extend::<[Value<'_>; COLUMNS]>([
                    (*position).into(),
                    sid.into(),
                    user.into(),
                    until.into(),
                    (*ends_at).into(),
                ]);
            }
            // Nothing but the numbers of values goes into it.
            self.execute(AssertSqlSafe(insert(rows.len())), values).await?;
        }
        Ok(())
    }
}

/// A statement for so many rows.
fn insert(rows: usize) -> String {
    let rows: Vec<String> = (0..rows)
        .map(|row| {
            let values = (1..=COLUMNS).map(|column| format!("${}", row * COLUMNS + column));
            format!("({})", values.collect::<Vec<_>>().join(", "))
        })
        .collect();
    let rows = rows.join(", ");
    format!("INSERT INTO revocations (position, sid, user_id, until, ends_at) VALUES {rows}")
}

impl TryFrom<Entry> for Revocation {
    type Error = StoreError;

    fn try_from(row: Entry) -> Result<Self, StoreError> {
        let revoked = match (row.sid, row.user_id) {
            (Some(sid), None) if row.until == 0 => Revoked::Sid(sid),
            (Some(sid), None) => Revoked::SidUntil(sid, moment(row.until)?),
            (None, Some(user)) => Revoked::Unbound(user_id(&user)?, moment(row.until)?),
            _ => return Err(StoreError::Corrupt("revocation")),
        };
        Ok(Self { position: unsigned(row.position)?, revoked, ends_at: moment(row.ends_at)? })
    }
}
