//! Everything that is measured, with its help text: one struct, one place to read.

use std::{fmt, time::Duration};

use prometheus_client::{
    encoding::{EncodeLabelSet, EncodeLabelValue, text},
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::{Registry, Unit},
};

/// Upper bounds of what the stages of a drawing are sorted into, in seconds: from a badge that
/// is found compiled to the longest that a drawing may take.
const STAGE_BOUNDS: [f64; 10] =
    [0.00001, 0.00003, 0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3];

/// A form in which frames leave.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelValue)]
pub enum Format {
    /// Server-sent events.
    Sse,
    /// `multipart/x-mixed-replace`.
    Multipart,
}

/// What a compressed frame refers to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelValue)]
pub enum Block {
    /// Nothing: it is for everyone.
    Whole,
    /// The frame before it.
    Delta,
    /// Itself: it was sent before.
    Again,
}

/// What a drawing goes through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelValue)]
pub enum Stage {
    /// It waits for a worker.
    Wait,
    /// Its template is looked up and, if need be, compiled.
    Compile,
    /// The template is rendered.
    Render,
    /// The result is checked and cleaned.
    Check,
}

/// How an attempt at an errand ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelValue)]
pub enum ErrandOutcome {
    /// It worked.
    Done,
    /// It is tried again.
    Later,
    /// It is not tried again.
    Dead,
}

/// What errands that are left are waiting for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelValue)]
enum ErrandState {
    /// Their time.
    Waiting,
    /// Someone who says that they are to be tried again.
    Dead,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StageLabels {
    stage: Stage,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct EncodingLabels {
    format: Format,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CompressionLabels {
    format: Format,
    block: Block,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct LimitLabels {
    limit: &'static str,
}

/// What became of a refresh token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelValue)]
pub enum RefreshOutcome {
    /// It was replaced by the next one.
    Rotated,
    /// It was replaced just before, and led to the same next one.
    Repeated,
    /// It was none of ours, or its sign-in had ended.
    Invalid,
    /// Its sign-in was over.
    Expired,
    /// It was replaced some time ago, and its sign-in ended.
    ReusedRecent,
    /// It was replaced long ago, and its sign-in ended.
    ReusedStale,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RefreshLabels {
    outcome: RefreshOutcome,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ErrandLabels {
    kind: &'static str,
    state: ErrandState,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct AttemptLabels {
    kind: &'static str,
    outcome: ErrandOutcome,
}

/// The counters of one server.
pub struct Metrics {
    registry: Registry,
    renders: Counter,
    compilations: Counter,
    stages: Family<StageLabels, Histogram>,
    encodings: Family<EncodingLabels, Counter>,
    compressions: Family<CompressionLabels, Counter>,
    viewers: Gauge,
    refusals: Family<LimitLabels, Counter>,
    refreshes: Family<RefreshLabels, Counter>,
    password_hashes: Counter,
    errands: Family<ErrandLabels, Gauge>,
    errand_attempts: Family<AttemptLabels, Counter>,
}

fn stage_times() -> Histogram {
    Histogram::new(STAGE_BOUNDS)
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("easel");
        let (renders, compilations) = (Counter::default(), Counter::default());
        let encodings = Family::<EncodingLabels, Counter>::default();
        let viewers = Gauge::default();
        registry.register("renders", "Templates rendered", renders.clone());
        registry.register("compilations", "Templates compiled", compilations.clone());
        let stages = Family::new_with_constructor(stage_times as fn() -> Histogram);
        registry.register_with_unit(
            "render",
            "How long drawings that succeeded took, by stage",
            Unit::Seconds,
            stages.clone(),
        );
        registry.register(
            "frame_encodings",
            "Frames encoded, by format: once per frame however many watch",
            encodings.clone(),
        );
        let compressions = Family::<CompressionLabels, Counter>::default();
        registry.register(
            "frame_compressions",
            "Frames compressed, by format and by what the block refers to: once per frame however \
             many watch",
            compressions.clone(),
        );
        registry.register("viewers", "Viewers connected to this node now", viewers.clone());
        let refusals = Family::<LimitLabels, Counter>::default();
        registry.register("refusals", "Requests refused, by limit", refusals.clone());
        let password_hashes = Counter::default();
        registry.register(
            "password_hashes",
            "Passwords hashed, to keep them or to compare them",
            password_hashes.clone(),
        );
        let refreshes = Family::<RefreshLabels, Counter>::default();
        registry.register(
            "refreshes",
            "Refresh tokens presented, by what became of them",
            refreshes.clone(),
        );
        let errands = Family::<ErrandLabels, Gauge>::default();
        registry.register(
            "errands",
            "Errands that are left, such as mails, by kind and by whether they are tried again",
            errands.clone(),
        );
        let errand_attempts = Family::<AttemptLabels, Counter>::default();
        registry.register(
            "errand_attempts",
            "Attempts at errands, by kind and outcome",
            errand_attempts.clone(),
        );
        Self {
            registry,
            renders,
            compilations,
            stages,
            encodings,
            compressions,
            viewers,
            refusals,
            refreshes,
            password_hashes,
            errands,
            errand_attempts,
        }
    }
}

impl Metrics {
    /// A template was rendered.
    pub fn rendered(&self) {
        self.renders.inc();
    }

    /// A template was compiled.
    pub fn compiled(&self) {
        self.compilations.inc();
    }

    /// A stage of a drawing took so long.
    pub fn took(&self, stage: Stage, time: Duration) {
        self.stages.get_or_create(&StageLabels { stage }).observe(time.as_secs_f64());
    }

    /// A frame was encoded.
    pub fn frame_encoded(&self, format: Format) {
        self.encodings.get_or_create(&EncodingLabels { format }).inc();
    }

    /// A frame was compressed.
    pub fn frame_compressed(&self, format: Format, block: Block) {
        self.compressions.get_or_create(&CompressionLabels { format, block }).inc();
    }

    /// A viewer connected.
    pub fn viewer_came(&self) {
        self.viewers.inc();
    }

    /// A viewer left.
    pub fn viewer_left(&self) {
        self.viewers.dec();
    }

    /// A request was refused by this limit.
    pub fn refused(&self, limit: &'static str) {
        self.refusals.get_or_create(&LimitLabels { limit }).inc();
    }

    /// A password was hashed.
    pub fn password_hashed(&self) {
        self.password_hashes.inc();
    }

    /// A refresh token was presented.
    pub fn refreshed(&self, outcome: RefreshOutcome) {
        self.refreshes.get_or_create(&RefreshLabels { outcome }).inc();
    }

    /// An attempt at an errand of this kind has ended.
    pub fn errand_attempted(&self, kind: &'static str, outcome: ErrandOutcome) {
        self.errand_attempts.get_or_create(&AttemptLabels { kind, outcome }).inc();
    }

    /// So many errands of this kind wait, and so many are dead.
    pub fn errands_left(&self, kind: &'static str, waiting: u64, dead: u64) {
        for (state, count) in [(ErrandState::Waiting, waiting), (ErrandState::Dead, dead)] {
            let gauge = self.errands.get_or_create(&ErrandLabels { kind, state });
            gauge.set(count.try_into().unwrap_or(i64::MAX));
        }
    }

    /// All of it as OpenMetrics text, which Prometheus reads.
    ///
    /// # Errors
    /// Never for these metrics; the library's signature allows it.
    pub fn to_text(&self) -> Result<String, fmt::Error> {
        let mut page = String::new();
        text::encode(&mut page, &self.registry)?;
        Ok(page)
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Metrics")
    }
}
