//! What a [`SessionStore`] promises of quotas: a namespace never holds more than it may,
//! however many write at once, and what ends makes room.

use std::time::Duration;

use backend::store::{Creation, Deletion, Drawing, Full, Quota, SessionStore, Update};
use common::Revision;
use futures_util::future::join_all;
use serde_json::json;
use time::OffsetDateTime;

use crate::{
    Backend,
    sessions::{HOUR, MICROSECOND, UNLIMITED, alice, at, drawing, noon},
};

fn sessions(sessions: u64) -> Quota {
    Quota { sessions, ..UNLIMITED }
}

fn bytes(bytes: u64) -> Quota {
    Quota { bytes, ..UNLIMITED }
}

/// A drawing of so many bytes, some of them in each of its parts.
fn sized(bytes: usize, lifetime: Duration) -> Drawing {
    let args = serde_json::from_value(json!({ "a": 1 })).unwrap();
    let args_text = 7;
    Drawing {
        template: "\0é".into(),
        args: std::sync::Arc::new(args),
        svg: "x".repeat(bytes - args_text - 3).into(),
        expires_at: noon() + lifetime,
        ..drawing(0, noon())
    }
}

async fn creates(
    store: &impl SessionStore,
    address: &str,
    drawing: &Drawing,
    quota: Quota,
    now: OffsetDateTime,
) -> Result<Revision, Full> {
    match store.create(&at(address), drawing, quota, now).await.unwrap() {
        Creation::Created(revision) => Ok(revision),
        Creation::Full(full) => Err(full),
        Creation::Taken => panic!("{address} is taken"),
    }
}

pub(crate) async fn of_parallel_creations_as_many_succeed_as_may<B: Backend>() {
    let backend = B::start().await;
    let stores = [backend.open().await, backend.open().await];
    let one = sized(100, HOUR);
    for (space, quota, full) in [
        ("alice/", sessions(20), Full::Sessions),
        ("", sessions(20), Full::Sessions),
        ("bob/", bytes(2099), Full::Bytes),
    ] {
        let addresses: Vec<_> = (0..50).map(|n| format!("{space}s{n}")).collect();
        let creations = addresses.iter().zip(stores.iter().cycle());
        let creations =
            creations.map(|(address, store)| creates(&**store, address, &one, quota, noon()));
        let outcomes = join_all(creations).await;
        assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 20, "{space}");
        assert_eq!(outcomes.iter().filter(|outcome| **outcome == Err(full)).count(), 30);
        let mut stored = 0;
        for (address, outcome) in addresses.iter().zip(outcomes) {
            let there = stores[0].get(&at(address), noon()).await.unwrap().is_some();
            assert_eq!(there, outcome.is_ok(), "{address}");
            stored += usize::from(there);
        }
        assert_eq!(stored, 20);
    }
    // The namespaces did not touch each other's quotas.
    assert_eq!(stores[0].list(&alice(), None, 100, noon()).await.unwrap().len(), 20);
}

pub(crate) async fn of_parallel_growth_as_much_succeeds_as_may<B: Backend>() {
    let backend = B::start().await;
    let stores = [backend.open().await, backend.open().await];
    let addresses: Vec<_> = (0..50).map(|n| format!("alice/s{n}")).collect();
    let mut revisions = Vec::new();
    for address in &addresses {
        let small = sized(100, HOUR);
        revisions.push(creates(&*stores[0], address, &small, UNLIMITED, noon()).await.unwrap());
    }
    // 5,000 bytes are there, and there is room for twenty to grow by 100.
    let large = sized(200, HOUR);
    let places: Vec<_> = addresses.iter().map(|address| at(address)).collect();
    let updates = places.iter().zip(&revisions).zip(stores.iter().cycle());
    let updates = updates.map(|((place, revision), store)| {
        store.update(place, *revision, &large, bytes(7099), noon())
    });
    let outcomes: Vec<_> = join_all(updates).await.into_iter().map(Result::unwrap).collect();
    let done = outcomes.iter().filter(|outcome| matches!(outcome, Update::Done(_))).count();
    let full = outcomes.iter().filter(|outcome| **outcome == Update::Full).count();
    assert_eq!((done, full), (20, 30));
    for (place, outcome) in places.iter().zip(outcomes) {
        let stored = stores[1].get(place, noon()).await.unwrap().unwrap();
        let wanted = if outcome == Update::Full { 1 } else { 2 };
        assert_eq!(stored.revision.seq, wanted, "what was refused changed nothing");
    }
}

pub(crate) async fn every_part_of_a_drawing_counts<B: Backend>() {
    let backend = B::start().await;
    let store = backend.open().await;
    let exact = sized(500, HOUR);
    assert_eq!(creates(&*store, "alice/a", &exact, bytes(499), noon()).await, Err(Full::Bytes));
    let revision = creates(&*store, "alice/a", &exact, bytes(500), noon()).await.unwrap();
    let place = at("alice/a");
    let longer = [
        Drawing { template: "\0é!".into(), ..exact.clone() },
        Drawing { svg: format!("{}!", exact.svg).into(), ..exact.clone() },
        Drawing {
            args: std::sync::Arc::new(serde_json::from_value(json!({ "a": 10 })).unwrap()),
            ..exact.clone()
        },
    ];
    for drawing in &longer {
        let outcome = store.update(&place, revision, drawing, bytes(500), noon()).await.unwrap();
        assert_eq!(outcome, Update::Full, "{drawing:?}");
        let wrong = Revision { seq: 9, ..revision };
        let outcome = store.update(&place, wrong, drawing, bytes(500), noon()).await.unwrap();
        assert_eq!(outcome, Update::Stale, "a writer that is late hears of that first");
    }
    let outcome = store.update(&place, revision, &longer[0], bytes(501), noon()).await.unwrap();
    assert!(matches!(outcome, Update::Done(_)), "{outcome:?}");
}

pub(crate) async fn what_ends_makes_room<B: Backend>() {
    let backend = B::start().await;
    let store = backend.open().await;
    let quota = Quota { sessions: 2, bytes: 1000 };
    let (half, brief) = (sized(500, HOUR), sized(500, 2 * MICROSECOND));
    creates(&*store, "alice/a", &half, quota, noon()).await.unwrap();
    creates(&*store, "alice/b", &brief, quota, noon()).await.unwrap();
    let third = sized(100, HOUR);
    assert_eq!(creates(&*store, "alice/c", &third, quota, noon()).await, Err(Full::Sessions));
    let by_bytes = Quota { sessions: 9, ..quota };
    assert_eq!(creates(&*store, "alice/c", &third, by_bytes, noon()).await, Err(Full::Bytes));
    // An end makes room at once, whether or not anyone has taken the session away by then.
    let later = noon() + 2 * MICROSECOND;
    creates(&*store, "alice/c", &third, quota, later).await.unwrap();
    assert_eq!(creates(&*store, "alice/d", &third, quota, later).await, Err(Full::Sessions));
    store.take_expired(later).await.unwrap();
    assert_eq!(creates(&*store, "alice/d", &third, quota, later).await, Err(Full::Sessions));
    // So does a deletion.
    assert_eq!(store.delete(&at("alice/a"), None, later).await.unwrap(), Deletion::Done);
    let rest = sized(900, HOUR);
    let revision = creates(&*store, "alice/d", &rest, quota, later).await.unwrap();
    // And so does a drawing that becomes smaller.
    let place = at("alice/c");
    let grown = sized(101, HOUR);
    let first = store.get(&place, later).await.unwrap().unwrap().revision;
    let outcome = store.update(&place, first, &grown, quota, later).await.unwrap();
    assert_eq!(outcome, Update::Full);
    store.update(&at("alice/d"), revision, &sized(899, HOUR), quota, later).await.unwrap();
    let outcome = store.update(&place, first, &grown, quota, later).await.unwrap();
    assert!(matches!(outcome, Update::Done(_)), "{outcome:?}");
}

pub(crate) async fn a_lower_quota_takes_nothing_away<B: Backend>() {
    let backend = B::start().await;
    let store = backend.open().await;
    let revision = creates(&*store, "alice/a", &sized(500, HOUR), UNLIMITED, noon()).await.unwrap();
    let tight = Quota { sessions: 1, bytes: 10 };
    let place = at("alice/a");
    for (size, revision) in [(500, revision), (400, Revision { seq: 2, ..revision })] {
        let outcome = store.update(&place, revision, &sized(size, HOUR), tight, noon()).await;
        assert!(matches!(outcome.unwrap(), Update::Done(_)), "it is not larger than it was");
    }
    let third = Revision { seq: 3, ..revision };
    let outcome = store.update(&place, third, &sized(401, HOUR), tight, noon()).await.unwrap();
    assert_eq!(outcome, Update::Full);
}

pub(crate) async fn a_taken_address_is_said_before_a_full_quota<B: Backend>() {
    let backend = B::start().await;
    let store = backend.open().await;
    let one = sized(100, HOUR);
    creates(&*store, "alice/a", &one, sessions(1), noon()).await.unwrap();
    let again = store.create(&at("alice/a"), &one, sessions(1), noon()).await.unwrap();
    assert_eq!(again, Creation::Taken);
    // A name that has expired is taken again within the quota of one.
    let late = noon() + HOUR;
    let next = Drawing { expires_at: late + HOUR, ..one };
    creates(&*store, "alice/a", &next, sessions(1), late).await.unwrap();
    assert_eq!(creates(&*store, "alice/b", &next, sessions(1), late).await, Err(Full::Sessions));
}

pub(crate) async fn usage_survives<B: Backend>() {
    let backend = B::start().await;
    let store = backend.open().await;
    creates(&*store, "alice/a", &sized(100, HOUR), sessions(1), noon()).await.unwrap();
    drop(store);
    let store = backend.open().await;
    let second = creates(&*store, "alice/b", &sized(100, HOUR), sessions(1), noon()).await;
    assert_eq!(second, Err(Full::Sessions));
}
