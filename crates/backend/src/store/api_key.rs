//! What a store of API keys promises.

use std::fmt::Debug;

use async_trait::async_trait;
use common::{UserId, api::Scope};
use time::OffsetDateTime;

use super::{After, Authority, StoreError};

/// The SHA-256 of an API key, which is random enough for that.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ApiKeyHash(pub [u8; 32]);

/// An API key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredApiKey {
    /// Its name: the `sid` of tokens that it mints.
    pub id: String,
    /// Whose it is.
    pub user: UserId,
    /// What it is called.
    pub name: String,
    /// What it may do.
    pub scopes: Vec<Scope>,
    /// When it was made.
    pub created_at: OffsetDateTime,
    /// When it was last used.
    pub last_used_at: Option<OffsetDateTime>,
    /// When it ends.
    pub expires_at: Option<OffsetDateTime>,
}

/// An API key that is to be.
#[derive(Debug, Clone)]
pub struct NewApiKey {
    /// What is known of it.
    pub key: StoredApiKey,
    /// What it is known by.
    pub hash: ApiKeyHash,
    /// For a key that ends by itself: when the names that it mints for are free again.
    pub free_at: Option<OffsetDateTime>,
}

/// What became of a new API key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ApiKeyCreation {
    /// It is there.
    Done,
    /// There is no such account, or it is disabled.
    NoAccount,
    /// The account has as many as it may have.
    TooMany,
    /// It would mint for users of whom there is an account already, or whom a key of another
    /// account mints for.
    NamespaceTaken,
    /// Whoever asks has lost the right to.
    Unauthorized,
}

/// Keeps API keys. Each method is one step.
#[async_trait]
pub trait ApiKeyStore: Debug + Send + Sync {
    /// Makes an API key, unless the account has `most` living ones. From here on nobody registers
    /// a name that it mints for, and only its account makes another key for one. Whoever asks must have the
    /// right to in this step; without `by`, it is the server itself.
    async fn create_key(
        &self,
        new: &NewApiKey,
        most: u32,
        by: Option<&Authority>,
        after: After<'_, ApiKeyCreation>,
        now: OffsetDateTime,
    ) -> Result<ApiKeyCreation, StoreError>;

    /// The living API key with this hash, if its account is not disabled.
    async fn key(
        &self,
        hash: &ApiKeyHash,
        now: OffsetDateTime,
    ) -> Result<Option<StoredApiKey>, StoreError>;

    /// The living API keys of a user, newest first.
    async fn keys(
        &self,
        user: &UserId,
        now: OffsetDateTime,
    ) -> Result<Vec<StoredApiKey>, StoreError>;

    /// Revokes an API key and every token that it has minted; says whether there was one. Nobody
    /// else gets a name that it minted for before `free_at`: what such a name has drawn stays.
    async fn revoke_key(
        &self,
        user: &UserId,
        id: &str,
        free_at: OffsetDateTime,
        after: After<'_, bool>,
        now: OffsetDateTime,
    ) -> Result<bool, StoreError>;

    /// Keeps when it was last used.
    async fn key_used(&self, id: &str, now: OffsetDateTime) -> Result<(), StoreError>;
}
