//! What routes read beside the body: every parameter once, and which extractor reads it.

use utoipa::openapi::{
    RefOr, Required,
    path::{Parameter, ParameterBuilder, ParameterIn},
    schema::{ObjectBuilder, Schema, Type},
};

use crate::http::extract::idempotent::IDEMPOTENCY_KEY;

/// Says which parameters an extractor reads, for the `params(…)` of its routes.
macro_rules! reads {
    ($type:ty: $($parameter:ident),+) => {
        impl utoipa::IntoParams for $type {
            fn into_params(
                _: impl Fn() -> Option<utoipa::openapi::path::ParameterIn>,
            ) -> Vec<utoipa::openapi::path::Parameter> {
                vec![$($crate::http::docs::params::$parameter()),+]
            }
        }
    };
}
pub(in crate::http) use reads;

/// What ids look like, as [`common::UserId`] and [`common::SessionId`] check it.
const ID: &str = "^[A-Za-z0-9_-]{1,64}$";

/// An id with what may stand after it in the URL of a stream.
const ID_AND_SUFFIX: &str = r"^[A-Za-z0-9_-]{1,64}(\.(svg|png))?$";

/// RFC 9110 §8.8.3: a list of entity tags, or `*`.
const ENTITY_TAGS: &str = r#"^(\*|(W/)?"[!#-~]*"(, ?(W/)?"[!#-~]*")*)?$"#;

/// A structured-field String (RFC 9651 §3.3.3), or what is in it.
const KEY: &str = r#"^("[A-Za-z0-9_:-]{1,255}"|[A-Za-z0-9_:-]{1,255})$"#;

pub(in crate::http) fn user_id() -> Parameter {
    path("user_id", "Whose session it is.", text(Some(ID)), "alice")
}

pub(in crate::http) fn account_id() -> Parameter {
    path("user_id", "Whose account it is.", text(Some(ID)), "alice")
}

pub(in crate::http) fn sign_in_id() -> Parameter {
    path("sign_in_id", "The sign-in's name.", text(Some(ID)), "Zk3vJ0Qy1s7aPq2R")
}

pub(in crate::http) fn key_id() -> Parameter {
    path("key_id", "The API key's name.", text(Some(ID)), "b8Wc2mXr5uLd9eTf")
}

pub(in crate::http) fn session_id() -> Parameter {
    path("session_id", "The session's name.", text(Some(ID)), "chart")
}

pub(in crate::http) fn watched_id() -> Parameter {
    let about = "The session's name. With `.svg` or `.png` after it, the current frame comes once.";
    path("session_id", about, text(Some(ID_AND_SUFFIX)), "chart")
}

pub(in crate::http) fn if_match() -> Parameter {
    let about = "The `ETag` that must still hold, as it was received; `*` for any. Without it, \
                 the last write wins; with nothing in it, none does.";
    header("If-Match", about, text(Some(ENTITY_TAGS)), "*")
}

pub(in crate::http) fn if_none_match() -> Parameter {
    let about = "An `ETag` that is known already: if it still holds, the answer is 304.";
    header("If-None-Match", about, text(None), "\"1795250000000000-3\"")
}

pub(in crate::http) fn idempotency_key(required: Required) -> Parameter {
    let about = "A new random name for this request, such as a UUID. Whoever does not know what \
                 became of a request sends it again with the same key: it is done once, and for a \
                 day answered as it was (`Idempotent-Replayed: true`). While it is still being \
                 worked on, the answer is 409 `IDEMPOTENCY_IN_PROGRESS` with a `Retry-After`; for \
                 a request that asks for something else, 422 `IDEMPOTENCY_KEY_REUSED`. Refusals \
                 (4xx) are not kept.";
    let example = "8e03978e-40d5-43dd-bc93-6894a57f9324";
    let key = parameter(IDEMPOTENCY_KEY, about, text(Some(KEY)), example);
    key.parameter_in(ParameterIn::Header).required(required).build()
}

pub(in crate::http) fn last_event_id() -> Parameter {
    let about = "The id of the last event seen: its frame is not sent again.";
    header("Last-Event-ID", about, text(None), "1795250000000000-3")
}

/// What every route reads.
pub(super) fn everywhere() -> Vec<Parameter> {
    let name = "A name for this request in the server's log: up to 64 letters, digits, `.`, `_` \
                and `-`. Any other is replaced.";
    let trace = "The trace that this request belongs to (W3C Trace Context). Problems name it.";
    let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    vec![
        header("X-Request-Id", name, text(None), "nightly-7"),
        header("traceparent", trace, text(None), parent),
    ]
}

fn text(pattern: Option<&str>) -> RefOr<Schema> {
    ObjectBuilder::new().schema_type(Type::String).pattern(pattern).into()
}

fn path(name: &str, about: &str, schema: RefOr<Schema>, example: &str) -> Parameter {
    let parameter = parameter(name, about, schema, example).parameter_in(ParameterIn::Path);
    parameter.required(Required::True).build()
}

fn header(name: &str, about: &str, schema: RefOr<Schema>, example: &str) -> Parameter {
    let parameter = parameter(name, about, schema, example).parameter_in(ParameterIn::Header);
    parameter.required(Required::False).build()
}

fn parameter(name: &str, about: &str, schema: RefOr<Schema>, example: &str) -> ParameterBuilder {
    ParameterBuilder::new()
        .name(name)
        .description(Some(about))
        .schema(Some(schema))
        .example(Some(example.into()))
}
