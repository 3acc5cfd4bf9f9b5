//! The current frame once, for places that cannot stream.

use common::api::ErrorCode;
use serde_json::json;
use tests::{Answer, Door, LABEL, Node};

async fn ask(node: &Door, path: &str, known: &str) -> Answer {
    let request = node.request(reqwest::Method::GET, path);
    node.send(request.header("if-none-match", known)).await
}

#[tokio::test]
async fn a_snapshot_is_the_current_frame() {
    let node = Node::start().await;
    let owner = node.owner("alice").await;
    let revision = owner.draws("chart", LABEL, json!({ "value": "one" })).await;
    for path in ["/stream/alice/chart.svg", "/stream/alice/chart?as=svg"] {
        let svg = node.get(path).await.is(200);
        assert_eq!(svg.text(), LABEL.replace("{{ value }}", "one"));
        assert_eq!(svg.header("content-type"), "image/svg+xml; charset=utf-8");
        assert_eq!(svg.header("cache-control"), "no-cache");
        assert_eq!(svg.revision(), revision);
        assert!(svg.header("content-security-policy").ends_with("sandbox"));
        assert_eq!(svg.header("cross-origin-resource-policy"), "cross-origin");
        assert_eq!(svg.header("access-control-allow-origin"), "*");
    }
    let second = owner.puts("chart", json!({ "value": "two" })).await;
    let svg = node.get("/stream/alice/chart.svg").await;
    assert!(svg.text().contains(">two<"));
    assert_eq!(svg.revision(), second);
}

#[tokio::test]
async fn a_snapshot_comes_as_a_bitmap_too() {
    let node = Node::start().await;
    node.anyone().draws("chart", LABEL, json!({ "value": "one" })).await;
    for path in ["/stream/chart.png", "/stream/chart?as=png"] {
        let png = node.get(path).await.is(200);
        assert_eq!(png.header("content-type"), "image/png");
        assert_eq!(png.header("cache-control"), "no-cache");
        assert!(png.body.starts_with(b"\x89PNG\r\n\x1a\n"));
        let side = |at: usize| u32::from_be_bytes(png.body[at..at + 4].try_into().unwrap());
        assert_eq!((side(16), side(20)), (120, 20), "as large as the drawing");
    }
}

#[tokio::test]
async fn whoever_has_the_snapshot_already_is_told_so() {
    let node = Node::start().await;
    let owner = node.owner("alice").await;
    owner.draws("chart", LABEL, json!({ "value": "one" })).await;
    let svg = node.get("/stream/alice/chart.svg").await.header("etag").to_owned();
    let png = node.get("/stream/alice/chart.png").await.header("etag").to_owned();
    assert_ne!(svg, png, "other bytes, another tag");
    for tag in [&svg, &png] {
        assert!(tag.starts_with('"'), "{tag} is strong");
    }
    for (path, tag) in [("/stream/alice/chart.svg", &svg), ("/stream/alice/chart.png", &png)] {
        let answer = ask(&node, path, tag).await.is(304);
        assert!(answer.body.is_empty());
        assert_eq!(answer.header("etag"), tag);
        assert_eq!(answer.header("cache-control"), "no-cache");
    }
    ask(&node, "/stream/alice/chart.svg", &png).await.is(200);
    owner.puts("chart", json!({ "value": "two" })).await;
    ask(&node, "/stream/alice/chart.svg", &svg).await.is(200);
    ask(&node, "/stream/alice/chart.png", &png).await.is(200);
}

#[tokio::test]
async fn what_is_not_there_is_not_found() {
    let node = Node::start().await;
    node.anyone().draws("chart", LABEL, json!({ "value": "one" })).await;
    let long = format!("/stream/{}", "x".repeat(65));
    for path in [
        "/stream/missing",
        "/stream/missing.svg",
        "/stream/missing.png",
        "/stream/alice/chart",
        "/stream/chart.gif",
        "/stream/chart.svg.svg",
        "/stream/.svg",
        "/stream/a%20b",
        "/stream/a:b/chart",
        &long,
    ] {
        node.get(path).await.refuses(ErrorCode::SessionNotFound);
    }
}

#[tokio::test]
async fn a_snapshot_does_not_count_as_a_viewer_for_long() {
    let node = Node::start().await;
    let owner = node.owner("alice").await;
    owner.draws("chart", LABEL, json!({ "value": "one" })).await;
    node.get("/stream/alice/chart.svg").await.is(200);
    node.get("/stream/alice/chart.png").await.is(200);
    assert_eq!(owner.reads("chart").await.summary.viewers, 0);
    assert_eq!(node.metric("easel_viewers").await, 0);
}
