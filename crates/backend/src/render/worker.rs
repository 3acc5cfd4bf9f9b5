//! The process that draws: it reads jobs from standard input and writes answers to standard
//! output, one at a time, until its parent goes away or its limits end it.
//!
//! It is started with nothing: no environment, no files but the two pipes, no way to gain a
//! right, and a fixed amount of memory. Whatever a template does here, it does to this
//! process alone.

use std::{
    fs::File,
    io::{self, Read, Write},
    os::unix::fs::FileExt,
    time::Duration,
};

use rustix::process::{Resource, Rlimit, setrlimit};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use super::{
    RenderError, RenderLimits,
    args::Given,
    engine::{Engine, Took},
    snapshot,
};

/// The sub-command of the program that runs a worker. Not for people.
pub const COMMAND: &str = "render-worker";

/// Memory that a worker may still hold after a job and take another; beyond it, the worker
/// ends and a fresh one takes its place.
const RESIDENT_BYTES: u64 = 64 * 1024 * 1024;

/// Parts of a job, whatever it is.
const JOB_PARTS: usize = 3;

/// Parts of an answer, whatever it is.
pub(super) const ANSWER_PARTS: usize = 2;

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

/// How a job went. The result follows, and how long its stages took.
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

/// What goes through a pipe: one byte of meaning, and parts of up to 4 GiB, each behind its
/// length.
pub(super) struct Message(Vec<u8>);

impl Message {
    /// A message that will have about so many bytes.
    pub(super) fn new(kind: u8, bytes: usize) -> Self {
        let mut message = Vec::with_capacity(bytes + 64);
        message.push(kind);
        Self(message)
    }

    /// Adds a part.
    pub(super) fn part(mut self, part: &[u8]) -> Self {
        self.0.extend_from_slice(&length(part.len()));
        self.0.extend_from_slice(part);
        self
    }

    /// Adds a part of JSON, and says how long that is.
    pub(super) fn json(&mut self, part: &impl Serialize) -> serde_json::Result<usize> {
        let at = self.0.len();
        self.0.extend_from_slice(&length(0));
        let begin = self.0.len();
        serde_json::to_writer(&mut self.0, part)?;
        let bytes = self.0.len() - begin;
        self.0[at..begin].copy_from_slice(&length(bytes));
        Ok(bytes)
    }

    /// As it goes through the pipe.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }
}

/// Parts come from bodies and pictures, whose limits are far below what a length can say.
fn length(bytes: usize) -> [u8; 4] {
    u32::try_from(bytes).unwrap_or(u32::MAX).to_le_bytes()
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
    // The one file that is open beside the pipes.
    let memory = File::open("/proc/self/statm").ok();
    confine(settings.memory_bytes)?;
    let engine = Engine::new(settings.limits);
    let mut input = io::stdin().lock();
    let mut kind = [0];
    while input.read(&mut kind)? != 0 {
        let parts = [part(&mut input)?, part(&mut input)?, part(&mut input)?];
        let answer = answer(&engine, &settings.limits, kind[0], parts);
        Pipe.write_all(answer.bytes())?;
        if resident_bytes(memory.as_ref()) > RESIDENT_BYTES {
            break;
        }
    }
    Ok(())
}

/// Standard output as it is: the one of the library sends whole lines first, and the rest in a
/// second piece.
struct Pipe;

impl Write for Pipe {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(rustix::io::write(io::stdout(), bytes)?)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
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
    // Nothing new can be opened.
    limit(Resource::Nofile, 0)?;
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
    [first, second, third]: [Vec<u8>; JOB_PARTS],
) -> Message {
    let broken = || RenderError::Render { message: "not UTF-8".to_owned(), at: None };
    let result = String::from_utf8(first).map_err(|_| broken()).and_then(|first| {
        if task == Task::Snapshot as u8 {
            let size = serde_json::from_slice(&second).map_err(|_| broken())?;
            let png = snapshot::png(&first, size, &limits.snapshot)?;
            return Ok((Outcome::Done, png, Took::default()));
        }
        let args = Given::read(&second).map_err(|_| broken())?;
        let drawn = engine.draw_with(&first, &args, time(&third).ok_or_else(broken)?)?;
        let outcome = if drawn.compiled { Outcome::DoneCompiled } else { Outcome::Done };
        Ok((outcome, drawn.svg.into_bytes(), drawn.took))
    });
    match result {
        Ok((outcome, result, took)) => {
            Message::new(outcome as u8, result.len()).part(&result).part(&spelled(took))
        }
        Err(error) => {
            let error = serde_json::to_vec(&error).unwrap_or_default();
            Message::new(Outcome::Failed as u8, error.len()).part(&error).part(&[])
        }
    }
}

/// Stages in nanoseconds.
fn spelled(took: Took) -> Vec<u8> {
    let nanoseconds = |stage: Duration| u64::try_from(stage.as_nanos()).unwrap_or(u64::MAX);
    let stages = [took.compile, took.render, took.check];
    stages.into_iter().flat_map(|stage| nanoseconds(stage).to_le_bytes()).collect()
}

/// What [`spelled`] spells; nothing for what was not measured.
pub(super) fn took(spelled: &[u8]) -> Option<Took> {
    let mut stages = spelled.chunks_exact(8).map(|stage| {
        let nanoseconds = stage.try_into().map(u64::from_le_bytes);
        nanoseconds.map(Duration::from_nanos).ok()
    });
    let mut stage = || stages.next()?;
    Some(Took { compile: stage()?, render: stage()?, check: stage()? })
}

fn time(seconds: &[u8]) -> Option<OffsetDateTime> {
    let seconds = i64::from_le_bytes(seconds.try_into().ok()?);
    OffsetDateTime::from_unix_timestamp(seconds).ok()
}

/// Memory that this process holds now; 0 where the system does not say.
fn resident_bytes(statm: Option<&File>) -> u64 {
    let mut text = [0; 128];
    let length = statm.and_then(|statm| statm.read_at(&mut text, 0).ok()).unwrap_or(0);
    let text = std::str::from_utf8(&text[..length]).unwrap_or_default();
    let pages = text.split_ascii_whitespace().nth(1).and_then(|pages| pages.parse::<u64>().ok());
    pages.unwrap_or(0) * rustix::param::page_size() as u64
}
