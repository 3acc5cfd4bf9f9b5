//! Verifying tokens as RFC 8725 asks: our key ring decides algorithm and key, never the
//! token, and every claim is checked for its type before it is believed.

use std::{borrow::Cow, fmt, str, sync::Arc, time::Duration};

use aws_lc_rs::{
    constant_time,
    digest::{self, Digest},
    signature::{ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents},
};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use serde::{
    Deserialize, Deserializer,
    de::{self, DeserializeOwned, MapAccess, Visitor, value::MapDeserializer},
};
use serde_json::Value;

use super::{ALGORITHM, Claims, PublicJwk, TOKEN_TYPE, sign};

/// Longest token that is looked at, in bytes. Ours have about 800; a longer one is refused
/// before any cryptography.
pub const MAX_TOKEN_BYTES: usize = 4096;

/// How far two clocks may be apart.
pub const LEEWAY: Duration = Duration::from_secs(30);

/// Why a token is not accepted. For the log: a client only learns whether it has expired.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenFault {
    /// Not the three canonical parts of a JWT of ours.
    #[error("format")]
    Format,
    /// No key of ours has this name.
    #[error("key")]
    UnknownKey,
    /// The signature is not that of the key.
    #[error("signature")]
    Signature,
    /// The token was revoked, or its key, which was ours, is retired or revoked.
    #[error("revoked")]
    Revoked,
    /// A claim is missing, has the wrong type, or speaks of someone else.
    #[error("claims")]
    Claims,
    /// All is well but for the time.
    #[error("expired")]
    Expired,
}

/// Whom a token must come from and be meant for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expected {
    /// The `iss` of our tokens.
    pub issuer: String,
    /// The `aud` of our tokens.
    pub audience: String,
}

/// A public key, ready to verify. Cloning is cheap.
///
/// The library gets the key in the form that it computes with, once: reading it again for each
/// token would cost a seventh of a verification.
#[derive(Clone)]
pub struct VerifyingKey(Arc<Prepared>);

struct Prepared {
    kid: Arc<str>,
    /// The header of the tokens that we sign with the key, as it is spelled in them.
    header: String,
    key: ParsedPublicKey,
}

impl VerifyingKey {
    /// Reads a public key; `None` if its numbers are not base64url, or no RSA key.
    pub fn new(jwk: &PublicJwk) -> Option<Self> {
        let number = |text: &str| BASE64_URL_SAFE_NO_PAD.decode(text).ok();
        let components = RsaPublicKeyComponents { n: number(&jwk.n)?, e: number(&jwk.e)? };
        let key = components.to_parsed_public_key(&RSA_PKCS1_2048_8192_SHA256).ok()?;
        let header = serde_json::to_vec(&sign::header(&jwk.kid)).ok()?;
        let header = BASE64_URL_SAFE_NO_PAD.encode(header);
        Some(Self(Arc::new(Prepared { kid: jwk.kid.as_str().into(), header, key })))
    }
}

impl fmt::Debug for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("VerifyingKey")
    }
}

/// A token as it came: what was signed, and the signature. Nothing of it is believed yet.
#[derive(Clone, Copy)]
pub struct SealedToken<'a> {
    header: &'a str,
    claims: &'a str,
    signature: &'a str,
    digest: Digest,
}

impl<'a> SealedToken<'a> {
    /// Takes a token apart, and makes the digest that its signature is of.
    ///
    /// # Errors
    /// [`TokenFault::Format`] for what is too long, or not in three parts.
    pub fn new(token: &'a str) -> Result<Self, TokenFault> {
        if token.len() > MAX_TOKEN_BYTES {
            return Err(TokenFault::Format);
        }
        let (signed, signature) = token.rsplit_once('.').ok_or(TokenFault::Format)?;
        let (header, claims) = signed.split_once('.').ok_or(TokenFault::Format)?;
        if claims.contains('.') {
            return Err(TokenFault::Format);
        }
        let digest = digest::digest(&digest::SHA256, signed.as_bytes());
        Ok(Self { header, claims, signature, digest })
    }

    /// The SHA-256 of what was signed: nobody finds a second text that has it.
    pub fn digest(&self) -> [u8; 32] {
        let mut digest = [0; 32];
        digest.copy_from_slice(self.digest.as_ref());
        digest
    }

    /// The signature, as it is spelled in the token.
    pub fn signature(&self) -> &'a str {
        self.signature
    }

    /// Whether the signature is spelled in this way. How long the answer takes says nothing of
    /// where they differ.
    pub fn is_signed_by(&self, signature: &str) -> bool {
        let (one, other) = (self.signature.as_bytes(), signature.as_bytes());
        constant_time::verify_slices_are_equal(one, other).is_ok()
    }

    /// Reads the header, and so checks everything else about the token that needs no key.
    ///
    /// # Errors
    /// [`TokenFault::Format`], whatever is wrong.
    pub fn read(self) -> Result<ParsedToken<'a>, TokenFault> {
        let bytes = decoded(self.header)?;
        let members = object(&bytes)?;
        // RFC 7515 §4.1.11: an extension that we do not understand must not be ignored, and
        // we understand none. RFC 7797's `b64` changes what the rest means, so it is not
        // ignored where a token forgets to call it critical. Whatever else is there, such as
        // a key or where to fetch one, is not read.
        if members.has("crit") || members.has("b64") {
            return Err(TokenFault::Format);
        }
        let header: StrictHeader = members.typed().ok_or(TokenFault::Format)?;
        if header.alg != ALGORITHM || !header.typ.eq_ignore_ascii_case(TOKEN_TYPE) {
            return Err(TokenFault::Format);
        }
        Ok(ParsedToken { sealed: self, kid: header.kid.into() })
    }

    /// The token, if its header is to the letter the one that we write with this key: then
    /// there is nothing in it to read.
    pub fn headed_by(self, key: &VerifyingKey) -> Option<ParsedToken<'a>> {
        let ours = self.header == key.0.header;
        ours.then(|| ParsedToken { sealed: self, kid: key.0.kid.clone() })
    }
}

impl fmt::Debug for SealedToken<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SealedToken")
    }
}

/// A token of the right shape, whose signature is not checked yet.
pub struct ParsedToken<'a> {
    sealed: SealedToken<'a>,
    kid: Arc<str>,
}

#[derive(Deserialize)]
struct StrictHeader {
    alg: String,
    typ: String,
    kid: String,
}

impl<'a> ParsedToken<'a> {
    /// Checks everything about a token that needs no key.
    ///
    /// # Errors
    /// [`TokenFault::Format`], whatever is wrong.
    pub fn parse(token: &'a str) -> Result<Self, TokenFault> {
        SealedToken::new(token)?.read()
    }

    /// The token as it came.
    pub fn sealed(&self) -> &SealedToken<'a> {
        &self.sealed
    }

    /// The name of the key that the token says it was signed with.
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// Checks the signature, then the claims; `now` in seconds since the Unix epoch.
    ///
    /// # Errors
    /// [`TokenFault::Expired`] only for a token that is in order but for its time.
    pub fn verify(
        &self,
        key: &VerifyingKey,
        expected: &Expected,
        now: i64,
    ) -> Result<Claims, TokenFault> {
        // A non-canonical spelling of a good signature would be a second token (RFC 8725 §2.1
        // lists what comes of ambiguity); this decoder takes one spelling only.
        let signature = decoded(self.sealed.signature)?;
        let verdict = key.0.key.verify_digest_sig(&self.sealed.digest, &signature);
        verdict.map_err(|_| TokenFault::Signature)?;
        let bytes = decoded(self.sealed.claims)?;
        let claims: Claims = object(&bytes)?.typed().ok_or(TokenFault::Claims)?;
        if claims.iss != expected.issuer
            || !claims.aud.contains(&expected.audience)
            || claims.jti.is_empty()
        {
            return Err(TokenFault::Claims);
        }
        Times::of(&claims).hold_at(now)?;
        Ok(claims)
    }
}

/// What a token says of time, in seconds since the Unix epoch: all about it that changes while
/// it stays the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Times {
    iat: i64,
    nbf: Option<i64>,
    exp: i64,
}

impl Times {
    /// Those of a token with these claims.
    pub fn of(claims: &Claims) -> Self {
        Self { iat: claims.iat, nbf: claims.nbf, exp: claims.exp }
    }

    /// Whether the token is valid at this time.
    ///
    /// # Errors
    /// [`TokenFault::Claims`] before it begins, [`TokenFault::Expired`] from its end on.
    pub fn hold_at(&self, now: i64) -> Result<(), TokenFault> {
        let soon = now.saturating_add_unsigned(LEEWAY.as_secs());
        if self.iat > soon || self.nbf.is_some_and(|nbf| nbf > soon) {
            return Err(TokenFault::Claims);
        }
        // No leeway for a token that has ended: its holder knows when it ends, and our nodes
        // share their clocks more closely than any client does.
        if self.exp <= now {
            return Err(TokenFault::Expired);
        }
        Ok(())
    }
}

/// The bytes of a part: canonical base64url.
fn decoded(part: &str) -> Result<Vec<u8>, TokenFault> {
    BASE64_URL_SAFE_NO_PAD.decode(part).map_err(|_| TokenFault::Format)
}

/// Reads a part: UTF-8, a JSON object in which no name occurs twice (parsers disagree on which
/// one counts).
fn object(part: &[u8]) -> Result<Members<'_>, TokenFault> {
    let json = str::from_utf8(part).map_err(|_| TokenFault::Format)?;
    serde_json::from_str(json).map_err(|_| TokenFault::Format)
}

/// The members of a JSON object, sorted by their names, of which each is there once.
struct Members<'a>(Vec<(Name<'a>, Value)>);

#[derive(PartialEq, Eq, PartialOrd, Ord, Deserialize)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

impl Members<'_> {
    fn has(&self, name: &str) -> bool {
        self.0.iter().any(|(known, _)| known.0 == name)
    }

    fn typed<T: DeserializeOwned>(self) -> Option<T> {
        let members = self.0.into_iter().map(|(Name(name), value)| (name, value));
        T::deserialize(MapDeserializer::<_, serde_json::Error>::new(members)).ok()
    }
}

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;

        impl<'de> Visitor<'de> for Object {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object without duplicate members")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members<'de>, A::Error> {
                let mut members = Vec::with_capacity(8);
                while let Some(member) = map.next_entry::<Name, Value>()? {
                    members.push(member);
                }
                // Sorted, because comparing each with each would let a header of hundreds of
                // members cost more than the signature.
                members.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
                match members.array_windows().any(|[(one, _), (other, _)]| one == other) {
                    true => Err(de::Error::custom("duplicate member")),
                    false => Ok(Members(members)),
                }
            }
        }

        deserializer.deserialize_map(Object)
    }
}

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;
