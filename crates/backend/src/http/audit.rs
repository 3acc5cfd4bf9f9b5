//! The audit log, for those who may read it.

use axum::{
    Json as Answer,
    http::header,
    response::{IntoResponse, Response},
};
use common::{
    api::{
        AuditAction, AuditResult,
        audit::{AuditEntry, AuditList},
    },
    path,
};
use serde::Deserialize;
use time::{OffsetDateTime, format_description::well_known::Rfc3339};
use utoipa::IntoParams;

use super::{
    docs::{Paging, Refusals},
    error::ApiError,
    extract::{Allowed, Query, ReadingAudit},
};
use crate::{
    account::AuditPage,
    store::{AuditFilter, AuditPosition, StoredAuditEntry},
};

/// Entries on a page when nothing is asked for, and at most.
const DEFAULT_PAGE: u32 = 50;
const MAX_PAGE: u32 = 100;

/// Entries that are read at a time for an export.
const EXPORTED_AT_ONCE: u32 = 500;

/// Which entries, and how they are sent
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Wanted {
    /// Who did it: a user id.
    #[param(example = "alice")]
    actor: Option<String>,
    /// What was done.
    #[param(inline, example = "sign_in.begun")]
    action: Option<AuditAction>,
    /// Whom it was done to: a user id.
    #[param(example = "alice")]
    target: Option<String>,
    /// Whether it was done.
    #[param(inline)]
    result: Option<AuditResult>,
    /// Not before this time (RFC 3339).
    #[param(format = DateTime, example = "2026-11-22T00:00:00Z")]
    from: Option<String>,
    /// Before this time (RFC 3339).
    #[param(format = DateTime, example = "2026-11-23T00:00:00Z")]
    until: Option<String>,
    /// Entries on the page, from 1 to 100.
    #[param(minimum = 1, maximum = 100, example = 50)]
    limit: Option<u32>,
    /// The `next_cursor` of the page before.
    cursor: Option<String>,
    /// `ndjson` for all entries that fit, one a line, without pages.
    #[param(inline)]
    format: Option<Format>,
}

/// How entries are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
enum Format {
    /// A page.
    Json,
    /// All of them, one a line.
    Ndjson,
}

/// Reads the audit log
///
/// Newest first; for auditors and administrators.
#[utoipa::path(
    get, path = path::AUDIT, tag = "Administration", operation_id = "readAudit",
    security(("bearer" = [])), params(Wanted),
    responses(
        (status = 200, description = "A page of entries, or all of them as lines", content(
            (AuditList = "application/json"),
            (AuditEntry = "application/x-ndjson"),
        )),
        Refusals<(Allowed<ReadingAudit>, Query<Wanted>, Paging)>,
    )
)]
pub(super) async fn list(
    Allowed { accounts, source, .. }: Allowed<ReadingAudit>,
    Query(wanted): Query<Wanted>,
) -> Result<Response, ApiError> {
    let limit = wanted.limit.unwrap_or(DEFAULT_PAGE);
    if !(1..=MAX_PAGE).contains(&limit) {
        let detail = format!("limit must be from 1 to {MAX_PAGE}");
        return Err(ApiError::Invalid { pointer: "limit".to_owned(), detail });
    }
    for (name, text) in [("actor", &wanted.actor), ("target", &wanted.target)] {
        if text.as_ref().is_some_and(|text| text.chars().any(char::is_control)) {
            let detail = "must be a user id".to_owned();
            return Err(ApiError::Invalid { pointer: name.to_owned(), detail });
        }
    }
    let before = wanted.cursor.as_deref().map(cursor).transpose()?;
    let is_export = wanted.format == Some(Format::Ndjson);
    let filter = AuditFilter {
        actor: wanted.actor,
        action: wanted.action,
        target: wanted.target,
        result: wanted.result,
        from: moment("from", wanted.from.as_deref())?,
        until: moment("until", wanted.until.as_deref())?,
    };
    if !is_export {
        let AuditPage { entries, next } = accounts.audit(&filter, before, limit).await?;
        let next_cursor = next.map(|AuditPosition(position)| format!("{position:x}"));
        let entries = entries.into_iter().map(on_the_wire).collect();
        return Ok(Answer(AuditList { entries, next_cursor }).into_response());
    }
    accounts.audit_is_read(&source).await?;
    // Read as it is sent: the log may be larger than memory.
    let lines = futures_util::stream::try_unfold(Some(before), move |next| {
        let (accounts, filter) = (accounts.clone(), filter.clone());
        async move {
            let Some(before) = next else { return Ok(None) };
            let page = accounts.audit(&filter, before, EXPORTED_AT_ONCE).await;
            let page = page.inspect_err(|error| tracing::error!(%error, "an export broke off"))?;
            let mut lines = Vec::new();
            for entry in page.entries.into_iter().map(on_the_wire) {
                serde_json::to_writer(&mut lines, &entry).map_err(std::io::Error::from)?;
                lines.push(b'\n');
            }
            Ok::<_, Box<dyn std::error::Error + Send + Sync>>(Some((lines, page.next.map(Some))))
        }
    });
    let headers = [
        (header::CONTENT_TYPE, "application/x-ndjson"),
        (header::CONTENT_DISPOSITION, "attachment; filename=\"easel-audit.ndjson\""),
    ];
    Ok((headers, axum::body::Body::from_stream(lines)).into_response())
}

fn cursor(text: &str) -> Result<AuditPosition, ApiError> {
    let position = u64::from_str_radix(text, 16).ok().map(AuditPosition);
    // A number has more spellings than the one that is written.
    let position = position.filter(|AuditPosition(position)| format!("{position:x}") == text);
    position.ok_or(ApiError::InvalidCursor)
}

fn moment(name: &str, text: Option<&str>) -> Result<Option<OffsetDateTime>, ApiError> {
    let read = |text: &str| OffsetDateTime::parse(text, &Rfc3339);
    text.map(read).transpose().map_err(|_| ApiError::Invalid {
        pointer: name.to_owned(),
        detail: "must be a time such as 2026-11-22T00:00:00Z (RFC 3339)".to_owned(),
    })
}

fn on_the_wire(stored: StoredAuditEntry) -> AuditEntry {
    let StoredAuditEntry { position, at, entry } = stored;
    AuditEntry {
        id: format!("{:x}", position.0),
        at,
        actor: entry.actor,
        action: entry.action,
        target: entry.target,
        address: entry.address.map(|address| address.to_string()),
        result: entry.result,
        trace_id: entry.trace_id,
        detail: entry.detail,
    }
}
