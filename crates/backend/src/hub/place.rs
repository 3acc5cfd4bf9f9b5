//! A place in a room: who watches, and what they may see. Leaving is `Drop`.

use std::{
    cmp::Ordering,
    future::Future,
    pin::Pin,
    sync::{Arc, atomic},
    task::{Context, Poll},
    time::Duration,
};

use common::{Frame, Revision, SessionAddress, api::Visibility};
use time::OffsetDateTime;
use tokio_util::task::task_tracker::TaskTrackerToken;

use super::{Ears, Hub, Room, Scene, Viewer};
use crate::{
    bus::{BusError, Following},
    clock::Sleep,
    encode::{EndReason, SharedFrame, Terms},
};

/// The share of the drain time in which streams end: none at once, so that probes see the
/// node draining, and none at the very end, so that the last bytes still leave in peace.
const DRAIN_SHARE: std::ops::Range<f64> = 0.05..0.9;

/// For so long whoever comes is shown what others are: news may have been lost without a word, and
/// nobody is let in for longer by what was so once.
const SETTLED_FOR: Duration = Duration::from_secs(1);

/// What a viewer sees next.
#[derive(Debug, Clone)]
pub enum Seen {
    /// A newer frame, which replaces the last.
    Frame(Arc<SharedFrame>),
    /// Nothing changed for a while.
    Quiet,
    /// Nothing more will come.
    End(EndReason),
}

/// A place in a room.
pub struct Place {
    hub: Arc<Hub>,
    room: Arc<Room>,
    /// Which life of the session is watched from here, once it has been seen.
    epoch: Option<u64>,
    /// Whether private frames are for whoever has this place.
    admitted: bool,
    right_ends: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
    _present: TaskTrackerToken,
}

impl Place {
    pub(super) fn new(hub: Arc<Hub>, room: Arc<Room>) -> Self {
        hub.metrics.viewer_came();
        let present = hub.present.token();
        Self { hub, room, epoch: None, admitted: false, right_ends: None, _present: present }
    }

    /// The session that is watched.
    pub fn address(&self) -> &SessionAddress {
        &self.room.address
    }

    /// The room: two places are in the same if this is equal.
    pub fn room(&self) -> u64 {
        self.room.number
    }

    /// Tells the room what the store says; a newer frame that it shows already stays.
    pub fn offer(&mut self, frame: &Frame, terms: Terms) {
        // What the caller was let in for; the room may show its successor by now.
        self.epoch.get_or_insert(frame.revision.epoch);
        self.room.offer(frame, terms, &self.hub.metrics);
    }

    /// Whether nothing new is missed any more that other nodes tell. Asking is what makes this
    /// node listen; whoever does not stay need not ask.
    pub fn listens(&self) -> bool {
        self.following().listens()
    }

    /// Resolves once [`Self::listens`].
    ///
    /// # Errors
    /// When the bus does not answer.
    pub async fn listening(&mut self) -> Result<(), BusError> {
        self.following().listening().await
    }

    /// Notes that the store was read after this node [listened](Self::listens), and
    /// [said](Self::offer) what it holds. `began` is when reading began, by the clock's running
    /// time.
    pub fn settle(&self, began: Duration) {
        self.room.settled.fetch_max(1 + micros(began), atomic::Ordering::Release);
    }

    /// The frame that is shown, if the store has said so just now and this node has listened
    /// since.
    pub fn settled(&self) -> Option<Arc<SharedFrame>> {
        let settled = self.room.settled.load(atomic::Ordering::Acquire);
        let now = 1 + micros(self.hub.clock.running());
        let is_fresh = settled != 0 && now.saturating_sub(settled) <= micros(SETTLED_FOR);
        (is_fresh && self.is_listening()).then(|| self.shown()).flatten()
    }

    /// Whether this node [listens](Self::listens) already, without being made to.
    pub fn is_listening(&self) -> bool {
        self.room.following.get().is_some_and(|following| following.listens())
    }

    fn following(&self) -> &dyn Following {
        &**self.room.following.get_or_init(|| self.hub.bus.follow(&self.room.address))
    }

    /// The frame that is shown to whoever may see it.
    pub fn shown(&self) -> Option<Arc<SharedFrame>> {
        match &*self.room.scene.borrow() {
            Scene::Live(frame) => Some(frame.clone()),
            Scene::Empty | Scene::Ended(..) => None,
        }
    }

    /// What is seen from here now, if anything.
    pub fn sees(&mut self) -> Option<Seen> {
        let scene = self.scene();
        self.meets(&scene)
    }

    /// What the room shows now.
    pub fn scene(&self) -> Scene {
        self.room.scene.borrow().clone()
    }

    /// The frame that is seen from here now, if one is.
    pub fn look(&mut self) -> Option<Arc<SharedFrame>> {
        match self.sees() {
            Some(Seen::Frame(frame)) => Some(frame),
            _ => None,
        }
    }

    /// The newest frame that may be seen from here in a stream that ends for this reason: nobody
    /// is left with an older one because the end came right after it.
    pub fn newest(&mut self, reason: EndReason) -> Option<Arc<SharedFrame>> {
        let scene = match self.scene() {
            _ if reason == EndReason::Revoked => return None,
            Scene::Ended(_, last) => Scene::Live(last?),
            scene => scene,
        };
        match self.meets(&scene) {
            Some(Seen::Frame(frame)) => Some(frame),
            _ => None,
        }
    }

    /// Lets private frames be seen from here too. The right to watch ends at `time`, or when
    /// `withdrawn` resolves, whichever comes first.
    pub fn admit(
        &mut self,
        time: OffsetDateTime,
        withdrawn: impl Future<Output = ()> + Send + 'static,
    ) {
        let left = (time - self.hub.clock.now()).try_into().unwrap_or(Duration::ZERO);
        let over = self.hub.clock.sleep(left);
        self.admitted = true;
        self.right_ends = Some(Box::pin(async move {
            tokio::select! {
                () = over => {}
                () = withdrawn => {}
            }
        }));
    }

    /// Whether the right to watch has ended; wakes when it does.
    pub fn poll_right(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match self.right_ends.as_mut().map(|ends| ends.as_mut().poll(cx)) {
            None | Some(Poll::Pending) => Poll::Pending,
            Some(Poll::Ready(())) => {
                // It stays ended, however often that is asked.
                self.right_ends = Some(Box::pin(std::future::ready(())));
                Poll::Ready(())
            }
        }
    }

    /// Whether the room has ended already.
    pub fn has_ended(&self) -> bool {
        matches!(*self.room.scene.borrow(), Scene::Ended(..))
    }

    /// What a scene is to whoever has this place. The last word on who sees what: whatever
    /// brought a frame here, one of another life or for other eyes ends the stream.
    pub fn meets(&mut self, scene: &Scene) -> Option<Seen> {
        match scene {
            Scene::Empty => None,
            Scene::Ended(reason, _) => Some(Seen::End(*reason)),
            Scene::Live(frame) => {
                let Revision { epoch, .. } = frame.revision();
                match (*self.epoch.get_or_insert(epoch)).cmp(&epoch) {
                    Ordering::Less => return Some(Seen::End(EndReason::Expired)),
                    // Told late: of a life before the one that is watched.
                    Ordering::Greater => return None,
                    Ordering::Equal => {}
                }
                if frame.terms().visibility == Visibility::Private && !self.admitted {
                    return Some(Seen::End(EndReason::Revoked));
                }
                Some(Seen::Frame(frame.clone()))
            }
        }
    }

    /// Ears for all in the same room.
    pub fn ears(&self) -> Ears {
        Ears::new(&self.hub, &self.room)
    }

    /// Watches from here, and goes on after the frame that has been seen, if one has.
    pub fn watch(self, seen: Option<Revision>) -> Viewer {
        Viewer::new(self, seen)
    }

    /// When one of those who leave within some time leaves: they spread over it.
    pub fn leaves_within(&self, over: Duration) -> Sleep {
        self.hub.clock.sleep(over.mul_f64(rand::random_range(DRAIN_SHARE)))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.hub.leave(&self.room);
        self.hub.metrics.viewer_left();
    }
}

impl std::fmt::Debug for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Place").field("address", self.address()).finish_non_exhaustive()
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX - 1)
}
