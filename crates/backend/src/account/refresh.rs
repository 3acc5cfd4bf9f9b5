//! Refresh tokens: what they look like, and how a successor is kept for whoever has its
//! predecessor.
//!
//! `rt_` and base64url of the chain (16 bytes), the place in it (8), what nobody can guess (32),
//! and a check (8) that tells a token that was mangled from one that is used twice: only who
//! holds a token of a chain can name the chain, and who can has a token to use twice anyway.

use std::fmt;

use aws_lc_rs::{
    aead::{AES_256_GCM, Aad, Nonce, RandomizedNonceKey},
    hkdf::{HKDF_SHA256, KeyType, Salt},
};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use sha2::{Digest, Sha256};
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::store::{Chain, RefreshHash};

const PREFIX: &str = "rt_";
const CHAIN: usize = 16;
const SEQ: usize = 8;
const SECRET: usize = 32;
const CHECK: usize = 8;
const BODY: usize = CHAIN + SEQ + SECRET;

/// More than any sign-in reaches in its life.
const LAST_SEQ: u64 = 1 << 40;

/// What separates the keys that seal successors from everything else that could be derived.
const SEAL: &[u8] = b"easel refresh token 1: successor";
/// Bytes of an AES-256 key, and of a GCM nonce, which stands before what it was used for.
const KEY: usize = 32;
const NONCE: usize = 12;

/// A refresh token.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct RefreshToken([u8; BODY]);

impl RefreshToken {
    /// The first of a chain.
    pub fn first(chain: Chain) -> Self {
        Self::new(chain, 1)
    }

    /// One that may follow this.
    pub fn next(&self) -> Self {
        Self::new(self.chain(), self.seq() + 1)
    }

    fn new(chain: Chain, seq: u64) -> Self {
        let mut body = [0; BODY];
        body[..CHAIN].copy_from_slice(&chain.0);
        body[CHAIN..CHAIN + SEQ].copy_from_slice(&seq.to_be_bytes());
        body[CHAIN + SEQ..].copy_from_slice(&rand::random::<[u8; SECRET]>());
        Self(body)
    }

    /// What was sent as a token, if it can be one of ours.
    pub fn read(text: &str) -> Option<Self> {
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(text.strip_prefix(PREFIX)?).ok()?;
        let (body, check) = bytes.split_at_checked(BODY)?;
        let body: [u8; BODY] = body.try_into().ok()?;
        // A place that no chain reaches has no place after it.
        let token = Self(body);
        (check == checked(&body) && token.seq() <= LAST_SEQ).then_some(token)
    }

    /// As it is sent.
    pub fn to_text(&self) -> String {
        let mut bytes = self.0.to_vec();
        bytes.extend(checked(&self.0));
        let text = format!("{PREFIX}{}", BASE64_URL_SAFE_NO_PAD.encode(&bytes));
        bytes.zeroize();
        text
    }

    /// What its sign-in is known by.
    pub fn chain(&self) -> Chain {
        let mut chain = [0; CHAIN];
        chain.copy_from_slice(&self.0[..CHAIN]);
        Chain(chain)
    }

    /// Its place in the chain, from 1.
    pub fn seq(&self) -> u64 {
        let mut seq = [0; SEQ];
        seq.copy_from_slice(&self.0[CHAIN..CHAIN + SEQ]);
        u64::from_be_bytes(seq)
    }

    /// What a store knows it by.
    pub fn hash(&self) -> RefreshHash {
        RefreshHash(Sha256::digest(self.0).into())
    }

    /// `next`, for who has this one alone; `None` when the library fails.
    pub fn seals(&self, next: &Self) -> Option<String> {
        let mut sealed = next.0.to_vec();
        let nonce = self.key()?.seal_in_place_append_tag(Aad::from(SEAL), &mut sealed).ok()?;
        let mut text = nonce.as_ref().to_vec();
        text.append(&mut sealed);
        Some(BASE64_URL_SAFE_NO_PAD.encode(text))
    }

    /// What [`seals`](Self::seals) sealed.
    pub fn opens(&self, sealed: &str) -> Option<Self> {
        let mut bytes = BASE64_URL_SAFE_NO_PAD.decode(sealed).ok()?;
        let (nonce, rest) = bytes.split_at_mut_checked(NONCE)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let body = self.key()?.open_in_place(nonce, Aad::from(SEAL), rest).ok()?;
        let next = body.try_into().ok().map(Self);
        bytes.zeroize();
        next
    }

    fn key(&self) -> Option<RandomizedNonceKey> {
        struct Length;
        impl KeyType for Length {
            fn len(&self) -> usize {
                KEY
            }
        }
        let secret = Salt::new(HKDF_SHA256, &[]).extract(&self.0);
        let mut key = [0; KEY];
        secret.expand(&[SEAL], Length).ok()?.fill(&mut key).ok()?;
        let made = RandomizedNonceKey::new(&AES_256_GCM, &key).ok();
        key.zeroize();
        made
    }
}

fn checked(body: &[u8; BODY]) -> [u8; CHECK] {
    let digest = Sha256::new().chain_update(b"easel refresh token 1: check").chain_update(body);
    let mut check = [0; CHECK];
    check.copy_from_slice(&digest.finalize()[..CHECK]);
    check
}

/// A token must not reach a log by way of a debug line.
impl fmt::Debug for RefreshToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RefreshToken")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn token() -> RefreshToken {
        RefreshToken::first(Chain([7; CHAIN]))
    }

    #[test]
    fn a_token_is_read_as_it_was_written() {
        let first = token();
        let second = first.next();
        assert_eq!((first.seq(), second.seq()), (1, 2));
        assert_eq!(first.chain(), second.chain());
        assert_ne!(first.hash(), second.hash());
        for token in [first, second] {
            assert_eq!(RefreshToken::read(&token.to_text()), Some(token));
        }
    }

    #[test]
    fn a_place_that_no_chain_reaches_is_in_no_token() {
        for (seq, is_read) in [(LAST_SEQ, true), (LAST_SEQ + 1, false), (u64::MAX, false)] {
            let text = RefreshToken::new(Chain([7; CHAIN]), seq).to_text();
            assert_eq!(RefreshToken::read(&text).is_some(), is_read, "{seq}");
        }
    }

    #[test]
    fn a_successor_is_for_who_has_its_predecessor() {
        let (one, other) = (token(), token());
        let next = one.next();
        let sealed = one.seals(&next).unwrap();
        assert_ne!(one.seals(&next).unwrap(), sealed, "with a nonce of its own");
        assert_eq!(one.opens(&sealed), Some(next.clone()));
        for stranger in [&other, &next] {
            assert_eq!(stranger.opens(&sealed), None);
        }
        for broken in ["", "AAAA", &sealed[1..]] {
            assert_eq!(one.opens(broken), None, "{broken}");
        }
    }

    proptest! {
        #[test]
        fn a_mangled_token_is_none(at in 0..90_usize, letter in "[A-Za-z0-9_-]") {
            let text = token().to_text();
            let at = at % text.len();
            let mangled = format!("{}{letter}{}", &text[..at], &text[at + 1..]);
            if mangled != text {
                prop_assert_eq!(RefreshToken::read(&mangled), None);
            }
        }

        #[test]
        fn whatever_is_sent_is_read_or_not(text in "\\PC{0,120}") {
            prop_assert_eq!(RefreshToken::read(&text), None);
        }
    }
}
