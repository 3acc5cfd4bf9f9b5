//! Live fan-out within this node: who is watching what, and the newest frame for each.
//!
//! A room exists while it has viewers. It holds one frame in a `watch` channel, so a new
//! frame replaces the one before it: a slow viewer skips, nobody is owed a queue, and the
//! memory of a viewer is constant.

mod ears;
mod place;
mod viewer;

use std::sync::{
    Arc, OnceLock,
    atomic::{AtomicU64, Ordering},
};
use std::time::Duration;

use common::{Frame, SessionAddress};
use dashmap::DashMap;
use tokio::sync::watch;
use tokio_util::task::TaskTracker;

use crate::{
    bus::{Bus, Following, Heard, News},
    clock::Clock,
    encode::{EndReason, SharedFrame, Terms},
    metrics::Metrics,
};

pub use self::{
    ears::{Cue, Ears},
    place::{Place, Seen},
    viewer::Viewer,
};

/// What a room shows.
#[derive(Debug, Clone)]
pub enum Scene {
    /// Someone came, and nobody has said yet what is drawn.
    Empty,
    /// The newest frame.
    Live(Arc<SharedFrame>),
    /// Nothing more will come, and this was the last.
    Ended(EndReason, Option<Arc<SharedFrame>>),
}

/// What the hub tells all viewers of all rooms. It changes on every heartbeat.
#[derive(Debug, Clone, Copy, Default)]
struct Pulse {
    draining: Option<Duration>,
}

#[derive(Debug)]
struct Room {
    address: SessionAddress,
    number: u64,
    scene: watch::Sender<Scene>,
    viewers: AtomicU64,
    /// What other nodes show, once someone stays.
    following: OnceLock<Box<dyn Following>>,
    /// When the store was last read after this node listened, in microseconds of the clock's
    /// running time from 1; 0 before that.
    settled: AtomicU64,
}

impl Room {
    fn empty(address: SessionAddress) -> Arc<Self> {
        /// How many rooms there have been, in all hubs of this process.
        static OPENED: AtomicU64 = AtomicU64::new(0);
        Arc::new(Self {
            address,
            number: OPENED.fetch_add(1, Ordering::Relaxed),
            scene: watch::Sender::new(Scene::Empty),
            viewers: AtomicU64::new(0),
            following: OnceLock::new(),
            settled: AtomicU64::new(0),
        })
    }

    /// Shows `frame` if it is newer than what is shown. Viewers are woken only if there is
    /// something for them in it: another picture, another audience, another life. Says whether
    /// it was newer.
    fn offer(&self, frame: &Frame, terms: Terms, metrics: &Arc<Metrics>) -> bool {
        let mut newer = false;
        self.scene.send_if_modified(|scene| {
            let before = match scene {
                Scene::Empty => None,
                Scene::Live(shown) if shown.revision() < frame.revision => Some(&**shown),
                Scene::Live(_) | Scene::Ended(..) => return false,
            };
            let changed = before.is_none_or(|before| {
                before.frame().svg != frame.svg
                    || before.terms().visibility != terms.visibility
                    || before.revision().epoch != frame.revision.epoch
            });
            let next = SharedFrame::new(frame.clone(), terms, before, changed, metrics.clone());
            *scene = Scene::Live(Arc::new(next));
            newer = true;
            changed
        });
        newer
    }

    /// Ends, unless a later life is shown; whether it has.
    fn end(&self, epoch: u64, reason: EndReason) -> bool {
        self.scene.send_if_modified(|scene| {
            let last = match scene {
                Scene::Live(shown) if shown.revision().epoch > epoch => return false,
                Scene::Live(shown) => Some(shown.clone()),
                Scene::Empty | Scene::Ended(..) => None,
            };
            *scene = Scene::Ended(reason, last);
            true
        })
    }
}

/// All rooms of this node.
#[derive(Debug)]
pub struct Hub {
    rooms: DashMap<SessionAddress, Arc<Room>>,
    pulse: watch::Sender<Pulse>,
    present: TaskTracker,
    bus: Arc<dyn Bus>,
    clock: Arc<dyn Clock>,
    metrics: Arc<Metrics>,
}

impl Hub {
    /// A hub without viewers, which tells other nodes by `bus`.
    pub fn new(bus: Arc<dyn Bus>, clock: Arc<dyn Clock>, metrics: Arc<Metrics>) -> Arc<Self> {
        let present = TaskTracker::new();
        present.close();
        Arc::new(Self {
            rooms: DashMap::new(),
            pulse: watch::Sender::default(),
            present,
            bus,
            clock,
            metrics,
        })
    }

    /// Shows a frame here and tells the other nodes. If that fails, they find it in the store.
    pub async fn announce(&self, address: &SessionAddress, frame: Frame, terms: Terms) {
        self.show(address, &frame, terms);
        self.tell(address, News::Frame(frame, terms)).await;
    }

    /// Ends the streams of a session's life, here and on the other nodes.
    pub async fn announce_end(&self, address: &SessionAddress, epoch: u64, reason: EndReason) {
        self.end(address, epoch, reason);
        self.tell(address, News::Ended(reason)).await;
    }

    async fn tell(&self, address: &SessionAddress, news: News) {
        if let Err(error) = self.bus.tell(address, &news).await {
            tracing::warn!(%error, "other nodes see a change late");
        }
    }

    /// What other nodes tell. For one listener.
    pub async fn hear(&self) -> Heard {
        self.bus.hear().await
    }

    /// Listens anew to a session whose news did not come.
    pub fn listen_anew(&self, address: &SessionAddress) {
        self.bus.renew(address);
    }

    /// What is shown of a session here.
    pub fn shown(&self, address: &SessionAddress) -> Option<Frame> {
        match &*self.room(address)?.scene.borrow() {
            Scene::Live(frame) => Some(frame.frame().clone()),
            Scene::Empty | Scene::Ended(..) => None,
        }
    }

    /// The sessions that are watched here.
    pub fn watched(&self) -> Vec<SessionAddress> {
        self.rooms.iter().map(|room| room.key().clone()).collect()
    }

    /// Enters the room of a session. From now on nothing is missed: join first, then read the
    /// store and [`Place::offer`] what it says; the higher revision wins. Private frames are not
    /// seen from this place until it is [admitted](Place::admit).
    pub fn join(self: &Arc<Self>, address: &SessionAddress) -> Place {
        let room = {
            let open = || Room::empty(address.clone());
            let room = self.rooms.entry(address.clone()).or_insert_with(open);
            // Counted while the map's guard is held: a room with this count cannot be removed.
            room.viewers.fetch_add(1, Ordering::Relaxed);
            room.clone()
        };
        Place::new(self.clone(), room)
    }

    /// Shows a frame to whoever watches the session on this node and may see it; the streams
    /// of the others end. Says whether they had not seen it yet.
    pub fn show(&self, address: &SessionAddress, frame: &Frame, terms: Terms) -> bool {
        let room = self.room(address);
        room.is_some_and(|room| room.offer(frame, terms, &self.metrics))
    }

    /// Ends the streams of a session's life, and of every earlier one at its address. Whoever
    /// has seen nothing yet looks again.
    pub fn end(&self, address: &SessionAddress, epoch: u64, reason: EndReason) {
        self.rooms.remove_if(address, |_, room| room.end(epoch, reason));
    }

    /// How many viewers a session has on this node.
    pub fn viewers(&self, address: &SessionAddress) -> u64 {
        self.room(address).map_or(0, |room| room.viewers.load(Ordering::Relaxed))
    }

    /// Lets every idle stream show that it is alive: one tick for the whole node, no timer
    /// per viewer. Runs until it is dropped.
    pub async fn beat(self: Arc<Self>, every: Duration) {
        loop {
            self.clock.sleep(every).await;
            self.pulse.send_modify(|_| {});
        }
    }

    /// Asks every viewer to leave, one by one over the next `over`.
    pub fn drain(&self, over: Duration) {
        self.pulse.send_modify(|pulse| pulse.draining = Some(over));
    }

    /// Whether [`Self::drain`] was called.
    pub fn is_draining(&self) -> bool {
        self.pulse.borrow().draining.is_some()
    }

    /// Resolves when the last viewer has left.
    pub async fn deserted(&self) {
        self.present.wait().await;
    }

    // The guard of the map must not be held while a room is spoken to.
    fn room(&self, address: &SessionAddress) -> Option<Arc<Room>> {
        self.rooms.get(address).map(|room| room.clone())
    }

    fn leave(&self, room: &Arc<Room>) {
        self.rooms.remove_if(&room.address, |_, current| {
            Arc::ptr_eq(current, room) && room.viewers.fetch_sub(1, Ordering::Relaxed) == 1
        });
    }
}

#[cfg(test)]
mod tests;
