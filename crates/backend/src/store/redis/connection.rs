//! One connection for everything that a node asks, and one for what it is told.

use std::{
    fmt,
    future::Future,
    str::FromStr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use common::SessionAddress;
use fred::{
    clients::{Client, WithOptions},
    error::{Error, ErrorKind},
    interfaces::ClientLike,
    types::{
        Builder, InfoKind, RespVersion,
        config::{Config, Options, ReconnectPolicy, ServerConfig, UnresponsiveConfig},
    },
};

use tokio::time::Instant;

use super::names::{Names, Prefix};

/// How long an answer may take. Whoever waits for longer is told to try again.
const PATIENCE: Duration = Duration::from_secs(2);

/// For how long nobody is kept waiting after an answer did not come.
const SPARED_FOR: Duration = Duration::from_secs(1);

/// How long a connection may say nothing while it owes an answer.
const UNRESPONSIVE_AFTER: Duration = Duration::from_secs(5);

/// How often a read is sent when connections end under it.
const ATTEMPTS: u32 = 3;

/// Milliseconds between attempts to connect: twice as many each time, from the first to the
/// second number, and up to the third more or less.
const BACK_OFF: (u32, u32, u32) = (50, 2_000, 100);

/// Where Redis is: `redis://`, `redis-sentinel://` or `redis-cluster://`, with `s` for TLS, and
/// `valkey` in place of `redis`. Shown without its password.
#[derive(Clone)]
pub struct RedisUrl(Arc<Config>, String);

impl FromStr for RedisUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut config = Config::from_url(text).map_err(|error| error.details().to_owned())?;
        // The subscriptions of a connection survive with their messages in order.
        config.version = RespVersion::RESP3;
        let mut url = url::Url::parse(text).map_err(|error| error.to_string())?;
        if url.password().is_some() {
            url.set_password(Some("***")).map_err(|()| "has a password and no host".to_owned())?;
        }
        url.set_query(None);
        Ok(Self(config.into(), url.to_string()))
    }
}

impl fmt::Display for RedisUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.1)
    }
}

impl fmt::Debug for RedisUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("RedisUrl").field(&self.1).finish()
    }
}

impl RedisUrl {
    fn is_cluster(&self) -> bool {
        matches!(self.0.server, ServerConfig::Clustered { .. })
    }

    fn client(&self) -> Result<Client, Error> {
        let (least, most, jitter) = BACK_OFF;
        let mut policy = ReconnectPolicy::new_exponential(0, least, most, 2);
        policy.set_jitter(jitter);
        let mut builder = Builder::from_config(Config::clone(&self.0));
        builder.set_policy(policy);
        builder.with_performance_config(|performance| {
            performance.default_command_timeout = PATIENCE;
            // What a subscriber does not keep up with is read again from the store.
            performance.broadcast_channel_capacity = 8_192;
        });
        builder.with_connection_config(|connection| {
            connection.connection_timeout = PATIENCE;
            connection.internal_command_timeout = PATIENCE;
            connection.max_command_attempts = ATTEMPTS;
            connection.tcp.nodelay = Some(true);
            connection.unresponsive = UnresponsiveConfig {
                max_timeout: Some(UNRESPONSIVE_AFTER),
                interval: Duration::from_secs(1),
            };
        });
        builder.build()
    }
}

/// A connection to Redis. It comes back by itself when it is lost; clones share it.
#[derive(Clone)]
pub struct RedisConnection {
    pub(crate) client: Client,
    pub(crate) names: Names,
    pub(crate) is_cluster: bool,
    database: u8,
    /// Until when nobody asks, because nobody answered.
    spared: Arc<Mutex<Option<Instant>>>,
}

impl fmt::Debug for RedisConnection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisConnection").field("names", &self.names).finish_non_exhaustive()
    }
}

impl RedisConnection {
    /// Connects.
    ///
    /// # Errors
    /// When nobody answers there.
    pub async fn open(url: &RedisUrl, prefix: &Prefix) -> Result<Self, Error> {
        let client = url.client()?;
        let is_cluster = url.is_cluster();
        match tokio::time::timeout(UNRESPONSIVE_AFTER, client.init()).await {
            Ok(connected) => connected?,
            Err(_) => return Err(Error::new(ErrorKind::Timeout, "no answer")),
        };
        let spared = Arc::default();
        let names = Names::new(prefix, is_cluster);
        let database = url.0.database.unwrap_or(0);
        Ok(Self { client, names, is_cluster, database, spared })
    }

    /// The channel of a session's news: its key, and the number of the database, which channels
    /// know nothing of.
    pub(crate) fn channel(&self, address: &SessionAddress) -> String {
        let name = self.names.session(address);
        match self.database {
            0 => name,
            database => format!("{name}@{database}"),
        }
    }

    /// Awaits an answer, unless nobody answered just now: then whoever asks is told at once, and
    /// not after all the patience there is.
    pub(crate) async fn answer<T>(
        &self,
        asked: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        // One of a cluster's servers may be silent while the others answer.
        if !self.is_cluster && self.spared().is_some_and(|until| Instant::now() < until) {
            return Err(Error::new(ErrorKind::IO, "it has not answered just now"));
        }
        let answer = asked.await;
        if let Err(error) = &answer
            && *error.kind() == ErrorKind::Timeout
        {
            *self.spared() = Some(Instant::now() + SPARED_FOR);
        }
        answer
    }

    fn spared(&self) -> MutexGuard<'_, Option<Instant>> {
        self.spared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Says what may make this server forget what it was told.
    pub async fn warn_of_eviction(&self) {
        let Ok(memory) = self.client.info::<String>(Some(InfoKind::Memory)).await else {
            return;
        };
        let policy = memory.lines().find_map(|line| line.strip_prefix("maxmemory_policy:"));
        if let Some(policy) = policy.filter(|policy| *policy != "noeviction") {
            tracing::warn!(
                "Redis may throw keys away when its memory is full (maxmemory-policy {policy}): \
                 sessions, or the keyring and with it every token, could be lost; set noeviction"
            );
        }
    }

    /// Closes it.
    pub async fn close(&self) {
        let _ = self.client.quit().await;
    }

    /// For what must not be done twice.
    pub(super) fn once(&self) -> WithOptions<Client> {
        self.client.with_options(&Options { max_attempts: Some(1), ..Options::default() })
    }
}
