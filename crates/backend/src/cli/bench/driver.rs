//! The loop that everything happens in: one thread, one buffer, and whichever connections have
//! something to say. What a delivery costs here must be less than what it costs the server.

use std::{io, time::Duration};

use mio::{Events, Poll};
use tokio::time::Instant;

use super::{
    crowd::Crowd,
    fault::{BenchError, StreamFault},
    options::{Plan, Target},
    progress::ProgressLine,
    requests::Requests,
    session::Session,
    tally::Measured,
    updates::Updates,
};

/// How long a server may take to let a viewer in, or to show it the first picture.
const LETS_IN_WITHIN: Duration = Duration::from_secs(10);

/// How long nothing comes before all that was on the way is taken to be there.
const QUIET: Duration = Duration::from_millis(300);

/// How long nothing comes before what should have come is taken to be lost.
const SILENCE: Duration = Duration::from_secs(3);

/// How long the loop sleeps at most.
const NAP: Duration = Duration::from_millis(50);

/// Tokens of publishers begin here, those of viewers at 0.
const FIRST_PUBLISHER: usize = 1 << 30;

/// Events that are taken from the system at once.
const EVENTS: usize = 1_024;

/// Longer than any usual frame, so that one call takes in a whole one and finds no more.
const BUFFER: usize = 256 * 1024;

/// A bench while it runs.
pub(super) struct Driver<'a> {
    plan: &'a Plan,
    requests: &'a Requests,
    poll: Poll,
    events: Events,
    buffer: Vec<u8>,
    progress: ProgressLine,
    updates: Updates,
    pub(super) crowd: Crowd,
    pub(super) sessions: Vec<Session>,
    pub(super) measured: Measured,
}

impl<'a> Driver<'a> {
    pub(super) fn new(plan: &'a Plan, requests: &'a Requests) -> Result<Self, BenchError> {
        let sources = plan.sources(requests.stream_at.ip())?;
        Ok(Self {
            plan,
            requests,
            poll: Poll::new()?,
            events: Events::with_capacity(EVENTS),
            buffer: vec![0; BUFFER],
            progress: ProgressLine::new(),
            updates: Updates::new(plan, requests, FIRST_PUBLISHER),
            crowd: Crowd::new(plan, sources),
            sessions: (0..plan.sessions).map(|_| Session::default()).collect(),
            measured: Measured::default(),
        })
    }

    /// Lets all viewers in.
    pub(super) fn connects(&mut self) -> Result<(), BenchError> {
        while self.crowd.comes_in(self.plan, self.requests, self.poll.registry())? {
            self.turn(NAP)?;
            if self.crowd.last_heard.elapsed() > LETS_IN_WITHIN {
                let fault = StreamFault::Late(LETS_IN_WITHIN);
                self.crowd.gives_up_opening(&fault, self.poll.registry());
            }
        }
        match (self.crowd.connections.let_in, self.crowd.connections.first_fault()) {
            (0, fault) => Err(BenchError::NoViewers(fault.unwrap_or_default().to_owned())),
            _ => Ok(()),
        }
    }

    /// Waits for `at_least`, and until nothing is on the way any more: Easel shows the current
    /// picture to whoever comes.
    pub(super) fn settles(&mut self, at_least: Duration) -> Result<(), BenchError> {
        self.progress.is_about("settling");
        let began = Instant::now();
        let shows_at_once = matches!(self.plan.target, Target::Easel { .. });
        loop {
            let waited = began.elapsed();
            let started = !shows_at_once || waited > LETS_IN_WITHIN || self.crowd.has_started();
            if started && waited >= at_least && self.crowd.last_heard.elapsed() > QUIET {
                return Ok(());
            }
            self.turn(NAP)?;
        }
    }

    /// Sends updates for so long, as the plan says, and waits until they have been seen.
    pub(super) fn loads(
        &mut self,
        what: &'static str,
        duration: Duration,
    ) -> Result<(), BenchError> {
        self.progress.is_about(what);
        let began = Instant::now();
        self.updates.begins(began, &mut self.sessions);
        let mut looked = began;
        loop {
            let now = Instant::now();
            if now >= began + duration {
                break;
            }
            let next = self.updates.keeps_time(now, &mut self.sessions, &mut self.measured);
            self.sends()?;
            if now - looked > SILENCE / 4 {
                looked = now;
                self.updates.looks_for_stalls(now, &mut self.sessions, &mut self.measured)?;
            }
            let pause = next.map_or(NAP, |next| next.saturating_duration_since(now).min(NAP));
            self.turn(pause.min(began + duration - now))?;
        }
        self.updates.stops(&mut self.sessions);
        self.drains()
    }

    /// Waits until all updates were answered and seen, or no more comes.
    fn drains(&mut self) -> Result<(), BenchError> {
        let (began, all_tell) = (Instant::now(), self.crowd.tells_all());
        loop {
            let now = Instant::now();
            let quiet = now - self.crowd.last_heard.max(began);
            let answered = !self.sessions.iter().any(|session| session.publishing);
            let seen = self.sessions.iter().all(|session| session.outstanding() == 0);
            if answered && ((seen && (all_tell || quiet > QUIET)) || quiet > SILENCE) {
                return Ok(());
            }
            if !answered {
                self.updates.looks_for_stalls(now, &mut self.sessions, &mut self.measured)?;
            }
            self.turn(NAP)?;
        }
    }

    /// Counts from here on.
    pub(super) fn counts(&mut self) {
        self.measured = Measured::default();
        self.sessions.iter_mut().for_each(Session::counts);
    }

    fn sends(&mut self) -> Result<(), BenchError> {
        let registry = self.poll.registry();
        self.updates.send(self.requests, &mut self.sessions, &mut self.measured, registry)
    }

    /// Waits for something to happen, for `timeout` at most, and does what is to be done then.
    fn turn(&mut self, timeout: Duration) -> Result<(), BenchError> {
        match self.poll.poll(&mut self.events, Some(timeout)) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(()),
            result => result?,
        }
        let (sessions, measured) = (&mut self.sessions, &mut self.measured);
        for event in &self.events {
            let at = (self.poll.registry(), event);
            match event.token().0.checked_sub(FIRST_PUBLISHER) {
                Some(publisher) => {
                    self.updates.hears(publisher, at, &mut self.buffer, sessions, measured)?;
                }
                None => {
                    let buffer = &mut self.buffer;
                    let place = self.crowd.hears(at, self.requests, buffer, sessions, measured);
                    self.updates.goes_on(place, &mut sessions[place]);
                }
            }
        }
        let connections = &self.crowd.connections;
        if let (true, Some(fault)) = (
            connections.lost > 0 && connections.lost == connections.let_in,
            connections.first_fault(),
        ) {
            return Err(BenchError::Deserted(fault.to_owned()));
        }
        self.progress.shows(connections.let_in, self.measured.updates, self.measured.deliveries);
        self.sends()
    }
}
