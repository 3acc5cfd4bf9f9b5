//! From template and args to a checked picture. Runs inside a worker process and nowhere
//! else: what is drawn here may be hostile, and a template can make this process abort.

use std::{io, sync::Arc, time::Duration};

use common::api::Args;
use quick_cache::{
    DefaultHashBuilder, OptionsBuilder, Weighter,
    sync::{Cache, DefaultLifecycle},
};
use sha2::{Digest, Sha256};
use tera::{ErrorKind, Tera};
use time::OffsetDateTime;

use super::{
    Limit, Position, RenderError, RenderLimits,
    args::Given,
    language::{self, Meter},
    metered::{self, Metered, Reading},
    svg,
};
use crate::clock::{Clock, SystemClock};

/// The engine keeps templates by name; each of ours is alone in its engine.
const NAME: &str = "template";

/// Bytes of template source whose compiled form is kept; more where two templates may have more.
/// That form takes up to twenty times as much, and a worker that holds too much of it ends, and
/// with it all that it has compiled.
const CACHE_BYTES: u64 = 2 * 1024 * 1024;
/// How many templates that is, more or less: a hint for the cache's tables.
const CACHE_ITEMS: usize = 1024;

/// Renders templates, one at a time; keeps the compiled form of those used lately.
#[derive(Debug)]
pub struct Engine {
    compiled: Templates,
    limits: RenderLimits,
    meter: Arc<Meter>,
    /// Knows what callers may use.
    callers: Tera,
    /// Knows how to count as well.
    counting: Tera,
}

type Templates = Cache<[u8; 32], Arc<Compiled>, SourceWeight>;

#[derive(Debug)]
struct Compiled {
    tera: Tera,
    source_bytes: usize,
    /// Where the compiled source differs from that of the caller.
    metered: Option<Metered>,
}

#[derive(Clone)]
struct SourceWeight;

impl Weighter<[u8; 32], Arc<Compiled>> for SourceWeight {
    fn weight(&self, _: &[u8; 32], compiled: &Arc<Compiled>) -> u64 {
        // A cached template is never free, however short: its engine has tables of its own.
        (compiled.source_bytes as u64).max(1024)
    }
}

/// A picture, and what it took.
#[derive(Debug)]
pub struct Drawn {
    /// The picture.
    pub svg: String,
    /// Whether the template had to be compiled for it.
    pub compiled: bool,
    /// How long each stage took.
    pub took: Took,
}

/// How long the stages of a drawing took, on a clock that goes on while others compute.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Took {
    /// Looking the template up and, if need be, compiling it.
    pub compile: Duration,
    /// Rendering it.
    pub render: Duration,
    /// Making sure that it is a picture.
    pub check: Duration,
}

impl Engine {
    /// An engine that has compiled nothing yet.
    pub fn new(limits: RenderLimits) -> Self {
        let meter = Meter::new(limits.loop_steps);
        let callers = language::callers_engine(&meter);
        let counting = language::counting_engine(&callers, &meter);
        let compiled = templates(CACHE_BYTES.max(2 * limits.template_bytes as u64));
        Self { compiled, limits, meter, callers, counting }
    }

    /// Draws: compiles the template if need be, renders it with `args` at the time `now`, and
    /// makes sure that the result is a picture.
    ///
    /// # Errors
    /// See [`RenderError`]. A hostile template may also abort the process.
    pub fn draw(
        &self,
        template: &str,
        args: &Args,
        now: OffsetDateTime,
    ) -> Result<Drawn, RenderError> {
        let given = Given::of(args).map_err(|error| {
            let (message, at) = describe(&error);
            RenderError::Render { message, at }
        })?;
        self.draw_with(template, &given, now)
    }

    pub(super) fn draw_with(
        &self,
        template: &str,
        Given(args): &Given,
        now: OffsetDateTime,
    ) -> Result<Drawn, RenderError> {
        let began = SystemClock.running();
        let (template, compiled) = self.compile(template)?;
        let ready = SystemClock.running();
        let failed = |error: &tera::Error| {
            let (message, at) = describe(error);
            let at = match &template.metered {
                Some(metered) => at.map(|at| metered.original(at)),
                None => at,
            };
            RenderError::Render { message, at }
        };
        let mut output = Bounded { bytes: Vec::new(), limit: self.limits.output_bytes };
        self.meter.begin(now);
        match template.tera.render_to(NAME, args, &mut output) {
            Ok(()) => {}
            Err(_) if self.meter.is_exceeded() => {
                return Err(RenderError::Limit(Limit::LoopSteps(self.limits.loop_steps)));
            }
            Err(error) if matches!(error.kind(), ErrorKind::Io(_)) => {
                return Err(RenderError::Limit(Limit::OutputBytes(self.limits.output_bytes)));
            }
            Err(error) => return Err(failed(&error)),
        }
        let rendered = SystemClock.running();
        let svg = svg::picture(&output.bytes, &self.limits)?.into_owned();
        let took = Took {
            compile: ready - began,
            render: rendered - ready,
            check: SystemClock.running() - rendered,
        };
        Ok(Drawn { svg, compiled, took })
    }

    fn compile(&self, template: &str) -> Result<(Arc<Compiled>, bool), RenderError> {
        // By content, so that no session can ever be served another's template.
        let key: [u8; 32] = Sha256::digest(template).into();
        let mut fresh = false;
        let compiled = self.compiled.get_or_insert_with(&key, || {
            fresh = true;
            self.compile_anew(template).map(Arc::new)
        })?;
        Ok((compiled, fresh))
    }

    fn compile_anew(&self, template: &str) -> Result<Compiled, RenderError> {
        let mut tera = self.callers.clone();
        let compiled = tera.add_raw_template(NAME, template);
        if let Err(error) = &compiled
            && matches!(error.kind(), ErrorKind::SyntaxError(_))
        {
            return Err(template_error(error));
        }
        // The engine takes the source, so a reader that does not is wrong about the language.
        let unreadable = || RenderError::Unmetered { message: "it cannot be read".to_owned() };
        let reading = Reading::of(template).ok_or_else(unreadable)?;
        for (what, name, at) in &reading.uses {
            if let Some(message) = language::refusal(*what, name) {
                let at = Some(metered::position(template, *at));
                return Err(RenderError::Template { message, at });
            }
        }
        compiled.map_err(|error| template_error(&error))?;
        let metered = reading.metered();
        if let Some(metered) = &metered {
            tera = self.counting.clone();
            tera.add_raw_template(NAME, &metered.source)
                .map_err(|error| RenderError::Unmetered { message: describe(&error).0 })?;
        }
        Ok(Compiled { tera, source_bytes: template.len(), metered })
    }
}

/// A cache in one piece: it has one user, and of the pieces that it would be cut into for the
/// cores of a large machine, none would take a large template.
fn templates(bytes: u64) -> Templates {
    let mut options = OptionsBuilder::new();
    options.shards(1).estimated_items_capacity(CACHE_ITEMS).weight_capacity(bytes);
    match options.build() {
        Ok(options) => Cache::with_options(
            options,
            SourceWeight,
            DefaultHashBuilder::default(),
            DefaultLifecycle::default(),
        ),
        // Only options that are not given are refused.
        Err(_) => Cache::with_weighter(CACHE_ITEMS, bytes, SourceWeight),
    }
}

fn template_error(error: &tera::Error) -> RenderError {
    let (message, at) = describe(error);
    RenderError::Template { message, at }
}

/// Longest message of the engine that is passed on, in characters: it may quote the template.
const MAX_MESSAGE: usize = 500;

fn describe(error: &tera::Error) -> (String, Option<Position>) {
    let (message, at) = match error.kind() {
        ErrorKind::SyntaxError(report) | ErrorKind::RenderingError(report) => {
            let span = report.span();
            let at = Position { line: span.start_line, column: span.start_col + 1 };
            (report.message().to_owned(), Some(at))
        }
        _ => reported(&error.to_string()),
    };
    (message.chars().take(MAX_MESSAGE).collect(), at)
}

/// Message and place from a report that the engine has drawn already: it gives some faults, such
/// as an unknown filter, in no other form.
fn reported(report: &str) -> (String, Option<Position>) {
    let message = report.lines().next().unwrap_or_default().trim_start_matches("error: ");
    let place = report.split_once(&format!("--> {NAME}:")).and_then(|(_, rest)| {
        let mut numbers = rest.lines().next()?.split(':').map(|number| number.trim().parse());
        Some(Position { line: numbers.next()?.ok()?, column: numbers.next()?.ok()? })
    });
    (message.to_owned(), place)
}

/// Takes output up to a limit, so that a flood ends where it passes it.
struct Bounded {
    bytes: Vec<u8>,
    limit: usize,
}

impl io::Write for Bounded {
    fn write(&mut self, more: &[u8]) -> io::Result<usize> {
        if self.bytes.len() + more.len() > self.limit {
            return Err(io::Error::from(io::ErrorKind::FileTooLarge));
        }
        self.bytes.extend_from_slice(more);
        Ok(more.len())
    }

    fn write_all(&mut self, more: &[u8]) -> io::Result<()> {
        self.write(more).map(drop)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
