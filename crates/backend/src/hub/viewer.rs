//! One open connection that watches a session. Leaving is `Drop`.

use std::{future::pending, sync::Arc, time::Duration};

use common::{Frame, SessionAddress, api::Visibility};
use time::OffsetDateTime;
use tokio::sync::watch;
use tokio_util::task::task_tracker::TaskTrackerToken;

use super::{Hub, Pulse, Room, Scene};
use crate::{
    bus::{BusError, Following},
    clock::Sleep,
    encode::{EndReason, SharedFrame, Terms},
};

/// The share of the drain time in which streams end: none at once, so that probes see the
/// node draining, and none at the very end, so that the last bytes still leave in peace.
const DRAIN_SHARE: std::ops::Range<f64> = 0.05..0.9;

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
#[derive(Debug)]
pub struct Viewer {
    hub: Arc<Hub>,
    address: SessionAddress,
    room: Arc<Room>,
    scene: watch::Receiver<Scene>,
    pulse: watch::Receiver<Pulse>,
    /// Which life of the session it watches, once it has seen it.
    epoch: Option<u64>,
    /// Whether private frames are for it.
    admitted: bool,
    right_ends: Deadline,
    leaves: Deadline,
    idle: bool,
    _present: TaskTrackerToken,
}

impl Viewer {
    pub(super) fn new(hub: Arc<Hub>, address: SessionAddress, room: Arc<Room>) -> Self {
        let mut scene = room.scene.subscribe();
        // The first look is always news, whatever the room shows already.
        scene.mark_changed();
        let pulse = hub.pulse.subscribe();
        hub.metrics.viewer_came();
        let present = hub.present.token();
        Self {
            hub,
            address,
            room,
            scene,
            pulse,
            epoch: None,
            admitted: false,
            right_ends: Deadline::Never,
            leaves: Deadline::Never,
            idle: true,
            _present: present,
        }
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

    fn following(&self) -> &dyn Following {
        &**self.room.following.get_or_init(|| self.hub.bus.follow(&self.address))
    }

    /// The frame that is shown to whoever may see it.
    pub fn shown(&self) -> Option<Arc<SharedFrame>> {
        match &*self.scene.borrow() {
            Scene::Live(frame) => Some(frame.clone()),
            Scene::Empty | Scene::Ended(_) => None,
        }
    }

    /// Lets this viewer see private frames too. Its right to watch ends at `time`, or when
    /// `withdrawn` resolves, whichever comes first.
    pub fn admit(
        &mut self,
        time: OffsetDateTime,
        withdrawn: impl Future<Output = ()> + Send + 'static,
    ) {
        let left = (time - self.hub.clock.now()).try_into().unwrap_or(Duration::ZERO);
        let over = self.hub.clock.sleep(left);
        let ends = async move {
            tokio::select! {
                () = over => {}
                () = withdrawn => {}
            }
        };
        self.admitted = true;
        self.right_ends = Deadline::At(Box::pin(ends), EndReason::Revoked);
    }

    /// Whether the room has ended already.
    pub fn has_ended(&self) -> bool {
        matches!(*self.scene.borrow(), Scene::Ended(_))
    }

    /// The frame that is shown now, if it is for this viewer; [`Self::next`] will not show it
    /// again.
    pub fn look(&mut self) -> Option<Arc<SharedFrame>> {
        let scene = self.scene.borrow_and_update().clone();
        match self.meets(scene) {
            Some(Seen::Frame(frame)) => Some(frame),
            _ => {
                // An end that was only looked at must still be met.
                self.scene.mark_changed();
                None
            }
        }
    }

    /// Waits for what is to be seen next. Frames that came meanwhile are skipped: only the
    /// newest is seen. Cancelling loses nothing.
    pub async fn next(&mut self) -> Seen {
        loop {
            tokio::select! {
                biased;
                reason = self.right_ends.reached() => return Seen::End(reason),
                reason = self.leaves.reached() => return Seen::End(reason),
                // Before the scene: a picture that never stands still must not hold up a drain.
                beat = self.pulse.changed() => {
                    if beat.is_err() {
                        return Seen::End(EndReason::Draining);
                    }
                    let pulse = *self.pulse.borrow_and_update();
                    if let Some(over) = pulse.draining {
                        self.leave_within(over);
                    } else if std::mem::replace(&mut self.idle, true) && !self.has_news() {
                        return Seen::Quiet;
                    }
                }
                changed = self.scene.changed() => {
                    if changed.is_err() {
                        // The room's sender lives in `self.room`.
                        return Seen::End(EndReason::Draining);
                    }
                    let scene = self.scene.borrow_and_update().clone();
                    if let Some(seen) = self.meets(scene) {
                        self.idle = false;
                        return seen;
                    }
                }
            }
        }
    }

    fn has_news(&self) -> bool {
        self.scene.has_changed().unwrap_or(true)
    }

    /// What a scene is to this viewer. The last word on who sees what: whatever brought a
    /// frame here, one of another life or for other eyes ends the stream.
    fn meets(&mut self, scene: Scene) -> Option<Seen> {
        match scene {
            Scene::Empty => None,
            Scene::Ended(reason) => Some(Seen::End(reason)),
            Scene::Live(frame) => {
                let epoch = *self.epoch.get_or_insert(frame.revision().epoch);
                if epoch != frame.revision().epoch {
                    return Some(Seen::End(EndReason::Expired));
                }
                if frame.terms().visibility == Visibility::Private && !self.admitted {
                    return Some(Seen::End(EndReason::Revoked));
                }
                Some(Seen::Frame(frame))
            }
        }
    }

    fn leave_within(&mut self, over: Duration) {
        if matches!(self.leaves, Deadline::Never) {
            let share = rand::random_range(DRAIN_SHARE);
            let sleep = self.hub.clock.sleep(over.mul_f64(share));
            self.leaves = Deadline::At(sleep, EndReason::Draining);
        }
    }
}

impl Drop for Viewer {
    fn drop(&mut self) {
        self.hub.leave(&self.address, &self.room);
        self.hub.metrics.viewer_left();
    }
}

enum Deadline {
    Never,
    At(Sleep, EndReason),
    Passed(EndReason),
}

impl Deadline {
    async fn reached(&mut self) -> EndReason {
        match self {
            Self::Never => pending().await,
            Self::At(sleep, reason) => {
                sleep.await;
                let reason = *reason;
                *self = Self::Passed(reason);
                reason
            }
            Self::Passed(reason) => *reason,
        }
    }
}

impl std::fmt::Debug for Deadline {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Never => f.write_str("Never"),
            Self::At(_, reason) => write!(f, "At({reason:?})"),
            Self::Passed(reason) => write!(f, "Passed({reason:?})"),
        }
    }
}
