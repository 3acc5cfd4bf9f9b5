//! What is used up of the spaces that a session belongs to.

use sqlx::{
    Row,
    sqlite::{SqliteRow, SqliteTransaction},
};
use time::OffsetDateTime;

use super::{micros, signed, unavailable};
use crate::store::{Full, Quotas, Space, StoreError};

/// What a session's spaces come to: its owner's, its creator's, all. Sessions that have expired
/// and are still there count.
const USAGE: &str = "SELECT space, sessions, bytes FROM usage WHERE space IN ($1, '@' || $2, '*')";

/// What has expired of that. A great many may have, as after a long sleep: it is asked only where
/// it decides.
const EXPIRED_USAGE: &str = "SELECT COUNT(*), COALESCE(SUM(bytes), 0) FROM sessions \
     WHERE expires_at <= $1 AND $2 IN (owner, '@' || creator, '*')";

/// What a space has come to.
pub(super) struct Used {
    /// As the table spells it.
    name: String,
    space: Space,
    sessions: i64,
    bytes: i64,
}

impl Used {
    pub(super) fn beyond(&self, quotas: &Quotas) -> Option<Full> {
        let too_many = self.sessions > signed(quotas.of(self.space).sessions);
        too_many.then_some(Full::Sessions(self.space)).or_else(|| self.bytes_beyond(quotas))
    }

    pub(super) fn bytes_beyond(&self, quotas: &Quotas) -> Option<Full> {
        (self.bytes > signed(quotas.of(self.space).bytes)).then_some(Full::Bytes(self.space))
    }
}

/// What the spaces of a session have come to, the narrowest first: its user can do something
/// about that.
pub(super) async fn spaces(
    transaction: &mut SqliteTransaction<'_>,
    owner: &str,
    creator: Option<&str>,
) -> Result<Vec<Used>, StoreError> {
    let rows = sqlx::query(USAGE)
        .bind(owner)
        .bind(creator)
        .fetch_all(&mut **transaction)
        .await
        .map_err(unavailable)?;
    let used = |row: &SqliteRow| {
        let name: String = row.try_get("space").map_err(unavailable)?;
        Ok(Used {
            space: match &*name {
                "" => Space::Public,
                "*" => Space::All,
                name if name == owner => Space::User,
                _ => Space::PublicFromAddress,
            },
            name,
            sessions: row.try_get("sessions").map_err(unavailable)?,
            bytes: row.try_get("bytes").map_err(unavailable)?,
        })
    };
    let mut spaces: Vec<_> = rows.iter().map(used).collect::<Result<_, StoreError>>()?;
    spaces.sort_by_key(|used| used.space);
    Ok(spaces)
}

/// Which space its living sessions are too much for.
pub(super) async fn full(
    transaction: &mut SqliteTransaction<'_>,
    spaces: &[Used],
    beyond: fn(&Used, &Quotas) -> Option<Full>,
    quotas: &Quotas,
    now: OffsetDateTime,
) -> Result<Option<Full>, StoreError> {
    for used in spaces.iter().filter(|used| beyond(used, quotas).is_some()) {
        let (sessions, bytes): (i64, i64) = sqlx::query_as(EXPIRED_USAGE)
            .bind(micros(now))
            .bind(&used.name)
            .fetch_one(&mut **transaction)
            .await
            .map_err(unavailable)?;
        let living = Used {
            name: String::new(),
            space: used.space,
            sessions: used.sessions - sessions,
            bytes: used.bytes - bytes,
        };
        if let Some(full) = beyond(&living, quotas) {
            return Ok(Some(full));
        }
    }
    Ok(None)
}
