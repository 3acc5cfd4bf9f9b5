//! Tickets: a right to watch one session, once, for what cannot send a header.

use std::{fs, path::Path, time::Duration};

use common::api::{ErrorCode, Problem};
use futures_util::future::join_all;
use reqwest::Method;
use serde_json::json;
use tests::{
    Actor, Answer, Door, LABEL, Node, Picture, Process, Setup, Viewer, easel, still_clock,
};

async fn draws_in_private(owner: &Actor, id: &str) {
    let body = json!({ "session_id": id, "template": LABEL, "args": { "value": "secret" },
                       "visibility": "private", "ttl_seconds": 86_400 });
    owner.creates(&body).await.is(201);
}

async fn presents(door: &Door, address: &str, ticket: &str) -> Answer {
    door.send(door.with_ticket(address, ticket)).await
}

/// What is said of a ticket that is not good: all but what differs from request to request.
fn refusal(answer: &Answer) -> (Problem, Option<&str>) {
    let mut problem = answer.refuses(ErrorCode::AuthTicketInvalid);
    (problem.trace_id, problem.instance) = (String::new(), String::new());
    (problem, answer.find_header("www-authenticate"))
}

#[tokio::test]
async fn it_opens_its_session_in_any_form() {
    let node = Node::start().await;
    let owner = node.owner("alice").await;
    draws_in_private(&owner, "diary").await;
    let answer = owner.asks_for_ticket("diary").await.is(200);
    assert_eq!(answer.header("cache-control"), "no-store");
    assert_eq!(answer.header("referrer-policy"), "no-referrer");
    let body = answer.json();
    assert_eq!((body["expires_in"].as_u64(), body.as_object().unwrap().len()), (Some(30), 2));

    let ticket = owner.gets_ticket("diary").await;
    assert_ne!(body["ticket"], *ticket);
    assert!(
        ticket.len() >= 22
            && ticket.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b))
    );
    Viewer::watch(node.with_ticket("alice/diary", &ticket)).await.sees("secret").await;
    let ticket = owner.gets_ticket("diary").await;
    Picture::watch(node.with_ticket("alice/diary", &ticket)).await.sees("secret").await;
    for (form, content_type) in [(".svg", "image/svg+xml"), (".png", "image/png")] {
        let ticket = owner.gets_ticket("diary").await;
        let picture = presents(&node, &format!("alice/diary{form}"), &ticket).await.is(200);
        assert!(picture.header("content-type").starts_with(content_type));
        assert_eq!(picture.header("referrer-policy"), "no-referrer");
    }
}

#[tokio::test]
async fn of_fifty_who_present_it_at_once_one_sees() {
    let node = Node::start().await;
    let owner = node.owner("alice").await;
    draws_in_private(&owner, "diary").await;
    let ticket = owner.gets_ticket("diary").await;
    let tries = (0..50).map(|_| presents(&node, "alice/diary.svg", &ticket));
    let answers = join_all(tries).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 1);
    let refused: Vec<_> = answers.iter().filter(|answer| answer.status != 200).collect();
    assert_eq!(refused.len(), 49);
    assert!(refused.iter().all(|answer| refusal(answer) == refusal(refused[0])));
}

#[tokio::test]
async fn one_that_is_no_good_is_refused_without_a_word_about_the_cause() {
    let clock = still_clock();
    let node = Node::start_by(&clock).await;
    let (owner, other) = (node.owner("alice").await, node.owner("bob").await);
    draws_in_private(&owner, "diary").await;
    draws_in_private(&owner, "notes").await;
    draws_in_private(&other, "diary").await;
    let old = owner.gets_ticket("diary").await;
    clock.advance(Duration::from_secs(29));
    let almost = owner.gets_ticket("diary").await;
    clock.advance(Duration::from_secs(1));
    let used = owner.gets_ticket("diary").await;
    presents(&node, "alice/diary.svg", &used).await.is(200);
    let of_another_session = owner.gets_ticket("notes").await;
    let of_another_user = other.gets_ticket("diary").await;
    let changed = format!("{}A", &used[..used.len() - 1]);
    let long = "A".repeat(10_000);
    let causes = [&old, &used, &of_another_session, &of_another_user, &changed, &long, "", "%00"];
    let first = refusal(&presents(&node, "alice/diary", &old).await).0;
    for ticket in causes {
        for form in ["", ".svg", ".png"] {
            let answer = presents(&node, &format!("alice/diary{form}"), ticket).await;
            let (problem, challenge) = refusal(&answer);
            assert_eq!((problem, challenge), (first.clone(), Some("Bearer")), "{ticket:.50}");
        }
    }
    // None of these refusals took anything from those who may.
    presents(&node, "alice/notes.svg", &of_another_session).await.is(200);
    presents(&node, "bob/diary.svg", &of_another_user).await.is(200);
    presents(&node, "alice/diary.svg", &almost).await.is(200);
}

#[tokio::test]
async fn it_waits_for_half_a_minute_and_no_longer() {
    let clock = still_clock();
    let node = Node::start_by(&clock).await;
    let owner = node.owner("alice").await;
    draws_in_private(&owner, "diary").await;
    let (one, other) = (owner.gets_ticket("diary").await, owner.gets_ticket("diary").await);
    clock.advance(Duration::from_millis(29_999));
    presents(&node, "alice/diary.svg", &one).await.is(200);
    clock.advance(Duration::from_millis(1));
    refusal(&presents(&node, "alice/diary.svg", &other).await);
}

#[tokio::test]
async fn what_it_opens_ends_with_the_token_behind_it() {
    let clock = still_clock();
    let node = Node::start_by(&clock).await;
    let owner = node.owner("alice").await;
    draws_in_private(&owner, "diary").await;
    let body = json!({ "user_id": "alice", "ttl_seconds": 60 });
    let token = owner.asks(Method::POST, "/api/auth/token", &body).await.json();
    let brief = node.bearer("alice", token["token"].as_str().unwrap());
    let ticket = brief.gets_ticket("diary").await;
    let mut viewer = Viewer::watch(node.with_ticket("alice/diary", &ticket)).await;
    let ticket = brief.gets_ticket("diary").await;
    let mut picture = Picture::watch(node.with_ticket("alice/diary", &ticket)).await;
    viewer.sees("secret").await;
    picture.sees("secret").await;
    clock.advance(Duration::from_secs(40));
    // One that is asked for in the token's last seconds lives no longer than the token.
    let late = brief.asks_for_ticket("diary").await.is(200).json();
    assert_eq!(late["expires_in"], 20);
    clock.advance(Duration::from_secs(19));
    owner.puts("diary", json!({ "value": "still there" })).await;
    viewer.sees("still there").await;
    picture.sees("still there").await;
    clock.advance(Duration::from_secs(1));
    assert_eq!(viewer.sees_end().await, "revoked");
    picture.sees_end().await;
    refusal(&presents(&node, "alice/diary", late["ticket"].as_str().unwrap()).await);
}

#[tokio::test]
async fn asking_what_would_come_does_not_use_it() {
    let node = Node::start().await;
    let owner = node.owner("alice").await;
    draws_in_private(&owner, "diary").await;
    let ticket = owner.gets_ticket("diary").await;
    for path in ["diary", "diary.svg", "diary.png"] {
        let path = format!("/stream/alice/{path}?ticket={ticket}");
        node.send(node.request(Method::HEAD, &path)).await.is(200);
    }
    // The page that watches presents it itself.
    let page = node.get(&format!("/stream/alice/diary?as=html&ticket={ticket}")).await.is(200);
    assert!(!page.text().contains(&ticket));
    presents(&node, "alice/diary.svg", &ticket).await.is(200);
    let head = node.request(Method::HEAD, &format!("/stream/alice/diary?ticket={ticket}"));
    assert_eq!(node.send(head).await.status, 401);
    refusal(&node.get(&format!("/stream/alice/diary?as=html&ticket={ticket}")).await);
}

#[tokio::test]
async fn an_answer_that_shows_nothing_does_not_use_it() {
    let node = Setup::default().set("viewers-per-session", "1").start().await;
    let owner = node.owner("alice").await;
    draws_in_private(&owner, "diary").await;
    let watching = owner.gets_ticket("diary").await;
    let viewer = Viewer::watch(node.with_ticket("alice/diary", &watching)).await;

    let ticket = owner.gets_ticket("diary").await;
    for path in ["alice/diary", "alice/diary?as=multipart"] {
        let full = node.with_ticket(path, &ticket);
        node.send(full).await.refuses(ErrorCode::TooManyViewers);
    }
    let picture = owner.get("/stream/alice/diary.svg").await.is(200);
    let known = node.with_ticket("alice/diary.svg", &ticket);
    let known = known.header("If-None-Match", picture.header("etag"));
    assert_eq!(node.send(known).await.status, 304);
    let too_large = node.with_ticket("alice/diary.png?scale=1000", &ticket);
    assert_eq!(node.send(too_large).await.status, 400);
    drop(viewer);
    presents(&node, "alice/diary.svg", &ticket).await.is(200);
    refusal(&presents(&node, "alice/diary.svg", &ticket).await);
}

#[tokio::test]
async fn it_ends_with_its_session() {
    let node = Node::start().await;
    let owner = node.owner("alice").await;
    draws_in_private(&owner, "diary").await;
    let ticket = owner.gets_ticket("diary").await;
    owner.deletes("diary").await;
    draws_in_private(&owner, "diary").await;
    for form in ["", ".svg", "?as=html"] {
        refusal(&presents(&node, &format!("alice/diary{form}"), &ticket).await);
    }
    let fresh = owner.gets_ticket("diary").await;
    presents(&node, "alice/diary.svg", &fresh).await.is(200);
}

#[tokio::test]
async fn it_is_nothing_to_the_api() {
    let node = Node::start().await;
    let owner = node.owner("alice").await;
    draws_in_private(&owner, "diary").await;
    let ticket = owner.gets_ticket("diary").await;
    let session = owner.session("diary");
    for (method, path) in [
        (Method::GET, session.clone()),
        (Method::DELETE, session.clone()),
        (Method::POST, format!("{session}/ticket")),
        (Method::POST, "/api/auth/cookie".to_owned()),
        (Method::GET, owner.list()),
    ] {
        let by_query = node.request(method.clone(), &format!("{path}?ticket={ticket}"));
        node.send(by_query).await.refuses(ErrorCode::AuthRequired);
        let as_token = node.request(method, &path).bearer_auth(&ticket);
        node.send(as_token).await.refuses(ErrorCode::AuthTokenInvalid);
    }
    node.send(node.stream("alice/diary").bearer_auth(&ticket))
        .await
        .refuses(ErrorCode::AuthTokenInvalid);
    presents(&node, "alice/diary.svg", &ticket).await.is(200);
}

#[tokio::test]
async fn only_the_owner_gets_one_and_a_stranger_learns_nothing() {
    let node = Node::start().await;
    let (owner, stranger) = (node.owner("alice").await, node.owner("mallory").await);
    draws_in_private(&owner, "diary").await;
    for id in ["diary", "nothing"] {
        let path = format!("{}/ticket", owner.session(id));
        node.send(node.request(Method::POST, &path)).await.refuses(ErrorCode::AuthRequired);
        let as_stranger = stranger.request(Method::POST, &path);
        stranger.send(as_stranger).await.refuses(ErrorCode::Forbidden);
    }
    owner.asks_for_ticket("nothing").await.refuses(ErrorCode::SessionNotFound);
    owner.deletes("diary").await;
    owner.asks_for_ticket("diary").await.refuses(ErrorCode::SessionNotFound);
    owner
        .get(&format!("{}/ticket", owner.session("diary")))
        .await
        .refuses(ErrorCode::MethodNotAllowed);
}

#[tokio::test]
async fn a_header_goes_before_it() {
    let node = Node::start().await;
    let (owner, stranger) = (node.owner("alice").await, node.owner("mallory").await);
    draws_in_private(&owner, "diary").await;
    let ticket = owner.gets_ticket("diary").await;
    let with_both = |token: &str| node.with_ticket("alice/diary.svg", &ticket).bearer_auth(token);
    node.send(with_both(stranger.token())).await.refuses(ErrorCode::Forbidden);
    node.send(with_both("nonsense")).await.refuses(ErrorCode::AuthTokenInvalid);
    node.send(with_both(owner.token())).await.is(200);
    presents(&node, "alice/diary.svg", &ticket).await.is(200);
}

#[tokio::test]
async fn a_public_session_asks_for_none() {
    let node = Node::start().await;
    let owner = node.owner("alice").await;
    owner.draws("chart", LABEL, json!({ "value": "open" })).await;
    let ticket = owner.gets_ticket("chart").await;
    for ticket in [&*ticket, &ticket, "no-good"] {
        let picture = presents(&node, "alice/chart.svg", ticket).await.is(200);
        assert_eq!(picture.header("cache-control"), "no-cache");
    }
    owner.changes("chart", &json!({ "visibility": "private" })).await.is(204);
    presents(&node, "alice/chart.svg", &ticket).await.is(200);
    refusal(&presents(&node, "alice/chart.svg", &ticket).await);
}

#[tokio::test]
async fn what_it_opens_is_for_the_page_that_has_it_and_for_no_cache() {
    let node = Node::start().await;
    let owner = node.owner("alice").await;
    draws_in_private(&owner, "diary").await;
    for form in ["", "?as=multipart", ".svg"] {
        let ticket = owner.gets_ticket("diary").await;
        let request = node.with_ticket(&format!("alice/diary{form}"), &ticket);
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 200);
        let headers = response.headers();
        assert_eq!(headers["access-control-allow-origin"], "*");
        assert!(!headers.contains_key("access-control-allow-credentials"));
        assert_eq!(headers["cross-origin-resource-policy"], "cross-origin");
        let caching = headers["cache-control"].to_str().unwrap();
        assert!(["no-store", "private, no-cache"].contains(&caching), "{caching}");
    }
}

#[tokio::test]
async fn a_user_has_a_bounded_number_of_them() {
    let clock = still_clock();
    let node = Setup::default().clock(&clock).set("tickets-per-user", "3").start().await;
    let (owner, other) = (node.owner("alice").await, node.owner("bob").await);
    draws_in_private(&owner, "diary").await;
    draws_in_private(&other, "diary").await;
    let mut tickets = Vec::new();
    for _ in 0..3 {
        tickets.push(owner.gets_ticket("diary").await);
    }
    let refused = owner.asks_for_ticket("diary").await;
    refused.refuses(ErrorCode::TicketLimit);
    assert!(refused.header("retry-after").parse::<u64>().unwrap() > 0);
    other.gets_ticket("diary").await;
    presents(&node, "alice/diary.svg", &tickets[0]).await.is(200);
    owner.gets_ticket("diary").await;
    owner.asks_for_ticket("diary").await.refuses(ErrorCode::TicketLimit);
    clock.advance(Duration::from_secs(30));
    owner.gets_ticket("diary").await;
}

#[tokio::test]
async fn a_restart_does_not_lose_it() {
    let node = Node::start().await;
    let owner = node.owner("alice").await;
    draws_in_private(&owner, "diary").await;
    let (one, used) = (owner.gets_ticket("diary").await, owner.gets_ticket("diary").await);
    presents(&node, "alice/diary.svg", &used).await.is(200);
    let node = node.restarts().await;
    refusal(&presents(&node, "alice/diary.svg", &used).await);
    presents(&node, "alice/diary.svg", &one).await.is(200);
}

#[tokio::test]
async fn a_revoked_key_ends_what_tickets_and_cookies_opened() {
    let server = Process::start(&[]).await;
    let owner = server.owner("alice").await;
    draws_in_private(&owner, "diary").await;
    let (used, waiting) = (owner.gets_ticket("diary").await, owner.gets_ticket("diary").await);
    let cookie = owner.gets_cookie().await;
    let mut by_ticket = Viewer::watch(server.with_ticket("alice/diary", &used)).await;
    let mut by_cookie = Picture::watch(server.with_cookie("alice/diary", &cookie)).await;
    by_ticket.sees("secret").await;
    by_cookie.sees("secret").await;
    let kid = server.get("/.well-known/jwks.json").await.json()["keys"][0]["kid"].clone();
    let revoke = ["keys", "revoke", kid.as_str().unwrap(), "--data-dir", "store"];
    easel(server.data().path(), &[], &revoke).await.succeeds();
    assert_eq!(by_ticket.sees_end().await, "revoked");
    by_cookie.sees_end().await;
    refusal(&presents(&server, "alice/diary", &waiting).await);
    let with_cookie = server.send(server.with_cookie("alice/diary", &cookie)).await;
    with_cookie.refuses(ErrorCode::AuthTokenInvalid);
}

/// Every byte under a directory.
fn bytes_of(directory: &Path) -> Vec<u8> {
    let entries = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    entries
        .flat_map(|path| if path.is_dir() { bytes_of(&path) } else { fs::read(path).unwrap() })
        .collect()
}

#[tokio::test]
async fn neither_the_store_nor_the_log_has_it() {
    let server = Process::start(&["--log", "debug"]).await;
    let owner = server.owner("alice").await;
    draws_in_private(&owner, "diary").await;
    let (waiting, used) = (owner.gets_ticket("diary").await, owner.gets_ticket("diary").await);
    presents(&server, "alice/diary.svg", &used).await.is(200);
    refusal(&presents(&server, "alice/diary.svg", &used).await);
    let cookie = owner.gets_cookie().await;
    server.send(server.with_cookie("alice/diary.svg", &cookie)).await.is(200);
    let data = server.data().clone();
    let has =
        |bytes: &[u8], text: &str| bytes.windows(text.len()).any(|part| part == text.as_bytes());
    let stored = bytes_of(&data.path().join("store"));
    assert!(has(&stored, "diary"), "the search finds what is there");
    server.running().signal("TERM");
    let (_, log) = server.has_ended().await;
    assert!(log.contains("path=/stream/alice/diary.svg"), "{log}");
    let stored = [stored, bytes_of(&data.path().join("store"))].concat();
    for secret in [&*waiting, &used, owner.token()] {
        assert!(!has(&stored, secret), "a secret is in the store");
        assert!(!log.contains(secret), "a secret is in the log: {log}");
    }
}

#[tokio::test]
async fn an_event_source_that_comes_back_needs_a_new_one() {
    let node = Node::start().await;
    let owner = node.owner("alice").await;
    draws_in_private(&owner, "diary").await;
    let ticket = owner.gets_ticket("diary").await;
    let mut viewer = Viewer::watch(node.with_ticket("alice/diary", &ticket)).await;
    viewer.sees("secret").await;
    owner.puts("diary", json!({ "value": "more" })).await;
    let seen = viewer.sees("more").await.revision;
    // An EventSource that comes back with what it has: the ticket is used up, and it is told.
    let again = node.with_ticket("alice/diary", &ticket).header("last-event-id", seen.to_string());
    refusal(&node.send(again).await);
    let fresh = owner.gets_ticket("diary").await;
    let again = node.with_ticket("alice/diary", &fresh).header("last-event-id", seen.to_string());
    let mut viewer = Viewer::watch(again).await;
    owner.puts("diary", json!({ "value": "and more" })).await;
    assert!(viewer.sees_next().await.svg.contains("and more"), "what was seen is not sent again");
    owner.deletes("diary").await;
    assert_eq!(viewer.sees_end().await, "deleted");
    presents(&node, "alice/diary", &fresh).await.refuses(ErrorCode::SessionNotFound);
}
