//! The keys that sign and verify, in memory; the store holds them as one value.

mod change;
mod in_use;
mod ring;
mod seal;

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use common::jwt::{
    JwkSet, KeyError, ParsedToken, PublicJwk, SealedToken, SigningKey, TokenFault, VerifyingKey,
};
use sha2::{Digest, Sha256};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};
use tokio::sync::watch;

pub use self::{
    in_use::InUse,
    ring::{KeyState, Promotion, Step},
};
use self::{ring::Ring, seal::Sealer};
use crate::{
    clock::Clock,
    config::{KeySettings, KeyWindows},
    store::{KeyringStore, StoreError, StoredRing},
};

/// How long the node waits between two looks for a key it does not know: a stranger who
/// makes up key names must not reach the store.
const LOOK_AGAIN_AFTER: Duration = Duration::from_secs(10);

/// How often the node looks whether the ring has changed. What a revoked key has opened is to
/// end within a second, and the look is the smallest of reads.
const FOLLOW_EVERY: Duration = Duration::from_millis(500);

/// Every how many looks at the generation the whole ring is read: one that was put in the
/// place of ours by other means than ours shows then.
const WHOLE_RING_EVERY: u32 = 60;

/// Why the keyring cannot be used, or not in this way.
#[derive(Debug, thiserror::Error)]
pub enum KeyringError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A key failed.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The cryptographic library failed.
    #[error("the cryptographic library failed")]
    Library,
    /// The store's ring cannot be read.
    #[error("the stored keyring cannot be read; it was damaged, or not written by this version")]
    Unreadable,
    /// The store had a ring and has none now. A new one must not replace it in silence.
    #[error("the keyring is gone from the store")]
    Lost,
    /// The store has another ring than the one that this node took from it.
    #[error("the store holds another keyring than before, or an older one; restart to use it")]
    Replaced,
    /// There is no master key, and the ring takes one.
    #[error("the keyring is sealed: set EASEL_MASTER_KEY to the master key with fingerprint {0}")]
    Sealed(String),
    /// There is a master key, and some of the ring is not sealed.
    #[error("the keyring holds a key that is not sealed, which nobody with the master key wrote")]
    Unsealed,
    /// The ring is sealed under another master key.
    #[error(
        "the keyring is sealed under the master key with fingerprint {wanted}, and \
         EASEL_MASTER_KEY has {given}: set the right one, or, to move to a new one, give the old \
         one as EASEL_PREVIOUS_MASTER_KEY"
    )]
    WrongMaster {
        /// What the ring takes.
        wanted: String,
        /// What was given.
        given: String,
    },
    /// No key has this name.
    #[error("there is no key {0}; `easel keys list` shows all")]
    Unknown(String),
    /// The key is in no state for this.
    #[error("{kid}: {why}")]
    Not {
        /// Which key.
        kid: String,
        /// What speaks against it.
        why: &'static str,
    },
    /// The key is too new to sign.
    #[error(
        "{kid} is not known to everyone before {}: promote it then, or, if nobody but Easel \
         verifies tokens, at once with --now", rfc3339(.from)
    )]
    TooEarly {
        /// Which key.
        kid: String,
        /// When its publish delay is over.
        from: OffsetDateTime,
    },
    /// No key is retiring.
    #[error("no key is within its overlap, so there is none to go back to")]
    NothingToRollBack,
    /// A key that was revoked stays so.
    #[error("the key {0} was revoked and cannot be used again")]
    Revoked(String),
    /// Others change the ring all the time.
    #[error("the keyring was changed by others again and again meanwhile; try again")]
    Raced,
}

/// A time as people and programs read it.
pub(crate) fn rfc3339(time: &OffsetDateTime) -> String {
    // Only a year of five digits cannot be written so.
    time.format(&Rfc3339).unwrap_or_else(|_| time.to_string())
}

/// A key without its secret, for listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeySummary {
    /// Its thumbprint.
    pub kid: String,
    /// What it may do now.
    pub state: KeyState,
    /// When it came into the ring.
    pub created_at: OffsetDateTime,
    /// When its publish delay is over.
    pub known_from: OffsetDateTime,
    /// When it ends, for a key that is retiring.
    pub ends_at: Option<OffsetDateTime>,
    /// Which states it came into, and when.
    pub history: Vec<Step>,
}

/// What the world may see of the ring, and for how long.
#[derive(Debug, Clone)]
pub struct Published {
    /// Every key that verifies.
    pub keys: JwkSet,
    /// How long it may be kept.
    pub max_age: Duration,
}

/// What the ring means, ready for use.
struct Keys {
    generation: u64,
    /// Of the stored text: another ring with our generation is not ours.
    digest: [u8; 32],
    ring: Ring,
    signing: Arc<SigningKey>,
    verifying: HashMap<String, (PublicJwk, VerifyingKey)>,
}

impl Keys {
    fn read(stored: &StoredRing, sealer: &Sealer) -> Result<Self, KeyringError> {
        let ring = Ring::parse(stored)?;
        let mut signing = None;
        let mut verifying = HashMap::new();
        for entry in ring.keys.iter().filter(|entry| entry.state.verifies()) {
            let key = entry.read(sealer)?;
            let verifier = VerifyingKey::new(key.public()).ok_or(KeyringError::Unreadable)?;
            verifying.insert(entry.kid.clone(), (key.public().clone(), verifier));
            if entry.state == KeyState::Active {
                signing = Some(Arc::new(key));
            }
        }
        Ok(Self {
            generation: stored.generation,
            digest: digest(stored),
            ring: ring.without_secrets(),
            signing: signing.ok_or(KeyringError::Unreadable)?,
            verifying,
        })
    }

    /// What a key may do; `None` for one that is not in the ring.
    fn state(&self, kid: &str, now: OffsetDateTime) -> Option<KeyState> {
        self.ring.keys.iter().find(|key| key.kid == kid).map(|key| key.state_at(now))
    }
}

fn digest(stored: &StoredRing) -> [u8; 32] {
    Sha256::digest(stored.ring.0.as_bytes()).into()
}

/// The keys of this node.
pub struct Keyring {
    store: Arc<dyn KeyringStore>,
    clock: Arc<dyn Clock>,
    windows: KeyWindows,
    sealer: Sealer,
    keys: watch::Sender<Arc<Keys>>,
    last_look: Mutex<OffsetDateTime>,
}

impl Keyring {
    /// Takes the ring from the store, or creates the first one. Of several nodes that start
    /// at once on an empty store, all end up with the same ring. With a master key, a ring
    /// that is not sealed under it is sealed now.
    ///
    /// # Errors
    /// See [`KeyringError`].
    pub async fn open(
        store: Arc<dyn KeyringStore>,
        clock: Arc<dyn Clock>,
        settings: &KeySettings,
    ) -> Result<Self, KeyringError> {
        let sealer = Sealer::new(settings)?;
        let stored = match store.load().await? {
            Some(stored) => stored,
            None => {
                let key = change::generate().await?;
                let ring = Ring::first(&key, clock.now(), &sealer)?;
                store.create(&ring.to_text()?).await?
            }
        };
        if let Err(KeyringError::Unsealed) = Ring::parse(&stored)?.is_sealed_as_by(&sealer) {
            tracing::warn!(
                "private keys lay in the store as they are, and are sealed from now on: whoever \
                 can read its backups has them, so if that may be, rotate the keys"
            );
        }
        let keys = watch::Sender::new(Arc::new(Keys::read(&stored, &sealer)?));
        let last_look = Mutex::new(clock.now() - LOOK_AGAIN_AFTER);
        let keyring = Self { store, clock, windows: settings.windows, sealer, keys, last_look };
        keyring.seal().await?;
        Ok(keyring)
    }

    /// The key that signs now.
    pub fn signing_key(&self) -> Arc<SigningKey> {
        self.keys().signing.clone()
    }

    /// Every key that verifies at this moment, as the world may see it.
    pub fn published(&self) -> Published {
        let (keys, now) = (self.keys(), self.clock.now());
        let in_use = keys.ring.keys.iter().filter(|key| key.state_at(now).verifies());
        let public = in_use.filter_map(|key| keys.verifying.get(&key.kid));
        let set = JwkSet { keys: public.map(|(public, _)| public.clone()).collect() };
        let planned = keys.ring.next_change(&self.windows);
        let left = planned.map_or(Duration::MAX, |at| (at - now).try_into().unwrap_or_default());
        Published { keys: set, max_age: self.windows.jwks_max_age.min(left) }
    }

    /// The key of this name. One that is not in memory may be new in the store: the node
    /// looks there, at most once in `LOOK_AGAIN_AFTER`.
    ///
    /// # Errors
    /// [`TokenFault::Revoked`] for a key of ours that is out of use, [`TokenFault::UnknownKey`]
    /// for any other.
    pub async fn verifying_key(&self, kid: &str) -> Result<VerifyingKey, TokenFault> {
        if let Some(answer) = self.known_key(kid) {
            return answer;
        }
        if self.may_look()
            && let Err(error) = self.refresh().await
        {
            tracing::warn!(%error, "could not look for an unknown key");
        }
        self.known_key(kid).unwrap_or(Err(TokenFault::UnknownKey))
    }

    /// The token and its key, if the token is headed as we do it and the key verifies now: a
    /// short way to what [`Self::verifying_key`] finds for a token that was read.
    pub fn signer_of<'a>(&self, token: SealedToken<'a>) -> Option<(ParsedToken<'a>, VerifyingKey)> {
        let (keys, now) = (self.keys(), self.clock.now());
        let mut known = keys.verifying.values();
        let (token, key) = known.find_map(|(_, key)| Some((token.headed_by(key)?, key)))?;
        let verifies = keys.state(token.kid(), now).is_some_and(KeyState::verifies);
        verifies.then(|| (token, key.clone()))
    }

    /// Whether a key of this name is in memory and verifies at this time.
    pub fn verifies(&self, kid: &str, now: OffsetDateTime) -> bool {
        let keys = self.keys.borrow();
        keys.verifying.contains_key(kid) && keys.state(kid, now).is_some_and(KeyState::verifies)
    }

    fn known_key(&self, kid: &str) -> Option<Result<VerifyingKey, TokenFault>> {
        let keys = self.keys();
        let verifies = keys.state(kid, self.clock.now())?.verifies();
        let key = keys.verifying.get(kid).filter(|_| verifies);
        Some(key.map(|(_, key)| key.clone()).ok_or(TokenFault::Revoked))
    }

    /// Follows what becomes of a key: for rights that last no longer than it does.
    pub fn in_use(&self, kid: &str) -> InUse {
        InUse::new(kid, self.keys.subscribe())
    }

    /// Compares memory with the store.
    ///
    /// # Errors
    /// [`KeyringError::Lost`] when the store has no ring any more, [`KeyringError::Replaced`]
    /// when it has one that ours did not become: the node keeps its own and goes on verifying,
    /// and says so.
    pub async fn refresh(&self) -> Result<(), KeyringError> {
        let stored = self.store.load().await?.ok_or(KeyringError::Lost)?;
        self.take_over(&stored)
    }

    fn take_over(&self, stored: &StoredRing) -> Result<(), KeyringError> {
        let known = self.keys();
        if stored.generation == known.generation && digest(stored) == known.digest {
            return Ok(());
        }
        if stored.generation <= known.generation {
            return Err(KeyringError::Replaced);
        }
        Ring::parse(stored)?.is_sealed_as_by(&self.sealer)?;
        let keys = Arc::new(Keys::read(stored, &self.sealer)?);
        self.keys.send_if_modified(|current| {
            // Another look may have brought a newer ring meanwhile.
            let newer = keys.generation > current.generation;
            if newer {
                tell_what_changed(&current.ring, &keys.ring);
                *current = keys;
            }
            newer
        });
        Ok(())
    }

    /// Takes over changes of the ring, and makes those that are due, as time passes. Runs
    /// until it is dropped.
    pub async fn follow(self: Arc<Self>) {
        let mut trouble = String::new();
        for look in 1_u32.. {
            self.clock.sleep(FOLLOW_EVERY).await;
            let outcome = self.look(look % WHOLE_RING_EVERY == 0).await;
            let now = outcome.err().map(|error| error.to_string()).unwrap_or_default();
            // Trouble that lasts is said once, not every second.
            if now != trouble {
                match now.is_empty() {
                    true => tracing::info!("the keyring is as it should be again"),
                    false => tracing::error!(error = now, "the keyring cannot be followed"),
                }
            }
            trouble = now;
        }
    }

    async fn look(&self, at_the_whole_ring: bool) -> Result<(), KeyringError> {
        let generation = self.store.generation().await?.ok_or(KeyringError::Lost)?;
        if at_the_whole_ring || generation != self.keys().generation {
            self.refresh().await?;
        }
        self.tend().await
    }

    /// Every key of the ring, newest first.
    ///
    /// # Errors
    /// See [`KeyringError`].
    pub async fn list(&self) -> Result<Vec<KeySummary>, KeyringError> {
        self.refresh().await?;
        let (keys, now) = (self.keys(), self.clock.now());
        let summary = |entry: &ring::RingKey| KeySummary {
            kid: entry.kid.clone(),
            state: entry.state_at(now),
            created_at: entry.created_at,
            known_from: entry.known_from(&self.windows),
            ends_at: entry.ends_at,
            history: entry.history.clone(),
        };
        Ok(keys.ring.keys.iter().map(summary).collect())
    }

    fn keys(&self) -> Arc<Keys> {
        self.keys.borrow().clone()
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

/// A line for every key that came into another state, whoever brought it there.
fn tell_what_changed(before: &Ring, after: &Ring) {
    for key in &after.keys {
        let was = before.keys.iter().find(|known| known.kid == key.kid).map(|known| known.state);
        if was == Some(key.state) {
            continue;
        }
        let (kid, state) = (&key.kid, key.state);
        let was = was.map_or("new".to_owned(), |state| state.to_string());
        match state {
            KeyState::Next | KeyState::Retiring | KeyState::Retired => {
                tracing::info!(key.id = kid, key.was = was, "a signing key is now {state}");
            }
            KeyState::Active | KeyState::Revoked => {
                tracing::warn!(key.id = kid, key.was = was, "a signing key is now {state}");
            }
        }
    }
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keyring")
            .field("generation", &self.keys().generation)
            .field("windows", &self.windows)
            .field("sealer", &self.sealer)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
