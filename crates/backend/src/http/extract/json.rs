//! Bodies and query strings: read with limits, and refused with the field that is wrong.

use std::sync::Arc;

use axum::{
    body::{Body, Bytes},
    extract::{FromRef, FromRequest, FromRequestParts, Request},
    http::{HeaderMap, header, request::Parts},
};
use common::api::{Args, ErrorCode};
use mime::Mime;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::time::timeout;
use tokio_stream::StreamExt;

use crate::{
    config::Config,
    http::{
        App,
        docs::{Refuses, refuses},
        error::ApiError,
    },
};

/// How much of a body that is too large is still read and thrown away, in multiples of the
/// limit: most clients only listen for the refusal after they have sent everything.
const DISCARDED_LIMITS: usize = 16;

/// A JSON body.
pub(in crate::http) struct Json<T>(pub(in crate::http) T);

/// A JSON body, or none at all, which says as much as an empty object.
pub(in crate::http) struct OptionalJson<T>(pub(in crate::http) T);

/// A JSON merge patch (RFC 7396) of args.
pub(in crate::http) struct MergePatch(pub(in crate::http) Args);

/// Work: reading a body that should be JSON.
pub(in crate::http) enum ReadingJson {}
refuses!(ReadingJson: InvalidJson, ValidationFailed, RequestTimeout, BodyTooLarge, UnsupportedMediaType);
refuses!(MergePatch: ; and ReadingJson);

impl<T> Refuses for Json<T> {
    fn codes() -> Vec<ErrorCode> {
        ReadingJson::codes()
    }
}

impl<T> Refuses for OptionalJson<T> {
    fn codes() -> Vec<ErrorCode> {
        ReadingJson::codes()
    }
}

/// The query string.
pub(in crate::http) struct Query<T>(pub(in crate::http) T);

impl<T> Refuses for Query<T> {
    fn codes() -> Vec<ErrorCode> {
        vec![ErrorCode::ValidationFailed]
    }
}

impl<T: DeserializeOwned> FromRequest<App> for Json<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, app: &App) -> Result<Self, ApiError> {
        let (parts, body) = request.into_parts();
        Self::understood(&parts.headers, &whole(body, app).await?)
    }
}

impl<T: DeserializeOwned + Default> FromRequest<App> for OptionalJson<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, app: &App) -> Result<Self, ApiError> {
        let (parts, body) = request.into_parts();
        let bytes = whole(body, app).await?;
        match bytes.is_empty() {
            true => Ok(Self(T::default())),
            false => Json::understood(&parts.headers, &bytes).map(|Json(body)| Self(body)),
        }
    }
}

impl FromRequest<App> for MergePatch {
    type Rejection = ApiError;

    async fn from_request(request: Request, app: &App) -> Result<Self, ApiError> {
        let (parts, body) = request.into_parts();
        let bytes = whole(body, app).await?;
        let subtypes = ["merge-patch+json", "json"];
        json(&parts.headers, &bytes, &subtypes, "application/merge-patch+json").map(Self)
    }
}

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        let query = axum::extract::Query::try_from_uri(&parts.uri);
        query.map(|axum::extract::Query(query)| Self(query)).map_err(|rejection| {
            let text = rejection.body_text();
            let (_, detail) = text.split_once(": ").unwrap_or(("", &text));
            let pointer = detail.split_once(": ").map_or("", |(name, _)| name);
            ApiError::Invalid { pointer: pointer.to_owned(), detail: detail.to_owned() }
        })
    }
}

/// A body that has been read, by what is said of it and what is in it.
pub(super) trait Understood: Sized {
    fn understood(headers: &HeaderMap, bytes: &[u8]) -> Result<Self, ApiError>;
}

impl<T: DeserializeOwned> Understood for Json<T> {
    fn understood(headers: &HeaderMap, bytes: &[u8]) -> Result<Self, ApiError> {
        json(headers, bytes, &["json"], "application/json").map(Self)
    }
}

fn json<T: DeserializeOwned>(
    headers: &HeaderMap,
    bytes: &[u8],
    subtypes: &[&str],
    wanted: &'static str,
) -> Result<T, ApiError> {
    match is_json(headers, subtypes) {
        true => parse(bytes),
        false => Err(ApiError::MediaType { wanted }),
    }
}

/// Reads a body, within the limits of all bodies.
pub(super) async fn whole(body: Body, app: &App) -> Result<Bytes, ApiError> {
    let config = Arc::<Config>::from_ref(app);
    let within = config.body_timeout;
    let body = read(body, config.max_body_bytes);
    timeout(within, body).await.map_err(|_| ApiError::BodyTooSlow(within)).flatten()
}

fn is_json(headers: &HeaderMap, subtypes: &[&str]) -> bool {
    let declared = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let Some(mime) = declared.and_then(|value| value.parse::<Mime>().ok()) else {
        return false;
    };
    mime.type_() == mime::APPLICATION
        && subtypes.contains(&mime.essence_str().trim_start_matches("application/"))
        && mime.get_param(mime::CHARSET).is_none_or(|charset| charset == mime::UTF_8)
}

async fn read(body: Body, limit: usize) -> Result<Bytes, ApiError> {
    let mut stream = body.into_data_stream();
    let mut bytes = Vec::new();
    let mut length = 0;
    while let Some(chunk) = stream.next().await {
        let broken = |_| ApiError::InvalidJson { detail: "the body ended too early".to_owned() };
        let chunk = chunk.map_err(broken)?;
        length += chunk.len();
        if length <= limit {
            bytes.extend_from_slice(&chunk);
        } else if length > limit.saturating_mul(DISCARDED_LIMITS) {
            break;
        }
    }
    if length > limit {
        return Err(ApiError::BodyTooLarge(limit));
    }
    Ok(bytes.into())
}

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, ApiError> {
    // Whether it is JSON at all is asked first: to the typed parser some values of a wrong
    // type are faults of syntax, and a list is an object whose members have no names.
    let value: Value = serde_json::from_slice(bytes).map_err(|error| ApiError::InvalidJson {
        detail: format!("not valid JSON (line {}, column {})", error.line(), error.column()),
    })?;
    if !value.is_object() {
        let detail = "the body must be a JSON object".to_owned();
        return Err(ApiError::Invalid { pointer: String::new(), detail });
    }
    // Read again from the text: the value has forgotten which members were there twice.
    let mut json = serde_json::Deserializer::from_slice(bytes);
    serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let message = error.inner().to_string();
        ApiError::Invalid { pointer: pointer(error.path(), &message), detail: explain(&message) }
    })
}

/// The longest name that an answer repeats, in characters.
const MAX_NAME: usize = 64;

/// What the typed parser means, in words of our own: its messages speak of our types, and
/// repeat whatever was sent.
fn explain(message: &str) -> String {
    let known = message.split_once(", expected ").map(|(_, known)| {
        known.rsplit_once(" at line ").map_or(known, |(known, _)| known).to_owned()
    });
    match (message.split(' ').next(), known) {
        (Some("unknown"), Some(known)) if message.starts_with("unknown field") => {
            format!("there is no such field; expected {known}")
        }
        (Some("unknown"), Some(known)) => format!("there is no such value; expected {known}"),
        (Some("missing"), _) => "is needed".to_owned(),
        (Some("duplicate"), _) => "is there twice".to_owned(),
        _ => "has a value of the wrong type".to_owned(),
    }
}

/// The path of a fault as a JSON pointer (RFC 6901). A field that is unknown or missing is
/// not on the parser's path; its message names it.
fn pointer(path: &serde_path_to_error::Path, message: &str) -> String {
    use serde_path_to_error::Segment;
    let mut pointer = String::new();
    let mut push = |name: &str| {
        pointer.push('/');
        let name: String = name.chars().take(MAX_NAME).collect();
        pointer.push_str(&name.replace('~', "~0").replace('/', "~1"));
    };
    let mut last = None;
    for segment in path {
        match segment {
            Segment::Map { key } => push(key),
            Segment::Seq { index } => push(&index.to_string()),
            Segment::Enum { .. } | Segment::Unknown => {}
        }
        last = Some(segment.to_string());
    }
    let named = ["unknown field `", "missing field `", "duplicate field `"]
        .iter()
        .find_map(|start| message.strip_prefix(start)?.split_once('`'))
        .map(|(name, _)| name);
    match named {
        Some(name) if last.as_deref() != Some(name) => push(name),
        _ => {}
    }
    pointer
}

#[cfg(test)]
mod tests {
    use super::*;
    use common::api::CreateSession;

    fn fault(text: &str) -> (String, String) {
        match parse::<CreateSession>(text.as_bytes()) {
            Err(ApiError::Invalid { pointer, detail }) => (pointer, detail),
            Err(ApiError::InvalidJson { detail }) => ("not JSON".to_owned(), detail),
            other => panic!("{text}: {other:?}"),
        }
    }

    #[test]
    fn a_fault_points_at_its_field() {
        for (text, pointer) in [
            (r#"{"ttl_seconds": 0.5}"#, "/ttl_seconds"),
            (r#"{"ttl_seconds": -1}"#, "/ttl_seconds"),
            (r#"{"ttl_seconds": 9e99}"#, "/ttl_seconds"),
            (r#"{"ttl_seconds": "60"}"#, "/ttl_seconds"),
            (r#"{"args": []}"#, "/args"),
            (r#"{"args": 7}"#, "/args"),
            (r#"{"args": null}"#, "/args"),
            (r#"{"visibility": "secret"}"#, "/visibility"),
            (r#"{"visibility": true}"#, "/visibility"),
            (r#"{"templte": "x"}"#, "/templte"),
            (r#"{"template": "x", "template": "y"}"#, "/template"),
            ("[]", ""),
            ("null", ""),
        ] {
            assert_eq!(fault(text).0, pointer, "{text}");
        }
        let (pointer, detail) = fault(r#"{"ttl": 1}"#);
        assert_eq!(pointer, "/ttl");
        assert!(detail.contains("expected one of"), "{detail}");
        assert!(!detail.contains("line"), "{detail}");
    }

    #[test]
    fn what_is_no_json_says_where() {
        let deep = format!("{{\"args\": {{\"a\": {}1{}}}}}", "[".repeat(200), "]".repeat(200));
        for text in [
            "",
            "{",
            "{}{}",
            "{\"args\":}",
            "\u{0}",
            "hello",
            "{\"args\": {\"a\": 01}}",
            r#"{"template": "\ud800"}"#,
            r#"{"args": {"a": 1e999}}"#,
            deep.as_str(),
        ] {
            let (kind, detail) = fault(text);
            assert_eq!(kind, "not JSON", "{text}");
            assert!(detail.starts_with("not valid JSON (line"), "{detail}");
        }
        let latin1 = parse::<CreateSession>(b"{\"template\": \"\xe4\"}");
        assert!(matches!(latin1, Err(ApiError::InvalidJson { .. })));
    }

    #[test]
    fn an_answer_does_not_repeat_what_was_sent_at_length() {
        let long = "x".repeat(100_000);
        for text in [
            format!(r#"{{"{long}": 1}}"#),
            format!(r#"{{"ttl_seconds": "{long}"}}"#),
            format!(r#"{{"visibility": "{long}"}}"#),
        ] {
            let (pointer, detail) = fault(&text);
            assert!(pointer.len() + detail.len() < 300, "{pointer} {detail}");
        }
    }
}
