//! The audit log: who did what to whom, from where, and whether it was done; never a secret.

use common::{api::ErrorCode, path};
use reqwest::Method;
use serde_json::{Value, json};
use tests::{Actor, Mailbox, Node, PASSWORD, Setup};

/// All that fits a filter, page by page, newest first.
async fn entries(auditor: &Actor, filter: &str) -> Vec<Value> {
    let mut all = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = auditor.get(&format!("/api/audit?limit=3{filter}{cursor}")).await.is(200).json();
        all.extend(page["entries"].as_array().unwrap().clone());
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return all,
        }
    }
}

fn told(entry: &Value) -> [&str; 4] {
    ["actor", "action", "target", "result"].map(|member| entry[member].as_str().unwrap_or("-"))
}

#[tokio::test]
async fn what_happens_to_an_account_is_told_in_its_order() {
    let node = Node::start().await;
    let auditor = node.made("auditor", "AUDITOR").await;
    let mut alice = node.member("alice").await;
    node.logs_in(&alice.email, "not the password").await.is(401);
    alice.renews().await;
    let (id, _) = alice.makes_key(&["sessions"]).await;
    let user = "alice".parse().unwrap();
    alice.send(alice.request(Method::DELETE, &path::api_key(&user, &id))).await.is(204);
    let body = json!({ "current_password": PASSWORD, "new_password": "another four words" });
    alice.asks(Method::POST, path::PASSWORD_CHANGE, &body).await.is(204);
    alice.get(path::USERS).await.is(403);
    let out = json!({ "refresh_token": alice.refresh_token });
    node.asks(path::LOGOUT, &out).await.is(204);
    let mut all = entries(&auditor, "").await;
    all.reverse();
    let of_alice: Vec<_> = all
        .iter()
        .filter(|entry| entry["actor"] == "alice" || entry["target"] == "alice")
        .map(told)
        .collect();
    assert_eq!(
        of_alice,
        [
            ["-", "account.registered", "alice", "done"],
            ["alice", "account.verified", "alice", "done"],
            ["alice", "sign_in.begun", "alice", "done"],
            ["-", "sign_in.begun", "alice", "refused"],
            ["alice", "sign_in.rotated", "alice", "done"],
            ["alice", "api_key.created", "alice", "done"],
            ["alice", "api_key.revoked", "alice", "done"],
            ["alice", "password.changed", "alice", "done"],
            ["alice", "access.denied", "-", "refused"],
            ["alice", "sign_in.ended", "alice", "done"],
        ]
    );
    let failed = entries(&auditor, "&action=sign_in.begun&result=refused").await;
    assert_eq!(failed.len(), 1);
    assert_eq!(failed[0]["detail"], json!("wrong password"));
    let registered = all.iter().find(|entry| entry["action"] == "account.registered").unwrap();
    assert_eq!(registered["address"], json!("127.0.0.1"));
    assert_eq!(registered["trace_id"].as_str().unwrap().len(), 32);
    let text = serde_json::to_string(&all).unwrap();
    for secret in [
        PASSWORD,
        "another four words",
        "not the password",
        alice.refresh_token.as_str(),
        alice.token(),
    ] {
        assert!(!text.contains(secret), "{secret}");
    }
    assert!(!text.contains('@'), "no address of anyone");
}

#[tokio::test]
async fn a_filter_finds_what_fits_all_of_it() {
    let node = Node::start().await;
    let auditor = node.made("auditor", "AUDITOR").await;
    for user in ["alice", "bob"] {
        node.member(user).await;
    }
    let all = entries(&auditor, "").await;
    let count = async |filter: &str| entries(&auditor, filter).await.len();
    assert_eq!(count("&target=alice").await, 3);
    assert_eq!(count("&target=alice&action=sign_in.begun").await, 1);
    assert_eq!(count("&actor=alice").await, 2, "whoever registers has not shown who they are");
    assert_eq!(count("&result=refused").await, 0);
    assert_eq!(count("&until=2020-01-01T00:00:00Z").await, 0);
    assert_eq!(count("&from=2020-01-01T00:00:00Z").await, all.len());
    for (filter, pointer) in [
        ("action=everything", "action"),
        ("from=yesterday", "from"),
        ("limit=101", "limit"),
        ("more=1", "more"),
    ] {
        let refused = auditor.get(&format!("/api/audit?{filter}")).await;
        refused.refuses_at(ErrorCode::ValidationFailed, pointer);
    }
    auditor.get("/api/audit?cursor=0x1").await.refuses(ErrorCode::InvalidCursor);
}

#[tokio::test]
async fn an_export_is_all_of_it_a_line_each_and_is_told_itself() {
    let node = Node::start().await;
    let auditor = node.made("auditor", "AUDITOR").await;
    node.member("alice").await;
    let before = entries(&auditor, "").await;
    let export = auditor.get("/api/audit?format=ndjson").await.is(200);
    assert_eq!(export.header("content-type"), "application/x-ndjson");
    let text = export.text();
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), before.len() + 1);
    assert_eq!(told(&lines[0]), ["auditor", "audit.read", "-", "done"]);
    assert_eq!(lines[1..], before);
    let of_alice = auditor.get("/api/audit?format=ndjson&target=alice").await.is(200);
    assert_eq!(of_alice.text().lines().count(), 3);
}

#[tokio::test]
async fn an_address_that_a_trusted_proxy_names_is_the_one_that_is_told() {
    let node = Setup::default().set("trusted-proxy", "127.0.0.1/32").start().await;
    let auditor = node.made("auditor", "AUDITOR").await;
    let body = json!({ "email": "alice@example.com" });
    let request = node.request(Method::POST, path::PASSWORD_RESET_REQUEST).json(&body);
    node.send(request.header("X-Forwarded-For", "192.0.2.7")).await.is(202);
    let found = entries(&auditor, "&action=password.reset_requested").await;
    assert_eq!(found[0]["address"], json!("192.0.2.7"));
    assert!(Mailbox::of("alice@example.com", &[&node]).mails().is_empty());
}

/// Everyone may ask to change their own account, and some of that is not theirs to change.
#[tokio::test]
async fn whoever_insists_on_what_is_not_theirs_does_not_fill_the_log() {
    let node = Setup::default().set("denials-per-user", "3/1h").start().await;
    let auditor = node.made("auditor", "AUDITOR").await;
    let alice = node.member("alice").await;
    for _ in 0..5 {
        let own = "/api/users/alice";
        let enable = json!({ "disabled": false });
        alice.asks(Method::PATCH, own, &enable).await.refuses(ErrorCode::Forbidden);
        alice.get(path::USERS).await.refuses(ErrorCode::Forbidden);
    }
    assert_eq!(entries(&auditor, "&actor=alice&action=access.denied").await.len(), 3);
}
