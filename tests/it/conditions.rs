//! Conditional requests: nobody overwrites what they have not seen.

use common::{Revision, api::ErrorCode};
use reqwest::Method;
use serde_json::json;
use tests::{Actor, Answer, LABEL, Node};

async fn writes(owner: &Actor, method: Method, condition: &str) -> Answer {
    let request = owner.request(method.clone(), &owner.session("chart"));
    let request = request.header("if-match", condition);
    owner
        .send(match method {
            Method::PUT => request.json(&json!({ "args": { "value": "new" } })),
            Method::PATCH => request.json(&json!({ "value": "new" })),
            _ => request,
        })
        .await
}

async fn node_with_a_chart() -> (Node, Actor, Revision) {
    let node = Node::start().await;
    let owner = node.owner("alice").await;
    let revision = owner.draws("chart", LABEL, json!({ "value": "old" })).await;
    (node, owner, revision)
}

#[tokio::test]
async fn a_write_that_expects_the_current_revision_is_done() {
    let (_node, owner, revision) = node_with_a_chart().await;
    let put = writes(&owner, Method::PUT, &revision.etag()).await.is(204).revision();
    let list = format!("\"1-1\", {}", put.etag());
    let patched = writes(&owner, Method::PATCH, &list).await.is(204).revision();
    assert_eq!(patched.seq, revision.seq + 2);
    let any = writes(&owner, Method::PUT, "*").await.is(204).revision();
    writes(&owner, Method::DELETE, &any.etag()).await.is(204);
}

#[tokio::test]
async fn a_write_that_expects_another_revision_changes_nothing() {
    let (node, owner, old) = node_with_a_chart().await;
    let current = owner.puts("chart", json!({ "value": "current" })).await;
    let mut viewer = node.viewer("alice/chart").await;
    viewer.sees("current").await;
    let weak = format!("W/{}", current.etag());
    for condition in [&*old.etag(), &weak, "\"1-1\"", "\"nonsense\"", "\"\"", ""] {
        for method in [Method::PUT, Method::PATCH, Method::DELETE] {
            let refused = writes(&owner, method, condition).await;
            refused.refuses_at(ErrorCode::PreconditionFailed, "If-Match");
        }
    }
    assert_eq!(owner.reads("chart").await.summary.revision, current.to_string());
    let next = owner.puts("chart", json!({ "value": "next" })).await;
    assert_eq!(viewer.sees_next().await.revision, next, "nothing was shown between");
}

#[tokio::test]
async fn a_condition_that_nobody_can_read_is_a_mistake() {
    let (_node, owner, revision) = node_with_a_chart().await;
    for condition in [revision.to_string().as_str(), "\"", "a, b", "'1-1'"] {
        let refused = writes(&owner, Method::PUT, condition).await;
        refused.refuses_at(ErrorCode::ValidationFailed, "If-Match");
    }
    assert_eq!(owner.reads("chart").await.args["value"], "old");
}

#[tokio::test]
async fn of_writers_who_all_saw_the_same_one_wins() {
    let (_node, owner, revision) = node_with_a_chart().await;
    let etag = revision.etag();
    let writers = (0..8).map(|_| writes(&owner, Method::PUT, &etag));
    let answers = futures_util::future::join_all(writers).await;
    let won = answers.iter().filter(|answer| answer.status == 204).count();
    let lost = answers.iter().filter(|answer| answer.status == 412).count();
    assert_eq!((won, lost), (1, 7));
}

#[tokio::test]
async fn the_tag_of_an_earlier_life_does_not_match() {
    let (_node, owner, earlier) = node_with_a_chart().await;
    owner.deletes("chart").await;
    owner.draws("chart", LABEL, json!({ "value": "again" })).await;
    let refused = writes(&owner, Method::DELETE, &earlier.etag()).await;
    refused.refuses(ErrorCode::PreconditionFailed);
    owner.reads("chart").await;
}

#[tokio::test]
async fn a_reader_who_has_it_already_is_told_so() {
    let (node, owner, revision) = node_with_a_chart().await;
    node.anyone().draws("board", LABEL, json!({ "value": 1 })).await;
    let read = async |known: &str| {
        let request = owner.request(Method::GET, &owner.session("chart"));
        owner.send(request.header("if-none-match", known)).await
    };
    let weak = format!("W/{}", revision.etag());
    let list = format!("\"1-1\", {}", revision.etag());
    for known in [&*revision.etag(), &weak, &list, "*"] {
        let answer = read(known).await.is(304);
        assert!(answer.body.is_empty());
        assert_eq!(answer.revision(), revision);
    }
    read("\"1-1\"").await.is(200);
    read("nonsense").await.is(200);
    owner.puts("chart", json!({ "value": "new" })).await;
    read(&revision.etag()).await.is(200);

    let board = node.get("/api/session/board").await.revision();
    let request = node.request(Method::GET, "/api/session/board");
    node.send(request.header("if-none-match", board.etag())).await.is(304);
}
