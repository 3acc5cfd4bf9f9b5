//! Tokens that have ended before their time. Verifying asks no store, so every node knows all of
//! them: they are read at the start, and what is added twice a second.
//!
//! Whoever holds a right that rests on a token is told here that it has ended. Those who wait are
//! in shares by what they wait for, so that the end of one sign-in wakes few of the others.

use std::{
    array,
    cmp::Ordering,
    collections::HashMap,
    fmt,
    hash::{BuildHasher, RandomState},
    mem::replace,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{self, AtomicU64},
    },
    time::Duration,
};

use common::UserId;
use time::OffsetDateTime;
use tokio::sync::watch;

use crate::{
    clock::Clock,
    store::{Revocation, RevocationStore, Revoked, StoreError},
};

/// How often the node looks for new ones. What a token has opened is to end within a second on
/// every node, and the look is the smallest of reads.
const FOLLOW_EVERY: Duration = Duration::from_millis(500);

/// How many are read in one step.
const PAGE: u32 = 1000;

/// Every how many looks those are forgotten whose tokens have ended by themselves.
const FORGET_EVERY: u32 = 60;

/// For how long a node is ready that has not reached the store.
const STALE_AFTER: Duration = Duration::from_secs(10);

/// How long whoever asks whether a node is ready waits for a look.
const PATIENCE: Duration = Duration::from_secs(1);

/// In so many parts they are kept.
const SHARES: usize = 64;

/// By what a token can be revoked.
#[derive(Debug, Clone, Copy)]
pub(super) enum Tie<'a> {
    /// With the sign-in or API key that it belongs to; or with all of those of the key that were
    /// issued when it was, or before.
    Sid(&'a str, OffsetDateTime),
    /// It belongs to none: with all of its user that were issued when it was, or before.
    Unbound(&'a UserId, OffsetDateTime),
}

/// A share of the revocations.
#[derive(Debug, Default)]
struct Known {
    /// When each may be forgotten.
    sids: HashMap<String, OffsetDateTime>,
    sids_until: HashMap<String, Until>,
    unbound: HashMap<UserId, Until>,
}

/// The tokens of a user without a `sid`, or those of an API key.
#[derive(Debug)]
struct Until {
    /// Those are void that were issued until then.
    until: OffsetDateTime,
    /// When that may be forgotten.
    ends_at: OffsetDateTime,
}

impl Until {
    fn extend(&mut self, until: OffsetDateTime, ends_at: OffsetDateTime) {
        self.until = until.max(self.until);
        self.ends_at = ends_at.max(self.ends_at);
    }

    /// Tokens say in which second they were issued: one of the same second may have been issued
    /// before.
    fn covers(&self, issued_at: OffsetDateTime) -> bool {
        issued_at.unix_timestamp() <= self.until.unix_timestamp()
    }
}

impl Known {
    /// Takes one over. In which order, and how often, makes no difference.
    fn apply(&mut self, revoked: Revoked, ends_at: OffsetDateTime) {
        match revoked {
            Revoked::Sid(sid) => {
                let end = self.sids.entry(sid).or_insert(ends_at);
                *end = ends_at.max(*end);
            }
            Revoked::SidUntil(sid, until) => {
                let fresh = Until { until, ends_at };
                self.sids_until.entry(sid).or_insert(fresh).extend(until, ends_at);
            }
            Revoked::Unbound(user, until) => {
                let fresh = Until { until, ends_at };
                self.unbound.entry(user).or_insert(fresh).extend(until, ends_at);
            }
        }
    }

    fn refuses(&self, tie: Tie<'_>) -> bool {
        match tie {
            Tie::Sid(sid, issued_at) => {
                let until = self.sids_until.get(sid);
                self.sids.contains_key(sid) || until.is_some_and(|until| until.covers(issued_at))
            }
            Tie::Unbound(user, issued_at) => {
                self.unbound.get(user).is_some_and(|until| until.covers(issued_at))
            }
        }
    }

    fn forget(&mut self, now: OffsetDateTime) {
        self.sids.retain(|_, end| *end > now);
        self.sids_until.retain(|_, until| until.ends_at > now);
        self.unbound.retain(|_, until| until.ends_at > now);
        self.sids.shrink_to(2 * self.sids.len());
        self.sids_until.shrink_to(2 * self.sids_until.len());
        self.unbound.shrink_to(2 * self.unbound.len());
    }

    fn len(&self) -> usize {
        self.sids.len() + self.sids_until.len() + self.unbound.len()
    }
}

/// How far the store has been read.
#[derive(Debug, Default)]
struct Progress {
    /// The place of the last one that was read.
    position: u64,
    /// The last look failed.
    is_in_doubt: bool,
    /// So many who asked for a look have had one.
    answered: u64,
}

impl Progress {
    /// After which place to read on in a store whose last one has this place; `None` if there is
    /// nothing to read.
    fn reads_after(&self, last: u64) -> Option<u64> {
        match last.cmp(&self.position) {
            // What comes back may be another store: a copy from before, or a replica that was
            // behind. It counts on from its own last place.
            _ if self.is_in_doubt => Some(0),
            Ordering::Less => Some(0),
            Ordering::Equal => None,
            Ordering::Greater => Some(self.position),
        }
    }
}

/// The revocations that this node knows.
pub struct Revocations {
    store: Arc<dyn RevocationStore>,
    clock: Arc<dyn Clock>,
    shares: [watch::Sender<Known>; SHARES],
    hasher: RandomState,
    progress: tokio::sync::Mutex<Progress>,
    /// How many have asked for a look.
    asked: AtomicU64,
    /// When the last look began that succeeded, by the clock's running time.
    read_at: Mutex<Duration>,
}

impl Revocations {
    /// Reads all that there are.
    ///
    /// # Errors
    /// When the store fails: without them, tokens that have ended would be believed.
    pub async fn open(
        store: Arc<dyn RevocationStore>,
        clock: Arc<dyn Clock>,
    ) -> Result<Arc<Self>, StoreError> {
        let read_at = Mutex::new(clock.running());
        let revocations = Self {
            store,
            clock,
            shares: array::from_fn(|_| watch::Sender::default()),
            hasher: RandomState::new(),
            progress: tokio::sync::Mutex::default(),
            asked: AtomicU64::new(0),
            read_at,
        };
        revocations.catch_up(&mut *revocations.progress.lock().await).await?;
        Ok(Arc::new(revocations))
    }

    /// Looks for new ones. What was stored before this was called is known when it returns: who
    /// revokes something calls it before saying so. If the store fails, the log says so, and what
    /// is new becomes known once it answers again.
    pub async fn look(&self) {
        let asked = 1 + self.asked.fetch_add(1, atomic::Ordering::AcqRel);
        let mut progress = self.progress.lock().await;
        // One look that begins now is enough for all who have asked until now.
        if progress.answered >= asked {
            return;
        }
        let answers = self.asked.load(atomic::Ordering::Acquire);
        let began = self.clock.running();
        let outcome = self.catch_up(&mut progress).await;
        progress.answered = answers;
        let was_in_doubt = replace(&mut progress.is_in_doubt, outcome.is_err());
        match outcome {
            Ok(()) => {
                if was_in_doubt {
                    tracing::info!("the revocations of tokens are known again");
                }
                *self.read_at.lock().unwrap_or_else(PoisonError::into_inner) = began;
            }
            // Trouble that lasts is said once.
            Err(error) if !was_in_doubt => {
                tracing::error!(%error, "the revocations of tokens cannot be followed");
            }
            Err(_) => {}
        }
    }

    /// Reads what is new. Whoever stops waiting for it leaves nothing half done: what was read is
    /// read again.
    async fn catch_up(&self, progress: &mut Progress) -> Result<(), StoreError> {
        let last = self.store.last_revocation().await?;
        let Some(mut after) = progress.reads_after(last) else { return Ok(()) };
        loop {
            let page = self.store.revocations(after, PAGE, self.clock.now()).await?;
            let is_last = page.len() < PAGE as usize;
            after = page.last().map_or(after, |revocation| revocation.position);
            self.apply(page);
            if is_last {
                // Those that do not matter any more were not among them.
                progress.position = last.max(after);
                return Ok(());
            }
        }
    }

    /// Takes them over, and tells who waits for them.
    pub(super) fn apply(&self, revocations: Vec<Revocation>) {
        for Revocation { revoked, ends_at, .. } in revocations {
            let share = match &revoked {
                Revoked::Sid(sid) | Revoked::SidUntil(sid, _) => self.share(sid),
                Revoked::Unbound(user, _) => self.share(user.as_str()),
            };
            share.send_modify(|known| known.apply(revoked, ends_at));
        }
    }

    /// Looks again and again, as time passes. Runs until it is dropped.
    pub async fn follow(self: Arc<Self>) {
        for look in 1_u32.. {
            self.look().await;
            if look % FORGET_EVERY == 0 {
                self.forget();
            }
            self.clock.sleep(FOLLOW_EVERY).await;
        }
    }

    fn forget(&self) {
        let now = self.clock.now();
        for share in &self.shares {
            share.send_if_modified(|known| {
                known.forget(now);
                // Nothing has ended by that.
                false
            });
        }
    }

    /// Whether the store was read within the last ten seconds, or can be read now.
    pub async fn are_current(&self) -> bool {
        if self.are_stale() {
            tokio::select! {
                () = self.look() => {}
                () = self.clock.sleep(PATIENCE) => {}
            }
        }
        !self.are_stale()
    }

    fn are_stale(&self) -> bool {
        let read_at = *self.read_at.lock().unwrap_or_else(PoisonError::into_inner);
        self.clock.running().saturating_sub(read_at) > STALE_AFTER
    }

    /// Whether what was so of a sign-in or API key at a time may have ended since.
    pub fn has_ended(&self, sid: &str, at: OffsetDateTime) -> bool {
        self.refuse(Tie::Sid(sid, at))
    }

    /// Whether a token is revoked that has this tie.
    pub(super) fn refuse(&self, tie: Tie<'_>) -> bool {
        self.share_of(tie).borrow().refuses(tie)
    }

    /// Resolves once a token is revoked that has this tie; at once, if it is already.
    pub(super) async fn reach(&self, tie: Tie<'_>) {
        // Whoever listens first and then looks misses nothing.
        let mut known = self.share_of(tie).subscribe();
        // The other end is ours, so there is no error.
        let _ = known.wait_for(|known| known.refuses(tie)).await;
    }

    fn share_of(&self, tie: Tie<'_>) -> &watch::Sender<Known> {
        match tie {
            Tie::Sid(sid, _) => self.share(sid),
            Tie::Unbound(user, _) => self.share(user.as_str()),
        }
    }

    fn share(&self, name: &str) -> &watch::Sender<Known> {
        let hash = self.hasher.hash_one(name) as usize;
        &self.shares[hash % SHARES]
    }
}

impl fmt::Debug for Revocations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let known: usize = self.shares.iter().map(|share| share.borrow().len()).sum();
        write!(f, "Revocations({known} known)")
    }
}

#[cfg(test)]
mod tests;
