//! Which sites' pages may use what, by script (CORS, <https://fetch.spec.whatwg.org/#http-cors-protocol>).
//!
//! What everyone may read anyway is open to all: the keys, the gallery, the documentation. The
//! API is open to the sites that the configuration names, and to no other. A stream says for
//! itself whom it is for, since that depends on the session; a token in a header opens it to
//! the named sites. No answer with `*` is ever one to a request with cookies.

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    http::{HeaderMap, HeaderValue, Method, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use common::path;

use super::{
    error::ApiError,
    extract::{has_token, is_listed},
};
use crate::config::Config;

const METHODS: &str = "GET, HEAD, POST, PUT, PATCH, DELETE";
const READING: &str = "GET, HEAD";
const HEADERS: &str = "Authorization, Content-Type, If-Match, If-None-Match, Idempotency-Key, \
                       Last-Event-ID, traceparent, X-Request-Id";
/// Without `Authorization`: what everyone may read needs no token.
const READING_HEADERS: &str = "If-None-Match, Last-Event-ID, traceparent, X-Request-Id";
/// What pages of other origins may read of an answer's head.
pub(super) const EXPOSED: &str = "ETag, RateLimit, RateLimit-Policy, Retry-After, X-Request-Id, \
                       Idempotent-Replayed, Location";
/// Seconds for which a browser need not ask again; no browser remembers it much longer.
const MAX_AGE: &str = "7200";

/// Whose pages a path is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Audience {
    /// Everyone's.
    All,
    /// Those of the sites that are named.
    Named,
    /// The same, and they may let the browser store our cookie.
    NamedWithCookies,
    /// Each stream says so itself.
    Streams,
    /// Our own.
    Ours,
}

impl Audience {
    fn of(path: &str) -> Self {
        let below = |prefix: &str| {
            path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        match path {
            path::JWKS | path::JWKS_ALIAS | path::OPENAPI => Self::All,
            path::COOKIE | path::LOGIN | path::REFRESH | path::LOGOUT => Self::NamedWithCookies,
            _ if below(path::TEMPLATES) => Self::All,
            _ if below("/api") => Self::Named,
            _ if below("/stream") => Self::Streams,
            _ => Self::Ours,
        }
    }
}

/// Answers preflights, and says to whom an answer is open.
pub(super) async fn share(
    State(config): State<Arc<Config>>,
    request: Request,
    next: Next,
) -> Response {
    let audience = Audience::of(request.uri().path());
    if audience == Audience::Ours {
        return next.run(request).await;
    }
    let headers = request.headers();
    let named = is_listed(&config, headers).and_then(|origin| HeaderValue::from_str(origin).ok());
    let is_preflight = request.method() == Method::OPTIONS
        && headers.contains_key(header::ORIGIN)
        && headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
    if is_preflight {
        return preflight(audience, named);
    }
    let has_token = has_token(headers);
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    match audience {
        Audience::All => open(headers, HeaderValue::from_static("*")),
        Audience::Named | Audience::NamedWithCookies => to_named(headers, audience, named),
        Audience::Streams if has_token => to_named(headers, audience, named),
        Audience::Streams | Audience::Ours => {}
    }
    response
}

/// Says what a page may send. One that may send nothing is told why.
fn preflight(audience: Audience, named: Option<HeaderValue>) -> Response {
    let is_named = named.is_some();
    let (methods, sent) = match audience {
        Audience::Named | Audience::NamedWithCookies => (METHODS, HEADERS),
        Audience::Streams if is_named => (READING, HEADERS),
        Audience::All | Audience::Streams | Audience::Ours => (READING, READING_HEADERS),
    };
    let mut response = match audience {
        Audience::Named | Audience::NamedWithCookies if !is_named => {
            ApiError::Origin.into_response()
        }
        _ => StatusCode::NO_CONTENT.into_response(),
    };
    let headers = response.headers_mut();
    match (audience, named) {
        (Audience::All, _) | (Audience::Streams, None) => {
            open(headers, HeaderValue::from_static("*"));
        }
        (_, named) => to_named(headers, audience, named),
    }
    if headers.contains_key(header::ACCESS_CONTROL_ALLOW_ORIGIN) {
        let mut add = |name, value| headers.insert(name, HeaderValue::from_static(value));
        add(header::ACCESS_CONTROL_ALLOW_METHODS, methods);
        add(header::ACCESS_CONTROL_ALLOW_HEADERS, sent);
        add(header::ACCESS_CONTROL_MAX_AGE, MAX_AGE);
    }
    if audience == Audience::Streams {
        vary_by_origin(headers);
    }
    response
}

/// Opens an answer to the site that asks, if it is one of those that are named. A stream that
/// is open already stays so.
fn to_named(headers: &mut HeaderMap, audience: Audience, named: Option<HeaderValue>) {
    if headers.contains_key(header::ACCESS_CONTROL_ALLOW_ORIGIN) {
        return;
    }
    vary_by_origin(headers);
    if let Some(origin) = named {
        open(headers, origin);
        if audience == Audience::NamedWithCookies {
            let credentials = HeaderValue::from_static("true");
            headers.insert(header::ACCESS_CONTROL_ALLOW_CREDENTIALS, credentials);
        }
    }
}

fn open(headers: &mut HeaderMap, origin: HeaderValue) {
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(EXPOSED));
}

fn vary_by_origin(headers: &mut HeaderMap) {
    headers.append(header::VARY, HeaderValue::from_static("Origin"));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_path_has_its_audience() {
        for (path, audience) in [
            ("/.well-known/jwks.json", Audience::All),
            ("/api/auth/jwks", Audience::All),
            ("/api/templates", Audience::All),
            ("/api/templates/badge", Audience::All),
            ("/api/templatesx", Audience::Named),
            ("/api/auth/token", Audience::Named),
            ("/api/auth/cookie", Audience::NamedWithCookies),
            ("/api/user/alice/session/chart", Audience::Named),
            ("/api/nothing", Audience::Named),
            ("/stream/alice/chart", Audience::Streams),
            ("/streams", Audience::Ours),
            ("/", Audience::Ours),
            ("/assets/easel.js", Audience::Ours),
            ("/health", Audience::Ours),
        ] {
            assert_eq!(Audience::of(path), audience, "{path}");
        }
    }
}
