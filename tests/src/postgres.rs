//! A real PostgreSQL server on a free port. It does not run as root: where the tests do, it runs
//! as the user whom Debian's package made for it.

use std::{
    fs,
    os::unix::fs::{PermissionsExt, chown},
    path::{Path, PathBuf},
    process::{Child, Command, Output},
    sync::{
        Mutex, PoisonError,
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
        let data = tempfile::tempdir().expect("a directory for the data");
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
        let number = port.number();
        let mut command = confined(&program("postgres"));
        command.args(["-D", files, "-p", &number, "-k", "", "-c", "listen_addresses=127.0.0.1"]);
        // What survives the end of the machine is not tested here.
        command.args(["-c", "fsync=off", "-c", "max_connections=400"]);
        let child = Mutex::new(server::run(&data, command));
        let postgres = Self { port, data, child, databases: AtomicU32::new(0) };
        wait::until("a PostgreSQL server", async || {
            if !postgres.runs() {
                let log = fs::read_to_string(postgres.data.path().join(server::LOG));
                panic!("PostgreSQL does not start: {}", log.unwrap_or_default());
            }
            postgres.says("select 1").then_some(())
        })
        .await;
        postgres
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

    fn says(&self, statement: &str) -> bool {
        let url = format!("postgres://{USER}@{}/postgres", self.port.address);
        let said = Command::new(program("psql")).args([&url, "-qc", statement]).output();
        said.expect("psql starts").status.success()
    }

    fn runs(&self) -> bool {
        let mut child = self.child.lock().unwrap_or_else(PoisonError::into_inner);
        child.try_wait().expect("a child").is_none()
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        let mut child = self.child.lock().unwrap_or_else(PoisonError::into_inner);
        drop((child.kill(), child.wait()));
    }
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
