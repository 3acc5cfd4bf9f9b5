//! What the tasks need besides cargo: is it there, and if not, how does one get it?

use std::{
    env,
    path::{Path, PathBuf},
};

use crate::{
    say,
    step::{Failure, program, run},
};

/// A program that the tests run.
struct TestProgram {
    /// A variable that may name another file to run in its place.
    variable: Option<&'static str>,
    /// Its name on the search path.
    name: &'static str,
    /// What Debian and its relatives call its package.
    package: &'static str,
}

/// A browser, what drives it, what the quickstart speaks to the server with, and what the API's
/// fuzzer is written in.
const TEST_PROGRAMS: [TestProgram; 5] = [
    TestProgram { variable: Some("CHROME"), name: "chromium", package: "chromium" },
    TestProgram {
        variable: Some("CHROMEDRIVER"),
        name: "chromedriver",
        package: "chromium-driver",
    },
    TestProgram { variable: None, name: "curl", package: "curl" },
    TestProgram { variable: None, name: "redis-server", package: "redis-server" },
    TestProgram { variable: None, name: "python3", package: "python3" },
];

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
    let packages = missing()?;
    if packages.is_empty() {
        return Ok(());
    }
    let names = packages.join(" ");
    let help = || {
        Failure::Unfit(format!(
            "the tests need programs that are not here; run `sudo apt-get install {names}`, or \
             name a browser and its driver in CHROME and CHROMEDRIVER"
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

/// The packages of the programs that are not here.
fn missing() -> Result<Vec<&'static str>, Failure> {
    let mut missing = Vec::new();
    for wanted in &TEST_PROGRAMS {
        if !is_here(wanted)? {
            missing.push(wanted.package);
        }
    }
    // `venv` alone is there without the package, and makes environments without pip.
    let can = program("python3").args(["-c", "import ensurepip, venv"]).output();
    if !can.is_ok_and(|output| output.status.success()) {
        missing.push(PYTHON_ENVIRONMENTS);
    }
    Ok(missing)
}

fn is_here(wanted: &TestProgram) -> Result<bool, Failure> {
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

/// Where the shell would find `name`.
pub(crate) fn on_path(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path).map(|folder| folder.join(name)).find(|file| file.is_file())
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
