//! The parent's side of the workers: a fixed number of processes, a queue before them, and a
//! clock behind each.

use std::{ffi::OsString, fmt, io, path::PathBuf, process::Stdio, sync::Arc, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, BufReader},
    process::{Child, ChildStdin, ChildStdout, Command},
    sync::{Mutex, mpsc, oneshot},
    time::Instant,
};

use super::{
    Limit, RenderError, RenderLimits, SnapshotLimits,
    engine::Took,
    worker::{self, ANSWER_PARTS, Message, Outcome, Settings},
};
use crate::lifecycle::Lifecycle;

/// Jobs that may wait; more callers wait before the queue.
const QUEUE: usize = 256;

/// A job that has not used up its compute may take this many times as long on a busy machine.
const PATIENCE: u32 = 40;

/// How long the parent waits between two looks at what a late worker has used.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Bytes of an answer that are read at once: a small picture.
const READ: usize = 16 * 1024;

/// The exit code of a Rust program that panicked.
const PANICKED: i32 = 101;

/// Longest answer, beyond the limit of the output itself: a PNG or an error message.
const MAX_ANSWER: usize = 128 * 1024 * 1024;

/// The program that is started as a worker: usually the running one itself.
#[derive(Debug, Clone)]
pub struct WorkerProgram(pub PathBuf);

impl WorkerProgram {
    /// The running program.
    ///
    /// # Errors
    /// When the system does not say which file that is.
    pub fn this() -> io::Result<Self> {
        // On Linux this link leads to the running program even when another version has
        // taken its place on the disk.
        let link = PathBuf::from("/proc/self/exe");
        if link.exists() { Ok(Self(link)) } else { std::env::current_exe().map(Self) }
    }
}

/// What the workers of a pool may take.
#[derive(Debug, Clone, Copy)]
pub(super) struct Confines {
    compute: Duration,
    memory_bytes: u64,
    parallel: usize,
    /// What whoever takes more compute is told.
    too_long: Limit,
    /// What whoever takes more memory is told.
    too_large: Limit,
}

impl Confines {
    /// For those who draw.
    pub(super) fn drawing(limits: &RenderLimits) -> Self {
        let RenderLimits { compute, memory_bytes, parallel, .. } = *limits;
        let (too_long, too_large) = (Limit::Compute(compute), Limit::Memory(memory_bytes));
        Self { compute, memory_bytes, parallel, too_long, too_large }
    }

    /// For those who make bitmaps.
    pub(super) fn snapshots(limits: &RenderLimits) -> Self {
        let SnapshotLimits { compute, memory_bytes, parallel, .. } = limits.snapshot;
        let too_long = Limit::SnapshotCompute(compute);
        let too_large = Limit::SnapshotMemory(memory_bytes);
        Self { compute, memory_bytes, parallel, too_long, too_large }
    }
}

struct Job {
    request: Message,
    since: Instant,
    answer: oneshot::Sender<Result<Done, RenderError>>,
}

pub(super) struct Done {
    pub(super) bytes: Vec<u8>,
    pub(super) compiled: bool,
    /// How long it waited for a worker.
    pub(super) waited: Duration,
    /// How long its stages took, of a drawing.
    pub(super) took: Option<Took>,
}

/// The queue before the workers.
pub(super) struct Pool {
    jobs: mpsc::Sender<Job>,
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pool")
    }
}

impl Pool {
    pub(super) fn start(
        program: &WorkerProgram,
        limits: RenderLimits,
        confines: Confines,
        lifecycle: &Lifecycle,
    ) -> Self {
        let (jobs, queue) = mpsc::channel(QUEUE);
        let queue = Arc::new(Mutex::new(queue));
        for _ in 0..confines.parallel {
            let desk = Desk { program: program.clone(), limits, confines, worker: None };
            lifecycle.spawn(desk.work(queue.clone()));
        }
        Self { jobs }
    }

    /// Has a job done. A caller that goes away leaves nothing behind: its job is skipped, or
    /// done for nobody.
    pub(super) async fn run(&self, request: Message) -> Result<Done, RenderError> {
        let (answer, done) = oneshot::channel();
        let stopped = || RenderError::Worker;
        let job = Job { request, since: Instant::now(), answer };
        self.jobs.send(job).await.map_err(|_| stopped())?;
        done.await.map_err(|_| stopped())?
    }
}

/// Where one worker sits. Workers come and go; the desk stays.
struct Desk {
    program: WorkerProgram,
    limits: RenderLimits,
    confines: Confines,
    worker: Option<Worker>,
}

struct Worker {
    process: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    compute: Compute,
}

impl Desk {
    async fn work(mut self, queue: Arc<Mutex<mpsc::Receiver<Job>>>) {
        loop {
            let job = queue.lock().await.recv().await;
            let Some(job) = job else { return };
            if job.answer.is_closed() {
                continue;
            }
            let waited = job.since.elapsed();
            let result = self.do_job(job.request.bytes()).await;
            let result = result.map(|done| Done { waited, ..done });
            // The caller may have gone away meanwhile.
            drop(job.answer.send(result));
        }
    }

    async fn do_job(&mut self, request: &[u8]) -> Result<Done, RenderError> {
        // A worker that has ended since its last job, by itself or because it had grown, is
        // replaced before it is needed.
        let alive = self.worker.as_mut().is_some_and(|w| matches!(w.process.try_wait(), Ok(None)));
        let mut worker = match self.worker.take().filter(|_| alive) {
            Some(worker) => worker,
            None => self.hire().map_err(|error| {
                tracing::error!(%error, "cannot start a render worker");
                RenderError::Worker
            })?,
        };
        match self.watch_over(&mut worker, request).await {
            Ok(result) => {
                self.worker = Some(worker);
                result
            }
            Err(limit) => {
                drop(worker.process.start_kill());
                drop(worker.process.wait().await);
                Err(RenderError::Limit(limit))
            }
        }
    }

    fn hire(&self) -> io::Result<Worker> {
        let settings = serde_json::to_string(&Settings {
            limits: self.limits,
            memory_bytes: self.confines.memory_bytes,
        })?;
        let mut process = Command::new(&self.program.0)
            .args([OsString::from(worker::COMMAND), OsString::from(settings)])
            .env_clear()
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()?;
        let pipes = process.stdin.take().zip(process.stdout.take());
        let (input, output) = pipes.ok_or(io::ErrorKind::BrokenPipe)?;
        let compute = Compute::of(&process);
        Ok(Worker { process, input, output: BufReader::with_capacity(READ, output), compute })
    }

    /// Waits for the answer, but not for longer than the worker may compute. The outer error
    /// is the limit at which the worker has to go.
    async fn watch_over(
        &self,
        worker: &mut Worker,
        request: &[u8],
    ) -> Result<Result<Done, RenderError>, Limit> {
        let before = worker.compute.used();
        let began = Instant::now();
        let allowed = self.confines.compute;
        let mut exchange = Box::pin(exchange(&mut worker.input, &mut worker.output, request));
        let mut look_at = began + allowed;
        loop {
            match tokio::time::timeout_at(look_at, &mut exchange).await {
                Ok(Ok(result)) => return Ok(result),
                // It closed its pipe: mostly, the system did not give it the memory that it
                // wanted. A defect of what draws is another thing, and ends it with this code.
                Ok(Err(_)) => {
                    drop(exchange);
                    // Whoever has ended already keeps the code that it ended with.
                    drop(worker.process.start_kill());
                    let ended = worker.process.wait().await.ok().and_then(|end| end.code());
                    if ended == Some(PANICKED) {
                        tracing::error!("a render worker panicked");
                        let message = "this makes what draws pictures fail".to_owned();
                        return Ok(Err(RenderError::Render { message, at: None }));
                    }
                    return Err(self.confines.too_large);
                }
                Err(_) => {}
            }
            let used = match (before, worker.compute.used()) {
                (Some(before), Some(now)) => now.saturating_sub(before),
                _ => began.elapsed(),
            };
            if used >= allowed || began.elapsed() >= allowed * PATIENCE {
                return Err(self.confines.too_long);
            }
            look_at = Instant::now() + (allowed - used).max(LOOK_EVERY);
        }
    }
}

async fn exchange(
    input: &mut ChildStdin,
    output: &mut BufReader<ChildStdout>,
    request: &[u8],
) -> io::Result<Result<Done, RenderError>> {
    input.write_all(request).await?;
    let outcome = output.read_u8().await?;
    let mut parts = [const { Vec::new() }; ANSWER_PARTS];
    let mut left = MAX_ANSWER;
    for part in &mut parts {
        let length = output.read_u32_le().await? as usize;
        left = left.checked_sub(length).ok_or(io::ErrorKind::InvalidData)?;
        part.resize(length, 0);
        output.read_exact(part).await?;
    }
    let [result, took] = parts;
    if outcome == Outcome::Failed as u8 {
        return Ok(Err(serde_json::from_slice(&result).unwrap_or(RenderError::Worker)));
    }
    let compiled = outcome == Outcome::DoneCompiled as u8;
    let took = worker::took(&took);
    Ok(Ok(Done { bytes: result, compiled, waited: Duration::ZERO, took }))
}

/// The clock of the compute that a process uses.
#[derive(Debug, Clone, Copy)]
struct Compute {
    #[cfg(target_os = "linux")]
    clock: Option<nix::time::ClockId>,
}

#[cfg(target_os = "linux")]
impl Compute {
    fn of(process: &Child) -> Self {
        let process =
            process.id().and_then(|id| id.try_into().ok()).map(nix::unistd::Pid::from_raw);
        Self { clock: process.and_then(|id| nix::time::clock_getcpuclockid(id).ok()) }
    }

    /// What it has used so far; `None` when the system does not say. Asking costs half a
    /// microsecond, a fifteenth of what reading it in `/proc` does.
    fn used(self) -> Option<Duration> {
        self.clock?.now().ok().map(Duration::from)
    }
}

#[cfg(not(target_os = "linux"))]
impl Compute {
    fn of(_: &Child) -> Self {
        Self {}
    }

    fn used(self) -> Option<Duration> {
        None
    }
}
