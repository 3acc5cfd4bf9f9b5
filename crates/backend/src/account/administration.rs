//! What others decide about an account, and its end.

use common::{
    UserId,
    api::{AuditAction, AuditResult, Language, Role, Roles},
};

use super::{AccountError, Accounts, Password, Source};
use crate::store::{Account, AccountChange, AccountUpdate, Aftermath, Authority};

/// Why something was refused that was allowed when the request began.
const LOST: &str = "the right to do this was lost meanwhile";

/// What is to be another way about an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AccountPatch {
    /// Whether nobody may sign in to it.
    Disabled(bool),
    /// The language of its mail.
    Language(Language),
}

impl Accounts {
    /// At most `limit` accounts by name, after `after`.
    ///
    /// # Errors
    /// [`AccountError::Store`].
    pub async fn list(
        &self,
        after: Option<&UserId>,
        limit: u32,
    ) -> Result<Vec<Account>, AccountError> {
        Ok(self.stores.accounts.accounts(after, limit).await?)
    }

    /// Changes an account, if it still has the version `expected` where one is given.
    ///
    /// # Errors
    /// [`AccountError::NoAccount`], [`AccountError::Changed`], [`AccountError::LastAdmin`] or
    /// [`AccountError::Unauthorized`].
    pub async fn patch(
        &self,
        user: &UserId,
        expected: Option<u64>,
        patch: AccountPatch,
        by: Option<&Authority>,
        source: &Source,
    ) -> Result<(), AccountError> {
        let (change, action) = match patch {
            AccountPatch::Disabled(true) => {
                (AccountChange::Disabled, Some((AuditAction::AccountDisabled, "")))
            }
            AccountPatch::Disabled(false) => {
                (AccountChange::Enabled, Some((AuditAction::AccountEnabled, "")))
            }
            AccountPatch::Language(language) => (AccountChange::Language(language), None),
        };
        self.change(user, expected, &change, action, by, source).await
    }

    /// Gives an account other roles.
    ///
    /// # Errors
    /// [`AccountError::NoAccount`], [`AccountError::Changed`], [`AccountError::LastAdmin`] or
    /// [`AccountError::Unauthorized`].
    pub async fn set_roles(
        &self,
        user: &UserId,
        expected: Option<u64>,
        roles: Roles,
        by: Option<&Authority>,
        source: &Source,
    ) -> Result<(), AccountError> {
        let detail = roles.iter().map(Role::to_string).collect::<Vec<_>>().join(" ");
        let change = AccountChange::Roles(roles);
        let said = Some((AuditAction::RolesChanged, detail.as_str()));
        self.change(user, expected, &change, said, by, source).await
    }

    async fn change(
        &self,
        user: &UserId,
        expected: Option<u64>,
        change: &AccountChange,
        said: Option<(AuditAction, &str)>,
        by: Option<&Authority>,
        source: &Source,
    ) -> Result<(), AccountError> {
        let after = |update: &AccountUpdate| match (update, said) {
            (AccountUpdate::Done(_), Some((action, detail))) => {
                source.entry(action, AuditResult::Done, Some(user), detail)
            }
            (AccountUpdate::LastAdmin, Some((action, _))) => {
                source.refused(action, Some(user), "the last administrator stays")
            }
            (AccountUpdate::Unauthorized, Some((action, _))) => {
                source.refused(action, Some(user), LOST)
            }
            _ => Aftermath::default(),
        };
        let accounts = &self.stores.accounts;
        let update = accounts.change(user, expected, change, by, &after, self.now()).await?;
        self.settled().await;
        update.into_result()
    }

    /// Deletes an account: its sign-ins and API keys end at once, its sessions right after that.
    /// `password` is asked of its owner.
    ///
    /// # Errors
    /// [`AccountError::NoAccount`], [`AccountError::Credentials`], [`AccountError::LastAdmin`] or
    /// [`AccountError::Unauthorized`].
    pub async fn delete(
        &self,
        user: &UserId,
        password: Option<Password>,
        by: Option<&Authority>,
        source: &Source,
    ) -> Result<(), AccountError> {
        if let Some(password) = password {
            let account = self.get(user).await?;
            self.confirm(&account, password, AuditAction::AccountDeleted, source).await?;
        }
        let now = self.now();
        let after = |update: &AccountUpdate| match update {
            AccountUpdate::Done(_) => {
                source.done(AuditAction::AccountDeleted, user).and(self.notices.deleted(user, now))
            }
            AccountUpdate::LastAdmin => source.refused(
                AuditAction::AccountDeleted,
                Some(user),
                "the last administrator stays",
            ),
            AccountUpdate::Unauthorized => {
                source.refused(AuditAction::AccountDeleted, Some(user), LOST)
            }
            AccountUpdate::Gone | AccountUpdate::Outdated => Aftermath::default(),
        };
        let free_at = now + self.settings.user_id_rest;
        let update = self.stores.accounts.remove(user, free_at, by, &after, now).await?;
        self.settled().await;
        update.into_result()
    }
}
