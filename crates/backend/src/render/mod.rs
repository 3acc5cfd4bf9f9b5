//! Args become a drawing. The only room that knows the template engine.
//!
//! Templates come from strangers, so they are rendered in processes of their own, which have
//! a fixed amount of memory and compute and nothing else: no file, no environment, no
//! network. What comes out is checked to be well-formed SVG before anyone sees it: one
//! malformed frame would blind Chromium and WebKit until they reload.

mod clean;
mod engine;
pub mod page;
mod pool;
mod snapshot;
mod svg;
pub mod worker;

use std::{sync::Arc, time::Duration};

use common::api::Args;
use serde::{Deserialize, Serialize};

use self::{pool::Pool, worker::Task};
use crate::{lifecycle::Lifecycle, metrics::Metrics};

pub use self::pool::WorkerProgram;

/// Where in a text something is wrong; both count from 1, columns in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    /// The line.
    pub line: usize,
    /// The column.
    pub column: usize,
}

/// Why there is no drawing. All but the last is about the caller's own template.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
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
    /// No worker could be started, or the server is stopping.
    #[error("no render worker could do the job")]
    Worker,
}

/// A limit that a template reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
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
    /// Elements stand in each other more deeply than this.
    #[error("elements stand more than {0} deep in each other")]
    Depth(usize),
    /// References make the picture come to more elements than this.
    #[error("with its references the picture comes to more than {0} elements")]
    Drawn(u64),
    /// Rendering takes more than this much compute.
    #[error("the template takes more than {} ms of compute", .0.as_millis())]
    Compute(Duration),
    /// Rendering takes more than this many bytes of memory.
    #[error("the template takes more than {} MiB of memory", .0 / 1024 / 1024)]
    Memory(u64),
}

/// How much a template may be, take and make.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct RenderLimits {
    /// Longest template, in bytes.
    pub template_bytes: usize,
    /// Longest result, in bytes.
    pub output_bytes: usize,
    /// Most memory of a worker, in bytes; the program itself takes a part of it.
    pub memory_bytes: u64,
    /// Most compute of one drawing.
    pub compute: Duration,
    /// Workers, and so drawings that are made at once.
    pub parallel: usize,
}

/// Most compute of one snapshot: millions of pixels take longer than the text they come from.
const SNAPSHOT_COMPUTE: Duration = Duration::from_secs(1);

/// Has drawings made.
#[derive(Debug)]
pub struct Renderer {
    pool: Pool,
    /// Apart from the others: whoever asks for bitmaps must not hold up those who draw.
    snapshots: Pool,
    limits: RenderLimits,
    metrics: Arc<Metrics>,
}

impl Renderer {
    /// A renderer whose workers run as long as `lifecycle`. They are started when they are
    /// first needed.
    pub fn new(
        limits: RenderLimits,
        program: &WorkerProgram,
        lifecycle: &Lifecycle,
        metrics: Arc<Metrics>,
    ) -> Arc<Self> {
        let pool = Pool::start(program, limits, lifecycle);
        let one = RenderLimits { parallel: 1, compute: SNAPSHOT_COMPUTE, ..limits };
        let snapshots = Pool::start(program, one, lifecycle);
        Arc::new(Self { pool, snapshots, limits, metrics })
    }

    /// Draws a template with args.
    ///
    /// # Errors
    /// See [`RenderError`].
    pub async fn render(&self, template: &str, args: &Args) -> Result<Arc<str>, RenderError> {
        if template.len() > self.limits.template_bytes {
            return Err(RenderError::Limit(Limit::TemplateBytes(self.limits.template_bytes)));
        }
        let args = serde_json::to_vec(args).map_err(|_| RenderError::Worker)?;
        self.metrics.rendered();
        let done = self.pool.run(Task::Draw, [template.as_bytes(), &args]).await?;
        if done.compiled {
            self.metrics.compiled();
        }
        String::from_utf8(done.bytes).map(Arc::from).map_err(|_| RenderError::Worker)
    }

    /// Draws an SVG as PNG.
    ///
    /// # Errors
    /// See [`RenderError`].
    pub async fn snapshot(&self, svg: &str) -> Result<Vec<u8>, RenderError> {
        Ok(self.snapshots.run(Task::Snapshot, [svg.as_bytes(), &[]]).await?.bytes)
    }
}

#[cfg(test)]
mod tests;
