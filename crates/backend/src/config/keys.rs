//! How long signing keys live in each state, and what their private halves are sealed with.

use std::{fmt, time::Duration};

use base64::{
    Engine,
    alphabet::{Alphabet, STANDARD, URL_SAFE},
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use common::jwt::LEEWAY;
use zeroize::Zeroizing;

use super::{ConfigError, Lifetimes, Raw, Source, bad, duration, lifetime};

/// How long a key stays in which state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyWindows {
    /// From when a key is published until it may sign: by then everyone who verifies has
    /// fetched it.
    pub publish_delay: Duration,
    /// From when a key stops signing until it stops verifying: by then every token that it
    /// signed has ended.
    pub overlap: Duration,
    /// How long others may keep the published keys, at most.
    pub jwks_max_age: Duration,
    /// How long a key signs until the next one takes over; `None` when people do that.
    pub rotation: Option<Duration>,
}

/// All that is configured about the keyring.
#[derive(Debug, Clone)]
pub struct KeySettings {
    /// How long keys live.
    pub windows: KeyWindows,
    /// Seals private halves.
    pub master: Option<MasterKey>,
    /// The master key before this one: opens what it sealed, and seals nothing.
    pub previous_master: Option<MasterKey>,
}

/// 32 random bytes that private halves are sealed with, wiped when dropped.
#[derive(Clone)]
pub struct MasterKey(Zeroizing<[u8; MasterKey::BYTES]>);

impl MasterKey {
    const BYTES: usize = 32;

    /// The secret itself.
    pub fn bytes(&self) -> &[u8] {
        &*self.0
    }

    /// Reads 32 bytes from base64, in either alphabet, padded or not, or from 64 hexadecimal
    /// digits: what `openssl rand` prints.
    ///
    /// # Errors
    /// What would be right, in words.
    pub fn parse(text: &str) -> Result<Self, String> {
        let fix = || {
            "must be 32 random bytes in base64, as `openssl rand -base64 32` prints them, or as \
             64 hexadecimal digits"
                .to_owned()
        };
        let text = text.trim();
        let bytes = if text.len() == 2 * Self::BYTES { hex(text) } else { base64(text) };
        let bytes = bytes.filter(|bytes| bytes.len() == Self::BYTES).ok_or_else(fix)?;
        let mut key = Zeroizing::new([0; Self::BYTES]);
        key.copy_from_slice(&bytes);
        // One byte 32 times over is what people type to get past a check.
        match key.iter().all(|byte| *byte == key[0]) {
            true => Err(fix()),
            false => Ok(Self(key)),
        }
    }
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MasterKey")
    }
}

fn hex(text: &str) -> Option<Zeroizing<Vec<u8>>> {
    let digit = |byte: &u8| char::from(*byte).to_digit(16);
    let pairs = text.as_bytes().chunks_exact(2);
    let mut bytes = Zeroizing::new(Vec::with_capacity(text.len() / 2));
    for pair in pairs {
        let [high, low] = [digit(&pair[0])?, digit(&pair[1])?];
        bytes.push(u8::try_from(high * 16 + low).ok()?);
    }
    Some(bytes)
}

fn base64(text: &str) -> Option<Zeroizing<Vec<u8>>> {
    let read = |alphabet: &Alphabet| {
        let either =
            GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
        GeneralPurpose::new(alphabet, either).decode(text).ok().map(Zeroizing::new)
    };
    read(&STANDARD).or_else(|| read(&URL_SAFE))
}

impl KeySettings {
    /// Reads the settings, and refuses windows that contradict each other or the lifetime of
    /// tokens.
    pub(super) fn new(raw: &Raw, tokens: Lifetimes) -> Result<Self, ConfigError> {
        let windows = KeyWindows {
            publish_delay: raw.with("key-publish-delay", duration)?,
            overlap: raw.with("key-overlap", duration)?,
            jwks_max_age: raw.with("jwks-max-age", lifetime)?,
            rotation: raw.with("key-rotation", |value| match value {
                "off" => Ok(None),
                interval => duration(interval).map(Some).map_err(|fix| format!("{fix}, or `off`")),
            })?,
        };
        let refuse = |key: &'static str, fix: String| {
            let (value, source) = raw.get(key).unwrap_or(("", &Source::Default));
            Err(bad(key, value, source, fix))
        };
        if windows.publish_delay < windows.jwks_max_age {
            let fix = format!(
                "others may keep the published keys for jwks-max-age = {}, so a new key must be \
                 published for at least as long before it signs: raise key-publish-delay or lower \
                 jwks-max-age",
                spelled(windows.jwks_max_age)
            );
            return refuse("key-publish-delay", fix);
        }
        let needed = tokens.max + LEEWAY;
        if windows.overlap < needed {
            let fix = format!(
                "a token may be valid for token-max-ttl = {} after its key has stopped signing, so \
                 the key must be kept for that and {} more: set key-overlap to {} or longer, or \
                 lower token-max-ttl",
                spelled(tokens.max),
                spelled(LEEWAY),
                spelled(needed)
            );
            return refuse("key-overlap", fix);
        }
        if windows.rotation.is_some_and(|interval| interval < windows.publish_delay) {
            let fix = format!(
                "the next key must be published for key-publish-delay = {} before it signs: raise \
                 key-rotation or lower key-publish-delay",
                spelled(windows.publish_delay)
            );
            return refuse("key-rotation", fix);
        }
        let master = raw.optional("master-key", MasterKey::parse)?;
        let previous_master = raw.optional("previous-master-key", MasterKey::parse)?;
        if previous_master.is_some() && master.is_none() {
            let fix = "it opens what was sealed before, and master-key seals it anew: set both";
            return refuse("previous-master-key", fix.to_owned());
        }
        Ok(Self { windows, master, previous_master })
    }
}

/// A duration as it would be set. Not as the library writes it, which counts in months of
/// 30.44 days.
fn spelled(duration: Duration) -> String {
    let mut left = duration.as_millis();
    let units = [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)];
    let mut parts = Vec::new();
    for (unit, millis) in units {
        if left >= millis {
            parts.push(format!("{}{unit}", left / millis));
            left %= millis;
        }
    }
    parts.join(" ")
}
