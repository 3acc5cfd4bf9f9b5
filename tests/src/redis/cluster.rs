//! A Redis cluster.

use super::{Port, Redis, glance};
use crate::wait;

const MASTERS: usize = 3;
const SLOTS: usize = 16_384;

/// A cluster of three masters, with or without a replica of each. Dropping it ends it.
#[derive(Debug)]
pub struct RedisCluster {
    nodes: Vec<Redis>,
    _buses: Vec<Port>,
}

impl RedisCluster {
    /// Starts three masters, which share the slots evenly.
    ///
    /// # Panics
    /// When they do not become a cluster.
    pub async fn start() -> Self {
        Self::of(MASTERS).await
    }

    /// Starts three masters and three replicas: node 3 begins as the replica of node 0, node 4
    /// of node 1, and node 5 of node 2. A replica takes over a second or two after its master
    /// is gone.
    ///
    /// # Panics
    /// When they do not become a cluster.
    pub async fn with_replicas() -> Self {
        Self::of(2 * MASTERS).await
    }

    async fn of(size: usize) -> Self {
        let buses: Vec<_> = (0..size).map(|_| Port::free()).collect();
        let nodes: Vec<_> = buses.iter().map(node).collect();
        for node in &nodes {
            node.answers().await;
        }
        let (masters, replicas) = nodes.split_at(MASTERS);
        for (index, master) in masters.iter().enumerate() {
            let first = (index * SLOTS / MASTERS).to_string();
            let last = ((index + 1) * SLOTS / MASTERS - 1).to_string();
            master.command(&["CLUSTER", "ADDSLOTSRANGE", &first, &last]).await;
            // As if they had voted: equal epochs would be sorted out later, with a delay.
            let epoch = (index + 1).to_string();
            master.command(&["CLUSTER", "SET-CONFIG-EPOCH", &epoch]).await;
        }
        for (node, bus) in nodes.iter().zip(&buses).skip(1) {
            let meet = ["CLUSTER", "MEET", "127.0.0.1", &node.port.number(), &bus.number()];
            nodes[0].command(&meet).await;
        }
        for (master, replica) in masters.iter().zip(replicas) {
            let id = master.command(&["CLUSTER", "MYID"]).await;
            // It is refused until the replica has heard of its master.
            let replicate = ["CLUSTER", "REPLICATE", &id];
            let heard = async || glance(replica.address(), &replicate).await;
            wait::until("a replica that knows its master", heard).await;
        }
        let cluster = Self { nodes, _buses: buses };
        cluster.settles_with(size - MASTERS).await;
        cluster
    }

    /// All nodes: the masters of the beginning first.
    pub fn nodes(&self) -> &[Redis] {
        &self.nodes
    }

    /// Where the nodes listen, for clients.
    pub fn url(&self) -> String {
        let others = self.nodes[1..].iter().map(|node| format!("node={}", node.address()));
        let others: Vec<_> = others.collect();
        format!("redis-cluster://{}?{}", self.nodes[0].address(), others.join("&"))
    }

    /// The index of the node that owns a key. Waits until the nodes that answer agree on one
    /// that answers as well: after the loss of a master, until its replica has taken over.
    ///
    /// # Panics
    /// When they never do.
    pub async fn master_of(&self, key: &str) -> usize {
        wait::until("a master", async || {
            let mut named = None;
            for node in &self.nodes {
                let Some(list) = glance(node.address(), &["CLUSTER", "NODES"]).await else {
                    continue;
                };
                let slot = glance(node.address(), &["CLUSTER", "KEYSLOT", key]).await?;
                let slot = slot.parse().expect("a slot");
                let owner = list.lines().map(Seen::read).find(|seen| seen.owns(slot))?.port;
                if named.replace(owner).is_some_and(|other| other != owner) {
                    return None;
                }
            }
            let owner = self.nodes.iter().position(|node| Some(node.address().port()) == named)?;
            glance(self.nodes[owner].address(), &["PING"]).await.map(|_| owner)
        })
        .await
    }

    /// How often the nodes that run have run a command since they started.
    ///
    /// # Panics
    /// When one of them does not answer.
    pub async fn calls_of(&self, command: &str) -> u64 {
        let mut calls = 0;
        for node in self.nodes.iter().filter(|node| node.runs()) {
            calls += node.calls_of(command).await;
        }
        calls
    }

    /// Waits until the nodes that answer take keys of every slot, know that those that do not
    /// answer have failed, and have copied what they replicate.
    ///
    /// # Panics
    /// When that never is so, as after the loss of a master that has no replica.
    pub async fn settles(&self) {
        self.settles_with(0).await;
    }

    /// The same, with at least as many replicas.
    async fn settles_with(&self, replicas: usize) {
        wait::until("a settled cluster", async || {
            let mut away = Vec::new();
            for node in &self.nodes {
                if glance(node.address(), &["PING"]).await.is_none() {
                    away.push(node.address().port());
                }
            }
            for node in &self.nodes {
                if away.contains(&node.address().port()) {
                    continue;
                }
                let state = glance(node.address(), &["CLUSTER", "INFO"]).await?;
                let link = glance(node.address(), &["INFO", "replication"]).await?;
                let list = glance(node.address(), &["CLUSTER", "NODES"]).await?;
                let seen: Vec<_> = list.lines().map(Seen::read).collect();
                let settled = state.contains("cluster_state:ok")
                    && !link.contains("master_link_status:down")
                    && seen.len() == self.nodes.len()
                    && seen.iter().filter(|seen| seen.is("slave")).count() >= replicas
                    && seen.iter().all(|seen| seen.is_as_it_is(away.contains(&seen.port)));
                if !settled {
                    return None;
                }
            }
            (away.len() < self.nodes.len()).then_some(())
        })
        .await;
    }
}

fn node(bus: &Port) -> Redis {
    let bus = bus.number();
    let settings = [
        ["--cluster-enabled", "yes"],
        ["--cluster-port", &bus],
        ["--cluster-node-timeout", "1000"],
        ["--cluster-replica-validity-factor", "0"],
        ["--repl-diskless-sync-delay", "0"],
    ];
    Redis::launch(Port::free(), settings.as_flattened())
}

/// What a node says about a node.
#[derive(Debug)]
struct Seen<'a> {
    port: u16,
    flags: &'a str,
    connected: bool,
    slots: Vec<&'a str>,
}

impl<'a> Seen<'a> {
    /// Reads `<id> <ip>:<port>@<bus> <flags> <master> <ping> <pong> <epoch> <link> <slots>…`.
    fn read(line: &'a str) -> Self {
        let words: Vec<_> = line.split(' ').collect();
        let port = words[1].split([':', '@']).nth(1).and_then(|port| port.parse().ok());
        let port = port.expect("a port");
        let slots = words[8..].to_vec();
        Self { port, flags: words[2], connected: words[7] == "connected", slots }
    }

    fn is(&self, flag: &str) -> bool {
        self.flags.split(',').any(|one| one == flag)
    }

    fn owns(&self, slot: usize) -> bool {
        self.slots.iter().any(|range| {
            let (first, last) = range.split_once('-').unwrap_or((range, range));
            let (first, last) = (first.parse::<usize>(), last.parse::<usize>());
            first.is_ok_and(|first| first <= slot) && last.is_ok_and(|last| slot <= last)
        })
    }

    /// Whether a node that is away counts as failed, and one that is not as well.
    fn is_as_it_is(&self, away: bool) -> bool {
        let fine = self.connected && !["fail", "fail?", "handshake"].iter().any(|f| self.is(f));
        if away { self.is("fail") } else { fine }
    }
}
