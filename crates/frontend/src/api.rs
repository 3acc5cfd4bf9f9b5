//! The server, as functions: one for each endpoint, with the types that both sides share.

use std::fmt;

use common::{
    SessionAddress, SessionId, UserId,
    api::{
        CreateSession, ErrorCode, Problem, RenderRequest, ServerInfo, Session, SessionList,
        TemplateList, Ticket, Token, TokenRequest, UpdateSession, UserSessionRef,
    },
    path,
};
use gloo_net::http::{Request, RequestBuilder, Response};
use serde::{Serialize, de::DeserializeOwned};

use crate::{identity::Identity, wording::sentence};

/// Why a call did not do what it should.
#[derive(Debug, Clone)]
pub(crate) enum ApiError {
    /// The server said why.
    Problem(Box<Problem>),
    /// There was an answer, but not one of ours: a proxy's, or a much newer server's.
    Strange(u16),
    /// There was no answer.
    Unreachable,
}

impl ApiError {
    /// The server's code, if it gave one.
    pub(crate) fn code(&self) -> Option<ErrorCode> {
        match self {
            Self::Problem(problem) => Some(problem.code),
            _ => None,
        }
    }

    /// Whether the server says that there is no such thing (any more).
    pub(crate) fn is_gone(&self) -> bool {
        self.status() == Some(404)
    }

    /// Whether the server says that this is not (or no longer) one's own.
    pub(crate) fn is_denied(&self) -> bool {
        matches!(self.status(), Some(401 | 403))
    }

    fn status(&self) -> Option<u16> {
        match self {
            Self::Problem(problem) => Some(problem.status),
            Self::Strange(status) => Some(*status),
            Self::Unreachable => None,
        }
    }
}

/// What to tell the person who waits for the answer.
impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Problem(problem) => match problem.errors.first() {
                Some(first) => f.write_str(&sentence(&first.detail)),
                None => write!(f, "{} {}", sentence(&problem.title), sentence(&problem.detail)),
            },
            Self::Strange(status) => {
                write!(f, "The server's answer (status {status}) makes no sense to this page.")
            }
            Self::Unreachable => f.write_str("The server cannot be reached just now."),
        }
    }
}

/// What a call to the server comes to.
pub(crate) type Answer<T> = Result<T, ApiError>;

/// What this server offers.
pub(crate) async fn server() -> Answer<ServerInfo> {
    json(send(Request::get(path::SERVER).build()).await?).await
}

/// A token for a user.
pub(crate) async fn mint(request: &TokenRequest) -> Answer<Token> {
    json(send(body(Request::post(path::TOKEN), request)).await?).await
}

/// The gallery.
pub(crate) async fn templates() -> Answer<TemplateList> {
    json(send(Request::get(path::TEMPLATES).build()).await?).await
}

/// The SVG that a template makes of its args; nothing is kept.
pub(crate) async fn render(request: &RenderRequest) -> Answer<String> {
    let response = send(body(Request::post(path::RENDER), request)).await?;
    response.text().await.map_err(|_| ApiError::Strange(response.status()))
}

/// A page of a user's sessions, newest first.
pub(crate) async fn sessions(
    who: Identity,
    user: &UserId,
    cursor: Option<&str>,
) -> Answer<SessionList> {
    let mut request = Request::get(&path::user_sessions(user));
    if let Some(cursor) = cursor {
        request = request.query([("cursor", cursor)]);
    }
    json(heard(who, send(signed(who, request).build()).await)?).await
}

/// A new session.
pub(crate) async fn create(
    who: Identity,
    user: &UserId,
    session: &CreateSession,
) -> Answer<UserSessionRef> {
    let request = signed(who, Request::post(&path::user_session_create(user)));
    json(heard(who, send(body(request, session)).await)?).await
}

/// A whole session.
pub(crate) async fn session(who: Identity, address: &SessionAddress) -> Answer<Session> {
    let request = signed(who, Request::get(&path::session(address)));
    json(heard(who, send(request.build()).await)?).await
}

/// Changes a session that still has the entity tag `seen`, and says which it has now.
pub(crate) async fn update(
    who: Identity,
    address: &SessionAddress,
    update: &UpdateSession,
    seen: Option<&str>,
) -> Answer<Option<String>> {
    let mut request = signed(who, Request::put(&path::session(address)));
    if let Some(seen) = seen {
        request = request.header("If-Match", seen);
    }
    let response = heard(who, send(body(request, update)).await)?;
    Ok(response.headers().get("ETag"))
}

/// Ends a session.
pub(crate) async fn delete(who: Identity, user: &UserId, id: &SessionId) -> Answer<()> {
    let address = SessionAddress::owned(user.clone(), id.clone());
    let request = signed(who, Request::delete(&path::session(&address)));
    heard(who, send(request.build()).await).map(drop)
}

/// A right to open one stream of a session of one's own: an `EventSource` sends no token.
pub(crate) async fn ticket(who: Identity, address: &SessionAddress) -> Answer<Ticket> {
    let request = signed(who, Request::post(&path::ticket(address)));
    json(heard(who, send(request.build()).await)?).await
}

/// The current frame of a session of one's own, as SVG.
pub(crate) async fn picture(who: Identity, address: &SessionAddress) -> Answer<String> {
    let request = signed(who, Request::get(&snapshot(address)));
    let response = heard(who, send(request.build()).await)?;
    response.text().await.map_err(|_| ApiError::Strange(response.status()))
}

/// Where the current frame of a session is, once, as SVG.
pub(crate) fn snapshot(address: &SessionAddress) -> String {
    format!("{}.svg", path::stream(address))
}

fn signed(who: Identity, request: RequestBuilder) -> RequestBuilder {
    match who.token() {
        Some(token) => request.header("Authorization", &format!("Bearer {token}")),
        None => request,
    }
}

fn body(request: RequestBuilder, content: &impl Serialize) -> Result<Request, gloo_net::Error> {
    let content = serde_json::to_string(content)?;
    request.header("Content-Type", "application/json").body(content)
}

async fn send(request: Result<Request, gloo_net::Error>) -> Answer<Response> {
    let response = match request {
        Ok(request) => request.send().await.map_err(|_| ApiError::Unreachable)?,
        Err(_) => return Err(ApiError::Unreachable),
    };
    if response.ok() {
        return Ok(response);
    }
    let status = response.status();
    Err(json(response).await.map_or(ApiError::Strange(status), ApiError::Problem))
}

async fn json<T: DeserializeOwned>(response: Response) -> Answer<T> {
    let status = response.status();
    let text = response.text().await.map_err(|_| ApiError::Unreachable)?;
    serde_json::from_str(&text).map_err(|_| ApiError::Strange(status))
}

/// A 401 to a call that carried a token ends the sign-in, wherever on the page it happened.
fn heard<T>(who: Identity, answer: Answer<T>) -> Answer<T> {
    if answer.as_ref().is_err_and(|error| error.status() == Some(401)) {
        who.refused();
    }
    answer
}
