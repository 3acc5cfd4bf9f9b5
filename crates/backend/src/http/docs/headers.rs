//! The headers of answers: every one explained once. A route names the ones that it sends.

use serde_json::{Value, json};

/// What an answer's header says: its name, what it means, and an example.
pub(super) const HEADERS: &[(&str, &str, &str)] = &[
    (
        "X-Request-Id",
        "The name of this request in the server's log: the one that the client sent, if it is \
         harmless, or a random one.",
        "f8a2c0de5b7c4f0e9a1d3b6c8e7f2a41",
    ),
    (
        "traceparent",
        "The trace that this request belongs to, the client's own if it sent one, and the \
         server's part in it (W3C Trace Context).",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    ),
    ("Cache-Control", "Who may keep this answer, and for how long.", "no-store"),
    ("ETag", "The revision of what was read or written (RFC 9110).", "\"1795250000000000-3\""),
    (
        "Set-Cookie",
        "Sets the cookie that opens private streams, or takes it back.",
        "__Host-easel=eyJ0eXAi…; HttpOnly; SameSite=Strict; Secure; Path=/; Max-Age=86400",
    ),
    ("Location", "The path of what was created.", "/api/user/alice/session/chart"),
    (
        "Content-Security-Policy",
        "What a browser that shows this answer by itself may do with it.",
        "default-src 'none'; frame-ancestors 'none'",
    ),
    ("Access-Control-Allow-Origin", "Which pages may read this answer.", "*"),
    ("X-Accel-Buffering", "Asks proxies to pass on every frame at once.", "no"),
    (
        "Vary",
        "Which headers of the request the form of the answer depends on.",
        "Accept, Accept-Encoding",
    ),
    (
        "Content-Encoding",
        "`gzip` of a stream, where `Accept-Encoding` takes it: whoever inflates it has the stream \
         as it would be without.",
        "gzip",
    ),
    (
        "WWW-Authenticate",
        "What kind of token would help, and what is wrong with the one that was sent \
         (RFC 6750).",
        "Bearer error=\"invalid_token\"",
    ),
    (
        "RateLimit-Policy",
        "The limits that this request was counted by: `q` at once, which come back within `w` \
         seconds (draft-ietf-httpapi-ratelimit-headers).",
        "\"requests-per-address\";q=60000;w=60",
    ),
    (
        "RateLimit",
        "What is left of them: `r` now, and one more after `t` seconds.",
        "\"requests-per-address\";r=59999;t=1",
    ),
    (
        "Idempotent-Replayed",
        "`true` on an answer that was given before, to the first request with this \
         `Idempotency-Key`.",
        "true",
    ),
    ("Retry-After", "Seconds after which it makes sense to try again.", "2"),
];

/// Headers that every answer has.
pub(super) const EVERYWHERE: &[&str] = &["X-Request-Id", "traceparent", "Cache-Control"];

/// Headers of every answer to a request that was counted, unless its limits are off.
pub(super) const COUNTED: &[&str] = &["RateLimit-Policy", "RateLimit"];

/// Headers of some answers of their kind.
const SOMETIMES: &[&str] = &["Content-Encoding", "Idempotent-Replayed"];

/// A header as the document's components hold it. What is named is always sent, but
/// for those.
pub(super) fn component(name: &str, about: &str, example: &str) -> Value {
    json!({
        "description": about,
        "required": !COUNTED.contains(&name) && !SOMETIMES.contains(&name),
        "schema": { "type": "string" },
        "example": example,
    })
}
