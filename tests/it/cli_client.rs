//! `easel push` and `easel watch`: a server from a shell.

use reqwest::Method;
use serde_json::{Value, json};
use tests::{LABEL, Node, Process, Running, Setup, easel};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

#[tokio::test]
async fn a_shell_pushes_and_a_terminal_watches() {
    let node = Node::start().await;
    let owner = node.owner("alice").await;
    let first = owner.draws("chart", LABEL, json!({ "value": 1, "old": true })).await;
    let directory = tempfile::tempdir().unwrap();
    let environment = [("EASEL_TOKEN", owner.token()), ("EASEL_SERVER", node.base())];
    let watching = Running::start(
        directory.path(),
        &[("EASEL_SERVER", node.base())],
        &["watch", "alice/chart"],
    )
    .await;
    watching.writes(&first.to_string()).await;

    let args = ["push", "alice/chart", "value=42", "old=null", "text=a b=c", "list=[1, 2]"];
    let pushed = easel(directory.path(), &environment, &args).await;
    let args = Value::from(owner.reads("chart").await.args);
    assert_eq!(args, json!({ "value": 42, "text": "a b=c", "list": [1, 2] }));
    let revision = owner.reads("chart").await.summary.revision;
    assert!(pushed.succeeds().contains(&revision));
    let seen = watching.writes(&revision).await;
    assert!(seen.lines().last().unwrap().contains("bytes"), "{seen}");

    owner.deletes("chart").await;
    watching.writes("ended: deleted").await;
    assert_eq!(watching.has_ended().await.0, 0);
}

#[tokio::test]
async fn a_push_that_is_refused_says_why() {
    let node = Node::start().await;
    let owner = node.owner("alice").await;
    owner.draws("chart", LABEL, json!({ "value": 1 })).await;
    node.anyone().draws("board", LABEL, json!({ "value": 1 })).await;
    let directory = tempfile::tempdir().unwrap();
    let server = ("EASEL_SERVER", node.base());
    let push = async |environment: &[(&str, &str)], args: &[&str]| {
        easel(directory.path(), environment, &[&["push"], args].concat()).await
    };
    push(&[server], &["board", "value=2"]).await.succeeds();
    let said = push(&[server], &["alice/chart", "value=2"]).await;
    assert!(said.fails(1).contains("AUTH_REQUIRED"), "{said:?}");
    let token = ("EASEL_TOKEN", owner.token());
    let said = push(&[server, token], &["alice/missing", "value=2"]).await;
    assert!(said.fails(1).contains("SESSION_NOT_FOUND"), "{said:?}");
    let said = push(&[server, token], &["bob/chart", "value=2"]).await;
    assert!(said.fails(1).contains("FORBIDDEN"), "{said:?}");
    let said = push(&[server, token], &["alice/chart", "value=null"]).await;
    assert!(said.fails(1).contains("RENDER_FAILED"), "{said:?}");
    push(&[server, token], &["alice/chart", "value"]).await.fails(2);
    push(&[server, token], &["alice/chart", "=1"]).await.fails(2);
    push(&[server, token], &["alice/chart"]).await.fails(2);
    push(&[server, token], &["alice/a/b", "value=1"]).await.fails(2);
    let nobody = [("EASEL_SERVER", "http://127.0.0.1:9")];
    assert!(push(&nobody, &["board", "value=2"]).await.fails(1).contains("127.0.0.1:9"));
    assert_eq!(owner.reads("chart").await.args["value"], 1);
}

#[tokio::test]
async fn a_terminal_that_may_not_watch_is_told_so() {
    let node = Node::start().await;
    let directory = tempfile::tempdir().unwrap();
    let watch = async |session: &str| {
        let args = ["watch", session, "--server", node.base()];
        easel(directory.path(), &[], &args).await
    };
    assert!(watch("missing").await.fails(1).contains("SESSION_NOT_FOUND"));
    let owner = node.owner("alice").await;
    let body = json!({ "session_id": "diary", "template": LABEL, "args": { "value": 1 },
                       "visibility": "private" });
    owner.asks(Method::POST, &owner.space(), &body).await.is(201);
    assert!(watch("alice/diary").await.fails(1).contains("AUTH_REQUIRED"));
}

#[tokio::test]
async fn a_terminal_goes_on_after_a_restart() {
    // An address that no other test connects from, so that the port is still free afterwards.
    let flags = ["--listen", "127.0.0.3:0", "--drain-timeout", "1s"];
    let server = Process::start(&flags).await;
    let owner = server.owner("alice").await;
    owner.draws("chart", LABEL, json!({ "value": 1 })).await;
    let directory = tempfile::tempdir().unwrap();
    let args = ["watch", "alice/chart", "--server", server.base()];
    let watching = Running::start(directory.path(), &[], &args).await;
    watching.writes("-1 ").await;
    let listen = server.base().trim_start_matches("http://").to_owned();
    let data = server.data().clone();
    server.running().signal("TERM");
    watching.writes("trying again").await;
    assert_eq!(server.has_ended().await.0, 0);
    let server = Process::start_on(&data, &["--listen", &listen]).await;
    let revision = owner.at(&server).puts("chart", json!({ "value": 2 })).await;
    watching.writes(&revision.to_string()).await;
}

#[tokio::test]
async fn a_push_too_many_says_when_to_come_back() {
    let node = Setup::default().set("updates-per-address", "1/1h").start().await;
    node.anyone().draws("board", LABEL, json!({ "value": 1 })).await;
    let directory = tempfile::tempdir().unwrap();
    let server = [("EASEL_SERVER", node.base())];
    easel(directory.path(), &server, &["push", "board", "value=2"]).await.succeeds();
    let said = easel(directory.path(), &server, &["push", "board", "value=3"]).await;
    let said = said.fails(1);
    assert!(said.contains("RATE_LIMITED") && said.contains("try again in 3600 s"), "{said}");
}

/// A server that shows one picture, and then asks for patience.
#[tokio::test]
async fn a_terminal_that_is_refused_waits_as_long_as_it_is_told() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let server = format!("http://{}", listener.local_addr().unwrap());
    let answers = async {
        for answer in [
            "200 OK\r\ncontent-type: text/event-stream\r\n\r\nid: 7-1\ndata: <svg/>\n\n",
            "429 Too Many Requests\r\nretry-after: 3600\r\n\r\n",
        ] {
            let (mut socket, _) = listener.accept().await.unwrap();
            let mut request = [0; 4096];
            assert!(socket.read(&mut request).await.unwrap() > 0);
            let answer =
                format!("HTTP/1.1 {}", answer.replacen("\r\n", "\r\nconnection: close\r\n", 1));
            socket.write_all(answer.as_bytes()).await.unwrap();
        }
        std::future::pending::<()>().await;
    };
    let watches = async {
        let directory = tempfile::tempdir().unwrap();
        let args = ["watch", "alice/chart"];
        let watching = Running::start(directory.path(), &[("EASEL_SERVER", &server)], &args).await;
        watching.writes("7-1").await;
        watching.writes("429 Too Many Requests; trying again in 3600s").await;
    };
    tokio::select! {
        () = answers => {}
        () = watches => {}
    }
}
