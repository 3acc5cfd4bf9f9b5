//! Who people are: accounts with passwords, and sign-ins that cannot be stolen twice.
//!
//! A sign-in is a chain of refresh tokens, of which one is good at a time; each yields an access
//! token that is short-lived and verified without a store. What of a chain is presented twice ends
//! it: see [`SignInStore`]. Whatever changes is written together with what the audit log says of
//! it and what remains to be done.

mod administration;
mod api_keys;
mod audit;
mod email;
mod error;
mod notices;
mod password;
mod recovery;
mod refresh;
mod registration;
mod right;
mod sign_ins;
mod source;

use std::{fmt::Debug, sync::Arc, time::Duration};

use common::{UserId, api::Roles};
use time::OffsetDateTime;

pub use self::{
    administration::AccountPatch,
    api_keys::{ApiKeyText, KeyHolder, NewKey},
    audit::{AuditPage, keyring_changed, minted},
    email::Email,
    error::AccountError,
    notices::Notices,
    password::{
        HashingFailed, MAX_CHARACTERS, MIN_CHARACTERS, Match, Password, Passwords, WeakPassword,
    },
    refresh::RefreshToken,
    registration::Wish,
    right::Right,
    sign_ins::{Grant, Login},
    source::Source,
};
use crate::{
    clock::Clock,
    config::AccountSettings,
    metrics::Metrics,
    outbox::Outbox,
    store::{Account, AccountStore, ApiKeyStore, AuditStore, SignInStore},
    token::Tokens,
};

/// Where all that accounts are made of is kept.
#[derive(Debug, Clone)]
pub struct AccountStores {
    /// Accounts.
    pub accounts: Arc<dyn AccountStore>,
    /// Their sign-ins.
    pub sign_ins: Arc<dyn SignInStore>,
    /// Their API keys.
    pub api_keys: Arc<dyn ApiKeyStore>,
    /// What was done.
    pub audit: Arc<dyn AuditStore>,
}

/// All accounts.
#[derive(Debug)]
pub struct Accounts {
    stores: AccountStores,
    passwords: Passwords,
    tokens: Arc<Tokens>,
    notices: Notices,
    outbox: Arc<Outbox>,
    known_keys: api_keys::KnownKeys,
    metrics: Arc<Metrics>,
    clock: Arc<dyn Clock>,
    settings: AccountSettings,
}

impl Accounts {
    /// Accounts that are kept in these stores. Takes some compute for the one password that
    /// nobody has.
    ///
    /// # Errors
    /// When passwords cannot be hashed with these settings.
    pub fn new(
        stores: AccountStores,
        tokens: Arc<Tokens>,
        notices: Notices,
        outbox: Arc<Outbox>,
        metrics: Arc<Metrics>,
        clock: Arc<dyn Clock>,
        settings: AccountSettings,
    ) -> Result<Arc<Self>, HashingFailed> {
        let passwords = Passwords::new(settings.passwords, metrics.clone())?;
        let known_keys = api_keys::KnownKeys::new();
        Ok(Arc::new(Self {
            stores,
            passwords,
            tokens,
            notices,
            outbox,
            known_keys,
            metrics,
            clock,
            settings,
        }))
    }

    /// The account of this name.
    ///
    /// # Errors
    /// [`AccountError::NoAccount`].
    pub async fn get(&self, user: &UserId) -> Result<Account, AccountError> {
        self.stores.accounts.account(user).await?.ok_or(AccountError::NoAccount)
    }

    /// Whether a name is somebody's who has an account, was until lately, or is one that an API key
    /// mints for: nobody gets a token for it who only asks.
    ///
    /// # Errors
    /// [`AccountError::Store`].
    pub async fn is_reserved(&self, user: &UserId) -> Result<bool, AccountError> {
        Ok(self.stores.accounts.is_reserved(user, self.now()).await?)
    }

    /// What someone may do now: nothing, if they have no account or it is disabled.
    ///
    /// # Errors
    /// [`AccountError::Store`].
    pub async fn roles(&self, user: &UserId) -> Result<Roles, AccountError> {
        let account = self.stores.accounts.account(user).await?;
        let account = account.filter(|account| account.disabled_at.is_none());
        Ok(account.map(|account| account.roles).unwrap_or_default())
    }

    /// Throws away what has ended, for as long as the server runs.
    pub async fn sweep(self: Arc<Self>) {
        /// Nothing of it is seen by anyone meanwhile.
        const EVERY: Duration = Duration::from_secs(60);
        loop {
            self.clock.sleep(EVERY).await;
            loop {
                let now = self.clock.now();
                let audited_since = now - self.settings.audit_retention;
                match self.stores.accounts.sweep(audited_since, now).await {
                    Ok(true) => tokio::task::yield_now().await,
                    Ok(false) => break,
                    Err(error) => {
                        tracing::warn!(%error, "what has ended could not be thrown away");
                        break;
                    }
                }
            }
        }
    }

    /// After a change: what it has ended is known here before anyone is told that it is done, and
    /// what remains to be done begins.
    async fn settled(&self) {
        self.outbox.nudge();
        self.tokens.revocations().look().await;
    }

    fn now(&self) -> OffsetDateTime {
        self.clock.now()
    }
}
