//! How much a template may be, take and make, and what is said to whoever wants more.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A limit that was reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Limit {
    /// The source is longer than this many bytes.
    TemplateBytes(usize),
    /// The args are longer than this many bytes of JSON.
    ArgsBytes(usize),
    /// The result is longer than this many bytes.
    OutputBytes(usize),
    /// Loops and components take more than this many steps.
    LoopSteps(u64),
    /// Elements stand in each other more deeply than this.
    Depth(usize),
    /// The picture comes to more elements than this.
    Elements(u64),
    /// Drawing takes more than this much compute.
    Compute(Duration),
    /// Drawing takes more than this many bytes of memory.
    Memory(u64),
    /// The snapshot is wider or higher than this many pixels.
    SnapshotSide(u32),
    /// Elements of the snapshot's picture stand in each other more deeply than this.
    SnapshotDepth(usize),
    /// The snapshot takes more than this much compute.
    SnapshotCompute(Duration),
    /// The snapshot takes more than this many bytes of memory.
    SnapshotMemory(u64),
}

impl Limit {
    /// The setting that an operator changes to change the limit.
    pub fn setting(self) -> &'static str {
        match self {
            Self::TemplateBytes(_) => "max-template-bytes",
            Self::ArgsBytes(_) => "max-args-bytes",
            Self::OutputBytes(_) => "max-output-bytes",
            Self::LoopSteps(_) => "max-loop-steps",
            Self::Depth(_) => "max-depth",
            Self::Elements(_) => "max-elements",
            Self::Compute(_) => "render-compute",
            Self::Memory(_) => "render-memory-bytes",
            Self::SnapshotSide(_) => "snapshot-max-side",
            Self::SnapshotDepth(_) => "snapshot-max-depth",
            Self::SnapshotCompute(_) => "snapshot-compute",
            Self::SnapshotMemory(_) => "snapshot-memory-bytes",
        }
    }

    /// Whether it is about making a bitmap of a picture, and not about the picture.
    pub fn is_of_snapshot(self) -> bool {
        self.setting().starts_with("snapshot-")
    }
}

impl std::fmt::Display for Limit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mib = |bytes: &u64| bytes / 1024 / 1024;
        match self {
            Self::TemplateBytes(most) => write!(f, "the template has more than {most} bytes"),
            Self::ArgsBytes(most) => write!(f, "the args have more than {most} bytes of JSON"),
            Self::OutputBytes(most) => write!(f, "the result has more than {most} bytes"),
            Self::LoopSteps(most) => {
                write!(f, "the template takes more than {most} loop steps")
            }
            Self::Depth(most) => write!(
                f,
                "with its references the picture has elements more than {most} deep in each other"
            ),
            Self::Elements(most) => {
                write!(f, "with its references the picture comes to more than {most} elements")
            }
            Self::Compute(most) => {
                write!(f, "the template takes more than {} ms of compute", most.as_millis())
            }
            Self::Memory(most) => {
                write!(f, "the template takes more than {} MiB of memory", mib(most))
            }
            Self::SnapshotSide(most) => {
                write!(f, "the bitmap is wider or higher than {most} pixels")
            }
            Self::SnapshotDepth(most) => write!(
                f,
                "the bitmap is of elements that stand more than {most} deep in each other"
            ),
            Self::SnapshotCompute(most) => {
                write!(f, "the bitmap takes more than {} ms of compute", most.as_millis())
            }
            Self::SnapshotMemory(most) => {
                write!(f, "the bitmap takes more than {} MiB of memory", mib(most))
            }
        }?;
        write!(f, " (setting {})", self.setting())
    }
}

impl std::error::Error for Limit {}

/// How much a template may be, take and make.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct RenderLimits {
    /// Longest template, in bytes.
    pub template_bytes: usize,
    /// Longest args, in bytes of JSON.
    pub args_bytes: usize,
    /// Longest result, in bytes.
    pub output_bytes: usize,
    /// Most turns of loops, elements of comprehensions and components of one drawing.
    pub loop_steps: u64,
    /// How deep elements may stand in each other, references followed.
    pub depth: usize,
    /// Most elements of a picture, references followed.
    pub elements: u64,
    /// Most memory of a worker, in bytes; the program itself takes a part of it.
    pub memory_bytes: u64,
    /// Most compute of one drawing.
    pub compute: Duration,
    /// Workers, and so drawings that are made at once.
    pub parallel: usize,
    /// Of bitmaps.
    pub snapshot: SnapshotLimits,
}

/// How much a bitmap may be and take.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct SnapshotLimits {
    /// Longest side, in pixels.
    pub side: u32,
    /// How deep elements may stand in each other, references followed.
    pub depth: usize,
    /// Most memory of a worker, in bytes.
    pub memory_bytes: u64,
    /// Most compute of one bitmap.
    pub compute: Duration,
    /// Workers, and so bitmaps that are made at once.
    pub parallel: usize,
}
