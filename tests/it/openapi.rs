//! The OpenAPI document: of every route, and of nothing that is not there.

use common::api::{ErrorCode, Problem};
use reqwest::Method;
use serde_json::Value;
use tests::{Node, easel};

/// Contract §§3-6, as far as it is built.
const ROUTES: &[(&str, &[&str])] = &[
    ("/api/auth/token", &["post"]),
    ("/.well-known/jwks.json", &["get"]),
    ("/api/auth/jwks", &["get"]),
    ("/api/user/{user_id}/session", &["post"]),
    ("/api/user/{user_id}/sessions", &["get"]),
    ("/api/user/{user_id}/session/{session_id}", &["get", "put", "patch", "delete"]),
    ("/api/session", &["post"]),
    ("/api/session/{session_id}", &["get", "put", "patch"]),
    ("/api/templates", &["get"]),
    ("/api/templates/{name}", &["get"]),
    ("/api/render", &["post"]),
    ("/stream/{session_id}", &["get"]),
    ("/stream/{user_id}/{session_id}", &["get"]),
    ("/health", &["get"]),
    ("/ready", &["get"]),
    ("/api/openapi.json", &["get"]),
];

const METHODS: &[&str] = &["get", "post", "put", "patch", "delete"];

#[tokio::test]
async fn every_route_of_the_contract_is_described() {
    let node = Node::start().await;
    let document = node.get("/api/openapi.json").await.is(200).json();
    assert!(document["openapi"].as_str().unwrap().starts_with("3."));
    for (path, methods) in ROUTES {
        let described = &document["paths"][path];
        for method in METHODS {
            let wanted = methods.contains(method);
            assert_eq!(described.get(method).is_some(), wanted, "{method} {path}");
        }
    }
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            assert!(operation["summary"].is_string(), "{method} {path}");
            assert!(operation["responses"]["500"].is_object(), "{method} {path}");
        }
    }
}

#[tokio::test]
async fn every_route_that_is_described_is_there() {
    let node = Node::start().await;
    let document = node.get("/api/openapi.json").await.json();
    for (path, item) in document["paths"].as_object().unwrap() {
        let url = path
            .replace("{user_id}", "alice")
            .replace("{session_id}", "missing")
            .replace("{name}", "missing");
        for method in item.as_object().unwrap().keys() {
            let method: Method = method.to_uppercase().parse().unwrap();
            let answer = node.send(node.request(method.clone(), &url)).await;
            if let Ok(problem) = serde_json::from_slice::<Problem>(&answer.body) {
                let there =
                    !matches!(problem.code, ErrorCode::NotFound | ErrorCode::MethodNotAllowed);
                assert!(there, "{method} {url}: {problem:?}");
            }
        }
    }
}

#[tokio::test]
async fn every_code_is_in_the_document() {
    let node = Node::start().await;
    let document = node.get("/api/openapi.json").await.json();
    let codes = &document["components"]["schemas"]["ErrorCode"]["enum"];
    for code in ErrorCode::ALL {
        assert!(codes.as_array().unwrap().contains(&Value::from(code.as_str())), "{code}");
    }
}

#[tokio::test]
async fn the_program_prints_what_the_server_serves() {
    let node = Node::start().await;
    let served = node.get("/api/openapi.json").await.json();
    let directory = tempfile::tempdir().unwrap();
    let printed = easel(directory.path(), &[], &["openapi"]).await;
    let printed: Value = serde_json::from_str(printed.succeeds()).unwrap();
    // Not assert_eq: it would print both, whole.
    assert!(printed == served, "they differ");
}
