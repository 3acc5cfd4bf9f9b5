//! The token of a mail's link. Whoever has it has the mailbox.

use std::fmt;

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::store::ProofHash;

/// Random bytes of a token. With so many, a plain hash hides it.
const RANDOM_BYTES: usize = 32;

/// Characters of a token: base64url without padding.
const LENGTH: usize = (RANDOM_BYTES * 4).div_ceil(3);

/// A token as it stands in a link.
#[derive(Clone)]
pub struct ProofToken(Zeroizing<String>);

impl ProofToken {
    /// A new one.
    pub fn random() -> Self {
        let bytes = Zeroizing::new(rand::random::<[u8; RANDOM_BYTES]>());
        Self(Zeroizing::new(BASE64_URL_SAFE_NO_PAD.encode(*bytes)))
    }

    /// A token as someone presents it; `None` for what cannot be one.
    pub fn read(text: &str) -> Option<Self> {
        let is_token = text.len() == LENGTH
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
        is_token.then(|| Self(Zeroizing::new(text.to_owned())))
    }

    /// What stores know it by: the SHA-256 of its text.
    pub fn hash(&self) -> ProofHash {
        ProofHash(Sha256::digest(self.0.as_bytes()).into())
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for ProofToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ProofToken")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_read_as_it_was_made_and_never_shown() {
        let token = ProofToken::random();
        let read = ProofToken::read(token.as_str()).unwrap();
        assert_eq!(read.hash(), token.hash());
        assert_ne!(ProofToken::random().hash(), token.hash());
        assert!(!format!("{token:?}").contains(token.as_str()));
        let other = format!("{}=", &token.as_str()[1..]);
        for bad in ["", &token.as_str()[1..], &format!("{}a", token.as_str()), &other] {
            assert!(ProofToken::read(bad).is_none(), "{bad}");
        }
    }
}
