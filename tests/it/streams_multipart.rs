//! A live picture as `multipart/x-mixed-replace`. [`tests::Picture`] checks the framing.

use serde_json::json;
use tests::{Actor, LABEL, Node, still_clock, wait};

async fn node_with_a_chart() -> (Node, Actor) {
    let node = Node::start().await;
    let owner = node.owner("alice").await;
    owner.draws("chart", LABEL, json!({ "value": "one" })).await;
    (node, owner)
}

#[tokio::test]
async fn an_image_shows_what_is_and_then_what_comes() {
    let (node, owner) = node_with_a_chart().await;
    let mut picture = node.picture("alice/chart").await;
    assert_eq!(picture.sees_next().await, LABEL.replace("{{ value }}", "one"));
    for value in ["two", "three", "four"] {
        owner.puts("chart", json!({ "value": value })).await;
        picture.sees_next().await.contains(value).then_some(()).unwrap();
    }
    assert_eq!(picture.frames(), 4, "nothing is sent twice");
}

#[tokio::test]
async fn an_image_may_be_shown_anywhere_and_run_nowhere() {
    let (node, _owner) = node_with_a_chart().await;
    let picture = node.picture("alice/chart").await;
    assert_eq!(picture.header("access-control-allow-origin"), "*");
    assert_eq!(picture.header("cross-origin-resource-policy"), "cross-origin");
    assert_eq!(
        picture.header("content-security-policy"),
        "default-src 'none'; style-src 'unsafe-inline'; img-src data:; font-src data:; sandbox"
    );
}

#[tokio::test]
async fn an_idle_image_is_sent_again_and_never_white_space() {
    let clock = still_clock();
    let node = Node::start_by(&clock).await;
    let owner = node.owner("alice").await;
    owner.draws("chart", LABEL, json!({ "value": "one" })).await;
    let mut picture = node.picture("alice/chart").await;
    let first = picture.sees_next().await;
    for _ in 0..3 {
        assert_eq!(wait::as_time_passes(&clock, picture.sees_next()).await, first);
    }
    owner.puts("chart", json!({ "value": "two" })).await;
    assert!(picture.sees_next().await.contains("two"));
}

#[tokio::test]
async fn when_a_session_ends_its_last_picture_stays() {
    let (node, owner) = node_with_a_chart().await;
    let mut picture = node.picture("alice/chart").await;
    picture.sees("one").await;
    owner.puts("chart", json!({ "value": "two" })).await;
    picture.sees("two").await;
    owner.deletes("chart").await;
    assert!(picture.sees_end().await.contains("two"));
}

#[tokio::test]
async fn viewers_of_a_session_share_its_boundary_and_sessions_do_not() {
    let (node, owner) = node_with_a_chart().await;
    owner.draws("other", LABEL, json!({ "value": "one" })).await;
    let one = node.picture("alice/chart").await;
    let same = node.picture("alice/chart").await;
    let other = node.picture("alice/other").await;
    assert_eq!(one.boundary(), same.boundary());
    assert_ne!(one.boundary(), other.boundary());
}

#[tokio::test]
async fn a_picture_that_contains_the_boundary_cannot_break_the_framing() {
    let (node, owner) = node_with_a_chart().await;
    let mut picture = node.picture("alice/chart").await;
    picture.sees("one").await;
    let boundary = picture.boundary().to_owned();
    owner.puts("chart", json!({ "value": format!("--{boundary}") })).await;
    // Spelled otherwise, the picture is the same; the reader would fail at a part of a part.
    let spelled = boundary.replacen('B', "&#66;", 1);
    assert!(picture.sees_next().await.contains(&format!("--{spelled}<")));
    owner.puts("chart", json!({ "value": "two" })).await;
    picture.sees("two").await;
}

#[tokio::test]
async fn what_is_never_well_formed_is_never_sent() {
    let (node, owner) = node_with_a_chart().await;
    let mut picture = node.picture("alice/chart").await;
    picture.sees("one").await;
    owner.puts("chart", json!({ "value": "R&D <b> \"'" })).await;
    assert!(picture.sees_next().await.contains("R&amp;D &lt;b&gt;"));
    let declared = format!("\n<?xml version=\"1.0\" encoding=\"UTF-16\"?>\n{LABEL}\n\n");
    owner.changes("chart", &json!({ "template": declared })).await.is(204);
    // Nothing may stand before the root: browsers would take it for text.
    owner.puts("chart", json!({ "value": "three" })).await;
    assert_eq!(picture.sees("three").await, LABEL.replace("{{ value }}", "three"));
}
