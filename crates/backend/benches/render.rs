//! What it takes to draw: through a worker process, in the engine with a template that is
//! compiled or is not, and the check of the picture alone. The ratios say something, the
//! numbers little.

#![expect(clippy::unwrap_used, reason = "a measurement that cannot go on fails")]

mod pictures;

use std::{path::PathBuf, sync::Arc, time::Duration};

use backend::{
    clock::SystemClock,
    lifecycle::Lifecycle,
    metrics::Metrics,
    render::{self, Engine, Renderer, WorkerProgram},
};
use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use time::OffsetDateTime;
use tokio::{runtime::Builder, time::Instant};

use self::pictures::{LIMITS, pictures};

fn render(c: &mut Criterion) {
    let now = OffsetDateTime::UNIX_EPOCH;
    let engine = Engine::new(LIMITS);
    let mut group = c.benchmark_group("render");
    for (name, template, args) in pictures() {
        let mut n = 0;
        group.bench_function(BenchmarkId::new("engine, uncached", name), |b| {
            b.iter(|| {
                n += 1;
                let fresh = format!("{template}{{# {n} #}}");
                engine.draw(&fresh, &args, now).unwrap()
            });
        });
        group.bench_function(BenchmarkId::new("engine, cached", name), |b| {
            b.iter(|| engine.draw(&template, &args, now).unwrap());
        });
        let drawn = engine.draw(&template, &args, now).unwrap().svg;
        group.bench_function(BenchmarkId::new("check", name), |b| {
            b.iter(|| render::picture(drawn.as_bytes(), &LIMITS).unwrap().len());
        });
    }
    group.finish();
}

fn worker(c: &mut Criterion) {
    let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let program = WorkerProgram(PathBuf::from(env!("CARGO_BIN_EXE_easel")));
    let lifecycle = Lifecycle::default();
    let (clock, metrics) = (Arc::new(SystemClock), Arc::new(Metrics::default()));
    let renderer =
        runtime.block_on(async { Renderer::new(LIMITS, &program, &lifecycle, clock, metrics) });
    let mut group = c.benchmark_group("render");
    for (name, template, args) in pictures() {
        let drawing = Arc::new((template, args));
        // As a request does it: from a task of the runtime, not from beside it.
        group.bench_function(BenchmarkId::new("worker", name), |b| {
            b.iter_custom(|times| {
                let (renderer, drawing) = (renderer.clone(), drawing.clone());
                let work = lifecycle.complete(async move {
                    let began = Instant::now();
                    for _ in 0..times {
                        renderer.render(&drawing.0, &drawing.1).await.unwrap();
                    }
                    began.elapsed()
                });
                runtime.block_on(work).unwrap()
            });
        });
    }
    group.finish();
    runtime.block_on(lifecycle.stop());
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1));
    targets = render, worker
}
criterion_main!(benches);
