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
    docs::{Drawing, Refusals, refuses},
    error::ApiError,
    extract::{Json, Rendering, Segments},
};
use crate::session::{Sessions, gallery};

/// Lists the gallery
#[utoipa::path(
    get, path = path::TEMPLATES, tag = "Templates", operation_id = "listTemplates",
    responses((status = 200, description = "All templates", body = TemplateList), Refusals<()>)
)]
pub(super) async fn list() -> Answer<TemplateList> {
    Answer(TemplateList { templates: gallery::all().to_vec() })
}

/// Work: looking a template up by its name.
enum Choosing {}
refuses!(Choosing: TemplateNotFound);

/// Reads a template of the gallery
#[utoipa::path(
    get, path = path::TEMPLATE, tag = "Templates", operation_id = "readTemplate",
    params(("name" = String, Path, description = "The template's name.", example = "badge")),
    responses((status = 200, description = "The template", body = Template), Refusals<Choosing>)
)]
pub(super) async fn get(segments: Segments) -> Result<Answer<Template>, ApiError> {
    let name = segments.segment("name");
    let template = gallery::get(name).ok_or_else(|| ApiError::NoSuchTemplate(name.to_owned()))?;
    Ok(Answer(template.clone()))
}

/// Renders a template, and stores nothing
#[utoipa::path(
    post, path = path::RENDER, tag = "Templates", operation_id = "render",
    request_body = RenderRequest,
    responses(
        (
            status = 200, description = "The picture", body = String,
            content_type = "image/svg+xml", headers(("Content-Security-Policy")),
            example = json!(super::docs::PICTURE),
        ),
        Refusals<(Rendering, Json<RenderRequest>, Drawing)>,
    )
)]
pub(super) async fn render(
    _: Rendering,
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
