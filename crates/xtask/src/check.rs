//! Everything that can be judged without running the program.

use crate::{
    say,
    step::{Failure, cargo, run as run_step},
    tools,
};

/// Format, lints (for this machine and for the browser), licences, documentation.
pub(crate) fn run() -> Result<(), Failure> {
    say("Checking", "format");
    run_step(cargo().args(["fmt", "--all", "--check"]))?;
    say("Checking", "lints");
    run_step(cargo().args(["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]))?;
    say("Checking", "the page's lints");
    run_step(cargo().args([
        "clippy",
        "--package",
        "frontend",
        "--target",
        "wasm32-unknown-unknown",
        "--",
        "-D",
        "warnings",
    ]))?;
    say("Checking", "licences and sources");
    if tools::on_path("cargo-deny").is_none() {
        return Err(Failure::Unfit(
            "cargo-deny is missing; run `cargo install --locked cargo-deny`".to_owned(),
        ));
    }
    run_step(cargo().args(["deny", "check", "bans", "licenses", "sources"]))?;
    say("Checking", "documentation");
    run_step(cargo().args(["doc", "--workspace", "--no-deps"]).env("RUSTDOCFLAGS", "-D warnings"))
}
