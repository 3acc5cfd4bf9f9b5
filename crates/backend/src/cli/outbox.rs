//! `easel outbox`: what was given up, such as mail that nobody takes.

use clap::Subcommand;

use super::{Failure, Settings, print};
use crate::{
    clock::{Clock, SystemClock},
    server::Stores,
    store::{Database, OutboxStore},
    token::rfc3339,
};

/// The most that is listed.
const MOST: u32 = 1000;

#[derive(Subcommand)]
pub(super) enum Command {
    /// List what is not tried again, newest first: name, kind, since when, how often, what went wrong
    List(Settings),
    /// Try one of them again
    Retry {
        /// Its name
        id: String,
        #[command(flatten)]
        settings: Settings,
    },
}

pub(super) async fn run(command: Command) -> Result<(), Failure> {
    let (settings, id) = match command {
        Command::List(settings) => (settings, None),
        Command::Retry { id, settings } => (settings, Some(id)),
    };
    let (_, config) = settings.load()?;
    let stores = Stores::open(&config).await?;
    let said = match (&stores.database, id) {
        (None, _) => Err(Failure::Usage("this configuration has no accounts".to_owned())),
        (Some(database), None) => list(database).await,
        (Some(database), Some(id)) => retry(database, &id).await,
    };
    stores.close().await;
    print(said?.trim_end())
}

async fn list(database: &Database) -> Result<String, Failure> {
    let dead = database.dead(MOST).await?.into_iter().map(|errand| {
        let why = errand.last_error.unwrap_or_default();
        let (kind, since) = (errand.kind.as_str(), rfc3339(&errand.created_at));
        format!("{}  {kind}  {since}  {} attempts  {why}\n", errand.id, errand.attempts)
    });
    Ok(dead.collect())
}

async fn retry(database: &Database, id: &str) -> Result<String, Failure> {
    match database.revive(id, SystemClock.now()).await? {
        true => Ok(format!("{id} is tried again")),
        false => Err(Failure::Failed(format!("there is no {id} that was given up"))),
    }
}
