//! Accounts on the wire: who people are, and how they sign in.

use std::{collections::BTreeSet, fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

/// What an account may do beyond what is its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "UPPERCASE")]
pub enum Role {
    /// What everyone may: their own sessions, sign-ins and keys.
    User,
    /// See accounts, and disable those of users.
    Operator,
    /// See accounts, and read the audit log.
    Auditor,
    /// Everything.
    Admin,
}

impl Role {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::User, Self::Operator, Self::Auditor, Self::Admin];

    /// Its name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::User => "USER",
            Self::Operator => "OPERATOR",
            Self::Auditor => "AUDITOR",
            Self::Admin => "ADMIN",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A word that is no role.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a role is USER, OPERATOR, AUDITOR or ADMIN")]
pub struct NoRole;

impl FromStr for Role {
    type Err = NoRole;

    fn from_str(word: &str) -> Result<Self, NoRole> {
        let is = |role: &Self| role.as_str().eq_ignore_ascii_case(word);
        Self::ALL.into_iter().find(is).ok_or(NoRole)
    }
}

/// The roles of an account.
pub type Roles = BTreeSet<Role>;

/// The language of mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum Language {
    /// English.
    #[default]
    En,
    /// Korean.
    Ko,
}

impl Language {
    /// Its name (ISO 639-1).
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::En => "en",
            Self::Ko => "ko",
        }
    }

    /// What a name stands for.
    pub fn of(name: &str) -> Option<Self> {
        [Self::En, Self::Ko].into_iter().find(|language| language.as_str() == name)
    }
}

/// What one sends to get an account. It is there once its address is proved.
#[derive(Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "openapi", schema(example = json!({ "user_id": "alice", "email": "alice@example.com", "password": "four words in a row" })))]
#[serde(deny_unknown_fields)]
pub struct RegisterRequest {
    /// The account's name: `[A-Za-z0-9_-]{1,64}`; its sessions have it in their URLs.
    #[cfg_attr(feature = "openapi", schema(pattern = "^[A-Za-z0-9_-]{1,64}$"))]
    pub user_id: String,
    /// Where its mail goes.
    #[cfg_attr(feature = "openapi", schema(format = "email"))]
    pub email: String,
    /// From 10 to 256 characters, and none that everyone guesses first.
    pub password: String,
    /// The language of its mail; by the Accept-Language header when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<Language>,
}

/// A mail is on its way, if it has a reason to be.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "openapi", schema(example = json!({ "detail": "If this address has an account, a mail with a link is on its way to it." })))]
pub struct MailSent {
    /// What to do now, in words; the same whether there is such an account or not.
    pub detail: String,
}

/// What one sends to prove an address: the token of the mail.
#[derive(Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "openapi", schema(example = json!({ "token": "dG9rZW4tb2YtYS1tYWlsLWxpbmstMzItYnl0ZXM1" })))]
#[serde(deny_unknown_fields)]
pub struct VerifyEmailRequest {
    /// The token of the mail's link.
    pub token: String,
}

/// Whose address was proved.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "openapi", schema(example = json!({ "user_id": "alice" })))]
pub struct Verified {
    /// The account that can be signed in to now.
    pub user_id: String,
}

/// What one sends for a mail that did not come, or that leads to a new password.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "openapi", schema(example = json!({ "email": "alice@example.com" })))]
#[serde(deny_unknown_fields)]
pub struct MailRequest {
    /// Where the mail goes.
    #[cfg_attr(feature = "openapi", schema(format = "email"))]
    pub email: String,
}

/// What one sends to sign in.
#[derive(Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "openapi", schema(example = json!({ "email": "alice@example.com", "password": "four words in a row" })))]
#[serde(deny_unknown_fields)]
pub struct LoginRequest {
    /// The account's address. Either this or `user_id`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// The account's name. Either this or `email`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_id: Option<String>,
    /// Its password.
    pub password: String,
    /// Whether the refresh token is to be a cookie, for pages: no script can read it.
    #[serde(default)]
    pub refresh_cookie: bool,
    /// What the sign-in is called in the list of sign-ins, in up to 64 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device_label: Option<String>,
}

/// What whoever signs in is given (the shape of RFC 6749 §5.1).
#[derive(Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "openapi", schema(example = json!({ "access_token": "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhbGljZSJ9.c2lnbmF0dXJl", "token_type": "Bearer", "expires_in": 900, "refresh_token": "rt_AAECAwQFBgcICQoLDA0ODwAAAAAAAAAB" })))]
pub struct SignedIn {
    /// The JWT, for `Authorization: Bearer`.
    pub access_token: String,
    /// Always `Bearer`.
    pub token_type: String,
    /// Seconds until the access token expires.
    pub expires_in: u64,
    /// For the next access token, once; absent where it is a cookie.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refresh_token: Option<String>,
}

/// What one sends for the next tokens, or to sign out. A refresh token that is a cookie is not
/// sent in the body.
#[derive(Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "openapi", schema(example = json!({ "refresh_token": "rt_AAECAwQFBgcICQoLDA0ODwAAAAAAAAAB" })))]
#[serde(deny_unknown_fields)]
pub struct RefreshRequest {
    /// The refresh token, unless it is a cookie.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refresh_token: Option<String>,
}

/// What one sends for a new password: the token of the mail, and the password.
#[derive(Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "openapi", schema(example = json!({ "token": "dG9rZW4tb2YtYS1tYWlsLWxpbmstMzItYnl0ZXM1", "password": "another four words" })))]
#[serde(deny_unknown_fields)]
pub struct PasswordResetRequest {
    /// The token of the mail's link.
    pub token: String,
    /// The new password.
    pub password: String,
}

/// What one sends to change a password.
#[derive(Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "openapi", schema(example = json!({ "current_password": "four words in a row", "new_password": "another four words" })))]
#[serde(deny_unknown_fields)]
pub struct PasswordChangeRequest {
    /// The one that is valid now.
    pub current_password: String,
    /// The new one.
    pub new_password: String,
}

/// What one sends to delete one's own account.
#[derive(Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "openapi", schema(example = json!({ "password": "four words in a row" })))]
#[serde(deny_unknown_fields)]
pub struct DeleteAccountRequest {
    /// The account's password; not needed of an administrator who deletes another's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<String>,
}

/// An account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "openapi", schema(example = json!({ "user_id": "alice", "email": "alice@example.com", "roles": ["USER"], "disabled": false, "language": "en", "created_at": "2026-11-22T12:00:00Z", "updated_at": "2026-11-22T12:00:00Z" })))]
pub struct Account {
    /// Its name.
    pub user_id: String,
    /// Where its mail goes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// What it may do.
    pub roles: Roles,
    /// Whether nobody may sign in to it.
    pub disabled: bool,
    /// The language of its mail.
    pub language: Language,
    /// When it was made.
    #[serde(with = "time::serde::rfc3339")]
    pub created_at: OffsetDateTime,
    /// When it was last changed.
    #[serde(with = "time::serde::rfc3339")]
    pub updated_at: OffsetDateTime,
}

/// Accounts, by name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "openapi", schema(example = json!({ "users": [{ "user_id": "alice", "email": "alice@example.com", "roles": ["USER"], "disabled": false, "language": "en", "created_at": "2026-11-22T12:00:00Z", "updated_at": "2026-11-22T12:00:00Z" }] })))]
pub struct AccountList {
    /// A page of them.
    pub users: Vec<Account>,
    /// For the next page, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

/// What one sends to change an account. What is absent stays as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "openapi", schema(example = json!({ "disabled": true })))]
#[serde(deny_unknown_fields)]
pub struct UpdateAccount {
    /// Whether nobody may sign in to it: for operators and administrators.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disabled: Option<bool>,
    /// The language of its mail: for its owner and administrators.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<Language>,
}

/// What one sends to give an account other roles.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "openapi", schema(example = json!({ "roles": ["USER", "AUDITOR"] })))]
#[serde(deny_unknown_fields)]
pub struct SetRoles {
    /// All that it has from now on.
    pub roles: Roles,
}

/// What keeps a sign-in going.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum SignInKind {
    /// Refresh tokens, each used once.
    Refresh,
    /// One token of a fixed life, minted with the account's password.
    Token,
}

impl SignInKind {
    /// The word for it, on the wire and in stores.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Refresh => "refresh",
            Self::Token => "token",
        }
    }

    /// What a word stands for.
    pub fn of(word: &str) -> Option<Self> {
        [Self::Refresh, Self::Token].into_iter().find(|kind| kind.as_str() == word)
    }
}

/// A living sign-in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SignIn {
    /// Its name; the `sid` of its tokens.
    pub id: String,
    /// What keeps it going.
    pub kind: SignInKind,
    /// What its user calls it.
    pub device_label: String,
    /// What the program calls itself that signed in.
    pub user_agent: String,
    /// The address that it was begun from.
    pub address: String,
    /// When it began.
    #[serde(with = "time::serde::rfc3339")]
    pub created_at: OffsetDateTime,
    /// When its last token was made.
    #[serde(with = "time::serde::rfc3339")]
    pub last_used_at: OffsetDateTime,
    /// When it ends if it is not used before.
    #[serde(with = "time::serde::rfc3339")]
    pub ends_at: OffsetDateTime,
    /// Whether it is the one of the token that asks.
    pub current: bool,
}

/// Living sign-ins, newest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "openapi", schema(example = json!({ "sign_ins": [{ "id": "Zk3vJ0Qy1s7aPq2R", "kind": "refresh", "device_label": "laptop", "user_agent": "Mozilla/5.0", "address": "192.0.2.7", "created_at": "2026-11-22T12:00:00Z", "last_used_at": "2026-11-22T12:15:00Z", "ends_at": "2026-11-29T12:15:00Z", "current": true }] })))]
pub struct SignInList {
    /// All of them.
    pub sign_ins: Vec<SignIn>,
}

/// No secret reaches a log by way of a debug line.
macro_rules! hides_secrets {
    ($($name:ident),*) => {
        $(impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($name)).finish_non_exhaustive()
            }
        })*
    };
}

hides_secrets!(
    RegisterRequest,
    VerifyEmailRequest,
    LoginRequest,
    SignedIn,
    RefreshRequest,
    PasswordResetRequest,
    PasswordChangeRequest,
    DeleteAccountRequest
);
