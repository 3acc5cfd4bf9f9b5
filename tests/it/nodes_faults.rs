//! What viewers see when Redis is away, slow, cut off or empty: their picture, and in the end
//! the one that is stored.

use std::time::Duration;

use common::api::ErrorCode;
use serde_json::json;
use tests::{
    LABEL, Node, Picture, Process, Redis, RedisCluster, RedisSentinel, Setup, Viewer, Wire,
    still_clock, wait,
};

use crate::nodes::over;

/// A node, and viewers of a session that an owner draws on it.
struct Scene {
    node: Node,
    owner: tests::Actor,
    viewer: Viewer,
    picture: Picture,
}

async fn scene(setup: Setup) -> Scene {
    let node = setup.start().await;
    let owner = node.owner("alice").await;
    owner.draws("chart", LABEL, json!({ "value": "first" })).await;
    owner.draws("unwatched", LABEL, json!({ "value": "x" })).await;
    let mut viewer = node.viewer("alice/chart").await;
    let mut picture = node.picture("alice/chart").await;
    viewer.sees("first").await;
    picture.sees("first").await;
    Scene { node, owner, viewer, picture }
}

impl Scene {
    /// What holds while Redis does not answer.
    async fn goes_on_without_redis(&self) {
        let change = json!({ "args": { "value": "lost" } });
        let refused = self.owner.changes("chart", &change).await;
        refused.refuses(ErrorCode::StoreUnavailable);
        refused.header("retry-after");
        self.owner
            .creates(&json!({ "session_id": "new", "template": LABEL }))
            .await
            .refuses(ErrorCode::StoreUnavailable);
        // Tokens are verified all the same: the wrong owner is still told so.
        let stranger = self.owner.get("/api/user/bob/sessions").await;
        stranger.refuses(ErrorCode::Forbidden);
        // What is watched here is known here, and nothing else.
        let known = self.node.get("/stream/alice/chart.svg").await.is(200);
        assert!(known.text().contains("first"));
        self.node.get("/stream/alice/unwatched.svg").await.refuses(ErrorCode::StoreUnavailable);
        let ready = self.node.get("/ready").await;
        let problem = ready.refuses(ErrorCode::NotReady);
        assert_eq!(problem.errors[0].pointer, "store");
        self.node.get("/health").await.is(200);
    }

    /// What holds once it does again.
    async fn recovers(&mut self, text: &str) {
        let owner = &self.owner;
        let change = json!({ "args": { "value": text } });
        wait::until("a write that is taken", async || {
            (owner.changes("chart", &change).await.status == 204).then_some(())
        })
        .await;
        self.viewer.sees(text).await;
        self.picture.sees(text).await;
        let node = &self.node;
        wait::until("a node that is ready", async || {
            (node.get("/ready").await.status == 200).then_some(())
        })
        .await;
    }
}

#[tokio::test]
async fn a_redis_that_restarts_costs_nobody_the_picture() {
    let redis = Redis::start_with(&["--appendonly", "yes", "--appendfsync", "always"]).await;
    let mut scene = scene(over(&redis.url())).await;
    redis.kills().await;
    scene.goes_on_without_redis().await;
    redis.starts_again().await;
    scene.recovers("after").await;
    assert_eq!(scene.node.get("/stream/alice/unwatched.svg").await.status, 200);
}

#[tokio::test]
async fn a_redis_that_stands_still_costs_nobody_the_picture() {
    let redis = Redis::start().await;
    let mut scene = scene(over(&redis.url())).await;
    redis.pause();
    scene.goes_on_without_redis().await;
    redis.resume();
    scene.recovers("after").await;
}

#[tokio::test]
async fn a_wire_that_is_pulled_out_costs_nobody_the_picture() {
    let redis = Redis::start().await;
    let wire = Wire::to(redis.address()).await;
    let mut scene = scene(over(&wire.url())).await;
    wire.hold();
    scene.goes_on_without_redis().await;
    wire.release();
    scene.recovers("after").await;
    wire.refuse();
    let change = json!({ "args": { "value": "lost" } });
    scene.owner.changes("chart", &change).await.refuses(ErrorCode::StoreUnavailable);
    wire.accept();
    scene.recovers("after all").await;
}

#[tokio::test]
async fn what_changed_while_a_node_was_cut_off_is_shown_when_it_is_back() {
    let redis = Redis::start().await;
    let wire = Wire::to(redis.address()).await;
    let mut scene = scene(over(&wire.url())).await;
    let other = over(&redis.url()).start().await;
    let owner = scene.owner.at(&other);
    wire.refuse();
    owner.puts("chart", json!({ "value": "meanwhile" })).await;
    owner.deletes("unwatched").await;
    wire.accept();
    scene.viewer.sees("meanwhile").await;
    scene.picture.sees("meanwhile").await;
}

#[tokio::test]
async fn a_subscription_that_is_lost_is_found_again() {
    let redis = Redis::start().await;
    let mut scene = scene(over(&redis.url())).await;
    let other = over(&redis.url()).start().await;
    let owner = scene.owner.at(&other);
    for n in 0..5 {
        redis.command(&["CLIENT", "KILL", "TYPE", "pubsub"]).await;
        let text = format!("round {n}");
        owner.puts("chart", json!({ "value": text })).await;
        scene.viewer.sees(&text).await;
        scene.picture.sees(&text).await;
    }
}

#[tokio::test]
async fn a_slow_redis_is_slow_and_nothing_else() {
    let redis = Redis::start().await;
    let wire = Wire::to(redis.address()).await;
    let mut scene = scene(over(&wire.url())).await;
    wire.slow(Duration::from_millis(100));
    for n in 0..3 {
        let text = format!("slow {n}");
        scene.owner.puts("chart", json!({ "value": text })).await;
        scene.viewer.sees(&text).await;
        scene.picture.sees(&text).await;
    }
}

#[tokio::test]
async fn a_redis_that_comes_back_empty_is_reported_and_gets_no_new_keyring() {
    let redis = Redis::start().await;
    let scene = scene(over(&redis.url())).await;
    redis.kills().await;
    redis.starts_again().await;
    let (node, owner) = (&scene.node, &scene.owner);
    wait::until("a node that says what is wrong", async || {
        let ready = node.get("/ready").await;
        (ready.status == 503 && ready.text().contains("\"keyring\"")).then_some(())
    })
    .await;
    assert_eq!(redis.command(&["EXISTS", "keyring"]).await, "0");
    // The keys that it has in memory go on.
    owner.get("/api/user/bob/sessions").await.refuses(ErrorCode::Forbidden);
}

#[tokio::test]
async fn a_master_that_dies_in_a_cluster_is_replaced() {
    let redis = RedisCluster::with_replicas().await;
    let mut scene = scene(over(&redis.url())).await;
    let other = over(&redis.url()).start().await;
    let owner = scene.owner.at(&other);
    owner.puts("chart", json!({ "value": "before" })).await;
    scene.viewer.sees("before").await;
    scene.picture.sees("before").await;
    let master = redis.master_of("user:{alice}:session:chart").await;
    redis.nodes()[master].is_replicated().await;
    redis.nodes()[master].kills().await;
    scene.recovers("after").await;
    wait::until("the other node", async || {
        let change = json!({ "args": { "value": "by the other" } });
        (owner.changes("chart", &change).await.status == 204).then_some(())
    })
    .await;
    scene.viewer.sees("by the other").await;
}

#[tokio::test]
async fn a_master_that_dies_under_sentinels_is_replaced() {
    let redis = RedisSentinel::start().await;
    let mut scene = scene(over(&redis.url())).await;
    redis.first().is_replicated().await;
    redis.kills_master().await;
    scene.recovers("after").await;
}

#[tokio::test]
async fn a_redis_that_is_not_there_stops_the_start_in_one_line() {
    let redis = Redis::start().await;
    let url = redis.url();
    redis.kills().await;
    let directory = tempfile::tempdir().unwrap();
    let started = tests::easel(directory.path(), &[], &["serve", "--redis-url", &url]).await;
    let said = started.fails(1);
    assert_eq!(said.trim_end().lines().count(), 1, "{said}");
    assert!(said.contains(&url), "{said}");
}

#[tokio::test]
async fn a_redis_that_forgets_is_warned_about() {
    let redis = Redis::start_with(&["--maxmemory-policy", "allkeys-lru"]).await;
    let server = Process::start(&["--redis-url", &redis.url()]).await;
    server.get("/health").await.is(200);
    let log = server.running().log();
    assert!(log.contains("maxmemory-policy allkeys-lru"), "{log}");
    assert!(log.contains("store redis redis://127.0.0.1"), "{log}");
}

/// As after a failover to a replica that was behind.
#[tokio::test]
async fn a_store_that_forgot_what_it_acknowledged_is_what_viewers_come_back_to() {
    let redis = Redis::start().await;
    let clock = still_clock();
    let mut scene = scene(over(&redis.url()).clock(&clock)).await;
    let key = "user:alice:session:chart";
    let before = redis.command(&["HGET", key, "svg"]).await;
    scene.owner.puts("chart", json!({ "value": "lost" })).await;
    scene.viewer.sees("lost").await;
    scene.picture.sees("lost").await;
    redis.command(&["HSET", key, "seq", "1", "svg", &before]).await;
    let end = wait::as_time_passes(&clock, scene.viewer.sees_end()).await;
    assert_eq!(end, "draining", "whoever hears that comes back");
    scene.picture.sees_end().await;
    scene.node.viewer("alice/chart").await.sees("first").await;
}

/// As when of two who create it at once the earlier is slow, and the other's is deleted before.
#[tokio::test]
async fn a_life_that_began_earlier_and_came_later_is_what_viewers_come_back_to() {
    let redis = Redis::start().await;
    let clock = still_clock();
    let mut scene = scene(over(&redis.url()).clock(&clock)).await;
    redis.command(&["HINCRBY", "user:alice:session:chart", "epoch", "-1"]).await;
    let end = wait::as_time_passes(&clock, scene.viewer.sees_end()).await;
    assert_eq!(end, "draining", "whoever hears that comes back");
    scene.picture.sees_end().await;
    scene.owner.puts("chart", json!({ "value": "next" })).await;
    scene.node.viewer("alice/chart").await.sees("next").await;
}

#[tokio::test]
async fn nobody_is_shown_from_memory_what_has_expired() {
    let redis = Redis::start().await;
    let wire = Wire::to(redis.address()).await;
    let clock = still_clock();
    let mut scene = scene(over(&wire.url()).clock(&clock)).await;
    let longer = json!({ "args": { "value": "longer" }, "ttl_seconds": 2 * 3600 });
    scene.owner.changes("chart", &longer).await.is(204);
    scene.viewer.sees("longer").await;
    wire.refuse();
    clock.advance(Duration::from_secs(3600 + 1800));
    let known = scene.node.get("/stream/alice/chart.svg").await.is(200);
    assert!(known.text().contains("longer"), "its end had been put off");
    clock.advance(Duration::from_secs(1800));
    scene.node.get("/stream/alice/chart.svg").await.refuses(ErrorCode::StoreUnavailable);
    wire.accept();
    let end = wait::as_time_passes(&clock, scene.viewer.sees_end()).await;
    assert_eq!(end, "expired");
}
