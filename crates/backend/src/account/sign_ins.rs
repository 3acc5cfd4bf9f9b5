//! Signing in, going on, and signing out.

use std::net::{IpAddr, Ipv6Addr};

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use common::{
    UserId,
    api::{AuditAction, AuditResult, SignInKind},
};
use std::time::Duration;

use super::{AccountError, Accounts, Email, Match, Password, RefreshToken, Source};
use crate::{
    metrics::RefreshOutcome,
    store::{
        Account, AccountChange, Aftermath, Beginning, Chain, Device, NewSignIn, Refresh, Refreshed,
        Refreshing, Reuse, SignIn, SignInEnd,
    },
    token::IssuedToken,
};

/// How much later than a sign-in its token may be made: the store may keep it waiting, and whoever
/// verifies allows for clocks that differ.
const SLACK: Duration = Duration::from_secs(90);

/// The longest texts that are kept of what a device says of itself, in characters.
const MAX_LABEL: usize = 64;
const MAX_USER_AGENT: usize = 256;

/// Who someone says they are.
#[derive(Debug, Clone)]
pub enum Login {
    /// By their account's name.
    User(UserId),
    /// By its address.
    Email(Email),
    /// By what is neither.
    Nobody,
}

/// What whoever signs in is given. Without `Debug`: all of it is secret.
#[derive(Clone)]
pub struct Grant {
    /// For requests.
    pub access: IssuedToken,
    /// For the next grant.
    pub refresh: RefreshToken,
    /// How long the refresh token is good if it is not used.
    pub idle: Duration,
}

impl Accounts {
    /// The account whose name and password these are. The work and the answer are the same
    /// whether there is such an account or not.
    async fn recognize(
        &self,
        login: &Login,
        password: Password,
        action: AuditAction,
        source: &Source,
    ) -> Result<Account, AccountError> {
        let accounts = &self.stores.accounts;
        let account = match login {
            Login::User(user) => accounts.account(user).await?,
            Login::Email(email) => accounts.account_of_email(email.as_str()).await?,
            Login::Nobody => None,
        };
        let kept = account.as_ref().and_then(|account| account.password.clone());
        let compared = self.passwords.compare(password.clone(), kept).await?;
        let is_disabled = account.as_ref().is_some_and(|account| account.disabled_at.is_some());
        let why = match (&account, compared) {
            (None, _) => "no such account",
            (Some(_), Match::No) => "wrong password",
            (Some(_), _) if is_disabled => "the account is disabled",
            (Some(_), _) => "",
        };
        let target = match login {
            Login::User(user) => Some(user.clone()),
            Login::Email(_) | Login::Nobody => account.as_ref().map(|known| known.user.clone()),
        };
        let Some(account) = account.filter(|_| why.is_empty()) else {
            let aftermath = source.refused(action, target.as_ref(), why);
            self.stores.audit.write(&aftermath, self.now()).await?;
            return Err(AccountError::Credentials);
        };
        if compared == Match::Outdated {
            let hash = self.passwords.hash(password).await?;
            let (change, version) = (AccountChange::Rehash(hash), Some(account.version));
            let change = self.stores.accounts.change(
                &account.user,
                version,
                &change,
                None,
                &|_| Aftermath::default(),
                self.now(),
            );
            // Whoever changed it meanwhile has made a new hash.
            change.await?;
        }
        Ok(account)
    }

    /// Signs in.
    ///
    /// # Errors
    /// [`AccountError::Credentials`] for every wrong name or password.
    pub async fn sign_in(
        &self,
        login: &Login,
        password: Password,
        device: (String, String),
        source: &Source,
    ) -> Result<Grant, AccountError> {
        let account = self.recognize(login, password, AuditAction::SignedIn, source).await?;
        let refresh = RefreshToken::first(Chain(rand::random()));
        let settings = &self.settings;
        let access = self.access(&account.user, random_id(), settings.access).await?;
        let (now, sid) = (self.now(), access.0);
        let new = NewSignIn {
            chain: refresh.chain(),
            id: sid,
            kind: SignInKind::Refresh,
            user: account.user.clone(),
            version: account.version,
            device: shortened(device, source.address),
            hash: refresh.hash(),
            absolute_end: now + settings.absolute,
            idle_end: now + settings.idle,
            token_end: now + settings.access + SLACK,
        };
        let most = settings.most_sign_ins;
        self.begin(&new, most, AuditAction::SignedIn, source).await?;
        Ok(Grant { access: access.1, refresh, idle: settings.idle.min(settings.absolute) })
    }

    /// Mints a token with an account's password: a sign-in that lasts as long as the token.
    ///
    /// # Errors
    /// [`AccountError::Credentials`] for every wrong name or password.
    pub async fn mint(
        &self,
        user: &UserId,
        password: Password,
        lifetime: Duration,
        user_agent: String,
        source: &Source,
    ) -> Result<IssuedToken, AccountError> {
        let login = Login::User(user.clone());
        let account = self.recognize(&login, password, AuditAction::TokenMinted, source).await?;
        let (sid, token) = self.access(&account.user, random_id(), lifetime).await?;
        // Of a token that is used as it is there is no chain; this one is never told to anyone.
        let chain = RefreshToken::first(Chain(rand::random()));
        let end = self.now() + lifetime;
        let new = NewSignIn {
            chain: chain.chain(),
            id: sid,
            kind: SignInKind::Token,
            user: account.user,
            version: account.version,
            device: shortened((String::new(), user_agent), source.address),
            hash: chain.hash(),
            absolute_end: end,
            idle_end: end,
            token_end: end + SLACK,
        };
        self.begin(&new, None, AuditAction::TokenMinted, source).await?;
        Ok(token)
    }

    async fn begin(
        &self,
        new: &NewSignIn,
        most: Option<u32>,
        action: AuditAction,
        source: &Source,
    ) -> Result<(), AccountError> {
        let source = source.acting(&new.user);
        let after = |beginning: &Beginning| match beginning {
            Beginning::Begun(ended) => {
                let mut aftermath = source.entry(
                    action,
                    AuditResult::Done,
                    Some(&new.user),
                    &format!("sign-in {}", new.id),
                );
                aftermath.audit.extend(
                    ended.iter().flat_map(|id| self.ended(&new.user, id, "newer sign-in", &source)),
                );
                aftermath
            }
            Beginning::Outdated => {
                source.refused(action, Some(&new.user), "the account changed meanwhile")
            }
        };
        let begun = self.stores.sign_ins.begin(new, most, &after, self.now()).await?;
        match begun {
            Beginning::Begun(ended) if ended.is_empty() => Ok(()),
            Beginning::Begun(_) => {
                self.settled().await;
                Ok(())
            }
            Beginning::Outdated => Err(AccountError::Credentials),
        }
    }

    /// Uses a refresh token.
    ///
    /// # Errors
    /// Why it is good for nothing.
    pub async fn refresh(&self, token: &str, source: &Source) -> Result<Grant, AccountError> {
        let Some(presented) = RefreshToken::read(token) else {
            self.metrics.refreshed(RefreshOutcome::Invalid);
            return Err(AccountError::RefreshInvalid);
        };
        let next = presented.next();
        let settings = &self.settings;
        let now = self.now();
        let refresh = Refresh {
            chain: presented.chain(),
            seq: presented.seq(),
            hash: presented.hash(),
            next: next.hash(),
            sealed: presented.seals(&next).ok_or(AccountError::Sealing)?,
            grace: settings.grace,
            idle: settings.idle,
            token_end: now + settings.access + SLACK,
        };
        let after = |refreshed: &Refreshed| self.after_refresh(refreshed, source);
        let refreshed = self.stores.sign_ins.refresh(&refresh, &after, now).await?;
        self.metrics.refreshed(outcome(&refreshed));
        let (who, refresh) = match refreshed {
            Refreshed::Rotated(who) => (who, next),
            Refreshed::Repeated(who, sealed) => {
                (who, presented.opens(&sealed).ok_or(AccountError::Sealing)?)
            }
            Refreshed::Invalid => return Err(AccountError::RefreshInvalid),
            Refreshed::Expired => return Err(AccountError::RefreshExpired),
            Refreshed::Reused(who, reuse) => {
                tracing::warn!(user = %who.user, sign_in = who.id, ?reuse,
                    "a refresh token was used a second time, and its sign-in ended");
                self.settled().await;
                return Err(AccountError::RefreshReused);
            }
        };
        self.outbox.nudge();
        let (_, access) = self.access(&who.user, who.id, settings.access).await?;
        Ok(Grant { access, refresh, idle: settings.idle })
    }

    fn after_refresh(&self, refreshed: &Refreshed, source: &Source) -> Aftermath {
        match refreshed {
            Refreshed::Rotated(who) => {
                let detail = format!("sign-in {}", who.id);
                let source = source.acting(&who.user);
                source
                    .entry(AuditAction::RefreshRotated, AuditResult::Done, Some(&who.user), &detail)
                    .and(self.notices.rotated(&who.user, &who.id, self.now()))
            }
            Refreshed::Reused(who, reuse) => {
                let class = match reuse {
                    Reuse::Recent => "RECENT",
                    Reuse::Stale => "STALE",
                };
                let detail = format!("sign-in {}, class {class}", who.id);
                source
                    .refused(AuditAction::RefreshReused, Some(&who.user), &detail)
                    .and(self.notices.reused(&who.user, &who.id, *reuse, self.now()))
            }
            Refreshed::Repeated(..) | Refreshed::Invalid | Refreshed::Expired => {
                Aftermath::default()
            }
        }
    }

    /// Ends the sign-in of a refresh token, if it lives.
    ///
    /// # Errors
    /// [`AccountError::Store`].
    pub async fn sign_out(&self, token: &str, source: &Source) -> Result<(), AccountError> {
        let Some(presented) = RefreshToken::read(token) else { return Ok(()) };
        let after = |who: &Option<Refreshing>| match who {
            Some(who) => self.ending(&who.user, &who.id, "signed out", source),
            None => Aftermath::default(),
        };
        let ended = self.stores.sign_ins.end_chain(
            presented.chain(),
            SignInEnd::SignedOut,
            &after,
            self.now(),
        );
        match ended.await? {
            Some(_) => {
                self.settled().await;
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// The living sign-ins of a user, newest first.
    ///
    /// # Errors
    /// [`AccountError::Store`].
    pub async fn sign_ins(&self, user: &UserId) -> Result<Vec<SignIn>, AccountError> {
        Ok(self.stores.sign_ins.list(user, self.now()).await?)
    }

    /// Ends one sign-in of a user.
    ///
    /// # Errors
    /// [`AccountError::NoSignIn`] if it does not live.
    pub async fn end_sign_in(
        &self,
        user: &UserId,
        id: &str,
        why: SignInEnd,
        source: &Source,
    ) -> Result<(), AccountError> {
        let after = |was_there: &bool| match was_there {
            true => self.ending(user, id, why.as_str(), source),
            false => Aftermath::default(),
        };
        match self.stores.sign_ins.end(user, id, why, &after, self.now()).await? {
            true => {
                self.settled().await;
                Ok(())
            }
            false => Err(AccountError::NoSignIn),
        }
    }

    /// Ends all sign-ins of a user but one.
    ///
    /// # Errors
    /// [`AccountError::Store`].
    pub async fn end_other_sign_ins(
        &self,
        user: &UserId,
        kept: Option<&str>,
        source: &Source,
    ) -> Result<(), AccountError> {
        let after = |ended: &Vec<String>| Aftermath {
            audit: ended.iter().flat_map(|id| self.ended(user, id, "revoked", source)).collect(),
            errands: Vec::new(),
        };
        let (why, now) = (SignInEnd::Revoked, self.now());
        self.stores.sign_ins.end_others(user, kept, why, &after, now).await?;
        self.settled().await;
        Ok(())
    }

    fn ending(&self, user: &UserId, id: &str, why: &str, source: &Source) -> Aftermath {
        Aftermath { audit: self.ended(user, id, why, source), errands: Vec::new() }
    }

    fn ended(
        &self,
        user: &UserId,
        id: &str,
        why: &str,
        source: &Source,
    ) -> Vec<crate::store::NewAuditEntry> {
        let source = match source.actor {
            Some(_) => source.clone(),
            None => source.acting(user),
        };
        let detail = format!("sign-in {id}: {}", why.replace('_', " "));
        source.entry(AuditAction::SignInEnded, AuditResult::Done, Some(user), &detail).audit
    }

    /// A token of a sign-in, or one that an API key mints: the one place where they are made.
    /// Signing takes a millisecond of compute.
    pub(super) async fn access(
        &self,
        user: &UserId,
        sid: String,
        lifetime: Duration,
    ) -> Result<(String, IssuedToken), AccountError> {
        let (tokens, user, of) = (self.tokens.clone(), user.clone(), sid.clone());
        let issue = move || tokens.issue_for(user, lifetime, of);
        let issued = tokio::task::spawn_blocking(issue).await.map_err(|_| AccountError::Stopped)?;
        Ok((sid, issued?))
    }
}

fn outcome(refreshed: &Refreshed) -> RefreshOutcome {
    match refreshed {
        Refreshed::Rotated(_) => RefreshOutcome::Rotated,
        Refreshed::Repeated(..) => RefreshOutcome::Repeated,
        Refreshed::Invalid => RefreshOutcome::Invalid,
        Refreshed::Expired => RefreshOutcome::Expired,
        Refreshed::Reused(_, Reuse::Recent) => RefreshOutcome::ReusedRecent,
        Refreshed::Reused(_, Reuse::Stale) => RefreshOutcome::ReusedStale,
    }
}

/// A name that nobody guesses: 96 bits.
pub(super) fn random_id() -> String {
    BASE64_URL_SAFE_NO_PAD.encode(rand::random::<[u8; 12]>())
}

fn shortened((label, user_agent): (String, String), address: Option<IpAddr>) -> Device {
    let short = |text: String, most: usize| -> String {
        text.chars().filter(|c| !c.is_control()).take(most).collect()
    };
    Device {
        label: short(label, MAX_LABEL),
        user_agent: short(user_agent, MAX_USER_AGENT),
        address: address.unwrap_or(IpAddr::V6(Ipv6Addr::UNSPECIFIED)),
    }
}
