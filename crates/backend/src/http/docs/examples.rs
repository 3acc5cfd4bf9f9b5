//! An example of every problem, in the words that the server really says.

use std::time::Duration;

use common::{
    InvalidId,
    api::{ErrorCode, Problem},
    jwt::TokenFault,
};

use crate::{
    http::error::{ApiError, Draft},
    idempotency::IdempotencyError,
    limit::{Crowded, Decision, Limit, Rate},
    render::{Position, RenderError},
    session::SessionError,
    store::{Full, Quota, Space},
    ticket::TicketError,
};

/// The problem that a request gets with this code.
pub(super) fn problem(code: ErrorCode) -> Problem {
    let draft = refusal(code).map_or_else(|| Draft::new(code, code.title()), ApiError::draft);
    draft.complete("/api/user/alice/session/chart", "4bf92f3577b34da6a3ce929d0e0e4736")
}

/// A refusal with this code; `None` for those that say no more than their title, or whose
/// causes are for the log.
fn refusal(code: ErrorCode) -> Option<ApiError> {
    let at = Some(Position { line: 2, column: 5 });
    Some(match code {
        ErrorCode::InvalidId => {
            ApiError::InvalidId { pointer: "session_id", fault: InvalidId::Character }
        }
        ErrorCode::InvalidJson => {
            ApiError::InvalidJson { detail: "not valid JSON (line 1, column 14)".to_owned() }
        }
        ErrorCode::ValidationFailed => ApiError::Invalid {
            pointer: "/ttl_seconds".to_owned(),
            detail: "has a value of the wrong type".to_owned(),
        },
        ErrorCode::InvalidCursor => ApiError::InvalidCursor,
        ErrorCode::IdempotencyKeyRequired => IdempotencyError::KeyRequired.into(),
        ErrorCode::AuthRequired => ApiError::AuthRequired,
        ErrorCode::AuthTokenInvalid => TokenFault::Signature.into(),
        ErrorCode::AuthTokenExpired => TokenFault::Expired.into(),
        ErrorCode::AuthCredentialsInvalid => ApiError::Credentials,
        ErrorCode::Forbidden => ApiError::Forbidden,
        ErrorCode::AuthTicketInvalid => TicketError::Invalid.into(),
        ErrorCode::OriginNotAllowed => ApiError::Origin,
        ErrorCode::HostNotAllowed => ApiError::Host,
        ErrorCode::TicketLimit => TicketError::Limit(1_000).into(),
        ErrorCode::NotFound => ApiError::NotFound,
        ErrorCode::SessionNotFound => SessionError::NotFound.into(),
        ErrorCode::TemplateNotFound => ApiError::NoSuchTemplate("gauge2".to_owned()),
        ErrorCode::SessionExists => SessionError::Exists.into(),
        ErrorCode::IdempotencyInProgress => {
            IdempotencyError::InProgress(Duration::from_secs(30)).into()
        }
        ErrorCode::IdempotencyKeyReused => IdempotencyError::Reused.into(),
        ErrorCode::PreconditionFailed => SessionError::Changed.into(),
        ErrorCode::RequestTimeout => ApiError::BodyTooSlow(Duration::from_secs(30)),
        ErrorCode::BodyTooLarge => ApiError::BodyTooLarge(1_048_576),
        ErrorCode::UnsupportedMediaType => ApiError::MediaType { wanted: "application/json" },
        ErrorCode::TemplateInvalid => {
            let message = "unexpected end of expression".to_owned();
            RenderError::Template { message, at }.into()
        }
        ErrorCode::RenderFailed => {
            let message = "Variable `value` not found in context".to_owned();
            RenderError::Render { message, at }.into()
        }
        ErrorCode::RateLimited => {
            let limit = Limit::RendersPerAddress;
            let rate: Rate = "600/1m".parse().ok()?;
            let more_after = rate.window() / rate.count();
            ApiError::Limited(Decision { limit, rate, remaining: 0, more_after, refused: true })
        }
        ErrorCode::QuotaExceeded => {
            let quota = Quota { sessions: 10_000, bytes: 268_435_456 };
            SessionError::Full(Full::Sessions(Space::User), quota).into()
        }
        ErrorCode::TooManyViewers => ApiError::Crowded(Crowded::Session(10_000)),
        ErrorCode::NodeFull => ApiError::Crowded(Crowded::Node(20_000)),
        ErrorCode::Draining => ApiError::Draining,
        ErrorCode::NotReady => ApiError::NotReady(vec![(
            "store",
            "the store does not work; the log says why".to_owned(),
        )]),
        _ => return None,
    })
}
