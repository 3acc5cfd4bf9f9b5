//! All viewers: how they come in, and what they see.

use std::net::Ipv4Addr;

use mio::{Registry, Token, event::Event};
use tokio::time::Instant;

use super::{
    fault::{BenchError, StreamFault},
    frames::{Follow, Frame},
    options::{Coding, Pace, Plan, Target},
    requests::Requests,
    session::Session,
    socket,
    tally::{Connections, Measured},
    viewer::Viewer,
};

/// Of the viewers of a compressed stream, one in so many looks into what it gets…
const LOOKS_INSIDE: usize = 64;
/// …but no more than so many in all: each costs as much as a browser.
const LOOK_INSIDE_AT_MOST: usize = 256;

/// The viewers, by the number of their token.
#[derive(Debug)]
pub(super) struct Crowd {
    viewers: Vec<Viewer>,
    /// Addresses to come from, in turn; none where it does not matter.
    sources: Vec<Ipv4Addr>,
    opening: usize,
    pub(super) connections: Connections,
    /// When a viewer was last sent something, or let in or refused.
    pub(super) last_heard: Instant,
}

impl Crowd {
    pub(super) fn new(plan: &Plan, sources: Vec<Ipv4Addr>) -> Self {
        Self {
            viewers: Vec::with_capacity(plan.viewers),
            sources,
            opening: 0,
            connections: Connections::default(),
            last_heard: Instant::now(),
        }
    }

    /// Begins as many connections as may be open at once, until there are `plan.viewers`;
    /// whether there is anyone left to wait for.
    pub(super) fn comes_in(
        &mut self,
        plan: &Plan,
        requests: &Requests,
        registry: &Registry,
    ) -> Result<bool, BenchError> {
        while self.opening < plan.connecting && self.viewers.len() < plan.viewers {
            let number = self.viewers.len();
            let source = self.sources.get(number % self.sources.len().max(1)).copied();
            let socket = socket::connect(requests.stream_at, source)?;
            let follow = follow(number, plan);
            // With one update at a time, whoever gets a frame knows which it is.
            let tells = !matches!(follow, Follow::Counted) || plan.pace == Pace::Window(1);
            let session = number % plan.sessions;
            let viewer = Viewer::new(socket, (registry, Token(number)), session, follow, tells)?;
            self.viewers.push(viewer);
            self.opening += 1;
        }
        Ok(self.opening > 0)
    }

    /// Lets go of those that were not let in yet.
    pub(super) fn gives_up_opening(&mut self, fault: &StreamFault, registry: &Registry) {
        for viewer in self.viewers.iter_mut().filter(|viewer| viewer.is_opening()) {
            viewer.leaves(registry);
            self.opening -= 1;
            self.connections.fails(fault);
        }
    }

    /// Something happened to a viewer; the place of its session.
    pub(super) fn hears(
        &mut self,
        (registry, event): (&Registry, &Event),
        requests: &Requests,
        buffer: &mut [u8],
        sessions: &mut [Session],
        measured: &mut Measured,
    ) -> usize {
        let now = Instant::now();
        let Some(viewer) = self.viewers.get_mut(event.token().0) else { return 0 };
        let (place, tells, was_opening) = (viewer.session, viewer.tells, viewer.is_opening());
        if !was_opening && !viewer.is_watching() {
            return place;
        }
        let session = &mut sessions[place];
        let (mut seen, mut started, mut bytes) = (viewer.seen, viewer.started, 0);
        let request = requests.stream(place);
        let result = viewer.advance((registry, event), request, buffer, &mut bytes, |frame| {
            started = true;
            seen = sees(frame, seen, tells, session, now, measured);
        });
        (viewer.seen, viewer.started) = (seen, started);
        measured.bytes += bytes;
        let is_opening = result.is_ok() && viewer.is_opening();
        if bytes > 0 || result.is_err() {
            self.last_heard = now;
        }
        if was_opening && !is_opening {
            self.opening -= 1;
            if viewer.is_watching() {
                self.connections.let_in += 1;
                session.joins(tells);
            }
        }
        if let Err(fault) = result {
            match viewer.is_watching() {
                true => {
                    self.connections.loses(&fault);
                    session.leaves(tells, viewer.seen);
                }
                false => self.connections.fails(&fault),
            }
            viewer.leaves(registry);
        }
        place
    }

    /// Whether everyone who watches has had a frame.
    pub(super) fn has_started(&self) -> bool {
        self.viewers.iter().all(|viewer| viewer.started || !viewer.is_watching())
    }

    /// Whether everyone who watches tells what they have.
    pub(super) fn tells_all(&self) -> bool {
        self.viewers.iter().all(|viewer| viewer.tells || !viewer.is_watching())
    }

    /// How many of those who were let in never got the newest frame of their session.
    pub(super) fn missing(&self, sessions: &[Session]) -> u64 {
        let is_behind = |viewer: &&Viewer| viewer.seen < sessions[viewer.session].sent;
        let behind = self.viewers.iter().filter(|viewer| viewer.was_let_in).filter(is_behind);
        behind.count() as u64
    }
}

/// What the viewer with this number is followed by.
fn follow(number: usize, plan: &Plan) -> Follow {
    let (session, place) = (number % plan.sessions, number / plan.sessions);
    let looks_inside = place.is_multiple_of(LOOKS_INSIDE)
        && place / LOOKS_INSIDE * plan.sessions + session < LOOK_INSIDE_AT_MOST;
    match (&plan.target, plan.coding) {
        (Target::Other(other), _) => Follow::picture(other.published.rest),
        (Target::Easel { .. }, Coding::Identity) => Follow::chunks(),
        (Target::Easel { .. }, Coding::Gzip) if looks_inside => Follow::inflated(),
        (Target::Easel { .. }, Coding::Gzip) => Follow::Counted,
    }
}

/// A frame has come to someone who had `before`: what they have now.
fn sees(
    frame: Frame,
    before: u64,
    tells: bool,
    session: &mut Session,
    now: Instant,
    measured: &mut Measured,
) -> u64 {
    let number = match frame {
        Frame::Numbered(number) => number,
        // Servers send the newest there is, so a frame that nobody looks into is taken for it.
        Frame::Some => session.sent,
    };
    let counts = match frame {
        Frame::Numbered(number) => number > before && number > session.base,
        Frame::Some => session.sent > session.base,
    };
    measured.deliveries += u64::from(counts);
    measured.backwards += u64::from(number < before);
    if number <= before || number > session.sent {
        return before;
    }
    if tells {
        session.sees(before, number, now, &mut measured.times);
    }
    number
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_counts_once_and_for_what_is_measured() {
        let (mut session, mut measured, now) =
            (Session::default(), Measured::default(), Instant::now());
        session.joins(true);
        (1..=5).for_each(|number| assert_eq!(session.sends(now), number));
        session.base = 2;
        let mut seen = 0;
        for (number, now_seen, deliveries) in
            [(0, 0, 0), (2, 2, 0), (3, 3, 1), (3, 3, 1), (5, 5, 2), (4, 5, 2), (9, 5, 3)]
        {
            let frame = Frame::Numbered(number);
            seen = sees(frame, seen, true, &mut session, now, &mut measured);
            assert_eq!((seen, measured.deliveries), (now_seen, deliveries), "{number}");
        }
        assert_eq!((measured.backwards, session.outstanding()), (1, 0));
    }

    #[test]
    fn a_frame_that_nobody_looks_into_is_the_newest() {
        let (mut session, mut measured, now) =
            (Session::default(), Measured::default(), Instant::now());
        session.joins(false);
        let mut opening = sees(Frame::Some, 0, false, &mut session, now, &mut measured);
        assert_eq!((opening, measured.deliveries), (0, 0));
        session.sends(now);
        opening = sees(Frame::Some, opening, false, &mut session, now, &mut measured);
        assert_eq!((opening, measured.deliveries), (1, 1));
    }
}
