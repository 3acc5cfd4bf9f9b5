//! Who may run in the background, and how everything stops.
//!
//! Every task is spawned here and ends with the lifecycle: first it is asked to stop, then,
//! after `CUT_AFTER`, it is dropped. No task outlives its owner.

use std::{future::Future, time::Duration};

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::JoinError;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// How long a task that was asked to stop may take to do so.
const CUT_AFTER: Duration = Duration::from_secs(5);

/// The background tasks of one server.
#[derive(Debug, Clone, Default)]
pub struct Lifecycle {
    stop: CancellationToken,
    tasks: TaskTracker,
}

impl Lifecycle {
    /// Runs `task` until it ends or the server stops, whichever comes first. The task is
    /// dropped at an await point, so it must hold nothing there that needs finishing.
    pub fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let stop = self.stop.clone();
        self.tasks.spawn(async move {
            stop.run_until_cancelled(task).await;
        });
    }

    /// Runs `task` to its end, even if the caller stops waiting for it: for work that must not
    /// be left half done. A server that stops waits for such tasks.
    ///
    /// # Errors
    /// When the task panicked.
    pub async fn complete<T: Send + 'static>(
        &self,
        task: impl Future<Output = T> + Send + 'static,
    ) -> Result<T, JoinError> {
        self.tasks.spawn(task).await
    }

    /// Stops every task and waits until they are gone.
    pub async fn stop(&self) {
        self.stop.cancel();
        self.tasks.close();
        if tokio::time::timeout(CUT_AFTER, self.tasks.wait()).await.is_err() {
            tracing::warn!(tasks = self.tasks.len(), "some tasks did not stop in time");
        }
    }
}

/// SIGTERM and SIGINT, counted: the first asks for a clean stop, the second for a quick one.
#[derive(Debug)]
pub struct StopSignals {
    terminate: Signal,
    interrupt: Signal,
}

impl StopSignals {
    /// Takes over both signals.
    ///
    /// # Errors
    /// When the process may not handle signals.
    pub fn install() -> std::io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    /// Resolves at the next of the two.
    pub async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}
