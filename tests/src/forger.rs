//! Someone who makes tokens by hand, with or without a key of the server's.

use aws_lc_rs::{hmac, rand::SystemRandom, rsa::KeyPair, signature::RSA_PKCS1_SHA256};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use common::jwt::SigningKey;
use pkcs1::{
    RsaPrivateKeyRef as RsaPrivateKey,
    der::{Decode, asn1::UintRef},
};
use serde_json::{Value, json};

/// Makes tokens whose header and claims are exactly as told.
#[derive(Debug)]
pub struct Forger {
    /// The header of the next token.
    pub header: Value,
    /// The claims of the next token.
    pub claims: Value,
}

impl Forger {
    /// Begins with a token that is in order: for alice, named after `key`, valid at `now` (in
    /// seconds since the Unix epoch) for a minute.
    pub fn imitating(key: &SigningKey, now: i64) -> Self {
        Self {
            header: json!({ "alg": "RS256", "typ": "at+jwt", "kid": key.public().kid }),
            claims: json!({
                "sub": "alice", "iss": "easel", "aud": "easel",
                "iat": now, "exp": now + 60, "jti": "forged",
            }),
        }
    }

    /// A private key as a JWK, as people keep them in files.
    ///
    /// # Panics
    /// When it is no key.
    pub fn private_jwk(key: &SigningKey) -> Value {
        let parts = RsaPrivateKey::from_der(key.to_der()).expect("a key");
        let number = |number: UintRef<'_>| BASE64_URL_SAFE_NO_PAD.encode(number.as_bytes());
        json!({
            "kty": "RSA",
            "n": number(parts.modulus),
            "e": number(parts.public_exponent),
            "d": number(parts.private_exponent),
            "p": number(parts.prime1),
            "q": number(parts.prime2),
            "dp": number(parts.exponent1),
            "dq": number(parts.exponent2),
            "qi": number(parts.coefficient),
        })
    }

    /// Changes the header.
    pub fn header(mut self, name: &str, value: Value) -> Self {
        self.header[name] = value;
        self
    }

    /// Changes a claim.
    pub fn claim(mut self, name: &str, value: Value) -> Self {
        self.claims[name] = value;
        self
    }

    /// Leaves a claim out.
    ///
    /// # Panics
    /// When the claims are no object.
    pub fn without(mut self, name: &str) -> Self {
        self.claims.as_object_mut().expect("an object").remove(name);
        self
    }

    /// The token, signed with RS256 by `key`.
    ///
    /// # Panics
    /// When the key cannot sign.
    pub fn signs(&self, key: &SigningKey) -> String {
        Self::signs_text(key, &self.header.to_string(), &self.claims.to_string())
    }

    /// A token whose header and claims are these texts, JSON or not, signed by `key`.
    ///
    /// # Panics
    /// When the key cannot sign.
    pub fn signs_text(key: &SigningKey, header: &str, claims: &str) -> String {
        let part = |text: &str| BASE64_URL_SAFE_NO_PAD.encode(text);
        let message = format!("{}.{}", part(header), part(claims));
        let pair = KeyPair::from_der(key.to_der()).expect("a key");
        let mut signature = vec![0; pair.public_modulus_len()];
        let random = SystemRandom::new();
        pair.sign(&RSA_PKCS1_SHA256, &random, message.as_bytes(), &mut signature)
            .expect("a signature");
        format!("{message}.{}", BASE64_URL_SAFE_NO_PAD.encode(signature))
    }

    /// The token, signed with HS256 by whatever `secret` is.
    pub fn authenticates(&self, secret: &[u8]) -> String {
        let message = self.message();
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), message.as_bytes());
        format!("{message}.{}", BASE64_URL_SAFE_NO_PAD.encode(tag))
    }

    /// The token with an empty signature.
    pub fn signs_nothing(&self) -> String {
        format!("{}.", self.message())
    }

    fn message(&self) -> String {
        let part = |value: &Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
        format!("{}.{}", part(&self.header), part(&self.claims))
    }
}
