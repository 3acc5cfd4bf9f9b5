//! What an [`AccountStore`] promises of registrations, and of the tokens of mails.

use backend::store::{
    Account, AccountChange, AccountCreation, AccountStore, AccountUpdate, Database, NewAccount,
    NewProof, ProofHash, ProofPurpose, Proved, Recipient, Registered, Registration, Revoked,
    SignInStore,
};
use common::api::{Language, Role, Roles};
use futures_util::future::join_all;

use crate::{
    databases::{DatabaseKind, last_token_end},
    people::{
        ACCESS, Scribe, account, begun, created, email, name_of, password, revoked, revoked_sids,
        sign_in, silent, unbound_until, user, version_of,
    },
    sessions::{HOUR, MICROSECOND, noon},
};

/// A wish for an account of this name, at the address of someone.
fn wish(name: &str, whose: &str) -> Registration {
    Registration {
        user: user(name),
        email: email(whose),
        password: password(name),
        language: Language::Ko,
        ends_at: noon() + 2 * HOUR,
    }
}

async fn registered(store: &Database, registration: &Registration) -> Registered {
    store.register(registration, &silent, noon()).await.unwrap()
}

fn hash(number: u8) -> ProofHash {
    ProofHash([number; 32])
}

fn proof(purpose: ProofPurpose, name: &str, number: u8) -> NewProof {
    NewProof { purpose, user: user(name), hash: hash(number), ends_at: noon() + HOUR }
}

fn recipient(name: &str, whose: &str) -> Option<Recipient> {
    Some(Recipient { user: user(name), email: email(whose), language: Language::Ko })
}

async fn issued(store: &Database, purpose: ProofPurpose, name: &str, number: u8) {
    let issued = store.issue_proof(&proof(purpose, name, number), noon()).await.unwrap();
    assert!(issued.is_some(), "{name}");
}

async fn verified(store: &Database, number: u8) -> Proved {
    store.verify(&hash(number), &silent, noon()).await.unwrap()
}

async fn reset(store: &Database, number: u8) -> Proved {
    store.reset(&hash(number), &password("reset"), &silent, noon()).await.unwrap()
}

pub(crate) async fn a_proved_registration_is_an_account<D: DatabaseKind>() {
    let database = D::start().await;
    let store = database.open().await;
    assert_eq!(registered(&store, &wish("alice", "alice")).await, Registered::New);
    assert_eq!(store.account(&user("alice")).await.unwrap(), None);
    let purpose = ProofPurpose::Verify;
    let asked = store.issue_proof(&proof(purpose, "alice", 1), noon()).await.unwrap();
    assert_eq!(asked, recipient("alice", "alice"));

    let again = database.open().await;
    let owner = async |purpose| again.owner_of_proof(purpose, &hash(1), noon()).await.unwrap();
    assert_eq!(owner(purpose).await, Some(user("alice")));
    assert_eq!(owner(ProofPurpose::Reset).await, None);
    assert_eq!(reset(&again, 1).await, Proved::Invalid);
    let at = noon() + MICROSECOND;
    let done = again.verify(&hash(1), &silent, at).await.unwrap();
    assert_eq!(done, Proved::Done(user("alice"), Vec::new()));
    let wanted = Account {
        user: user("alice"),
        email: Some(email("alice")),
        password: Some(password("alice")),
        roles: Roles::from([Role::User]),
        language: Language::Ko,
        disabled_at: None,
        version: 1,
        created_at: at,
        updated_at: at,
    };
    assert_eq!(store.account(&user("alice")).await.unwrap(), Some(wanted));
    let unbound = unbound_until(&store, "alice", at).await;
    assert_eq!(revoked(&store).await.into_keys().collect::<Vec<_>>(), [unbound]);
    // Once.
    assert_eq!(verified(&store, 1).await, Proved::Invalid);
    assert_eq!(owner(purpose).await, None);
}

pub(crate) async fn a_registration_holds_its_name_until_it_ends<D: DatabaseKind>() {
    let database = D::start().await;
    let store = database.open().await;
    let first = wish("alice", "alice");
    assert_eq!(registered(&store, &first).await, Registered::New);
    let late = NewProof { ends_at: noon() + 9 * HOUR, ..proof(ProofPurpose::Verify, "alice", 1) };
    store.issue_proof(&late, noon()).await.unwrap();
    let second = Registration { ends_at: noon() + 4 * HOUR, ..wish("alice", "mallory") };
    let register = async |at| store.register(&second, &silent, at).await.unwrap();
    assert_eq!(register(first.ends_at - MICROSECOND).await, Registered::UserTaken);
    assert_eq!(register(first.ends_at).await, Registered::New);
    // What was sent for the one before proves nothing of this.
    let stale = store.verify(&hash(1), &silent, first.ends_at).await.unwrap();
    assert_eq!(stale, Proved::Invalid);
    let proof = proof(ProofPurpose::Verify, "alice", 2);
    let soon = first.ends_at;
    let asked = store.issue_proof(&proof, soon).await.unwrap();
    assert_eq!(asked, recipient("alice", "mallory"));
    let proof = NewProof { ends_at: noon() + 9 * HOUR, ..proof };
    assert_eq!(store.issue_proof(&proof, second.ends_at).await.unwrap(), None);
    let late = store.verify(&hash(2), &silent, second.ends_at).await.unwrap();
    assert_eq!(late, Proved::Invalid);
    let names = ["bob", "carol"];
    created(&store, names[0], &[]).await;
    assert_eq!(registered(&store, &wish(names[0], "dave")).await, Registered::UserTaken);
    created(&store, names[1], &[]).await;
    store.remove(&user(names[1]), noon() + HOUR, None, &silent, noon()).await.unwrap();
    assert_eq!(registered(&store, &wish(names[1], "dave")).await, Registered::UserTaken);
}

pub(crate) async fn of_parallel_registrations_of_a_name_one_is_kept<D: DatabaseKind>() {
    let database = D::start().await;
    let stores = [database.open().await, database.open().await];
    for round in 0..10 {
        let name = format!("name{round}");
        let wishes: Vec<_> = (0..8).map(|n| wish(&name, &format!("{round}-{n}"))).collect();
        let asked = wishes.iter().zip(stores.iter().cycle());
        let asked = asked.map(|(wish, store)| store.register(wish, &silent, noon()));
        let outcomes: Vec<_> = join_all(asked).await.into_iter().map(Result::unwrap).collect();
        let kept = outcomes.iter().position(|outcome| *outcome == Registered::New).unwrap();
        let taken = outcomes.iter().filter(|outcome| **outcome == Registered::UserTaken).count();
        assert_eq!(taken, wishes.len() - 1, "{outcomes:?}");
        let found = store_of(&stores[0], &wishes[kept].email).await;
        assert_eq!(found, [name], "what was said to be kept is kept");
    }
}

async fn store_of(store: &Database, email: &str) -> Vec<String> {
    let found = store.registrations_of(email, noon()).await.unwrap();
    found.into_iter().map(|one| one.user.as_str().to_owned()).collect()
}

pub(crate) async fn registrations_of_an_address_are_listed_newest_first<D: DatabaseKind>() {
    let database = D::start().await;
    let store = database.open().await;
    let wishes = ["carol", "alice", "bob"].map(|name| wish(name, "alice"));
    for (step, wish) in (0..).zip(&wishes) {
        let at = noon() + step * MICROSECOND;
        assert_eq!(store.register(wish, &silent, at).await.unwrap(), Registered::New);
    }
    registered(&store, &wish("dave", "dave")).await;
    assert_eq!(store_of(&store, &email("alice")).await, ["bob", "alice", "carol"]);
    let found = store.registrations_of(&email("alice"), noon()).await.unwrap();
    let shown = |one: &Registration| format!("{one:?} {}", one.password.0);
    assert_eq!(shown(&found[0]), shown(&wishes[2]));
    let over = store.registrations_of(&email("alice"), wishes[0].ends_at).await.unwrap();
    assert!(over.is_empty(), "{over:?}");
}

pub(crate) async fn a_known_address_is_kept_just_the_same_and_never_proved<D: DatabaseKind>() {
    let database = D::start().await;
    let store = database.open().await;
    created(&store, "alice", &[Role::User]).await;
    assert_eq!(registered(&store, &wish("alice2", "alice")).await, Registered::Known);
    assert_eq!(registered(&store, &wish("alice2", "bob")).await, Registered::UserTaken);
    let asked = store.issue_proof(&proof(ProofPurpose::Verify, "alice2", 1), noon()).await.unwrap();
    assert_eq!(asked, None);
    assert_eq!(verified(&store, 1).await, Proved::Invalid);
    // Not even when the address is free again.
    store.remove(&user("alice"), noon(), None, &silent, noon()).await.unwrap();
    let asked = store.issue_proof(&proof(ProofPurpose::Verify, "alice2", 1), noon()).await.unwrap();
    assert_eq!(asked, None);
}

pub(crate) async fn of_an_address_one_registration_is_proved<D: DatabaseKind>() {
    let database = D::start().await;
    let store = database.open().await;
    for (number, name) in [(1, "first"), (2, "second"), (3, "third")] {
        assert_eq!(registered(&store, &wish(name, "alice")).await, Registered::New);
        issued(&store, ProofPurpose::Verify, name, number).await;
    }
    registered(&store, &wish("bob", "bob")).await;
    issued(&store, ProofPurpose::Verify, "bob", 4).await;
    assert_eq!(verified(&store, 2).await, Proved::Done(user("second"), Vec::new()));
    for number in [1, 3] {
        assert_eq!(verified(&store, number).await, Proved::Invalid);
    }
    // They hold their names as long as they would have, so that nobody sees what became of them.
    for (number, name) in [(5, "first"), (6, "third")] {
        assert_eq!(registered(&store, &wish(name, "carol")).await, Registered::UserTaken);
        let asked = proof(ProofPurpose::Verify, name, number);
        assert_eq!(store.issue_proof(&asked, noon()).await.unwrap(), None);
    }
    assert_eq!(store_of(&store, &email("alice")).await, ["first", "third"]);
    let end = wish("first", "carol").ends_at;
    let later = Registration { ends_at: end + HOUR, ..wish("first", "carol") };
    assert_eq!(store.register(&later, &silent, end).await.unwrap(), Registered::New);
    // What is another's is as it was.
    assert_eq!(verified(&store, 4).await, Proved::Done(user("bob"), Vec::new()));
}

pub(crate) async fn an_account_made_by_hand_goes_before_a_registration<D: DatabaseKind>() {
    let database = D::start().await;
    let store = database.open().await;
    for (number, name) in [(1, "alice"), (2, "alice2")] {
        registered(&store, &wish(name, "alice")).await;
        issued(&store, ProofPurpose::Verify, name, number).await;
    }
    let new = NewAccount { email: Some(email("other")), ..account("alice", &[]) };
    let made = store.create(&new, &silent, noon()).await.unwrap();
    assert_eq!(made, AccountCreation::Done);
    assert_eq!(verified(&store, 1).await, Proved::Invalid);
    // One with its address makes the other one void.
    let new = NewAccount { user: user("bob"), ..account("alice", &[]) };
    assert_eq!(store.create(&new, &silent, noon()).await.unwrap(), AccountCreation::Done);
    let purpose = ProofPurpose::Verify;
    assert_eq!(store.issue_proof(&proof(purpose, "alice2", 3), noon()).await.unwrap(), None);
    assert_eq!(verified(&store, 2).await, Proved::Invalid);
}

pub(crate) async fn the_newest_token_is_the_one<D: DatabaseKind>() {
    let database = D::start().await;
    let store = database.open().await;
    created(&store, "bob", &[Role::User]).await;
    registered(&store, &wish("alice", "alice")).await;
    for (purpose, name) in [(ProofPurpose::Reset, "bob"), (ProofPurpose::Verify, "alice")] {
        let base = if purpose == ProofPurpose::Reset { 10 } else { 20 };
        for number in [1, 2] {
            issued(&store, purpose, name, base + number).await;
        }
        let owner = async |number: u8, at| {
            store.owner_of_proof(purpose, &hash(base + number), at).await.unwrap()
        };
        assert_eq!(owner(1, noon()).await, None);
        assert_eq!(owner(2, noon() + HOUR - MICROSECOND).await, Some(user(name)));
        assert_eq!(owner(2, noon() + HOUR).await, None);
    }
    let late = noon() + HOUR;
    for (reset, number) in [(true, 12), (false, 22)] {
        let late = match reset {
            true => store.reset(&hash(number), &password("x"), &silent, late).await.unwrap(),
            false => store.verify(&hash(number), &silent, late).await.unwrap(),
        };
        assert_eq!(late, Proved::Invalid);
    }
    assert_eq!(reset(&store, 11).await, Proved::Invalid);
    assert_eq!(reset(&store, 12).await, Proved::Done(user("bob"), Vec::new()));
    assert_eq!(verified(&store, 21).await, Proved::Invalid);
    assert_eq!(verified(&store, 22).await, Proved::Done(user("alice"), Vec::new()));
}

pub(crate) async fn of_all_who_use_a_token_at_once_one_does<D: DatabaseKind>() {
    let database = D::start().await;
    let stores = [database.open().await, database.open().await];
    for round in 0..5 {
        let name = format!("user{round}");
        registered(&stores[0], &wish(&name, &name)).await;
        issued(&stores[0], ProofPurpose::Verify, &name, round).await;
        let tries = stores.iter().cycle().take(8).map(|store| verified(store, round));
        assert_one(&join_all(tries).await);
        issued(&stores[0], ProofPurpose::Reset, &name, round).await;
        let tries = stores.iter().cycle().take(8).map(|store| reset(store, round));
        assert_one(&join_all(tries).await);
        assert_eq!(version_of(&stores[0], &user(&name)).await, 2);
    }
}

fn assert_one(outcomes: &[Proved]) {
    let invalid = outcomes.iter().filter(|outcome| **outcome == Proved::Invalid).count();
    assert_eq!(invalid, outcomes.len() - 1, "{outcomes:?}");
}

pub(crate) async fn a_reset_ends_all_sign_ins<D: DatabaseKind>() {
    let database = D::start().await;
    let store = database.open().await;
    created(&store, "alice", &[Role::User]).await;
    created(&store, "bob", &[Role::User]).await;
    for n in [1, 2] {
        begun(&store, &sign_in("alice", 1, n)).await;
    }
    begun(&store, &sign_in("bob", 1, 3)).await;
    let asked = store.issue_proof(&proof(ProofPurpose::Reset, "alice", 1), noon()).await.unwrap();
    assert_eq!(asked, recipient("alice", "alice"));
    let scribe = Scribe::new();
    let say = |outcome: &Proved| scribe.hears(outcome);
    let done = store.reset(&hash(1), &password("reset"), &say, noon()).await.unwrap();
    assert_eq!(done, Proved::Done(user("alice"), vec![name_of(1), name_of(2)]));
    store.reset(&hash(1), &password("again"), &say, noon()).await.unwrap();
    assert_eq!(scribe.heard(), [done, Proved::Invalid]);
    let alice = store.account(&user("alice")).await.unwrap().unwrap();
    assert_eq!((alice.password, alice.version), (Some(password("reset")), 2));
    let sids = revoked_sids(&store).await;
    assert_eq!(sids, [1, 2].map(|n| (name_of(n), noon() + ACCESS)).into());
    let unbound = Revoked::Unbound(user("alice"), noon());
    assert_eq!(revoked(&store).await.get(&unbound), Some(&last_token_end(noon())));
    assert_eq!(store.list(&user("alice"), noon()).await.unwrap(), []);
    assert_eq!(store.list(&user("bob"), noon()).await.unwrap().len(), 1);
}

pub(crate) async fn a_token_of_a_mail_ends_with_the_password_that_it_replaces<D: DatabaseKind>() {
    let database = D::start().await;
    let store = database.open().await;
    let purpose = ProofPurpose::Reset;
    let ask = async |name: &str, number| {
        store.issue_proof(&proof(purpose, name, number), noon()).await.unwrap()
    };
    assert_eq!(ask("nobody", 1).await, None);
    let nameless = NewAccount { email: None, ..account("carol", &[]) };
    store.create(&nameless, &silent, noon()).await.unwrap();
    assert_eq!(ask("carol", 1).await, None);
    created(&store, "alice", &[Role::User]).await;
    let alice = user("alice");
    let change = async |change: AccountChange| {
        let update = store.change(&alice, None, &change, None, &silent, noon()).await.unwrap();
        assert_eq!(update, AccountUpdate::Done(Vec::new()));
    };
    assert!(ask("alice", 1).await.is_some());
    change(AccountChange::Password { hash: password("new"), kept: None }).await;
    assert_eq!(reset(&store, 1).await, Proved::Invalid);
    // Nobody gets in where nobody may, and nothing from before opens what is open again.
    assert!(ask("alice", 2).await.is_some());
    change(AccountChange::Disabled).await;
    assert_eq!(reset(&store, 2).await, Proved::Invalid);
    assert_eq!(ask("alice", 3).await, None);
    change(AccountChange::Enabled).await;
    assert_eq!(reset(&store, 2).await, Proved::Invalid);
    assert!(ask("alice", 4).await.is_some());
    assert_eq!(reset(&store, 4).await, Proved::Done(alice.clone(), Vec::new()));
}

pub(crate) async fn what_is_said_of_registrations_is_written_once<D: DatabaseKind>() {
    let database = D::start().await;
    let store = database.open().await;
    created(&store, "bob", &[Role::User]).await;
    let kept = Scribe::new();
    for (name, whose) in [("alice", "alice"), ("alice", "carol"), ("carol", "bob")] {
        let say = |outcome: &Registered| kept.hears(outcome);
        store.register(&wish(name, whose), &say, noon()).await.unwrap();
    }
    assert_eq!(kept.heard(), [Registered::New, Registered::UserTaken, Registered::Known]);
    issued(&store, ProofPurpose::Verify, "alice", 1).await;
    let proved = Scribe::new();
    for _ in 0..2 {
        store.verify(&hash(1), &|outcome| proved.hears(outcome), noon()).await.unwrap();
    }
    assert_eq!(proved.heard(), [Proved::Done(user("alice"), Vec::new()), Proved::Invalid]);
    let written =
        backend::store::AuditStore::entries(&store, &Default::default(), None, 100).await.unwrap();
    assert_eq!(written.len(), 5);
}
