//! Databases of accounts: of which kinds there are, and what they promise before anyone has an
//! account.

use std::{
    path::{Path, PathBuf},
    pin::pin,
    sync::Arc,
    thread,
    time::Duration,
};

use backend::store::{
    AccountStore, Database, DatabaseUrl, RevocationStore, SessionStore, SqliteStore, StoreError,
};
use common::jwt::LEEWAY;
use futures_util::future::join_all;
use sqlx::{PgPool, SqlitePool};
use tempfile::TempDir;
use tests::Postgres;
use time::OffsetDateTime;
use tokio::sync::OnceCell;

use crate::{
    people::{created, user},
    sessions::{at, noon},
};

/// The longest that a token lives here.
pub(crate) const LONGEST_TOKEN: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// When a token ends at the latest that is minted now.
pub(crate) fn last_token_end(now: OffsetDateTime) -> OffsetDateTime {
    now + LONGEST_TOKEN + LEEWAY
}

/// An empty database of one kind, and as many handles on it as a cluster has nodes.
pub(crate) trait DatabaseKind: Sized {
    fn start() -> impl Future<Output = Self>;

    /// Another handle on the same database, as another process would have.
    fn open(&self) -> impl Future<Output = Database> {
        async { self.try_open().await.unwrap() }
    }

    /// The same, if it can be opened.
    fn try_open(&self) -> impl Future<Output = Result<Database, StoreError>>;

    /// Does something to it behind the program's back.
    fn tamper(&self, statement: &'static str) -> impl Future<Output = ()>;

    /// Lets something that uses a sign-in wait for somebody else who does, for this long.
    fn late<T>(&self, work: impl Future<Output = T>) -> impl Future<Output = T>;
}

/// How long what is late waits at least.
pub(crate) const LATE: Duration = Duration::from_millis(200);

const USE: &str = "UPDATE sign_ins SET seq = seq";

/// Nothing comes of the work as long as the other holds what it waits for.
async fn waits<T>(work: impl Future<Output = T>, let_go: impl Future<Output = ()>) -> T {
    let mut work = pin!(work);
    assert!(tokio::time::timeout(LATE, &mut work).await.is_err(), "it does not wait");
    let_go.await;
    work.await
}

async fn late_over_file<T>(file: &Path, work: impl Future<Output = T>) -> T {
    let pool = SqlitePool::connect(&format!("sqlite://{}", file.display())).await.unwrap();
    let mut held = pool.begin().await.unwrap();
    sqlx::query(USE).execute(&mut *held).await.unwrap();
    let done = waits(work, async { held.rollback().await.unwrap() }).await;
    pool.close().await;
    done
}

/// A file of SQLite that sessions are in as well.
pub(crate) struct Beside(TempDir);

/// A file of SQLite of its own.
pub(crate) struct OwnFile(TempDir);

/// A database of the PostgreSQL server that all tests share.
pub(crate) struct SharedPostgres {
    server: &'static Postgres,
    url: String,
}

async fn tamper_with(file: &Path, statement: &'static str) {
    let pool = SqlitePool::connect(&format!("sqlite://{}", file.display())).await.unwrap();
    sqlx::query(statement).execute(&pool).await.unwrap();
    pool.close().await;
}

impl Beside {
    fn file(&self) -> PathBuf {
        self.0.path().join("easel.db")
    }
}

impl DatabaseKind for Beside {
    async fn start() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    async fn try_open(&self) -> Result<Database, StoreError> {
        let sessions = SqliteStore::open(&self.file()).await?;
        Database::beside(&sessions, LONGEST_TOKEN).await
    }

    async fn tamper(&self, statement: &'static str) {
        tamper_with(&self.file(), statement).await;
    }

    async fn late<T>(&self, work: impl Future<Output = T>) -> T {
        late_over_file(&self.file(), work).await
    }
}

impl OwnFile {
    fn file(&self) -> PathBuf {
        self.0.path().join("accounts.db")
    }

    fn url(&self) -> DatabaseUrl {
        format!("sqlite://{}", self.file().display()).parse().unwrap()
    }
}

impl DatabaseKind for OwnFile {
    async fn start() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    async fn try_open(&self) -> Result<Database, StoreError> {
        Database::open(&self.url(), LONGEST_TOKEN).await
    }

    async fn tamper(&self, statement: &'static str) {
        tamper_with(&self.file(), statement).await;
    }

    async fn late<T>(&self, work: impl Future<Output = T>) -> T {
        late_over_file(&self.file(), work).await
    }
}

impl DatabaseKind for SharedPostgres {
    async fn start() -> Self {
        static SERVER: OnceCell<Postgres> = OnceCell::const_new();
        let server = SERVER.get_or_init(Postgres::start).await;
        Self { server, url: server.database() }
    }

    async fn try_open(&self) -> Result<Database, StoreError> {
        Database::open(&self.url.parse().unwrap(), LONGEST_TOKEN).await
    }

    async fn tamper(&self, statement: &'static str) {
        let pool = PgPool::connect(&self.url).await.unwrap();
        sqlx::query(statement).execute(&pool).await.unwrap();
        pool.close().await;
    }

    async fn late<T>(&self, work: impl Future<Output = T>) -> T {
        let pool = PgPool::connect(&self.url).await.unwrap();
        let mut held = pool.begin().await.unwrap();
        sqlx::query(USE).execute(&mut *held).await.unwrap();
        let done = waits(work, async { held.rollback().await.unwrap() }).await;
        pool.close().await;
        done
    }
}

impl Drop for SharedPostgres {
    fn drop(&mut self) {
        // What a test has failed on is worth a look.
        if !thread::panicking() {
            self.server.drops(&self.url);
        }
    }
}

pub(crate) async fn many_nodes_may_open_an_empty_one_at_once<D: DatabaseKind>() {
    let database = D::start().await;
    let opened = join_all((0..5).map(|_| database.try_open())).await;
    let opened: Vec<Database> = opened.into_iter().map(Result::unwrap).collect();
    let applied: usize = opened.iter().map(Database::migrations_applied).sum();
    assert_eq!(applied, 1, "each migration is applied once");
    created(&opened[0], "alice", &[]).await;
    for store in &opened {
        assert!(store.account(&user("alice")).await.unwrap().is_some());
    }
    assert_eq!(database.open().await.migrations_applied(), 0);
}

pub(crate) async fn what_a_newer_program_has_written_is_left_alone<D: DatabaseKind>() {
    let database = D::start().await;
    created(&database.open().await, "alice", &[]).await;
    database
        .tamper(
            "INSERT INTO account_migrations \
                 (version, description, success, checksum, execution_time) \
             SELECT 9999, 'from the future', success, checksum, 0 FROM account_migrations",
        )
        .await;
    let refused = database.try_open().await;
    assert!(matches!(refused, Err(StoreError::TooNew)), "{refused:?}");
    assert_eq!(refused.unwrap_err().to_string(), "a newer program has written the store");
    // And nobody is kept from it by who was refused.
    database.tamper("DELETE FROM account_migrations WHERE version = 9999").await;
    assert!(database.open().await.account(&user("alice")).await.unwrap().is_some());
}

pub(crate) async fn what_is_closed_says_so<D: DatabaseKind>() {
    let database = D::start().await;
    let store = database.open().await;
    let shown = format!("{store} {store:?}");
    assert!(shown.starts_with("sqlite /") || shown.starts_with("postgres postgres://"), "{shown}");
    store.last_revocation().await.unwrap();
    drop(database);
    store.close().await;
    store.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn accounts_leave_the_connections_of_sessions_open() {
    let directory = tempfile::tempdir().unwrap();
    let sessions = SqliteStore::open(&directory.path().join("easel.db")).await.unwrap();
    let accounts = Database::beside(&sessions, LONGEST_TOKEN).await.unwrap();
    created(&accounts, "alice", &[]).await;
    accounts.close().await;
    assert_eq!(sessions.get(&at("alice/chart"), noon()).await.unwrap(), None);
    sessions.close().await;
    let closed = accounts.account(&user("alice")).await;
    assert!(matches!(closed, Err(StoreError::Unavailable(_))), "{closed:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_is_brought_up_to_date_by_hand() {
    let own = OwnFile::start().await;
    assert_eq!(Database::migrate(&own.url()).await.unwrap(), 1);
    assert_eq!(Database::migrate(&own.url()).await.unwrap(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_not_there_is_said_in_one_line_without_the_password() {
    // Nobody listens on the port of one that was taken and is free again.
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    for address in [free, silent.local_addr().unwrap()] {
        let url: DatabaseUrl = format!("postgres://easel:s3cret@{address}/easel").parse().unwrap();
        let error = Database::open(&url, LONGEST_TOKEN).await.unwrap_err();
        let said = error.to_string();
        assert!(said.starts_with("the store failed: "), "{said}");
        assert!(!said.contains('\n') && !said.contains("s3cret"), "{said}");
        assert!(!format!("{error:?} {url} {url:?}").contains("s3cret"), "{error:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_stops_answering_is_noticed_and_found_again() {
    let server = Postgres::start().await;
    let url: DatabaseUrl = server.database().parse().unwrap();
    let store = Arc::new(Database::open(&url, LONGEST_TOKEN).await.unwrap());
    created(&store, "alice", &[]).await;
    server.pause();
    // More than there are connections, so that some wait for one.
    let asked = join_all((0..20).map(|_| store.account_of_email("alice@example.com"))).await;
    for answer in asked {
        assert!(matches!(answer, Err(StoreError::Unavailable(_))), "{answer:?}");
    }
    server.resume();
    tests::wait::until("an answer", async || store.account(&user("alice")).await.ok()).await;
    server.restarts().await;
    tests::wait::until("an answer", async || store.account(&user("alice")).await.ok()).await;
}
