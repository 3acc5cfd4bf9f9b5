//! Private keys: made, imported, and used to sign.

use std::fmt;

use aws_lc_rs::{
    encoding::AsDer,
    rsa::{KeyPair, KeySize},
};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, EncodingKey, Header, jwk::AlgorithmParameters, jwk::Jwk};
use pkcs1::{
    RsaPrivateKeyRef,
    der::{Decode, Encode, asn1::UintRef},
};
use serde::Deserialize;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use super::{Claims, PublicJwk, TOKEN_TYPE};

/// Smallest RSA modulus that may sign, in bits (RFC 7518 §3.3).
pub(super) const MIN_RSA_BITS: usize = 2048;

/// Why a private key cannot be used. Says nothing of the key itself.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Not a JSON object with the members of a private RSA key.
    #[error("not a private RSA key as a JWK: {0}")]
    Json(String),
    /// A member is not base64url.
    #[error("`{0}` is not base64url without padding")]
    Base64(&'static str),
    /// The numbers do not make a key.
    #[error("not a valid RSA key")]
    Invalid,
    /// Too small to be safe.
    #[error("an RSA key of {0} bits is too small: {MIN_RSA_BITS} or more are needed")]
    TooSmall(usize),
    /// The library failed to make a key or a signature.
    #[error("the cryptographic library failed")]
    Library,
}

/// A key that signs tokens. `Debug` shows its name only, and its secret is wiped when it is
/// dropped. So is what the cryptographic library makes of it for each signature.
#[derive(Clone)]
pub struct SigningKey {
    public: PublicJwk,
    encoding: EncodingKey,
}

/// The members of a private RSA key that RFC 7518 §6.3 names; all of them are needed.
#[derive(Deserialize, Zeroize, ZeroizeOnDrop)]
struct PrivateJwk {
    kty: String,
    n: String,
    e: String,
    d: String,
    p: String,
    q: String,
    dp: String,
    dq: String,
    qi: String,
}

impl SigningKey {
    /// Makes a new 2048-bit key. Takes a good part of a second: call it off the async
    /// workers.
    ///
    /// # Errors
    /// [`KeyError::Library`] when there is no randomness.
    pub fn generate() -> Result<Self, KeyError> {
        let pair = KeyPair::generate(KeySize::Rsa2048).map_err(|_| KeyError::Library)?;
        let pkcs8 = pair.as_der().map_err(|_| KeyError::Library)?;
        let info =
            pkcs8::PrivateKeyInfoRef::from_der(pkcs8.as_ref()).map_err(|_| KeyError::Library)?;
        Self::from_der(info.private_key.as_bytes())
    }

    /// Reads the PKCS#1 form that [`Self::to_der`] gives.
    ///
    /// # Errors
    /// [`KeyError::Invalid`] or [`KeyError::TooSmall`].
    pub fn from_der(pkcs1: &[u8]) -> Result<Self, KeyError> {
        let bits = RsaPrivateKeyRef::from_der(pkcs1)
            .map_err(|_| KeyError::Invalid)?
            .modulus
            .as_bytes()
            .len()
            * 8;
        if bits < MIN_RSA_BITS {
            return Err(KeyError::TooSmall(bits));
        }
        // Checks that the numbers belong together, so that signing cannot fail later.
        KeyPair::from_der(pkcs1).map_err(|_| KeyError::Invalid)?;
        let encoding = EncodingKey::from_rsa_der(pkcs1);
        let jwk =
            Jwk::from_encoding_key(&encoding, Algorithm::RS256).map_err(|_| KeyError::Invalid)?;
        let AlgorithmParameters::RSA(rsa) = jwk.algorithm else {
            return Err(KeyError::Invalid);
        };
        Ok(Self { public: PublicJwk::rsa(rsa.n, rsa.e), encoding })
    }

    /// Reads a private JWK (RFC 7517). Its own `kid` is not used: ours is the thumbprint.
    ///
    /// # Errors
    /// Says which member is missing or wrong, never what it holds.
    pub fn from_jwk(json: &str) -> Result<Self, KeyError> {
        let jwk: PrivateJwk =
            serde_json::from_str(json).map_err(|error| match error.classify() {
                // serde names the missing member; a message about a value could quote it.
                serde_json::error::Category::Data if error.to_string().starts_with("missing") => {
                    KeyError::Json(error.to_string())
                }
                _ => KeyError::Json("a JSON object with kty, n, e, d, p, q, dp, dq, qi".to_owned()),
            })?;
        if jwk.kty != "RSA" {
            return Err(KeyError::Json("`kty` must be `RSA`".to_owned()));
        }
        let number = |name: &'static str, value: &str| {
            BASE64_URL_SAFE_NO_PAD
                .decode(value)
                .map(Zeroizing::new)
                .map_err(|_| KeyError::Base64(name))
        };
        let [n, e, d] = [number("n", &jwk.n)?, number("e", &jwk.e)?, number("d", &jwk.d)?];
        let [p, q] = [number("p", &jwk.p)?, number("q", &jwk.q)?];
        let [dp, dq, qi] = [number("dp", &jwk.dp)?, number("dq", &jwk.dq)?, number("qi", &jwk.qi)?];
        let uint = |bytes| UintRef::new(bytes).map_err(|_| KeyError::Invalid);
        let der = RsaPrivateKeyRef {
            modulus: uint(&n)?,
            public_exponent: uint(&e)?,
            private_exponent: uint(&d)?,
            prime1: uint(&p)?,
            prime2: uint(&q)?,
            exponent1: uint(&dp)?,
            exponent2: uint(&dq)?,
            coefficient: uint(&qi)?,
            other_prime_infos: None,
        }
        .to_der()
        .map(Zeroizing::new)
        .map_err(|_| KeyError::Invalid)?;
        Self::from_der(&der)
    }

    /// The private key as PKCS#1 DER, for a store. A secret.
    pub fn to_der(&self) -> &[u8] {
        self.encoding.as_bytes()
    }

    /// The half that may be published.
    pub fn public(&self) -> &PublicJwk {
        &self.public
    }

    /// Signs a token.
    ///
    /// # Errors
    /// [`KeyError::Library`]: the key was checked when it was read, so this is a fault of
    /// the machine.
    pub fn sign(&self, claims: &Claims) -> Result<String, KeyError> {
        let header = header(&self.public.kid);
        jsonwebtoken::encode(&header, claims, &self.encoding).map_err(|_| KeyError::Library)
    }
}

/// The header of the tokens that the key of this name signs.
pub(super) fn header(kid: &str) -> Header {
    let mut header = Header::new(Algorithm::RS256);
    header.typ = Some(TOKEN_TYPE.to_owned());
    header.kid = Some(kid.to_owned());
    header
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey").field("kid", &self.public.kid).finish_non_exhaustive()
    }
}
