//! Quotas: what one user stores leaves room for the others.

use std::time::Duration;

use common::api::ErrorCode;
use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};
use tests::{Actor, Answer, LABEL, Node, Setup, still_clock};

fn drawing(id: &str, value: &str) -> Value {
    json!({ "session_id": id, "template": LABEL, "args": { "value": value } })
}

#[track_caller]
fn is_full(answer: &Answer, quota: &str) {
    let problem = answer.refuses(ErrorCode::QuotaExceeded);
    assert!(problem.detail.contains(quota), "{problem:?}");
    assert!(answer.header("retry-after").parse::<u64>().unwrap() > 0);
}

async fn fills(who: &Actor, attempts: usize) -> usize {
    let bodies: Vec<_> = (0..attempts).map(|n| drawing(&format!("s{n}"), "x")).collect();
    let answers = join_all(bodies.iter().map(|body| who.creates(body))).await;
    for refused in answers.iter().filter(|answer| answer.status != 201) {
        refused.refuses(ErrorCode::QuotaExceeded);
    }
    answers.iter().filter(|answer| answer.status == 201).count()
}

#[tokio::test]
async fn a_user_has_as_many_sessions_as_may_live() {
    let clock = still_clock();
    let node = Setup::default().clock(&clock).set("sessions-per-user", "10").start().await;
    let (alice, bob) = (node.owner("alice").await, node.owner("bob").await);
    assert_eq!(fills(&alice, 50).await, 10);
    assert_eq!(alice.lists().await.sessions.len(), 10);
    is_full(&alice.creates(&drawing("more", "x")).await, "sessions-per-user");
    let refusals = "easel_refusals_total{limit=\"sessions-per-user\"}";
    assert_eq!(node.metric(refusals).await, 41);
    // Nobody else is full, and what is there can be changed.
    bob.draws("more", LABEL, json!({ "value": 1 })).await;
    node.anyone().draws("more", LABEL, json!({ "value": 1 })).await;
    let there = alice.lists().await.sessions[0].session_id.clone();
    alice.puts(&there, json!({ "value": "a much longer value" })).await;
    // A deletion makes room, and so does an end.
    alice.deletes(&there).await;
    alice.draws("more", LABEL, json!({ "value": 1 })).await;
    is_full(&alice.creates(&drawing("again", "x")).await, "sessions-per-user");
    clock.advance(Duration::from_secs(3600));
    alice.draws("again", LABEL, json!({ "value": 1 })).await;
}

#[tokio::test]
async fn a_user_stores_as_many_bytes_as_may_be() {
    let node = Setup::default().set("bytes-per-user", "2000").start().await;
    let alice = node.owner("alice").await;
    alice.draws("chart", LABEL, json!({ "value": "x" })).await;
    let mut viewer = node.viewer("alice/chart").await;
    viewer.sees(">x<").await;
    // In the args and in the picture: twice.
    let large = "y".repeat(900);
    is_full(&alice.creates(&drawing("other", &large)).await, "bytes-per-user");
    is_full(
        &alice.changes("chart", &json!({ "args": { "value": large } })).await,
        "bytes-per-user",
    );
    is_full(&alice.merges("chart", &json!({ "value": large })).await, "bytes-per-user");
    assert_eq!(alice.reads("chart").await.args["value"], "x");
    let next = alice.puts("chart", json!({ "value": "z" })).await;
    assert_eq!(viewer.sees_next().await.revision, next, "what was refused was not shown");
}

#[tokio::test]
async fn public_sessions_have_a_quota_of_their_own() {
    let node = Setup::default().set("public-sessions-in-all", "5").start().await;
    let (alice, anyone) = (node.owner("alice").await, node.anyone());
    assert_eq!(fills(&anyone, 12).await, 5);
    is_full(&anyone.creates(&drawing("more", "x")).await, "public-sessions-in-all");
    alice.draws("more", LABEL, json!({ "value": 1 })).await;

    let node = Setup::default().set("public-bytes-in-all", "1000").start().await;
    let large = drawing("large", &"y".repeat(900));
    is_full(&node.anyone().creates(&large).await, "public-bytes-in-all");
    node.owner("alice").await.creates(&large).await.is(201);
}

#[tokio::test]
async fn nobody_takes_all_that_is_public() {
    let settings = Setup::default().set("trusted-proxy", "127.0.0.1");
    let node = settings.set("public-sessions-per-address", "2").start().await;
    let creates = async |id: &str, from: &str| {
        let request = node.request(Method::POST, "/api/session").header("x-forwarded-for", from);
        node.send(request.json(&drawing(id, "x"))).await
    };
    creates("a", "2001:db8::1").await.is(201);
    creates("b", "2001:db8::2").await.is(201);
    is_full(&creates("c", "2001:db8::3").await, "public-sessions-per-address");
    creates("c", "2001:db8:0:1::1").await.is(201);
    // A user's sessions are their own business.
    fills(&node.owner("alice").await, 5).await;
}

#[tokio::test]
async fn invented_users_do_not_fill_the_disk() {
    let node = Setup::default().set("sessions-in-all", "3").start().await;
    for user in ["a", "b", "c"] {
        node.owner(user).await.creates(&drawing("one", "x")).await.is(201);
    }
    for who in [node.owner("d").await, node.owner("a").await, node.anyone()] {
        is_full(&who.creates(&drawing("two", "x")).await, "sessions-in-all");
    }
    node.owner("a").await.deletes("one").await;
    node.owner("d").await.creates(&drawing("two", "x")).await.is(201);
}

#[tokio::test]
async fn what_is_stored_still_counts_after_a_restart() {
    let node = Setup::default().set("sessions-per-user", "1").start().await;
    let alice = node.owner("alice").await;
    alice.draws("chart", LABEL, json!({ "value": 1 })).await;
    let node: Node = node.restarts().await;
    is_full(&alice.at(&node).creates(&drawing("more", "x")).await, "sessions-per-user");
}
