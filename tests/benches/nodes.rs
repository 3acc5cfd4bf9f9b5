//! What it costs to be many: `cargo bench --package tests --bench nodes`.
//!
//! Real processes over a real Redis on this machine, which they share with whoever measures: the
//! ratios say something, the numbers little.
#![expect(clippy::print_stdout, reason = "a measurement says what it found")]

use std::time::Duration;

use futures_util::future::join_all;
use serde_json::json;
use tests::{Actor, Door, LABEL, Process, Redis, Viewer};
use tokio::time::Instant;

/// Updates that are measured, after some that are not.
const UPDATES: usize = 1_000;
const WARM_UP: usize = 100;

/// Sessions, and viewers, that memory and calls are measured with.
const MANY: usize = 1_000;

#[tokio::main]
async fn main() {
    let redis = Redis::start().await;
    let over =
        ["--redis-url", &redis.url(), "--updates-per-session", "off", "--updates-per-user", "off"];
    let (here, there) = (Process::start(&over).await, Process::start(&over).await);
    let alone =
        Process::start(&["--updates-per-session", "off", "--updates-per-user", "off"]).await;

    println!("## From PUT to a viewer, one viewer each");
    let base = latency(&alone, &[&alone]).await.remove(0);
    let shared = latency(&here, &[&here, &there]).await;
    for (what, (p50, p99)) in
        [("embedded store", base), ("same node", shared[0]), ("other node", shared[1])]
    {
        let (of_p50, of_p99) = (ratio(p50, shared[0].0), ratio(p99, shared[0].1));
        println!("{what}: p50 {p50:?} ({of_p50:.2}), p99 {p99:?} ({of_p99:.2})");
    }

    println!("## Calls of Redis");
    let owner = here.owner("bob").await;
    owner.draws("quiet", LABEL, json!({ "value": 0 })).await;
    let idle = calls(&redis, a_second()).await;
    println!("two nodes that have nothing to do: {idle:.0} in a second");
    let quiet = calls(&redis, updates(&owner, "quiet")).await;
    println!("an update: {:.2}, what nodes do by themselves included", quiet / UPDATES as f64);
    let first = calls(&redis, async {
        watch(&here, "bob/quiet", 1).await;
    })
    .await;
    println!("the first viewer on a node, and its leaving: {first:.0}");
    let held = watch(&here, "bob/quiet", 1).await;
    let more = calls(&redis, async {
        drop(watch(&here, "bob/quiet", MANY).await);
    })
    .await;
    println!("{MANY} more viewers of it: {more:.0}, {:.2} each", more / MANY as f64);
    drop(held);

    println!("## Memory");
    for n in 0..MANY {
        owner.draws(&format!("s{n}"), LABEL, json!({ "value": n })).await;
    }
    let first = Process::start(&over).await;
    let before = first.running().memory();
    let one = watch(&first, "bob/quiet", MANY).await;
    let of_viewers = first.running().memory().saturating_sub(before);
    drop(one);
    // One that has no memory to use again.
    let fresh = Process::start(&over).await;
    let before = fresh.running().memory();
    let mut each = Vec::new();
    for n in 0..MANY {
        each.append(&mut watch(&fresh, &format!("bob/s{n}"), 1).await);
    }
    let of_sessions = fresh.running().memory().saturating_sub(before);
    println!("{MANY} viewers of one session: {} bytes each", of_viewers / MANY as u64);
    println!("{MANY} viewers of as many sessions: {} bytes each", of_sessions / MANY as u64);
    let key = redis.command(&["MEMORY", "USAGE", "user:bob:session:s1"]).await;
    println!("Redis, a session of {} bytes of template and picture: {key} bytes", 2 * LABEL.len());
    drop(each);
}

async fn a_second() {
    let began = Instant::now();
    tests::wait::until("a second", async || (began.elapsed().as_secs() >= 1).then_some(())).await;
}

async fn updates(owner: &Actor, id: &str) {
    for n in 0..UPDATES {
        owner.puts(id, json!({ "value": n })).await;
    }
}

/// What nodes send to Redis while some work is done; what scripts do is not sent.
async fn calls(redis: &Redis, work: impl Future<Output = ()>) -> f64 {
    let sent = async || {
        let mut sent = 0;
        for command in ["evalsha", "hgetall", "publish", "subscribe", "unsubscribe", "getrange"] {
            sent += redis.calls_of(command).await;
        }
        sent
    };
    let before = sent().await;
    work.await;
    (sent().await - before) as f64
}

async fn watch(door: &Door, address: &str, count: usize) -> Vec<Viewer> {
    let viewers = (0..count).map(|_| async {
        let mut viewer = door.viewer(address).await;
        viewer.sees_next().await;
        viewer
    });
    join_all(viewers).await
}

/// How long it takes until a viewer at each of these doors sees what was put at `at`: the half
/// and the last hundredth.
async fn latency(at: &Door, doors: &[&Door]) -> Vec<(Duration, Duration)> {
    let owner = at.owner("alice").await;
    owner.draws("chart", LABEL, json!({ "value": "first" })).await;
    let mut viewers = Vec::new();
    for door in doors {
        viewers.append(&mut watch(door, "alice/chart", 1).await);
    }
    let mut taken = vec![Vec::new(); doors.len()];
    for n in 0..WARM_UP + UPDATES {
        let text = format!("n{n}.");
        let began = Instant::now();
        let seen = viewers.iter_mut().map(|viewer| async {
            viewer.sees(&text).await;
            began.elapsed()
        });
        let (_, seen) = tokio::join!(owner.puts("chart", json!({ "value": text })), join_all(seen));
        if n >= WARM_UP {
            for (taken, seen) in taken.iter_mut().zip(seen) {
                taken.push(seen);
            }
        }
    }
    let percentiles = |mut taken: Vec<Duration>| {
        taken.sort_unstable();
        (taken[UPDATES / 2], taken[UPDATES * 99 / 100])
    };
    taken.into_iter().map(percentiles).collect()
}

fn ratio(one: Duration, other: Duration) -> f64 {
    one.as_secs_f64() / other.as_secs_f64()
}
