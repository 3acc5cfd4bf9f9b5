//! Restarts, clean ones and power cuts: what was acknowledged is there, and life goes on.

use common::{Revision, api::ErrorCode};
use futures_util::future::join_all;
use serde_json::{Value, json};
use std::{fs, os::unix::fs::PermissionsExt, path::Path};
use tests::{Actor, COUNTER, Door, LABEL, Node, Process, easel};

async fn kid(door: &Door) -> Value {
    door.get("/.well-known/jwks.json").await.is(200).json()["keys"][0]["kid"].clone()
}

#[tokio::test]
async fn a_restart_changes_nothing_that_anyone_could_notice() {
    let node = Node::start().await;
    let (owner, anyone) = (node.owner("alice").await, node.anyone());
    owner.draws("chart", LABEL, json!({ "value": 1 })).await;
    owner.puts("chart", json!({ "value": 2 })).await;
    let diary = json!({ "session_id": "diary", "template": LABEL, "args": { "value": 1 },
                        "visibility": "private", "ttl_seconds": 9999 });
    owner.creates(&diary).await.is(201);
    anyone.draws("board", LABEL, json!({ "value": 1 })).await;
    let before = (owner.reads("chart").await, owner.reads("diary").await, kid(&node).await);

    let node = node.restarts().await;
    let (owner, anyone) = (owner.at(&node), anyone.at(&node));
    let after = (owner.reads("chart").await, owner.reads("diary").await, kid(&node).await);
    let timeless = |mut session: common::api::Session| {
        assert!(session.summary.ttl > 3000);
        session.summary.ttl = 0;
        session
    };
    assert_eq!(timeless(before.0), timeless(after.0.clone()));
    assert_eq!(timeless(before.1), timeless(after.1));
    assert_eq!(before.2, after.2, "the same keys");
    anyone.reads("board").await;

    let mut viewer = node.viewer("alice/chart").await;
    viewer.sees(">2<").await;
    let current: Revision = after.0.summary.revision.parse().unwrap();
    let next = owner.puts("chart", json!({ "value": 3 })).await;
    assert_eq!(next, Revision { seq: current.seq + 1, ..current });
    viewer.sees(">3<").await;
    owner.deletes("chart").await;
    let again = owner.draws("chart", LABEL, json!({ "value": 4 })).await;
    assert!(again.epoch > next.epoch);
}

#[tokio::test]
async fn one_server_at_a_time_runs_on_a_data_directory() {
    let node = Process::start(&[]).await;
    let second = ["serve", "--data-dir", "store", "--listen", "127.0.0.1:0"];
    let second = [&second[..], &["--ops-listen", "127.0.0.1:0"]].concat();
    let said = easel(node.data().path(), &[], &second).await;
    assert!(said.fails(1).contains("another server is running on this data directory"));
    // The commands that need no viewers work beside it.
    easel(node.data().path(), &[], &["token", "alice", "--data-dir", "store"]).await.succeeds();
    node.crashes_and_restarts().await;
}

#[tokio::test]
async fn the_files_are_their_owners_alone() {
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let folder = tempfile::tempdir().unwrap();
    let token = ["token", "alice", "--data-dir", "store"];
    easel(folder.path(), &[], &token).await.succeeds();
    let store = folder.path().join("store");
    let database = store.join("easel.db");
    assert_eq!((mode(&store), mode(&database)), (0o700, 0o600));
    // As a copy from elsewhere may have it.
    fs::set_permissions(&database, fs::Permissions::from_mode(0o644)).unwrap();
    easel(folder.path(), &[], &token).await.succeeds();
    assert_eq!(mode(&database), 0o600);
}

#[tokio::test]
async fn lifetimes_go_on_while_nobody_is_there() {
    let clock = tests::still_clock();
    let node = Node::start_by(&clock).await;
    let owner = node.owner("alice").await;
    let short = json!({ "session_id": "short", "template": LABEL, "args": { "value": 1 },
                        "ttl_seconds": 60 });
    owner.creates(&short).await.is(201);
    owner.draws("long", LABEL, json!({ "value": 1 })).await;
    let setup = node.stops().await;
    clock.advance(std::time::Duration::from_secs(60));
    let node = setup.start().await;
    let owner = owner.at(&node);
    owner.get(&owner.session("short")).await.refuses(ErrorCode::SessionNotFound);
    assert_eq!(owner.reads("long").await.summary.ttl, 3540);
}

/// Writes on and on until the server is gone: the last revision that was acknowledged.
async fn writes_until_the_end(owner: Actor, id: &str) -> (Revision, u64) {
    let mut acknowledged = (owner.draws(id, COUNTER, json!({ "n": 0 })).await, 0);
    loop {
        let n = acknowledged.1 + 1;
        let request = owner.request(reqwest::Method::PUT, &owner.session(id));
        let Ok(answer) = request.json(&json!({ "args": { "n": n } })).send().await else {
            return acknowledged;
        };
        assert_eq!(answer.status(), 204);
        let etag = answer.headers()["etag"].to_str().unwrap().trim_matches('"').to_owned();
        acknowledged = (etag.parse().unwrap(), n);
    }
}

#[tokio::test]
async fn a_power_cut_loses_nothing_that_was_acknowledged() {
    let server = Process::start(&[]).await;
    let owner = server.owner("alice").await;
    let kid_before = kid(&server).await;
    let ids = ["a", "b", "c", "d"];
    let cut = async {
        // In the middle of it: every session has been written a few times.
        tests::wait::until("some writes", async || {
            let list = owner.lists().await.sessions;
            let written = |revision: &str| revision.parse::<Revision>().unwrap().seq > 5;
            let enough = list.len() == ids.len() && list.iter().all(|s| written(&s.revision));
            enough.then_some(())
        })
        .await;
        server.crashes_and_restarts().await
    };
    let writers = ids.map(|id| writes_until_the_end(owner.clone(), id));
    let (server, acknowledged) = tokio::join!(cut, join_all(writers));

    let owner = owner.at(&server);
    assert_eq!(kid(&server).await, kid_before, "the same keys, and the token still holds");
    for (id, (revision, n)) in ids.iter().zip(acknowledged) {
        let session = owner.reads(id).await;
        let stored: Revision = session.summary.revision.parse().unwrap();
        assert_eq!(stored.epoch, revision.epoch);
        // One write may have been stored whose answer never left.
        assert!((revision.seq..=revision.seq + 1).contains(&stored.seq), "{stored}, {revision}");
        assert_eq!(session.args["n"], n + stored.seq - revision.seq);
        let next = owner.puts(id, json!({ "n": 1000 })).await;
        assert_eq!(next, Revision { seq: stored.seq + 1, ..stored });
    }
}

#[tokio::test]
async fn the_data_is_its_owners_to_read() {
    use std::os::unix::fs::PermissionsExt;
    let server = Process::start(&[]).await;
    let file = server.data().path().join("store/easel.db");
    let mode = std::fs::metadata(file).unwrap().permissions().mode();
    assert_eq!(mode & 0o077, 0, "it holds private keys");
}
