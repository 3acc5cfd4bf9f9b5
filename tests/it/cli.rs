//! The program from a shell: every command, what it prints, and what its exit code says.

use std::fs;

use reqwest::Method;
use serde_json::{Value, json};
use tempfile::TempDir;
use tests::{LABEL, Outcome, Process, Running, easel, workspace};

fn directory() -> TempDir {
    tempfile::tempdir().unwrap()
}

async fn runs(directory: &TempDir, args: &[&str]) -> Outcome {
    easel(directory.path(), &[], args).await
}

#[tokio::test]
async fn a_server_says_in_one_line_that_it_is_ready() {
    let server = Process::start(&[]).await;
    let log = server.running().log();
    let ready: Vec<_> = log.lines().filter(|line| line.contains("ready on http://")).collect();
    assert_eq!(ready.len(), 1, "{log}");
    assert!(ready[0].contains(server.base()), "{log}");
    assert!(ready[0].contains("sqlite") && ready[0].contains("easel.db"), "{log}");
    assert!(ready[0].contains("minting open"), "{log}");
}

#[tokio::test]
async fn a_server_starts_without_a_command_too() {
    let directory = directory();
    let listen = ["--listen", "127.0.0.1:0", "--ops-listen=127.0.0.1:0", "--log-format", "json"];
    let running = Running::start(directory.path(), &[], &listen).await;
    tests::wait::until("the ready line", async || {
        running.log().lines().find(|line| line.contains("ready on")).map(|line| {
            let line: Value = serde_json::from_str(line).unwrap();
            assert_eq!(line["level"], "INFO");
        })
    })
    .await;
    assert!(directory.path().join("data/easel.db").exists());
    running.signal("TERM");
    assert_eq!(running.has_ended().await.0, 0);
}

#[tokio::test]
async fn an_address_that_is_taken_is_named_in_one_line() {
    let server = Process::start(&[]).await;
    let taken = server.base().trim_start_matches("http://");
    let directory = directory();
    let args = ["serve", "--listen", taken, "--ops-listen", "127.0.0.1:0"];
    let outcome = runs(&directory, &args).await;
    let said = outcome.fails(1);
    assert!(said.lines().count() == 1 && said.contains(taken), "{said}");
}

#[tokio::test]
async fn a_data_directory_that_cannot_be_is_named_in_one_line() {
    let directory = directory();
    fs::write(directory.path().join("file"), "").unwrap();
    let args = ["serve", "--data-dir", "file", "--listen=127.0.0.1:0", "--ops-listen=127.0.0.1:0"];
    let outcome = runs(&directory, &args).await;
    let said = outcome.fails(1);
    assert!(said.lines().count() == 1 && said.contains("file"), "{said}");
}

#[tokio::test]
async fn open_minting_stays_on_this_machine_unless_it_is_allowed_out() {
    let directory = directory();
    let open = ["serve", "--listen", "0.0.0.0:0", "--minting", "open"];
    let outcome = runs(&directory, &open).await;
    assert!(outcome.fails(2).contains("--allow-open-minting"), "{outcome:?}");
    let config = runs(&directory, &["check-config", "--listen", "0.0.0.0:0"]).await;
    assert!(config.succeeds().contains("minting = \"accounts\""), "{config:?}");
    let allowed = [&["check-config"], &open[1..], &["--allow-open-minting"]].concat();
    assert!(runs(&directory, &allowed).await.succeeds().contains("minting = \"open\""));
}

#[tokio::test]
async fn the_effective_configuration_says_where_each_value_came_from() {
    let directory = directory();
    fs::write(directory.path().join("easel.toml"), "session-ttl = 60\nlog = \"debug\"\n").unwrap();
    let environment = [("EASEL_LOG", "warn"), ("EASEL_TOKEN_TTL", "1h")];
    let args = ["check-config", "--token-ttl", "2h"];
    let outcome = easel(directory.path(), &environment, &args).await;
    let printed = outcome.succeeds();
    for line in [
        "session-ttl = \"60\" # easel.toml",
        "log = \"warn\" # EASEL_LOG",
        "token-ttl = \"2h\" # --token-ttl",
        "heartbeat = \"15s\" # default",
    ] {
        assert!(printed.lines().any(|printed| printed == line), "no {line} in\n{printed}");
    }
    fs::write(directory.path().join("again.toml"), printed).unwrap();
    runs(&directory, &["check-config", "--config", "again.toml"]).await.succeeds();
}

#[tokio::test]
async fn what_makes_no_sense_stops_the_start_with_its_name_and_the_fix() {
    let directory = directory();
    fs::write(directory.path().join("typo.toml"), "lisden = \"127.0.0.1:3000\"\n").unwrap();
    for command in ["serve", "check-config"] {
        let typo = runs(&directory, &[command, "--config", "typo.toml"]).await;
        let said = typo.fails(2);
        assert!(said.contains("lisden") && said.contains("`listen`"), "{said}");
        let typo = easel(directory.path(), &[("EASEL_DATADIR", "x")], &[command]).await;
        let said = typo.fails(2);
        assert!(said.contains("EASEL_DATADIR") && said.contains("`data-dir`"), "{said}");
        let flag = runs(&directory, &[command, "--lisden", "x"]).await;
        assert!(flag.fails(2).contains("--lisden"));
        let bad = runs(&directory, &[command, "--drain-timeout", "soon"]).await;
        let said = bad.fails(2);
        assert!(said.contains("drain-timeout") && said.contains("such as 90s"), "{said}");
        let missing = runs(&directory, &[command, "--config", "missing.toml"]).await;
        assert!(missing.fails(2).contains("missing.toml"));
    }
    runs(&directory, &["no-such-command"]).await.fails(2);
}

#[tokio::test]
async fn templates_are_checked_as_the_server_would() {
    let directory = directory();
    let gallery = workspace().join("templates/svg");
    let mut good: Vec<_> = fs::read_dir(gallery)
        .unwrap()
        .map(|entry| entry.unwrap().path().to_str().unwrap().to_owned())
        .filter(|path| path.ends_with(".svg.tera"))
        .collect();
    good.sort();
    assert!(good.len() >= 6);
    let good: Vec<&str> = good.iter().map(String::as_str).collect();
    let checked = runs(&directory, &[&["template", "check"], &good[..]].concat()).await;
    assert_eq!(checked.succeeds().lines().filter(|line| line.contains(": ok")).count(), good.len());

    let write = |name: &str, text: &str| fs::write(directory.path().join(name), text).unwrap();
    write("fine.svg.tera", LABEL);
    write("fine.json", "{\"value\": 1}");
    write("syntax.svg.tera", "<svg>\n{{ a + }}</svg>");
    write("args.svg.tera", LABEL);
    write("args.json", "[]");
    write("xml.svg.tera", "<svg></g>");
    write("missing.svg.tera", LABEL);
    let check = async |name: &str| runs(&directory, &["template", "check", name]).await;
    check("fine.svg.tera").await.succeeds();
    for (name, wanted) in [
        ("syntax.svg.tera", "syntax.svg.tera:2:"),
        ("args.svg.tera", "args.json"),
        ("xml.svg.tera", "well-formed"),
        ("missing.svg.tera", "missing.svg.tera:1:"),
        ("nowhere.svg.tera", "nowhere.svg.tera"),
    ] {
        let outcome = check(name).await;
        outcome.fails(1);
        assert!(outcome.stdout.contains(wanted), "{outcome:?}");
    }
    let both = runs(&directory, &["template", "check", "fine.svg.tera", "xml.svg.tera"]).await;
    assert!(both.fails(1).contains("1 of 2"));
    assert!(both.stdout.contains("fine.svg.tera: ok"), "the good ones are checked all the same");
}

#[tokio::test]
async fn help_and_version_are_there() {
    let directory = directory();
    let help = runs(&directory, &["--help"]).await;
    for command in
        ["serve", "token", "keys", "push", "watch", "template", "openapi", "check-config"]
    {
        assert!(help.succeeds().contains(command), "{command}");
    }
    assert!(runs(&directory, &["--version"]).await.succeeds().starts_with("easel "));
}

#[tokio::test]
async fn no_secret_reaches_the_log() {
    let server = Process::start(&["--log", "trace"]).await;
    let owner = server.owner("alice").await;
    owner.draws("chart", LABEL, json!({ "value": 1 })).await;
    owner.watches("chart").await.sees_next().await;
    let mut forged = owner.token().to_owned();
    forged.truncate(forged.len() - 8);
    assert_eq!(server.bearer("alice", &forged).get(&owner.list()).await.status, 401);
    let body = json!({ "user_id": "alice", "password": "correct horse" });
    server.anyone().asks(Method::POST, "/api/auth/token", &body).await.is(200);
    server.running().signal("TERM");
    let (code, log) = server.has_ended().await;
    assert_eq!(code, 0);
    assert!(log.contains("a token was refused"), "the cause is in the log");
    let (_, signature) = owner.token().rsplit_once('.').unwrap();
    for secret in [&signature[..40], "correct horse"] {
        assert!(!log.contains(secret), "{secret} is in the log");
    }
    assert!(!log.contains("PRIVATE") && !log.contains("\"private\""));
}
