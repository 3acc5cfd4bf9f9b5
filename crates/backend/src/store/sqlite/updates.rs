//! Updates that reach the disk together.
//!
//! What an update costs here is mostly the wait for the disk, and many wait no longer than one.
//! While some are on their way, the next gather; whoever gets the pen first writes for all of
//! them, in one statement.

use std::{
    collections::{HashSet, VecDeque},
    pin::pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use common::{Revision, SessionAddress};
use sqlx::{QueryBuilder, Row, sqlite::SqlitePool};
use time::OffsetDateTime;
use tokio::sync::oneshot;

use super::{
    args_text, bytes, micros, owner, revision, signed, unavailable,
    usage::{Used, full, spaces},
};
use crate::store::{Drawing, Quotas, Space, StoreError, Update};

/// Most updates of one statement. There is a prepared one for each number of them.
const TOGETHER: usize = 32;

/// Bytes beyond which no further update goes into a statement.
const BYTES_TOGETHER: i64 = 1024 * 1024;

/// How long an update waits for others to be written; then it is not made.
const PATIENCE: Duration = Duration::from_secs(30);

/// An update that someone waits for.
#[derive(Debug)]
struct Asked {
    /// To find it again among those that wait.
    number: u64,
    address: SessionAddress,
    expected: Revision,
    drawing: Drawing,
    args: String,
    bytes: i64,
    quotas: Quotas,
    now: OffsetDateTime,
    answer: oneshot::Sender<Result<Update, StoreError>>,
}

/// The updates that wait, and the pen.
#[derive(Debug)]
pub(super) struct Updates {
    patience: Duration,
    waiting: Mutex<VecDeque<Asked>>,
    asked: AtomicU64,
    pen: tokio::sync::Mutex<()>,
}

impl Default for Updates {
    fn default() -> Self {
        Self::with_patience(PATIENCE)
    }
}

impl Updates {
    /// None yet; each will wait for so long at most until it is written.
    fn with_patience(patience: Duration) -> Self {
        Self {
            patience,
            waiting: Mutex::default(),
            asked: AtomicU64::new(0),
            pen: Default::default(),
        }
    }

    /// Carries an update out, with others that wait. Who is dropped meanwhile does not know
    /// whether it was; others that wait with them may be told that the store failed.
    pub(super) async fn update(
        &self,
        writer: &SqlitePool,
        address: &SessionAddress,
        expected: Revision,
        drawing: &Drawing,
        quotas: &Quotas,
        now: OffsetDateTime,
    ) -> Result<Update, StoreError> {
        let args = args_text(&drawing.args)?;
        let bytes = bytes(drawing, &args);
        let (answer, mut answered) = oneshot::channel();
        let (address, drawing) = (address.clone(), drawing.clone());
        let number = self.asked.fetch_add(1, Ordering::Relaxed);
        let quotas = *quotas;
        let asked = Asked { number, address, expected, drawing, args, bytes, quotas, now, answer };
        self.waiting().push_back(asked);
        let mut patience = pin!(tokio::time::sleep(self.patience));
        let mut is_patient = true;
        loop {
            tokio::select! {
                biased;
                answer = &mut answered => return answer.map_err(unavailable)?,
                _pen = self.pen.lock() => write(writer, self.next()).await,
                () = &mut patience, if is_patient => {
                    if self.withdraws(number) {
                        return Err(unavailable(sqlx::Error::PoolTimedOut));
                    }
                    // It is being written; there is an answer when that has an end.
                    is_patient = false;
                }
            }
        }
    }

    fn waiting(&self) -> MutexGuard<'_, VecDeque<Asked>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes an update back, if nobody has begun to write it.
    fn withdraws(&self, number: u64) -> bool {
        let mut waiting = self.waiting();
        let at = waiting.iter().position(|asked| asked.number == number);
        at.and_then(|at| waiting.remove(at)).is_some()
    }

    /// The updates that are written next, each of another session. What nobody waits for any more
    /// is not: nobody would hear of it.
    fn next(&self) -> Vec<Asked> {
        let mut waiting = self.waiting();
        let (mut next, mut skipped) = (Vec::<Asked>::new(), Vec::new());
        let mut bytes = 0;
        while next.len() < TOGETHER && bytes < BYTES_TOGETHER {
            let Some(asked) = waiting.pop_front() else { break };
            if asked.answer.is_closed() {
                continue;
            }
            if next.iter().any(|other| other.address == asked.address) {
                skipped.push(asked);
                continue;
            }
            bytes += asked.bytes;
            next.push(asked);
        }
        for asked in skipped.into_iter().rev() {
            waiting.push_front(asked);
        }
        next
    }
}

async fn write(writer: &SqlitePool, asked: Vec<Asked>) {
    let done = match overwrite(writer, &asked).await {
        Ok(done) => done,
        Err(error) => {
            let error = Arc::new(error);
            for asked in asked {
                drop(asked.answer.send(Err(unavailable(error.clone()))));
            }
            return;
        }
    };
    let (done, left): (Vec<_>, Vec<_>) =
        asked.into_iter().partition(|asked| done.contains(&asked.place()));
    for asked in done {
        let revision = asked.revision();
        drop(asked.answer.send(Ok(Update::Done(revision))));
    }
    for asked in left {
        let answer = decide(writer, &asked).await;
        drop(asked.answer.send(answer));
    }
}

/// Carries out the updates that need no second look: the session is as expected, and has the
/// room. Says which those were.
async fn overwrite(
    writer: &SqlitePool,
    asked: &[Asked],
) -> Result<HashSet<(String, String)>, sqlx::Error> {
    if asked.is_empty() {
        return Ok(HashSet::new());
    }
    let mut query = QueryBuilder::new(
        "WITH new (owner, id, epoch, seq, template, args, svg, visibility, expires_at, now, bytes, \
                   frame_rate, quota, quota_from_address, quota_of_all) AS (",
    );
    query.push_values(asked, |mut row, asked| {
        let Asked { address, expected, drawing, args, quotas, .. } = asked;
        let own = if address.owner.is_some() { Space::User } else { Space::Public };
        row.push_bind(owner(address))
            .push_bind(address.id.as_str())
            .push_bind(signed(expected.epoch))
            .push_bind(signed(expected.seq))
            .push_bind(&*drawing.template)
            .push_bind(args)
            .push_bind(&*drawing.svg)
            .push_bind(drawing.visibility.as_str())
            .push_bind(micros(drawing.expires_at))
            .push_bind(micros(asked.now))
            .push_bind(asked.bytes)
            .push_bind(drawing.frame_rate())
            .push_bind(signed(quotas.of(own).bytes))
            .push_bind(signed(quotas.of(Space::PublicFromAddress).bytes))
            .push_bind(signed(quotas.of(Space::All).bytes));
    });
    // Neighbours in this statement grow at the same time: there must be room for all of them.
    query.push(
        ") UPDATE sessions SET seq = new.seq + 1, template = new.template, args = new.args, \
                svg = new.svg, visibility = new.visibility, expires_at = new.expires_at, \
                updated_at = new.now, bytes = new.bytes, max_frames_per_second = new.frame_rate \
         FROM new WHERE sessions.owner = new.owner AND sessions.id = new.id \
           AND sessions.epoch = new.epoch AND sessions.seq = new.seq \
           AND sessions.expires_at > new.now \
           AND (new.bytes <= sessions.bytes OR NOT EXISTS ( \
             SELECT 1 FROM usage \
             WHERE usage.space IN (new.owner, '@' || sessions.creator, '*') \
               AND usage.bytes + (SELECT SUM(bytes) FROM new) > CASE usage.space \
                 WHEN new.owner THEN new.quota WHEN '*' THEN new.quota_of_all \
                 ELSE new.quota_from_address END)) \
         RETURNING sessions.owner, sessions.id",
    );
    query.build_query_as().fetch_all(writer).await.map(HashSet::from_iter)
}

/// Carries an update out, or finds out why it cannot be.
async fn decide(writer: &SqlitePool, asked: &Asked) -> Result<Update, StoreError> {
    let Asked { address, expected, drawing, args, bytes, quotas, now, .. } = asked;
    let mut transaction = writer.begin_with("BEGIN IMMEDIATE").await.map_err(unavailable)?;
    let before = sqlx::query(
        "SELECT epoch, seq, bytes, creator FROM sessions \
         WHERE owner = $1 AND id = $2 AND expires_at > $3",
    )
    .bind(owner(address))
    .bind(address.id.as_str())
    .bind(micros(*now))
    .fetch_optional(&mut *transaction)
    .await
    .map_err(unavailable)?;
    let Some(before) = before else {
        return Ok(Update::Gone);
    };
    if revision(&before)? != *expected {
        return Ok(Update::Stale);
    }
    let grows = *bytes > before.try_get::<i64, _>("bytes").map_err(unavailable)?;
    sqlx::query(
        "UPDATE sessions SET seq = $3, template = $4, args = $5, svg = $6, visibility = $7, \
                             expires_at = $8, updated_at = $9, bytes = $10, \
                             max_frames_per_second = $11 \
         WHERE owner = $1 AND id = $2",
    )
    .bind(owner(address))
    .bind(address.id.as_str())
    .bind(signed(asked.revision().seq))
    .bind(&*drawing.template)
    .bind(args)
    .bind(&*drawing.svg)
    .bind(drawing.visibility.as_str())
    .bind(micros(drawing.expires_at))
    .bind(micros(*now))
    .bind(bytes)
    .bind(drawing.frame_rate())
    .execute(&mut *transaction)
    .await
    .map_err(unavailable)?;
    if grows {
        let creator = before.try_get("creator").map_err(unavailable)?;
        let spaces = spaces(&mut transaction, owner(address), creator).await?;
        // A space may have too many sessions by now; this one is among them already.
        let beyond = Used::bytes_beyond;
        if let Some(full) = full(&mut transaction, &spaces, beyond, quotas, *now).await? {
            return Ok(Update::Full(full));
        }
    }
    transaction.commit().await.map_err(unavailable)?;
    Ok(Update::Done(asked.revision()))
}

impl Asked {
    /// The one that it leads to.
    fn revision(&self) -> Revision {
        Revision { seq: self.expected.seq + 1, ..self.expected }
    }

    /// Of the session, as its row has it.
    fn place(&self) -> (String, String) {
        (owner(&self.address).to_owned(), self.address.id.as_str().to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{Creation, Quota, SessionStore, SqliteStore};

    const BOUNDLESS: Quota = Quota { sessions: 1 << 40, bytes: 1 << 40 };
    const QUOTAS: Quotas = Quotas {
        user: BOUNDLESS,
        public: BOUNDLESS,
        public_from_address: BOUNDLESS,
        all: BOUNDLESS,
    };

    #[tokio::test]
    async fn who_cannot_be_written_is_told_and_is_not_written_later() {
        let directory = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(&directory.path().join("easel.db")).await.unwrap();
        let now = OffsetDateTime::UNIX_EPOCH;
        let drawing = |svg: &str| Drawing {
            template: "".into(),
            args: Arc::default(),
            svg: svg.into(),
            visibility: common::api::Visibility::Public,
            expires_at: now + Duration::from_secs(3600),
            max_frames_per_second: None,
        };
        let mut sessions = Vec::new();
        for name in ["a/one", "a/two", "a/three"] {
            let address: SessionAddress = name.parse().unwrap();
            let created = store.create(&address, None, &drawing("first"), &QUOTAS, now).await;
            let Creation::Created(revision) = created.unwrap() else { panic!("{name}") };
            sessions.push((address, revision));
        }
        let updates = Updates::with_patience(Duration::from_millis(20));
        let second = drawing("second");
        let update = |n: usize| {
            let (address, revision) = &sessions[n];
            updates.update(&store.writer, address, *revision, &second, &QUOTAS, now)
        };
        let held = store.writer.acquire().await.unwrap();
        let (first, ()) = tokio::join!(update(0), async {
            let refused = update(1).await;
            assert!(matches!(refused, Err(StoreError::Unavailable(_))), "{refused:?}");
            drop(held);
        });
        assert!(matches!(first.unwrap(), Update::Done(_)));
        assert!(matches!(update(2).await.unwrap(), Update::Done(_)));
        for (n, svg) in ["second", "first", "second"].into_iter().enumerate() {
            let stored = store.get(&sessions[n].0, now).await.unwrap().unwrap();
            assert_eq!(&*stored.drawing.svg, svg, "{n}");
        }
    }
}
