//! What a [`TicketStore`] promises.

use std::time::Duration;

use backend::store::{StoredTicket, TicketHash, TicketRight, TicketStore};
use futures_util::future::join_all;

use crate::{
    Backend,
    sessions::{MICROSECOND, at, noon},
};

/// How many tickets a user may have, where that is not what is asked.
const MANY: u32 = 100;

fn hash(n: u8) -> TicketHash {
    TicketHash([n; 32])
}

/// The `n`th ticket for a session: good for half a minute, and then for an hour of watching.
fn ticket(n: u8, address: &str) -> StoredTicket {
    StoredTicket {
        hash: hash(n),
        address: at(address),
        expires_at: noon() + Duration::from_secs(30),
        right: right(),
    }
}

fn right() -> TicketRight {
    TicketRight {
        epoch: 1_795_258_487_172_794,
        kid: "a-key".to_owned(),
        sid: Some("a-sign-in".to_owned()),
        issued_at: noon() - Duration::from_secs(60),
        ends_at: noon() + Duration::from_secs(3600) + MICROSECOND,
    }
}

async fn issued(store: &impl TicketStore, ticket: &StoredTicket) {
    assert!(store.issue(ticket, MANY, noon()).await.unwrap());
}

pub(crate) async fn a_ticket_is_used_once<B: Backend>() {
    let backend = B::start().await;
    let store = backend.open().await;
    let chart = at("alice/chart");
    issued(&*store, &ticket(1, "alice/chart")).await;
    assert_eq!(store.redeem(&hash(2), &chart, noon()).await.unwrap(), None);
    assert_eq!(store.redeem(&hash(1), &chart, noon()).await.unwrap(), Some(right()));
    assert_eq!(store.redeem(&hash(1), &chart, noon()).await.unwrap(), None);
    assert_eq!(store.look_up(&hash(1), &chart, noon()).await.unwrap(), None);
}

pub(crate) async fn of_all_who_use_a_ticket_at_once_one_does<B: Backend>() {
    let backend = B::start().await;
    let stores = [backend.open().await, backend.open().await];
    let chart = at("alice/chart");
    for n in 0..5 {
        issued(&*stores[0], &ticket(n, "alice/chart")).await;
        let hash = hash(n);
        let tries = stores.iter().cycle().take(20);
        let tries = join_all(tries.map(|store| store.redeem(&hash, &chart, noon()))).await;
        let used = tries.into_iter().filter(|right| right.as_ref().unwrap().is_some()).count();
        assert_eq!(used, 1);
    }
}

pub(crate) async fn looking_at_a_ticket_does_not_use_it<B: Backend>() {
    let backend = B::start().await;
    let store = backend.open().await;
    let chart = at("alice/chart");
    issued(&*store, &ticket(1, "alice/chart")).await;
    for _ in 0..3 {
        assert_eq!(store.look_up(&hash(1), &chart, noon()).await.unwrap(), Some(right()));
    }
    assert_eq!(store.look_up(&hash(2), &chart, noon()).await.unwrap(), None);
    assert_eq!(store.look_up(&hash(1), &at("alice/other"), noon()).await.unwrap(), None);
    assert!(store.redeem(&hash(1), &chart, noon()).await.unwrap().is_some());
}

pub(crate) async fn a_ticket_need_not_belong_to_a_sign_in<B: Backend>() {
    let backend = B::start().await;
    let store = backend.open().await;
    let (chart, right) = (at("alice/chart"), TicketRight { sid: None, ..right() });
    issued(&*store, &StoredTicket { right: right.clone(), ..ticket(1, "alice/chart") }).await;
    assert_eq!(store.look_up(&hash(1), &chart, noon()).await.unwrap(), Some(right.clone()));
    assert_eq!(store.redeem(&hash(1), &chart, noon()).await.unwrap(), Some(right));
}

pub(crate) async fn a_ticket_is_for_its_session_only<B: Backend>() {
    let backend = B::start().await;
    let store = backend.open().await;
    issued(&*store, &ticket(1, "alice/chart")).await;
    for other in ["alice/other", "bob/chart", "chart"] {
        assert_eq!(store.redeem(&hash(1), &at(other), noon()).await.unwrap(), None, "{other}");
    }
    // Whoever tried it on the wrong door has not taken it from its holder.
    assert!(store.redeem(&hash(1), &at("alice/chart"), noon()).await.unwrap().is_some());
}

pub(crate) async fn an_old_ticket_is_none<B: Backend>() {
    let backend = B::start().await;
    let store = backend.open().await;
    let ticket = ticket(1, "alice/chart");
    issued(&*store, &ticket).await;
    let (chart, end) = (at("alice/chart"), ticket.expires_at);
    assert_eq!(store.look_up(&hash(1), &chart, end).await.unwrap(), None);
    assert_eq!(store.redeem(&hash(1), &chart, end).await.unwrap(), None);
    assert!(store.redeem(&hash(1), &chart, end - MICROSECOND).await.unwrap().is_some());
}

pub(crate) async fn a_user_has_so_many_tickets_at_once_and_no_more<B: Backend>() {
    let backend = B::start().await;
    let store = backend.open().await;
    let issue = async |n, address, now| store.issue(&ticket(n, address), 2, now).await.unwrap();
    assert!(issue(1, "alice/chart", noon()).await);
    assert!(issue(2, "alice/other", noon()).await);
    assert!(!issue(3, "alice/chart", noon()).await);
    assert_eq!(store.look_up(&hash(3), &at("alice/chart"), noon()).await.unwrap(), None);
    assert!(issue(4, "bob/chart", noon()).await, "each user has tickets of their own");
    store.redeem(&hash(2), &at("alice/other"), noon()).await.unwrap();
    assert!(issue(5, "alice/chart", noon()).await, "one was used");
    assert!(!issue(6, "alice/chart", noon()).await);
    let later = noon() + Duration::from_secs(30);
    let fresh = StoredTicket { expires_at: later + MICROSECOND, ..ticket(7, "alice/chart") };
    assert!(store.issue(&fresh, 2, later).await.unwrap(), "the others are too old");
}

pub(crate) async fn of_concurrent_issues_no_more_are_done_than_allowed<B: Backend>() {
    let backend = B::start().await;
    let stores = [backend.open().await, backend.open().await];
    let tickets: Vec<_> = (0..20).map(|n| ticket(n, "alice/chart")).collect();
    let issues = tickets.iter().zip(stores.iter().cycle());
    let issues = join_all(issues.map(|(ticket, store)| store.issue(ticket, 3, noon()))).await;
    assert_eq!(issues.into_iter().filter(|done| *done.as_ref().unwrap()).count(), 3);
}

pub(crate) async fn what_is_swept_is_old<B: Backend>() {
    let backend = B::start().await;
    let store = backend.open().await;
    let (old, chart) = (ticket(1, "alice/chart"), at("alice/chart"));
    let fresh =
        StoredTicket { expires_at: old.expires_at + MICROSECOND, ..ticket(2, "alice/chart") };
    issued(&*store, &old).await;
    issued(&*store, &fresh).await;
    store.sweep(old.expires_at).await.unwrap();
    assert_eq!(store.look_up(&hash(1), &chart, old.expires_at).await.unwrap(), None);
    assert!(store.look_up(&hash(2), &chart, old.expires_at).await.unwrap().is_some());
}

pub(crate) async fn a_ticket_survives<B: Backend>() {
    let backend = B::start().await;
    let store = backend.open().await;
    issued(&*store, &ticket(1, "alice/chart")).await;
    drop(store);
    let store = backend.open().await;
    let used = store.redeem(&hash(1), &at("alice/chart"), noon()).await.unwrap();
    assert_eq!(used, Some(right()));
}
