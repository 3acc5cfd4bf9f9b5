//! The gallery, and rendering without a session.

use std::sync::Arc;

use axum::{
    Json as Answer,
    extract::State,
    http::header,
    response::{IntoResponse, Response},
};
use common::{
    api::{RenderRequest, Template, TemplateList},
    path,
};

use super::{
    error::ApiError,
    extract::{Json, Segments},
};
use crate::session::{Sessions, gallery};

/// Lists the gallery
#[utoipa::path(
    get, path = path::TEMPLATES, tag = "Templates",
    responses((status = 200, body = TemplateList))
)]
pub(super) async fn list() -> Answer<TemplateList> {
    Answer(TemplateList { templates: gallery::all().to_vec() })
}

/// Reads a template of the gallery
#[utoipa::path(
    get, path = path::TEMPLATE, tag = "Templates",
    params(("name" = String, Path, example = "badge")),
    responses((status = 200, body = Template))
)]
pub(super) async fn get(segments: Segments) -> Result<Answer<Template>, ApiError> {
    let name = segments.segment("name");
    let template = gallery::get(name).ok_or_else(|| ApiError::NoSuchTemplate(name.to_owned()))?;
    Ok(Answer(template.clone()))
}

/// Renders a template, and stores nothing
#[utoipa::path(
    post, path = path::RENDER, tag = "Templates",
    request_body = RenderRequest,
    responses((status = 200, body = String, content_type = "image/svg+xml"))
)]
pub(super) async fn render(
    State(sessions): State<Arc<Sessions>>,
    Json(request): Json<RenderRequest>,
) -> Result<Response, ApiError> {
    let svg = sessions.render(&request.template, &request.args).await?;
    let headers = [
        (header::CONTENT_TYPE, "image/svg+xml; charset=utf-8"),
        (header::CONTENT_SECURITY_POLICY, super::streams::PICTURE_POLICY),
    ];
    Ok((headers, svg.to_string()).into_response())
}
