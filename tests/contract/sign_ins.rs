//! What a [`SignInStore`] promises, where nobody else does anything at the same time.

use std::time::Duration;

use backend::store::{
    AccountChange, AccountStore, AuditStore, Beginning, NewSignIn, Refresh, RefreshHash, Refreshed,
    Refreshing, Reuse, SignIn, SignInEnd, SignInStore,
};
use common::api::{Role, SignInKind};
use futures_util::future::join_all;

use crate::{
    databases::{DatabaseKind, LATE},
    people::{
        ACCESS, GRACE, IDLE, Scribe, begun, chain, created, device, ended, hash, is_rotated,
        name_of, password, refresh, revoked_sids, sign_in, silent, user, version_of,
    },
    sessions::{HOUR, MICROSECOND, noon},
};

/// A store in which Alice has signed in once.
async fn signed_in<D: DatabaseKind>() -> (D, backend::store::Database) {
    let database = D::start().await;
    let store = database.open().await;
    created(&store, "alice", &[Role::User]).await;
    begun(&store, &sign_in("alice", 1, 1)).await;
    (database, store)
}

fn who(number: u16) -> Refreshing {
    Refreshing { user: user("alice"), id: name_of(number) }
}

pub(crate) async fn a_sign_in_is_listed_as_it_began<D: DatabaseKind>() {
    let (database, store) = signed_in::<D>().await;
    let token = NewSignIn { kind: SignInKind::Token, ..sign_in("alice", 1, 2) };
    store.begin(&token, None, &silent, noon() + MICROSECOND).await.unwrap();
    let again = database.open().await;
    let listed = again.list(&user("alice"), noon() + MICROSECOND).await.unwrap();
    let entry = |number: u16, kind, created_at| SignIn {
        id: name_of(number),
        kind,
        device: device(),
        created_at,
        last_used_at: created_at,
        ends_at: noon() + IDLE,
    };
    let first = entry(1, SignInKind::Refresh, noon());
    assert_eq!(listed, [entry(2, SignInKind::Token, noon() + MICROSECOND), first]);
    assert_eq!(again.list(&user("bob"), noon()).await.unwrap(), []);
    assert_eq!(again.list(&user("alice"), noon() + IDLE).await.unwrap(), []);
}

pub(crate) async fn a_token_is_replaced_and_leads_to_its_successor_for_a_while<D: DatabaseKind>() {
    let (_database, store) = signed_in::<D>().await;
    let at = async |refresh: Refresh, after: Duration| {
        store.refresh(&refresh, &silent, noon() + after).await.unwrap()
    };
    let second = Duration::from_secs(1);
    assert_eq!(at(refresh(1, 1, 2), second).await, Refreshed::Rotated(who(1)));
    for after in [second, second + GRACE / 2] {
        let repeated = at(refresh(1, 1, 9), after).await;
        assert_eq!(repeated, Refreshed::Repeated(who(1), "sealed 2".to_owned()));
    }
    // The second token goes on as if nothing had been.
    assert!(is_rotated(&at(refresh(1, 2, 3), 2 * second).await));
    let listed = store.list(&user("alice"), noon() + 2 * second).await.unwrap();
    let used = listed[0].last_used_at;
    assert!(used >= noon() + 2 * second && used < noon() + HOUR, "{used}");
    assert_eq!(listed[0].ends_at, used + IDLE);
}

/// Whoever reads the database has one half of a token that is good; it is not to be there for long.
pub(crate) async fn a_sealed_token_is_kept_as_long_as_it_leads_anywhere<D: DatabaseKind>() {
    let (_database, store) = signed_in::<D>().await;
    let minute = Duration::from_secs(60);
    let ask = async |at| {
        let refresh = Refresh { grace: minute, ..refresh(1, 1, 2) };
        store.refresh(&refresh, &silent, at).await
    };
    let repeated = Refreshed::Repeated(who(1), "sealed 2".to_owned());
    let sweep = async |at| while store.sweep(noon(), at).await.unwrap() {};
    assert!(is_rotated(&ask(noon()).await.unwrap()));
    sweep(noon() + minute).await;
    assert_eq!(ask(noon()).await.unwrap(), repeated);
    sweep(noon() + 3 * minute).await;
    ask(noon()).await.unwrap_err();
    // The token itself is good as before.
    let next = store.refresh(&refresh(1, 2, 3), &silent, noon() + 3 * minute).await.unwrap();
    assert!(is_rotated(&next));
}

/// A step that waits is not of the time at which it was asked for.
pub(crate) async fn a_token_is_replaced_when_it_is_and_not_when_that_was_asked_for<
    D: DatabaseKind,
>() {
    let (database, store) = signed_in::<D>().await;
    let refresh = refresh(1, 1, 2);
    let rotated = database.late(store.refresh(&refresh, &silent, noon())).await;
    assert!(is_rotated(&rotated.unwrap()));
    let used = store.list(&user("alice"), noon()).await.unwrap()[0].last_used_at;
    assert!(used >= noon() + LATE, "{used}");
}

pub(crate) async fn a_token_that_is_used_again_ends_its_sign_in_alone<D: DatabaseKind>() {
    let (_database, store) = signed_in::<D>().await;
    let none = Duration::ZERO;
    let mut number = 10;
    for (tokens, presented, after, grace, class) in [
        (&[(1, 2)][..], 1, 10 * GRACE, GRACE, Reuse::Recent),
        (&[(1, 2)], 1, none, none, Reuse::Recent),
        (&[(1, 2), (2, 3)], 1, none, GRACE, Reuse::Stale),
        (&[(1, 2), (2, 3), (3, 4)], 2, GRACE, GRACE, Reuse::Stale),
    ] {
        number += 1;
        begun(&store, &sign_in("alice", 1, number)).await;
        for (token, next) in tokens {
            let rotated = store.refresh(&refresh(number, *token, *next), &silent, noon()).await;
            assert!(is_rotated(&rotated.unwrap()), "{number}");
        }
        let again = Refresh { grace, ..refresh(number, presented, 9) };
        let again = store.refresh(&again, &silent, noon() + after).await.unwrap();
        assert_eq!(again, Refreshed::Reused(who(number), class));
        let newest = tokens[tokens.len() - 1].1;
        for token in [newest, presented] {
            let dead = store.refresh(&refresh(number, token, 9), &silent, noon() + after).await;
            assert_eq!(dead.unwrap(), Refreshed::Invalid);
        }
        let end = revoked_sids(&store).await.get(&name_of(number)).copied();
        assert_eq!(end, Some(noon() + 2 * ACCESS), "until the last of its tokens ends");
    }
    let left = store.list(&user("alice"), noon()).await.unwrap();
    assert_eq!(left.len(), 1);
    assert!(is_rotated(&store.refresh(&refresh(1, 1, 2), &silent, noon()).await.unwrap()));
}

pub(crate) async fn what_is_no_token_changes_nothing<D: DatabaseKind>() {
    let (_database, store) = signed_in::<D>().await;
    let token = NewSignIn { kind: SignInKind::Token, ..sign_in("alice", 1, 2) };
    begun(&store, &token).await;
    let ask = async |refresh: Refresh| store.refresh(&refresh, &silent, noon()).await.unwrap();
    for nothing in [
        refresh(3, 1, 2),
        refresh(1, 2, 3),
        Refresh { hash: RefreshHash([9; 32]), ..refresh(1, 1, 2) },
        // What was begun for one token has none to follow.
        refresh(2, 1, 2),
    ] {
        assert_eq!(ask(nothing).await, Refreshed::Invalid);
    }
    assert!(is_rotated(&ask(refresh(1, 1, 2)).await));
    assert_eq!(revoked_sids(&store).await.len(), 0);
}

pub(crate) async fn a_sign_in_ends_by_itself<D: DatabaseKind>() {
    let (_database, store) = signed_in::<D>().await;
    let ask = async |refresh: Refresh, at| store.refresh(&refresh, &silent, at).await.unwrap();
    // Used often enough it lives on, and not beyond its end.
    let mut now = noon();
    let mut token = 1;
    while now + IDLE < noon() + HOUR {
        now += IDLE / 2;
        assert!(is_rotated(&ask(refresh(1, token, token + 1), now).await), "{token}");
        token += 1;
    }
    let listed = store.list(&user("alice"), now).await.unwrap();
    assert_eq!(listed[0].ends_at, noon() + HOUR);
    for _ in 0..2 {
        assert_eq!(ask(refresh(1, token, 99), noon() + HOUR).await, Refreshed::Expired);
    }
    // Nobody ends it any more, and no token of it is left to revoke.
    assert!(!ended(&store, "alice", 1, noon() + HOUR).await);
    assert_eq!(revoked_sids(&store).await.len(), 0);

    begun(&store, &sign_in("alice", 1, 2)).await;
    assert_eq!(ask(refresh(2, 1, 2), noon() + IDLE).await, Refreshed::Expired);
    // What is over stays over, whatever the time is said to be.
    assert_eq!(ask(refresh(2, 1, 2), noon()).await, Refreshed::Expired);
    assert_eq!(store.list(&user("alice"), noon()).await.unwrap(), []);
}

pub(crate) async fn tokens_that_outlive_their_sign_in_end_with_it<D: DatabaseKind>() {
    let (_database, store) = signed_in::<D>().await;
    let long = |number| NewSignIn { token_end: noon() + HOUR, ..sign_in("alice", 1, number) };
    for number in 2..=5 {
        begun(&store, &long(number)).await;
    }
    let (alice, why, late) = (user("alice"), SignInEnd::Revoked, noon() + IDLE);
    assert_eq!(store.refresh(&refresh(2, 1, 2), &silent, late).await.unwrap(), Refreshed::Expired);
    // They were over, so nothing is said to have ended; and yet.
    assert!(!store.end(&alice, &name_of(3), why, &silent, late).await.unwrap());
    assert_eq!(store.end_chain(chain(4), why, &silent, late).await.unwrap(), None);
    let others = store.end_others(&alice, None, why, &silent, late).await.unwrap();
    assert_eq!(others, [""; 0]);
    let sids = revoked_sids(&store).await;
    assert_eq!(sids, (2..=5).map(|number| (name_of(number), noon() + HOUR)).collect());
}

/// Nodes do not agree to the microsecond on when something is over by itself.
pub(crate) async fn what_is_over_by_one_clock_is_ended_for_all<D: DatabaseKind>() {
    let (_database, store) = signed_in::<D>().await;
    for number in 2..=5 {
        begun(&store, &sign_in("alice", 1, number)).await;
    }
    let (alice, why, ahead) = (user("alice"), SignInEnd::Revoked, noon() + IDLE);
    assert!(!store.end(&alice, &name_of(1), why, &silent, ahead).await.unwrap());
    assert_eq!(store.end_chain(chain(2), why, &silent, ahead).await.unwrap(), None);
    let kept = name_of(3);
    let others = store.end_others(&alice, Some(&kept), why, &silent, ahead).await.unwrap();
    assert_eq!(others, [""; 0], "they were over");
    let change = AccountChange::Password { hash: password("new"), kept: Some(name_of(9)) };
    store.change(&alice, None, &change, None, &silent, ahead).await.unwrap();
    let behind = noon() + IDLE - 100 * MICROSECOND;
    for number in 1..=5 {
        let late = store.refresh(&refresh(number, 1, 2), &silent, behind).await.unwrap();
        assert_eq!(late, Refreshed::Invalid, "{number}");
    }
}

pub(crate) async fn whoever_ends_a_sign_in_ends_that_one<D: DatabaseKind>() {
    let (_database, store) = signed_in::<D>().await;
    created(&store, "bob", &[Role::User]).await;
    for number in 2..=5 {
        begun(&store, &sign_in("alice", 1, number)).await;
    }
    begun(&store, &sign_in("bob", 1, 6)).await;
    let (alice, bob) = (user("alice"), user("bob"));
    let why = SignInEnd::SignedOut;
    let end =
        async |user, number| store.end(user, &name_of(number), why, &silent, noon()).await.unwrap();
    assert!(!end(&bob, 1).await, "it is another's");
    assert!(end(&alice, 1).await);
    assert!(!end(&alice, 1).await, "it has ended");
    assert!(!end(&alice, 9).await, "there is none");
    let chained =
        async |number| store.end_chain(chain(number), why, &silent, noon()).await.unwrap();
    assert_eq!(chained(2).await, Some(who(2)));
    assert_eq!(chained(2).await, None);
    assert_eq!(chained(9).await, None);
    for number in [1, 2] {
        let dead = store.refresh(&refresh(number, 1, 2), &silent, noon()).await.unwrap();
        assert_eq!(dead, Refreshed::Invalid);
    }
    let kept = name_of(4);
    let others =
        async || store.end_others(&alice, Some(&kept), why, &silent, noon()).await.unwrap();
    assert_eq!(others().await, [name_of(3), name_of(5)]);
    assert_eq!(others().await, [""; 0]);
    let left = store.list(&alice, noon()).await.unwrap();
    assert_eq!(left.iter().map(|one| &*one.id).collect::<Vec<_>>(), [kept]);
    assert_eq!(store.list(&bob, noon()).await.unwrap().len(), 1);
    let sids = revoked_sids(&store).await;
    assert_eq!(sids, [1, 2, 3, 5].map(|number| (name_of(number), noon() + ACCESS)).into());
}

pub(crate) async fn a_revocation_lasts_as_long_as_the_last_token<D: DatabaseKind>() {
    let (_database, store) = signed_in::<D>().await;
    let end = |minutes: u32| noon() + minutes * Duration::from_secs(60);
    // Each has a token that ends at another time, by way of what the store was told.
    for (number, (rotated, repeated, wanted)) in
        (2..).zip([(7, None, 7), (3, None, 5), (7, Some(9), 9), (7, Some(6), 7)])
    {
        begun(&store, &sign_in("alice", 1, number)).await;
        let rotation = Refresh { token_end: end(rotated), ..refresh(number, 1, 2) };
        assert!(is_rotated(&store.refresh(&rotation, &silent, noon()).await.unwrap()));
        if let Some(repeated) = repeated {
            let repetition = Refresh { token_end: end(repeated), ..refresh(number, 1, 9) };
            let repeated = store.refresh(&repetition, &silent, noon()).await.unwrap();
            assert_eq!(repeated, Refreshed::Repeated(who(number), "sealed 2".to_owned()));
        }
        store.end_chain(chain(number), SignInEnd::SignedOut, &silent, noon()).await.unwrap();
        let sids = revoked_sids(&store).await;
        assert_eq!(sids.get(&name_of(number)), Some(&end(wanted)), "{number}");
    }
}

pub(crate) async fn nobody_signs_in_with_what_is_outdated<D: DatabaseKind>() {
    let (_database, store) = signed_in::<D>().await;
    let begin = async |version, number| {
        store.begin(&sign_in("alice", version, number), None, &silent, noon()).await.unwrap()
    };
    assert_eq!(begin(2, 2).await, Beginning::Outdated);
    let alice = user("alice");
    for (change, next) in [(AccountChange::Disabled, false), (AccountChange::Enabled, true)] {
        let before = version_of(&store, &alice).await;
        store.change(&alice, None, &change, None, &silent, noon()).await.unwrap();
        assert_eq!(begin(before, 3).await, Beginning::Outdated);
        let version = version_of(&store, &alice).await;
        assert_eq!(begin(version, 4).await != Beginning::Outdated, next, "{change:?}");
    }
    let nobody = store.begin(&sign_in("bob", 1, 5), None, &silent, noon()).await.unwrap();
    assert_eq!(nobody, Beginning::Outdated);
    assert_eq!(store.list(&alice, noon()).await.unwrap().len(), 1);
}

pub(crate) async fn of_too_many_the_oldest_end<D: DatabaseKind>() {
    let (_database, store) = signed_in::<D>().await;
    let begin = async |kind, number: u16, most| {
        let at = noon() + u32::from(number) * MICROSECOND;
        let new = NewSignIn { kind, ..sign_in("alice", 1, number) };
        store.begin(&new, most, &silent, at).await.unwrap()
    };
    let ended = |numbers: &[u16]| Beginning::Begun(numbers.iter().copied().map(name_of).collect());
    let (refresh, token) = (SignInKind::Refresh, SignInKind::Token);
    assert_eq!(begin(refresh, 2, Some(2)).await, ended(&[]));
    // What is not refreshed neither counts nor ends.
    assert_eq!(begin(token, 3, Some(2)).await, ended(&[]));
    assert_eq!(begin(refresh, 4, Some(2)).await, ended(&[1]));
    assert_eq!(begin(refresh, 5, None).await, ended(&[]));
    assert_eq!(begin(refresh, 6, Some(1)).await, ended(&[2, 4, 5]));
    let left = store.list(&user("alice"), noon() + HOUR / 100).await.unwrap();
    assert_eq!(left.iter().map(|one| &*one.id).collect::<Vec<_>>(), [name_of(6), name_of(3)]);
    let sids = revoked_sids(&store).await;
    assert_eq!(sids, [1, 2, 4, 5].map(|number| (name_of(number), noon() + ACCESS)).into());
    // The new one stays, even if its clock says that others came later.
    let early = sign_in("alice", 1, 7);
    let begun = store.begin(&early, Some(1), &silent, noon() - MICROSECOND).await.unwrap();
    assert_eq!(begun, ended(&[6]));
}

pub(crate) async fn nobody_has_more_than_a_thousand<D: DatabaseKind>() {
    let (database, store) = signed_in::<D>().await;
    // As many as there may be, and one more from before there was an end to it.
    database.tamper(MANY_REFRESHED).await;
    database.tamper(MANY_TOKENS).await;
    let late = noon() + 2000 * MICROSECOND;
    let begun = store.begin(&sign_in("alice", 1, 2), None, &silent, late).await.unwrap();
    let oldest = Beginning::Begun(vec![name_of(1), format!("{}-1", name_of(1))]);
    assert_eq!(begun, oldest);
    let listed = store.list(&user("alice"), late).await.unwrap();
    assert_eq!((listed.len(), &listed[0].id), (1000, &name_of(2)));
    let begun = store.begin(&sign_in("alice", 1, 3), Some(2000), &silent, late).await.unwrap();
    assert_eq!(begun, Beginning::Begun(vec![format!("{}-2", name_of(1))]));
}

/// A thousand more like the first, each a microsecond younger.
const MANY_REFRESHED: &str = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000) \
     INSERT INTO sign_ins (chain, id, kind, user_id, version, label, user_agent, address, \
         created_at, last_used_at, ends_at, absolute_end, token_end, seq, current_hash) \
     SELECT chain || '-' || i, id || '-' || i, kind, user_id, version, label, user_agent, address, \
         created_at + i, last_used_at, ends_at, absolute_end, token_end, seq, current_hash \
     FROM sign_ins, n WHERE id = 'sign-in-1'";

/// As many that are for one token each, and older.
const MANY_TOKENS: &str = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000) \
     INSERT INTO sign_ins (chain, id, kind, user_id, version, label, user_agent, address, \
         created_at, last_used_at, ends_at, absolute_end, token_end, seq, current_hash) \
     SELECT chain || '+' || i, id || '+' || i, 'token', user_id, version, label, user_agent, \
         address, created_at - i, last_used_at, ends_at, absolute_end, token_end, seq, \
         current_hash \
     FROM sign_ins, n WHERE id = 'sign-in-1'";

pub(crate) async fn of_parallel_sign_ins_as_many_live_as_may<D: DatabaseKind>() {
    let database = D::start().await;
    let stores = [database.open().await, database.open().await];
    created(&stores[0], "alice", &[Role::User]).await;
    for round in 0..5 {
        let new: Vec<_> = (0..10).map(|n| sign_in("alice", 1, 100 * (round + 1) + n)).collect();
        let asked = new.iter().zip(stores.iter().cycle());
        let asked = asked.map(|(new, store)| store.begin(new, Some(3), &silent, noon()));
        let mut ended = 0;
        for begun in join_all(asked).await {
            let Beginning::Begun(names) = begun.unwrap() else { panic!("outdated") };
            ended += names.len();
        }
        let left = stores[0].list(&user("alice"), noon()).await.unwrap();
        assert_eq!(left.len(), 3);
        assert_eq!(ended, if round == 0 { 7 } else { 10 });
    }
    assert_eq!(revoked_sids(&stores[1]).await.len(), 47);
}

pub(crate) async fn what_is_said_of_sign_ins_is_written_once<D: DatabaseKind>() {
    let (_database, store) = signed_in::<D>().await;
    let (alice, why) = (user("alice"), SignInEnd::Revoked);
    let begun = Scribe::new();
    for version in [1, 2] {
        let say = |outcome: &Beginning| begun.hears(outcome);
        store.begin(&sign_in("alice", version, 2), None, &say, noon()).await.unwrap();
    }
    assert_eq!(begun.heard(), [Beginning::Begun(Vec::new()), Beginning::Outdated]);
    let ended = Scribe::new();
    for _ in 0..2 {
        let say = |outcome: &bool| ended.hears(outcome);
        store.end(&alice, &name_of(2), why, &say, noon()).await.unwrap();
    }
    assert_eq!(ended.heard(), [true, false]);
    let refreshed = Scribe::new();
    let say = |outcome: &Refreshed| refreshed.hears(outcome);
    let stale = Refresh { grace: Duration::ZERO, ..refresh(1, 1, 9) };
    for refresh in [refresh(1, 1, 2), refresh(1, 1, 9), stale, refresh(1, 2, 3)] {
        store.refresh(&refresh, &say, noon()).await.unwrap();
    }
    let repeated = Refreshed::Repeated(who(1), "sealed 2".to_owned());
    let reused = Refreshed::Reused(who(1), Reuse::Recent);
    let wanted = [Refreshed::Rotated(who(1)), repeated, reused, Refreshed::Invalid];
    assert_eq!(refreshed.heard(), wanted);
    let others = Scribe::new();
    let say = |outcome: &Vec<String>| others.hears(outcome);
    store.end_others(&alice, None, why, &say, noon()).await.unwrap();
    assert_eq!(others.heard(), [Vec::<String>::new()]);
    let chained = Scribe::new();
    let say = |outcome: &Option<Refreshing>| chained.hears(outcome);
    store.end_chain(chain(9), why, &say, noon()).await.unwrap();
    assert_eq!(chained.heard(), [None]);
    // 2 + 2 + 4 + 1 + 1.
    let written = store.entries(&Default::default(), None, 100).await.unwrap();
    assert_eq!(written.len(), 10);
}

pub(crate) async fn a_refresh_hash_is_told_from_every_other<D: DatabaseKind>() {
    let (_database, store) = signed_in::<D>().await;
    // A hash of another chain is no token of this one, wherever it says to be.
    begun(&store, &sign_in("alice", 1, 2)).await;
    let crossed = Refresh { hash: hash(2, 1), ..refresh(1, 1, 2) };
    assert_eq!(store.refresh(&crossed, &silent, noon()).await.unwrap(), Refreshed::Invalid);
    for number in [1, 2] {
        let rotated = store.refresh(&refresh(number, 1, 2), &silent, noon()).await.unwrap();
        assert!(is_rotated(&rotated), "{number}");
    }
}
