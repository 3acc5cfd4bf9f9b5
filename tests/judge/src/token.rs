//! Tokens: whatever is believed was signed, to the letter, and says what it must.

use std::sync::LazyLock;

use aws_lc_rs::{rand::SystemRandom, rsa::KeyPair, signature::RSA_PKCS1_SHA256};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use common::{
    UserId,
    jwt::{Claims, Expected, MAX_TOKEN_BYTES, ParsedToken, SigningKey, VerifyingKey, unverified},
};
use serde_json::{Map, Value};

/// The moment at which all tokens are judged, in seconds since the Unix epoch.
const NOW: i64 = 1_800_000_000;

/// Furthest that a clock may be ahead of ours, in seconds.
const LEEWAY: i64 = 30;

static KEY: LazyLock<SigningKey> =
    LazyLock::new(|| SigningKey::generate().expect("a machine with randomness"));

static VERIFYING: LazyLock<VerifyingKey> =
    LazyLock::new(|| VerifyingKey::new(KEY.public()).expect("a key that verifies"));

/// Takes a whole token; or two lines, a header and claims, which are signed as they are.
pub fn token(input: &[u8]) {
    let Ok(input) = std::str::from_utf8(input) else { return };
    match input.split_once('\n') {
        None => unsigned(input),
        Some((header, claims)) => signed(header, claims.strip_suffix('\n').unwrap_or(claims)),
    }
}

fn verify(token: &str) -> Option<Claims> {
    let expected = Expected { issuer: "easel".to_owned(), audience: "easel".to_owned() };
    ParsedToken::parse(token).ok()?.verify(&VERIFYING, &expected, NOW).ok()
}

fn unsigned(token: &str) {
    drop(unverified(token));
    let Ok(parsed) = ParsedToken::parse(token) else { return };
    assert!(token.len() <= MAX_TOKEN_BYTES);
    let parts: Vec<&str> = token.split('.').collect();
    assert_eq!(parts.len(), 3, "{token}");
    let header = members(parts[0]).unwrap_or_else(|| panic!("no header in {token}"));
    assert_eq!(header["kid"], parsed.kid());
    is_our_kind(&header, token);
    assert_eq!(verify(token), None, "nobody signed {token}");
}

fn signed(header: &str, claims: &str) {
    let encode = |part: &str| BASE64_URL_SAFE_NO_PAD.encode(part);
    let message = format!("{}.{}", encode(header), encode(claims));
    let token = format!("{message}.{}", encode_bytes(&sign(message.as_bytes())));
    let Some(believed) = verify(&token) else { return };
    let header: Map<String, Value> = serde_json::from_str(header).expect("a header of JSON");
    is_our_kind(&header, &token);
    let said: Map<String, Value> = serde_json::from_str(claims).expect("claims of JSON");
    says_what_it_must(&said, &believed);
    no_other_spelling_is_believed(&token);
}

fn sign(message: &[u8]) -> Vec<u8> {
    let pair = KeyPair::from_der(KEY.to_der()).expect("a key");
    let mut signature = vec![0; pair.public_modulus_len()];
    pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message, &mut signature)
        .expect("a signature");
    signature
}

fn encode_bytes(bytes: &[u8]) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}

/// The members of a part that has one spelling only.
fn members(part: &str) -> Option<Map<String, Value>> {
    let bytes = BASE64_URL_SAFE_NO_PAD.decode(part).ok()?;
    assert_eq!(encode_bytes(&bytes), part, "a second spelling");
    serde_json::from_slice(&bytes).ok()
}

fn is_our_kind(header: &Map<String, Value>, token: &str) {
    assert_eq!(header["alg"], "RS256", "{token}");
    let kind = header["typ"].as_str().unwrap_or_default();
    assert_eq!(kind.to_ascii_lowercase(), "at+jwt", "{token}");
    assert!(!header.contains_key("crit"), "{token}");
}

fn says_what_it_must(said: &Map<String, Value>, believed: &Claims) {
    let number = |name: &str| said.get(name).map(|v| v.as_i64().expect("a whole number"));
    let sub = said["sub"].as_str().expect("a name");
    assert_eq!(sub.parse::<UserId>().as_ref(), Ok(&believed.sub));
    assert_eq!(said["iss"], "easel");
    let meant = match &said["aud"] {
        Value::String(one) => one == "easel",
        Value::Array(many) => many.iter().any(|one| one == "easel"),
        _ => false,
    };
    assert!(meant, "{said:?}");
    assert_eq!(number("exp"), Some(believed.exp));
    assert!(believed.exp > NOW, "{said:?}");
    assert!(number("iat").is_some_and(|iat| iat <= NOW + LEEWAY), "{said:?}");
    let begun = said.get("nbf").filter(|nbf| !nbf.is_null());
    assert!(begun.is_none_or(|nbf| nbf.as_i64().is_some_and(|n| n <= NOW + LEEWAY)), "{said:?}");
    assert!(said["jti"].as_str().is_some_and(|jti| !jti.is_empty()), "{said:?}");
}

/// Neither a changed letter nor one more nor one less: a token has one spelling.
fn no_other_spelling_is_believed(token: &str) {
    for more in ["=", ".", "A", " ", "\n", "\0"] {
        assert_eq!(verify(&format!("{token}{more}")), None, "{token}{more:?}");
        assert_eq!(verify(&format!("{more}{token}")), None, "{more:?}{token}");
    }
    assert_eq!(verify(&token[..token.len() - 1]), None);
    // The last letters of the parts are where spare bits are.
    let ends = token.match_indices('.').map(|(at, _)| at - 1).chain([token.len() - 1]);
    for at in ends {
        for other in ["A", "B", "C", "D", "Q", "g", "w", "_", "-", "+", "/", "."] {
            let changed = format!("{}{other}{}", &token[..at], &token[at + 1..]);
            if changed != token {
                assert_eq!(verify(&changed), None, "{changed}");
            }
        }
    }
}
