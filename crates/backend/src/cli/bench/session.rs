//! What was sent to one session, and who has it.

use std::{collections::VecDeque, time::Duration};

use tokio::time::Instant;

use super::histogram::Histogram;

/// Updates that someone still has to see. With more, the oldest are forgotten: who is that far
/// behind will see newer ones, or nothing any more.
const MOST_OUTSTANDING: usize = 10_000;

/// How long updates took to get through.
#[derive(Debug, Default)]
pub(super) struct Times {
    /// From an update to each viewer that has it.
    pub(super) viewer: Histogram,
    /// From an update to the last viewer that has it.
    pub(super) last_viewer: Histogram,
}

/// A session that is benched.
#[derive(Debug, Default)]
pub(super) struct Session {
    /// The number of the newest update; the picture before any has 0.
    pub(super) sent: u64,
    /// The newest update before what counts, and how many watched then.
    pub(super) base: u64,
    watched: u64,
    /// Viewers that watch.
    pub(super) viewers: u64,
    /// Those of them that tell what they have.
    telling: u64,
    /// The last updates that someone has not told of, oldest first; the last is `sent`.
    outstanding: VecDeque<Update>,
    /// Whether an update has not been answered yet.
    pub(super) publishing: bool,
    /// Whether an update is to go out.
    pub(super) queued: bool,
}

#[derive(Debug)]
struct Update {
    at: Instant,
    waiting: u64,
}

impl Session {
    /// Someone comes to watch.
    pub(super) fn joins(&mut self, tells: bool) {
        self.viewers += 1;
        self.telling += u64::from(tells);
    }

    /// Someone who has seen `seen` leaves: nobody waits for them any more.
    pub(super) fn leaves(&mut self, tells: bool, seen: u64) {
        self.viewers -= 1;
        if tells {
            self.telling -= 1;
            self.has(seen, self.sent, |_| {});
        }
    }

    /// The next update goes out: its number.
    pub(super) fn sends(&mut self, now: Instant) -> u64 {
        self.sent += 1;
        self.publishing = true;
        if self.outstanding.len() == MOST_OUTSTANDING {
            self.outstanding.pop_front();
        }
        self.outstanding.push_back(Update { at: now, waiting: self.telling });
        self.tidies();
        self.sent
    }

    /// A viewer that had `before` has `number` now, and with it all between.
    pub(super) fn sees(&mut self, before: u64, number: u64, now: Instant, times: &mut Times) {
        if let Some(update) = self.index(number).and_then(|index| self.outstanding.get(index)) {
            times.viewer.add(now - update.at);
        }
        self.has(before, number, |sent| times.last_viewer.add(now - sent));
    }

    /// How many updates someone is still to see.
    pub(super) fn outstanding(&self) -> usize {
        self.outstanding.len()
    }

    /// How long the oldest update has waited for someone.
    pub(super) fn waited(&self, now: Instant) -> Option<Duration> {
        self.outstanding.front().map(|update| now - update.at)
    }

    /// From here on it counts.
    pub(super) fn counts(&mut self) {
        self.gives_up();
        (self.base, self.watched) = (self.sent, self.viewers);
    }

    /// The deliveries that there should be, of all that counts.
    pub(super) fn expected(&self) -> u64 {
        (self.sent - self.base) * self.watched
    }

    /// Waits for nobody any more.
    pub(super) fn gives_up(&mut self) {
        self.outstanding.clear();
    }

    /// The place of an update among those that are outstanding, or where it would be.
    fn index(&self, number: u64) -> Option<usize> {
        let behind = usize::try_from(self.sent.checked_sub(number)?).ok()?;
        (self.outstanding.len()).checked_sub(behind + 1)
    }

    fn has(&mut self, before: u64, number: u64, mut everyone: impl FnMut(Instant)) {
        let Some(last) = self.index(number) else { return };
        let first = self.index(before).map_or(0, |index| index + 1);
        for update in self.outstanding.iter_mut().take(last + 1).skip(first) {
            update.waiting = update.waiting.saturating_sub(1);
            if update.waiting == 0 {
                everyone(update.at);
            }
        }
        self.tidies();
    }

    /// Whoever has an update has those before it, so they are done in their order.
    fn tidies(&mut self) {
        while self.outstanding.front().is_some_and(|update| update.waiting == 0) {
            self.outstanding.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STEP: Duration = Duration::from_millis(100);

    #[test]
    fn an_update_is_done_when_the_last_viewer_has_it() {
        let (mut session, mut times) = (Session::default(), Times::default());
        session.joins(true);
        session.joins(true);
        session.joins(false);
        let began = Instant::now();
        assert_eq!(session.sends(began), 1);
        assert_eq!(session.sends(began + STEP), 2);
        session.sees(0, 1, began + STEP, &mut times);
        assert_eq!((session.outstanding(), times.last_viewer.longest()), (2, None));
        // Whoever has the second has the first, even if it was never sent to them.
        session.sees(0, 2, began + 3 * STEP, &mut times);
        assert_eq!((session.outstanding(), times.last_viewer.longest()), (1, Some(3 * STEP)));
        assert_eq!(times.viewer.longest(), Some(2 * STEP));
        session.sees(1, 2, began + 4 * STEP, &mut times);
        assert_eq!((session.outstanding(), times.viewer.longest()), (0, Some(3 * STEP)));
        assert_eq!(session.waited(began), None);
    }

    #[test]
    fn nobody_waits_for_who_has_left() {
        let (mut session, mut times) = (Session::default(), Times::default());
        session.joins(true);
        session.joins(true);
        let began = Instant::now();
        session.sends(began);
        session.sends(began);
        session.sees(0, 1, began, &mut times);
        session.sees(0, 2, began, &mut times);
        assert_eq!(session.waited(began + STEP), Some(STEP));
        session.leaves(true, 1);
        assert_eq!((session.outstanding(), session.viewers), (0, 1));
        session.leaves(true, 2);
        session.sends(began);
        assert_eq!(session.outstanding(), 0);
    }

    #[test]
    fn what_is_too_long_ago_is_forgotten() {
        let (mut session, mut times) = (Session::default(), Times::default());
        session.joins(true);
        let began = Instant::now();
        for _ in 0..MOST_OUTSTANDING + 5 {
            session.sends(began);
        }
        assert_eq!(session.outstanding(), MOST_OUTSTANDING);
        session.sees(0, 5, began, &mut times);
        assert_eq!((session.outstanding(), times.viewer.longest()), (MOST_OUTSTANDING, None));
        session.sees(5, session.sent, began, &mut times);
        assert_eq!(session.outstanding(), 0);
    }
}
