//! Stopping: nobody is cut off, no picture breaks, and the process says that all went well.

use std::time::Duration;

use common::api::ErrorCode;
use futures_util::future::join_all;
use serde_json::json;
use tests::{LABEL, Node, Process, still_clock, wait};

#[tokio::test]
async fn sigterm_ends_every_stream_cleanly_and_the_process_exits_with_0() {
    let server = Process::start(&["--drain-timeout", "2s"]).await;
    let owner = server.owner("alice").await;
    owner.draws("chart", LABEL, json!({ "value": "one" })).await;
    let mut viewers = join_all((0..8).map(|_| server.viewer("alice/chart"))).await;
    let mut pictures = join_all((0..8).map(|_| server.picture("alice/chart"))).await;
    owner.puts("chart", json!({ "value": "two" })).await;
    join_all(viewers.iter_mut().map(|viewer| viewer.sees("two"))).await;
    join_all(pictures.iter_mut().map(|picture| picture.sees("two"))).await;

    server.running().signal("TERM");
    let reasons = join_all(viewers.iter_mut().map(|viewer| viewer.sees_end())).await;
    assert!(reasons.iter().all(|reason| reason == "draining"), "{reasons:?}");
    let last = join_all(pictures.iter_mut().map(|picture| picture.sees_end())).await;
    assert!(last.iter().all(|svg| svg.contains("two")));
    let (code, log) = server.has_ended().await;
    assert_eq!(code, 0, "{log}");
    assert!(log.contains("stopped"), "{log}");
}

#[tokio::test]
async fn a_process_that_nobody_watches_stops_at_once() {
    for signal in ["TERM", "INT"] {
        let server = Process::start(&["--drain-timeout", "1h"]).await;
        server.running().signal(signal);
        assert_eq!(server.has_ended().await.0, 0);
    }
}

#[tokio::test]
async fn a_second_signal_does_not_wait() {
    let server = Process::start(&["--drain-timeout", "1h"]).await;
    server.anyone().draws("chart", LABEL, json!({ "value": "one" })).await;
    let mut viewer = server.viewer("chart").await;
    viewer.sees("one").await;
    server.running().signal("TERM");
    wait::until("a draining server", async || {
        (server.get("/ready").await.status == 503).then_some(())
    })
    .await;
    server.running().signal("TERM");
    assert_eq!(server.has_ended().await.0, 0);
}

#[tokio::test]
async fn a_node_that_drains_sends_newcomers_elsewhere() {
    let clock = still_clock();
    let mut node = Node::start_by(&clock).await;
    let owner = node.owner("alice").await;
    owner.draws("chart", LABEL, json!({ "value": "one" })).await;
    let mut viewer = node.viewer("alice/chart").await;
    let mut picture = node.picture("alice/chart").await;
    viewer.sees("one").await;
    picture.sees("one").await;
    assert_eq!(node.get("/ready").await.status, 200);

    node.is_asked_to_stop();
    wait::until("a draining node", async || (node.get("/ready").await.status == 503).then_some(()))
        .await;
    node.get("/ready").await.refuses_at(ErrorCode::NotReady, "server");
    node.ops("/ready").await.refuses_at(ErrorCode::NotReady, "server");
    node.get("/health").await.is(200);
    for form in ["sse", "multipart"] {
        let refused = node.get(&format!("/stream/alice/chart?as={form}")).await;
        refused.refuses(ErrorCode::Draining);
        assert!(refused.header("retry-after").parse::<u64>().is_ok_and(|seconds| seconds > 0));
    }
    // What is under way goes on: writers write, and viewers who are still here see it.
    node.get("/stream/alice/chart.svg").await.is(200);
    owner.puts("chart", json!({ "value": "two" })).await;
    viewer.sees("two").await;
    picture.sees("two").await;

    clock.advance(Duration::from_secs(10));
    assert_eq!(wait::as_time_passes(&clock, viewer.sees_end()).await, "draining");
    assert!(wait::as_time_passes(&clock, picture.sees_end()).await.contains("two"));
    node.has_stopped().await;
}

#[tokio::test]
async fn streams_that_drain_do_not_all_end_at_once() {
    let clock = still_clock();
    let node = Node::start_by(&clock).await;
    node.anyone().draws("chart", LABEL, json!({ "value": "one" })).await;
    let mut viewers = join_all((0..40).map(|_| node.viewer("chart"))).await;
    join_all(viewers.iter_mut().map(|viewer| viewer.sees("one"))).await;
    node.is_asked_to_stop();
    wait::until("a draining node", async || (node.get("/ready").await.status == 503).then_some(()))
        .await;
    assert_eq!(node.metric("easel_viewers").await, 40, "none leaves before probes see it");
    clock.advance(Duration::from_secs(5));
    let left = wait::until("the first to leave", async || {
        let left = node.metric("easel_viewers").await;
        (left < 40).then_some(left)
    })
    .await;
    assert!(left > 0, "half of the time has passed, and all have left");
    clock.advance(Duration::from_secs(5));
    for viewer in &mut viewers {
        assert_eq!(wait::as_time_passes(&clock, viewer.sees_end()).await, "draining");
    }
}

#[tokio::test]
async fn a_viewer_who_does_not_read_cannot_hold_the_process_up() {
    let server = Process::start(&["--drain-timeout", "1s"]).await;
    let anyone = server.anyone();
    let template =
        LABEL.replace("{{ value }}", "{% for i in range(end=8) %}{{ value }}{% endfor %}");
    let mut quick = {
        anyone.draws("chart", &template, json!({ "value": "start" })).await;
        server.viewer("chart").await
    };
    let stuck = server.viewer("chart").await;
    quick.sees("start").await;
    for n in 0..40 {
        anyone.puts("chart", json!({ "value": format!("{n:050000}") })).await;
        quick.sees_next().await;
    }
    server.running().signal("TERM");
    assert_eq!(quick.sees_end().await, "draining");
    assert_eq!(server.has_ended().await.0, 0);
    drop(stuck);
}
