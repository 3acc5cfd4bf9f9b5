//! The cookie that lets a browser watch: from pages of the same site, and nothing but watch.

use std::time::Duration;

use common::api::ErrorCode;
use reqwest::Method;
use serde_json::json;
use tests::{Actor, Answer, Door, LABEL, Node, Picture, Setup, Viewer, still_clock};

const COOKIE: &str = "/api/auth/cookie";

async fn draws_in_private(owner: &Actor) {
    let body = json!({ "session_id": "diary", "template": LABEL, "args": { "value": "secret" },
                       "visibility": "private" });
    owner.creates(&body).await.is(201);
}

async fn with_cookie(door: &Door, address: &str, cookie: &str) -> Answer {
    door.send(door.with_cookie(address, cookie)).await
}

#[tokio::test]
async fn it_is_set_as_strictly_as_can_be_and_taken_back() {
    let clock = still_clock();
    let node = Node::start_by(&clock).await;
    let owner = node.owner("alice").await;
    clock.advance(Duration::from_secs(400));
    let answer = owner.send(owner.request(Method::POST, COOKIE)).await.is(200);
    assert_eq!(answer.json(), json!({ "expires_in": 86_000 }));
    assert_eq!(answer.header("cache-control"), "no-store");
    let cookie = answer.header("set-cookie");
    let mut attributes: Vec<_> = cookie.split("; ").collect();
    assert_eq!(attributes.remove(0), format!("__Host-easel={}", owner.token()));
    attributes.sort_unstable();
    assert_eq!(attributes, ["HttpOnly", "Max-Age=86000", "Path=/", "SameSite=Strict", "Secure"]);

    let answer = node.send(node.request(Method::DELETE, COOKIE)).await.is(204);
    let cookie = answer.header("set-cookie");
    let (pair, attributes) = cookie.split_once("; ").unwrap();
    assert_eq!(pair, "__Host-easel=");
    for attribute in ["HttpOnly", "Max-Age=0", "Path=/", "SameSite=Strict", "Secure"] {
        assert!(attributes.split("; ").any(|a| a == attribute), "{attribute} in {cookie}");
    }
    node.send(node.request(Method::POST, COOKIE)).await.refuses(ErrorCode::AuthRequired);
    let nonsense = node.request(Method::POST, COOKIE).bearer_auth("nonsense");
    node.send(nonsense).await.refuses(ErrorCode::AuthTokenInvalid);
}

#[tokio::test]
async fn it_opens_every_form_of_its_owners_private_sessions() {
    let node = Node::start().await;
    let owner = node.owner("alice").await;
    draws_in_private(&owner).await;
    let cookie = owner.gets_cookie().await;
    let among_others = format!("theme=dark; {cookie}; lang=en");
    for cookie in [&cookie, &among_others] {
        Viewer::watch(node.with_cookie("alice/diary", cookie)).await.sees("secret").await;
        Picture::watch(node.with_cookie("alice/diary", cookie)).await.sees("secret").await;
        for form in [".svg", ".png", "?as=html"] {
            with_cookie(&node, &format!("alice/diary{form}"), cookie).await.is(200);
        }
    }
}

#[tokio::test]
async fn it_opens_nothing_else() {
    let node = Node::start().await;
    let owner = node.owner("alice").await;
    draws_in_private(&owner).await;
    let cookie = owner.gets_cookie().await;
    let session = owner.session("diary");
    for (method, path) in [
        (Method::GET, session.clone()),
        (Method::PUT, session.clone()),
        (Method::PATCH, session.clone()),
        (Method::DELETE, session.clone()),
        (Method::POST, format!("{session}/ticket")),
        (Method::POST, owner.space()),
        (Method::GET, owner.list()),
        (Method::POST, COOKIE.to_owned()),
    ] {
        let request = node.request(method.clone(), &path).header("cookie", &cookie);
        let request = request.json(&json!({ "args": { "value": "forged" } }));
        node.send(request).await.refuses(ErrorCode::AuthRequired);
    }
    assert_eq!(owner.reads("diary").await.args["value"], "secret");
}

#[tokio::test]
async fn one_that_is_no_good_spoils_no_public_picture() {
    let clock = still_clock();
    let node = Node::start_by(&clock).await;
    let (owner, other) = (node.owner("alice").await, node.owner("bob").await);
    draws_in_private(&owner).await;
    let long = json!({ "session_id": "chart", "template": LABEL, "args": { "value": 1 },
                       "ttl_seconds": 1_000_000 });
    owner.creates(&long).await.is(201);
    let cookie = owner.gets_cookie().await;
    let of_another = other.gets_cookie().await;
    for bad in ["__Host-easel=nonsense", "__Host-easel=", "__Host-easel", ";;;=", &of_another] {
        with_cookie(&node, "alice/chart.svg", bad).await.is(200);
    }
    for bad in ["__Host-easel=nonsense", "__Host-easel="] {
        with_cookie(&node, "alice/diary.svg", bad).await.refuses(ErrorCode::AuthTokenInvalid);
    }
    // That of someone else says no more than none: a browser sends it unasked.
    for address in ["alice/diary", "alice/diary.svg"] {
        with_cookie(&node, address, &of_another).await.refuses(ErrorCode::AuthRequired);
    }
    with_cookie(&node, "alice/gone", &of_another).await.refuses(ErrorCode::SessionNotFound);
    with_cookie(&node, "alice/gone", "__Host-easel=nonsense")
        .await
        .refuses(ErrorCode::SessionNotFound);
    clock.advance(Duration::from_secs(3_000));
    owner.changes("diary", &json!({ "ttl_seconds": 1_000_000 })).await.is(204);
    clock.advance(Duration::from_secs(2 * 86_400));
    with_cookie(&node, "alice/chart.svg", &cookie).await.is(200);
    with_cookie(&node, "alice/diary.svg", &cookie).await.refuses(ErrorCode::AuthTokenExpired);
}

#[tokio::test]
async fn a_stream_that_it_opens_ends_with_its_token() {
    let clock = still_clock();
    let node = Node::start_by(&clock).await;
    let owner = node.owner("alice").await;
    draws_in_private(&owner).await;
    let body = json!({ "user_id": "alice", "ttl_seconds": 60 });
    let token = owner.asks(Method::POST, "/api/auth/token", &body).await.json();
    let brief = node.bearer("alice", token["token"].as_str().unwrap());
    let cookie = brief.gets_cookie().await;
    let mut viewer = Viewer::watch(node.with_cookie("alice/diary", &cookie)).await;
    let mut picture = Picture::watch(node.with_cookie("alice/diary", &cookie)).await;
    viewer.sees("secret").await;
    picture.sees("secret").await;
    clock.advance(Duration::from_secs(60));
    assert_eq!(viewer.sees_end().await, "revoked");
    picture.sees_end().await;
}

#[tokio::test]
async fn what_it_opens_is_for_no_other_site() {
    let node = Setup::default().set("cors-origins", "https://app.example").start().await;
    let owner = node.owner("alice").await;
    draws_in_private(&owner).await;
    let cookie = owner.gets_cookie().await;
    for form in ["", "?as=multipart", "?as=html", ".svg", ".png"] {
        for origin in ["https://evil.example", "https://app.example", "null"] {
            let request = node.with_cookie(&format!("alice/diary{form}"), &cookie);
            let response = request.header("origin", origin).send().await.unwrap();
            assert_eq!(response.status(), 200);
            let headers = response.headers();
            assert!(!headers.contains_key("access-control-allow-origin"), "{form} {origin}");
            assert!(!headers.contains_key("access-control-allow-credentials"));
            assert_eq!(headers["cross-origin-resource-policy"], "same-site");
            let vary = headers["vary"].to_str().unwrap();
            assert!(vary.contains("Cookie") && vary.contains("Authorization"), "{vary}");
            let caching = headers["cache-control"].to_str().unwrap();
            assert!(["no-store", "private, no-cache"].contains(&caching), "{caching}");
        }
        // A browser does not send it then; should one do so, it is not read.
        let request = node.with_cookie(&format!("alice/diary{form}"), &cookie);
        let cross_site = request.header("sec-fetch-site", "cross-site");
        node.send(cross_site).await.refuses(ErrorCode::AuthRequired);
    }
}

#[tokio::test]
async fn no_strange_sites_page_sets_it_or_takes_it_back() {
    let settings = Setup::default().set("cors-origins", "https://app.example");
    let node = settings.set("public-url", "https://draw.example/easel").start().await;
    let owner = node.owner("alice").await;
    let asks = async |method: Method, origin: &str| {
        owner.send(owner.request(method, COOKIE).header("origin", origin)).await
    };
    for origin in ["https://evil.example", "null", "http://127.0.0.1", "https://app.example.evil"] {
        for method in [Method::POST, Method::DELETE] {
            let answer = asks(method, origin).await;
            answer.refuses(ErrorCode::OriginNotAllowed);
            assert_eq!(answer.find_header("set-cookie"), None);
            assert_eq!(answer.find_header("access-control-allow-origin"), None);
        }
    }
    for origin in ["https://app.example", "https://draw.example", node.base()] {
        asks(Method::POST, origin).await.is(200).header("set-cookie");
        asks(Method::DELETE, origin).await.is(204).header("set-cookie");
    }
    // Only here may a named site's page send and receive a cookie.
    let answer = asks(Method::POST, "https://app.example").await;
    assert_eq!(answer.header("access-control-allow-origin"), "https://app.example");
    assert_eq!(answer.header("access-control-allow-credentials"), "true");
}
