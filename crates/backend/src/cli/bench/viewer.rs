//! One viewer: a connection that asks for a stream and counts what comes.

use std::io::Write;

use mio::{Interest, Registry, Token, event::Event, net::TcpStream};

use super::{
    fault::StreamFault,
    frames::{Body, Follow, Frame},
    head::{Head, Length},
    socket,
};

/// A connection that watches a session.
#[derive(Debug)]
pub(super) struct Viewer {
    socket: TcpStream,
    stage: Stage,
    /// The place of its session among all.
    pub(super) session: usize,
    /// Whether its frames say which update they are; others are only counted.
    pub(super) tells: bool,
    /// Whether it ever got to the stream.
    pub(super) was_let_in: bool,
    /// Whether it has had a frame, and the number of the newest.
    pub(super) started: bool,
    pub(super) seen: u64,
}

#[derive(Debug)]
enum Stage {
    Connecting { follow: Follow, gzip: bool },
    Head { read: Vec<u8>, follow: Follow, gzip: bool },
    Body(Body),
    Gone,
}

impl Viewer {
    /// A viewer over a connection that has begun.
    pub(super) fn new(
        mut socket: TcpStream,
        (registry, token): (&Registry, Token),
        session: usize,
        follow: Follow,
        tells: bool,
    ) -> Result<Self, StreamFault> {
        registry.register(&mut socket, token, Interest::READABLE | Interest::WRITABLE)?;
        let gzip = matches!(follow, Follow::Inflated(_) | Follow::Counted);
        let stage = Stage::Connecting { follow, gzip };
        Ok(Self { socket, stage, session, tells, was_let_in: false, started: false, seen: 0 })
    }

    pub(super) fn is_opening(&self) -> bool {
        matches!(self.stage, Stage::Connecting { .. } | Stage::Head { .. })
    }

    pub(super) fn is_watching(&self) -> bool {
        matches!(self.stage, Stage::Body(_))
    }

    /// Ends the connection.
    pub(super) fn leaves(&mut self, registry: &Registry) {
        self.stage = Stage::Gone;
        // It may never have been registered, or be closed already.
        drop(registry.deregister(&mut self.socket));
        drop(self.socket.shutdown(std::net::Shutdown::Both));
    }

    /// Does what can be done after an event: `request` goes out once there is a connection, and
    /// `seen` is called with every frame that has come; `bytes` grows by those of the stream.
    pub(super) fn advance(
        &mut self,
        (registry, event): (&Registry, &Event),
        request: &[u8],
        buffer: &mut [u8],
        bytes: &mut u64,
        mut seen: impl FnMut(Frame),
    ) -> Result<(), StreamFault> {
        if let Stage::Connecting { .. } = self.stage {
            if !socket::is_connected(&self.socket)? {
                return Ok(());
            }
            // A new connection has room for far more than a request.
            if self.socket.write(request)? < request.len() {
                return Err(StreamFault::Closed);
            }
            registry.reregister(&mut self.socket, event.token(), Interest::READABLE)?;
            if let Stage::Connecting { follow, gzip } =
                std::mem::replace(&mut self.stage, Stage::Gone)
            {
                self.stage = Stage::Head { read: Vec::new(), follow, gzip };
            }
        }
        let stage = &mut self.stage;
        let closing = event.is_read_closed();
        let read = socket::read_all(&mut self.socket, buffer, closing, |piece| {
            *bytes += piece.len() as u64;
            read(stage, piece, &mut seen)
        });
        self.was_let_in |= self.is_watching();
        match read? {
            true => Err(StreamFault::Closed),
            false => Ok(()),
        }
    }
}

fn read(stage: &mut Stage, piece: &[u8], seen: &mut impl FnMut(Frame)) -> Result<(), StreamFault> {
    if let Stage::Body(body) = stage {
        return body.read(piece, seen);
    }
    let Stage::Head { mut read, follow, gzip } = std::mem::replace(stage, Stage::Gone) else {
        return Ok(());
    };
    read.extend_from_slice(piece);
    let Some(head) = Head::read(&read)? else {
        *stage = Stage::Head { read, follow, gzip };
        return Ok(());
    };
    if head.status != 200 {
        return Err(head.refusal(&read));
    }
    if head.gzip != gzip {
        return Err(StreamFault::Coding);
    }
    let mut body = match (head.length, &follow) {
        (Length::Chunked, _) => Body::new(true, follow),
        (Length::UntilClosed, Follow::Picture { .. }) => Body::new(false, follow),
        _ => return Err(StreamFault::Chunk),
    };
    body.read(&read[head.size..], seen)?;
    *stage = Stage::Body(body);
    Ok(())
}
