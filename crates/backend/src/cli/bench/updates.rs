//! When updates go out, and over which connections.

use std::{collections::VecDeque, time::Duration};

use mio::{Registry, Token, event::Event};
use tokio::time::Instant;

use super::{
    fault::{BenchError, StreamFault},
    options::{Pace, Plan},
    publisher::Publisher,
    requests::Requests,
    session::Session,
    tally::Measured,
};

/// How long a server may take to answer an update.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);

/// How long a window waits for a viewer that has not seen an update: some servers drop frames.
const WINDOW_WAITS: Duration = Duration::from_secs(3);

/// The connections that send updates, and what there is to send.
#[derive(Debug)]
pub(super) struct Updates {
    pace: Pace,
    publishers: Vec<Publisher>,
    /// Those that have nothing to do.
    free: Vec<usize>,
    /// The sessions whose next update goes out as soon as a publisher is free.
    due: VecDeque<usize>,
    /// Since when updates are sent; `None` while they are not.
    loading: Option<Instant>,
    /// How many updates the rate has asked for since.
    slots: u32,
}

impl Updates {
    /// Over connections with tokens from `first_token` on.
    pub(super) fn new(plan: &Plan, requests: &Requests, first_token: usize) -> Self {
        let publisher = |n| Publisher::new(requests.publish_at, Token(first_token + n));
        Self {
            pace: plan.pace,
            publishers: (0..plan.publishers).map(publisher).collect(),
            free: (0..plan.publishers).collect(),
            due: VecDeque::new(),
            loading: None,
            slots: 0,
        }
    }

    /// Begins to send updates.
    pub(super) fn begins(&mut self, now: Instant, sessions: &mut [Session]) {
        (self.loading, self.slots) = (Some(now), 0);
        for (place, session) in sessions.iter_mut().enumerate() {
            self.goes_on(place, session);
        }
    }

    /// Sends no more updates.
    pub(super) fn stops(&mut self, sessions: &mut [Session]) {
        self.loading = None;
        self.due.clear();
        sessions.iter_mut().for_each(|session| session.queued = false);
    }

    /// The session may have something to send, if it follows its viewers.
    pub(super) fn goes_on(&mut self, place: usize, session: &mut Session) {
        let Pace::Window(window) = self.pace else { return };
        let may = self.loading.is_some() && !session.queued && !session.publishing;
        if may && session.viewers > 0 && session.outstanding() < window {
            session.queued = true;
            self.due.push_back(place);
        }
    }

    /// Asks for all updates that the rate has due, the sessions evenly one after another; when
    /// the next one is.
    pub(super) fn keeps_time(
        &mut self,
        now: Instant,
        sessions: &mut [Session],
        measured: &mut Measured,
    ) -> Option<Instant> {
        let (Pace::Rate(rate), Some(began)) = (self.pace, self.loading) else { return None };
        let pause = Duration::from_secs_f64(1.0 / (rate * sessions.len() as f64));
        loop {
            let next = began + pause.mul_f64(f64::from(self.slots));
            if next > now {
                return Some(next);
            }
            let place = self.slots as usize % sessions.len();
            self.slots += 1;
            let session = &mut sessions[place];
            if session.queued {
                measured.left_out += 1;
            } else if session.viewers > 0 {
                session.queued = true;
                if !session.publishing {
                    self.due.push_back(place);
                }
            }
        }
    }

    /// Sends what is due, as far as there are publishers.
    pub(super) fn send(
        &mut self,
        requests: &Requests,
        sessions: &mut [Session],
        measured: &mut Measured,
        registry: &Registry,
    ) -> Result<(), BenchError> {
        while let (Some(&publisher), Some(&place)) = (self.free.last(), self.due.front()) {
            self.free.pop();
            self.due.pop_front();
            let (now, session) = (Instant::now(), &mut sessions[place]);
            session.queued = false;
            let number = session.sends(now);
            measured.updates += 1;
            self.publishers[publisher]
                .send(place, now, registry, |to| requests.update(place, number, to))
                .map_err(BenchError::Update)?;
        }
        Ok(())
    }

    /// Something happened to the publisher with this number.
    pub(super) fn hears(
        &mut self,
        publisher: usize,
        at: (&Registry, &Event),
        buffer: &mut [u8],
        sessions: &mut [Session],
        measured: &mut Measured,
    ) -> Result<(), BenchError> {
        let Some(talking) = self.publishers.get_mut(publisher) else { return Ok(()) };
        let Some(answered) = talking.advance(at, buffer).map_err(BenchError::Update)? else {
            return Ok(());
        };
        measured.answers.add(answered.after);
        self.free.push(publisher);
        let session = &mut sessions[answered.session];
        session.publishing = false;
        match session.queued {
            true => self.due.push_back(answered.session),
            false => self.goes_on(answered.session, session),
        }
        Ok(())
    }

    /// Goes on where a window waits in vain, and fails when an update is not answered.
    pub(super) fn looks_for_stalls(
        &mut self,
        now: Instant,
        sessions: &mut [Session],
        measured: &mut Measured,
    ) -> Result<(), BenchError> {
        let late = |publisher: &Publisher| {
            publisher.busy_since().is_some_and(|since| now - since > ANSWER_WITHIN)
        };
        if self.publishers.iter().any(late) {
            return Err(BenchError::Update(StreamFault::Late(ANSWER_WITHIN)));
        }
        if !matches!(self.pace, Pace::Window(_)) {
            return Ok(());
        }
        for (place, session) in sessions.iter_mut().enumerate() {
            if session.waited(now).is_some_and(|waited| waited > WINDOW_WAITS) {
                measured.stalls += 1;
                session.gives_up();
                self.goes_on(place, session);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn updates(pace: Pace) -> Updates {
        let publishers = Vec::new();
        Updates {
            pace,
            publishers,
            free: Vec::new(),
            due: VecDeque::new(),
            loading: None,
            slots: 0,
        }
    }

    fn watched(count: usize) -> Vec<Session> {
        let mut sessions: Vec<Session> = (0..count).map(|_| Session::default()).collect();
        sessions.iter_mut().for_each(|session| session.joins(true));
        sessions
    }

    #[test]
    fn a_rate_takes_sessions_in_turn_and_leaves_out_what_it_cannot_send() {
        let (mut updates, mut sessions) = (updates(Pace::Rate(10.0)), watched(2));
        let (mut measured, began) = (Measured::default(), Instant::now());
        updates.begins(began, &mut sessions);
        let next = updates.keeps_time(began, &mut sessions, &mut measured).unwrap();
        assert_eq!((next - began, &updates.due), (Duration::from_millis(50), &VecDeque::from([0])));
        let later = began + Duration::from_millis(120);
        updates.keeps_time(later, &mut sessions, &mut measured);
        assert_eq!((&updates.due, measured.left_out), (&VecDeque::from([0, 1]), 1));
        updates.stops(&mut sessions);
        assert!(updates.due.is_empty() && !sessions[0].queued);
    }

    #[test]
    fn a_window_waits_for_viewers_and_answers_but_not_for_ever() {
        let (mut updates, mut sessions) = (updates(Pace::Window(1)), watched(1));
        let (mut measured, began) = (Measured::default(), Instant::now());
        updates.begins(began, &mut sessions);
        assert_eq!(updates.due, [0]);
        updates.due.clear();
        sessions[0].queued = false;
        sessions[0].sends(began);
        updates.goes_on(0, &mut sessions[0]);
        assert!(updates.due.is_empty());
        sessions[0].sees(0, 1, began, &mut measured.times);
        updates.goes_on(0, &mut sessions[0]);
        assert!(updates.due.is_empty(), "the update was not answered yet");
        sessions[0].publishing = false;
        updates.goes_on(0, &mut sessions[0]);
        assert_eq!(updates.due, [0]);

        sessions[0].queued = false;
        updates.due.clear();
        sessions[0].sends(began);
        sessions[0].publishing = false;
        updates.looks_for_stalls(began + WINDOW_WAITS, &mut sessions, &mut measured).unwrap();
        assert!(updates.due.is_empty() && measured.stalls == 0);
        updates.looks_for_stalls(began + 2 * WINDOW_WAITS, &mut sessions, &mut measured).unwrap();
        assert_eq!((&updates.due, measured.stalls), (&VecDeque::from([0]), 1));
    }
}
