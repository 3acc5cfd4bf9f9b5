//! The ring as one value: its keys, their states, and how one state becomes another. Time,
//! windows and new keys are arguments; nothing here waits for anything.

use std::{fmt, time::Duration};

use common::jwt::SigningKey;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use zeroize::Zeroizing;

use super::{
    KeyringError,
    seal::{Sealer, StoredPrivate},
};
use crate::{
    config::KeyWindows,
    store::{SecretText, StoredRing},
};

/// How long the record of a retired key is kept, without its private half, for whoever asks
/// which key signed an old token. That of a revoked key stays for ever: it must not come back.
const RECORD_KEPT_FOR: Duration = Duration::from_secs(365 * 86_400);

/// What a key may do. A key only moves down this list, but for a rollback or an import.
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
    /// Whether a key in this state is published, and tokens of it are believed.
    pub fn verifies(self) -> bool {
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

/// A state that a key came into, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// The state.
    pub state: KeyState,
    /// Since when.
    #[serde(with = "time::serde::rfc3339")]
    pub at: OffsetDateTime,
}

#[derive(Serialize, Deserialize)]
pub(super) struct RingKey {
    pub(super) kid: String,
    pub(super) state: KeyState,
    #[serde(with = "time::serde::rfc3339")]
    pub(super) created_at: OffsetDateTime,
    /// The states it went through, oldest first.
    #[serde(default)]
    pub(super) history: Vec<Step>,
    /// When a retiring key ends.
    #[serde(default, with = "time::serde::rfc3339::option")]
    pub(super) ends_at: Option<OffsetDateTime>,
    /// Gone when the key is.
    #[serde(default)]
    pub(super) private: Option<StoredPrivate>,
}

impl RingKey {
    fn new(
        key: &SigningKey,
        state: KeyState,
        now: OffsetDateTime,
        sealer: &Sealer,
    ) -> Result<Self, KeyringError> {
        let kid = key.public().kid.clone();
        let private = Some(sealer.close(&kid, key.to_der())?);
        let history = vec![Step { state, at: now }];
        Ok(Self { kid, state, created_at: now, history, ends_at: None, private })
    }

    /// What it may do at this moment: an overlap ends by itself.
    pub(super) fn state_at(&self, now: OffsetDateTime) -> KeyState {
        match self.state {
            KeyState::Retiring if self.ends_at.is_some_and(|end| end <= now) => KeyState::Retired,
            state => state,
        }
    }

    /// When it came into the state that is written down.
    pub(super) fn since(&self) -> OffsetDateTime {
        self.history.last().map_or(self.created_at, |step| step.at)
    }

    /// From when on everyone knows it.
    pub(super) fn known_from(&self, windows: &KeyWindows) -> OffsetDateTime {
        self.created_at + windows.publish_delay
    }

    pub(super) fn read(&self, sealer: &Sealer) -> Result<SigningKey, KeyringError> {
        let private = self.private.as_ref().ok_or(KeyringError::Unreadable)?;
        let key = SigningKey::from_der(&sealer.open(&self.kid, private)?)?;
        // The name is a hash of the key, so a mix-up in the store shows here.
        if key.public().kid != self.kid {
            return Err(KeyringError::Unreadable);
        }
        Ok(key)
    }

    fn enters(&mut self, state: KeyState, at: OffsetDateTime) {
        self.state = state;
        self.history.push(Step { state, at });
        self.ends_at = None;
        if !state.verifies() {
            self.private = None;
        }
    }
}

/// The ring as it is stored.
#[derive(Serialize, Deserialize)]
pub(super) struct Ring {
    /// Newest first.
    pub(super) keys: Vec<RingKey>,
}

/// What an attempt to change the ring came to.
pub(super) enum Edit<T> {
    /// It is to be stored.
    Changed(T),
    /// It is as it should be already.
    Same(T),
    /// It takes a new key, and there was none at hand.
    NeedsKey,
}

/// A change of the key that signs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Promotion {
    /// The key that signs from now on.
    pub active: String,
    /// Until when others may not know it; `None` if they all should.
    pub unknown_until: Option<OffsetDateTime>,
    /// The key that signed before and when it ends.
    pub retiring: Option<(String, OffsetDateTime)>,
}

impl Ring {
    pub(super) fn first(
        key: &SigningKey,
        now: OffsetDateTime,
        sealer: &Sealer,
    ) -> Result<Self, KeyringError> {
        Ok(Self { keys: vec![RingKey::new(key, KeyState::Active, now, sealer)?] })
    }

    pub(super) fn parse(stored: &StoredRing) -> Result<Self, KeyringError> {
        serde_json::from_str(&stored.ring.0).map_err(|_| KeyringError::Unreadable)
    }

    pub(super) fn to_text(&self) -> Result<SecretText, KeyringError> {
        // A sealed key takes less than 3,000 bytes, and a buffer that grows would leave secrets
        // behind.
        let mut json = Zeroizing::new(Vec::with_capacity(4096 * (self.keys.len() + 1)));
        serde_json::to_writer(&mut *json, self).map_err(|_| KeyringError::Unreadable)?;
        let text = std::str::from_utf8(&json).map_err(|_| KeyringError::Unreadable)?;
        Ok(SecretText(text.to_owned()))
    }

    /// Checks that whoever reads the ring with `sealer` would write it in the same way. A
    /// plain key among sealed ones was not written by any of us.
    pub(super) fn is_sealed_as_by(&self, sealer: &Sealer) -> Result<(), KeyringError> {
        for private in self.keys.iter().filter_map(|key| key.private.as_ref()) {
            match private {
                StoredPrivate::Plain(_) if sealer.seals() => return Err(KeyringError::Unsealed),
                StoredPrivate::Sealed(sealed) if !sealer.seals() => {
                    return Err(KeyringError::Sealed(sealed.master().to_owned()));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Seals what is not sealed, or sealed under another master key.
    pub(super) fn seal(&mut self, sealer: &Sealer) -> Result<Edit<()>, KeyringError> {
        let is_plain = |key: &RingKey| matches!(key.private, Some(StoredPrivate::Plain(_)));
        let is_sealed = |key: &RingKey| matches!(key.private, Some(StoredPrivate::Sealed(_)));
        if self.keys.iter().any(is_plain) && self.keys.iter().any(is_sealed) {
            return Err(KeyringError::Unsealed);
        }
        let mut changed = false;
        for key in &mut self.keys {
            let Some(private) = &key.private else { continue };
            if let Some(private) = sealer.close_anew(&key.kid, private)? {
                key.private = Some(private);
                changed = true;
            }
        }
        Ok(if changed { Edit::Changed(()) } else { Edit::Same(()) })
    }

    /// The keys without their private halves, for showing and for planning.
    pub(super) fn without_secrets(mut self) -> Self {
        for key in &mut self.keys {
            key.private = None;
        }
        self
    }

    fn at(&self, kid: &str) -> Result<usize, KeyringError> {
        let at = self.keys.iter().position(|key| key.kid == kid);
        at.ok_or_else(|| KeyringError::Unknown(kid.to_owned()))
    }

    fn active(&self) -> Option<&RingKey> {
        self.keys.iter().find(|key| key.state == KeyState::Active)
    }

    /// The key that is to sign next: the one that is known for longest.
    fn next(&self) -> Option<&RingKey> {
        let next = self.keys.iter().filter(|key| key.state == KeyState::Next);
        next.min_by_key(|key| key.created_at)
    }

    /// Lets a key sign; the one that signed before goes on verifying.
    fn activate(&mut self, at: usize, now: OffsetDateTime, windows: &KeyWindows) -> Promotion {
        let mut retiring = None;
        let ends_at = now + windows.overlap;
        for key in self.keys.iter_mut().filter(|key| key.state == KeyState::Active) {
            key.enters(KeyState::Retiring, now);
            key.ends_at = Some(ends_at);
            retiring = Some((key.kid.clone(), ends_at));
        }
        let key = &mut self.keys[at];
        key.enters(KeyState::Active, now);
        let known_from = key.known_from(windows);
        let unknown_until = (known_from > now).then_some(known_from);
        Promotion { active: key.kid.clone(), unknown_until, retiring }
    }

    pub(super) fn create(
        &mut self,
        key: &SigningKey,
        now: OffsetDateTime,
        sealer: &Sealer,
    ) -> Result<Edit<String>, KeyringError> {
        self.keys.insert(0, RingKey::new(key, KeyState::Next, now, sealer)?);
        Ok(Edit::Changed(key.public().kid.clone()))
    }

    pub(super) fn promote(
        &mut self,
        kid: &str,
        now: OffsetDateTime,
        windows: &KeyWindows,
        at_once: bool,
    ) -> Result<Edit<Promotion>, KeyringError> {
        let at = self.at(kid)?;
        let key = &self.keys[at];
        let not = |why| Err(KeyringError::Not { kid: kid.to_owned(), why });
        match key.state_at(now) {
            KeyState::Next => {}
            KeyState::Active => return not("it signs already"),
            KeyState::Retiring => return not("it is retiring: use `rollback`"),
            KeyState::Retired => return not("it is retired"),
            KeyState::Revoked => return not("it was revoked"),
        }
        let from = key.known_from(windows);
        if from > now && !at_once {
            return Err(KeyringError::TooEarly { kid: kid.to_owned(), from });
        }
        Ok(Edit::Changed(self.activate(at, now, windows)))
    }

    pub(super) fn retire(
        &mut self,
        kid: &str,
        now: OffsetDateTime,
    ) -> Result<Edit<()>, KeyringError> {
        let at = self.at(kid)?;
        let not = |why| Err(KeyringError::Not { kid: kid.to_owned(), why });
        match self.keys[at].state_at(now) {
            KeyState::Next | KeyState::Retiring => {}
            KeyState::Active => return not("it signs: promote another key first"),
            KeyState::Retired => return not("it is retired already"),
            KeyState::Revoked => return not("it was revoked"),
        }
        self.keys[at].enters(KeyState::Retired, now);
        Ok(Edit::Changed(()))
    }

    /// Ends a key at once. If it is the one that signs, the next key does from now on, or
    /// `spare` if there is none.
    pub(super) fn revoke(
        &mut self,
        kid: &str,
        spare: Option<&SigningKey>,
        now: OffsetDateTime,
        windows: &KeyWindows,
        sealer: &Sealer,
    ) -> Result<Edit<Option<Promotion>>, KeyringError> {
        let at = self.at(kid)?;
        if self.keys[at].state == KeyState::Revoked {
            return Err(KeyringError::Not { kid: kid.to_owned(), why: "it was revoked already" });
        }
        let signs = self.keys[at].state == KeyState::Active;
        if !signs {
            self.keys[at].enters(KeyState::Revoked, now);
            return Ok(Edit::Changed(None));
        }
        let successor = match (self.next().map(|key| key.kid.clone()), spare) {
            (Some(next), _) => next,
            (None, None) => return Ok(Edit::NeedsKey),
            (None, Some(spare)) => {
                self.keys.insert(0, RingKey::new(spare, KeyState::Next, now, sealer)?);
                spare.public().kid.clone()
            }
        };
        let at = self.at(kid)?;
        self.keys[at].enters(KeyState::Revoked, now);
        let successor = self.at(&successor)?;
        Ok(Edit::Changed(Some(self.activate(successor, now, windows))))
    }

    /// Lets the key sign again that stopped signing last. The one that signs now verifies on
    /// for the overlap; it does not become next again, since whoever rolls back distrusts it.
    pub(super) fn rollback(
        &mut self,
        now: OffsetDateTime,
        windows: &KeyWindows,
    ) -> Result<Edit<Promotion>, KeyringError> {
        let retiring = self.keys.iter().enumerate();
        let retiring = retiring.filter(|(_, key)| key.state_at(now) == KeyState::Retiring);
        let (at, _) =
            retiring.max_by_key(|(_, key)| key.since()).ok_or(KeyringError::NothingToRollBack)?;
        Ok(Edit::Changed(self.activate(at, now, windows)))
    }

    /// Takes a key from outside, or one of the ring's own, and lets it sign.
    pub(super) fn import(
        &mut self,
        key: &SigningKey,
        now: OffsetDateTime,
        windows: &KeyWindows,
        sealer: &Sealer,
    ) -> Result<Edit<()>, KeyringError> {
        let kid = &key.public().kid;
        if let Some(at) = self.keys.iter().position(|known| known.kid == *kid) {
            match self.keys[at].state {
                KeyState::Active => return Ok(Edit::Same(())),
                KeyState::Revoked => return Err(KeyringError::Revoked(kid.clone())),
                _ => {}
            }
            let mut known = self.keys.remove(at);
            known.private = Some(sealer.close(kid, key.to_der())?);
            self.keys.insert(0, known);
        } else {
            let mut new = RingKey::new(key, KeyState::Active, now, sealer)?;
            // It signs at once, so it has no state before that.
            new.history.clear();
            new.state = KeyState::Next;
            self.keys.insert(0, new);
        }
        self.activate(0, now, windows);
        Ok(Edit::Changed(()))
    }

    /// Does what time has made due: overlaps end, old records go, and where rotation is on, a
    /// next key is made in time and promoted when the active one has signed for long enough.
    pub(super) fn tend(
        &mut self,
        spare: Option<&SigningKey>,
        now: OffsetDateTime,
        windows: &KeyWindows,
        sealer: &Sealer,
    ) -> Result<Edit<()>, KeyringError> {
        let mut changed = false;
        for key in self.keys.iter_mut().filter(|key| key.state == KeyState::Retiring) {
            match key.ends_at {
                Some(end) if end <= now => key.enters(KeyState::Retired, end),
                Some(_) => continue,
                None => key.ends_at = Some(now + windows.overlap),
            }
            changed = true;
        }
        let before = self.keys.len();
        self.keys
            .retain(|key| key.state != KeyState::Retired || key.since() + RECORD_KEPT_FOR > now);
        changed |= self.keys.len() != before;
        match self.rotation_due(now, windows) {
            Some(Due::Promote(kid)) => {
                let at = self.at(&kid)?;
                self.activate(at, now, windows);
                changed = true;
            }
            Some(Due::Create) => {
                let Some(spare) = spare else { return Ok(Edit::NeedsKey) };
                self.create(spare, now, sealer)?;
                changed = true;
            }
            None => {}
        }
        Ok(if changed { Edit::Changed(()) } else { Edit::Same(()) })
    }

    /// Whether [`Self::tend`] would find something to do.
    pub(super) fn is_due(&self, now: OffsetDateTime, windows: &KeyWindows) -> bool {
        let of_key = |key: &RingKey| match key.state {
            KeyState::Retiring => key.ends_at.is_none_or(|end| end <= now),
            KeyState::Retired => key.since() + RECORD_KEPT_FOR <= now,
            _ => false,
        };
        self.keys.iter().any(of_key) || self.rotation_due(now, windows).is_some()
    }

    fn rotation_due(&self, now: OffsetDateTime, windows: &KeyWindows) -> Option<Due> {
        let due = self.active()?.since() + windows.rotation?;
        match self.next() {
            None => (due - windows.publish_delay <= now).then_some(Due::Create),
            Some(next) => {
                (due.max(next.known_from(windows)) <= now).then(|| Due::Promote(next.kid.clone()))
            }
        }
    }

    /// When the published set changes next, as far as that is planned.
    pub(super) fn next_change(&self, windows: &KeyWindows) -> Option<OffsetDateTime> {
        let retiring = self.keys.iter().filter(|key| key.state == KeyState::Retiring);
        let ends = retiring.filter_map(|key| key.ends_at);
        let comes = match (self.next(), self.active(), windows.rotation) {
            (None, Some(active), Some(interval)) => {
                Some(active.since() + interval - windows.publish_delay)
            }
            _ => None,
        };
        ends.chain(comes).min()
    }
}

/// What a rotation asks for.
enum Due {
    /// Make a next key.
    Create,
    /// Let this key sign.
    Promote(String),
}
