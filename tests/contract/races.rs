//! What holds for sign-ins however much happens at the same time, on as many nodes as there are.

use std::time::Duration;

use backend::store::{
    AccountChange, AccountStore, AccountUpdate, Aftermath, AuditFilter, AuditStore, Beginning,
    Database, ErrandKind, NewProof, NewSignIn, OutboxStore, ProofHash, ProofPurpose, Proved,
    Refresh, Refreshed, SignInEnd, SignInStore,
};
use common::{
    UserId,
    api::{AuditAction, Role, Roles},
};
use futures_util::future::{join, join_all};

use crate::{
    databases::DatabaseKind,
    people::{
        ACCESS, begun, chain, created, entry, errand, is_rotated, name_of, password, refresh,
        revoked_sids, sign_in, silent, user, version_of,
    },
    sessions::{HOUR, noon},
};

/// How often each race is run.
const ROUNDS: u16 = 120;

async fn nodes<D: DatabaseKind>() -> (D, [Database; 2]) {
    let database = D::start().await;
    let stores = [database.open().await, database.open().await];
    (database, stores)
}

/// What a node says of a refresh: an entry and an errand for each that has rotated.
fn rotations(refreshed: &Refreshed) -> Aftermath {
    match refreshed {
        Refreshed::Rotated(who) => Aftermath {
            audit: vec![entry(AuditAction::RefreshRotated, &who.id)],
            errands: vec![errand(&who.id)],
        },
        _ => Aftermath::default(),
    }
}

pub(crate) async fn of_parallel_refreshes_all_get_the_same_successor<D: DatabaseKind>() {
    let (_database, stores) = nodes::<D>().await;
    created(&stores[0], "alice", &[Role::User]).await;
    for number in 1..=3 {
        begun(&stores[0], &sign_in("alice", 1, number)).await;
        let attempts: Vec<_> = (0..50).map(|n| refresh(number, 1, 100 + n)).collect();
        let asked = attempts.iter().zip(stores.iter().cycle());
        let asked = asked.map(|(attempt, store)| store.refresh(attempt, &rotations, noon()));
        let (mut rotated, mut repeated) = (Vec::new(), Vec::new());
        for (answer, attempt) in join_all(asked).await.into_iter().zip(&attempts) {
            match answer.unwrap() {
                Refreshed::Rotated(_) => rotated.push(attempt),
                Refreshed::Repeated(_, sealed) => repeated.push(sealed),
                other => panic!("{other:?}"),
            }
        }
        assert_eq!((rotated.len(), repeated.len()), (1, 49));
        assert!(repeated.iter().all(|sealed| *sealed == rotated[0].sealed));
        let id = Some(name_of(number));
        let filter = AuditFilter { target: id, ..AuditFilter::default() };
        let entries = stores[1].entries(&filter, None, 100).await.unwrap();
        assert_eq!(entries.len(), 1, "one rotation is written");
        // What all of them have is good.
        let next = Refresh { hash: rotated[0].next, ..refresh(number, 2, 3) };
        assert!(is_rotated(&stores[1].refresh(&next, &silent, noon()).await.unwrap()));
    }
    let backlog = stores[0].backlog(ErrandKind::Mail).await.unwrap();
    assert_eq!(backlog.waiting, 3);
}

/// Lets refreshes race with what ends their sign-in. Whichever is first: no token works afterwards,
/// those that were given away are revoked until the last of them ends, and `left` go on.
async fn raced<D: DatabaseKind, Ending: Future<Output = ()>>(
    stores: &[Database; 2],
    name: impl Fn(u16) -> String,
    end: impl Fn(UserId, u16) -> Ending,
) {
    for number in 1..=ROUNDS {
        let alice = user(&name(number));
        let version = version_of(&stores[0], &alice).await;
        let new = sign_in(alice.as_str(), version, number);
        begun(&stores[0], &new).await;
        let attempts = [refresh(number, 1, 2), refresh(number, 1, 3)];
        let refreshing = join(
            stores[0].refresh(&attempts[0], &rotations, noon()),
            stores[1].refresh(&attempts[1], &rotations, noon()),
        );
        // Each goes first now and then.
        let (first, second) = match number % 2 {
            0 => join(refreshing, end(alice.clone(), number)).await.0,
            _ => join(end(alice.clone(), number), refreshing).await.1,
        };
        let answers = [first.unwrap(), second.unwrap()];
        assert!(!answers.iter().any(|answer| matches!(answer, Refreshed::Reused(..))));
        let rotations = answers.iter().filter(|answer| is_rotated(answer)).count();
        assert!(rotations <= 1, "{answers:?}");
        for token in 1..=3 {
            let dead = stores[usize::from(token % 2)]
                .refresh(&refresh(number, token, 9), &silent, noon())
                .await;
            assert_eq!(dead.unwrap(), Refreshed::Invalid, "{number}");
        }
        assert_eq!(stores[0].list(&alice, noon()).await.unwrap(), [], "{number}");
        let token_end = noon() + if rotations == 1 { 2 * ACCESS } else { ACCESS };
        let revoked = revoked_sids(&stores[1]).await.get(&name_of(number)).copied();
        assert_eq!(revoked, Some(token_end), "{number}: {answers:?}");
    }
}

fn alice(_: u16) -> String {
    "alice".to_owned()
}

pub(crate) async fn no_token_outlives_the_end_of_its_sign_in<D: DatabaseKind>() {
    let (_database, stores) = nodes::<D>().await;
    created(&stores[0], "alice", &[Role::User]).await;
    raced::<D, _>(&stores, alice, async |alice, number| {
        let (id, why) = (name_of(number), SignInEnd::Revoked);
        assert!(stores[1].end(&alice, &id, why, &silent, noon()).await.unwrap());
    })
    .await;
}

pub(crate) async fn no_token_outlives_a_sign_out<D: DatabaseKind>() {
    let (_database, stores) = nodes::<D>().await;
    created(&stores[0], "alice", &[Role::User]).await;
    raced::<D, _>(&stores, alice, async |_, number| {
        let ended = stores[1].end_chain(chain(number), SignInEnd::SignedOut, &silent, noon());
        assert!(ended.await.unwrap().is_some());
    })
    .await;
}

pub(crate) async fn no_token_outlives_the_end_of_all_sign_ins<D: DatabaseKind>() {
    let (_database, stores) = nodes::<D>().await;
    created(&stores[0], "alice", &[Role::User]).await;
    raced::<D, _>(&stores, alice, async |alice, number| {
        let others = stores[1].end_others(&alice, None, SignInEnd::Revoked, &silent, noon());
        assert_eq!(others.await.unwrap(), [name_of(number)]);
    })
    .await;
}

/// Changes an account and ends its sign-in with it.
async fn changed(store: &Database, user: &UserId, number: u16, change: &AccountChange) {
    let update = store.change(user, None, change, None, &silent, noon()).await.unwrap();
    assert_eq!(update, AccountUpdate::Done(vec![name_of(number)]), "{change:?}");
}

pub(crate) async fn no_token_outlives_a_password<D: DatabaseKind>() {
    let (_database, stores) = nodes::<D>().await;
    created(&stores[0], "alice", &[Role::User]).await;
    raced::<D, _>(&stores, alice, async |alice, number| {
        let change = AccountChange::Password { hash: password("new"), kept: None };
        changed(&stores[1], &alice, number, &change).await;
    })
    .await;
}

pub(crate) async fn no_token_outlives_roles<D: DatabaseKind>() {
    let (_database, stores) = nodes::<D>().await;
    created(&stores[0], "alice", &[Role::User]).await;
    raced::<D, _>(&stores, alice, async |alice, number| {
        let role = if number % 2 == 1 { Role::Operator } else { Role::User };
        changed(&stores[1], &alice, number, &AccountChange::Roles(Roles::from([role]))).await;
    })
    .await;
}

pub(crate) async fn no_token_outlives_the_disabling_of_its_account<D: DatabaseKind>() {
    let (_database, stores) = nodes::<D>().await;
    created(&stores[0], "alice", &[Role::User]).await;
    raced::<D, _>(&stores, alice, async |alice, number| {
        changed(&stores[1], &alice, number, &AccountChange::Disabled).await;
        let enabled = AccountChange::Enabled;
        let update = stores[1].change(&alice, None, &enabled, None, &silent, noon()).await.unwrap();
        assert_eq!(update, AccountUpdate::Done(Vec::new()));
    })
    .await;
}

pub(crate) async fn no_token_outlives_a_reset<D: DatabaseKind>() {
    let (_database, stores) = nodes::<D>().await;
    created(&stores[0], "alice", &[Role::User]).await;
    raced::<D, _>(&stores, alice, async |alice, number| {
        let hash = ProofHash([u8::try_from(number).unwrap(); 32]);
        let (purpose, ends_at) = (ProofPurpose::Reset, noon() + HOUR);
        let proof = NewProof { purpose, user: alice.clone(), hash, ends_at };
        assert!(stores[1].issue_proof(&proof, noon()).await.unwrap().is_some());
        let reset = stores[1].reset(&hash, &password("reset"), &silent, noon()).await.unwrap();
        assert_eq!(reset, Proved::Done(alice, vec![name_of(number)]));
    })
    .await;
}

pub(crate) async fn no_token_outlives_its_account<D: DatabaseKind>() {
    let (_database, stores) = nodes::<D>().await;
    let name = |number| format!("user{number}");
    for number in 1..=ROUNDS {
        created(&stores[0], &name(number), &[Role::User]).await;
    }
    raced::<D, _>(&stores, name, async |alice, number| {
        let removed = stores[1].remove(&alice, noon(), None, &silent, noon()).await.unwrap();
        assert_eq!(removed, AccountUpdate::Done(vec![name_of(number)]));
    })
    .await;
}

pub(crate) async fn no_token_outlives_a_newer_sign_in<D: DatabaseKind>() {
    let (_database, stores) = nodes::<D>().await;
    created(&stores[0], "alice", &[Role::User]).await;
    raced::<D, _>(&stores, alice, async |alice, number| {
        let newer = 1000 + number;
        let new = sign_in("alice", 1, newer);
        let begun = stores[1].begin(&new, Some(1), &silent, noon()).await.unwrap();
        assert_eq!(begun, Beginning::Begun(vec![name_of(number)]));
        assert!(
            stores[0]
                .end(&alice, &name_of(newer), SignInEnd::SignedOut, &silent, noon())
                .await
                .unwrap()
        );
    })
    .await;
}

/// Whoever signs in while the account changes is either ended by it or refused.
pub(crate) async fn no_sign_in_begins_behind_the_back_of_a_change<D: DatabaseKind>() {
    let (_database, stores) = nodes::<D>().await;
    created(&stores[0], "alice", &[Role::User]).await;
    let alice = user("alice");
    for round in 1..=ROUNDS {
        let version = version_of(&stores[0], &alice).await;
        let new: Vec<NewSignIn> =
            (0..4).map(|n| sign_in("alice", version, 10 * round + n)).collect();
        let beginning = join_all(
            new.iter()
                .zip(stores.iter().cycle())
                .map(async |(new, store)| store.begin(new, None, &silent, noon()).await.unwrap()),
        );
        let change = AccountChange::Password { hash: password("new"), kept: None };
        let change = stores[1].change(&alice, None, &change, None, &silent, noon());
        let (begun, update) = join(beginning, change).await;
        let AccountUpdate::Done(mut ended) = update.unwrap() else { panic!("{round}") };
        let outdated = Beginning::Outdated;
        let begun = new.iter().zip(&begun).filter(|(_, begun)| **begun != outdated);
        let begun: Vec<_> = begun.map(|(new, _)| new.id.clone()).collect();
        ended.sort();
        assert_eq!(ended, begun, "{round}");
        assert_eq!(stores[0].list(&alice, noon()).await.unwrap(), [], "{round}");
    }
}

/// Something is said of whatever became of it, in another order than others say it.
fn noise<Outcome>(step: u16) -> impl Fn(&Outcome) -> Aftermath + Send + Sync {
    move |_| Aftermath {
        audit: vec![entry(AuditAction::SignInEnded, "x")],
        errands: vec![errand(&format!("b{}", step % 7)), errand(&format!("a{}", step % 7))],
    }
}

/// One of many things that may happen.
async fn happens(stores: &[Database; 2], step: u16) {
    let store = &stores[usize::from(step % 2)];
    let alice = user(["alice", "bob"][usize::from(step / 2 % 2)]);
    let number = step - step % 5;
    let (id, why) = (name_of(number), SignInEnd::Revoked);
    let change = async |change: AccountChange| {
        store.change(&alice, None, &change, None, &noise(step), noon()).await.unwrap();
    };
    match step % 10 {
        0 | 5 => {
            let version = version_of(store, &alice).await;
            let new = sign_in(alice.as_str(), version, step);
            store.begin(&new, Some(2), &noise(step), noon()).await.unwrap();
        }
        1 => {
            store.end(&alice, &id, why, &noise(step), noon()).await.unwrap();
        }
        2 => {
            store.end_others(&alice, None, why, &noise(step), noon()).await.unwrap();
        }
        3 => {
            let rotation = refresh(number, 1, 2);
            store.refresh(&rotation, &noise(step), noon()).await.unwrap();
        }
        4 => {
            store.end_chain(chain(number), why, &noise(step), noon()).await.unwrap();
        }
        6 => {
            let role = if step % 4 == 2 { Role::Admin } else { Role::User };
            change(AccountChange::Roles(Roles::from([role]))).await;
        }
        7 => change(AccountChange::Password { hash: password("x"), kept: None }).await,
        8 => {
            let (kind, until) = (ErrandKind::Mail, noon() + Duration::from_secs(1));
            store.take_up(kind, 5, until, noon()).await.unwrap();
        }
        _ => {
            store.sweep(noon() + HOUR, noon() + HOUR).await.unwrap();
        }
    }
}

/// Everyone does everything at once, on two nodes.
pub(crate) async fn nobody_waits_for_who_waits_for_them<D: DatabaseKind>() {
    let (_database, stores) = nodes::<D>().await;
    created(&stores[0], "root", &[Role::Admin]).await;
    for name in ["alice", "bob"] {
        created(&stores[0], name, &[Role::User, Role::Admin]).await;
    }
    for round in 0..10 {
        join_all((1..=50).map(|n| happens(&stores, 50 * round + n))).await;
    }
}
