//! The contract as a document: OpenAPI 3.1, made from the handlers themselves.
//!
//! A route says at its handler what only it knows. What many share is said once: parameters
//! by the extractors that read them ([`params`]), errors by whatever refuses ([`refusals`]),
//! headers by name ([`headers`]). [`complete`] puts them together.

mod examples;
mod headers;
pub(super) mod params;
mod pictures;
mod refusals;

use std::{collections::BTreeSet, sync::Arc};

use axum::{
    Json,
    extract::State,
    http::header,
    response::{IntoResponse, Response},
};
use common::{
    api::{ErrorCode, Problem, ServerInfo},
    path,
};
use once_cell::sync::Lazy;
use serde_json::{Map, Value, json};
use utoipa::{OpenApi as _, openapi::OpenApi};

pub(super) use self::{
    params::reads,
    pictures::{PICTURE, Pictures},
    refusals::{Drawing, Finding, Naming, Refusals, Refuses, Storing, refuses},
};
use super::error::{self, ApiError};
use crate::config::Config;

#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "Easel",
        description = "Live pictures: a program PUTs a few values, and every viewer of that \
                       drawing sees the SVG change at once.",
        license(name = "MIT OR Apache-2.0", identifier = "MIT OR Apache-2.0"),
    ),
    servers((url = "/", description = "The server that this document came from")),
    tags(
        (name = "Sessions", description = "Drawings that belong to a user"),
        (name = "Public sessions", description = "Drawings that everyone shares"),
        (name = "Streams", description = "Drawings as viewers see them"),
        (name = "Templates", description = "The gallery, and rendering without storing"),
        (name = "Tokens", description = "Proof of who one is"),
        (name = "Operations", description = "For operators and clients"),
    ),
    components(schemas(Problem)),
    modifiers(&Bearer),
)]
struct Head;

/// How callers prove who they are.
struct Bearer;

impl utoipa::Modify for Bearer {
    fn modify(&self, document: &mut OpenApi) {
        use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
        let bearer = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .bearer_format("JWT")
            .description(Some("A token of `POST /api/auth/token`, or of `easel token`."));
        let components = document.components.get_or_insert_default();
        components.add_security_scheme("bearer", SecurityScheme::Http(bearer.build()));
    }
}

static DOCUMENT: Lazy<serde_json::Result<Value>> = Lazy::new(super::openapi);

/// The part of the document that belongs to no route.
pub(super) fn head() -> OpenApi {
    Head::openapi()
}

/// Adds what is the same for all routes, and what routes only name.
///
/// # Errors
/// When the document is no JSON, which a test makes sure it is.
pub(super) fn complete(document: &OpenApi) -> serde_json::Result<Value> {
    let mut document = serde_json::to_value(document)?;
    let mut headers = BTreeSet::new();
    let mut codes = BTreeSet::new();
    for answer in answers(&mut document) {
        let named = answer["headers"].take();
        let named = named.as_object().into_iter().flat_map(Map::keys).map(String::as_str);
        for name in named.chain(headers::EVERYWHERE.iter().copied()) {
            answer["headers"][name] = json!({ "$ref": format!("#/components/headers/{name}") });
            headers.insert(name.to_owned());
        }
        let examples = answer["content"][error::PROBLEM_JSON]["examples"].as_object();
        codes.extend(examples.into_iter().flat_map(Map::keys).cloned());
    }
    let components = &mut document["components"];
    for (name, about, example) in headers::HEADERS {
        if headers.contains(*name) {
            components["headers"][*name] = headers::component(about, example);
        }
    }
    for code in ErrorCode::ALL.iter().filter(|code| codes.contains(code.as_str())) {
        let example = json!({ "summary": code.title(), "value": examples::problem(*code) });
        components["examples"][code.as_str()] = example;
    }
    Ok(document)
}

/// Every answer of every operation.
fn answers(document: &mut Value) -> impl Iterator<Item = &mut Value> {
    let items = document["paths"].as_object_mut().into_iter().flat_map(Map::values_mut);
    let operations = items.filter_map(Value::as_object_mut).flat_map(Map::values_mut);
    operations
        .filter_map(|operation| operation["responses"].as_object_mut())
        .flat_map(Map::values_mut)
}

/// This document
#[utoipa::path(
    get, path = path::OPENAPI, tag = "Operations", operation_id = "readOpenApi",
    responses(
        (status = 200, description = "OpenAPI 3.1", body = Object, headers(("Access-Control-Allow-Origin"))),
        Refusals<()>,
    )
)]
pub(super) async fn openapi() -> Result<Response, ApiError> {
    let document = DOCUMENT.as_ref().map_err(|error| {
        tracing::error!(%error, "the OpenAPI document cannot be written");
        ApiError::Internal
    })?;
    let open = [(header::ACCESS_CONTROL_ALLOW_ORIGIN, "*"), (header::CACHE_CONTROL, "no-cache")];
    Ok((open, Json(document)).into_response())
}

/// What this server offers
#[utoipa::path(
    get, path = path::SERVER, tag = "Operations", operation_id = "readServer",
    responses((status = 200, description = "Its settings", body = ServerInfo), Refusals<()>)
)]
pub(super) async fn server(State(config): State<Arc<Config>>) -> Json<ServerInfo> {
    Json(ServerInfo {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        minting: config.minting,
        public_url: config.public_url.clone(),
        public_sessions: config.public_sessions,
        default_ttl_seconds: config.session_lifetimes.default.as_secs(),
        max_ttl_seconds: config.session_lifetimes.max.as_secs(),
    })
}
