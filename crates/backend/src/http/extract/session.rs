//! What the caller may touch. The order is always: who are you (401), is it yours (403), is
//! it there (404); a stranger learns nothing of what exists.

use std::sync::Arc;

use axum::{
    extract::{FromRef, FromRequestParts, RawPathParams},
    http::{HeaderMap, Method, request::Parts},
};
use common::{Revision, SessionAddress, SessionId, UserId, api::Visibility};

use super::{
    caller::{Caller, MaybeCaller, MaybeKey, Need, user},
    json::Query,
    proof::{Proof, beside_the_header},
};
use crate::{
    config::Config,
    http::{
        App,
        docs::{Finding, reads, refuses},
        error::ApiError,
        form::{Form, How},
    },
    hub::Place,
    render::Size,
    session::{SessionError, Sessions, Shown, Visit, access::Denied},
    ticket::TicketError,
    token::Identity,
};

/// The segments of the path, by the names of the route's pattern. Segments that are not UTF-8
/// stay out: to whoever asks for them they are empty, and so no valid name.
pub(in crate::http) struct Segments(Option<RawPathParams>);

impl<S: Send + Sync> FromRequestParts<S> for Segments {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        Ok(Self(RawPathParams::from_request_parts(parts, state).await.ok()))
    }
}

impl Segments {
    /// A segment as it stands in the URL, decoded.
    pub(in crate::http) fn segment(&self, name: &str) -> &str {
        let mut segments = self.0.iter().flatten();
        segments.find(|(known, _)| *known == name).map_or("", |(_, segment)| segment)
    }

    /// A segment that can be a name, as all names of ours are spelled.
    pub(in crate::http) fn name(&self, name: &str) -> Option<&str> {
        let segment = self.segment(name);
        segment.parse::<SessionId>().is_ok().then_some(segment)
    }

    pub(super) fn user_id(&self) -> Result<UserId, ApiError> {
        let invalid = |fault| ApiError::InvalidId { pointer: "user_id", fault };
        self.segment("user_id").parse().map_err(invalid)
    }

    fn session_id(&self) -> Result<SessionId, ApiError> {
        let invalid = |fault| ApiError::InvalidId { pointer: "session_id", fault };
        self.segment("session_id").parse().map_err(invalid)
    }
}

/// The namespace of the caller: they may create and list here.
pub(in crate::http) struct OwnedSpace(pub(in crate::http) UserId);
refuses!(OwnedSpace: InvalidId, Forbidden; and Caller, MaybeKey);
reads!(OwnedSpace: user_id);

impl FromRequestParts<App> for OwnedSpace {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        owner_with(parts, app, &Need::Sessions).await.map(Self)
    }
}

/// The user whose namespace it is, if the caller's token is theirs, or their API key's scopes have
/// what is needed.
async fn owner_with(parts: &mut Parts, app: &App, need: &Need) -> Result<UserId, ApiError> {
    let caller = user(parts, app, need).await?;
    let owner = Segments::from_request_parts(parts, app).await?.user_id()?;
    match caller == owner {
        true => Ok(owner),
        false => Err(ApiError::Forbidden),
    }
}

/// The caller, if the namespace is theirs, by a token.
async fn owner(parts: &mut Parts, app: &App) -> Result<Identity, ApiError> {
    let Caller(caller) = Caller::from_request_parts(parts, app).await?;
    let owner = Segments::from_request_parts(parts, app).await?.user_id()?;
    match caller.user == owner {
        true => Ok(caller),
        false => Err(ApiError::Forbidden),
    }
}

/// A session of the caller's: they may read, change and delete it, if it exists.
pub(in crate::http) struct OwnedSession(pub(in crate::http) SessionAddress);
refuses!(OwnedSession: InvalidId; and OwnedSpace);
reads!(OwnedSession: user_id, session_id);

impl FromRequestParts<App> for OwnedSession {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        let id = Segments::from_request_parts(parts, app).await?.session_id();
        let need = match &id {
            // What ends a session takes more than what changes it.
            Ok(id) if parts.method != Method::DELETE => Need::Session(id.clone()),
            _ => Need::Sessions,
        };
        let owner = owner_with(parts, app, &need).await?;
        Ok(Self(SessionAddress::owned(owner, id?)))
    }
}

/// A session of the caller's, and what the caller may hand on of the right to it.
pub(in crate::http) struct Handing {
    pub(in crate::http) address: SessionAddress,
    pub(in crate::http) owner: Identity,
}
refuses!(Handing: ; and OwnedSession);
reads!(Handing: user_id, session_id);

impl FromRequestParts<App> for Handing {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        let owner = owner(parts, app).await?;
        let id = Segments::from_request_parts(parts, app).await?.session_id()?;
        Ok(Self { address: SessionAddress::owned(owner.user.clone(), id), owner })
    }
}

/// The namespace that everyone shares, where it is open.
pub(in crate::http) struct PublicSpace;
refuses!(PublicSpace: NotFound);

impl FromRequestParts<App> for PublicSpace {
    type Rejection = ApiError;

    async fn from_request_parts(_: &mut Parts, app: &App) -> Result<Self, ApiError> {
        match Arc::<Config>::from_ref(app).public_sessions {
            true => Ok(Self),
            false => Err(ApiError::NotFound),
        }
    }
}

/// A session that everyone may read and change, if it exists.
pub(in crate::http) struct PublicSession(pub(in crate::http) SessionAddress);
refuses!(PublicSession: InvalidId; and PublicSpace);
reads!(PublicSession: session_id);

impl FromRequestParts<App> for PublicSession {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        PublicSpace::from_request_parts(parts, app).await?;
        let id = Segments::from_request_parts(parts, app).await?.session_id()?;
        Ok(Self(SessionAddress::public(id)))
    }
}

/// What is asked for after the last dot of a stream's URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::http) enum Suffix {
    Svg,
    Png,
}

/// A session that the caller may watch, and a place to watch it from.
pub(in crate::http) struct Watching {
    pub(in crate::http) shown: Shown,
    pub(in crate::http) place: Place,
    pub(in crate::http) form: Form,
    /// Of a bitmap.
    pub(in crate::http) size: Size,
    pub(in crate::http) proof: Proof,
}

/// What someone watches, or the fact that they cannot: a stream answers that in more than one
/// way.
pub(in crate::http) struct Readable(pub(in crate::http) Result<Watching, SessionError>);
refuses!(Readable: AuthRequired, AuthTicketInvalid, Forbidden; and MaybeCaller, Finding, Query<How>);
reads!(Readable: user_id, watched_id, last_event_id);

impl FromRequestParts<App> for Readable {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        let MaybeCaller(caller) = MaybeCaller::from_request_parts(parts, app).await?;
        let segments = Segments::from_request_parts(parts, app).await?;
        let (address, suffix) = address(&segments, app).ok_or(SessionError::NotFound)?;
        let Query(how) = Query::<How>::from_request_parts(parts, app).await?;
        let form = how.form(suffix, &parts.headers);
        let size = how.size(form, app.config.render.snapshot.side)?;
        let sessions = Arc::<Sessions>::from_ref(app);
        let mut proof = Proof::Header;
        let stays = form.is_live() && parts.method != Method::HEAD;
        let visit = match stays {
            true => Visit::Stay { seen: last_event_id(&parts.headers) },
            false => Visit::Look,
        };
        let mut watched = sessions.watch(&address, caller.as_ref(), visit).await;
        if matches!(watched, Err(SessionError::Denied(Denied::Anonymous))) {
            let shown = beside_the_header(parts, app, &address, how.ticket).await?;
            if let Some((owner, by)) = shown {
                watched = sessions.watch(&address, Some(&owner), visit).await;
                proof = by;
            }
        }
        if let (Ok((_, shown)), Proof::Ticket { epoch, .. }) = (&watched, &proof)
            && shown.frame.revision.epoch != *epoch
        {
            return Err(TicketError::Invalid.into());
        }
        Ok(Self(watched.map(|(place, shown)| {
            if shown.terms.visibility == Visibility::Public {
                proof = Proof::NotNeeded;
            }
            Watching { shown, place, form, size, proof }
        })))
    }
}

/// What whoever comes back has seen last.
pub(in crate::http) fn last_event_id(headers: &HeaderMap) -> Option<Revision> {
    headers.get("last-event-id")?.to_str().ok()?.parse().ok()
}

/// The session that a stream's URL names. An id that cannot exist is not found.
fn address(segments: &Segments, app: &App) -> Option<(SessionAddress, Option<Suffix>)> {
    let name = segments.segment("session_id");
    let (id, suffix) = match name.rsplit_once('.') {
        Some((id, "svg")) => (id, Some(Suffix::Svg)),
        Some((id, "png")) => (id, Some(Suffix::Png)),
        _ => (name, None),
    };
    let id = id.parse().ok()?;
    let owner = match segments.segment("user_id") {
        "" => Arc::<Config>::from_ref(app).public_sessions.then_some(None)?,
        owner => Some(owner.parse().ok()?),
    };
    Some((SessionAddress { owner, id }, suffix))
}
