//! The sub-commands of the program. Standard output carries results, standard error what is
//! said about them; the exit code is 0, 1 for a failure, 2 for a command or configuration
//! that makes no sense.

mod account;
mod bench;
mod client;
mod keys;
mod outbox;
mod template;

use std::{fmt::Display, path::PathBuf, process::ExitCode, sync::Arc, time::Duration};

use clap::{Args, Parser, Subcommand};
use common::UserId;

use crate::{
    account::minted,
    clock::{Clock, SystemClock},
    config::{self, Config, ConfigError, Effective, Flags, Raw},
    lifecycle::StopSignals,
    render::{self, WorkerProgram},
    server::{self, Listeners, Server, Stores},
    store::AuditStore,
    telemetry,
};

/// A command line, a configuration or an argument that makes no sense.
const EXIT_USAGE: u8 = 2;

/// Live pictures: a program PUTs a few values, and every viewer sees the SVG change at once.
#[derive(Parser)]
#[command(name = "easel", version)]
#[command(args_conflicts_with_subcommands = true)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    /// What `serve` takes, for calls without a command.
    #[command(flatten)]
    settings: Settings,
}

/// The settings of a server, as flags.
#[derive(Args, Clone)]
struct Settings {
    /// The file with the settings [default: easel.toml, if it exists]
    #[arg(long, value_name = "FILE", env = "EASEL_CONFIG")]
    config: Option<PathBuf>,
    #[command(flatten)]
    flags: Flags,
}

#[derive(Subcommand)]
enum Command {
    /// Run the server (also without a command)
    Serve(Settings),
    /// Mint a token with the keyring of the configured store, without a server
    Token {
        /// Whose token
        user: UserId,
        /// How long it is valid, such as 90s, 1h or 7d [default: token-ttl]
        #[arg(long, value_parser = config::duration)]
        ttl: Option<Duration>,
        #[command(flatten)]
        settings: Settings,
    },
    /// Look after the signing keyring
    Keys {
        #[command(subcommand)]
        command: keys::Command,
    },
    /// Look after accounts
    Account {
        #[command(subcommand)]
        command: account::Command,
    },
    /// Look after what was given up, such as mail that nobody takes
    Outbox {
        #[command(subcommand)]
        command: outbox::Command,
    },
    /// Bring the tables of accounts up to date, and say what was done
    Migrate(Settings),
    /// Change a session from a shell or a cron job; the token comes from EASEL_TOKEN
    Push(client::Push),
    /// Follow a session in the terminal: revision, size, delay
    Watch(client::Watch),
    /// Measure what a server can carry, with thousands of viewers of its own
    Bench(Box<bench::Bench>),
    /// Work on templates
    Template {
        #[command(subcommand)]
        command: template::Command,
    },
    /// Print the OpenAPI document that the server serves
    Openapi(Settings),
    /// Draw what a server asks for; servers start this themselves
    #[command(name = render::worker::COMMAND, hide = true)]
    RenderWorker {
        /// The limits, as the server writes them
        settings: String,
    },
    /// Print the effective configuration, and fail if it is not valid
    CheckConfig(Settings),
}

/// Why a command failed.
enum Failure {
    /// The command or the configuration makes no sense.
    Usage(String),
    /// It makes sense and did not work.
    Failed(String),
}

impl<E: Display> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::Failed(error.to_string())
    }
}

impl Settings {
    fn load(&self) -> Result<(Raw, Config), Failure> {
        let gather = || -> Result<_, ConfigError> {
            let raw = Raw::gather(&self.flags, std::env::vars_os(), self.config.as_deref())?;
            let config = Config::new(&raw)?;
            Ok((raw, config))
        };
        gather().map_err(|error| Failure::Usage(format!("configuration: {error}")))
    }
}

/// Runs the program.
#[expect(clippy::print_stderr, reason = "a command tells its user why it failed")]
pub fn run() -> ExitCode {
    let cli = Cli::parse();
    // A worker has no runtime: its limits leave no room for threads.
    if let Some(Command::RenderWorker { settings }) = &cli.command {
        return match render::worker::run(settings) {
            Ok(()) => ExitCode::SUCCESS,
            Err(_) => ExitCode::FAILURE,
        };
    }
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("easel: cannot start: {error}");
            return ExitCode::FAILURE;
        }
    };
    let result = runtime.block_on(dispatch(cli));
    // A render that is under way must not hold up the exit.
    runtime.shutdown_background();
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Failed(message)) => {
            eprintln!("easel: {message}");
            ExitCode::FAILURE
        }
        Err(Failure::Usage(message)) => {
            eprintln!("easel: {message}");
            ExitCode::from(EXIT_USAGE)
        }
    }
}

async fn dispatch(cli: Cli) -> Result<(), Failure> {
    match cli.command.unwrap_or(Command::Serve(cli.settings)) {
        Command::Serve(settings) => serve(settings.load()?.1).await,
        Command::Token { user, ttl, settings } => {
            let (_, config) = settings.load()?;
            let clock: Arc<dyn Clock> = Arc::new(SystemClock);
            let store = Stores::open(&config).await?;
            let tokens = server::open_tokens(&config, &store, clock).await?;
            let issued = tokens
                .issue(user.clone(), ttl)
                .map_err(|error| Failure::Usage(error.to_string()))?;
            let told = match &store.database {
                Some(database) => database.write(&minted(&user), SystemClock.now()).await,
                None => Ok(()),
            };
            store.close().await;
            told?;
            print(&issued.token)
        }
        Command::Keys { command } => keys::run(command).await,
        Command::Account { command } => account::run(command).await,
        Command::Outbox { command } => outbox::run(command).await,
        Command::Migrate(settings) => {
            let (_, config) = settings.load()?;
            print(&server::migrate(&config).await?)
        }
        Command::Push(push) => client::push(push).await,
        Command::Watch(watch) => client::watch(watch).await,
        Command::Bench(bench) => bench::run(*bench).await,
        Command::Template { command } => template::run(&command).await,
        Command::RenderWorker { .. } => Ok(()),
        Command::Openapi(settings) => {
            let (_, config) = settings.load()?;
            print(&serde_json::to_string_pretty(&server::openapi(&config)?)?)
        }
        Command::CheckConfig(settings) => {
            let (raw, config) = settings.load()?;
            print(Effective { raw: &raw, config: &config }.to_string().trim_end())
        }
    }
}

async fn serve(mut config: Config) -> Result<(), Failure> {
    telemetry::start(&config);
    let mut signals = StopSignals::install()?;
    let listeners = Listeners::bind(&mut config).await?;
    let server = Server::new(config, Arc::new(SystemClock), &WorkerProgram::this()?).await?;
    let (stop_now, cut_now) = (tokio::sync::Notify::new(), tokio::sync::Notify::new());
    let signalled = async {
        signals.next().await;
        stop_now.notify_one();
        signals.next().await;
        cut_now.notify_one();
        std::future::pending::<()>().await;
    };
    tokio::select! {
        result = server.serve(listeners, stop_now.notified(), cut_now.notified()) => Ok(result?),
        () = signalled => Ok(()),
    }
}

/// Writes a result to standard output; a reader that has gone away is an error, not a panic.
fn print(text: &str) -> Result<(), Failure> {
    use std::io::Write;
    Ok(writeln!(std::io::stdout(), "{text}")?)
}
