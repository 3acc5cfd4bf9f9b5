//! The current frame once, for places that cannot stream.

use common::api::ErrorCode;
use serde_json::json;
use tests::{Answer, Door, LABEL, Node, Setup};

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

/// Width and height of a PNG.
fn sides(answer: &Answer) -> (u32, u32) {
    assert_eq!(answer.header("content-type"), "image/png");
    let side = |at: usize| u32::from_be_bytes(answer.body[at..at + 4].try_into().unwrap());
    (side(16), side(20))
}

#[tokio::test]
async fn a_bitmap_comes_in_the_size_that_is_asked_for() {
    let node = Node::start().await;
    node.anyone().draws("chart", LABEL, json!({ "value": "one" })).await;
    node.owner("alice").await.draws("chart", LABEL, json!({ "value": "one" })).await;
    let mut tags = Vec::new();
    for stream in ["/stream/chart", "/stream/alice/chart"] {
        for (query, size) in [
            ("", (120, 20)),
            ("scale=2", (240, 40)),
            ("scale=0.5", (60, 10)),
            ("scale=8", (960, 160)),
            ("width=300", (300, 50)),
            ("width=1", (1, 1)),
        ] {
            let answer = node.get(&format!("{stream}.png?{query}")).await.is(200);
            assert_eq!(sides(&answer), size, "{query}");
            let same = node.get(&format!("{stream}?as=png&{query}")).await.is(200);
            assert_eq!(same.body, answer.body);
            let tag = answer.header("etag").to_owned();
            assert!(tag.starts_with('"') && !tags.contains(&tag), "{tag} is strong and new");
            ask(&node, &format!("{stream}.png?{query}"), &tag).await.is(304);
            if let Some(other) = tags.last() {
                ask(&node, &format!("{stream}.png?{query}"), other).await.is(200);
            }
            tags.push(tag);
        }
        let as_it_is = node.get(&format!("{stream}.png?scale=1")).await;
        assert_eq!(
            as_it_is.header("etag"),
            node.get(&format!("{stream}.png")).await.header("etag")
        );
    }
}

#[tokio::test]
async fn a_size_out_of_bounds_is_refused_by_name() {
    let node = Setup::default().set("snapshot-max-side", "500").start().await;
    node.anyone().draws("chart", LABEL, json!({ "value": "one" })).await;
    for (query, parameter) in [
        ("scale=0", "scale"),
        ("scale=0.09", "scale"),
        ("scale=8.1", "scale"),
        ("scale=-1", "scale"),
        ("scale=NaN", "scale"),
        ("scale=inf", "scale"),
        ("scale=two", "scale"),
        ("scale=", "scale"),
        ("width=0", "width"),
        ("width=501", "width"),
        ("width=-1", "width"),
        ("width=1.5", "width"),
        ("width=99999999999999999999", "width"),
        ("scale=1&width=100", "width"),
    ] {
        let answer = node.get(&format!("/stream/chart.png?{query}")).await;
        answer.refuses_at(ErrorCode::ValidationFailed, parameter);
    }
    for other in
        ["/stream/chart.svg?scale=2", "/stream/chart?as=sse&width=5", "/stream/chart?scale=2"]
    {
        let parameter = if other.contains("scale") { "scale" } else { "width" };
        node.get(other).await.refuses_at(ErrorCode::ValidationFailed, parameter);
    }
    // Within the bounds of the parameter, and beyond those of the bitmap.
    let problem = node.get("/stream/chart.png?scale=5").await.refuses(ErrorCode::RenderLimit);
    assert!(problem.detail.contains("500 pixels (setting snapshot-max-side)"), "{problem:?}");
    node.get("/stream/chart.png?width=500").await.is(200);
}

#[tokio::test]
async fn a_bitmap_that_takes_too_long_is_refused_and_the_drawing_lives() {
    let heavy = concat!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"2000\" height=\"2000\"><filter id=\"f\">",
        "<feTurbulence baseFrequency=\".9\" numOctaves=\"{{ n }}\"/></filter>",
        "<rect width=\"2000\" height=\"2000\" filter=\"url(#f)\"/></svg>"
    );
    let node = Setup::default().set("snapshot-compute", "50ms").start().await;
    let owner = node.owner("alice").await;
    owner.draws("heavy", heavy, json!({ "n": 20 })).await;
    let problem = node.get("/stream/alice/heavy.png").await.refuses(ErrorCode::RenderLimit);
    assert!(problem.detail.contains("setting snapshot-compute"), "{problem:?}");
    assert!(problem.errors.is_empty(), "it is not about what was sent: {problem:?}");
    assert!(node.get("/stream/alice/heavy.svg").await.is(200).text().contains("feTurbulence"));
    owner.puts("heavy", json!({ "n": 19 })).await;
}
