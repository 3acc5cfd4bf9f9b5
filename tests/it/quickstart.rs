//! What the documents say to newcomers: every command of quickstart.md, the README's ten lines,
//! docs/private.md and docs/retries.md are run, in order, as they stand.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Stdio,
};

use serde_json::json;
use tempfile::TempDir;
use tests::{Door, Node, wait, workspace};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
};

/// The address that the documents speak of.
const DOCUMENTED: &str = "http://127.0.0.1:3000";

/// A fenced block of shell commands: what follows `sh` on its fence, and the commands.
struct Block {
    kind: String,
    commands: String,
}

fn blocks(file: &str) -> Vec<Block> {
    let text = fs::read_to_string(workspace().join(file)).unwrap();
    let fences = text.split("\n```sh").skip(1);
    fences
        .map(|rest| {
            let (kind, rest) = rest.split_once('\n').unwrap();
            let (commands, _) = rest.split_once("\n```").unwrap();
            Block { kind: kind.trim().to_owned(), commands: commands.to_owned() }
        })
        .collect()
}

/// A folder that looks like a clone in which the server was built.
fn clone() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("target")).unwrap();
    let built = tests::binary().parent().unwrap();
    std::os::unix::fs::symlink(built, folder.path().join("target/debug")).unwrap();
    folder
}

/// Runs commands as a newcomer's shell would, but stops at the first that fails.
async fn runs(folder: &Path, commands: &str, server: &str) -> String {
    let commands = format!("set -euo pipefail\n{}", commands.replace(DOCUMENTED, server));
    let run = Command::new("bash").args(["-c", &commands]).current_dir(folder).output();
    let output = wait::soon("the commands of a document", run).await.unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{commands}\n{said}");
    String::from_utf8(output.stdout).unwrap()
}

/// The commands of all blocks as one script. A stream is left at its first frame.
fn script(blocks: &[Block]) -> String {
    let commands = blocks.iter().map(|block| match block.kind.as_str() {
        "" => block.commands.clone(),
        "stream" => format!("{{ {} || true; }} | sed -n '/^data:/q'", block.commands),
        other => panic!("a block of a kind that nobody runs: {other}"),
    });
    commands.collect::<Vec<_>>().join("\n")
}

struct Server {
    door: Door,
    // Ended when it is dropped.
    _process: Child,
}

/// Runs the command that starts the server, as it stands, on free ports and its own data.
async fn starts(command: &str, data: &Path) -> Server {
    let mut process = Command::new("bash")
        .args(["-c", &format!("exec {}", command.trim())])
        .current_dir(workspace())
        .env("EASEL_LISTEN", "127.0.0.1:0")
        .env("EASEL_OPS_LISTEN", "127.0.0.1:0")
        .env("EASEL_DATA_DIR", data)
        // An idle stream notices within this time that its reader has gone.
        .env("EASEL_HEARTBEAT", "1s")
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(process.stderr.take().unwrap()).lines();
    // Without patience: it may have to build first.
    let ready = loop {
        let line = lines.next_line().await.unwrap().expect("the server starts");
        if line.contains("ready on http://") {
            break line;
        }
    };
    let (public, ops) = tests::ready(&ready).unwrap();
    Server { door: Door::new(public, ops), _process: process }
}

#[tokio::test]
async fn the_quickstart_works_to_the_letter() {
    let folder = clone();
    let mut blocks = blocks("quickstart.md");
    assert_eq!(blocks.remove(0).kind, "server");
    let server = starts("cargo easel", &folder.path().join("data")).await;
    let last = blocks.pop().unwrap();
    let said = runs(folder.path(), &script(&blocks), server.door.base()).await;
    assert!(said.contains("{\"user_id\":\"alice\",\"session_id\":\"load\"}"), "{said}");
    assert!(said.contains("\"alg\":\"RS256\""), "{said}");
    let read = |name: &str| fs::read(folder.path().join(name)).unwrap();
    assert!(String::from_utf8(read("load.svg")).unwrap().contains("Hello, Ada!"));
    assert!(read("load.png").starts_with(b"\x89PNG"));
    assert!(String::from_utf8(read("both.svg")).unwrap().contains("64"));
    let page = String::from_utf8(read("load.html")).unwrap();
    assert!(page.contains(&format!("<img src='{}/stream/alice/load'", server.door.base())));

    // The shell of the last block still knows who it is.
    let who = &blocks[0].commands;
    runs(folder.path(), &format!("{who}\n{}", last.commands), server.door.base()).await;
    server.door.get("/stream/alice/load.svg").await.is(404);
}

#[tokio::test]
async fn the_ten_lines_of_the_readme_draw_a_live_picture() {
    let node = Node::start().await;
    let blocks = blocks("README.md");
    let ten_lines = blocks.iter().find(|block| block.commands.starts_with("EASEL=")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    runs(folder.path(), &ten_lines.commands, node.base()).await;
    assert_eq!(node.owner("alice").await.reads("load").await.args, *json!({ "value": 42, "label": "CPU temperature", "unit": "°C", "min": 20, "max": 100, "warn": 75, "danger": 90 }).as_object().unwrap());
}

#[tokio::test]
async fn what_is_said_of_private_pictures_works_to_the_letter() {
    let node = Node::start().await;
    let folder = tempfile::tempdir().unwrap();
    runs(folder.path(), &script(&blocks("docs/private.md")), node.base()).await;
    let read = |name: &str| fs::read(folder.path().join(name)).unwrap();
    let owner = node.owner("alice").await;
    let drawn = owner.get("/stream/alice/diary.svg").await.is(200);
    assert_eq!(read("diary.svg"), drawn.body);
    assert!(read("diary.png").starts_with(b"\x89PNG"));
}

#[tokio::test]
async fn what_is_said_of_trying_again_works_to_the_letter() {
    let node = Node::start().await;
    let folder = tempfile::tempdir().unwrap();
    let said = runs(folder.path(), &script(&blocks("docs/retries.md")), node.base()).await;
    let sessions = node.owner("alice").await.lists().await.sessions;
    assert_eq!(sessions.len(), 1);
    assert_eq!(said.matches(&format!("\"{}\"", sessions[0].session_id)).count(), 3, "{said}");
}

#[tokio::test]
async fn the_picture_in_the_readme_is_what_the_server_draws() {
    let node = Node::start().await;
    node.owner("alice")
        .await
        .creates(&json!({ "session_id": "chart", "template_name": "bar-chart" }))
        .await
        .is(201);
    let drawn = node.get("/stream/alice/chart.svg").await.is(200);
    let shown: PathBuf = workspace().join("docs/bar-chart.svg");
    assert_eq!(drawn.text(), fs::read_to_string(shown).unwrap());
}
