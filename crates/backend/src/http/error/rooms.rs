//! What the rooms of drawings and shares say, as problems.

use axum::http::StatusCode;
use common::api::ErrorCode;

use super::{ApiError, Draft, short};
use crate::{
    http::shares::whole_seconds,
    limit::{Crowded, Decision},
    render::{Limit, RenderError},
    session::{ChangeError, SessionError, access::Denied},
    store::{Full, Quota, Space},
    ticket::TicketError,
};

pub(super) fn session(error: SessionError) -> Draft {
    match error {
        SessionError::NotFound => Draft::new(
            ErrorCode::SessionNotFound,
            "It was never created, was deleted, or has expired.",
        ),
        SessionError::Exists => Draft::field(
            ErrorCode::SessionExists,
            "/session_id",
            "choose another id, or change the session with PUT",
        ),
        SessionError::Changed => Draft::field(
            ErrorCode::PreconditionFailed,
            "If-Match",
            "the session has another revision by now; read it and decide again",
        ),
        SessionError::NoSuchTemplate(name) => Draft::field(
            ErrorCode::ValidationFailed,
            "/template_name",
            format!("there is no template `{}`; /api/templates lists them", short(&name)),
        ),
        SessionError::Change(ChangeError { pointer, detail }) => {
            Draft::field(ErrorCode::ValidationFailed, pointer, detail)
        }
        SessionError::Render(error) => render(error),
        SessionError::Full(full, quota) => used_up(full, quota),
        SessionError::Denied(Denied::Anonymous) => Draft::new(
            ErrorCode::AuthRequired,
            "This picture is private: send its owner's token as Authorization: Bearer <token>, \
             or a ticket as ?ticket=<ticket>.",
        ),
        SessionError::Denied(Denied::Stranger) => ApiError::Forbidden.draft(),
        SessionError::Defect(error) => {
            tracing::error!(%error, "a defect");
            Draft::of_status(StatusCode::INTERNAL_SERVER_ERROR)
        }
        SessionError::Bus(error) => {
            tracing::error!(%error, "the bus failed");
            Draft::new(ErrorCode::StoreUnavailable, "The stream cannot begin now; try again.")
        }
        SessionError::Store(error) => {
            tracing::error!(%error, "the store failed");
            Draft::new(ErrorCode::StoreUnavailable, "Nothing was changed; try again.")
        }
    }
}

pub(super) fn ticket(error: TicketError) -> Draft {
    match error {
        TicketError::Invalid => Draft::new(
            ErrorCode::AuthTicketInvalid,
            "A ticket opens one session, once, soon after it was issued; get a new one.",
        ),
        TicketError::Limit(limit) => Draft::new(
            ErrorCode::TicketLimit,
            format!("{limit} tickets of this user wait to be used; each waits 30 seconds at most."),
        ),
        TicketError::Store(error) => session(error.into()),
    }
}

pub(super) fn render(error: RenderError) -> Draft {
    match error {
        RenderError::Template { message, at } => {
            Draft::template(ErrorCode::TemplateInvalid, &message, at)
        }
        RenderError::Render { message, at } => {
            Draft::template(ErrorCode::RenderFailed, &message, at)
        }
        RenderError::NotSvg(fault) => Draft::template(ErrorCode::NotSvg, &fault.to_string(), None),
        RenderError::Worker => {
            tracing::error!("no render worker could do a job");
            Draft::new(ErrorCode::RenderUnavailable, "Nothing was changed; try again.")
        }
        RenderError::Unmetered { .. } => {
            Draft::template(ErrorCode::TemplateInvalid, &error.to_string(), None)
        }
        RenderError::Limit(limit) if limit.is_of_snapshot() => {
            Draft::new(ErrorCode::RenderLimit, limit.to_string())
        }
        RenderError::Limit(limit) => {
            let args = matches!(limit, Limit::ArgsBytes(_));
            let pointer = if args { "/args" } else { "/template" };
            Draft::field(ErrorCode::RenderLimit, pointer, limit.to_string())
        }
    }
}

pub(super) fn limited(decision: &Decision) -> Draft {
    let wait = whole_seconds(decision.more_after).max(1);
    let Decision { limit, rate, .. } = decision;
    let detail = format!("The limit is {rate} ({limit}); try again in {wait} s.");
    Draft { retry_after: Some(wait), ..Draft::new(ErrorCode::RateLimited, detail) }
}

fn used_up(full: Full, quota: Quota) -> Draft {
    let (name, whose) = match full {
        Full::Sessions(Space::User) => ("sessions-per-user", "You have"),
        Full::Bytes(Space::User) => ("bytes-per-user", "Your sessions may come to"),
        Full::Sessions(Space::Public) => ("public-sessions-in-all", "Of public ones there are"),
        Full::Bytes(Space::Public) => ("public-bytes-in-all", "Public sessions may come to"),
        Full::Sessions(Space::PublicFromAddress) => {
            ("public-sessions-per-address", "Of public ones your address has")
        }
        Full::Bytes(Space::PublicFromAddress) => {
            ("public-bytes-per-address", "Public sessions from one address may come to")
        }
        Full::Sessions(Space::All) => ("sessions-in-all", "There are"),
        Full::Bytes(Space::All) => ("bytes-in-all", "All sessions may come to"),
    };
    let most = match full {
        Full::Sessions(_) => format!("{} sessions, as many as may live", quota.sessions),
        Full::Bytes(_) => format!("{} bytes in all, and this would be more", quota.bytes),
    };
    let detail = format!("{whose} {most} ({name}). Room comes back when sessions end.");
    Draft { quota: Some(name), ..Draft::new(ErrorCode::QuotaExceeded, detail) }
}

pub(super) fn too_many_viewers(crowded: Crowded) -> Draft {
    let (code, what, most) = match crowded {
        Crowded::Session(most) => (ErrorCode::TooManyViewers, "This session", most),
        Crowded::Address(most) => (ErrorCode::TooManyViewers, "Your address", most),
        Crowded::Node(most) => (ErrorCode::NodeFull, "This node", most),
    };
    let limit = crowded.name();
    Draft::new(code, format!("{what} has {most} viewers, as many as it may have ({limit})."))
}
