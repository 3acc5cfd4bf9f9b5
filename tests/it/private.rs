//! Private sessions: for their owner's eyes, as long as the owner can prove who they are.

use std::time::Duration;

use common::api::ErrorCode;
use serde_json::json;
use tests::{Actor, LABEL, Node, still_clock};

async fn draws_in_private(owner: &Actor, value: &str) {
    let body = json!({
        "session_id": "diary", "template": LABEL, "args": { "value": value },
        "visibility": "private",
    });
    owner.creates(&body).await.is(201);
}

async fn becomes(owner: &Actor, visibility: &str) {
    owner.changes("diary", &json!({ "visibility": visibility })).await.is(204);
}

#[tokio::test]
async fn only_the_owner_sees_it_in_any_form() {
    let node = Node::start().await;
    let (owner, stranger) = (node.owner("alice").await, node.owner("mallory").await);
    draws_in_private(&owner, "secret").await;
    for path in ["", ".svg", ".png", "?as=sse", "?as=multipart", "?as=html", "?as=svg", "?as=png"] {
        let path = format!("/stream/alice/diary{path}");
        let nobody = node.get(&path).await;
        nobody.refuses(ErrorCode::AuthRequired);
        assert_eq!(nobody.header("www-authenticate"), "Bearer");
        stranger.get(&path).await.refuses(ErrorCode::Forbidden);
        let by_query = format!("{path}{}", if path.contains('?') { "&" } else { "?" });
        let by_query = format!("{by_query}token={}", owner.token());
        node.get(&by_query).await.refuses(ErrorCode::AuthRequired);
    }
    owner.watches("diary").await.sees("secret").await;
    owner.looks_at("diary").await.sees("secret").await;
    assert!(owner.get("/stream/alice/diary.svg").await.is(200).text().contains("secret"));
    owner.get("/stream/alice/diary.png").await.is(200);
}

/// 401 comes before 403 comes before 404. What is public is there or not for anyone; all else is
/// one to a stranger's token.
#[tokio::test]
async fn a_strangers_token_does_not_tell_what_is_private_from_what_is_not_there() {
    let node = Node::start().await;
    let (owner, stranger) = (node.owner("alice").await, node.owner("mallory").await);
    draws_in_private(&owner, "secret").await;
    owner.draws("chart", LABEL, json!({ "value": "open" })).await;
    let mut refusals = Vec::new();
    for id in ["diary", "nothing"] {
        for form in ["", ".svg", ".png", "?as=html"] {
            let answer = stranger.get(&format!("/stream/alice/{id}{form}")).await;
            let mut problem = answer.refuses(ErrorCode::Forbidden);
            (problem.instance, problem.trace_id) = (String::new(), String::new());
            refusals.push((problem, answer.header("www-authenticate").to_owned()));
        }
    }
    assert!(refusals.iter().all(|refusal| *refusal == refusals[0]), "{refusals:?}");
    stranger.get("/stream/alice/chart.svg").await.is(200);
    owner.get("/stream/alice/nothing").await.refuses(ErrorCode::SessionNotFound);
    stranger.get("/stream/nothing").await.refuses(ErrorCode::SessionNotFound);
    // Without a token a viewer must see an end: an EventSource has no other way to know it.
    node.get("/stream/alice/nothing").await.refuses(ErrorCode::SessionNotFound);
    node.get("/stream/alice/diary").await.refuses(ErrorCode::AuthRequired);
    owner.deletes("diary").await;
    node.get("/stream/alice/diary").await.refuses(ErrorCode::SessionNotFound);
}

#[tokio::test]
async fn what_the_owner_sees_is_for_no_other_site() {
    let node = Node::start().await;
    let owner = node.owner("alice").await;
    draws_in_private(&owner, "secret").await;
    let svg = owner.get("/stream/alice/diary.svg").await.is(200);
    assert_eq!(svg.find_header("access-control-allow-origin"), None);
    assert_eq!(svg.header("cross-origin-resource-policy"), "same-site");
    assert_eq!(svg.header("cache-control"), "private, no-cache");
    let stream = owner.stream("diary").send().await.unwrap();
    assert!(!stream.headers().contains_key("access-control-allow-origin"));
}

#[tokio::test]
async fn its_owner_watches_it_change() {
    let node = Node::start().await;
    let owner = node.owner("alice").await;
    draws_in_private(&owner, "one").await;
    let mut viewer = owner.watches("diary").await;
    viewer.sees("one").await;
    owner.puts("diary", json!({ "value": "two" })).await;
    viewer.sees("two").await;
    let listed = owner.lists().await.sessions;
    assert_eq!(serde_json::to_value(&listed[0]).unwrap()["visibility"], "private");
}

#[tokio::test]
async fn streams_end_when_a_session_is_made_private() {
    let node = Node::start().await;
    let owner = node.owner("alice").await;
    owner.draws("diary", LABEL, json!({ "value": "harmless" })).await;
    let mut viewer = node.viewer("alice/diary").await;
    let mut picture = node.picture("alice/diary").await;
    let seen = viewer.sees("harmless").await.revision;
    picture.sees("harmless").await;
    let change = json!({ "visibility": "private", "args": { "value": "secret" } });
    owner.changes("diary", &change).await.is(204);
    assert_eq!(viewer.sees_end().await, "revoked");
    assert_eq!(viewer.newest(), Some(seen), "the secret was not shown");
    assert!(picture.sees_end().await.contains("harmless"));
    node.send(node.stream("alice/diary")).await.refuses(ErrorCode::AuthRequired);

    becomes(&owner, "public").await;
    node.viewer("alice/diary").await.sees("secret").await;
}

#[tokio::test]
async fn a_stream_ends_with_the_token_that_opened_it() {
    let clock = still_clock();
    let node = Node::start_by(&clock).await;
    let owner = node.owner("alice").await;
    draws_in_private(&owner, "one").await;
    let body = json!({ "user_id": "alice", "ttl_seconds": 60 });
    let answer = owner.asks(reqwest::Method::POST, "/api/auth/token", &body).await.json();
    let guest = node.bearer("alice", answer["token"].as_str().unwrap());
    let mut viewer = guest.watches("diary").await;
    let mut picture = guest.looks_at("diary").await;
    let mut longer = owner.watches("diary").await;
    viewer.sees("one").await;
    picture.sees("one").await;
    longer.sees("one").await;
    clock.advance(Duration::from_secs(59));
    owner.puts("diary", json!({ "value": "two" })).await;
    viewer.sees("two").await;
    picture.sees("two").await;
    clock.advance(Duration::from_secs(1));
    assert_eq!(viewer.sees_end().await, "revoked");
    picture.sees_end().await;
    owner.puts("diary", json!({ "value": "three" })).await;
    longer.sees("three").await;
}

#[tokio::test]
async fn a_stream_of_a_public_session_does_not_end_with_a_token() {
    let clock = still_clock();
    let node = Node::start_by(&clock).await;
    let owner = node.owner("alice").await;
    let body = json!({ "template": LABEL, "args": { "value": "one" }, "session_id": "chart",
                       "ttl_seconds": 1_000_000 });
    owner.creates(&body).await.is(201);
    let mut viewer = owner.watches("chart").await;
    viewer.sees("one").await;
    clock.advance(Duration::from_secs(2 * 86_400));
    let owner = node.owner("alice").await;
    owner.puts("chart", json!({ "value": "two" })).await;
    viewer.sees("two").await;
}
