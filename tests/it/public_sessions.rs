//! Public sessions: shared by everyone, ended by nothing but their lifetime.

use common::api::ErrorCode;
use reqwest::Method;
use serde_json::{Value, json};
use tests::{LABEL, Node, Setup, still_clock};

#[tokio::test]
async fn anyone_draws_and_anyone_else_changes_it() {
    let node = Node::start().await;
    let (one, other) = (node.anyone(), node.owner("bob").await);
    let body = json!({ "session_id": "board", "template": LABEL, "args": { "value": 1 } });
    let created = one.creates(&body).await.is(201);
    assert_eq!(created.json(), json!({ "session_id": "board" }));
    assert_eq!(created.header("location"), "/api/session/board");
    let mut viewer = node.viewer("board").await;
    viewer.sees(">1<").await;

    let change = json!({ "args": { "value": 2 } });
    let changed = other.asks(Method::PUT, "/api/session/board", &change).await.is(200);
    assert_eq!(changed.json(), json!({ "session_id": "board" }));
    let frame = viewer.sees(">2<").await;
    assert_eq!(changed.revision(), frame.revision);

    let patched = one.merges("board", &json!({ "value": 3, "extra": true })).await.is(200);
    assert_eq!(patched.json(), json!({ "session_id": "board" }));
    viewer.sees(">3<").await;

    let read = one.get("/api/session/board").await.is(200);
    assert_eq!(read.revision(), patched.revision());
    let session = read.json();
    assert_eq!(session["args"], json!({ "value": 3, "extra": true }));
    assert!(session.get("user_id").is_none());
}

#[tokio::test]
async fn nobody_deletes_it() {
    let node = Node::start().await;
    node.anyone().draws("board", LABEL, json!({ "value": 1 })).await;
    for actor in [node.anyone(), node.owner("alice").await] {
        let answer = actor.send(actor.request(Method::DELETE, "/api/session/board")).await;
        answer.refuses(ErrorCode::MethodNotAllowed);
        let allowed = answer.header("allow");
        assert!(allowed.contains("PUT") && !allowed.contains("DELETE"), "{allowed}");
    }
    node.anyone().reads("board").await;
}

#[tokio::test]
async fn a_lifetime_may_be_said_in_words() {
    let node = Node::start_by(&still_clock()).await;
    let anyone = node.anyone();
    let body = |extra: Value| {
        let mut body = json!({ "session_id": "board", "template": LABEL, "args": { "value": 1 } });
        body.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        body
    };
    anyone.creates(&body(json!({ "expire": "1d" }))).await.is(201);
    assert_eq!(anyone.reads("board").await.summary.ttl, 86_400);
    anyone.changes("board", &json!({ "expire": "2h 30m" })).await.is(200);
    assert_eq!(anyone.reads("board").await.summary.ttl, 9_000);
    anyone.changes("board", &json!({ "ttl_seconds": 5 })).await.is(200);
    assert_eq!(anyone.reads("board").await.summary.ttl, 5);
    let both = body(json!({ "expire": "1d", "ttl_seconds": 5 }));
    anyone.creates(&both).await.refuses_at(ErrorCode::ValidationFailed, "/expire");
    for wrong in ["tomorrow", "-1d", "0s", "", "9999999d"] {
        let refused = anyone.creates(&body(json!({ "expire": wrong }))).await;
        refused.refuses_at(ErrorCode::ValidationFailed, "/expire");
    }
}

#[tokio::test]
async fn it_cannot_be_made_private() {
    let node = Node::start().await;
    let anyone = node.anyone();
    let body = json!({ "template": LABEL, "args": { "value": 1 }, "visibility": "private" });
    anyone.creates(&body).await.refuses_at(ErrorCode::ValidationFailed, "/visibility");
    anyone.draws("board", LABEL, json!({ "value": 1 })).await;
    let change = anyone.changes("board", &json!({ "visibility": "private" })).await;
    change.refuses_at(ErrorCode::ValidationFailed, "/visibility");
    node.viewer("board").await.sees_next().await;
}

#[tokio::test]
async fn its_namespace_touches_no_user() {
    let node = Node::start().await;
    let (anyone, alice) = (node.anyone(), node.owner("alice").await);
    alice.draws("chart", LABEL, json!({ "value": "hers" })).await;
    for name in ["chart", "alice", "session", "user"] {
        anyone.draws(name, LABEL, json!({ "value": "everyone's" })).await;
    }
    anyone.puts("chart", json!({ "value": "changed" })).await;
    assert_eq!(alice.reads("chart").await.args["value"], "hers");
    node.viewer("alice/chart").await.sees("hers").await;
    node.viewer("chart").await.sees("changed").await;
    node.viewer("alice").await.sees("everyone").await;
    assert_eq!(alice.lists().await.sessions.len(), 1);

    let bob = node.owner("bob").await;
    bob.draws("chart", LABEL, json!({ "value": "his" })).await;
    bob.deletes("chart").await;
    assert_eq!(alice.reads("chart").await.args["value"], "hers");
    assert_eq!(anyone.reads("chart").await.args["value"], "changed");
    for smuggled in ["alice%2Fchart", "alice:chart", "..%2Falice%2Fchart"] {
        let answer = node.get(&format!("/api/session/{smuggled}")).await;
        answer.refuses_at(ErrorCode::InvalidId, "session_id");
        node.get(&format!("/stream/{smuggled}")).await.refuses(ErrorCode::SessionNotFound);
    }
}

#[tokio::test]
async fn an_operator_may_do_without_them() {
    let open = Node::start().await;
    open.anyone().draws("board", LABEL, json!({ "value": 1 })).await;
    let node = open.stops().await.set("public-sessions", "off").start().await;
    let anyone = node.anyone();
    let body = json!({ "template": LABEL, "args": { "value": 1 } });
    anyone.creates(&body).await.refuses(ErrorCode::NotFound);
    anyone.changes("board", &body).await.refuses(ErrorCode::NotFound);
    anyone.get("/api/session/board").await.refuses(ErrorCode::NotFound);
    node.get("/stream/board").await.refuses(ErrorCode::SessionNotFound);
    let owner = node.owner("alice").await;
    owner.draws("board", LABEL, json!({ "value": 1 })).await;
    node.viewer("alice/board").await.sees_next().await;
}

#[tokio::test]
async fn a_public_name_is_also_checked_at_a_fresh_node() {
    let node = Setup::default().start().await;
    node.get("/api/session/missing").await.refuses(ErrorCode::SessionNotFound);
    node.get("/stream/missing").await.refuses(ErrorCode::SessionNotFound);
}
