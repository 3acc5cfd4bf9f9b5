//! What every request and every answer carries, whatever it is about.

use common::api::ErrorCode;
use reqwest::{Method, header::HeaderValue};
use serde_json::json;
use tests::{Answer, LABEL, Node, Setup};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const SPAN: &str = "00f067aa0ba902b7";

/// The parts of the `traceparent` of an answer: trace, span and flags.
fn place(answer: &Answer) -> (String, String, String) {
    let header = answer.header("traceparent");
    let parts: Vec<&str> = header.split('-').collect();
    let [version, trace, span, flags] = parts[..] else { panic!("{header}") };
    assert_eq!((version, header.len()), ("00", 55), "{header}");
    (trace.to_owned(), span.to_owned(), flags.to_owned())
}

#[tokio::test]
async fn a_trace_that_began_elsewhere_goes_on_here() {
    let node = Node::start().await;
    for (given, flags) in [
        (format!("00-{TRACE}-{SPAN}-01"), "01"),
        (format!("00-{TRACE}-{SPAN}-00"), "00"),
        // Flags and parts that only a later version has are not understood, and not repeated.
        (format!("00-{TRACE}-{SPAN}-ff"), "01"),
        (format!("cc-{TRACE}-{SPAN}-01"), "01"),
        (format!("cc-{TRACE}-{SPAN}-01-what-the-future-will-be-like"), "01"),
    ] {
        let request = node.request(Method::GET, "/api/nothing").header("traceparent", &given);
        let answer = node.send(request).await;
        let (trace, span, answered) = place(&answer);
        assert_eq!((trace.as_str(), answered.as_str()), (TRACE, flags), "{given}");
        assert_ne!(span, SPAN, "our part of the work has a name of its own");
        assert_eq!(answer.refuses(ErrorCode::NotFound).trace_id, TRACE);
    }
}

#[tokio::test]
async fn a_traceparent_that_is_not_valid_begins_no_trace_but_a_new_one() {
    let node = Node::start().await;
    for given in [
        String::new(),
        format!("ff-{TRACE}-{SPAN}-01"),
        format!("00-{}-{SPAN}-01", "0".repeat(32)),
        format!("00-{TRACE}-{}-01", "0".repeat(16)),
        format!("00-{}-{SPAN}-01", TRACE.to_uppercase()),
        format!("00-{TRACE}-{SPAN}"),
        format!("00-{TRACE}-{SPAN}-01-more"),
        format!("cc-{TRACE}-{SPAN}-01.more"),
        format!("00-{TRACE}-{SPAN}-1"),
        format!("0-{TRACE}-{SPAN}-01"),
        format!("00-{TRACE}-{SPAN}-01, 00-{TRACE}-{SPAN}-01"),
    ] {
        let request = node.request(Method::GET, "/health").header("traceparent", &given);
        assert_ne!(place(&node.send(request).await.is(200)).0, TRACE, "{given}");
    }
    let valid = format!("00-{TRACE}-{SPAN}-01");
    let twice = node.request(Method::GET, "/health");
    let twice = twice.header("traceparent", &valid).header("traceparent", &valid);
    assert_ne!(place(&node.send(twice).await.is(200)).0, TRACE);
    let bytes = HeaderValue::from_bytes(b"00-\xff").unwrap();
    let request = node.request(Method::GET, "/health").header("traceparent", bytes);
    let (one, other) = (node.send(request).await.is(200), node.get("/health").await.is(200));
    assert_ne!(place(&one).0, place(&other).0);
}

/// That they are there is checked by [`Answer::read`] for every answer of every story.
#[tokio::test]
async fn every_answer_says_what_a_browser_may_make_of_it() {
    let node = Node::start().await;
    let owner = node.owner("alice").await;
    owner.draws("chart", LABEL, json!({ "value": 1 })).await;
    let data = "default-src 'none'; frame-ancestors 'none'";
    for (method, path, status) in [
        (Method::GET, "/health", 200),
        (Method::GET, "/api/server", 200),
        (Method::GET, "/api/openapi.json", 200),
        (Method::GET, "/.well-known/jwks.json", 200),
        (Method::GET, "/api/user/alice/session/chart", 401),
        (Method::GET, "/api/nothing", 404),
        (Method::DELETE, "/health", 405),
        (Method::POST, "/api/auth/token", 415),
    ] {
        let answer = node.send(node.request(method, path)).await.is(status);
        assert_eq!(answer.header("content-security-policy"), data, "{path}");
        assert_eq!(answer.header("cross-origin-resource-policy"), "same-origin", "{path}");
    }
    for path in ["/stream/alice/chart.svg", "/stream/alice/chart.png"] {
        let answer = node.get(path).await.is(200);
        assert!(answer.header("content-security-policy").ends_with("sandbox"), "{path}");
        assert_eq!(answer.header("cross-origin-resource-policy"), "cross-origin", "{path}");
        let etag = answer.header("etag").to_owned();
        let again = node.request(Method::GET, path).header("if-none-match", etag);
        let again = node.send(again).await.is(304);
        assert!(again.header("content-security-policy").ends_with("sandbox"), "{path}");
    }
    owner.send(owner.request(Method::DELETE, &owner.session("chart"))).await.is(204);
    for path in ["/health", "/ready", "/metrics", "/nothing"] {
        let answer = node.ops(path).await;
        assert_eq!(answer.header("content-security-policy"), data, "{path}");
    }
}

#[tokio::test]
async fn only_a_server_behind_tls_asks_for_tls_for_ever() {
    let header = "strict-transport-security";
    for (url, asked) in [
        ("https://easel.example", Some("max-age=31536000")),
        ("http://easel.example", None),
        ("", None),
    ] {
        let node = Setup::default().set("public-url", url).start().await;
        for path in ["/health", "/api/nothing"] {
            assert_eq!(node.get(path).await.find_header(header), asked, "{url}");
        }
        node.stops().await;
    }
}
