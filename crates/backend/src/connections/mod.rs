//! Connections as they come in: how many there may be, and how long one may take to ask.
//!
//! What is no request yet is seen by no other limit. A client that opens connections and says
//! nothing must neither keep others out nor use up the files that the store needs.

mod departure;
mod head;

use std::{
    io,
    net::SocketAddr,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use axum::{Router, body::Body, extract::ConnectInfo};
use hyper::{Request, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::{conn::auto, graceful::GracefulConnection},
};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use socket2::SockRef;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tower_service::Service;

use self::departure::{Departed, Gate, Watched};
use crate::{
    clock::Clock,
    delivery::Delivery,
    lifecycle::Lifecycle,
    limit::{Limits, Place},
};

/// How often an idle HTTP/2 connection is asked whether it still lives, and how long it may
/// take to answer.
const PROBE_EVERY: Duration = Duration::from_secs(20);
const PROBE_WITHIN: Duration = Duration::from_secs(20);

/// How long the listener rests when the system has no connection to give: most likely the
/// process has no file left, and asking again at once would not help.
const REST: Duration = Duration::from_millis(100);

/// Bytes of a stream that the system takes before the ones before them have been sent. More would
/// be frames that are old when they come to their turn.
const UNSENT: u32 = 16 * 1024;

/// How a client begins that speaks HTTP/2 (RFC 9113 §3.4) and no method of ours does.
const PREFACE: &[u8] = b"PR";

/// A listener with its limits.
pub(crate) struct Doorway {
    pub(crate) listener: TcpListener,
    pub(crate) limits: Arc<Limits>,
    /// Who carries the streams that leave hyper.
    pub(crate) delivery: Arc<Delivery>,
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
        let open = TaskTracker::new();
        let accept = async {
            loop {
                // Whoever comes when all seats are taken waits in the system's own queue.
                let Ok(seat) = seats.clone().acquire_owned().await else { return };
                let (socket, peer) = self.accept().await;
                let Some(place) = self.limits.lets_in(peer.ip()) else { continue };
                // A frame goes out when it is made, not when the last one was acknowledged.
                if let Err(error) = socket.set_nodelay(true) {
                    tracing::debug!(%error, "could not set TCP_NODELAY");
                }
                let connection = Connection {
                    peer,
                    router: router.clone(),
                    head_timeout: self.head_timeout,
                    clock: self.clock.clone(),
                    delivery: self.delivery.clone(),
                    finish: finish.clone(),
                };
                let admission = Admission { _place: place, _seat: seat };
                self.lifecycle.spawn(open.track_future(connection.serve(socket, admission)));
            }
        };
        finish.run_until_cancelled(accept).await;
        drop(self.listener);
        open.close();
        open.wait().await;
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
}

/// What a connection holds as long as it is open. Dropped, it is free.
struct Admission {
    _place: Option<Place>,
    _seat: OwnedSemaphorePermit,
}

/// One connection, from its first byte to its end.
struct Connection {
    peer: SocketAddr,
    router: Router,
    head_timeout: Duration,
    clock: Arc<dyn Clock>,
    delivery: Arc<Delivery>,
    finish: CancellationToken,
}

impl Connection {
    async fn serve(self, socket: TcpStream, admission: Admission) {
        let asked = Arc::new(AtomicBool::new(false));
        let silent = self.clock.sleep(self.head_timeout);
        let served = async {
            match may_speak_http2(&socket).await {
                Ok(true) => {
                    self.either(socket, &asked).await;
                    None
                }
                Ok(false) => self.http1(socket, &asked).await,
                Err(_) => None,
            }
        };
        tokio::pin!(served);
        // Before the first request nothing else sees how long it takes: what comes in is
        // not known to be HTTP yet.
        let departed = tokio::select! {
            departed = &mut served => departed,
            () = silent => match asked.load(Ordering::Relaxed) {
                true => served.await,
                false => None,
            },
        };
        if let Some((socket, Departed { head, live })) = departed {
            if let Err(error) = SockRef::from(&socket).set_tcp_notsent_lowat(UNSENT) {
                tracing::debug!(%error, "could not set TCP_NOTSENT_LOWAT");
            }
            let head = head::written(&head, self.clock.now());
            self.delivery.carry(live, socket, &head, Box::new(admission));
        }
    }

    /// HTTP/1, until a stream leaves it.
    async fn http1(
        &self,
        socket: TcpStream,
        asked: &Arc<AtomicBool>,
    ) -> Option<(TcpStream, Departed)> {
        let (gate, unsent) = (Gate::default(), Arc::new(AtomicBool::new(false)));
        let service = service_fn(|request: Request<Incoming>| {
            let request = heard(request, self.peer, asked);
            gate.clone().answer(self.router.clone(), request, unsent.clone())
        });
        let mut connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(self.head_timeout)
            .serve_connection(Watched::new(socket, &unsent), service);
        self.finished(Pin::new(&mut connection)).await;
        let departed = gate.departed()?;
        Some((connection.into_parts().io.into_inner(), departed))
    }

    /// HTTP/2, or HTTP/1 after all.
    async fn either(&self, socket: TcpStream, asked: &Arc<AtomicBool>) {
        let mut builder = auto::Builder::new(TokioExecutor::new());
        builder.http1().timer(TokioTimer::new()).header_read_timeout(self.head_timeout);
        builder
            .http2()
            .timer(TokioTimer::new())
            .keep_alive_interval(PROBE_EVERY)
            .keep_alive_timeout(PROBE_WITHIN);
        let (peer, router, asked) = (self.peer, self.router.clone(), asked.clone());
        let service = service_fn(move |request: Request<Incoming>| {
            router.clone().call(heard(request, peer, &asked))
        });
        let connection = builder.serve_connection(TokioIo::new(socket), service).into_owned();
        tokio::pin!(connection);
        self.finished(connection).await;
    }

    /// Drives a connection to its end, which comes after the current request once the node stops.
    async fn finished(&self, mut connection: Pin<&mut impl GracefulConnection>) {
        tokio::select! {
            // How a connection ends is the client's affair.
            _ = connection.as_mut() => return,
            () = self.finish.cancelled() => {}
        }
        connection.as_mut().graceful_shutdown();
        let _ = connection.await;
    }
}

/// A request as the router takes it.
fn heard(request: Request<Incoming>, peer: SocketAddr, asked: &AtomicBool) -> Request<Body> {
    asked.store(true, Ordering::Relaxed);
    let mut request = request.map(Body::new);
    // Limits count by where a connection comes from.
    request.extensions_mut().insert(ConnectInfo(peer));
    request
}

/// Whether a client begins as one that speaks HTTP/2; as far as can be told without taking from
/// what it says.
async fn may_speak_http2(socket: &TcpStream) -> io::Result<bool> {
    let mut said = [0; PREFACE.len()];
    let bytes = socket.peek(&mut said).await?;
    Ok(PREFACE.starts_with(&said[..bytes]))
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
