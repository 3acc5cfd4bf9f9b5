//! A real PostgreSQL server on a free port. It does not run as root: where the tests do, it runs
//! as the user whom Debian's package made for it.

use std::{
    env, fs,
    os::unix::fs::{PermissionsExt, chown},
    path::{Path, PathBuf},
    process::{self, Child, Command, Output},
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
};

use tempfile::TempDir;

use crate::{
    server::{self, Port},
    wait,
};

/// Whom Debian's package makes.
const SYSTEM_USER: &str = "postgres";

/// The superuser of the servers here.
const USER: &str = "easel";

/// What the names of the directories begin with that servers are in; the number of the process
/// follows that started them.
const DIRECTORY: &str = "easel-postgres-";

/// A PostgreSQL server of one's own. Dropping it ends it.
#[derive(Debug)]
pub struct Postgres {
    port: Port,
    data: TempDir,
    child: Mutex<Child>,
    databases: AtomicU32,
}

impl Postgres {
    /// Starts a server that holds nothing.
    ///
    /// # Panics
    /// When it does not start.
    pub async fn start() -> Self {
        forget_the_dead();
        let prefix = format!("{DIRECTORY}{}-", process::id());
        let data = tempfile::Builder::new().prefix(&prefix).tempdir();
        let data = data.expect("a directory for the data");
        if is_root() {
            let (user, group) = (id("-u"), id("-g"));
            chown(data.path(), Some(user), Some(group)).expect("a directory to give away");
        } else {
            let mode = fs::Permissions::from_mode(0o700);
            fs::set_permissions(data.path(), mode).expect("a directory of one's own");
        }
        let files = data.path().join("data");
        let files = files.to_str().expect("a path in UTF-8");
        let made = confined(&program("initdb"))
            .args(["--no-sync", "--auth", "trust", "--username", USER, "--pgdata", files])
            .current_dir(data.path())
            .output();
        succeeded("initdb", &made.expect("initdb starts"));
        let port = Port::free();
        let child = Mutex::new(run(&data, &port));
        let postgres = Self { port, data, child, databases: AtomicU32::new(0) };
        postgres.answers().await;
        postgres
    }

    async fn answers(&self) {
        wait::until("a PostgreSQL server", async || {
            if !self.runs() {
                let log = fs::read_to_string(self.data.path().join(server::LOG));
                panic!("PostgreSQL does not start: {}", log.unwrap_or_default());
            }
            self.says("select 1").then_some(())
        })
        .await;
    }

    /// An empty database.
    ///
    /// # Panics
    /// When it cannot be made.
    pub fn database(&self) -> String {
        let name = format!("test{}", self.databases.fetch_add(1, Ordering::Relaxed));
        assert!(self.says(&format!("create database {name}")), "cannot make a database");
        format!("postgres://{USER}@{}/{name}", self.port.address)
    }

    /// Stops it in the middle of what it does: connections stay open, and nothing answers.
    ///
    /// # Panics
    /// When it has ended.
    pub fn pause(&self) {
        self.signal("STOP");
    }

    /// Lets it go on after [`pause`](Self::pause).
    ///
    /// # Panics
    /// When it has ended.
    pub fn resume(&self) {
        self.signal("CONT");
    }

    /// Ends it as a power cut would, and starts it again where it was, with what it had.
    ///
    /// # Panics
    /// When it does not end, or does not start.
    pub async fn restarts(&self) {
        self.child().kill().expect("a child");
        wait::until("the end of PostgreSQL", async || (!self.runs()).then_some(())).await;
        // Its processes notice that it is gone, and the next one waits for them.
        *self.child() = wait::until("a PostgreSQL server", async || {
            let mut child = run(&self.data, &self.port);
            let answers = wait::until("an answer, or an end", async || {
                match child.try_wait().expect("a child") {
                    Some(_) => Some(false),
                    None => self.says("select 1").then_some(true),
                }
            });
            answers.await.then_some(child)
        })
        .await;
    }

    /// Each connection has a process of its own.
    fn signal(&self, name: &str) {
        assert!(self.runs(), "no process to send {name} to");
        let all = "kill -s \"$0\" \"$1\" $(cat \"/proc/$1/task/$1/children\")";
        let pid = self.child().id().to_string();
        let sent = Command::new("sh").args(["-c", all, name, &pid]).status();
        assert!(sent.expect("a shell").success(), "cannot send {name} to {pid}");
    }

    /// Takes away a database that nobody needs any more, whoever is still connected to it.
    ///
    /// # Panics
    /// When it cannot be taken away.
    pub fn drops(&self, url: &str) {
        let name = url.rsplit('/').next().unwrap_or_default();
        assert!(self.says(&format!("drop database {name} with (force)")), "cannot drop {name}");
    }

    fn says(&self, statement: &str) -> bool {
        let url = format!("postgres://{USER}@{}/postgres", self.port.address);
        let said = Command::new(program("psql")).args([&url, "-qc", statement]).output();
        said.expect("psql starts").status.success()
    }

    fn runs(&self) -> bool {
        self.child().try_wait().expect("a child").is_none()
    }

    fn child(&self) -> MutexGuard<'_, Child> {
        self.child.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        let mut child = self.child();
        drop((child.kill(), child.wait()));
    }
}

/// Removes what servers have left whose process ended without a word to them, as one does whose
/// tests share a server.
fn forget_the_dead() {
    let processes = Path::new("/proc");
    if !processes.join("self").exists() {
        return;
    }
    for found in fs::read_dir(env::temp_dir()).into_iter().flatten().flatten() {
        let name = found.file_name();
        let rest = name.to_str().and_then(|name| name.strip_prefix(DIRECTORY));
        let Some((process, _)) = rest.and_then(|rest| rest.split_once('-')) else { continue };
        if !processes.join(process).exists() {
            // Another one may be faster.
            drop(fs::remove_dir_all(found.path()));
        }
    }
}

/// Runs a server over what is in a directory.
fn run(data: &TempDir, port: &Port) -> Child {
    let files = data.path().join("data");
    let files = files.to_str().expect("a path in UTF-8");
    let number = port.number();
    let mut command = confined(&program("postgres"));
    command.args(["-D", files, "-p", &number, "-k", "", "-c", "listen_addresses=127.0.0.1"]);
    // What survives the end of the machine is not tested here.
    command.args(["-c", "fsync=off", "-c", "max_connections=400", "-c", "max_wal_size=64MB"]);
    server::run(data, command)
}

/// A program of PostgreSQL, of the newest version that is here: Debian does not put the server's
/// on the search path.
fn program(name: &str) -> PathBuf {
    let mut versions: Vec<PathBuf> = fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .filter_map(|version| Some(version.ok()?.path().join("bin").join(name)))
        .filter(|program| program.is_file())
        .collect();
    versions.sort();
    versions.pop().unwrap_or_else(|| PathBuf::from(name))
}

/// The program, ended by the kernel when this process ends, and not as root.
fn confined(program: &Path) -> Command {
    let mut command = Command::new("setpriv");
    if is_root() {
        command.args(["--reuid", SYSTEM_USER, "--regid", SYSTEM_USER, "--clear-groups"]);
    }
    command.args(["--pdeathsig", "KILL"]).arg(program);
    command
}

fn is_root() -> bool {
    let id = Command::new("id").arg("-u").output().expect("id starts");
    id.stdout.trim_ascii() == b"0"
}

/// A number of the system's user.
fn id(which: &str) -> u32 {
    let id = Command::new("id").args([which, SYSTEM_USER]).output().expect("id starts");
    String::from_utf8_lossy(&id.stdout).trim().parse().expect("a user for PostgreSQL")
}

fn succeeded(what: &str, output: &Output) {
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{what} fails: {errors}");
}
