//! How many instructions the work on one update takes, counted by Valgrind: the same on every
//! run, so that a change shows which a clock would hide. It needs Valgrind, and the runner of the
//! same version as the library: `cargo install gungraun-runner --version 0.20.0`.

#![expect(clippy::unwrap_used, reason = "a measurement that cannot go on fails")]
#![expect(missing_docs, reason = "the macros that make a measurement write none")]

mod frames;
mod pictures;

use std::{hint::black_box, sync::Arc};

use backend::{
    encode::{Chunk, Format, SharedFrame},
    metrics::Metrics,
    render::{self, Engine},
};
use common::api::Args;
use gungraun::{library_benchmark, library_benchmark_group, main};
use time::OffsetDateTime;

use self::{
    frames::{TERMS, drawing},
    pictures::{LIMITS, pictures},
};

/// A frame of about so many bytes, after one that is like it.
fn frame(bytes: usize) -> SharedFrame {
    let metrics = Arc::new(Metrics::default());
    let before = SharedFrame::new(drawing(1, bytes), TERMS, None, true, metrics.clone());
    before.plain(Format::Sse);
    SharedFrame::new(drawing(2, bytes), TERMS, Some(&before), true, metrics)
}

/// The same, encoded.
fn encoded(bytes: usize) -> SharedFrame {
    let frame = frame(bytes);
    frame.plain(Format::Sse);
    frame
}

#[library_benchmark(setup = frame)]
#[bench::badge(200)]
#[bench::large(16_000)]
fn event(frame: SharedFrame) -> Chunk {
    black_box(frame.plain(Format::Sse).clone())
}

#[library_benchmark(setup = encoded)]
#[bench::badge(200)]
#[bench::large(16_000)]
fn gzip_whole(frame: SharedFrame) -> Chunk {
    black_box(frame.whole(Format::Sse).clone())
}

#[library_benchmark(setup = encoded)]
#[bench::badge(200)]
#[bench::large(16_000)]
fn gzip_delta(frame: SharedFrame) -> Chunk {
    black_box(frame.delta(Format::Sse).clone())
}

/// An engine that has compiled the template.
fn studio(which: usize) -> (Engine, String, Args) {
    let (_, template, args) = pictures().into_iter().nth(which).unwrap();
    let engine = Engine::new(LIMITS);
    engine.draw(&template, &args, OffsetDateTime::UNIX_EPOCH).unwrap();
    (engine, template, args)
}

#[library_benchmark(setup = studio)]
#[bench::badge(0)]
#[bench::bars(1)]
#[bench::paths(2)]
fn draw((engine, template, args): (Engine, String, Args)) -> String {
    black_box(engine.draw(&template, &args, OffsetDateTime::UNIX_EPOCH).unwrap().svg)
}

fn drawn(which: usize) -> String {
    let (engine, template, args) = studio(which);
    engine.draw(&template, &args, OffsetDateTime::UNIX_EPOCH).unwrap().svg
}

#[library_benchmark(setup = drawn)]
#[bench::badge(0)]
#[bench::bars(1)]
#[bench::paths(2)]
fn check(svg: String) -> usize {
    black_box(render::picture(svg.as_bytes(), &LIMITS).unwrap().len())
}

library_benchmark_group!(name = encoding, benchmarks = [event, gzip_whole, gzip_delta]);
library_benchmark_group!(name = drawing_pictures, benchmarks = [draw, check]);
main!(library_benchmark_groups = [encoding, drawing_pictures]);
