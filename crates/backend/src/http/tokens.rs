//! Tokens and the keys behind them.

use std::sync::Arc;

use axum::{
    Json as Answer,
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use common::{
    api::{self, Token, TokenRequest},
    jwt::JwkSet,
    path,
};
use sha2::{Digest, Sha256};
use std::time::Duration;
use utoipa::IntoResponses;

use super::{
    App,
    docs::{Naming, Refusals, refuses},
    error::ApiError,
    extract::{From, IfNoneMatch, Json, MaybeKey, Minting},
    sign_ins::user_agent,
};
use crate::{account::Password, limit::Limit, token::Tokens};

/// What shows who someone is.
enum Credentials {}
refuses!(Credentials: AuthCredentialsInvalid, Forbidden, Busy; and MaybeKey);

/// Mints a token
///
/// Where minting is open, anyone gets a token for any user id that has no account: for one machine,
/// or for a network in which everyone is trusted. Elsewhere, and for an account, its password is
/// needed; the token is one of its sign-ins. An API key with the scope `mint:PREFIX` gets tokens for
/// users whose ids begin with the prefix.
#[utoipa::path(
    post, path = path::TOKEN, tag = "Tokens", operation_id = "mintToken",
    request_body = TokenRequest,
    responses(
        (status = 200, description = "A token", body = Token),
        Refusals<(Minting, Json<TokenRequest>, Naming, Credentials)>,
    )
)]
pub(super) async fn issue(
    Minting(shares): Minting,
    MaybeKey(key): MaybeKey,
    State(App { tokens, accounts, config, .. }): State<App>,
    From(source): From,
    headers: HeaderMap,
    Json(request): Json<TokenRequest>,
) -> Result<Answer<Token>, ApiError> {
    let invalid = |fault| ApiError::InvalidId { pointer: "/user_id", fault };
    let user = request.user_id.parse().map_err(invalid)?;
    let lifetime = tokens.lifetime(request.ttl_seconds.map(Duration::from_secs))?;
    let is_open = config.minting == api::Minting::Open;
    let issued = match accounts {
        Some(accounts) if let Some(key) = &key => {
            accounts.mint_for(key, &user, lifetime, &source).await?
        }
        Some(accounts) if !is_open || accounts.is_reserved(&user).await? => {
            shares.take_of_address(Limit::LoginsPerAddress).await?;
            shares.take_of_account(Limit::LoginsPerAccount, user.as_str()).await?;
            let password = Password::new(request.password.unwrap_or_default());
            accounts.mint(&user, password, lifetime, user_agent(&headers), &source).await?
        }
        // No accounts are kept, so no user id and password are right.
        None if !is_open => return Err(ApiError::Credentials),
        accounts => {
            let of = user.clone();
            let issue = move || tokens.issue(of, Some(lifetime));
            let issued = tokio::task::spawn_blocking(issue).await;
            let issued = issued.map_err(|_| ApiError::Internal)??;
            // Someone may have got the account meanwhile: it revokes what was issued before it.
            match accounts {
                Some(accounts) if accounts.is_reserved(&user).await? => {
                    return Err(ApiError::Credentials);
                }
                _ => issued,
            }
        }
    };
    Ok(Answer(Token {
        token: issued.token,
        token_type: "Bearer".to_owned(),
        expires_in: issued.lifetime.as_secs(),
    }))
}

/// The keys, as both paths answer.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "says in the document what the handler makes by hand")]
enum Keys {
    /// The keys
    #[response(
        status = 200, content_type = "application/jwk-set+json",
        headers(("ETag"), ("Access-Control-Allow-Origin")),
    )]
    Sent(JwkSet),
    /// They have not changed
    #[response(status = 304, headers(("ETag"), ("Access-Control-Allow-Origin")))]
    Known,
}

/// The public keys that verify our tokens
///
/// For third parties: keep them for as long as the Cache-Control header says, and fetch
/// them again when a token names a key that is not among them.
#[utoipa::path(
    get, path = path::JWKS, tag = "Tokens", operation_id = "readKeys",
    params(IfNoneMatch), responses(Keys, Refusals<()>),
)]
pub(super) async fn jwks(
    State(tokens): State<Arc<Tokens>>,
    known: IfNoneMatch,
) -> Result<Response, ApiError> {
    let published = tokens.keyring().published();
    let body = serde_json::to_vec(&published.keys).map_err(|error| {
        tracing::error!(%error, "the public keys cannot be written");
        ApiError::Internal
    })?;
    let etag = format!("\"{}\"", BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(&body)));
    let matches = known.has(&etag);
    let caching = format!("public, max-age={}, must-revalidate", published.max_age.as_secs());
    let headers = [
        (header::CACHE_CONTROL, caching.as_str()),
        (header::ETAG, etag.as_str()),
        (header::ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
    ];
    if matches {
        return Ok((StatusCode::NOT_MODIFIED, headers).into_response());
    }
    let content_type = [(header::CONTENT_TYPE, "application/jwk-set+json")];
    Ok((headers, content_type, body).into_response())
}

/// The public keys, for those who only know /api
#[utoipa::path(
    get, path = path::JWKS_ALIAS, tag = "Tokens", operation_id = "readKeysUnderApi",
    params(IfNoneMatch), responses(Keys, Refusals<()>),
)]
pub(super) async fn jwks_alias(
    tokens: State<Arc<Tokens>>,
    known: IfNoneMatch,
) -> Result<Response, ApiError> {
    jwks(tokens, known).await
}
