//! Verifying tokens as RFC 8725 asks: our key ring decides algorithm and key, never the
//! token, and every claim is checked for its type before it is believed.

use std::{collections::BTreeMap, fmt, str, time::Duration};

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, DecodingKey, crypto};
use serde::{
    Deserialize, Deserializer,
    de::{self, DeserializeOwned, MapAccess, Visitor},
};
use serde_json::Value;

use super::{ALGORITHM, Claims, PublicJwk, TOKEN_TYPE};

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
    /// The key was ours, and is retired or revoked.
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

/// A public key, ready to verify.
#[derive(Clone)]
pub struct VerifyingKey(DecodingKey);

impl VerifyingKey {
    /// Reads a public key; `None` if its numbers are not base64url.
    pub fn new(jwk: &PublicJwk) -> Option<Self> {
        DecodingKey::from_rsa_components(&jwk.n, &jwk.e).ok().map(Self)
    }
}

impl fmt::Debug for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("VerifyingKey")
    }
}

/// A token of the right shape, whose signature is not checked yet.
pub struct ParsedToken<'a> {
    signed: &'a str,
    signature: &'a str,
    claims: &'a str,
    kid: String,
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
        if token.len() > MAX_TOKEN_BYTES {
            return Err(TokenFault::Format);
        }
        let (signed, signature) = token.rsplit_once('.').ok_or(TokenFault::Format)?;
        let (header, claims) = signed.split_once('.').ok_or(TokenFault::Format)?;
        if claims.contains('.') {
            return Err(TokenFault::Format);
        }
        let members = object(header)?;
        // RFC 7515 §4.1.11: an extension that we do not understand must not be ignored, and
        // we understand none. RFC 7797's `b64` changes what the rest means, so it is not
        // ignored where a token forgets to call it critical. Whatever else is there, such as
        // a key or where to fetch one, is not read.
        if members.contains_key("crit") || members.contains_key("b64") {
            return Err(TokenFault::Format);
        }
        let header: StrictHeader = typed(members).ok_or(TokenFault::Format)?;
        if header.alg != ALGORITHM || !header.typ.eq_ignore_ascii_case(TOKEN_TYPE) {
            return Err(TokenFault::Format);
        }
        Ok(Self { signed, signature, claims, kid: header.kid })
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
        BASE64_URL_SAFE_NO_PAD.decode(self.signature).map_err(|_| TokenFault::Format)?;
        match crypto::verify(self.signature, self.signed.as_bytes(), &key.0, Algorithm::RS256) {
            Ok(true) => {}
            _ => return Err(TokenFault::Signature),
        }
        let members = object(self.claims)?;
        let claims: Claims = typed(members).ok_or(TokenFault::Claims)?;
        let soon = now.saturating_add_unsigned(LEEWAY.as_secs());
        if claims.iss != expected.issuer
            || !claims.aud.contains(&expected.audience)
            || claims.jti.is_empty()
            || claims.iat > soon
            || claims.nbf.is_some_and(|nbf| nbf > soon)
        {
            return Err(TokenFault::Claims);
        }
        // No leeway for a token that has ended: its holder knows when it ends, and our nodes
        // share their clocks more closely than any client does.
        if claims.exp <= now {
            return Err(TokenFault::Expired);
        }
        Ok(claims)
    }
}

/// Decodes one part: canonical base64url, UTF-8, a JSON object in which no name occurs
/// twice (parsers disagree on which one counts).
fn object(part: &str) -> Result<BTreeMap<String, Value>, TokenFault> {
    let bytes = BASE64_URL_SAFE_NO_PAD.decode(part).map_err(|_| TokenFault::Format)?;
    let json = str::from_utf8(&bytes).map_err(|_| TokenFault::Format)?;
    serde_json::from_str::<UniqueMembers>(json).map(|u| u.0).map_err(|_| TokenFault::Format)
}

fn typed<T: DeserializeOwned>(members: BTreeMap<String, Value>) -> Option<T> {
    serde_json::from_value(Value::Object(members.into_iter().collect())).ok()
}

struct UniqueMembers(BTreeMap<String, Value>);

impl<'de> Deserialize<'de> for UniqueMembers {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;

        impl<'de> Visitor<'de> for Members {
            type Value = UniqueMembers;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object without duplicate members")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<UniqueMembers, A::Error> {
                let mut members = BTreeMap::new();
                while let Some((name, value)) = map.next_entry::<String, Value>()? {
                    if members.insert(name, value).is_some() {
                        return Err(de::Error::custom("duplicate member"));
                    }
                }
                Ok(UniqueMembers(members))
            }
        }

        deserializer.deserialize_map(Members)
    }
}

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;
