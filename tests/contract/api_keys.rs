//! What an [`ApiKeyStore`] promises.

use std::time::Duration;

use backend::store::{
    AccountChange, AccountCreation, AccountStore, AccountUpdate, ApiKeyCreation, ApiKeyHash,
    ApiKeyStore, AuditStore, Database, NewApiKey, Registered, Registration, Revoked, StoredApiKey,
};
use common::{
    api::{Language, Role, Scope},
    jwt::LEEWAY,
};
use futures_util::future::{join, join_all};
use time::OffsetDateTime;

use crate::{
    databases::{DatabaseKind, LONGEST_TOKEN, last_token_end},
    people::{Scribe, account, created, email, password, revoked, silent, user},
    sessions::{HOUR, MICROSECOND, noon},
};

/// How many keys a user may have, where that is not what is asked.
const MANY: u32 = 100;

fn hash(number: u16) -> ApiKeyHash {
    let mut hash = [7; 32];
    hash[..2].copy_from_slice(&number.to_be_bytes());
    ApiKeyHash(hash)
}

fn key(name: &str, number: u16, scopes: &[&str]) -> StoredApiKey {
    StoredApiKey {
        id: format!("key-{number}"),
        user: user(name),
        name: "build server, é".to_owned(),
        scopes: scopes.iter().map(|scope| scope.parse().unwrap()).collect(),
        created_at: noon() + u32::from(number) * MICROSECOND,
        last_used_at: None,
        expires_at: None,
    }
}

fn number(key: &StoredApiKey) -> u16 {
    key.id.trim_start_matches("key-").parse().unwrap()
}

/// So long the names of a key are nobody's that has ended.
const REST: Duration = Duration::from_secs(1800);

/// A key as it is asked for.
fn new(key: &StoredApiKey) -> NewApiKey {
    let free_at = key.expires_at.map(|end| end + REST);
    NewApiKey { key: key.clone(), hash: hash(number(key)), free_at }
}

async fn asked(store: &Database, key: &StoredApiKey) -> ApiKeyCreation {
    store.create_key(&new(key), MANY, None, &silent, noon()).await.unwrap()
}

async fn made(store: &Database, key: &StoredApiKey) {
    assert_eq!(asked(store, key).await, ApiKeyCreation::Done, "{key:?}");
}

async fn people<D: DatabaseKind>() -> (D, Database) {
    let database = D::start().await;
    let store = database.open().await;
    for name in ["alice", "bob"] {
        created(&store, name, &[Role::User]).await;
    }
    (database, store)
}

async fn registered_at(store: &Database, name: &str, now: OffsetDateTime) -> Registered {
    let registration = Registration {
        user: user(name),
        email: email(name),
        password: password("x"),
        language: Language::En,
        ends_at: noon() + 9 * HOUR,
    };
    store.register(&registration, &silent, now).await.unwrap()
}

pub(crate) async fn a_key_is_found_by_its_hash_while_it_lives<D: DatabaseKind>() {
    let (database, store) = people::<D>().await;
    let scopes = ["sessions", "update:chart_1", "mint:alice-team_"];
    let endless = key("alice", 1, &scopes);
    let ending = StoredApiKey { expires_at: Some(noon() + HOUR), ..key("alice", 2, &["sessions"]) };
    for key in [&endless, &ending] {
        made(&store, key).await;
    }
    made(&store, &key("bob", 3, &[])).await;
    let again = database.open().await;
    let found = async |number, at| again.key(&hash(number), at).await.unwrap();
    let (soon, late) = (noon() + HOUR - MICROSECOND, noon() + HOUR);
    assert_eq!(found(1, late).await, Some(endless.clone()));
    assert_eq!(found(2, soon).await, Some(ending.clone()));
    assert_eq!(found(2, late).await, None);
    assert_eq!(found(9, noon()).await, None);
    let listed = async |at| again.keys(&user("alice"), at).await.unwrap();
    assert_eq!(listed(soon).await, [ending, endless.clone()]);
    assert_eq!(listed(late).await, [endless]);
    assert_eq!(again.keys(&user("nobody"), noon()).await.unwrap(), []);
}

pub(crate) async fn the_last_use_of_a_key_is_kept<D: DatabaseKind>() {
    let (_database, store) = people::<D>().await;
    made(&store, &key("alice", 1, &[])).await;
    for (used, last) in [(5, 5), (9, 9), (7, 9)] {
        store.key_used("key-1", noon() + used * MICROSECOND).await.unwrap();
        let found = store.key(&hash(1), noon()).await.unwrap().unwrap();
        assert_eq!(found.last_used_at, Some(noon() + last * MICROSECOND));
    }
    store.key_used("key-2", noon()).await.unwrap();
}

pub(crate) async fn a_user_has_so_many_keys_and_no_more<D: DatabaseKind>() {
    let database = D::start().await;
    let stores = [database.open().await, database.open().await];
    created(&stores[0], "alice", &[Role::User]).await;
    created(&stores[0], "bob", &[Role::User]).await;
    let keys: Vec<_> = (0..12).map(|n| key("alice", n, &["sessions"])).collect();
    let asked = keys.iter().zip(stores.iter().cycle()).map(async |(key, store)| {
        store.create_key(&new(key), 5, None, &silent, noon()).await.unwrap()
    });
    let outcomes = join_all(asked).await;
    let done = outcomes.iter().filter(|outcome| **outcome == ApiKeyCreation::Done).count();
    let refused = outcomes.iter().filter(|outcome| **outcome == ApiKeyCreation::TooMany).count();
    assert_eq!((done, refused), (5, 7));
    let ask = async |key: &StoredApiKey, at| {
        stores[0].create_key(&new(key), 5, None, &silent, at).await.unwrap()
    };
    assert_eq!(ask(&key("bob", 20, &[]), noon()).await, ApiKeyCreation::Done);
    let living = stores[0].keys(&user("alice"), noon()).await.unwrap();
    let gone = &living[0].id;
    assert!(stores[1].revoke_key(&user("alice"), gone, noon(), &silent, noon()).await.unwrap());
    let ending = StoredApiKey { expires_at: Some(noon() + HOUR), ..key("alice", 21, &[]) };
    assert_eq!(ask(&ending, noon()).await, ApiKeyCreation::Done);
    // What has ended takes no place.
    assert_eq!(ask(&key("alice", 22, &[]), noon()).await, ApiKeyCreation::TooMany);
    assert_eq!(ask(&key("alice", 22, &[]), noon() + HOUR).await, ApiKeyCreation::Done);
    assert_eq!(ask(&key("nobody", 23, &[]), noon()).await, ApiKeyCreation::NoAccount);
}

pub(crate) async fn a_revoked_key_ends_with_all_that_it_has_minted<D: DatabaseKind>() {
    let (_database, store) = people::<D>().await;
    let ending =
        StoredApiKey { expires_at: Some(noon() + HOUR), ..key("alice", 2, &["mint:alice-"]) };
    made(&store, &key("alice", 1, &["sessions", "mint:alice_"])).await;
    made(&store, &ending).await;
    let scribe = Scribe::new();
    let revoke = async |name: &str, id: &str, at| {
        let say = |outcome: &bool| scribe.hears(outcome);
        store.revoke_key(&user(name), id, at, &say, at).await.unwrap()
    };
    assert!(!revoke("bob", "key-1", noon()).await, "it is another's");
    assert!(revoke("alice", "key-1", noon()).await);
    assert!(!revoke("alice", "key-1", noon()).await, "it is gone");
    assert_eq!(store.key(&hash(1), noon()).await.unwrap(), None);
    // What has ended may have minted what lives.
    let late = noon() + 2 * HOUR;
    assert!(revoke("alice", "key-2", late).await);
    let revoked = revoked(&store).await;
    for (id, at) in [("key-1", noon()), ("key-2", late)] {
        assert_eq!(revoked.get(&Revoked::Sid(id.to_owned())), Some(&last_token_end(at)));
    }
    assert_eq!(scribe.heard(), [false, true, false, true]);
    assert_eq!(store.entries(&Default::default(), None, 9).await.unwrap().len(), 4);
}

/// A key without a namespace is known for what it is by no token, so that whoever makes and revokes
/// a great many leaves nothing behind that every node has to remember.
pub(crate) async fn a_revoked_key_that_minted_nothing_is_soon_forgotten<D: DatabaseKind>() {
    let (_database, store) = people::<D>().await;
    let scopes: [&[&str]; 4] = [&["sessions"], &["update:mint"], &["mint:x-"], &["sessions"]];
    for (number, scopes) in (1..).zip(scopes) {
        made(&store, &key("alice", number, scopes)).await;
    }
    let alice = user("alice");
    for id in ["key-1", "key-2"] {
        assert!(store.revoke_key(&alice, id, noon(), &silent, noon()).await.unwrap());
    }
    let soon = noon() + Duration::from_secs(300);
    let change = AccountChange::Disabled;
    store.change(&alice, None, &change, None, &silent, noon()).await.unwrap();
    let until = noon() + LEEWAY;
    let known = revoked(&store).await;
    for (id, end) in [("key-3", last_token_end(noon())), ("key-4", soon)] {
        assert_eq!(known.get(&Revoked::SidUntil(id.to_owned(), until)), Some(&end), "{id}");
    }
    store.remove(&alice, noon(), None, &silent, noon()).await.unwrap();
    let known = revoked(&store).await;
    for (id, end) in
        [("key-1", soon), ("key-2", soon), ("key-3", last_token_end(noon())), ("key-4", soon)]
    {
        assert_eq!(known.get(&Revoked::Sid(id.to_owned())), Some(&end), "{id}");
    }
}

pub(crate) async fn keys_rest_while_their_account_is_disabled<D: DatabaseKind>() {
    let (_database, store) = people::<D>().await;
    made(&store, &key("alice", 1, &["mint:alice-"])).await;
    made(&store, &key("bob", 2, &[])).await;
    let change = async |change: AccountChange| {
        let update =
            store.change(&user("alice"), None, &change, None, &silent, noon()).await.unwrap();
        assert_eq!(update, AccountUpdate::Done(Vec::new()));
    };
    change(AccountChange::Disabled).await;
    assert_eq!(store.key(&hash(1), noon()).await.unwrap(), None);
    assert!(store.key(&hash(2), noon()).await.unwrap().is_some());
    assert_eq!(asked(&store, &key("alice", 3, &[])).await, ApiKeyCreation::NoAccount);
    assert_eq!(registered_at(&store, "alice-x", noon()).await, Registered::UserTaken);
    // What it has minted ends, and what may be on its way; not what it mints when it is back.
    let until = noon() + LEEWAY;
    let minted = Revoked::SidUntil("key-1".to_owned(), until);
    let revoked = revoked(&store).await;
    assert_eq!(revoked.get(&minted), Some(&last_token_end(noon())));
    let whole = |one: &&Revoked| matches!(one, Revoked::Sid(_));
    assert_eq!(revoked.keys().filter(whole).count(), 0);
    change(AccountChange::Enabled).await;
    assert!(store.key(&hash(1), noon()).await.unwrap().is_some());
}

pub(crate) async fn the_longest_life_of_a_token_is_not_forgotten<D: DatabaseKind>() {
    let (database, store) = people::<D>().await;
    made(&store, &key("alice", 1, &["mint:alice-"])).await;
    database.tamper("UPDATE longest_token SET lifetime = lifetime * 2").await;
    // Whoever opens it now mints tokens of half that life.
    let store = database.open().await;
    store.revoke_key(&user("alice"), "key-1", noon(), &silent, noon()).await.unwrap();
    let end = revoked(&store).await.get(&Revoked::Sid("key-1".to_owned())).copied();
    assert_eq!(end, Some(last_token_end(noon()) + LONGEST_TOKEN));
}

pub(crate) async fn a_namespace_has_one_owner<D: DatabaseKind>() {
    let (_database, store) = people::<D>().await;
    created(&store, "bob-9", &[Role::User]).await;
    registered_at(&store, "bob_x-1", noon()).await;
    store.remove(&user("bob-9"), noon() + HOUR, None, &silent, noon()).await.unwrap();
    created(&store, "bob-7", &[Role::User]).await;
    made(&store, &key("alice", 1, &["sessions", "mint:team-a_"])).await;
    for (number, scope, outcome) in [
        (2, "mint:team-a_", ApiKeyCreation::NamespaceTaken),
        (3, "mint:team-a_b", ApiKeyCreation::NamespaceTaken),
        (4, "mint:team-", ApiKeyCreation::NamespaceTaken),
        (5, "mint:t", ApiKeyCreation::NamespaceTaken),
        // `_` stands for itself, and case matters.
        (6, "mint:team-ax", ApiKeyCreation::Done),
        (7, "mint:team-A", ApiKeyCreation::Done),
        (8, "mint:al", ApiKeyCreation::NamespaceTaken),
        (9, "mint:bob-7", ApiKeyCreation::NamespaceTaken),
        (10, "mint:bob-9", ApiKeyCreation::NamespaceTaken),
        (11, "mint:bob_x", ApiKeyCreation::NamespaceTaken),
        (12, "mint:bob-71", ApiKeyCreation::Done),
        (13, "mint:bob", ApiKeyCreation::NamespaceTaken),
        (14, "mint:z", ApiKeyCreation::Done),
    ] {
        assert_eq!(asked(&store, &key("bob", number, &[scope])).await, outcome, "{scope}");
    }
    // Its owner may have another key for it, or for a part of it.
    made(&store, &key("alice", 20, &["mint:team-a_", "mint:team-a_b", "mint:team-a_"])).await;
    // One that is refused takes nothing.
    let both = key("bob", 21, &["mint:free-", "mint:team-a_"]);
    assert_eq!(asked(&store, &both).await, ApiKeyCreation::NamespaceTaken);
    made(&store, &key("alice", 22, &["mint:free-"])).await;
    assert_eq!(store.keys(&user("bob"), noon()).await.unwrap().len(), 4);
}

pub(crate) async fn nobody_gets_a_name_that_a_key_mints_for<D: DatabaseKind>() {
    let (_database, store) = people::<D>().await;
    made(&store, &key("alice", 1, &["mint:alice-a_"])).await;
    made(&store, &key("alice", 2, &["mint:alice-a_"])).await;
    let ending = StoredApiKey { expires_at: Some(noon() + HOUR), ..key("bob", 3, &["mint:bob-"]) };
    made(&store, &ending).await;
    made(&store, &key("bob", 4, &["mint:bob_"])).await;
    for name in ["alice-a_", "alice-a_1", "bob-1", "bob_1"] {
        assert_eq!(registered_at(&store, name, noon()).await, Registered::UserTaken, "{name}");
        let made = store.create(&account(name, &[]), &silent, noon()).await.unwrap();
        assert_eq!(made, AccountCreation::UserTaken, "{name}");
    }
    for name in ["alice-a", "alice-ab", "alice-A_1", "xalice-a_"] {
        assert_eq!(registered_at(&store, name, noon()).await, Registered::New, "{name}");
    }
    // Until the last key with it is gone, one way or another, and has been for a while.
    let revoke = async |id| {
        let (alice, free_at) = (user("alice"), noon() + REST);
        assert!(store.revoke_key(&alice, id, free_at, &silent, noon()).await.unwrap());
    };
    revoke("key-1").await;
    assert_eq!(registered_at(&store, "alice-a_1", noon() + REST).await, Registered::UserTaken);
    revoke("key-2").await;
    for (name, end) in [("alice-a_1", noon() + REST), ("bob-1", noon() + HOUR + REST)] {
        let soon = registered_at(&store, name, end - MICROSECOND).await;
        assert_eq!(soon, Registered::UserTaken, "{name}");
        assert_eq!(registered_at(&store, name, end).await, Registered::New, "{name}");
    }
    store.remove(&user("bob"), noon() + HOUR, None, &silent, noon()).await.unwrap();
    let soon = registered_at(&store, "bob_1", noon() + HOUR - MICROSECOND).await;
    assert_eq!(soon, Registered::UserTaken);
    assert_eq!(registered_at(&store, "bob_1", noon() + HOUR).await, Registered::New);
}

/// While they rest, they are nobody's but those who had them: what such a name has drawn is theirs.
pub(crate) async fn names_that_were_minted_for_rest<D: DatabaseKind>() {
    let (_database, store) = people::<D>().await;
    created(&store, "carol", &[Role::User]).await;
    let ending =
        StoredApiKey { expires_at: Some(noon() + HOUR), ..key("alice", 1, &["mint:team1-"]) };
    made(&store, &ending).await;
    for (owner, number) in [("alice", 2), ("bob", 3)] {
        made(&store, &key(owner, number, &[&format!("mint:team{number}-")])).await;
    }
    let free_at = noon() + REST;
    assert!(store.revoke_key(&user("alice"), "key-2", free_at, &silent, noon()).await.unwrap());
    store.remove(&user("bob"), free_at, None, &silent, noon()).await.unwrap();
    let ask = async |owner, number, prefix: &str, at| {
        let key = key(owner, number, &[&format!("mint:{prefix}")]);
        store.create_key(&new(&key), MANY, None, &silent, at).await.unwrap()
    };
    for (number, prefix, end) in [
        (10, "team1-", noon() + HOUR + REST),
        (20, "team2-x", noon() + REST),
        (30, "team3-", noon() + REST),
    ] {
        let soon = ask("carol", number, prefix, end - MICROSECOND).await;
        assert_eq!(soon, ApiKeyCreation::NamespaceTaken, "{prefix}");
        assert_eq!(ask("carol", number, prefix, end).await, ApiKeyCreation::Done, "{prefix}");
    }
    // Whoever had them may have them at once.
    made(&store, &key("alice", 40, &["mint:team4-"])).await;
    assert!(store.revoke_key(&user("alice"), "key-40", free_at, &silent, noon()).await.unwrap());
    assert_eq!(ask("alice", 41, "team4-", noon()).await, ApiKeyCreation::Done);
    // A second end of a key that has ended long ago takes nothing away again.
    let late = noon() + 2 * HOUR;
    let again = store.revoke_key(&user("alice"), "key-1", late + REST, &silent, late).await;
    assert!(again.unwrap());
    assert_eq!(registered_at(&store, "team2-y", late).await, Registered::New);
    assert_eq!(registered_at(&store, "team4-y", late).await, Registered::UserTaken);
}

/// Of one who asks for a name and one who asks to mint for it, one gets it.
pub(crate) async fn a_name_and_its_namespace_are_not_both_handed_out<D: DatabaseKind>() {
    let database = D::start().await;
    let stores = [database.open().await, database.open().await];
    created(&stores[0], "alice", &[Role::User]).await;
    created(&stores[0], "bob", &[Role::User]).await;
    for round in 0..20 {
        let prefix = format!("team{round}-");
        let alice = key("alice", 2 * round, &[&format!("mint:{prefix}")]);
        let bob = key("bob", 2 * round + 1, &[&format!("mint:{prefix}b")]);
        let name = format!("{prefix}b1");
        let keys = join(asked(&stores[0], &alice), asked(&stores[1], &bob));
        let registering = registered_at(&stores[usize::from(round % 2)], &name, noon());
        let ((alice, bob), registered) = match round % 3 {
            0 => join(keys, registering).await,
            _ => {
                let (registered, keys) = join(registering, keys).await;
                (keys, registered)
            }
        };
        let given = [
            alice == ApiKeyCreation::Done,
            bob == ApiKeyCreation::Done,
            registered == Registered::New,
        ];
        assert_eq!(given.iter().filter(|given| **given).count(), 1, "{round}: {given:?}");
    }
}

pub(crate) async fn what_is_said_of_keys_is_written_once<D: DatabaseKind>() {
    let (_database, store) = people::<D>().await;
    let scribe = Scribe::new();
    for (key, most) in [
        (key("alice", 1, &["mint:alice-"]), 1),
        (key("alice", 2, &[]), 1),
        (key("nobody", 3, &[]), 1),
        (key("bob", 4, &["mint:alice-x"]), 1),
    ] {
        let say = |outcome: &ApiKeyCreation| scribe.hears(outcome);
        store.create_key(&new(&key), most, None, &say, noon()).await.unwrap();
    }
    let (done, many) = (ApiKeyCreation::Done, ApiKeyCreation::TooMany);
    let wanted = [done, many, ApiKeyCreation::NoAccount, ApiKeyCreation::NamespaceTaken];
    assert_eq!(scribe.heard(), wanted);
    assert_eq!(store.entries(&Default::default(), None, 9).await.unwrap().len(), 4);
}

pub(crate) async fn expired_keys_are_swept_when_nothing_of_theirs_lives<D: DatabaseKind>() {
    let (_database, store) = people::<D>().await;
    let ending =
        StoredApiKey { expires_at: Some(noon() + HOUR), ..key("alice", 1, &["mint:alice-"]) };
    made(&store, &ending).await;
    made(&store, &key("alice", 2, &[])).await;
    let revoked_at = async |at: OffsetDateTime| {
        while store.sweep(noon(), at).await.unwrap() {}
        store.revoke_key(&user("alice"), "key-1", at, &silent, at).await.unwrap()
    };
    let end = last_token_end(noon() + HOUR);
    assert!(!revoked_at(end).await, "its last token has ended");
    let again =
        StoredApiKey { expires_at: Some(noon() + HOUR), ..key("alice", 1, &["mint:alice-"]) };
    made(&store, &again).await;
    assert!(revoked_at(end - Duration::from_micros(1)).await, "a token of it may live");
    assert!(store.key(&hash(2), end).await.unwrap().is_some());
    let scopes: Vec<Scope> = store.keys(&user("alice"), end).await.unwrap()[0].scopes.clone();
    assert_eq!(scopes, []);
}
