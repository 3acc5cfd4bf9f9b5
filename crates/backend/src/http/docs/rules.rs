//! What the types of the wire do not say: which members belong together, and how far the
//! settings of this server go.

use std::time::Duration;

use common::path;
use serde_json::{Value, json};

use crate::{config::Config, session::gallery};

/// A lifetime in words, as far as a pattern can say it: up to three numbers with units.
const LIFETIME: &str = "^[1-9][0-9]?[smhd]( [1-9][0-9]?[smhd]){0,2}$";

/// Adds the rules to the document.
pub(super) fn add(document: &mut Value, config: &Config) {
    let schemas = &mut document["components"]["schemas"];
    for (schema, longest) in [
        ("CreateSession", config.session_lifetimes.max),
        ("UpdateSession", config.session_lifetimes.max),
        ("TokenRequest", config.token_lifetimes.max),
    ] {
        schemas[schema]["properties"]["ttl_seconds"]["maximum"] = seconds(longest);
    }
    for schema in ["CreateSession", "UpdateSession"] {
        schemas[schema]["properties"]["expire"]["pattern"] = json!(LIFETIME);
        schemas[schema]["not"] = json!({
            "required": ["ttl_seconds", "expire"],
            "properties": { "ttl_seconds": { "type": "integer" }, "expire": { "type": "string" } },
        });
    }
    let names = gallery::all().iter().map(|template| Value::from(template.name.as_str()));
    let create = &mut schemas["CreateSession"];
    create["properties"]["template_name"]["enum"] = names.chain([Value::Null]).collect();
    create["oneOf"] = json!([given("template"), given("template_name")]);
    schemas["LoginRequest"]["oneOf"] = json!([given("email"), given("user_id")]);
    // What is in the body is elsewhere for some, and then there is none.
    for (path, method) in [(path::REFRESH, "post"), (path::LOGOUT, "post"), (path::USER, "delete")]
    {
        document["paths"][path][method]["requestBody"]["required"] = json!(false);
    }
    for (path, method) in [(path::PUBLIC_SESSION_CREATE, "post"), (path::PUBLIC_SESSION, "put")] {
        let body = &mut document["paths"][path][method]["requestBody"];
        let schema = &mut body["content"]["application/json"]["schema"];
        let public = json!({ "properties": { "visibility": { "enum": ["public", null] } } });
        *schema = json!({ "allOf": [schema.take(), public] });
    }
}

fn given(member: &str) -> Value {
    json!({ "required": [member], "properties": { member: { "type": "string" } } })
}

fn seconds(longest: Duration) -> Value {
    json!(longest.as_secs())
}
