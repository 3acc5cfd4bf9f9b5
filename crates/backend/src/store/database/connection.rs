//! Speaks to either database in one way. Only texts and whole numbers go there and come back, so
//! one statement is enough for both.

use std::{borrow::Cow, time::Duration};

use common::UserId;
use sqlx::{
    AssertSqlSafe, Database, Encode, FromRow, Postgres, SqlSafeStr, SqlStr, Sqlite, Type,
    postgres::{PgPool, PgRow},
    query::Query,
    sqlite::{SqlitePool, SqliteRow},
};
use time::OffsetDateTime;
use tokio::time::Instant;

use crate::store::StoreError;

/// How long a server may take for one statement: longer than it takes to notice itself that it
/// takes too long, see [`SETTINGS`]. After that its end of the connection is gone.
const ANSWER_WITHIN: Duration = Duration::from_secs(8);

/// How long whoever writes to a file waits for those before them. What takes longer is told that it
/// does not work, as over a server.
const TURN_WITHIN: Duration = Duration::from_secs(5);

/// What every connection to a server begins with: it gives up what takes too long, and lets go of
/// what was held by a node that is gone.
pub(super) const SETTINGS: &str = "SET lock_timeout = '5s'; \
     SET statement_timeout = '6s'; \
     SET idle_in_transaction_session_timeout = '10s'; \
     SET client_min_messages = 'warning'";

/// Rows of one statement that writes a great many.
const TOGETHER: usize = 100;

/// Connections to either.
#[derive(Clone)]
pub(super) enum Kind {
    /// One connection writes, so that writers wait for each other instead of failing.
    Sqlite {
        writer: SqlitePool,
        readers: SqlitePool,
    },
    Postgres(PgPool),
}

/// What may be in a row, or be asked for.
pub(super) enum Value<'a> {
    Text(Option<Cow<'a, str>>),
    Number(i64),
}

/// The values of a statement, in their order.
macro_rules! values {
    ($($value:expr),* $(,)?) => {
        vec![$($crate::store::database::connection::Value::from($value)),*]
    };
}
pub(super) use values;

/// What rows of either are read into.
pub(super) trait Row:
    for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow> + Send + Unpin
{
}

impl<R> Row for R where R: for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow> + Send + Unpin
{}

/// What time it is for a step that waits: by the clock of whoever asked for it, and not when they
/// asked. What is decided by a row that others held is decided by the time at which they let it go.
#[derive(Clone, Copy)]
pub(super) struct Asked {
    at: OffsetDateTime,
    since: Instant,
}

impl Asked {
    pub(super) fn at(now: OffsetDateTime) -> Self {
        Self { at: now, since: Instant::now() }
    }

    pub(super) fn now(self) -> OffsetDateTime {
        after(self.at, self.since.elapsed())
    }
}

/// Several statements as one step. It is undone when dropped before [`commit`](Self::commit).
///
/// In SQLite one is made at a time. In PostgreSQL each statement sees what others have committed
/// by then; what has to stay as it is, is held by an `UPDATE … RETURNING`, which reads a row after
/// everyone who held it before, or by a [turn](Self::turn). They are always held in this order, so
/// that nobody waits for who waits for them: the turns `names` and `administrators`, the account,
/// its registration or its sign-ins, API keys, tokens of mails, the turn `revocations`, errands,
/// the turn `audit`.
pub(super) enum Transaction {
    Sqlite(sqlx::Transaction<'static, Sqlite>),
    Postgres(sqlx::Transaction<'static, Postgres>),
}

impl Kind {
    /// What a statement finds that changes nothing.
    pub(super) async fn read<R: Row>(
        &self,
        sql: impl SqlSafeStr,
        values: Vec<Value<'_>>,
    ) -> Result<Vec<R>, StoreError> {
        let sql = sql.into_sql_str();
        match self {
            Self::Sqlite { readers, .. } => {
                read(&query(sql, values).fetch_all(readers).await.map_err(failed)?)
            }
            Self::Postgres(pool) => read(&soon(query(sql, values).fetch_all(pool)).await?),
        }
    }

    /// The same, of the first row.
    pub(super) async fn read_one<R: Row>(
        &self,
        sql: impl SqlSafeStr,
        values: Vec<Value<'_>>,
    ) -> Result<Option<R>, StoreError> {
        Ok(self.read(sql, values).await?.into_iter().next())
    }

    /// Carries out a statement that is a step by itself; says how many rows it changed.
    pub(super) async fn write(
        &self,
        sql: impl SqlSafeStr,
        values: Vec<Value<'_>>,
    ) -> Result<u64, StoreError> {
        let sql = sql.into_sql_str();
        match self {
            Self::Sqlite { writer, .. } => {
                let done = query(sql, values).execute(writer).await.map_err(failed)?;
                Ok(done.rows_affected())
            }
            Self::Postgres(pool) => {
                Ok(soon(query(sql, values).execute(pool)).await?.rows_affected())
            }
        }
    }

    /// Begins a step of several statements.
    pub(super) async fn begin(&self) -> Result<Transaction, StoreError> {
        Ok(match self {
            Self::Sqlite { writer, .. } => {
                let begun = tokio::time::timeout(TURN_WITHIN, writer.begin_with("BEGIN IMMEDIATE"));
                Transaction::Sqlite(begun.await.map_err(unavailable)?.map_err(failed)?)
            }
            Self::Postgres(pool) => Transaction::Postgres(soon(pool.begin()).await?),
        })
    }
}

impl Transaction {
    /// Carries a statement out; says which rows it returns.
    pub(super) async fn rows<R: Row>(
        &mut self,
        sql: impl SqlSafeStr,
        values: Vec<Value<'_>>,
    ) -> Result<Vec<R>, StoreError> {
        let sql = sql.into_sql_str();
        match self {
            Self::Sqlite(transaction) => {
                let rows = query(sql, values).fetch_all(&mut **transaction).await;
                read(&rows.map_err(failed)?)
            }
            Self::Postgres(transaction) => {
                read(&soon(query(sql, values).fetch_all(&mut **transaction)).await?)
            }
        }
    }

    /// The same, of the first row.
    pub(super) async fn row<R: Row>(
        &mut self,
        sql: impl SqlSafeStr,
        values: Vec<Value<'_>>,
    ) -> Result<Option<R>, StoreError> {
        Ok(self.rows(sql, values).await?.into_iter().next())
    }

    /// What a statement counts.
    pub(super) async fn number(
        &mut self,
        sql: impl SqlSafeStr,
        values: Vec<Value<'_>>,
    ) -> Result<i64, StoreError> {
        let row: Option<(i64,)> = self.row(sql, values).await?;
        row.map(|(number,)| number).ok_or(StoreError::Corrupt("number"))
    }

    /// Carries a statement out; says how many rows it changed.
    pub(super) async fn execute(
        &mut self,
        sql: impl SqlSafeStr,
        values: Vec<Value<'_>>,
    ) -> Result<u64, StoreError> {
        let sql = sql.into_sql_str();
        Ok(match self {
            Self::Sqlite(transaction) => {
                let done = query(sql, values).execute(&mut **transaction).await;
                done.map_err(failed)?.rows_affected()
            }
            Self::Postgres(transaction) => {
                soon(query(sql, values).execute(&mut **transaction)).await?.rows_affected()
            }
        })
    }

    /// Writes rows, of whose statement all but the values is said.
    pub(super) async fn insert(
        &mut self,
        into: &'static str,
        mut rows: Vec<Vec<Value<'_>>>,
    ) -> Result<(), StoreError> {
        while !rows.is_empty() {
            let later = rows.split_off(rows.len().min(TOGETHER));
            let (mut values, mut places) = (Vec::new(), Vec::new());
            for row in std::mem::replace(&mut rows, later) {
                let numbers = (values.len() + 1..).take(row.len());
                let row_places: Vec<String> = numbers.map(|number| format!("${number}")).collect();
                places.push(format!("({})", row_places.join(", ")));
                values.extend(row);
            }
            // Nothing but the numbers of values goes into it.
            let statement = AssertSqlSafe(format!("{into}{}", places.join(", ")));
            self.execute(statement, values).await?;
        }
        Ok(())
    }

    /// Waits for its turn to do what one does at a time, and keeps it to the end.
    pub(super) async fn turn(&mut self, name: &'static str) -> Result<(), StoreError> {
        // Whoever writes to SQLite is alone already.
        if matches!(self, Self::Postgres(_)) {
            self.places(name, 1).await?;
        }
        Ok(())
    }

    /// Takes so many places in an order that is handed out under this name; says which is the
    /// first. Whoever takes the next ones waits for the end of this, so places are seen in order.
    pub(super) async fn places(
        &mut self,
        name: &'static str,
        count: usize,
    ) -> Result<i64, StoreError> {
        const TAKE: &str =
            "UPDATE turns SET taken = taken + $2 WHERE name = $1 RETURNING taken - $2 + 1";
        self.number(TAKE, values![name, count]).await
    }

    /// Makes it last.
    pub(super) async fn commit(self) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(transaction) => transaction.commit().await.map_err(failed),
            Self::Postgres(transaction) => soon(transaction.commit()).await,
        }
    }
}

fn query<'q, D>(sql: SqlStr, values: Vec<Value<'_>>) -> Query<'q, D, D::Arguments>
where
    D: Database,
    i64: for<'v> Encode<'v, D> + Type<D>,
    Option<String>: for<'v> Encode<'v, D> + Type<D>,
{
    values.into_iter().fold(sqlx::query(sql), |query, value| match value {
        Value::Text(text) => query.bind(text.map(Cow::into_owned)),
        Value::Number(number) => query.bind(number),
    })
}

fn read<F, R: for<'r> FromRow<'r, F>>(rows: &[F]) -> Result<Vec<R>, StoreError>
where
    F: sqlx::Row,
{
    rows.iter().map(R::from_row).collect::<Result<_, _>>().map_err(failed)
}

/// Waits for a server, and not for one that has gone without a word.
pub(super) async fn soon<T>(
    work: impl Future<Output = Result<T, sqlx::Error>>,
) -> Result<T, StoreError> {
    match tokio::time::timeout(ANSWER_WITHIN, work).await {
        Ok(done) => done.map_err(failed),
        Err(late) => Err(unavailable(late)),
    }
}

/// Why a database did not do what it was asked.
#[derive(Debug, thiserror::Error)]
#[error("the database says: {message} ({code})")]
struct Refusal {
    message: String,
    code: String,
}

/// What a server says of the values of a row is nobody's business.
pub(super) fn failed(error: sqlx::Error) -> StoreError {
    match error {
        sqlx::Error::Database(said) => {
            let code = said.code().unwrap_or_default().into_owned();
            unavailable(Refusal { message: said.message().to_owned(), code })
        }
        error => unavailable(error),
    }
}

pub(super) fn unavailable(error: impl std::error::Error + Send + Sync + 'static) -> StoreError {
    StoreError::Unavailable(Box::new(error))
}

impl<'a> From<&'a str> for Value<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(Some(text.into()))
    }
}

impl From<String> for Value<'_> {
    fn from(text: String) -> Self {
        Self::Text(Some(text.into()))
    }
}

impl<'a> From<&'a String> for Value<'a> {
    fn from(text: &'a String) -> Self {
        text.as_str().into()
    }
}

impl<'a> From<&'a UserId> for Value<'a> {
    fn from(user: &'a UserId) -> Self {
        user.as_str().into()
    }
}

impl<'a> From<Option<&'a str>> for Value<'a> {
    fn from(text: Option<&'a str>) -> Self {
        Self::Text(text.map(Cow::from))
    }
}

impl From<Option<String>> for Value<'_> {
    fn from(text: Option<String>) -> Self {
        Self::Text(text.map(Cow::from))
    }
}

impl From<i64> for Value<'_> {
    fn from(number: i64) -> Self {
        Self::Number(number)
    }
}

impl From<u32> for Value<'_> {
    fn from(number: u32) -> Self {
        Self::Number(number.into())
    }
}

/// Neither counts as far as the databases do.
impl From<u64> for Value<'_> {
    fn from(number: u64) -> Self {
        Self::Number(i64::try_from(number).unwrap_or(i64::MAX))
    }
}

impl From<usize> for Value<'_> {
    fn from(number: usize) -> Self {
        Self::Number(i64::try_from(number).unwrap_or(i64::MAX))
    }
}

impl From<bool> for Value<'_> {
    fn from(is: bool) -> Self {
        Self::Number(is.into())
    }
}

impl From<OffsetDateTime> for Value<'_> {
    fn from(time: OffsetDateTime) -> Self {
        Self::Number(micros(time))
    }
}

/// 0 stands for none.
impl From<Option<OffsetDateTime>> for Value<'_> {
    fn from(time: Option<OffsetDateTime>) -> Self {
        Self::Number(time.map_or(0, micros))
    }
}

/// Times as the tables have them: microseconds since 1970.
#[expect(clippy::cast_possible_truncation, reason = "microseconds of any date we take fit i64")]
pub(super) fn micros(time: OffsetDateTime) -> i64 {
    (time.unix_timestamp_nanos() / 1000) as i64
}

pub(super) fn moment(micros: i64) -> Result<OffsetDateTime, StoreError> {
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(micros) * 1000)
        .map_err(|_| StoreError::Corrupt("time"))
}

/// Of a column in which 0 stands for none.
pub(super) fn moment_if_any(micros: i64) -> Result<Option<OffsetDateTime>, StoreError> {
    (micros != 0).then(|| moment(micros)).transpose()
}

/// The time after another, or the last that there is.
pub(super) fn after(time: OffsetDateTime, duration: Duration) -> OffsetDateTime {
    let duration = time::Duration::try_from(duration).unwrap_or(time::Duration::MAX);
    time.saturating_add(duration)
}

pub(super) fn unsigned(number: i64) -> Result<u64, StoreError> {
    u64::try_from(number).map_err(|_| StoreError::Corrupt("number"))
}

pub(super) fn user_id(text: &str) -> Result<UserId, StoreError> {
    text.parse().map_err(|_| StoreError::Corrupt("user id"))
}
