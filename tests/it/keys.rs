//! The signing keys as others see them: published in time, gone in time, and never made
//! anew in silence.

use std::{path::Path, time::Duration};

use common::{
    api::ErrorCode,
    jwt::{JwkSet, ParsedToken},
};
use reqwest::Method;
use sqlx::{Connection, SqliteConnection};
use tests::{Answer, Door, Node, Running, Setup, ready, still_clock, wait};

const JWKS: &str = "/.well-known/jwks.json";

async fn signer(door: &Door) -> String {
    let owner = door.owner("alice").await;
    ParsedToken::parse(owner.token()).unwrap().kid().to_owned()
}

fn kids(answer: &Answer) -> Vec<String> {
    let keys: JwkSet = serde_json::from_value(answer.json()).unwrap();
    keys.keys.into_iter().map(|key| key.kid).collect()
}

async fn with_etag(door: &Door, etag: &str) -> Answer {
    door.send(door.request(Method::GET, JWKS).header("if-none-match", etag)).await
}

#[tokio::test]
async fn a_server_that_rotates_announces_each_key_before_it_signs() {
    let clock = still_clock();
    let node = Setup::default().clock(&clock).set("key-rotation", "1d").start().await;
    let first = signer(&node).await;
    let alone = node.get(JWKS).await.is(200);
    assert_eq!(alone.header("cache-control"), "public, max-age=300, must-revalidate");
    assert!(alone.header("etag").starts_with('"'), "a strong one");
    assert_eq!(alone.header("content-type"), "application/jwk-set+json");

    // Nobody is to keep the keys for longer than they stay the same.
    clock.advance(Duration::from_secs(86_400 - 15 * 60 - 60));
    let last = node.get(JWKS).await.is(200);
    assert_eq!(last.header("cache-control"), "public, max-age=60, must-revalidate");
    assert_eq!(with_etag(&node, alone.header("etag")).await.status, 304);

    clock.advance(Duration::from_secs(60));
    let both = wait::as_time_passes(
        &clock,
        wait::until("a second key", async || {
            let answer = node.get(JWKS).await;
            (kids(&answer).len() == 2).then_some(answer)
        }),
    )
    .await;
    assert_eq!(kids(&both)[1], first, "newest first");
    assert_eq!(with_etag(&node, alone.header("etag")).await.status, 200);
    let unchanged = with_etag(&node, both.header("etag")).await.is(304);
    assert_eq!(unchanged.header("cache-control"), both.header("cache-control"));
    assert_eq!(signer(&node).await, first);
    let owner = node.owner("alice").await;

    clock.advance(Duration::from_secs(15 * 60));
    let second = kids(&both)[0].clone();
    let takes_over = wait::until("a token of the second key", async || {
        (signer(&node).await == second).then_some(())
    });
    wait::as_time_passes(&clock, takes_over).await;
    assert_eq!(kids(&node.get(JWKS).await), kids(&both), "both verify");
    owner.lists().await;
}

async fn in_the_store(directory: &Path, statement: &'static str) {
    let file = directory.join("easel.db");
    let mut store = SqliteConnection::connect(file.to_str().unwrap()).await.unwrap();
    sqlx::query(statement).execute(&mut store).await.unwrap();
    store.close().await.unwrap();
}

#[tokio::test]
async fn a_store_that_comes_back_empty_is_reported_and_gets_no_new_keys() {
    let clock = still_clock();
    let setup = Setup::default().clock(&clock);
    let directory = setup.config().data_dir;
    let node: Node = setup.start().await;
    let owner = node.owner("alice").await;
    node.get("/ready").await.is(200);
    in_the_store(&directory, "CREATE TABLE elsewhere AS SELECT * FROM keyring").await;
    in_the_store(&directory, "DELETE FROM keyring").await;
    // More than a look of those that follow the ring.
    clock.advance(Duration::from_secs(60));
    for door in [node.get("/ready").await, node.ops("/ready").await] {
        let problem = door.refuses(ErrorCode::NotReady);
        assert_eq!(problem.errors[0].pointer, "keyring", "{problem:?}");
    }
    // What is in memory holds, and nothing else is made.
    owner.lists().await;
    let keys = node.get(JWKS).await;
    assert_eq!(kids(&keys), [signer(&node).await]);
    assert_eq!(node.get("/ready").await.status, 503);

    in_the_store(&directory, "INSERT INTO keyring SELECT * FROM elsewhere").await;
    node.get("/ready").await.is(200);
    in_the_store(&directory, "UPDATE keyring SET ring = '{\"keys\":[]}'").await;
    node.get("/ready").await.refuses(ErrorCode::NotReady);
}

#[tokio::test]
async fn plain_keys_are_warned_about_where_others_can_reach_the_server() {
    let log = async |environment: &[(&str, &str)], address: &str| {
        let directory = tempfile::tempdir().unwrap();
        let args = ["--listen", address, "--ops-listen", "127.0.0.1:0", "--minting", "accounts"];
        let server = Running::start(directory.path(), environment, &args).await;
        wait::until("the ready line", async || ready(&server.log())).await;
        server.log()
    };
    let warned = |log: &str| log.contains("set EASEL_MASTER_KEY");
    let key = [("EASEL_MASTER_KEY", "q83vEjRWeJCrze8SNFZ4kKvN7xI0VniQq83vEjRWeJA=")];
    assert!(warned(&log(&[], "0.0.0.0:0").await));
    assert!(!warned(&log(&[], "127.0.0.1:0").await));
    let sealed = log(&key, "0.0.0.0:0").await;
    assert!(!warned(&sealed) && !sealed.contains(&key[0].1[..8]), "{sealed}");
}
