//! `easel token` and `easel keys`: tokens and their keys without a server.

use std::fs;

use common::jwt::SigningKey;
use serde_json::json;
use tempfile::TempDir;
use tests::{Forger, LABEL, Outcome, Process, easel};

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
