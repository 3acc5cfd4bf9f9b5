//! One connection that sends updates, one after another.

use std::{
    io::{self, Write},
    net::SocketAddr,
    time::Duration,
};

use mio::{Interest, Registry, Token, event::Event, net::TcpStream};
use tokio::time::Instant;

use super::{
    chunked::{Chunks, Piece},
    fault::StreamFault,
    head::{Head, Length},
    socket,
};

/// A connection for updates; it is opened when it is needed, and again when the server has
/// closed it in between.
#[derive(Debug)]
pub(super) struct Publisher {
    at: SocketAddr,
    token: Token,
    socket: Option<TcpStream>,
    connected: bool,
    /// Whether an update was answered on this connection: only then may its end be the server
    /// tidying up, at the moment at which we used it again.
    reused: bool,
    request: Vec<u8>,
    written: usize,
    answer: Vec<u8>,
    sending: Option<Sending>,
}

#[derive(Debug, Clone, Copy)]
struct Sending {
    session: usize,
    since: Instant,
}

/// An update that was answered.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Answered {
    /// Of this session.
    pub(super) session: usize,
    /// After this time.
    pub(super) after: Duration,
}

impl Publisher {
    pub(super) fn new(at: SocketAddr, token: Token) -> Self {
        Self {
            at,
            token,
            socket: None,
            connected: false,
            reused: false,
            request: Vec::new(),
            written: 0,
            answer: Vec::new(),
            sending: None,
        }
    }

    /// When the update began that is under way.
    pub(super) fn busy_since(&self) -> Option<Instant> {
        self.sending.map(|sending| sending.since)
    }

    /// Begins an update of `session`; `write` writes the request.
    pub(super) fn send(
        &mut self,
        session: usize,
        now: Instant,
        registry: &Registry,
        write: impl FnOnce(&mut Vec<u8>),
    ) -> Result<(), StreamFault> {
        self.request.clear();
        write(&mut self.request);
        self.sending = Some(Sending { session, since: now });
        self.written = 0;
        if self.connected {
            // What the server has closed meanwhile is noticed when nothing can be read.
            return match self.flush() {
                Err(StreamFault::Connection(_)) if self.reused => self.connect(registry),
                result => result,
            };
        }
        self.connect(registry)
    }

    fn connect(&mut self, registry: &Registry) -> Result<(), StreamFault> {
        let mut socket = socket::connect(self.at, None)?;
        registry.register(&mut socket, self.token, Interest::READABLE | Interest::WRITABLE)?;
        self.socket = Some(socket);
        (self.connected, self.reused, self.written) = (false, false, 0);
        self.answer.clear();
        Ok(())
    }

    fn flush(&mut self) -> Result<(), StreamFault> {
        let Some(socket) = &mut self.socket else { return Ok(()) };
        while self.written < self.request.len() {
            match socket.write(&self.request[self.written..]) {
                Ok(written) => self.written += written,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// Does what can be done after an event: the update that was answered with it.
    pub(super) fn advance(
        &mut self,
        (registry, event): (&Registry, &Event),
        buffer: &mut [u8],
    ) -> Result<Option<Answered>, StreamFault> {
        let Some(socket) = &mut self.socket else { return Ok(None) };
        if !self.connected && !socket::is_connected(socket)? {
            return Ok(None);
        }
        self.connected = true;
        let (answer, closing) = (&mut self.answer, event.is_read_closed());
        let read = socket::read_all(socket, buffer, closing, |piece| {
            answer.extend_from_slice(piece);
            Ok::<_, io::Error>(())
        });
        // A connection that was reset is closed as well.
        let closed = read.unwrap_or(true);
        let Some(sending) = self.sending else {
            if closed {
                self.closes();
            }
            return Ok(None);
        };
        if closed && self.answer.is_empty() {
            return match self.reused {
                true => self.connect(registry).map(|()| None),
                false => Err(StreamFault::Closed),
            };
        }
        let Some(head) = whole(&self.answer, closed)? else {
            return match closed {
                true => Err(StreamFault::Closed),
                false => self.flush().map(|()| None),
            };
        };
        if !(200..300).contains(&head.status) {
            return Err(head.refusal(&self.answer));
        }
        self.sending = None;
        self.answer.clear();
        self.reused = true;
        if closed || head.closes {
            self.closes();
        }
        Ok(Some(Answered { session: sending.session, after: sending.since.elapsed() }))
    }

    fn closes(&mut self) {
        self.socket = None;
        self.connected = false;
    }
}

/// The head of an answer that is all there.
fn whole(answer: &[u8], closed: bool) -> Result<Option<Head>, StreamFault> {
    if answer.is_empty() {
        return Ok(None);
    }
    let Some(head) = Head::read(answer)? else { return Ok(None) };
    let mut body = &answer[head.size..];
    let is_whole = match head.length {
        Length::Bytes(length) => body.len() as u64 >= length,
        Length::UntilClosed => closed,
        Length::Chunked => {
            let mut chunks = Chunks::default();
            loop {
                match chunks.next(&mut body)? {
                    Some(Piece::Data { .. }) => {}
                    Some(Piece::End) => break true,
                    None => break false,
                }
            }
        }
    };
    Ok(is_whole.then_some(head))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_whole_when_its_body_is() {
        let is_whole = |answer: &str, closed| whole(answer.as_bytes(), closed).unwrap().is_some();
        assert!(!is_whole("", false));
        assert!(!is_whole("HTTP/1.1 200 OK\r\n", false));
        assert!(is_whole("HTTP/1.1 204 No Content\r\n\r\n", false));
        assert!(!is_whole("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\na", false));
        assert!(is_whole("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nab", false));
        let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n";
        assert!(!is_whole(chunked, false));
        assert!(is_whole(&format!("{chunked}0\r\n\r\n"), false));
        let until_closed = "HTTP/1.1 200 OK\r\n\r\nab";
        assert!(!is_whole(until_closed, false) && is_whole(until_closed, true));
    }
}
