//! On what it was measured, and which versions of everything.

use std::fs;

use super::contender::Programs;
use crate::{
    step::{Failure, program},
    tools,
};

/// The machine and the programs, as a list.
pub(super) fn description(programs: &Programs) -> Result<String, Failure> {
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let lines = [
        format!("* {}", processor()),
        format!(
            "* {cores} cores that servers and bench share, {} of memory, Linux {}, {} open files",
            memory(),
            first_line("uname", &["-r"]),
            tools::open_files()?
        ),
        format!(
            "* {}, commit {}, release build",
            first_line(&programs.easel.to_string_lossy(), &["--version"]),
            first_line("git", &["describe", "--always", "--dirty"])
        ),
        format!(
            "* nginx {} with nchan {}, Pushpin {}, from Debian's packages",
            package("nginx"),
            package("libnginx-mod-nchan"),
            package("pushpin")
        ),
        format!("* {}", first_line("rustc", &["--version"])),
        format!("* measured on {}", first_line("date", &["+%Y-%m-%d"])),
    ];
    Ok(lines.join("\n") + "\n")
}

fn first_line(name: &str, args: &[&str]) -> String {
    let output = program(name).args(args).output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
    text.unwrap_or_default().lines().next().unwrap_or("unknown").trim().to_owned()
}

fn package(name: &str) -> String {
    first_line("dpkg-query", &["--show", "--showformat", "${Version}", name])
}

/// The value of a line such as `MemTotal:  1 kB`.
fn field(file: &str, name: &str) -> Option<String> {
    let text = fs::read_to_string(file).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    Some(line.trim_start_matches([' ', '\t', ':']).trim().to_owned())
}

fn processor() -> String {
    field("/proc/cpuinfo", "model name").unwrap_or_else(|| std::env::consts::ARCH.to_owned())
}

fn memory() -> String {
    let kilobytes = field("/proc/meminfo", "MemTotal")
        .and_then(|total| total.trim_end_matches(" kB").parse::<f64>().ok());
    kilobytes
        .map_or_else(|| "unknown".to_owned(), |total| format!("{:.0} GB", total / 1024.0 / 1024.0))
}
