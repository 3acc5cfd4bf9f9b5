//! Many nodes over one Redis: whatever one does, all have done.

use std::{
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use common::api::ErrorCode;
use futures_util::future::join_all;
use reqwest::Method;
use serde_json::json;
use tests::{
    Actor, COUNTER, Door, Event, LABEL, Node, Redis, RedisCluster, Setup, Viewer, number,
    still_clock, wait,
};

/// How a node over this Redis is to be.
pub(crate) fn over(url: &str) -> Setup {
    Setup::default().set("redis-url", url)
}

/// So many nodes over one Redis.
async fn nodes(redis: &Redis, count: usize) -> Vec<Node> {
    join_all((0..count).map(|_| over(&redis.url()).start())).await
}

#[tokio::test]
async fn a_change_on_one_node_is_seen_on_every_other() {
    let redis = Redis::start().await;
    let nodes = nodes(&redis, 3).await;
    let owner = nodes[0].owner("alice").await;
    owner.draws("chart", LABEL, json!({ "value": "first" })).await;
    let mut viewers = Vec::new();
    let mut pictures = Vec::new();
    for node in &nodes {
        let mut viewer = node.viewer("alice/chart").await;
        viewer.sees("first").await;
        viewers.push(viewer);
        let mut picture = node.picture("alice/chart").await;
        picture.sees("first").await;
        pictures.push(picture);
    }
    for (n, node) in nodes.iter().enumerate() {
        let text = format!("told by node {n}");
        let told = owner.at(node).puts("chart", json!({ "value": text })).await;
        for (viewer, picture) in viewers.iter_mut().zip(&mut pictures) {
            assert_eq!(viewer.sees(&text).await.revision, told);
            picture.sees(&text).await;
        }
    }
    // Rendered once in all: at the creation, and with each change.
    let mut renders = 0;
    for node in &nodes {
        renders += node.metric("easel_renders_total").await;
    }
    assert_eq!(renders, 4);
}

#[tokio::test]
async fn nodes_that_start_at_once_hold_one_keyring() {
    let redis = Redis::start().await;
    let nodes = nodes(&redis, 10).await;
    let first = nodes[0].get("/.well-known/jwks.json").await.is(200).json();
    assert_eq!(first["keys"].as_array().unwrap().len(), 1);
    let owner = nodes[0].owner("alice").await;
    for node in &nodes {
        assert_eq!(node.get("/.well-known/jwks.json").await.is(200).json(), first);
        assert!(owner.at(node).lists().await.sessions.is_empty());
    }
}

#[tokio::test]
async fn an_end_on_one_node_ends_the_streams_of_all() {
    let redis = Redis::start().await;
    let nodes = nodes(&redis, 2).await;
    let owner = nodes[0].owner("alice").await;
    owner.draws("chart", LABEL, json!({ "value": "x" })).await;
    let mut viewer = nodes[1].viewer("alice/chart").await;
    let mut picture = nodes[1].picture("alice/chart").await;
    viewer.sees("x").await;
    picture.sees("x").await;
    owner.deletes("chart").await;
    assert_eq!(viewer.sees_end().await, "deleted");
    picture.sees_end().await;
    // A session that is created again is another one.
    owner.draws("chart", LABEL, json!({ "value": "again" })).await;
    nodes[1].viewer("alice/chart").await.sees("again").await;
}

#[tokio::test]
async fn what_becomes_private_on_one_node_is_private_on_all() {
    let redis = Redis::start().await;
    let nodes = nodes(&redis, 2).await;
    let owner = nodes[0].owner("alice").await;
    owner.draws("chart", LABEL, json!({ "value": "open" })).await;
    let mut stranger = nodes[1].viewer("alice/chart").await;
    stranger.sees("open").await;
    let secret = json!({ "visibility": "private", "args": { "value": "secret" } });
    owner.changes("chart", &secret).await.is(204);
    assert_eq!(stranger.sees_end().await, "revoked");
    assert!(stranger.frames() == 1, "it saw what was public alone");
    owner.at(&nodes[1]).watches("chart").await.sees("secret").await;
}

#[tokio::test]
async fn a_lifetime_ends_on_every_node_and_is_told_once() {
    let redis = Redis::start().await;
    let clock = still_clock();
    let start = || over(&redis.url()).clock(&clock).start();
    let (one, other) = (start().await, start().await);
    let owner = one.owner("alice").await;
    owner.draws("chart", LABEL, json!({ "value": "x" })).await;
    let mut viewers = [one.viewer("alice/chart").await, other.viewer("alice/chart").await];
    for viewer in &mut viewers {
        viewer.sees("x").await;
    }
    clock.advance(Duration::from_secs(3600));
    for viewer in &mut viewers {
        let end = wait::as_time_passes(&clock, viewer.sees_end()).await;
        assert_eq!(end, "expired");
    }
    other.get("/stream/alice/chart.svg").await.refuses(ErrorCode::SessionNotFound);
}

#[tokio::test]
async fn a_ticket_of_one_node_opens_another_once() {
    let redis = Redis::start().await;
    let nodes = nodes(&redis, 2).await;
    let owner = nodes[0].owner("alice").await;
    let body = json!({ "session_id": "diary", "template": LABEL, "args": { "value": "secret" },
                       "visibility": "private" });
    owner.creates(&body).await.is(201);
    let ticket = owner.gets_ticket("diary").await;
    let tries = (0..20).map(|n| {
        let node = &nodes[n % 2];
        node.send(node.with_ticket("alice/diary.svg", &ticket))
    });
    let answers = join_all(tries).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 1);
    let ticket = owner.gets_ticket("diary").await;
    Viewer::watch(nodes[1].with_ticket("alice/diary", &ticket)).await.sees("secret").await;
}

#[tokio::test]
async fn a_session_is_followed_once_however_many_watch_and_only_while_someone_does() {
    let redis = Redis::start().await;
    let node = over(&redis.url()).start().await;
    let owner = node.owner("alice").await;
    owner.draws("chart", LABEL, json!({ "value": "x" })).await;
    let followed = async |count: &str| {
        let ask = ["PUBSUB", "NUMSUB", "user:alice:session:chart"];
        let wanted = format!("user:alice:session:chart\n{count}");
        let look = async || (redis.command(&ask).await == wanted).then_some(());
        wait::until("a subscription", look).await;
    };
    followed("0").await;
    // Snapshots and questions leave no trace.
    node.get("/stream/alice/chart.svg").await.is(200);
    node.send(node.request(Method::HEAD, "/stream/alice/chart")).await.is(200);
    node.get("/stream/alice/nothing").await.refuses(ErrorCode::SessionNotFound);
    assert_eq!(redis.calls_of("subscribe").await, 0);
    let mut viewers = Vec::new();
    for _ in 0..20 {
        let mut viewer = node.viewer("alice/chart").await;
        viewer.sees("x").await;
        viewers.push(viewer);
    }
    followed("1").await;
    assert_eq!(redis.calls_of("subscribe").await, 1);
    drop(viewers);
    followed("0").await;
    let mut late = node.viewer("alice/chart").await;
    owner.puts("chart", json!({ "value": "y" })).await;
    late.sees("y").await;
}

#[tokio::test]
async fn limits_that_protect_users_are_one_over_all_nodes() {
    let redis = Redis::start().await;
    let start = || over(&redis.url()).set("updates-per-session", "5/1h").start();
    let (one, other) = (start().await, start().await);
    let owner = one.owner("alice").await;
    owner.draws("chart", LABEL, json!({ "value": 0 })).await;
    for n in 0..5 {
        let node = [&one, &other][n % 2];
        owner.at(node).puts("chart", json!({ "value": n })).await;
    }
    for node in [&one, &other] {
        let answer = owner.at(node).changes("chart", &json!({ "args": { "value": 9 } })).await;
        answer.refuses(ErrorCode::RateLimited);
        assert!(answer.header("ratelimit").contains("\"updates-per-session\";r=0"));
    }
}

#[tokio::test]
async fn quotas_are_one_over_all_nodes() {
    let redis = Redis::start().await;
    let start = || over(&redis.url()).set("sessions-per-user", "10").start();
    let (one, other) = (start().await, start().await);
    let owner = one.owner("alice").await;
    let creations = (0..20).map(|n| {
        let owner = owner.at([&one, &other][n % 2]);
        async move {
            let body =
                json!({ "session_id": format!("s{n}"), "template": LABEL, "args": { "value": n } });
            owner.creates(&body).await.status
        }
    });
    let created = join_all(creations).await;
    assert_eq!(created.iter().filter(|status| **status == 201).count(), 10);
    assert_eq!(owner.at(&other).lists().await.sessions.len(), 10);
}

#[tokio::test]
async fn who_verifies_tokens_asks_no_redis() {
    let redis = Redis::start().await;
    let node = over(&redis.url()).start().await;
    let (alice, bob) = (node.owner("alice").await, node.owner("bob").await);
    let before = redis.calls().await;
    // Each is verified before it is refused.
    for _ in 0..1000 {
        bob.get(&alice.session("chart")).await.refuses(ErrorCode::Forbidden);
    }
    let looked = redis.calls().await - before;
    // The node looks for new keys and for what has expired, as time passes.
    assert!(looked < 200, "{looked} calls");
}

#[tokio::test]
async fn one_more_viewer_asks_no_redis() {
    let redis = Redis::start().await;
    let clock = still_clock();
    let start = || over(&redis.url()).clock(&clock).start();
    let nodes = [start().await, start().await];
    let owner = nodes[0].owner("alice").await;
    owner.draws("chart", LABEL, json!({ "value": "first" })).await;
    let mut first = nodes[1].viewer("alice/chart").await;
    first.sees("first").await;
    owner.puts("chart", json!({ "value": "second" })).await;
    first.sees("second").await;
    let reads = async || redis.calls_of("hgetall").await;
    let before = reads().await;
    let mut more = Vec::new();
    for _ in 0..30 {
        let mut viewer = nodes[1].viewer("alice/chart").await;
        viewer.sees("second").await;
        more.push(viewer);
    }
    assert_eq!(reads().await, before);
    // A look is good for a second.
    clock.advance(Duration::from_secs(2));
    for _ in 0..2 {
        more.push(nodes[1].viewer("alice/chart").await);
    }
    assert_eq!(reads().await, before + 1);
    owner.puts("chart", json!({ "value": "third" })).await;
    for viewer in &mut more {
        viewer.sees("third").await;
    }
    // What this node has heard counts: it is private from now on.
    owner.changes("chart", &json!({ "visibility": "private" })).await.is(204);
    assert_eq!(first.sees_end().await, "revoked");
    nodes[1].get("/stream/alice/chart").await.refuses(ErrorCode::AuthRequired);
}

#[tokio::test]
async fn writers_on_many_nodes_agree_on_one_order() {
    let redis = Redis::start().await;
    let nodes = nodes(&redis, 3).await;
    let owner = nodes[0].owner("alice").await;
    owner.draws("chart", COUNTER, json!({ "n": 0 })).await;
    let mut viewers = Vec::new();
    for node in &nodes {
        viewers.push(node.viewer("alice/chart").await);
    }
    let writes = (1..=60).map(|n| {
        let owner = owner.at(&nodes[n % 3]);
        async move { owner.puts("chart", json!({ "n": n })).await }
    });
    let revisions = join_all(writes).await;
    let last = revisions.iter().max().unwrap();
    assert_eq!(last.seq, 61, "every write has a revision of its own");
    let stored = owner.reads("chart").await;
    assert_eq!(stored.summary.revision, last.to_string());
    let stored = stored.args["n"].as_u64().unwrap();
    for viewer in &mut viewers {
        let mut newest = None;
        loop {
            let frame = viewer.sees_next().await;
            assert!(newest < Some(frame.revision), "nobody goes backwards");
            newest = Some(frame.revision);
            if frame.revision == *last {
                assert_eq!(number(&frame.svg), stored);
                break;
            }
        }
    }
}

#[tokio::test]
async fn two_installations_share_a_redis_and_nothing_else() {
    let redis = Redis::start().await;
    let one = over(&redis.url()).set("redis-prefix", "one:").start().await;
    let other = over(&redis.url()).set("redis-prefix", "two:").start().await;
    let owner = one.owner("alice").await;
    owner.draws("chart", LABEL, json!({ "value": "x" })).await;
    other.get("/stream/alice/chart.svg").await.refuses(ErrorCode::SessionNotFound);
    other.get(&owner.session("chart")).await.refuses(ErrorCode::AuthRequired);
    let strange = owner.at(&other).get(&owner.session("chart")).await;
    strange.refuses(ErrorCode::AuthTokenInvalid);
    let keys = redis.command(&["KEYS", "*"]).await;
    assert!(keys.lines().all(|key| key.starts_with("one:") || key.starts_with("two:")), "{keys}");
}

#[tokio::test]
async fn a_node_that_goes_takes_nothing_with_it() {
    let redis = Redis::start().await;
    let mut nodes = nodes(&redis, 2).await;
    let owner = nodes[0].owner("alice").await;
    owner.draws("chart", LABEL, json!({ "value": "kept" })).await;
    let mut picture = nodes[1].picture("alice/chart").await;
    picture.sees("kept").await;
    let survivor = nodes.pop().unwrap();
    nodes.pop().unwrap().stops().await;
    owner.at(&survivor).puts("chart", json!({ "value": "changed" })).await;
    picture.sees("changed").await;
}

/// Where the nodes are now: they come back at other ports.
type Doors = Mutex<Vec<Door>>;

fn door(doors: &Doors, n: usize) -> Door {
    let doors = doors.lock().unwrap();
    doors[n % doors.len()].clone()
}

/// Writes by any node, as a program does that tries again: the number that was acknowledged last.
async fn writes(owner: &Actor, doors: &Doors, done: &AtomicBool) -> u64 {
    let mut n = 0;
    let mut node = 0;
    while !done.load(Ordering::Relaxed) {
        n += 1;
        wait::until("a write that is taken", async || {
            node += 1;
            let owner = owner.at(&door(doors, node));
            let request = owner.request(Method::PUT, &owner.session("chart"));
            let answer = request.json(&json!({ "args": { "n": n } })).send().await;
            answer.is_ok_and(|answer| answer.status() == 204).then_some(())
        })
        .await;
    }
    n
}

/// Watches by any node, as a browser does that comes back, until it sees what was written last.
/// What it sees never is older than what it saw.
async fn watches(doors: &Doors, last: &AtomicU64, from: usize) -> usize {
    let (mut newest, mut comings) = (0, 0);
    let mut seen = None;
    for node in from.. {
        let mut stream = door(doors, node).stream("alice/chart");
        if let Some(seen) = seen {
            stream = stream.header("last-event-id", format!("{seen}"));
        }
        let Ok(mut viewer) = Viewer::tries_to_watch(stream).await else { continue };
        comings += 1;
        while let Some(event) = viewer.next().await {
            if let Event::Frame(frame) = event {
                let shown = number(&frame.svg);
                assert!(newest <= shown, "from {newest} back to {shown}");
                (newest, seen) = (shown, Some(frame.revision));
                if newest == last.load(Ordering::Relaxed) {
                    return comings;
                }
            }
        }
    }
    unreachable!("there is always another node")
}

#[tokio::test]
async fn a_rolling_restart_loses_no_update_and_no_picture() {
    let redis = RedisCluster::start().await;
    let start = || over(&redis.url()).set("drain-timeout", "1s").start();
    let mut nodes = [start().await, start().await, start().await];
    let doors: Doors = Mutex::new(nodes.iter().map(|node| (**node).clone()).collect());
    let owner = nodes[0].owner("alice").await;
    owner.draws("chart", COUNTER, json!({ "n": 0 })).await;
    let (done, last) = (AtomicBool::new(false), AtomicU64::new(u64::MAX));
    let restarts = async {
        for (n, node) in nodes.iter_mut().enumerate() {
            let old = std::mem::replace(node, start().await);
            doors.lock().unwrap()[n] = (**node).clone();
            old.stops().await;
        }
        done.store(true, Ordering::Relaxed);
    };
    let writing = async {
        let written = writes(&owner, &doors, &done).await;
        last.store(written, Ordering::Relaxed);
        // One more, for whoever has seen the last already.
        let owner = owner.at(&door(&doors, 0));
        last.store(written + 1, Ordering::Relaxed);
        owner.puts("chart", json!({ "n": written + 1 })).await;
        written
    };
    let watching = join_all((0..12).map(|n| watches(&doors, &last, n)));
    let ((), written, comings) = tokio::join!(restarts, writing, watching);
    assert!(written > 3, "there was load");
    assert!(comings.iter().all(|comings| *comings >= 2), "each was on a node that stopped");
    let stored = owner.at(&door(&doors, 1)).reads("chart").await;
    assert_eq!(stored.args["n"], json!(written + 1));
    assert_eq!(stored.summary.revision.split_once('-').unwrap().1, (written + 2).to_string());
}

#[tokio::test]
async fn a_revoked_key_is_revoked_on_every_node() {
    let redis = Redis::start().await;
    let nodes = nodes(&redis, 2).await;
    let owner = nodes[0].owner("alice").await;
    let body = json!({ "session_id": "diary", "template": LABEL, "args": { "value": "secret" },
                       "visibility": "private" });
    owner.creates(&body).await.is(201);
    let mut viewer = owner.at(&nodes[1]).watches("diary").await;
    viewer.sees("secret").await;
    let keys = nodes[0].get("/.well-known/jwks.json").await.json();
    let kid = keys["keys"][0]["kid"].as_str().unwrap().to_owned();
    let directory = tempfile::tempdir().unwrap();
    let revoke = ["keys", "revoke", &kid, "--redis-url", &redis.url()];
    tests::easel(directory.path(), &[], &revoke).await.succeeds();
    assert_eq!(viewer.sees_end().await, "revoked");
    for node in &nodes {
        wait::until("a node that has heard", async || {
            (owner.at(node).get(&owner.list()).await.status == 401).then_some(())
        })
        .await;
    }
}
