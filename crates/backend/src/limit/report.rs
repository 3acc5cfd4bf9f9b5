//! Refusals are counted, each of them, and logged, a few of them: whoever floods the server
//! must not flood its log.

use std::sync::Arc;

use super::{
    Key,
    rate::{Limiter, Rate, limiter},
};
use crate::{clock::Clock, metrics::Metrics};

/// Log lines about one key and one limit.
const LINES_PER_KEY: Rate = Rate::per_minute(1);

/// Log lines about one limit, whosever: of a crowd, the first ones tell the story.
const LINES_PER_LIMIT: Rate = Rate::per_minute(30);

/// Says what was refused.
#[derive(Debug)]
pub(super) struct Reports {
    keys: Limiter<(&'static str, Key)>,
    limits: Limiter<&'static str>,
    metrics: Arc<Metrics>,
}

impl Reports {
    pub(super) fn new(clock: &Arc<dyn Clock>, metrics: Arc<Metrics>) -> Self {
        let (keys, limits) = (limiter(LINES_PER_KEY, clock), limiter(LINES_PER_LIMIT, clock));
        Self { keys, limits, metrics }
    }

    pub(super) fn refused(&self, limit: &'static str, key: &Key) {
        self.metrics.refused(limit);
        if self.is_news(limit, key) {
            tracing::warn!(limit, %key, "a limit was reached; more of this is only counted");
        }
    }

    fn is_news(&self, limit: &'static str, key: &Key) -> bool {
        self.keys.check_key(&(limit, key.clone())).is_ok() && self.limits.check_key(&limit).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::ManualClock;
    use std::{net::IpAddr, time::Duration};
    use time::OffsetDateTime;

    #[test]
    fn a_flood_is_a_line_a_minute_and_a_crowd_is_a_few() {
        let clock = ManualClock::new(OffsetDateTime::UNIX_EPOCH);
        let shared: Arc<dyn Clock> = Arc::new(clock.clone());
        let reports = Reports::new(&shared, Arc::default());
        let from = |n: u32| Key::Address(IpAddr::from(n.to_be_bytes()).into());
        let lines = |keys: &[u32]| {
            let news = |n: &&u32| reports.is_news("requests-per-address", &from(**n));
            keys.iter().filter(news).count()
        };
        assert_eq!(lines(&[1; 1000]), 1);
        assert!(reports.is_news("tokens-per-address", &from(1)), "another limit is other news");
        clock.advance(Duration::from_secs(60));
        assert_eq!(lines(&[1; 1000]), 1);
        let crowd: Vec<_> = (1000..2000).collect();
        assert_eq!(lines(&crowd), 29);
    }
}
