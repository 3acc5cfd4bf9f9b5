//! Args become a drawing. The only room that knows the template engine.
//!
//! What a template is given is its args and nothing else: no file, no environment, no other
//! template. What comes out is checked to be well-formed SVG before anyone sees it: one
//! malformed frame would blind Chromium and WebKit until they reload.

pub mod page;
pub mod snapshot;
mod svg;

use std::{fmt, io, sync::Arc};

use common::api::Args;
use quick_cache::{Weighter, sync::Cache};
use sha2::{Digest, Sha256};
use tera::{Context, ErrorKind, Kwargs, State, Tera, Value};
use tokio::sync::Semaphore;

use crate::metrics::Metrics;

/// The engine keeps templates by name; each of ours is alone in its engine.
const NAME: &str = "template";

/// Where in a text something is wrong; both count from 1, columns in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// The line.
    pub line: usize,
    /// The column.
    pub column: usize,
}

/// Why there is no drawing. Everything said here is about the caller's own template.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RenderError {
    /// The template does not compile.
    #[error("{message}")]
    Template {
        /// The engine's message.
        message: String,
        /// Where in the template, if the engine knows.
        at: Option<Position>,
    },
    /// The template compiles and fails with these args.
    #[error("{message}")]
    Render {
        /// The engine's message.
        message: String,
        /// Where in the template, if the engine knows.
        at: Option<Position>,
    },
    /// The result is not a picture.
    #[error("{0}")]
    NotSvg(#[from] svg::SvgFault),
    /// Too much of something.
    #[error("{0}")]
    Limit(Limit),
}

/// A limit that a template reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Limit {
    /// The source is longer than this many bytes.
    #[error("the template has more than {0} bytes")]
    TemplateBytes(usize),
    /// The result is longer than this many bytes.
    #[error("the result has more than {0} bytes")]
    OutputBytes(usize),
    /// The picture is wider or higher than this many pixels.
    #[error("the picture is wider or higher than {0} pixels")]
    Pixels(u32),
}

/// How much a template may be and make.
#[derive(Debug, Clone, Copy)]
pub struct RenderLimits {
    /// Longest template, in bytes.
    pub template_bytes: usize,
    /// Longest result, in bytes.
    pub output_bytes: usize,
    /// Renders that run at once.
    pub parallel: usize,
}

/// Bytes of template source whose compiled form is kept.
const CACHE_BYTES: u64 = 16 * 1024 * 1024;
/// How many templates that is, more or less: a hint for the cache's tables.
const CACHE_ITEMS: usize = 4096;

/// Renders templates; keeps the compiled form of those used lately.
pub struct Renderer {
    compiled: Cache<[u8; 32], Arc<Compiled>, SourceWeight>,
    permits: Semaphore,
    limits: RenderLimits,
    metrics: Arc<Metrics>,
}

struct Compiled {
    engine: Tera,
    source_bytes: usize,
}

#[derive(Clone)]
struct SourceWeight;

impl Weighter<[u8; 32], Arc<Compiled>> for SourceWeight {
    fn weight(&self, _: &[u8; 32], compiled: &Arc<Compiled>) -> u64 {
        // A cached template is never free, however short: its engine has tables of its own.
        (compiled.source_bytes as u64).max(1024)
    }
}

impl Renderer {
    /// A renderer with an empty cache.
    pub fn new(limits: RenderLimits, metrics: Arc<Metrics>) -> Arc<Self> {
        Arc::new(Self {
            compiled: Cache::with_weighter(CACHE_ITEMS, CACHE_BYTES, SourceWeight),
            permits: Semaphore::new(limits.parallel),
            limits,
            metrics,
        })
    }

    /// Draws: compiles the template if need be, renders it with `args`, and makes sure that
    /// the result is a picture. Runs beside the async workers, a bounded number at once.
    ///
    /// # Errors
    /// See [`RenderError`].
    pub async fn render(
        self: &Arc<Self>,
        template: Arc<str>,
        args: Arc<Args>,
    ) -> Result<Arc<str>, RenderError> {
        // The semaphore is never closed, so an error cannot come.
        let _permit = self.permits.acquire().await;
        let renderer = self.clone();
        let work = move || renderer.render_here(&template, &args);
        match tokio::task::spawn_blocking(work).await {
            Ok(result) => result,
            Err(panic) => {
                tracing::error!(%panic, "the template engine panicked");
                let message = "the template engine failed on this template".to_owned();
                Err(RenderError::Render { message, at: None })
            }
        }
    }

    /// Like [`Self::render`], on the calling thread.
    ///
    /// # Errors
    /// See [`RenderError`].
    pub fn render_here(&self, template: &str, args: &Args) -> Result<Arc<str>, RenderError> {
        if template.len() > self.limits.template_bytes {
            return Err(RenderError::Limit(Limit::TemplateBytes(self.limits.template_bytes)));
        }
        let compiled = self.compile(template)?;
        let context = Context::from_serialize(args).map_err(|error| render_error(&error))?;
        let mut output = Bounded { bytes: Vec::new(), limit: self.limits.output_bytes };
        self.metrics.rendered();
        match compiled.engine.render_to(NAME, &context, &mut output) {
            Ok(()) => {}
            Err(error) if matches!(error.kind(), ErrorKind::Io(_)) => {
                return Err(RenderError::Limit(Limit::OutputBytes(self.limits.output_bytes)));
            }
            Err(error) => return Err(render_error(&error)),
        }
        Ok(svg::check(&output.bytes)?.into())
    }

    fn compile(&self, template: &str) -> Result<Arc<Compiled>, RenderError> {
        // By content, so that no session can ever be served another's template.
        let key: [u8; 32] = Sha256::digest(template).into();
        self.compiled.get_or_insert_with(&key, || {
            self.metrics.compiled();
            let mut engine = Tera::new();
            // Every template makes XML, whatever its name.
            engine.autoescape_on([""]);
            // Args are always escaped; a template cannot opt out on behalf of strangers who
            // may set them.
            engine.register_filter("safe", refuse_safe);
            engine.add_raw_template(NAME, template).map_err(|error| template_error(&error))?;
            Ok(Arc::new(Compiled { engine, source_bytes: template.len() }))
        })
    }
}

impl fmt::Debug for Renderer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Renderer").field("limits", &self.limits).finish_non_exhaustive()
    }
}

fn refuse_safe(_: Value, _: Kwargs, _: &State) -> Result<Value, tera::Error> {
    Err(tera::Error::message("`safe` is not available: what a template prints is always escaped"))
}

fn template_error(error: &tera::Error) -> RenderError {
    let (message, at) = describe(error);
    RenderError::Template { message, at }
}

fn render_error(error: &tera::Error) -> RenderError {
    let (message, at) = describe(error);
    RenderError::Render { message, at }
}

fn describe(error: &tera::Error) -> (String, Option<Position>) {
    match error.kind() {
        ErrorKind::SyntaxError(report) | ErrorKind::RenderingError(report) => {
            let span = report.span();
            let at = Position { line: span.start_line, column: span.start_col + 1 };
            (report.message().to_owned(), Some(at))
        }
        _ => (error.to_string(), None),
    }
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

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests;
