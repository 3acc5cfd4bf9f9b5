//! Sessions over HTTP: those of a user, and the public ones.

use std::{num::NonZeroU16, sync::Arc};

use axum::{
    Json as Answer,
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use common::{
    Revision, SessionAddress, SessionId, UserId,
    api::{
        CreateSession, PublicSessionRef, Session, SessionList, SessionSummary, UpdateSession,
        UserSessionRef,
    },
    path,
};
use serde::Deserialize;
use utoipa::IntoParams;

use super::{
    docs::{Drawing, Finding, Keeping, Naming, Paging, Refusals, Storing, refuses},
    error::ApiError,
    extract::{
        Changing, Creating, Idempotent, IfMatch, IfNoneMatch, Json, MergePatch, OwnedSession,
        OwnedSpace, PublicSession, PublicSpace, Query,
    },
    shares::Shares,
};
use crate::{
    idempotency::{Attempt, IdempotencyKey, Once},
    session::{Change, Creator, SessionError, Sessions},
    store::{ListPosition, ListedSession, StoredSession},
};

/// Random characters in the name of a session that was given none.
const RANDOM_ID_LENGTH: usize = 12;

/// Sessions on a page when nothing is asked for.
const DEFAULT_PAGE: u32 = 50;

/// Sessions on a page at most.
const MAX_PAGE: u32 = 100;

/// A request for a session.
type Creation = Idempotent<Option<IdempotencyKey>, Json<CreateSession>>;

/// Work: taking a name that may be taken.
enum TakingName {}
refuses!(TakingName: SessionExists);

/// Creates a session of a user
///
/// The picture is rendered before anything is stored: a fault in the template is answered
/// with its line and column, and changes nothing.
#[utoipa::path(
    post, path = path::USER_SESSION_CREATE, tag = "Sessions", operation_id = "createSession", security(("bearer" = [])),
    params(Creating<OwnedSpace>, Creation),
    request_body = CreateSession,
    responses(
        (
            status = 201, description = "It is there", body = UserSessionRef,
            headers(("Location"), ("ETag"), ("Idempotent-Replayed")),
        ),
        Refusals<(Creating<OwnedSpace>, Creation, Naming, TakingName, Drawing, Keeping)>,
    )
)]
pub(super) async fn create_owned(
    Creating(OwnedSpace(owner)): Creating<OwnedSpace>,
    State(sessions): State<Arc<Sessions>>,
    request: Creation,
) -> Result<Response, ApiError> {
    let once = Once::for_user(owner.clone());
    let work = async move |Json(body), attempt| {
        let user_id = owner.to_string();
        let (address, revision) = create(&sessions, Creator::User(owner), body, attempt).await?;
        let answer = UserSessionRef { user_id, session_id: address.id.to_string() };
        Ok(created(&address, revision, Answer(answer)))
    };
    request.answer(once, work).await
}

/// Creates a public session
///
/// Anyone may change it afterwards; only its lifetime ends it.
#[utoipa::path(
    post, path = path::PUBLIC_SESSION_CREATE, tag = "Public sessions", operation_id = "createPublicSession",
    params(Creation),
    request_body = CreateSession,
    responses(
        (
            status = 201, description = "It is there", body = PublicSessionRef,
            headers(("Location"), ("ETag"), ("Idempotent-Replayed")),
        ),
        Refusals<(Creating<PublicSpace>, Creation, Naming, TakingName, Drawing, Keeping)>,
    )
)]
pub(super) async fn create_public(
    _: Creating<PublicSpace>,
    shares: Shares,
    State(sessions): State<Arc<Sessions>>,
    request: Creation,
) -> Result<Response, ApiError> {
    let network = shares.network();
    let work = async move |Json(body), attempt| {
        let (address, revision) =
            create(&sessions, Creator::Anyone(network), body, attempt).await?;
        let answer = PublicSessionRef { session_id: address.id.to_string() };
        Ok(created(&address, revision, Answer(answer)))
    };
    request.answer(Once::for_network(network), work).await
}

/// Creates a session; a run of the request before this one may have done so already.
async fn create(
    sessions: &Arc<Sessions>,
    creator: Creator,
    request: CreateSession,
    attempt: Attempt,
) -> Result<(SessionAddress, Revision), ApiError> {
    let asked_for = request.session_id.clone();
    // Nobody else makes up the same name. One that was asked for may be anyone's.
    let is_own = asked_for.is_none() && attempt.is_again();
    let id = asked_for.unwrap_or_else(|| attempt.name(RANDOM_ID_LENGTH));
    let id: SessionId =
        id.parse().map_err(|fault| ApiError::InvalidId { pointer: "/session_id", fault })?;
    let address = creator.address(id.clone());
    match sessions.create(creator, id, request).await {
        Ok(created) => Ok(created),
        Err(SessionError::Exists) if is_own => {
            let epoch = sessions.get(&address).await?.revision.epoch;
            Ok((address, Revision { epoch, seq: 1 }))
        }
        Err(error) => Err(error.into()),
    }
}

fn created(address: &SessionAddress, revision: Revision, answer: impl IntoResponse) -> Response {
    let mut headers = etag(revision);
    if let Ok(location) = HeaderValue::from_str(&path::session(address)) {
        headers.insert(header::LOCATION, location);
    }
    (StatusCode::CREATED, headers, answer).into_response()
}

fn etag(revision: Revision) -> HeaderMap {
    let etag = HeaderValue::from_str(&revision.etag());
    etag.into_iter().map(|etag| (header::ETAG, etag)).collect()
}

/// Where a page of a list begins, and how long it is
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Page {
    /// Sessions on the page, from 1 to 100.
    #[param(minimum = 1, maximum = 100, example = 50)]
    limit: Option<u32>,
    /// The `next_cursor` of the page before.
    cursor: Option<String>,
}

/// Lists a user's sessions, newest first
#[utoipa::path(
    get, path = path::USER_SESSIONS, tag = "Sessions", operation_id = "listSessions", security(("bearer" = [])),
    params(OwnedSpace, Page),
    responses(
        (status = 200, description = "A page of them", body = SessionList),
        Refusals<(OwnedSpace, Query<Page>, Paging, Storing)>,
    )
)]
pub(super) async fn list(
    OwnedSpace(owner): OwnedSpace,
    State(sessions): State<Arc<Sessions>>,
    Query(page): Query<Page>,
) -> Result<Answer<SessionList>, ApiError> {
    let limit = page.limit.unwrap_or(DEFAULT_PAGE);
    if !(1..=MAX_PAGE).contains(&limit) {
        let detail = format!("limit must be from 1 to {MAX_PAGE}");
        return Err(ApiError::Invalid { pointer: "limit".to_owned(), detail });
    }
    let after = page.cursor.as_deref().map(str::parse).transpose();
    let after: Option<ListPosition> = after.map_err(|_| ApiError::InvalidCursor)?;
    let (page, more) = sessions.list(&owner, after.as_ref(), limit).await?;
    let next_cursor = page.last().filter(|_| more).map(position);
    let sessions = page.into_iter().map(|listed| summary(&sessions, &owner, listed)).collect();
    Ok(Answer(SessionList { sessions, next_cursor }))
}

/// The cursor of what comes after `last`.
fn position(last: &ListedSession) -> String {
    ListPosition { created_at: last.created_at, id: last.id.clone() }.to_string()
}

fn summary(sessions: &Sessions, owner: &UserId, listed: ListedSession) -> SessionSummary {
    let address = SessionAddress::owned(owner.clone(), listed.id);
    SessionSummary {
        session_id: address.id.to_string(),
        created_at: listed.created_at,
        updated_at: listed.updated_at,
        ttl: sessions.seconds_left(listed.expires_at),
        revision: listed.revision.to_string(),
        visibility: listed.visibility,
        viewers: sessions.viewers(&address),
    }
}

fn whole(sessions: &Sessions, session: &StoredSession) -> Session {
    Session {
        user_id: session.address.owner.as_ref().map(ToString::to_string),
        summary: SessionSummary {
            session_id: session.address.id.to_string(),
            created_at: session.created_at,
            updated_at: session.updated_at,
            ttl: sessions.seconds_left(session.drawing.expires_at),
            revision: session.revision.to_string(),
            visibility: session.drawing.visibility,
            viewers: sessions.viewers(&session.address),
        },
        max_frames_per_second: session.drawing.max_frames_per_second.map(NonZeroU16::get),
        template: session.drawing.template.to_string(),
        args: session.drawing.args.as_ref().clone(),
    }
}

async fn read(
    sessions: &Sessions,
    address: &SessionAddress,
    known: &IfNoneMatch,
) -> Result<Response, ApiError> {
    let session = sessions.get(address).await?;
    let headers = etag(session.revision);
    if known.has(&session.revision.etag()) {
        return Ok((StatusCode::NOT_MODIFIED, headers).into_response());
    }
    Ok((headers, Answer(whole(sessions, &session))).into_response())
}

/// Reads a session of a user
#[utoipa::path(
    get, path = path::USER_SESSION, tag = "Sessions", operation_id = "readSession", security(("bearer" = [])),
    params(OwnedSession, IfNoneMatch),
    responses(
        (status = 200, description = "The session", body = Session, headers(("ETag"))),
        (status = 304, description = "It has not changed", headers(("ETag"))),
        Refusals<(OwnedSession, Finding)>,
    )
)]
pub(super) async fn get_owned(
    OwnedSession(address): OwnedSession,
    State(sessions): State<Arc<Sessions>>,
    known: IfNoneMatch,
) -> Result<Response, ApiError> {
    read(&sessions, &address, &known).await
}

/// Reads a public session
#[utoipa::path(
    get, path = path::PUBLIC_SESSION, tag = "Public sessions", operation_id = "readPublicSession",
    params(PublicSession, IfNoneMatch),
    responses(
        (status = 200, description = "The session", body = Session, headers(("ETag"))),
        (status = 304, description = "It has not changed", headers(("ETag"))),
        Refusals<(PublicSession, Finding)>,
    )
)]
pub(super) async fn get_public(
    PublicSession(address): PublicSession,
    State(sessions): State<Arc<Sessions>>,
    known: IfNoneMatch,
) -> Result<Response, ApiError> {
    read(&sessions, &address, &known).await
}

/// Changes a session of a user
///
/// What is absent stays; `args` replaces all args. Every viewer sees the result at once.
#[utoipa::path(
    put, path = path::USER_SESSION, tag = "Sessions", operation_id = "changeSession", security(("bearer" = [])),
    params(Changing<OwnedSession>, IfMatch),
    request_body = UpdateSession,
    responses(
        (status = 204, description = "It has changed", headers(("ETag"))),
        Refusals<(Changing<OwnedSession>, IfMatch, Json<UpdateSession>, Finding, Drawing, Keeping)>,
    )
)]
pub(super) async fn put_owned(
    Changing(OwnedSession(address)): Changing<OwnedSession>,
    State(sessions): State<Arc<Sessions>>,
    IfMatch(expected): IfMatch,
    Json(request): Json<UpdateSession>,
) -> Result<Response, ApiError> {
    let revision = sessions.change(&address, expected, request.into()).await?;
    Ok((StatusCode::NO_CONTENT, etag(revision)).into_response())
}

/// Changes some args of a user's session
///
/// The body is a JSON merge patch (RFC 7396) of the args: what it names changes, `null`
/// removes, the rest stays.
#[utoipa::path(
    patch, path = path::USER_SESSION, tag = "Sessions", operation_id = "patchSession", security(("bearer" = [])),
    params(Changing<OwnedSession>, IfMatch),
    request_body(
        content = Object, content_type = "application/merge-patch+json",
        description = "What changes among the args", example = json!({"value": 42}),
    ),
    responses(
        (status = 204, description = "It has changed", headers(("ETag"))),
        Refusals<(Changing<OwnedSession>, IfMatch, MergePatch, Finding, Drawing, Keeping)>,
    )
)]
pub(super) async fn patch_owned(
    Changing(OwnedSession(address)): Changing<OwnedSession>,
    State(sessions): State<Arc<Sessions>>,
    IfMatch(expected): IfMatch,
    MergePatch(patch): MergePatch,
) -> Result<Response, ApiError> {
    let revision = sessions.change(&address, expected, Change::merge(patch)).await?;
    Ok((StatusCode::NO_CONTENT, etag(revision)).into_response())
}

/// Deletes a session of a user
///
/// Its streams end; the last picture stays on the screens.
#[utoipa::path(
    delete, path = path::USER_SESSION, tag = "Sessions", operation_id = "deleteSession", security(("bearer" = [])),
    params(OwnedSession, IfMatch),
    responses(
        (status = 204, description = "It is gone"),
        Refusals<(OwnedSession, IfMatch, Finding)>,
    )
)]
pub(super) async fn delete_owned(
    OwnedSession(address): OwnedSession,
    State(sessions): State<Arc<Sessions>>,
    IfMatch(expected): IfMatch,
) -> Result<StatusCode, ApiError> {
    sessions.delete(&address, expected).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Changes a public session
#[utoipa::path(
    put, path = path::PUBLIC_SESSION, tag = "Public sessions", operation_id = "changePublicSession",
    params(Changing<PublicSession>, IfMatch),
    request_body = UpdateSession,
    responses(
        (status = 200, description = "It has changed", body = PublicSessionRef, headers(("ETag"))),
        Refusals<(Changing<PublicSession>, IfMatch, Json<UpdateSession>, Finding, Drawing, Keeping)>,
    )
)]
pub(super) async fn put_public(
    Changing(PublicSession(address)): Changing<PublicSession>,
    State(sessions): State<Arc<Sessions>>,
    IfMatch(expected): IfMatch,
    Json(request): Json<UpdateSession>,
) -> Result<Response, ApiError> {
    let revision = sessions.change(&address, expected, request.into()).await?;
    Ok(public_changed(&address, revision))
}

/// Changes some args of a public session
///
/// The body is a JSON merge patch (RFC 7396) of the args.
#[utoipa::path(
    patch, path = path::PUBLIC_SESSION, tag = "Public sessions", operation_id = "patchPublicSession",
    params(Changing<PublicSession>, IfMatch),
    request_body(
        content = Object, content_type = "application/merge-patch+json",
        description = "What changes among the args", example = json!({"value": 42}),
    ),
    responses(
        (status = 200, description = "It has changed", body = PublicSessionRef, headers(("ETag"))),
        Refusals<(Changing<PublicSession>, IfMatch, MergePatch, Finding, Drawing, Keeping)>,
    )
)]
pub(super) async fn patch_public(
    Changing(PublicSession(address)): Changing<PublicSession>,
    State(sessions): State<Arc<Sessions>>,
    IfMatch(expected): IfMatch,
    MergePatch(patch): MergePatch,
) -> Result<Response, ApiError> {
    let revision = sessions.change(&address, expected, Change::merge(patch)).await?;
    Ok(public_changed(&address, revision))
}

fn public_changed(address: &SessionAddress, revision: Revision) -> Response {
    let answer = PublicSessionRef { session_id: address.id.to_string() };
    (etag(revision), Answer(answer)).into_response()
}
