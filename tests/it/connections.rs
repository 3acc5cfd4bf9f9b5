//! Connections that ask for nothing: they go, and keep nobody out meanwhile.

use std::time::Duration;

use common::api::ErrorCode;
use tests::{Door, Node, Setup, wait};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
};

const SHORT: &str = "300ms";

/// A connection from one of this machine's addresses.
async fn from(address: &str, door: &Door) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind((address.parse::<std::net::Ipv4Addr>().unwrap(), 0).into()).unwrap();
    let to = door.base().strip_prefix("http://").unwrap().parse().unwrap();
    socket.connect(to).await.unwrap()
}

/// Waits until the server ends the connection, and says what it said before.
async fn ended(mut connection: TcpStream) -> String {
    let mut said = Vec::new();
    // A server that cuts may reset, which ends the connection as well.
    drop(wait::soon("an end", connection.read_to_end(&mut said)).await);
    String::from_utf8(said).unwrap()
}

async fn asks(connection: &mut TcpStream) -> String {
    connection.write_all(b"GET /health HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    let mut answer = [0; 12];
    wait::soon("an answer", connection.read_exact(&mut answer)).await.unwrap();
    String::from_utf8(answer.to_vec()).unwrap()
}

#[tokio::test]
async fn who_does_not_ask_in_time_is_let_go() {
    let node = Setup::default().set("request-head-timeout", SHORT).start().await;
    for begun in ["", "G", "PRI * HTT", "GET / HTTP/1.1\r\nho"] {
        let mut connection = from("127.0.0.1", &node).await;
        connection.write_all(begun.as_bytes()).await.unwrap();
        let said = ended(connection).await;
        assert!(!said.starts_with("HTTP/1.1 2"), "{begun:?}: {said}");
    }
    // Nor does one stay that has asked, and never asks again.
    let mut connection = from("127.0.0.1", &node).await;
    assert_eq!(asks(&mut connection).await, "HTTP/1.1 200");
    ended(connection).await;
}

#[tokio::test]
async fn a_viewer_has_asked_and_stays() {
    let node = Setup::default().set("request-head-timeout", SHORT).start().await;
    let anyone = node.anyone();
    anyone.draws("chart", tests::LABEL, serde_json::json!({ "value": 1 })).await;
    let mut events = node.viewer("chart").await;
    let mut over_http2 = node.over_http2().viewer("chart").await;
    events.sees("1").await;
    over_http2.sees("1").await;
    // Longer than a head may take: a connection that was silent all the while has ended.
    ended(from("127.0.0.1", &node).await).await;
    anyone.puts("chart", serde_json::json!({ "value": 2 })).await;
    events.sees("2").await;
    over_http2.sees("2").await;
}

#[tokio::test]
async fn a_body_that_does_not_come_is_not_waited_for() {
    let node = Setup::default().set("request-body-timeout", SHORT).start().await;
    let mut connection = from("127.0.0.1", &node).await;
    let head = "POST /api/session HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n\
                content-length: 1000\r\n\r\n{";
    connection.write_all(head.as_bytes()).await.unwrap();
    let said = ended(connection).await;
    assert!(said.starts_with("HTTP/1.1 408"), "{said}");
    assert!(said.contains(ErrorCode::RequestTimeout.as_str()), "{said}");
}

#[tokio::test]
async fn one_address_does_not_take_every_connection() {
    let node = Setup::default()
        .set("connections-per-node", "8")
        .set("connections-per-address", "3")
        .start()
        .await;
    let mut crowd = Vec::new();
    for _ in 0..3 {
        let mut connection = from("127.0.0.2", &node).await;
        assert_eq!(asks(&mut connection).await, "HTTP/1.1 200");
        crowd.push(connection);
    }
    assert_eq!(ended(from("127.0.0.2", &node).await).await, "");
    let mut elsewhere = from("127.0.0.3", &node).await;
    assert_eq!(asks(&mut elsewhere).await, "HTTP/1.1 200");
    drop(crowd);
    let again = wait::until("a place that is free again", async || {
        let mut connection = from("127.0.0.2", &node).await;
        connection.write_all(b"GET /health HTTP/1.1\r\nhost: x\r\n\r\n").await.ok()?;
        let mut first = [0; 1];
        (connection.read(&mut first).await.ok()? > 0).then_some(connection)
    });
    again.await;
}

#[tokio::test]
async fn a_full_node_serves_again_when_connections_go() {
    let node: Node = Setup::default()
        .set("connections-per-node", "2")
        .set("request-head-timeout", SHORT)
        .start()
        .await;
    let crowd = [from("127.0.0.2", &node).await, from("127.0.0.3", &node).await];
    // Waits in the system's queue until the silent ones were let go.
    let mut waiting = from("127.0.0.4", &node).await;
    assert_eq!(asks(&mut waiting).await, "HTTP/1.1 200");
    for connection in crowd {
        ended(connection).await;
    }
    tokio::time::timeout(Duration::from_secs(60), node.stops()).await.unwrap();
}
