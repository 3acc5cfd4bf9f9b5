//! One step of a task: another program, run to its end. The first step that fails ends
//! the task with that step's exit code.

use std::{
    io,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use serde::Deserialize;

/// Why a task stopped.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// A program ran and said no.
    #[error("`{command}` failed")]
    Step {
        /// What was run.
        command: String,
        /// What it answered.
        code: i32,
    },
    /// A program could not be started.
    #[error("`{command}` could not be started: {source}")]
    Start {
        /// What should have been run.
        command: String,
        /// Why it was not.
        source: io::Error,
    },
    /// A file could not be read or written.
    #[error("{path}: {source}", path = path.display())]
    File {
        /// Which file.
        path: PathBuf,
        /// What happened.
        source: io::Error,
    },
    /// Something is missing or odd; the text says what to do about it.
    #[error("{0}")]
    Unfit(String),
}

impl Failure {
    /// For `map_err` on everything that is done to `path`.
    pub(crate) fn at(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::File { path, source }
    }

    /// What this program should exit with: the failing step's own code where there is one.
    pub(crate) fn exit_code(&self) -> i32 {
        match self {
            Self::Step { code, .. } => *code,
            _ => 1,
        }
    }
}

/// The root of the workspace.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).map(Path::to_owned).unwrap_or_default()
}

/// A program, run at the root of the workspace.
pub(crate) fn program(name: &str) -> Command {
    let mut command = Command::new(name);
    command.current_dir(root());
    command
}

/// The cargo that runs this very task, so that a toolchain chosen on its command line holds.
pub(crate) fn cargo() -> Command {
    program(&std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned()))
}

/// Runs a step to its end.
pub(crate) fn run(command: &mut Command) -> Result<(), Failure> {
    let shown = show(command);
    let status =
        command.status().map_err(|source| Failure::Start { command: shown.clone(), source })?;
    match status.success() {
        true => Ok(()),
        false => Err(Failure::Step { command: shown, code: status.code().unwrap_or(1) }),
    }
}

/// Runs a `cargo build` and says where the file that `wanted` picks was put.
pub(crate) fn build(
    command: &mut Command,
    wanted: impl Fn(&Path) -> bool,
) -> Result<PathBuf, Failure> {
    command.arg("--message-format=json-render-diagnostics");
    let shown = show(command);
    let output = command
        .stderr(Stdio::inherit())
        .output()
        .map_err(|source| Failure::Start { command: shown.clone(), source })?;
    if !output.status.success() {
        return Err(Failure::Step { command: shown, code: output.status.code().unwrap_or(1) });
    }
    String::from_utf8_lossy(&output.stdout)
        .lines()
        .filter_map(|line| serde_json::from_str::<Message>(line).ok())
        .flat_map(|message| message.filenames)
        .find(|file| wanted(file))
        .ok_or_else(|| Failure::Unfit(format!("`{shown}` did not build what it should")))
}

/// The one part of cargo's messages that matters here.
#[derive(Deserialize)]
struct Message {
    #[serde(default)]
    filenames: Vec<PathBuf>,
}

/// A command as one would type it.
fn show(command: &Command) -> String {
    let name = Path::new(command.get_program()).file_stem().unwrap_or(command.get_program());
    let words = std::iter::once(name).chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}
