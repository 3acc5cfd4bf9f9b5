//! A viewer with ears of its own, for streams that others write to the wire.

use std::{
    future::{poll_fn, ready},
    mem::replace,
    sync::Arc,
    task::{Context, Poll, ready},
};

use common::Revision;

use super::{Cue, Ears, Place, Seen};
use crate::{
    clock::Sleep,
    encode::{EndReason, SharedFrame},
};

/// One open connection that watches a session.
pub struct Viewer {
    pub(super) place: Place,
    ears: Ears,
    seen: Option<Revision>,
    leaves: Option<Sleep>,
    /// Nothing new has come since the last beat.
    idle: bool,
}

impl Viewer {
    pub(super) fn new(place: Place, seen: Option<Revision>) -> Self {
        let ears = place.ears();
        Self { place, ears, seen, leaves: None, idle: false }
    }

    /// The frame that is shown now, if it is for this viewer.
    pub fn look(&mut self) -> Option<Arc<SharedFrame>> {
        self.place.look()
    }

    /// What it has not seen yet when its stream ends for this reason.
    pub fn missed(&mut self, reason: EndReason) -> Option<Arc<SharedFrame>> {
        self.place.newest(reason).filter(|newest| self.seen < Some(newest.revision()))
    }

    /// Waits for what is to be seen next. Frames that came meanwhile are skipped: only the
    /// newest is seen. Cancelling loses nothing.
    pub async fn next(&mut self) -> Seen {
        poll_fn(|cx| self.poll_next(cx)).await
    }

    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Seen> {
        if self.place.poll_right(cx).is_ready() {
            return Poll::Ready(Seen::End(EndReason::Revoked));
        }
        loop {
            if let Some(leave) = &mut self.leaves
                && leave.as_mut().poll(cx).is_ready()
            {
                self.leaves = Some(Box::pin(ready(())));
                return Poll::Ready(Seen::End(EndReason::Draining));
            }
            match ready!(self.ears.poll_next(cx)) {
                // Whoever could say anything lives as long as the place does.
                None => return Poll::Ready(Seen::End(EndReason::Draining)),
                Some(Cue::Leave(over)) => {
                    self.leaves.get_or_insert_with(|| self.place.leaves_within(over));
                }
                Some(Cue::Beat) if replace(&mut self.idle, true) => {
                    return Poll::Ready(Seen::Quiet);
                }
                Some(Cue::Beat) => {}
                Some(Cue::Scene(scene)) => match self.place.meets(&scene) {
                    None => {}
                    Some(Seen::Frame(frame)) if Some(frame.revision()) <= self.seen => {}
                    Some(seen) => {
                        if let Seen::Frame(frame) = &seen {
                            self.seen = Some(frame.revision());
                        }
                        self.idle = false;
                        return Poll::Ready(seen);
                    }
                },
            }
        }
    }
}

impl std::fmt::Debug for Viewer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Viewer").field("place", &self.place).finish_non_exhaustive()
    }
}
