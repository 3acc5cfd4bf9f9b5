//! What an [`OutboxStore`] promises.

use std::collections::HashSet;

use backend::store::{
    AccountStore, Aftermath, Attempt, AuditStore, Backlog, Database, Errand, ErrandKind, NewErrand,
    OutboxStore,
};
use futures_util::future::join_all;
use time::OffsetDateTime;

use crate::{
    databases::DatabaseKind,
    people::errand,
    sessions::{HOUR, MICROSECOND, noon},
};

async fn written(store: &Database, errand: NewErrand, at: OffsetDateTime) {
    let aftermath = Aftermath { audit: Vec::new(), errands: vec![errand] };
    store.write(&aftermath, at).await.unwrap();
}

/// Takes up mail.
async fn taken(store: &Database, limit: u32, now: OffsetDateTime) -> Vec<Errand> {
    store.take_up(ErrandKind::Mail, limit, now + HOUR, now).await.unwrap()
}

fn names(errands: &[Errand]) -> Vec<&str> {
    errands.iter().map(|errand| errand.id.as_str()).collect()
}

pub(crate) async fn errands_are_taken_up_when_they_are_due_oldest_first<D: DatabaseKind>() {
    let database = D::start().await;
    let store = database.open().await;
    for (step, id) in (0..).zip(["c", "a", "b"]) {
        let at = noon() + step * MICROSECOND;
        written(&store, NewErrand { due_at: at, ..errand(id) }, at).await;
    }
    written(&store, NewErrand { due_at: noon() + HOUR, ..errand("later") }, noon()).await;
    let other = NewErrand { kind: ErrandKind::Webhook, ..errand("other") };
    written(&store, other, noon()).await;
    let soon = noon() + HOUR - MICROSECOND;
    let again = database.open().await;
    let first = taken(&again, 2, soon).await;
    let wanted = |id: &str, created_at| Errand {
        id: id.to_owned(),
        kind: ErrandKind::Mail,
        payload: errand(id).payload,
        created_at,
        attempts: 1,
        last_error: None,
    };
    assert_eq!(first, [wanted("c", noon()), wanted("a", noon() + MICROSECOND)]);
    assert_eq!(names(&taken(&again, 2, soon).await), ["b"]);
    assert_eq!(taken(&again, 2, soon).await, []);
    assert_eq!(names(&taken(&again, 2, noon() + HOUR).await), ["later"]);
    let webhooks = store.take_up(ErrandKind::Webhook, 9, soon, noon()).await.unwrap();
    assert_eq!(names(&webhooks), ["other"]);
}

pub(crate) async fn each_errand_is_one_takers_at_a_time<D: DatabaseKind>() {
    let database = D::start().await;
    let stores = [database.open().await, database.open().await];
    for round in 0..5 {
        let now = noon() + 2 * round * HOUR;
        for n in 0..20 {
            written(&stores[0], NewErrand { due_at: now, ..errand(&format!("{round}-{n}")) }, now)
                .await;
        }
        let takers = stores.iter().cycle().take(12).map(|store| taken(store, 3, now));
        let takers = join_all(takers).await;
        let mut seen = HashSet::new();
        for errand in takers.into_iter().flatten() {
            assert!(seen.insert(errand.id.clone()), "{} is taken twice", errand.id);
            let done = stores[0].settle(&errand.id, errand.attempts, &Attempt::Done).await;
            done.unwrap();
        }
        while seen.len() < 20 {
            let more = taken(&stores[1], 3, now).await;
            assert!(!more.is_empty(), "{seen:?}");
            for errand in more {
                assert!(seen.insert(errand.id.clone()), "{} is taken twice", errand.id);
                stores[1].settle(&errand.id, 1, &Attempt::Done).await.unwrap();
            }
        }
    }
    assert_eq!(stores[0].backlog(ErrandKind::Mail).await.unwrap(), Backlog::default());
}

pub(crate) async fn an_errand_that_nobody_settles_is_due_again<D: DatabaseKind>() {
    let database = D::start().await;
    let store = database.open().await;
    written(&store, errand("a"), noon()).await;
    assert_eq!(taken(&store, 9, noon()).await[0].attempts, 1);
    assert_eq!(taken(&store, 9, noon() + HOUR - MICROSECOND).await, []);
    let lapsed = noon() + HOUR;
    assert_eq!(taken(&store, 9, lapsed).await[0].attempts, 2);
    // Whoever had it before has no say any more.
    let late = Attempt::Later { due_at: noon(), error: "late".to_owned() };
    for late in [Attempt::Done, late, Attempt::Dead { error: "late".to_owned() }] {
        store.settle("a", 1, &late).await.unwrap();
        assert_eq!(taken(&store, 9, lapsed).await, [], "{late:?}");
        let waiting = Backlog { waiting: 1, dead: 0 };
        assert_eq!(store.backlog(ErrandKind::Mail).await.unwrap(), waiting, "{late:?}");
    }
    store.settle("a", 2, &Attempt::Done).await.unwrap();
    assert_eq!(taken(&store, 9, lapsed + 2 * HOUR).await, []);
    store.settle("nothing", 1, &Attempt::Done).await.unwrap();
}

pub(crate) async fn what_did_not_work_is_tried_again_until_there_is_no_hope<D: DatabaseKind>() {
    let database = D::start().await;
    let store = database.open().await;
    for (step, id) in (0..).zip(["a", "b"]) {
        written(&store, errand(id), noon() + step * MICROSECOND).await;
    }
    let now = noon() + MICROSECOND;
    assert_eq!(names(&taken(&store, 9, now).await), ["a", "b"]);
    let due_at = noon() + 2 * HOUR;
    let later = Attempt::Later { due_at, error: "refused".to_owned() };
    store.settle("a", 1, &later).await.unwrap();
    assert_eq!(names(&taken(&store, 9, due_at - MICROSECOND).await), ["b"]);
    let again = taken(&store, 9, due_at).await;
    assert_eq!((again[0].attempts, again[0].last_error.as_deref()), (2, Some("refused")));
    for (id, error) in [("a", "gone"), ("b", "no such person")] {
        store.settle(id, 2, &Attempt::Dead { error: error.to_owned() }).await.unwrap();
    }
    assert_eq!(taken(&store, 9, due_at + 9 * HOUR).await, []);
    let dead = store.dead(9).await.unwrap();
    assert_eq!(names(&dead), ["b", "a"]);
    assert_eq!(dead[1].last_error.as_deref(), Some("gone"));
    assert_eq!(names(&store.dead(1).await.unwrap()), ["b"]);
    let backlog = async || store.backlog(ErrandKind::Mail).await.unwrap();
    assert_eq!(backlog().await, Backlog { waiting: 0, dead: 2 });
    assert_eq!(store.backlog(ErrandKind::Webhook).await.unwrap(), Backlog::default());

    let at = due_at + 20 * HOUR;
    assert!(store.revive("a", at).await.unwrap());
    assert!(!store.revive("a", at).await.unwrap(), "it is not dead");
    assert!(!store.revive("nothing", at).await.unwrap());
    assert_eq!(backlog().await, Backlog { waiting: 1, dead: 1 });
    assert_eq!(taken(&store, 9, at - MICROSECOND).await, []);
    let revived = taken(&store, 9, at).await;
    assert_eq!((names(&revived), revived[0].attempts), (vec!["a"], 1));
}

pub(crate) async fn what_is_dead_is_swept_after_a_month<D: DatabaseKind>() {
    let database = D::start().await;
    let store = database.open().await;
    for id in ["a", "b"] {
        written(&store, errand(id), noon()).await;
    }
    assert_eq!(names(&taken(&store, 9, noon()).await), ["a", "b"]);
    store.settle("a", 1, &Attempt::Dead { error: "no".to_owned() }).await.unwrap();
    let sweep = async |at| while AccountStore::sweep(&store, noon(), at).await.unwrap() {};
    let month = 30 * 24 * HOUR;
    sweep(noon() + month - MICROSECOND).await;
    assert_eq!(names(&store.dead(9).await.unwrap()), ["a"]);
    sweep(noon() + month).await;
    assert_eq!(store.dead(9).await.unwrap(), []);
    // What waits is waited for.
    let left = Backlog { waiting: 1, dead: 0 };
    assert_eq!(store.backlog(ErrandKind::Mail).await.unwrap(), left);
}
