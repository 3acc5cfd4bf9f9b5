//! The `easel` binary.

use std::process::ExitCode;

fn main() -> ExitCode {
    backend::cli::run()
}
