//! What an update costs where nobody else does anything and where 100,000 sessions lie idle, in
//! turn: `cargo bench --package tests --bench growth`.
#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a measurement says what it found, and one that cannot go on fails"
)]

use std::{sync::Arc, time::Duration};

use backend::store::{Drawing, Quota, Quotas, SessionStore, SqliteStore};
use common::api::Visibility;
use serde_json::json;
use tempfile::TempDir;
use tests::{Actor, LABEL, Process};
use time::OffsetDateTime;
use tokio::time::Instant;

const IDLE: [usize; 2] = [0, 100_000];
const ROUNDS: usize = 10;
const UPDATES: usize = 500;

const BOUNDLESS: Quota = Quota { sessions: u64::MAX, bytes: u64::MAX };
const UNLIMITED: Quotas =
    Quotas { user: BOUNDLESS, public: BOUNDLESS, public_from_address: BOUNDLESS, all: BOUNDLESS };

#[tokio::main]
async fn main() {
    let mut servers = Vec::new();
    for idle in IDLE {
        let data = Arc::new(tempfile::tempdir().unwrap());
        lays_up(&data, idle).await;
        let flags = ["--updates-per-session", "off", "--updates-per-user", "off"];
        let server = Process::start_on(&data, &flags).await;
        let owner = server.owner("alice").await;
        owner.draws("chart", LABEL, json!({ "value": "first" })).await;
        updates(&owner).await;
        servers.push((server, owner, Vec::new()));
    }
    for _ in 0..ROUNDS {
        for (_, owner, taken) in &mut servers {
            taken.append(&mut updates(owner).await);
        }
    }
    let mut base = None;
    for (idle, (_, _, mut taken)) in IDLE.into_iter().zip(servers) {
        taken.sort_unstable();
        let half = taken[taken.len() / 2].as_secs_f64();
        let ratio = half / *base.get_or_insert(half);
        println!("{idle} idle sessions: p50 {:.3} ms ({ratio:.2})", half * 1000.0);
    }
}

/// Puts sessions of many users into a store that nobody serves yet.
async fn lays_up(data: &TempDir, count: usize) {
    let directory = data.path().join("store");
    std::fs::create_dir_all(&directory).unwrap();
    let store = SqliteStore::open(&directory.join("easel.db")).await.unwrap();
    // As the machine's clock has it: the server will look at it.
    let now = OffsetDateTime::from(std::fs::metadata(&directory).unwrap().modified().unwrap());
    let drawing = Drawing {
        template: LABEL.into(),
        args: Arc::default(),
        svg: LABEL.into(),
        visibility: Visibility::Public,
        expires_at: now + Duration::from_secs(86_400),
        max_frames_per_second: None,
    };
    for n in 0..count {
        let address = format!("user{}/s{n}", n % 1000).parse().unwrap();
        store.create(&address, None, &drawing, &UNLIMITED, now).await.unwrap();
    }
    store.close().await;
}

/// How long each update took.
async fn updates(owner: &Actor) -> Vec<Duration> {
    let mut taken = Vec::with_capacity(UPDATES);
    for n in 0..UPDATES {
        let began = Instant::now();
        owner.puts("chart", json!({ "value": n })).await;
        taken.push(began.elapsed());
    }
    taken
}
