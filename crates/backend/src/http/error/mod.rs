//! Every error that leaves, in one place: a room's error becomes a code, a detail and, where
//! a field is at fault, its pointer. Causes go to the log.

mod accounts;
mod rooms;

use std::{any::Any, time::Duration};

use axum::{
    Json,
    http::{HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use common::{
    InvalidId,
    api::{ErrorCode, FieldError, Problem},
    jwt::TokenFault,
};

use self::{
    accounts::account,
    rooms::{limited, render, session, ticket, too_many_viewers},
};
use super::extract::idempotent;
use crate::{
    account::{AccountError, WeakPassword},
    idempotency::IdempotencyError,
    limit::{Crowded, Decision},
    render::{Position, RenderError},
    session::{SessionError, access::Denied},
    ticket::TicketError,
    token::IssueError,
};

/// `application/problem+json` (RFC 9457).
pub(super) const PROBLEM_JSON: &str = "application/problem+json";

/// Seconds after which it makes sense to try again when the server cannot serve now.
pub(super) const RETRY_AFTER: u64 = 2;

/// Seconds after which someone may have left, or something may have expired.
const RETRY_WHEN_FULL: u64 = 30;

/// Why a request is refused.
#[derive(Debug)]
pub(super) enum ApiError {
    /// No such route.
    NotFound,
    /// An id in the path or the body.
    InvalidId { pointer: &'static str, fault: InvalidId },
    /// A body that is not JSON.
    InvalidJson { detail: String },
    /// A field, parameter or header with a value that is not allowed.
    Invalid { pointer: String, detail: String },
    /// A cursor that did not come from here.
    InvalidCursor,
    /// More body than allowed; the limit in bytes.
    BodyTooLarge(usize),
    /// A body that takes its time.
    BodyTooSlow(Duration),
    /// Not declared as JSON.
    MediaType { wanted: &'static str },
    /// No token, and one is needed.
    AuthRequired,
    /// A token that is not believed.
    Token(TokenFault),
    /// What the ticket room says.
    Ticket(TicketError),
    /// A page of a site that may not do this.
    Origin,
    /// A name that is not ours.
    Host,
    /// Wrong user id or password.
    Credentials,
    /// A right of someone else.
    Forbidden,
    /// No such template in the gallery.
    NoSuchTemplate(String),
    /// No accounts are kept here.
    AccountsOff,
    /// What the account room says.
    Account(AccountError),
    /// A password that cannot be taken.
    WeakPassword { pointer: &'static str, weak: WeakPassword },
    /// An API key that is none, or that has ended.
    ApiKey,
    /// An API key or a role that does not allow this.
    Denied(&'static str),
    /// A refresh token in the body and another one in the cookie.
    TwoRefreshTokens,
    /// What the session room says.
    Session(SessionError),
    /// What the render room says.
    Render(RenderError),
    /// What the token room says.
    Issue(IssueError),
    /// What the idempotency room says.
    Idempotency(IdempotencyError),
    /// A share is used up for now.
    Limited(Decision),
    /// All seats for viewers are taken.
    Crowded(Crowded),
    /// The node is stopping.
    Draining,
    /// Parts that do not work, each with what is wrong.
    NotReady(Vec<(&'static str, String)>),
    /// A defect; already logged.
    Internal,
}

macro_rules! from {
    ($($source:ty => $variant:ident),* $(,)?) => {
        $(impl From<$source> for ApiError {
            fn from(error: $source) -> Self {
                Self::$variant(error)
            }
        })*
    };
}

from! {
    SessionError => Session,
    RenderError => Render,
    IssueError => Issue,
    TokenFault => Token,
    TicketError => Ticket,
    IdempotencyError => Idempotency,
    AccountError => Account,
}

/// A problem that does not know its request yet; [`super::guard`] completes it.
#[derive(Debug, Clone)]
pub(super) struct Draft {
    pub(super) code: ErrorCode,
    pub(super) detail: String,
    pub(super) errors: Vec<FieldError>,
    /// After how many seconds it makes sense to try again.
    pub(super) retry_after: Option<u64>,
    /// Which quota is used up.
    pub(super) quota: Option<&'static str>,
}

impl Draft {
    pub(super) fn new(code: ErrorCode, detail: impl Into<String>) -> Self {
        let retry_after = match code.status() {
            429 => Some(RETRY_WHEN_FULL),
            503 => Some(RETRY_AFTER),
            _ => None,
        };
        Self { code, detail: detail.into(), errors: Vec::new(), retry_after, quota: None }
    }

    pub(super) fn field(
        code: ErrorCode,
        pointer: impl Into<String>,
        detail: impl Into<String>,
    ) -> Self {
        let detail = detail.into();
        let pointer = pointer.into();
        let error = FieldError { pointer, code, detail: detail.clone(), line: None, column: None };
        Self { errors: vec![error], ..Self::new(code, detail) }
    }

    fn template(code: ErrorCode, message: &str, at: Option<Position>) -> Self {
        let place = at.map(|at| format!(" (line {}, column {})", at.line, at.column));
        let mut draft = Self::field(code, "/template", message);
        draft.detail = format!("{message}{}", place.unwrap_or_default());
        for error in &mut draft.errors {
            error.line = at.map(|at| at.line as u64);
            error.column = at.map(|at| at.column as u64);
        }
        draft
    }

    /// What a bare status of the framework means.
    pub(super) fn of_status(status: StatusCode) -> Self {
        let code = match status {
            StatusCode::NOT_FOUND => ErrorCode::NotFound,
            StatusCode::METHOD_NOT_ALLOWED => ErrorCode::MethodNotAllowed,
            StatusCode::PAYLOAD_TOO_LARGE => ErrorCode::BodyTooLarge,
            StatusCode::UNSUPPORTED_MEDIA_TYPE => ErrorCode::UnsupportedMediaType,
            status if status.is_client_error() => ErrorCode::ValidationFailed,
            _ => ErrorCode::Internal,
        };
        let detail = match code {
            ErrorCode::MethodNotAllowed => "The Allow header lists the methods of this path.",
            ErrorCode::NotFound => "The reference at /api/openapi.json lists every path.",
            _ => code.title(),
        };
        Self::new(code, detail)
    }

    pub(super) fn complete(self, instance: &str, trace_id: &str) -> Problem {
        Problem {
            kind: "about:blank".to_owned(),
            title: self.code.title().to_owned(),
            status: self.code.status(),
            detail: self.detail,
            instance: instance.to_owned(),
            code: self.code,
            trace_id: trace_id.to_owned(),
            errors: self.errors,
        }
    }
}

impl ApiError {
    /// Tells the operator that someone tried what they may not: the cause, and nothing that
    /// they sent. Which request it was stands in the span.
    fn report(&self) {
        match self {
            Self::Token(fault) => tracing::warn!(cause = %fault, "a token was refused"),
            Self::Ticket(TicketError::Invalid) => tracing::warn!("a ticket was refused"),
            Self::Origin => tracing::warn!("a page of another site was refused"),
            Self::Host => tracing::warn!("a request by a name that is not ours was refused"),
            Self::Credentials | Self::Account(AccountError::Credentials) => {
                tracing::warn!("a password was refused");
            }
            Self::ApiKey => tracing::warn!("an API key was refused"),
            Self::Forbidden
            | Self::Denied(_)
            | Self::Session(SessionError::Denied(Denied::Stranger)) => {
                tracing::warn!("someone was refused what belongs to another");
            }
            _ => {}
        }
    }

    pub(super) fn draft(self) -> Draft {
        use ErrorCode as Code;
        match self {
            Self::NotFound => Draft::of_status(StatusCode::NOT_FOUND),
            Self::InvalidId { pointer, fault } => {
                Draft::field(Code::InvalidId, pointer, format!("{} {fault}", last_segment(pointer)))
            }
            Self::InvalidJson { detail } => Draft::field(Code::InvalidJson, "", detail),
            Self::Invalid { pointer, detail } => {
                Draft::field(Code::ValidationFailed, pointer, detail)
            }
            Self::InvalidCursor => {
                Draft::field(Code::InvalidCursor, "cursor", "send a next_cursor as it was received")
            }
            Self::BodyTooSlow(within) => Draft::new(
                Code::RequestTimeout,
                format!("A body must have come in within {within:?}."),
            ),
            Self::BodyTooLarge(limit) => {
                Draft::new(Code::BodyTooLarge, format!("A body may have up to {limit} bytes."))
            }
            Self::MediaType { wanted } => Draft::field(
                Code::UnsupportedMediaType,
                "Content-Type",
                format!("send the body with Content-Type: {wanted}"),
            ),
            Self::AuthRequired => {
                Draft::new(Code::AuthRequired, "Send a token as Authorization: Bearer <token>.")
            }
            Self::Token(TokenFault::Expired) => {
                Draft::new(Code::AuthTokenExpired, "The token has expired; get a new one.")
            }
            Self::Token(_) => Draft::new(Code::AuthTokenInvalid, "The token is not valid here."),
            Self::Ticket(error) => ticket(error),
            Self::Origin => Draft::field(
                Code::OriginNotAllowed,
                "Origin",
                "the operator has to add this site to the setting cors-origins",
            ),
            Self::Host => Draft::field(
                Code::HostNotAllowed,
                "Host",
                "anyone who is on this machine gets a token, so ask by its address, as localhost, \
                 or by the name in the setting public-url",
            ),
            Self::Credentials => {
                Draft::new(Code::AuthCredentialsInvalid, "The user id or the password is wrong.")
            }
            Self::Forbidden => Draft::new(Code::Forbidden, "This token speaks for another user."),
            Self::NoSuchTemplate(name) => Draft::new(
                Code::TemplateNotFound,
                format!("There is no template `{}`; /api/templates lists them.", short(&name)),
            ),
            Self::AccountsOff => Draft::new(
                Code::AccountsOff,
                "Nodes that share a Redis keep accounts in PostgreSQL: the operator has to set \
                 database-url.",
            ),
            Self::Account(error) => account(error),
            Self::WeakPassword { pointer, weak } => {
                Draft::field(Code::PasswordRejected, pointer, weak.to_string())
            }
            Self::ApiKey => {
                Draft::new(Code::AuthTokenInvalid, "The API key was revoked, or is none of ours.")
            }
            Self::Denied(why) => Draft::new(Code::Forbidden, why),
            Self::TwoRefreshTokens => Draft::field(
                Code::ValidationFailed,
                "/refresh_token",
                "the cookie has another one; send one of the two",
            ),
            Self::Session(error) => session(error),
            Self::Render(error) => render(error),
            Self::Issue(IssueError::Lifetime(max)) => Draft::field(
                Code::ValidationFailed,
                "/ttl_seconds",
                format!("a token may live from 1 second to {} seconds", max.as_secs()),
            ),
            Self::Issue(IssueError::Key(error)) => {
                tracing::error!(%error, "could not sign a token");
                Draft::of_status(StatusCode::INTERNAL_SERVER_ERROR)
            }
            Self::Idempotency(error) => idempotent::draft(error),
            Self::Limited(decision) => limited(&decision),
            Self::Crowded(crowded) => too_many_viewers(crowded),
            Self::Draining => {
                Draft::new(Code::Draining, "This node is stopping; another one will serve you.")
            }
            Self::NotReady(parts) => {
                let mut draft = Draft::new(Code::NotReady, "Some parts do not work.");
                let error = |(part, detail): (&str, String)| FieldError {
                    pointer: part.to_owned(),
                    code: Code::NotReady,
                    detail,
                    line: None,
                    column: None,
                };
                draft.errors = parts.into_iter().map(error).collect();
                draft
            }
            Self::Internal => Draft::of_status(StatusCode::INTERNAL_SERVER_ERROR),
        }
    }
}

/// A name that someone sent, short enough to repeat.
fn short(name: &str) -> String {
    name.chars().take(64).collect()
}

fn last_segment(pointer: &str) -> &str {
    pointer.rsplit('/').next().unwrap_or(pointer)
}

/// RFC 6750 §3: what kind of token would help, and what is wrong with the one that was sent.
fn challenge(code: ErrorCode) -> Option<&'static str> {
    match code {
        ErrorCode::AuthRequired
        | ErrorCode::AuthCredentialsInvalid
        | ErrorCode::AuthRefreshInvalid
        | ErrorCode::AuthRefreshExpired
        | ErrorCode::AuthRefreshReused
        | ErrorCode::AuthTicketInvalid => Some("Bearer"),
        ErrorCode::AuthTokenInvalid | ErrorCode::AuthTokenExpired => {
            Some("Bearer error=\"invalid_token\"")
        }
        ErrorCode::Forbidden => Some("Bearer error=\"insufficient_scope\""),
        _ => None,
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        self.report();
        let draft = self.draft();
        let status =
            StatusCode::from_u16(draft.code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = status.into_response();
        let mut add = |name: HeaderName, value| {
            response.headers_mut().insert(name, HeaderValue::from_static(value));
        };
        if let Some(challenge) = challenge(draft.code) {
            add(header::WWW_AUTHENTICATE, challenge);
        }
        if let Some(seconds) = draft.retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
        }
        response.extensions_mut().insert(draft);
        response
    }
}

/// A problem as a response body.
pub(super) fn body(problem: &Problem) -> Response {
    ([(header::CONTENT_TYPE, PROBLEM_JSON)], Json(problem)).into_response()
}

/// Answers any path that is not there.
pub(super) async fn not_found() -> ApiError {
    ApiError::NotFound
}

/// Answers for a handler that panicked. What it said is in the log already.
pub(super) fn panicked(_: Box<dyn Any + Send>) -> Response {
    tracing::error!("this request met a defect");
    ApiError::Internal.into_response()
}
