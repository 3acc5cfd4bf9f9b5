//! Revocations: tokens that end before their time.

use std::time::Duration;

use async_trait::async_trait;
use common::jwt::LEEWAY;
use sqlx::FromRow;
use time::OffsetDateTime;

use super::{
    Database,
    connection::{Transaction, after, moment, unsigned, user_id, values},
};
use crate::store::{Revocation, RevocationStore, Revoked, StoreError};

const LAST: &str = "SELECT taken FROM turns WHERE name = 'revocations'";
const REVOCATIONS: &str = "SELECT position, sid, user_id, until, ends_at FROM revocations \
     WHERE position > $1 AND ends_at > $2 ORDER BY position LIMIT $3";

const LONGEST_TOKEN: &str = "SELECT lifetime FROM longest_token";

const REVOKE: &str = "INSERT INTO revocations (position, sid, user_id, until, ends_at) VALUES ";

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
    /// When a token ends that is minted now, at the latest, by a clock that may be ahead.
    pub(super) async fn last_token_end(
        &mut self,
        now: OffsetDateTime,
    ) -> Result<OffsetDateTime, StoreError> {
        let longest = self.number(LONGEST_TOKEN, values![]).await?;
        Ok(after(now, LEEWAY + Duration::from_micros(unsigned(longest)?)))
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
        let rows = (first..).zip(revoked).map(|(position, (revoked, ends_at))| {
            let (sid, user, until) = match revoked {
                Revoked::Sid(sid) => (Some(sid.as_str()), None, None),
                Revoked::SidUntil(sid, until) => (Some(sid.as_str()), None, Some(*until)),
                Revoked::Unbound(user, until) => (None, Some(user.as_str()), Some(*until)),
            };
            values![position, sid, user, until, *ends_at]
        });
        self.insert(REVOKE, rows.collect()).await
    }
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
