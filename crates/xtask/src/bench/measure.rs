//! One measurement: a fresh server, a bench, and what it said.

use std::{path::Path, process::Stdio};

use serde::Deserialize;

use super::{
    contender::{Contender, Programs},
    work::Work,
};
use crate::step::{Failure, program};

/// The part of the result of `easel bench` that is compared: docs/bench.md.
#[derive(Debug, Deserialize)]
pub(super) struct Measured {
    pub(super) viewers: Viewers,
    pub(super) deliveries: Deliveries,
    pub(super) last_viewer_ms: Percentiles,
    pub(super) server: Server,
    pub(super) bench: Load,
}

#[derive(Debug, Deserialize)]
pub(super) struct Viewers {
    failed: u64,
    lost: u64,
    fault: Option<String>,
}

/// Up to so many of a hundred viewers may be refused or lost: what is left says the same about the
/// server, and some lose one or the other of thousands.
const MAY_BE_GONE: u64 = 2;

#[derive(Debug, Deserialize)]
pub(super) struct Deliveries {
    pub(super) per_second: f64,
    pub(super) missing: u64,
    pub(super) bytes_each: Option<f64>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Percentiles {
    pub(super) p99: Option<f64>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Server {
    pub(super) cpu_seconds_per_million: Option<f64>,
    pub(super) memory_bytes_per_viewer: i64,
}

#[derive(Debug, Deserialize)]
pub(super) struct Load {
    pub(super) cpu_seconds_per_million: Option<f64>,
}

impl Viewers {
    /// How many were refused or lost.
    pub(super) fn gone(&self) -> u64 {
        self.failed + self.lost
    }

    /// Why the first of them was.
    pub(super) fn fault(&self) -> &str {
        self.fault.as_deref().unwrap_or("for no known reason")
    }
}

/// A measurement to make.
pub(super) struct Run<'a> {
    pub(super) work: &'a Work,
    pub(super) bytes: u32,
    pub(super) seconds: u32,
    pub(super) programs: &'a Programs,
}

impl Run<'_> {
    /// Makes it on a server that is started for it.
    pub(super) fn on(&self, contender: Contender) -> Result<Measured, Failure> {
        let folder = Folder::new()?;
        let started = contender.start(self.programs, &folder.0)?;
        let mut command = program(&self.programs.easel.to_string_lossy());
        command
            .args(["bench", "--json", "--pid", &started.pid])
            .args(["--viewers", &self.work.viewers.to_string()])
            .args(["--sessions", &self.work.sessions.to_string()])
            .args(["--bytes", &self.bytes.to_string()])
            .args(["--duration", &format!("{}s", self.seconds)])
            .args(self.work.pace)
            .args(&started.options)
            // Whoever calls may have a server of their own.
            .env_remove("EASEL_TOKEN")
            .env_remove("EASEL_SERVER")
            .stdin(Stdio::null())
            .stderr(Stdio::piped());
        let output = command.output();
        let output = output
            .map_err(|source| Failure::Start { command: "easel bench".to_owned(), source })?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            return Err(Failure::Unfit(said.lines().last().unwrap_or_default().to_owned()));
        }
        let measured: Measured = serde_json::from_slice(&output.stdout)
            .map_err(|error| Failure::Unfit(format!("the result cannot be read: {error}")))?;
        let viewers = &measured.viewers;
        match viewers.gone() * 100 <= u64::from(self.work.viewers) * MAY_BE_GONE {
            true => Ok(measured),
            false => {
                let (gone, fault) = (viewers.gone(), viewers.fault());
                Err(Failure::Unfit(format!("{gone} viewers were refused or lost: {fault}")))
            }
        }
    }
}

/// A folder of the system's that is gone with this value.
struct Folder(std::path::PathBuf);

impl Folder {
    fn new() -> Result<Self, Failure> {
        let path = std::env::temp_dir().join(format!("easel-peers-{}", std::process::id()));
        // What a killed run has left must not take part.
        drop(std::fs::remove_dir_all(&path));
        std::fs::create_dir_all(&path).map_err(Failure::at(Path::new(&path)))?;
        Ok(Self(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.0));
    }
}
