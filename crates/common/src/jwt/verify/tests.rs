use super::*;
use crate::jwt::{Audience, SigningKey};
use serde_json::json;
use std::sync::LazyLock;

pub(super) const NOW: i64 = 1_800_000_000;

pub(super) static KEY: LazyLock<SigningKey> = LazyLock::new(|| SigningKey::generate().unwrap());
pub(super) static OTHER: LazyLock<SigningKey> = LazyLock::new(|| SigningKey::generate().unwrap());

pub(super) fn claims() -> Claims {
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

pub(super) fn verify_with(key: &SigningKey, token: &str, now: i64) -> Result<Claims, TokenFault> {
    let expected = Expected { issuer: "easel".to_owned(), audience: "easel".to_owned() };
    let key = VerifyingKey::new(key.public()).unwrap();
    ParsedToken::parse(token)?.verify(&key, &expected, now)
}

pub(super) fn verify(token: &str) -> Result<Claims, TokenFault> {
    verify_with(&KEY, token, NOW)
}

/// A token whose header and claims are exactly these texts, correctly signed.
pub(super) fn signed(header: &str, claims: &str) -> String {
    let message = format!("{}.{}", encoded(header), encoded(claims));
    let key = jsonwebtoken::EncodingKey::from_rsa_der(KEY.to_der());
    let algorithm = jsonwebtoken::Algorithm::RS256;
    let signature = jsonwebtoken::crypto::sign(message.as_bytes(), &key, algorithm).unwrap();
    format!("{message}.{signature}")
}

pub(super) fn encoded(part: &str) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(part)
}

pub(super) fn header() -> String {
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

#[test]
fn the_header_that_we_write_is_known_without_reading_it() {
    let token = KEY.sign(&claims()).unwrap();
    let [ours, other] = [&KEY, &OTHER].map(|key| VerifyingKey::new(key.public()).unwrap());
    let sealed = SealedToken::new(&token).unwrap();
    let known = sealed.headed_by(&ours).unwrap();
    assert_eq!(known.kid(), sealed.read().unwrap().kid());
    assert!(sealed.headed_by(&other).is_none());
    let spelled = signed(&header(), &serde_json::to_string(&claims()).unwrap());
    assert_ne!(spelled.split('.').next(), token.split('.').next(), "the test spells it otherwise");
    assert!(SealedToken::new(&spelled).unwrap().headed_by(&ours).is_none());
    assert_eq!(verify(&spelled), Ok(claims()));
}
