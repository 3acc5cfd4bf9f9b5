//! The OpenAPI document: of every route, and of nothing that is not there. That real answers
//! are as it says is checked with every answer of every story; see `Door::send`.

use std::{collections::BTreeSet, fs};

use common::api::ErrorCode;
use reqwest::Method;
use serde_json::Value;
use tests::{
    Document, Node,
    document::{METHODS, escape},
    easel, workspace,
};

/// Contract §§3-6, as far as it is built.
const ROUTES: &[(&str, &[&str])] = &[
    ("/api/auth/token", &["post"]),
    ("/api/auth/cookie", &["post", "delete"]),
    ("/.well-known/jwks.json", &["get"]),
    ("/api/auth/jwks", &["get"]),
    ("/api/user/{user_id}/session", &["post"]),
    ("/api/user/{user_id}/sessions", &["get"]),
    ("/api/user/{user_id}/session/{session_id}", &["get", "put", "patch", "delete"]),
    ("/api/user/{user_id}/session/{session_id}/ticket", &["post"]),
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
    ("/api/docs", &["get"]),
];

/// Routes that are no part of the contract, by where they are added.
const OTHER_ROUTES: &[&str] = &[
    "route(ASSETS, get(asset))",
    "route(path::HEALTH, get(ops::health))",
    "route(path::READY, get(ops::ready))",
    "route(path::METRICS, get(ops::metrics))",
];

#[tokio::test]
async fn every_route_of_the_contract_is_described() {
    let node = Node::start().await;
    let document = node.get("/api/openapi.json").await.is(200).json();
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1."));
    for (path, methods) in ROUTES {
        let described = &document["paths"][path];
        for method in METHODS {
            let wanted = methods.contains(method);
            assert_eq!(described.get(method).is_some(), wanted, "{method} {path}");
        }
    }
}

#[tokio::test]
async fn every_path_takes_the_methods_that_are_described_and_no_others() {
    let node = Node::start().await;
    let document = Document::of_easel();
    let paths = document.json()["paths"].as_object().unwrap();
    for path in paths.keys() {
        let url = path
            .replace("{user_id}", "alice")
            .replace("{session_id}", "missing")
            .replace("{name}", "missing");
        let allowed = document.allowed(path);
        for method in ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "TRACE", "QUERY"] {
            let method = Method::from_bytes(method.as_bytes()).unwrap();
            let answer = node.send(node.request(method.clone(), &url)).await;
            let refused = answer.status == 405;
            assert_eq!(refused, !allowed.contains(&method.to_string()), "{method} {url}");
            if refused {
                let mut listed: Vec<_> = answer.header("allow").split(',').map(str::trim).collect();
                listed.sort_unstable();
                assert_eq!(listed, allowed, "{url}");
            } else if method != Method::HEAD && answer.status == 404 {
                assert!(!answer.text().contains("\"NOT_FOUND\""), "{method} {url} is not there");
            }
        }
    }
}

#[test]
fn no_route_stands_beside_the_document_but_these() {
    let mut found = BTreeSet::new();
    for entry in fs::read_dir(workspace().join("crates/backend/src/http")).unwrap() {
        let path = entry.unwrap().path();
        let Ok(text) = fs::read_to_string(&path) else { continue };
        let code: String = text.lines().map(str::trim).collect();
        for (at, _) in code.match_indices(".route(") {
            let call = &code[at + 1..];
            let end = call.find("))").unwrap() + 2;
            found.insert(call[..end].to_owned());
        }
    }
    assert_eq!(found, OTHER_ROUTES.iter().map(|&route| route.to_owned()).collect());
}

#[test]
fn operations_say_what_they_are() {
    let document = Document::of_easel();
    let tags: Vec<_> = document.json()["tags"].as_array().unwrap().iter().collect();
    let mut names = BTreeSet::new();
    for (path, method, operation) in document.operations() {
        let here = format!("{method} {path}");
        assert!(operation["summary"].is_string(), "{here}");
        assert!(names.insert(operation["operationId"].as_str().expect(&here)), "{here}");
        let tag = &operation["tags"][0];
        assert!(tags.iter().any(|known| known["name"] == *tag), "{here}: {tag}");
        for parameter in operation["parameters"].as_array().into_iter().flatten() {
            let parameter = document.resolve(parameter);
            assert!(parameter["description"].is_string(), "{here}: {parameter}");
        }
        for (status, answer) in operation["responses"].as_object().unwrap() {
            assert!(!answer["description"].as_str().unwrap().is_empty(), "{here} {status}");
            assert!(answer["headers"]["X-Request-Id"].is_object(), "{here} {status}");
        }
        assert!(operation["responses"]["500"].is_object(), "{here}");
    }
}

/// Every `$ref` below a value.
fn references<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
    match value {
        Value::Object(members) => {
            found.extend(members.get("$ref").and_then(Value::as_str));
            members.values().for_each(|value| references(value, found));
        }
        Value::Array(items) => items.iter().for_each(|value| references(value, found)),
        _ => {}
    }
}

#[test]
fn every_reference_leads_somewhere_and_every_component_is_used() {
    let document = Document::of_easel().json();
    let mut found = Vec::new();
    references(document, &mut found);
    assert!(found.len() > 100);
    for reference in &found {
        assert!(document.pointer(&reference[1..]).is_some(), "{reference} leads nowhere");
    }
    for (kind, components) in document["components"].as_object().unwrap() {
        // Those are named without a reference.
        for name in components.as_object().unwrap().keys().filter(|_| kind != "securitySchemes") {
            let reference = format!("#/components/{kind}/{name}");
            assert!(found.contains(&reference.as_str()), "nobody uses {reference}");
        }
    }
}

#[test]
fn every_body_and_answer_has_an_example_that_fits() {
    let document = Document::of_easel();
    let mut contents = Vec::new();
    for (path, method, operation) in document.operations() {
        let operation_at = format!("/paths/{}/{method}", escape(path));
        let body = (format!("{operation_at}/requestBody"), &operation["requestBody"]);
        let answers = operation["responses"].as_object().unwrap().iter();
        let answers =
            answers.map(|(status, it)| (format!("{operation_at}/responses/{status}"), it));
        contents.extend(std::iter::once(body).chain(answers));
    }
    for (at, it) in contents {
        for (media_type, content) in it["content"].as_object().into_iter().flatten() {
            let at = format!("{at}/content/{}", escape(media_type));
            let schema = &content["schema"];
            let first = schema["allOf"].get(0).unwrap_or(schema);
            let named = content["examples"].as_object().into_iter().flatten();
            let mut examples: Vec<_> =
                named.map(|(_, example)| &document.resolve(example)["value"]).collect();
            examples.extend([&content["example"], &document.resolve(first)["example"]]);
            examples.retain(|example| !example.is_null());
            let needs_one = !["image/png"].contains(&media_type.as_str())
                && path_of(&at) != "/paths/~1api~1openapi.json/get";
            assert!(!needs_one || !examples.is_empty(), "no example at {at}");
            for example in examples.into_iter().filter(|_| !schema.is_null()) {
                document.fits(example, &format!("{at}/schema")).unwrap();
            }
        }
    }
    for schema in document.json()["components"]["schemas"].as_object().unwrap().keys() {
        let at = format!("/components/schemas/{schema}");
        let example = &document.json().pointer(&at).unwrap()["example"];
        if !example.is_null() {
            document.fits(example, &at).unwrap();
        }
    }
}

/// The operation that a pointer leads into.
fn path_of(pointer: &str) -> &str {
    let end = pointer.match_indices('/').nth(3).map_or(pointer.len(), |(at, _)| at);
    &pointer[..end]
}

#[test]
fn every_code_belongs_to_an_operation() {
    let document = Document::of_easel();
    let mut given = BTreeSet::new();
    for (_, _, operation) in document.operations() {
        for answer in operation["responses"].as_object().unwrap().values() {
            let examples = &answer["content"]["application/problem+json"]["examples"];
            given.extend(examples.as_object().into_iter().flatten().map(|(code, _)| code.as_str()));
        }
    }
    let known = &document.json()["components"]["schemas"]["ErrorCode"]["enum"];
    for code in ErrorCode::ALL {
        assert!(known.as_array().unwrap().contains(&Value::from(code.as_str())), "{code}");
        // A method that is not allowed is no operation.
        let is_of_an_operation = *code != ErrorCode::MethodNotAllowed;
        assert_eq!(given.contains(code.as_str()), is_of_an_operation, "{code}");
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
    let shorter = easel(directory.path(), &[], &["openapi", "--token-max-ttl", "2d"]).await;
    let shorter: Value = serde_json::from_str(shorter.succeeds()).unwrap();
    let longest = &shorter["components"]["schemas"]["TokenRequest"]["properties"]["ttl_seconds"];
    assert_eq!(longest["maximum"], 172_800);
}

#[tokio::test]
async fn whoever_has_the_document_gets_it_once() {
    let node = Node::start().await;
    for path in ["/api/openapi.json", "/api/docs"] {
        let etag = node.get(path).await.is(200).header("etag").to_owned();
        let again = node.request(Method::GET, path).header("if-none-match", &etag);
        node.send(again).await.is(304);
    }
}
