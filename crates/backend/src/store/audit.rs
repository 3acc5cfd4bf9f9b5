//! What a store of the audit log promises, and what is written together with a change.

use std::{fmt::Debug, net::IpAddr};

use async_trait::async_trait;
use common::api::{AuditAction, AuditResult};
use time::OffsetDateTime;

use super::{StoreError, outbox::NewErrand};

/// Something that was done, or tried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewAuditEntry {
    /// Who: a user id, or another name that is none.
    pub actor: Option<String>,
    /// What.
    pub action: AuditAction,
    /// Whom it was done to.
    pub target: Option<String>,
    /// From where.
    pub address: Option<IpAddr>,
    /// Whether it was done.
    pub result: AuditResult,
    /// The W3C trace id of the request.
    pub trace_id: Option<String>,
    /// More of it, in words: never a secret.
    pub detail: String,
}

/// The place of an entry: later ones are greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct AuditPosition(pub u64);

/// An entry as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredAuditEntry {
    /// Its place.
    pub position: AuditPosition,
    /// When it was written.
    pub at: OffsetDateTime,
    /// What it says.
    pub entry: NewAuditEntry,
}

/// Which entries are meant: those that fit everything that is given.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuditFilter {
    /// Who did it.
    pub actor: Option<String>,
    /// What was done.
    pub action: Option<AuditAction>,
    /// Whom it was done to.
    pub target: Option<String>,
    /// Whether it was done.
    pub result: Option<AuditResult>,
    /// Not before.
    pub from: Option<OffsetDateTime>,
    /// Before.
    pub until: Option<OffsetDateTime>,
}

/// What is written together with a change: all of it, or nothing of both.
#[derive(Debug, Clone, Default)]
pub struct Aftermath {
    /// What the audit log says of it.
    pub audit: Vec<NewAuditEntry>,
    /// What remains to be done: mail, notices to others.
    pub errands: Vec<NewErrand>,
}

/// What is written together with a change, once it is clear what became of it.
pub type After<'a, Outcome> = &'a (dyn Fn(&Outcome) -> Aftermath + Send + Sync);

/// Keeps the audit log. Nothing in it changes.
#[async_trait]
pub trait AuditStore: Debug + Send + Sync {
    /// Writes what happened without a change of anything else.
    async fn write(&self, aftermath: &Aftermath, now: OffsetDateTime) -> Result<(), StoreError>;

    /// At most `limit` entries, newest first, from before `before`.
    async fn entries(
        &self,
        filter: &AuditFilter,
        before: Option<AuditPosition>,
        limit: u32,
    ) -> Result<Vec<StoredAuditEntry>, StoreError>;
}
