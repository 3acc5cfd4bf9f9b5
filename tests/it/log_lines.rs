//! What the program says of each request, and that whoever reads lines can read every one.

use common::jwt::unverified;
use reqwest::Method;
use serde_json::{Value, json};
use tests::{LABEL, Process};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

/// One request of each outcome, each with a name of its own.
async fn requests(server: &Process) {
    let owner = server.owner("alice").await;
    owner.draws("chart", LABEL, json!({ "value": 1 })).await;
    let stranger = server.owner("mallory").await;
    for (name, actor, method, path, status) in [
        ("fine", &owner, Method::GET, "/api/user/alice/session/chart?secret=query", 200),
        ("missing", &owner, Method::GET, "/api/user/alice/session/none", 404),
        ("not-mine", &stranger, Method::DELETE, "/api/user/alice/session/chart", 403),
        ("watched", &server.anyone(), Method::GET, "/stream/alice/chart.svg?ticket=query", 200),
        ("forged", &server.bearer("alice", "a.b.c"), Method::GET, "/api/user/alice/sessions", 401),
    ] {
        let request = actor.request(method, path).header("x-request-id", name);
        let request = request.header("traceparent", format!("00-{TRACE}-00f067aa0ba902b7-01"));
        assert_eq!(server.send(request).await.is(status).header("x-request-id"), name);
    }
    assert!(unverified(owner.token()).is_some());
}

/// The log of a server that ran with these flags and was asked for a few things.
async fn log(flags: &[&str]) -> String {
    let server = Process::start(flags).await;
    requests(&server).await;
    server.running().signal("TERM");
    let (code, log) = server.has_ended().await;
    assert_eq!(code, 0, "{log}");
    log
}

#[tokio::test]
async fn every_line_of_a_run_is_json() {
    let log = log(&["--log", "debug", "--log-format", "json"]).await;
    let lines: Vec<Value> = log
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
        .collect();
    for line in &lines {
        let text = |name: &str| line[name].as_str().unwrap_or_else(|| panic!("no {name}: {line}"));
        let time = time::format_description::well_known::Rfc3339;
        assert!(time::OffsetDateTime::parse(text("timestamp"), &time).is_ok(), "{line}");
        assert!(["ERROR", "WARN", "INFO", "DEBUG"].contains(&text("level")), "{line}");
        assert!(!text("message").is_empty(), "{line}");
    }
    let of = |name: &str, message: &str| -> Vec<&Value> {
        let named = lines.iter().filter(|line| line["span"]["request_id"] == name);
        named.filter(|line| line["message"] == message).collect()
    };
    for (name, method, path, status) in [
        ("fine", "GET", "/api/user/alice/session/chart", 200),
        ("missing", "GET", "/api/user/alice/session/none", 404),
        ("not-mine", "DELETE", "/api/user/alice/session/chart", 403),
        ("watched", "GET", "/stream/alice/chart.svg", 200),
        ("forged", "GET", "/api/user/alice/sessions", 401),
    ] {
        let answered = of(name, "answered");
        let [line] = answered[..] else { panic!("{name}: {answered:?}") };
        assert_eq!((&line["level"], &line["status"]), (&json!("DEBUG"), &json!(status)), "{line}");
        assert!(line["took_ms"].as_u64().is_some(), "{line}");
        let span = &line["span"];
        assert_eq!((&span["method"], &span["path"]), (&json!(method), &json!(path)), "{line}");
        assert_eq!((&span["trace_id"], &span["client"]), (&json!(TRACE), &json!("127.0.0.1")));
    }
    for (name, message, cause) in [
        ("forged", "a token was refused", json!("format")),
        ("not-mine", "someone was refused what belongs to another", Value::Null),
    ] {
        let events = of(name, message);
        let [line] = events[..] else { panic!("{name}: {events:?}") };
        assert_eq!((&line["level"], &line["cause"]), (&json!("WARN"), &cause), "{line}");
    }
    assert!(!log.contains("query"), "{log}");
}

#[tokio::test]
async fn every_line_of_a_run_is_plain_text_with_a_time_and_a_level() {
    let log = log(&["--log", "debug"]).await;
    for line in log.lines() {
        let mut words = line.split_ascii_whitespace();
        let time = words.next().unwrap_or_default();
        let format = time::format_description::well_known::Rfc3339;
        assert!(time::OffsetDateTime::parse(time, &format).is_ok(), "{line}");
        assert!(["ERROR", "WARN", "INFO", "DEBUG"].contains(&words.next().unwrap()), "{line}");
        assert!(!line.contains('\u{1b}'), "no colours in a file: {line}");
    }
    let answered = log.lines().filter(|line| line.contains("answered"));
    let forged: Vec<&str> =
        answered.filter(|line| line.contains("request_id=\"forged\"")).collect();
    let [line] = forged[..] else { panic!("{forged:?}") };
    for part in ["DEBUG", "method=GET", "path=/api/user/alice/sessions", "status=401", TRACE] {
        assert!(line.contains(part), "{part} in {line}");
    }
    assert!(!log.contains("query"), "{log}");
}

#[tokio::test]
async fn a_quiet_log_still_says_whose_request_was_refused() {
    // The server itself says when it is ready, and nothing else says what is no fault.
    let log = log(&["--log", "warn,backend::server=info", "--log-format", "json"]).await;
    let lines: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let warnings = lines.iter().filter(|line| line["level"] == "WARN");
    let names: Vec<&Value> = warnings.map(|line| &line["span"]["request_id"]).collect();
    assert_eq!(names, ["not-mine", "forged"], "{log}");
    assert!(!log.contains("answered"), "{log}");
}
