//! Runs every test, after making sure of what the tests need: nothing is skipped in
//! silence because a program is missing.

use crate::{
    page, server,
    step::{Failure, cargo, run as run_step},
    tools,
};

/// Sets up, builds, tests. The page's build also proves that `common` compiles for wasm32.
pub(crate) fn run(args: &[String]) -> Result<(), Failure> {
    tools::test_programs()?;
    page::build()?;
    server::build()?;
    run_step(cargo().args(["test", "--workspace", "--exclude", "frontend"]).args(args))?;
    if args.is_empty() {
        // Apart from the rest, whose dependencies would otherwise be built with its features.
        run_step(cargo().args(["test", "--package", "frontend"]))?;
    }
    Ok(())
}
