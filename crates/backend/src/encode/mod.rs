//! Frames as bytes: pure functions from what is drawn to what goes over the wire, and the
//! place where each result is kept so that all viewers share it.

mod chunk;
mod frame;
mod gzip;
pub mod multipart;
pub mod sse;
mod transcript;

use std::num::NonZeroU16;

use common::api::Visibility;
use time::OffsetDateTime;

pub use self::{
    chunk::{Chunk, LAST},
    frame::SharedFrame,
    transcript::Transcript,
};
pub use crate::metrics::Format;

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
    /// All of them, in the order of their discriminants.
    pub const ALL: [Self; 4] = [Self::Deleted, Self::Expired, Self::Revoked, Self::Draining];

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
        Self::ALL.into_iter().find(|reason| reason.as_str() == word)
    }
}

/// On what terms a frame is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terms {
    /// Who may watch.
    pub visibility: Visibility,
    /// When its session ends, unless that is put off.
    pub expires_at: OffsetDateTime,
    /// So many frames a second are sent to a viewer at most.
    pub max_frames_per_second: Option<NonZeroU16>,
}

/// How the bytes of a stream are coded (RFC 9110 §8.4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Coding {
    /// As they are.
    Identity,
    /// As gzip.
    Gzip,
}

/// One of each coding.
#[derive(Debug)]
pub struct PerCoding<T> {
    /// As it is.
    pub identity: T,
    /// As gzip.
    pub gzip: T,
}

impl<T> PerCoding<T> {
    /// The one of this coding.
    pub fn of(&self, coding: Coding) -> &T {
        match coding {
            Coding::Identity => &self.identity,
            Coding::Gzip => &self.gzip,
        }
    }
}

#[cfg(test)]
mod tests;
