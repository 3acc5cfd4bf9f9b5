//! The keys that sign and verify, in memory; the store holds them as one value.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, PoisonError, RwLock},
    time::Duration,
};

use base64::{Engine, prelude::BASE64_STANDARD};
use common::jwt::{JwkSet, KeyError, SigningKey, VerifyingKey};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use crate::{
    clock::Clock,
    store::{KeyringStore, SecretText, StoreError, StoredRing},
};

/// How long the node waits between two looks for a key it does not know: a stranger who
/// makes up key names must not reach the store.
const LOOK_AGAIN_AFTER: Duration = Duration::from_secs(10);

/// How long a change of the ring may go unnoticed on a node that meets no new key.
const FOLLOW_EVERY: Duration = Duration::from_secs(30);

/// What a key may do. A key only moves down this list, but for a rollback.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum KeyState {
    /// Published and verifying, not signing yet.
    Next,
    /// Signing.
    Active,
    /// Published and verifying, not signing any more.
    Retiring,
    /// Out of use.
    Retired,
    /// Out of use at once.
    Revoked,
}

impl KeyState {
    fn verifies(self) -> bool {
        matches!(self, Self::Next | Self::Active | Self::Retiring)
    }
}

impl fmt::Display for KeyState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Next => "next",
            Self::Active => "active",
            Self::Retiring => "retiring",
            Self::Retired => "retired",
            Self::Revoked => "revoked",
        })
    }
}

/// Why the keyring cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyringError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A key failed.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The store's ring cannot be read.
    #[error("the stored keyring cannot be read; it was not written by this version of Easel")]
    Unreadable,
    /// The store had a ring and has none now. A new one must not replace it in silence.
    #[error("the keyring is gone from the store")]
    Lost,
    /// A key that was revoked stays so.
    #[error("the key {0} was revoked and cannot be used again")]
    Revoked(String),
    /// Another process changed the ring at the same time.
    #[error("the keyring was changed by someone else meanwhile; try again")]
    Raced,
}

/// The ring as it is stored.
#[derive(Serialize, Deserialize)]
struct Ring {
    /// Newest first.
    keys: Vec<RingKey>,
}

#[derive(Serialize, Deserialize)]
struct RingKey {
    kid: String,
    state: KeyState,
    #[serde(with = "time::serde::rfc3339")]
    created_at: OffsetDateTime,
    /// PKCS#1 DER, base64.
    private: String,
}

impl RingKey {
    fn new(key: &SigningKey, created_at: OffsetDateTime) -> Self {
        Self {
            kid: key.public().kid.clone(),
            state: KeyState::Active,
            created_at,
            private: BASE64_STANDARD.encode(key.to_der()),
        }
    }

    fn read(&self) -> Result<SigningKey, KeyringError> {
        let der = BASE64_STANDARD.decode(&self.private).map_err(|_| KeyringError::Unreadable)?;
        let key = SigningKey::from_der(&der)?;
        // The name is a hash of the key, so a mix-up in the store shows here.
        if key.public().kid != self.kid {
            return Err(KeyringError::Unreadable);
        }
        Ok(key)
    }
}

impl Ring {
    fn parse(stored: &StoredRing) -> Result<Self, KeyringError> {
        serde_json::from_str(&stored.ring.0).map_err(|_| KeyringError::Unreadable)
    }

    fn to_text(&self) -> Result<SecretText, KeyringError> {
        serde_json::to_string(self).map(SecretText).map_err(|_| KeyringError::Unreadable)
    }
}

/// A key without its secret, for listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeySummary {
    /// Its thumbprint.
    pub kid: String,
    /// What it may do.
    pub state: KeyState,
    /// When it came into the ring.
    pub created_at: OffsetDateTime,
}

/// What the ring means, ready for use.
struct Keys {
    generation: u64,
    signing: SigningKey,
    verifying: HashMap<String, VerifyingKey>,
    published: Arc<JwkSet>,
}

impl Keys {
    fn read(stored: &StoredRing) -> Result<Self, KeyringError> {
        let ring = Ring::parse(stored)?;
        let mut signing = None;
        let mut verifying = HashMap::new();
        let mut published = JwkSet::default();
        for entry in ring.keys.iter().filter(|entry| entry.state.verifies()) {
            let key = entry.read()?;
            let verifier = VerifyingKey::new(key.public()).ok_or(KeyringError::Unreadable)?;
            verifying.insert(entry.kid.clone(), verifier);
            published.keys.push(key.public().clone());
            if entry.state == KeyState::Active {
                signing = Some(key);
            }
        }
        Ok(Self {
            generation: stored.generation,
            signing: signing.ok_or(KeyringError::Unreadable)?,
            verifying,
            published: Arc::new(published),
        })
    }
}

/// The keys of this node.
pub struct Keyring {
    store: Arc<dyn KeyringStore>,
    clock: Arc<dyn Clock>,
    keys: RwLock<Arc<Keys>>,
    last_look: Mutex<OffsetDateTime>,
}

impl Keyring {
    /// Takes the ring from the store, or creates the first one. Of several nodes that start
    /// at once on an empty store, all end up with the same ring.
    ///
    /// # Errors
    /// See [`KeyringError`].
    pub async fn open(
        store: Arc<dyn KeyringStore>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, KeyringError> {
        let stored = match store.load().await? {
            Some(stored) => stored,
            None => {
                let key = generate().await?;
                let ring = Ring { keys: vec![RingKey::new(&key, clock.now())] };
                store.create(&ring.to_text()?).await?
            }
        };
        let keys = RwLock::new(Arc::new(Keys::read(&stored)?));
        let last_look = Mutex::new(clock.now() - LOOK_AGAIN_AFTER);
        Ok(Self { store, clock, keys, last_look })
    }

    /// The key that signs now.
    pub fn signing_key(&self) -> SigningKey {
        self.keys().signing.clone()
    }

    /// Every key that verifies, as the world may see it.
    pub fn published(&self) -> Arc<JwkSet> {
        self.keys().published.clone()
    }

    /// The key of this name. One that is not in memory may be new in the store: the node
    /// looks there, at most once in `LOOK_AGAIN_AFTER`.
    pub async fn verifying_key(&self, kid: &str) -> Option<VerifyingKey> {
        if let Some(key) = self.keys().verifying.get(kid) {
            return Some(key.clone());
        }
        if !self.may_look() {
            return None;
        }
        if let Err(error) = self.refresh().await {
            tracing::warn!(%error, "could not look for an unknown key");
        }
        self.keys().verifying.get(kid).cloned()
    }

    /// Compares memory with the store.
    ///
    /// # Errors
    /// [`KeyringError::Lost`] when the store has no ring any more: the node keeps its own and
    /// goes on verifying, and says so.
    pub async fn refresh(&self) -> Result<(), KeyringError> {
        let stored = self.store.load().await?.ok_or(KeyringError::Lost)?;
        if stored.generation > self.keys().generation {
            let keys = Arc::new(Keys::read(&stored)?);
            let mut current = self.keys.write().unwrap_or_else(PoisonError::into_inner);
            // Another look may have brought a newer ring meanwhile.
            if keys.generation > current.generation {
                *current = keys;
            }
        }
        Ok(())
    }

    /// Takes over changes of the ring as time passes. Runs until it is dropped.
    pub async fn follow(self: Arc<Self>) {
        loop {
            self.clock.sleep(FOLLOW_EVERY).await;
            if let Err(error) = self.refresh().await {
                tracing::error!(%error, "could not read the keyring");
            }
        }
    }

    /// Puts a key into the ring and lets it sign from now on; the key that signed before
    /// goes on verifying. A key that is in the ring already is only promoted.
    ///
    /// # Errors
    /// See [`KeyringError`].
    pub async fn import(&self, key: &SigningKey) -> Result<(), KeyringError> {
        let stored = self.store.load().await?.ok_or(KeyringError::Lost)?;
        let mut ring = Ring::parse(&stored)?;
        let kid = &key.public().kid;
        let known = ring.keys.iter().position(|entry| entry.kid == *kid);
        let mut entry = match known {
            Some(at) => ring.keys.remove(at),
            None => RingKey::new(key, self.clock.now()),
        };
        if entry.state == KeyState::Revoked {
            return Err(KeyringError::Revoked(entry.kid));
        }
        entry.state = KeyState::Active;
        for other in &mut ring.keys {
            if other.state == KeyState::Active {
                other.state = KeyState::Retiring;
            }
        }
        ring.keys.insert(0, entry);
        if !self.store.replace(stored.generation, &ring.to_text()?).await? {
            return Err(KeyringError::Raced);
        }
        self.refresh().await
    }

    /// Every key of the ring, newest first.
    ///
    /// # Errors
    /// See [`KeyringError`].
    pub async fn list(&self) -> Result<Vec<KeySummary>, KeyringError> {
        let stored = self.store.load().await?.ok_or(KeyringError::Lost)?;
        let summary = |entry: RingKey| KeySummary {
            kid: entry.kid,
            state: entry.state,
            created_at: entry.created_at,
        };
        Ok(Ring::parse(&stored)?.keys.into_iter().map(summary).collect())
    }

    fn keys(&self) -> Arc<Keys> {
        self.keys.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn may_look(&self) -> bool {
        let now = self.clock.now();
        let mut last = self.last_look.lock().unwrap_or_else(PoisonError::into_inner);
        let due = now - *last >= LOOK_AGAIN_AFTER;
        if due {
            *last = now;
        }
        due
    }
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keyring")
            .field("generation", &self.keys().generation)
            .finish_non_exhaustive()
    }
}

async fn generate() -> Result<SigningKey, KeyError> {
    tokio::task::spawn_blocking(SigningKey::generate).await.unwrap_or(Err(KeyError::Library))
}
