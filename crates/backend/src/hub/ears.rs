//! What all in a room hear: that something new is shown, that time passes, that they have to go.

use std::{
    future::poll_fn,
    task::{Context, Poll, ready},
    time::Duration,
};

use futures_util::Stream;
use tokio_stream::wrappers::WatchStream;

use super::{Hub, Pulse, Room, Scene};

/// Something that concerns everyone in a room.
#[derive(Debug, Clone)]
pub enum Cue {
    /// The room shows this now.
    Scene(Scene),
    /// Time has passed: whoever was sent nothing since the last one is shown that the stream is
    /// alive.
    Beat,
    /// Everyone leaves within this time.
    Leave(Duration),
}

/// Hears what concerns everyone in a room. Of several scenes, only the newest is heard.
#[derive(Debug)]
pub struct Ears {
    scenes: WatchStream<Scene>,
    pulses: WatchStream<Pulse>,
    /// Said before these ears were there.
    first: Option<Cue>,
}

impl Ears {
    pub(super) fn new(hub: &Hub, room: &Room) -> Self {
        let mut pulse = hub.pulse.subscribe();
        let first = pulse.borrow_and_update().draining.map(Cue::Leave);
        Self {
            scenes: WatchStream::new(room.scene.subscribe()),
            pulses: WatchStream::from_changes(pulse),
            first,
        }
    }

    /// What comes next; what is shown already comes first. `None` when there is nobody left who
    /// could say anything.
    pub async fn next(&mut self) -> Option<Cue> {
        poll_fn(|cx| self.poll_next(cx)).await
    }

    /// [`Self::next`], for whoever waits for other things as well.
    pub fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Cue>> {
        if let Some(first) = self.first.take() {
            return Poll::Ready(Some(first));
        }
        // Before the scenes: a picture that never stands still must not hold up a drain.
        if let Poll::Ready(pulse) = next(&mut self.pulses, cx) {
            return Poll::Ready(pulse.map(|pulse| match pulse.draining {
                Some(over) => Cue::Leave(over),
                None => Cue::Beat,
            }));
        }
        Poll::Ready(ready!(next(&mut self.scenes, cx)).map(Cue::Scene))
    }
}

fn next<T: Clone + Send + Sync + 'static>(
    stream: &mut WatchStream<T>,
    cx: &mut Context<'_>,
) -> Poll<Option<T>> {
    std::pin::Pin::new(stream).poll_next(cx)
}
