//! API keys over HTTP.

use axum::{
    Json as Answer,
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use common::{
    UserId,
    api::api_key::{ApiKey, ApiKeyList, CreateApiKey, CreatedApiKey},
    path,
};
use std::{sync::Arc, time::Duration};

use super::{
    docs::{Refusals, reads, refuses},
    error::ApiError,
    extract::{Holder, Idempotent, Json, OwnKeys, Segments},
    shares::Shares,
};
use crate::{
    account::{AccountError, NewKey},
    config::Config,
    idempotency::{Attempt, IdempotencyKey, Once},
    limit::Limit,
    store::StoredApiKey,
};

/// Longest name, in characters.
const MAX_NAME: usize = 64;

/// Most scopes of a key.
const MAX_SCOPES: usize = 16;

/// Random characters of an API key's name.
const ID_LENGTH: usize = 16;

/// What makes an API key: a request that may be sent again.
type Creation = Idempotent<Option<IdempotencyKey>, Json<CreateApiKey>>;

/// Work: making one more API key.
enum Making {}
refuses!(Making: NamespaceTaken, ApiKeyLimit);

/// Work: finding an API key.
enum FindingKey {}
refuses!(FindingKey: ApiKeyNotFound);
reads!(FindingKey: key_id);

/// Lists one's API keys
///
/// Newest first, without the keys themselves.
#[utoipa::path(
    get, path = path::API_KEYS, tag = "API keys", operation_id = "listApiKeys",
    security(("bearer" = [])), params(OwnKeys),
    responses((status = 200, description = "Those that live", body = ApiKeyList), Refusals<(OwnKeys,)>)
)]
pub(super) async fn list(
    OwnKeys { holder, user }: OwnKeys,
) -> Result<Answer<ApiKeyList>, ApiError> {
    let keys = holder.accounts.keys(&user).await?;
    Ok(Answer(ApiKeyList { keys: keys.into_iter().map(on_the_wire).collect() }))
}

/// Makes an API key
///
/// The key itself is in this answer and nowhere else. Programs send it in place of a token; it may
/// do what its scopes say.
#[utoipa::path(
    post, path = path::API_KEYS, tag = "API keys", operation_id = "createApiKey",
    security(("bearer" = [])), params(OwnKeys, Creation),
    request_body = CreateApiKey,
    responses(
        (
            status = 201, description = "It is there", body = CreatedApiKey,
            headers(("Location"), ("Idempotent-Replayed")),
        ),
        Refusals<(OwnKeys, Creation, Making)>,
    )
)]
pub(super) async fn create(
    OwnKeys { holder, user }: OwnKeys,
    shares: Shares,
    State(config): State<Arc<Config>>,
    request: Creation,
) -> Result<Response, ApiError> {
    // The key is shown once, even to who asks for it twice.
    shares.take_of_user(Limit::KeyCreationsPerUser, &user).await?;
    let once = Once::for_user(user.clone()).without(&["key"]);
    let work = async move |Json(body): Json<CreateApiKey>, attempt: Attempt| {
        let new = new_key(&user, body, &attempt, &config)?;
        let by = holder.authority();
        let Holder { accounts, source, .. } = holder;
        if attempt.is_again() {
            // A run of this request before this one may have made it.
            let mut keys = accounts.keys(&user).await?.into_iter();
            if let Some(made) = keys.find(|key| key.id == new.id) {
                return Ok(created(&user, made, None));
            }
        }
        let (stored, text) = accounts.create_key(new, Some(&by), &source).await?;
        Ok(created(&user, stored, Some(text.as_str().to_owned())))
    };
    request.answer(once, work).await
}

fn created(user: &UserId, stored: StoredApiKey, key: Option<String>) -> Response {
    let location = [(header::LOCATION, path::api_key(user, &stored.id))];
    let created = CreatedApiKey { api_key: on_the_wire(stored), key };
    (StatusCode::CREATED, location, Answer(created)).into_response()
}

fn new_key(
    user: &UserId,
    request: CreateApiKey,
    attempt: &Attempt,
    config: &Config,
) -> Result<NewKey, ApiError> {
    let invalid =
        |pointer: &str, detail: String| ApiError::Invalid { pointer: pointer.to_owned(), detail };
    let name = request.name.trim();
    if name.is_empty() || name.chars().count() > MAX_NAME || name.chars().any(char::is_control) {
        return Err(invalid("/name", format!("must have from 1 to {MAX_NAME} characters")));
    }
    if !(1..=MAX_SCOPES).contains(&request.scopes.len()) {
        return Err(invalid("/scopes", format!("must be from 1 to {MAX_SCOPES} scopes")));
    }
    let longest = config.session_lifetimes.max;
    let lifetime = request.ttl_seconds.map(Duration::from_secs);
    if lifetime.is_some_and(|asked| asked.is_zero() || asked > longest) {
        let detail = format!("must be from 1 to {} seconds", longest.as_secs());
        return Err(invalid("/ttl_seconds", detail));
    }
    let (id, name) = (attempt.name(ID_LENGTH), name.to_owned());
    Ok(NewKey { id, user: user.clone(), name, scopes: request.scopes, lifetime })
}

/// Revokes an API key
///
/// And every token that it has minted.
#[utoipa::path(
    delete, path = path::API_KEY, tag = "API keys", operation_id = "revokeApiKey",
    security(("bearer" = [])), params(OwnKeys, FindingKey),
    responses(
        (status = 204, description = "It is not valid any more"),
        Refusals<(OwnKeys, FindingKey)>,
    )
)]
pub(super) async fn revoke(
    OwnKeys { holder, user }: OwnKeys,
    segments: Segments,
) -> Result<StatusCode, ApiError> {
    let id = segments.name("key_id").ok_or(AccountError::NoApiKey)?;
    holder.accounts.revoke_key(&user, id, &holder.source).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn on_the_wire(key: StoredApiKey) -> ApiKey {
    ApiKey {
        id: key.id,
        name: key.name,
        scopes: key.scopes,
        created_at: key.created_at,
        last_used_at: key.last_used_at,
        expires_at: key.expires_at,
    }
}
