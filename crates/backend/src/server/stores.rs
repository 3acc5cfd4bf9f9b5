//! Which stores there are: chosen once, from the configuration.

use std::{
    fs::{File, TryLockError},
    path::PathBuf,
    sync::Arc,
};

use super::ServerError;
use crate::{
    bus::{Bus, LocalBus, RedisBus},
    clock::Clock,
    config::{Config, RedisSettings},
    lifecycle::Lifecycle,
    limit::{LimitSettings, LocalRates, Rates, SharedRates},
    store::{
        Database, IdempotencyStore, KeyringStore, NoRevocations, RedisConnection, RedisStore,
        RevocationStore, SessionStore, SqliteStore, TicketStore,
    },
};

/// The stores that the configuration names.
#[derive(Debug)]
pub struct Stores {
    /// Keeps sessions.
    pub sessions: Arc<dyn SessionStore>,
    /// Keeps the keyring.
    pub keyring: Arc<dyn KeyringStore>,
    /// Keeps tickets.
    pub tickets: Arc<dyn TicketStore>,
    /// Keeps what may be asked for again.
    pub idempotency: Arc<dyn IdempotencyStore>,
    /// Keeps accounts, where there are any.
    pub database: Option<Database>,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    Embedded { store: SqliteStore, directory: PathBuf, file: PathBuf },
    Shared { store: RedisStore, redis: RedisConnection, settings: RedisSettings },
}

impl Stores {
    /// Opens them.
    ///
    /// # Errors
    /// [`ServerError::Store`] or [`ServerError::Redis`].
    pub async fn open(config: &Config) -> Result<Self, ServerError> {
        match &config.redis {
            None => Self::embedded(config).await,
            Some(settings) => Self::shared(config, settings).await,
        }
    }

    async fn embedded(config: &Config) -> Result<Self, ServerError> {
        let file = config.database_file();
        let store = SqliteStore::open(&file)
            .await
            .map_err(|source| ServerError::Store { file: file.clone(), source })?;
        let shared = Arc::new(store.clone());
        let directory = config.data_dir.clone();
        let database = match &config.database {
            // The file of the sessions has one writer, whoever names it.
            Some(url) if !url.is_file(&file) => database(config).await?,
            Some(_) | None => {
                let beside = Database::beside(&store, config.longest_token()).await;
                Some(beside.map_err(|source| ServerError::Store { file: file.clone(), source })?)
            }
        };
        Ok(Self {
            sessions: shared.clone(),
            keyring: shared.clone(),
            tickets: shared.clone(),
            idempotency: shared,
            database,
            kind: Kind::Embedded { store, directory, file },
        })
    }

    async fn shared(config: &Config, settings: &RedisSettings) -> Result<Self, ServerError> {
        let redis = RedisConnection::open(&settings.url, &settings.prefix).await;
        let redis = redis.map_err(|source| ServerError::redis(settings, source))?;
        redis.warn_of_eviction().await;
        let store = RedisStore::new(redis.clone());
        let shared = Arc::new(store.clone());
        Ok(Self {
            sessions: shared.clone(),
            keyring: shared.clone(),
            tickets: shared.clone(),
            idempotency: shared,
            database: database(config).await?,
            kind: Kind::Shared { store, redis, settings: settings.clone() },
        })
    }

    /// Makes sure that one server runs on a data directory: two would not tell each other's
    /// viewers of changes. Nodes that share a store do.
    pub(super) fn lock(&self) -> Result<Option<File>, ServerError> {
        let Kind::Embedded { directory, .. } = &self.kind else {
            return Ok(None);
        };
        let file = File::create(directory.join("easel.lock"))?;
        match file.try_lock() {
            Ok(()) => Ok(Some(file)),
            Err(TryLockError::WouldBlock) => Err(ServerError::Taken(directory.clone())),
            Err(TryLockError::Error(error)) => Err(error.into()),
        }
    }

    /// Carries news to whoever shares these stores.
    pub(super) async fn bus(&self, lifecycle: &Lifecycle) -> Result<Arc<dyn Bus>, ServerError> {
        Ok(match &self.kind {
            Kind::Embedded { .. } => Arc::new(LocalBus),
            Kind::Shared { redis, settings, .. } => {
                let bus = RedisBus::open(redis, &settings.url, &settings.prefix, lifecycle).await;
                Arc::new(bus.map_err(|source| ServerError::redis(settings, source))?)
            }
        })
    }

    /// What ends tokens before their time.
    pub(super) fn revocations(&self) -> Arc<dyn RevocationStore> {
        match &self.database {
            Some(database) => Arc::new(database.clone()),
            None => Arc::new(NoRevocations),
        }
    }

    /// Whether other nodes may change what is in them.
    pub(super) fn are_shared(&self) -> bool {
        matches!(self.kind, Kind::Shared { .. })
    }

    /// Counts rates over whoever shares these stores.
    pub(super) fn rates(&self, limits: &LimitSettings, clock: &Arc<dyn Clock>) -> Box<dyn Rates> {
        match &self.kind {
            Kind::Embedded { .. } => Box::new(LocalRates::new(&limits.rates, clock)),
            Kind::Shared { store, .. } => {
                Box::new(SharedRates::new(Arc::new(store.clone()), &limits.rates, clock))
            }
        }
    }

    /// Closes them.
    pub async fn close(&self) {
        if let Some(database) = &self.database {
            database.close().await;
        }
        match &self.kind {
            Kind::Embedded { store, .. } => store.close().await,
            Kind::Shared { redis, .. } => redis.close().await,
        }
    }
}

/// The database of accounts that the configuration names, if it names one.
async fn database(config: &Config) -> Result<Option<Database>, ServerError> {
    let Some(url) = &config.database else { return Ok(None) };
    let opened = Database::open(url, config.longest_token()).await;
    let failed = |source| ServerError::Database { url: url.to_string(), source };
    opened.map(Some).map_err(failed)
}

impl std::fmt::Display for Stores {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.kind {
            Kind::Embedded { file, .. } => write!(f, "sqlite {}", file.display())?,
            Kind::Shared { settings, .. } => write!(f, "redis {}", settings.url)?,
        }
        match &self.database {
            Some(database) => write!(f, ", accounts {database}"),
            None => f.write_str(", accounts off (database-url is not set)"),
        }
    }
}
