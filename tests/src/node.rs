//! A server in this process, on free ports of the loopback address.

use std::{ops::Deref, sync::Arc};

use backend::{
    clock::{Clock, ManualClock, SystemClock},
    config::{Config, Flags, Raw},
    render::WorkerProgram,
    server::{self, Listeners, Server, ServerError, Stores},
};
use common::jwt::SigningKey;
use tempfile::TempDir;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::{Door, binary, wait};

/// How a node is to be. It can be started again on the same data.
#[derive(Debug, Clone)]
pub struct Setup {
    settings: Vec<(String, String)>,
    clock: Arc<dyn Clock>,
    data: Arc<TempDir>,
    key: Option<SigningKey>,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            settings: Vec::new(),
            clock: Arc::new(SystemClock),
            data: Arc::new(tempfile::tempdir().expect("a directory for the data")),
            key: None,
        }
    }
}

impl Setup {
    /// Changes a setting: a flag of the program without its dashes.
    pub fn set(mut self, key: &str, value: &str) -> Self {
        let variable = format!("EASEL_{}", key.to_ascii_uppercase().replace('-', "_"));
        self.settings.push((variable, value.to_owned()));
        self
    }

    /// Lives by this clock.
    pub fn clock(mut self, clock: &ManualClock) -> Self {
        self.clock = Arc::new(clock.clone());
        self
    }

    /// Signs with this key.
    pub fn key(mut self, key: &SigningKey) -> Self {
        self.key = Some(key.clone());
        self
    }

    /// The configuration of such a node.
    ///
    /// # Panics
    /// When it is not valid.
    pub fn config(&self) -> Config {
        let data = self.data.path().to_str().expect("a plain path");
        let fixed = [
            ("EASEL_LISTEN", "127.0.0.1:0"),
            ("EASEL_OPS_LISTEN", "127.0.0.1:0"),
            ("EASEL_DATA_DIR", data),
            // Stories are not about how long it takes to guess a password.
            ("EASEL_PASSWORD_MEMORY_BYTES", "8388608"),
            ("EASEL_PASSWORD_PASSES", "1"),
        ];
        let fixed = fixed.into_iter().map(|(name, value)| (name.into(), value.into()));
        let chosen = self.settings.iter().map(|(name, value)| (name.into(), value.into()));
        let raw = Raw::gather(&Flags::default(), fixed.chain(chosen), None).expect("settings");
        Config::new(&raw).unwrap_or_else(|error| panic!("{error}"))
    }

    /// Starts a node.
    ///
    /// # Panics
    /// When it does not start.
    pub async fn start(self) -> Node {
        let mut config = self.config();
        if let Some(key) = &self.key {
            let store = Stores::open(&config).await.expect("a store");
            let tokens = server::open_tokens(&config, &store, self.clock.clone()).await;
            tokens.expect("a keyring").keyring().import(key).await.expect("a keyring with the key");
            store.close().await;
        }
        let listeners = Listeners::bind(&mut config).await.expect("free ports");
        let public = listeners.public.local_addr().expect("an address");
        let ops = listeners.ops.local_addr().expect("an address");
        // No patience here: the first call may have to build the program that draws.
        let program = tokio::task::spawn_blocking(binary).await.expect("a binary");
        let worker = WorkerProgram(program.to_owned());
        let server = Server::new(config, self.clock.clone(), &worker).await.expect("a server");
        let stop = CancellationToken::new();
        let mut serving = JoinSet::new();
        let stopping = stop.clone().cancelled_owned();
        serving.spawn(server.serve(listeners, stopping, std::future::pending()));
        Node { door: Door::new(public, ops), setup: self, stop, serving }
    }
}

/// A running server. Dropping it ends it at once; see [`Node::stops`].
#[derive(Debug)]
pub struct Node {
    door: Door,
    setup: Setup,
    stop: CancellationToken,
    serving: JoinSet<Result<(), ServerError>>,
}

impl Deref for Node {
    type Target = Door;

    fn deref(&self) -> &Door {
        &self.door
    }
}

impl Node {
    /// Starts a node as it comes.
    pub async fn start() -> Self {
        Setup::default().start().await
    }

    /// Starts a node whose time only moves when `clock` is moved.
    pub async fn start_by(clock: &ManualClock) -> Self {
        Setup::default().clock(clock).start().await
    }

    /// Where its data is.
    pub fn data(&self) -> &std::path::Path {
        self.setup.data.path()
    }

    /// Asks the node to stop, as SIGTERM does, and does not wait for it.
    pub fn is_asked_to_stop(&self) {
        self.stop.cancel();
    }

    /// Stops the node as SIGTERM does, and waits for it.
    ///
    /// # Panics
    /// When it stops with an error.
    pub async fn stops(mut self) -> Setup {
        self.is_asked_to_stop();
        self.has_stopped().await;
        self.setup
    }

    /// Waits until the node has stopped.
    ///
    /// # Panics
    /// When it stops with an error.
    pub async fn has_stopped(&mut self) {
        let ended = wait::soon("the end of the node", self.serving.join_next()).await;
        ended.expect("it ran").expect("it does not panic").expect("it stops without an error");
    }

    /// Stops the node and starts it again on the same data.
    pub async fn restarts(self) -> Self {
        self.stops().await.start().await
    }
}
