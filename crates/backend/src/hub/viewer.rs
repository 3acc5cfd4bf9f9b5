//! One open connection that watches a session. Leaving is `Drop`.

use std::{future::pending, sync::Arc, time::Duration};

use common::{Frame, SessionAddress};
use time::OffsetDateTime;
use tokio::sync::watch;
use tokio_util::task::task_tracker::TaskTrackerToken;

use super::{Hub, Pulse, Room, Scene};
use crate::{
    clock::Sleep,
    encode::{EndReason, SharedFrame},
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
    leave_at: Deadline,
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
            leave_at: Deadline::Never,
            idle: true,
            _present: present,
        }
    }

    /// Tells the room what the store says; a newer frame that it shows already stays.
    pub fn offer(&self, frame: &Frame) {
        self.room.offer(frame, &self.hub.metrics);
    }

    /// The frame that is shown now, if any; [`Self::next`] will not show it again.
    pub fn look(&mut self) -> Option<Arc<SharedFrame>> {
        let scene = self.scene.borrow_and_update().clone();
        match scene {
            Scene::Live(frame) => Some(frame),
            Scene::Empty | Scene::Ended(_) => {
                // An end that was only looked at must still be met.
                self.scene.mark_changed();
                None
            }
        }
    }

    /// Ends this viewer's stream at `time`, when its right to watch ends.
    pub fn revoke_at(&mut self, time: OffsetDateTime) {
        let left = (time - self.hub.clock.now()).try_into().unwrap_or(Duration::ZERO);
        self.leave_at = Deadline::At(self.hub.clock.sleep(left), EndReason::Revoked);
    }

    /// Waits for what is to be seen next. Frames that came meanwhile are skipped: only the
    /// newest is seen. Cancelling loses nothing.
    pub async fn next(&mut self) -> Seen {
        loop {
            tokio::select! {
                biased;
                reason = self.leave_at.reached() => return Seen::End(reason),
                changed = self.scene.changed() => {
                    let scene = match changed {
                        Ok(()) => self.scene.borrow_and_update().clone(),
                        // The room's sender lives in `self.room`.
                        Err(_) => return Seen::End(EndReason::Draining),
                    };
                    match scene {
                        Scene::Empty => {}
                        Scene::Live(frame) => {
                            self.idle = false;
                            return Seen::Frame(frame);
                        }
                        Scene::Ended(reason) => return Seen::End(reason),
                    }
                }
                beat = self.pulse.changed() => {
                    if beat.is_err() {
                        return Seen::End(EndReason::Draining);
                    }
                    let pulse = *self.pulse.borrow_and_update();
                    if let Some(over) = pulse.draining {
                        self.leave_within(over);
                    } else if std::mem::replace(&mut self.idle, true) {
                        return Seen::Quiet;
                    }
                }
            }
        }
    }

    fn leave_within(&mut self, over: Duration) {
        let leaving =
            matches!(self.leave_at, Deadline::At(_, EndReason::Draining) | Deadline::Passed(_));
        if !leaving {
            let share = rand::random_range(DRAIN_SHARE);
            let sleep = self.hub.clock.sleep(over.mul_f64(share));
            self.leave_at = Deadline::At(sleep, EndReason::Draining);
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
