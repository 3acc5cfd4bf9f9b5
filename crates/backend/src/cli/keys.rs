//! `easel keys`: the signing keyring, without a server. A running server takes a change
//! over within half a minute, or when it first sees a token that was signed with a new key.

use std::{
    fs,
    io::{self, Read},
    path::{Path, PathBuf},
    sync::Arc,
};

use clap::Subcommand;
use common::jwt::SigningKey;

use super::{Failure, Settings, print};
use crate::{clock::SystemClock, server, token::Keyring};

#[derive(Subcommand)]
pub(super) enum Command {
    /// List the keys, newest first: name, state, when it came
    List(Settings),
    /// Take a private RSA key (a JWK) into the ring and sign with it from now on
    Import {
        /// The file with the JWK; - reads standard input
        file: PathBuf,
        #[command(flatten)]
        settings: Settings,
    },
}

pub(super) async fn run(command: Command) -> Result<(), Failure> {
    match command {
        Command::List(settings) => {
            let (keyring, store) = open(&settings).await?;
            let keys = keyring.list().await?;
            store.close().await;
            for key in keys {
                let created_at =
                    key.created_at.format(&time::format_description::well_known::Rfc3339)?;
                print(&format!("{}  {:<8}  {created_at}", key.kid, key.state.to_string()))?;
            }
            Ok(())
        }
        Command::Import { file, settings } => {
            let key = SigningKey::from_jwk(&read(&file)?)
                .map_err(|error| Failure::Usage(format!("{}: {error}", file.display())))?;
            let (keyring, store) = open(&settings).await?;
            keyring.import(&key).await?;
            store.close().await;
            print(&key.public().kid)
        }
    }
}

async fn open(settings: &Settings) -> Result<(Keyring, crate::store::SqliteStore), Failure> {
    let (_, config) = settings.load()?;
    let store = server::open_store(&config).await?;
    let keyring = Keyring::open(Arc::new(store.clone()), Arc::new(SystemClock)).await?;
    Ok((keyring, store))
}

fn read(file: &Path) -> Result<String, Failure> {
    let mut text = String::new();
    let read = match file == Path::new("-") {
        true => io::stdin().read_to_string(&mut text).map(drop),
        false => fs::read_to_string(file).map(|file| text = file),
    };
    read.map_err(|error| Failure::Usage(format!("{}: {error}", file.display())))?;
    Ok(text)
}
