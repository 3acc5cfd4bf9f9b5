//! The contract as a document: OpenAPI 3.1, made from the handlers themselves.

use std::sync::Arc;

use axum::{
    Json,
    extract::State,
    http::header,
    response::{IntoResponse, Response},
};
use common::{
    api::{Problem, ServerInfo},
    path,
};
use once_cell::sync::Lazy;
use utoipa::{
    OpenApi as _,
    openapi::{
        ContentBuilder, OpenApi, Ref, RefOr, ResponseBuilder,
        path::Operation,
        security::{HttpAuthScheme, HttpBuilder, SecurityScheme},
    },
};

use super::error::PROBLEM_JSON;
use crate::config::Config;

#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "Easel",
        description = "Live pictures: a program PUTs a few values, and every viewer of that \
                       drawing sees the SVG change at once.",
        license(name = "MIT OR Apache-2.0", identifier = "MIT OR Apache-2.0"),
    ),
    tags(
        (name = "Sessions", description = "Drawings that belong to a user"),
        (name = "Public sessions", description = "Drawings that everyone shares"),
        (name = "Streams", description = "Drawings as viewers see them"),
        (name = "Templates", description = "The gallery, and rendering without storing"),
        (name = "Tokens", description = "Proof of who one is"),
        (name = "Operations", description = "For operators and clients"),
    ),
    components(schemas(Problem)),
)]
struct Head;

static DOCUMENT: Lazy<OpenApi> = Lazy::new(super::openapi);

/// The part of the document that belongs to no route.
pub(super) fn head() -> OpenApi {
    Head::openapi()
}

/// Adds what is the same for all routes.
pub(super) fn complete(mut document: OpenApi) -> OpenApi {
    let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).bearer_format("JWT").build();
    let components = document.components.get_or_insert_default();
    components.add_security_scheme("bearer", SecurityScheme::Http(bearer));
    for item in document.paths.paths.values_mut() {
        let operations =
            [&mut item.get, &mut item.post, &mut item.put, &mut item.patch, &mut item.delete];
        for operation in operations.into_iter().flatten() {
            add_problems(operation);
        }
    }
    document
}

/// Every error of every route has one form; which ones a route has follows from what it takes.
fn add_problems(operation: &mut Operation) {
    let takes_input = operation.parameters.is_some() || operation.request_body.is_some();
    let mut statuses = Vec::new();
    if takes_input {
        statuses.extend([("400", "The request is not valid"), ("404", "It is not there")]);
    }
    if operation.security.is_some() {
        statuses.extend([
            ("401", "No token, or one that is not valid"),
            ("403", "It belongs to someone else"),
        ]);
    }
    if operation.request_body.is_some() {
        statuses.extend([
            ("409", "It exists already"),
            ("412", "It has changed"),
            ("413", "The body is too large"),
            ("415", "The body is not JSON"),
            ("422", "The template does not give a picture"),
        ]);
    }
    statuses.extend([("500", "A defect of the server"), ("503", "Not now; see Retry-After")]);
    for (status, description) in statuses {
        let content = ContentBuilder::new().schema(Some(Ref::from_schema_name("Problem"))).build();
        let response =
            ResponseBuilder::new().description(description).content(PROBLEM_JSON, content);
        operation
            .responses
            .responses
            .entry(status.to_owned())
            .or_insert(RefOr::T(response.build()));
    }
}

/// This document
#[utoipa::path(
    get, path = path::OPENAPI, tag = "Operations",
    responses((status = 200, description = "OpenAPI 3.1", body = Object))
)]
pub(super) async fn openapi() -> Response {
    let open = [(header::ACCESS_CONTROL_ALLOW_ORIGIN, "*"), (header::CACHE_CONTROL, "no-cache")];
    (open, Json(&*DOCUMENT)).into_response()
}

/// What this server offers
#[utoipa::path(
    get, path = path::SERVER, tag = "Operations",
    responses((status = 200, body = ServerInfo))
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
