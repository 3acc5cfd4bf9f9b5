//! What an [`AccountStore`] promises of accounts.

use backend::store::{
    Account, AccountChange, AccountCreation, AccountStore, AccountUpdate, ApiKeyHash, ApiKeyStore,
    AuditStore, Beginning, Database, ErrandKind, NewAccount, NewApiKey, NewProof, OutboxStore,
    ProofHash, ProofPurpose, Recipient, Revoked, SignInEnd, SignInStore, StoredApiKey,
};
use common::{
    UserId,
    api::{Language, Role, Roles, Scope},
};
use futures_util::future::join_all;

use crate::{
    databases::{DatabaseKind, last_token_end},
    people::{
        ACCESS, Scribe, account, begun, created, email, name_of, password, revoked, revoked_sids,
        sign_in, silent, unbound_until, user, version_of,
    },
    sessions::{HOUR, MICROSECOND, noon},
};

pub(crate) async fn an_account_is_read_as_it_was_written<D: DatabaseKind>() {
    let database = D::start().await;
    let store = database.open().await;
    let alice = account("Alice_-9", &[Role::User, Role::Admin]);
    let bob = NewAccount { email: None, password: None, ..account("bob", &[]) };
    for new in [&alice, &bob] {
        let created = store.create(new, &silent, noon()).await.unwrap();
        assert_eq!(created, AccountCreation::Done);
    }
    let again = database.open().await;
    for NewAccount { user, email, password, roles, language } in [alice, bob] {
        let wanted = Account {
            user: user.clone(),
            email: email.clone(),
            password,
            roles,
            language,
            disabled_at: None,
            version: 1,
            created_at: noon(),
            updated_at: noon(),
        };
        assert_eq!(again.account(&user).await.unwrap(), Some(wanted.clone()));
        if let Some(email) = email {
            assert_eq!(again.account_of_email(&email).await.unwrap(), Some(wanted));
        }
    }
    assert_eq!(again.account(&user("alice_-9")).await.unwrap(), None);
    assert_eq!(again.account_of_email("nobody@example.com").await.unwrap(), None);
}

pub(crate) async fn a_name_and_an_address_are_taken_once<D: DatabaseKind>() {
    let database = D::start().await;
    let store = database.open().await;
    created(&store, "alice", &[Role::User]).await;
    let other_address = NewAccount { email: Some(email("bob")), ..account("alice", &[]) };
    let other_name = NewAccount { user: user("bob"), ..account("alice", &[]) };
    let create = async |new: &NewAccount| store.create(new, &silent, noon()).await.unwrap();
    assert_eq!(create(&other_address).await, AccountCreation::UserTaken);
    assert_eq!(create(&other_name).await, AccountCreation::EmailTaken);
    // Of those without an address there may be many, and names differ in their case.
    for name in ["Alice", "bob", "carol"] {
        let new = NewAccount { email: None, ..account(name, &[]) };
        assert_eq!(create(&new).await, AccountCreation::Done, "{name}");
    }
}

pub(crate) async fn of_parallel_creations_of_a_name_or_an_address_one_is_done<D: DatabaseKind>() {
    let database = D::start().await;
    let stores = [database.open().await, database.open().await];
    for round in 0..5 {
        let names = (0..6).map(|n| NewAccount {
            email: Some(email(&format!("name{round}-{n}"))),
            ..account(&format!("name{round}"), &[])
        });
        let addresses = (0..6).map(|n| NewAccount {
            email: Some(email(&format!("address{round}"))),
            ..account(&format!("address{round}-{n}"), &[])
        });
        for (attempts, refusal) in [
            (names.collect::<Vec<_>>(), AccountCreation::UserTaken),
            (addresses.collect(), AccountCreation::EmailTaken),
        ] {
            let asked = attempts.iter().zip(stores.iter().cycle());
            let asked = asked.map(|(new, store)| store.create(new, &silent, noon()));
            let outcomes: Vec<_> = join_all(asked).await.into_iter().map(Result::unwrap).collect();
            let refused = outcomes.iter().filter(|outcome| **outcome == refusal).count();
            assert_eq!(refused, attempts.len() - 1, "{outcomes:?}");
            assert!(outcomes.contains(&AccountCreation::Done), "{outcomes:?}");
        }
    }
}

pub(crate) async fn accounts_are_listed_by_name<D: DatabaseKind>() {
    let database = D::start().await;
    let store = database.open().await;
    let mut names = ["b", "a", "B", "a-b", "a_b", "aB", "ab", "a0", "-", "_x", "9", "Z", "z"];
    for name in names {
        let new = NewAccount { email: None, ..account(name, &[]) };
        store.create(&new, &silent, noon()).await.unwrap();
    }
    names.sort_unstable();
    let (mut listed, mut after) = (Vec::new(), None::<UserId>);
    loop {
        let page = store.accounts(after.as_ref(), 4).await.unwrap();
        assert!(page.len() <= 4);
        let Some(last) = page.last() else { break };
        after = Some(last.user.clone());
        listed.extend(page.into_iter().map(|account| account.user.as_str().to_owned()));
    }
    assert_eq!(listed, names);
}

pub(crate) async fn a_change_is_made_to_what_was_seen<D: DatabaseKind>() {
    let database = D::start().await;
    let store = database.open().await;
    created(&store, "alice", &[Role::User]).await;
    let alice = user("alice");
    let change = async |expected, change: AccountChange| {
        store.change(&alice, expected, &change, None, &silent, noon() + HOUR).await.unwrap()
    };
    let done = AccountUpdate::Done(Vec::new());
    let roles = AccountChange::Roles(Roles::from([Role::Auditor]));
    assert_eq!(change(Some(2), roles.clone()).await, AccountUpdate::Outdated);
    assert_eq!(change(Some(1), roles.clone()).await, done);
    assert_eq!(change(Some(1), roles).await, AccountUpdate::Outdated);
    let language = AccountChange::Language(Language::En);
    assert_eq!(change(Some(2), language.clone()).await, done);
    assert_eq!(change(Some(2), language.clone()).await, AccountUpdate::Outdated);
    // What nobody sees makes no version, and neither does what changes nothing.
    let rehash = AccountChange::Rehash(password("anew"));
    for same in [
        rehash,
        language,
        AccountChange::Roles(Roles::from([Role::Auditor])),
        AccountChange::Enabled,
    ] {
        assert_eq!(change(Some(3), same.clone()).await, done, "{same:?}");
    }
    let stored = store.account(&alice).await.unwrap().unwrap();
    let wanted = Account {
        user: alice.clone(),
        email: Some(email("alice")),
        password: Some(password("anew")),
        roles: Roles::from([Role::Auditor]),
        language: Language::En,
        disabled_at: None,
        version: 3,
        created_at: noon(),
        updated_at: noon() + HOUR,
    };
    assert_eq!(stored, wanted);
    let second = AccountChange::Password { hash: password("second"), kept: None };
    for (version, next) in [(3, second), (4, AccountChange::Disabled), (5, AccountChange::Enabled)]
    {
        assert_eq!(change(Some(version), next.clone()).await, done, "{next:?}");
        let stored = store.account(&alice).await.unwrap().unwrap();
        assert_eq!(stored.version, version + 1, "{next:?}");
        let is_disabled = matches!(next, AccountChange::Disabled);
        let disabled_at = is_disabled.then(|| noon() + HOUR);
        assert_eq!(stored.disabled_at, disabled_at, "{next:?}");
    }
    let nobody =
        store.change(&user("bob"), None, &AccountChange::Disabled, None, &silent, noon()).await;
    assert_eq!(nobody.unwrap(), AccountUpdate::Gone);
}

pub(crate) async fn what_depends_on_an_account_ends_with_its_change<D: DatabaseKind>() {
    let database = D::start().await;
    let store = database.open().await;
    created(&store, "alice", &[Role::User]).await;
    created(&store, "bob", &[Role::User]).await;
    begun(&store, &sign_in("bob", 1, 500)).await;
    let alice = user("alice");
    let hash = || password("other");
    let kept = AccountChange::Password { hash: hash(), kept: Some(name_of(21)) };
    let all = AccountChange::Password { hash: hash(), kept: None };
    let roles = AccountChange::Roles(Roles::from([Role::Operator]));
    let same_roles = AccountChange::Roles(Roles::from([Role::Operator]));
    for (round, (change, ended)) in (0..).zip([
        (AccountChange::Language(Language::En), &[][..]),
        (AccountChange::Rehash(hash()), &[]),
        (kept, &[22]),
        (all, &[31, 32]),
        (roles, &[41, 42]),
        (same_roles, &[]),
        (AccountChange::Disabled, &[61, 62]),
    ]) {
        let version = version_of(&store, &alice).await;
        for n in [1, 2] {
            begun(&store, &sign_in("alice", version, 10 * round + n)).await;
        }
        let update = store.change(&alice, None, &change, None, &silent, noon()).await.unwrap();
        let ended: Vec<String> = ended.iter().copied().map(name_of).collect();
        assert_eq!(update, AccountUpdate::Done(ended.clone()), "{change:?}");
        let revoked = revoked_sids(&store).await;
        for n in [1, 2].map(|n| name_of(10 * round + n)) {
            let end = ended.contains(&n).then(|| noon() + ACCESS);
            assert_eq!(revoked.get(&n).copied(), end, "{change:?}: {n}");
        }
        let left = store.list(&alice, noon()).await.unwrap();
        assert_eq!(left.len(), 2 - ended.len(), "{change:?}");
        store.end_others(&alice, None, SignInEnd::Revoked, &silent, noon()).await.unwrap();
    }
    let version = version_of(&store, &alice).await;
    let refused = store.begin(&sign_in("alice", version, 99), None, &silent, noon()).await.unwrap();
    assert_eq!(refused, Beginning::Outdated);
    assert_eq!(store.list(&user("bob"), noon()).await.unwrap().len(), 1);
    assert!(!revoked_sids(&store).await.contains_key(&name_of(500)));
}

pub(crate) async fn tokens_without_a_sign_in_end_when_the_account_is_another<D: DatabaseKind>() {
    let database = D::start().await;
    let store = database.open().await;
    let alice = user("alice");
    let at = |step: u32| noon() + step * MICROSECOND;
    store.create(&account("alice", &[]), &silent, at(1)).await.unwrap();
    let change = async |change: AccountChange, step| {
        let update = store.change(&alice, None, &change, None, &silent, at(step)).await.unwrap();
        assert_eq!(update, AccountUpdate::Done(Vec::new()), "{change:?}");
    };
    change(AccountChange::Language(Language::En), 2).await;
    change(AccountChange::Rehash(password("anew")), 3).await;
    change(AccountChange::Roles(Roles::from([Role::User])), 4).await;
    change(AccountChange::Password { hash: password("new"), kept: None }, 5).await;
    change(AccountChange::Disabled, 6).await;
    change(AccountChange::Enabled, 7).await;
    let removed = store.remove(&alice, at(8), None, &silent, at(8)).await.unwrap();
    assert_eq!(removed, AccountUpdate::Done(Vec::new()));
    let wanted =
        [5, 6, 8].map(|step| (Revoked::Unbound(alice.clone(), at(step)), last_token_end(at(step))));
    let mut known = revoked(&store).await;
    known.remove(&unbound_until(&store, "alice", at(1)).await);
    assert_eq!(known, wanted.into_iter().collect());
}

pub(crate) async fn the_last_administrator_stays<D: DatabaseKind>() {
    let database = D::start().await;
    let stores = [database.open().await, database.open().await];
    for round in 0..5 {
        let names: Vec<UserId> = (0..6).map(|n| user(&format!("admin{round}-{n}"))).collect();
        for name in &names {
            created(&stores[0], name.as_str(), &[Role::User, Role::Admin]).await;
        }
        // Those who were left before.
        for account in stores[0].accounts(None, 100).await.unwrap() {
            if !names.contains(&account.user) {
                let gone =
                    stores[1].remove(&account.user, noon(), None, &silent, noon()).await.unwrap();
                assert_eq!(gone, AccountUpdate::Done(Vec::new()));
            }
        }
        let fewer = AccountChange::Roles(Roles::from([Role::User]));
        let attempts = names.iter().enumerate().map(async |(n, name)| match n % 3 {
            0 => stores[0].change(name, None, &fewer, None, &silent, noon()).await.unwrap(),
            1 => {
                let disabled = AccountChange::Disabled;
                stores[1].change(name, None, &disabled, None, &silent, noon()).await.unwrap()
            }
            _ => stores[n % 2].remove(name, noon(), None, &silent, noon()).await.unwrap(),
        });
        let outcomes = join_all(attempts).await;
        let refused = outcomes.iter().filter(|one| **one == AccountUpdate::LastAdmin).count();
        assert_eq!(refused, 1, "{outcomes:?}");
        let accounts = stores[0].accounts(None, 100).await.unwrap();
        let is_admin = |account: &&Account| {
            account.disabled_at.is_none() && account.roles.contains(&Role::Admin)
        };
        assert_eq!(accounts.iter().filter(is_admin).count(), 1);
    }
}

pub(crate) async fn a_name_is_not_handed_out_again_at_once<D: DatabaseKind>() {
    let database = D::start().await;
    let store = database.open().await;
    created(&store, "alice", &[Role::User]).await;
    let free_at = noon() + HOUR;
    let removed = store.remove(&user("alice"), free_at, None, &silent, noon()).await.unwrap();
    assert_eq!(removed, AccountUpdate::Done(Vec::new()));
    assert_eq!(store.account(&user("alice")).await.unwrap(), None);
    let new = account("alice", &[Role::User]);
    let soon = store.create(&new, &silent, free_at - MICROSECOND).await.unwrap();
    assert_eq!(soon, AccountCreation::UserTaken);
    let again = store.remove(&user("alice"), free_at, None, &silent, noon()).await.unwrap();
    assert_eq!(again, AccountUpdate::Gone);
    assert_eq!(store.create(&new, &silent, free_at).await.unwrap(), AccountCreation::Done);
}

/// A key of Alice's that may do everything.
fn key(id: &str) -> StoredApiKey {
    StoredApiKey {
        id: id.to_owned(),
        user: user("alice"),
        name: "build server".to_owned(),
        scopes: vec![Scope::Sessions, Scope::Mint(user(&format!("alice-{id}-")))],
        created_at: noon(),
        last_used_at: None,
        expires_at: None,
    }
}

pub(crate) async fn who_is_removed_leaves_nothing<D: DatabaseKind>() {
    let database = D::start().await;
    let store = database.open().await;
    let alice = user("alice");
    created(&store, "alice", &[Role::User]).await;
    for n in [1, 2] {
        begun(&store, &sign_in("alice", 1, n)).await;
    }
    store.end(&alice, &name_of(1), SignInEnd::SignedOut, &silent, noon()).await.unwrap();
    let hashes = [ApiKeyHash([1; 32]), ApiKeyHash([2; 32])];
    for (id, hash) in ["k1", "k2"].iter().zip(&hashes) {
        let new = NewApiKey { key: key(id), hash: *hash, free_at: None };
        store.create_key(&new, 9, None, &silent, noon()).await.unwrap();
    }
    let hash = ProofHash([1; 32]);
    let proof = NewProof {
        purpose: ProofPurpose::Reset,
        user: alice.clone(),
        hash,
        ends_at: noon() + HOUR,
    };
    let recipient = store.issue_proof(&proof, noon()).await.unwrap();
    let language = Language::Ko;
    assert_eq!(recipient, Some(Recipient { user: alice.clone(), email: email("alice"), language }));

    let removed = store.remove(&alice, noon(), None, &silent, noon()).await.unwrap();
    assert_eq!(removed, AccountUpdate::Done(vec![name_of(2)]));
    for hash in &hashes {
        assert_eq!(store.key(hash, noon()).await.unwrap(), None);
    }
    let owner = store.owner_of_proof(ProofPurpose::Reset, &hash, noon()).await.unwrap();
    assert_eq!(owner, None);
    let sids = revoked_sids(&store).await;
    for (sid, end) in [
        ("k1", last_token_end(noon())),
        ("k2", last_token_end(noon())),
        (&name_of(2), noon() + ACCESS),
    ] {
        assert_eq!(sids.get(sid), Some(&end), "{sid}");
    }
    // Whoever has the name next has nothing of it.
    created(&store, "alice", &[Role::User]).await;
    created(&store, "alice-k1-bob", &[Role::User]).await;
    assert_eq!(store.list(&alice, noon()).await.unwrap(), []);
    assert_eq!(store.keys(&alice, noon()).await.unwrap(), []);
}

pub(crate) async fn what_is_said_of_a_change_is_written_with_it_and_once<D: DatabaseKind>() {
    let database = D::start().await;
    let store = database.open().await;
    let new = account("alice", &[Role::Admin]);
    let creations = Scribe::new();
    for _ in 0..2 {
        store.create(&new, &|outcome| creations.hears(outcome), noon()).await.unwrap();
    }
    assert_eq!(creations.heard(), [AccountCreation::Done, AccountCreation::UserTaken]);
    let updates = Scribe::new();
    let say = |outcome: &AccountUpdate| updates.hears(outcome);
    let (alice, bob) = (user("alice"), user("bob"));
    store.change(&bob, None, &AccountChange::Disabled, None, &say, noon()).await.unwrap();
    store.change(&alice, Some(7), &AccountChange::Disabled, None, &say, noon()).await.unwrap();
    store.change(&alice, Some(1), &AccountChange::Disabled, None, &say, noon()).await.unwrap();
    store.remove(&alice, noon(), None, &say, noon()).await.unwrap();
    store.remove(&bob, noon(), None, &say, noon()).await.unwrap();
    let language = AccountChange::Language(Language::En);
    store.change(&alice, Some(1), &language, None, &say, noon()).await.unwrap();
    let (last, done) = (AccountUpdate::LastAdmin, AccountUpdate::Done(Vec::new()));
    let (gone, outdated) = (AccountUpdate::Gone, AccountUpdate::Outdated);
    assert_eq!(updates.heard(), [gone.clone(), outdated, last.clone(), last, gone, done]);
    assert_eq!(entries(&store).await, 8);
}

async fn entries(store: &Database) -> usize {
    store.entries(&Default::default(), None, 100).await.unwrap().len()
}

pub(crate) async fn what_cannot_be_written_changes_nothing<D: DatabaseKind>() {
    let database = D::start().await;
    let store = database.open().await;
    created(&store, "alice", &[Role::User]).await;
    begun(&store, &sign_in("alice", 1, 1)).await;
    let before = revoked(&store).await;
    database.tamper("DROP TABLE audit").await;
    let alice = user("alice");
    let scribe = Scribe::new();
    let disabled = AccountChange::Disabled;
    let say = |outcome: &AccountUpdate| scribe.hears(outcome);
    store.change(&alice, None, &disabled, None, &say, noon()).await.unwrap_err();
    store.remove(&alice, noon(), None, &say, noon()).await.unwrap_err();
    assert_eq!(scribe.heard().len(), 2);
    assert_eq!(store.account(&alice).await.unwrap().unwrap().disabled_at, None);
    assert_eq!(store.list(&alice, noon()).await.unwrap().len(), 1);
    assert_eq!(revoked(&store).await, before);
    let due = store.take_up(ErrandKind::Mail, 9, noon() + HOUR, noon()).await;
    assert_eq!(due.unwrap(), []);
}
