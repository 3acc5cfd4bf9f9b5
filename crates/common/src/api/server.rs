//! What a server says of itself to the page.

use serde::{Deserialize, Serialize};

/// Who may mint tokens at `POST /api/auth/token`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum Minting {
    /// Anyone, for any user id that is no registered account.
    Open,
    /// The holder of an account's password.
    Accounts,
}

/// What a page has to know before it can offer anything.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "openapi", schema(example = json!({
    "version": "0.1.0",
    "minting": "open",
    "accounts": true,
    "registration": true,
    "public_url": null,
    "public_sessions": true,
    "default_ttl_seconds": 3_600,
    "max_ttl_seconds": 31_536_000
})))]
pub struct ServerInfo {
    /// The version of the program.
    pub version: String,
    /// Who may mint tokens here.
    pub minting: Minting,
    /// Whether people can have accounts here, and sign in to them.
    pub accounts: bool,
    /// Whether anyone may ask for an account.
    pub registration: bool,
    /// Where the outside reaches this server: the start of every link in a snippet. When
    /// absent, the address the page was loaded from.
    pub public_url: Option<String>,
    /// Whether sessions without an owner exist here.
    pub public_sessions: bool,
    /// The lifetime of a session that asks for none, in seconds.
    pub default_ttl_seconds: u64,
    /// The longest lifetime a session may ask for, in seconds.
    pub max_ttl_seconds: u64,
}
