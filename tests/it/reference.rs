//! The reference for people, in a real browser.

use common::api::ErrorCode;
use serde_json::json;
use tests::{Browser, Document, Node, Size};

#[tokio::test]
async fn the_reference_shows_every_operation_and_loads_nothing() {
    let node = Node::start().await;
    let browser = Browser::open(Size::Desk).await;
    browser.goes_to(&node.url("/api/docs")).await;
    browser.finds("main article").await;
    for (path, _, operation) in Document::of_easel().operations() {
        let id = operation["operationId"].as_str().unwrap();
        let shown = browser.finds(&format!("article[id='{id}']")).await.text().await.unwrap();
        assert!(shown.contains(path), "{shown}");
        assert!(shown.contains(operation["summary"].as_str().unwrap()), "{shown}");
    }
    for code in ErrorCode::ALL {
        browser.finds(&format!("details[id='{code}']")).await;
    }
    // Every link within the page leads somewhere.
    let dead = "return [...document.querySelectorAll('a[href^=\"#\"]')]
        .map((link) => link.getAttribute('href').slice(1))
        .filter((id) => !document.getElementById(id))";
    assert_eq!(browser.evaluates(dead).await, json!([]));
    let loaded = "return performance.getEntriesByType('resource').map((entry) => entry.name)";
    assert_eq!(browser.evaluates(loaded).await, json!([]));
    // The policy that holds everything else back lets the page's own style through.
    let width = "return getComputedStyle(document.querySelector('article')).borderTopWidth";
    assert_eq!(browser.evaluates(width).await, "1px");
    assert_eq!(browser.evaluates("return document.scripts.length").await, 0);
    browser.closes().await;
}

#[tokio::test]
async fn the_reference_fits_a_phone() {
    let node = Node::start().await;
    let browser = Browser::open(Size::Phone).await;
    browser.goes_to(&node.url("/api/docs")).await;
    browser.finds("main article").await;
    let overflow =
        "return document.documentElement.scrollWidth - document.documentElement.clientWidth";
    assert_eq!(browser.evaluates(overflow).await, 0);
    browser.closes().await;
}

#[tokio::test]
async fn the_reference_may_run_nothing() {
    let node = Node::start().await;
    let page = node.get("/api/docs").await.is(200);
    let policy = page.header("content-security-policy");
    assert!(policy.starts_with("default-src 'none'; style-src 'sha256-"), "{policy}");
    assert!(!policy.contains("unsafe") && !policy.contains("script-src"), "{policy}");
    assert!(!page.text().contains("<script"));
}
