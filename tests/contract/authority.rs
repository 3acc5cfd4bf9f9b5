//! By what right something is done: it is looked at in the step that does it.

use backend::store::{
    AccountChange, AccountStore, AccountUpdate, ApiKeyCreation, ApiKeyHash, ApiKeyStore, Authority,
    Database, NewApiKey, SignInEnd, SignInStore, StoredApiKey,
};
use common::api::{Language, Role, Roles, Scope};
use futures_util::future::join;

use crate::{
    databases::DatabaseKind,
    people::{Scribe, begun, created, name_of, sign_in, silent, user},
    sessions::noon,
};

fn authority(name: &str, sign_in: Option<u16>, roles: Option<&[Role]>) -> Authority {
    Authority {
        user: user(name),
        sid: sign_in.map(name_of),
        roles: roles.map(|roles| roles.iter().copied().collect()),
    }
}

fn key_of(name: &str, id: u8) -> NewApiKey {
    let key = StoredApiKey {
        id: format!("key-{id}"),
        user: user(name),
        name: "build server".to_owned(),
        scopes: vec![Scope::Sessions],
        created_at: noon(),
        last_used_at: None,
        expires_at: None,
    };
    NewApiKey { key, hash: ApiKeyHash([id; 32]), free_at: None }
}

/// Whoever asks this has no right to anything of Bob's or their own.
async fn is_refused(store: &Database, by: &Authority) {
    let bob = user("bob");
    let before = store.account(&bob).await.unwrap();
    let updates = Scribe::new();
    let say = |outcome: &AccountUpdate| updates.hears(outcome);
    for change in [
        AccountChange::Language(Language::En),
        AccountChange::Roles(Roles::from([Role::Operator])),
        AccountChange::Disabled,
    ] {
        let update = store.change(&bob, None, &change, Some(by), &say, noon()).await.unwrap();
        assert_eq!(update, AccountUpdate::Unauthorized, "{by:?}: {change:?}");
    }
    let removed = store.remove(&bob, noon(), Some(by), &say, noon()).await.unwrap();
    assert_eq!(removed, AccountUpdate::Unauthorized, "{by:?}");
    assert_eq!(updates.heard(), vec![AccountUpdate::Unauthorized; 4]);
    let made = store.create_key(&key_of("bob", 9), 9, Some(by), &silent, noon()).await.unwrap();
    assert_eq!(made, ApiKeyCreation::Unauthorized, "{by:?}");
    assert_eq!(store.account(&bob).await.unwrap(), before, "{by:?}");
    assert_eq!(store.keys(&bob, noon()).await.unwrap(), []);
}

pub(crate) async fn whoever_has_lost_a_right_changes_nothing<D: DatabaseKind>() {
    let database = D::start().await;
    let store = database.open().await;
    let all = [Role::User, Role::Admin];
    created(&store, "admin", &all).await;
    created(&store, "root", &[Role::Admin]).await;
    created(&store, "bob", &[Role::User]).await;
    for (name, number) in [("admin", 1), ("admin", 2), ("bob", 3), ("root", 4)] {
        begun(&store, &sign_in(name, 1, number)).await;
    }
    let admin = user("admin");
    for by in [
        authority("nobody", None, None),
        authority("admin", Some(3), Some(&all)),
        authority("admin", Some(99), Some(&all)),
        authority("admin", Some(1), Some(&[Role::Admin])),
        authority("admin", Some(1), Some(&[Role::User, Role::Auditor, Role::Admin])),
        authority("admin", Some(1), Some(&[])),
        authority("bob", Some(3), Some(&all)),
    ] {
        is_refused(&store, &by).await;
    }
    let by_sign_in = |number| authority("admin", Some(number), Some(&all));
    let done = AccountUpdate::Done(Vec::new());
    let speak = async |by: &Authority, language| {
        let change = AccountChange::Language(language);
        store.change(&user("bob"), None, &change, Some(by), &silent, noon()).await.unwrap()
    };
    for by in [by_sign_in(1), by_sign_in(2), authority("admin", None, None)] {
        for language in [Language::En, Language::Ko] {
            assert_eq!(speak(&by, language).await, done, "{by:?}");
        }
    }
    let (mine, key) = (authority("root", Some(4), None), key_of("root", 1));
    let made = store.create_key(&key, 9, Some(&mine), &silent, noon()).await.unwrap();
    assert_eq!(made, ApiKeyCreation::Done);

    store.end(&admin, &name_of(1), SignInEnd::SignedOut, &silent, noon()).await.unwrap();
    is_refused(&store, &by_sign_in(1)).await;
    assert_eq!(speak(&by_sign_in(2), Language::En).await, done);
    let without = |number| authority("admin", number, Some(&all));
    let change = async |change: AccountChange| {
        store.change(&admin, None, &change, None, &silent, noon()).await.unwrap();
    };
    change(AccountChange::Disabled).await;
    is_refused(&store, &without(None)).await;
    is_refused(&store, &authority("admin", None, None)).await;
    change(AccountChange::Enabled).await;
    is_refused(&store, &without(Some(2))).await;
    assert_eq!(speak(&without(None), Language::Ko).await, done);
    change(AccountChange::Roles(Roles::from([Role::User]))).await;
    is_refused(&store, &without(None)).await;
    store.remove(&admin, noon(), None, &silent, noon()).await.unwrap();
    is_refused(&store, &authority("admin", None, None)).await;
}

/// Of two who take the right from each other at once, one has it still.
pub(crate) async fn of_two_who_depose_each_other_one_stays<D: DatabaseKind>() {
    let database = D::start().await;
    let stores = [database.open().await, database.open().await];
    let admin = [Role::Admin];
    created(&stores[0], "root", &admin).await;
    for round in 0..10 {
        let names = [format!("alice{round}"), format!("bob{round}")];
        for name in &names {
            created(&stores[0], name, &admin).await;
        }
        let deposes = async |by: usize, ways: u16| {
            let (target, right) = (user(&names[1 - by]), authority(&names[by], None, Some(&admin)));
            let change = match ways % 3 {
                0 => AccountChange::Roles(Roles::from([Role::User])),
                1 => AccountChange::Disabled,
                _ => {
                    return stores[by].remove(&target, noon(), Some(&right), &silent, noon()).await;
                }
            };
            stores[by].change(&target, None, &change, Some(&right), &silent, noon()).await
        };
        let (one, other) = join(deposes(0, round), deposes(1, round / 3)).await;
        let mut outcomes = [one.unwrap(), other.unwrap()];
        outcomes.sort_by_key(|outcome| *outcome != AccountUpdate::Done(Vec::new()));
        let [done, refused] = outcomes;
        assert_eq!(done, AccountUpdate::Done(Vec::new()), "{round}");
        // Whoever was removed is not there to be deposed.
        let lost = [AccountUpdate::Unauthorized, AccountUpdate::Gone];
        assert!(lost.contains(&refused), "{round}: {refused:?}");
    }
}
