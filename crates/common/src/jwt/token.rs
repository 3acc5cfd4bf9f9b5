//! Reading a token without trusting it.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};

use super::Claims;

/// What a token claims, unverified: to show a person whose token they hold and when it
/// ends, never to decide a right. `None` when it cannot be read.
pub fn unverified(token: &str) -> Option<Claims> {
    let mut parts = token.split('.');
    let (_, claims, _) = (parts.next()?, parts.next()?, parts.next()?);
    let json = BASE64_URL_SAFE_NO_PAD.decode(claims).ok()?;
    serde_json::from_slice(&json).ok()
}
