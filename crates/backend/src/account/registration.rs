//! Getting an account: a wish, a mail, and the proof that it was read.

use common::{
    UserId,
    api::{AuditAction, AuditResult, Language, Roles},
};

use super::{AccountError, Accounts, Email, Password, Source, notices};
use crate::{
    mail::ProofToken,
    store::{AccountCreation, Aftermath, NewAccount, Proved, Registered, Registration},
};

/// What someone asks for.
#[derive(Debug, Clone)]
pub struct Wish {
    /// The account's name.
    pub user: UserId,
    /// Its address.
    pub email: Email,
    /// Its password.
    pub password: Password,
    /// The language of its mail.
    pub language: Language,
}

impl Accounts {
    /// Keeps a wish for an account, and sends the mail that proves its address. Whether the
    /// address has an account already changes nothing but that mail.
    ///
    /// # Errors
    /// [`AccountError::UserTaken`], or why the password cannot be taken.
    pub async fn register(&self, wish: Wish, source: &Source) -> Result<(), AccountError> {
        if !self.settings.registration {
            return Err(AccountError::Closed);
        }
        wish.password.check(&[wish.user.as_str(), wish.email.as_str()])?;
        let now = self.now();
        let registration = Registration {
            password: self.passwords.hash(wish.password).await?,
            user: wish.user,
            email: wish.email.as_str().to_owned(),
            language: wish.language,
            ends_at: now + self.settings.registration_ttl,
        };
        let user = &registration.user;
        let after = |registered: &Registered| {
            let action = AuditAction::AccountRegistered;
            match registered {
                Registered::New => source.done(action, user).and([notices::verify(user, now)]),
                Registered::Known => source
                    .entry(action, AuditResult::Done, Some(user), "the address has an account")
                    .and([notices::already_registered(&registration.email, now)]),
                Registered::UserTaken => source.refused(action, Some(user), "the user id is taken"),
            }
        };
        let registered = self.stores.accounts.register(&registration, &after, now).await?;
        self.outbox.nudge();
        match registered {
            Registered::New | Registered::Known => Ok(()),
            Registered::UserTaken => Err(AccountError::UserTaken),
        }
    }

    /// Whether a registration of this name waits for the proof of this address.
    ///
    /// # Errors
    /// [`AccountError::Store`].
    pub async fn waits_for_proof(
        &self,
        user: &UserId,
        email: &Email,
    ) -> Result<bool, AccountError> {
        let waiting = self.stores.accounts.registrations_of(email.as_str(), self.now()).await?;
        Ok(waiting.iter().any(|registration| registration.user == *user))
    }

    /// Sends the mail again that proves an address, if someone waits for it.
    ///
    /// # Errors
    /// [`AccountError::Store`].
    pub async fn resend(&self, email: &Email, source: &Source) -> Result<(), AccountError> {
        let now = self.now();
        let waiting = self.stores.accounts.registrations_of(email.as_str(), now).await?;
        let action = AuditAction::AccountRegistered;
        // The same work either way: how long it takes says nothing about the address.
        let aftermath = match waiting.first() {
            // Whoever else has registered this address may be someone else: each link is sent.
            Some(registration) => source
                .entry(action, AuditResult::Done, Some(&registration.user), "the mail again")
                .and(waiting.iter().map(|registration| notices::verify(&registration.user, now))),
            None => source
                .refused(action, None, "the mail again: nobody waits for it")
                .and([notices::nobody(now)]),
        };
        self.stores.audit.write(&aftermath, now).await?;
        self.outbox.nudge();
        Ok(())
    }

    /// Proves an address by the token of the mail, which makes the account.
    ///
    /// # Errors
    /// [`AccountError::MailToken`].
    pub async fn verify(&self, token: &str, source: &Source) -> Result<UserId, AccountError> {
        let hash = ProofToken::read(token).ok_or(AccountError::MailToken)?.hash();
        let now = self.now();
        let after = |proved: &Proved| match proved {
            Proved::Done(user, _) => source
                .acting(user)
                .done(AuditAction::AccountVerified, user)
                .and(self.notices.registered(user, now)),
            Proved::Invalid => {
                source.refused(AuditAction::AccountVerified, None, "the link is not valid")
            }
        };
        let proved = self.stores.accounts.verify(&hash, &after, now).await?;
        self.settled().await;
        match proved {
            Proved::Done(user, _) => Ok(user),
            Proved::Invalid => Err(AccountError::MailToken),
        }
    }

    /// Makes an account without a mail.
    ///
    /// # Errors
    /// See [`AccountError`]; there is no account then.
    pub async fn create(
        &self,
        user: UserId,
        email: Option<Email>,
        password: Option<Password>,
        roles: Roles,
        source: &Source,
    ) -> Result<(), AccountError> {
        let password = match password {
            Some(password) => {
                let email = email.as_ref().map_or("", Email::as_str);
                password.check(&[user.as_str(), email])?;
                Some(self.passwords.hash(password).await?)
            }
            None => None,
        };
        let account = NewAccount {
            user,
            email: email.map(|email| email.as_str().to_owned()),
            password,
            roles,
            language: Language::default(),
        };
        let now = self.now();
        let after = |created: &AccountCreation| match created {
            AccountCreation::Done => source
                .done(AuditAction::AccountCreated, &account.user)
                .and(self.notices.registered(&account.user, now)),
            AccountCreation::UserTaken | AccountCreation::EmailTaken => Aftermath::default(),
        };
        match self.stores.accounts.create(&account, &after, now).await? {
            AccountCreation::Done => {
                self.settled().await;
                Ok(())
            }
            AccountCreation::UserTaken => Err(AccountError::UserTaken),
            AccountCreation::EmailTaken => Err(AccountError::EmailTaken),
        }
    }
}
