//! Compares Easel with what others would take for the same work: the same load on each server
//! in turn, on one machine, in one run. What is absolute in it drifts from day to day; the ratios
//! are what it is for.

mod contender;
mod machine;
mod measure;
mod started;
mod table;
mod work;

use std::{fs, path::PathBuf};

use clap::{Args, Subcommand};

use self::{
    contender::{Contender, Programs},
    measure::{Measured, Run},
    work::{WORKS, Work},
};
use crate::{
    say,
    step::{Failure, build, cargo, root},
    tools,
};

/// Where the results are written, between two comments.
const DOCUMENT: &str = "docs/performance.md";
const BEGINS: &str = "<!-- cargo xtask bench peers: begin -->";
const ENDS: &str = "<!-- cargo xtask bench peers: end -->";

/// Measurements.
#[derive(Subcommand)]
pub(crate) enum Bench {
    /// Compares Easel with nchan, with Pushpin and with a bare loop; writes docs/performance.md.
    Peers(Peers),
}

/// How to compare.
#[derive(Args)]
pub(crate) struct Peers {
    /// How often everything is measured, the servers in turn.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// How many seconds each measurement takes.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..))]
    seconds: u32,
    /// Measure this work only; may be repeated.
    #[arg(long, value_name = "WORK", value_parser = work::NAMES)]
    only: Vec<String>,
    /// Measure this server only; may be repeated.
    #[arg(long, value_name = "SERVER", value_enum)]
    server: Vec<Contender>,
    /// Print the results, and leave the document as it is.
    #[arg(long)]
    print: bool,
}

/// One measurement that is repeated in every round.
struct Cell {
    work: &'static Work,
    bytes: u32,
    contender: Contender,
    /// A round each.
    runs: Vec<Option<Measured>>,
}

/// Runs a bench.
pub(crate) fn run(bench: &Bench) -> Result<(), Failure> {
    match bench {
        Bench::Peers(peers) => peers.run(),
    }
}

impl Peers {
    fn run(&self) -> Result<(), Failure> {
        tools::peers()?;
        let programs = programs()?;
        let mut cells = self.cells();
        let mut faults = Vec::new();
        for round in 1..=self.rounds {
            for cell in &mut cells {
                let what = format!("{}, {} B", cell.work.name, cell.bytes);
                let name = cell.contender.name();
                say("Measuring", format_args!("{what}: {name}, round {round} of {}", self.rounds));
                let run = Run {
                    work: cell.work,
                    bytes: cell.bytes,
                    seconds: self.seconds,
                    programs: &programs,
                };
                let measured = run.on(cell.contender);
                if let Err(failure) = &measured {
                    say("Failed", failure);
                    faults.push(format!("{what}: {name}: {failure}"));
                }
                cell.runs.push(measured.ok());
            }
            faults.dedup();
            // What was measured is kept, whatever comes in between.
            if !self.print {
                write(&result(&programs, &cells, &faults)?)?;
            }
        }
        if self.print {
            return print(&result(&programs, &cells, &faults)?);
        }
        say("Wrote", DOCUMENT);
        Ok(())
    }

    /// What is measured, in an order in which servers alternate.
    fn cells(&self) -> Vec<Cell> {
        let chosen =
            |work: &&Work| self.only.is_empty() || self.only.iter().any(|n| n == work.name);
        let mut cells = Vec::new();
        for work in WORKS.iter().filter(chosen) {
            for &bytes in work.bytes {
                let takes_part =
                    |one: &&Contender| self.server.is_empty() || self.server.contains(one);
                let contenders = Contender::ALL.iter().filter(takes_part);
                cells.extend(contenders.map(|&contender| Cell {
                    work,
                    bytes,
                    contender,
                    runs: Vec::new(),
                }));
            }
        }
        cells
    }
}

/// Builds what is measured and what measures, for speed.
fn programs() -> Result<Programs, Failure> {
    let built = |package: &str, name: &str| -> Result<PathBuf, Failure> {
        let mut command = cargo();
        command.args(["build", "--release", "--package", package, "--bin", name]);
        build(&mut command, |file| file.file_stem().is_some_and(|stem| stem == name))
    };
    Ok(Programs {
        easel: built("backend", "easel")?,
        floor: built("floor", "floor")?,
        grip_origin: built("floor", "grip-origin")?,
    })
}

fn result(programs: &Programs, cells: &[Cell], faults: &[String]) -> Result<String, Failure> {
    let machine = machine::description(programs)?;
    let tables = table::tables(cells, faults);
    Ok(format!("{machine}\n{tables}\n{}", contender::configurations()))
}

/// Puts the result into the document.
fn write(text: &str) -> Result<(), Failure> {
    let path = root().join(DOCUMENT);
    let document = fs::read_to_string(&path).map_err(Failure::at(&path))?;
    fs::write(&path, fill(&document, text)?).map_err(Failure::at(&path))
}

/// The document with `text` between its comments.
fn fill(document: &str, text: &str) -> Result<String, Failure> {
    let parts = document.split_once(BEGINS).and_then(|(before, rest)| {
        let (_, after) = rest.split_once(ENDS)?;
        Some((before, after))
    });
    match parts {
        Some((before, after)) => {
            Ok(format!("{before}{BEGINS}\n\n{}\n\n{ENDS}{after}", text.trim()))
        }
        None => Err(Failure::Unfit(format!("{DOCUMENT} needs the lines `{BEGINS}` and `{ENDS}`"))),
    }
}

fn print(text: &str) -> Result<(), Failure> {
    use std::io::Write;
    let output = PathBuf::from("the standard output");
    writeln!(std::io::stdout(), "{text}").map_err(Failure::at(&output))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_replace_results_and_nothing_else() {
        let document = format!("# A\n\n{BEGINS}\n\nold\n\n{ENDS}\n\nB\n");
        let filled = fill(&document, "new\n").unwrap();
        assert_eq!(filled, format!("# A\n\n{BEGINS}\n\nnew\n\n{ENDS}\n\nB\n"));
        assert!(fill("# A\n", "new").is_err());
    }

    #[test]
    fn the_document_has_a_place_for_results() {
        let document = fs::read_to_string(root().join(DOCUMENT)).unwrap();
        assert!(fill(&document, "new").is_ok());
    }
}
