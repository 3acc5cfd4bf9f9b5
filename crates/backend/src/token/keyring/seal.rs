//! Private halves at rest. Each is encrypted with a random data key of its own, and the data
//! key with one that is derived from the master key: a new master key has only the data keys
//! encrypted anew. AES-256-GCM throughout, with random nonces; what is encrypted is bound to
//! its key's name and to this format.
//!
//! Sealing keeps what a copy of the store says secret. It does not stop someone who can write
//! to the store: without a master key they could put a ring of their own there.

use std::fmt;

use aws_lc_rs::{
    aead::{AES_256_GCM, Aad, Nonce, RandomizedNonceKey},
    hkdf::{HKDF_SHA256, KeyType, Salt},
    rand,
};
use base64::{Engine, prelude::BASE64_STANDARD};
use serde::{
    Deserialize, Deserializer, Serialize,
    de::{self, MapAccess, Visitor, value::MapAccessDeserializer},
};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use super::KeyringError;
use crate::config::{KeySettings, MasterKey};

/// The names that separate what is derived from a master key, and what is encrypted: those of
/// another format could not be mistaken for it.
const DERIVE_KEY: &[u8] = b"easel keyring 1: key encryption";
const DERIVE_NAME: &[u8] = b"easel keyring 1: name of the master key";
const DATA_KEY: &str = "easel keyring 1: data key of ";
const PRIVATE_KEY: &str = "easel keyring 1: private key ";

/// Bytes of an AES-256 key.
const KEY_BYTES: usize = 32;
/// Bytes of a GCM nonce, which stands before what it was used for.
const NONCE_BYTES: usize = 12;
/// Bytes of a GCM tag, which stands behind it.
const TAG_BYTES: usize = 16;

/// A private half as it is stored.
#[derive(Serialize, Zeroize, ZeroizeOnDrop)]
#[serde(untagged)]
pub(super) enum StoredPrivate {
    /// PKCS#1 DER, base64. A secret.
    Plain(String),
    /// For who has the master key.
    Sealed(Sealed),
}

/// An encrypted private half; each value is nonce, ciphertext and tag in base64.
#[derive(Serialize, Deserialize, Zeroize)]
pub(super) struct Sealed {
    /// Which master key it takes.
    master: String,
    /// The data key, under that master key.
    data_key: String,
    /// The private half, under the data key.
    sealed: String,
}

/// By hand: what serde derives for an untagged enum keeps a copy of the secret, unwiped.
impl<'de> Deserialize<'de> for StoredPrivate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TextOrObject;

        impl<'de> Visitor<'de> for TextOrObject {
            type Value = StoredPrivate;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a private half, plain or sealed")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<StoredPrivate, E> {
                Ok(StoredPrivate::Plain(text.to_owned()))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<StoredPrivate, A::Error> {
                Sealed::deserialize(MapAccessDeserializer::new(map)).map(StoredPrivate::Sealed)
            }
        }

        deserializer.deserialize_any(TextOrObject)
    }
}

impl Sealed {
    /// The fingerprint of the master key that it takes.
    pub(super) fn master(&self) -> &str {
        &self.master
    }
}

/// What a master key is used for.
struct Wrapping {
    /// A fingerprint of the master key, so that a wrong one is told from a broken ring.
    name: String,
    key: RandomizedNonceKey,
}

impl Wrapping {
    fn new(master: &MasterKey) -> Result<Self, KeyringError> {
        struct Bytes(usize);
        impl KeyType for Bytes {
            fn len(&self) -> usize {
                self.0
            }
        }
        let random = Salt::new(HKDF_SHA256, &[]).extract(master.bytes());
        let derive = |info: &[u8], bytes: &mut [u8]| {
            let info = [info];
            let derived = random.expand(&info, Bytes(bytes.len())).map_err(failed)?;
            derived.fill(bytes).map_err(failed)
        };
        let (mut key, mut name) = (Zeroizing::new([0; KEY_BYTES]), [0; 8]);
        derive(DERIVE_KEY, &mut *key)?;
        derive(DERIVE_NAME, &mut name)?;
        let name = name.iter().map(|byte| format!("{byte:02x}")).collect();
        Ok(Self { name, key: cipher(&*key)? })
    }

    fn wrap(&self, kid: &str, data_key: &[u8]) -> Result<String, KeyringError> {
        encrypt(&self.key, &format!("{DATA_KEY}{kid}"), data_key)
    }

    fn unwrap(&self, kid: &str, wrapped: &str) -> Option<Zeroizing<Vec<u8>>> {
        decrypt(&self.key, &format!("{DATA_KEY}{kid}"), wrapped)
    }
}

/// Seals private halves and opens them, as far as there are master keys.
pub(super) struct Sealer {
    current: Option<Wrapping>,
    previous: Option<Wrapping>,
}

impl Sealer {
    pub(super) fn new(settings: &KeySettings) -> Result<Self, KeyringError> {
        let wrapping = |master: &Option<MasterKey>| master.as_ref().map(Wrapping::new).transpose();
        Ok(Self {
            current: wrapping(&settings.master)?,
            previous: wrapping(&settings.previous_master)?,
        })
    }

    /// Whether there is a master key.
    pub(super) fn seals(&self) -> bool {
        self.current.is_some()
    }

    /// A private half as it is to be stored.
    pub(super) fn close(&self, kid: &str, der: &[u8]) -> Result<StoredPrivate, KeyringError> {
        let Some(wrapping) = &self.current else {
            return Ok(StoredPrivate::Plain(BASE64_STANDARD.encode(der)));
        };
        let mut data_key = Zeroizing::new([0; KEY_BYTES]);
        rand::fill(&mut *data_key).map_err(failed)?;
        Ok(StoredPrivate::Sealed(Sealed {
            master: wrapping.name.clone(),
            data_key: wrapping.wrap(kid, &*data_key)?,
            sealed: encrypt(&cipher(&*data_key)?, &format!("{PRIVATE_KEY}{kid}"), der)?,
        }))
    }

    /// The private half, as PKCS#1 DER.
    pub(super) fn open(
        &self,
        kid: &str,
        stored: &StoredPrivate,
    ) -> Result<Zeroizing<Vec<u8>>, KeyringError> {
        match stored {
            StoredPrivate::Plain(text) => {
                let der = BASE64_STANDARD.decode(text).map_err(|_| KeyringError::Unreadable)?;
                Ok(Zeroizing::new(der))
            }
            StoredPrivate::Sealed(sealed) => {
                let data_key = self.data_key(kid, sealed)?;
                decrypt(&cipher(&data_key)?, &format!("{PRIVATE_KEY}{kid}"), &sealed.sealed)
                    .ok_or(KeyringError::Unreadable)
            }
        }
    }

    /// The same private half as it would be stored now; `None` if it is stored so already.
    pub(super) fn close_anew(
        &self,
        kid: &str,
        stored: &StoredPrivate,
    ) -> Result<Option<StoredPrivate>, KeyringError> {
        let Some(wrapping) = &self.current else {
            return Ok(None);
        };
        match stored {
            StoredPrivate::Plain(_) => self.close(kid, &self.open(kid, stored)?).map(Some),
            StoredPrivate::Sealed(sealed) if sealed.master == wrapping.name => Ok(None),
            StoredPrivate::Sealed(sealed) => Ok(Some(StoredPrivate::Sealed(Sealed {
                master: wrapping.name.clone(),
                data_key: wrapping.wrap(kid, &self.data_key(kid, sealed)?)?,
                sealed: sealed.sealed.clone(),
            }))),
        }
    }

    fn data_key(&self, kid: &str, sealed: &Sealed) -> Result<Zeroizing<Vec<u8>>, KeyringError> {
        let Some(current) = &self.current else {
            return Err(KeyringError::Sealed(sealed.master.clone()));
        };
        let known = [Some(current), self.previous.as_ref()];
        let wrapping = known.into_iter().flatten().find(|known| known.name == sealed.master);
        let wrapping = wrapping.ok_or_else(|| KeyringError::WrongMaster {
            wanted: sealed.master.clone(),
            given: current.name.clone(),
        })?;
        wrapping.unwrap(kid, &sealed.data_key).ok_or(KeyringError::Unreadable)
    }
}

impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sealer").field("seals", &self.seals()).finish_non_exhaustive()
    }
}

fn cipher(key: &[u8]) -> Result<RandomizedNonceKey, KeyringError> {
    RandomizedNonceKey::new(&AES_256_GCM, key).map_err(failed)
}

fn encrypt(key: &RandomizedNonceKey, what: &str, plain: &[u8]) -> Result<String, KeyringError> {
    // In one piece from the start: a buffer that grows would leave the plain text behind.
    let mut buffer = Zeroizing::new(Vec::with_capacity(plain.len() + TAG_BYTES));
    buffer.extend_from_slice(plain);
    let nonce = key.seal_in_place_append_tag(Aad::from(what), &mut *buffer).map_err(failed)?;
    Ok(BASE64_STANDARD.encode([nonce.as_ref().as_slice(), &buffer].concat()))
}

/// `None` when it is not what was encrypted with this key for this purpose.
fn decrypt(key: &RandomizedNonceKey, what: &str, text: &str) -> Option<Zeroizing<Vec<u8>>> {
    let mut buffer = Zeroizing::new(BASE64_STANDARD.decode(text).ok()?);
    let (nonce, _) = buffer.split_first_chunk::<NONCE_BYTES>()?;
    let nonce = Nonce::from(nonce);
    let plain = key.open_in_place(nonce, Aad::from(what), buffer.get_mut(NONCE_BYTES..)?).ok()?;
    Some(Zeroizing::new(plain.to_vec()))
}

/// The library says no more than that.
fn failed(_: aws_lc_rs::error::Unspecified) -> KeyringError {
    KeyringError::Library
}
