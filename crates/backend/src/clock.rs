//! Time as an argument. Nothing else in the server asks the machine what time it is, so
//! tests can move time instead of waiting for it.

use std::{fmt::Debug, future::Future, pin::Pin, sync::Arc, time::Duration};

use once_cell::sync::Lazy;
use time::OffsetDateTime;
use tokio::{sync::watch, time::Instant};

/// A sleep that has begun.
pub type Sleep = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Tells the time and waits for it.
pub trait Clock: Debug + Send + Sync + 'static {
    /// The wall clock, in UTC.
    fn now(&self) -> OffsetDateTime;

    /// How long this clock has been running: it never goes back, whatever happens to the wall
    /// clock. For spans, not for dates.
    fn running(&self) -> Duration;

    /// Resolves once `duration` has passed on this clock, counted from the call.
    fn sleep(&self, duration: Duration) -> Sleep;
}

/// The machine's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

/// When this process first asked.
static BEGINNING: Lazy<Instant> = Lazy::new(Instant::now);

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the wall clock")]
    fn now(&self) -> OffsetDateTime {
        OffsetDateTime::now_utc()
    }

    fn running(&self) -> Duration {
        BEGINNING.elapsed()
    }

    fn sleep(&self, duration: Duration) -> Sleep {
        Box::pin(tokio::time::sleep(duration))
    }
}

/// A clock that stands still until it is moved. Clones share their time.
#[derive(Debug, Clone)]
pub struct ManualClock {
    start: OffsetDateTime,
    now: Arc<watch::Sender<OffsetDateTime>>,
}

impl ManualClock {
    /// A clock that shows `start`.
    pub fn new(start: OffsetDateTime) -> Self {
        Self { start, now: Arc::new(watch::Sender::new(start)) }
    }

    /// Moves time forward and wakes whoever slept until then.
    pub fn advance(&self, by: Duration) {
        self.now.send_modify(|now| *now += by);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> OffsetDateTime {
        *self.now.borrow()
    }

    fn running(&self) -> Duration {
        (self.now() - self.start).try_into().unwrap_or(Duration::ZERO)
    }

    fn sleep(&self, duration: Duration) -> Sleep {
        let mut now = self.now.subscribe();
        let until = *now.borrow() + duration;
        Box::pin(async move {
            // The sender lives as long as any clone of the clock; without one, time is over.
            let _ = now.wait_for(|now| *now >= until).await;
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_manual_clock_wakes_sleepers_when_it_is_moved() {
        let clock = ManualClock::new(OffsetDateTime::UNIX_EPOCH);
        let mut sleep = clock.sleep(Duration::from_secs(10));
        clock.advance(Duration::from_secs(9));
        assert!(futures_util::poll!(&mut sleep).is_pending());
        clock.advance(Duration::from_secs(1));
        sleep.await;
        assert_eq!(clock.now(), OffsetDateTime::UNIX_EPOCH + Duration::from_secs(10));
        assert_eq!(clock.running(), Duration::from_secs(10));
    }
}
