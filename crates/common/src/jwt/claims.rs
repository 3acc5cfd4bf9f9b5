//! What a token says.

use serde::{Deserialize, Serialize};

use crate::id::UserId;

/// The `aud` of a token: one audience, or several (RFC 7519 §4.1.3).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Audience {
    /// The usual form.
    One(String),
    /// The token is meant for any of these.
    Many(Vec<String>),
}

impl Audience {
    /// Whether the token is meant for `audience`.
    pub fn contains(&self, audience: &str) -> bool {
        match self {
            Self::One(one) => one == audience,
            Self::Many(many) => many.iter().any(|one| one == audience),
        }
    }
}

/// The claims of one of our tokens. Times are in seconds since the Unix epoch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    /// Who it speaks for.
    pub sub: UserId,
    /// Who issued it.
    pub iss: String,
    /// Whom it is meant for.
    pub aud: Audience,
    /// When it was issued.
    pub iat: i64,
    /// From when on it is not valid.
    pub exp: i64,
    /// Before when it is not valid yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nbf: Option<i64>,
    /// Its own name, unique among all tokens.
    pub jti: String,
    /// The sign-in it belongs to, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sid: Option<String>,
}
