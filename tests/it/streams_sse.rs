//! A live picture as server-sent events.

use common::{Revision, api::ErrorCode};
use serde_json::json;
use tests::{Actor, COUNTER, Event, LABEL, Node, Viewer, number, still_clock, wait};

async fn node_with_a_chart() -> (Node, Actor, Revision) {
    let node = Node::start().await;
    let owner = node.owner("alice").await;
    let revision = owner.draws("chart", LABEL, json!({ "value": "one" })).await;
    (node, owner, revision)
}

#[tokio::test]
async fn a_viewer_sees_what_is_and_then_what_comes() {
    let (node, owner, first) = node_with_a_chart().await;
    let mut viewer = node.viewer("alice/chart").await;
    let frame = viewer.sees_next().await;
    assert_eq!(frame.revision, first);
    assert_eq!(&*frame.svg, LABEL.replace("{{ value }}", "one"));

    let second = owner.puts("chart", json!({ "value": "two" })).await;
    let frame = viewer.sees_next().await;
    assert_eq!(frame.revision, second);
    assert!(frame.svg.contains(">two<"));

    let template = LABEL.replace("<text", "<text x=\"9\"");
    let answer = owner.changes("chart", &json!({ "template": template })).await;
    let frame = viewer.sees_next().await;
    assert_eq!(frame.revision, answer.revision());
    assert!(frame.svg.contains("x=\"9\""));
}

#[tokio::test]
async fn an_open_stream_may_be_shown_anywhere_and_run_nowhere() {
    let (node, _owner, _) = node_with_a_chart().await;
    let viewer = node.viewer("alice/chart").await;
    assert_eq!(viewer.header("access-control-allow-origin"), "*");
    assert_eq!(viewer.header("cross-origin-resource-policy"), "cross-origin");
    assert_eq!(
        viewer.header("content-security-policy"),
        "default-src 'none'; style-src 'unsafe-inline'; img-src data:; font-src data:; sandbox"
    );
    assert!(!viewer.header("x-request-id").is_empty());
}

#[tokio::test]
async fn a_picture_of_many_lines_arrives_as_it_is() {
    let (node, owner, _) = node_with_a_chart().await;
    let mut viewer = node.viewer("alice/chart").await;
    viewer.sees_next().await;
    owner.puts("chart", json!({ "value": "a\n\nevent: end\nid: 9-9\n:x\ndata: y" })).await;
    let frame = viewer.sees_next().await;
    assert!(frame.svg.contains(">a\n\nevent: end\nid: 9-9\n:x\ndata: y<"), "{}", frame.svg);
    // Any line end of XML is a newline, and none may speak as the protocol.
    owner.puts("chart", json!({ "value": "b\r\nevent: end\rdata: z" })).await;
    let frame = viewer.sees_next().await;
    assert!(frame.svg.contains(">b\nevent: end\ndata: z<"), "{}", frame.svg);
}

#[tokio::test]
async fn whoever_comes_back_is_not_shown_what_they_know() {
    let (node, owner, first) = node_with_a_chart().await;
    let second = owner.puts("chart", json!({ "value": "two" })).await;
    let back = async |known: String| {
        let request = node.stream("alice/chart").header("last-event-id", known);
        Viewer::watch(request).await
    };
    let mut viewer = back(second.to_string()).await;
    let third = owner.puts("chart", json!({ "value": "three" })).await;
    assert_eq!(viewer.sees_next().await.revision, third);

    let earlier_life = Revision { epoch: first.epoch - 1, seq: third.seq };
    for other in [first.to_string(), second.to_string(), earlier_life.to_string(), "x".to_owned()] {
        let frame = back(other).await.sees_next().await;
        assert_eq!(frame.revision, third);
    }
}

#[tokio::test]
async fn an_idle_stream_shows_that_it_is_alive() {
    let clock = still_clock();
    let node = Node::start_by(&clock).await;
    let owner = node.owner("alice").await;
    owner.draws("chart", LABEL, json!({ "value": "one" })).await;
    let mut viewer = node.viewer("alice/chart").await;
    viewer.sees("one").await;
    for _ in 0..3 {
        wait::as_time_passes(&clock, viewer.hears_a_heartbeat()).await;
    }
    owner.puts("chart", json!({ "value": "two" })).await;
    viewer.sees("two").await;
}

#[tokio::test]
async fn deletion_ends_the_stream_and_the_browser_stops_trying() {
    let (node, owner, _) = node_with_a_chart().await;
    let mut viewer = node.viewer("alice/chart").await;
    let seen = viewer.sees_next().await.revision;
    owner.deletes("chart").await;
    assert_eq!(viewer.sees_end().await, "deleted");
    node.send(node.stream("alice/chart")).await.refuses(ErrorCode::SessionNotFound);
    let back = node.stream("alice/chart").header("last-event-id", seen.to_string());
    assert!(node.send(back).await.is(204).body.is_empty());
}

#[tokio::test]
async fn a_session_that_is_drawn_again_starts_a_later_life() {
    let (node, owner, first) = node_with_a_chart().await;
    for _ in 0..5 {
        owner.puts("chart", json!({ "value": "one more" })).await;
    }
    let mut old = node.viewer("alice/chart").await;
    old.sees_next().await;
    owner.deletes("chart").await;
    let again = owner.draws("chart", LABEL, json!({ "value": "again" })).await;
    assert!(again > first);
    assert_eq!(old.sees_end().await, "deleted");
    let mut new = node.viewer("alice/chart").await;
    assert_eq!(new.sees_next().await.revision, again);
}

#[tokio::test]
async fn every_viewer_agrees_with_the_store_in_the_end() {
    let node = Node::start().await;
    let owner = node.owner("alice").await;
    owner.draws("chart", COUNTER, json!({ "n": 0 })).await;
    let mut early = node.viewer("alice/chart").await;
    for n in 1..=20 {
        owner.puts("chart", json!({ "n": n })).await;
        if n == 10 {
            let mut late = node.viewer("alice/chart").await;
            assert!(number(&late.sees_next().await.svg) >= 10, "not older than the store");
        }
    }
    let last = early.sees("data-n=\"20\"").await;
    assert_eq!(last.revision.to_string(), owner.reads("chart").await.summary.revision);
}

#[tokio::test]
async fn viewers_who_come_and_go_are_counted() {
    let (node, owner, _) = node_with_a_chart().await;
    let mut stays = node.viewer("alice/chart").await;
    stays.sees_next().await;
    let mut goes = node.viewer("alice/chart").await;
    goes.sees_next().await;
    assert_eq!(owner.reads("chart").await.summary.viewers, 2);
    drop(goes);
    wait::until("one viewer", async || {
        (owner.reads("chart").await.summary.viewers == 1).then_some(())
    })
    .await;
    owner.puts("chart", json!({ "value": "two" })).await;
    assert!(matches!(stays.next().await, Some(Event::Frame(_))));
}
