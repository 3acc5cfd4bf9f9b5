//! The process that draws: it reads jobs from standard input and writes answers to standard
//! output, one at a time, until its parent goes away or its limits end it.
//!
//! It is started with nothing: no environment, no files but the two pipes, no way to gain a
//! right, and a fixed amount of memory. Whatever a template does here, it does to this
//! process alone.

use std::io::{self, Read, Write};

use common::api::Args;
use rustix::process::{Resource, Rlimit, setrlimit};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use super::{RenderError, RenderLimits, engine::Engine, snapshot};

/// The sub-command of the program that runs a worker. Not for people.
pub const COMMAND: &str = "render-worker";

/// Memory that a worker may still hold after a job and take another; beyond it, the worker
/// ends and a fresh one takes its place.
const RESIDENT_BYTES: u64 = 64 * 1024 * 1024;

/// Parts of a job, whatever it is.
pub(super) const PARTS: usize = 3;

/// What a worker is asked to do. The parts follow, each with its length before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Task {
    /// Render a template (first part) with args as JSON (second part) at a time (third part),
    /// in seconds since 1970: a worker asks no clock.
    Draw = 1,
    /// Draw an SVG (first part) as PNG in a size, as JSON (second part); the third is empty.
    Snapshot = 2,
}

/// How a job went. One part follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Outcome {
    /// The result follows.
    Done = 1,
    /// The result follows, and the template had to be compiled for it.
    DoneCompiled = 2,
    /// A [`RenderError`] as JSON follows.
    Failed = 3,
}

/// Every message is one byte of meaning and parts of up to 4 GiB, each behind its length.
pub(super) fn message(kind: u8, parts: &[&[u8]]) -> Vec<u8> {
    let length: usize = parts.iter().map(|part| part.len() + 4).sum();
    let mut message = Vec::with_capacity(length + 1);
    message.push(kind);
    for part in parts {
        // Parts come from bodies and pictures, whose limits are far below.
        message.extend_from_slice(&u32::try_from(part.len()).unwrap_or(u32::MAX).to_le_bytes());
        message.extend_from_slice(part);
    }
    message
}

/// What a worker is told at its start, as arguments.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(super) struct Settings {
    pub(super) limits: RenderLimits,
    /// Most memory of this worker, in bytes.
    pub(super) memory_bytes: u64,
}

/// Runs a worker until its parent closes the pipe.
///
/// # Errors
/// When the process cannot be confined, or the pipe breaks in the middle of a message.
pub fn run(settings: &str) -> io::Result<()> {
    let settings: Settings = serde_json::from_str(settings)?;
    confine(settings.memory_bytes)?;
    let engine = Engine::new(settings.limits);
    let (mut input, mut output) = (io::stdin().lock(), io::stdout().lock());
    let mut kind = [0];
    while input.read(&mut kind)? != 0 {
        let parts = [part(&mut input)?, part(&mut input)?, part(&mut input)?];
        let answer = answer(&engine, &settings.limits, kind[0], parts);
        output.write_all(&answer)?;
        output.flush()?;
        if resident_bytes() > RESIDENT_BYTES {
            break;
        }
    }
    Ok(())
}

/// Gives up what drawing does not need. The order matters: the limit on memory comes first,
/// the one on open files last.
fn confine(memory_bytes: u64) -> io::Result<()> {
    let limit = |resource, value| {
        setrlimit(resource, Rlimit { current: Some(value), maximum: Some(value) })
    };
    limit(Resource::As, memory_bytes)?;
    limit(Resource::Core, 0)?;
    limit(Resource::Fsize, 0)?;
    limit(Resource::Nproc, 0)?;
    #[cfg(target_os = "linux")]
    {
        rustix::thread::set_no_new_privs(true)?;
        rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL))?;
    }
    // Nothing new can be opened: /proc/self/statm is, once a job, so one is left.
    limit(Resource::Nofile, 4)?;
    Ok(())
}

fn part(input: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut length = [0; 4];
    input.read_exact(&mut length)?;
    let mut part = vec![0; u32::from_le_bytes(length) as usize];
    input.read_exact(&mut part)?;
    Ok(part)
}

fn answer(
    engine: &Engine,
    limits: &RenderLimits,
    task: u8,
    [first, second, third]: [Vec<u8>; PARTS],
) -> Vec<u8> {
    let broken = || RenderError::Render { message: "not UTF-8".to_owned(), at: None };
    let result = String::from_utf8(first).map_err(|_| broken()).and_then(|first| {
        if task == Task::Snapshot as u8 {
            let size = serde_json::from_slice(&second).map_err(|_| broken())?;
            return Ok((Outcome::Done, snapshot::png(&first, size, &limits.snapshot)?));
        }
        let args: Args = serde_json::from_slice(&second).map_err(|_| broken())?;
        let drawn = engine.draw(&first, &args, time(&third).ok_or_else(broken)?)?;
        let outcome = if drawn.compiled { Outcome::DoneCompiled } else { Outcome::Done };
        Ok((outcome, drawn.svg.into_bytes()))
    });
    match result {
        Ok((outcome, bytes)) => message(outcome as u8, &[&bytes]),
        Err(error) => {
            let error = serde_json::to_vec(&error).unwrap_or_default();
            message(Outcome::Failed as u8, &[&error])
        }
    }
}

fn time(seconds: &[u8]) -> Option<OffsetDateTime> {
    let seconds = i64::from_le_bytes(seconds.try_into().ok()?);
    OffsetDateTime::from_unix_timestamp(seconds).ok()
}

/// Memory that this process holds now; 0 where the system does not say.
fn resident_bytes() -> u64 {
    let pages = std::fs::read_to_string("/proc/self/statm").ok().and_then(|statm| {
        statm.split_ascii_whitespace().nth(1).and_then(|pages| pages.parse::<u64>().ok())
    });
    pages.unwrap_or(0) * rustix::param::page_size() as u64
}
