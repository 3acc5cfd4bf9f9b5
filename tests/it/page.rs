//! The workbench, as someone uses it: in a real browser, with a mouse, with the keyboard, on
//! a phone.

use fantoccini::key::Key;
use serde_json::json;
use tests::{Browser, Node, Size};

/// The width up to which a page may be scrolled sideways.
const OVERFLOW: &str =
    "return document.documentElement.scrollWidth - document.documentElement.clientWidth";

/// Types into a field in place of what is there.
async fn types(browser: &Browser, css: &str, text: &str) {
    let field = browser.finds(css).await;
    let all = format!("{}a{}", Key::Control, Key::Null);
    field.send_keys(&all).await.unwrap();
    field.send_keys(text).await.unwrap();
}

async fn clicks(browser: &Browser, css: &str) {
    let element = browser.finds(css).await;
    // A page that is still growing may push it away: scrolled to, it stays.
    let script = format!("document.querySelector('{css}').scrollIntoView({{ block: 'center' }})");
    browser.evaluates(&script).await;
    element.click().await.unwrap();
}

async fn signs_in(browser: &Browser, node: &Node, user: &str) {
    browser.goes_to(&node.url("/")).await;
    types(browser, "#user-id", user).await;
    clicks(browser, "#sign-in").await;
    browser.finds("#new-session").await;
}

async fn reads(browser: &Browser, css: &str) -> String {
    browser.finds(css).await.text().await.unwrap()
}

#[tokio::test]
async fn a_drawing_lives_its_whole_life_on_the_page() {
    let node = Node::start().await;
    let owner = node.owner("alice").await;
    let browser = Browser::open(Size::Desk).await;
    signs_in(&browser, &node, "alice").await;
    assert_eq!(reads(&browser, "#who").await, "alice");

    clicks(&browser, "#new-session").await;
    clicks(&browser, "label[data-template=gauge]").await;
    types(&browser, "#session-id", "load").await;
    clicks(&browser, "#create").await;
    browser.comes_to("return document.querySelector('#picture')?.naturalWidth").await;
    let born = owner.reads("load").await;

    // What is typed is applied by itself, and comes back over the real stream.
    types(&browser, "#args", "{\"value\": 91}").await;
    let revision = "return document.querySelector('#picture').dataset.revision";
    let first = json!(born.summary.revision);
    browser.comes_to(&format!("{revision} !== {first}")).await;
    assert_eq!(owner.reads("load").await.args["value"], 91);

    // What a program does meanwhile is seen too.
    let pushed = owner.puts("load", json!({ "value": 12 })).await;
    browser.comes_to(&format!("{revision} === '{pushed}'")).await;

    clicks(&browser, "#delete").await;
    clicks(&browser, "#confirm-delete").await;
    browser.finds("#new-session").await;
    owner.get(&owner.session("load")).await.is(404);
    browser.closes().await;
}

#[tokio::test]
async fn a_private_drawing_is_made_watched_and_opened_on_the_page() {
    let node = Node::start().await;
    let owner = node.owner("alice").await;
    let browser = Browser::open(Size::Desk).await;
    signs_in(&browser, &node, "alice").await;
    clicks(&browser, "#new-session").await;
    clicks(&browser, "label[data-template=gauge]").await;
    types(&browser, "#session-id", "diary").await;
    clicks(&browser, "#visibility-private").await;
    clicks(&browser, "#create").await;
    browser.comes_to("return document.querySelector('#picture')?.naturalWidth").await;
    assert_eq!(node.get("/stream/alice/diary.svg").await.status, 401);
    let revision = "return document.querySelector('#picture').dataset.revision";
    let pushed = owner.puts("diary", json!({ "value": 12 })).await;
    browser.comes_to(&format!("{revision} === '{pushed}'")).await;
    let snippets = "return [...document.querySelectorAll('[data-snippet]')]
        .map((one) => one.dataset.snippet).join()";
    assert_eq!(browser.evaluates(snippets).await, "ticket,cookie,update,watch");

    // In the list it is marked, and its owner sees it there too.
    clicks(&browser, "header .brand").await;
    assert_eq!(reads(&browser, "[data-session=diary] .tag").await, "Private");
    browser
        .comes_to("return document.querySelector('[data-session=diary] img')?.naturalWidth")
        .await;
    clicks(&browser, "[data-session=diary] a").await;
    browser.comes_to("return document.querySelector('#picture')?.naturalWidth").await;

    clicks(&browser, "#visibility-public").await;
    tests::wait::until("an open session", async || {
        (node.get("/stream/alice/diary.svg").await.status == 200).then_some(())
    })
    .await;
    browser.comes_to(&format!("{snippets}.startsWith('image,page')")).await;
    let mut stranger = node.viewer("alice/diary").await;
    stranger.sees_next().await;
    clicks(&browser, "#visibility-private").await;
    assert_eq!(stranger.sees_end().await, "revoked");
    // Whoever is at the page goes on watching.
    let pushed = owner.puts("diary", json!({ "value": 34 })).await;
    browser.comes_to(&format!("{revision} === '{pushed}'")).await;
    assert_eq!(reads(&browser, "#link").await, "Live");
    browser.closes().await;
}

#[tokio::test]
async fn a_fault_in_a_template_is_shown_where_it_is_and_the_picture_stays() {
    let node = Node::start().await;
    let owner = node.owner("alice").await;
    owner.creates(&json!({ "session_id": "load", "template_name": "gauge" })).await.is(201);
    let born = owner.reads("load").await;
    let browser = Browser::open(Size::Desk).await;
    signs_in(&browser, &node, "alice").await;
    clicks(&browser, "[data-session=load] a").await;
    browser.comes_to("return document.querySelector('#picture')?.naturalWidth").await;

    types(&browser, "#template", "<svg xmlns=\"http://www.w3.org/2000/svg\">\n{{ a + }}\n</svg>")
        .await;
    browser.finds("#problem").await;
    assert_eq!(reads(&browser, ".gutter mark").await, "2");
    let described = browser.finds("#template").await.attr("aria-invalid").await.unwrap();
    assert_eq!(described.as_deref(), Some("true"));
    let shown = browser.evaluates("return document.querySelector('#picture').naturalWidth").await;
    assert!(shown.as_u64().unwrap() > 0);
    let stored = owner.reads("load").await;
    assert_eq!(stored.summary.revision, born.summary.revision, "a fault changes nothing");
    assert_eq!((stored.template, stored.args), (born.template, born.args));

    types(&browser, "#args", "{\"value\": }").await;
    browser.finds("#args-problem").await;
    browser.closes().await;
}

#[tokio::test]
async fn it_works_by_keyboard_alone() {
    let node = Node::start().await;
    let owner = node.owner("alice").await;
    let browser = Browser::open(Size::Desk).await;
    browser.goes_to(&node.url("/")).await;
    browser.finds("#user-id").await;
    let press = async |keys: &str| {
        let active = browser.driver().active_element().await.unwrap();
        active.send_keys(keys).await.unwrap();
    };
    let goes_on_to = async |css: &str| {
        let here = format!("return document.activeElement.matches('{css}')");
        for _ in 0..60 {
            if browser.evaluates(&here).await == json!(true) {
                return;
            }
            press(&String::from(char::from(Key::Tab))).await;
        }
        panic!("Tab never comes to {css}");
    };
    let enter = String::from(char::from(Key::Enter));

    goes_on_to("#user-id").await;
    press("alice").await;
    press(&enter).await;
    browser.finds("#new-session").await;
    goes_on_to("#new-session").await;
    press(&enter).await;
    browser.finds("#session-id").await;
    goes_on_to("#session-id").await;
    press("keys").await;
    press(&enter).await;
    browser.finds("#picture").await;
    assert_eq!(owner.reads("keys").await.summary.session_id, "keys");
    goes_on_to("#delete").await;
    press(&enter).await;
    browser.finds("#confirm-delete").await;
    goes_on_to("#confirm-delete").await;
    press(&enter).await;
    browser.finds("#new-session").await;
    owner.get(&owner.session("keys")).await.is(404);
    browser.closes().await;
}

#[tokio::test]
async fn it_fits_a_phone() {
    let node = Node::start().await;
    let owner = node.owner("alice").await;
    owner.creates(&json!({ "session_id": "load", "template_name": "gauge" })).await.is(201);
    let browser = Browser::open(Size::Phone).await;
    browser.goes_to(&node.url("/")).await;
    browser.finds("#user-id").await;
    assert_eq!(browser.evaluates(OVERFLOW).await, 0);
    signs_in(&browser, &node, "alice").await;
    browser.finds("[data-session=load]").await;
    assert_eq!(browser.evaluates(OVERFLOW).await, 0);
    clicks(&browser, "#new-session").await;
    browser.finds("label[data-template=gauge]").await;
    assert_eq!(browser.evaluates(OVERFLOW).await, 0);
    browser.goes_to(&node.url("/edit/load")).await;
    browser.comes_to("return document.querySelector('#picture')?.naturalWidth").await;
    assert_eq!(browser.evaluates(OVERFLOW).await, 0);
    browser.closes().await;
}

#[tokio::test]
async fn it_runs_nothing_and_loads_nothing_but_its_own() {
    let node = Node::start().await;
    let page =
        node.send(node.request(reqwest::Method::GET, "/").header("accept", "text/html")).await;
    let page = page.is(200);
    let policy = page.header("content-security-policy").to_owned();
    assert!(policy.starts_with("default-src 'none'; script-src 'self' 'wasm-unsafe-eval';"));
    assert!(!policy.contains("unsafe-inline"));
    assert_eq!(page.header("cache-control"), "no-cache");
    let html = page.text();
    let assets: Vec<_> = html.split('"').filter(|word| word.starts_with("/assets/")).collect();
    assert!(assets.len() >= 3, "{html}");
    for asset in assets {
        let file = node.get(asset).await.is(200);
        assert_eq!(file.header("cache-control"), "public, max-age=31536000, immutable");
    }
    node.get("/assets/nothing.js").await.is(404);
    node.get("/somewhere").await.is(404);
}
