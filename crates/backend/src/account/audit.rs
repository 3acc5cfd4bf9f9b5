//! The audit log, as it is read.

use common::{
    UserId,
    api::{AuditAction, AuditResult},
};

use super::{AccountError, Accounts, Source};
use crate::store::{Aftermath, AuditFilter, AuditPosition, StoredAuditEntry};

/// A page of the audit log, newest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditPage {
    /// Its entries.
    pub entries: Vec<StoredAuditEntry>,
    /// Where the next page begins, if there is one.
    pub next: Option<AuditPosition>,
}

/// That a token was minted at the command line, for whom no account had to say so.
pub fn minted(user: &UserId) -> Aftermath {
    Source::command_line().done(AuditAction::TokenMinted, user)
}

/// That the signing keyring was changed at the command line, which no account does.
pub fn keyring_changed(what: &str) -> Aftermath {
    Source::command_line().entry(AuditAction::KeyringChanged, AuditResult::Done, None, what)
}

impl Accounts {
    /// A page of at most `limit` entries from before `before`.
    ///
    /// # Errors
    /// [`AccountError::Store`].
    pub async fn audit(
        &self,
        filter: &AuditFilter,
        before: Option<AuditPosition>,
        limit: u32,
    ) -> Result<AuditPage, AccountError> {
        let mut entries = self.stores.audit.entries(filter, before, limit + 1).await?;
        let is_last = entries.len() <= limit as usize;
        entries.truncate(limit as usize);
        let next = entries.last().filter(|_| !is_last).map(|entry| entry.position);
        Ok(AuditPage { entries, next })
    }

    /// Writes that the audit log was read as a whole.
    ///
    /// # Errors
    /// [`AccountError::Store`]: then it must not be read.
    pub async fn audit_is_read(&self, source: &Source) -> Result<(), AccountError> {
        self.note(source.entry(
            AuditAction::AuditRead,
            AuditResult::Done,
            None,
            "all that fits a filter",
        ))
        .await
    }

    /// Writes that someone tried what their roles do not allow.
    ///
    /// # Errors
    /// [`AccountError::Store`].
    pub async fn denied(
        &self,
        what: &str,
        target: Option<&UserId>,
        source: &Source,
    ) -> Result<(), AccountError> {
        self.note(source.refused(AuditAction::AccessDenied, target, what)).await
    }

    async fn note(&self, aftermath: Aftermath) -> Result<(), AccountError> {
        Ok(self.stores.audit.write(&aftermath, self.now()).await?)
    }
}
