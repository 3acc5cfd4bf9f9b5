//! For operators and their probes.

use std::sync::Arc;

use axum::{
    Json,
    extract::State,
    http::header,
    response::{IntoResponse, Response},
};
use common::path;
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    App,
    docs::{Refusals, Uncounted, refuses},
    error::ApiError,
};
use crate::metrics::Metrics;

/// A probe's answer
#[derive(Serialize, ToSchema)]
#[schema(example = json!({ "status": "ok" }))]
pub(super) struct Status {
    /// `ok`
    status: &'static str,
}

const OK: Json<Status> = Json(Status { status: "ok" });

/// Is the process alive?
#[utoipa::path(
    get, path = path::HEALTH, tag = "Operations", operation_id = "readHealth",
    responses((status = 200, description = "Yes", body = Status), Refusals<(), Uncounted>)
)]
pub(super) async fn health() -> Json<Status> {
    OK
}

/// Whether every part works.
enum Readiness {}
refuses!(Readiness: NotReady);

/// Can it serve?
///
/// 503 names the parts that do not work.
#[utoipa::path(
    get, path = path::READY, tag = "Operations", operation_id = "readReadiness",
    responses((status = 200, description = "Yes", body = Status), Refusals<Readiness, Uncounted>)
)]
pub(super) async fn ready(State(app): State<App>) -> Result<Json<Status>, ApiError> {
    let mut faults = Vec::new();
    if app.hub.is_draining() {
        faults.push(("server", "the server is stopping".to_owned()));
    }
    // One look at the keyring shows both that the store answers and that it still has it.
    if let Err(error) = app.tokens.keyring().refresh().await {
        tracing::error!(%error, "not ready");
        let part = match error {
            crate::token::KeyringError::Store(_) => "store",
            _ => "keyring",
        };
        faults.push((part, format!("the {part} does not work; the log says why")));
    }
    if !app.tokens.revocations().are_current().await {
        tracing::error!("not ready: which tokens were revoked was last read a while ago");
        let known = "which tokens were revoked is not known; the log says why";
        faults.push(("revocations", known.to_owned()));
    }
    match faults.is_empty() {
        true => Ok(OK),
        false => Err(ApiError::NotReady(faults)),
    }
}

/// Measurements, on the ops listener only.
pub(super) async fn metrics(State(metrics): State<Arc<Metrics>>) -> Result<Response, ApiError> {
    let page = metrics.to_text().map_err(|_| ApiError::Internal)?;
    let content_type = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    Ok(([(header::CONTENT_TYPE, content_type)], page).into_response())
}
