//! Seats for viewers: as many as there are, and not one more.

use common::api::ErrorCode;
use reqwest::Method;
use serde_json::json;
use tests::{Door, LABEL, Setup, Viewer, wait};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

async fn draws(node: &Door, ids: &[&str]) {
    for id in ids {
        node.anyone().draws(id, LABEL, json!({ "value": 1 })).await;
    }
}

#[tokio::test]
async fn who_comes_too_late_is_told_and_comes_in_when_someone_leaves() {
    for (limit, code, others) in [
        ("viewers-per-session", ErrorCode::TooManyViewers, [true, true]),
        ("viewers-per-address", ErrorCode::TooManyViewers, [false, true]),
        ("viewers-per-node", ErrorCode::NodeFull, [false, false]),
    ] {
        let node = Setup::default().set(limit, "3").start().await;
        draws(&node, &["chart", "other"]).await;
        let mut events = node.viewer("chart").await;
        let picture = node.picture("chart").await;
        let _third = node.viewer("chart").await;
        for form in ["sse", "multipart"] {
            let answer = node.get(&format!("/stream/chart?as={form}")).await;
            let problem = answer.refuses(code);
            assert!(problem.detail.contains(limit), "{problem:?}");
            assert!(answer.header("retry-after").parse::<u64>().unwrap() > 0);
        }
        // Who does not stay needs no seat.
        for path in ["/stream/chart.svg", "/stream/chart.png", "/stream/chart?as=html"] {
            node.get(path).await.is(200);
        }
        node.send(node.request(Method::HEAD, "/stream/chart")).await.is(200);
        // Who sits elsewhere is in nobody's way.
        let [session, address] = others;
        let open = async |door: &Door, to: &str| door.stream(to).send().await.unwrap().status();
        assert_eq!(open(&node, "other").await == 200, session, "{limit}");
        let neighbour = node.from_address("127.0.0.2");
        let elsewhere = open(&neighbour, "other").await == 200;
        assert_eq!(elsewhere, address, "{limit}");
        // Who was refused disturbed nobody.
        node.anyone().puts("chart", json!({ "value": "new" })).await;
        events.sees("new").await;

        drop(picture);
        let freed = wait::until("a free seat", async || {
            let response = node.stream("chart").send().await.unwrap();
            (response.status() == 200).then_some(response)
        });
        let admitted = freed.await;
        node.get("/stream/chart?as=sse").await.refuses(code);
        drop(admitted);
        let name = format!("easel_refusals_total{{limit=\"{limit}\"}}");
        assert!(node.metric(&name).await >= 3);
    }
}

#[tokio::test]
async fn seats_are_free_again_however_a_connection_ends() {
    let node = Setup::default().set("viewers-per-session", "40").start().await;
    draws(&node, &["chart"]).await;
    let address = node.base().strip_prefix("http://").unwrap();
    for round in 0..3 {
        let mut crowd = Vec::new();
        for _ in 0..40 {
            let mut socket = TcpStream::connect(address).await.unwrap();
            socket.write_all(b"GET /stream/chart HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
            let mut status = [0; 12];
            wait::soon("a stream", socket.read_exact(&mut status)).await.unwrap();
            assert_eq!(&status, b"HTTP/1.1 200", "in round {round}");
            crowd.push(socket);
        }
        node.get("/stream/chart").await.refuses(ErrorCode::TooManyViewers);
        for socket in crowd {
            // Cut off, with a reset and no goodbye.
            socket.set_zero_linger().unwrap();
            drop(socket);
        }
        wait::until("an empty room", async || {
            (node.metric("easel_viewers").await == 0).then_some(())
        })
        .await;
    }
    let many = (0..40).map(|_| node.viewer("chart"));
    let many = futures_util::future::join_all(many).await;
    node.get("/stream/chart").await.refuses(ErrorCode::TooManyViewers);
    drop(many);
}

#[tokio::test]
async fn a_stream_that_ends_by_itself_gives_its_seat_back() {
    let node = Setup::default().set("viewers-per-address", "1").start().await;
    let owner = node.owner("alice").await;
    for round in 0..3 {
        owner.draws("chart", LABEL, json!({ "value": round })).await;
        let mut viewer = wait::soon("a seat", is_admitted_once(&node)).await;
        owner.deletes("chart").await;
        assert_eq!(viewer.sees_end().await, "deleted");
    }
}

async fn is_admitted_once(node: &Door) -> Viewer {
    wait::until("a seat", async || (node.metric("easel_viewers").await == 0).then_some(())).await;
    node.viewer("alice/chart").await
}
