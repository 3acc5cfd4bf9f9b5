//! Waiting for events: never for time to pass.

use std::{future::Future, time::Duration};

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
