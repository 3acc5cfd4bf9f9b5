//! `easel account`: accounts without the web. A running server sees a change at once.

use std::{
    io::{self, Read},
    sync::Arc,
};

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use clap::Subcommand;
use common::{
    UserId,
    api::{Role, Roles},
};

use super::{Failure, Settings, print};
use crate::{
    account::{AccountPatch, Accounts, Email, Password, Source},
    clock::{Clock, SystemClock},
    server::{self, Stores},
    store::Account,
};

/// Longer than any password, in bytes.
const MAX_PASSWORD_BYTES: u64 = 4096;

#[derive(Subcommand)]
pub(super) enum Command {
    /// Make an account; its password is made up and printed, unless it comes from standard input
    Create {
        /// Its name
        user: UserId,
        /// Where its mail goes; without one, its password cannot be replaced by mail
        #[arg(long)]
        email: Option<Email>,
        /// What it may do: USER, OPERATOR, AUDITOR or ADMIN; may be given more than once
        #[arg(long = "role", default_value = "USER")]
        roles: Vec<Role>,
        /// Read the password from standard input: its first line
        #[arg(long)]
        password_stdin: bool,
        #[command(flatten)]
        settings: Settings,
    },
    /// List the accounts by name: roles, address, and whether they are disabled
    List(Settings),
    /// Let nobody sign in to an account; its sign-ins and API keys end
    Disable {
        /// Its name
        user: UserId,
        #[command(flatten)]
        settings: Settings,
    },
    /// Let an account be signed in to again
    Enable {
        /// Its name
        user: UserId,
        #[command(flatten)]
        settings: Settings,
    },
    /// Give an account these roles, and take all others; its sign-ins end
    Role {
        /// Its name
        user: UserId,
        /// What it may do: USER, OPERATOR, AUDITOR or ADMIN
        #[arg(required = true)]
        roles: Vec<Role>,
        #[command(flatten)]
        settings: Settings,
    },
}

pub(super) async fn run(command: Command) -> Result<(), Failure> {
    let (settings, verb) = match command {
        Command::Create { user, email, roles, password_stdin, settings } => {
            // Read before the store is opened, so that an empty input leaves no trace.
            let given = password_stdin.then(read_password).transpose()?;
            let roles = roles.into_iter().collect();
            (settings, Verb::Create { user, email, roles, given })
        }
        Command::List(settings) => (settings, Verb::List),
        Command::Disable { user, settings } => (settings, Verb::Disable(user, true)),
        Command::Enable { user, settings } => (settings, Verb::Disable(user, false)),
        Command::Role { user, roles, settings } => {
            (settings, Verb::Roles(user, roles.into_iter().collect()))
        }
    };
    let (_, config) = settings.load()?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let stores = Stores::open(&config).await?;
    let tokens = Arc::new(server::open_tokens(&config, &stores, clock.clone()).await?);
    let accounts = server::open_accounts(&config, &stores, &tokens, &clock)?;
    let said = match accounts {
        Some(accounts) => verb.run(&accounts).await,
        None => Err(Failure::Usage(
            "this configuration has no accounts: nodes that share a Redis keep them in PostgreSQL \
             (database-url)"
                .to_owned(),
        )),
    };
    stores.close().await;
    print(said?.trim_end())
}

/// What to do with accounts.
enum Verb {
    Create { user: UserId, email: Option<Email>, roles: Roles, given: Option<Password> },
    List,
    Disable(UserId, bool),
    Roles(UserId, Roles),
}

impl Verb {
    /// Does it, and says what came of it.
    async fn run(self, accounts: &Accounts) -> Result<String, Failure> {
        let source = Source::command_line();
        Ok(match self {
            Self::Create { user, email, roles, given } => {
                let made_up = BASE64_URL_SAFE_NO_PAD.encode(rand::random::<[u8; 15]>());
                let said = match &given {
                    Some(_) => format!("{user} can sign in with the password that was given"),
                    None => format!("{user} can sign in with this password: {made_up}"),
                };
                let password = given.unwrap_or_else(|| Password::new(made_up));
                accounts.create(user, email, Some(password), roles, &source).await?;
                said
            }
            Self::List => list(accounts).await?,
            Self::Disable(user, disabled) => {
                let patch = AccountPatch::Disabled(disabled);
                accounts.patch(&user, None, patch, None, &source).await?;
                match disabled {
                    true => format!("{user} is disabled: its sign-ins and API keys have ended"),
                    false => format!("{user} can be signed in to again"),
                }
            }
            Self::Roles(user, roles) => {
                let said = format!("{user} has the roles {}", words(&roles));
                accounts.set_roles(&user, None, roles, None, &source).await?;
                said
            }
        })
    }
}

async fn list(accounts: &Accounts) -> Result<String, Failure> {
    const PAGE: u32 = 500;
    let mut said = String::new();
    let mut after: Option<UserId> = None;
    loop {
        let page = accounts.list(after.as_ref(), PAGE).await?;
        said.extend(page.iter().map(line));
        match page.last() {
            Some(last) if page.len() == PAGE as usize => after = Some(last.user.clone()),
            _ => return Ok(said),
        }
    }
}

fn line(account: &Account) -> String {
    let email = account.email.as_deref().unwrap_or("-");
    let disabled = if account.disabled_at.is_some() { "  disabled" } else { "" };
    format!("{}  {}  {email}{disabled}\n", account.user, words(&account.roles))
}

fn words(roles: &Roles) -> String {
    roles.iter().map(Role::to_string).collect::<Vec<_>>().join(",")
}

fn read_password() -> Result<Password, Failure> {
    let mut text = String::new();
    io::stdin().take(MAX_PASSWORD_BYTES).read_to_string(&mut text)?;
    match text.lines().next().unwrap_or_default() {
        "" => Err(Failure::Usage("there is no password on standard input".to_owned())),
        line => Ok(Password::new(line.to_owned())),
    }
}
