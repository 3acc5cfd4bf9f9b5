//! Who is asking: from a bearer token in the `Authorization` header (RFC 6750 §2.1). The API
//! reads it nowhere else.

use std::sync::Arc;

use axum::{
    extract::{FromRef, FromRequestParts},
    http::{HeaderMap, header, request::Parts},
};
use common::{SessionId, UserId, api::Scope, jwt::TokenFault};

use crate::{
    account::{AccountError, Accounts, ApiKeyText, KeyHolder},
    http::{
        App,
        docs::{Storing, refuses},
        error::ApiError,
        shares::Shares,
    },
    limit::Limit,
    token::{Identity, Tokens},
};

/// Whoever has shown an API key in place of a token.
pub(in crate::http) struct MaybeKey(pub(in crate::http) Option<KeyHolder>);
refuses!(MaybeKey: AuthTokenInvalid; and Storing);

/// What a route needs that takes API keys, too.
#[derive(Debug, Clone)]
pub(super) enum Need {
    /// Everything with all sessions of a user.
    Sessions,
    /// This session, as it is and as it is to be.
    Session(SessionId),
}

impl Need {
    fn is_met_by(&self, scope: &Scope) -> bool {
        match (self, scope) {
            (_, Scope::Sessions) => true,
            (Self::Session(needed), Scope::Update(id)) => needed == id,
            (Self::Sessions, Scope::Update(_)) | (_, Scope::Mint(_)) => false,
        }
    }
}

/// Someone with a valid token.
pub(in crate::http) struct Caller(pub(in crate::http) Identity);
refuses!(Caller: AuthRequired; and MaybeCaller);

/// Someone with a valid token, and the token itself.
pub(in crate::http) struct Bearer {
    pub(in crate::http) who: Identity,
    pub(in crate::http) token: String,
}
refuses!(Bearer: AuthRequired; and MaybeCaller);

/// Someone with a valid token, or without any. A bad token is refused, not ignored.
pub(in crate::http) struct MaybeCaller(pub(in crate::http) Option<Identity>);
refuses!(MaybeCaller: AuthTokenInvalid, AuthTokenExpired, Forbidden);

impl FromRequestParts<App> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        let MaybeCaller(caller) = MaybeCaller::from_request_parts(parts, app).await?;
        caller.map(Self).ok_or(ApiError::AuthRequired)
    }
}

impl FromRequestParts<App> for MaybeCaller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        if MaybeKey::from_request_parts(parts, app).await?.0.is_some() {
            return Err(ApiError::Denied("No API key may do this; it takes a token."));
        }
        let Some(token) = bearer(&parts.headers)? else {
            return Ok(Self(None));
        };
        let who = verify(app, token).await?;
        Ok(Self(Some(counted(parts, app, who).await?)))
    }
}

impl FromRequestParts<App> for Bearer {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        let token = bearer(&parts.headers)?.ok_or(ApiError::AuthRequired)?.to_owned();
        let who = verify(app, &token).await?;
        Ok(Self { who: counted(parts, app, who).await?, token })
    }
}

impl FromRequestParts<App> for MaybeKey {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        let Some(key) = bearer(&parts.headers)?.and_then(ApiKeyText::read) else {
            return Ok(Self(None));
        };
        let accounts = Option::<Arc<Accounts>>::from_ref(app).ok_or(ApiError::ApiKey)?;
        let holder = accounts.key_holder(&key).await.map_err(|error| match error {
            AccountError::NoApiKey => ApiError::ApiKey,
            error => error.into(),
        })?;
        let shares = Shares::from_request_parts(parts, app).await?;
        shares.take_of_user(Limit::RequestsPerUser, &holder.key().user).await?;
        Ok(Self(Some(holder)))
    }
}

/// Whose token, or whose API key with the scope that is needed, a request has.
pub(super) async fn user(parts: &mut Parts, app: &App, need: &Need) -> Result<UserId, ApiError> {
    let MaybeKey(Some(holder)) = MaybeKey::from_request_parts(parts, app).await? else {
        return Ok(Caller::from_request_parts(parts, app).await?.0.user);
    };
    match holder.may(|scope| need.is_met_by(scope)) {
        true => Ok(holder.key().user.clone()),
        false => Err(ApiError::Denied("This API key may not do that; its scopes say what.")),
    }
}

/// Whom a token speaks for.
pub(super) async fn verify(app: &App, token: &str) -> Result<Identity, ApiError> {
    Ok(Arc::<Tokens>::from_ref(app).verify(token).await?)
}

/// Takes a request from the share of whoever sent it.
pub(super) async fn counted(
    parts: &mut Parts,
    app: &App,
    who: Identity,
) -> Result<Identity, ApiError> {
    let shares = Shares::from_request_parts(parts, app).await?;
    shares.take_of_user(Limit::RequestsPerUser, &who.user).await?;
    Ok(who)
}

/// Whether a request says by a token who sends it.
pub(in crate::http) fn has_token(headers: &HeaderMap) -> bool {
    !matches!(bearer(headers), Ok(None))
}

fn bearer(headers: &HeaderMap) -> Result<Option<&str>, ApiError> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let Some(value) = values.next() else {
        return Ok(None);
    };
    if values.next().is_some() {
        return Err(TokenFault::Format.into());
    }
    let value = value.to_str().map_err(|_| ApiError::from(TokenFault::Format))?;
    match value.split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => {
            Ok(Some(token.trim_matches(' ')))
        }
        // Another scheme is for someone else, such as a proxy that asks for a password.
        _ => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    fn read(values: &[&'static str]) -> Result<Option<String>, ApiError> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(header::AUTHORIZATION, HeaderValue::from_static(value));
        }
        bearer(&headers).map(|token| token.map(str::to_owned))
    }

    #[test]
    fn the_scheme_is_bearer_in_any_letters() {
        for value in ["Bearer abc", "bearer abc", "BEARER  abc"] {
            assert_eq!(read(&[value]).unwrap().as_deref(), Some("abc"), "{value}");
        }
        assert!(read(&[]).unwrap().is_none());
        assert!(read(&["Basic abc"]).unwrap().is_none());
        assert!(matches!(
            read(&["Bearer a", "Bearer b"]),
            Err(ApiError::Token(TokenFault::Format))
        ));
    }
}
