//! Tickets: a right to watch one session, for whoever presents it first. For viewers that
//! cannot send a header, such as an `EventSource` or an `<img>`.
//!
//! A ticket is made from a token, and what it opens ends no later than that token, by whatever
//! way the token ends. The store
//! knows its hash only, so nobody who reads the store can use one.

use std::{fmt, sync::Arc, time::Duration};

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use common::SessionAddress;
use sha2::{Digest, Sha256};

use crate::{
    clock::Clock,
    store::{StoreError, StoredTicket, TicketHash, TicketRight, TicketStore},
    token::{Identity, Tokens},
};

/// In which time a ticket has to be used: long enough to load a page, too short to be found
/// in a log.
const LIFETIME: Duration = Duration::from_secs(30);

/// Random bytes of a ticket. With so many, a plain hash hides it.
const RANDOM_BYTES: usize = 32;

/// Characters of a ticket: base64url without padding.
const LENGTH: usize = (RANDOM_BYTES * 4).div_ceil(3);

/// How often tickets that nobody used are thrown away.
const SWEEP_EVERY: Duration = Duration::from_secs(30);

/// Why there is no ticket, or none that counts.
#[derive(Debug, thiserror::Error)]
pub enum TicketError {
    /// The user has as many unused tickets as anyone may have.
    #[error("{0} tickets have not been used yet")]
    Limit(u32),
    /// Made up, used, too old, or for another session: which one is not said.
    #[error("the ticket is not valid")]
    Invalid,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A ticket and how long it is good for.
#[derive(Clone)]
pub struct IssuedTicket {
    /// What its holder presents.
    pub ticket: String,
    /// In which time.
    pub lifetime: Duration,
}

impl fmt::Debug for IssuedTicket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IssuedTicket").field("lifetime", &self.lifetime).finish_non_exhaustive()
    }
}

/// What a ticket opens.
#[derive(Debug, Clone)]
pub struct Admission {
    /// Whose right it is.
    pub owner: Identity,
    /// The epoch of the session that it was issued for.
    pub epoch: u64,
}

/// Issues and redeems tickets.
#[derive(Debug)]
pub struct Tickets {
    store: Arc<dyn TicketStore>,
    tokens: Arc<Tokens>,
    clock: Arc<dyn Clock>,
    per_user: u32,
}

impl Tickets {
    /// Tickets that are kept in `store`, at most `per_user` unused ones for each user.
    pub fn new(
        store: Arc<dyn TicketStore>,
        tokens: Arc<Tokens>,
        clock: Arc<dyn Clock>,
        per_user: u32,
    ) -> Arc<Self> {
        Arc::new(Self { store, tokens, clock, per_user })
    }

    /// Issues a ticket for a session to its owner, who has been recognised. It opens what the
    /// owner's token opens, and no longer; and this life of the session, which has this epoch.
    ///
    /// # Errors
    /// [`TicketError::Limit`] or [`TicketError::Store`].
    pub async fn issue(
        &self,
        address: &SessionAddress,
        epoch: u64,
        owner: &Identity,
    ) -> Result<IssuedTicket, TicketError> {
        let now = self.clock.now();
        let ticket = BASE64_URL_SAFE_NO_PAD.encode(rand::random::<[u8; RANDOM_BYTES]>());
        let expires_at = (now + LIFETIME).min(owner.expires_at);
        let stored = StoredTicket {
            hash: hash(&ticket),
            address: address.clone(),
            expires_at,
            right: TicketRight {
                epoch,
                kid: owner.key.kid().to_owned(),
                sid: owner.sid.as_deref().map(str::to_owned),
                issued_at: owner.issued_at,
                ends_at: owner.expires_at,
            },
        };
        match self.store.issue(&stored, self.per_user, now).await? {
            true => {
                let lifetime = (expires_at - now).try_into().unwrap_or(Duration::ZERO);
                Ok(IssuedTicket { ticket, lifetime })
            }
            false => Err(TicketError::Limit(self.per_user)),
        }
    }

    /// What a ticket opens. It stays good: nothing has been shown yet.
    ///
    /// # Errors
    /// [`TicketError::Invalid`] or [`TicketError::Store`].
    pub async fn look_at(
        &self,
        ticket: &str,
        address: &SessionAddress,
    ) -> Result<Admission, TicketError> {
        let right = self.store.look_up(&parse(ticket)?, address, self.clock.now()).await?;
        let (Some(owner), Some(right)) = (address.owner.clone(), right) else {
            return Err(TicketError::Invalid);
        };
        let recalled = self.tokens.recall(owner, &right).await;
        let owner = recalled.map_err(|fault| {
            tracing::info!(cause = %fault, "the token behind a ticket is not good any more");
            TicketError::Invalid
        })?;
        Ok(Admission { owner, epoch: right.epoch })
    }

    /// Uses a ticket up. Of all who present it, one succeeds.
    ///
    /// # Errors
    /// As [`Self::look_at`].
    pub async fn redeem(&self, ticket: &str, address: &SessionAddress) -> Result<(), TicketError> {
        let right = self.store.redeem(&parse(ticket)?, address, self.clock.now()).await?;
        right.map(|_| ()).ok_or(TicketError::Invalid)
    }

    /// Throws away what nobody used, as time passes. Runs until it is dropped.
    pub async fn expire(self: Arc<Self>) {
        loop {
            self.clock.sleep(SWEEP_EVERY).await;
            if let Err(error) = self.store.sweep(self.clock.now()).await {
                tracing::error!(%error, "could not remove old tickets");
            }
        }
    }
}

/// What is not shaped like a ticket is refused before anything is computed or asked.
fn parse(ticket: &str) -> Result<TicketHash, TicketError> {
    match ticket.len() {
        LENGTH => Ok(hash(ticket)),
        _ => Err(TicketError::Invalid),
    }
}

fn hash(ticket: &str) -> TicketHash {
    TicketHash(Sha256::digest(ticket).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ticket_has_its_length_and_no_debug() {
        let ticket = BASE64_URL_SAFE_NO_PAD.encode([255; RANDOM_BYTES]);
        assert!(parse(&ticket).is_ok());
        for bad in ["", "short", &ticket[1..], &format!("{ticket}A")] {
            assert!(matches!(parse(bad), Err(TicketError::Invalid)), "{bad}");
        }
        let issued = IssuedTicket { ticket: ticket.clone(), lifetime: LIFETIME };
        assert!(!format!("{issued:?}").contains(&ticket));
        assert!(!format!("{:?}", hash(&ticket)).contains(&ticket));
    }
}
