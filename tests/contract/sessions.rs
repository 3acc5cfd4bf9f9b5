//! What a [`SessionStore`] promises.

use std::{num::NonZeroU16, time::Duration};

use backend::store::{
    Creation, Deletion, Drawing, Quota, Quotas, SessionStore, StoredSession, Update,
};
use common::{
    Revision, SessionAddress, UserId,
    api::{Args, Visibility},
};
use futures_util::future::join_all;
use serde_json::json;
use time::OffsetDateTime;

use crate::Backend;

pub(crate) const HOUR: Duration = Duration::from_secs(3600);
pub(crate) const MICROSECOND: Duration = Duration::from_micros(1);

pub(crate) const BOUNDLESS: Quota = Quota { sessions: u64::MAX, bytes: u64::MAX };
pub(crate) const UNLIMITED: Quotas =
    Quotas { user: BOUNDLESS, public: BOUNDLESS, public_from_address: BOUNDLESS, all: BOUNDLESS };

pub(crate) fn noon() -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp(2_000_000_000).unwrap()
}

pub(crate) fn at(address: &str) -> SessionAddress {
    address.parse().unwrap()
}

pub(crate) fn alice() -> UserId {
    "alice".parse().unwrap()
}

pub(crate) fn drawing(value: u64, expires_at: OffsetDateTime) -> Drawing {
    let args: Args = serde_json::from_value(json!({ "value": value, "ü": [null, 0.5] })).unwrap();
    Drawing {
        template: "{{ value }} 'quoted' \"twice\" \0".into(),
        args: args.into(),
        svg: format!("<svg>{value} ☃</svg>").into(),
        visibility: Visibility::Private,
        expires_at,
        max_frames_per_second: NonZeroU16::new(u16::try_from(value).unwrap()),
    }
}

pub(crate) async fn created(
    store: &impl SessionStore,
    address: &str,
    now: OffsetDateTime,
) -> Revision {
    match store.create(&at(address), None, &drawing(0, now + HOUR), &UNLIMITED, now).await.unwrap()
    {
        Creation::Created(revision) => revision,
        refusal => panic!("{address}: {refusal:?}"),
    }
}

pub(crate) async fn a_session_is_read_as_it_was_written<B: Backend>() {
    let backend = B::start().await;
    let store = backend.open().await;
    for address in ["alice/chart", "chart"] {
        let now = noon();
        let wanted = drawing(7, now + HOUR);
        let Creation::Created(revision) =
            store.create(&at(address), None, &wanted, &UNLIMITED, now).await.unwrap()
        else {
            panic!("{address} is taken");
        };
        assert_eq!(revision.seq, 1);
        let stored = store.get(&at(address), now).await.unwrap().unwrap();
        let wanted = StoredSession {
            address: at(address),
            revision,
            drawing: wanted,
            created_at: now,
            updated_at: now,
        };
        assert_eq!(stored, wanted);
    }
}

pub(crate) async fn times_are_kept_to_the_microsecond<B: Backend>() {
    let backend = B::start().await;
    let store = backend.open().await;
    let now = noon() + Duration::from_micros(123_456);
    let end = now + Duration::from_micros(654_321);
    store.create(&at("chart"), None, &drawing(0, end), &UNLIMITED, now).await.unwrap();
    let stored = store.get(&at("chart"), now).await.unwrap().unwrap();
    assert_eq!((stored.created_at, stored.drawing.expires_at), (now, end));
    assert!(store.get(&at("chart"), end - MICROSECOND).await.unwrap().is_some());
    assert!(store.get(&at("chart"), end).await.unwrap().is_none());
}

pub(crate) async fn a_living_address_is_taken<B: Backend>() {
    let backend = B::start().await;
    let store = backend.open().await;
    let first = created(&*store, "alice/chart", noon()).await;
    let again = store
        .create(&at("alice/chart"), None, &drawing(9, noon() + HOUR), &UNLIMITED, noon())
        .await;
    assert_eq!(again.unwrap(), Creation::Taken);
    let stored = store.get(&at("alice/chart"), noon()).await.unwrap().unwrap();
    assert_eq!(stored.revision, first);
    assert_eq!(stored.drawing, drawing(0, noon() + HOUR), "nothing changed");
}

pub(crate) async fn of_concurrent_creations_one_wins<B: Backend>() {
    let backend = B::start().await;
    let stores = [backend.open().await, backend.open().await];
    let address = at("alice/chart");
    let drawings: Vec<_> = (0..10).map(|n| drawing(n, noon() + HOUR)).collect();
    let creations = drawings.iter().zip(stores.iter().cycle());
    let creations =
        creations.map(|(drawing, store)| store.create(&address, None, drawing, &UNLIMITED, noon()));
    let outcomes: Vec<_> = join_all(creations).await.into_iter().map(Result::unwrap).collect();
    let winners: Vec<_> =
        (0..10).filter(|&n| matches!(outcomes[n], Creation::Created(_))).collect();
    assert_eq!(winners.len(), 1, "{outcomes:?}");
    let stored = stores[1].get(&address, noon()).await.unwrap().unwrap();
    assert_eq!(stored.drawing, drawings[winners[0]]);
    assert_eq!(outcomes[winners[0]], Creation::Created(stored.revision));
}

pub(crate) async fn epochs_rise_over_all_sessions_even_when_the_clock_goes_back<B: Backend>() {
    let backend = B::start().await;
    let store = backend.open().await;
    let mut last = 0;
    for (n, now) in
        [noon(), noon() - HOUR, noon() - HOUR, noon() + HOUR, noon()].into_iter().enumerate()
    {
        let revision = created(&*store, &format!("alice/s{n}"), now).await;
        assert!(revision.epoch > last, "{revision} after epoch {last}");
        last = revision.epoch;
    }
    store.delete(&at("alice/s4"), None, noon()).await.unwrap();
    let store = backend.open().await;
    let again = created(&*store, "alice/s4", noon() - HOUR).await;
    assert!(again.epoch > last && again.seq == 1, "{again} after epoch {last}");
}

pub(crate) async fn an_update_has_the_next_seq<B: Backend>() {
    let backend = B::start().await;
    let store = backend.open().await;
    let mut revision = created(&*store, "alice/chart", noon()).await;
    for n in 1..=3 {
        let now = noon() + MICROSECOND * u32::try_from(n).unwrap();
        let wanted = drawing(n, noon() + 2 * HOUR);
        let outcome =
            store.update(&at("alice/chart"), revision, &wanted, &UNLIMITED, now).await.unwrap();
        revision.seq += 1;
        assert_eq!(outcome, Update::Done(revision));
        let stored = store.get(&at("alice/chart"), now).await.unwrap().unwrap();
        assert_eq!((stored.revision, stored.drawing), (revision, wanted));
        assert_eq!((stored.created_at, stored.updated_at), (noon(), now));
    }
}

pub(crate) async fn an_update_that_expects_another_revision_changes_nothing<B: Backend>() {
    let backend = B::start().await;
    let store = backend.open().await;
    let first = created(&*store, "alice/chart", noon()).await;
    let next = drawing(1, noon() + HOUR);
    store.update(&at("alice/chart"), first, &next, &UNLIMITED, noon()).await.unwrap();
    let second = Revision { seq: 2, ..first };
    for wrong in [
        first,
        Revision { seq: 3, ..first },
        Revision { epoch: first.epoch - 1, ..second },
        Revision { epoch: first.epoch + 1, ..second },
        Revision { epoch: u64::MAX, seq: u64::MAX },
    ] {
        let other = drawing(9, noon() + HOUR);
        let outcome =
            store.update(&at("alice/chart"), wrong, &other, &UNLIMITED, noon()).await.unwrap();
        assert_eq!(outcome, Update::Stale, "{wrong}");
    }
    let stored = store.get(&at("alice/chart"), noon()).await.unwrap().unwrap();
    assert_eq!((stored.revision, stored.drawing), (second, next));
}

pub(crate) async fn of_concurrent_updates_one_is_done_per_revision<B: Backend>() {
    let backend = B::start().await;
    let stores = [backend.open().await, backend.open().await];
    let address = at("alice/chart");
    let mut revision = created(&*stores[0], "alice/chart", noon()).await;
    for _ in 0..5 {
        let drawings: Vec<_> = (0..8).map(|n| drawing(n, noon() + HOUR)).collect();
        let updates = drawings.iter().zip(stores.iter().cycle());
        let updates = updates
            .map(|(drawing, store)| store.update(&address, revision, drawing, &UNLIMITED, noon()));
        let outcomes: Vec<_> = join_all(updates).await.into_iter().map(Result::unwrap).collect();
        let next = Revision { seq: revision.seq + 1, ..revision };
        let done: Vec<_> = (0..8).filter(|&n| outcomes[n] == Update::Done(next)).collect();
        assert_eq!(done.len(), 1, "{outcomes:?}");
        assert_eq!(outcomes.iter().filter(|outcome| **outcome == Update::Stale).count(), 7);
        let stored = stores[1].get(&address, noon()).await.unwrap().unwrap();
        assert_eq!((stored.revision, &stored.drawing), (next, &drawings[done[0]]));
        revision = next;
    }
}

/// More at once than a store may do in one step, and some that cannot be done among them.
pub(crate) async fn updates_of_many_sessions_at_once_know_nothing_of_each_other<B: Backend>() {
    let backend = B::start().await;
    let store = backend.open().await;
    let mut sessions = Vec::new();
    for n in 0..80 {
        let address = at(&format!("alice/chart{n}"));
        let revision = match n % 4 {
            0 => Revision { epoch: 1, seq: 1 },
            _ => created(&*store, &address.to_string(), noon()).await,
        };
        sessions.push((address, revision));
    }
    let updates = sessions.iter().zip(0..).map(async |((address, revision), n)| {
        let seq = if n % 4 == 1 { revision.seq + 1 } else { revision.seq };
        let expected = Revision { seq, ..*revision };
        let drawing = drawing(n, noon() + HOUR);
        store.update(address, expected, &drawing, &UNLIMITED, noon()).await.unwrap()
    });
    let outcomes = join_all(updates).await;
    for (((address, before), outcome), n) in sessions.iter().zip(outcomes).zip(0..) {
        let next = Revision { seq: before.seq + 1, ..*before };
        let stored = store.get(address, noon()).await.unwrap();
        match n % 4 {
            0 => assert_eq!((outcome, stored), (Update::Gone, None)),
            1 => assert_eq!((outcome, stored.unwrap().revision), (Update::Stale, *before)),
            _ => {
                let stored = stored.unwrap();
                assert_eq!((outcome, stored.revision), (Update::Done(next), next));
                assert_eq!(stored.drawing, drawing(n, noon() + HOUR));
            }
        }
    }
}

pub(crate) async fn a_session_that_is_not_there_is_gone<B: Backend>() {
    let backend = B::start().await;
    let store = backend.open().await;
    let revision = created(&*store, "alice/other", noon()).await;
    let address = at("alice/chart");
    assert!(store.get(&address, noon()).await.unwrap().is_none());
    let update =
        store.update(&address, revision, &drawing(1, noon() + HOUR), &UNLIMITED, noon()).await;
    assert_eq!(update.unwrap(), Update::Gone);
    assert_eq!(store.delete(&address, None, noon()).await.unwrap(), Deletion::Gone);
    assert_eq!(store.delete(&address, Some(revision), noon()).await.unwrap(), Deletion::Gone);
}

pub(crate) async fn a_deletion_may_expect_a_revision<B: Backend>() {
    let backend = B::start().await;
    let store = backend.open().await;
    let address = at("alice/chart");
    let revision = created(&*store, "alice/chart", noon()).await;
    let wrong = Revision { seq: 2, ..revision };
    assert_eq!(store.delete(&address, Some(wrong), noon()).await.unwrap(), Deletion::Stale);
    assert!(store.get(&address, noon()).await.unwrap().is_some());
    assert_eq!(store.delete(&address, Some(revision), noon()).await.unwrap(), Deletion::Done);
    assert_eq!(store.delete(&address, None, noon()).await.unwrap(), Deletion::Gone);
    assert!(store.get(&address, noon()).await.unwrap().is_none());
}

pub(crate) async fn a_session_that_has_expired_does_not_exist<B: Backend>() {
    let backend = B::start().await;
    let store = backend.open().await;
    let address = at("alice/chart");
    let revision = created(&*store, "alice/chart", noon()).await;
    let late = noon() + HOUR;
    assert!(store.get(&address, late).await.unwrap().is_none());
    let revival = drawing(1, late + HOUR);
    assert_eq!(
        store.update(&address, revision, &revival, &UNLIMITED, late).await.unwrap(),
        Update::Gone
    );
    assert_eq!(store.delete(&address, None, late).await.unwrap(), Deletion::Gone);
    assert_eq!(store.delete(&address, Some(revision), late).await.unwrap(), Deletion::Gone);
    assert!(store.list(&alice(), None, 10, late).await.unwrap().is_empty());
}

pub(crate) async fn an_expired_address_is_free<B: Backend>() {
    let backend = B::start().await;
    let store = backend.open().await;
    let first = created(&*store, "alice/chart", noon()).await;
    let late = noon() + HOUR;
    let again = created(&*store, "alice/chart", late).await;
    assert!(again.epoch > first.epoch && again.seq == 1);
    assert!(store.take_expired(late).await.unwrap().is_empty(), "the new one lives");
    let stored = store.get(&at("alice/chart"), late).await.unwrap().unwrap();
    assert_eq!((stored.revision, stored.created_at), (again, late));
}

pub(crate) async fn what_has_expired_is_said_once<B: Backend>() {
    let backend = B::start().await;
    let store = backend.open().await;
    created(&*store, "alice/chart", noon()).await;
    created(&*store, "chart", noon()).await;
    created(&*store, "alice/later", noon() + MICROSECOND).await;
    assert!(store.take_expired(noon() + HOUR - MICROSECOND).await.unwrap().is_empty());
    let mut taken = store.take_expired(noon() + HOUR).await.unwrap();
    taken.sort();
    assert_eq!(taken, [at("chart"), at("alice/chart")]);
    assert!(store.take_expired(noon() + HOUR).await.unwrap().is_empty());
    let later = store.take_expired(noon() + HOUR + MICROSECOND).await.unwrap();
    assert_eq!(later, [at("alice/later")]);
}

pub(crate) async fn what_has_expired_is_said_once_however_many_ask<B: Backend>() {
    let backend = B::start().await;
    let stores = [backend.open().await, backend.open().await];
    for n in 0..50 {
        created(&*stores[0], &format!("alice/s{n}"), noon()).await;
    }
    let late = noon() + HOUR;
    let mut said = Vec::new();
    loop {
        let asked = (0..6).map(|n| stores[n % 2].take_expired(late));
        let round: Vec<_> = join_all(asked).await.into_iter().flat_map(Result::unwrap).collect();
        if round.is_empty() {
            break;
        }
        said.extend(round);
    }
    let all = said.len();
    said.sort();
    said.dedup();
    assert_eq!((said.len(), all), (50, 50));
}

pub(crate) async fn addresses_do_not_touch<B: Backend>() {
    let backend = B::start().await;
    let store = backend.open().await;
    let addresses = ["chart", "alice", "alice/chart", "alice/alice", "ALICE/chart", "alice/CHART"];
    for address in addresses {
        created(&*store, address, noon()).await;
    }
    store.delete(&at("alice/chart"), None, noon()).await.unwrap();
    for address in addresses {
        let there = store.get(&at(address), noon()).await.unwrap().is_some();
        assert_eq!(there, address != "alice/chart", "{address}");
    }
}

pub(crate) async fn what_is_acknowledged_survives<B: Backend>() {
    let backend = B::start().await;
    let store = backend.open().await;
    let revision = created(&*store, "alice/chart", noon()).await;
    let next = drawing(1, noon() + HOUR);
    store.update(&at("alice/chart"), revision, &next, &UNLIMITED, noon()).await.unwrap();
    drop(store);
    let stored = backend.open().await.get(&at("alice/chart"), noon()).await.unwrap().unwrap();
    assert_eq!(stored.revision, Revision { seq: 2, ..revision });
    assert_eq!(stored.drawing, next);
}
