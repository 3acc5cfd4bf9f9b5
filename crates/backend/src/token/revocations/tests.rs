use std::sync::{
    atomic::{AtomicBool, Ordering::Relaxed},
    mpsc,
};

use async_trait::async_trait;
use futures_util::{FutureExt, poll};
use tokio::{sync::Semaphore, task::unconstrained};

use super::*;
use crate::clock::ManualClock;

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3600);

fn noon() -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp(2_000_000_000).unwrap()
}

fn user(name: &str) -> UserId {
    name.parse().unwrap()
}

fn sid(sid: &str) -> Revoked {
    Revoked::Sid(sid.to_owned())
}

fn unbound(name: &str, until: OffsetDateTime) -> Revoked {
    Revoked::Unbound(user(name), until)
}

fn known(revoked: impl IntoIterator<Item = (Revoked, OffsetDateTime)>) -> Known {
    let mut known = Known::default();
    for (revoked, ends_at) in revoked {
        known.apply(revoked, ends_at);
    }
    known
}

#[test]
fn a_sid_ends_its_own_tokens_and_no_others() {
    let (alice, known) = (user("alice"), known([(sid("one"), noon() + HOUR)]));
    assert!(known.refuses(Tie::Sid("one", noon())));
    for other in ["two", "On", "one ", ""] {
        assert!(!known.refuses(Tie::Sid(other, noon())), "{other}");
    }
    assert!(!known.refuses(Tie::Unbound(&alice, noon())));
}

#[test]
fn tokens_without_a_sid_end_that_were_issued_until_then_to_the_second() {
    let half_past = noon() + SECOND / 2;
    let mut known = known([(unbound("alice", half_past), noon() + HOUR)]);
    let (alice, bob) = (user("alice"), user("bob"));
    for (issued_at, is_refused) in [
        (noon() - HOUR, true),
        (noon(), true),
        (half_past + SECOND / 4, true),
        (noon() + SECOND, false),
        (noon() + HOUR, false),
    ] {
        assert_eq!(known.refuses(Tie::Unbound(&alice, issued_at)), is_refused, "{issued_at}");
        assert!(!known.refuses(Tie::Unbound(&bob, issued_at)));
    }
    assert!(!known.refuses(Tie::Sid("alice", noon())));
    let key = Revoked::SidUntil("key".to_owned(), noon());
    known.apply(key, noon() + Duration::from_secs(60));
    assert!(known.refuses(Tie::Sid("key", noon())), "as those of a user");
    assert!(!known.refuses(Tie::Sid("key", noon() + SECOND)), "the key goes on");
}

#[test]
fn order_and_repetition_make_no_difference() {
    let all = [
        (sid("one"), noon() + SECOND),
        (sid("one"), noon() + HOUR),
        (unbound("alice", noon() + SECOND), noon() + HOUR),
        (unbound("alice", noon()), noon() + 2 * HOUR),
    ];
    let alice = user("alice");
    for first in 0..all.len() {
        for again in 0..all.len() {
            let mut order = all.clone();
            order.rotate_left(first);
            let mut known = known(order.into_iter().chain([all[again].clone()]));
            let second = noon() + SECOND;
            assert!(known.refuses(Tie::Unbound(&alice, second)));
            assert!(!known.refuses(Tie::Unbound(&alice, second + SECOND)));
            known.forget(noon() + HOUR - SECOND);
            assert!(known.refuses(Tie::Sid("one", noon())));
            known.forget(noon() + HOUR);
            assert!(!known.refuses(Tie::Sid("one", noon())));
            assert!(known.refuses(Tie::Unbound(&alice, second)), "{first} {again}");
        }
    }
}

#[test]
fn what_has_ended_takes_no_room() {
    let many = (0..1000).map(|n| (sid(&n.to_string()), noon() + SECOND * n));
    let mut known = known(many.chain([(unbound("alice", noon()), noon() + SECOND)]));
    assert_eq!(known.len(), 1001);
    known.forget(noon() + SECOND * 990);
    assert_eq!(known.len(), 9);
    assert!(known.sids.capacity() < 100);
}

#[test]
fn only_what_is_new_is_read_unless_the_store_may_be_another() {
    let at = |position, is_in_doubt| Progress { position, is_in_doubt, answered: 0 };
    for (progress, last, after) in [
        (at(0, false), 0, None),
        (at(0, false), 7, Some(0)),
        (at(7, false), 7, None),
        (at(7, false), 9, Some(7)),
        (at(7, false), 6, Some(0)),
        (at(7, false), 0, Some(0)),
        (at(7, true), 7, Some(0)),
        (at(7, true), 9, Some(0)),
    ] {
        assert_eq!(progress.reads_after(last), after, "{progress:?} of {last}");
    }
}

/// A store whose revocations a test writes, and which fails and waits when it says so: what
/// databases keep, their contract tests know.
#[derive(Debug)]
struct Shelf {
    kept: Mutex<Vec<Revocation>>,
    fails: AtomicBool,
    /// An answer to a look takes one.
    answers: Semaphore,
    /// After which place was read, each time.
    read: mpsc::Sender<u64>,
}

#[async_trait]
impl RevocationStore for Shelf {
    async fn last_revocation(&self) -> Result<u64, StoreError> {
        let last = self.kept.lock().unwrap().last().map_or(0, |revocation| revocation.position);
        self.answers.acquire().await.unwrap().forget();
        match self.fails.load(Relaxed) {
            true => Err(StoreError::Unavailable("it is away".into())),
            false => Ok(last),
        }
    }

    async fn revocations(
        &self,
        after: u64,
        limit: u32,
        now: OffsetDateTime,
    ) -> Result<Vec<Revocation>, StoreError> {
        self.read.send(after).unwrap();
        let kept = self.kept.lock().unwrap();
        let wanted = kept.iter().filter(|kept| kept.position > after && kept.ends_at > now);
        Ok(wanted.take(limit as usize).cloned().collect())
    }
}

struct Stage {
    store: Arc<Shelf>,
    read: mpsc::Receiver<u64>,
    clock: ManualClock,
}

impl Stage {
    fn new() -> Self {
        let (sender, read) = mpsc::channel();
        let store = Shelf {
            kept: Mutex::default(),
            fails: AtomicBool::new(false),
            answers: Semaphore::new(1_000_000),
            read: sender,
        };
        Self { store: Arc::new(store), read, clock: ManualClock::new(noon()) }
    }

    async fn opens(&self) -> Arc<Revocations> {
        Revocations::open(self.store.clone(), Arc::new(self.clock.clone())).await.unwrap()
    }

    /// The store has these, and nothing else.
    fn holds(&self, positions: impl IntoIterator<Item = (u64, Revoked)>) {
        let revocation = |(position, revoked)| {
            let ends_at = noon() + HOUR;
            Revocation { position, revoked, ends_at }
        };
        *self.store.kept.lock().unwrap() = positions.into_iter().map(revocation).collect();
    }

    /// After which places was read since this was asked last.
    fn was_read(&self) -> Vec<u64> {
        self.read.try_iter().collect()
    }
}

#[tokio::test]
async fn all_are_known_at_the_start_and_then_what_is_added() {
    let stage = Stage::new();
    let name = |n: u64| format!("sign-in {n}");
    stage.holds((1..=2500).map(|n| (2 * n, sid(&name(n)))));
    let revocations = stage.opens().await;
    assert_eq!(stage.was_read(), [0, 2000, 4000]);
    assert!((1..=2500).all(|n| revocations.refuse(Tie::Sid(&name(n), noon()))));
    assert!(!revocations.refuse(Tie::Sid(&name(2501), noon())));
    revocations.look().await;
    assert!(stage.was_read().is_empty(), "nothing was new");

    stage.holds([(5000, sid(&name(2500))), (5003, sid(&name(2501)))]);
    revocations.look().await;
    assert_eq!(stage.was_read(), [5000]);
    assert!(revocations.refuse(Tie::Sid(&name(2501), noon())));
    revocations.look().await;
    assert!(stage.was_read().is_empty());
}

#[tokio::test]
async fn a_full_page_is_followed_by_another_look_for_more() {
    let stage = Stage::new();
    stage.holds((1..=u64::from(PAGE)).map(|n| (n, sid(&n.to_string()))));
    stage.opens().await;
    assert_eq!(stage.was_read(), [0, u64::from(PAGE)]);
}

#[tokio::test]
async fn a_store_that_fell_behind_is_read_anew_and_nothing_is_forgotten() {
    let stage = Stage::new();
    stage.holds([(3, sid("before")), (9, sid("lost"))]);
    let revocations = stage.opens().await;
    // Restored from a copy, and written to again.
    stage.holds([(3, sid("before")), (4, sid("after"))]);
    revocations.look().await;
    for name in ["before", "lost", "after"] {
        assert!(revocations.refuse(Tie::Sid(name, noon())), "{name}");
    }
    stage.was_read();
    stage.holds([(3, sid("before")), (4, sid("after")), (5, sid("later"))]);
    revocations.look().await;
    assert_eq!(stage.was_read(), [4], "it counts on from where it is");
    assert!(revocations.refuse(Tie::Sid("later", noon())));
}

#[tokio::test]
async fn a_store_that_comes_back_is_read_anew_once() {
    let stage = Stage::new();
    stage.holds([(9, sid("lost"))]);
    let revocations = stage.opens().await;
    stage.store.fails.store(true, Relaxed);
    revocations.look().await;
    // It has caught up with its old self meanwhile: its last place tells nothing.
    stage.holds([(8, sid("other")), (9, sid("another"))]);
    stage.store.fails.store(false, Relaxed);
    stage.was_read();
    revocations.look().await;
    revocations.look().await;
    assert_eq!(stage.was_read(), [0]);
    for name in ["lost", "other", "another"] {
        assert!(revocations.refuse(Tie::Sid(name, noon())), "{name}");
    }
}

#[tokio::test]
async fn a_store_that_fails_at_the_start_lets_nobody_in() {
    let stage = Stage::new();
    stage.store.fails.store(true, Relaxed);
    let opened = Revocations::open(stage.store.clone(), Arc::new(stage.clock.clone())).await;
    assert!(matches!(opened, Err(StoreError::Unavailable(_))));
}

#[tokio::test]
async fn a_look_that_began_before_is_not_enough_and_one_is_enough_for_many() {
    let stage = Stage::new();
    let revocations = stage.opens().await;
    let answers = &stage.store.answers;
    answers.forget_permits(usize::MAX);
    let mut early = Box::pin(revocations.look());
    assert!(poll!(&mut early).is_pending(), "the store has said what it had, and nobody heard it");
    stage.holds([(1, sid("one"))]);
    let mut late: Vec<_> = (0..50).map(|_| Box::pin(revocations.look())).collect();
    for look in &mut late {
        assert!(poll!(look).is_pending());
    }
    answers.add_permits(1);
    early.await;
    assert!(!revocations.refuse(Tie::Sid("one", noon())), "it was not there yet");
    assert!(poll!(&mut late[0]).is_pending(), "it looks by itself");
    answers.add_permits(1);
    futures_util::future::join_all(late).await;
    assert!(revocations.refuse(Tie::Sid("one", noon())));
    assert_eq!((stage.was_read(), answers.available_permits()), (vec![0], 0));
}

#[tokio::test]
async fn who_stops_waiting_for_a_look_leaves_it_to_the_next() {
    let stage = Stage::new();
    let revocations = stage.opens().await;
    stage.store.answers.forget_permits(usize::MAX);
    stage.holds([(1, sid("one"))]);
    let mut dropped = Box::pin(revocations.look());
    let mut next = Box::pin(revocations.look());
    assert!(poll!(&mut dropped).is_pending() && poll!(&mut next).is_pending());
    drop(dropped);
    stage.store.answers.add_permits(1);
    next.await;
    assert!(revocations.refuse(Tie::Sid("one", noon())));
}

#[tokio::test]
async fn a_node_is_ready_as_long_as_the_store_was_read_a_while_ago() {
    let stage = Stage::new();
    let revocations = stage.opens().await;
    stage.store.fails.store(true, Relaxed);
    stage.clock.advance(STALE_AFTER);
    assert!(revocations.are_current().await);
    stage.clock.advance(SECOND);
    assert!(!revocations.are_current().await);
    stage.store.fails.store(false, Relaxed);
    assert!(revocations.are_current().await, "it can be read now");

    // One that does not answer at all.
    stage.clock.advance(STALE_AFTER + SECOND);
    stage.store.answers.forget_permits(usize::MAX);
    let mut asks = Box::pin(revocations.are_current());
    assert!(poll!(&mut asks).is_pending());
    stage.clock.advance(PATIENCE);
    assert!(!asks.await);
}

#[tokio::test]
async fn whoever_waits_is_told_of_the_end_of_what_they_wait_for() {
    let stage = Stage::new();
    let revocations = stage.opens().await;
    let (alice, bob) = (user("alice"), user("bob"));
    let mut told = Box::pin(revocations.reach(Tie::Sid("one", noon())));
    let mut user = Box::pin(revocations.reach(Tie::Unbound(&alice, noon())));
    let later = Tie::Unbound(&alice, noon() + SECOND);
    let others: Vec<_> = (0..200).map(|n| format!("other {n}")).collect();
    let others = others.iter().map(|other| Tie::Sid(other, noon()));
    let others = others.chain([Tie::Unbound(&bob, noon()), later]);
    let mut others: Vec<_> = others.map(|tie| Box::pin(revocations.reach(tie))).collect();
    for other in &mut others {
        assert!(poll!(unconstrained(other)).is_pending());
    }
    assert!(poll!(&mut told).is_pending() && poll!(&mut user).is_pending());

    stage.holds([(1, sid("one")), (2, unbound("alice", noon()))]);
    revocations.look().await;
    told.await;
    user.await;
    for other in &mut others {
        assert!(poll!(unconstrained(other)).is_pending());
    }
    let at_once = revocations.reach(Tie::Sid("one", noon())).now_or_never();
    assert!(at_once.is_some(), "it had ended before anyone waited");
}

#[tokio::test]
async fn what_is_added_becomes_known_as_time_passes_and_is_forgotten_in_the_end() {
    let stage = Stage::new();
    let revocations = stage.opens().await;
    let mut follows = Box::pin(revocations.clone().follow());
    assert!(poll!(unconstrained(&mut follows)).is_pending());
    stage.holds([(1, sid("one"))]);
    stage.clock.advance(FOLLOW_EVERY);
    assert!(poll!(unconstrained(&mut follows)).is_pending());
    assert!(revocations.refuse(Tie::Sid("one", noon())));

    stage.clock.advance(HOUR);
    for _ in 0..FORGET_EVERY {
        assert!(poll!(unconstrained(&mut follows)).is_pending());
        stage.clock.advance(FOLLOW_EVERY);
    }
    assert!(!revocations.refuse(Tie::Sid("one", noon())));
    assert_eq!(format!("{revocations:?}"), "Revocations(0 known)");
}
