//! Frames as bytes: pure functions from what is drawn to what goes over the wire, and the
//! place where each result is kept so that all viewers share it.

pub mod multipart;
pub mod sse;

use std::sync::Arc;

use bytes::Bytes;
use common::{Frame, Revision, api::Visibility};
use once_cell::sync::OnceCell;
use time::OffsetDateTime;

use self::multipart::Boundary;
use crate::metrics::{Encoding, Metrics};

/// Why a stream ends: the `reason` of the last event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EndReason {
    /// The owner deleted the session.
    Deleted,
    /// The session's lifetime is over.
    Expired,
    /// The right to watch has ended.
    Revoked,
    /// The node is stopping; another connection will be served.
    Draining,
}

impl EndReason {
    /// The word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Deleted => "deleted",
            Self::Expired => "expired",
            Self::Revoked => "revoked",
            Self::Draining => "draining",
        }
    }

    /// What a word on the wire says.
    pub fn of(word: &str) -> Option<Self> {
        let reasons = [Self::Deleted, Self::Expired, Self::Revoked, Self::Draining];
        reasons.into_iter().find(|reason| reason.as_str() == word)
    }
}

/// On what terms a frame is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terms {
    /// Who may watch.
    pub visibility: Visibility,
    /// When its session ends, unless that is put off.
    pub expires_at: OffsetDateTime,
}

/// A frame and its encodings. Each encoding is made when the first viewer needs it and at
/// most once; everyone else takes a handle on the same bytes.
#[derive(Debug)]
pub struct SharedFrame {
    frame: Frame,
    terms: Terms,
    boundary: Arc<Boundary>,
    event: OnceCell<Bytes>,
    part: OnceCell<Bytes>,
    metrics: Arc<Metrics>,
}

impl SharedFrame {
    /// Prepares `frame` for sharing among those who may see it. The boundary is that of the
    /// frame `before` it: streams that are open were promised that one.
    pub fn new(frame: Frame, terms: Terms, before: Option<&Self>, metrics: Arc<Metrics>) -> Self {
        let boundary =
            before.map_or_else(|| Arc::new(Boundary::random()), |before| before.boundary.clone());
        let (event, part) = (OnceCell::new(), OnceCell::new());
        Self { frame, terms, boundary, event, part, metrics }
    }

    /// The picture itself.
    pub fn frame(&self) -> &Frame {
        &self.frame
    }

    /// Its place in the order of its session.
    pub fn revision(&self) -> Revision {
        self.frame.revision
    }

    /// Who may see it, and until when.
    pub fn terms(&self) -> Terms {
        self.terms
    }

    /// The boundary around it in a multipart stream.
    pub fn boundary(&self) -> &Arc<Boundary> {
        &self.boundary
    }

    /// The frame as a server-sent event.
    pub fn event(&self) -> Bytes {
        let make = || {
            self.metrics.frame_encoded(Encoding::Sse);
            sse::event(&self.frame)
        };
        self.event.get_or_init(make).clone()
    }

    /// The frame as a part of a multipart stream.
    pub fn part(&self) -> Bytes {
        let make = || {
            self.metrics.frame_encoded(Encoding::Multipart);
            multipart::part(&self.boundary, &self.frame.svg)
        };
        self.part.get_or_init(make).clone()
    }
}
