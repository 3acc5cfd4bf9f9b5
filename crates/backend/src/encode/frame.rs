//! A frame in all the forms in which it leaves, each made when the first viewer needs it.

use std::sync::Arc;

use common::{Frame, Revision};
use once_cell::sync::OnceCell;

use super::{Chunk, Coding, Format, PerCoding, Terms, gzip, multipart, multipart::Boundary, sse};
use crate::metrics::{Block, Metrics};

/// A frame and its encodings. Each encoding is made when the first viewer needs it and at
/// most once; everyone else takes a handle on the same bytes.
#[derive(Debug)]
pub struct SharedFrame {
    plain: Arc<Plain>,
    terms: Terms,
    boundary: Arc<Boundary>,
    /// The frame that was sent before it: most viewers hold that one.
    before: Option<Arc<Plain>>,
    /// The frame that was sent last, this one included.
    sent: Arc<Plain>,
    whole: PerFormat<OnceCell<Chunk>>,
    delta: PerFormat<OnceCell<Chunk>>,
    again: PerFormat<OnceCell<Chunk>>,
    closing: OnceCell<PerCoding<Chunk>>,
    metrics: Arc<Metrics>,
}

/// A frame and what viewers hold who take it uncompressed, or inflate it.
#[derive(Debug)]
struct Plain {
    frame: Frame,
    chunks: PerFormat<OnceCell<Chunk>>,
}

/// One of each format.
#[derive(Debug, Default)]
struct PerFormat<T> {
    sse: T,
    multipart: T,
}

impl<T> PerFormat<T> {
    fn of(&self, format: Format) -> &T {
        match format {
            Format::Sse => &self.sse,
            Format::Multipart => &self.multipart,
        }
    }
}

impl SharedFrame {
    /// Prepares `frame` for sharing among those who may see it. The boundary is that of the
    /// frame `before` it: streams that are open were promised that one. If it is not `sent` to
    /// those who watch, they go on holding the one before.
    pub fn new(
        frame: Frame,
        terms: Terms,
        before: Option<&Self>,
        sent: bool,
        metrics: Arc<Metrics>,
    ) -> Self {
        let boundary = before.map(|before| before.boundary.clone());
        let plain = Arc::new(Plain { frame, chunks: PerFormat::default() });
        let last_sent = before.map(|before| before.sent.clone());
        Self {
            sent: last_sent.clone().filter(|_| !sent).unwrap_or_else(|| plain.clone()),
            before: last_sent,
            plain,
            terms,
            boundary: boundary.unwrap_or_else(|| Arc::new(Boundary::random())),
            whole: PerFormat::default(),
            delta: PerFormat::default(),
            again: PerFormat::default(),
            closing: OnceCell::new(),
            metrics,
        }
    }

    /// The picture itself.
    pub fn frame(&self) -> &Frame {
        &self.plain.frame
    }

    /// Its place in the order of its session.
    pub fn revision(&self) -> Revision {
        self.plain.frame.revision
    }

    /// The frame that its [delta](Self::delta) refers to.
    pub fn follows(&self) -> Option<Revision> {
        self.before.as_ref().map(|before| before.frame.revision)
    }

    /// Who may see it, and until when.
    pub fn terms(&self) -> Terms {
        self.terms
    }

    /// Whether it is for those who were shown `other`: the same life and the same audience.
    pub fn has_the_audience_of(&self, other: &Self) -> bool {
        self.revision().epoch == other.revision().epoch
            && self.terms.visibility == other.terms.visibility
    }

    /// The boundary around it in a multipart stream.
    pub fn boundary(&self) -> &Boundary {
        &self.boundary
    }

    /// The frame for whoever takes it uncompressed.
    pub fn plain(&self, format: Format) -> &Chunk {
        self.plain_of(&self.plain, format)
    }

    /// The frame compressed, for whatever was sent before.
    pub fn whole(&self, format: Format) -> &Chunk {
        self.compressed(self.whole.of(format), Block::Whole, None, format)
    }

    /// What is new in it, for whoever was sent the frame that it [follows](Self::follows) last.
    pub fn delta(&self, format: Format) -> &Chunk {
        self.compressed(self.delta.of(format), Block::Delta, self.before.as_ref(), format)
    }

    /// The frame once more, for whoever was sent it last.
    pub fn again(&self, format: Format) -> &Chunk {
        self.compressed(self.again.of(format), Block::Again, Some(&self.plain), format)
    }

    /// The last of a multipart stream that goes on showing it.
    pub fn closing(&self, coding: Coding) -> &Chunk {
        let made = || {
            let closing = multipart::closing(&self.boundary, &self.plain.frame.svg);
            PerCoding::piece(&closing.payload())
        };
        self.closing.get_or_init(made).of(coding)
    }

    fn plain_of<'a>(&self, plain: &'a Plain, format: Format) -> &'a Chunk {
        plain.chunks.of(format).get_or_init(|| {
            self.metrics.frame_encoded(format);
            match format {
                Format::Sse => sse::event(&plain.frame),
                Format::Multipart => multipart::part(&self.boundary, &plain.frame.svg),
            }
        })
    }

    fn compressed<'a>(
        &'a self,
        cell: &'a OnceCell<Chunk>,
        block: Block,
        before: Option<&Arc<Plain>>,
        format: Format,
    ) -> &'a Chunk {
        let made = || {
            self.metrics.frame_compressed(format, block);
            let plain = self.plain_of(&self.plain, format).payload();
            let before = before.map(|before| self.plain_of(before, format).payload());
            let before = before.unwrap_or_default();
            Chunk::of(plain.len() / 4, |out| gzip::append(out, &before, &plain))
        };
        cell.get_or_init(made)
    }
}
