//! What it takes to encode and compress a frame, once for all, and to bring it to one viewer
//! after another over sockets of this machine. The ratios say something, the numbers little.

#![expect(clippy::unwrap_used, reason = "a measurement that cannot go on fails")]

mod frames;

use std::{
    io::Read,
    net::{Ipv4Addr, TcpListener, TcpStream},
    sync::Arc,
    time::Duration,
};

use backend::{
    bus::LocalBus,
    clock::SystemClock,
    delivery::{Delivery, Live},
    encode::{Coding, Format, SharedFrame},
    hub::Hub,
    lifecycle::Lifecycle,
    metrics::Metrics,
};
use common::{Frame, Revision, SessionAddress};
use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use tokio::runtime::Builder;

use self::frames::{TERMS, drawing};

fn encode(c: &mut Criterion) {
    let metrics = Arc::new(Metrics::default());
    let mut group = c.benchmark_group("frame");
    for bytes in [200, 4_000, 16_000, 500_000] {
        let before = SharedFrame::new(drawing(1, bytes), TERMS, None, true, metrics.clone());
        before.plain(Format::Sse);
        let next = drawing(2, bytes);
        let fresh = || SharedFrame::new(next.clone(), TERMS, Some(&before), true, metrics.clone());
        let encoded = || {
            let frame = fresh();
            frame.plain(Format::Sse);
            frame
        };
        group.throughput(Throughput::Bytes(bytes as u64));
        group.bench_function(BenchmarkId::new("event", bytes), |b| {
            b.iter_batched(fresh, |frame| frame.plain(Format::Sse).clone(), BatchSize::SmallInput);
        });
        group.bench_function(BenchmarkId::new("part", bytes), |b| {
            let encode = |frame: SharedFrame| frame.plain(Format::Multipart).clone();
            b.iter_batched(fresh, encode, BatchSize::SmallInput);
        });
        group.bench_function(BenchmarkId::new("gzip, whole", bytes), |b| {
            let compress = |frame: SharedFrame| frame.whole(Format::Sse).clone();
            b.iter_batched(encoded, compress, BatchSize::SmallInput);
        });
        group.bench_function(BenchmarkId::new("gzip, delta", bytes), |b| {
            let compress = |frame: SharedFrame| frame.delta(Format::Sse).clone();
            b.iter_batched(encoded, compress, BatchSize::SmallInput);
        });
    }
    group.finish();
}

/// A room with viewers who read what they are sent when they are told to.
struct Audience {
    hub: Arc<Hub>,
    session: SessionAddress,
    readers: Vec<TcpStream>,
    seq: u64,
    buffer: Vec<u8>,
}

impl Audience {
    async fn of(viewers: usize, delivery: &Arc<Delivery>) -> Self {
        let hub = Hub::new(Arc::new(LocalBus), Arc::new(SystemClock), Arc::default());
        let session: SessionAddress = "alice/chart".parse().unwrap();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let mut readers = Vec::new();
        for _ in 0..viewers {
            let reader = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
            let (socket, _) = listener.accept().unwrap();
            socket.set_nonblocking(true).unwrap();
            socket.set_nodelay(true).unwrap();
            let socket = tokio::net::TcpStream::from_std(socket).unwrap();
            let live = Live::begin(None, hub.join(&session), Format::Sse, Coding::Identity, None);
            delivery.carry(live.unwrap(), socket, b"HTTP/1.1 200 OK\r\n\r\n", Box::new(()));
            readers.push(reader);
        }
        let mut audience = Self { hub, session, readers, seq: 0, buffer: Vec::new() };
        // Heads and openings are read with the first frame.
        audience.shows("one");
        audience
    }

    /// Shows a frame and reads it as everyone.
    fn shows(&mut self, svg: &str) {
        self.seq += 1;
        let frame = Frame {
            revision: Revision { epoch: 1, seq: self.seq },
            svg: format!("<svg>{:08} {svg}</svg>", self.seq).into(),
        };
        self.hub.show(&self.session, &frame, TERMS);
        let end = b"</svg>\n\n\r\n";
        for reader in &mut self.readers {
            self.buffer.clear();
            let mut piece = [0; 65_536];
            while !self.buffer.ends_with(end) {
                let bytes = reader.read(&mut piece).unwrap();
                assert_ne!(bytes, 0, "the stream has ended");
                self.buffer.extend_from_slice(&piece[..bytes]);
            }
        }
    }
}

fn fan_out(c: &mut Criterion) {
    let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let lifecycle = Lifecycle::default();
    let delivery = Delivery::new(&lifecycle);
    let mut group = c.benchmark_group("fan-out");
    let svg = "x".repeat(200);
    for viewers in [1, 100, 1_000] {
        let mut audience = runtime.block_on(Audience::of(viewers, &delivery));
        group.throughput(Throughput::Elements(viewers as u64));
        group.bench_function(BenchmarkId::from_parameter(viewers), |b| {
            b.iter(|| audience.shows(&svg));
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
    targets = encode, fan_out
}
criterion_main!(benches);
