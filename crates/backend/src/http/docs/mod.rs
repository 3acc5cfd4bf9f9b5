//! The contract as a document: OpenAPI 3.1, made from the handlers themselves.
//!
//! A route says at its handler what only it knows. What many share is said once: parameters
//! by the extractors that read them ([`params`]), errors by whatever refuses ([`refusals`]),
//! headers by name ([`headers`]). [`complete`] puts them together.

mod examples;
mod headers;
pub(super) mod params;
mod pictures;
mod reference;
mod refusals;
mod rules;

use std::{collections::BTreeSet, sync::Arc};

use axum::{
    Json,
    body::Bytes,
    extract::State,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use base64::{
    Engine,
    prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD},
};
use common::{
    api::{ErrorCode, Problem, ServerInfo, cookie::COOKIE_NAME},
    path,
};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use utoipa::{OpenApi as _, openapi::OpenApi};

pub(super) use self::{
    params::reads,
    pictures::{PICTURE, Pictures},
    refusals::{
        Drawing, Finding, Keeping, Naming, Paging, Refusals, Refuses, Storing, Uncounted, refuses,
    },
};
use super::{error, extract::IfNoneMatch};
use crate::{config::Config, render::page};

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
        (name = "Accounts", description = "Who people are"),
        (name = "Sign-ins", description = "How they show it, and how that ends"),
        (name = "API keys", description = "What programs use in place of a person's tokens"),
        (name = "Administration", description = "For those who look after accounts"),
        (name = "Operations", description = "For operators and clients"),
    ),
    // Those that no body of a path names by itself.
    components(schemas(Problem, common::jwt::JwkSet)),
    modifiers(&Proofs),
)]
struct Head;

/// How callers prove who they are.
struct Proofs;

impl utoipa::Modify for Proofs {
    fn modify(&self, document: &mut OpenApi) {
        use utoipa::openapi::security::{
            ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme,
        };
        let bearer = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .bearer_format("JWT")
            .description(Some("A token of `POST /api/auth/token`, or of `easel token`."));
        let components = document.components.get_or_insert_default();
        components.add_security_scheme("bearer", SecurityScheme::Http(bearer.build()));
        let about = "Opens private streams, and nothing else. `POST /api/auth/cookie` sets it.";
        let cookie = ApiKey::Cookie(ApiKeyValue::with_description(COOKIE_NAME, about));
        components.add_security_scheme("cookie", SecurityScheme::ApiKey(cookie));
        let about =
            "Opens one private stream, once. `POST …/session/{session_id}/ticket` issues it.";
        let ticket = ApiKey::Query(ApiKeyValue::with_description("ticket", about));
        components.add_security_scheme("ticket", SecurityScheme::ApiKey(ticket));
    }
}

/// The part of the document that belongs to no route.
pub(super) fn head() -> OpenApi {
    Head::openapi()
}

/// Adds what is the same for all routes, and what routes only name.
///
/// # Errors
/// When the document is no JSON, which a test makes sure it is.
pub(super) fn complete(document: &OpenApi, config: &Config) -> serde_json::Result<Value> {
    let mut document = serde_json::to_value(document)?;
    rules::add(&mut document, config);
    let mut headers = BTreeSet::new();
    let mut codes = BTreeSet::new();
    for (answer, counted) in answers(&mut document) {
        let of_all = if counted { headers::COUNTED } else { &[] };
        let of_all = of_all.iter().chain(headers::EVERYWHERE).copied();
        let named = answer["headers"].take();
        let named = named.as_object().into_iter().flat_map(Map::keys).map(String::as_str);
        for name in named.chain(of_all) {
            answer["headers"][name] = json!({ "$ref": format!("#/components/headers/{name}") });
            headers.insert(name.to_owned());
        }
        let examples = answer["content"][error::PROBLEM_JSON]["examples"].as_object();
        codes.extend(examples.into_iter().flat_map(Map::keys).cloned());
    }
    for parameter in params::everywhere() {
        let reference = json!({ "$ref": format!("#/components/parameters/{}", parameter.name) });
        for operation in operations(&mut document) {
            let parameters = &mut operation["parameters"];
            match parameters.as_array_mut() {
                Some(parameters) => parameters.push(reference.clone()),
                None => *parameters = json!([reference]),
            }
        }
        document["components"]["parameters"][&parameter.name] = serde_json::to_value(&parameter)?;
    }
    let components = &mut document["components"];
    for (name, about, example) in headers::HEADERS {
        if headers.contains(*name) {
            components["headers"][*name] = headers::component(name, about, example);
        }
    }
    for code in ErrorCode::ALL.iter().filter(|code| codes.contains(code.as_str())) {
        let example = json!({ "summary": code.title(), "value": examples::problem(*code) });
        components["examples"][code.as_str()] = example;
    }
    Ok(document)
}

/// Every operation.
fn operations(document: &mut Value) -> impl Iterator<Item = &mut Value> {
    let items = document["paths"].as_object_mut().into_iter().flat_map(Map::values_mut);
    items.filter_map(Value::as_object_mut).flat_map(Map::values_mut)
}

/// Every answer of every operation, and whether it is to a request that was counted.
fn answers(document: &mut Value) -> impl Iterator<Item = (&mut Value, bool)> {
    let answers = operations(document);
    answers.filter_map(|operation| operation["responses"].as_object_mut()).flat_map(|answers| {
        let counted = answers.contains_key("429");
        answers.values_mut().map(move |answer| (answer, counted))
    })
}

/// The document and the page of it, ready to be sent.
#[derive(Debug)]
pub struct Reference {
    json: Kept,
    page: Kept,
    policy: HeaderValue,
}

/// Bytes and their entity tag.
#[derive(Debug)]
struct Kept {
    bytes: Bytes,
    etag: String,
}

impl From<Vec<u8>> for Kept {
    fn from(bytes: Vec<u8>) -> Self {
        let etag = format!("\"{}\"", BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(&bytes)));
        Self { bytes: bytes.into(), etag }
    }
}

/// There is no reference; the text is for the log.
#[derive(Debug, thiserror::Error)]
pub enum ReferenceError {
    /// The document cannot be written.
    #[error("the OpenAPI document: {0}")]
    Document(#[from] serde_json::Error),
    /// The page cannot be rendered.
    #[error("the reference: {0}")]
    Page(#[from] page::PageError),
    /// The page's policy is no header.
    #[error("the reference's policy: {0}")]
    Policy(#[from] header::InvalidHeaderValue),
}

impl Reference {
    /// Makes both, for a server with this configuration.
    ///
    /// # Errors
    /// See [`ReferenceError`].
    pub(crate) fn new(config: &Config) -> Result<Self, ReferenceError> {
        let document = super::openapi(config)?;
        let laid_out = reference::lay_out(&document, path::OPENAPI, page::REFERENCE_STYLE);
        let page = page::reference(&laid_out)?;
        let style = BASE64_STANDARD.encode(Sha256::digest(page::REFERENCE_STYLE));
        let policy = format!(
            "default-src 'none'; style-src 'sha256-{style}'; base-uri 'none'; \
             form-action 'none'; frame-ancestors 'none'"
        );
        Ok(Self {
            json: serde_json::to_vec(&document)?.into(),
            page: page.into_bytes().into(),
            policy: policy.try_into()?,
        })
    }
}

/// What may be kept and is asked for again: whole, or 304 to whoever has it.
fn send(kept: &Kept, content_type: &'static str, known: &IfNoneMatch) -> Response {
    let caching = [(header::ETAG, kept.etag.as_str()), (header::CACHE_CONTROL, "no-cache")];
    match known.has(&kept.etag) {
        true => (StatusCode::NOT_MODIFIED, caching).into_response(),
        false => {
            (caching, [(header::CONTENT_TYPE, content_type)], kept.bytes.clone()).into_response()
        }
    }
}

/// This document
#[utoipa::path(
    get, path = path::OPENAPI, tag = "Operations", operation_id = "readOpenApi",
    params(IfNoneMatch),
    responses(
        (
            status = 200, description = "OpenAPI 3.1", body = Object,
            headers(("ETag"), ("Access-Control-Allow-Origin")),
        ),
        (
            status = 304, description = "It has not changed",
            headers(("ETag"), ("Access-Control-Allow-Origin")),
        ),
        Refusals<()>,
    )
)]
pub(super) async fn openapi(
    State(reference): State<Arc<Reference>>,
    known: IfNoneMatch,
) -> Response {
    let open = [(header::ACCESS_CONTROL_ALLOW_ORIGIN, "*")];
    (open, send(&reference.json, "application/json", &known)).into_response()
}

/// This document, for people
#[utoipa::path(
    get, path = path::DOCS, tag = "Operations", operation_id = "readReference",
    params(IfNoneMatch),
    responses(
        (
            status = 200, description = "A page", body = String, content_type = "text/html",
            headers(("ETag"), ("Content-Security-Policy")),
            example = json!("<!doctype html>…"),
        ),
        (status = 304, description = "It has not changed", headers(("ETag"))),
        Refusals<()>,
    )
)]
pub(super) async fn page(State(reference): State<Arc<Reference>>, known: IfNoneMatch) -> Response {
    let policy = [(header::CONTENT_SECURITY_POLICY, reference.policy.clone())];
    (policy, send(&reference.page, "text/html; charset=utf-8", &known)).into_response()
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
        accounts: config.has_accounts(),
        registration: config.has_accounts() && config.accounts.registration,
        public_url: config.public_url.clone(),
        public_sessions: config.public_sessions,
        default_ttl_seconds: config.session_lifetimes.default.as_secs(),
        max_ttl_seconds: config.session_lifetimes.max.as_secs(),
    })
}
