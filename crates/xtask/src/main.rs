//! Easel's task runner: builds the page, runs the server, the tests, the checks and the
//! comparison with others, with nothing but what cargo fetches.
#![expect(clippy::print_stderr, reason = "a task runner talks to the terminal")]

mod bench;
mod check;
mod page;
mod press;
mod server;
mod step;
mod test;
mod tools;

use clap::Parser;

/// Easel's tasks.
#[derive(Parser)]
#[command(name = "xtask", bin_name = "cargo xtask")]
enum Task {
    /// Builds the page into crates/frontend/dist.
    Page,
    /// Builds the page and the server, and runs the server (the same as `cargo easel`).
    Easel {
        /// Goes to the server as it stands.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<String>,
    },
    /// Sets up what the tests need, builds everything, and runs all tests.
    Test {
        /// Goes to `cargo test` as it stands.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<String>,
    },
    /// Measures.
    Bench {
        #[command(subcommand)]
        bench: bench::Bench,
    },
    /// Checks format, lints, licences and documentation.
    Check,
}

fn main() {
    let outcome = match Task::parse() {
        Task::Page => page::build(),
        Task::Easel { args } => server::run(&args),
        Task::Test { args } => test::run(&args),
        Task::Bench { bench } => bench::run(&bench),
        Task::Check => check::run(),
    };
    if let Err(failure) = outcome {
        eprintln!("error: {failure}");
        std::process::exit(failure.exit_code());
    }
}

/// A line about what happens, set off like cargo's own.
fn say(verb: &str, what: impl std::fmt::Display) {
    eprintln!("{verb:>12} {what}");
}
