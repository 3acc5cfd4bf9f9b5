//! Requests that are sent again with the same key: done once, and answered as they were.

use std::{sync::Arc, time::Duration};

use backend::{
    clock::ManualClock,
    idempotency::{Answered, Attempt, Idempotency, IdempotencyError, Once, Outcome, fingerprint},
    lifecycle::Lifecycle,
    store::{SqliteStore, StoredAnswer},
};
use common::api::ErrorCode;
use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};
use sqlx::{Connection, SqliteConnection, sqlite::SqliteConnectOptions};
use tests::{Actor, Answer, LABEL, Node, Redis, Setup, still_clock, wait};
use tokio::sync::oneshot;

use crate::nodes::over;

const KEY: &str = "8e03978e-40d5-43dd-bc93-6894a57f9324";

/// How long a run has for itself.
const LEASE: Duration = Duration::from_secs(30);

/// How long an answer is kept.
const DAY: Duration = Duration::from_secs(86_400);

fn drawing(value: &str) -> Value {
    json!({ "template": LABEL, "args": { "value": value } })
}

fn named(id: &str) -> Value {
    json!({ "session_id": id, "template": LABEL, "args": { "value": 1 } })
}

/// Tries to create a session with a key.
async fn creates(who: &Actor, key: &str, body: &Value) -> Answer {
    let request = who.request(Method::POST, &who.space()).header("idempotency-key", key);
    who.send(request.json(body)).await
}

fn is_replayed(answer: &Answer) -> bool {
    match answer.find_header("idempotent-replayed") {
        None => false,
        Some(value) => value == "true" || panic!("{value}"),
    }
}

/// Insists that the second answer is the first, given again.
#[track_caller]
fn is_again(again: &Answer, first: &Answer) {
    assert!(is_replayed(again) && !is_replayed(first), "{again:?} {first:?}");
    is_same(again, first);
}

#[track_caller]
fn is_same(again: &Answer, first: &Answer) {
    assert_eq!(again.status, first.status);
    assert_eq!(again.body, first.body);
    for name in ["content-type", "location", "etag"] {
        assert_eq!(again.header(name), first.header(name));
    }
}

#[tokio::test]
async fn a_session_is_created_once_however_often_it_is_asked_for() {
    let node = Node::start().await;
    for who in [node.owner("alice").await, node.anyone()] {
        let first = creates(&who, KEY, &drawing("x")).await.is(201);
        let id = first.json()["session_id"].as_str().unwrap().to_owned();
        let quoted = format!("\"{KEY}\"");
        is_again(&creates(&who, KEY, &drawing("x")).await, &first);
        is_again(&creates(&who, &quoted, &drawing("x")).await, &first);
        // What has become of it since changes nothing.
        who.puts(&id, json!({ "value": "y" })).await;
        is_again(&creates(&who, KEY, &drawing("x")).await, &first);
        assert_eq!(who.reads(&id).await.args["value"], "y");
        // With another key it is another one, and so it is without any.
        let other = creates(&who, "another", &drawing("x")).await.is(201);
        assert_ne!(other.json(), first.json());
        let without = who.creates(&drawing("x")).await.is(201);
        assert!(!is_replayed(&other) && !is_replayed(&without));
    }
    let sessions = node.owner("alice").await.lists().await.sessions;
    assert_eq!(sessions.len(), 3);
}

#[tokio::test]
async fn a_key_belongs_to_one_request() {
    let node = Node::start().await;
    let owner = node.owner("alice").await;
    let first = creates(&owner, KEY, &named("chart")).await.is(201);
    for body in [named("other"), drawing("x")] {
        let refused = creates(&owner, KEY, &body).await;
        refused.refuses_at(ErrorCode::IdempotencyKeyReused, "Idempotency-Key");
    }
    let asks = async |path: &str, text: &str| {
        let request = owner.request(Method::POST, path).header("idempotency-key", KEY);
        let request = request.header("content-type", "application/json");
        owner.send(request.body(text.to_owned())).await
    };
    let text = named("chart").to_string();
    let elsewhere = format!("{}?a=1", owner.space());
    asks(&elsewhere, &text).await.refuses(ErrorCode::IdempotencyKeyReused);
    // The same to a reader of JSON, and another text.
    asks(&owner.space(), &format!("{text} ")).await.refuses(ErrorCode::IdempotencyKeyReused);
    is_again(&asks(&owner.space(), &text).await, &first);
    assert_eq!(owner.lists().await.sessions.len(), 1);
}

#[tokio::test]
async fn of_many_at_once_one_is_done() {
    let node = Node::start().await;
    let owner = node.owner("alice").await;
    for body in [drawing("x"), named("chart")] {
        let key = format!("parallel-{}", body["session_id"].is_null());
        let answers = join_all((0..20).map(|_| creates(&owner, &key, &body))).await;
        let done: Vec<_> = answers.iter().filter(|answer| answer.status == 201).collect();
        assert_eq!(done.iter().filter(|answer| !is_replayed(answer)).count(), 1);
        for answer in &answers {
            match answer.status {
                201 => is_same(answer, done[0]),
                _ => {
                    answer.refuses(ErrorCode::IdempotencyInProgress);
                    let wait: u64 = answer.header("retry-after").parse().unwrap();
                    assert!((1..=30).contains(&wait));
                }
            }
        }
        assert!(is_replayed(&creates(&owner, &key, &body).await.is(201)));
    }
    assert_eq!(owner.lists().await.sessions.len(), 2);
}

#[tokio::test]
async fn a_refusal_frees_the_key() {
    let node = Setup::default().set("sessions-per-user", "2").start().await;
    let owner = node.owner("alice").await;
    owner.draws("taken", LABEL, json!({ "value": 1 })).await;
    let broken = json!({ "template": "<svg>{{" });
    let lasting = json!({ "template": LABEL, "ttl_seconds": 0 });
    for (body, code) in [
        (json!([]), ErrorCode::ValidationFailed),
        (json!({ "session_id": "a b", "template": LABEL }), ErrorCode::InvalidId),
        (broken, ErrorCode::TemplateInvalid),
        (lasting, ErrorCode::ValidationFailed),
        (named("taken"), ErrorCode::SessionExists),
    ] {
        let refused = creates(&owner, KEY, &body).await;
        refused.refuses(code);
        // It is no answer that is given again.
        let refused = creates(&owner, KEY, &body).await;
        refused.refuses(code);
        assert!(!is_replayed(&refused));
    }
    creates(&owner, KEY, &named("chart")).await.is(201);
    let full = creates(&owner, "next", &named("more")).await;
    full.refuses(ErrorCode::QuotaExceeded);
    owner.deletes("taken").await;
    assert!(!is_replayed(&creates(&owner, "next", &named("more")).await.is(201)));
}

#[tokio::test]
async fn users_and_networks_know_nothing_of_each_others_keys() {
    let node = Node::start().await;
    let (alice, bob) = (node.owner("alice").await, node.owner("bob").await);
    let elsewhere = node.from_address("127.0.0.2").anyone();
    let mut places = Vec::new();
    for who in [&alice, &bob, &node.anyone(), &elsewhere] {
        let answer = creates(who, KEY, &drawing("x")).await.is(201);
        assert!(!is_replayed(&answer));
        places.push(answer.header("location").to_owned());
        is_again(&creates(who, KEY, &drawing("x")).await, &answer);
    }
    places.dedup();
    assert_eq!(places.len(), 4);
}

#[tokio::test]
async fn an_answer_is_given_again_only_to_who_could_have_asked_first() {
    let clock = still_clock();
    let node = Node::start_by(&clock).await;
    let owner = node.owner("alice").await;
    creates(&owner, KEY, &drawing("x")).await.is(201);
    let asks = async |who: &Actor| {
        let request = who.request(Method::POST, &owner.space()).header("idempotency-key", KEY);
        who.send(request.json(&drawing("x"))).await
    };
    asks(&node.anyone()).await.refuses(ErrorCode::AuthRequired);
    asks(&node.bearer("alice", "a.b.c")).await.refuses(ErrorCode::AuthTokenInvalid);
    asks(&node.owner("mallory").await).await.refuses(ErrorCode::Forbidden);
    assert!(is_replayed(&asks(&node.owner("alice").await).await.is(201)), "another token will do");
    clock.advance(DAY);
    asks(&owner).await.refuses(ErrorCode::AuthTokenExpired);
}

#[tokio::test]
async fn what_is_no_key_is_refused_and_nothing_is_done() {
    let node = Node::start().await;
    let owner = node.owner("alice").await;
    let too_long = "k".repeat(256);
    for bad in ["", "\"\"", "a b", "a,b", "\"a", "a;b=1", &too_long] {
        let refused = creates(&owner, bad, &drawing("x")).await;
        refused.refuses_at(ErrorCode::ValidationFailed, "Idempotency-Key");
    }
    let twice = owner.request(Method::POST, &owner.space());
    let twice = twice.header("idempotency-key", KEY).header("idempotency-key", KEY);
    let refused = owner.send(twice.json(&drawing("x"))).await;
    refused.refuses_at(ErrorCode::ValidationFailed, "Idempotency-Key");
    assert!(owner.lists().await.sessions.is_empty());
    creates(&owner, &"k".repeat(255), &drawing("x")).await.is(201);
}

#[tokio::test]
async fn bodies_have_the_same_limits_with_a_key() {
    let node = Setup::default().set("max-body-bytes", "1000").start().await;
    let owner = node.owner("alice").await;
    let large = creates(&owner, KEY, &drawing(&"x".repeat(1000))).await;
    large.refuses(ErrorCode::BodyTooLarge);
    let typeless = owner.request(Method::POST, &owner.space()).header("idempotency-key", KEY);
    owner.send(typeless.body("{}")).await.refuses(ErrorCode::UnsupportedMediaType);
    creates(&owner, KEY, &drawing("x")).await.is(201);
}

#[tokio::test]
async fn an_answer_outlives_a_restart_and_is_forgotten_after_a_day() {
    let clock = still_clock();
    let node = Node::start_by(&clock).await;
    let owner = node.owner("alice").await;
    let first = creates(&owner, KEY, &drawing("x")).await.is(201);
    let node = node.restarts().await;
    is_again(&creates(&owner.at(&node), KEY, &drawing("x")).await, &first);
    clock.advance(DAY);
    let owner = node.owner("alice").await;
    let fresh = creates(&owner, KEY, &drawing("x")).await.is(201);
    assert!(!is_replayed(&fresh));
    assert_ne!(fresh.json(), first.json());
}

/// Takes the answers out of a store, as if the node had died before it could keep them.
async fn forgets_the_answers(setup: &Setup) {
    let file = setup.config().database_file();
    let store = SqliteConnectOptions::new().filename(file);
    let mut store = SqliteConnection::connect_with(&store).await.unwrap();
    let done = sqlx::query("UPDATE idempotent_requests SET status = NULL, body = NULL");
    assert_eq!(done.execute(&mut store).await.unwrap().rows_affected(), 1);
    store.close().await.unwrap();
}

/// An owner who has created a session with [`KEY`] on a node that died before it kept the answer,
/// and that answer.
async fn survives_a_crash(body: &Value) -> (Node, ManualClock, Actor, Answer) {
    let clock = still_clock();
    let node = Node::start_by(&clock).await;
    let owner = node.owner("alice").await;
    let first = creates(&owner, KEY, body).await.is(201);
    let setup = node.stops().await;
    forgets_the_answers(&setup).await;
    let node = setup.start().await;
    let owner = owner.at(&node);
    let waiting = creates(&owner, KEY, body).await;
    waiting.refuses_at(ErrorCode::IdempotencyInProgress, "Idempotency-Key");
    waiting.header("retry-after");
    clock.advance(LEASE);
    (node, clock, owner, first)
}

#[tokio::test]
async fn whoever_asks_again_after_a_crash_meets_the_session_that_was_created() {
    let (_node, _clock, owner, first) = survives_a_crash(&drawing("x")).await;
    let id = first.json()["session_id"].as_str().unwrap().to_owned();
    owner.puts(&id, json!({ "value": "changed" })).await;
    let again = creates(&owner, KEY, &drawing("x")).await.is(201);
    is_same(&again, &first);
    assert!(!is_replayed(&again));
    is_again(&creates(&owner, KEY, &drawing("x")).await, &again);
    assert_eq!(owner.lists().await.sessions.len(), 1);
    assert_eq!(owner.reads(&id).await.args["value"], "changed");
}

#[tokio::test]
async fn after_a_crash_a_name_that_was_asked_for_may_be_anyones() {
    let (_node, _clock, owner, _) = survives_a_crash(&named("chart")).await;
    for _ in 0..2 {
        let refused = creates(&owner, KEY, &named("chart")).await;
        refused.refuses_at(ErrorCode::SessionExists, "/session_id");
    }
    // Nobody knows what the first run did: the key does not become free for something else.
    let other = creates(&owner, KEY, &named("other")).await;
    other.refuses(ErrorCode::IdempotencyKeyReused);
    owner.deletes("chart").await;
    creates(&owner, KEY, &named("chart")).await.is(201);
    assert_eq!(owner.lists().await.sessions.len(), 1);
}

#[tokio::test]
async fn of_all_nodes_one_does_it() {
    let redis = Redis::start().await;
    let nodes = [over(&redis.url()).start().await, over(&redis.url()).start().await];
    let owner = nodes[0].owner("alice").await;
    let owners = nodes.each_ref().map(|node| owner.at(node));
    let body = drawing("x");
    let first = creates(&owners[0], KEY, &body).await.is(201);
    is_again(&creates(&owners[1], KEY, &body).await, &first);
    creates(&owners[1], KEY, &named("a")).await.refuses(ErrorCode::IdempotencyKeyReused);
    let asking = owners.iter().cycle().take(20).map(|owner| creates(owner, "parallel", &body));
    let answers = join_all(asking).await;
    let done: Vec<_> = answers.iter().filter(|answer| answer.status == 201).collect();
    assert_eq!(done.iter().filter(|answer| !is_replayed(answer)).count(), 1);
    for answer in answers.iter().filter(|answer| answer.status != 201) {
        answer.refuses(ErrorCode::IdempotencyInProgress);
    }
    assert_eq!(owner.lists().await.sessions.len(), 2);
    // Redis forgets them by itself, and holds no name of anyone.
    let keys = redis.command(&["KEYS", "idempotency:*"]).await;
    assert_eq!(keys.lines().count(), 2, "{keys}");
    for key in keys.lines() {
        let left: u64 = redis.command(&["PTTL", key]).await.parse().unwrap();
        assert!(left > 0 && left <= 86_400_000 + 60_000, "{left}");
        let held = redis.command(&["HGETALL", key]).await;
        assert!(!held.contains(KEY) && !key.contains("alice"), "{key} {held}");
    }
}

#[tokio::test]
async fn while_the_store_is_away_nothing_is_done() {
    let redis = Redis::start_with(&["--appendonly", "yes", "--appendfsync", "always"]).await;
    let clock = still_clock();
    let node = over(&redis.url()).clock(&clock).start().await;
    let owner = node.owner("alice").await;
    redis.kills().await;
    let refused = creates(&owner, KEY, &drawing("x")).await;
    refused.refuses(ErrorCode::StoreUnavailable);
    redis.starts_again().await;
    let created = wait::until("a store that answers", async || {
        let answer = creates(&owner, KEY, &drawing("x")).await;
        (answer.status == 201).then_some(answer)
    });
    // A lease whose beginning got lost on the way ends as well.
    let created = wait::as_time_passes(&clock, created).await;
    is_again(&creates(&owner, KEY, &drawing("x")).await, &created);
    assert_eq!(owner.lists().await.sessions.len(), 1);
}

/// The room alone, over a store of its own.
async fn room(setup: &Setup) -> Arc<Idempotency> {
    let store = SqliteStore::open(&setup.config().database_file()).await.unwrap();
    Idempotency::new(Arc::new(store), Arc::new(still_clock()), Lifecycle::default())
}

fn answer(body: &str) -> StoredAnswer {
    let body = body.into();
    StoredAnswer { status: 201, content_type: None, location: None, etag: None, body }
}

/// Runs a request for whom all is done at once, and that is answered with its own name.
async fn runs(room: &Arc<Idempotency>) -> Result<Answered<String>, IdempotencyError> {
    let work = |attempt: Attempt| async move {
        let name = attempt.name(12);
        (name.clone(), Outcome::Answer(answer(&name)))
    };
    let once = Once::for_user("alice".parse().unwrap());
    let scope = once.scope("POST", "/a", &KEY.parse().unwrap());
    room.once(scope, fingerprint(&"k".parse().unwrap(), "POST", "/a", "", b""), work).await
}

#[tokio::test]
async fn what_was_begun_is_done_and_kept_for_whoever_went_away() {
    let setup = Setup::default();
    let room = room(&setup).await;
    let (go_on, wait_for_it) = oneshot::channel::<()>();
    let (has_begun, began) = oneshot::channel();
    let once = Once::for_user("alice".parse().unwrap());
    let scope = once.scope("POST", "/a", &KEY.parse().unwrap());
    let work = |_| async move {
        has_begun.send(()).unwrap();
        wait_for_it.await.unwrap();
        ((), Outcome::Answer(answer("done")))
    };
    let mut asking =
        Box::pin(room.once(scope, fingerprint(&"k".parse().unwrap(), "POST", "/a", "", b""), work));
    tokio::select! {
        _ = &mut asking => panic!("it waits"),
        begun = began => begun.unwrap(),
    }
    drop(asking);
    assert!(matches!(runs(&room).await, Err(IdempotencyError::InProgress(LEASE))));
    go_on.send(()).unwrap();
    let kept = wait::until("the answer that nobody waits for", async || runs(&room).await.ok());
    let kept = kept.await;
    assert_eq!(kept, Answered::Before(answer("done")));
}

#[tokio::test]
async fn work_that_panics_keeps_its_lease() {
    let setup = Setup::default();
    let room = room(&setup).await;
    let once = Once::for_user("alice".parse().unwrap());
    let scope = once.scope("POST", "/a", &KEY.parse().unwrap());
    let work = |_| async { panic!("a defect") };
    let defect = room
        .once::<(), _>(scope, fingerprint(&"k".parse().unwrap(), "POST", "/a", "", b""), work)
        .await;
    assert!(matches!(defect, Err(IdempotencyError::Defect(_))), "{defect:?}");
    assert!(matches!(runs(&room).await, Err(IdempotencyError::InProgress(LEASE))));
}
