//! Moments too short for a story over sockets: what happens between two steps of a room.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use backend::{
    bus::LocalBus,
    clock::{Clock, ManualClock},
    config::Config,
    encode::EndReason,
    hub::{Hub, Seen},
    lifecycle::Lifecycle,
    metrics::Metrics,
    render::{Renderer, WorkerProgram},
    session::{Change, Creator, Expectation, SessionError, Sessions, Visit, access::Denied},
    store::{
        Drawing, KeyringStore, Quotas, SecretText, SessionStore, SqliteStore, StoreError,
        StoredRing, Update,
    },
    token::{Keyring, KeyringError},
};
use common::{
    Revision, SessionAddress,
    api::{CreateSession, Visibility},
    jwt::{SigningKey, TokenFault},
};
use serde_json::{Value, json};
use tests::{LABEL, Setup, still_clock, wait};

const STAY: Visit = Visit::Stay { seen: None };

struct Rooms {
    _setup: Setup,
    sessions: Arc<Sessions>,
    hub: Arc<Hub>,
    store: Arc<SqliteStore>,
    quotas: Quotas,
    clock: ManualClock,
}

async fn rooms(clock: &ManualClock) -> Rooms {
    let setup = Setup::default();
    let config: Config = setup.config();
    let store = SqliteStore::open(&config.database_file()).await.unwrap();
    let metrics = Arc::new(Metrics::default());
    let still = clock.clone();
    let clock: Arc<dyn Clock> = Arc::new(clock.clone());
    let hub = Hub::new(Arc::new(LocalBus), clock.clone(), metrics.clone());
    let lifecycle = Lifecycle::default();
    let program = WorkerProgram(tests::binary().to_owned());
    let renderer = Renderer::new(config.render, &program, &lifecycle, clock.clone(), metrics);
    let (lifetimes, quotas) = (config.session_lifetimes, config.quotas);
    let store = Arc::new(store);
    let (kept, shown) = (store.clone(), hub.clone());
    let sessions = Sessions::new(kept, shown, renderer, clock, lifetimes, quotas, lifecycle);
    Rooms { _setup: setup, sessions, hub, store, quotas, clock: still }
}

impl Rooms {
    async fn draws(&self, visibility: &str, value: &str) -> SessionAddress {
        let request: Value = json!({
            "template": LABEL, "args": { "value": value }, "ttl_seconds": 1,
            "visibility": visibility,
        });
        let request: CreateSession = serde_json::from_value(request).unwrap();
        let alice = Creator::User("alice".parse().unwrap());
        let created = self.sessions.create(alice, "chart".parse().unwrap(), request).await;
        created.unwrap().0
    }

    /// Writes as another node would whose news of it is lost.
    async fn stores(
        &self,
        address: &SessionAddress,
        value: &str,
        visibility: Visibility,
    ) -> Revision {
        let now = self.clock.now();
        let before = self.store.get(address, now).await.unwrap().unwrap();
        let expires_at = now + Duration::from_secs(3600);
        let drawing = Drawing { svg: value.into(), visibility, expires_at, ..before.drawing };
        let update = self.store.update(address, before.revision, &drawing, &self.quotas, now);
        match update.await.unwrap() {
            Update::Done(revision) => revision,
            other => panic!("{other:?}"),
        }
    }

    /// What someone without a token is shown who has seen this.
    async fn shows(&self, address: &SessionAddress, seen: Option<Revision>) -> Option<String> {
        match self.sessions.watch(address, None, Visit::Stay { seen }).await {
            Ok((_, shown)) => Some(shown.frame.svg.to_string()),
            Err(SessionError::Denied(Denied::Anonymous)) => None,
            Err(error) => panic!("{error}"),
        }
    }
}

#[tokio::test]
async fn nobody_is_refused_or_sent_back_by_what_is_shown_here_and_let_in_by_it_for_a_second() {
    let clock = still_clock();
    let rooms = rooms(&clock).await;
    let address = rooms.draws("public", "one").await;
    let (_others, shown) = rooms.sessions.watch(&address, None, STAY).await.unwrap();
    let (one, public, private) =
        (shown.frame.svg.to_string(), Visibility::Public, Visibility::Private);
    let second = rooms.stores(&address, "two", public).await;
    assert_eq!(rooms.shows(&address, Some(shown.frame.revision)).await, Some(one.clone()));
    assert_eq!(rooms.shows(&address, None).await, Some(one));
    assert_eq!(rooms.shows(&address, Some(second)).await.as_deref(), Some("two"));
    rooms.stores(&address, "three", private).await;
    assert_eq!(rooms.shows(&address, None).await.as_deref(), Some("two"));
    clock.advance(Duration::from_millis(1001));
    assert_eq!(rooms.shows(&address, None).await, None);
    rooms.stores(&address, "four", public).await;
    assert_eq!(rooms.shows(&address, None).await.as_deref(), Some("four"));
}

#[tokio::test]
async fn a_private_session_is_not_shown_to_whoever_watched_its_public_predecessor() {
    let clock = still_clock();
    let rooms = rooms(&clock).await;
    let address = rooms.draws("public", "harmless").await;
    let (place, shown) = rooms.sessions.watch(&address, None, STAY).await.unwrap();
    let mut viewer = place.watch(Some(shown.frame.revision));
    assert!(viewer.look().unwrap().frame().svg.contains("harmless"));
    // Expired, and not swept up yet.
    clock.advance(Duration::from_secs(1));
    rooms.draws("private", "secret").await;
    match wait::soon("the end", viewer.next()).await {
        Seen::End(EndReason::Expired | EndReason::Revoked) => {}
        other => panic!("an anonymous viewer of the public session sees {other:?}"),
    }
}

#[tokio::test]
async fn a_session_that_ends_while_someone_enters_ends_for_them_too() {
    let clock = still_clock();
    let rooms = rooms(&clock).await;
    let address = rooms.draws("public", "one").await;
    let (place, shown) = rooms.sessions.watch(&address, None, STAY).await.unwrap();
    let mut viewer = place.watch(Some(shown.frame.revision));
    rooms.hub.end(&address, shown.frame.revision.epoch, EndReason::Deleted);
    // What a stream does first.
    let first = viewer.look();
    match wait::soon("the end", viewer.next()).await {
        Seen::End(EndReason::Deleted) => assert!(first.is_none()),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_writer_who_goes_away_leaves_nothing_half_done() {
    let clock = still_clock();
    let rooms = rooms(&clock).await;
    let address = rooms.draws("public", "one").await;
    let (place, shown) = rooms.sessions.watch(&address, None, STAY).await.unwrap();
    let mut viewer = place.watch(Some(shown.frame.revision));
    assert!(viewer.look().unwrap().frame().svg.contains(">one<"));
    let patch = json!({ "value": "two" }).as_object().cloned().unwrap();
    let change = Change::merge(patch);
    let mut write = Box::pin(rooms.sessions.change(&address, Expectation::Anything, change));
    assert!(futures_util::poll!(&mut write).is_pending());
    drop(write);
    match wait::soon("the frame that nobody waits for", viewer.next()).await {
        Seen::Frame(frame) => {
            assert!(frame.frame().svg.contains(">two<"));
            let stored = rooms.sessions.get(&address).await.unwrap();
            assert_eq!(stored.frame(), *frame.frame(), "what is shown is stored");
        }
        other => panic!("{other:?}"),
    }

    let mut delete = Box::pin(rooms.sessions.delete(&address, Expectation::Anything));
    assert!(futures_util::poll!(&mut delete).is_pending());
    drop(delete);
    let end = wait::soon("the end that nobody waits for", viewer.next()).await;
    assert!(matches!(end, Seen::End(EndReason::Deleted)));
}

/// A ring that counts how often someone looks at it, and that can get lost.
#[derive(Debug)]
struct Counted {
    store: SqliteStore,
    loads: AtomicU64,
    lost: AtomicBool,
}

#[async_trait]
impl KeyringStore for Counted {
    async fn load(&self) -> Result<Option<StoredRing>, StoreError> {
        self.loads.fetch_add(1, Ordering::Relaxed);
        match self.lost.load(Ordering::Relaxed) {
            true => Ok(None),
            false => KeyringStore::load(&self.store).await,
        }
    }

    async fn generation(&self) -> Result<Option<u64>, StoreError> {
        Ok(self.load().await?.map(|stored| stored.generation))
    }

    async fn create(&self, ring: &SecretText) -> Result<StoredRing, StoreError> {
        KeyringStore::create(&self.store, ring).await
    }

    async fn replace(&self, generation: u64, ring: &SecretText) -> Result<bool, StoreError> {
        self.store.replace(generation, ring).await
    }
}

async fn keyring(setup: &Setup, clock: &ManualClock) -> (Arc<Counted>, Keyring) {
    let config = setup.config();
    let store = SqliteStore::open(&config.database_file()).await.unwrap();
    let counted = Counted { store, loads: AtomicU64::new(0), lost: AtomicBool::new(false) };
    let counted = Arc::new(counted);
    let clock = Arc::new(clock.clone());
    let keyring = Keyring::open(counted.clone(), clock, &config.keys).await.unwrap();
    (counted, keyring)
}

#[tokio::test]
async fn a_ring_that_gets_lost_is_an_error_and_no_reason_for_a_new_one() {
    let clock = still_clock();
    let setup = Setup::default();
    let (counted, keyring) = keyring(&setup, &clock).await;
    let kid = keyring.signing_key().public().kid.clone();
    keyring.refresh().await.unwrap();
    counted.lost.store(true, Ordering::Relaxed);
    assert!(matches!(keyring.refresh().await, Err(KeyringError::Lost)));
    assert!(keyring.verifying_key(&kid).await.is_ok(), "what is known still holds");
    counted.lost.store(false, Ordering::Relaxed);
    keyring.refresh().await.unwrap();
    assert_eq!(keyring.signing_key().public().kid, kid);
}

#[tokio::test]
async fn keys_that_nobody_knows_reach_the_store_once_in_ten_seconds() {
    let clock = still_clock();
    let setup = Setup::default();
    let (counted, keyring) = keyring(&setup, &clock).await;
    let before = counted.loads.load(Ordering::Relaxed);
    let looks = async || {
        for n in 0..50 {
            let answer = keyring.verifying_key(&format!("unknown-{n}")).await;
            assert!(matches!(answer, Err(TokenFault::UnknownKey)));
        }
        counted.loads.load(Ordering::Relaxed) - before
    };
    assert_eq!(looks().await, 1);
    clock.advance(Duration::from_millis(9_999));
    assert_eq!(looks().await, 1);
    clock.advance(Duration::from_millis(1));
    assert_eq!(looks().await, 2);
    // A key that is known costs nothing.
    let kid = keyring.signing_key().public().kid.clone();
    clock.advance(Duration::from_secs(3600));
    assert!(keyring.verifying_key(&kid).await.is_ok());
    assert_eq!(counted.loads.load(Ordering::Relaxed) - before, 2);
}

#[tokio::test]
async fn a_node_follows_changes_of_the_ring() {
    let clock = still_clock();
    let setup = Setup::default().clock(&clock);
    let config = setup.config();
    let node = setup.start().await;
    let stores = backend::server::Stores::open(&config).await.unwrap();
    let time = Arc::new(clock.clone());
    let elsewhere = Keyring::open(stores.keyring.clone(), time, &config.keys).await.unwrap();
    let key = SigningKey::generate().unwrap();
    elsewhere.import(&key).await.unwrap();
    wait::until("tokens that the new key signs", async || {
        clock.advance(Duration::from_secs(30));
        let owner = node.owner("alice").await;
        let header = owner.token().split_once('.')?.0.to_owned();
        let kid = common::jwt::ParsedToken::parse(owner.token()).unwrap().kid().to_owned();
        (!header.is_empty() && kid == key.public().kid).then_some(())
    })
    .await;
}

/// An erasure that comes late meets the drawings of whoever has the name by then.
#[tokio::test]
async fn of_a_user_what_is_older_than_a_moment_is_deleted() {
    let clock = still_clock();
    let rooms = rooms(&clock).await;
    let creates = async |id: String| {
        let request = json!({ "template": LABEL, "args": { "value": 1 } });
        let request: CreateSession = serde_json::from_value(request).unwrap();
        let alice = Creator::User("alice".parse().unwrap());
        rooms.sessions.create(alice, id.parse().unwrap(), request).await.unwrap();
    };
    for n in 0..101 {
        creates(format!("old{n}")).await;
    }
    clock.advance(Duration::from_secs(1));
    for n in 0..101 {
        creates(format!("new{n}")).await;
    }
    let alice = "alice".parse().unwrap();
    rooms.sessions.delete_all_of(&alice, clock.now()).await.unwrap();
    let (left, _) = rooms.sessions.list(&alice, None, 300).await.unwrap();
    assert_eq!(left.len(), 101);
    assert!(left.iter().all(|one| one.id.as_str().starts_with("new")), "{left:?}");
    rooms.sessions.delete_all_of(&alice, clock.now() + Duration::from_secs(1)).await.unwrap();
    let (left, _) = rooms.sessions.list(&alice, None, 300).await.unwrap();
    assert_eq!(left, []);
}
