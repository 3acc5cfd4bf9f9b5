//! How many watch at once: counted exactly, by what they hold.

use std::{
    hash::Hash,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use common::SessionAddress;
use dashmap::{DashMap, Entry};

use super::ClientAddress;

/// How many may watch at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ViewerLimits {
    /// One session.
    pub per_session: u64,
    /// From one address.
    pub per_address: u64,
    /// On this node in all.
    pub per_node: u64,
}

/// Which limit of viewers is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Crowded {
    /// The session has as many as it may have.
    Session(u64),
    /// The address has as many as it may have.
    Address(u64),
    /// This node has.
    Node(u64),
}

impl Crowded {
    /// The name of the limit: a setting, and a label of the metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Session(_) => "viewers-per-session",
            Self::Address(_) => "viewers-per-address",
            Self::Node(_) => "viewers-per-node",
        }
    }
}

/// The seats for the viewers of this node.
#[derive(Debug)]
pub struct Seats {
    limits: ViewerLimits,
    taken: AtomicU64,
    sessions: Taken<SessionAddress>,
    addresses: Taken<ClientAddress>,
}

/// A viewer's seat. Dropped, it is free.
#[derive(Debug)]
pub struct Seat {
    seats: Arc<Seats>,
    session: SessionAddress,
    address: ClientAddress,
}

impl Seats {
    /// Empty seats.
    pub fn new(limits: ViewerLimits) -> Arc<Self> {
        Arc::new(Self {
            limits,
            taken: AtomicU64::new(0),
            sessions: Taken::default(),
            addresses: Taken::default(),
        })
    }

    /// Takes a seat.
    ///
    /// # Errors
    /// Which seats are all taken.
    pub fn take(
        self: &Arc<Self>,
        session: &SessionAddress,
        address: ClientAddress,
    ) -> Result<Seat, Crowded> {
        let ViewerLimits { per_session, per_address, per_node } = self.limits;
        if !self.addresses.take(&address, per_address) {
            return Err(Crowded::Address(per_address));
        }
        if !self.sessions.take(session, per_session) {
            self.addresses.leave(&address);
            return Err(Crowded::Session(per_session));
        }
        let next = |taken| (taken < per_node).then_some(taken + 1);
        if self.taken.fetch_update(Ordering::Relaxed, Ordering::Relaxed, next).is_err() {
            self.addresses.leave(&address);
            self.sessions.leave(session);
            return Err(Crowded::Node(per_node));
        }
        Ok(Seat { seats: self.clone(), session: session.clone(), address })
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.seats.taken.fetch_sub(1, Ordering::Relaxed);
        self.seats.sessions.leave(&self.session);
        self.seats.addresses.leave(&self.address);
    }
}

/// How many seats each has taken; who has none is not in it.
#[derive(Debug)]
pub(super) struct Taken<K: Eq + Hash>(DashMap<K, u64>);

impl<K: Eq + Hash> Default for Taken<K> {
    fn default() -> Self {
        Self(DashMap::new())
    }
}

impl<K: Clone + Eq + Hash> Taken<K> {
    pub(super) fn take(&self, key: &K, most: u64) -> bool {
        match self.0.entry(key.clone()) {
            Entry::Occupied(taken) if *taken.get() >= most => return false,
            Entry::Occupied(mut taken) => *taken.get_mut() += 1,
            Entry::Vacant(none) => drop(none.insert(1)),
        }
        true
    }

    pub(super) fn leave(&self, key: &K) {
        self.0.remove_if_mut(key, |_, taken| {
            *taken -= 1;
            *taken == 0
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::IpAddr;

    fn seats(per_session: u64, per_address: u64, per_node: u64) -> Arc<Seats> {
        Seats::new(ViewerLimits { per_session, per_address, per_node })
    }

    fn from(last: u8) -> ClientAddress {
        IpAddr::from([192, 0, 2, last]).into()
    }

    #[test]
    fn the_seat_that_is_one_too_many_is_refused_until_one_leaves() {
        for (limits, wanted) in [
            ((2, 9, 9), Crowded::Session(2)),
            ((9, 2, 9), Crowded::Address(2)),
            ((9, 9, 2), Crowded::Node(2)),
        ] {
            let seats = seats(limits.0, limits.1, limits.2);
            let chart = "alice/chart".parse().unwrap();
            let one = seats.take(&chart, from(1)).unwrap();
            let other = seats.take(&chart, from(1)).unwrap();
            assert_eq!(seats.take(&chart, from(1)).unwrap_err(), wanted);
            drop(one);
            let again = seats.take(&chart, from(1)).unwrap();
            assert_eq!(seats.take(&chart, from(1)).unwrap_err(), wanted);
            drop((other, again));
            assert_eq!(seats.taken.load(Ordering::Relaxed), 0);
            assert!(seats.sessions.0.is_empty() && seats.addresses.0.is_empty());
        }
    }

    #[test]
    fn others_are_not_in_the_way() {
        let seats = seats(1, 1, 9);
        let (chart, other) = ("alice/chart".parse().unwrap(), "chart".parse().unwrap());
        let _one = seats.take(&chart, from(1)).unwrap();
        let _other = seats.take(&other, from(2)).unwrap();
        assert_eq!(seats.take(&chart, from(3)).unwrap_err(), Crowded::Session(1));
        assert_eq!(seats.take(&other, from(1)).unwrap_err(), Crowded::Address(1));
        assert_eq!(seats.addresses.0.len(), 2, "who was refused has no seat");
    }

    #[test]
    fn of_many_who_come_at_once_exactly_as_many_as_may_sit_do() {
        let seats = seats(40, 30, 100);
        let chart: SessionAddress = "alice/chart".parse().unwrap();
        std::thread::scope(|scope| {
            let crowd: Vec<_> = (0..8)
                .map(|n| {
                    let (seats, chart) = (&seats, &chart);
                    scope.spawn(move || {
                        let come = |_| seats.take(chart, from(n % 2)).ok();
                        let kept: Vec<_> = (0..1000).filter_map(come).collect();
                        let most = seats.sessions.0.get(chart).map_or(0, |taken| *taken);
                        assert!(most <= 40, "{most}");
                        kept
                    })
                })
                .collect();
            let kept: Vec<_> = crowd.into_iter().flat_map(|one| one.join().unwrap()).collect();
            assert_eq!(kept.len(), 40);
        });
        assert!(seats.sessions.0.is_empty() && seats.addresses.0.is_empty());
    }
}
