//! Streams on their way to their viewers.
//!
//! Answers that end are written by hyper. A stream does not end, and what hyper keeps for each
//! connection is many times what a viewer needs: so over HTTP/1.1 a stream leaves hyper once its
//! request has been read and answered by the router like any other, and is carried by a
//! [crew](crew), which writes the same bytes to many sockets. Over HTTP/2 and HTTP/1.0 hyper
//! writes it, out of the same transcript.

mod bell;
mod crew;
mod live;
mod member;

use std::{
    fmt,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use dashmap::DashMap;
use tokio::{net::TcpStream, sync::mpsc};

pub use self::live::Live;
use self::{crew::Crew, member::Member};
use crate::lifecycle::Lifecycle;

/// Viewers that one crew serves. More crews for a session are more that can write at the same
/// time, and less to look through when one of their sockets has something to say.
const CREW: usize = 128;

/// The crews of this node.
#[derive(Debug)]
pub struct Delivery {
    /// By the number of the room in which their viewers are.
    crews: DashMap<u64, Vec<Berth>>,
    lifecycle: Lifecycle,
}

/// Where a crew takes viewers on.
#[derive(Debug)]
struct Berth {
    // In boxes: a channel makes room for many at once.
    inbox: mpsc::UnboundedSender<Box<Member>>,
    /// Viewers that the crew has, those in its inbox included.
    aboard: Arc<AtomicUsize>,
}

impl Delivery {
    /// No crews yet. They work as long as `lifecycle`.
    pub fn new(lifecycle: &Lifecycle) -> Arc<Self> {
        Arc::new(Self { crews: DashMap::new(), lifecycle: lifecycle.clone() })
    }

    /// Writes `head`, and then the stream, to a socket, until one of the two ends. `held` is
    /// dropped then.
    pub fn carry(
        self: &Arc<Self>,
        live: Live,
        socket: TcpStream,
        head: &[u8],
        held: Box<dyn Send + Sync>,
    ) {
        let room = live.room();
        let mut member = Box::new(Member::new(live, socket, head, held));
        // While the entry is held no crew of this room can find that it has nobody left.
        let mut berths = self.crews.entry(room).or_default();
        for berth in berths.iter().filter(|berth| berth.aboard.load(Ordering::Relaxed) < CREW) {
            match berth.inbox.send(member) {
                Ok(()) => {
                    berth.aboard.fetch_add(1, Ordering::Relaxed);
                    return;
                }
                // That crew has been stopped.
                Err(mpsc::error::SendError(back)) => member = back,
            }
        }
        let (inbox, newcomers) = mpsc::unbounded_channel();
        let aboard = Arc::new(AtomicUsize::new(1));
        let crew = Crew::new(self.clone(), &member, newcomers, aboard.clone());
        // The other end is in the crew.
        drop(inbox.send(member));
        berths.push(Berth { inbox, aboard });
        drop(berths);
        self.lifecycle.spawn(crew.work());
    }

    /// Lets a crew go, unless someone is on the way to it.
    fn dismisses(&self, room: u64, aboard: &Arc<AtomicUsize>) -> bool {
        self.removes(room, |berth| {
            Arc::ptr_eq(&berth.aboard, aboard) && aboard.load(Ordering::Relaxed) == 0
        })
    }

    /// Forgets a crew that has ended.
    fn forgets(&self, room: u64, aboard: &Arc<AtomicUsize>) {
        self.removes(room, |berth| Arc::ptr_eq(&berth.aboard, aboard));
    }

    fn removes(&self, room: u64, which: impl Fn(&Berth) -> bool) -> bool {
        let mut removed = false;
        self.crews.remove_if_mut(&room, |_, berths| {
            let before = berths.len();
            berths.retain(|berth| !which(berth));
            removed = berths.len() < before;
            berths.is_empty()
        });
        removed
    }
}

/// The way out of hyper for the stream that answers a request: a part of a request's extensions,
/// where there is one.
#[derive(Clone, Default)]
pub struct Exit(Arc<Mutex<Option<Live>>>);

impl Exit {
    /// Leaves by it. Nothing else must follow the head of the answer.
    pub fn leave(&self, live: Live) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(live);
    }

    /// The stream that has left.
    pub fn left(&self) -> Option<Live> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl fmt::Debug for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Exit")
    }
}

#[cfg(test)]
mod tests;
