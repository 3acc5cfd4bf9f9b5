//! What survives. The traits say what every store promises; the contract suite of the
//! `tests` package holds every implementation to it.
//!
//! A store knows nothing of templates, tokens or HTTP: it keeps values and their order.
//! Time is an argument: `now` decides what has expired, so a store never disagrees with its
//! caller about it. Every acknowledged write survives the end of the process.

mod account;
mod api_key;
mod audit;
mod database;
mod idempotency;
mod outbox;
mod position;
mod redis;
mod revocation;
mod sign_in;
mod sqlite;

use std::{fmt::Debug, net::IpAddr, num::NonZeroU16, sync::Arc, time::Duration};

use async_trait::async_trait;
use common::{
    Frame, Revision, SessionAddress, SessionId, UserId,
    api::{Args, Visibility},
};
use time::OffsetDateTime;
use zeroize::{Zeroize, ZeroizeOnDrop};

pub use self::{
    account::{
        Account, AccountChange, AccountCreation, AccountStore, AccountUpdate, Authority,
        NewAccount, NewProof, ProofHash, ProofPurpose, Proved, Recipient, Registered, Registration,
    },
    api_key::{ApiKeyCreation, ApiKeyHash, ApiKeyStore, NewApiKey, StoredApiKey},
    audit::{
        After, Aftermath, AuditFilter, AuditPosition, AuditStore, NewAuditEntry, StoredAuditEntry,
    },
    database::{Database, DatabaseUrl, InvalidDatabaseUrl},
    idempotency::{
        Begun, Fingerprint, IdempotencyStore, RequestScope, Run, RunToken, StoredAnswer,
    },
    outbox::{Attempt, Backlog, Errand, ErrandKind, NewErrand, OutboxStore},
    position::{InvalidPosition, ListPosition},
    redis::{Prefix, RedisConnection, RedisStore, RedisUrl},
    revocation::{NoRevocations, Revocation, RevocationStore, Revoked},
    sign_in::{
        Beginning, Chain, Device, NewSignIn, Refresh, RefreshHash, Refreshed, Refreshing, Reuse,
        SignIn, SignInEnd, SignInStore,
    },
    sqlite::SqliteStore,
};

/// A store could not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// It cannot be reached, or failed. Nothing is known to have changed.
    #[error("the store failed: {0}")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// It holds something that this program cannot have written.
    #[error("the store holds a broken {0}")]
    Corrupt(&'static str),
    /// It is arranged in a way that this program does not know.
    #[error("a newer program has written the store")]
    TooNew,
}

/// What an owner decides about a session, and the picture that follows from it.
#[derive(Debug, Clone, PartialEq)]
pub struct Drawing {
    /// The Tera source.
    pub template: Arc<str>,
    /// Its args.
    pub args: Arc<Args>,
    /// What they render to.
    pub svg: Arc<str>,
    /// Who may watch.
    pub visibility: Visibility,
    /// When the session ends.
    pub expires_at: OffsetDateTime,
    /// So many frames a second are shown to a viewer at most.
    pub max_frames_per_second: Option<NonZeroU16>,
}

/// A session as it is stored.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredSession {
    /// Where it lives.
    pub address: SessionAddress,
    /// Which write this is.
    pub revision: Revision,
    /// What was written.
    pub drawing: Drawing,
    /// When it was created.
    pub created_at: OffsetDateTime,
    /// When it was last written.
    pub updated_at: OffsetDateTime,
}

impl Drawing {
    /// The frame rate as stores write it: 0 for none.
    fn frame_rate(&self) -> u16 {
        self.max_frames_per_second.map_or(0, NonZeroU16::get)
    }
}

impl StoredSession {
    /// What viewers see of it.
    pub fn frame(&self) -> Frame {
        Frame { revision: self.revision, svg: self.drawing.svg.clone() }
    }
}

/// A session in a list: all but template, args and picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedSession {
    /// Its name.
    pub id: SessionId,
    /// Which write this is.
    pub revision: Revision,
    /// Who may watch.
    pub visibility: Visibility,
    /// When it was created.
    pub created_at: OffsetDateTime,
    /// When it was last written.
    pub updated_at: OffsetDateTime,
    /// When it ends.
    pub expires_at: OffsetDateTime,
}

/// How much may live in one space.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quota {
    /// Sessions.
    pub sessions: u64,
    /// Bytes of their templates, args (as JSON) and pictures.
    pub bytes: u64,
}

/// Sessions that share a quota. Each session is in two of these or more. The narrowest come
/// first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Space {
    /// Those of its user.
    User,
    /// The public ones that were created from the same network.
    PublicFromAddress,
    /// The public ones.
    Public,
    /// All.
    All,
}

/// How much may live in each space.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quotas {
    /// Of each user.
    pub user: Quota,
    /// Of the public sessions.
    pub public: Quota,
    /// Of the public sessions from each network.
    pub public_from_address: Quota,
    /// Of all sessions.
    pub all: Quota,
}

impl Quotas {
    /// The quota of a space.
    pub const fn of(&self, space: Space) -> Quota {
        match space {
            Space::User => self.user,
            Space::Public => self.public,
            Space::PublicFromAddress => self.public_from_address,
            Space::All => self.all,
        }
    }
}

/// What is used up of a space.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Full {
    /// It has as many sessions as it may have.
    Sessions(Space),
    /// It would hold more bytes than it may.
    Bytes(Space),
}

impl Full {
    /// Which space it is.
    pub const fn space(self) -> Space {
        match self {
            Self::Sessions(space) | Self::Bytes(space) => space,
        }
    }
}

/// What became of a creation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Creation {
    /// The session exists now.
    Created(Revision),
    /// A living session has this address already; nothing changed.
    Taken,
    /// A space has no room for it; nothing changed.
    Full(Full),
}

/// What became of an update.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Update {
    /// It was done.
    Done(Revision),
    /// The session has another revision than expected; nothing changed.
    Stale,
    /// There is no such living session.
    Gone,
    /// A space has no room for as many bytes; nothing changed.
    Full(Full),
}

/// What became of a deletion.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deletion {
    /// It was done.
    Done,
    /// The session has another revision than expected; nothing changed.
    Stale,
    /// There is no such living session.
    Gone,
}

/// Keeps sessions.
///
/// Times are kept to the microsecond. A session whose `expires_at` is not after `now` does
/// not exist for any method but [`Self::take_expired`].
#[async_trait]
pub trait SessionStore: Debug + Send + Sync {
    /// Creates a session, unless a living one has the address or a space has no room for it.
    /// Its epoch is higher than that of every session this store ever held; its `seq` is 1.
    /// However many write at once, no space ever holds more than its quota. A public session
    /// takes from the share of `creator`, the network that it was created from.
    async fn create(
        &self,
        address: &SessionAddress,
        creator: Option<IpAddr>,
        drawing: &Drawing,
        quotas: &Quotas,
        now: OffsetDateTime,
    ) -> Result<Creation, StoreError>;

    /// The session, if it lives.
    async fn get(
        &self,
        address: &SessionAddress,
        now: OffsetDateTime,
    ) -> Result<Option<StoredSession>, StoreError>;

    /// Replaces the drawing if the session still has the revision `expected`, in one step;
    /// the new revision has the next `seq`. A drawing that is larger than the one before it
    /// needs room in the session's spaces; a smaller one never does.
    async fn update(
        &self,
        address: &SessionAddress,
        expected: Revision,
        drawing: &Drawing,
        quotas: &Quotas,
        now: OffsetDateTime,
    ) -> Result<Update, StoreError>;

    /// Deletes the session, if it still has the revision `expected` where one is given.
    async fn delete(
        &self,
        address: &SessionAddress,
        expected: Option<Revision>,
        now: OffsetDateTime,
    ) -> Result<Deletion, StoreError>;

    /// At most `limit` living sessions of a user, newest first, after `after`. Sessions that
    /// are created while someone pages do not shift the pages that follow.
    async fn list(
        &self,
        owner: &UserId,
        after: Option<&ListPosition>,
        limit: u32,
        now: OffsetDateTime,
    ) -> Result<Vec<ListedSession>, StoreError>;

    /// Removes the sessions that have expired and says which they were. Each is said once.
    async fn take_expired(&self, now: OffsetDateTime) -> Result<Vec<SessionAddress>, StoreError>;
}

/// The keyring as a store sees it: text that only the token room can read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredRing {
    /// Counts the changes of the ring, from 1.
    pub generation: u64,
    /// The whole ring, private halves included.
    pub ring: SecretText,
}

/// Keeps the signing keyring: one value, so that no half of it can be lost or torn.
#[async_trait]
pub trait KeyringStore: Debug + Send + Sync {
    /// The ring, if there is one.
    async fn load(&self) -> Result<Option<StoredRing>, StoreError>;

    /// The generation of the ring, if there is one: a look that is cheap enough for every
    /// second.
    async fn generation(&self) -> Result<Option<u64>, StoreError>;

    /// Stores the first ring, in one step: if there is one already, that one stays. Either
    /// way the answer is what is stored now.
    async fn create(&self, ring: &SecretText) -> Result<StoredRing, StoreError>;

    /// Replaces the ring if it still has this generation; says whether it did. What was
    /// replaced cannot be read from the store's files any more.
    async fn replace(&self, generation: u64, ring: &SecretText) -> Result<bool, StoreError>;
}

/// The SHA-256 of a ticket: enough to know it again, not enough to use it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TicketHash(pub [u8; 32]);

/// A ticket as a store sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredTicket {
    /// What it is known by.
    pub hash: TicketHash,
    /// The session that it opens.
    pub address: SessionAddress,
    /// When it can no longer be used.
    pub expires_at: OffsetDateTime,
    /// What it opens.
    pub right: TicketRight,
}

/// What a ticket opens: one life of a session, as long as the token lasts behind the ticket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TicketRight {
    /// The epoch of the session's revisions: another session of that name has another.
    pub epoch: u64,
    /// The name of the key that vouches for the token.
    pub kid: String,
    /// The sign-in or API key that the token belongs to, if any.
    pub sid: Option<String>,
    /// When the token was issued.
    pub issued_at: OffsetDateTime,
    /// When the token ends.
    pub ends_at: OffsetDateTime,
}

/// Keeps tickets until they are used or too old.
///
/// A ticket whose `expires_at` is not after `now` does not exist, and neither does one for
/// another session.
#[async_trait]
pub trait TicketStore: Debug + Send + Sync {
    /// Keeps a ticket, unless the owner of its session has `limit` of them already; says
    /// whether it did. Counting and keeping are one step.
    async fn issue(
        &self,
        ticket: &StoredTicket,
        limit: u32,
        now: OffsetDateTime,
    ) -> Result<bool, StoreError>;

    /// What a ticket for this session opens. The ticket stays.
    async fn look_up(
        &self,
        hash: &TicketHash,
        address: &SessionAddress,
        now: OffsetDateTime,
    ) -> Result<Option<TicketRight>, StoreError>;

    /// The same, and the ticket is gone. One step: of all who ask, one is answered.
    async fn redeem(
        &self,
        hash: &TicketHash,
        address: &SessionAddress,
        now: OffsetDateTime,
    ) -> Result<Option<TicketRight>, StoreError>;

    /// Throws away the tickets that are too old, where they do not go by themselves.
    async fn sweep(&self, now: OffsetDateTime) -> Result<(), StoreError>;
}

/// Something that is counted, for whoever it belongs to.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Share {
    /// The name of the limit.
    pub limit: &'static str,
    /// Whose share it is.
    pub owner: ShareOwner,
}

/// Whose a share is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum ShareOwner {
    /// A user's.
    User(UserId),
    /// A session's.
    Session(SessionAddress),
    /// An account's: the SHA-256 of what it is called.
    Account([u8; 32]),
}

/// What became of the wish for one more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// It was given; so many are left.
    Left(u32),
    /// It was not; there is one after so long.
    Refused(Duration),
}

/// Counts shares that are one over all nodes, by a clock of its own.
#[async_trait]
pub trait ShareStore: Debug + Send + Sync {
    /// Takes one from a share of which one comes back after each `interval`, and all of it
    /// within the `window` (the generic cell rate algorithm). What is refused is not counted.
    async fn take(
        &self,
        share: &Share,
        interval: Duration,
        window: Duration,
    ) -> Result<Taken, StoreError>;
}

/// Text that must not be shown, wiped from memory when dropped.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct SecretText(pub String);

impl Debug for SecretText {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SecretText")
    }
}

#[cfg(test)]
mod tests;
