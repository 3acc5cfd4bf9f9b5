use std::collections::{BTreeMap, BTreeSet};

use common::{
    UserId,
    jwt::{Expected, ParsedToken, unverified},
};
use tempfile::TempDir;

use super::*;
use crate::{
    clock::ManualClock,
    config::{Lifetimes, MasterKey},
    store::{NoRevocations, SecretText, SqliteStore},
    token::{Revocations, Tokens},
};

const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(86_400);

fn windows(rotation: Option<Duration>) -> KeyWindows {
    KeyWindows { publish_delay: 15 * MINUTE, overlap: 31 * DAY, jwks_max_age: 5 * MINUTE, rotation }
}

fn settings(rotation: Option<Duration>) -> KeySettings {
    KeySettings { windows: windows(rotation), master: None, previous_master: None }
}

/// One store, one clock, and as many nodes as a test wants.
struct World {
    directory: TempDir,
    clock: ManualClock,
}

impl World {
    fn new() -> Self {
        let start = OffsetDateTime::from_unix_timestamp(2_000_000_000).unwrap();
        Self { directory: tempfile::tempdir().unwrap(), clock: ManualClock::new(start) }
    }

    async fn store(&self) -> Arc<SqliteStore> {
        Arc::new(SqliteStore::open(&self.directory.path().join("easel.db")).await.unwrap())
    }

    async fn node(&self, settings: &KeySettings) -> Arc<Keyring> {
        Arc::new(self.try_node(settings).await.unwrap())
    }

    async fn try_node(&self, settings: &KeySettings) -> Result<Keyring, KeyringError> {
        Keyring::open(self.store().await, Arc::new(self.clock.clone()), settings).await
    }

    /// Every byte of every file of the store.
    fn bytes(&self) -> Vec<u8> {
        let files = std::fs::read_dir(self.directory.path()).unwrap();
        files.flat_map(|file| std::fs::read(file.unwrap().path()).unwrap()).collect()
    }
}

async fn tokens(keyring: &Arc<Keyring>, world: &World) -> Tokens {
    let clock: Arc<dyn Clock> = Arc::new(world.clock.clone());
    let revocations = Revocations::open(Arc::new(NoRevocations), clock.clone()).await.unwrap();
    let names = Expected { issuer: "easel".to_owned(), audience: "easel".to_owned() };
    let lifetimes = Lifetimes { default: DAY, max: 30 * DAY };
    Tokens::new(keyring.clone(), revocations, names, lifetimes, clock)
}

fn alice() -> UserId {
    "alice".parse().unwrap()
}

async fn states(keyring: &Keyring) -> Vec<(String, KeyState)> {
    keyring.list().await.unwrap().into_iter().map(|key| (key.kid, key.state)).collect()
}

async fn state(keyring: &Keyring, kid: &str) -> KeyState {
    states(keyring).await.into_iter().find(|(known, _)| known == kid).unwrap().1
}

fn published(keyring: &Keyring) -> BTreeSet<String> {
    keyring.published().keys.keys.into_iter().map(|key| key.kid).collect()
}

fn signs(keyring: &Keyring) -> String {
    keyring.signing_key().public().kid.clone()
}

#[tokio::test]
async fn a_key_is_known_before_it_signs_and_verifies_after_it_has_signed() {
    let world = World::new();
    let ring = world.node(&settings(None)).await;
    let first = signs(&ring);
    let second = ring.create().await.unwrap();
    assert_eq!(published(&ring), [first.clone(), second.clone()].into());
    assert_eq!(signs(&ring), first);

    world.clock.advance(15 * MINUTE - Duration::from_secs(1));
    let early = ring.promote(&second, false).await.unwrap_err();
    assert!(matches!(early, KeyringError::TooEarly { .. }));
    assert!(early.to_string().contains("2033-05-18T03:48:20Z"), "{early}");
    world.clock.advance(Duration::from_secs(1));
    let promotion = ring.promote(&second, false).await.unwrap();
    assert_eq!(promotion.unknown_until, None);
    assert_eq!(promotion.retiring, Some((first.clone(), world.clock.now() + 31 * DAY)));
    assert_eq!(signs(&ring), second);
    assert_eq!(published(&ring).len(), 2);

    world.clock.advance(31 * DAY - Duration::from_secs(1));
    assert_eq!(state(&ring, &first).await, KeyState::Retiring);
    assert!(ring.verifying_key(&first).await.is_ok());
    world.clock.advance(Duration::from_secs(1));
    // Nobody has written anything: the state follows from the time.
    assert_eq!(state(&ring, &first).await, KeyState::Retired);
    assert!(matches!(ring.verifying_key(&first).await, Err(TokenFault::Revoked)));
    assert_eq!(published(&ring), [second].into());
}

#[tokio::test]
async fn verbs_are_refused_where_they_make_no_sense_and_change_nothing() {
    let world = World::new();
    let ring = world.node(&settings(None)).await;
    let active = signs(&ring);
    let refused = async |outcome: Result<(), KeyringError>, why: &str| {
        let said = outcome.unwrap_err().to_string();
        assert!(said.contains(why), "{said}");
    };
    refused(ring.promote(&active, true).await.map(drop), "signs already").await;
    refused(ring.retire(&active).await, "promote another key first").await;
    refused(ring.rollback().await.map(drop), "none to go back to").await;
    for kid in ["", "nobody"] {
        refused(ring.promote(kid, true).await.map(drop), "there is no key").await;
        refused(ring.retire(kid).await, "there is no key").await;
        refused(ring.revoke(kid).await.map(drop), "there is no key").await;
    }
    assert_eq!(ring.keys().generation, 1);

    let next = ring.create().await.unwrap();
    ring.promote(&next, true).await.unwrap();
    refused(ring.promote(&active, true).await.map(drop), "use `rollback`").await;
    ring.retire(&active).await.unwrap();
    refused(ring.retire(&active).await, "retired already").await;
    refused(ring.promote(&active, true).await.map(drop), "retired").await;
    refused(ring.rollback().await.map(drop), "none to go back to").await;
    assert!(ring.revoke(&active).await.unwrap().is_none());
    refused(ring.revoke(&active).await.map(drop), "revoked already").await;
    refused(ring.retire(&active).await, "was revoked").await;
    refused(ring.promote(&active, true).await.map(drop), "was revoked").await;
    assert_eq!(states(&ring).await, [(next, KeyState::Active), (active, KeyState::Revoked)]);
}

#[tokio::test]
async fn a_rollback_goes_to_the_newest_key_within_its_overlap_and_back() {
    let world = World::new();
    let ring = world.node(&settings(None)).await;
    let first = signs(&ring);
    let second = ring.create().await.unwrap();
    let promotion = ring.promote(&second, true).await.unwrap();
    assert_eq!(promotion.unknown_until, Some(world.clock.now() + 15 * MINUTE));
    world.clock.advance(DAY);
    let third = ring.create().await.unwrap();
    ring.promote(&third, true).await.unwrap();

    assert_eq!(ring.rollback().await.unwrap().active, second);
    assert_eq!(state(&ring, &third).await, KeyState::Retiring);
    assert_eq!(state(&ring, &first).await, KeyState::Retiring);
    world.clock.advance(MINUTE);
    assert_eq!(ring.rollback().await.unwrap().active, third, "a rollback can be taken back");
    world.clock.advance(31 * DAY);
    assert!(matches!(ring.rollback().await, Err(KeyringError::NothingToRollBack)));
}

#[tokio::test]
async fn of_a_revoked_key_nothing_is_left_but_its_name() {
    let world = World::new();
    let ring = world.node(&settings(None)).await;
    let key = ring.signing_key();
    let revoked = signs(&ring);
    let token = tokens(&ring, &world).await.issue(alice(), None).unwrap().token;
    let identity = tokens(&ring, &world).await.verify(&token).await.unwrap();
    let mut ends = Box::pin(identity.key.ends());
    assert!(futures_util::poll!(&mut ends).is_pending());

    // There is no next key, so one is made in the same step.
    let before = ring.keys().generation;
    let promotion = ring.revoke(&revoked).await.unwrap().unwrap();
    assert_eq!(ring.keys().generation, before + 1);
    assert_eq!(promotion.active, signs(&ring));
    assert!(promotion.unknown_until.is_some() && promotion.retiring.is_none());
    assert_eq!(published(&ring), [promotion.active.clone()].into());
    assert!(futures_util::poll!(&mut ends).is_ready());
    let refused = tokens(&ring, &world).await.verify(&token).await.unwrap_err();
    assert_eq!(refused, TokenFault::Revoked);
    assert!(matches!(ring.import(&key).await, Err(KeyringError::Revoked(_))));
    let stored = ring.store.load().await.unwrap().unwrap();
    let stored: serde_json::Value = serde_json::from_str(&stored.ring.0).unwrap();
    let record = stored["keys"].as_array().unwrap().iter().find(|key| key["kid"] == revoked);
    assert!(record.unwrap()["private"].is_null(), "{record:?}");

    // With a next key, that one takes over.
    let next = ring.create().await.unwrap();
    let promotion = ring.revoke(&promotion.active).await.unwrap().unwrap();
    assert_eq!((promotion.active, signs(&ring)), (next.clone(), next));
}

/// Half a year of rotation, in steps. At each: who is published, who signs, what verifies.
#[tokio::test(flavor = "multi_thread")]
async fn over_half_a_year_no_token_is_ever_refused_before_its_end() {
    let interval = 30 * DAY;
    let world = World::new();
    let nodes =
        [world.node(&settings(Some(interval))).await, world.node(&settings(Some(interval))).await];
    let start = world.clock.now();
    let mut signed_from = BTreeMap::new();
    let mut published_from = BTreeMap::new();
    let mut issued: Vec<(String, i64)> = Vec::new();
    // An odd step, so that it meets the schedule's moments from both sides.
    let step = 10 * MINUTE + Duration::from_secs(7);
    let steps = (6 * interval).as_secs() / step.as_secs();
    for n in 0..steps {
        let now = world.clock.now();
        // Both nodes do what is due, at once; then both know.
        let (one, two) = tokio::join!(nodes[0].tend(), nodes[1].tend());
        one.and(two).unwrap();
        for node in &nodes {
            node.refresh().await.unwrap();
        }
        let (keys, signer) = (published(&nodes[0]), signs(&nodes[0]));
        assert_eq!((&keys, &signer), (&published(&nodes[1]), &signs(&nodes[1])));
        for kid in &keys {
            published_from.entry(kid.clone()).or_insert(now);
        }
        let first_signature = !signed_from.contains_key(&signer);
        let since: OffsetDateTime = *signed_from.entry(signer.clone()).or_insert(now);
        assert!(now - since <= interval + step, "{signer} signs for too long");
        if first_signature && since != start {
            let known_for = now - published_from[&signer];
            assert!(known_for >= 15 * MINUTE, "{signer} was published for {known_for} only");
        }
        // Active, at most one next, and whoever signed within the overlap.
        let expected = keys.iter().filter(|kid| match signed_from.get(*kid) {
            None => now - published_from[*kid] <= 15 * MINUTE + 2 * step,
            Some(_) if **kid == signer => true,
            Some(since) => now - *since <= interval + 31 * DAY + 2 * step,
        });
        assert_eq!(expected.count(), keys.len(), "day {}: {keys:?}", (now - start).whole_days());
        assert!(keys.len() <= 4, "{keys:?}");
        assert!(nodes[0].published().max_age <= 5 * MINUTE);
        let json = serde_json::to_value(nodes[0].published().keys).unwrap();
        for key in json["keys"].as_array().unwrap() {
            let members: BTreeSet<_> =
                key.as_object().unwrap().keys().map(String::as_str).collect();
            assert_eq!(members, ["alg", "e", "kid", "kty", "n", "use"].into());
        }
        if n % 211 == 0 {
            let node = tokens(&nodes[n as usize % 2], &world).await;
            let token = node.issue(alice(), Some(30 * DAY)).unwrap().token;
            assert_eq!(ParsedToken::parse(&token).unwrap().kid(), signer);
            issued.push((token.clone(), unverified(&token).unwrap().exp));
            for (token, exp) in &issued {
                let verdict = tokens(&nodes[0], &world).await.verify(token).await;
                match *exp > now.unix_timestamp() {
                    true => assert!(verdict.is_ok(), "{verdict:?}"),
                    false => assert!(verdict.is_err()),
                }
            }
        }
        world.clock.advance(step);
    }
    assert_eq!(signed_from.len(), 6, "one key per interval, though two nodes made them");
    assert!(issued.len() > 100);
}

#[tokio::test]
async fn the_published_keys_are_kept_no_longer_than_they_stay_the_same() {
    let world = World::new();
    let ring = world.node(&settings(Some(DAY))).await;
    assert_eq!(ring.published().max_age, 5 * MINUTE);
    world.clock.advance(DAY - 15 * MINUTE - 2 * MINUTE);
    assert_eq!(ring.published().max_age, 2 * MINUTE);
    world.clock.advance(2 * MINUTE);
    ring.tend().await.unwrap();
    assert_eq!(published(&ring).len(), 2);
    assert_eq!(ring.published().max_age, 5 * MINUTE);
}

#[tokio::test]
async fn of_two_nodes_that_rotate_at_once_one_makes_the_key() {
    let world = World::new();
    let rotating = settings(Some(DAY));
    let nodes = [world.node(&rotating).await, world.node(&rotating).await];
    world.clock.advance(DAY);
    let attempts = (0..3).flat_map(|_| nodes.iter().map(|node| node.tend()));
    for outcome in futures_util::future::join_all(attempts).await {
        outcome.unwrap();
    }
    assert_eq!(states(&nodes[0]).await.len(), 2);
    assert_eq!(states(&nodes[0]).await, states(&nodes[1]).await);
    assert_eq!(nodes[0].keys().generation, 2);
}

#[tokio::test]
async fn records_of_retired_keys_go_in_the_end_and_those_of_revoked_keys_stay() {
    let world = World::new();
    let ring = world.node(&settings(None)).await;
    let (first, second) = (signs(&ring), ring.create().await.unwrap());
    ring.promote(&second, true).await.unwrap();
    let third = ring.create().await.unwrap();
    ring.revoke(&third).await.unwrap();
    world.clock.advance(32 * DAY);
    ring.tend().await.unwrap();
    assert_eq!(state(&ring, &first).await, KeyState::Retired);
    world.clock.advance(364 * DAY);
    ring.tend().await.unwrap();
    let kept = [(third, KeyState::Revoked), (second, KeyState::Active)];
    assert_eq!(states(&ring).await, kept);
}

#[tokio::test]
async fn another_ring_in_the_place_of_ours_is_an_error() {
    let world = World::new();
    let ring = world.node(&settings(None)).await;
    let ours = signs(&ring);
    ring.create().await.unwrap();
    let other = World::new();
    let foreign = other.node(&settings(None)).await.store.load().await.unwrap().unwrap();
    assert!(ring.store.replace(2, &foreign.ring).await.unwrap());
    // A newer generation is a change; one that is not newer and differs is another ring.
    ring.refresh().await.unwrap();
    let older = world.node(&settings(None)).await;
    drop(world);
    let back = StoredRing { generation: 1, ring: SecretText(foreign.ring.0.clone()) };
    assert!(matches!(older.take_over(&back), Err(KeyringError::Replaced)));
    assert_ne!(signs(&ring), ours);
}

fn master(byte: u8) -> MasterKey {
    let text: String = (0..32).map(|n: u8| format!("{:02x}", n ^ byte)).collect();
    MasterKey::parse(&text).unwrap()
}

fn sealed(master: MasterKey, previous_master: Option<MasterKey>) -> KeySettings {
    KeySettings { master: Some(master), previous_master, ..settings(None) }
}

fn stored_key(stored: &StoredRing, at: usize) -> ring::RingKey {
    Ring::parse(stored).unwrap().keys.remove(at)
}

/// Whether the files of a store hold anything of a private key, in any spelling.
fn holds_secrets(world: &World, key: &SigningKey) -> bool {
    use base64::{Engine, prelude::BASE64_STANDARD, prelude::BASE64_URL_SAFE_NO_PAD};
    let bytes = world.bytes();
    let holds = |text: &[u8]| bytes.windows(text.len()).any(|window| window == text);
    let der = key.to_der();
    // The numbers of the private half stand behind the modulus; pieces, since pages cut them.
    let pieces = der[300..].chunks_exact(24).flat_map(|piece| {
        let text = |at: usize| BASE64_STANDARD.encode(&piece[at..]).into_bytes()[4..24].to_vec();
        let url = BASE64_URL_SAFE_NO_PAD.encode(piece).into_bytes()[..24].to_vec();
        [piece.to_vec(), text(0), text(1), text(2), url]
    });
    let marks = [&b"\"d\":"[..], b"PRIVATE KEY"].map(<[u8]>::to_vec);
    pieces.chain(marks).any(|text| holds(&text))
}

#[tokio::test]
async fn a_sealed_ring_shows_nothing_and_opens_for_its_master_key_only() {
    let world = World::new();
    let ring = world.node(&sealed(master(1), None)).await;
    ring.create().await.unwrap();
    let key = ring.signing_key();
    assert!(!holds_secrets(&world, &key));

    let without = world.try_node(&settings(None)).await.unwrap_err().to_string();
    assert!(without.contains("set EASEL_MASTER_KEY"), "{without}");
    let wrong = world.try_node(&sealed(master(2), None)).await.unwrap_err().to_string();
    assert!(wrong.contains("EASEL_PREVIOUS_MASTER_KEY"), "{wrong}");
    assert!(!without.contains('\n') && !wrong.contains('\n'));
    let again = world.node(&sealed(master(1), None)).await;
    assert_eq!(again.signing_key().to_der(), key.to_der());
    assert_eq!(again.keys().generation, 2, "opening changes nothing");
}

#[tokio::test]
async fn a_plain_ring_is_sealed_by_the_first_who_has_a_master_key_and_leaves_no_trace() {
    let world = World::new();
    let plain = world.node(&settings(None)).await;
    let second = plain.create().await.unwrap();
    plain.promote(&second, true).await.unwrap();
    let key = plain.signing_key();
    assert!(holds_secrets(&world, &key), "the search finds what is there");

    let sealing = world.node(&sealed(master(1), None)).await;
    assert_eq!(sealing.signing_key().to_der(), key.to_der());
    assert!(!holds_secrets(&world, &key));
    // Whoever runs on without the master key goes on with what it has, and says so.
    assert!(matches!(plain.refresh().await, Err(KeyringError::Sealed(_))));
    assert!(matches!(plain.create().await, Err(KeyringError::Sealed(_))));
    assert_eq!(signs(&plain), second);
}

#[tokio::test]
async fn of_a_key_that_is_out_of_use_the_files_keep_nothing_even_without_a_master_key() {
    let world = World::new();
    let ring = world.node(&settings(None)).await;
    let mut keys = vec![ring.signing_key()];
    for _ in 0..3 {
        let next = ring.create().await.unwrap();
        ring.promote(&next, true).await.unwrap();
        keys.push(ring.signing_key());
    }
    assert!(keys.iter().all(|key| holds_secrets(&world, key)));
    let active = keys.pop().unwrap();
    for key in &keys {
        ring.retire(&key.public().kid).await.unwrap();
    }
    // The ring is much smaller now; what it took before are free pages.
    assert!(keys.iter().all(|key| !holds_secrets(&world, key)));
    assert!(holds_secrets(&world, &active));
}

#[tokio::test]
async fn a_new_master_key_takes_over_from_the_previous_one() {
    let world = World::new();
    let key = world.node(&sealed(master(1), None)).await.signing_key();
    let moved = world.node(&sealed(master(2), Some(master(1)))).await;
    assert_eq!(moved.signing_key().to_der(), key.to_der());
    assert_eq!(moved.keys().generation, 2);
    assert_eq!(world.node(&sealed(master(2), None)).await.keys().generation, 2);
    assert!(world.try_node(&sealed(master(1), None)).await.is_err());
    assert!(!holds_secrets(&world, &key));
}

#[tokio::test]
async fn a_private_half_is_bound_to_its_name_and_to_every_byte() {
    let world = World::new();
    let ring = world.node(&sealed(master(1), None)).await;
    ring.create().await.unwrap();
    let stored = ring.store.load().await.unwrap().unwrap();
    let whole: serde_json::Value = serde_json::from_str(&stored.ring.0).unwrap();
    let sealer = Sealer::new(&sealed(master(1), None)).unwrap();
    let read = |changed: &serde_json::Value| {
        let ring = SecretText(changed.to_string());
        Keys::read(&StoredRing { generation: 9, ring }, &sealer)
    };
    assert!(read(&whole).is_ok());
    let (own, other) = (&stored_key(&stored, 0), &stored_key(&stored, 1));
    let private = own.private.as_ref().unwrap();
    assert!(sealer.open(&own.kid, private).is_ok());
    assert!(sealer.open(&other.kid, private).is_err(), "it is bound to its name");
    let mut swapped = whole.clone();
    swapped["keys"][0]["private"] = whole["keys"][1]["private"].clone();
    assert!(read(&swapped).is_err(), "another key's private half");
    for member in ["data_key", "sealed"] {
        let text = whole["keys"][0]["private"][member].as_str().unwrap();
        for at in (0..text.len() - 4).step_by(5) {
            let mut changed = whole.clone();
            let other = if &text[at..=at] == "A" { "B" } else { "A" };
            changed["keys"][0]["private"][member] =
                format!("{}{other}{}", &text[..at], &text[at + 1..]).into();
            assert!(read(&changed).is_err(), "{member} at {at}");
        }
    }
    // A plain key that someone put among the sealed ones.
    let stranger = World::new();
    stranger.node(&settings(None)).await;
    let plain = stranger.store().await.load().await.unwrap().unwrap();
    let plain: serde_json::Value = serde_json::from_str(&plain.ring.0).unwrap();
    let mut mixed = whole;
    mixed["keys"].as_array_mut().unwrap().push(plain["keys"][0].clone());
    assert!(ring.store.replace(2, &SecretText(mixed.to_string())).await.unwrap());
    assert!(matches!(ring.refresh().await, Err(KeyringError::Unsealed)));
    assert!(matches!(
        world.try_node(&sealed(master(1), None)).await,
        Err(KeyringError::Unsealed | KeyringError::Unreadable)
    ));
}
