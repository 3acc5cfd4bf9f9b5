//! What an [`AuditStore`] promises.

use std::time::Duration;

use backend::store::{
    AccountStore, Aftermath, AuditFilter, AuditPosition, AuditStore, Database, ErrandKind,
    NewAuditEntry, OutboxStore, StoredAuditEntry,
};
use common::api::{AuditAction, AuditResult};
use futures_util::future::{join, join_all};
use time::OffsetDateTime;

use crate::{
    databases::DatabaseKind,
    people::{entry, errand},
    sessions::{HOUR, MICROSECOND, noon},
};

fn of(entries: Vec<NewAuditEntry>) -> Aftermath {
    Aftermath { audit: entries, errands: Vec::new() }
}

async fn written(store: &Database, entry: &NewAuditEntry, at: OffsetDateTime) {
    store.write(&of(vec![entry.clone()]), at).await.unwrap();
}

async fn read(store: &Database, filter: &AuditFilter) -> Vec<StoredAuditEntry> {
    store.entries(filter, None, 1000).await.unwrap()
}

pub(crate) async fn an_entry_is_read_as_it_was_written<D: DatabaseKind>() {
    let database = D::start().await;
    let store = database.open().await;
    let full = NewAuditEntry {
        address: Some("2001:db8::7".parse().unwrap()),
        ..entry(AuditAction::SignedIn, "bob")
    };
    let sparse = NewAuditEntry {
        actor: None,
        action: AuditAction::KeyringChanged,
        target: None,
        address: None,
        result: AuditResult::Refused,
        trace_id: None,
        detail: String::new(),
    };
    store.write(&of(vec![full.clone(), sparse.clone()]), noon()).await.unwrap();
    written(&store, &full, noon() + MICROSECOND).await;
    let found = read(&database.open().await, &AuditFilter::default()).await;
    let times = [noon() + MICROSECOND, noon(), noon()];
    let wanted = [full.clone(), sparse, full];
    assert_eq!(
        found.iter().map(|one| &one.entry).collect::<Vec<_>>(),
        wanted.iter().collect::<Vec<_>>()
    );
    assert_eq!(found.iter().map(|one| one.at).collect::<Vec<_>>(), times);
    for action in AuditAction::ALL {
        written(&store, &entry(*action, "each"), noon()).await;
    }
    let filter = AuditFilter { target: Some("each".to_owned()), ..AuditFilter::default() };
    let actions: Vec<_> = read(&store, &filter).await.iter().map(|one| one.entry.action).collect();
    assert_eq!(actions, AuditAction::ALL.iter().rev().copied().collect::<Vec<_>>());
}

pub(crate) async fn an_entry_is_found_by_all_that_is_asked_of_it<D: DatabaseKind>() {
    let database = D::start().await;
    let store = database.open().await;
    let people = ["alice", "bob", "carol"];
    let (actions, results) = (
        [AuditAction::SignedIn, AuditAction::PasswordChanged],
        [AuditResult::Done, AuditResult::Refused],
    );
    for step in 0..24_u8 {
        let n = usize::from(step);
        let entry = NewAuditEntry {
            actor: Some(people[n % 3].to_owned()),
            result: results[n / 6 % 2],
            ..entry(actions[n / 3 % 2], people[n / 12])
        };
        written(&store, &entry, noon() + u32::from(step) * MICROSECOND).await;
    }
    let all = read(&store, &AuditFilter::default()).await;
    assert_eq!(all.len(), 24);
    let (from, until) = (noon() + 7 * MICROSECOND, noon() + 17 * MICROSECOND);
    for mask in 0..64_u8 {
        let given = |bit: u8| mask & (1 << bit) != 0;
        let filter = AuditFilter {
            actor: given(0).then(|| "bob".to_owned()),
            action: given(1).then_some(actions[1]),
            target: given(2).then(|| "alice".to_owned()),
            result: given(3).then_some(AuditResult::Done),
            from: given(4).then_some(from),
            until: given(5).then_some(until),
        };
        let fits = |stored: &&StoredAuditEntry| {
            let entry = &stored.entry;
            (!given(0) || entry.actor.as_deref() == Some("bob"))
                && (!given(1) || entry.action == actions[1])
                && (!given(2) || entry.target.as_deref() == Some("alice"))
                && (!given(3) || entry.result == AuditResult::Done)
                && (!given(4) || stored.at >= from)
                && (!given(5) || stored.at < until)
        };
        let wanted: Vec<_> = all.iter().filter(fits).cloned().collect();
        assert_eq!(read(&store, &filter).await, wanted, "{filter:?}");
        // Page by page it is the same.
        let (mut paged, mut before) = (Vec::new(), None);
        loop {
            let page = store.entries(&filter, before, 5).await.unwrap();
            let Some(last) = page.last() else { break };
            before = Some(last.position);
            paged.extend(page);
        }
        assert_eq!(paged, wanted, "{filter:?}");
    }
    let odd = AuditFilter { actor: Some("' OR 1 = 1 --".to_owned()), ..AuditFilter::default() };
    assert_eq!(read(&store, &odd).await, []);
}

/// Whoever has seen an entry has seen all that come before it.
pub(crate) async fn no_entry_appears_behind_one_that_was_read<D: DatabaseKind>() {
    let database = D::start().await;
    let stores = [database.open().await, database.open().await];
    let most = 120;
    let writing = join_all((0..most).map(async |n: usize| {
        let count = 1 + n % 3;
        let entries = vec![entry(AuditAction::SignedIn, "x"); count];
        stores[n % 2].write(&of(entries), noon()).await.unwrap();
        count
    }));
    let reading = async {
        let mut newest = 0;
        while newest < 2 * most {
            let found = read(&stores[newest % 2], &AuditFilter::default()).await;
            let positions: Vec<_> = found.iter().map(|one| one.position).collect();
            let wanted = (1..=found.len() as u64).rev().map(AuditPosition);
            assert_eq!(positions, wanted.collect::<Vec<_>>(), "there is a gap");
            newest = found.len();
        }
    };
    let (counts, ()) = join(writing, reading).await;
    assert_eq!(counts.iter().sum::<usize>(), 2 * most);
}

pub(crate) async fn what_is_not_written_as_a_whole_is_not_written<D: DatabaseKind>() {
    let database = D::start().await;
    let store = database.open().await;
    store.write(&Aftermath::default(), noon()).await.unwrap();
    database.tamper("ALTER TABLE audit RENAME TO elsewhere").await;
    let both = Aftermath {
        audit: vec![entry(AuditAction::SignedIn, "x")],
        errands: vec![errand("first")],
    };
    store.write(&both, noon()).await.unwrap_err();
    let backlog = store.backlog(ErrandKind::Mail).await.unwrap();
    assert_eq!(backlog.waiting, 0);
    database.tamper("ALTER TABLE elsewhere RENAME TO audit").await;
    let twice = Aftermath { errands: vec![errand("first"), errand("first")], ..both };
    for _ in 0..2 {
        store.write(&twice, noon()).await.unwrap();
    }
    // An errand that is known is not written again; what is said of it is.
    assert_eq!(store.backlog(ErrandKind::Mail).await.unwrap().waiting, 1);
    let positions: Vec<_> =
        read(&store, &AuditFilter::default()).await.iter().map(|one| one.position.0).collect();
    assert_eq!(positions, [2, 1], "what was not written has no place");
}

pub(crate) async fn old_entries_are_swept_a_few_at_a_time<D: DatabaseKind>() {
    let database = D::start().await;
    let store = database.open().await;
    let many = vec![entry(AuditAction::SignedIn, "old"); 1100];
    store.write(&of(many), noon()).await.unwrap();
    written(&store, &entry(AuditAction::SignedIn, "new"), noon() + MICROSECOND).await;
    assert!(!store.sweep(noon(), noon() + HOUR).await.unwrap(), "nothing is old yet");
    let since = noon() + MICROSECOND;
    let mut steps = 0;
    while store.sweep(since, noon() + Duration::from_secs(1)).await.unwrap() {
        steps += 1;
    }
    assert_eq!(steps, 2);
    let left = read(&store, &AuditFilter::default()).await;
    assert_eq!(left.len(), 1);
    assert_eq!(left[0].position, AuditPosition(1101));
    // Places are not handed out again.
    written(&store, &entry(AuditAction::SignedIn, "newer"), noon()).await;
    assert_eq!(read(&store, &AuditFilter::default()).await[0].position, AuditPosition(1102));
}
