//! Builds the server with its page, and runs it.

use std::{path::PathBuf, process::Command};

use crate::{
    page,
    step::{Failure, build as build_step, cargo},
};

/// Builds the server; says where it is.
pub(crate) fn build() -> Result<PathBuf, Failure> {
    build_step(cargo().args(["build", "--package", "backend", "--bin", "easel"]), |file| {
        file.file_stem().is_some_and(|stem| stem == "easel")
    })
}

/// Builds the page and the server, and becomes the server: signals reach it directly, and
/// its exit code is the task's.
pub(crate) fn run(args: &[String]) -> Result<(), Failure> {
    page::build()?;
    let server = build()?;
    become_program(Command::new(server).args(args))
}

#[cfg(unix)]
fn become_program(command: &mut Command) -> Result<(), Failure> {
    use std::os::unix::process::CommandExt;
    let source = command.exec();
    Err(Failure::Start { command: "easel".to_owned(), source })
}

#[cfg(not(unix))]
fn become_program(command: &mut Command) -> Result<(), Failure> {
    crate::step::run(command)
}
