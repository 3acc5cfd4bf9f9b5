//! What the tasks need besides cargo: is it there, and if not, how does one get it?

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use crate::{
    say,
    step::{Failure, program, run},
};

/// A program of someone else.
struct Foreign {
    /// A variable that may name another file to run in its place.
    variable: Option<&'static str>,
    /// Its name on the search path.
    name: &'static str,
    /// What Debian and its relatives call its package.
    package: &'static str,
}

/// A browser, what drives it, what the quickstart speaks to the server with, and what the API's
/// fuzzer is written in.
const TEST_PROGRAMS: [Foreign; 5] = [
    Foreign { variable: Some("CHROME"), name: "chromium", package: "chromium" },
    Foreign { variable: Some("CHROMEDRIVER"), name: "chromedriver", package: "chromium-driver" },
    Foreign { variable: None, name: "curl", package: "curl" },
    Foreign { variable: None, name: "redis-server", package: "redis-server" },
    Foreign { variable: None, name: "python3", package: "python3" },
];

/// The servers that Easel is compared with.
const PEERS: [Foreign; 2] = [
    Foreign { variable: None, name: "nginx", package: "nginx" },
    Foreign { variable: None, name: "pushpin", package: "pushpin" },
];

/// Where Debian's package puts nchan, and what it is called.
pub(crate) const NCHAN_MODULE: &str = "/usr/lib/nginx/modules/ngx_nchan_module.so";
const NCHAN: &str = "libnginx-mod-nchan";

/// Where Debian's package puts PostgreSQL, a folder for each version and none of them on the search
/// path, and what it is called.
const POSTGRES: &str = "/usr/lib/postgresql";
const POSTGRES_PACKAGE: &str = "postgresql";

/// Where Debian puts servers, which are on the search path of root only.
const SERVERS: &str = "/usr/sbin";

/// The module of Python that makes environments; Debian's packages keep it apart.
const PYTHON_ENVIRONMENTS: &str = "python3-venv";

/// Makes sure that rustc can compile for `target`.
pub(crate) fn wasm_target(target: &str) -> Result<(), Failure> {
    let output = program("rustc")
        .args(["--print", "target-libdir", "--target", target])
        .output()
        .map_err(|source| Failure::Start { command: "rustc".to_owned(), source })?;
    match Path::new(String::from_utf8_lossy(&output.stdout).trim()).is_dir() {
        true => Ok(()),
        false => Err(Failure::Unfit(format!(
            "rustc has no standard library for {target}, which the page is compiled for; \
             run `rustup target add {target}`"
        ))),
    }
}

/// Makes sure that the programs of the tests are here, from the system's packages where that
/// is allowed.
pub(crate) fn test_programs() -> Result<(), Failure> {
    install(
        missing_for_tests,
        "the tests",
        ", or name a browser and its driver in CHROME and CHROMEDRIVER",
    )
}

/// Makes sure that the servers that Easel is compared with are here, in the same way.
pub(crate) fn peers() -> Result<(), Failure> {
    install(missing_peers, "the comparison", "")
}

/// Installs the packages that are `missing` for `whom`; `otherwise` is what one can do without.
fn install(
    missing: fn() -> Result<Vec<&'static str>, Failure>,
    whom: &str,
    otherwise: &str,
) -> Result<(), Failure> {
    let packages = missing()?;
    if packages.is_empty() {
        return Ok(());
    }
    let names = packages.join(" ");
    let help = || {
        Failure::Unfit(format!(
            "{whom} needs programs that are not here; run `sudo apt-get install {names}`{otherwise}"
        ))
    };
    let installer = installer().ok_or_else(help)?;
    let apt_get = |args: &[&str]| {
        let mut words = installer.iter().chain(args);
        let first = words.next().copied().unwrap_or_default();
        run(program(first).args(words).env("DEBIAN_FRONTEND", "noninteractive"))
    };
    say("Installing", &names);
    apt_get(&["update", "--quiet"])?;
    let mut install = vec!["install", "--yes", "--quiet", "--no-install-recommends"];
    install.extend(&packages);
    apt_get(&install)?;
    match missing()?.is_empty() {
        true => Ok(()),
        false => Err(help()),
    }
}

/// The packages of those programs that are not here.
fn missing(wanted: &[Foreign]) -> Result<Vec<&'static str>, Failure> {
    let mut missing = Vec::new();
    for wanted in wanted {
        if !is_here(wanted)? {
            missing.push(wanted.package);
        }
    }
    Ok(missing)
}

fn missing_for_tests() -> Result<Vec<&'static str>, Failure> {
    let mut missing = missing(&TEST_PROGRAMS)?;
    // `venv` alone is there without the package, and makes environments without pip.
    let can = program("python3").args(["-c", "import ensurepip, venv"]).output();
    if !can.is_ok_and(|output| output.status.success()) {
        missing.push(PYTHON_ENVIRONMENTS);
    }
    if !has_postgres() {
        missing.push(POSTGRES_PACKAGE);
    }
    Ok(missing)
}

/// Whether there is a server of PostgreSQL, where the tests look for it.
fn has_postgres() -> bool {
    let versions = fs::read_dir(POSTGRES).into_iter().flatten().flatten();
    let mut servers = versions.map(|version| version.path().join("bin/postgres"));
    servers.any(|server| server.is_file()) || on_path("postgres").is_some()
}

fn missing_peers() -> Result<Vec<&'static str>, Failure> {
    let mut missing = missing(&PEERS)?;
    if !Path::new(NCHAN_MODULE).is_file() {
        missing.push(NCHAN);
    }
    Ok(missing)
}

fn is_here(wanted: &Foreign) -> Result<bool, Failure> {
    let named = wanted.variable.and_then(|variable| Some((variable, env::var_os(variable)?)));
    match named.map(|(variable, path)| (variable, PathBuf::from(path))) {
        Some((_, path)) if path.is_file() => Ok(true),
        Some((variable, path)) => {
            let path = path.display();
            Err(Failure::Unfit(format!("{variable} names {path}, and there is no such file")))
        }
        None => Ok(on_path(wanted.name).is_some()),
    }
}

/// Where the shell would find `name`, or root's.
pub(crate) fn on_path(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    let folders = env::split_paths(&path).chain([PathBuf::from(SERVERS)]);
    folders.map(|folder| folder.join(name)).find(|file| file.is_file())
}

/// Where a program is that must be here by now.
pub(crate) fn found(name: &str) -> Result<PathBuf, Failure> {
    on_path(name).ok_or_else(|| Failure::Unfit(format!("{name} is not on the search path")))
}

/// How many files a process may open if it asks for them.
pub(crate) fn open_files() -> Result<u64, Failure> {
    let output = program("sh")
        .args(["-c", "ulimit -Hn"])
        .output()
        .map_err(|source| Failure::Start { command: "ulimit".to_owned(), source })?;
    let limit = String::from_utf8_lossy(&output.stdout);
    // Whoever has no limit at all still needs a number to configure others with.
    Ok(limit.trim().parse().unwrap_or(1 << 20))
}

/// How to run apt-get with the right to install, without asking for a password; `None`
/// where there is no way.
fn installer() -> Option<Vec<&'static str>> {
    on_path("apt-get")?;
    let id = program("id").arg("-u").output().ok()?;
    if String::from_utf8_lossy(&id.stdout).trim() == "0" {
        return Some(vec!["apt-get"]);
    }
    let sudo = program("sudo").args(["-n", "true"]).output().ok()?;
    sudo.status.success().then(|| vec!["sudo", "-n", "apt-get"])
}
