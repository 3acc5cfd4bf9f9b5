//! A fuzzer reads the OpenAPI document and holds a real server to every word of it.
//!
//! `FUZZ_EXAMPLES=500 FUZZ_SEED=7 cargo test --package tests --test it fuzz_api` looks longer
//! and elsewhere.

use std::{env, fs, process::Command};

use serde_json::json;
use tests::{LABEL, Process, python, workspace};

/// Requests of each kind to each operation, when nobody asks for more.
const EXAMPLES: &str = "40";

/// Runs the fuzzer against a server with a session of a user's and a public one.
async fn fuzz(as_alice: bool, phases: &str) {
    // What it tries in a minute, people try in a year.
    let limits = ["logins", "registrations", "mails"].map(|what| format!("--{what}-per-address"));
    let more = ["--logins-per-account", "--mails-per-recipient", "--key-creations-per-user"];
    let limits = limits.iter().map(String::as_str).chain(more);
    let flags: Vec<&str> = limits.flat_map(|limit| [limit, "off"]).collect();
    let server = Process::start(&flags).await;
    let alice = server.owner("alice").await;
    alice.draws("chart", LABEL, json!({ "value": 1 })).await;
    server.anyone().draws("chart", LABEL, json!({ "value": 1 })).await;

    let directory = tempfile::tempdir().unwrap();
    let ours = workspace().join("tests/fuzz");
    fs::copy(ours.join("hooks.py"), directory.path().join("hooks.py")).unwrap();
    let mut settings = fs::read_to_string(ours.join("schemathesis.toml")).unwrap();
    if as_alice {
        settings.push_str("\n[auth.openapi.bearer]\nbearer = \"${TOKEN}\"\n");
    }
    fs::write(directory.path().join("schemathesis.toml"), settings).unwrap();

    let document = server.url(common::path::OPENAPI);
    let token = alice.token().to_owned();
    let home = directory.path().to_owned();
    let phases = phases.to_owned();
    let fuzzing = move || {
        let mut fuzzer = Command::new(python("st"));
        fuzzer
            .current_dir(home)
            .env("TOKEN", token)
            .args(["run", &document, "--phases", &phases, "--max-examples"])
            .arg(env::var("FUZZ_EXAMPLES").unwrap_or_else(|_| EXAMPLES.to_owned()));
        match env::var("FUZZ_SEED") {
            Ok(seed) => fuzzer.args(["--seed", &seed]),
            Err(_) => fuzzer.arg("--generation-deterministic"),
        };
        fuzzer.output().unwrap()
    };
    // It takes as long as it takes; a server that no longer answers ends it.
    let outcome = tokio::task::spawn_blocking(fuzzing).await.unwrap();
    let said = String::from_utf8_lossy(&outcome.stdout).into_owned();
    assert!(outcome.status.success(), "{said}{}", String::from_utf8_lossy(&outcome.stderr));
    assert!(said.contains(" generated, "), "it sent nothing: {said}");
    server.get(common::path::HEALTH).await.is(200);
    assert!(!server.running().log().contains("panicked"), "{}", server.running().log());
}

#[tokio::test]
async fn whatever_a_user_sends_is_answered_as_the_document_promises() {
    fuzz(true, "examples,coverage,fuzzing,stateful").await;
}

#[tokio::test]
async fn whatever_a_stranger_sends_is_answered_as_the_document_promises() {
    fuzz(false, "examples,coverage").await;
}

#[tokio::test]
async fn the_document_is_openapi() {
    let directory = tempfile::tempdir().unwrap();
    let printed = tests::easel(directory.path(), &[], &["openapi"]).await;
    let file = directory.path().join("openapi.json");
    fs::write(&file, printed.succeeds()).unwrap();
    let check = move || Command::new(python("openapi-spec-validator")).arg(file).output().unwrap();
    let outcome = tokio::task::spawn_blocking(check).await.unwrap();
    assert!(outcome.status.success(), "{}", String::from_utf8_lossy(&outcome.stdout));
}
