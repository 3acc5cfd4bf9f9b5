//! Real Redis servers on free ports: one alone, a cluster, and a master that sentinels watch.

mod client;
mod cluster;
mod sentinel;

use std::{
    fs,
    net::SocketAddr,
    process::{Child, Command},
    sync::{Mutex, MutexGuard, PoisonError},
};

use tempfile::TempDir;

use self::client::{ask, glance};
pub use self::{cluster::RedisCluster, sentinel::RedisSentinel};
use crate::{
    server::{self, LOG, Port},
    wait,
};

/// A Redis server of one's own. Dropping it ends it.
#[derive(Debug)]
pub struct Redis {
    port: Port,
    args: Vec<String>,
    data: TempDir,
    child: Mutex<Child>,
}

impl Redis {
    /// Starts a server that keeps nothing.
    ///
    /// # Panics
    /// When it does not start.
    pub async fn start() -> Self {
        Self::start_with(&[]).await
    }

    /// Starts a server with these settings added, such as `--appendonly yes`.
    ///
    /// # Panics
    /// When it does not start.
    pub async fn start_with(settings: &[&str]) -> Self {
        let redis = Self::launch(Port::free(), settings);
        redis.answers().await;
        redis
    }

    /// Starts a server, and does not wait for it.
    fn launch(port: Port, settings: &[&str]) -> Self {
        let number = port.number();
        let own = ["--port", &number, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"];
        let args = own.iter().chain(settings).map(|&arg| arg.to_owned()).collect();
        Self::launch_in(tempfile::tempdir().expect("a directory for the data"), port, args)
    }

    /// Starts a server with these arguments alone, and does not wait for it.
    fn launch_in(data: TempDir, port: Port, args: Vec<String>) -> Self {
        let child = Mutex::new(run(&data, &args));
        Self { port, args, data, child }
    }

    /// Waits until this very server answers, with all its data.
    async fn answers(&self) {
        let id = format!("process_id:{}\r", self.child().id());
        wait::until("a Redis server", async || {
            if !self.runs() {
                let log = fs::read_to_string(self.data.path().join(LOG));
                panic!("Redis does not start: {}", log.unwrap_or_default());
            }
            glance(self.address(), &["PING"]).await?;
            let info = glance(self.address(), &["INFO", "server"]).await?;
            info.contains(&id).then_some(())
        })
        .await;
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.port.address
    }

    /// Where it listens, for clients.
    pub fn url(&self) -> String {
        format!("redis://{}", self.address())
    }

    /// Sends it a command: the answer as text. The elements of an array are lines; nil is an
    /// empty text.
    ///
    /// # Panics
    /// When it answers with an error, or not at all.
    pub async fn command(&self, command: &[&str]) -> String {
        let what = command.join(" ");
        let answer = wait::soon(&what, ask(self.address(), command)).await;
        answer.unwrap_or_else(|error| panic!("{what}: {error}"))
    }

    /// Waits until its replica has everything that it has: what takes over after it is gone.
    ///
    /// # Panics
    /// When it has no replica.
    pub async fn is_replicated(&self) {
        wait::until("a replica that has everything", async || {
            let info = self.command(&["INFO", "replication"]).await;
            let own = info.lines().find_map(|line| line.strip_prefix("master_repl_offset:"))?;
            let replica = info.lines().find(|line| line.starts_with("slave0:"))?;
            replica.contains(&format!(",offset={},", own.trim())).then_some(())
        })
        .await;
    }

    /// How many commands it has run since it started, those of [`command`](Self::command)
    /// included; INFO, PING and CLIENT do not count.
    ///
    /// # Panics
    /// When it does not answer.
    pub async fn calls(&self) -> u64 {
        self.count(|name| !matches!(family(name), "info" | "ping" | "client")).await
    }

    /// How often it has run a command since it started: all of `config`, or `config|get` alone.
    ///
    /// # Panics
    /// When it does not answer.
    pub async fn calls_of(&self, command: &str) -> u64 {
        let command = command.to_ascii_lowercase();
        self.count(|name| name == command || family(name) == command).await
    }

    async fn count(&self, counts: impl Fn(&str) -> bool) -> u64 {
        // cmdstat_config|get:calls=1,usec=9,…
        let calls = |line: &str| {
            let (name, rest) = line.strip_prefix("cmdstat_")?.split_once(":calls=")?;
            let (calls, _) = rest.split_once(',')?;
            counts(name).then_some(calls.parse::<u64>().expect("a number of calls"))
        };
        self.command(&["INFO", "commandstats"]).await.lines().filter_map(calls).sum()
    }

    /// Stops it in the middle of what it does: connections stay open, and nothing answers.
    ///
    /// # Panics
    /// When it has ended.
    pub fn pause(&self) {
        self.signal("STOP");
    }

    /// Lets it go on after [`pause`](Self::pause).
    ///
    /// # Panics
    /// When it has ended.
    pub fn resume(&self) {
        self.signal("CONT");
    }

    /// Ends it in an orderly way.
    ///
    /// # Panics
    /// When it has ended already, or does not.
    pub async fn stops(&self) {
        self.signal("TERM");
        wait::until("the end of Redis", async || (!self.runs()).then_some(())).await;
    }

    /// Ends it as a power cut would.
    ///
    /// # Panics
    /// When it does not end.
    pub async fn kills(&self) {
        self.child().kill().expect("a child");
        wait::until("the end of Redis", async || (!self.runs()).then_some(())).await;
    }

    /// Starts it again where it was, with the settings and the data that it had.
    ///
    /// # Panics
    /// When it has not ended, or does not start.
    pub async fn starts_again(&self) {
        assert!(!self.runs(), "it runs already");
        *self.child() = run(&self.data, &self.args);
        self.answers().await;
    }

    /// Whether its process is there, paused or not.
    ///
    /// # Panics
    /// Never: the process is a child of this one.
    pub fn runs(&self) -> bool {
        self.child().try_wait().expect("a child").is_none()
    }

    fn signal(&self, name: &str) {
        assert!(self.runs(), "no process to send {name} to");
        let pid = self.child().id().to_string();
        let sent = Command::new("sh").args(["-c", "kill -s \"$0\" \"$1\"", name, &pid]).status();
        assert!(sent.expect("a shell").success(), "cannot send {name} to {pid}");
    }

    fn child(&self) -> MutexGuard<'_, Child> {
        self.child.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        // It may have ended by itself, and then there is nothing to do.
        let mut child = self.child();
        drop((child.kill(), child.wait()));
    }
}

/// The command that a subcommand belongs to.
fn family(name: &str) -> &str {
    name.split('|').next().unwrap_or(name)
}

/// Runs a server in a directory.
fn run(directory: &TempDir, args: &[String]) -> Child {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL", "redis-server"]).args(args);
    server::run(directory, command)
}
