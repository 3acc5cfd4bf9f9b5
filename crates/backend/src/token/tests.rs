use std::sync::{
    LazyLock,
    atomic::{AtomicI64, Ordering},
};

use aws_lc_rs::{rand::SystemRandom, rsa::KeyPair, signature::RSA_PKCS1_SHA256};
use common::jwt::{SigningKey, unverified};
use futures_util::poll;
use proptest::{collection::vec, prelude::*, sample::select};
use tempfile::TempDir;

use super::*;
use crate::{
    clock::{ManualClock, Sleep},
    config::{KeySettings, KeyWindows},
    store::{NoRevocations, Revocation, Revoked, SqliteStore},
};

const DAY: Duration = Duration::from_secs(86_400);

/// Keys that a ring can take in, and one that it never does.
static KEYS: LazyLock<[SigningKey; 3]> =
    LazyLock::new(|| [(); 3].map(|()| SigningKey::generate().unwrap()));
static STRANGER: LazyLock<SigningKey> = LazyLock::new(|| SigningKey::generate().unwrap());

/// A clock whose wall can be put forward and back.
#[derive(Debug, Clone)]
struct Wall {
    steady: ManualClock,
    off_by: Arc<AtomicI64>,
}

impl Clock for Wall {
    fn now(&self) -> OffsetDateTime {
        self.steady.now() + time::Duration::seconds(self.off_by.load(Ordering::Relaxed))
    }

    fn running(&self) -> Duration {
        self.steady.running()
    }

    fn sleep(&self, duration: Duration) -> Sleep {
        self.steady.sleep(duration)
    }
}

struct World {
    _directory: TempDir,
    clock: Wall,
    keyring: Arc<Keyring>,
    revocations: Arc<Revocations>,
}

impl World {
    async fn new() -> Self {
        let start = OffsetDateTime::from_unix_timestamp(2_000_000_000).unwrap();
        let clock = Wall { steady: ManualClock::new(start), off_by: Arc::default() };
        let directory = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(&directory.path().join("easel.db")).await.unwrap();
        let windows = KeyWindows {
            publish_delay: Duration::ZERO,
            overlap: Duration::from_secs(300),
            jwks_max_age: Duration::ZERO,
            rotation: None,
        };
        let settings = KeySettings { windows, master: None, previous_master: None };
        let keyring = Keyring::open(Arc::new(store), Arc::new(clock.clone()), &settings).await;
        let keyring = Arc::new(keyring.unwrap());
        let revocations = Revocations::open(Arc::new(NoRevocations), Arc::new(clock.clone())).await;
        Self { _directory: directory, clock, keyring, revocations: revocations.unwrap() }
    }

    fn revoke(&self, revoked: Revoked) {
        let ends_at = self.clock.now() + DAY;
        self.revocations.apply(vec![Revocation { position: 1, revoked, ends_at }]);
    }

    /// They remember nothing.
    fn tokens(&self) -> Tokens {
        let names = Expected { issuer: "easel".to_owned(), audience: "easel".to_owned() };
        let lifetimes = Lifetimes { default: DAY, max: DAY };
        let clock = Arc::new(self.clock.clone());
        Tokens::new(self.keyring.clone(), self.revocations.clone(), names, lifetimes, clock)
    }
}

fn spelled(part: impl AsRef<[u8]>) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(part)
}

/// A token with a header that is as good as ours and looks different.
fn with_other_header(key: &SigningKey, claims: &Claims) -> String {
    let kid = &key.public().kid;
    let header = format!(r#"{{"kid":"{kid}","alg":"RS256","typ":"AT+JWT"}}"#);
    let message = format!("{}.{}", spelled(header), spelled(serde_json::to_vec(claims).unwrap()));
    let pair = KeyPair::from_der(key.to_der()).unwrap();
    let mut signature = vec![0; pair.public_modulus_len()];
    let random = SystemRandom::new();
    pair.sign(&RSA_PKCS1_SHA256, &random, message.as_bytes(), &mut signature).unwrap();
    format!("{message}.{}", spelled(signature))
}

#[derive(Debug, Clone, Copy)]
enum Kind {
    Good,
    OtherHeader,
    OtherKey,
    OtherAudience,
    /// The signature of the token before it.
    OtherSignature,
    ChangedSignature,
    LongerSignature,
}

#[derive(Debug, Clone)]
enum Step {
    /// A token of this kind is made; its times are in seconds from now.
    Issue { kind: Kind, iat: i64, nbf: Option<i64>, exp: i64, sid: Option<u8> },
    /// One of the tokens so far is shown.
    Show(prop::sample::Index),
    /// So many seconds pass.
    Pass(u64),
    /// The wall clock is put somewhere else, in seconds from where it belongs.
    Put(i64),
    /// One of [`KEYS`] signs from now on.
    Import(usize),
    /// The key that signs, or the first one that no longer does, is revoked.
    Revoke { active: bool },
    /// The first key that no longer signs is retired.
    Retire,
    /// One of the tokens so far is revoked: with its sign-in, or with all that were issued until
    /// then.
    End(prop::sample::Index),
}

fn step() -> impl Strategy<Value = Step> {
    use Kind::*;
    let kinds = select(vec![
        Good,
        Good,
        Good,
        Good,
        OtherHeader,
        OtherKey,
        OtherAudience,
        OtherSignature,
        ChangedSignature,
        LongerSignature,
    ]);
    let (nbf, sid) = (prop::option::of(-10..60_i64), prop::option::of(0..4_u8));
    let issue = (kinds, -10..40_i64, nbf, 1..400_i64, sid)
        .prop_map(|(kind, iat, nbf, exp, sid)| Step::Issue { kind, iat, nbf, exp, sid });
    prop_oneof![
        6 => issue,
        20 => any::<prop::sample::Index>().prop_map(Step::Show),
        4 => (0..100_u64).prop_map(Step::Pass),
        2 => (-100..100_i64).prop_map(Step::Put),
        1 => (0..KEYS.len()).prop_map(Step::Import),
        1 => any::<bool>().prop_map(|active| Step::Revoke { active }),
        1 => Just(Step::Retire),
        1 => any::<prop::sample::Index>().prop_map(Step::End),
    ]
}

/// What is done with keys may be refused: then nothing has changed.
async fn change_keys(world: &World, step: &Step) {
    let retiring = async || {
        let keys = world.keyring.list().await.unwrap();
        keys.into_iter().find(|key| key.state == KeyState::Retiring).map(|key| key.kid)
    };
    match step {
        Step::Import(key) => drop(world.keyring.import(&KEYS[*key]).await),
        Step::Revoke { active: true } => {
            let kid = world.keyring.signing_key().public().kid.clone();
            drop(world.keyring.revoke(&kid).await.unwrap());
        }
        Step::Revoke { active: false } => {
            if let Some(kid) = retiring().await {
                drop(world.keyring.revoke(&kid).await.unwrap());
            }
        }
        Step::Retire => {
            if let Some(kid) = retiring().await {
                world.keyring.retire(&kid).await.unwrap();
            }
        }
        _ => {}
    }
}

fn issue(world: &World, before: Option<&String>, step: &Step) -> String {
    let Step::Issue { kind, iat, nbf, exp, sid } = step else { panic!("{step:?}") };
    let now = world.clock.now().unix_timestamp();
    let mut claims = Claims {
        sub: "alice".parse().unwrap(),
        iss: "easel".to_owned(),
        aud: Audience::One("easel".to_owned()),
        iat: now + iat,
        exp: now + exp,
        nbf: nbf.map(|nbf| now + nbf),
        jti: rand::random::<u64>().to_string(),
        sid: sid.map(|sid| sid.to_string()),
    };
    let key = world.keyring.signing_key();
    if matches!(kind, Kind::OtherAudience) {
        claims.aud = Audience::One("someone".to_owned());
    }
    let token = key.sign(&claims).unwrap();
    let (message, signature) = token.rsplit_once('.').unwrap();
    match kind {
        Kind::Good | Kind::OtherAudience => token,
        Kind::OtherHeader => with_other_header(&key, &claims),
        Kind::OtherKey => STRANGER.sign(&claims).unwrap(),
        Kind::OtherSignature => {
            let other = before.and_then(|before| before.rsplit_once('.'));
            format!("{message}.{}", other.map_or("AAAA", |(_, signature)| signature))
        }
        Kind::ChangedSignature => {
            let first = if signature.starts_with('A') { 'B' } else { 'A' };
            format!("{message}.{first}{}", &signature[1..])
        }
        Kind::LongerSignature => format!("{token}AA"),
    }
}

type Told = Result<(UserId, OffsetDateTime, String), TokenFault>;

async fn told(tokens: &Tokens, token: &str) -> Told {
    let identity = tokens.verify(token).await?;
    Ok((identity.user, identity.expires_at, identity.key.kid().to_owned()))
}

async fn memory_makes_no_difference(steps: Vec<Step>) {
    let world = World::new().await;
    let remembering = world.tokens();
    let mut issued: Vec<String> = Vec::new();
    for step in steps {
        match &step {
            Step::Issue { .. } => issued.push(issue(&world, issued.last(), &step)),
            Step::Pass(seconds) => world.clock.steady.advance(Duration::from_secs(*seconds)),
            Step::Put(off_by) => world.clock.off_by.store(*off_by, Ordering::Relaxed),
            Step::Show(which) if !issued.is_empty() => {
                let token = which.get(&issued);
                // Again and again: what is told must not depend on what was told before.
                for _ in 0..2 {
                    let anew = told(&world.tokens(), token).await;
                    assert_eq!(told(&remembering, token).await, anew);
                    // Neither may a bad twin of a token do anything to it.
                    let twin = format!("{}A", &token[..token.len() - 1]);
                    if twin != *token {
                        assert!(told(&remembering, &twin).await.is_err());
                    }
                }
            }
            Step::End(which) if !issued.is_empty() => {
                let token = which.get(&issued);
                let claims = unverified(token).unwrap();
                let until = OffsetDateTime::from_unix_timestamp(claims.iat).unwrap();
                let unbound = Revoked::Unbound(claims.sub, until);
                world.revoke(claims.sid.map_or(unbound, Revoked::Sid));
                let answer = told(&remembering, token).await;
                assert!(answer.is_err(), "{answer:?}");
            }
            change => change_keys(&world, change).await,
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::with_cases(24)
    })]

    #[test]
    fn a_token_that_is_remembered_is_judged_as_any_other(steps in vec(step(), 10..120)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(memory_makes_no_difference(steps));
    }
}

#[tokio::test]
async fn a_token_is_remembered_for_a_minute_and_only_while_it_holds() {
    let world = World::new().await;
    let tokens = world.tokens();
    let issue = |seconds| {
        tokens.issue("alice".parse().unwrap(), Some(Duration::from_secs(seconds))).unwrap().token
    };
    let (short, long) = (issue(30), issue(3600));
    let remembered = |token: &str| {
        let sealed = SealedToken::new(token).unwrap();
        let now = world.clock.now().unix_timestamp();
        tokens.recent.recall(&sealed, now, world.clock.running()).is_some()
    };
    assert!(!remembered(&short) && !remembered(&long));
    tokens.verify(&short).await.unwrap();
    tokens.verify(&long).await.unwrap();
    assert!(remembered(&short) && remembered(&long));

    world.clock.steady.advance(Duration::from_secs(30));
    assert!(!remembered(&short) && remembered(&long));
    assert_eq!(tokens.verify(&short).await.unwrap_err(), TokenFault::Expired);
    world.clock.steady.advance(Duration::from_secs(30));
    assert!(!remembered(&long));
    tokens.verify(&long).await.unwrap();
    assert!(remembered(&long));
}

fn right_of(identity: &Identity) -> TicketRight {
    TicketRight {
        epoch: 1,
        kid: identity.key.kid().to_owned(),
        sid: identity.sid.as_deref().map(str::to_owned),
        issued_at: identity.issued_at,
        ends_at: identity.expires_at,
    }
}

#[tokio::test]
async fn with_a_sign_in_all_ends_that_its_tokens_opened_and_nothing_else() {
    let world = World::new().await;
    let tokens = world.tokens();
    let alice: UserId = "alice".parse().unwrap();
    let issue = |sid: &str| tokens.issue_for(alice.clone(), 2 * DAY, sid.to_owned()).unwrap();
    let plain = tokens.issue(alice.clone(), None).unwrap();
    let (one, two) = (issue("one").token, issue("two").token);
    let identity = tokens.verify(&one).await.unwrap();
    assert_eq!((&identity.user, identity.sid.as_deref()), (&alice, Some("one")));
    assert_eq!(identity.issued_at, world.clock.now());
    assert_eq!(identity.expires_at, world.clock.now() + 2 * DAY);
    let right = right_of(&identity);
    assert_eq!(tokens.recall(alice.clone(), &right).await.unwrap().sid, identity.sid);
    let (mut watched, never_waited) = (Box::pin(identity.withdrawn()), identity.withdrawn());
    assert!(poll!(&mut watched).is_pending());
    let others = [tokens.verify(&two).await.unwrap(), tokens.verify(&plain.token).await.unwrap()];

    world.revoke(Revoked::Sid("one".to_owned()));
    watched.await;
    never_waited.await;
    assert!(identity.is_revoked());
    assert_eq!(tokens.verify(&one).await.unwrap_err(), TokenFault::Revoked);
    let recalled = tokens.recall(alice.clone(), &right).await;
    assert_eq!(recalled.unwrap_err(), TokenFault::Revoked);
    for (other, token) in others.iter().zip([&two, &plain.token]) {
        assert!(poll!(Box::pin(other.withdrawn())).is_pending());
        tokens.recall(alice.clone(), &right_of(other)).await.unwrap();
        tokens.verify(token).await.unwrap();
    }
}

#[tokio::test]
async fn tokens_of_no_sign_in_are_ended_up_to_a_moment() {
    let world = World::new().await;
    let tokens = world.tokens();
    let alice: UserId = "alice".parse().unwrap();
    let early = tokens.issue(alice.clone(), None).unwrap().token;
    let signed_in = tokens.issue_for(alice.clone(), DAY, "one".to_owned()).unwrap().token;
    let identity = tokens.verify(&early).await.unwrap();
    assert_eq!(identity.sid, None);
    world.revoke(Revoked::Unbound(alice.clone(), world.clock.now()));
    identity.withdrawn().await;
    assert_eq!(tokens.verify(&early).await.unwrap_err(), TokenFault::Revoked);
    let recalled = tokens.recall(alice.clone(), &right_of(&identity)).await;
    assert_eq!(recalled.unwrap_err(), TokenFault::Revoked);
    tokens.verify(&signed_in).await.unwrap();

    world.clock.steady.advance(Duration::from_secs(1));
    let late = tokens.issue(alice, None).unwrap().token;
    tokens.verify(&late).await.unwrap();
}

#[tokio::test]
async fn how_long_a_token_of_a_sign_in_lives_is_not_for_the_settings_of_others() {
    let world = World::new().await;
    let tokens = world.tokens();
    let alice: UserId = "alice".parse().unwrap();
    assert!(matches!(tokens.issue(alice.clone(), Some(2 * DAY)), Err(IssueError::Lifetime(DAY))));
    let issued = tokens.issue_for(alice, 2 * DAY, "one".to_owned()).unwrap();
    assert_eq!(issued.lifetime, 2 * DAY);
    let claims = unverified(&issued.token).unwrap();
    assert_eq!(claims.sid.as_deref(), Some("one"));
    assert_eq!(claims.exp - claims.iat, 2 * 86_400);
}

#[tokio::test]
async fn nothing_of_a_token_shows() {
    let world = World::new().await;
    let tokens = world.tokens();
    let token = tokens.issue("alice".parse().unwrap(), None).unwrap().token;
    tokens.verify(&token).await.unwrap();
    let shown = format!("{tokens:?} {:?}", SealedToken::new(&token).unwrap());
    for part in token.split('.') {
        assert!(!shown.contains(part), "{shown}");
    }
    assert!(!shown.contains("alice"), "{shown}");
}
