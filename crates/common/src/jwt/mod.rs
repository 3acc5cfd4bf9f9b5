//! Tokens: what they say, which keys vouch for them, how they are signed and verified.
//!
//! Reading without verifying ([`unverified`]) is for showing a token's owner to its owner.
//! Everything that decides a right goes through `verify`, which exists only with the
//! `server` feature.

mod claims;
mod jwk;
#[cfg(feature = "server")]
mod sign;
mod token;
#[cfg(feature = "server")]
mod verify;

pub use claims::{Audience, Claims};
pub use jwk::{JwkSet, PublicJwk};
#[cfg(feature = "server")]
pub use sign::{KeyError, SigningKey};
pub use token::unverified;
#[cfg(feature = "server")]
pub use verify::{
    Expected, LEEWAY, MAX_TOKEN_BYTES, ParsedToken, SealedToken, Times, TokenFault, VerifyingKey,
};

/// The only algorithm that tokens are signed with: RSASSA-PKCS1-v1_5 with SHA-256.
pub const ALGORITHM: &str = "RS256";
/// The `typ` of our tokens (RFC 9068 §2.1): an access token, not an ID token.
pub const TOKEN_TYPE: &str = "at+jwt";
