//! A Redis master that sentinels watch.

use std::{fmt::Write, fs, net::SocketAddr};

use super::{Port, Redis, glance};
use crate::wait;

/// What the sentinels call the master.
const SERVICE: &str = "easel";
const SENTINELS: usize = 3;

/// How long a server may be silent before a sentinel takes it for dead, in milliseconds.
const DOWN_AFTER: &str = "700";

/// A sentinel looks around more often than it would, so that a replica takes over within seconds;
/// and if it was kept from running, it distrusts its clock for one second, not for thirty. One
/// that starts again is as slow as any.
///
/// PING-PERIOD has bounds. It is also the pause before a sentinel connects again: were it near
/// [`DOWN_AFTER`], a new master would be taken for dead before anyone had asked it. And a replica
/// is not chosen when it was last asked five of them ago, while a sentinel whose master is down
/// asks once a second.
const HASTE: [[&str; 2]; 6] = [
    ["SENTINEL", "DEBUG"],
    ["PING-PERIOD", "450"],
    ["INFO-PERIOD", "200"],
    ["ASK-PERIOD", "100"],
    ["PUBLISH-PERIOD", "200"],
    ["TILT-PERIOD", "1000"],
];

/// A master, a replica, and three sentinels that watch them. Dropping it ends all five. A server
/// that the sentinels make a replica closes its connections, as they want it.
#[derive(Debug)]
pub struct RedisSentinel {
    servers: [Redis; 2],
    sentinels: Vec<Redis>,
}

impl RedisSentinel {
    /// Starts all five, and waits until they know each other.
    ///
    /// # Panics
    /// When they do not.
    pub async fn start() -> Self {
        let server = || Redis::launch(Port::free(), &["--repl-diskless-sync-delay", "0"]);
        let servers = [server(), server()];
        for server in &servers {
            server.answers().await;
        }
        // Said once, and no setting: whoever starts again must learn its part from the sentinels.
        let [master, replica] = &servers;
        replica.command(&["REPLICAOF", "127.0.0.1", &master.port.number()]).await;
        wait::until("a replica", async || {
            let state = glance(replica.address(), &["INFO", "replication"]).await?;
            state.contains("master_link_status:up").then_some(())
        })
        .await;
        // Not before: whoever is slow to start would be taken for dead.
        let ports: Vec<_> = (0..SENTINELS).map(|_| Port::free()).collect();
        let settings: Vec<_> = (0..SENTINELS).map(|own| settings(&servers, &ports, own)).collect();
        let sentinels = ports.into_iter().zip(settings).map(sentinel).collect();
        let all = Self { servers, sentinels };
        for sentinel in &all.sentinels {
            sentinel.answers().await;
            sentinel.command(HASTE.as_flattened()).await;
        }
        for sentinel in &all.sentinels {
            wait::until("a sentinel that is ready", async || {
                let quorum = ["SENTINEL", "CKQUORUM", SERVICE];
                let quorum = glance(sentinel.address(), &quorum).await?;
                let replicas = ["SENTINEL", "REPLICAS", SERVICE];
                let replicas = glance(sentinel.address(), &replicas).await?;
                let ready = quorum.starts_with("OK 3 ")
                    && replicas.contains("flags\nslave\n")
                    && replicas.contains("master-link-status\nok\n");
                ready.then_some(())
            })
            .await;
        }
        all
    }

    /// Where the sentinels listen, for clients.
    pub fn url(&self) -> String {
        let others = self.sentinels[1..].iter().map(|node| format!("node={}", node.address()));
        let others: Vec<_> = others.collect();
        let (first, others) = (self.sentinels[0].address(), others.join("&"));
        format!("redis-sentinel://{first}?{others}&sentinelServiceName={SERVICE}")
    }

    /// The sentinels.
    pub fn sentinels(&self) -> &[Redis] {
        &self.sentinels
    }

    /// The server that began as the master.
    pub fn first(&self) -> &Redis {
        &self.servers[0]
    }

    /// The server that began as the replica.
    pub fn replica(&self) -> &Redis {
        &self.servers[1]
    }

    /// The master. Waits until the sentinels that answer agree on a server that takes itself
    /// for one: after the loss of a master, until the replica has taken over.
    ///
    /// # Panics
    /// When they never do.
    pub async fn master(&self) -> SocketAddr {
        wait::until("a master", async || {
            let mut named = None;
            for sentinel in &self.sentinels {
                let ask = ["SENTINEL", "GET-MASTER-ADDR-BY-NAME", SERVICE];
                let Some(answer) = glance(sentinel.address(), &ask).await else { continue };
                if named.replace(answer.clone()).is_some_and(|other| other != answer) {
                    return None;
                }
            }
            let master = named?.replace('\n', ":").parse().ok()?;
            let role = glance(master, &["ROLE"]).await?;
            role.starts_with("master\n").then_some(master)
        })
        .await
    }

    /// Ends the master as a power cut would, and says where it was. The replica takes over some
    /// seconds later.
    ///
    /// # Panics
    /// When there is no master.
    pub async fn kills_master(&self) -> SocketAddr {
        let master = self.master().await;
        let server = self.servers.iter().find(|server| server.address() == master);
        server.expect("a server of ours").kills().await;
        master
    }
}

/// The settings of a sentinel. It could find the others by itself, but slowly.
fn settings(servers: &[Redis; 2], ports: &[Port], own: usize) -> String {
    let id = |index: usize| format!("{:040x}", index + 1);
    let [master, replica] = servers.each_ref().map(|server| server.port.number());
    let mut settings = format!(
        "port {}
        bind 127.0.0.1
        sentinel myid {}
        sentinel monitor {SERVICE} 127.0.0.1 {master} 2
        sentinel down-after-milliseconds {SERVICE} {DOWN_AFTER}
        sentinel failover-timeout {SERVICE} 2000
        sentinel known-replica {SERVICE} 127.0.0.1 {replica}\n",
        ports[own].number(),
        id(own),
    );
    for (index, port) in ports.iter().enumerate().filter(|(index, _)| *index != own) {
        let (port, id) = (port.number(), id(index));
        writeln!(settings, "sentinel known-sentinel {SERVICE} 127.0.0.1 {port} {id}")
            .expect("a text");
    }
    settings
}

fn sentinel((port, settings): (Port, String)) -> Redis {
    let data = tempfile::tempdir().expect("a directory for the data");
    // A file, as sentinels write down in it what they learn.
    fs::write(data.path().join("sentinel.conf"), settings).expect("the settings of a sentinel");
    Redis::launch_in(data, port, ["sentinel.conf", "--sentinel"].map(str::to_owned).to_vec())
}
