//! Mail to the people behind accounts: its words, and how it leaves.
//!
//! A mail begins as an errand that says what it is about and to whom. When it is taken up, its
//! address is looked up, the token of its link is made, and it is sent; if that fails, all of this
//! happens again, with another token.

mod address;
mod errand;
mod files;
mod letter;
mod masked;
mod message;
mod proof;
mod smtp;

use std::{path::PathBuf, sync::Arc, time::Duration};

use async_trait::async_trait;
use common::{UserId, path};
use time::macros::format_description;

pub use self::{
    address::is_address,
    errand::MailErrand,
    masked::masked,
    message::Sender,
    proof::ProofToken,
    smtp::{Smtp, SmtpUrl},
};
use self::{
    files::Files,
    letter::{Facts, host, moment, spelled},
    message::Parts,
};
use crate::{
    clock::Clock,
    outbox::{Failure, Handler, payload},
    render::letter::letter,
    store::{Account, AccountStore, Errand, ErrandKind, NewProof, ProofPurpose, Recipient},
};

/// How many mails are sent at once: more than any mail server likes to take from one client.
const AT_ONCE: usize = 4;

/// How mail is sent, and how long its links work.
#[derive(Debug, Clone)]
pub struct MailSettings {
    /// The mail server; without one, mail is put into files.
    pub smtp: Option<SmtpUrl>,
    /// Whom mail is from.
    pub from: Sender,
    /// How long a link works that proves an address.
    pub verify_ttl: Duration,
    /// How long a link works that leads to a new password.
    pub reset_ttl: Duration,
}

/// There can be no mail server: the system has no certificates to trust.
#[derive(Debug, thiserror::Error)]
#[error("mail: {0}")]
pub struct MailError(#[from] lettre::transport::smtp::Error);

/// How mail leaves.
#[derive(Debug)]
enum Post {
    Server(Smtp),
    Files(Files),
}

/// Sends mail.
#[derive(Debug)]
pub struct Mailer {
    store: Arc<dyn AccountStore>,
    clock: Arc<dyn Clock>,
    settings: MailSettings,
    site: String,
    host: String,
    post: Post,
}

/// A mail of which everything is known but its words.
struct Addressed {
    to: Recipient,
    link: Link,
}

/// Where a mail leads.
enum Link {
    /// To a page that takes the token, for so long.
    Proof(&'static str, ProofToken, Duration),
    /// To this server.
    Site,
}

impl Mailer {
    /// Mail of accounts in this store, with links to `public_url`. Where no mail server is set, it
    /// goes into files of `directory`.
    ///
    /// # Errors
    /// See [`MailError`].
    pub fn new(
        store: Arc<dyn AccountStore>,
        clock: Arc<dyn Clock>,
        settings: MailSettings,
        public_url: &str,
        directory: PathBuf,
    ) -> Result<Self, MailError> {
        let host = host(public_url);
        let post = match settings.smtp.clone() {
            Some(url) => Post::Server(Smtp::new(url, settings.from.clone(), &host, clock.clone())?),
            None => Post::Files(Files::new(directory)),
        };
        Ok(Self { store, clock, settings, site: public_url.to_owned(), host, post })
    }

    /// Whom a mail goes to, and where it leads; `None` when there is nobody any more to send it to.
    async fn address(&self, about: &MailErrand) -> Result<Option<Addressed>, Failure> {
        let account = match about {
            MailErrand::Nobody => None,
            MailErrand::Verify { user } => {
                let ttl = self.settings.verify_ttl;
                return self.prove(user, ProofPurpose::Verify, path::VERIFY_PAGE, ttl).await;
            }
            MailErrand::Reset { user } => {
                let ttl = self.settings.reset_ttl;
                return self.prove(user, ProofPurpose::Reset, path::RESET_PAGE, ttl).await;
            }
            MailErrand::AlreadyRegistered { email } => self.store.account_of_email(email).await?,
            MailErrand::ReuseDetected { user } | MailErrand::PasswordChanged { user } => {
                self.store.account(user).await?
            }
        };
        let recipient = |Account { user, email, language, .. }| {
            Some(Addressed { to: Recipient { user, email: email?, language }, link: Link::Site })
        };
        Ok(account.and_then(recipient))
    }

    async fn prove(
        &self,
        user: &UserId,
        purpose: ProofPurpose,
        page: &'static str,
        ttl: Duration,
    ) -> Result<Option<Addressed>, Failure> {
        let (token, now) = (ProofToken::random(), self.clock.now());
        let proof =
            NewProof { purpose, user: user.clone(), hash: token.hash(), ends_at: now + ttl };
        let recipient = self.store.issue_proof(&proof, now).await?;
        Ok(recipient.map(|to| Addressed { to, link: Link::Proof(page, token, ttl) }))
    }

    async fn send(
        &self,
        about: &MailErrand,
        errand: &Errand,
        addressed: Addressed,
    ) -> Result<(), Failure> {
        let Addressed { to: Recipient { user, email, language }, link } = addressed;
        let (id, valid_for, link) = match link {
            // Each attempt has another token, and the newest works: none of them is a double.
            Link::Proof(page, token, ttl) => (
                format!("{}.{}", errand.id, errand.attempts),
                Some(spelled(ttl, language)),
                path::mail_link(&self.site, page, token.as_str()),
            ),
            Link::Site => (errand.id.clone(), None, self.site.clone()),
        };
        let facts = Facts {
            language: language.as_str(),
            user: &user,
            host: &self.host,
            site: &self.site,
            link: &link,
            valid_for,
            at: moment(errand.created_at),
        };
        let at = self.clock.now();
        let letter = letter(about.name(), language, &facts).map_err(|error| {
            tracing::error!(%error, mail = about.name(), "a mail has no words");
            Failure::Again("it has no words".to_owned())
        })?;
        let parts = Parts { id: &id, from: &self.settings.from, to: &email, at, language, letter };
        let message = parts.message()?;
        let to = masked(&email);
        match &self.post {
            Post::Server(server) => {
                server.send(&email, &message).await?;
                tracing::info!(mail = about.name(), to, "a mail was sent");
            }
            Post::Files(files) => {
                let format = format_description!("[year][month][day]T[hour][minute][second]Z");
                let time = at.format(format).unwrap_or_else(|_| at.unix_timestamp().to_string());
                let name = format!("{time}-{}-{}.eml", about.name(), errand.id);
                let file = files.keep(&name, message).await?;
                let file = file.display();
                tracing::info!(
                    mail = about.name(),
                    to,
                    %file,
                    "a mail was put into a file: there is no smtp-url to send it by"
                );
            }
        }
        Ok(())
    }
}

#[async_trait]
impl Handler for Mailer {
    fn kind(&self) -> ErrandKind {
        ErrandKind::Mail
    }

    fn at_once(&self) -> usize {
        AT_ONCE
    }

    async fn run(&self, errand: &Errand) -> Result<(), Failure> {
        let about: MailErrand = payload(errand)?;
        match self.address(&about).await? {
            Some(addressed) => self.send(&about, errand, addressed).await,
            // The account or the registration is gone, or has no address.
            None => Ok(()),
        }
    }
}
