//! What a [`SessionStore`] promises about lists.

use backend::store::{ListPosition, ListedSession, SessionStore};
use time::OffsetDateTime;

use crate::{
    Backend,
    sessions::{MICROSECOND, alice, at, created, noon},
};

async fn ids(
    store: &impl SessionStore,
    after: Option<&ListedSession>,
    limit: u32,
    now: OffsetDateTime,
) -> (Vec<String>, Option<ListedSession>) {
    let after = after.map(|last| ListPosition { created_at: last.created_at, id: last.id.clone() });
    let page = store.list(&alice(), after.as_ref(), limit, now).await.unwrap();
    (page.iter().map(|listed| listed.id.to_string()).collect(), page.last().cloned())
}

pub(crate) async fn a_list_is_of_one_owner_and_has_the_newest_first<B: Backend>() {
    let backend = B::start().await;
    let store = backend.open().await;
    for (n, id) in ["b", "c", "a"].into_iter().enumerate() {
        let now = noon() + MICROSECOND * u32::try_from(n).unwrap();
        created(&*store, &format!("alice/{id}"), now).await;
    }
    created(&*store, "bob/other", noon()).await;
    created(&*store, "alice", noon()).await;
    assert_eq!(ids(&*store, None, 10, noon()).await.0, ["a", "c", "b"]);

    let page = store.list(&alice(), None, 1, noon()).await.unwrap();
    let stored = store.get(&at("alice/a"), noon()).await.unwrap().unwrap();
    let listed = ListedSession {
        id: stored.address.id,
        revision: stored.revision,
        visibility: stored.drawing.visibility,
        created_at: stored.created_at,
        updated_at: stored.updated_at,
        expires_at: stored.drawing.expires_at,
    };
    assert_eq!(page, [listed]);
    let nobody = "nobody".parse().unwrap();
    assert!(store.list(&nobody, None, 10, noon()).await.unwrap().is_empty());
}

pub(crate) async fn pages_do_not_shift<B: Backend>() {
    let backend = B::start().await;
    let store = backend.open().await;
    let moment = |n: u32| noon() + MICROSECOND * n;
    for n in 0..6 {
        created(&*store, &format!("alice/s{n}"), moment(n)).await;
    }
    let (page, last) = ids(&*store, None, 2, moment(6)).await;
    assert_eq!(page, ["s5", "s4"]);
    created(&*store, "alice/new", moment(6)).await;
    // The one that the next page begins after may go meanwhile.
    store.delete(&at("alice/s4"), None, moment(6)).await.unwrap();
    let (page, last) = ids(&*store, last.as_ref(), 2, moment(6)).await;
    assert_eq!(page, ["s3", "s2"]);
    let (page, last) = ids(&*store, last.as_ref(), 2, moment(6)).await;
    assert_eq!(page, ["s1", "s0"]);
    assert!(ids(&*store, last.as_ref(), 2, moment(6)).await.0.is_empty());
}

pub(crate) async fn sessions_of_the_same_microsecond_are_all_listed<B: Backend>() {
    let backend = B::start().await;
    let store = backend.open().await;
    let names = ["a", "B", "_", "-", "0", "Z", "z", "aa"];
    for name in names {
        created(&*store, &format!("alice/{name}"), noon()).await;
    }
    let (mut seen, mut last) = (Vec::new(), None);
    loop {
        let (page, end) = ids(&*store, last.as_ref(), 3, noon()).await;
        if page.is_empty() {
            break;
        }
        seen.extend(page);
        last = end;
    }
    assert_eq!(seen.len(), names.len(), "{seen:?}");
    assert!(names.iter().all(|name| seen.iter().any(|seen| seen == name)), "{seen:?}");
}
