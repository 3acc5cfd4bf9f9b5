//! Writes, cuts and restarts in any order: in the end all viewers and all nodes show what is
//! stored, and nobody ever went backwards.
//!
//! `NODES_CASES=200 cargo test --package tests --test it nodes_any_order` looks longer.

use std::{collections::BTreeMap, env};

use proptest::{
    prelude::*,
    test_runner::{Config, TestRunner},
};
use serde_json::json;
use tests::{Actor, COUNTER, Node, Redis, Viewer, Wire, number, wait};

use crate::nodes::over;

/// Nodes, each at the end of a wire of its own.
const NODES: usize = 3;

/// Orders that are tried with every test run.
const CASES: u32 = 5;

#[derive(Debug, Clone, Copy)]
enum Step {
    /// Someone writes by this node. Whether that succeeds depends on what came before.
    Write(usize),
    /// Someone begins to watch by this node, if it can be had.
    Watch(usize),
    /// The connections of this node to Redis end; it may connect again.
    Cut(usize),
    /// This node cannot reach Redis any more, or can again.
    Unplug(usize),
    Plug(usize),
    /// The node stops and starts again.
    Restart(usize),
    /// Every node loses its subscriptions.
    Silence,
    /// Redis stops for good, and comes back with what it has on disk.
    Crash,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let node = || 0..NODES;
    let step = prop_oneof![
        8 => node().prop_map(Step::Write),
        3 => node().prop_map(Step::Watch),
        2 => node().prop_map(Step::Cut),
        2 => node().prop_map(Step::Unplug),
        2 => node().prop_map(Step::Plug),
        1 => node().prop_map(Step::Restart),
        1 => Just(Step::Silence),
        1 => Just(Step::Crash),
    ];
    prop::collection::vec(step, 5..30)
}

/// A viewer that remembers what it saw last.
struct Watcher {
    viewer: Viewer,
    newest: Option<u64>,
}

impl Watcher {
    async fn sees_what_is_stored(&mut self, stored: u64) {
        while self.newest != Some(stored) {
            let shown = number(&self.viewer.sees_next().await.svg);
            assert!(self.newest <= Some(shown), "from {:?} back to {shown}", self.newest);
            self.newest = Some(shown);
        }
    }
}

struct Stage {
    redis: Redis,
    wires: Vec<Wire>,
    nodes: Vec<Option<Node>>,
    owner: Actor,
    watchers: BTreeMap<usize, Vec<Watcher>>,
    /// What was written last, and what of it was acknowledged last.
    written: u64,
    acknowledged: u64,
}

impl Stage {
    async fn new() -> Self {
        let redis = Redis::start_with(&["--appendonly", "yes", "--appendfsync", "always"]).await;
        let (mut wires, mut nodes) = (Vec::new(), Vec::new());
        for _ in 0..NODES {
            let wire = Wire::to(redis.address()).await;
            nodes.push(Some(over(&wire.url()).start().await));
            wires.push(wire);
        }
        let owner = nodes[0].as_ref().unwrap().owner("alice").await;
        owner.draws("chart", COUNTER, json!({ "n": 0 })).await;
        let mut stage = Self {
            redis,
            wires,
            nodes,
            owner,
            watchers: BTreeMap::new(),
            written: 0,
            acknowledged: 0,
        };
        for node in 0..NODES {
            stage.watch(node).await;
        }
        stage
    }

    fn node(&self, n: usize) -> &Node {
        self.nodes[n].as_ref().unwrap()
    }

    async fn watch(&mut self, n: usize) {
        let stream = self.node(n).stream("alice/chart");
        match Viewer::tries_to_watch(stream).await {
            Ok(viewer) => {
                self.watchers.entry(n).or_default().push(Watcher { viewer, newest: None });
            }
            Err(refusal) => assert_eq!(refusal.unwrap().status, 503),
        }
    }

    async fn takes(&mut self, step: Step) {
        match step {
            Step::Write(n) => {
                self.written += 1;
                let change = json!({ "args": { "n": self.written } });
                let answer = self.owner.at(self.node(n)).changes("chart", &change).await;
                match answer.status {
                    204 => self.acknowledged = self.written,
                    status => assert_eq!(status, 503, "{}", answer.text()),
                }
            }
            Step::Watch(n) => self.watch(n).await,
            Step::Cut(n) => self.wires[n].cut(),
            Step::Unplug(n) => self.wires[n].refuse(),
            Step::Plug(n) => self.wires[n].accept(),
            Step::Restart(n) => {
                // A node does not start without Redis.
                self.wires[n].accept();
                self.watchers.remove(&n);
                let setup = self.nodes[n].take().unwrap().stops().await;
                self.nodes[n] = Some(setup.start().await);
                self.watch(n).await;
            }
            Step::Silence => {
                self.redis.command(&["CLIENT", "KILL", "TYPE", "pubsub"]).await;
            }
            Step::Crash => {
                self.redis.kills().await;
                self.redis.starts_again().await;
            }
        }
    }

    /// All is well again: what is stored is what everyone shows.
    async fn converges(mut self) {
        for wire in &self.wires {
            wire.accept();
        }
        let owner = self.owner.at(self.node(0));
        let stored = wait::until("a store that answers", async || {
            let answer = owner.get(&owner.session("chart")).await;
            (answer.status == 200).then(|| answer.json()["args"]["n"].as_u64().unwrap())
        })
        .await;
        // What was not acknowledged may have been stored all the same; nothing else may.
        assert!((self.acknowledged..=self.written).contains(&stored), "{stored}");
        for n in 0..NODES {
            let node = self.nodes[n].as_ref().unwrap();
            wait::until("a node that shows what is stored", async || {
                let shown = node.get("/stream/alice/chart.svg").await;
                (shown.status == 200 && number(shown.text()) == stored).then_some(())
            })
            .await;
        }
        for watcher in self.watchers.values_mut().flatten() {
            let seeing = watcher.sees_what_is_stored(stored);
            wait::soon("a viewer that sees what is stored", seeing).await;
        }
    }
}

#[test]
fn all_end_on_what_is_stored_and_nobody_goes_backwards() {
    let cases = env::var("NODES_CASES").ok().and_then(|cases| cases.parse().ok());
    let config = Config {
        cases: cases.unwrap_or(CASES),
        failure_persistence: None,
        max_shrink_iters: 20,
        ..Config::default()
    };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let outcome = TestRunner::new(config).run(&steps(), |steps| {
        runtime.block_on(async {
            let mut stage = Stage::new().await;
            for step in &steps {
                stage.takes(*step).await;
            }
            stage.converges().await;
        });
        Ok(())
    });
    outcome.unwrap_or_else(|failure| panic!("{failure}"));
}
