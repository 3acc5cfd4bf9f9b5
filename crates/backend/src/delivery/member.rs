//! One viewer of a crew: a socket, and what is on its way to it.

use std::{
    io::{Error, ErrorKind},
    mem::replace,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use common::Revision;
use tokio::net::TcpStream;

use super::Live;
use crate::{
    clock::Sleep,
    encode::{EndReason, LAST, SharedFrame, Transcript},
    hub::{Ears, Place, Scene, Seen},
    limit::Seat,
};

/// Beats after which a viewer is gone that has not taken what it was sent.
const PATIENCE: u8 = 8;

/// What a client may still say once its stream has begun. It has nothing to say: no request that
/// follows will be answered.
const EARSHOT: usize = 16 * 1024;

/// What comes when all that is on its way has left.
enum Next {
    /// Nothing, until something happens.
    Nothing,
    /// Whatever is shown then, if it is not known yet.
    Newest,
    /// The end of the stream.
    End(EndReason),
    /// The end of the body.
    Last,
    /// The end of the connection.
    Close,
}

/// Whether a viewer is still there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Presence {
    Here,
    Gone,
}

use Presence::{Gone, Here};

/// A viewer, and the connection that it watches by.
pub(super) struct Member {
    // The seat comes first: who leaves frees it before they are seen to be gone.
    _seat: Option<Seat>,
    place: Place,
    socket: TcpStream,
    transcript: Transcript,
    seen: Option<Revision>,
    /// The frame that was sent last, or is on its way, where it may have to be sent again.
    shown: Option<Arc<SharedFrame>>,
    /// What is left of what was to be sent.
    pending: Bytes,
    /// What has to follow it: the first frame, which is not the viewer's own as the head is.
    first: Option<Bytes>,
    next: Next,
    leaves: Option<Sleep>,
    /// Nothing has been sent since the last beat.
    idle: bool,
    /// Beats since all that was pending was taken.
    stalled: u8,
    heard: usize,
    _held: Box<dyn Send + Sync>,
}

impl Member {
    pub(super) fn new(
        live: Live,
        socket: TcpStream,
        head: &[u8],
        held: Box<dyn Send + Sync>,
    ) -> Self {
        let Live { seat, place, transcript, opening, first, shown } = live;
        let seen = shown.as_ref().map(|shown| shown.revision());
        Self {
            _seat: seat,
            place,
            socket,
            seen,
            shown: shown.filter(|_| transcript.goes_back()),
            transcript,
            pending: [head, opening.framed()].concat().into(),
            first: first.map(|chunk| chunk.framed().clone()),
            next: Next::Nothing,
            leaves: None,
            idle: false,
            stalled: 0,
            heard: 0,
            _held: held,
        }
    }

    pub(super) fn room(&self) -> u64 {
        self.place.room()
    }

    pub(super) fn ears(&self) -> Ears {
        self.place.ears()
    }

    /// Sees what the room shows now.
    pub(super) fn meets(&mut self, scene: &Scene, cx: &mut Context<'_>) -> Presence {
        match self.place.meets(scene) {
            Some(Seen::Frame(frame)) if !self.knows(&frame) => match self.next {
                Next::Nothing if self.pending.is_empty() => {
                    let chunk = self.transcript.frame(&frame).framed();
                    let presence = send(&self.socket, chunk, &mut self.pending);
                    self.has_been_sent(frame);
                    if self.pending.is_empty() { presence } else { self.flush(cx) }
                }
                // It takes what is on its way first, and then what is newest.
                Next::Nothing => {
                    self.next = Next::Newest;
                    Here
                }
                Next::Newest | Next::End(_) | Next::Last | Next::Close => Here,
            },
            Some(Seen::End(reason)) => self.end(reason, cx),
            Some(Seen::Frame(_) | Seen::Quiet) | None => Here,
        }
    }

    /// Sees what the room shows now, whether its crew has heard of it or not.
    pub(super) fn looks(&mut self, cx: &mut Context<'_>) -> Presence {
        let scene = self.place.scene();
        self.meets(&scene, cx)
    }

    /// Time has passed.
    pub(super) fn beat(&mut self, cx: &mut Context<'_>) -> Presence {
        if !self.pending.is_empty() {
            self.stalled += 1;
            return if self.stalled < PATIENCE { Here } else { Gone };
        }
        if !replace(&mut self.idle, true) || !matches!(self.next, Next::Nothing) {
            return Here;
        }
        if let Some(chunk) = self.transcript.quiet(self.shown.as_deref()) {
            self.pending = chunk.framed().clone();
        }
        self.flush(cx)
    }

    /// Leaves at some moment within this time.
    pub(super) fn leaves_within(&mut self, over: Duration) {
        self.leaves.get_or_insert_with(|| self.place.leaves_within(over));
    }

    /// Does whatever can be done now, and wakes when there is more.
    pub(super) fn attend(&mut self, cx: &mut Context<'_>) -> Presence {
        if self.hear(cx) == Gone {
            return Gone;
        }
        if self.place.poll_right(cx).is_ready() && self.end(EndReason::Revoked, cx) == Gone {
            return Gone;
        }
        let leaves = self.leaves.as_mut().is_some_and(|leave| leave.as_mut().poll(cx).is_ready());
        if leaves {
            self.leaves = None;
            if self.end(EndReason::Draining, cx) == Gone {
                return Gone;
            }
        }
        self.flush(cx)
    }

    /// Whether it has seen this or what came later: whoever comes may know more than its crew.
    fn knows(&self, frame: &SharedFrame) -> bool {
        self.seen >= Some(frame.revision())
    }

    fn has_been_sent(&mut self, frame: Arc<SharedFrame>) {
        self.idle = false;
        self.seen = Some(frame.revision());
        self.shown = Some(frame).filter(|_| self.transcript.goes_back());
    }

    fn end(&mut self, reason: EndReason, cx: &mut Context<'_>) -> Presence {
        // Nothing that a right was needed for is shown once that has ended, in a drain neither.
        let ends = match self.next {
            Next::Nothing | Next::Newest => true,
            Next::End(EndReason::Draining) => reason == EndReason::Revoked,
            Next::End(_) | Next::Last | Next::Close => false,
        };
        if ends {
            self.next = Next::End(reason);
        }
        self.flush(cx)
    }

    /// Writes until nothing is left, or nothing more is taken.
    fn flush(&mut self, cx: &mut Context<'_>) -> Presence {
        loop {
            while !self.pending.is_empty() {
                let left = self.pending.len();
                if send(&self.socket, &self.pending.clone(), &mut self.pending) == Gone {
                    return Gone;
                }
                if self.pending.len() < left {
                    continue;
                }
                match self.socket.poll_write_ready(cx) {
                    Poll::Ready(Ok(())) => {}
                    Poll::Ready(Err(_)) => return Gone,
                    Poll::Pending => return Here,
                }
            }
            self.stalled = 0;
            if let Some(first) = self.first.take() {
                self.pending = first;
                continue;
            }
            self.pending = match replace(&mut self.next, Next::Nothing) {
                Next::Nothing => return Here,
                Next::Newest => match self.place.sees() {
                    Some(Seen::Frame(frame)) if !self.knows(&frame) => {
                        let chunk = self.transcript.frame(&frame).framed().clone();
                        self.has_been_sent(frame);
                        chunk
                    }
                    Some(Seen::End(reason)) => {
                        self.next = Next::End(reason);
                        continue;
                    }
                    Some(Seen::Frame(_) | Seen::Quiet) | None => return Here,
                },
                Next::End(reason) => {
                    if let Some(missed) = self.place.newest(reason).filter(|f| !self.knows(f)) {
                        let chunk = self.transcript.frame(&missed).framed().clone();
                        self.has_been_sent(missed);
                        self.next = Next::End(reason);
                        self.pending = chunk;
                        continue;
                    }
                    let end = self.transcript.end(reason, self.shown.as_deref());
                    self.next = Next::Last;
                    end.map(|chunk| chunk.framed().clone()).unwrap_or_default()
                }
                Next::Last => {
                    self.next = Next::Close;
                    LAST
                }
                Next::Close => return Gone,
            };
        }
    }

    /// Listens for the client to go away.
    fn hear(&mut self, cx: &mut Context<'_>) -> Presence {
        let mut said = [0; 1024];
        loop {
            match self.socket.poll_read_ready(cx) {
                Poll::Pending => return Here,
                Poll::Ready(Err(_)) => return Gone,
                Poll::Ready(Ok(())) => {}
            }
            match self.socket.try_read(&mut said) {
                Ok(0) => return Gone,
                Ok(bytes) => self.heard += bytes,
                Err(error) if is_momentary(&error) => {}
                Err(_) => return Gone,
            }
            if self.heard > EARSHOT {
                return Gone;
            }
        }
    }
}

/// Writes what the socket takes of `bytes`; the rest is pending.
fn send(socket: &TcpStream, bytes: &Bytes, pending: &mut Bytes) -> Presence {
    let sent = match socket.try_write(bytes) {
        Ok(0) => return Gone,
        Ok(sent) => sent,
        Err(error) if is_momentary(&error) => 0,
        Err(_) => return Gone,
    };
    *pending = if sent < bytes.len() { bytes.slice(sent..) } else { Bytes::new() };
    Here
}

fn is_momentary(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted)
}
