//! API keys on the wire: what programs use in place of a person's tokens.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use crate::id::{SessionId, UserId};

/// What an API key may do, for the account that it belongs to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Scope {
    /// Read and change one session: `update:SESSION_ID`.
    Update(SessionId),
    /// Create, read, change and delete all sessions of the account: `sessions`.
    Sessions,
    /// Mint tokens for users whose ids begin with this: `mint:PREFIX`. The prefix begins with the
    /// account's own id and a `-`.
    Mint(UserId),
}

/// A word that is no scope.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a scope is update:SESSION_ID, sessions, or mint:PREFIX")]
pub struct NoScope;

impl FromStr for Scope {
    type Err = NoScope;

    fn from_str(text: &str) -> Result<Self, NoScope> {
        match text.split_once(':') {
            None if text == "sessions" => Ok(Self::Sessions),
            Some(("update", id)) => id.parse().map(Self::Update).map_err(|_| NoScope),
            Some(("mint", prefix)) => prefix.parse().map(Self::Mint).map_err(|_| NoScope),
            _ => Err(NoScope),
        }
    }
}

impl TryFrom<String> for Scope {
    type Error = NoScope;

    fn try_from(text: String) -> Result<Self, NoScope> {
        text.parse()
    }
}

impl From<Scope> for String {
    fn from(scope: Scope) -> Self {
        scope.to_string()
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Update(id) => write!(f, "update:{id}"),
            Self::Sessions => f.write_str("sessions"),
            Self::Mint(prefix) => write!(f, "mint:{prefix}"),
        }
    }
}

#[cfg(feature = "openapi")]
impl utoipa::PartialSchema for Scope {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        utoipa::openapi::ObjectBuilder::new()
            .schema_type(utoipa::openapi::schema::Type::String)
            .pattern(Some("^(update:[A-Za-z0-9_-]{1,64}|sessions|mint:[A-Za-z0-9_-]{1,64})$"))
            .description(Some(
                "`update:SESSION_ID` reads and changes one session; `sessions` does everything \
                 with all sessions of the account; `mint:PREFIX` mints tokens for users whose ids \
                 begin with the prefix, which begins with the account's own id and a `-`.",
            ))
            .examples(["sessions"])
            .build()
            .into()
    }
}

#[cfg(feature = "openapi")]
impl utoipa::ToSchema for Scope {}

/// What one sends to make an API key.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "openapi", schema(example = json!({ "name": "build server", "scopes": ["update:build"] })))]
#[serde(deny_unknown_fields)]
pub struct CreateApiKey {
    /// What it is called in the list, in 1 to 64 characters.
    #[cfg_attr(feature = "openapi", schema(min_length = 1, max_length = 64))]
    pub name: String,
    /// What it may do: 1 to 16 scopes.
    #[cfg_attr(feature = "openapi", schema(min_items = 1, max_items = 16))]
    pub scopes: Vec<Scope>,
    /// Lifetime in seconds; without an end when absent.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "super::whole")]
    #[cfg_attr(feature = "openapi", schema(minimum = 1))]
    pub ttl_seconds: Option<u64>,
}

/// An API key, without the key itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ApiKey {
    /// Its name in URLs.
    pub id: String,
    /// What it is called.
    pub name: String,
    /// What it may do.
    pub scopes: Vec<Scope>,
    /// When it was made.
    #[serde(with = "time::serde::rfc3339")]
    pub created_at: OffsetDateTime,
    /// When it was last used, to the minute.
    #[serde(
        default,
        with = "time::serde::rfc3339::option",
        skip_serializing_if = "Option::is_none"
    )]
    pub last_used_at: Option<OffsetDateTime>,
    /// When it ends.
    #[serde(
        default,
        with = "time::serde::rfc3339::option",
        skip_serializing_if = "Option::is_none"
    )]
    pub expires_at: Option<OffsetDateTime>,
}

/// An API key that was just made.
#[derive(Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "openapi", schema(example = json!({ "id": "b8Wc2mXr5uLd9eTf", "name": "build server", "scopes": ["update:build"], "created_at": "2026-11-22T12:00:00Z", "key": "ek_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8" })))]
pub struct CreatedApiKey {
    /// What lists show of it.
    #[serde(flatten)]
    pub api_key: ApiKey,
    /// The key itself, for `Authorization: Bearer`: shown this once. Absent when the request is
    /// repeated with the same Idempotency-Key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
}

impl fmt::Debug for CreatedApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CreatedApiKey").field("api_key", &self.api_key).finish_non_exhaustive()
    }
}

/// The API keys of an account, newest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "openapi", schema(example = json!({ "keys": [{ "id": "b8Wc2mXr5uLd9eTf", "name": "build server", "scopes": ["update:build"], "created_at": "2026-11-22T12:00:00Z" }] })))]
pub struct ApiKeyList {
    /// All of them.
    pub keys: Vec<ApiKey>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_is_the_same_text_everywhere() {
        for text in ["sessions", "update:chart", "mint:acme-"] {
            let scope: Scope = text.parse().unwrap();
            assert_eq!(scope.to_string(), text);
            assert_eq!(serde_json::to_value(&scope).unwrap(), text);
        }
        for text in ["", "session", "update", "update:", "update:a b", "mint:", "sessions:x", "all"]
        {
            assert!(text.parse::<Scope>().is_err(), "{text}");
        }
    }
}
