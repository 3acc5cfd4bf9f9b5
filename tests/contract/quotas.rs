//! What a [`SessionStore`] promises of quotas: a namespace never holds more than it may,
//! however many write at once, and what ends makes room.

use std::time::Duration;

use backend::store::{
    Creation, Deletion, Drawing, Full, Quota, Quotas, SessionStore, Space, Update,
};
use common::Revision;
use futures_util::future::join_all;
use serde_json::json;
use time::OffsetDateTime;

use crate::{
    Backend,
    sessions::{BOUNDLESS, HOUR, MICROSECOND, UNLIMITED, alice, at, drawing, noon},
};

/// A quota of each namespace.
fn each(quota: Quota) -> Quotas {
    Quotas { user: quota, public: quota, ..UNLIMITED }
}

fn sessions(sessions: u64) -> Quotas {
    each(Quota { sessions, ..BOUNDLESS })
}

fn bytes(bytes: u64) -> Quotas {
    each(Quota { bytes, ..BOUNDLESS })
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
    quotas: Quotas,
    now: OffsetDateTime,
) -> Result<Revision, Full> {
    outcome(store.create(&at(address), None, drawing, &quotas, now).await.unwrap(), address)
}

fn outcome(creation: Creation, address: &str) -> Result<Revision, Full> {
    match creation {
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
        ("alice/", sessions(20), Full::Sessions(Space::User)),
        ("", sessions(20), Full::Sessions(Space::Public)),
        ("bob/", bytes(2099), Full::Bytes(Space::User)),
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
    let most = bytes(7099);
    let updates = places.iter().zip(&revisions).zip(stores.iter().cycle());
    let updates = updates
        .map(|((place, revision), store)| store.update(place, *revision, &large, &most, noon()));
    let outcomes: Vec<_> = join_all(updates).await.into_iter().map(Result::unwrap).collect();
    let done = outcomes.iter().filter(|outcome| matches!(outcome, Update::Done(_))).count();
    let full = outcomes
        .iter()
        .filter(|outcome| **outcome == Update::Full(Full::Bytes(Space::User)))
        .count();
    assert_eq!((done, full), (20, 30));
    for (place, outcome) in places.iter().zip(outcomes) {
        let stored = stores[1].get(place, noon()).await.unwrap().unwrap();
        let wanted = if outcome == Update::Full(Full::Bytes(Space::User)) { 1 } else { 2 };
        assert_eq!(stored.revision.seq, wanted, "what was refused changed nothing");
    }
}

pub(crate) async fn every_part_of_a_drawing_counts<B: Backend>() {
    let backend = B::start().await;
    let store = backend.open().await;
    let exact = sized(500, HOUR);
    assert_eq!(
        creates(&*store, "alice/a", &exact, bytes(499), noon()).await,
        Err(Full::Bytes(Space::User))
    );
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
        let outcome = store.update(&place, revision, drawing, &bytes(500), noon()).await.unwrap();
        assert_eq!(outcome, Update::Full(Full::Bytes(Space::User)), "{drawing:?}");
        let wrong = Revision { seq: 9, ..revision };
        let outcome = store.update(&place, wrong, drawing, &bytes(500), noon()).await.unwrap();
        assert_eq!(outcome, Update::Stale, "a writer that is late hears of that first");
    }
    let outcome = store.update(&place, revision, &longer[0], &bytes(501), noon()).await.unwrap();
    assert!(matches!(outcome, Update::Done(_)), "{outcome:?}");
}

pub(crate) async fn what_ends_makes_room<B: Backend>() {
    let backend = B::start().await;
    let store = backend.open().await;
    let quota = each(Quota { sessions: 2, bytes: 1000 });
    let (half, brief) = (sized(500, HOUR), sized(500, 2 * MICROSECOND));
    creates(&*store, "alice/a", &half, quota, noon()).await.unwrap();
    creates(&*store, "alice/b", &brief, quota, noon()).await.unwrap();
    let third = sized(100, HOUR);
    assert_eq!(
        creates(&*store, "alice/c", &third, quota, noon()).await,
        Err(Full::Sessions(Space::User))
    );
    let by_bytes = each(Quota { sessions: 9, bytes: 1000 });
    assert_eq!(
        creates(&*store, "alice/c", &third, by_bytes, noon()).await,
        Err(Full::Bytes(Space::User))
    );
    // An end makes room at once, whether or not anyone has taken the session away by then.
    let later = noon() + 2 * MICROSECOND;
    creates(&*store, "alice/c", &third, quota, later).await.unwrap();
    assert_eq!(
        creates(&*store, "alice/d", &third, quota, later).await,
        Err(Full::Sessions(Space::User))
    );
    store.take_expired(later).await.unwrap();
    assert_eq!(
        creates(&*store, "alice/d", &third, quota, later).await,
        Err(Full::Sessions(Space::User))
    );
    // So does a deletion.
    assert_eq!(store.delete(&at("alice/a"), None, later).await.unwrap(), Deletion::Done);
    let rest = sized(900, HOUR);
    let revision = creates(&*store, "alice/d", &rest, quota, later).await.unwrap();
    // And so does a drawing that becomes smaller.
    let place = at("alice/c");
    let grown = sized(101, HOUR);
    let first = store.get(&place, later).await.unwrap().unwrap().revision;
    let outcome = store.update(&place, first, &grown, &quota, later).await.unwrap();
    assert_eq!(outcome, Update::Full(Full::Bytes(Space::User)));
    store.update(&at("alice/d"), revision, &sized(899, HOUR), &quota, later).await.unwrap();
    let outcome = store.update(&place, first, &grown, &quota, later).await.unwrap();
    assert!(matches!(outcome, Update::Done(_)), "{outcome:?}");
}

pub(crate) async fn a_lower_quota_takes_nothing_away<B: Backend>() {
    let backend = B::start().await;
    let store = backend.open().await;
    let revision = creates(&*store, "alice/a", &sized(500, HOUR), UNLIMITED, noon()).await.unwrap();
    let tight = each(Quota { sessions: 1, bytes: 10 });
    let place = at("alice/a");
    for (size, revision) in [(500, revision), (400, Revision { seq: 2, ..revision })] {
        let outcome = store.update(&place, revision, &sized(size, HOUR), &tight, noon()).await;
        assert!(matches!(outcome.unwrap(), Update::Done(_)), "it is not larger than it was");
    }
    let third = Revision { seq: 3, ..revision };
    let outcome = store.update(&place, third, &sized(401, HOUR), &tight, noon()).await.unwrap();
    assert_eq!(outcome, Update::Full(Full::Bytes(Space::User)));
}

pub(crate) async fn a_taken_address_is_said_before_a_full_quota<B: Backend>() {
    let backend = B::start().await;
    let store = backend.open().await;
    let one = sized(100, HOUR);
    creates(&*store, "alice/a", &one, sessions(1), noon()).await.unwrap();
    let again = store.create(&at("alice/a"), None, &one, &sessions(1), noon()).await.unwrap();
    assert_eq!(again, Creation::Taken);
    // A name that has expired is taken again within the quota of one.
    let late = noon() + HOUR;
    let next = Drawing { expires_at: late + HOUR, ..one };
    creates(&*store, "alice/a", &next, sessions(1), late).await.unwrap();
    assert_eq!(
        creates(&*store, "alice/b", &next, sessions(1), late).await,
        Err(Full::Sessions(Space::User))
    );
}

pub(crate) async fn usage_survives<B: Backend>() {
    let backend = B::start().await;
    let store = backend.open().await;
    creates(&*store, "alice/a", &sized(100, HOUR), sessions(1), noon()).await.unwrap();
    drop(store);
    let store = backend.open().await;
    let second = creates(&*store, "alice/b", &sized(100, HOUR), sessions(1), noon()).await;
    assert_eq!(second, Err(Full::Sessions(Space::User)));
}

/// What strangers from two networks and a user store takes from shares of different spaces.
pub(crate) async fn networks_have_a_share_of_what_is_public<B: Backend>() {
    let backend = B::start().await;
    let store = backend.open().await;
    let quotas = Quotas {
        public_from_address: Quota { sessions: 2, bytes: 250 },
        public: Quota { sessions: 4, ..BOUNDLESS },
        ..UNLIMITED
    };
    let (one, other) = ("192.0.2.1", "2001:db8:7::");
    let creates = async |address: &str, network: Option<&str>, bytes: usize| {
        let network = network.map(|network| network.parse().unwrap());
        let drawing = sized(bytes, HOUR);
        let creation = store.create(&at(address), network, &drawing, &quotas, noon()).await;
        outcome(creation.unwrap(), address)
    };
    let first = creates("a", Some(one), 100).await.unwrap();
    let large = creates("b", Some(one), 151).await;
    assert_eq!(large, Err(Full::Bytes(Space::PublicFromAddress)));
    creates("b", Some(one), 100).await.unwrap();
    let third = creates("c", Some(one), 20).await;
    assert_eq!(third, Err(Full::Sessions(Space::PublicFromAddress)));
    creates("c", Some(other), 250).await.unwrap();
    creates("alice/a", None, 900).await.unwrap();
    // Whoever changes a session, its creator's share pays.
    let place = at("a");
    let grown = store.update(&place, first, &sized(151, HOUR), &quotas, noon()).await.unwrap();
    assert_eq!(grown, Update::Full(Full::Bytes(Space::PublicFromAddress)));
    let grown = store.update(&place, first, &sized(150, HOUR), &quotas, noon()).await.unwrap();
    assert!(matches!(grown, Update::Done(_)), "{grown:?}");
    // Those that nobody counts for count among all.
    creates("d", None, 100).await.unwrap();
    assert_eq!(creates("e", None, 10).await, Err(Full::Sessions(Space::Public)));
    // What ended makes room.
    store.take_expired(noon() + HOUR).await.unwrap();
    creates("a", Some(one), 250).await.unwrap();
}

pub(crate) async fn all_together_have_an_end<B: Backend>() {
    let backend = B::start().await;
    let stores = [backend.open().await, backend.open().await];
    let one = sized(100, HOUR);
    let some = Quotas { all: Quota { sessions: 20, ..BOUNDLESS }, ..UNLIMITED };
    let addresses: Vec<_> = (0..50).map(|n| format!("user{n}/s")).collect();
    let creations = addresses.iter().zip(stores.iter().cycle());
    let creations =
        creations.map(|(address, store)| creates(&**store, address, &one, some, noon()));
    let outcomes = join_all(creations).await;
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 20);
    let full = Err(Full::Sessions(Space::All));
    assert_eq!(outcomes.iter().filter(|outcome| **outcome == full).count(), 30);
    // 2,000 bytes are there.
    let bytes = |bytes| Quotas { all: Quota { bytes, ..BOUNDLESS }, ..UNLIMITED };
    let (least, most) = (bytes(2049), bytes(2050));
    let small = sized(50, HOUR);
    let full = Err(Full::Bytes(Space::All));
    assert_eq!(creates(&*stores[0], "public", &small, least, noon()).await, full);
    let revision = creates(&*stores[0], "public", &small, most, noon()).await.unwrap();
    let grown = sized(51, HOUR);
    let grown = stores[1].update(&at("public"), revision, &grown, &most, noon()).await.unwrap();
    assert_eq!(grown, Update::Full(Full::Bytes(Space::All)));
    // What has expired is nobody's any more, whether or not it was taken away by then.
    let late = noon() + HOUR;
    let next = Drawing { expires_at: late + HOUR, ..small };
    creates(&*stores[1], "bob/s", &next, bytes(50), late).await.unwrap();
}

pub(crate) async fn a_growth_that_is_refused_changes_nothing<B: Backend>() {
    let backend = B::start().await;
    let store = backend.open().await;
    let quotas = Quotas { all: Quota { bytes: 150, ..BOUNDLESS }, ..UNLIMITED };
    let place = at("alice/a");
    let first = creates(&*store, "alice/a", &sized(100, HOUR), quotas, noon()).await.unwrap();
    let grown = store.update(&place, first, &sized(200, 2 * HOUR), &quotas, noon()).await.unwrap();
    assert_eq!(grown, Update::Full(Full::Bytes(Space::All)));
    assert_eq!(store.get(&place, noon()).await.unwrap().unwrap().revision, first);
    let late = Revision { seq: 9, ..first };
    let stale = store.update(&place, late, &sized(140, 2 * HOUR), &quotas, noon()).await.unwrap();
    assert_eq!(stale, Update::Stale);
    // Its room is given back with it, whatever was wished for meanwhile.
    assert_eq!(store.delete(&place, None, noon()).await.unwrap(), Deletion::Done);
    creates(&*store, "bob/b", &sized(150, HOUR), quotas, noon()).await.unwrap();
}

pub(crate) async fn a_session_that_lives_longer_keeps_its_room<B: Backend>() {
    let backend = B::start().await;
    let store = backend.open().await;
    let quotas = Quotas { all: Quota { sessions: 1, bytes: 100 }, ..UNLIMITED };
    let place = at("alice/a");
    let first = creates(&*store, "alice/a", &sized(100, HOUR), quotas, noon()).await.unwrap();
    let longer = store.update(&place, first, &sized(100, 2 * HOUR), &quotas, noon()).await.unwrap();
    assert!(matches!(longer, Update::Done(_)), "{longer:?}");
    let later = noon() + HOUR;
    assert_eq!(store.take_expired(later).await.unwrap(), []);
    let next = sized(50, 2 * HOUR);
    let full = Err(Full::Sessions(Space::All));
    assert_eq!(creates(&*store, "bob/b", &next, quotas, later).await, full);
    let end = noon() + 2 * HOUR;
    assert_eq!(store.take_expired(end).await.unwrap(), [place]);
    let last = Drawing { expires_at: end + HOUR, ..next };
    creates(&*store, "bob/b", &last, quotas, end).await.unwrap();
}
