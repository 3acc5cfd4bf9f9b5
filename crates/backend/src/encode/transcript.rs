//! What one stream has been sent, as far as what it is sent next depends on it.

use common::Revision;
use once_cell::sync::Lazy;

use super::{Coding, EndReason, Format, PerCoding, SharedFrame, chunk::Chunk, gzip, sse};

/// Turns what a viewer sees into the bytes that follow those it has. All of them are shared; only
/// which ones come next is the viewer's own.
#[derive(Debug, Clone)]
pub struct Transcript {
    format: Format,
    coding: Coding,
    /// The frame that was sent last, if nothing has been sent since.
    holds: Option<Revision>,
}

static RETRY: Lazy<PerCoding<Chunk>> = Lazy::new(|| PerCoding::beginning(sse::RETRY.as_bytes()));

static HEARTBEAT: Lazy<PerCoding<Chunk>> =
    Lazy::new(|| PerCoding::piece(sse::HEARTBEAT.as_bytes()));

impl Transcript {
    /// A stream that has been sent nothing.
    pub fn new(format: Format, coding: Coding) -> Self {
        Self { format, coding, holds: None }
    }

    /// The coding of all that is sent.
    pub fn coding(&self) -> Coding {
        self.coding
    }

    /// Whether a frame may have to be sent again that was sent before.
    pub fn goes_back(&self) -> bool {
        self.format == Format::Multipart
    }

    /// What a stream begins with that shows `shown`, if anything. `None` if a stream of this format
    /// cannot begin without a picture.
    pub fn opening<'a>(&self, shown: Option<&'a SharedFrame>) -> Option<&'a Chunk> {
        match self.format {
            Format::Sse => Some(RETRY.of(self.coding)),
            Format::Multipart => shown.map(|shown| shown.boundary().opening(self.coding)),
        }
    }

    /// A frame that the viewer has not got, or is to get again.
    pub fn frame<'a>(&mut self, frame: &'a SharedFrame) -> &'a Chunk {
        let held = self.holds.replace(frame.revision());
        match self.coding {
            Coding::Identity => frame.plain(self.format),
            Coding::Gzip if held.is_none() => frame.whole(self.format),
            Coding::Gzip if held == frame.follows() => frame.delta(self.format),
            Coding::Gzip if held == Some(frame.revision()) => frame.again(self.format),
            Coding::Gzip => frame.whole(self.format),
        }
    }

    /// What shows that a stream is alive that shows `shown`, if anything.
    pub fn quiet<'a>(&mut self, shown: Option<&'a SharedFrame>) -> Option<&'a Chunk> {
        match self.format {
            Format::Sse => {
                self.holds = None;
                Some(HEARTBEAT.of(self.coding))
            }
            // White space would spoil the picture in WebKit.
            Format::Multipart => shown.map(|shown| self.frame(shown)),
        }
    }

    /// The last that is sent, in a stream that shows `shown`, if anything.
    pub fn end<'a>(&self, reason: EndReason, shown: Option<&'a SharedFrame>) -> Option<&'a Chunk> {
        match self.format {
            Format::Sse => Some(sse::end(reason).of(self.coding)),
            Format::Multipart => shown.map(|shown| shown.closing(self.coding)),
        }
    }
}

impl PerCoding<Chunk> {
    /// What a stream begins with.
    pub(super) fn beginning(plain: &[u8]) -> Self {
        Self::made(plain, &gzip::HEADER)
    }

    /// What can stand anywhere in a stream.
    pub(super) fn piece(plain: &[u8]) -> Self {
        Self::made(plain, &[])
    }

    fn made(plain: &[u8], header: &[u8]) -> Self {
        let compressed = |out: &mut Vec<u8>| {
            out.extend_from_slice(header);
            gzip::append(out, &[], plain);
        };
        Self { identity: Chunk::with(plain), gzip: Chunk::of(plain.len(), compressed) }
    }
}
