//! Requests that may be sent again: a client that does not know what became of one sends it once
//! more with the same key, and what it asks for happens once
//! (draft-ietf-httpapi-idempotency-key-header).
//!
//! The store gives one run of a request a lease, and keeps its answer. A run that did not come
//! to its end, because the node died or the store did, is taken over by the next request with
//! that key after the lease has ended. Nobody knows then how far it came: what is done must have
//! a name that is the same in every run, and meet itself ([`Attempt`]).

use std::{future::Future, net::IpAddr, str::FromStr, sync::Arc, time::Duration};

use common::UserId;
use serde_json::Value;
use sha2::{Digest, Sha256};
use tokio::task::JoinError;
use tracing::Instrument;

use crate::{
    clock::Clock,
    lifecycle::Lifecycle,
    store::{
        Begun, Fingerprint, IdempotencyStore, RequestScope, Run, RunToken, StoreError, StoredAnswer,
    },
};

/// How long a run has for itself. It is longer than any that goes well.
const LEASE: Duration = Duration::from_secs(30);

/// How long an answer is kept.
const KEPT_FOR: Duration = Duration::from_secs(24 * 3600);

/// The largest body that is kept, in bytes. A run with a larger one is as one that did not come
/// to its end: whoever asks again is told to wait, and then finds what is there already.
pub const LARGEST_ANSWER: usize = 64 * 1024;

/// The longest key, in characters.
const LONGEST_KEY: usize = 255;

/// How often what is too old is thrown away.
const SWEEP_EVERY: Duration = Duration::from_secs(30);

/// What a name is made of that the server makes up.
const LETTERS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// Why a request is not answered.
#[derive(Debug, thiserror::Error)]
pub enum IdempotencyError {
    /// It has no key, and needs one.
    #[error("a key is needed")]
    KeyRequired,
    /// Another run of it is under way, and has so much time left.
    #[error("the request is being worked on")]
    InProgress(Duration),
    /// The key names a request that asks for something else.
    #[error("the key was used for another request")]
    Reused,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A defect: the work panicked.
    #[error("the work was not done: {0}")]
    Defect(#[from] JoinError),
}

/// The text is no key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be up to {LONGEST_KEY} letters, digits, `_`, `:` and `-`, in quotes or without")]
pub struct InvalidKey;

/// A name that a client gave to a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdempotencyKey(String);

impl FromStr for IdempotencyKey {
    type Err = InvalidKey;

    /// Reads the value of an `Idempotency-Key` header: a structured-field String (RFC 9651
    /// §3.3.3), or the same without quotes, as most clients send it. The two are one key.
    fn from_str(value: &str) -> Result<Self, InvalidKey> {
        let quoted = value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
        let key = quoted.unwrap_or(value);
        let fine = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b':' | b'-');
        match (1..=LONGEST_KEY).contains(&key.len()) && key.bytes().all(fine) {
            true => Ok(Self(key.to_owned())),
            false => Err(InvalidKey),
        }
    }
}

/// Who sends a request.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Requester {
    /// A user, who has been recognised.
    User(UserId),
    /// Someone in this network.
    Network(IpAddr),
}

/// For whom something is done once, and what of the answer is not kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Once {
    requester: Requester,
    secrets: &'static [&'static str],
}

impl Once {
    /// Once for each key of this user, who has been recognised.
    pub fn for_user(user: UserId) -> Self {
        Self { requester: Requester::User(user), secrets: &[] }
    }

    /// Once for each key from this network, where nobody knows who it is.
    pub fn for_network(network: IpAddr) -> Self {
        Self { requester: Requester::Network(network), secrets: &[] }
    }

    /// Keeps these members of the answer's JSON object out of the store: secrets that are shown
    /// once. They are missing from an answer that is given again.
    pub fn without(mut self, secrets: &'static [&'static str]) -> Self {
        self.secrets = secrets;
        self
    }

    /// Which request this is, by its method, the pattern of its route, and its key.
    pub fn scope(&self, method: &str, route: &str, key: &IdempotencyKey) -> RequestScope {
        let (kind, name) = match &self.requester {
            Requester::User(user) => ("user", user.to_string()),
            Requester::Network(network) => ("network", network.to_string()),
        };
        RequestScope(digest([kind, &name, method, route, &key.0].map(str::as_bytes)))
    }

    /// An answer as it is kept, if it may be.
    pub fn kept(&self, mut answer: StoredAnswer) -> Option<StoredAnswer> {
        if !self.secrets.is_empty() && !answer.body.is_empty() {
            // What cannot be read may hold a secret anywhere.
            let mut body: Value = serde_json::from_slice(&answer.body).ok()?;
            let members = body.as_object_mut()?;
            members.retain(|name, _| !self.secrets.contains(&name.as_str()));
            answer.body = serde_json::to_vec(&body).ok()?;
        }
        (answer.body.len() <= LARGEST_ANSWER).then_some(answer)
    }
}

/// What a request asks for: the order of its query's pairs decides nothing. The key, which is
/// stored nowhere, is part of it: nobody who reads the store can try what a body has been, and
/// there may be a password in it.
pub fn fingerprint(
    key: &IdempotencyKey,
    method: &str,
    path: &str,
    query: &str,
    body: &[u8],
) -> Fingerprint {
    let mut pairs: Vec<_> = query.split('&').filter(|pair| !pair.is_empty()).collect();
    pairs.sort_unstable();
    let head = [key.0.as_str(), method, path].into_iter().chain(pairs).map(str::as_bytes);
    Fingerprint(digest(head.chain([body])))
}

/// The SHA-256 of parts, each with its length before it: no two lists of parts are one text.
fn digest<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> [u8; 32] {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    hash.finalize().into()
}

/// One run of a request, as its work sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attempt {
    first: RunToken,
    is_again: bool,
}

impl Attempt {
    /// Of a request that has no key: the only one.
    pub fn only() -> Self {
        Self { first: new_token(), is_again: false }
    }

    /// Whether an earlier run of the request may have done some of the work, or all.
    pub const fn is_again(&self) -> bool {
        self.is_again
    }

    /// A name for what is created, of so many letters and digits (up to 21). Nobody can guess
    /// it, and every run of the request makes up the same: it is made of the first run's token.
    pub fn name(&self, length: usize) -> String {
        let letters = LETTERS.len() as u128;
        let mut number = u128::from_be_bytes(self.first.0);
        let letter = |_| {
            let letter = LETTERS[(number % letters) as usize];
            number /= letters;
            char::from(letter)
        };
        (0..length).map(letter).collect()
    }
}

fn new_token() -> RunToken {
    RunToken(rand::random())
}

/// What a run leaves to whoever asks again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// This answer.
    Answer(StoredAnswer),
    /// A free key: nothing was done.
    Nothing,
    /// Only the lease: the work may have begun, and there is no answer that could be kept.
    Unknown,
}

/// What a request is answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answered<T> {
    /// By the work that was done now.
    Now(T),
    /// As it was before.
    Before(StoredAnswer),
}

/// Does work once for each request.
#[derive(Debug)]
pub struct Idempotency {
    store: Arc<dyn IdempotencyStore>,
    clock: Arc<dyn Clock>,
    lifecycle: Lifecycle,
}

impl Idempotency {
    /// Remembers requests in `store`. What is begun is finished within `lifecycle`.
    pub fn new(
        store: Arc<dyn IdempotencyStore>,
        clock: Arc<dyn Clock>,
        lifecycle: Lifecycle,
    ) -> Arc<Self> {
        Arc::new(Self { store, clock, lifecycle })
    }

    /// Does `work` for a request, unless it was done or is being done. What has begun goes on to
    /// its end and is remembered, even if the caller goes away.
    ///
    /// # Errors
    /// See [`IdempotencyError`].
    pub async fn once<T, W>(
        self: &Arc<Self>,
        scope: RequestScope,
        fingerprint: Fingerprint,
        work: impl FnOnce(Attempt) -> W + Send + 'static,
    ) -> Result<Answered<T>, IdempotencyError>
    where
        T: Send + 'static,
        W: Future<Output = (T, Outcome)> + Send,
    {
        let this = self.clone();
        let whole = async move {
            let now = this.clock.now();
            let run = Run {
                scope,
                fingerprint,
                token: new_token(),
                leased_until: now + LEASE,
                expires_at: now + KEPT_FOR,
            };
            let attempt = match this.store.begin(&run, now).await? {
                Begun::Started => Attempt { first: run.token, is_again: false },
                Begun::TakenOver { first } => Attempt { first, is_again: true },
                Begun::InProgress(left) => return Err(IdempotencyError::InProgress(left)),
                Begun::Mismatch => return Err(IdempotencyError::Reused),
                Begun::Done(answer) => return Ok(Answered::Before(answer)),
            };
            let (answer, outcome) = work(attempt).await;
            this.end(&run, outcome).await;
            Ok(Answered::Now(answer))
        };
        self.lifecycle.complete(whole.in_current_span()).await?
    }

    async fn end(&self, run: &Run, outcome: Outcome) {
        let now = self.clock.now();
        let ended = match outcome {
            Outcome::Answer(answer) => self.store.finish(run, &answer, now + KEPT_FOR, now).await,
            Outcome::Nothing => self.store.abandon(run).await,
            Outcome::Unknown => return,
        };
        match ended {
            Ok(true) => {}
            Ok(false) => tracing::warn!("a request took longer than its lease"),
            // Who asks again after the lease has ended finds what was done.
            Err(error) => tracing::warn!(%error, "what a request was answered is not kept"),
        }
    }

    /// Throws away what is too old, as time passes. Runs until it is dropped.
    pub async fn expire(self: Arc<Self>) {
        loop {
            self.clock.sleep(SWEEP_EVERY).await;
            while self.sweep().await {}
        }
    }

    async fn sweep(&self) -> bool {
        let swept = self.store.sweep(self.clock.now()).await;
        swept.unwrap_or_else(|error| {
            tracing::error!(%error, "could not remove old requests");
            false
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(text: &str) -> IdempotencyKey {
        text.parse().unwrap()
    }

    #[test]
    fn a_key_is_the_same_with_quotes_and_without() {
        let longest = "k".repeat(LONGEST_KEY);
        for text in ["a", "8e03978e-40d5-43dd-bc93-6894a57f9324", "order:7_a", &longest] {
            assert_eq!(key(text), key(&format!("\"{text}\"")), "{text}");
            assert_eq!(key(text).0, text);
        }
    }

    #[test]
    fn what_is_no_key_is_refused() {
        let too_long = "k".repeat(LONGEST_KEY + 1);
        for text in [
            "",
            "\"\"",
            "\"",
            "\"a",
            "a\"",
            "\"\"a\"\"",
            "a b",
            " a",
            "a,b",
            "\"a\", \"b\"",
            "a;b=1",
            "\"a\";b",
            "a\\\"b",
            "ä",
            ":a:\0",
            "a/b",
            &too_long,
        ] {
            assert_eq!(text.parse::<IdempotencyKey>(), Err(InvalidKey), "{text}");
        }
    }

    #[test]
    fn a_scope_is_of_one_requester_one_route_and_one_key() {
        let user = |name: &str| Once::for_user(name.parse().unwrap());
        let network = |address: &str| Once::for_network(address.parse().unwrap());
        let mut scopes = vec![
            user("alice").scope("POST", "/a", &key("k")),
            user("bob").scope("POST", "/a", &key("k")),
            user("alice").scope("PUT", "/a", &key("k")),
            user("alice").scope("POST", "/b", &key("k")),
            user("alice").scope("POST", "/a", &key("l")),
            network("192.0.2.7").scope("POST", "/a", &key("k")),
            network("2001:db8::").scope("POST", "/a", &key("k")),
        ];
        assert_eq!(user("alice").scope("POST", "/a", &key("\"k\"")), scopes[0]);
        assert_eq!(user("alice").without(&["x"]).scope("POST", "/a", &key("k")), scopes[0]);
        scopes.sort_by_key(|scope| scope.0);
        scopes.dedup();
        assert_eq!(scopes.len(), 7);
    }

    #[test]
    fn a_fingerprint_is_of_all_that_is_asked_for() {
        let key: IdempotencyKey = "k".parse().unwrap();
        let one = fingerprint(&key, "POST", "/a", "x=1&y=2", b"{}");
        assert_eq!(fingerprint(&key, "POST", "/a", "y=2&x=1", b"{}"), one);
        for other in [
            fingerprint(&key, "PUT", "/a", "x=1&y=2", b"{}"),
            fingerprint(&key, "POST", "/b", "x=1&y=2", b"{}"),
            fingerprint(&key, "POST", "/a", "x=1&y=3", b"{}"),
            fingerprint(&key, "POST", "/a", "x=1", b"{}"),
            fingerprint(&key, "POST", "/a", "x=1&y=2&y=2", b"{}"),
            fingerprint(&key, "POST", "/a", "x=1&y=2", b"{ }"),
            fingerprint(&key, "POST", "/a", "x=1&y=2{}", b""),
            fingerprint(&key, "POST", "/ax=1", "y=2", b"{}"),
        ] {
            assert_ne!(other, one);
        }
    }

    #[test]
    fn every_run_makes_up_the_same_name() {
        let first = Attempt::only();
        let again = Attempt { is_again: true, ..first };
        assert_eq!(first.name(12), again.name(12));
        assert_ne!(first.name(12), Attempt::only().name(12));
        let largest = Attempt { first: RunToken([255; 16]), is_again: false };
        assert!(largest.name(21).bytes().all(|b| b.is_ascii_alphanumeric()));
        // A stored token must make up the same name for ever.
        assert_eq!(largest.name(12), "7chF7tm8n9kl");
    }

    fn answer(body: impl Into<Vec<u8>>) -> StoredAnswer {
        let body = body.into();
        StoredAnswer { status: 201, content_type: None, location: None, etag: None, body }
    }

    #[test]
    fn secrets_are_not_kept() {
        let all = Once::for_user("alice".parse().unwrap());
        let some = all.clone().without(&["key", "pin"]);
        let body = r#"{"id":"a","key":"secret","more":{"pin":7}}"#;
        assert_eq!(all.kept(answer(body)), Some(answer(body)));
        assert_eq!(some.kept(answer(body)), Some(answer(r#"{"id":"a","more":{"pin":7}}"#)));
        assert_eq!(some.kept(answer("")), Some(answer("")));
        for unread in ["secret", r#"["secret"]"#] {
            assert_eq!(some.kept(answer(unread)), None);
        }
        assert!(!format!("{:?}", answer("secret")).contains("secret"));
    }

    #[test]
    fn an_answer_that_is_too_large_is_not_kept() {
        let all = Once::for_user("alice".parse().unwrap());
        assert!(all.kept(answer(vec![b'x'; LARGEST_ANSWER])).is_some());
        assert_eq!(all.kept(answer(vec![b'x'; LARGEST_ANSWER + 1])), None);
        let some = all.without(&["key"]);
        let large = format!(r#"{{"key":"{}","id":1}}"#, "x".repeat(LARGEST_ANSWER));
        assert_eq!(some.kept(answer(large)), Some(answer(r#"{"id":1}"#)));
    }
}
