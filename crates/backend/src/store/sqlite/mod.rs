//! The embedded store: one SQLite file in WAL mode.
//!
//! One connection writes, so writers wait for each other instead of failing; the others
//! read, undisturbed by it. `synchronous = FULL`: what was acknowledged survives the
//! machine's end, not only the process's.

mod idempotency;
mod keyring;
mod tickets;
mod updates;
mod usage;

use std::{
    fs,
    net::IpAddr,
    num::NonZeroU16,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt},
    path::Path,
    sync::Arc,
    time::Duration,
};

use async_trait::async_trait;
use common::{
    Revision, SessionAddress, SessionId, UserId,
    api::{Args, Visibility},
};
use sqlx::{
    Connection, Row, SqliteConnection,
    migrate::{Migrate, MigrateError, Migrator},
    sqlite::{
        SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteRow,
        SqliteSynchronous,
    },
};
use time::OffsetDateTime;
use tokio::time::Instant;

use self::{
    updates::Updates,
    usage::{Used, full, spaces},
};
use super::{
    Creation, Deletion, Drawing, ListPosition, ListedSession, Quotas, SessionStore, StoreError,
    StoredSession, Update,
};

pub(super) static MIGRATIONS: Migrator = sqlx::migrate!("src/store/migrations");

/// How long a connection waits for another process that writes: `easel token` beside a
/// running server.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// What SQLite says when another connection has the file (`SQLITE_BUSY`), and the pause until it is
/// asked again.
const BUSY: &str = "5";
const LOOK_AGAIN_AFTER: Duration = Duration::from_millis(10);

/// Connections that read.
const READERS: u32 = 4;

/// What has expired and is removed in one step, in rows, so that a great many do not hold up
/// writers.
const EXPIRED_AT_ONCE: i64 = 500;

/// The embedded store.
#[derive(Debug, Clone)]
pub struct SqliteStore {
    writer: SqlitePool,
    readers: SqlitePool,
    updates: Arc<Updates>,
}

impl SqliteStore {
    /// Opens the database, creating it and its directory if they do not exist, and brings
    /// its schema up to date. The file is readable by its owner only: it holds private keys.
    ///
    /// # Errors
    /// When the file cannot be created, opened or migrated.
    pub async fn open(file: &Path) -> Result<Self, StoreError> {
        let (writer, readers) = pools(file).await?;
        migrate(&writer, &MIGRATIONS).await?;
        Ok(Self { writer, readers, updates: Arc::default() })
    }

    /// Its connections: the one that writes, and those that read.
    pub(super) fn pools(&self) -> (SqlitePool, SqlitePool) {
        (self.writer.clone(), self.readers.clone())
    }

    /// Closes the file.
    pub async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
    }
}

/// One connection that writes and some that read, to a file that is created if need be.
pub(super) async fn pools(file: &Path) -> Result<(SqlitePool, SqlitePool), StoreError> {
    if let Some(directory) = file.parent() {
        let mut builder = fs::DirBuilder::new();
        builder.recursive(true).mode(0o700).create(directory).map_err(unavailable)?;
    }
    private_file(file).map_err(unavailable)?;
    let options = SqliteConnectOptions::new()
        .filename(file)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .busy_timeout(BUSY_TIMEOUT)
        // Large updates would go through files outside of the data directory otherwise.
        .pragma("temp_store", "MEMORY");
    // A connection to a file is not lost while nobody looks, as one to a server is.
    let pool = SqlitePoolOptions::new().test_before_acquire(false);
    let writer = pool.clone().max_connections(1).before_acquire(|connection, _| {
        // SQLite has undone a transaction that it could not commit, and the library goes on
        // counting it; the connection would take no other.
        let is_free = !connection.is_in_transaction();
        Box::pin(async move { Ok(is_free) })
    });
    let writer = connected(writer, options.clone()).await?;
    let readers = connected(pool.max_connections(READERS), options.read_only(true)).await?;
    Ok((writer, readers))
}

/// Connects, and waits for others that make the same file at the same time: what they change of
/// how it is written, SQLite does not wait for by itself.
async fn connected(
    pool: SqlitePoolOptions,
    options: SqliteConnectOptions,
) -> Result<SqlitePool, StoreError> {
    let until = Instant::now() + BUSY_TIMEOUT;
    loop {
        match pool.clone().connect_with(options.clone()).await {
            Err(sqlx::Error::Database(error))
                if error.code().as_deref() == Some(BUSY) && Instant::now() < until =>
            {
                tokio::time::sleep(LOOK_AGAIN_AFTER).await;
            }
            done => return done.map_err(unavailable),
        }
    }
}

/// Brings tables up to date and says how many migrations that took. All of them are one step, which
/// no other process takes at the same time.
pub(super) async fn migrate(
    writer: &SqlitePool,
    migrations: &Migrator,
) -> Result<usize, StoreError> {
    let mut transaction = writer.begin_with("BEGIN IMMEDIATE").await.map_err(unavailable)?;
    let connection: &mut SqliteConnection = &mut transaction;
    let table = &migrations.table_name;
    connection.ensure_migrations_table(table).await.map_err(unfit)?;
    let before = connection.list_applied_migrations(table).await.map_err(unfit)?;
    migrations.run(&mut *connection).await.map_err(unfit)?;
    transaction.commit().await.map_err(unavailable)?;
    Ok(migrations.iter().count() - before.len())
}

/// Why tables are not brought up to date.
pub(super) fn unfit(error: MigrateError) -> StoreError {
    match error {
        MigrateError::VersionMissing(_) => StoreError::TooNew,
        error => unavailable(error),
    }
}

/// Creates the file, if need be, before SQLite does so with everyone's permissions, and takes
/// them from a file that has them already.
fn private_file(file: &Path) -> std::io::Result<()> {
    let file = fs::OpenOptions::new().create(true).append(true).mode(0o600).open(file)?;
    if file.metadata()?.permissions().mode() & 0o077 != 0 {
        file.set_permissions(fs::Permissions::from_mode(0o600))?;
    }
    Ok(())
}

#[async_trait]
impl SessionStore for SqliteStore {
    async fn create(
        &self,
        address: &SessionAddress,
        creator: Option<IpAddr>,
        drawing: &Drawing,
        quotas: &Quotas,
        now: OffsetDateTime,
    ) -> Result<Creation, StoreError> {
        let mut transaction =
            self.writer.begin_with("BEGIN IMMEDIATE").await.map_err(unavailable)?;
        sqlx::query("DELETE FROM sessions WHERE owner = $1 AND id = $2 AND expires_at <= $3")
            .bind(owner(address))
            .bind(address.id.as_str())
            .bind(micros(now))
            .execute(&mut *transaction)
            .await
            .map_err(unavailable)?;
        let epoch: i64 =
            sqlx::query_scalar("UPDATE epochs SET last = MAX(last + 1, $1) RETURNING last")
                .bind(micros(now))
                .fetch_one(&mut *transaction)
                .await
                .map_err(unavailable)?;
        let args = args_text(&drawing.args)?;
        let creator = creator.map(|network| network.to_string());
        let inserted = sqlx::query(
            "INSERT INTO sessions (owner, id, epoch, seq, template, args, svg, visibility, \
                                   created_at, updated_at, expires_at, bytes, creator, \
                                   max_frames_per_second) \
             VALUES ($1, $2, $3, 1, $4, $5, $6, $7, $8, $8, $9, $10, $11, $12) \
             ON CONFLICT DO NOTHING",
        )
        .bind(owner(address))
        .bind(address.id.as_str())
        .bind(epoch)
        .bind(&*drawing.template)
        .bind(&args)
        .bind(&*drawing.svg)
        .bind(drawing.visibility.as_str())
        .bind(micros(now))
        .bind(micros(drawing.expires_at))
        .bind(bytes(drawing, &args))
        .bind(&creator)
        .bind(drawing.frame_rate())
        .execute(&mut *transaction)
        .await
        .map_err(unavailable)?;
        if inserted.rows_affected() == 0 {
            return Ok(Creation::Taken);
        }
        let spaces = spaces(&mut transaction, owner(address), creator.as_deref()).await?;
        // Without a commit, all of it is undone.
        if let Some(full) = full(&mut transaction, &spaces, Used::beyond, quotas, now).await? {
            return Ok(Creation::Full(full));
        }
        transaction.commit().await.map_err(unavailable)?;
        Ok(Creation::Created(Revision { epoch: unsigned(epoch)?, seq: 1 }))
    }

    async fn get(
        &self,
        address: &SessionAddress,
        now: OffsetDateTime,
    ) -> Result<Option<StoredSession>, StoreError> {
        sqlx::query("SELECT * FROM sessions WHERE owner = $1 AND id = $2 AND expires_at > $3")
            .bind(owner(address))
            .bind(address.id.as_str())
            .bind(micros(now))
            .fetch_optional(&self.readers)
            .await
            .map_err(unavailable)?
            .map(|row| stored(address, &row))
            .transpose()
    }

    async fn update(
        &self,
        address: &SessionAddress,
        expected: Revision,
        drawing: &Drawing,
        quotas: &Quotas,
        now: OffsetDateTime,
    ) -> Result<Update, StoreError> {
        self.updates.update(&self.writer, address, expected, drawing, quotas, now).await
    }

    async fn delete(
        &self,
        address: &SessionAddress,
        expected: Option<Revision>,
        now: OffsetDateTime,
    ) -> Result<Deletion, StoreError> {
        let deleted = sqlx::query(
            "DELETE FROM sessions WHERE owner = $1 AND id = $2 AND expires_at > $3 \
             AND ($4 IS NULL OR (epoch = $4 AND seq = $5))",
        )
        .bind(owner(address))
        .bind(address.id.as_str())
        .bind(micros(now))
        .bind(expected.map(|revision| signed(revision.epoch)))
        .bind(expected.map(|revision| signed(revision.seq)))
        .execute(&self.writer)
        .await
        .map_err(unavailable)?;
        if deleted.rows_affected() > 0 {
            return Ok(Deletion::Done);
        }
        Ok(match self.living_revision(address, now).await? {
            None => Deletion::Gone,
            Some(_) => Deletion::Stale,
        })
    }

    async fn list(
        &self,
        owner: &UserId,
        after: Option<&ListPosition>,
        limit: u32,
        now: OffsetDateTime,
    ) -> Result<Vec<ListedSession>, StoreError> {
        sqlx::query(
            "SELECT id, epoch, seq, visibility, created_at, updated_at, expires_at FROM sessions \
             WHERE owner = $1 AND expires_at > $2 \
               AND ($3 IS NULL OR created_at < $3 OR (created_at = $3 AND id > $4)) \
             ORDER BY created_at DESC, id LIMIT $5",
        )
        .bind(owner.as_str())
        .bind(micros(now))
        .bind(after.map(|position| micros(position.created_at)))
        .bind(after.map(|position| position.id.as_str()))
        .bind(limit)
        .fetch_all(&self.readers)
        .await
        .map_err(unavailable)?
        .iter()
        .map(listed)
        .collect()
    }

    async fn take_expired(&self, now: OffsetDateTime) -> Result<Vec<SessionAddress>, StoreError> {
        // Most of the time there is nothing to take, and a look does not disturb writers.
        let due: bool =
            sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM sessions WHERE expires_at <= $1)")
                .bind(micros(now))
                .fetch_one(&self.readers)
                .await
                .map_err(unavailable)?;
        if !due {
            return Ok(Vec::new());
        }
        sqlx::query(
            "DELETE FROM sessions WHERE rowid IN \
               (SELECT rowid FROM sessions WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2) \
             RETURNING owner, id",
        )
        .bind(micros(now))
        .bind(EXPIRED_AT_ONCE)
        .fetch_all(&self.writer)
        .await
        .map_err(unavailable)?
        .iter()
        .map(|row| {
            let owner: &str = row.try_get("owner").map_err(unavailable)?;
            let owner = match owner {
                "" => None,
                owner => Some(owner.parse().map_err(|_| StoreError::Corrupt("owner"))?),
            };
            Ok(SessionAddress { owner, id: session_id(row)? })
        })
        .collect()
    }
}

impl SqliteStore {
    async fn living_revision(
        &self,
        address: &SessionAddress,
        now: OffsetDateTime,
    ) -> Result<Option<Revision>, StoreError> {
        let row = sqlx::query(
            "SELECT epoch, seq FROM sessions WHERE owner = $1 AND id = $2 AND expires_at > $3",
        )
        .bind(owner(address))
        .bind(address.id.as_str())
        .bind(micros(now))
        .fetch_optional(&self.readers)
        .await
        .map_err(unavailable)?;
        row.map(|row| revision(&row)).transpose()
    }
}

fn unavailable(error: impl std::error::Error + Send + Sync + 'static) -> StoreError {
    StoreError::Unavailable(Box::new(error))
}

fn owner(address: &SessionAddress) -> &str {
    address.owner.as_ref().map_or("", UserId::as_str)
}

fn args_text(args: &Args) -> Result<String, StoreError> {
    serde_json::to_string(args).map_err(unavailable)
}

/// What a drawing takes of its owner's quota.
fn bytes(drawing: &Drawing, args: &str) -> i64 {
    signed((drawing.template.len() + args.len() + drawing.svg.len()) as u64)
}

#[expect(clippy::cast_possible_truncation, reason = "microseconds of any date we take fit i64")]
fn micros(time: OffsetDateTime) -> i64 {
    (time.unix_timestamp_nanos() / 1000) as i64
}

/// SQLite counts in i64; revisions and generations never come near its end.
fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn unsigned(number: i64) -> Result<u64, StoreError> {
    u64::try_from(number).map_err(|_| StoreError::Corrupt("number"))
}

fn moment(row: &SqliteRow, column: &'static str) -> Result<OffsetDateTime, StoreError> {
    let micros: i64 = row.try_get(column).map_err(unavailable)?;
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(micros) * 1000)
        .map_err(|_| StoreError::Corrupt("time"))
}

fn revision(row: &SqliteRow) -> Result<Revision, StoreError> {
    Ok(Revision {
        epoch: unsigned(row.try_get("epoch").map_err(unavailable)?)?,
        seq: unsigned(row.try_get("seq").map_err(unavailable)?)?,
    })
}

fn visibility(row: &SqliteRow) -> Result<Visibility, StoreError> {
    let word = row.try_get("visibility").map_err(unavailable)?;
    Visibility::of(word).ok_or(StoreError::Corrupt("visibility"))
}

fn session_id(row: &SqliteRow) -> Result<SessionId, StoreError> {
    let id: &str = row.try_get("id").map_err(unavailable)?;
    id.parse().map_err(|_| StoreError::Corrupt("session id"))
}

fn stored(address: &SessionAddress, row: &SqliteRow) -> Result<StoredSession, StoreError> {
    let text = |column| row.try_get::<&str, _>(column).map_err(unavailable);
    let args: Args =
        serde_json::from_str(text("args")?).map_err(|_| StoreError::Corrupt("args"))?;
    Ok(StoredSession {
        address: address.clone(),
        revision: revision(row)?,
        drawing: Drawing {
            template: text("template")?.into(),
            args: args.into(),
            svg: text("svg")?.into(),
            visibility: visibility(row)?,
            expires_at: moment(row, "expires_at")?,
            max_frames_per_second: {
                NonZeroU16::new(row.try_get("max_frames_per_second").map_err(unavailable)?)
            },
        },
        created_at: moment(row, "created_at")?,
        updated_at: moment(row, "updated_at")?,
    })
}

fn listed(row: &SqliteRow) -> Result<ListedSession, StoreError> {
    Ok(ListedSession {
        id: session_id(row)?,
        revision: revision(row)?,
        visibility: visibility(row)?,
        created_at: moment(row, "created_at")?,
        updated_at: moment(row, "updated_at")?,
        expires_at: moment(row, "expires_at")?,
    })
}
