//! Which sites' pages may use what: what is public, all; the API, those that are named.

use common::api::ErrorCode;
use reqwest::Method;
use serde_json::json;
use tests::{Answer, Door, LABEL, Node, Setup, easel};

const APP: &str = "https://app.example";
const EVIL: [&str; 7] = [
    "https://evil.example",
    "https://app.example.evil.example",
    "https://app.example:8443",
    "http://app.example",
    "https://APP.example",
    "https://app.example/",
    "null",
];

async fn node() -> Node {
    Setup::default().set("cors-origins", "https://app.example, http://localhost:8080").start().await
}

async fn preflights(door: &Door, origin: &str, method: &str, path: &str) -> Answer {
    let request = door
        .request(Method::OPTIONS, path)
        .header("origin", origin)
        .header("access-control-request-method", method)
        .header("access-control-request-headers", "authorization,content-type");
    door.send(request).await
}

/// Nothing in the answer opens it to anyone's script.
fn opens_nothing(answer: &Answer) {
    for name in answer.headers.keys() {
        assert!(!name.as_str().starts_with("access-control-"), "{answer:?}");
    }
}

fn varies_by_origin(answer: &Answer) {
    let vary =
        answer.headers.get_all("vary").iter().any(|v| v.to_str().unwrap().contains("Origin"));
    assert!(vary, "{answer:?}");
}

#[tokio::test]
async fn the_api_is_open_to_the_pages_of_named_sites_only() {
    let node = node().await;
    let owner = node.owner("alice").await;
    owner.draws("chart", LABEL, json!({ "value": 1 })).await;
    let asks = async |path: &str, origin: &str| {
        owner.send(owner.request(Method::GET, path).header("origin", origin)).await
    };
    let paths = ["/api/user/alice/session/chart", "/api/user/alice/sessions", "/api/server"];
    for path in paths {
        for origin in [APP, "http://localhost:8080"] {
            let answer = asks(path, origin).await.is(200);
            assert_eq!(answer.header("access-control-allow-origin"), origin);
            assert_eq!(answer.find_header("access-control-allow-credentials"), None);
            let exposed = answer.header("access-control-expose-headers");
            for name in [
                "ETag",
                "RateLimit",
                "RateLimit-Policy",
                "Retry-After",
                "X-Request-Id",
                "Idempotent-Replayed",
                "Location",
            ] {
                assert!(exposed.split(", ").any(|header| header == name), "{name} in {exposed}");
            }
            varies_by_origin(&answer);
        }
        for origin in EVIL {
            let answer = asks(path, origin).await.is(200);
            opens_nothing(&answer);
            varies_by_origin(&answer);
        }
        let without = owner.get(path).await;
        opens_nothing(&without);
        varies_by_origin(&without);
    }
    // A page must be able to read why it was refused.
    let refused = node.request(Method::GET, paths[0]).header("origin", APP);
    let refused = node.send(refused).await;
    refused.refuses(ErrorCode::AuthRequired);
    assert_eq!(refused.header("access-control-allow-origin"), APP);
}

#[tokio::test]
async fn a_preflight_says_what_a_named_sites_page_may_send() {
    let node = node().await;
    for (path, method) in [
        ("/api/user/alice/session/chart", "PUT"),
        ("/api/user/alice/session/chart", "PATCH"),
        ("/api/user/alice/session", "POST"),
        ("/api/auth/token", "POST"),
        ("/api/render", "POST"),
    ] {
        let answer = preflights(&node, APP, method, path).await.is(204);
        assert_eq!(answer.header("access-control-allow-origin"), APP);
        assert_eq!(answer.find_header("access-control-allow-credentials"), None);
        let methods = answer.header("access-control-allow-methods");
        assert!(methods.split(", ").any(|allowed| allowed == method), "{methods}");
        let headers = answer.header("access-control-allow-headers").to_ascii_lowercase();
        for name in [
            "authorization",
            "content-type",
            "if-match",
            "if-none-match",
            "idempotency-key",
            "traceparent",
            "x-request-id",
        ] {
            assert!(headers.split(", ").any(|header| header == name), "{name} in {headers}");
        }
        assert!(answer.header("access-control-max-age").parse::<u64>().unwrap() > 0);
        varies_by_origin(&answer);
        for origin in EVIL {
            let answer = preflights(&node, origin, method, path).await;
            answer.refuses_at(ErrorCode::OriginNotAllowed, "Origin");
            opens_nothing(&answer);
            varies_by_origin(&answer);
        }
    }
    let cookie = preflights(&node, APP, "POST", "/api/auth/cookie").await.is(204);
    assert_eq!(cookie.header("access-control-allow-credentials"), "true");
}

#[tokio::test]
async fn an_options_request_that_is_no_preflight_is_answered_like_any_other() {
    let node = node().await;
    let plain = node.request(Method::OPTIONS, "/api/user/alice/sessions");
    node.send(plain).await.refuses(ErrorCode::MethodNotAllowed);
    let half = node.request(Method::OPTIONS, "/api/user/alice/sessions").header("origin", APP);
    node.send(half).await.refuses(ErrorCode::MethodNotAllowed);
    let page = preflights(&node, APP, "GET", "/").await;
    opens_nothing(&page);
}

#[tokio::test]
async fn nobody_is_named_unless_someone_names_them() {
    let node = Node::start().await;
    let owner = node.owner("alice").await;
    for origin in [APP, "null", node.base()] {
        let list = owner.request(Method::GET, &owner.list()).header("origin", origin);
        opens_nothing(&owner.send(list).await.is(200));
        let answer = preflights(&node, origin, "GET", &owner.list()).await;
        answer.refuses(ErrorCode::OriginNotAllowed);
    }
}

#[tokio::test]
async fn what_is_public_is_open_to_every_page_and_never_with_cookies() {
    let node = node().await;
    let owner = node.owner("alice").await;
    owner.draws("chart", LABEL, json!({ "value": 1 })).await;
    for path in [
        "/.well-known/jwks.json",
        "/api/auth/jwks",
        "/api/templates",
        "/api/templates/badge",
        "/api/openapi.json",
        "/stream/alice/chart.svg",
        "/stream/alice/chart.png",
    ] {
        for origin in [EVIL[0], APP, "null"] {
            let request = node.request(Method::GET, path).header("origin", origin);
            let answer = node.send(request.header("cookie", "a=b")).await.is(200);
            assert_eq!(answer.header("access-control-allow-origin"), "*", "{path}");
            assert_eq!(answer.find_header("access-control-allow-credentials"), None);
            let answer = preflights(&node, EVIL[0], "GET", path).await.is(204);
            assert_eq!(answer.header("access-control-allow-origin"), "*", "{path}");
            assert_eq!(answer.find_header("access-control-allow-credentials"), None);
            let headers = answer.header("access-control-allow-headers").to_ascii_lowercase();
            assert!(!headers.contains("authorization"), "{path}: {headers}");
            assert!(!answer.header("access-control-allow-methods").contains("PUT"));
        }
    }
}

#[tokio::test]
async fn a_named_sites_page_may_watch_in_private_with_a_token() {
    let node = node().await;
    let owner = node.owner("alice").await;
    let body = json!({ "session_id": "diary", "template": LABEL, "args": { "value": "secret" },
                       "visibility": "private" });
    owner.creates(&body).await.is(201);
    let preflight = preflights(&node, APP, "GET", "/stream/alice/diary").await.is(204);
    assert_eq!(preflight.header("access-control-allow-origin"), APP);
    assert!(preflight.header("access-control-allow-headers").contains("Authorization"));
    let watches = async |origin: &str| {
        let request = owner.request(Method::GET, "/stream/alice/diary.svg");
        owner.send(request.header("origin", origin)).await.is(200)
    };
    let answer = watches(APP).await;
    assert_eq!(answer.header("access-control-allow-origin"), APP);
    varies_by_origin(&answer);
    for origin in EVIL {
        let answer = watches(origin).await;
        opens_nothing(&answer);
        varies_by_origin(&answer);
    }
}

#[tokio::test]
async fn an_origin_that_is_none_stops_the_start() {
    let directory = tempfile::tempdir().unwrap();
    for (value, hint) in [
        ("*", "must be origins such as"),
        ("null", "must be origins such as"),
        ("app.example", "must be origins such as"),
        ("https://app.example/", "https://app.example/ is written https://app.example"),
        ("https://app.example/page", "is written https://app.example"),
        ("https://App.example", "is written https://app.example"),
        ("https://app.example:443", "is written https://app.example"),
        ("https://a.example,,https://b.example", "must be origins such as"),
        ("https://*.example", "must be origins such as"),
        ("ftp://app.example", "must be origins such as"),
        ("https://user:word@app.example", "must be origins such as"),
    ] {
        let said = easel(directory.path(), &[], &["check-config", "--cors-origins", value]).await;
        let said = said.fails(2);
        assert!(said.contains("cors-origins") && said.contains(hint), "{value}: {said}");
        assert!(!said.contains("word"), "{said}");
    }
    let two = ["check-config", "--cors-origins", "https://a.example, http://localhost:8080"];
    easel(directory.path(), &[], &two).await.succeeds();
}
