//! The cookie that lets a browser watch.

use serde::{Deserialize, Serialize};

/// The name of the cookie. A browser keeps the prefix's promise (RFC 6265bis §4.1.3.2): it came
/// from this very host, over a connection that can be trusted.
pub const COOKIE_NAME: &str = "__Host-easel";

/// The name of the cookie that keeps a sign-in going. It is read where tokens are renewed, and
/// nowhere else.
pub const REFRESH_COOKIE_NAME: &str = "__Host-easel-refresh";

/// How long the cookie that was set is good for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "openapi", schema(example = json!({ "expires_in": 86_400 })))]
pub struct CookieLife {
    /// Seconds until it expires, with the token that it was set with.
    #[cfg_attr(feature = "openapi", schema(example = 86_400))]
    pub expires_in: u64,
}
