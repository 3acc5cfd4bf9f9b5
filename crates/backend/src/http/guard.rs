//! What happens to every request and every answer: each gets a name, and each error its
//! final form.

use axum::{
    extract::{Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    middleware::Next,
    response::Response,
};
use tokio::time::Instant;
use tracing::Instrument;

use super::{
    App,
    error::{self, Draft},
    shares::client,
};
use crate::telemetry::trace::{TraceContext, request_id};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

const CORP: HeaderName = HeaderName::from_static("cross-origin-resource-policy");
const PERMISSIONS: HeaderName = HeaderName::from_static("permissions-policy");

/// What an answer says if its handler says nothing else: it is data, for nobody's cache and no
/// other site, and runs nothing.
static DEFAULTS: [(HeaderName, HeaderValue); 6] = [
    (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    (
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'"),
    ),
    (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    (CORP, HeaderValue::from_static("same-origin")),
    (
        PERMISSIONS,
        HeaderValue::from_static(
            "camera=(), display-capture=(), geolocation=(), hid=(), microphone=(), midi=(), \
             payment=(), serial=(), usb=()",
        ),
    ),
];

/// For a year, and only over TLS (RFC 6797).
const STRICT_TRANSPORT: HeaderValue = HeaderValue::from_static("max-age=31536000");

/// Longest piece of a path that stands in the log: longer than any name of ours. A token is
/// longer, and someone will paste one into a URL.
const MAX_SHOWN: usize = 64;

/// The W3C trace id of a request, for what is written about it.
#[derive(Debug, Clone)]
pub(super) struct TraceId(pub(super) String);

/// As long as the token of a mail, or a ticket.
const MAIL_TOKEN: usize = 43;

/// Names the request in the log and in the answer, and completes problems.
pub(super) async fn introduce(
    State(app): State<App>,
    mut request: Request,
    next: Next,
) -> Response {
    let began = Instant::now();
    let given = request.headers().get(REQUEST_ID).and_then(|value| value.to_str().ok());
    let request_id = request_id(given);
    let trace = trace(request.headers());
    let trace_id = trace.trace_id();
    let instance = request.uri().path().to_owned();
    // Whatever level is logged, a line about a request says which.
    let span = tracing::error_span!(
        "request",
        method = %request.method(),
        path = %shown(&instance),
        request_id,
        trace_id,
        client = %client(&request, &app.limits),
    );
    request.extensions_mut().insert(TraceId(trace_id.clone()));
    let mut response = next.run(request).instrument(span.clone()).await;
    let status = response.status();
    if status.is_client_error() || status.is_server_error() {
        response = problem(response, &instance, &trace_id);
    }
    let took_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    span.in_scope(|| tracing::debug!(status = status.as_u16(), took_ms, "answered"));
    let headers = response.headers_mut();
    for (name, value) in &DEFAULTS {
        headers.entry(name).or_insert_with(|| value.clone());
    }
    if app.config.is_public_over_tls() {
        headers.insert(header::STRICT_TRANSPORT_SECURITY, STRICT_TRANSPORT);
    }
    for (name, value) in [(REQUEST_ID, request_id), (TRACEPARENT, trace.to_string())] {
        if let Ok(value) = HeaderValue::try_from(value) {
            headers.insert(name, value);
        }
    }
    response
}

/// A path as the log shows it: names, and nothing that could be a secret. The query, where
/// tickets are, is no part of it.
fn shown(path: &str) -> String {
    let is_hidden = |piece: &str| {
        // Someone will paste an API key, a refresh token, the token of a mail, or an address.
        piece.len() > MAX_SHOWN
            || piece.len() == MAIL_TOKEN
            || piece.contains("ek_")
            || piece.contains("rt_")
            || piece.contains(['@', '%'])
    };
    let piece = |piece: &str| if is_hidden(piece) { "…" } else { piece }.to_owned();
    path.split('/').map(piece).collect::<Vec<_>>().join("/")
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

/// The trace of a valid `traceparent`, of which there may be one, or a new one.
fn trace(headers: &HeaderMap) -> TraceContext {
    let mut given = headers.get_all(TRACEPARENT).iter();
    let one = given.next().filter(|_| given.next().is_none());
    let parent = one.and_then(|value| value.to_str().ok()).and_then(TraceContext::parse);
    parent.map_or_else(TraceContext::new, TraceContext::child)
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    #[test]
    fn what_could_be_a_secret_in_a_path_is_not_shown() {
        assert_eq!(shown("/stream/alice/chart.svg"), "/stream/alice/chart.svg");
        assert_eq!(shown("/"), "/");
        let token = format!("/api/{}/x", "a".repeat(65));
        assert_eq!(shown(&token), "/api/…/x");
        for secret in
            ["ek_AAAA", "rt_AAAA", "alice@example.com", "alice%40example.com", &"A".repeat(43)]
        {
            assert_eq!(shown(&format!("/api/{secret}/x")), "/api/…/x", "{secret}");
        }
    }

    #[test]
    fn two_traceparents_name_no_trace() {
        let one = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let mut headers = HeaderMap::new();
        headers.append(TRACEPARENT, HeaderValue::from_static(one));
        assert_eq!(trace(&headers).trace_id(), "4bf92f3577b34da6a3ce929d0e0e4736");
        headers.append(TRACEPARENT, HeaderValue::from_static(one));
        assert_ne!(trace(&headers).trace_id(), "4bf92f3577b34da6a3ce929d0e0e4736");
    }
}
