//! One update for everyone: rendered once, encoded once, and nobody waits for anybody.

use futures_util::future::join_all;
use serde_json::json;
use tests::{COUNTER, LABEL, Node, Process, Setup, number, still_clock, wait};

const RENDERS: &str = "easel_renders_total";
const COMPILATIONS: &str = "easel_compilations_total";
const EVENTS: &str = "easel_frame_encodings_total{format=\"Sse\"}";
const PARTS: &str = "easel_frame_encodings_total{format=\"Multipart\"}";

#[tokio::test]
async fn an_update_is_rendered_once_and_encoded_once_however_many_watch() {
    // One worker, so that there is one place where a template can have been compiled before.
    let node = Setup::default().set("render-parallel", "1").start().await;
    let owner = node.owner("alice").await;
    owner.draws("chart", COUNTER, json!({ "n": 0 })).await;
    let mut viewers = join_all((0..100).map(|_| node.viewer("alice/chart"))).await;
    let mut pictures = join_all((0..20).map(|_| node.picture("alice/chart"))).await;
    join_all(viewers.iter_mut().map(|viewer| viewer.sees("data-n=\"0\""))).await;
    join_all(pictures.iter_mut().map(|picture| picture.sees("data-n=\"0\""))).await;
    assert_eq!(node.metric("easel_viewers").await, 120);
    assert_eq!(owner.reads("chart").await.summary.viewers, 120);

    for n in 1..=5 {
        owner.puts("chart", json!({ "n": n })).await;
        let wanted = format!("data-n=\"{n}\"");
        join_all(viewers.iter_mut().map(|viewer| viewer.sees(&wanted))).await;
        join_all(pictures.iter_mut().map(|picture| picture.sees(&wanted))).await;
    }
    assert_eq!(node.metric(RENDERS).await, 6);
    assert_eq!(node.metric(COMPILATIONS).await, 1);
    assert_eq!(node.metric(EVENTS).await, 6);
    assert_eq!(node.metric(PARTS).await, 6);
    assert!(viewers.iter().all(|viewer| viewer.frames() == 6));
    assert!(pictures.iter().all(|picture| picture.frames() == 6));

    drop((viewers, pictures));
    wait::until("an empty room", async || (node.metric("easel_viewers").await == 0).then_some(()))
        .await;
}

#[tokio::test]
async fn what_nobody_watches_is_not_encoded() {
    let node = Node::start().await;
    let owner = node.owner("alice").await;
    owner.draws("chart", LABEL, json!({ "value": 1 })).await;
    owner.puts("chart", json!({ "value": 2 })).await;
    assert_eq!(node.metric(RENDERS).await, 2);
    assert_eq!(node.metric(EVENTS).await + node.metric(PARTS).await, 0);
}

#[tokio::test]
async fn a_change_that_draws_nothing_is_not_rendered() {
    let node = Node::start().await;
    let owner = node.owner("alice").await;
    owner.draws("chart", LABEL, json!({ "value": 1 })).await;
    owner.changes("chart", &json!({ "ttl_seconds": 60 })).await.is(204);
    owner.puts("chart", json!({ "value": 1 })).await;
    assert_eq!(node.metric(RENDERS).await, 1);
}

#[tokio::test]
async fn whoever_joins_in_the_middle_misses_nothing() {
    let node = Node::start().await;
    let owner = node.owner("alice").await;
    owner.draws("chart", COUNTER, json!({ "n": 0 })).await;
    let writes = async {
        for n in 1..=40 {
            owner.puts("chart", json!({ "n": n })).await;
        }
    };
    let joins = join_all((0..40).map(|nth| {
        let (node, owner) = (&node, owner.clone());
        async move {
            // One after another, each while the others write and watch.
            for _ in 0..nth {
                owner.reads("chart").await;
            }
            if nth % 2 == 0 {
                let mut viewer = node.viewer("alice/chart").await;
                viewer.sees("data-n=\"40\"").await;
            } else {
                let mut picture = node.picture("alice/chart").await;
                let mut newest = 0;
                while newest < 40 {
                    let n = number(&picture.sees_next().await);
                    assert!(n > newest || picture.frames() == 1, "{n} after {newest}");
                    newest = n;
                }
            }
        }
    }));
    tokio::join!(writes, joins);
}

#[tokio::test]
async fn a_dashboard_watches_many_sessions_on_one_connection() {
    let node = Node::start().await;
    let owner = node.owner("alice").await;
    let door = node.over_http2();
    let mut viewers = Vec::new();
    for n in 0..20 {
        owner.draws(&format!("s{n}"), COUNTER, json!({ "n": 0 })).await;
        viewers.push(door.viewer(&format!("alice/s{n}")).await);
    }
    for n in 0..20 {
        owner.puts(&format!("s{n}"), json!({ "n": 1 })).await;
    }
    join_all(viewers.iter_mut().map(|viewer| viewer.sees("data-n=\"1\""))).await;
    door.get("/health").await.is(200);
}

/// Each picture has 400 kB, so no buffer between here and there holds them all.
#[tokio::test]
async fn who_does_not_read_gets_the_newest_next_and_disturbs_nobody() {
    let updates = 60;
    let node = Node::start().await;
    let owner = node.owner("alice").await;
    let flood = "{% for i in range(end=8) %}{{ filler }}{% endfor %}</svg>";
    let large = COUNTER.replace("</svg>", flood);
    let args = |n: usize| json!({ "n": n, "filler": "x".repeat(50_000) });
    owner.draws("chart", &large, args(0)).await;
    let mut slow_viewer = node.viewer("alice/chart").await;
    let mut slow_picture = node.picture("alice/chart").await;
    let mut quick = node.viewer("alice/chart").await;
    quick.sees("data-n=\"0\"").await;
    for n in 1..=updates {
        owner.puts("chart", args(n)).await;
        quick.sees(&format!("data-n=\"{n}\"")).await;
    }
    assert_eq!(quick.frames(), updates + 1);

    let last = format!("data-n=\"{updates}\"");
    slow_viewer.sees(&last).await;
    slow_picture.sees(&last).await;
    assert!(slow_viewer.frames() < updates, "{} of {updates}", slow_viewer.frames());
    assert!(slow_picture.frames() < updates, "{} of {updates}", slow_picture.frames());
    let end = owner.puts("chart", args(updates + 1)).await;
    assert_eq!(slow_viewer.sees_next().await.revision, end, "nothing was owed");
    assert_eq!(number(&slow_picture.sees_next().await), updates as u64 + 1);
}

#[tokio::test]
async fn a_session_that_keeps_a_pace_shows_the_newest_in_the_end() {
    let clock = still_clock();
    let node = Node::start_by(&clock).await;
    let owner = node.owner("alice").await;
    let drawing = json!({
        "session_id": "chart", "template": COUNTER, "args": { "n": 0 }, "max_frames_per_second": 4,
    });
    owner.creates(&drawing).await.is(201);
    assert_eq!(owner.reads("chart").await.max_frames_per_second, Some(4));
    let (mut viewer, mut picture) =
        tokio::join!(node.viewer("alice/chart"), node.picture("alice/chart"));
    viewer.sees("data-n=\"0\"").await;
    picture.sees("data-n=\"0\"").await;
    for n in 1..=50 {
        owner.puts("chart", json!({ "n": n })).await;
    }
    let newest =
        async { tokio::join!(viewer.sees("data-n=\"50\""), picture.sees("data-n=\"50\"")) };
    wait::as_time_passes(&clock, newest).await;
    assert_eq!((viewer.frames(), picture.frames()), (2, 2));

    // An update keeps the pace unless it says otherwise.
    assert_eq!(owner.reads("chart").await.max_frames_per_second, Some(4));
    owner.changes("chart", &json!({ "max_frames_per_second": 0 })).await.is(204);
    assert_eq!(owner.reads("chart").await.max_frames_per_second, None);
    let refused = owner.changes("chart", &json!({ "max_frames_per_second": 1001 })).await;
    let problem = refused.refuses(common::api::ErrorCode::ValidationFailed);
    assert_eq!(problem.errors[0].pointer, "/max_frames_per_second");
}

#[tokio::test]
async fn whoever_cannot_follow_sees_the_newest_and_the_server_keeps_none_of_the_rest() {
    let server = Process::start(&["--updates-per-session", "off"]).await;
    let owner = server.owner("alice").await;
    let filler = "<path d=\"M0 0\"/>".repeat(2_500);
    let template = COUNTER.replace("</svg>", &format!("{filler}</svg>"));
    owner.draws("chart", &template, json!({ "n": 0 })).await;
    let mut viewers = join_all((0..20).map(|_| server.viewer("alice/chart"))).await;
    let mut pictures = join_all((0..20).map(|_| server.picture("alice/chart"))).await;
    let before = server.running().memory();
    // Nobody reads meanwhile. All of it together would be 250 MB.
    for n in 1..=150 {
        owner.puts("chart", json!({ "n": n })).await;
    }
    let grown = server.running().memory().saturating_sub(before);
    assert!(grown < 48 << 20, "{grown} bytes");
    join_all(viewers.iter_mut().map(|viewer| viewer.sees("data-n=\"150\""))).await;
    join_all(pictures.iter_mut().map(|picture| picture.sees("data-n=\"150\""))).await;
    assert!(viewers.iter().all(|viewer| viewer.frames() < 150), "they skip");
}
