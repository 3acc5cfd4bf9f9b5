//! The audit log on the wire.

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

macro_rules! actions {
    ($($(#[$doc:meta])* $variant:ident = $word:literal;)*) => {
        /// What was done, or tried.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[non_exhaustive]
        pub enum AuditAction {
            $(
                $(#[$doc])*
                #[serde(rename = $word)]
                $variant,
            )*
        }

        impl AuditAction {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The word for it, on the wire and in stores.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),* }
            }

            /// What a word stands for.
            pub fn of(word: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|action| action.as_str() == word)
            }
        }
    };
}

actions! {
    /// Someone asked for an account.
    AccountRegistered = "account.registered";
    /// An address was proved, and the account is there.
    AccountVerified = "account.verified";
    /// An account was made by an operator's hand.
    AccountCreated = "account.created";
    /// Nobody may sign in to an account any more.
    AccountDisabled = "account.disabled";
    /// An account may be signed in to again.
    AccountEnabled = "account.enabled";
    /// An account was deleted.
    AccountDeleted = "account.deleted";
    /// An account has other roles.
    RolesChanged = "account.roles_changed";
    /// Someone signed in, or tried to.
    SignedIn = "sign_in.begun";
    /// A sign-in was ended by its user or for a newer one.
    SignInEnded = "sign_in.ended";
    /// A refresh token was replaced.
    RefreshRotated = "sign_in.rotated";
    /// A refresh token was used a second time, and its sign-in ended.
    RefreshReused = "sign_in.reuse_detected";
    /// A token was minted with an account's password or an API key, or someone tried to.
    TokenMinted = "token.minted";
    /// Someone asked for a new password.
    PasswordResetRequested = "password.reset_requested";
    /// A password was replaced by way of a mail.
    PasswordReset = "password.reset";
    /// A password was changed by its user, or someone tried to.
    PasswordChanged = "password.changed";
    /// An API key was made.
    ApiKeyCreated = "api_key.created";
    /// An API key was revoked.
    ApiKeyRevoked = "api_key.revoked";
    /// Someone tried what their roles do not allow.
    AccessDenied = "access.denied";
    /// The signing keyring was changed by an operator's hand.
    KeyringChanged = "keyring.changed";
    /// The audit log was read.
    AuditRead = "audit.read";
}

/// By hand: the derive does not see the names that the macro above gives.
#[cfg(feature = "openapi")]
impl utoipa::PartialSchema for AuditAction {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        utoipa::openapi::ObjectBuilder::new()
            .schema_type(utoipa::openapi::schema::Type::String)
            .enum_values(Some(Self::ALL.iter().map(|action| action.as_str())))
            .description(Some("What was done, or tried."))
            .build()
            .into()
    }
}

#[cfg(feature = "openapi")]
impl utoipa::ToSchema for AuditAction {}

/// Whether it was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum AuditResult {
    /// It was done.
    Done,
    /// It was refused.
    Refused,
}

impl AuditResult {
    /// The word for it, on the wire and in stores.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Refused => "refused",
        }
    }

    /// What a word stands for.
    pub fn of(word: &str) -> Option<Self> {
        [Self::Done, Self::Refused].into_iter().find(|result| result.as_str() == word)
    }
}

/// Something that was done, or tried. An entry never changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "openapi", schema(example = json!({
    "id": "2a", "at": "2026-11-22T12:00:00Z", "actor": "alice", "action": "sign_in.begun",
    "target": "alice", "address": "192.0.2.7", "result": "done",
    "trace_id": "4bf92f3577b34da6a3ce929d0e0e4736", "detail": "sign-in Zk3vJ0Qy1s7aPq2R"
})))]
pub struct AuditEntry {
    /// Its name.
    pub id: String,
    /// When.
    #[serde(with = "time::serde::rfc3339")]
    pub at: OffsetDateTime,
    /// Who: a user id, or `command line`; absent where nobody has shown who they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actor: Option<String>,
    /// What.
    pub action: AuditAction,
    /// Whom it was done to: a user id, where it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// From which address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// Whether it was done.
    pub result: AuditResult,
    /// The W3C trace id of the request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace_id: Option<String>,
    /// More of it, in words: never a secret.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub detail: String,
}

/// Entries of the audit log, newest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "openapi", schema(example = json!({ "entries": [{
    "id": "2a", "at": "2026-11-22T12:00:00Z", "actor": "alice", "action": "sign_in.begun",
    "target": "alice", "address": "192.0.2.7", "result": "done",
    "trace_id": "4bf92f3577b34da6a3ce929d0e0e4736", "detail": "sign-in Zk3vJ0Qy1s7aPq2R"
}] })))]
pub struct AuditList {
    /// A page of them.
    pub entries: Vec<AuditEntry>,
    /// For the next page, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}
