//! The real program: as a server in a process of its own, and as a command.

use std::{
    ffi::OsStr,
    io::{BufRead, BufReader, Read},
    net::SocketAddr,
    ops::Deref,
    os::unix::process::ExitStatusExt,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Arc, OnceLock},
    thread,
};

use tempfile::TempDir;
use tokio::sync::watch;

use crate::{Door, wait, workspace};

/// The binary, built at the first call, in the profile of the tests.
///
/// # Panics
/// When it does not build.
pub fn binary() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| {
        let own = std::env::current_exe().expect("a test is a program");
        let profile = own.ancestors().nth(2).and_then(Path::file_name).and_then(OsStr::to_str);
        let profile = match profile {
            None | Some("debug") => "dev",
            Some(profile) => profile,
        };
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let output = Command::new(cargo)
            .current_dir(workspace())
            .args(["build", "--package", "backend", "--bin", "easel", "--profile", profile])
            .arg("--message-format=json-render-diagnostics")
            .stderr(Stdio::inherit())
            .output()
            .expect("cargo runs");
        assert!(output.status.success(), "the server does not build");
        let messages = String::from_utf8_lossy(&output.stdout);
        let executable = messages.lines().find_map(|line| {
            let message: serde_json::Value = serde_json::from_str(line).ok()?;
            message["executable"].as_str().map(PathBuf::from)
        });
        executable.expect("cargo names what it built")
    })
}

/// What a command answered.
#[derive(Debug)]
pub struct Outcome {
    /// Its exit code.
    pub code: i32,
    /// Its results.
    pub stdout: String,
    /// What it said about them.
    pub stderr: String,
}

impl Outcome {
    /// Insists on success: the results without the last line end.
    ///
    /// # Panics
    /// When it failed.
    #[track_caller]
    pub fn succeeds(&self) -> &str {
        assert_eq!(self.code, 0, "{}", self.stderr);
        self.stdout.trim_end()
    }

    /// Insists on a failure with this exit code: what it said.
    ///
    /// # Panics
    /// When it succeeded, failed otherwise, or panicked.
    #[track_caller]
    pub fn fails(&self, code: i32) -> &str {
        assert_eq!(self.code, code, "{}{}", self.stdout, self.stderr);
        assert!(!self.stderr.contains("panicked"), "{}", self.stderr);
        &self.stderr
    }
}

/// Runs a command of the program in `directory` to its end.
///
/// # Panics
/// When it cannot be run.
pub async fn easel(directory: &Path, environment: &[(&str, &str)], args: &[&str]) -> Outcome {
    let run = Running::start(directory, environment, args).await;
    let stdout = wait::soon("the end of a command", run.stdout.ended()).await;
    let (code, stderr) = run.has_ended().await;
    Outcome { code, stdout, stderr }
}

/// Lines that a program has written so far.
#[derive(Debug, Clone)]
struct Lines(watch::Receiver<(String, bool)>);

impl Lines {
    fn of(pipe: impl Read + Send + 'static) -> Self {
        let (sender, receiver) = watch::channel((String::new(), false));
        thread::spawn(move || {
            let mut pipe = BufReader::new(pipe);
            let mut line = String::new();
            while pipe.read_line(&mut line).is_ok_and(|length| length > 0) {
                sender.send_modify(|(text, _)| text.push_str(&line));
                line.clear();
            }
            sender.send_modify(|(_, ended)| *ended = true);
        });
        Self(receiver)
    }

    /// All lines, once there are no more to come.
    async fn ended(&self) -> String {
        let mut lines = self.0.clone();
        lines.wait_for(|(_, ended)| *ended).await.expect("a reader").0.clone()
    }

    /// The first thing that `find` finds in the lines; `None` when they end without it.
    async fn find<T>(&self, find: impl Fn(&str) -> Option<T>) -> Option<T> {
        let mut lines = self.0.clone();
        let seen = lines.wait_for(|(text, ended)| *ended || find(text).is_some()).await;
        find(&seen.expect("a reader").0)
    }
}

/// A program that runs until it is dropped.
#[derive(Debug)]
pub struct Running {
    child: Child,
    stdout: Lines,
    stderr: Lines,
}

impl Running {
    /// Starts the program in `directory`.
    ///
    /// # Panics
    /// When it cannot be started.
    pub async fn start(directory: &Path, environment: &[(&str, &str)], args: &[&str]) -> Self {
        // No patience here: the first call may have to build it.
        let binary = tokio::task::spawn_blocking(binary).await.expect("a binary");
        let mut child = Command::new(binary)
            // Nothing of this process's environment and no file of the machine takes part.
            .env_clear()
            .envs(environment.iter().copied())
            .current_dir(directory)
            .args(args)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let stdout = Lines::of(child.stdout.take().expect("a pipe"));
        let stderr = Lines::of(child.stderr.take().expect("a pipe"));
        Self { child, stdout, stderr }
    }

    /// Waits until the program has written `text` as a result.
    ///
    /// # Panics
    /// When it never does.
    pub async fn writes(&self, text: &str) -> String {
        let find = |lines: &str| lines.contains(text).then(|| lines.to_owned());
        let found = wait::soon(text, self.stdout.find(find)).await;
        found.unwrap_or_else(|| panic!("it ended without {text}"))
    }

    /// What it has said so far, beside its results.
    pub fn log(&self) -> String {
        self.stderr.0.borrow().0.clone()
    }

    /// The number of its process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// What the program holds of memory for itself, in bytes: pages that are
    /// shared count in part (PSS).
    ///
    /// # Panics
    /// When the system does not say.
    pub fn memory(&self) -> u64 {
        let rollup = format!("/proc/{}/smaps_rollup", self.child.id());
        let rollup = std::fs::read_to_string(rollup).expect("a process of ours");
        let pss = rollup.lines().find_map(|line| line.strip_prefix("Pss:")).expect("its PSS");
        let kilobytes: u64 = pss.trim().trim_end_matches(" kB").parse().expect("a number");
        kilobytes * 1024
    }

    /// Sends a signal by its name, such as TERM.
    ///
    /// # Panics
    /// When the process cannot be reached.
    pub fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        let sent = Command::new("sh").args(["-c", "kill -s \"$0\" \"$1\"", name, &pid]).status();
        assert!(sent.expect("a shell").success(), "cannot send {name} to {pid}");
    }

    /// Waits until the program has ended: its exit code, and all that it said.
    ///
    /// # Panics
    /// When it does not end.
    pub async fn has_ended(mut self) -> (i32, String) {
        // Its end closes the pipe; after that, waiting takes no time.
        let log = wait::soon("the end of a program", self.stderr.ended()).await;
        let status = self.child.wait().expect("a child");
        (code(status), log)
    }
}

/// The exit code; a signal counts as in a shell.
fn code(status: ExitStatus) -> i32 {
    let by_signal = || 128 + status.signal().unwrap_or(0);
    status.code().unwrap_or_else(by_signal)
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself, and then there is nothing to do.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// A server in a process of its own, on free ports.
#[derive(Debug)]
pub struct Process {
    door: Door,
    data: Arc<TempDir>,
    running: Running,
}

impl Deref for Process {
    type Target = Door;

    fn deref(&self) -> &Door {
        &self.door
    }
}

impl Process {
    /// Starts a server with these flags added, on a free port if they name no address.
    ///
    /// # Panics
    /// When it does not start.
    pub async fn start(flags: &[&str]) -> Self {
        let data = Arc::new(tempfile::tempdir().expect("a directory for the data"));
        Self::start_on(&data, flags).await
    }

    /// Starts a server on the data of another, which must have ended.
    ///
    /// # Panics
    /// When it does not start.
    pub async fn start_on(data: &Arc<TempDir>, flags: &[&str]) -> Self {
        Self::start_with(data, &[], flags).await
    }

    /// Starts a server on this data, with these variables in its environment.
    ///
    /// # Panics
    /// When it does not start.
    pub async fn start_with(
        data: &Arc<TempDir>,
        environment: &[(&str, &str)],
        flags: &[&str],
    ) -> Self {
        let mut args = vec!["serve", "--data-dir", "store", "--ops-listen", "127.0.0.1:0"];
        if !flags.contains(&"--listen") {
            args.extend(["--listen", "127.0.0.1:0"]);
        }
        args.extend(flags);
        let running = Running::start(data.path(), environment, &args).await;
        let ready = wait::soon("the ready line", running.stderr.find(ready)).await;
        let (public, ops) = ready.unwrap_or_else(|| panic!("no start: {}", running.log()));
        Self { door: Door::new(public, ops), data: data.clone(), running }
    }

    /// The directory that it runs in; its data is in `store`.
    pub fn data(&self) -> &Arc<TempDir> {
        &self.data
    }

    /// The process.
    pub fn running(&self) -> &Running {
        &self.running
    }

    /// Waits until the server has ended: its exit code, and its log.
    pub async fn has_ended(self) -> (i32, String) {
        self.running.has_ended().await
    }

    /// Ends the server as a power cut would, and starts it again on the same data.
    pub async fn crashes_and_restarts(self) -> Self {
        self.running.signal("KILL");
        let data = self.data.clone();
        let (code, _) = self.running.has_ended().await;
        assert_eq!(code, 137);
        Self::start_on(&data, &[]).await
    }
}

/// The two addresses in the line that says that a server is ready: for everyone, and for
/// operators.
pub fn ready(log: &str) -> Option<(SocketAddr, SocketAddr)> {
    let line = log.lines().find(|line| line.contains("ready on http://"))?;
    let address = |after: &str| {
        let (_, rest) = line.split_once(after)?;
        let end = rest.find(|c: char| c != '.' && c != ':' && !c.is_ascii_digit())?;
        rest[..end].parse().ok()
    };
    Some((address("ready on http://")?, address("ops http://")?))
}
