//! What a bench has counted so far.

use super::{fault::StreamFault, histogram::Histogram, session::Times};

/// How viewers fared with their connections.
#[derive(Debug, Default)]
pub(super) struct Connections {
    /// Were let in.
    pub(super) let_in: u64,
    /// Were not.
    pub(super) failed: u64,
    /// Were, and then lost their connection.
    pub(super) lost: u64,
    first_fault: Option<String>,
}

impl Connections {
    /// Someone was not let in.
    pub(super) fn fails(&mut self, fault: &StreamFault) {
        self.failed += 1;
        self.first_fault.get_or_insert_with(|| fault.to_string());
    }

    /// Someone was thrown out.
    pub(super) fn loses(&mut self, fault: &StreamFault) {
        self.lost += 1;
        self.first_fault.get_or_insert_with(|| fault.to_string());
    }

    /// Why the first of those who are not there is not.
    pub(super) fn first_fault(&self) -> Option<&str> {
        self.first_fault.as_deref()
    }
}

/// What counts for the result.
#[derive(Debug, Default)]
pub(super) struct Measured {
    /// Updates that were sent.
    pub(super) updates: u64,
    /// Updates that were due and left out, since the one before was still on its way.
    pub(super) left_out: u64,
    /// Updates that a window waited for in vain.
    pub(super) stalls: u64,
    /// Frames that viewers received.
    pub(super) deliveries: u64,
    /// Frames that came after newer ones.
    pub(super) backwards: u64,
    /// Bytes of streams, with whatever HTTP puts around them.
    pub(super) bytes: u64,
    /// How long updates took to get through.
    pub(super) times: Times,
    /// How long the server took to answer them.
    pub(super) answers: Histogram,
}
