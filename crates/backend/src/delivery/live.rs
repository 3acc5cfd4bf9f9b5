//! A stream that begins: who watches, and what they are sent first.

use std::{fmt, sync::Arc};

use bytes::Bytes;
use common::Revision;
use futures_util::{Stream, StreamExt, stream};

use crate::{
    encode::{Chunk, Coding, Format, SharedFrame, Transcript},
    hub::{Place, Seen, Viewer},
    limit::Seat,
};

/// A stream before its first byte.
pub struct Live {
    // The seat comes first: who leaves frees it before they are seen to be gone.
    pub(super) seat: Option<Seat>,
    pub(super) place: Place,
    pub(super) transcript: Transcript,
    pub(super) opening: Chunk,
    /// The first frame, for whoever does not know it.
    pub(super) first: Option<Chunk>,
    pub(super) shown: Option<Arc<SharedFrame>>,
}

impl Live {
    /// A stream of what is shown at `place`. Whoever `knows` a frame already is not sent it
    /// again. `None` if there is nothing to show, and a stream of this format cannot say so.
    pub fn begin(
        seat: Option<Seat>,
        mut place: Place,
        format: Format,
        coding: Coding,
        knows: Option<Revision>,
    ) -> Option<Self> {
        let mut transcript = Transcript::new(format, coding);
        let shown = place.look();
        let opening = transcript.opening(shown.as_deref())?.clone();
        let news = shown.as_ref().filter(|shown| Some(shown.revision()) != knows);
        let first = news.map(|shown| transcript.frame(shown).clone());
        Some(Self { seat, place, transcript, opening, first, shown })
    }

    /// How its bytes are coded.
    pub fn coding(&self) -> Coding {
        self.transcript.coding()
    }

    /// The first frame.
    pub fn shown(&self) -> Option<&SharedFrame> {
        self.shown.as_deref()
    }

    pub(super) fn room(&self) -> u64 {
        self.place.room()
    }

    /// The stream for whoever frames it by other means.
    pub fn into_body(self) -> impl Stream<Item = Bytes> + Send + 'static {
        let Self { seat, place, transcript, opening, first, shown } = self;
        let opening = std::iter::once(opening).chain(first).map(|chunk| chunk.payload());
        let viewer = place.watch(shown.as_ref().map(|shown| shown.revision()));
        let watching = Watching { _seat: seat, viewer, transcript, shown };
        stream::iter(opening)
            .chain(stream::unfold(Some(watching), async |watching| watching?.next().await))
    }
}

impl fmt::Debug for Live {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Live").field("place", &self.place).finish_non_exhaustive()
    }
}

/// A stream that hyper writes.
struct Watching {
    _seat: Option<Seat>,
    viewer: Viewer,
    transcript: Transcript,
    shown: Option<Arc<SharedFrame>>,
}

impl Watching {
    /// What is sent next, and what comes after that.
    async fn next(mut self) -> Option<(Bytes, Option<Self>)> {
        loop {
            let chunk = match self.viewer.next().await {
                Seen::Frame(frame) => {
                    let chunk = self.transcript.frame(&frame).payload();
                    self.shown = Some(frame);
                    Some(chunk)
                }
                Seen::Quiet => self.transcript.quiet(self.shown.as_deref()).map(Chunk::payload),
                Seen::End(reason) => {
                    let mut last = Vec::new();
                    if let Some(missed) = self.viewer.missed(reason) {
                        last.push(self.transcript.frame(&missed).payload());
                        self.shown = Some(missed);
                    }
                    let end = self.transcript.end(reason, self.shown.as_deref())?;
                    last.push(end.payload());
                    return Some((last.concat().into(), None));
                }
            };
            if let Some(chunk) = chunk {
                return Some((chunk, Some(self)));
            }
        }
    }
}
