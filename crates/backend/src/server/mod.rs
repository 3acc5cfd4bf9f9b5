//! The composition root: a configuration becomes stores, services and routers; nothing else
//! knows which store it is.

mod accounts;
mod stores;

use std::{fs::File, future::Future, io, net::SocketAddr, sync::Arc};

use common::api::Minting;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::{
    account::HashingFailed,
    bus::Bus,
    clock::Clock,
    config::{Config, RedisSettings},
    connections::{Doorway, open_files},
    delivery::Delivery,
    http::{self, App, Reference, ReferenceError},
    hub::Hub,
    idempotency::Idempotency,
    lifecycle::Lifecycle,
    limit::Limits,
    mail::MailError,
    metrics::Metrics,
    outbox::Outbox,
    render::{Renderer, WorkerProgram},
    session::Sessions,
    store::StoreError,
    ticket::Tickets,
    token::{Keyring, KeyringError, Revocations, Tokens},
};

pub use self::{
    accounts::{migrate, open_accounts},
    stores::Stores,
};

/// How long requests that are under way when all streams have ended may take to finish.
const FINISH_WITHIN: std::time::Duration = std::time::Duration::from_secs(3);

/// Why a server does not start, or stops.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// The store cannot be opened.
    #[error("{}: {source}", .file.display())]
    Store {
        /// Its file.
        file: std::path::PathBuf,
        /// Why.
        source: StoreError,
    },
    /// Redis cannot be reached.
    #[error("redis {url}: {source}")]
    Redis {
        /// Where.
        url: String,
        /// Why.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The database of accounts cannot be used.
    #[error("the database {url}: {source}")]
    Database {
        /// Which.
        url: String,
        /// Why.
        source: StoreError,
    },
    /// Passwords cannot be hashed.
    #[error("password-memory-bytes, password-passes: {0}")]
    Passwords(#[from] HashingFailed),
    /// Mail cannot be sent.
    #[error("mail: {0}")]
    Mail(#[from] MailError),
    /// Nobody can be told anything.
    #[error("webhooks: {0}")]
    Webhooks(#[from] reqwest::Error),
    /// Another server runs on the same data.
    #[error("{}: another server is running on this data directory", .0.display())]
    Taken(std::path::PathBuf),
    /// The keyring cannot be used.
    #[error("the keyring: {0}")]
    Keyring(#[from] KeyringError),
    /// Which tokens were revoked cannot be read.
    #[error("the revocations of tokens: {0}")]
    Revocations(#[source] StoreError),
    /// An address is taken or not ours.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// Which.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// The reference cannot be made.
    #[error(transparent)]
    Reference(#[from] ReferenceError),
    /// A listener or the data directory failed.
    #[error("{0}")]
    Serve(#[from] io::Error),
}

impl ServerError {
    fn redis(
        settings: &RedisSettings,
        source: impl std::error::Error + Send + Sync + 'static,
    ) -> Self {
        Self::Redis { url: settings.url.to_string(), source: Box::new(source) }
    }
}

/// A server that is ready to serve.
#[derive(Debug)]
pub struct Server {
    app: App,
    stores: Stores,
    bus: Arc<dyn Bus>,
    outbox: Option<Arc<Outbox>>,
    clock: Arc<dyn Clock>,
    lifecycle: Lifecycle,
    // Held as long as the server runs; the system lets go of it however that ends.
    _lock: Option<File>,
}

/// The sockets that a server serves on.
#[derive(Debug)]
pub struct Listeners {
    /// For everyone.
    pub public: TcpListener,
    /// For operators.
    pub ops: TcpListener,
}

impl Listeners {
    /// Takes the configured addresses. Where any free port was asked for, the configuration
    /// names from here on the one that was found: links lead there.
    ///
    /// # Errors
    /// Which address cannot be had, and why.
    pub async fn bind(config: &mut Config) -> Result<Self, ServerError> {
        let bind = async |address| {
            TcpListener::bind(address)
                .await
                .map_err(|source| ServerError::Listen { address, source })
        };
        let (public, ops) = (bind(config.listen).await?, bind(config.ops_listen).await?);
        (config.listen, config.ops_listen) = (public.local_addr()?, ops.local_addr()?);
        Ok(Self { public, ops })
    }
}

/// Opens the keyring of a store and makes it issue and verify tokens, but for those that were
/// revoked.
///
/// # Errors
/// [`ServerError::Keyring`] or [`ServerError::Revocations`].
pub async fn open_tokens(
    config: &Config,
    stores: &Stores,
    clock: Arc<dyn Clock>,
) -> Result<Tokens, ServerError> {
    let keyring = Keyring::open(stores.keyring.clone(), clock.clone(), &config.keys).await?;
    let revocations = Revocations::open(stores.revocations(), clock.clone()).await;
    let revocations = revocations.map_err(ServerError::Revocations)?;
    let names = config.token_names.clone();
    Ok(Tokens::new(Arc::new(keyring), revocations, names, config.token_lifetimes, clock))
}

/// The OpenAPI document that a server with this configuration serves.
///
/// # Errors
/// When it cannot be written as JSON, which a test makes sure it can.
pub fn openapi(config: &Config) -> serde_json::Result<serde_json::Value> {
    http::openapi(config)
}

impl Server {
    /// Opens the stores and wires the rooms together; listens nowhere yet. Pictures are drawn
    /// by processes of the `worker` program.
    ///
    /// # Errors
    /// When a store or the keyring cannot be used.
    pub async fn new(
        mut config: Config,
        clock: Arc<dyn Clock>,
        worker: &WorkerProgram,
    ) -> Result<Self, ServerError> {
        let stores = Stores::open(&config).await?;
        let lock = stores.lock()?;
        let tokens = open_tokens(&config, &stores, clock.clone()).await?;
        let metrics = Arc::new(Metrics::default());
        let lifecycle = Lifecycle::default();
        let bus = stores.bus(&lifecycle).await?;
        let hub = Hub::new(bus.clone(), clock.clone(), metrics.clone());
        let renderer =
            Renderer::new(config.render, worker, &lifecycle, clock.clone(), metrics.clone());
        let sessions = Sessions::new(
            stores.sessions.clone(),
            hub.clone(),
            renderer,
            clock.clone(),
            config.session_lifetimes,
            config.quotas,
            lifecycle.clone(),
        );
        let asked = config.limits.connections;
        config.limits.connections = asked.within(open_files());
        if config.limits.connections.per_node < asked.per_node {
            tracing::info!(
                "at most {} connections, since this process may not open more files",
                config.limits.connections.per_node
            );
        }
        let rates = stores.rates(&config.limits, &clock);
        let limits = Arc::new(Limits::new(&config.limits, rates, &clock, metrics.clone()));
        let (tokens, config) = (Arc::new(tokens), Arc::new(config));
        let tickets = Tickets::new(
            stores.tickets.clone(),
            tokens.clone(),
            clock.clone(),
            config.tickets_per_user,
        );
        let idempotency =
            Idempotency::new(stores.idempotency.clone(), clock.clone(), lifecycle.clone());
        let reference = Arc::new(Reference::new(&config)?);
        let (accounts, outbox) = match &stores.database {
            Some(database) => {
                let opened = accounts::open(
                    &config, database, &tokens, &sessions, &metrics, &clock, &lifecycle,
                )?;
                (Some(opened.0), Some(opened.1))
            }
            None => (None, None),
        };
        let app = App {
            sessions,
            tokens,
            accounts,
            tickets,
            idempotency,
            hub,
            limits,
            metrics,
            config,
            reference,
        };
        Ok(Self { app, stores, bus, outbox, clock, lifecycle, _lock: lock })
    }

    /// Serves until `stop` resolves, then ends streams one by one and returns when all is
    /// done, or at once when `cut` resolves.
    ///
    /// # Errors
    /// When a listener fails.
    pub async fn serve(
        self,
        listeners: Listeners,
        stop: impl Future<Output = ()> + Send,
        cut: impl Future<Output = ()> + Send,
    ) -> Result<(), ServerError> {
        let config = self.app.config.clone();
        self.announce(&listeners)?;
        self.lifecycle.spawn(self.app.hub.clone().beat(config.heartbeat));
        self.lifecycle.spawn(self.app.sessions.clone().expire());
        if self.stores.are_shared() {
            self.lifecycle.spawn(self.app.sessions.clone().follow());
        }
        self.lifecycle.spawn(self.app.tickets.clone().expire());
        self.lifecycle.spawn(self.app.idempotency.clone().expire());
        self.lifecycle.spawn(self.app.tokens.keyring().clone().follow());
        self.lifecycle.spawn(self.app.tokens.revocations().clone().follow());
        if let Some(accounts) = &self.app.accounts {
            self.lifecycle.spawn(accounts.clone().sweep());
        }
        if let Some(outbox) = &self.outbox {
            self.lifecycle.spawn(outbox.clone().run());
        }
        let finish = CancellationToken::new();
        let delivery = Delivery::new(&self.lifecycle);
        let mut serving = Box::pin(async {
            tokio::join!(
                self.doorway(listeners.public, &delivery)
                    .serve(http::public(self.app.clone()), &finish),
                self.doorway(listeners.ops, &delivery).serve(http::ops(self.app.clone()), &finish),
            )
        });
        let stopping = async {
            stop.await;
            tracing::info!("stopping: streams end within {:?}", config.drain_timeout);
            self.app.hub.drain(config.drain_timeout);
            tokio::select! {
                () = self.app.hub.deserted() => {}
                () = self.clock.sleep(config.drain_timeout) => {}
            }
        };
        tokio::select! {
            _ = &mut serving => {}
            () = cut => tracing::warn!("stopped without waiting"),
            () = stopping => {
                finish.cancel();
                if tokio::time::timeout(FINISH_WITHIN, serving).await.is_err() {
                    tracing::info!("some connections stayed open and were cut");
                }
            }
        }
        self.lifecycle.stop().await;
        self.bus.close().await;
        self.stores.close().await;
        tracing::info!("stopped");
        Ok(())
    }

    fn doorway(&self, listener: TcpListener, delivery: &Arc<Delivery>) -> Doorway {
        Doorway {
            listener,
            limits: self.app.limits.clone(),
            head_timeout: self.app.config.head_timeout,
            delivery: delivery.clone(),
            clock: self.clock.clone(),
            lifecycle: self.lifecycle.clone(),
        }
    }

    fn announce(&self, listeners: &Listeners) -> Result<(), ServerError> {
        let config = &self.app.config;
        let (public, ops) = (listeners.public.local_addr()?, listeners.ops.local_addr()?);
        let minting = match config.minting {
            Minting::Open => {
                "open (anyone who can reach this server can sign in as anyone who has no account)"
            }
            Minting::Accounts => "accounts",
        };
        if config.keys.master.is_none() && !config.listen.ip().is_loopback() {
            tracing::warn!(
                "private keys lie in the store as they are: set EASEL_MASTER_KEY, such as from \
                 `openssl rand -base64 32`, to seal them"
            );
        }
        tracing::info!(
            "ready on http://{public} (ops http://{ops}), store {}, minting {minting}",
            self.stores
        );
        Ok(())
    }
}
