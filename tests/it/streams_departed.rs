//! Streams that have left the library which read their requests: whatever a client does on that
//! connection, it gets one answer, and no other viewer notices.

use std::collections::BTreeSet;

use serde_json::json;
use tests::{COUNTER, Door, Node, Setup, number, still_clock, wait};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// A client that writes HTTP by hand.
struct Client {
    connection: TcpStream,
    read: Vec<u8>,
}

impl Client {
    async fn says(door: &Door, text: &str) -> Self {
        let address = door.base().strip_prefix("http://").unwrap();
        let mut connection = TcpStream::connect(address).await.unwrap();
        connection.write_all(text.as_bytes()).await.unwrap();
        Self { connection, read: Vec::new() }
    }

    /// Reads until `text` has come.
    async fn reads(&mut self, text: &str) -> String {
        loop {
            let read = String::from_utf8_lossy(&self.read).into_owned();
            if read.contains(text) {
                return read;
            }
            let more = self.connection.read_buf(&mut self.read);
            let bytes = wait::soon(text, more).await.unwrap();
            assert_ne!(bytes, 0, "the connection ends without {text}: {read}");
        }
    }

    /// Reads until the server closes the connection.
    async fn reads_all(mut self) -> String {
        // A server that closes while a client still talks may reset the connection.
        drop(wait::soon("an end", self.connection.read_to_end(&mut self.read)).await);
        String::from_utf8_lossy(&self.read).into_owned()
    }
}

const WATCHES: &str = "GET /stream/alice/chart HTTP/1.1\r\nhost: x\r\n";

fn answers(read: &str) -> usize {
    read.matches("HTTP/1.1 ").count()
}

async fn node_with_a_chart() -> (Node, tests::Actor) {
    let node = Node::start().await;
    let owner = node.owner("alice").await;
    owner.draws("chart", COUNTER, json!({ "n": 0 })).await;
    (node, owner)
}

async fn is_deserted(door: &Door) {
    wait::until("an empty room", async || (door.metric("easel_viewers").await == 0).then_some(()))
        .await;
}

#[tokio::test]
async fn a_stream_has_the_same_head_wherever_it_is_written() {
    let (node, _) = node_with_a_chart().await;
    for accept in ["text/event-stream", "image/png"] {
        let mut heads = Vec::new();
        for door in [(*node).clone(), node.over_http2()] {
            let request = door.stream("alice/chart").header("accept", accept);
            let answer = wait::soon("a stream", request.send()).await.unwrap();
            assert_eq!(answer.status(), 200);
            let names = answer.headers().keys().map(|name| name.as_str().to_owned());
            heads.push(names.collect::<BTreeSet<_>>());
        }
        let [departed, stayed] = &heads[..] else { panic!("two heads") };
        let only: Vec<_> = departed.symmetric_difference(stayed).collect();
        assert_eq!(only, ["connection", "transfer-encoding"]);
        assert!(departed.contains("date"));
    }
}

#[tokio::test]
async fn what_stands_behind_the_request_of_a_stream_is_not_answered() {
    let (node, owner) = node_with_a_chart().await;
    let smuggled = "POST /api/session HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n\
                    content-length: 46\r\n\r\n{\"session_id\":\"smuggled\",\"template\":\"<svg/>\"}\n";
    let length = smuggled.len();
    let mut clients = Vec::new();
    for request in [
        format!("{WATCHES}\r\n{smuggled}"),
        format!("{WATCHES}content-length: {length}\r\n\r\n{smuggled}"),
        format!("{WATCHES}content-length: 0\r\n\r\n{smuggled}"),
        format!("{WATCHES}transfer-encoding: chunked\r\n\r\n0\r\n\r\n{smuggled}"),
        format!(
            "{WATCHES}content-length: {length}\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n\
             {smuggled}"
        ),
        format!("{WATCHES}transfer-encoding: chunked\r\n\r\n{length:x}\r\n{smuggled}\r\n0\r\n\r\n"),
    ] {
        let mut client = Client::says(&node, &request).await;
        let head = client.reads("data-n=\"0\"").await.to_lowercase();
        assert!(head.contains("connection: close\r\n"), "{head}");
        clients.push(client);
    }
    // What contradicts itself is no request at all.
    for request in [
        format!("{WATCHES}content-length: 3\r\ncontent-length: 5\r\n\r\n{smuggled}"),
        format!("{WATCHES}transfer-encoding: chunked, identity\r\n\r\n{smuggled}"),
    ] {
        let read = Client::says(&node, &request).await.reads_all().await;
        assert!(read.starts_with("HTTP/1.1 400"), "{read}");
        assert_eq!(answers(&read), 1, "{read}");
    }
    owner.deletes("chart").await;
    for client in clients {
        let read = client.reads_all().await;
        assert_eq!(answers(&read), 1, "{read}");
        assert!(read.ends_with("{\"reason\":\"deleted\"}\n\n\r\n0\r\n\r\n"), "{read}");
    }
    node.get("/api/session/smuggled").await.is(404);
}

#[tokio::test]
async fn requests_before_that_of_a_stream_are_answered_whole() {
    let (node, owner) = node_with_a_chart().await;
    let first = "GET /api/openapi.json HTTP/1.1\r\nhost: x\r\n\r\n".repeat(8);
    let mut client = Client::says(&node, &format!("{first}{WATCHES}\r\n")).await;
    client.reads("data-n=\"0\"").await;
    owner.puts("chart", json!({ "n": 1 })).await;
    let read = client.reads("data-n=\"1\"").await;
    assert_eq!(answers(&read), 9);
    let document = node.get("/api/openapi.json").await.is(200).text().to_owned();
    assert_eq!(read.matches(&document).count(), 8, "each of them whole");
}

#[tokio::test]
async fn a_client_that_expects_to_be_asked_for_a_body_is_and_gets_its_stream() {
    let (node, _) = node_with_a_chart().await;
    let request = format!("{WATCHES}content-length: 2\r\nexpect: 100-continue\r\n\r\n");
    let mut client = Client::says(&node, &request).await;
    client.reads("data-n=\"0\"").await;
}

#[tokio::test]
async fn who_goes_is_noticed_however_they_go() {
    let (node, _) = node_with_a_chart().await;
    let mut clients = Vec::new();
    for _ in 0..3 {
        let mut client = Client::says(&node, &format!("{WATCHES}\r\n")).await;
        client.reads("data-n=\"0\"").await;
        clients.push(client);
    }
    assert_eq!(node.metric("easel_viewers").await, 3);
    let mut half_closed = clients.pop().unwrap();
    half_closed.connection.shutdown().await.unwrap();
    // Whoever says no more will hear no more, as with any request.
    assert_eq!(answers(&half_closed.reads_all().await), 1);
    let reset = clients.pop().unwrap();
    reset.connection.set_zero_linger().unwrap();
    drop(reset);
    drop(clients);
    is_deserted(&node).await;
}

#[tokio::test]
async fn who_talks_on_and_on_is_let_go() {
    let (node, _) = node_with_a_chart().await;
    let mut client = Client::says(&node, &format!("{WATCHES}\r\n")).await;
    client.reads("data-n=\"0\"").await;
    let talk = [b'x'; 4096];
    wait::until("a closed connection", async || {
        client.connection.write_all(&talk).await.is_err().then_some(())
    })
    .await;
    is_deserted(&node).await;
}

#[tokio::test]
async fn a_question_for_the_head_gets_no_more_and_the_connection_stays() {
    let (node, _) = node_with_a_chart().await;
    let head = WATCHES.replace("GET", "HEAD");
    let mut client = Client::says(&node, &format!("{head}\r\n{WATCHES}\r\n")).await;
    let read = client.reads("data-n=\"0\"").await;
    assert_eq!(answers(&read), 2);
    let (first, _) = read.split_once("\r\n\r\n").unwrap();
    assert!(first.to_lowercase().contains("content-type: text/event-stream"), "{first}");
    assert_eq!(read.matches("retry:").count(), 1);
}

#[tokio::test]
async fn a_client_of_http_1_0_gets_a_stream_without_chunks() {
    let (node, owner) = node_with_a_chart().await;
    let request = format!("{}\r\n", WATCHES.replace("HTTP/1.1", "HTTP/1.0"));
    let mut client = Client::says(&node, &request).await;
    let read = client.reads("data-n=\"0\"").await;
    assert!(!read.to_lowercase().contains("transfer-encoding"), "{read}");
    assert!(read.contains("\r\n\r\nretry: "), "{read}");
    owner.deletes("chart").await;
    assert!(client.reads_all().await.ends_with("{\"reason\":\"deleted\"}\n\n"));
}

#[tokio::test]
async fn a_client_that_knows_http2_gets_its_stream_whatever_its_first_bytes_look_like() {
    let (node, owner) = node_with_a_chart().await;
    // Methods that begin as HTTP/2 does, or with the same letter.
    for method in ["PROPFIND", "PR", "PUT", "P"] {
        let request = format!("{method} /health HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
        let read = Client::says(&node, &request).await.reads_all().await;
        assert!(read.starts_with("HTTP/1.1 405"), "{method}: {read}");
    }
    let mut viewer = node.over_http2().viewer("alice/chart").await;
    owner.puts("chart", json!({ "n": 1 })).await;
    viewer.sees("data-n=\"1\"").await;
}

/// A picture that does not fit into what the system keeps for a connection.
fn large() -> String {
    let filler = "<path d=\"M0 0\"/>".repeat(20_000);
    COUNTER.replace("</svg>", &format!("{filler}</svg>"))
}

#[tokio::test]
async fn a_slow_viewer_gets_what_is_newest_and_holds_up_nobody() {
    let node =
        Setup::default().set("max-body-bytes", "2000000").set("max-template-bytes", "1000000");
    let node = node.start().await;
    let owner = node.owner("alice").await;
    owner.draws("chart", &large(), json!({ "n": 0 })).await;
    let mut slow = Client::says(&node, &format!("{WATCHES}\r\n")).await;
    slow.reads("HTTP/1.1 200").await;
    let mut quick = node.viewer("alice/chart").await;
    for n in 1..=60 {
        owner.puts("chart", json!({ "n": n })).await;
        quick.sees(&format!("data-n=\"{n}\"")).await;
    }
    slow.reads("data-n=\"60\"").await;
    owner.deletes("chart").await;
    let read = slow.reads_all().await;
    let seen: Vec<_> =
        read.split("data: ").skip(1).filter(|data| data.starts_with("<svg")).collect();
    let seen: Vec<_> = seen.into_iter().map(number).collect();
    assert!(seen.is_sorted_by(|one, next| one < next), "{seen:?}");
    assert!(seen.len() < 60, "it skips: {seen:?}");
    assert!(read.contains("{\"reason\":\"deleted\"}"));
}

#[tokio::test]
async fn a_viewer_that_does_not_take_what_it_is_sent_is_let_go() {
    let clock = still_clock();
    let node =
        Setup::default().set("max-body-bytes", "2000000").set("max-template-bytes", "1000000");
    let node = node.clock(&clock).start().await;
    let owner = node.owner("alice").await;
    owner.draws("chart", &large(), json!({ "n": 0 })).await;
    let mut stuck = Client::says(&node, &format!("{WATCHES}\r\n")).await;
    stuck.reads("HTTP/1.1 200").await;
    // More than any buffer between the two takes.
    for n in 1..=40 {
        owner.puts("chart", json!({ "n": n })).await;
    }
    assert_eq!(node.metric("easel_viewers").await, 1);
    wait::as_time_passes(&clock, is_deserted(&node)).await;
}
