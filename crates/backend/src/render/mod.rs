//! Args become a drawing. The only room that knows the template engine.
//!
//! Templates come from strangers, so they are rendered in processes of their own, which have
//! a fixed amount of memory and compute and nothing else: no file, no environment, no
//! network. What comes out is checked to be well-formed SVG before anyone sees it: one
//! malformed frame would blind Chromium and WebKit until they reload.

mod args;
mod clean;
mod engine;
mod language;
pub mod letter;
mod limits;
mod metered;
pub mod page;
mod pool;
mod snapshot;
mod source;
mod svg;
pub mod worker;

use std::sync::Arc;

use common::api::Args;
use serde::{Deserialize, Serialize};

use self::{
    pool::{Confines, Pool},
    worker::{Message, Task},
};
use crate::{
    clock::Clock,
    lifecycle::Lifecycle,
    metrics::{Metrics, Stage},
};

pub use self::{
    engine::{Drawn, Engine, Took},
    limits::{Limit, RenderLimits, SnapshotLimits},
    pool::WorkerProgram,
    snapshot::Size,
    svg::picture,
};

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
    /// The template is fine and cannot be made to count its steps: it is as complex as the
    /// engine allows, and counting would make it more so.
    #[error("this template is too complex to count its steps ({message}); make it simpler")]
    Unmetered {
        /// The engine's message.
        message: String,
    },
    /// No worker could be started, or the server is stopping.
    #[error("no render worker could do the job")]
    Worker,
}

/// Has drawings made.
#[derive(Debug)]
pub struct Renderer {
    pool: Pool,
    /// Apart from the others: whoever asks for bitmaps must not hold up those who draw.
    snapshots: Pool,
    limits: RenderLimits,
    clock: Arc<dyn Clock>,
    metrics: Arc<Metrics>,
}

impl Renderer {
    /// A renderer whose workers run as long as `lifecycle`. They are started when they are
    /// first needed. What is drawn by the time, is drawn by `clock`.
    pub fn new(
        limits: RenderLimits,
        program: &WorkerProgram,
        lifecycle: &Lifecycle,
        clock: Arc<dyn Clock>,
        metrics: Arc<Metrics>,
    ) -> Arc<Self> {
        let pool = Pool::start(program, limits, Confines::drawing(&limits), lifecycle);
        let snapshots = Pool::start(program, limits, Confines::snapshots(&limits), lifecycle);
        Arc::new(Self { pool, snapshots, limits, clock, metrics })
    }

    /// Draws a template with args.
    ///
    /// # Errors
    /// See [`RenderError`].
    pub async fn render(&self, template: &str, args: &Args) -> Result<Arc<str>, RenderError> {
        if template.len() > self.limits.template_bytes {
            return Err(RenderError::Limit(Limit::TemplateBytes(self.limits.template_bytes)));
        }
        let mut job = Message::new(Task::Draw as u8, template.len()).part(template.as_bytes());
        if job.json(args).map_err(|_| RenderError::Worker)? > self.limits.args_bytes {
            return Err(RenderError::Limit(Limit::ArgsBytes(self.limits.args_bytes)));
        }
        self.metrics.rendered();
        let now = self.clock.now().unix_timestamp().to_le_bytes();
        let done = self.pool.run(job.part(&now)).await;
        if let Err(RenderError::Unmetered { message }) = &done {
            tracing::warn!(message, "a template that compiles cannot be made to count its steps");
        }
        let done = done?;
        if done.compiled {
            self.metrics.compiled();
        }
        if let Some(Took { compile, render, check }) = done.took {
            self.metrics.took(Stage::Wait, done.waited);
            self.metrics.took(Stage::Compile, compile);
            self.metrics.took(Stage::Render, render);
            self.metrics.took(Stage::Check, check);
        }
        String::from_utf8(done.bytes).map(Arc::from).map_err(|_| RenderError::Worker)
    }

    /// Draws an SVG as PNG, in this size.
    ///
    /// # Errors
    /// See [`RenderError`].
    pub async fn snapshot(&self, svg: &str, size: Size) -> Result<Vec<u8>, RenderError> {
        let mut job = Message::new(Task::Snapshot as u8, svg.len()).part(svg.as_bytes());
        job.json(&size).map_err(|_| RenderError::Worker)?;
        Ok(self.snapshots.run(job.part(&[])).await?.bytes)
    }
}

#[cfg(test)]
mod tests;
