//! Proof of who someone is: tokens are issued and verified here, with keys from the
//! [`Keyring`]. Verifying asks no store, and what was verified just now is not computed again.

mod keyring;
mod recent;

use std::{fmt::Debug, sync::Arc, time::Duration};

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use common::{
    UserId,
    jwt::{Audience, Claims, Expected, KeyError, SealedToken, Times, TokenFault},
};
use time::OffsetDateTime;

pub(crate) use self::keyring::rfc3339;
pub use self::keyring::{
    InUse, KeyState, KeySummary, Keyring, KeyringError, Promotion, Published, Step,
};
use self::recent::Recent;
use crate::{clock::Clock, config::Lifetimes};

/// Why no token was issued.
#[derive(Debug, thiserror::Error)]
pub enum IssueError {
    /// The lifetime is not between one second and the maximum.
    #[error("a token may live from 1 second to {} seconds", .0.as_secs())]
    Lifetime(Duration),
    /// The key failed.
    #[error(transparent)]
    Key(#[from] KeyError),
}

/// A token and when it ends.
#[derive(Clone)]
pub struct IssuedToken {
    /// The JWT.
    pub token: String,
    /// How long it is valid.
    pub lifetime: Duration,
}

/// Who a valid token speaks for.
#[derive(Debug, Clone)]
pub struct Identity {
    /// Whose token it is.
    pub user: UserId,
    /// When it ends.
    pub expires_at: OffsetDateTime,
    /// The key that vouches for it: when that ends, the token does.
    pub key: InUse,
}

/// Issues and verifies tokens.
#[derive(Debug)]
pub struct Tokens {
    keyring: Arc<Keyring>,
    names: Expected,
    lifetimes: Lifetimes,
    clock: Arc<dyn Clock>,
    recent: Recent,
}

impl Tokens {
    /// Tokens with these names and lifetimes, signed by `keyring`.
    pub fn new(
        keyring: Arc<Keyring>,
        names: Expected,
        lifetimes: Lifetimes,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self { keyring, names, lifetimes, clock, recent: Recent::new() }
    }

    /// The keys behind the tokens.
    pub fn keyring(&self) -> &Arc<Keyring> {
        &self.keyring
    }

    /// Issues a token for `user`. The caller has decided that it may. Takes about a
    /// millisecond of compute.
    ///
    /// # Errors
    /// See [`IssueError`].
    pub fn issue(
        &self,
        user: UserId,
        lifetime: Option<Duration>,
    ) -> Result<IssuedToken, IssueError> {
        let lifetime = lifetime.unwrap_or(self.lifetimes.default);
        if lifetime < Duration::from_secs(1) || lifetime > self.lifetimes.max {
            return Err(IssueError::Lifetime(self.lifetimes.max));
        }
        let now = self.clock.now();
        let claims = Claims {
            sub: user,
            iss: self.names.issuer.clone(),
            aud: Audience::One(self.names.audience.clone()),
            iat: now.unix_timestamp(),
            exp: (now + lifetime).unix_timestamp(),
            nbf: None,
            jti: BASE64_URL_SAFE_NO_PAD.encode(rand::random::<[u8; 16]>()),
            sid: None,
        };
        let token = self.keyring.signing_key().sign(&claims)?;
        Ok(IssuedToken { token, lifetime })
    }

    /// Says who a token speaks for.
    ///
    /// # Errors
    /// Why it is not believed: for the log, not for the client.
    pub async fn verify(&self, token: &str) -> Result<Identity, TokenFault> {
        let sealed = SealedToken::new(token)?;
        let now = self.clock.now();
        let known = self.recent.recall(&sealed, now.unix_timestamp(), self.clock.running());
        match known.filter(|known| self.keyring.verifies(known.key.kid(), now)) {
            Some(known) => Ok(known),
            None => self.verify_anew(sealed).await,
        }
    }

    async fn verify_anew(&self, sealed: SealedToken<'_>) -> Result<Identity, TokenFault> {
        let (parsed, key) = match self.keyring.signer_of(sealed) {
            Some(known) => known,
            None => {
                let parsed = sealed.read()?;
                let key = self.keyring.verifying_key(parsed.kid()).await?;
                (parsed, key)
            }
        };
        let claims = parsed.verify(&key, &self.names, self.clock.now().unix_timestamp())?;
        let expires_at =
            OffsetDateTime::from_unix_timestamp(claims.exp).map_err(|_| TokenFault::Claims)?;
        let key = self.keyring.in_use(parsed.kid());
        let times = Times::of(&claims);
        let identity = Identity { user: claims.sub, expires_at, key };
        let running = self.clock.running();
        self.recent.remember(parsed.sealed(), times, identity.clone(), running);
        Ok(identity)
    }

    /// Whom a token spoke for that was verified before, and what is left of its right: for what
    /// is handed on, such as a ticket.
    ///
    /// # Errors
    /// When it has ended since, or its key has.
    pub async fn recall(
        &self,
        user: UserId,
        kid: &str,
        expires_at: OffsetDateTime,
    ) -> Result<Identity, TokenFault> {
        self.keyring.verifying_key(kid).await?;
        match expires_at > self.clock.now() {
            true => Ok(Identity { user, expires_at, key: self.keyring.in_use(kid) }),
            false => Err(TokenFault::Expired),
        }
    }
}

#[cfg(test)]
mod tests;
