//! API keys: what programs use in place of a person's tokens.

use std::{fmt, sync::Arc, time::Duration};

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use common::{
    UserId,
    api::{AuditAction, AuditResult, Scope},
};
use quick_cache::sync::Cache;
use sha2::{Digest, Sha256};
use time::OffsetDateTime;
use zeroize::{Zeroize, ZeroizeOnDrop};

use super::{AccountError, Accounts, Source};
use crate::{
    store::{Aftermath, ApiKeyCreation, ApiKeyHash, Authority, NewApiKey, StoredApiKey},
    token::IssuedToken,
};

/// What every API key begins with, so that it is seen to be one.
const PREFIX: &str = "ek_";

/// How long a node believes what it has read of an API key. One that is revoked is known to be at
/// once, like every token.
const BELIEVED: Duration = Duration::from_secs(30);

/// How many API keys a node remembers.
const REMEMBERED: usize = 4096;

/// How exactly it is kept when an API key was last used.
const USE_IS_KEPT_EVERY: Duration = Duration::from_secs(60);

/// An API key as it is sent: `ek_` and 256 random bits.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct ApiKeyText(String);

impl ApiKeyText {
    fn random() -> Self {
        Self(format!("{PREFIX}{}", BASE64_URL_SAFE_NO_PAD.encode(rand::random::<[u8; 32]>())))
    }

    /// What was sent as a token, if it is to be an API key.
    pub fn read(text: &str) -> Option<Self> {
        let rest = text.strip_prefix(PREFIX)?;
        (rest.len() == 43).then(|| Self(text.to_owned()))
    }

    /// As it is sent.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn hash(&self) -> ApiKeyHash {
        ApiKeyHash(Sha256::digest(&self.0).into())
    }
}

/// An API key must not reach a log by way of a debug line.
impl fmt::Debug for ApiKeyText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ApiKeyText")
    }
}

/// An API key that is to be.
#[derive(Debug, Clone)]
pub struct NewKey {
    /// Its name in URLs: random, and no other key's.
    pub id: String,
    /// Whose it is to be.
    pub user: UserId,
    /// What it is called.
    pub name: String,
    /// What it may do.
    pub scopes: Vec<Scope>,
    /// How long it lasts.
    pub lifetime: Option<Duration>,
}

/// Whoever has shown an API key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyHolder(Arc<StoredApiKey>);

impl KeyHolder {
    /// What is known of the key.
    pub fn key(&self) -> &StoredApiKey {
        &self.0
    }

    /// Whether one of its scopes fits.
    pub fn may(&self, fits: impl Fn(&Scope) -> bool) -> bool {
        self.0.scopes.iter().any(fits)
    }
}

/// API keys that this node has read lately, and when.
#[derive(Debug)]
pub(super) struct KnownKeys(Cache<ApiKeyHash, (KeyHolder, OffsetDateTime)>);

impl KnownKeys {
    pub(super) fn new() -> Self {
        Self(Cache::new(REMEMBERED))
    }
}

impl Accounts {
    /// Makes an API key: what is known of it, and the key itself, which is nowhere else.
    ///
    /// # Errors
    /// [`AccountError::TooManyApiKeys`], [`AccountError::Namespace`],
    /// [`AccountError::NamespaceTaken`], [`AccountError::NoAccount`] or
    /// [`AccountError::Unauthorized`].
    pub async fn create_key(
        &self,
        new: NewKey,
        by: Option<&Authority>,
        source: &Source,
    ) -> Result<(StoredApiKey, ApiKeyText), AccountError> {
        let namespace = format!("{}-", new.user);
        let mints_for_others = |scope: &Scope| match scope {
            Scope::Mint(prefix) => !prefix.as_str().starts_with(&namespace),
            Scope::Update(_) | Scope::Sessions => false,
        };
        if new.scopes.iter().any(mints_for_others) {
            return Err(AccountError::Namespace);
        }
        let now = self.now();
        let key = StoredApiKey {
            id: new.id,
            user: new.user,
            name: new.name,
            scopes: new.scopes,
            created_at: now,
            last_used_at: None,
            expires_at: new.lifetime.map(|lifetime| now + lifetime),
        };
        let free_at = key.expires_at.map(|end| end + self.settings.user_id_rest);
        let text = ApiKeyText::random();
        let new = NewApiKey { key, hash: text.hash(), free_at };
        let key = &new.key;
        let scopes: Vec<_> = key.scopes.iter().map(Scope::to_string).collect();
        let detail = format!("API key {}: {}", key.id, scopes.join(" "));
        let after = |created: &ApiKeyCreation| match created {
            ApiKeyCreation::Done => {
                let action = AuditAction::ApiKeyCreated;
                source.entry(action, AuditResult::Done, Some(&key.user), &detail)
            }
            _ => Aftermath::default(),
        };
        let most = self.settings.most_api_keys;
        let store = &self.stores.api_keys;
        match store.create_key(&new, most, by, &after, now).await? {
            ApiKeyCreation::Done => Ok((new.key, text)),
            ApiKeyCreation::NoAccount => Err(AccountError::NoAccount),
            ApiKeyCreation::Unauthorized => Err(AccountError::Unauthorized),
            ApiKeyCreation::TooMany => Err(AccountError::TooManyApiKeys(most)),
            ApiKeyCreation::NamespaceTaken => Err(AccountError::NamespaceTaken),
        }
    }

    /// The living API keys of a user, newest first.
    ///
    /// # Errors
    /// [`AccountError::Store`].
    pub async fn keys(&self, user: &UserId) -> Result<Vec<StoredApiKey>, AccountError> {
        Ok(self.stores.api_keys.keys(user, self.now()).await?)
    }

    /// Revokes an API key, and every token that it has minted.
    ///
    /// # Errors
    /// [`AccountError::NoApiKey`].
    pub async fn revoke_key(
        &self,
        user: &UserId,
        id: &str,
        source: &Source,
    ) -> Result<(), AccountError> {
        let after = |was_there: &bool| match was_there {
            true => {
                let (action, detail) = (AuditAction::ApiKeyRevoked, format!("API key {id}"));
                source.entry(action, AuditResult::Done, Some(user), &detail)
            }
            false => Aftermath::default(),
        };
        let now = self.now();
        let free_at = now + self.settings.user_id_rest;
        match self.stores.api_keys.revoke_key(user, id, free_at, &after, now).await? {
            true => {
                self.settled().await;
                Ok(())
            }
            false => Err(AccountError::NoApiKey),
        }
    }

    /// Whose API key it is, and what it may do. The store is asked at most twice a minute for each.
    ///
    /// # Errors
    /// [`AccountError::NoApiKey`] for one that is none, has ended, or was revoked.
    pub async fn key_holder(&self, text: &ApiKeyText) -> Result<KeyHolder, AccountError> {
        let (hash, now) = (text.hash(), self.now());
        let revocations = self.tokens.revocations();
        let holds = |(holder, read_at): &(KeyHolder, OffsetDateTime)| {
            now - *read_at < BELIEVED && !revocations.has_ended(&holder.key().id, *read_at)
        };
        let known = self.known_keys.0.get(&hash).filter(holds);
        let holder = match known {
            Some((holder, _)) => holder,
            None => {
                let key = self.stores.api_keys.key(&hash, now).await?;
                let holder = KeyHolder(Arc::new(key.ok_or(AccountError::NoApiKey)?));
                self.keep_use(&holder, now).await;
                self.known_keys.0.insert(hash, (holder.clone(), now));
                holder
            }
        };
        let has_ended = holder.key().expires_at.is_some_and(|end| end <= now);
        match has_ended {
            true => Err(AccountError::NoApiKey),
            false => Ok(holder),
        }
    }

    async fn keep_use(&self, holder: &KeyHolder, now: OffsetDateTime) {
        let is_kept = |used: OffsetDateTime| now - used < USE_IS_KEPT_EVERY;
        if holder.key().last_used_at.is_some_and(is_kept) {
            return;
        }
        // What was asked for does not depend on it.
        if let Err(error) = self.stores.api_keys.key_used(&holder.key().id, now).await {
            tracing::warn!(%error, "the last use of an API key was not kept");
        }
    }

    /// Mints a token for a user of an API key's namespace. It ends with the key.
    ///
    /// # Errors
    /// [`AccountError::Denied`] for a user outside of it, [`AccountError::NoApiKey`] for a key that
    /// ends now.
    pub async fn mint_for(
        &self,
        holder: &KeyHolder,
        user: &UserId,
        lifetime: Duration,
        source: &Source,
    ) -> Result<IssuedToken, AccountError> {
        let fits = |scope: &Scope| match scope {
            Scope::Mint(prefix) => user.as_str().starts_with(prefix.as_str()),
            Scope::Update(_) | Scope::Sessions => false,
        };
        let source = source.acting(&holder.key().user);
        let detail = format!("API key {}", holder.key().id);
        if !holder.may(fits) {
            let refused = source.refused(AuditAction::TokenMinted, Some(user), &detail);
            self.stores.audit.write(&refused, self.now()).await?;
            return Err(AccountError::Denied);
        }
        let left = holder.key().expires_at.map(|end| end - self.now());
        let left = left.map_or(Duration::MAX, |left| left.try_into().unwrap_or_default());
        let lifetime = lifetime.min(Duration::from_secs(left.as_secs()));
        if lifetime.is_zero() {
            return Err(AccountError::NoApiKey);
        }
        let (_, token) = self.access(user, holder.key().id.clone(), lifetime).await?;
        let action = AuditAction::TokenMinted;
        let minted = source.entry(action, AuditResult::Done, Some(user), &detail);
        self.stores.audit.write(&minted, self.now()).await?;
        Ok(token)
    }
}
