//! Proof of who someone is: tokens are issued and verified here, with keys from the
//! [`Keyring`]. Verifying asks no store, and what was verified just now is not computed again;
//! which tokens have ended before their time the [`Revocations`] know.

mod keyring;
mod recent;
mod revocations;

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
pub use self::revocations::Revocations;
use self::{recent::Recent, revocations::Tie};
use crate::{clock::Clock, config::Lifetimes, store::TicketRight};

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
    /// The sign-in or API key that it belongs to, if any: when that ends, the token does.
    pub sid: Option<Arc<str>>,
    /// When it was issued, to the second.
    pub issued_at: OffsetDateTime,
    /// When it ends.
    pub expires_at: OffsetDateTime,
    /// The key that vouches for it: when that ends, the token does.
    pub key: InUse,
    revocations: Arc<Revocations>,
}

impl Identity {
    fn tie(&self) -> Tie<'_> {
        match &self.sid {
            Some(sid) => Tie::Sid(sid, self.issued_at),
            None => Tie::Unbound(&self.user, self.issued_at),
        }
    }

    /// Whether the token has been revoked since it was verified.
    pub fn is_revoked(&self) -> bool {
        self.revocations.refuse(self.tie())
    }

    /// Resolves when the token ends before its time, or has done so already: it is revoked, or its
    /// key is out of use.
    pub fn withdrawn(&self) -> impl Future<Output = ()> + Send + 'static {
        let (who, key) = (self.clone(), self.key.clone());
        async move {
            tokio::select! {
                () = key.ends() => {}
                () = who.revocations.reach(who.tie()) => {}
            }
        }
    }

    fn unless_revoked(self) -> Result<Self, TokenFault> {
        if self.is_revoked() { Err(TokenFault::Revoked) } else { Ok(self) }
    }
}

/// Issues and verifies tokens.
#[derive(Debug)]
pub struct Tokens {
    keyring: Arc<Keyring>,
    revocations: Arc<Revocations>,
    names: Expected,
    lifetimes: Lifetimes,
    clock: Arc<dyn Clock>,
    recent: Recent,
}

impl Tokens {
    /// Tokens with these names and lifetimes, signed by `keyring`, and good until they end or
    /// `revocations` know of them.
    pub fn new(
        keyring: Arc<Keyring>,
        revocations: Arc<Revocations>,
        names: Expected,
        lifetimes: Lifetimes,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self { keyring, revocations, names, lifetimes, clock, recent: Recent::new() }
    }

    /// The keys behind the tokens.
    pub fn keyring(&self) -> &Arc<Keyring> {
        &self.keyring
    }

    /// How long a token is valid of which someone asks for this.
    ///
    /// # Errors
    /// [`IssueError::Lifetime`].
    pub fn lifetime(&self, asked: Option<Duration>) -> Result<Duration, IssueError> {
        let lifetime = asked.unwrap_or(self.lifetimes.default);
        match lifetime < Duration::from_secs(1) || lifetime > self.lifetimes.max {
            true => Err(IssueError::Lifetime(self.lifetimes.max)),
            false => Ok(lifetime),
        }
    }

    /// Which tokens have ended before their time.
    pub fn revocations(&self) -> &Arc<Revocations> {
        &self.revocations
    }

    /// Issues a token for `user` that belongs to no sign-in. The caller has decided that it may.
    /// Takes about a millisecond of compute.
    ///
    /// # Errors
    /// See [`IssueError`].
    pub fn issue(
        &self,
        user: UserId,
        lifetime: Option<Duration>,
    ) -> Result<IssuedToken, IssueError> {
        let lifetime = self.lifetime(lifetime)?;
        self.sign(user, lifetime, None)
    }

    /// Issues a token for `user` that ends with a sign-in or API key, if not before. How long it
    /// may live the caller has decided. Takes about a millisecond of compute.
    ///
    /// # Errors
    /// [`IssueError::Key`].
    pub fn issue_for(
        &self,
        user: UserId,
        lifetime: Duration,
        sid: String,
    ) -> Result<IssuedToken, IssueError> {
        self.sign(user, lifetime, Some(sid))
    }

    fn sign(
        &self,
        user: UserId,
        lifetime: Duration,
        sid: Option<String>,
    ) -> Result<IssuedToken, IssueError> {
        let now = self.clock.now();
        let claims = Claims {
            sub: user,
            iss: self.names.issuer.clone(),
            aud: Audience::One(self.names.audience.clone()),
            iat: now.unix_timestamp(),
            exp: (now + lifetime).unix_timestamp(),
            nbf: None,
            jti: BASE64_URL_SAFE_NO_PAD.encode(rand::random::<[u8; 16]>()),
            sid,
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
        let holds =
            |known: &Identity| self.keyring.verifies(known.key.kid(), now) && !known.is_revoked();
        match known.filter(holds) {
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
        let times = Times::of(&claims);
        let identity = Identity {
            user: claims.sub,
            sid: claims.sid.map(Into::into),
            issued_at: moment(claims.iat)?,
            expires_at: moment(claims.exp)?,
            key: self.keyring.in_use(parsed.kid()),
            revocations: self.revocations.clone(),
        };
        let identity = identity.unless_revoked()?;
        let running = self.clock.running();
        self.recent.remember(parsed.sealed(), times, identity.clone(), running);
        Ok(identity)
    }

    /// Whom a token spoke for that was verified before, and what is left of its right: for what
    /// is handed on, such as a ticket.
    ///
    /// # Errors
    /// When it has ended since: by itself, because it was revoked, or with its key.
    pub async fn recall(&self, user: UserId, right: &TicketRight) -> Result<Identity, TokenFault> {
        self.keyring.verifying_key(&right.kid).await?;
        if right.ends_at <= self.clock.now() {
            return Err(TokenFault::Expired);
        }
        let identity = Identity {
            user,
            sid: right.sid.as_deref().map(Into::into),
            issued_at: right.issued_at,
            expires_at: right.ends_at,
            key: self.keyring.in_use(&right.kid),
            revocations: self.revocations.clone(),
        };
        identity.unless_revoked()
    }
}

/// A time as tokens say it. What is no date is no claim of ours.
fn moment(seconds: i64) -> Result<OffsetDateTime, TokenFault> {
    OffsetDateTime::from_unix_timestamp(seconds).map_err(|_| TokenFault::Claims)
}

#[cfg(test)]
mod tests;
