//! HTTP/1.1 by hyper, until a stream leaves it.

use std::{
    fmt,
    io::{self, IoSlice},
    pin::Pin,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
};

use axum::{
    Router,
    body::Body,
    http::{Method, Request, Version, header, response::Parts},
    response::Response,
};
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tower_service::Service;

use crate::delivery::{Exit, Live};

/// A stream that has left, and the head of the answer that it belongs to.
pub(super) struct Departed {
    pub(super) head: Parts,
    pub(super) live: Live,
}

/// Where whoever drives a connection finds the stream that has left it.
#[derive(Clone, Default)]
pub(super) struct Gate(Arc<Mutex<Option<Departed>>>);

/// What hyper is told so that it lets go of a connection without another byte.
#[derive(Debug)]
pub(super) struct Left;

impl fmt::Display for Left {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the stream has left")
    }
}

impl std::error::Error for Left {}

impl Gate {
    /// Has the router answer; a stream among its answers leaves, if it may.
    pub(super) async fn answer(
        self,
        mut router: Router,
        mut request: Request<Body>,
        unsent: Arc<AtomicBool>,
    ) -> Result<Response, Left> {
        let exit = Exit::default();
        // Whatever is still on its way in hyper comes first, and would be lost: what answers an
        // earlier request, or a "100 Continue".
        if request.version() == Version::HTTP_11
            && request.method() == Method::GET
            && !request.headers().contains_key(header::EXPECT)
            && !unsent.load(Ordering::Relaxed)
        {
            request.extensions_mut().insert(exit.clone());
        }
        let response = match router.call(request).await {
            Ok(response) => response,
            Err(never) => match never {},
        };
        match exit.left() {
            Some(live) if response.status().is_success() => {
                let (head, _) = response.into_parts();
                *self.0.lock().unwrap_or_else(PoisonError::into_inner) =
                    Some(Departed { head, live });
                Err(Left)
            }
            _ => Ok(response),
        }
    }

    /// The stream that has left.
    pub(super) fn departed(&self) -> Option<Departed> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// A connection that knows whether hyper has written all that it had to.
pub(super) struct Watched {
    io: TokioIo<TcpStream>,
    unsent: Arc<AtomicBool>,
}

impl Watched {
    pub(super) fn new(connection: TcpStream, unsent: &Arc<AtomicBool>) -> Self {
        Self { io: TokioIo::new(connection), unsent: unsent.clone() }
    }

    pub(super) fn into_inner(self) -> TcpStream {
        self.io.into_inner()
    }

    fn io(&mut self) -> Pin<&mut TokioIo<TcpStream>> {
        Pin::new(&mut self.io)
    }
}

impl Read for Watched {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        self.io().poll_read(cx, buffer)
    }
}

impl Write for Watched {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.unsent.store(true, Ordering::Relaxed);
        self.io().poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.unsent.store(true, Ordering::Relaxed);
        self.io().poll_write_vectored(cx, bytes)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // Called once nothing is left to be written.
        self.unsent.store(false, Ordering::Relaxed);
        self.io().poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.io().poll_shutdown(cx)
    }
}
