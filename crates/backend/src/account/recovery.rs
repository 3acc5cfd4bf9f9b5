//! Another password: by a mail, or by the one before it.

use common::{UserId, api::AuditAction};

use super::{AccountError, Accounts, Email, Match, Password, Source, notices};
use crate::{
    mail::ProofToken,
    store::{Account, AccountChange, AccountUpdate, Aftermath, Authority, ProofPurpose, Proved},
};

impl Accounts {
    /// Sends the mail that leads to a new password, if the address has an account.
    ///
    /// # Errors
    /// [`AccountError::Store`].
    pub async fn request_reset(&self, email: &Email, source: &Source) -> Result<(), AccountError> {
        let now = self.now();
        let account = self.stores.accounts.account_of_email(email.as_str()).await?;
        let account = account.filter(|account| account.disabled_at.is_none());
        let action = AuditAction::PasswordResetRequested;
        // The same work either way: how long it takes says nothing about the address.
        let aftermath = match account {
            Some(Account { user, .. }) => source
                .done(action, &user)
                .and([notices::new_password(&user, now)])
                .and(self.notices.reset_requested(&user, now)),
            None => source
                .refused(action, None, "no such account, or it is disabled")
                .and([notices::nobody(now)])
                .and(self.notices.reset_requested_by_nobody(now)),
        };
        self.stores.audit.write(&aftermath, now).await?;
        self.outbox.nudge();
        Ok(())
    }

    /// Sets a new password by the token of that mail; all sign-ins of the account end.
    ///
    /// # Errors
    /// [`AccountError::MailToken`], or why the password cannot be taken: the token stays good.
    pub async fn reset(
        &self,
        token: &str,
        password: Password,
        source: &Source,
    ) -> Result<(), AccountError> {
        let accounts = &self.stores.accounts;
        let hash = ProofToken::read(token).map(|token| token.hash());
        let owner = match &hash {
            Some(hash) => accounts.owner_of_proof(ProofPurpose::Reset, hash, self.now()).await?,
            None => None,
        };
        let (Some(owner), Some(hash)) = (owner, hash) else {
            let refused = source.refused(AuditAction::PasswordReset, None, "the link is not valid");
            self.stores.audit.write(&refused, self.now()).await?;
            return Err(AccountError::MailToken);
        };
        self.check(&owner, &password).await?;
        let password = self.passwords.hash(password).await?;
        let now = self.now();
        let after = |proved: &Proved| match proved {
            Proved::Done(user, _) => source
                .acting(user)
                .done(AuditAction::PasswordReset, user)
                .and(self.notices.reset(user, now)),
            Proved::Invalid => {
                source.refused(AuditAction::PasswordReset, None, "the link is not valid")
            }
        };
        let proved = accounts.reset(&hash, &password, &after, now).await?;
        self.settled().await;
        match proved {
            Proved::Done(..) => Ok(()),
            Proved::Invalid => Err(AccountError::MailToken),
        }
    }

    /// Changes the password of who asks; all their sign-ins end but the one from which they do.
    ///
    /// # Errors
    /// [`AccountError::Credentials`] if the current one is another,
    /// [`AccountError::Unauthorized`], or why the new one cannot be taken.
    pub async fn change_password(
        &self,
        by: &Authority,
        current: Password,
        new: Password,
        source: &Source,
    ) -> Result<(), AccountError> {
        let user = &by.user;
        let account = self.get(user).await?;
        self.confirm(&account, current, AuditAction::PasswordChanged, source).await?;
        self.check(user, &new).await?;
        let hash = self.passwords.hash(new).await?;
        let change = AccountChange::Password { hash, kept: by.sid.clone() };
        let now = self.now();
        let after = |update: &AccountUpdate| match update {
            AccountUpdate::Done(_) => source
                .done(AuditAction::PasswordChanged, user)
                .and([notices::password_changed(user, now)]),
            _ => Aftermath::default(),
        };
        let version = Some(account.version);
        let accounts = &self.stores.accounts;
        let update = accounts.change(user, version, &change, Some(by), &after, now).await?;
        self.settled().await;
        update.into_result()
    }

    /// Makes sure that it is the owner of an account who asks, by its password.
    pub(super) async fn confirm(
        &self,
        account: &Account,
        password: Password,
        action: AuditAction,
        source: &Source,
    ) -> Result<(), AccountError> {
        match self.passwords.compare(password, account.password.clone()).await? {
            Match::Yes | Match::Outdated => Ok(()),
            Match::No => {
                let refused = source.refused(action, Some(&account.user), "wrong password");
                self.stores.audit.write(&refused, self.now()).await?;
                Err(AccountError::Credentials)
            }
        }
    }

    async fn check(&self, user: &UserId, password: &Password) -> Result<(), AccountError> {
        let account = self.stores.accounts.account(user).await?;
        let email = account.and_then(|account| account.email).unwrap_or_default();
        Ok(password.check(&[user.as_str(), &email])?)
    }
}

impl AccountUpdate {
    pub(super) fn into_result(self) -> Result<(), AccountError> {
        match self {
            Self::Done(_) => Ok(()),
            Self::Gone => Err(AccountError::NoAccount),
            Self::Outdated => Err(AccountError::Changed),
            Self::Unauthorized => Err(AccountError::Unauthorized),
            Self::LastAdmin => Err(AccountError::LastAdmin),
        }
    }
}
