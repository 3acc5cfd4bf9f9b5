//! API keys: what programs use in place of a person's tokens, and no more than their scopes.

use std::time::Duration;

use common::{api::ErrorCode, path};
use reqwest::Method;
use serde_json::{Value, json};
use tests::{Actor, LABEL, Node, Setup, still_clock};

async fn redraws(actor: &Actor, id: &str, value: &str) -> u16 {
    actor.changes(id, &json!({ "args": { "value": value } })).await.status
}

#[tokio::test]
async fn a_key_is_shown_once_and_listed_without_itself() {
    let node = Node::start().await;
    let alice = node.member("alice").await;
    let (id, key) = alice.makes_key(&["update:chart", "sessions"]).await;
    assert!(key.starts_with("ek_"), "{key}");
    let keys = path::api_keys(&"alice".parse().unwrap());
    let list = alice.get(&keys).await.is(200);
    assert!(!list.text().contains(&key));
    let list = list.json();
    assert_eq!(list["keys"][0]["id"], json!(id));
    assert_eq!(list["keys"][0]["scopes"], json!(["update:chart", "sessions"]));
    assert_eq!(list["keys"][0].get("last_used_at"), None);
    let program = node.bearer("alice", &key);
    program.get(&program.list()).await.is(200);
    let list = alice.get(&keys).await.is(200).json();
    assert!(list["keys"][0]["last_used_at"].is_string(), "{list}");
}

#[tokio::test]
async fn a_key_for_one_session_changes_that_and_nothing_else() {
    let node = Node::start().await;
    let alice = node.member("alice").await;
    for id in ["chart", "other"] {
        alice.draws(id, LABEL, json!({ "value": "first" })).await;
    }
    let (_, key) = alice.makes_key(&["update:chart"]).await;
    let program = node.bearer("alice", &key);
    let mut viewer = node.viewer("alice/chart").await;
    viewer.sees("first").await;
    program.puts("chart", json!({ "value": "by a program" })).await;
    viewer.sees("by a program").await;
    program.reads("chart").await;
    assert_eq!(redraws(&program, "other", "no").await, 403);
    for (method, route) in [
        (Method::GET, program.list()),
        (Method::GET, program.session("other")),
        (Method::DELETE, program.session("chart")),
        (Method::POST, path::ticket(&program.address("chart"))),
        (Method::GET, path::ME.to_owned()),
        (Method::GET, path::SIGN_INS.to_owned()),
        (Method::GET, path::api_keys(&"alice".parse().unwrap())),
    ] {
        let refused = program.send(program.request(method.clone(), &route)).await;
        refused.refuses(ErrorCode::Forbidden);
        assert!(refused.header("www-authenticate").contains("insufficient_scope"), "{route}");
    }
    let body = json!({ "session_id": "new", "template": LABEL });
    program.creates(&body).await.refuses(ErrorCode::Forbidden);
    program.asks_for_ticket("chart").await.refuses(ErrorCode::Forbidden);
    // Whose key it is, is no one else.
    let bob = node.owner("bob").await;
    bob.draws("chart", LABEL, json!({ "value": "bob's" })).await;
    let as_bob = node.bearer("bob", &key);
    assert_eq!(redraws(&as_bob, "chart", "no").await, 403);
}

#[tokio::test]
async fn a_key_for_all_sessions_draws_as_its_owner_does() {
    let node = Node::start().await;
    let alice = node.member("alice").await;
    let (_, key) = alice.makes_key(&["sessions"]).await;
    let program = node.bearer("alice", &key);
    program.draws("chart", LABEL, json!({ "value": "first" })).await;
    program.patches("chart", json!({ "value": "second" })).await;
    assert_eq!(program.lists().await.sessions.len(), 1);
    program.deletes("chart").await;
}

#[tokio::test]
async fn a_company_mints_for_its_own_people_and_for_nobody_else() {
    let clock = still_clock();
    let node = Setup::default().clock(&clock).set("minting", "accounts").start().await;
    let acme = node.member("acme").await;
    let mint = async |key: &str, user: &str| {
        let request = node.request(Method::POST, path::TOKEN).bearer_auth(key);
        node.send(request.json(&json!({ "user_id": user, "ttl_seconds": 600 }))).await
    };
    let refused = acme.asks_for_key(&["mint:other-"]).await;
    refused.refuses_at(ErrorCode::ValidationFailed, "/scopes");
    let (id, key) = acme.makes_key(&["mint:acme-"]).await;
    let minted = mint(&key, "acme-bob").await.is(200).json();
    assert_eq!(minted["expires_in"], json!(600));
    let bob = node.bearer("acme-bob", minted["token"].as_str().unwrap());
    bob.draws("chart", LABEL, json!({ "value": "bob's" })).await;
    for user in ["acme", "bob", "acmebob", "admin"] {
        mint(&key, user).await.refuses(ErrorCode::Forbidden);
    }
    // The names are theirs: nobody registers one, and nobody else mints for them.
    let taken = node.registers("acme-carol", "carol@example.com", tests::PASSWORD).await;
    taken.refuses(ErrorCode::UserExists);
    let program = node.bearer("acme", &key);
    program.get(&program.list()).await.refuses(ErrorCode::Forbidden);
    // With the key, what it has minted ends.
    let revoke = acme.request(Method::DELETE, &path::api_key(&"acme".parse().unwrap(), &id));
    acme.send(revoke).await.is(204);
    mint(&key, "acme-bob").await.refuses(ErrorCode::AuthTokenInvalid);
    bob.get(&bob.list()).await.refuses(ErrorCode::AuthTokenInvalid);
    // What its people have drawn stays for a while, and so do their names.
    let carol = async || node.registers("acme-carol", "carol@example.com", tests::PASSWORD).await;
    carol().await.refuses(ErrorCode::UserExists);
    clock.advance(Duration::from_secs(90 * 24 * 60 * 60));
    carol().await.is(202);
}

#[tokio::test]
async fn a_namespace_with_people_in_it_is_nobodys() {
    let node = Node::start().await;
    let acme = node.member("acme").await;
    node.member("acme-bob").await;
    let refused = acme.asks_for_key(&["mint:acme-"]).await;
    refused.refuses(ErrorCode::NamespaceTaken);
    acme.makes_key(&["mint:acme-people-"]).await;
}

#[tokio::test]
async fn a_key_ends_when_it_was_to_and_when_it_is_revoked() {
    let clock = still_clock();
    let node = Setup::default().clock(&clock).start().await;
    let alice = node.member("alice").await;
    let keys = path::api_keys(&"alice".parse().unwrap());
    let body = json!({ "name": "for an hour", "scopes": ["sessions"], "ttl_seconds": 3600 });
    let short = alice.asks(Method::POST, &keys, &body).await.is(201).json();
    let short = node.bearer("alice", short["key"].as_str().unwrap());
    short.get(&short.list()).await.is(200);
    let (id, key) = alice.makes_key(&["sessions"]).await;
    let program = node.bearer("alice", &key);
    program.get(&program.list()).await.is(200);
    let one = path::api_key(&"alice".parse().unwrap(), &id);
    alice.send(alice.request(Method::DELETE, &one)).await.is(204);
    program.get(&program.list()).await.refuses(ErrorCode::AuthTokenInvalid);
    alice.send(alice.request(Method::DELETE, &one)).await.refuses(ErrorCode::ApiKeyNotFound);
    clock.advance(Duration::from_secs(3600));
    short.get(&short.list()).await.refuses(ErrorCode::AuthTokenInvalid);
}

#[tokio::test]
async fn what_cannot_be_a_key_is_told_field_by_field() {
    let node = Setup::default().set("api-keys-per-user", "2").start().await;
    let (alice, bob) = (node.member("alice").await, node.member("bob").await);
    let keys = path::api_keys(&"alice".parse().unwrap());
    let ask = async |body: Value| alice.asks(Method::POST, &keys, &body).await;
    for (body, pointer) in [
        (json!({ "name": "", "scopes": ["sessions"] }), "/name"),
        (json!({ "name": "x".repeat(65), "scopes": ["sessions"] }), "/name"),
        (json!({ "name": "x", "scopes": [] }), "/scopes"),
        (json!({ "name": "x", "scopes": ["everything"] }), "/scopes/0"),
        (json!({ "name": "x", "scopes": ["sessions"], "ttl_seconds": 0 }), "/ttl_seconds"),
        (json!({ "name": "x", "scopes": ["sessions"], "more": 1 }), "/more"),
    ] {
        ask(body).await.refuses_at(ErrorCode::ValidationFailed, pointer);
    }
    bob.asks(Method::POST, &keys, &json!({ "name": "x", "scopes": ["sessions"] }))
        .await
        .refuses(ErrorCode::Forbidden);
    alice.makes_key(&["sessions"]).await;
    alice.makes_key(&["sessions"]).await;
    alice.asks_for_key(&["sessions"]).await.refuses(ErrorCode::ApiKeyLimit);
    let nonsense = node.bearer("alice", &format!("ek_{}", "A".repeat(43)));
    nonsense.get(&nonsense.list()).await.refuses(ErrorCode::AuthTokenInvalid);
}

#[tokio::test]
async fn a_key_that_is_asked_for_twice_is_made_once() {
    let node = Node::start().await;
    let alice = node.member("alice").await;
    let keys = path::api_keys(&"alice".parse().unwrap());
    let ask = async || {
        let body = json!({ "name": "a program", "scopes": ["sessions"] });
        let request = alice.request(Method::POST, &keys).header("Idempotency-Key", "one");
        alice.send(request.json(&body)).await.is(201)
    };
    let (first, second) = (ask().await, ask().await);
    assert_eq!(second.header("idempotent-replayed"), "true");
    assert_eq!(first.json()["id"], second.json()["id"]);
    assert!(first.json()["key"].is_string());
    assert_eq!(second.json().get("key"), None, "it is shown this once");
    assert_eq!(alice.get(&keys).await.is(200).json()["keys"].as_array().unwrap().len(), 1);
}
