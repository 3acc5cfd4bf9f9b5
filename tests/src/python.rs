//! Programs of the Python world that the tests run, in an environment of their own.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

use crate::workspace;

/// A program of `tests/fuzz/requirements.txt`; they are installed at the first call.
///
/// # Panics
/// When they cannot be installed: nothing is skipped.
pub fn python(program: &str) -> PathBuf {
    static ENVIRONMENT: OnceLock<PathBuf> = OnceLock::new();
    ENVIRONMENT.get_or_init(install).join("bin").join(program)
}

fn install() -> PathBuf {
    let environment = workspace().join("target/python");
    let wanted = workspace().join("tests/fuzz/requirements.txt");
    // Written last: an environment without it, or with another, is not whole.
    let installed = environment.join("requirements.txt");
    let read = |path: &Path| fs::read_to_string(path).ok();
    if read(&installed).is_some() && read(&installed) == read(&wanted) {
        return environment;
    }
    run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&environment));
    run(Command::new(environment.join("bin/python"))
        .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"])
        .arg("--requirement")
        .arg(&wanted));
    fs::copy(&wanted, &installed).expect("a list of what is installed");
    environment
}

fn run(command: &mut Command) {
    let status = command.status();
    assert!(
        status.as_ref().is_ok_and(std::process::ExitStatus::success),
        "{command:?}: {status:?}; the API's fuzzer needs Python 3 with its module venv, which \
         `cargo xtask test` installs, and packages from PyPI"
    );
}
