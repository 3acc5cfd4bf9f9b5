use std::sync::{
    LazyLock,
    atomic::{AtomicI64, Ordering},
};

use aws_lc_rs::{rand::SystemRandom, rsa::KeyPair, signature::RSA_PKCS1_SHA256};
use common::jwt::SigningKey;
use proptest::{collection::vec, prelude::*, sample::select};
use tempfile::TempDir;

use super::*;
use crate::{
    clock::{ManualClock, Sleep},
    config::{KeySettings, KeyWindows},
    store::SqliteStore,
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
        Self { _directory: directory, clock, keyring: Arc::new(keyring.unwrap()) }
    }

    /// They remember nothing.
    fn tokens(&self) -> Tokens {
        let names = Expected { issuer: "easel".to_owned(), audience: "easel".to_owned() };
        let lifetimes = Lifetimes { default: DAY, max: DAY };
        Tokens::new(self.keyring.clone(), names, lifetimes, Arc::new(self.clock.clone()))
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
    Issue { kind: Kind, iat: i64, nbf: Option<i64>, exp: i64 },
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
    let issue = (kinds, -10..40_i64, prop::option::of(-10..60_i64), 1..400_i64)
        .prop_map(|(kind, iat, nbf, exp)| Step::Issue { kind, iat, nbf, exp });
    prop_oneof![
        6 => issue,
        20 => any::<prop::sample::Index>().prop_map(Step::Show),
        4 => (0..100_u64).prop_map(Step::Pass),
        2 => (-100..100_i64).prop_map(Step::Put),
        1 => (0..KEYS.len()).prop_map(Step::Import),
        1 => any::<bool>().prop_map(|active| Step::Revoke { active }),
        1 => Just(Step::Retire),
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
    let Step::Issue { kind, iat, nbf, exp } = step else { panic!("{step:?}") };
    let now = world.clock.now().unix_timestamp();
    let mut claims = Claims {
        sub: "alice".parse().unwrap(),
        iss: "easel".to_owned(),
        aud: Audience::One("easel".to_owned()),
        iat: now + iat,
        exp: now + exp,
        nbf: nbf.map(|nbf| now + nbf),
        jti: rand::random::<u64>().to_string(),
        sid: None,
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
