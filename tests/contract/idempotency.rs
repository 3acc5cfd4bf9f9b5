//! What an [`IdempotencyStore`] promises.

use std::time::Duration;

use backend::store::{
    Begun, Fingerprint, IdempotencyStore, RequestScope, Run, RunToken, StoredAnswer,
};
use futures_util::future::join_all;
use time::OffsetDateTime;

use crate::{
    Backend,
    sessions::{MICROSECOND, noon},
};

const LEASE: Duration = Duration::from_secs(30);
const DAY: Duration = Duration::from_secs(86_400);

/// The `n`th run of a request, which begins at `now`.
fn run_at(n: u8, now: OffsetDateTime) -> Run {
    Run {
        scope: RequestScope([7; 32]),
        fingerprint: Fingerprint([8; 32]),
        token: token(n),
        leased_until: now + LEASE,
        expires_at: now + DAY,
    }
}

fn run(n: u8) -> Run {
    run_at(n, noon())
}

fn token(n: u8) -> RunToken {
    // Those that begin with a zero are as long as the others.
    RunToken([n; 16])
}

fn answer(body: &[u8]) -> StoredAnswer {
    StoredAnswer {
        status: 201,
        content_type: Some("application/json".to_owned()),
        location: Some("/api/user/alice/session/chart".to_owned()),
        etag: Some("\"1795250000000000-1\"".to_owned()),
        body: body.to_owned(),
    }
}

async fn begins(store: &impl IdempotencyStore, run: &Run) {
    assert_eq!(store.begin(run, noon()).await.unwrap(), Begun::Started);
}

/// Finishes a run whose answer is kept for a day; says whether it was.
async fn finishes(store: &impl IdempotencyStore, run: &Run, body: &[u8]) -> bool {
    store.finish(run, &answer(body), noon() + DAY, noon()).await.unwrap()
}

pub(crate) async fn who_asks_while_a_run_is_under_way_is_told_for_how_long<B: Backend>() {
    let backend = B::start().await;
    let store = backend.open().await;
    begins(&*store, &run(1)).await;
    for (later, left) in [(Duration::ZERO, LEASE), (LEASE - MICROSECOND, MICROSECOND)] {
        let now = noon() + later;
        let begun = store.begin(&run_at(2, now), now).await.unwrap();
        assert_eq!(begun, Begun::InProgress(left));
    }
}

pub(crate) async fn what_was_answered_is_answered_again<B: Backend>() {
    let backend = B::start().await;
    let store = backend.open().await;
    begins(&*store, &run(1)).await;
    assert!(finishes(&*store, &run(1), b"{}").await);
    for later in [Duration::ZERO, LEASE, DAY - MICROSECOND] {
        let now = noon() + later;
        let begun = store.begin(&run_at(2, now), now).await.unwrap();
        assert_eq!(begun, Begun::Done(answer(b"{}")));
    }
}

pub(crate) async fn an_answer_has_what_it_has<B: Backend>() {
    let backend = B::start().await;
    let store = backend.open().await;
    let every_byte: Vec<u8> = (0..=255).cycle().take(64 * 1024).collect();
    let nothing =
        StoredAnswer { status: 204, content_type: None, location: None, etag: None, body: vec![] };
    let some = StoredAnswer { etag: Some("\"1-1\"".to_owned()), ..nothing.clone() };
    for (n, answer) in (0..).zip([nothing, some, answer(&every_byte)]) {
        let run = Run { scope: RequestScope([n; 32]), ..run(1) };
        begins(&*store, &run).await;
        assert!(store.finish(&run, &answer, noon() + DAY, noon()).await.unwrap());
        let begun = store.begin(&run, noon()).await.unwrap();
        assert!(begun == Begun::Done(answer), "{n}");
    }
}

pub(crate) async fn a_key_is_of_what_it_was_first_sent_with<B: Backend>() {
    let backend = B::start().await;
    let store = backend.open().await;
    let other = Run { fingerprint: Fingerprint([9; 32]), ..run(2) };
    begins(&*store, &run(1)).await;
    for now in [noon(), noon() + LEASE] {
        assert_eq!(store.begin(&other, now).await.unwrap(), Begun::Mismatch);
    }
    assert!(finishes(&*store, &run(1), b"{}").await);
    assert_eq!(store.begin(&other, noon()).await.unwrap(), Begun::Mismatch);
}

pub(crate) async fn a_run_whose_lease_has_ended_is_taken_over<B: Backend>() {
    let backend = B::start().await;
    let store = backend.open().await;
    begins(&*store, &run(1)).await;
    // Each names the first, and has a lease of its own.
    let mut now = noon();
    for n in 2..5 {
        now += LEASE;
        let begun = store.begin(&run_at(n, now), now).await.unwrap();
        assert_eq!(begun, Begun::TakenOver { first: token(1) });
        let begun = store.begin(&run_at(9, now), now).await.unwrap();
        assert_eq!(begun, Begun::InProgress(LEASE));
    }
    let kept = store.finish(&run(4), &answer(b"{}"), now + DAY, now).await.unwrap();
    assert!(kept);
    let later = now + DAY - MICROSECOND;
    let begun = store.begin(&run_at(9, later), later).await.unwrap();
    assert_eq!(begun, Begun::Done(answer(b"{}")));
}

pub(crate) async fn whoever_was_taken_over_changes_nothing<B: Backend>() {
    let backend = B::start().await;
    let store = backend.open().await;
    begins(&*store, &run(1)).await;
    let later = noon() + LEASE;
    store.begin(&run_at(2, later), later).await.unwrap();
    assert!(!finishes(&*store, &run(1), b"late").await);
    assert!(!store.abandon(&run(1)).await.unwrap());
    let begun = store.begin(&run_at(3, later), later).await.unwrap();
    assert_eq!(begun, Begun::InProgress(LEASE));
    assert!(finishes(&*store, &run(2), b"{}").await);
    assert!(!finishes(&*store, &run(1), b"late").await);
    assert_eq!(store.begin(&run(3), noon()).await.unwrap(), Begun::Done(answer(b"{}")));
}

pub(crate) async fn a_late_run_that_nobody_took_over_is_kept<B: Backend>() {
    let backend = B::start().await;
    let store = backend.open().await;
    begins(&*store, &run(1)).await;
    let later = noon() + 2 * LEASE;
    let kept = store.finish(&run(1), &answer(b"{}"), later + DAY, later).await.unwrap();
    assert!(kept);
    let begun = store.begin(&run_at(2, later), later).await.unwrap();
    assert_eq!(begun, Begun::Done(answer(b"{}")));
}

pub(crate) async fn what_was_given_up_never_was<B: Backend>() {
    let backend = B::start().await;
    let store = backend.open().await;
    begins(&*store, &run(1)).await;
    assert!(store.abandon(&run(1)).await.unwrap());
    assert!(!store.abandon(&run(1)).await.unwrap());
    assert!(!finishes(&*store, &run(1), b"late").await);
    let other = Run { fingerprint: Fingerprint([9; 32]), ..run(2) };
    begins(&*store, &other).await;
}

pub(crate) async fn what_was_taken_over_and_given_up_is_taken_over_again<B: Backend>() {
    let backend = B::start().await;
    let store = backend.open().await;
    begins(&*store, &run(1)).await;
    let later = noon() + LEASE;
    store.begin(&run_at(2, later), later).await.unwrap();
    assert!(store.abandon(&run(2)).await.unwrap());
    let other = Run { fingerprint: Fingerprint([9; 32]), ..run_at(3, later) };
    assert_eq!(store.begin(&other, later).await.unwrap(), Begun::Mismatch);
    let begun = store.begin(&run_at(3, later), later).await.unwrap();
    assert_eq!(begun, Begun::TakenOver { first: token(1) });
}

pub(crate) async fn what_is_answered_stays_so<B: Backend>() {
    let backend = B::start().await;
    let store = backend.open().await;
    begins(&*store, &run(1)).await;
    assert!(finishes(&*store, &run(1), b"{}").await);
    assert!(!finishes(&*store, &run(1), b"other").await);
    assert!(!store.abandon(&run(1)).await.unwrap());
    assert_eq!(store.begin(&run(2), noon()).await.unwrap(), Begun::Done(answer(b"{}")));
}

/// How many of many runs that begin at once do.
async fn begin_at_once<B: Backend>(backend: &B, now: OffsetDateTime, mine: Begun) {
    let stores = [backend.open().await, backend.open().await];
    let runs: Vec<_> = (1..=40).map(|n| run_at(n, now)).collect();
    let begun = runs.iter().zip(stores.iter().cycle()).map(|(run, store)| store.begin(run, now));
    let begun: Vec<_> = join_all(begun).await.into_iter().map(Result::unwrap).collect();
    assert_eq!(begun.iter().filter(|begun| **begun == mine).count(), 1);
    let waiting = begun.iter().filter(|begun| **begun == Begun::InProgress(LEASE));
    assert_eq!(waiting.count(), 39);
}

pub(crate) async fn of_all_who_begin_at_once_one_does<B: Backend>() {
    let backend = B::start().await;
    begin_at_once(&backend, noon(), Begun::Started).await;
}

pub(crate) async fn of_all_who_take_over_at_once_one_does<B: Backend>() {
    let backend = B::start().await;
    begins(&*backend.open().await, &run(0)).await;
    begin_at_once(&backend, noon() + LEASE, Begun::TakenOver { first: token(0) }).await;
}

pub(crate) async fn requests_do_not_touch<B: Backend>() {
    let backend = B::start().await;
    let store = backend.open().await;
    let other = Run { scope: RequestScope([9; 32]), ..run(1) };
    begins(&*store, &run(1)).await;
    begins(&*store, &other).await;
    assert!(finishes(&*store, &run(1), b"one").await);
    assert!(finishes(&*store, &other, b"other").await);
    for (run, body) in [(run(1), &b"one"[..]), (other, b"other")] {
        assert_eq!(store.begin(&run, noon()).await.unwrap(), Begun::Done(answer(body)));
    }
}

pub(crate) async fn an_old_request_is_none<B: Backend>() {
    let backend = B::start().await;
    let store = backend.open().await;
    let end = noon() + DAY;
    for n in 0..2 {
        let scope = RequestScope([n; 32]);
        begins(&*store, &Run { scope, ..run(1) }).await;
        if n == 1 {
            assert!(finishes(&*store, &Run { scope, ..run(1) }, b"{}").await);
        }
        // Nothing of it is left for the next.
        let fresh = Run { scope, fingerprint: Fingerprint([9; 32]), ..run_at(2, end) };
        assert_eq!(store.begin(&fresh, end).await.unwrap(), Begun::Started);
        let again = Run { token: token(3), ..fresh };
        let begun = store.begin(&again, end + LEASE).await.unwrap();
        assert_eq!(begun, Begun::TakenOver { first: token(2) });
    }
}

pub(crate) async fn old_requests_are_swept<B: Backend>() {
    let backend = B::start().await;
    let store = backend.open().await;
    let end = noon() + DAY;
    let scope = |n: u32| {
        let mut scope = [0; 32];
        scope[..4].copy_from_slice(&n.to_be_bytes());
        RequestScope(scope)
    };
    // More than are swept in one step.
    for n in 0..600 {
        begins(&*store, &Run { scope: scope(n), ..run(1) }).await;
    }
    let fresh = Run { scope: scope(600), expires_at: end + MICROSECOND, ..run(1) };
    begins(&*store, &fresh).await;
    while store.sweep(end).await.unwrap() {}
    // What is still there is known before its end, whatever was swept by a clock that is ahead.
    let living = store.begin(&fresh, noon()).await.unwrap();
    assert_eq!(living, Begun::InProgress(LEASE));
    assert!(!store.sweep(end).await.unwrap());
}

pub(crate) async fn an_answer_survives<B: Backend>() {
    let backend = B::start().await;
    let store = backend.open().await;
    begins(&*store, &run(1)).await;
    assert!(finishes(&*store, &run(1), b"{}").await);
    drop(store);
    let store = backend.open().await;
    assert_eq!(store.begin(&run(2), noon()).await.unwrap(), Begun::Done(answer(b"{}")));
}
