//! What a bench found, for people and for programs. The names of the fields are documented in
//! docs/bench.md: scripts rely on them.

use std::{fmt, time::Duration};

use serde::Serialize;

use super::{
    driver::Driver,
    histogram::Histogram,
    options::{Coding, Format, Plan},
};

/// The result of a bench.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    format: &'static str,
    coding: &'static str,
    sessions: usize,
    viewers: Viewers,
    seconds: f64,
    updates: Updates,
    deliveries: Deliveries,
    /// Milliseconds from an update's beginning to its answer.
    answer_ms: Percentiles,
    /// Milliseconds from an update's beginning to a viewer that has it whole.
    latency_ms: Percentiles,
    /// Milliseconds from an update's beginning to the last viewer that has it whole.
    last_viewer_ms: Percentiles,
    server: Option<Server>,
    bench: Own,
}

#[derive(Debug, Serialize)]
struct Viewers {
    connected: u64,
    failed: u64,
    lost: u64,
    /// Why the first that failed or was lost is not there.
    fault: Option<String>,
}

#[derive(Debug, Serialize)]
struct Updates {
    sent: u64,
    left_out: u64,
    stalls: u64,
}

#[derive(Debug, Serialize)]
struct Deliveries {
    received: u64,
    per_second: f64,
    skipped: u64,
    missing: u64,
    backwards: u64,
    bytes_each: Option<f64>,
}

#[derive(Debug, Serialize)]
struct Percentiles {
    p50: Option<f64>,
    p90: Option<f64>,
    p99: Option<f64>,
    max: Option<f64>,
}

#[derive(Debug, Serialize)]
struct Server {
    cpu_seconds: f64,
    cpu_seconds_per_million: Option<f64>,
    memory_bytes: u64,
    memory_bytes_per_viewer: i64,
}

#[derive(Debug, Serialize)]
struct Own {
    cpu_seconds: Option<f64>,
    cpu_seconds_per_million: Option<f64>,
    busy: Option<f64>,
}

/// What the system says was used, beside what was counted.
pub(super) struct Used {
    /// From the beginning of the load to its end.
    pub(super) time: Duration,
    pub(super) server: Option<UsedByServer>,
    /// Processor time of the bench; `None` where the system does not say.
    pub(super) own: Option<Duration>,
}

/// What a server used.
pub(super) struct UsedByServer {
    /// Processor time, as long as the load lasted.
    pub(super) cpu: Duration,
    /// Bytes of memory, before the viewers came and when all were there and idle.
    pub(super) memory: [u64; 2],
}

fn milliseconds(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1e6).round() / 1e3
}

impl Percentiles {
    fn of(histogram: &Histogram) -> Self {
        let percentile = |percent| histogram.percentile(percent).map(milliseconds);
        Self {
            p50: percentile(50),
            p90: percentile(90),
            p99: percentile(99),
            max: histogram.longest().map(milliseconds),
        }
    }
}

impl Report {
    pub(super) fn new(plan: &Plan, driver: &Driver<'_>, used: &Used) -> Self {
        let (measured, connections) = (&driver.measured, &driver.crowd.connections);
        let expected: u64 = driver.sessions.iter().map(|session| session.expected()).sum();
        let received = measured.deliveries;
        let each = |total: f64| (received > 0).then(|| total / received as f64);
        let per_million = |cpu: Duration| each(cpu.as_secs_f64() * 1e6);
        let seconds = used.time.as_secs_f64();
        let server =
            used.server.as_ref().map(|UsedByServer { cpu, memory: [empty, full] }| Server {
                cpu_seconds: cpu.as_secs_f64(),
                cpu_seconds_per_million: per_million(*cpu),
                memory_bytes: *full,
                memory_bytes_per_viewer: (full.cast_signed() - empty.cast_signed())
                    / connections.let_in.max(1).cast_signed(),
            });
        Self {
            format: match plan.format {
                Format::Sse => "sse",
                Format::Multipart => "multipart",
            },
            coding: match plan.coding {
                Coding::Identity => "identity",
                Coding::Gzip => "gzip",
            },
            sessions: plan.sessions,
            viewers: Viewers {
                connected: connections.let_in,
                failed: connections.failed,
                lost: connections.lost,
                fault: connections.first_fault().map(str::to_owned),
            },
            seconds,
            updates: Updates {
                sent: measured.updates,
                left_out: measured.left_out,
                stalls: measured.stalls,
            },
            deliveries: Deliveries {
                received,
                per_second: received as f64 / seconds,
                skipped: expected.saturating_sub(received),
                missing: driver.crowd.missing(&driver.sessions),
                backwards: measured.backwards,
                bytes_each: each(measured.bytes as f64),
            },
            answer_ms: Percentiles::of(&measured.answers),
            latency_ms: Percentiles::of(&measured.times.viewer),
            last_viewer_ms: Percentiles::of(&measured.times.last_viewer),
            server,
            bench: Own {
                cpu_seconds: used.own.map(|cpu| cpu.as_secs_f64()),
                cpu_seconds_per_million: used.own.and_then(per_million),
                busy: used.own.map(|cpu| cpu.as_secs_f64() / seconds),
            },
        }
    }
}

/// A number with one digit after the point, or a dash where there is none.
struct OrNone(Option<f64>);

impl fmt::Display for OrNone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(number) => write!(f, "{number:.1}"),
            None => f.write_str("-"),
        }
    }
}

impl fmt::Display for Percentiles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { p50, p90, p99, max } = self;
        let [p50, p90, p99, max] = [p50, p90, p99, max].map(|number| OrNone(*number));
        write!(f, "p50 {p50} ms, p90 {p90} ms, p99 {p99} ms, max {max} ms")
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { viewers, updates, deliveries, .. } = self;
        write!(f, "viewers      {} connected, {} failed, ", viewers.connected, viewers.failed)?;
        writeln!(
            f,
            "{} lost; {} sessions, {}, {}",
            viewers.lost, self.sessions, self.format, self.coding
        )?;
        if let Some(fault) = &viewers.fault {
            writeln!(f, "             the first of them: {fault}")?;
        }
        writeln!(
            f,
            "updates      {} in {:.1} s, {} left out, {} stalls",
            updates.sent, self.seconds, updates.left_out, updates.stalls
        )?;
        writeln!(
            f,
            "deliveries   {}, {:.0} a second; {} skipped, {} viewers miss the last, {} backwards",
            deliveries.received,
            deliveries.per_second,
            deliveries.skipped,
            deliveries.missing,
            deliveries.backwards
        )?;
        writeln!(f, "on the wire  {} bytes a delivery", OrNone(deliveries.bytes_each))?;
        writeln!(f, "answers      {}", self.answer_ms)?;
        writeln!(f, "latency      {}", self.latency_ms)?;
        writeln!(f, "last viewer  {}", self.last_viewer_ms)?;
        if let Some(server) = &self.server {
            writeln!(
                f,
                "server       {} CPU-s per million deliveries ({:.2} s); {} bytes a viewer, {} in all",
                OrNone(server.cpu_seconds_per_million),
                server.cpu_seconds,
                server.memory_bytes_per_viewer,
                server.memory_bytes
            )?;
        }
        let own = &self.bench;
        write!(
            f,
            "bench        {} CPU-s per million deliveries; {} % of a core",
            OrNone(own.cpu_seconds_per_million),
            OrNone(own.busy.map(|busy| busy * 100.0))
        )
    }
}
