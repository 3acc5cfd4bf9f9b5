//! `easel bench`: a crowd from a shell. What is measured is for people; here it matters that
//! everything was sent, seen and counted.

use futures_util::{StreamExt, stream::FuturesUnordered};
use serde_json::{Value, json};
use tests::{COUNTER, Node, Outcome, Process, Setup, easel};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::watch,
};

/// As little time as gives every bench something to count.
const SHORT: [&str; 6] = ["--duration", "300ms", "--warm-up", "100ms", "--settle", "1ms"];

/// Settings of a server that is to be measured.
const UNLIMITED: [&str; 4] =
    ["requests-per-address", "updates-per-session", "updates-per-user", "updates-per-address"];

async fn node() -> Node {
    let unlimited = |setup: Setup, setting: &&str| setup.set(setting, "off");
    UNLIMITED.iter().fold(Setup::default(), unlimited).start().await
}

async fn bench(server: &str, environment: &[(&str, &str)], args: &[&str]) -> Outcome {
    let directory = tempfile::tempdir().unwrap();
    let environment = [&[("EASEL_SERVER", server)], environment].concat();
    easel(directory.path(), &environment, &[&["bench"], &SHORT[..], args].concat()).await
}

/// The result of a bench for programs.
async fn result(server: &str, args: &[&str]) -> Value {
    let outcome = bench(server, &[], &[&["--json"], args].concat()).await;
    serde_json::from_str(outcome.succeeds()).unwrap()
}

/// Insists that `result` is one of `viewers` who all got to the end, and says of how many
/// updates and deliveries.
#[track_caller]
fn is_complete(result: &Value, viewers: u64) -> (u64, u64) {
    let nobody = json!({ "connected": viewers, "failed": 0, "lost": 0, "fault": null });
    assert_eq!(result["viewers"], nobody, "{result}");
    let deliveries = &result["deliveries"];
    assert_eq!(
        (&deliveries["missing"], &deliveries["backwards"]),
        (&json!(0), &json!(0)),
        "{result}"
    );
    let (sent, received) = (&result["updates"]["sent"], &deliveries["received"]);
    let (sent, received) = (sent.as_u64().unwrap(), received.as_u64().unwrap());
    assert!(sent > 0 && received > 0, "{result}");
    (sent, received)
}

/// Insists that `result` is one of a window, in which nobody misses anything.
#[track_caller]
fn nothing_is_skipped(result: &Value, viewers: u64, sessions: u64) {
    let (sent, received) = is_complete(result, viewers);
    assert_eq!(received, sent * viewers / sessions, "{result}");
    assert_eq!(result["deliveries"]["skipped"], 0, "{result}");
    assert_eq!(result["updates"]["stalls"], 0, "{result}");
    let (last, latency) = (&result["last_viewer_ms"], &result["latency_ms"]);
    assert_eq!(last["max"], latency["max"], "the slowest viewer is the last: {result}");
}

#[tokio::test]
async fn a_crowd_at_a_rate_sees_the_end_of_it() {
    let node = node().await;
    for form in ["sse", "multipart"] {
        let args = ["--viewers", "7", "--sessions", "2", "--rate", "20", "--format", form];
        let result = result(node.base(), &args).await;
        let (sent, received) = is_complete(&result, 7);
        // Four watch one session, and three the other; what a newer frame overtook was skipped.
        let skipped = result["deliveries"]["skipped"].as_u64().unwrap();
        assert!((3 * sent..=4 * sent).contains(&(received + skipped)), "{result}");
        assert_eq!((&result["format"], &result["coding"]), (&json!(form), &json!("identity")));
        let each = result["deliveries"]["bytes_each"].as_f64().unwrap();
        assert!((1_000.0..1_200.0).contains(&each), "{result}");
    }
}

#[tokio::test]
async fn a_crowd_in_a_window_misses_nothing() {
    let node = node().await;
    for (form, window) in [("sse", "1"), ("multipart", "1"), ("sse", "3")] {
        let args = ["--as-fast-as-seen", window, "--viewers", "6", "--sessions", "3"];
        let result = result(node.base(), &[&args, &["--format", form][..]].concat()).await;
        match window {
            "1" => nothing_is_skipped(&result, 6, 3),
            _ => drop(is_complete(&result, 6)),
        }
    }
}

#[tokio::test]
async fn sessions_of_a_user_are_gone_afterwards() {
    let node = node().await;
    let owner = node.owner("alice").await;
    let directory = tempfile::tempdir().unwrap();
    let template = directory.path().join("counter.svg.tera");
    std::fs::write(&template, COUNTER).unwrap();
    let template = ["--template", template.to_str().unwrap(), "--arg", "n"];
    let args = [&template[..], &["--viewers", "2", "--as-fast-as-seen"]].concat();
    let said = bench(node.base(), &[("EASEL_TOKEN", owner.token())], &args).await;
    let said = said.succeeds();
    assert!(
        said.contains("2 connected, 0 failed, 0 lost") && said.contains(" 0 skipped"),
        "{said}"
    );
    // One whose token the bench mints for itself.
    let said = bench(node.base(), &[], &["--viewers", "1", "--user", "alice"]).await;
    assert!(said.succeeds().contains("1 connected"), "{said:?}");
    assert!(owner.lists().await.sessions.is_empty());
}

#[tokio::test]
async fn viewers_can_come_from_several_addresses_and_only_hold_on() {
    let setup = Setup::default().set("viewers-per-address", "2");
    let node = setup.start().await;
    let args = ["--viewers", "6", "--source-addresses", "3", "--idle"];
    let held = result(node.base(), &args).await;
    assert_eq!(held["viewers"]["connected"], 6, "{held}");
    assert_eq!((&held["updates"]["sent"], &held["latency_ms"]["p50"]), (&json!(0), &Value::Null));
    let refused = result(node.base(), &["--viewers", "6", "--idle"]).await;
    assert_eq!(
        (&refused["viewers"]["connected"], &refused["viewers"]["failed"]),
        (&json!(2), &json!(4))
    );
    let fault = refused["viewers"]["fault"].as_str().unwrap();
    assert!(fault.contains("TOO_MANY_VIEWERS"), "{fault}");
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_server_is_measured_with_its_workers() {
    let server = Process::start(&["--updates-per-session", "off"]).await;
    let pid = server.running().id().to_string();
    let args = ["--viewers", "5", "--as-fast-as-seen", "--pid", &pid];
    let result = result(server.base(), &args).await;
    nothing_is_skipped(&result, 5, 1);
    let memory = server.running().memory();
    let measured = result["server"]["memory_bytes"].as_u64().unwrap();
    assert!(measured > memory / 2, "{measured} of {memory}");
    assert!(result["server"]["cpu_seconds"].as_f64().is_some(), "{result}");
    assert!(result["bench"]["cpu_seconds"].as_f64().is_some(), "{result}");
}

/// Easel itself, as a server that the bench does not know: it takes whole pictures, as
/// templates in which nothing changes.
#[tokio::test]
async fn another_server_is_measured_by_its_urls() {
    let node = node().await;
    let everyone = node.anyone();
    everyone.draws("board", COUNTER, json!({ "n": 1 })).await;
    let (stream, publish) = (node.url("/stream/board"), node.url("/api/session/board"));
    let urls = ["--stream-url", &stream, "--publish-url", &publish, "--publish-method", "PUT"];
    let how = [
        "--publish-body",
        "{\"template\": \"{json-data}\"}",
        "--header",
        "Content-Type: application/json",
        "--as-fast-as-seen",
        "--viewers",
        "4",
    ];
    let result = result(node.base(), &[&urls[..], &how].concat()).await;
    nothing_is_skipped(&result, 4, 1);
}

#[tokio::test]
async fn a_bench_that_cannot_be_says_why() {
    let limited = Setup::default().set("updates-per-session", "1/1h").start().await;
    let said = bench(limited.base(), &[], &["--viewers", "1", "--as-fast-as-seen"]).await;
    assert!(said.fails(1).contains("updates-per-session"), "{said:?}");
    let said = bench(limited.base(), &[], &["--viewers", "1", "--pid", "0"]).await;
    assert!(said.fails(1).contains("--pid"), "{said:?}");
    let said = bench("http://127.0.0.1:9", &[], &["--viewers", "1"]).await;
    assert!(said.fails(1).contains("127.0.0.1:9"), "{said:?}");
    for (args, word) in [
        (&["--viewers", "2", "--sessions", "3"][..], "--sessions"),
        (&["--rate", "0"], "--rate"),
        (&["--rate", "5", "--idle"], "--idle"),
        (&["--coding", "gzip", "--as-fast-as-seen", "2"], "window of 1"),
        (&["--stream-url", "http://127.0.0.1:9/"], "--publish-url"),
        (&["--header", "nonsense"], "Name: value"),
        (&["--server", "https://127.0.0.1:9", "--viewers", "1"], "http"),
    ] {
        let said = bench(limited.base(), &[], args).await;
        assert!(said.stderr.contains(word) && said.code != 0, "{args:?}: {said:?}");
    }
    let said = bench(limited.base(), &[], &["--viewers", "900000"]).await;
    assert!(said.fails(1).contains("ulimit"), "{said:?}");
}

/// A deflate block that compresses nothing, and the empty one that ends a flush (RFC 1951
/// §3.2.4).
fn block(text: &str) -> Vec<u8> {
    let length = u16::try_from(text.len()).unwrap();
    let lengths = [length.to_le_bytes(), (!length).to_le_bytes()].concat();
    [&[0], &lengths[..], text.as_bytes(), &[0, 0, 0, 0xff, 0xff]].concat()
}

fn chunk(bytes: &[u8]) -> Vec<u8> {
    [format!("{:x}\r\n", bytes.len()).as_bytes(), bytes, b"\r\n"].concat()
}

fn frame(number: u64) -> Vec<u8> {
    chunk(&block(&format!("id: 1-{number}\ndata: <svg data-bench=\"bench:{number:010}\"/>\n\n")))
}

/// One connection to a server that speaks of nothing but numbers, compressed.
async fn compresses(mut socket: TcpStream, newest: watch::Sender<u64>) {
    let mut news = newest.subscribe();
    let mut request = vec![0; 4096];
    while let Ok(length @ 1..) = socket.read(&mut request).await {
        let text = String::from_utf8_lossy(&request[..length]).into_owned();
        if text.starts_with("GET") {
            let opening = [b"\x1f\x8b\x08\0\0\0\0\0\0\xff", &block("retry: 2000\n\n")[..]].concat();
            let head =
                "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n";
            socket.write_all(&[head.as_bytes(), &chunk(&opening)].concat()).await.unwrap();
            loop {
                let number = *news.borrow_and_update();
                if socket.write_all(&frame(number)).await.is_err() || news.changed().await.is_err()
                {
                    return;
                }
            }
        }
        // The body of a request may come after its head.
        let Some((_, number)) = text.split_once("\"bench\":\"") else { continue };
        newest.send_replace(number[..10].parse().unwrap());
        socket.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await.unwrap();
    }
}

/// Of a compressed stream most viewers count frames without looking into them.
#[tokio::test]
async fn a_crowd_counts_compressed_frames() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let server = format!("http://{}", listener.local_addr().unwrap());
    let (newest, _) = watch::channel(0);
    let serves = async {
        let mut connections = FuturesUnordered::new();
        loop {
            tokio::select! {
                accepted = listener.accept() => {
                    connections.push(compresses(accepted.unwrap().0, newest.clone()));
                }
                Some(()) = connections.next() => {}
            }
        }
    };
    let benches = async {
        let args = ["--coding", "gzip", "--viewers", "70"];
        let window = result(&server, &[&args[..], &["--as-fast-as-seen"]].concat()).await;
        nothing_is_skipped(&window, 70, 1);
        let rate = result(&server, &[&args[..], &["--rate", "20"]].concat()).await;
        is_complete(&rate, 70);
    };
    tokio::select! {
        () = serves => {}
        () = benches => {}
    }
}
