//! What happens to every request and every answer: each gets a name, and each error its
//! final form.

use axum::{
    extract::Request,
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    middleware::Next,
    response::Response,
};
use tracing::Instrument;

use super::error::{self, Draft};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
const MAX_REQUEST_ID: usize = 64;

/// What an answer says if its handler says nothing else: it is data, for nobody's cache, and
/// runs nothing.
static DEFAULTS: [(HeaderName, HeaderValue); 4] = [
    (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    (
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'"),
    ),
    (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
];

/// Names the request in the log and in the answer, and completes problems.
pub(super) async fn introduce(request: Request, next: Next) -> Response {
    let request_id = request_id(request.headers());
    let trace_id = trace_id(request.headers());
    let instance = request.uri().path().to_owned();
    let span = tracing::info_span!(
        "request",
        method = %request.method(),
        path = %instance,
        request_id,
        trace_id,
    );
    let mut response = next.run(request).instrument(span.clone()).await;
    let status = response.status();
    if status.is_client_error() || status.is_server_error() {
        response = problem(response, &instance, &trace_id);
    }
    span.in_scope(|| tracing::debug!(status = status.as_u16(), "answered"));
    let headers = response.headers_mut();
    for (name, value) in &DEFAULTS {
        headers.entry(name).or_insert_with(|| value.clone());
    }
    if let Ok(value) = HeaderValue::from_str(&request_id) {
        headers.insert(REQUEST_ID, value);
    }
    response
}

/// Writes the body of an error; its status and headers (`Allow` among them) stay.
fn problem(mut response: Response, instance: &str, trace_id: &str) -> Response {
    let status = response.status();
    let draft = response.extensions_mut().remove::<Draft>();
    let problem = draft.unwrap_or_else(|| Draft::of_status(status)).complete(instance, trace_id);
    let (mut parts, _) = response.into_parts();
    let (written, body) = error::body(&problem).into_parts();
    parts.status = StatusCode::from_u16(problem.status).unwrap_or(status);
    parts.headers.remove(header::CONTENT_LENGTH);
    parts.headers.extend(written.headers);
    Response::from_parts(parts, body)
}

/// The client's own name for the request, if it is harmless; a random one otherwise.
fn request_id(headers: &HeaderMap) -> String {
    let given = headers.get(REQUEST_ID).and_then(|value| value.to_str().ok());
    let harmless = |id: &&str| {
        (1..=MAX_REQUEST_ID).contains(&id.len())
            && id.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'))
    };
    given.filter(harmless).map_or_else(|| format!("{:032x}", rand::random::<u128>()), str::to_owned)
}

/// The trace id of a valid `traceparent` (W3C Trace Context §3.2), or a new one.
fn trace_id(headers: &HeaderMap) -> String {
    let given = headers.get(TRACEPARENT).and_then(|value| value.to_str().ok());
    given.and_then(parse_traceparent).map_or_else(
        // The all-zero id is not valid, and would come once in 2^128 times.
        || format!("{:032x}", rand::random::<u128>().max(1)),
        str::to_owned,
    )
}

fn parse_traceparent(value: &str) -> Option<&str> {
    let mut parts = value.split('-');
    let hex = |part: &&str, length: usize| {
        part.len() == length && part.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
    };
    let some_one = |part: &&str| part.bytes().any(|b| b != b'0');
    parts.next().filter(|version| *version == "00")?;
    let trace = parts.next().filter(|part| hex(part, 32)).filter(some_one)?;
    parts.next().filter(|part| hex(part, 16)).filter(some_one)?;
    parts.next().filter(|part| hex(part, 2))?;
    parts.next().is_none().then_some(trace)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_valid_traceparent_names_the_trace() {
        let valid = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        assert_eq!(parse_traceparent(valid), Some("4bf92f3577b34da6a3ce929d0e0e4736"));
        for bad in [
            "",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-x",
        ] {
            assert_eq!(parse_traceparent(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_request_keeps_a_harmless_name() {
        let mut headers = HeaderMap::new();
        headers.insert(REQUEST_ID, HeaderValue::from_static("job-7.a_B"));
        assert_eq!(request_id(&headers), "job-7.a_B");
        headers.insert(REQUEST_ID, HeaderValue::from_static("a b"));
        assert_eq!(request_id(&headers).len(), 32);
    }
}
