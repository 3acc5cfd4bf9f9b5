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
        // we understand none.
        if members.contains_key("crit") {
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
mod tests {
    use super::*;
    use crate::jwt::{Audience, SigningKey};
    use serde_json::json;
    use std::sync::LazyLock;

    const NOW: i64 = 1_800_000_000;

    static KEY: LazyLock<SigningKey> = LazyLock::new(|| SigningKey::generate().unwrap());
    static OTHER: LazyLock<SigningKey> = LazyLock::new(|| SigningKey::generate().unwrap());

    fn claims() -> Claims {
        Claims {
            sub: "alice".parse().unwrap(),
            iss: "easel".to_owned(),
            aud: Audience::One("easel".to_owned()),
            iat: NOW,
            exp: NOW + 60,
            nbf: None,
            jti: "1".to_owned(),
            sid: None,
        }
    }

    fn verify_with(key: &SigningKey, token: &str, now: i64) -> Result<Claims, TokenFault> {
        let expected = Expected { issuer: "easel".to_owned(), audience: "easel".to_owned() };
        let key = VerifyingKey::new(key.public()).unwrap();
        ParsedToken::parse(token)?.verify(&key, &expected, now)
    }

    fn verify(token: &str) -> Result<Claims, TokenFault> {
        verify_with(&KEY, token, NOW)
    }

    /// A token whose header and claims are exactly these texts, correctly signed.
    fn signed(header: &str, claims: &str) -> String {
        let message = format!(
            "{}.{}",
            BASE64_URL_SAFE_NO_PAD.encode(header),
            BASE64_URL_SAFE_NO_PAD.encode(claims)
        );
        let key = jsonwebtoken::EncodingKey::from_rsa_der(KEY.to_der());
        let signature = crypto::sign(message.as_bytes(), &key, Algorithm::RS256).unwrap();
        format!("{message}.{signature}")
    }

    fn header() -> String {
        json!({"alg": "RS256", "typ": "at+jwt", "kid": KEY.public().kid}).to_string()
    }

    fn claims_with(name: &str, value: serde_json::Value) -> String {
        let mut all = serde_json::to_value(claims()).unwrap();
        all[name] = value;
        signed(&header(), &all.to_string())
    }

    fn claims_without(name: &str) -> String {
        let mut all = serde_json::to_value(claims()).unwrap();
        all.as_object_mut().unwrap().remove(name);
        signed(&header(), &all.to_string())
    }

    #[test]
    fn a_token_of_ours_is_believed() {
        let token = KEY.sign(&claims()).unwrap();
        assert_eq!(verify(&token), Ok(claims()));
        assert_eq!(crate::jwt::unverified(&token), Some(claims()));
        assert_eq!(
            verify(&claims_with("aud", json!(["other", "easel"]))).unwrap().sub.as_str(),
            "alice"
        );
        assert!(verify(&claims_with("nbf", json!(NOW + 29))).is_ok(), "clocks differ a little");
    }

    #[test]
    fn a_key_survives_the_store_and_a_jwk() {
        let again = SigningKey::from_der(KEY.to_der()).unwrap();
        assert_eq!(again.public(), KEY.public());
        assert!(!format!("{again:?}").contains(&KEY.public().n));
    }

    #[test]
    fn an_expired_token_says_so_only_if_nothing_else_is_wrong() {
        let token = KEY.sign(&claims()).unwrap();
        assert_eq!(verify_with(&KEY, &token, NOW + 60), Err(TokenFault::Expired));
        assert_eq!(verify_with(&OTHER, &token, NOW + 60), Err(TokenFault::Signature));
        let mut foreign = claims();
        foreign.iss = "someone".to_owned();
        foreign.exp = NOW - 1;
        assert_eq!(verify(&KEY.sign(&foreign).unwrap()), Err(TokenFault::Claims));
    }

    #[test]
    fn every_claim_is_needed_and_typed() {
        for name in ["sub", "iss", "aud", "iat", "exp", "jti"] {
            assert_eq!(verify(&claims_without(name)), Err(TokenFault::Claims), "without {name}");
            assert_eq!(verify(&claims_with(name, json!(null))), Err(TokenFault::Claims), "{name}");
        }
        for (name, value) in [
            ("sub", json!("a:b")),
            ("sub", json!(7)),
            ("iss", json!("someone")),
            ("aud", json!("someone")),
            ("aud", json!([])),
            ("exp", json!("9999999999")),
            ("exp", json!(9.5e12)),
            ("iat", json!(NOW + 31)),
            ("nbf", json!(NOW + 31)),
            ("nbf", json!("0")),
            ("jti", json!("")),
        ] {
            assert_eq!(
                verify(&claims_with(name, value.clone())),
                Err(TokenFault::Claims),
                "{name}: {value}"
            );
        }
    }

    #[test]
    fn the_token_does_not_choose_its_algorithm_or_type() {
        let body = serde_json::to_string(&claims()).unwrap();
        let kid = &KEY.public().kid;
        for header in [
            json!({"alg": "none", "typ": "at+jwt", "kid": kid}),
            json!({"alg": "HS256", "typ": "at+jwt", "kid": kid}),
            json!({"alg": "RS512", "typ": "at+jwt", "kid": kid}),
            json!({"alg": "RS256", "typ": "JWT", "kid": kid}),
            json!({"alg": "RS256", "kid": kid}),
            json!({"alg": "RS256", "typ": "at+jwt"}),
            json!({"alg": "RS256", "typ": "at+jwt", "kid": 1}),
            json!({"alg": "RS256", "typ": "at+jwt", "kid": kid, "crit": ["exp"], "exp": 1}),
            json!({"alg": "RS256", "typ": "at+jwt", "kid": kid, "crit": []}),
        ] {
            assert_eq!(
                verify(&signed(&header.to_string(), &body)),
                Err(TokenFault::Format),
                "{header}"
            );
        }
    }

    #[test]
    fn ambiguous_spellings_are_refused() {
        let token = KEY.sign(&claims()).unwrap();
        let body = serde_json::to_string(&claims()).unwrap();
        let twice = body.replacen('{', r#"{"sub":"mallory","#, 1);
        assert_eq!(verify(&signed(&header(), &twice)), Err(TokenFault::Format));
        for bad in [
            String::new(),
            ".".to_owned(),
            "..".to_owned(),
            format!("{token}."),
            format!("{token}="),
            format!("{token}\n"),
            format!(" {token}"),
            format!("{token}.{token}"),
            token.replace('.', ".."),
            token[..token.rfind('.').unwrap()].to_owned(),
            "A".repeat(MAX_TOKEN_BYTES + 1),
        ] {
            assert_eq!(verify(&bad), Err(TokenFault::Format), "{bad:.60}");
        }
    }

    #[test]
    fn the_last_character_of_a_signature_has_one_spelling() {
        let token = KEY.sign(&claims()).unwrap();
        let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        let accepted = alphabet
            .chars()
            .filter(|last| verify(&format!("{}{last}", &token[..token.len() - 1])).is_ok())
            .count();
        assert_eq!(accepted, 1);
    }

    #[test]
    fn no_changed_byte_goes_unnoticed() {
        let token = KEY.sign(&claims()).unwrap();
        for at in (0..token.len()).step_by(7) {
            let mut bytes = token.clone().into_bytes();
            bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(bytes).unwrap();
            if changed != token {
                assert!(verify(&changed).is_err(), "byte {at}");
            }
        }
    }
}
