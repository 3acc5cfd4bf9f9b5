//! The database of accounts: SQLite where one node is enough, PostgreSQL where many share it.
//! Every statement is written once and runs on both; `connection.rs` says how steps of several
//! statements hold what they depend on.

mod accounts;
mod aftermath;
mod api_keys;
mod audit;
mod changes;
mod connection;
mod names;
mod outbox;
mod refresh;
mod registrations;
mod revocations;
mod sign_ins;
mod sweep;
mod url;

use std::{fmt, time::Duration};

use sqlx::{
    Connection, Executor, PgConnection,
    migrate::{Migrate, Migrator},
    postgres::{PgConnectOptions, PgPool, PgPoolOptions},
    sqlite::SqlitePool,
};

pub use self::url::{DatabaseUrl, InvalidDatabaseUrl};
use self::{
    connection::{Kind, SETTINGS, failed, unavailable, values},
    url::Place,
};
use super::{SqliteStore, StoreError, sqlite};

static MIGRATIONS: Migrator = sqlx::migrate!("src/store/database/migrations");

/// Beside those of the embedded sessions, which may be in the same file.
const MIGRATIONS_TABLE: &str = "account_migrations";

/// Held by whoever brings the tables up to date: the number of a lock that PostgreSQL gives to one
/// at a time, chosen at random.
const MIGRATIONS_LOCK: &str = "SELECT pg_advisory_xact_lock(6119857226351172913)";

/// How names are compared where byte by byte is not the default.
const BINARY: &str = "CREATE COLLATION IF NOT EXISTS \"BINARY\" FROM \"C\"";

/// Connections to PostgreSQL, and how long a request waits for one.
const CONNECTIONS: u32 = 16;
const CONNECT_WITHIN: Duration = Duration::from_secs(5);

/// How long it may take to bring the tables up to date, or to wait for another node that does.
const MIGRATE_WITHIN: Duration = Duration::from_secs(60);

/// How long a connection that was left in the middle of something has to say that it is well.
const RECOVER_WITHIN: Duration = Duration::from_secs(2);

/// Where accounts are kept.
#[derive(Clone)]
pub struct Database {
    kind: Kind,
    /// For people, without a password.
    place: String,
    /// Whether the connections are another store's, which closes them.
    is_beside: bool,
    migrations_applied: usize,
}

impl Database {
    /// Opens a database and brings its tables up to date. A file of SQLite is created if need be;
    /// of nodes that start at once over PostgreSQL, one does it and the others wait. No token that
    /// any node mints lives longer than `longest_token`: for so long, or as long as was said
    /// before, a revocation is kept where it is not known when the tokens end.
    ///
    /// # Errors
    /// When it cannot be reached, or a newer program has written it.
    pub async fn open(url: &DatabaseUrl, longest_token: Duration) -> Result<Self, StoreError> {
        let database = match url.place() {
            Place::Sqlite(file) => {
                let (writer, readers) = sqlite::pools(file).await?;
                Self::of_file(writer, readers).await?
            }
            Place::Postgres(options) => {
                let migrations_applied = migrate_postgres(options).await?;
                let (kind, place) = (Kind::Postgres(pool(options)), format!("postgres {url}"));
                Self { kind, place, is_beside: false, migrations_applied }
            }
        };
        database.remember(longest_token).await
    }

    /// Keeps accounts in the same file as the embedded sessions, over the same connections: only
    /// one may write.
    ///
    /// # Errors
    /// As for [`open`](Self::open).
    pub async fn beside(store: &SqliteStore, longest_token: Duration) -> Result<Self, StoreError> {
        let (writer, readers) = store.pools();
        let database = Self::of_file(writer, readers).await?;
        Self { is_beside: true, ..database }.remember(longest_token).await
    }

    async fn of_file(writer: SqlitePool, readers: SqlitePool) -> Result<Self, StoreError> {
        let migrations_applied = sqlite::migrate(&writer, &migrations()).await?;
        let place = format!("sqlite {}", writer.connect_options().get_filename().display());
        let kind = Kind::Sqlite { writer, readers };
        Ok(Self { kind, place, is_beside: false, migrations_applied })
    }

    /// Brings the tables of a database up to date and says how many migrations that took.
    ///
    /// # Errors
    /// As for [`open`](Self::open).
    pub async fn migrate(url: &DatabaseUrl) -> Result<usize, StoreError> {
        let database = Self::open(url, Duration::ZERO).await?;
        database.close().await;
        Ok(database.migrations_applied)
    }

    /// How many migrations it took to bring the tables up to date when this was opened.
    pub fn migrations_applied(&self) -> usize {
        self.migrations_applied
    }

    /// Closes all connections that are its own.
    pub async fn close(&self) {
        match &self.kind {
            _ if self.is_beside => {}
            Kind::Sqlite { writer, readers } => {
                readers.close().await;
                writer.close().await;
            }
            Kind::Postgres(pool) => pool.close().await,
        }
    }

    async fn remember(self, longest_token: Duration) -> Result<Self, StoreError> {
        const REMEMBER: &str = "UPDATE longest_token SET lifetime = $1 WHERE lifetime < $1";
        let micros = u64::try_from(longest_token.as_micros()).unwrap_or(u64::MAX);
        self.kind.write(REMEMBER, values![micros]).await?;
        Ok(self)
    }
}

/// What it is, and where.
impl fmt::Display for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.place)
    }
}

impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Database").field(&self.place).finish()
    }
}

fn pool(options: &PgConnectOptions) -> PgPool {
    PgPoolOptions::new()
        .max_connections(CONNECTIONS)
        .acquire_timeout(CONNECT_WITHIN)
        .after_connect(|connection, _| {
            Box::pin(async move { connection.execute(SETTINGS).await.map(drop) })
        })
        // Who gave up waiting for a server leaves a connection on which nothing may ever come.
        .after_release(|connection, _| {
            Box::pin(async move {
                let well = tokio::time::timeout(RECOVER_WITHIN, connection.ping()).await;
                well.map_err(|_| sqlx::Error::PoolTimedOut)?.map(|()| true)
            })
        })
        .connect_lazy_with(options.clone())
}

async fn migrate_postgres(options: &PgConnectOptions) -> Result<usize, StoreError> {
    let connected = tokio::time::timeout(CONNECT_WITHIN, PgConnection::connect_with(options));
    let connection = connected.await.map_err(|_| unavailable(Late::NoAnswer))?;
    let connection = connection.map_err(failed)?;
    let migrated = tokio::time::timeout(MIGRATE_WITHIN, migrate_over(connection));
    migrated.await.map_err(|_| unavailable(Late::NotUpToDate))?
}

/// All migrations are one step, which nobody else takes at the same time.
async fn migrate_over(mut connection: PgConnection) -> Result<usize, StoreError> {
    let mut transaction = connection.begin().await.map_err(failed)?;
    let within: &mut PgConnection = &mut transaction;
    for statement in ["SET LOCAL client_min_messages = 'warning'", MIGRATIONS_LOCK, BINARY] {
        within.execute(statement).await.map_err(failed)?;
    }
    within.ensure_migrations_table(MIGRATIONS_TABLE).await.map_err(sqlite::unfit)?;
    let before = within.list_applied_migrations(MIGRATIONS_TABLE).await.map_err(sqlite::unfit)?;
    migrations().run(&mut *within).await.map_err(sqlite::unfit)?;
    transaction.commit().await.map_err(failed)?;
    connection.close().await.map_err(failed)?;
    Ok(MIGRATIONS.iter().count() - before.len())
}

/// The lock of the library outlives a migration that fails; ours ends with the transaction.
fn migrations() -> Migrator {
    let mut migrations = Migrator::with_migrations(MIGRATIONS.iter().cloned().collect());
    migrations.dangerous_set_table_name(MIGRATIONS_TABLE);
    migrations.set_locking(false);
    migrations
}

/// What took too long.
#[derive(Debug, thiserror::Error)]
enum Late {
    #[error("no server answers within {} s", CONNECT_WITHIN.as_secs())]
    NoAnswer,
    #[error("the tables are not up to date after {} s", MIGRATE_WITHIN.as_secs())]
    NotUpToDate,
}
