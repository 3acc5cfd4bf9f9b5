//! `easel keys`: the signing keyring, without a server. A running server sees a change within
//! about a second.

use std::{
    fs,
    io::{self, Read},
    path::{Path, PathBuf},
    sync::Arc,
};

use clap::Subcommand;
use common::jwt::SigningKey;
use serde_json::json;
use zeroize::Zeroizing;

use super::{Failure, Settings, print};
use crate::{
    account::keyring_changed,
    clock::{Clock, SystemClock},
    server::Stores,
    store::AuditStore,
    token::{KeyState, KeySummary, Keyring, KeyringError, Promotion, rfc3339},
};

/// Larger than any private key that anyone would import, in bytes.
const MAX_KEY_BYTES: u64 = 65_536;

#[derive(Subcommand)]
pub(super) enum Command {
    /// List the keys, newest first: name, state, when it was made, what comes next
    List {
        /// As JSON, with the states that each key went through
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        settings: Settings,
    },
    /// Make a key that is published now and signs when it is promoted
    Create(Settings),
    /// Let a next key sign; the active one verifies on until its overlap is over
    Promote {
        /// The key's name
        kid: String,
        /// Do not wait for the publish delay: whoever verifies our tokens with keys fetched
        /// earlier refuses those of the new key until they fetch again
        #[arg(long)]
        now: bool,
        #[command(flatten)]
        settings: Settings,
    },
    /// End a next or retiring key before its time
    Retire {
        /// The key's name
        kid: String,
        #[command(flatten)]
        settings: Settings,
    },
    /// End a key at once and for ever; of the active one, the next key takes over, or a new one
    Revoke {
        /// The key's name
        kid: String,
        #[command(flatten)]
        settings: Settings,
    },
    /// Let the key sign again that signed before, while it is within its overlap
    Rollback(Settings),
    /// Take a private RSA key (a JWK) into the ring and sign with it from now on
    Import {
        /// The file with the JWK; - reads standard input
        file: PathBuf,
        #[command(flatten)]
        settings: Settings,
    },
}

pub(super) async fn run(command: Command) -> Result<(), Failure> {
    let (settings, verb) = match command {
        Command::List { json, settings } => (settings, Verb::List { json }),
        Command::Create(settings) => (settings, Verb::Create),
        Command::Promote { kid, now, settings } => (settings, Verb::Promote { kid, now }),
        Command::Retire { kid, settings } => (settings, Verb::Retire(kid)),
        Command::Revoke { kid, settings } => (settings, Verb::Revoke(kid)),
        Command::Rollback(settings) => (settings, Verb::Rollback),
        // Read before the store is opened, so that a broken file leaves no trace.
        Command::Import { file, settings } => (settings, Verb::Import(read(&file)?)),
    };
    let (keyring, stores) = open(&settings).await?;
    let what = verb.name();
    let said = verb.run(&keyring).await;
    let told = match (&said, what, &stores.database) {
        (Ok(_), Some(what), Some(database)) => {
            database.write(&keyring_changed(&what), SystemClock.now()).await
        }
        _ => Ok(()),
    };
    stores.close().await;
    print(said?.trim_end())?;
    Ok(told?)
}

/// What to do with the keyring.
enum Verb {
    List { json: bool },
    Create,
    Promote { kid: String, now: bool },
    Retire(String),
    Revoke(String),
    Rollback,
    Import(SigningKey),
}

impl Verb {
    /// What the audit log says of it, if it changes something.
    fn name(&self) -> Option<String> {
        Some(match self {
            Self::List { .. } => return None,
            Self::Create => "create".to_owned(),
            Self::Promote { kid, .. } => format!("promote {kid}"),
            Self::Retire(kid) => format!("retire {kid}"),
            Self::Revoke(kid) => format!("revoke {kid}"),
            Self::Rollback => "rollback".to_owned(),
            Self::Import(key) => format!("import {}", key.public().kid),
        })
    }

    /// Does it, and says what came of it.
    async fn run(self, keyring: &Keyring) -> Result<String, KeyringError> {
        Ok(match self {
            Self::List { json } => {
                let keys = keyring.list().await?;
                if json { as_json(&keys) } else { keys.iter().map(line).collect() }
            }
            Self::Create => keyring.create().await?,
            Self::Promote { kid, now } => promoted(&keyring.promote(&kid, now).await?),
            Self::Retire(kid) => {
                keyring.retire(&kid).await?;
                format!("{kid} is retired: tokens that it signed are refused from now on")
            }
            Self::Revoke(kid) => {
                let promotion = keyring.revoke(&kid).await?;
                let mut said = format!("{kid} is revoked: tokens that it signed are refused\n");
                said.extend(promotion.as_ref().map(promoted));
                said
            }
            Self::Rollback => promoted(&keyring.rollback().await?),
            Self::Import(key) => {
                keyring.import(&key).await?;
                key.public().kid.clone()
            }
        })
    }
}

fn promoted(promotion: &Promotion) -> String {
    let mut said = format!("{} signs from now on\n", promotion.active);
    if let Some((kid, ends_at)) = &promotion.retiring {
        said.push_str(&format!("{kid} verifies until {}\n", rfc3339(ends_at)));
    }
    if let Some(until) = &promotion.unknown_until {
        let until = rfc3339(until);
        said.push_str(&format!(
            "others who verify tokens may not know the new key before {until}\n"
        ));
    }
    said
}

fn line(key: &KeySummary) -> String {
    let then = match (key.state, key.ends_at, key.history.last()) {
        (KeyState::Next, ..) => format!("  may sign from {}", rfc3339(&key.known_from)),
        (KeyState::Retiring, Some(end), _) => format!("  verifies until {}", rfc3339(&end)),
        (KeyState::Retired, Some(end), _) => format!("  since {}", rfc3339(&end)),
        (_, _, Some(step)) => format!("  since {}", rfc3339(&step.at)),
        (_, _, None) => String::new(),
    };
    let (created_at, state) = (rfc3339(&key.created_at), key.state.to_string());
    format!("{}  {state:<8}  {created_at}{then}\n", key.kid)
}

fn as_json(keys: &[KeySummary]) -> String {
    let key = |key: &KeySummary| {
        json!({
            "kid": key.kid,
            "state": key.state,
            "created_at": rfc3339(&key.created_at),
            "known_from": rfc3339(&key.known_from),
            "ends_at": key.ends_at.as_ref().map(rfc3339),
            "history": key.history,
        })
    };
    format!("{:#}", json!(keys.iter().map(key).collect::<Vec<_>>()))
}

async fn open(settings: &Settings) -> Result<(Keyring, Stores), Failure> {
    let (_, config) = settings.load()?;
    let stores = Stores::open(&config).await?;
    let clock = Arc::new(SystemClock);
    let keyring = Keyring::open(stores.keyring.clone(), clock, &config.keys).await?;
    Ok((keyring, stores))
}

fn read(file: &Path) -> Result<SigningKey, Failure> {
    let usage =
        |error: &dyn std::fmt::Display| Failure::Usage(format!("{}: {error}", file.display()));
    // Large enough from the start: a buffer that grows would leave the secret behind.
    let mut text = Zeroizing::new(String::with_capacity(MAX_KEY_BYTES as usize + 1));
    let source: Box<dyn Read> = match file == Path::new("-") {
        true => Box::new(io::stdin()),
        false => Box::new(fs::File::open(file).map_err(|error| usage(&error))?),
    };
    source.take(MAX_KEY_BYTES).read_to_string(&mut text).map_err(|error| usage(&error))?;
    SigningKey::from_jwk(&text).map_err(|error| usage(&error))
}
