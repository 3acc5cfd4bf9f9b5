//! Signing in, going on, signing out, and looking after one's sign-ins.

use axum::{
    Json as Answer,
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use common::{
    api::{
        account::{LoginRequest, RefreshRequest, SignIn, SignInList, SignedIn},
        cookie::REFRESH_COOKIE_NAME,
    },
    path,
};
use cookie::{Cookie, time::Duration};

use super::{
    cookies::strict,
    docs::{Refusals, reads, refuses},
    error::ApiError,
    extract::{
        Holder, Json, MaybeCaller, OptionalJson, Refreshing, Segments, SigningIn, TrustedOrigin,
    },
    shares::Shares,
};
use crate::{
    account::{AccountError, Grant, Login, Password, RefreshToken},
    limit::Limit,
    store::SignInEnd,
    token::Identity,
};

/// What shows who someone is.
enum Credentials {}
refuses!(Credentials: AuthCredentialsInvalid, Busy);

/// What keeps a sign-in going.
enum RefreshTokens {}
refuses!(RefreshTokens: AuthRefreshInvalid, AuthRefreshExpired, AuthRefreshReused);

/// Work: finding one of one's sign-ins.
enum FindingSignIn {}
refuses!(FindingSignIn: SignInNotFound);
reads!(FindingSignIn: sign_in_id);

/// Signs in
///
/// By the account's address or its user id, and its password. The access token is short-lived; the
/// refresh token yields the next one. A page asks for the refresh token as a cookie, which no
/// script can read.
#[utoipa::path(
    post, path = path::LOGIN, tag = "Sign-ins", operation_id = "signIn",
    request_body = LoginRequest,
    responses(
        (status = 200, description = "Signed in", body = SignedIn),
        Refusals<(SigningIn, TrustedOrigin, Json<LoginRequest>, Credentials)>,
    )
)]
pub(super) async fn login(
    SigningIn { accounts, source }: SigningIn,
    shares: Shares,
    _: TrustedOrigin,
    headers: HeaderMap,
    Json(request): Json<LoginRequest>,
) -> Result<Response, ApiError> {
    let (login, name) = match (&request.email, &request.user_id) {
        (Some(email), None) => (email.parse().map_or(Login::Nobody, Login::Email), email),
        (None, Some(user)) => (user.parse().map_or(Login::Nobody, Login::User), user),
        _ => {
            return Err(ApiError::Invalid {
                pointer: "/email".to_owned(),
                detail: "send either email or user_id".to_owned(),
            });
        }
    };
    shares.take_of_account(Limit::LoginsPerAccount, name).await?;
    let device = (request.device_label.clone().unwrap_or_default(), user_agent(&headers));
    let password = Password::new(request.password.clone());
    let grant = accounts.sign_in(&login, password, device, &source).await?;
    answer(grant, request.refresh_cookie)
}

/// Uses a refresh token
///
/// It is good once: the answer has the next one, and a new access token. Whoever sends it a second
/// time within seconds gets the same next one; later, the sign-in ends, since two have the token.
#[utoipa::path(
    post, path = path::REFRESH, tag = "Sign-ins", operation_id = "refresh",
    request_body(content = RefreshRequest, description = "Empty where the refresh token is a cookie"),
    responses(
        (status = 200, description = "The next tokens", body = SignedIn),
        Refusals<(Refreshing, TrustedOrigin, OptionalJson<RefreshRequest>, RefreshTokens)>,
    )
)]
pub(super) async fn refresh(
    Refreshing { accounts, source }: Refreshing,
    shares: Shares,
    _: TrustedOrigin,
    headers: HeaderMap,
    OptionalJson(request): OptionalJson<RefreshRequest>,
) -> Result<Response, ApiError> {
    let sent = Sent::read(&headers, request)?;
    let token = sent.token.ok_or(AccountError::RefreshInvalid)?;
    if let Some(sign_in) = RefreshToken::read(&token).map(|token| token.chain()) {
        shares.take_of_sign_in(Limit::RefreshesPerSignIn, &sign_in.0).await?;
    }
    let refreshed = accounts.refresh(&token, &source).await;
    match refreshed {
        Ok(grant) => answer(grant, sent.is_cookie),
        Err(error) => {
            let is_over = matches!(
                error,
                AccountError::RefreshInvalid
                    | AccountError::RefreshExpired
                    | AccountError::RefreshReused
            );
            let refusal = ApiError::from(error);
            match sent.is_cookie && is_over {
                true => Ok((cookie("", Duration::ZERO)?, refusal).into_response()),
                false => Err(refusal),
            }
        }
    }
}

/// Signs out
///
/// Ends the sign-in of the refresh token, and of the token in the header, if there are any. Its
/// tokens are not valid any more, and its streams end.
#[utoipa::path(
    post, path = path::LOGOUT, tag = "Sign-ins", operation_id = "signOut",
    request_body(content = RefreshRequest, description = "Empty where the refresh token is a cookie"),
    responses(
        (status = 204, description = "Signed out", headers(("Set-Cookie"))),
        Refusals<(Refreshing, TrustedOrigin, OptionalJson<RefreshRequest>)>,
    )
)]
pub(super) async fn logout(
    Refreshing { accounts, source }: Refreshing,
    _: TrustedOrigin,
    headers: HeaderMap,
    caller: Result<MaybeCaller, ApiError>,
    OptionalJson(request): OptionalJson<RefreshRequest>,
) -> Result<impl IntoResponse, ApiError> {
    if let Some(token) = Sent::read(&headers, request)?.token {
        accounts.sign_out(&token, &source).await?;
    }
    let who = match caller {
        Ok(MaybeCaller(who)) => who,
        // A token that is not good any more has nothing to sign out of.
        Err(ApiError::Token(_) | ApiError::ApiKey | ApiError::Denied(_)) => None,
        Err(error) => return Err(error),
    };
    if let Some(Identity { user, sid: Some(sid), .. }) = who {
        let (source, why) = (source.acting(&user), SignInEnd::SignedOut);
        match accounts.end_sign_in(&user, &sid, why, &source).await {
            Ok(()) | Err(AccountError::NoSignIn) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok((StatusCode::NO_CONTENT, cookie("", Duration::ZERO)?))
}

/// Lists one's sign-ins
#[utoipa::path(
    get, path = path::SIGN_INS, tag = "Sign-ins", operation_id = "listSignIns",
    security(("bearer" = [])),
    responses((status = 200, description = "Those that live", body = SignInList), Refusals<(Holder,)>)
)]
pub(super) async fn list(
    Holder { accounts, who, .. }: Holder,
) -> Result<Answer<SignInList>, ApiError> {
    let sign_ins = accounts.sign_ins(&who.user).await?.into_iter();
    let sign_ins = sign_ins.map(|sign_in| SignIn {
        current: who.sid.as_deref() == Some(&sign_in.id),
        id: sign_in.id,
        kind: sign_in.kind,
        device_label: sign_in.device.label,
        user_agent: sign_in.device.user_agent,
        address: sign_in.device.address.to_string(),
        created_at: sign_in.created_at,
        last_used_at: sign_in.last_used_at,
        ends_at: sign_in.ends_at,
    });
    Ok(Answer(SignInList { sign_ins: sign_ins.collect() }))
}

/// Ends one of one's sign-ins
#[utoipa::path(
    delete, path = path::SIGN_IN, tag = "Sign-ins", operation_id = "endSignIn",
    security(("bearer" = [])),
    params(FindingSignIn),
    responses(
        (status = 204, description = "It has ended, and its streams with it"),
        Refusals<(Holder, FindingSignIn)>,
    )
)]
pub(super) async fn end(
    Holder { accounts, who, source }: Holder,
    segments: Segments,
) -> Result<StatusCode, ApiError> {
    let id = segments.name("sign_in_id").ok_or(AccountError::NoSignIn)?;
    accounts.end_sign_in(&who.user, id, SignInEnd::Revoked, &source).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Ends all of one's sign-ins but this one
#[utoipa::path(
    delete, path = path::SIGN_INS, tag = "Sign-ins", operation_id = "endOtherSignIns",
    security(("bearer" = [])),
    responses((status = 204, description = "They have ended"), Refusals<(Holder,)>)
)]
pub(super) async fn end_others(
    Holder { accounts, who, source }: Holder,
) -> Result<StatusCode, ApiError> {
    accounts.end_other_sign_ins(&who.user, who.sid.as_deref(), &source).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The refresh token of a request.
struct Sent {
    token: Option<String>,
    is_cookie: bool,
}

impl Sent {
    /// From the body or the cookie. Two that differ are refused: it is not clear who asks.
    fn read(headers: &HeaderMap, request: RefreshRequest) -> Result<Self, ApiError> {
        let cookies = headers.get_all(header::COOKIE).iter();
        let cookies = cookies.filter_map(|value| value.to_str().ok());
        let mut cookies = cookies.flat_map(Cookie::split_parse).flatten();
        let found = cookies.find(|cookie| cookie.name() == REFRESH_COOKIE_NAME);
        let found = found.and_then(|cookie| cookie.value_raw()).filter(|token| !token.is_empty());
        match (request.refresh_token, found) {
            (Some(body), Some(cookie)) if body != cookie => Err(ApiError::TwoRefreshTokens),
            (Some(body), None) => Ok(Self { token: Some(body), is_cookie: false }),
            (_, cookie) => {
                Ok(Self { token: cookie.map(str::to_owned), is_cookie: cookie.is_some() })
            }
        }
    }
}

fn answer(grant: Grant, as_cookie: bool) -> Result<Response, ApiError> {
    let refresh_token = grant.refresh.to_text();
    let life = Duration::seconds(grant.idle.as_secs().try_into().unwrap_or(i64::MAX));
    let set = as_cookie.then(|| cookie(&refresh_token, life)).transpose()?;
    let body = SignedIn {
        access_token: grant.access.token,
        token_type: "Bearer".to_owned(),
        expires_in: grant.access.lifetime.as_secs(),
        refresh_token: (!as_cookie).then_some(refresh_token),
    };
    Ok(match set {
        Some(set) => (set, Answer(body)).into_response(),
        None => Answer(body).into_response(),
    })
}

fn cookie(value: &str, life: Duration) -> Result<[(HeaderName, HeaderValue); 1], ApiError> {
    strict(REFRESH_COOKIE_NAME, value, life)
}

/// What a client calls itself.
pub(super) fn user_agent(headers: &HeaderMap) -> String {
    let value = headers.get(header::USER_AGENT).map(HeaderValue::as_bytes).unwrap_or_default();
    String::from_utf8_lossy(value).into_owned()
}
