//! The HTTP edge: every route in one place, a line each, grouped by who uses it.
//!
//! Handlers extract, call a room, and answer. What a handler may do is in its signature:
//! one without a right among its extractors is public.

mod accounts;
mod api_keys;
mod audit;
mod coding;
mod cookies;
mod cors;
mod docs;
mod error;
mod extract;
mod form;
mod gallery;
mod guard;
mod ops;
mod pages;
mod sessions;
mod shares;
mod sign_ins;
mod streams;
mod tickets;
mod tokens;
mod users;

pub(crate) use self::docs::{Reference, ReferenceError};

use std::sync::Arc;

use axum::{Router, extract::FromRef, middleware, routing::get};
use common::path;
use serde_json::Value;
use tower_http::catch_panic::CatchPanicLayer;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    account::Accounts, config::Config, hub::Hub, idempotency::Idempotency, limit::Limits,
    metrics::Metrics, session::Sessions, ticket::Tickets, token::Tokens,
};

/// What the handlers are given; each takes the part it needs.
#[derive(Debug, Clone, FromRef)]
pub struct App {
    /// What is drawn.
    pub sessions: Arc<Sessions>,
    /// Who is asking.
    pub tokens: Arc<Tokens>,
    /// Who people are, where that is kept.
    pub accounts: Option<Arc<Accounts>>,
    /// Who may watch without a token.
    pub tickets: Arc<Tickets>,
    /// What may be asked for again.
    pub idempotency: Arc<Idempotency>,
    /// Who is watching.
    pub hub: Arc<Hub>,
    /// How much anyone may take.
    pub limits: Arc<Limits>,
    /// What is measured.
    pub metrics: Arc<Metrics>,
    /// What was configured.
    pub config: Arc<Config>,
    /// What is promised.
    pub reference: Arc<Reference>,
}

/// The routes that are part of the contract and cost something: each request takes from the
/// share of its address.
fn counted() -> OpenApiRouter<App> {
    OpenApiRouter::with_openapi(docs::head())
        // For programs that draw.
        .routes(routes!(tokens::issue))
        // For people, and for those who look after them.
        .routes(routes!(accounts::register))
        .routes(routes!(accounts::verify_email))
        .routes(routes!(accounts::resend))
        .routes(routes!(accounts::request_reset))
        .routes(routes!(accounts::confirm_reset))
        .routes(routes!(accounts::change_password))
        .routes(routes!(sign_ins::login))
        .routes(routes!(sign_ins::refresh))
        .routes(routes!(sign_ins::logout))
        .routes(routes!(sign_ins::list, sign_ins::end_others))
        .routes(routes!(sign_ins::end))
        .routes(routes!(users::me))
        .routes(routes!(users::list))
        .routes(routes!(users::get, users::patch, users::delete))
        .routes(routes!(users::set_roles))
        .routes(routes!(audit::list))
        .routes(routes!(api_keys::list, api_keys::create))
        .routes(routes!(api_keys::revoke))
        .routes(routes!(cookies::set, cookies::clear))
        .routes(routes!(sessions::create_owned))
        .routes(routes!(sessions::list))
        .routes(routes!(
            sessions::get_owned,
            sessions::put_owned,
            sessions::patch_owned,
            sessions::delete_owned
        ))
        .routes(routes!(tickets::issue))
        .routes(routes!(sessions::create_public))
        .routes(routes!(sessions::get_public, sessions::put_public, sessions::patch_public))
        .routes(routes!(gallery::list))
        .routes(routes!(gallery::get))
        .routes(routes!(gallery::render))
        // For viewers.
        .routes(routes!(streams::owned))
        .routes(routes!(streams::public))
        // For third parties that verify tokens.
        .routes(routes!(tokens::jwks))
        .routes(routes!(tokens::jwks_alias))
        // For whoever writes a client.
        .routes(routes!(docs::server))
        .routes(routes!(docs::openapi))
        .routes(routes!(docs::page))
}

/// The routes that are part of the contract and never refused: a probe must not fail because
/// others ask too much.
fn probes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(ops::health)).routes(routes!(ops::ready))
}

/// The OpenAPI document of a server with this configuration.
///
/// # Errors
/// When it cannot be written as JSON, which a test makes sure it can.
pub(crate) fn openapi(config: &Config) -> serde_json::Result<Value> {
    docs::complete(&counted().merge(probes()).into_openapi(), config)
}

/// Everything that the public listener serves.
pub(crate) fn public(app: App) -> Router {
    let (counted, _) = counted().split_for_parts();
    let (probes, _) = probes().split_for_parts();
    let count = middleware::from_fn_with_state(app.limits.clone(), shares::count);
    let router = counted.layer(count).merge(probes).merge(pages::routes());
    let share = middleware::from_fn_with_state(app.clone(), cors::share);
    guarded(router.fallback(pages::fallback).layer(share).with_state(app.clone()), app)
}

/// Everything that the ops listener serves.
pub(crate) fn ops(app: App) -> Router {
    let router = Router::new()
        .route(path::HEALTH, get(ops::health))
        .route(path::READY, get(ops::ready))
        .route(path::METRICS, get(ops::metrics));
    guarded(router.fallback(error::not_found).with_state(app.clone()), app)
}

/// The layers, from the inside out.
fn guarded(router: Router, app: App) -> Router {
    router
        // A defect answers like any other error, and only its own request.
        .layer(CatchPanicLayer::custom(error::panicked))
        // Names the request, and writes every error as problem details, the framework's own
        // included; so it stands outside of everything that can refuse.
        .layer(middleware::from_fn_with_state(app, guard::introduce))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_counted_says_that_it_may_be_refused_and_probes_never_are() {
        for (router, counted) in [(counted(), true), (probes(), false)] {
            let document = serde_json::to_value(router.into_openapi()).unwrap();
            for (path, item) in document["paths"].as_object().unwrap() {
                for (method, operation) in item.as_object().unwrap() {
                    let refused = operation["responses"].get("429").is_some();
                    assert_eq!(refused, counted, "{method} {path}");
                }
            }
        }
    }
}
