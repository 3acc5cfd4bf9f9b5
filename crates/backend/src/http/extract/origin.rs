//! Whose page sent a request, as browsers say it (RFC 6454 §7).

use std::sync::Arc;

use axum::{
    extract::{FromRef, FromRequestParts},
    http::{HeaderMap, header, request::Parts},
};
use url::Url;

use crate::{
    config::Config,
    http::{App, docs::refuses, error::ApiError},
};

/// A request that no strange site's page has sent: it comes from no page at all, from one of
/// our own, or from one of a site that the configuration names.
pub(in crate::http) struct TrustedOrigin;
refuses!(TrustedOrigin: OriginNotAllowed);

impl FromRequestParts<App> for TrustedOrigin {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        let config = Arc::<Config>::from_ref(app);
        let Some(origin) = parts.headers.get(header::ORIGIN) else {
            return Ok(Self);
        };
        let origin = origin.to_str().unwrap_or("null");
        let host = parts.uri.authority().map(|authority| authority.as_str());
        let host = host.or_else(|| parts.headers.get(header::HOST)?.to_str().ok());
        let public_url = config.public_url.as_deref().and_then(|url| Url::parse(url).ok());
        let is_ours = host.is_some_and(|host| {
            ["http", "https"].iter().any(|scheme| origin == format!("{scheme}://{host}"))
        }) || public_url
            .is_some_and(|url| url.origin().ascii_serialization() == origin);
        match is_ours || config.cors_origins.iter().any(|listed| listed == origin) {
            true => Ok(Self),
            false => Err(ApiError::Origin),
        }
    }
}

/// The origin of a request, if the configuration names it. Compared byte by byte.
pub(in crate::http) fn is_listed<'a>(config: &'a Config, headers: &HeaderMap) -> Option<&'a str> {
    let origin = headers.get(header::ORIGIN)?.to_str().ok()?;
    config.cors_origins.iter().map(String::as_str).find(|listed| *listed == origin)
}
