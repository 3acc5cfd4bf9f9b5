//! What a [`RevocationStore`] promises.

use backend::store::{
    AccountStore, Database, Refreshed, Revocation, RevocationStore, Revoked, SignInEnd, SignInStore,
};
use common::api::Role;
use futures_util::future::{join, join_all};

use crate::{
    databases::{DatabaseKind, LONGEST_TOKEN, last_token_end},
    people::{
        ACCESS, IDLE, begun, created, ended, name_of, refresh, sign_in, silent, unbound_until, user,
    },
    sessions::{HOUR, MICROSECOND, noon},
};

async fn last(store: &Database) -> u64 {
    store.last_revocation().await.unwrap()
}

async fn after(store: &Database, position: u64) -> Vec<Revocation> {
    store.revocations(position, 1000, noon()).await.unwrap()
}

pub(crate) async fn revocations_are_read_in_their_order<D: DatabaseKind>() {
    let database = D::start().await;
    let store = database.open().await;
    assert_eq!((last(&store).await, after(&store, 0).await), (0, Vec::new()));
    created(&store, "alice", &[Role::User]).await;
    for number in 1..=3 {
        begun(&store, &sign_in("alice", 1, number)).await;
    }
    for number in [2, 1] {
        assert!(ended(&store, "alice", number, noon()).await);
    }
    let again = database.open().await;
    let unbound = unbound_until(&again, "alice", noon()).await;
    let Revoked::Unbound(_, until) = unbound else { panic!("{unbound:?}") };
    let sid = |number| Revoked::Sid(name_of(number));
    let end = noon() + ACCESS;
    let wanted = [(1, unbound, last_token_end(until)), (2, sid(2), end), (3, sid(1), end)]
        .map(|(position, revoked, ends_at)| Revocation { position, revoked, ends_at });
    assert_eq!(last(&again).await, 3);
    assert_eq!(after(&again, 0).await, wanted);
    assert_eq!(after(&again, 1).await, wanted[1..]);
    assert_eq!(after(&again, 3).await, []);
    assert_eq!(again.revocations(0, 2, noon()).await.unwrap(), wanted[..2]);
    // What has ended by itself matters no more.
    assert_eq!(again.revocations(0, 9, end - MICROSECOND).await.unwrap(), wanted);
    assert_eq!(again.revocations(0, 9, end).await.unwrap(), wanted[..1]);
}

pub(crate) async fn no_place_is_filled_afterwards<D: DatabaseKind>() {
    let database = D::start().await;
    let stores = [database.open().await, database.open().await];
    let most = 60;
    for n in 0..most {
        created(&stores[0], &format!("user{n}"), &[Role::User]).await;
        for number in [2 * n, 2 * n + 1] {
            begun(&stores[0], &sign_in(&format!("user{n}"), 1, number)).await;
        }
    }
    let before = last(&stores[0]).await;
    let ending = join_all((0..most).map(async |n| {
        let (user, why) = (user(&format!("user{n}")), SignInEnd::Revoked);
        let store = &stores[usize::from(n % 2)];
        let ended = store.end_others(&user, None, why, &silent, noon()).await.unwrap();
        assert_eq!(ended.len(), 2);
    }));
    let total = before + 2 * u64::from(most);
    let reading = async {
        let mut seen = before;
        while seen < total {
            let said = last(&stores[0]).await;
            let page = after(&stores[1], seen).await;
            for revocation in page {
                seen += 1;
                assert_eq!(revocation.position, seen, "there is a gap");
            }
            assert!(seen >= said, "the last one is {said}, and {seen} is all there is");
        }
    };
    join(ending, reading).await;
    assert_eq!(last(&stores[0]).await, total);
}

pub(crate) async fn a_great_many_are_revoked_in_one_step<D: DatabaseKind>() {
    let database = D::start().await;
    let store = database.open().await;
    created(&store, "alice", &[Role::User]).await;
    for number in 0..250 {
        begun(&store, &sign_in("alice", 1, number)).await;
    }
    let (alice, kept, why) = (user("alice"), name_of(7), SignInEnd::Revoked);
    let ended = store.end_others(&alice, Some(&kept), why, &silent, noon()).await.unwrap();
    assert_eq!(ended.len(), 249);
    let revoked = after(&store, 1).await;
    let places: Vec<_> = revoked.iter().map(|one| one.position).collect();
    assert_eq!(places, (2..=250).collect::<Vec<_>>());
    assert!(revoked.iter().all(|one| one.revoked != Revoked::Sid(kept.clone())));
}

pub(crate) async fn what_has_ended_is_swept_and_keeps_its_place<D: DatabaseKind>() {
    let database = D::start().await;
    let store = database.open().await;
    created(&store, "alice", &[Role::User]).await;
    for number in 1..=3 {
        begun(&store, &sign_in("alice", 1, number)).await;
    }
    let alice = user("alice");
    for number in [1, 2] {
        assert!(ended(&store, "alice", number, noon()).await);
    }
    let sweep = async |at| while store.sweep(noon(), at).await.unwrap() {};
    let rows = async || after(&store, 0).await.len();
    sweep(noon() + ACCESS - MICROSECOND).await;
    assert_eq!(rows().await, 3);
    sweep(noon() + ACCESS).await;
    assert_eq!(rows().await, 1);
    sweep(last_token_end(noon() + HOUR / 10)).await;
    assert_eq!((rows().await, last(&store).await), (0, 3));
    // For a while one is told that a sign-in is over, and then it was never there.
    let ask = async |number, at| store.refresh(&refresh(number, 1, 2), &silent, at).await.unwrap();
    let end = noon() + IDLE;
    assert_eq!(ask(3, end).await, Refreshed::Expired);
    sweep(last_token_end(end) - MICROSECOND).await;
    assert_eq!(ask(3, end).await, Refreshed::Expired);
    sweep(last_token_end(end)).await;
    assert_eq!(ask(3, end).await, Refreshed::Invalid);
    // And nothing that lives is touched.
    let late = end + 2 * LONGEST_TOKEN;
    let mut living = sign_in("alice", 1, 4);
    (living.absolute_end, living.idle_end) = (late + 2 * HOUR, late + HOUR);
    store.begin(&living, None, &silent, late).await.unwrap();
    sweep(late).await;
    assert_eq!(store.list(&alice, late).await.unwrap().len(), 1);
    assert!(store.account(&alice).await.unwrap().is_some());
}
