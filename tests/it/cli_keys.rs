//! `easel token` and `easel keys`: tokens and their keys without a server.

use std::fs;

use common::{
    api::ErrorCode,
    jwt::{ParsedToken, SigningKey},
};
use serde_json::{Value, json};
use tempfile::TempDir;
use tests::{Forger, LABEL, Outcome, Process, easel, wait};

async fn runs(directory: &TempDir, args: &[&str]) -> Outcome {
    easel(directory.path(), &[], args).await
}

#[tokio::test]
async fn a_token_is_minted_offline_beside_a_running_server() {
    let server = Process::start(&[]).await;
    let directory = server.data().path();
    let mint = async |args: &[&str]| {
        easel(directory, &[], &[&["token", "--data-dir", "store"], args].concat()).await
    };
    let token = mint(&["alice", "--ttl", "1h"]).await;
    let owner = server.bearer("alice", token.succeeds());
    owner.draws("chart", LABEL, json!({ "value": 1 })).await;
    let claims = common::jwt::unverified(token.succeeds()).unwrap();
    assert_eq!(claims.exp - claims.iat, 3600);

    assert!(mint(&["a/b"]).await.fails(2).contains("a/b"));
    mint(&["alice", "--ttl", "never"]).await.fails(2);
    mint(&["alice", "--ttl", "31d"]).await.fails(2);
    mint(&[]).await.fails(2);
}

#[tokio::test]
async fn a_server_starts_with_a_key_that_was_imported() {
    let directory = std::sync::Arc::new(tempfile::tempdir().unwrap());
    let key = tokio::task::spawn_blocking(SigningKey::generate).await.unwrap().unwrap();
    fs::write(directory.path().join("key.json"), Forger::private_jwk(&key).to_string()).unwrap();
    let import = ["keys", "import", "key.json", "--data-dir", "store"];
    let kid = key.public().kid.as_str();
    assert_eq!(runs(&directory, &import).await.succeeds(), kid);
    assert_eq!(runs(&directory, &import).await.succeeds(), kid, "twice is once");

    let list = runs(&directory, &["keys", "list", "--data-dir", "store"]).await;
    let lines: Vec<_> = list.succeeds().lines().collect();
    assert!(lines[0].starts_with(kid) && lines[0].contains("active"), "{lines:?}");
    assert_eq!(lines.iter().filter(|line| line.contains("active")).count(), 1, "{lines:?}");

    let server = Process::start_on(&directory, &[]).await;
    let owner = server.owner("alice").await;
    assert_eq!(common::jwt::ParsedToken::parse(owner.token()).unwrap().kid(), kid);
    let forged = Forger::imitating(&key, common::jwt::unverified(owner.token()).unwrap().iat);
    server.bearer("alice", &forged.signs(&key)).lists().await;
    let jwks = server.get("/.well-known/jwks.json").await;
    assert_eq!(jwks.json()["keys"][0]["kid"], kid);
    assert!(!jwks.text().contains("\"d\""));
}

/// The ring as `easel keys list --json` shows it: names and states, newest first.
async fn listed(directory: &TempDir) -> Vec<(String, String)> {
    let list = runs(directory, &["keys", "list", "--json", "--data-dir", "store"]).await;
    let list: Value = serde_json::from_str(list.succeeds()).unwrap();
    let text = |key: &Value, member: &str| key[member].as_str().unwrap().to_owned();
    let keys = list.as_array().unwrap().iter();
    keys.map(|key| (text(key, "kid"), text(key, "state"))).collect()
}

fn kid(token: &str) -> String {
    ParsedToken::parse(token).unwrap().kid().to_owned()
}

#[tokio::test]
async fn a_key_goes_from_next_to_retired_beside_a_running_server() {
    let server = Process::start(&[]).await;
    let directory = server.data().clone();
    let keys = async |args: &[&str]| {
        runs(&directory, &[&["keys"], args, &["--data-dir", "store"]].concat()).await
    };
    let owner = server.owner("alice").await;
    let first = kid(owner.token());

    let second = keys(&["create"]).await.succeeds().to_owned();
    let states = |second: &str, first: &str| [second.to_owned(), first.to_owned()];
    let state = async || listed(&directory).await.into_iter().map(|(_, s)| s).collect::<Vec<_>>();
    assert_eq!(state().await, states("next", "active"));
    wait::until("the new key among the published ones", async || {
        let keys = server.get("/.well-known/jwks.json").await.json();
        (keys["keys"].as_array()?.len() == 2).then_some(())
    })
    .await;
    let early = keys(&["promote", &second]).await;
    assert!(early.fails(1).contains("--now"), "{early:?}");
    assert_eq!(early.stderr.lines().count(), 1);
    let promoted = keys(&["promote", &second, "--now"]).await;
    let said = promoted.succeeds();
    assert!(said.contains(&format!("{first} verifies until ")), "{said}");
    assert!(said.contains("may not know the new key"), "{said}");
    assert_eq!(state().await, states("active", "retiring"));
    let signs = async |key: &str| {
        wait::until("a token of the other key", async || {
            (kid(server.owner("alice").await.token()) == key).then_some(())
        })
        .await;
    };
    signs(&second).await;
    owner.lists().await;

    assert!(keys(&["rollback"]).await.succeeds().contains(&format!("{first} signs")));
    signs(&first).await;
    keys(&["rollback"]).await.succeeds();
    signs(&second).await;
    assert!(keys(&["retire", &second]).await.fails(1).contains("promote another key first"));
    keys(&["retire", &first]).await.succeeds();
    assert_eq!(state().await, states("active", "retired"));
    wait::until("the end of what the first key signed", async || {
        (owner.get(&owner.list()).await.status == 401).then_some(())
    })
    .await;
    keys(&["retire", "nobody"]).await.fails(1);
    keys(&["promote"]).await.fails(2);
    let human = keys(&["list"]).await;
    assert!(human.succeeds().lines().all(|line| line.contains("  since 20")), "{human:?}");

    // All of it stands in the log, by names and states only.
    server.running().signal("TERM");
    let (code, log) = server.has_ended().await;
    assert_eq!(code, 0);
    for state in ["next", "active", "retiring", "retired"] {
        assert!(log.contains(&format!("a signing key is now {state}")), "{log}");
    }
    assert!(!log.contains(owner.token()), "{log}");
}

#[tokio::test]
async fn a_revoked_key_ends_tokens_and_private_streams_within_moments() {
    let server = Process::start(&[]).await;
    let directory = server.data().clone();
    let owner = server.owner("alice").await;
    let body = json!({ "session_id": "diary", "template": LABEL, "args": { "value": "secret" },
                       "visibility": "private" });
    owner.creates(&body).await.is(201);
    owner.draws("chart", LABEL, json!({ "value": "public" })).await;
    let mut diary = owner.watches("diary").await;
    let mut picture = owner.looks_at("diary").await;
    let mut chart = owner.watches("chart").await;
    diary.sees("secret").await;
    picture.sees("secret").await;
    chart.sees("public").await;

    let revoked = kid(owner.token());
    let outcome = runs(&directory, &["keys", "revoke", &revoked, "--data-dir", "store"]).await;
    let said = outcome.succeeds();
    assert!(said.contains(&format!("{revoked} is revoked")), "{said}");
    assert!(said.contains("signs from now on"), "the new key is named: {said}");
    assert_eq!(diary.sees_end().await, "revoked");
    picture.sees_end().await;
    owner.get(&owner.list()).await.refuses(ErrorCode::AuthTokenInvalid);
    let again = server.owner("alice").await;
    assert_ne!(kid(again.token()), revoked);
    again.puts("chart", json!({ "value": "still public" })).await;
    chart.sees("still public").await;
    let keys = server.get("/.well-known/jwks.json").await;
    assert!(!keys.text().contains(&revoked));
    server.running().signal("TERM");
    let (_, log) = server.has_ended().await;
    assert!(log.contains("a signing key is now revoked"), "{log}");
    assert!(log.contains("cause=revoked"), "why the token was refused: {log}");
}

#[tokio::test]
async fn a_master_key_seals_the_ring_and_never_shows() {
    let directory = tempfile::tempdir().unwrap();
    let secret = "q83vEjRWeJCrze8SNFZ4kKvN7xI0VniQq83vEjRWeJA=";
    let other = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    let list = ["keys", "list", "--data-dir", "store"];
    let with = async |environment: &[(&str, &str)], args: &[&str]| {
        easel(directory.path(), environment, args).await
    };
    let ours = with(&[("EASEL_MASTER_KEY", secret)], &list).await;
    let kid = ours.succeeds().split_once(' ').unwrap().0.to_owned();

    let without = with(&[], &["serve", "--data-dir", "store", "--listen", "127.0.0.1:0"]).await;
    assert!(without.fails(1).contains("set EASEL_MASTER_KEY"), "{without:?}");
    assert_eq!(without.stderr.lines().count(), 1, "{without:?}");
    let wrong = with(&[("EASEL_MASTER_KEY", other)], &list).await;
    assert!(wrong.fails(1).contains("EASEL_PREVIOUS_MASTER_KEY"), "{wrong:?}");
    let moved = [("EASEL_MASTER_KEY", other), ("EASEL_PREVIOUS_MASTER_KEY", secret)];
    assert!(with(&moved, &list).await.succeeds().starts_with(&kid));
    assert!(with(&moved[..1], &list).await.succeeds().starts_with(&kid));
    with(&[("EASEL_MASTER_KEY", secret)], &list).await.fails(1);

    let short = with(&[("EASEL_MASTER_KEY", "c2hvcnQ=")], &list).await;
    assert!(short.fails(2).contains("openssl rand -base64 32"), "{short:?}");
    assert!(!short.stderr.contains("c2hvcnQ"), "{short:?}");
    let flag = with(&[], &["check-config", "--master-key", secret]).await;
    assert!(flag.fails(2).contains("EASEL_MASTER_KEY"), "{flag:?}");
    assert!(!flag.stderr.contains(secret), "{flag:?}");
    let shown = with(&moved, &["check-config"]).await;
    assert!(shown.succeeds().contains("master-key is set"), "{shown:?}");
    for secret in [secret, other] {
        assert!(!shown.stdout.contains(secret), "{shown:?}");
    }
}

#[tokio::test]
async fn what_is_no_private_key_is_not_imported() {
    let directory = tempfile::tempdir().unwrap();
    let key = tokio::task::spawn_blocking(SigningKey::generate).await.unwrap().unwrap();
    let whole = Forger::private_jwk(&key);
    let mut broken = whole.clone();
    broken["p"] = whole["q"].clone();
    let mut padded = whole.clone();
    padded["d"] = json!(format!("{}=", whole["d"].as_str().unwrap()));
    let public = serde_json::to_value(key.public()).unwrap();
    for bad in [json!({}), json!([]), public, broken, padded] {
        fs::write(directory.path().join("key.json"), bad.to_string()).unwrap();
        let outcome = runs(&directory, &["keys", "import", "key.json"]).await;
        let said = outcome.fails(2);
        assert!(said.contains("key.json"), "{said}");
        for secret in ["d", "p", "q"] {
            assert!(!said.contains(whole[secret].as_str().unwrap()), "{said}");
        }
    }
    runs(&directory, &["keys", "import", "missing.json"]).await.fails(2);
}
