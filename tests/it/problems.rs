//! Every error of every route is a problem that names its request.

use common::api::ErrorCode;
use reqwest::Method;
use serde_json::json;
use tests::{LABEL, Node};

#[tokio::test]
async fn paths_that_are_not_there() {
    let node = Node::start().await;
    for path in [
        "/api",
        "/api/",
        "/api/nothing",
        "/api/user",
        "/api/user/alice",
        "/api/user/alice/session/chart/more",
        "/api/auth",
        "/stream",
        "/stream/",
        "/stream/a/b/c",
        "/.well-known/nothing",
        "/assets/nothing.js",
        "/health/more",
        "/metrics",
    ] {
        let request = node.request(Method::GET, path).header("accept", "text/html,*/*");
        // What is reserved is never answered by the page, whoever asks.
        if path != "/metrics" {
            node.send(request).await.refuses(ErrorCode::NotFound);
        }
        node.get(path).await.refuses(ErrorCode::NotFound);
    }
    node.ops("/api/server").await.refuses(ErrorCode::NotFound);
    node.ops("/").await.refuses(ErrorCode::NotFound);
}

#[tokio::test]
async fn a_name_that_is_no_text_names_nothing() {
    let node = Node::start().await;
    let owner = node.owner("alice").await;
    node.get("/api/session/%FF").await.refuses_at(ErrorCode::InvalidId, "session_id");
    owner.get("/api/user/%FF/sessions").await.refuses_at(ErrorCode::InvalidId, "user_id");
    node.get("/api/templates/%FF").await.refuses(ErrorCode::TemplateNotFound);
    for path in ["/stream/%FF", "/stream/a/%FF", "/stream/%FF/a"] {
        node.get(path).await.refuses(ErrorCode::SessionNotFound);
    }
}

#[tokio::test]
async fn methods_that_a_path_does_not_take() {
    let node = Node::start().await;
    for (method, path, allowed) in [
        (Method::GET, "/api/auth/token", "POST"),
        (Method::PUT, "/.well-known/jwks.json", "GET"),
        (Method::DELETE, "/api/user/alice/session", "POST"),
        (Method::POST, "/api/user/alice/sessions", "GET"),
        (Method::POST, "/api/user/alice/session/chart", "PATCH"),
        (Method::GET, "/api/session", "POST"),
        (Method::POST, "/api/session/chart", "PUT"),
        (Method::POST, "/api/templates", "GET"),
        (Method::GET, "/api/render", "POST"),
        (Method::POST, "/stream/chart", "GET"),
        (Method::DELETE, "/stream/alice/chart", "GET"),
        (Method::POST, "/health", "GET"),
        (Method::POST, "/api/openapi.json", "GET"),
    ] {
        let answer = node.send(node.request(method.clone(), path)).await;
        answer.refuses(ErrorCode::MethodNotAllowed);
        assert!(answer.header("allow").contains(allowed), "{method} {path}: {answer:?}");
    }
}

#[tokio::test]
async fn an_answer_carries_the_name_of_its_request() {
    let node = Node::start().await;
    let named =
        |id: &'static str| node.request(Method::GET, "/api/nothing").header("x-request-id", id);
    assert_eq!(node.send(named("job-7.a_B")).await.header("x-request-id"), "job-7.a_B");
    for harmful in ["a b", "<script>", "", "a\tb"] {
        let answer = node.send(named(harmful)).await;
        assert_ne!(answer.header("x-request-id"), harmful);
    }
    let long = node.request(Method::GET, "/health").header("x-request-id", "x".repeat(65));
    assert_eq!(node.send(long).await.header("x-request-id").len(), 32);
    let one = node.get("/health").await;
    let other = node.get("/health").await;
    assert_ne!(one.header("x-request-id"), other.header("x-request-id"));
}

#[tokio::test]
async fn a_problem_carries_the_trace_of_its_request() {
    let node = Node::start().await;
    let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
    let request = node.request(Method::GET, "/api/nothing");
    let request = request.header("traceparent", format!("00-{trace}-00f067aa0ba902b7-01"));
    assert_eq!(node.send(request).await.refuses(ErrorCode::NotFound).trace_id, trace);
    let one = node.get("/api/nothing").await.refuses(ErrorCode::NotFound);
    let other = node.get("/api/nothing").await.refuses(ErrorCode::NotFound);
    assert_ne!(one.trace_id, other.trace_id);
}

#[tokio::test]
async fn a_head_request_has_the_answer_without_its_body() {
    let node = Node::start().await;
    node.anyone().draws("chart", LABEL, json!({ "value": 1 })).await;
    for path in ["/health", "/stream/chart.svg", "/api/session/chart", "/.well-known/jwks.json"] {
        let answer = node.send(node.request(Method::HEAD, path)).await.is(200);
        assert!(answer.body.is_empty());
    }
    let stream = node.send(node.request(Method::HEAD, "/stream/chart")).await.is(200);
    assert_eq!(stream.header("content-type"), "text/event-stream");
}

#[tokio::test]
async fn a_probe_finds_the_node_alive_and_ready() {
    let node = Node::start().await;
    for path in ["/health", "/ready"] {
        assert_eq!(node.get(path).await.is(200).json(), json!({ "status": "ok" }));
        assert_eq!(node.ops(path).await.is(200).json(), json!({ "status": "ok" }));
    }
    let metrics = node.ops("/metrics").await.is(200);
    assert!(metrics.text().contains("# HELP easel_viewers"), "{}", metrics.text());
}

#[tokio::test]
async fn the_page_is_served_to_whoever_navigates() {
    let node = Node::start().await;
    for path in ["/", "/sessions", "/some/page"] {
        let request = node.request(Method::GET, path).header("accept", "text/html,*/*;q=0.8");
        let page = node.send(request).await.is(200);
        assert!(page.header("content-type").starts_with("text/html"), "{page:?}");
        let policy = page.header("content-security-policy");
        assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe-inline"));
        node.send(node.request(Method::POST, path)).await.refuses(ErrorCode::NotFound);
    }
}
