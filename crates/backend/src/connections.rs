//! Connections as they come in: how many there may be, and how long one may take to ask.
//!
//! What is no request yet is seen by no other limit. A client that opens connections and says
//! nothing must neither keep others out nor use up the files that the store needs.

use std::{
    io,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use axum::{Router, body::Body, extract::ConnectInfo};
use hyper::{Request, body::Incoming, service::service_fn};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::{conn::auto, graceful::GracefulShutdown},
};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
};
use tokio_util::sync::CancellationToken;
use tower_service::Service;

use crate::{clock::Clock, lifecycle::Lifecycle, limit::Limits};

/// How often an idle HTTP/2 connection is asked whether it still lives, and how long it may
/// take to answer.
const PROBE_EVERY: Duration = Duration::from_secs(20);
const PROBE_WITHIN: Duration = Duration::from_secs(20);

/// How long the listener rests when the system has no connection to give: most likely the
/// process has no file left, and asking again at once would not help.
const REST: Duration = Duration::from_millis(100);

/// A listener with its limits.
pub(crate) struct Doorway {
    pub(crate) listener: TcpListener,
    pub(crate) limits: Arc<Limits>,
    /// How long a connection may take to ask for something, the first time or again.
    pub(crate) head_timeout: Duration,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) lifecycle: Lifecycle,
}

impl Doorway {
    /// Serves until `finish`, and then until the requests that are under way have been
    /// answered.
    pub(crate) async fn serve(self, router: Router, finish: &CancellationToken) {
        let most = usize::try_from(self.limits.connections().per_node).unwrap_or(usize::MAX);
        let seats = Arc::new(Semaphore::new(most.min(Semaphore::MAX_PERMITS)));
        let graceful = GracefulShutdown::new();
        let accept = async {
            loop {
                // Whoever comes when all seats are taken waits in the system's own queue.
                let Ok(seat) = seats.clone().acquire_owned().await else { return };
                let (connection, peer) = self.accept().await;
                let Some(place) = self.limits.lets_in(peer.ip()) else { continue };
                let served = self.connection(connection, peer, router.clone(), &graceful);
                self.lifecycle.spawn(async move {
                    served.await;
                    drop((place, seat));
                });
            }
        };
        finish.run_until_cancelled(accept).await;
        drop(self.listener);
        graceful.shutdown().await;
    }

    async fn accept(&self) -> (TcpStream, SocketAddr) {
        loop {
            match self.listener.accept().await {
                Ok(accepted) => return accepted,
                Err(error) if is_of_the_client(&error) => {}
                Err(error) => {
                    tracing::error!(%error, "no connection can be accepted");
                    self.clock.sleep(REST).await;
                }
            }
        }
    }

    /// One connection, from its first byte to its end.
    fn connection(
        &self,
        connection: TcpStream,
        peer: SocketAddr,
        router: Router,
        graceful: &GracefulShutdown,
    ) -> impl Future<Output = ()> + Send + 'static {
        // A frame goes out when it is made, not when the last one was acknowledged.
        if let Err(error) = connection.set_nodelay(true) {
            tracing::debug!(%error, "could not set TCP_NODELAY");
        }
        let asked = Arc::new(AtomicBool::new(false));
        let service = service_fn({
            let asked = asked.clone();
            move |request: Request<Incoming>| {
                asked.store(true, Ordering::Relaxed);
                let mut request = request.map(Body::new);
                // Limits count by where a connection comes from.
                request.extensions_mut().insert(ConnectInfo(peer));
                router.clone().call(request)
            }
        });
        let mut builder = auto::Builder::new(TokioExecutor::new());
        builder.http1().timer(TokioTimer::new()).header_read_timeout(self.head_timeout);
        builder
            .http2()
            .timer(TokioTimer::new())
            .keep_alive_interval(PROBE_EVERY)
            .keep_alive_timeout(PROBE_WITHIN);
        let served = builder.serve_connection(TokioIo::new(connection), service).into_owned();
        let served = graceful.watch(served);
        let silent = self.clock.sleep(self.head_timeout);
        async move {
            tokio::pin!(served);
            // Before the first request nothing else sees how long it takes: what comes in is
            // not known to be HTTP yet.
            tokio::select! {
                _ = &mut served => return,
                () = silent => {}
            }
            if asked.load(Ordering::Relaxed) {
                // How a connection ends is the client's affair.
                let _ = served.await;
            }
        }
    }
}

/// Raises the number of files that this process may open as far as the system allows, and says
/// how many that is. A connection takes one.
pub(crate) fn open_files() -> u64 {
    let limits = getrlimit(Resource::Nofile);
    let most = Rlimit { current: limits.maximum, maximum: limits.maximum };
    // Where there is no limit at all, nothing has to be raised.
    let files = match setrlimit(Resource::Nofile, most) {
        Ok(()) => most.current,
        Err(_) => limits.current,
    };
    files.unwrap_or(u64::MAX)
}

/// Whether an error of `accept` is about the one client that was to be accepted.
fn is_of_the_client(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionRefused
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
    )
}
