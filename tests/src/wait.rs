//! Waiting for events: never for time to pass.

use std::{future::Future, time::Duration};

use backend::clock::ManualClock;

/// How long anything may take before a test gives up on it. No test gets faster or slower by
/// it; it only bounds how long a failure takes.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Pause between two looks at something that tells nobody when it changes.
const LOOK_AGAIN_AFTER: Duration = Duration::from_millis(10);

/// Waits for `event`.
///
/// # Panics
/// When it does not come.
pub async fn soon<T>(what: &str, event: impl Future<Output = T>) -> T {
    match tokio::time::timeout(PATIENCE, event).await {
        Ok(value) => value,
        Err(_) => panic!("waited {PATIENCE:?} for {what}"),
    }
}

/// Looks until there is something to see.
///
/// # Panics
/// When nothing ever is.
pub async fn until<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let look = async {
        let mut again = tokio::time::interval(LOOK_AGAIN_AFTER);
        loop {
            again.tick().await;
            if let Some(seen) = look().await {
                return seen;
            }
        }
    };
    soon(what, look).await
}

/// Waits for `event` while the clock goes on, half a second at a time. For what looks at the
/// clock between two naps: it may have looked just before the clock was moved.
///
/// # Panics
/// When it does not come.
pub async fn as_time_passes<T>(clock: &ManualClock, event: impl Future<Output = T>) -> T {
    let mut tick = tokio::time::interval(LOOK_AGAIN_AFTER);
    tokio::pin!(event);
    let passing = async {
        loop {
            tokio::select! {
                biased;
                value = &mut event => return value,
                _ = tick.tick() => clock.advance(Duration::from_millis(500)),
            }
        }
    };
    soon("an event that comes with time", passing).await
}
