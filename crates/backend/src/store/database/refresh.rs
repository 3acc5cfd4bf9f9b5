//! How refresh tokens are used. The row of the sign-in is held while it is decided what a token is
//! good for: of all who present one, each comes after the one before.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use common::api::SignInKind;
use sqlx::FromRow;
use time::OffsetDateTime;

use super::{
    Database,
    connection::{
        Asked, Transaction, after as later, moment, moment_if_any, unsigned, user_id, values,
    },
    sign_ins::{chain_text, hash_text, revoked},
};
use crate::store::{
    After, Refresh, RefreshHash, Refreshed, Refreshing, SignInEnd, StoreError,
    sign_in::{Link, Verdict},
};

const HOLD: &str = "UPDATE sign_ins SET seq = seq WHERE chain = $1 \
     RETURNING id, user_id, kind, seq, current_hash, previous_hash, rotated_at, successor, \
         ended_at, reason, ends_at, absolute_end, token_end";

const ROTATE: &str = "UPDATE sign_ins SET seq = seq + 1, previous_hash = current_hash, \
         current_hash = $2, rotated_at = $3, successor = $4, last_used_at = $3, ends_at = $5, \
         token_end = $6 \
     WHERE chain = $1";

const EXTEND: &str = "UPDATE sign_ins SET token_end = $2 WHERE chain = $1";

/// Why a sign-in ended that nobody ended.
const EXPIRED: &str = "expired";
const EXPIRE: &str =
    "UPDATE sign_ins SET ended_at = $2, reason = $3, successor = NULL WHERE chain = $1";

#[derive(FromRow)]
struct Held {
    id: String,
    user_id: String,
    kind: String,
    seq: i64,
    current_hash: String,
    previous_hash: Option<String>,
    rotated_at: i64,
    successor: Option<String>,
    ended_at: i64,
    reason: Option<String>,
    ends_at: i64,
    absolute_end: i64,
    token_end: i64,
}

impl Database {
    pub(super) async fn use_token(
        &self,
        refresh: &Refresh,
        after: After<'_, Refreshed>,
        now: OffsetDateTime,
    ) -> Result<Refreshed, StoreError> {
        let asked = Asked::at(now);
        let mut transaction = self.kind.begin().await?;
        let held: Option<Held> = transaction.row(HOLD, values![chain_text(refresh.chain)]).await?;
        // Whoever held it before has rotated it at a time that was later than this was asked for.
        let now = asked.now();
        let Some(held) = held.filter(Held::is_refreshed) else {
            return transaction.refuse(Refreshed::Invalid, after, now).await;
        };
        let who = Refreshing { user: user_id(&held.user_id)?, id: held.id.clone() };
        match held.link(now)?.judge(refresh, now) {
            Verdict::Invalid => transaction.refuse(Refreshed::Invalid, after, now).await,
            Verdict::Expired if held.ended_at != 0 => {
                transaction.refuse(Refreshed::Expired, after, now).await
            }
            Verdict::Expired => {
                transaction.expire(refresh, &held, now).await?;
                transaction.keep(Refreshed::Expired, after, now).await
            }
            Verdict::Repeat => {
                let sealed = held.successor.clone().ok_or(StoreError::Corrupt("sign-in"))?;
                let repeated = Refreshed::Repeated(who, sealed);
                if refresh.token_end <= moment(held.token_end)? {
                    return transaction.refuse(repeated, after, now).await;
                }
                let values = values![chain_text(refresh.chain), refresh.token_end];
                transaction.execute(EXTEND, values).await?;
                transaction.keep(repeated, after, now).await
            }
            Verdict::Rotate => {
                transaction.rotate(refresh, &held, now).await?;
                transaction.keep(Refreshed::Rotated(who), after, now).await
            }
            Verdict::Reused(reuse) => {
                let why = SignInEnd::Reused;
                let ended = transaction.end_chain(refresh.chain, why, now).await?;
                transaction.revoke(&revoked(ended.as_slice(), now)).await?;
                transaction.keep(Refreshed::Reused(who, reuse), after, now).await
            }
        }
    }
}

impl Transaction {
    async fn rotate(
        &mut self,
        refresh: &Refresh,
        held: &Held,
        now: OffsetDateTime,
    ) -> Result<(), StoreError> {
        let values = values![
            chain_text(refresh.chain),
            hash_text(refresh.next),
            now,
            &refresh.sealed,
            later(now, refresh.idle).min(moment(held.absolute_end)?),
            refresh.token_end.max(moment(held.token_end)?),
        ];
        self.execute(ROTATE, values).await.map(drop)
    }

    /// Ends a sign-in that is over: a token of it may live on.
    async fn expire(
        &mut self,
        refresh: &Refresh,
        held: &Held,
        now: OffsetDateTime,
    ) -> Result<(), StoreError> {
        self.execute(EXPIRE, values![chain_text(refresh.chain), now, EXPIRED]).await?;
        let token_end = moment(held.token_end)?;
        if token_end <= now {
            return Ok(());
        }
        self.revoke(&[(crate::store::Revoked::Sid(held.id.clone()), token_end)]).await
    }
}

impl Held {
    fn is_refreshed(&self) -> bool {
        self.kind == SignInKind::Refresh.as_str()
    }

    fn link(&self, now: OffsetDateTime) -> Result<Link, StoreError> {
        // Whose sign-in ended by itself is told so each time.
        let is_expired = self.reason.as_deref() == Some(EXPIRED);
        Ok(Link {
            seq: unsigned(self.seq)?,
            current: read_hash(&self.current_hash)?,
            previous: self.previous_hash.as_deref().map(read_hash).transpose()?,
            rotated_at: moment_if_any(self.rotated_at)?,
            has_ended: self.ended_at != 0 && !is_expired,
            is_over: is_expired || moment(self.ends_at)? <= now,
        })
    }
}

fn read_hash(text: &str) -> Result<RefreshHash, StoreError> {
    let bytes = BASE64_URL_SAFE_NO_PAD.decode(text).ok();
    let bytes = bytes.and_then(|bytes| bytes.try_into().ok());
    bytes.map(RefreshHash).ok_or(StoreError::Corrupt("hash"))
}
