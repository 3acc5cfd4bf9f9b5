//! One URL for everyone: what comes back depends on who asks.

use serde_json::json;
use tests::{LABEL, Node, wait};

const IMAGE: &str = "image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8";
const PAGE: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";
const SSE: &str = "text/event-stream";
const MULTIPART: &str = "multipart/x-mixed-replace";
const HTML: &str = "text/html";
const SVG: &str = "image/svg+xml";
const PNG: &str = "image/png";

type Headers = &'static [(&'static str, &'static str)];

#[tokio::test]
async fn everyone_gets_the_form_they_can_show() {
    let node = Node::start().await;
    let owner = node.owner("alice").await;
    owner.draws("chart", LABEL, json!({ "value": 1 })).await;
    node.anyone().draws("chart", LABEL, json!({ "value": 1 })).await;
    let cases: &[(&str, Headers, &str)] = &[
        ("", &[], SSE),
        ("", &[("accept", "*/*")], SSE),
        ("", &[("accept", SSE)], SSE),
        ("", &[("accept", SSE), ("sec-fetch-dest", "empty")], SSE),
        ("", &[("accept", "application/json")], SSE),
        ("", &[("accept", IMAGE)], MULTIPART),
        ("", &[("accept", IMAGE), ("sec-fetch-dest", "image")], MULTIPART),
        ("", &[("accept", "*/*"), ("sec-fetch-dest", "image")], MULTIPART),
        ("", &[("accept", PAGE), ("sec-fetch-dest", "object")], MULTIPART),
        ("", &[("accept", PAGE), ("sec-fetch-dest", "embed")], MULTIPART),
        ("", &[("accept", PAGE), ("sec-fetch-dest", "iframe")], MULTIPART),
        ("", &[("accept", PAGE), ("sec-fetch-dest", "document")], HTML),
        ("", &[("accept", PAGE)], HTML),
        ("?as=sse", &[("accept", IMAGE)], SSE),
        ("?as=multipart", &[("accept", SSE)], MULTIPART),
        ("?as=html", &[], HTML),
        ("?as=svg", &[("accept", SSE)], SVG),
        ("?as=png", &[("accept", PAGE)], PNG),
        (".svg", &[("accept", PAGE)], SVG),
        (".png", &[("accept", IMAGE), ("sec-fetch-dest", "image")], PNG),
    ];
    for stream in ["/stream/alice/chart", "/stream/chart"] {
        for (suffix, headers, wanted) in cases {
            let path = format!("{stream}{suffix}");
            let request = node.request(reqwest::Method::GET, &path);
            let request = headers.iter().fold(request, |r, (name, value)| r.header(*name, *value));
            let response = wait::soon("an answer", request.send()).await.unwrap();
            assert_eq!(response.status(), 200);
            let got = response.headers()["content-type"].to_str().unwrap();
            assert!(got.starts_with(wanted), "{path} {headers:?}: {got}");
            let vary = response.headers()["vary"].to_str().unwrap().to_lowercase();
            assert!(vary.contains("accept") && vary.contains("sec-fetch-dest"), "{vary}");
        }
    }
}

#[tokio::test]
async fn the_watch_page_runs_its_own_script_and_nothing_else() {
    let node = Node::start().await;
    node.anyone().draws("chart", LABEL, json!({ "value": 1 })).await;
    let page = node.get("/stream/chart?as=html").await.is(200);
    let policy = page.header("content-security-policy");
    let (_, nonce) = policy.split_once("script-src 'nonce-").unwrap();
    let nonce = nonce.split_once('\'').unwrap().0;
    assert!(policy.starts_with("default-src 'none'"), "{policy}");
    assert!(page.text().contains(&format!("nonce=\"{nonce}\"")));
    assert!(page.text().contains("/stream/chart"));
    let again = node.get("/stream/chart?as=html").await;
    assert_ne!(again.header("content-security-policy"), policy, "a nonce is used once");
}
