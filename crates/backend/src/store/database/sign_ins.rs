//! Sign-ins. Whoever ends several of a user holds the account first, as does whoever begins one: so
//! none begins that is not ended. How their tokens are used is in `refresh.rs`.

use async_trait::async_trait;
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use common::{UserId, api::SignInKind};
use sqlx::FromRow;
use time::OffsetDateTime;

use super::{
    Database,
    connection::{Transaction, micros, moment, user_id, values},
};
use crate::store::{
    After, Beginning, Chain, Device, NewSignIn, Refresh, RefreshHash, Refreshed, Refreshing,
    Revoked, SignIn, SignInEnd, SignInStore, StoreError,
};

const BEGIN: &str = "INSERT INTO sign_ins \
         (chain, id, kind, user_id, version, label, user_agent, address, created_at, \
          last_used_at, ends_at, absolute_end, token_end, seq, current_hash) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9, $10, $11, $12, 1, $13)";

/// The living ones of a user that are refreshed, but the newest few and one.
const OLDEST: &str = "SELECT id, user_id, created_at, ends_at, token_end FROM sign_ins \
     WHERE user_id = $1 AND kind = $2 AND chain <> $3 AND ended_at = 0 AND ends_at > $4 \
     ORDER BY created_at DESC, id DESC LIMIT $5 OFFSET $6";

/// More than anyone has.
const ALL: i64 = i64::MAX;

/// How many an account has at most, whatever the policy says: whoever knows a password must not
/// make every change of the account a great work.
const MOST: u32 = 1000;

/// One of a user, or one that a token names. What is over by itself is ended as well: a token of it
/// may live, and by the clock of another node it may not be over.
const END: &str = "UPDATE sign_ins SET ended_at = $3, reason = $4, successor = NULL \
     WHERE user_id = $1 AND id = $2 AND ended_at = 0 \
     RETURNING id, user_id, created_at, ends_at, token_end";
pub(super) const END_CHAIN: &str = "UPDATE sign_ins \
         SET ended_at = $2, reason = $3, successor = NULL \
     WHERE chain = $1 AND ended_at = 0 \
     RETURNING id, user_id, created_at, ends_at, token_end";

/// All of a user but one; none has an empty name.
const END_OTHERS: &str = "UPDATE sign_ins SET ended_at = $3, reason = $4, successor = NULL \
     WHERE user_id = $1 AND id <> $2 AND ended_at = 0 \
     RETURNING id, user_id, created_at, ends_at, token_end";

const REMOVE: &str = "DELETE FROM sign_ins WHERE user_id = $1 \
     RETURNING id, user_id, created_at, CASE WHEN ended_at = 0 THEN ends_at ELSE 0 END AS ends_at, \
         CASE WHEN ended_at = 0 THEN token_end ELSE 0 END AS token_end";

const LIST: &str = "SELECT id, kind, label, user_agent, address, created_at, last_used_at, ends_at \
     FROM sign_ins WHERE user_id = $1 AND ended_at = 0 AND ends_at > $2 \
     ORDER BY created_at DESC, id DESC LIMIT $3";

/// A sign-in that was ended.
#[derive(FromRow)]
pub(super) struct Ended {
    pub(super) id: String,
    pub(super) user_id: String,
    created_at: i64,
    /// When it would have ended by itself.
    ends_at: i64,
    token_end: i64,
}

#[derive(FromRow)]
struct Listed {
    id: String,
    kind: String,
    label: String,
    user_agent: String,
    address: String,
    created_at: i64,
    last_used_at: i64,
    ends_at: i64,
}

#[async_trait]
impl SignInStore for Database {
    async fn begin(
        &self,
        sign_in: &NewSignIn,
        most: Option<u32>,
        after: After<'_, Beginning>,
        now: OffsetDateTime,
    ) -> Result<Beginning, StoreError> {
        let mut transaction = self.kind.begin().await?;
        let account = transaction.hold_account(&sign_in.user).await?;
        let is_as_it_was = account.is_some_and(|account| {
            account.version == sign_in.version && account.disabled_at.is_none()
        });
        if !is_as_it_was {
            return transaction.refuse(Beginning::Outdated, after, now).await;
        }
        transaction.begin_sign_in(sign_in, now).await?;
        let most = most.map_or(MOST, |most| most.min(MOST));
        let ended = transaction.end_oldest(sign_in, most, now).await?;
        transaction.revoke(&revoked(&ended, now)).await?;
        transaction.keep(Beginning::Begun(were_living(ended, now)), after, now).await
    }

    async fn refresh(
        &self,
        refresh: &Refresh,
        after: After<'_, Refreshed>,
        now: OffsetDateTime,
    ) -> Result<Refreshed, StoreError> {
        self.use_token(refresh, after, now).await
    }

    async fn end(
        &self,
        user: &UserId,
        id: &str,
        why: SignInEnd,
        after: After<'_, bool>,
        now: OffsetDateTime,
    ) -> Result<bool, StoreError> {
        let mut transaction = self.kind.begin().await?;
        let ended = transaction.row(END, values![user, id, now, why.as_str()]).await?;
        let Some(ended): Option<Ended> = ended else {
            return transaction.refuse(false, after, now).await;
        };
        let ended = [ended];
        transaction.revoke(&revoked(&ended, now)).await?;
        transaction.keep(!were_living(ended, now).is_empty(), after, now).await
    }

    async fn end_chain(
        &self,
        chain: Chain,
        why: SignInEnd,
        after: After<'_, Option<Refreshing>>,
        now: OffsetDateTime,
    ) -> Result<Option<Refreshing>, StoreError> {
        let mut transaction = self.kind.begin().await?;
        let Some(ended) = transaction.end_chain(chain, why, now).await? else {
            return transaction.refuse(None, after, now).await;
        };
        let who = ended.was_living(now).then(|| ended.who()).transpose()?;
        transaction.revoke(&revoked(&[ended], now)).await?;
        transaction.keep(who, after, now).await
    }

    async fn end_others(
        &self,
        user: &UserId,
        kept: Option<&str>,
        why: SignInEnd,
        after: After<'_, Vec<String>>,
        now: OffsetDateTime,
    ) -> Result<Vec<String>, StoreError> {
        let mut transaction = self.kind.begin().await?;
        transaction.hold_account(user).await?;
        let ended = transaction.end_of_user(user, kept, why, now).await?;
        if ended.is_empty() {
            return transaction.refuse(Vec::new(), after, now).await;
        }
        transaction.revoke(&revoked(&ended, now)).await?;
        transaction.keep(were_living(ended, now), after, now).await
    }

    async fn list(&self, user: &UserId, now: OffsetDateTime) -> Result<Vec<SignIn>, StoreError> {
        let listed: Vec<Listed> = self.kind.read(LIST, values![user, now, MOST]).await?;
        listed.into_iter().map(SignIn::try_from).collect()
    }
}

impl Transaction {
    async fn begin_sign_in(
        &mut self,
        sign_in: &NewSignIn,
        now: OffsetDateTime,
    ) -> Result<(), StoreError> {
        let NewSignIn { chain, id, kind, user, version, device, .. } = sign_in;
        let NewSignIn { hash, absolute_end, idle_end, token_end, .. } = sign_in;
        let values = values![
            chain_text(*chain),
            id,
            kind.as_str(),
            user,
            *version,
            &device.label,
            &device.user_agent,
            device.address.to_string(),
            now,
            *idle_end.min(absolute_end),
            *absolute_end,
            *token_end,
            hash_text(*hash),
        ];
        self.execute(BEGIN, values).await.map(drop)
    }

    /// Ends the oldest sign-ins of the user of a new one, so that no more than `most` are left.
    async fn end_oldest(
        &mut self,
        new: &NewSignIn,
        most: u32,
        now: OffsetDateTime,
    ) -> Result<Vec<Ended>, StoreError> {
        // One that is not refreshed takes no place.
        let others = most.saturating_sub(u32::from(new.kind == SignInKind::Refresh));
        let kind = SignInKind::Refresh.as_str();
        let values = values![&new.user, kind, chain_text(new.chain), now, ALL, others];
        let oldest: Vec<Ended> = self.rows(OLDEST, values).await?;
        let why = SignInEnd::NewerSignIn.as_str();
        let mut ended = Vec::with_capacity(oldest.len());
        for Ended { id, .. } in oldest {
            // Its tokens may have been used meanwhile, and it may have ended.
            ended.extend(self.row(END, values![&new.user, id, now, why]).await?);
        }
        Ok(ended)
    }

    /// Ends the sign-in that a token names.
    pub(super) async fn end_chain(
        &mut self,
        chain: Chain,
        why: SignInEnd,
        now: OffsetDateTime,
    ) -> Result<Option<Ended>, StoreError> {
        self.row(END_CHAIN, values![chain_text(chain), now, why.as_str()]).await
    }

    /// Ends all sign-ins of a user but one. Their account is held.
    pub(super) async fn end_of_user(
        &mut self,
        user: &UserId,
        kept: Option<&str>,
        why: SignInEnd,
        now: OffsetDateTime,
    ) -> Result<Vec<Ended>, StoreError> {
        let values = values![user, kept.unwrap_or_default(), now, why.as_str()];
        self.rows(END_OTHERS, values).await
    }

    /// Removes all sign-ins of a user without a trace.
    pub(super) async fn remove_sign_ins(
        &mut self,
        user: &UserId,
    ) -> Result<Vec<Ended>, StoreError> {
        self.rows(REMOVE, values![user]).await
    }
}

impl Ended {
    fn was_living(&self, now: OffsetDateTime) -> bool {
        self.ends_at > micros(now)
    }

    fn who(&self) -> Result<Refreshing, StoreError> {
        Ok(Refreshing { user: user_id(&self.user_id)?, id: self.id.clone() })
    }
}

/// What is to be revoked when these end: of those that are over, tokens may live on.
pub(super) fn revoked(ended: &[Ended], now: OffsetDateTime) -> Vec<(Revoked, OffsetDateTime)> {
    let tokens = ended.iter().filter(|ended| ended.token_end > micros(now));
    tokens
        .filter_map(|ended| Some((Revoked::Sid(ended.id.clone()), moment(ended.token_end).ok()?)))
        .collect()
}

/// The names of those that were not over yet, oldest first.
pub(super) fn were_living(
    ended: impl IntoIterator<Item = Ended>,
    now: OffsetDateTime,
) -> Vec<String> {
    let mut living: Vec<Ended> = ended.into_iter().filter(|ended| ended.was_living(now)).collect();
    living.sort_by(|one, other| (one.created_at, &one.id).cmp(&(other.created_at, &other.id)));
    living.into_iter().map(|ended| ended.id).collect()
}

impl TryFrom<Listed> for SignIn {
    type Error = StoreError;

    fn try_from(row: Listed) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.id,
            kind: SignInKind::of(&row.kind).ok_or(StoreError::Corrupt("kind"))?,
            device: Device {
                label: row.label,
                user_agent: row.user_agent,
                address: row.address.parse().map_err(|_| StoreError::Corrupt("address"))?,
            },
            created_at: moment(row.created_at)?,
            last_used_at: moment(row.last_used_at)?,
            ends_at: moment(row.ends_at)?,
        })
    }
}

pub(super) fn chain_text(chain: Chain) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(chain.0)
}

pub(super) fn hash_text(hash: RefreshHash) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(hash.0)
}
