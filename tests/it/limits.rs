//! Fair shares: whoever takes too much is told so, and nobody else notices.

use std::time::Duration;

use common::api::ErrorCode;
use reqwest::{Method, RequestBuilder};
use serde_json::json;
use tests::{Actor, Answer, Door, LABEL, Node, Process, Setup, still_clock, wait};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

const RATES: &[&str] = &[
    "requests-per-address",
    "requests-per-user",
    "tokens-per-address",
    "creations-per-address",
    "creations-per-user",
    "updates-per-session",
    "updates-per-user",
    "updates-per-address",
    "renders-per-address",
];

/// A node with this limit alone.
async fn limited(limit: &str, rate: &str) -> Node {
    let others = RATES.iter().filter(|other| **other != limit);
    others
        .fold(Setup::default(), |setup, other| setup.set(other, "off"))
        .set(limit, rate)
        .start()
        .await
}

fn forwarded(door: &Door, hops: &str) -> RequestBuilder {
    door.request(Method::GET, "/api/templates").header("x-forwarded-for", hops)
}

/// Insists on a refusal by this limit that says when it will be over.
#[track_caller]
fn refuses(answer: &Answer, limit: &str) {
    let problem = answer.refuses(ErrorCode::RateLimited);
    assert!(problem.detail.contains(limit), "{problem:?}");
    let wait: u64 = answer.header("retry-after").parse().unwrap();
    let left = answer.header("ratelimit");
    assert!(left.ends_with(&format!("\"{limit}\";r=0;t={wait}")), "{left}");
    assert!(answer.header("ratelimit-policy").contains(&format!("\"{limit}\";q=")));
}

#[tokio::test]
async fn a_flood_is_refused_and_the_neighbour_is_not() {
    let clock = still_clock();
    let setup = Setup::default().clock(&clock).set("requests-per-address", "4/1m");
    let node = setup.start().await;
    let neighbour = node.from_address("127.0.0.2");
    for left in (0..4).rev() {
        let answer = node.get("/api/templates").await.is(200);
        assert_eq!(answer.header("ratelimit-policy"), "\"requests-per-address\";q=4;w=60");
        let wanted = format!("\"requests-per-address\";r={left};t=15");
        assert_eq!(answer.header("ratelimit"), wanted);
        assert_eq!(answer.find_header("retry-after"), None);
    }
    for path in ["/api/templates", "/stream/chart", "/api/user/alice/sessions", "/api/session/x"] {
        let answer = node.get(path).await;
        refuses(&answer, "requests-per-address");
        assert_eq!(answer.header("retry-after"), "15");
    }
    neighbour.get("/api/templates").await.is(200);
    // What costs nothing is not counted: probes, and the page with its assets.
    for path in ["/health", "/ready", "/"] {
        assert_eq!(node.get(path).await.is(200).find_header("ratelimit"), None);
    }
    clock.advance(Duration::from_secs(14));
    refuses(&node.get("/api/templates").await, "requests-per-address");
    clock.advance(Duration::from_secs(1));
    node.get("/api/templates").await.is(200);
    assert_eq!(node.metric("easel_refusals_total{limit=\"requests-per-address\"}").await, 5);
}

#[tokio::test]
async fn who_is_refused_by_address_is_not_even_heard() {
    let node = limited("requests-per-address", "1/1h").await;
    node.get("/api/templates").await.is(200);
    // A token is not looked at.
    let forged = node.bearer("alice", "no.such.token");
    refuses(&forged.get("/api/user/alice/sessions").await, "requests-per-address");
    // A body is not waited for: this one never comes.
    let address = node.base().strip_prefix("http://").unwrap();
    let mut socket = TcpStream::connect(address).await.unwrap();
    let head = "POST /api/render HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n\
                content-length: 100000\r\n\r\n{";
    socket.write_all(head.as_bytes()).await.unwrap();
    let mut answer = [0; 12];
    wait::soon("a refusal", socket.read_exact(&mut answer)).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 429");
}

#[tokio::test]
async fn a_failed_attempt_counts_too() {
    let node = limited("requests-per-address", "2/1h").await;
    let forged = node.bearer("alice", "no.such.token");
    for _ in 0..2 {
        let answer = forged.get("/api/user/alice/sessions").await;
        answer.refuses(ErrorCode::AuthTokenInvalid);
        assert!(answer.header("ratelimit").contains("requests-per-address"));
    }
    refuses(&forged.get("/api/user/alice/sessions").await, "requests-per-address");
    let node = limited("tokens-per-address", "2/1h").await;
    for body in [json!({ "user_id": "a b" }), json!({ "user_id": "alice", "ttl_seconds": 0 })] {
        node.send(node.request(Method::POST, "/api/auth/token").json(&body)).await.is(400);
    }
    let request = node.request(Method::POST, "/api/auth/token").json(&json!({ "user_id": "a" }));
    refuses(&node.send(request).await, "tokens-per-address");
}

#[tokio::test]
async fn nobody_chooses_an_address() {
    let node = limited("requests-per-address", "3/1h").await;
    for hops in ["192.0.2.1", "192.0.2.2", "127.0.0.1, 192.0.2.3"] {
        node.send(forwarded(&node, hops)).await.is(200);
    }
    refuses(&node.send(forwarded(&node, "192.0.2.4")).await, "requests-per-address");
    let by_rfc = node.request(Method::GET, "/api/templates").header("forwarded", "for=192.0.2.5");
    refuses(&node.send(by_rfc).await, "requests-per-address");
}

#[tokio::test]
async fn behind_a_proxy_of_ours_its_word_counts() {
    let setup =
        Setup::default().set("trusted-proxy", "127.0.0.8/29").set("requests-per-address", "1/1h");
    let node = setup.start().await;
    let (proxy, direct) = (node.from_address("127.0.0.9"), node.from_address("127.0.0.2"));
    proxy.send(forwarded(&proxy, "192.0.2.1")).await.is(200);
    // The last hop that is none of ours is the client, whatever stands before it.
    for hops in ["192.0.2.1", "8.8.8.8, 192.0.2.1", "8.8.8.8, 192.0.2.1, 127.0.0.10"] {
        refuses(&proxy.send(forwarded(&proxy, hops)).await, "requests-per-address");
    }
    let lines = forwarded(&proxy, "8.8.8.8").header("x-forwarded-for", "192.0.2.1");
    refuses(&proxy.send(lines).await, "requests-per-address");
    proxy.send(forwarded(&proxy, "192.0.2.1, 192.0.2.2")).await.is(200);
    // A network of IPv6 is one client.
    proxy.send(forwarded(&proxy, "2001:db8::1")).await.is(200);
    refuses(&proxy.send(forwarded(&proxy, "2001:db8::2")).await, "requests-per-address");
    proxy.send(forwarded(&proxy, "2001:db8:0:1::1")).await.is(200);
    // What is no address is the proxy's own fault, and counts as its own.
    proxy.send(forwarded(&proxy, "192.0.2.77, unknown")).await.is(200);
    refuses(&proxy.send(forwarded(&proxy, "192.0.2.78, \u{fc}")).await, "requests-per-address");
    // Who comes past the proxy is themselves.
    direct.send(forwarded(&direct, "192.0.2.3")).await.is(200);
    refuses(&direct.send(forwarded(&direct, "192.0.2.4")).await, "requests-per-address");
}

#[tokio::test]
async fn a_user_has_one_share_from_wherever_they_come() {
    let node = limited("requests-per-user", "3/1h").await;
    let (alice, bob) = (node.owner("alice").await, node.owner("bob").await);
    let elsewhere = alice.at(&node.from_address("127.0.0.2"));
    for who in [&alice, &elsewhere, &alice] {
        let answer = who.get(&alice.list()).await.is(200);
        assert_eq!(answer.header("ratelimit-policy"), "\"requests-per-user\";q=3;w=3600");
    }
    refuses(&elsewhere.get(&alice.list()).await, "requests-per-user");
    refuses(&alice.get("/stream/alice/chart").await, "requests-per-user");
    bob.get(&bob.list()).await.is(200);
    node.get("/stream/alice/chart").await.refuses(ErrorCode::SessionNotFound);
}

#[tokio::test]
async fn an_answer_names_every_limit_that_was_asked() {
    let node = Node::start().await;
    let alice = node.owner("alice").await;
    alice.draws("chart", LABEL, json!({ "value": 1 })).await;
    let names = |answer: &Answer, header: &str| -> Vec<String> {
        let list = answer.header(header).split(", ");
        list.map(|item| item.split(';').next().unwrap().trim_matches('"').to_owned()).collect()
    };
    let answer = alice.changes("chart", &json!({ "args": { "value": 2 } })).await.is(204);
    let wanted =
        ["requests-per-address", "requests-per-user", "updates-per-user", "updates-per-session"];
    assert_eq!(names(&answer, "ratelimit"), wanted);
    assert_eq!(names(&answer, "ratelimit-policy"), wanted);
    let answer = alice.get("/stream/alice/chart.png").await.is(200);
    let wanted = ["requests-per-address", "requests-per-user", "renders-per-address"];
    assert_eq!(names(&answer, "ratelimit"), wanted);
    let exposed = answer.header("access-control-expose-headers").to_owned();
    assert!(exposed.contains("RateLimit, ") && exposed.contains("Retry-After"), "{exposed}");
    assert!(node.viewer("alice/chart").await.header("ratelimit").contains("requests-per-address"));
}

async fn creates(who: &Actor, id: &str) -> Answer {
    who.creates(&json!({ "session_id": id, "template": LABEL, "args": { "value": 1 } })).await
}

#[tokio::test]
async fn creations_are_counted_by_address_and_by_user() {
    let node = limited("creations-per-address", "3/1h").await;
    let (alice, anyone) = (node.owner("alice").await, node.anyone());
    creates(&alice, "a").await.is(201);
    creates(&anyone, "b").await.is(201);
    alice.creates(&json!({ "template": "{{" })).await.refuses(ErrorCode::TemplateInvalid);
    for who in [&alice, &anyone] {
        refuses(&creates(who, "c").await, "creations-per-address");
        who.get(&who.session("c")).await.refuses(ErrorCode::SessionNotFound);
    }
    creates(&anyone.at(&node.from_address("127.0.0.2")), "c").await.is(201);

    let node = limited("creations-per-user", "1/1h").await;
    let (alice, bob) = (node.owner("alice").await, node.owner("bob").await);
    creates(&alice, "a").await.is(201);
    let elsewhere = alice.at(&node.from_address("127.0.0.2"));
    refuses(&creates(&elsewhere, "b").await, "creations-per-user");
    creates(&bob, "b").await.is(201);
}

#[tokio::test]
async fn a_stranger_takes_nothing_from_an_owner_s_share() {
    let node = limited("updates-per-session", "1/1h").await;
    let (alice, mallory) = (node.owner("alice").await, node.owner("mallory").await);
    creates(&alice, "chart").await.is(201);
    for _ in 0..5 {
        let body = json!({ "args": { "value": 9 } });
        mallory.asks(Method::PUT, &alice.session("chart"), &body).await.is(403);
        node.anyone().asks(Method::PUT, &alice.session("chart"), &body).await.is(401);
    }
    alice.puts("chart", json!({ "value": 2 })).await;
}

#[tokio::test]
async fn updates_are_counted_by_session_and_by_whoever_makes_them() {
    for (limit, owned, public) in [
        ("updates-per-session", [true, false], [true, false]),
        ("updates-per-user", [true, true], [false, false]),
        ("updates-per-address", [false, false], [true, true]),
    ] {
        let node = limited(limit, "2/1h").await;
        for (who, [first, second]) in [(node.owner("alice").await, owned), (node.anyone(), public)]
        {
            creates(&who, "a").await.is(201);
            creates(&who, "b").await.is(201);
            let before = who.puts("a", json!({ "value": 2 })).await;
            who.patches("a", json!({ "value": 3 })).await;
            for (id, refused) in [("a", first), ("b", second)] {
                let put = who.changes(id, &json!({ "args": { "value": 4 } })).await;
                let patch = who.merges(id, &json!({ "value": 5 })).await;
                assert_eq!(put.status == 429, refused, "{limit} {id}");
                if refused {
                    refuses(&put, limit);
                    refuses(&patch, limit);
                    assert_ne!(who.reads(id).await.args["value"], 4);
                    assert_ne!(who.reads(id).await.args["value"], 5);
                }
            }
            assert_eq!(
                who.reads("a").await.summary.revision.split('-').next().unwrap(),
                before.epoch.to_string()
            );
        }
    }
}

#[tokio::test]
async fn pictures_for_one_alone_are_counted() {
    let node = limited("renders-per-address", "2/1h").await;
    node.anyone().draws("chart", LABEL, json!({ "value": 1 })).await;
    let render = async || {
        let body = json!({ "template": LABEL, "args": { "value": 1 } });
        node.send(node.request(Method::POST, "/api/render").json(&body)).await
    };
    render().await.is(200);
    let tag = node.get("/stream/chart.png").await.is(200).header("etag").to_owned();
    refuses(&render().await, "renders-per-address");
    refuses(&node.get("/stream/chart.png").await, "renders-per-address");
    // What is there already costs nothing.
    let known = node.request(Method::GET, "/stream/chart.png").header("if-none-match", tag);
    node.send(known).await.is(304);
    node.get("/stream/chart.svg").await.is(200);
    node.viewer("chart").await;
}

#[tokio::test]
async fn what_is_off_is_off() {
    let node = limited("renders-per-address", "0").await;
    let alice = node.owner("alice").await;
    creates(&alice, "chart").await.is(201);
    let answer = alice.changes("chart", &json!({ "args": { "value": 2 } })).await.is(204);
    assert_eq!(answer.find_header("ratelimit"), None);
    assert_eq!(answer.find_header("ratelimit-policy"), None);
}

#[tokio::test]
async fn a_flood_does_not_flood_the_log() {
    let node = Process::start(&["--requests-per-address", "5/1h"]).await;
    for n in 0..100 {
        node.get("/api/templates").await.is(if n < 5 { 200 } else { 429 });
    }
    assert_eq!(node.metric("easel_refusals_total{limit=\"requests-per-address\"}").await, 95);
    node.running().signal("TERM");
    let (_, log) = node.has_ended().await;
    let lines: Vec<_> = log.lines().filter(|line| line.contains("a limit was reached")).collect();
    assert_eq!(lines.len(), 1, "{log}");
    assert!(lines[0].contains("WARN") && lines[0].contains("address 127.0.0.1"), "{}", lines[0]);
}
