//! What has ended is thrown away, a bounded number of rows at a time.

use std::time::Duration;

use common::jwt::LEEWAY;
use time::OffsetDateTime;

use super::{
    Database,
    connection::{micros, unsigned, values},
};
use crate::store::StoreError;

/// Rows of one table that are removed in one step, so that a great many of them do not hold up
/// writers.
const TOGETHER: i64 = 500;

/// So long one is told that a sign-in is over; afterwards, it is as if it had never been.
const REMEMBERED: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// So long someone may look at an errand that is not tried again.
const DEAD_FOR: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// After that, no token leads to its successor any more: the longest grace is half of it.
const LED_ON_FOR: Duration = Duration::from_secs(2 * 60);

/// Whether there is anything in a table to throw away that ended by a time, and what does it.
struct Dust {
    look: &'static str,
    sweep: &'static str,
}

macro_rules! dust {
    ($table:literal, $key:literal, $ended:literal) => {
        Dust {
            look: concat!(
                "SELECT COUNT(*) FROM (SELECT ",
                $key,
                " FROM ",
                $table,
                " WHERE ",
                $ended,
                " LIMIT 1) AS found"
            ),
            sweep: concat!(
                "DELETE FROM ",
                $table,
                " WHERE ",
                $key,
                " IN (SELECT ",
                $key,
                " FROM ",
                $table,
                " WHERE ",
                $ended,
                " LIMIT $2)"
            ),
        }
    };
}

const PROOFS: Dust = dust!("proofs", "hash", "ends_at <= $1");
const REGISTRATIONS: Dust = dust!("registrations", "user_id", "ends_at <= $1");
const FORMER_ACCOUNTS: Dust = dust!("former_accounts", "user_id", "free_at <= $1");
const OVER: Dust = dust!("sign_ins", "chain", "ends_at <= $1");
const ENDED: Dust = dust!("sign_ins", "chain", "ended_at <> 0 AND ended_at <= $1");
const REVOCATIONS: Dust = dust!("revocations", "position", "ends_at <= $1");
const DEAD: Dust = dust!("outbox", "id", "is_dead = 1 AND created_at <= $1");
const AUDIT: Dust = dust!("audit", "position", "at < $1");
const API_KEYS: Dust = dust!("api_keys", "id", "expires_at <> 0 AND expires_at <= $1");
const NAMESPACES: Dust = dust!("namespaces", "key_id", "expires_at <> 0 AND expires_at <= $1");

/// Sealed tokens that nobody is given any more. Each is taken away by itself: whoever holds several
/// rows of sign-ins holds their account.
const SUCCEEDED: &str = "SELECT chain FROM sign_ins \
     WHERE successor IS NOT NULL AND rotated_at <= $1 LIMIT $2";
const FORGET_SUCCESSOR: &str =
    "UPDATE sign_ins SET successor = NULL WHERE chain = $1 AND rotated_at <= $2";

const LONGEST_TOKEN: &str = "SELECT lifetime FROM longest_token";

impl Database {
    pub(super) async fn sweep_all(
        &self,
        audited_since: OffsetDateTime,
        now: OffsetDateTime,
    ) -> Result<bool, StoreError> {
        let longest: Option<(i64,)> = self.kind.read_one(LONGEST_TOKEN, values![]).await?;
        let (longest,) = longest.ok_or(StoreError::Corrupt("token"))?;
        let now = micros(now);
        // A sign-in that ended has a token for the longest time of a token at most, and so has a
        // key that can still be revoked.
        let ago = |duration: Duration| {
            now.saturating_sub(i64::try_from(duration.as_micros()).unwrap_or(i64::MAX))
        };
        let tokens_end = ago(LEEWAY + Duration::from_micros(unsigned(longest)?));
        let forgotten = tokens_end.min(ago(REMEMBERED));
        let mut is_more = false;
        for (dust, before) in [
            (PROOFS, now),
            (REGISTRATIONS, now),
            (FORMER_ACCOUNTS, now),
            (OVER, forgotten),
            (ENDED, forgotten),
            (REVOCATIONS, now),
            (API_KEYS, tokens_end),
            (NAMESPACES, now),
            (DEAD, ago(DEAD_FOR)),
            (AUDIT, micros(audited_since)),
        ] {
            is_more |= self.sweep(&dust, before).await?;
        }
        Ok(self.forget_successors(ago(LED_ON_FOR)).await? || is_more)
    }

    async fn forget_successors(&self, before: i64) -> Result<bool, StoreError> {
        let found: Vec<(String,)> = self.kind.read(SUCCEEDED, values![before, TOGETHER]).await?;
        for (chain,) in &found {
            self.kind.write(FORGET_SUCCESSOR, values![chain, before]).await?;
        }
        Ok(found.len() as u64 >= TOGETHER.unsigned_abs())
    }

    async fn sweep(&self, dust: &Dust, before: i64) -> Result<bool, StoreError> {
        let found: Option<(i64,)> = self.kind.read_one(dust.look, values![before]).await?;
        if found == Some((0,)) {
            return Ok(false);
        }
        let mut transaction = self.kind.begin().await?;
        // Two that remove the same rows in another order would wait for each other.
        transaction.turn("names").await?;
        let swept = transaction.execute(dust.sweep, values![before, TOGETHER]).await?;
        transaction.commit().await?;
        Ok(swept >= TOGETHER.unsigned_abs())
    }
}
