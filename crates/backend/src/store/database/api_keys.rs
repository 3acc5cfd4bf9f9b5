//! API keys, and the namespaces of those that mint.

use std::time::Duration;

use async_trait::async_trait;
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use common::{UserId, api::Scope, jwt::LEEWAY};
use sqlx::FromRow;
use time::OffsetDateTime;

use super::{
    Database,
    connection::{Transaction, after as later, moment, moment_if_any, user_id, values},
};
use crate::store::{
    After, ApiKeyCreation, ApiKeyHash, ApiKeyStore, Authority, NewApiKey, Revoked, StoreError,
    StoredApiKey,
};

const LIVING: &str = "SELECT COUNT(*) FROM api_keys \
     WHERE user_id = $1 AND (expires_at = 0 OR expires_at > $2)";
const CREATE: &str = "INSERT INTO api_keys \
         (id, user_id, name, hash, scopes, created_at, last_used_at, expires_at) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
const TAKE_NAMESPACE: &str = "INSERT INTO namespaces (key_id, prefix, user_id, expires_at) \
     VALUES ($1, $2, $3, $4) ON CONFLICT (key_id, prefix) DO NOTHING";

const KEY: &str = "SELECT api_keys.id, api_keys.user_id, api_keys.name, api_keys.scopes, \
         api_keys.created_at, api_keys.last_used_at, api_keys.expires_at \
     FROM api_keys JOIN accounts ON accounts.user_id = api_keys.user_id \
     WHERE api_keys.hash = $1 AND (api_keys.expires_at = 0 OR api_keys.expires_at > $2) \
         AND accounts.disabled_at = 0";
const KEYS: &str = "SELECT id, user_id, name, scopes, created_at, last_used_at, expires_at \
     FROM api_keys WHERE user_id = $1 AND (expires_at = 0 OR expires_at > $2) \
     ORDER BY created_at DESC, id DESC";

const REVOKE: &str = "DELETE FROM api_keys WHERE user_id = $1 AND id = $2 RETURNING id, scopes";
const REMOVE: &str = "DELETE FROM api_keys WHERE user_id = $1 RETURNING id, scopes";
const ALL: &str = "SELECT id, scopes FROM api_keys WHERE user_id = $1";

/// Those of a key that is gone rest, and no longer than it was said before.
const LET_REST: &str = "UPDATE namespaces SET expires_at = $2 \
     WHERE key_id = $1 AND (expires_at = 0 OR expires_at > $2)";

const USED: &str = "UPDATE api_keys SET last_used_at = $2 WHERE id = $1 AND last_used_at < $2";

/// How long it has to be known that a key is revoked that has minted nothing: much longer than any
/// node believes what it has read of it.
const FORGOTTEN: Duration = Duration::from_secs(5 * 60);

/// A key that stops.
#[derive(FromRow)]
pub(super) struct Stopped {
    id: String,
    scopes: String,
}

#[derive(FromRow)]
struct Entry {
    id: String,
    user_id: String,
    name: String,
    scopes: String,
    created_at: i64,
    last_used_at: i64,
    expires_at: i64,
}

#[async_trait]
impl ApiKeyStore for Database {
    async fn create_key(
        &self,
        new: &NewApiKey,
        most: u32,
        by: Option<&Authority>,
        after: After<'_, ApiKeyCreation>,
        now: OffsetDateTime,
    ) -> Result<ApiKeyCreation, StoreError> {
        let NewApiKey { key, hash, free_at } = new;
        let namespaces: Vec<&UserId> = key.scopes.iter().filter_map(namespace).collect();
        let mut transaction = self.kind.begin().await?;
        if !namespaces.is_empty() {
            transaction.turn("names").await?;
        }
        let Some(account) = transaction.hold_account(&key.user).await? else {
            return transaction.refuse(ApiKeyCreation::NoAccount, after, now).await;
        };
        if !transaction.may(by).await? {
            return transaction.refuse(ApiKeyCreation::Unauthorized, after, now).await;
        }
        if account.disabled_at.is_some() {
            return transaction.refuse(ApiKeyCreation::NoAccount, after, now).await;
        }
        if transaction.number(LIVING, values![&key.user, now]).await? >= i64::from(most) {
            return transaction.refuse(ApiKeyCreation::TooMany, after, now).await;
        }
        for prefix in &namespaces {
            if !transaction.is_free_namespace(prefix, &key.user, now).await? {
                return transaction.refuse(ApiKeyCreation::NamespaceTaken, after, now).await;
            }
        }
        transaction.create_key(key, hash).await?;
        for prefix in namespaces {
            let values = values![&key.id, prefix, &key.user, *free_at];
            transaction.execute(TAKE_NAMESPACE, values).await?;
        }
        transaction.keep(ApiKeyCreation::Done, after, now).await
    }

    async fn key(
        &self,
        hash: &ApiKeyHash,
        now: OffsetDateTime,
    ) -> Result<Option<StoredApiKey>, StoreError> {
        let key: Option<Entry> = self.kind.read_one(KEY, values![hash_text(hash), now]).await?;
        key.map(StoredApiKey::try_from).transpose()
    }

    async fn keys(
        &self,
        user: &UserId,
        now: OffsetDateTime,
    ) -> Result<Vec<StoredApiKey>, StoreError> {
        let keys: Vec<Entry> = self.kind.read(KEYS, values![user, now]).await?;
        keys.into_iter().map(StoredApiKey::try_from).collect()
    }

    async fn revoke_key(
        &self,
        user: &UserId,
        id: &str,
        free_at: OffsetDateTime,
        after: After<'_, bool>,
        now: OffsetDateTime,
    ) -> Result<bool, StoreError> {
        let mut transaction = self.kind.begin().await?;
        transaction.turn("names").await?;
        let Some(revoked) = transaction.row(REVOKE, values![user, id]).await? else {
            return transaction.refuse(false, after, now).await;
        };
        transaction.execute(LET_REST, values![id, free_at]).await?;
        let ending = transaction.revoked_keys(vec![revoked], now).await?;
        transaction.revoke(&ending).await?;
        transaction.keep(true, after, now).await
    }

    async fn key_used(&self, id: &str, now: OffsetDateTime) -> Result<(), StoreError> {
        self.kind.write(USED, values![id, now]).await.map(drop)
    }
}

impl Transaction {
    async fn create_key(
        &mut self,
        key: &StoredApiKey,
        hash: &ApiKeyHash,
    ) -> Result<(), StoreError> {
        let scopes: Vec<String> = key.scopes.iter().map(Scope::to_string).collect();
        let values = values![
            &key.id,
            &key.user,
            &key.name,
            hash_text(hash),
            scopes.join(" "),
            key.created_at,
            key.last_used_at,
            key.expires_at,
        ];
        self.execute(CREATE, values).await.map(drop)
    }

    /// Removes all keys of a user, whose names are free again at a time; says which they were.
    pub(super) async fn remove_keys(
        &mut self,
        user: &UserId,
        free_at: OffsetDateTime,
    ) -> Result<Vec<Stopped>, StoreError> {
        let removed: Vec<Stopped> = self.rows(REMOVE, values![user]).await?;
        for Stopped { id, .. } in &removed {
            self.execute(LET_REST, values![id, free_at]).await?;
        }
        Ok(removed)
    }

    /// What is to be revoked when keys are gone: they and all that they have minted.
    pub(super) async fn revoked_keys(
        &mut self,
        keys: Vec<Stopped>,
        now: OffsetDateTime,
    ) -> Result<Vec<(Revoked, OffsetDateTime)>, StoreError> {
        let longest = self.last_token_end(now).await?;
        let revoked = |key: Stopped| {
            let ends_at = key.known_until(longest, now);
            (Revoked::Sid(key.id), ends_at)
        };
        Ok(keys.into_iter().map(revoked).collect())
    }

    /// What is to be revoked when the keys of a user, whose account is held, stop for a while: what
    /// they have minted, and what is on its way from a node that has found one just now, by a clock
    /// that is ahead.
    pub(super) async fn revoke_minted(
        &mut self,
        user: &UserId,
        now: OffsetDateTime,
    ) -> Result<Vec<(Revoked, OffsetDateTime)>, StoreError> {
        let until = later(now, LEEWAY);
        let longest = self.last_token_end(now).await?;
        let keys: Vec<Stopped> = self.rows(ALL, values![user]).await?;
        let revoked = |key: Stopped| {
            let ends_at = key.known_until(longest, now);
            (Revoked::SidUntil(key.id, until), ends_at)
        };
        Ok(keys.into_iter().map(revoked).collect())
    }
}

impl Stopped {
    /// How long it has to be known, if the longest token that it may have minted ends at a time.
    fn known_until(&self, longest: OffsetDateTime, now: OffsetDateTime) -> OffsetDateTime {
        let forgotten = later(now, FORGOTTEN);
        match self.scopes.split_ascii_whitespace().any(|scope| scope.starts_with("mint:")) {
            true => longest.max(forgotten),
            false => forgotten,
        }
    }
}

/// What a key with this scope mints for.
fn namespace(scope: &Scope) -> Option<&UserId> {
    match scope {
        Scope::Mint(prefix) => Some(prefix),
        Scope::Update(_) | Scope::Sessions => None,
    }
}

impl TryFrom<Entry> for StoredApiKey {
    type Error = StoreError;

    fn try_from(row: Entry) -> Result<Self, StoreError> {
        let scopes: Result<_, _> = row.scopes.split_ascii_whitespace().map(str::parse).collect();
        Ok(Self {
            id: row.id,
            user: user_id(&row.user_id)?,
            name: row.name,
            scopes: scopes.map_err(|_| StoreError::Corrupt("scope"))?,
            created_at: moment(row.created_at)?,
            last_used_at: moment_if_any(row.last_used_at)?,
            expires_at: moment_if_any(row.expires_at)?,
        })
    }
}

fn hash_text(hash: &ApiKeyHash) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(hash.0)
}
