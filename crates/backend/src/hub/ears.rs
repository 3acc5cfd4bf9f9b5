//! What all in a room hear: that something new is shown, that time passes, that they have to go.

use std::{
    future::poll_fn,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use futures_util::Stream;
use tokio_stream::wrappers::WatchStream;

use super::{Hub, Pulse, Room, Scene};
use crate::{
    clock::{Clock, Sleep},
    encode::SharedFrame,
};

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
pub struct Ears {
    scenes: WatchStream<Scene>,
    pulses: WatchStream<Pulse>,
    /// Comes before anything else.
    first: Option<Cue>,
    /// Whether everyone has been asked to leave.
    leaving: bool,
    clock: Arc<dyn Clock>,
    /// Until the next frame may be heard of, and the last one.
    rest: Option<(Sleep, Arc<SharedFrame>)>,
    /// What is shown meanwhile.
    kept: Option<Scene>,
}

impl std::fmt::Debug for Ears {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Ears")
    }
}

impl Ears {
    pub(super) fn new(hub: &Hub, room: &Room) -> Self {
        let mut pulse = hub.pulse.subscribe();
        let first = pulse.borrow_and_update().draining.map(Cue::Leave);
        Self {
            scenes: WatchStream::new(room.scene.subscribe()),
            pulses: WatchStream::from_changes(pulse),
            leaving: first.is_some(),
            first,
            clock: hub.clock.clone(),
            rest: None,
            kept: None,
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
                Some(over) if !std::mem::replace(&mut self.leaving, true) => Cue::Leave(over),
                Some(_) | None => Cue::Beat,
            }));
        }
        self.poll_scene(cx).map(|scene| scene.map(Cue::Scene))
    }

    /// The next scene, at the pace that the session keeps. What ends a stream keeps no pace.
    fn poll_scene(&mut self, cx: &mut Context<'_>) -> Poll<Option<Scene>> {
        if let Some((rest, _)) = &mut self.rest {
            if rest.as_mut().poll(cx).is_pending() {
                return self.poll_meanwhile(cx);
            }
            self.rest = None;
        }
        let scene = match self.kept.take() {
            // There may be a newer one; if not, this is what is shown.
            Some(kept) => match next(&mut self.scenes, cx) {
                Poll::Ready(scene) => scene,
                Poll::Pending => Some(kept),
            },
            None => ready!(next(&mut self.scenes, cx)),
        };
        if let Some(Scene::Live(frame)) = &scene
            && let Some(rate) = frame.terms().max_frames_per_second
        {
            let rest = self.clock.sleep(Duration::from_secs(1) / u32::from(rate.get()));
            self.rest = Some((rest, frame.clone()));
        }
        Poll::Ready(scene)
    }

    fn poll_meanwhile(&mut self, cx: &mut Context<'_>) -> Poll<Option<Scene>> {
        loop {
            let scene = ready!(next(&mut self.scenes, cx));
            match (&scene, &self.rest) {
                (Some(Scene::Live(next)), Some((_, last))) if next.has_the_audience_of(last) => {
                    self.kept = scene;
                }
                _ => {
                    (self.rest, self.kept) = (None, None);
                    return Poll::Ready(scene);
                }
            }
        }
    }
}

fn next<T: Clone + Send + Sync + 'static>(
    stream: &mut WatchStream<T>,
    cx: &mut Context<'_>,
) -> Poll<Option<T>> {
    std::pin::Pin::new(stream).poll_next(cx)
}
