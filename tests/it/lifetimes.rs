//! Lifetimes: sessions end by themselves, on time, and say so.

use std::time::Duration;

use common::api::ErrorCode;
use serde_json::{Value, json};
use tests::{LABEL, Node, still_clock, wait};

fn chart(ttl: u64) -> Value {
    json!({ "session_id": "chart", "template": LABEL, "args": { "value": "one" },
            "ttl_seconds": ttl })
}

#[tokio::test]
async fn when_its_time_is_over_a_session_is_gone_for_everyone() {
    let clock = still_clock();
    let node = Node::start_by(&clock).await;
    let owner = node.owner("alice").await;
    owner.creates(&chart(60)).await.is(201);
    let mut viewer = node.viewer("alice/chart").await;
    let mut picture = node.picture("alice/chart").await;
    let seen = viewer.sees("one").await.revision;
    picture.sees("one").await;

    clock.advance(Duration::from_secs(59));
    assert_eq!(owner.reads("chart").await.summary.ttl, 1);
    clock.advance(Duration::from_secs(1));
    assert_eq!(wait::as_time_passes(&clock, viewer.sees_end()).await, "expired");
    assert!(picture.sees_end().await.contains("one"));

    let gone = ErrorCode::SessionNotFound;
    owner.get(&owner.session("chart")).await.refuses(gone);
    owner.changes("chart", &json!({ "args": { "value": "two" } })).await.refuses(gone);
    owner.merges("chart", &json!({ "value": "two" })).await.refuses(gone);
    node.get("/stream/alice/chart").await.refuses(gone);
    node.get("/stream/alice/chart.svg").await.refuses(gone);
    assert!(owner.lists().await.sessions.is_empty());
    let back = node.stream("alice/chart").header("last-event-id", seen.to_string());
    node.send(back).await.is(204);

    let again = owner.draws("chart", LABEL, json!({ "value": "again" })).await;
    assert!(again > seen);
}

#[tokio::test]
async fn public_sessions_end_the_same_way() {
    let clock = still_clock();
    let node = Node::start_by(&clock).await;
    let anyone = node.anyone();
    let board = json!({ "session_id": "board", "template": LABEL, "args": { "value": 1 },
                        "expire": "1m" });
    anyone.creates(&board).await.is(201);
    let mut viewer = node.viewer("board").await;
    viewer.sees_next().await;
    clock.advance(Duration::from_secs(60));
    assert_eq!(wait::as_time_passes(&clock, viewer.sees_end()).await, "expired");
    anyone.get("/api/session/board").await.refuses(ErrorCode::SessionNotFound);
}

#[tokio::test]
async fn an_hour_is_what_a_session_gets_that_asks_for_nothing() {
    let clock = still_clock();
    let node = Node::start_by(&clock).await;
    let owner = node.owner("alice").await;
    owner.draws("chart", LABEL, json!({ "value": "one" })).await;
    assert_eq!(owner.reads("chart").await.summary.ttl, 3600);
    assert_eq!(owner.lists().await.sessions[0].ttl, 3600);
}

#[tokio::test]
async fn an_update_changes_the_lifetime_only_if_it_says_so() {
    let clock = still_clock();
    let node = Node::start_by(&clock).await;
    let owner = node.owner("alice").await;
    owner.creates(&chart(100)).await.is(201);
    clock.advance(Duration::from_secs(40));
    owner.puts("chart", json!({ "value": "two" })).await;
    owner.patches("chart", json!({ "value": "three" })).await;
    owner.changes("chart", &json!({ "template": LABEL })).await.is(204);
    assert_eq!(owner.reads("chart").await.summary.ttl, 60);

    owner.changes("chart", &json!({ "ttl_seconds": 100 })).await.is(204);
    assert_eq!(owner.reads("chart").await.summary.ttl, 100);
    let mut viewer = node.viewer("alice/chart").await;
    viewer.sees("three").await;
    clock.advance(Duration::from_secs(61));
    owner.puts("chart", json!({ "value": "four" })).await;
    viewer.sees("four").await;
    owner.changes("chart", &json!({ "ttl_seconds": 1 })).await.is(204);
    clock.advance(Duration::from_secs(1));
    assert_eq!(wait::as_time_passes(&clock, viewer.sees_end()).await, "expired");
}

#[tokio::test]
async fn the_maximum_is_the_operators() {
    let clock = still_clock();
    let setup = tests::Setup::default().clock(&clock);
    let node = setup.set("session-max-ttl", "2h").start().await;
    let owner = node.owner("alice").await;
    owner.creates(&chart(7200)).await.is(201);
    owner.creates(&chart(7201)).await.refuses_at(ErrorCode::ValidationFailed, "/ttl_seconds");
    let server = node.get("/api/server").await.is(200).json();
    assert_eq!(server["max_ttl_seconds"], 7200);
    assert_eq!(server["default_ttl_seconds"], 3600);
}

#[tokio::test]
async fn many_sessions_may_end_at_once() {
    let clock = still_clock();
    let node = Node::start_by(&clock).await;
    let owner = node.owner("alice").await;
    let mut viewers = Vec::new();
    for n in 0..20 {
        let body = json!({ "session_id": format!("s{n}"), "template": LABEL,
                           "args": { "value": n }, "ttl_seconds": 60 });
        owner.creates(&body).await.is(201);
        viewers.push(node.viewer(&format!("alice/s{n}")).await);
    }
    let kept = owner.draws("kept", LABEL, json!({ "value": 1 })).await;
    clock.advance(Duration::from_secs(60));
    for viewer in &mut viewers {
        assert_eq!(wait::as_time_passes(&clock, viewer.sees_end()).await, "expired");
    }
    let left = owner.lists().await.sessions;
    assert_eq!(left.len(), 1);
    assert_eq!(left[0].revision, kept.to_string());
}
