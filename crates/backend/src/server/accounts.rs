//! Accounts, where a database keeps them: the rooms that they need, and what becomes of errands.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;

use super::{ServerError, Stores};
use crate::{
    account::{AccountStores, Accounts, Notices},
    clock::Clock,
    config::Config,
    lifecycle::Lifecycle,
    mail::Mailer,
    metrics::Metrics,
    outbox::{Erasure, Failure, Handler, Outbox},
    session::Sessions,
    store::{Database, Errand, ErrandKind},
    token::Tokens,
    webhook::Webhooks,
};

/// Accounts without a server: what remains to be done after a change waits for one.
///
/// # Errors
/// When passwords cannot be hashed with these settings.
pub fn open_accounts(
    config: &Config,
    stores: &Stores,
    tokens: &Arc<Tokens>,
    clock: &Arc<dyn Clock>,
) -> Result<Option<Arc<Accounts>>, ServerError> {
    let Some(database) = &stores.database else { return Ok(None) };
    let (metrics, lifecycle) = (Arc::new(Metrics::default()), Lifecycle::default());
    let outbox =
        Outbox::new(Arc::new(database.clone()), clock.clone(), metrics.clone(), lifecycle, vec![]);
    accounts(config, database, tokens, &outbox, &metrics, clock).map(Some)
}

/// Accounts, and the outbox that does what remains to be done after they change.
pub(super) fn open(
    config: &Config,
    database: &Database,
    tokens: &Arc<Tokens>,
    sessions: &Arc<Sessions>,
    metrics: &Arc<Metrics>,
    clock: &Arc<dyn Clock>,
    lifecycle: &Lifecycle,
) -> Result<(Arc<Accounts>, Arc<Outbox>), ServerError> {
    let mailer = Mailer::new(
        Arc::new(database.clone()),
        clock.clone(),
        config.mail.clone(),
        &config.link_base(),
        config.mail_directory(),
    )?;
    let webhooks = Webhooks::new(config.webhooks.clone(), clock.clone())?;
    let outbox = Outbox::new(
        Arc::new(database.clone()),
        clock.clone(),
        metrics.clone(),
        lifecycle.clone(),
        vec![Arc::new(mailer), Arc::new(webhooks), Arc::new(Eraser(sessions.clone()))],
    );
    let accounts = accounts(config, database, tokens, &outbox, metrics, clock)?;
    Ok((accounts, outbox))
}

fn accounts(
    config: &Config,
    database: &Database,
    tokens: &Arc<Tokens>,
    outbox: &Arc<Outbox>,
    metrics: &Arc<Metrics>,
    clock: &Arc<dyn Clock>,
) -> Result<Arc<Accounts>, ServerError> {
    let database = Arc::new(database.clone());
    let stores = AccountStores {
        accounts: database.clone(),
        sign_ins: database.clone(),
        api_keys: database.clone(),
        audit: database,
    };
    let receivers = config.webhooks.as_ref().map(|webhooks| webhooks.urls.clone());
    Ok(Accounts::new(
        stores,
        tokens.clone(),
        Notices::new(receivers.unwrap_or_default()),
        outbox.clone(),
        metrics.clone(),
        clock.clone(),
        config.accounts.clone(),
    )?)
}

/// So long after an account is gone someone may still draw in its name: by a token that another
/// node knows to be good, or whose clock is behind.
const STRAGGLERS: Duration = Duration::from_secs(120);

/// Deletes the sessions of accounts that are gone; their streams end with them. Whoever has the name
/// next keeps theirs, however late this is.
#[derive(Debug)]
struct Eraser(Arc<Sessions>);

#[async_trait]
impl Handler for Eraser {
    fn kind(&self) -> ErrandKind {
        ErrandKind::Erasure
    }

    fn at_once(&self) -> usize {
        2
    }

    async fn run(&self, errand: &Errand) -> Result<(), Failure> {
        let Erasure { user } = Erasure::of(errand)?;
        self.0.delete_all_of(&user, errand.created_at + STRAGGLERS).await.map_err(|error| {
            tracing::error!(%error, "the sessions of an account that is gone could not be deleted");
            Failure::Again("the store of sessions failed".to_owned())
        })
    }
}

/// Brings the tables of accounts up to date; says what was done.
///
/// # Errors
/// When the database cannot be reached, or a newer program has written it.
pub async fn migrate(config: &Config) -> Result<String, ServerError> {
    let stores = Stores::open(config).await?;
    let said = match &stores.database {
        None => "no accounts are kept with this configuration: there is nothing to do".to_owned(),
        Some(database) => match database.migrations_applied() {
            0 => format!("{database} is up to date"),
            applied => format!("{database} is up to date now: {applied} migrations were applied"),
        },
    };
    stores.close().await;
    Ok(said)
}
