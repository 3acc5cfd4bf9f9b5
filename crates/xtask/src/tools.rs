//! What the tasks need besides cargo: is it there, and if not, how does one get it?

use std::{
    env,
    path::{Path, PathBuf},
};

use crate::{
    say,
    step::{Failure, program, run},
};

/// What Debian and its relatives call the two halves of a browser that tests can drive.
const BROWSER_PACKAGES: [&str; 2] = ["chromium", "chromium-driver"];

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

/// Makes sure that Chromium and ChromeDriver are here, from the system's packages where
/// that is allowed.
pub(crate) fn browser() -> Result<(), Failure> {
    if browser_is_here()? {
        return Ok(());
    }
    let packages = BROWSER_PACKAGES.join(" ");
    let help = || {
        Failure::Unfit(format!(
            "the tests drive a browser, and Chromium or ChromeDriver is missing; run \
             `sudo apt-get install {packages}`, or name the two programs in CHROME and CHROMEDRIVER"
        ))
    };
    let installer = installer().ok_or_else(help)?;
    let apt_get = |args: &[&str]| {
        let mut words = installer.iter().chain(args);
        let first = words.next().copied().unwrap_or_default();
        run(program(first).args(words).env("DEBIAN_FRONTEND", "noninteractive"))
    };
    say("Installing", &packages);
    apt_get(&["update", "--quiet"])?;
    let mut install = vec!["install", "--yes", "--quiet", "--no-install-recommends"];
    install.extend(BROWSER_PACKAGES);
    apt_get(&install)?;
    match browser_is_here()? {
        true => Ok(()),
        false => Err(help()),
    }
}

fn browser_is_here() -> Result<bool, Failure> {
    Ok(is_here("CHROME", "chromium")? && is_here("CHROMEDRIVER", "chromedriver")?)
}

/// Whether the program that `variable` names is there, or else `name` on the search path.
fn is_here(variable: &str, name: &str) -> Result<bool, Failure> {
    match env::var_os(variable).map(PathBuf::from) {
        Some(path) if path.is_file() => Ok(true),
        Some(path) => {
            let path = path.display();
            Err(Failure::Unfit(format!("{variable} names {path}, and there is no such file")))
        }
        None => Ok(on_path(name).is_some()),
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
