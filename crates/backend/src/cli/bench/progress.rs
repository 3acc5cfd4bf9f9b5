//! A line on the terminal about what is going on; nothing where nobody looks.

use std::{
    io::{self, IsTerminal, Write},
    time::Duration,
};

use tokio::time::Instant;

/// How often the line changes.
const PAUSE: Duration = Duration::from_millis(500);

/// The line.
#[derive(Debug)]
pub(super) struct ProgressLine {
    what: &'static str,
    next: Option<Instant>,
}

impl ProgressLine {
    pub(super) fn new() -> Self {
        Self { what: "connecting", next: io::stderr().is_terminal().then(Instant::now) }
    }

    /// Something else is going on now.
    pub(super) fn is_about(&mut self, what: &'static str) {
        self.what = what;
        self.next = self.next.map(|_| Instant::now());
    }

    /// Writes the line anew, if it is time to.
    pub(super) fn shows(&mut self, let_in: u64, updates: u64, deliveries: u64) {
        let now = Instant::now();
        if self.next.is_some_and(|next| now >= next) {
            self.next = Some(now + PAUSE);
            let what = self.what;
            let line =
                format!("{what}: {let_in} viewers, {updates} updates, {deliveries} deliveries");
            // A terminal that cannot be written to misses nothing that matters.
            drop(write!(io::stderr(), "\r{line:<78}"));
        }
    }
}

impl Drop for ProgressLine {
    fn drop(&mut self) {
        if self.next.is_some() {
            drop(write!(io::stderr(), "\r{:<78}\r", ""));
        }
    }
}
