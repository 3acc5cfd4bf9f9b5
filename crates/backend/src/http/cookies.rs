//! The cookie that lets a browser watch its owner's private sessions, for pages of the same
//! site. It is read on streams only: no cookie ever changes anything.

use std::sync::Arc;

use axum::{
    Json as Answer,
    extract::State,
    http::{HeaderName, HeaderValue, StatusCode, header},
    response::IntoResponse,
};
use common::{
    api::{CookieLife, cookie::COOKIE_NAME},
    path,
};
use cookie::{Cookie, SameSite, time::Duration};

use super::{
    docs::Refusals,
    error::ApiError,
    extract::{Bearer, TrustedOrigin},
};
use crate::session::Sessions;

/// Lets this browser watch
///
/// Sets a cookie with which the browser may watch the private sessions of the token's user,
/// from pages of the same site, until the token ends. It opens streams and nothing else.
#[utoipa::path(
    post, path = path::COOKIE, tag = "Tokens", operation_id = "setCookie",
    security(("bearer" = [])),
    responses(
        (status = 200, description = "The cookie is set", body = CookieLife, headers(("Set-Cookie"))),
        Refusals<(Bearer, TrustedOrigin)>,
    )
)]
pub(super) async fn set(
    Bearer { who, token }: Bearer,
    _: TrustedOrigin,
    State(sessions): State<Arc<Sessions>>,
) -> Result<impl IntoResponse, ApiError> {
    let expires_in = sessions.seconds_left(who.expires_at);
    let life = Duration::seconds(expires_in.try_into().unwrap_or(i64::MAX));
    Ok((set_cookie(&token, life)?, Answer(CookieLife { expires_in })))
}

/// Takes the cookie back
///
/// Streams that it has opened go on until its token ends.
#[utoipa::path(
    delete, path = path::COOKIE, tag = "Tokens", operation_id = "clearCookie",
    responses(
        (status = 204, description = "The browser forgets it", headers(("Set-Cookie"))),
        Refusals<(TrustedOrigin,)>,
    )
)]
pub(super) async fn clear(_: TrustedOrigin) -> Result<impl IntoResponse, ApiError> {
    Ok((StatusCode::NO_CONTENT, set_cookie("", Duration::ZERO)?))
}

fn set_cookie(value: &str, life: Duration) -> Result<[(HeaderName, HeaderValue); 1], ApiError> {
    strict(COOKIE_NAME, value, life)
}

/// Sets a cookie that no script reads and no other site's page sends.
pub(super) fn strict(
    name: &str,
    value: &str,
    life: Duration,
) -> Result<[(HeaderName, HeaderValue); 1], ApiError> {
    let cookie = Cookie::build((name, value))
        .path("/")
        .http_only(true)
        .secure(true)
        // A picture in a page of the same site is a request of the same site, so the strictest
        // rule is enough: no request that another site's page begins carries the cookie.
        .same_site(SameSite::Strict)
        .max_age(life)
        .build();
    // Tokens are base64url and dots: always a header's value.
    let mut value = HeaderValue::from_str(&cookie.to_string()).map_err(|_| ApiError::Internal)?;
    value.set_sensitive(true);
    Ok([(header::SET_COOKIE, value)])
}
