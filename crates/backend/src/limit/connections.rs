//! How many connections are open at once, by where they come from: before they ask for
//! anything, no other limit sees them.

use std::sync::Arc;

use super::{ClientAddress, viewers::Taken};

/// How many connections there may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConnectionLimits {
    /// From one address.
    pub per_address: u64,
    /// To this node in all, on each listener.
    pub per_node: u64,
}

impl ConnectionLimits {
    /// The same within what the system allows: a process with `files` open files to its name
    /// must keep some for its store and its workers, and one address must not have them all.
    pub fn within(self, files: u64) -> Self {
        let per_node = self.per_node.min(files - files.min(KEPT).min(files / 2));
        Self { per_node, per_address: self.per_address.min(per_node.div_ceil(2)) }
    }
}

/// Files that connections leave to everything else.
const KEPT: u64 = 256;

/// The connections of each address.
#[derive(Debug, Default)]
pub(super) struct Places(Taken<ClientAddress>);

/// A connection's place. Dropped, it is free.
#[derive(Debug)]
pub struct Place {
    places: Arc<Places>,
    address: ClientAddress,
}

impl Places {
    pub(super) fn take(self: &Arc<Self>, address: ClientAddress, most: u64) -> Option<Place> {
        self.0.take(&address, most).then(|| Place { places: self.clone(), address })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.places.0.leave(&self.address);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_store_keeps_its_files_whatever_connections_there_are() {
        let asked = ConnectionLimits { per_address: 12_000, per_node: 32_768 };
        for (files, per_node, per_address) in [
            (1_048_576, 32_768, 12_000),
            (4096, 3840, 1920),
            (1024, 768, 384),
            (100, 50, 25),
            (1, 1, 1),
        ] {
            let within = asked.within(files);
            assert_eq!((within.per_node, within.per_address), (per_node, per_address), "{files}");
        }
    }
}
