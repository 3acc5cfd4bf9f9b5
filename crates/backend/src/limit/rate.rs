//! How often: the generic cell rate algorithm, for very many keys in little memory.

use std::{
    collections::BTreeMap, convert::Infallible, fmt, hash::Hash, num::NonZeroU32, str::FromStr,
    sync::Arc, time::Duration,
};

use async_trait::async_trait;
use governor::{
    Quota, RateLimiter,
    clock::Clock as _,
    middleware::StateInformationMiddleware,
    nanos::Nanos,
    state::{InMemoryState, NotKeyed, StateStore},
};
use quick_cache::sync::Cache;

use super::{Decision, Key, Limit, Rates};
use crate::{clock::Clock, store::StoreError};

/// How many keys of a limit are remembered. A forgotten one starts afresh, which is right for
/// whoever was not here lately. With a flood of more addresses than this, the limit forgives
/// too much, and memory stays as it is: about 10 MB with all limits full.
const KEYS: usize = 32_768;

/// The longest window: what is counted is forgotten at a restart anyway.
const LONGEST_WINDOW: Duration = Duration::from_secs(86_400);

/// The most that a rate may count.
const HIGHEST_COUNT: u32 = 1_000_000;

/// So many at once; and what was used comes back evenly, all of it within the window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    count: NonZeroU32,
    window: Duration,
}

impl Rate {
    /// So many in a minute; one, if it is none.
    pub(super) const fn per_minute(count: u32) -> Self {
        let count = match NonZeroU32::new(count) {
            Some(count) => count,
            None => NonZeroU32::MIN,
        };
        Self { count, window: Duration::from_secs(60) }
    }

    /// How many.
    pub fn count(&self) -> u32 {
        self.count.get()
    }

    /// Within which time: whole seconds.
    pub fn window(&self) -> Duration {
        self.window
    }

    /// How long one takes to come back.
    pub(super) fn interval(&self) -> Duration {
        self.window / self.count.get()
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} in {}", self.count, humantime::format_duration(self.window))
    }
}

impl FromStr for Rate {
    type Err = String;

    /// Reads `600/1m`.
    fn from_str(text: &str) -> Result<Self, String> {
        let fix = || "must be COUNT/WINDOW such as 600/1m, or off".to_owned();
        let (count, window) = text.split_once('/').ok_or_else(fix)?;
        let count: NonZeroU32 = count.trim().parse().map_err(|_| fix())?;
        let window = humantime::parse_duration(window.trim()).map_err(|_| fix())?;
        if count.get() > HIGHEST_COUNT {
            return Err(format!("must not count above {HIGHEST_COUNT}"));
        }
        if window.is_zero() || window.subsec_nanos() != 0 || window > LONGEST_WINDOW {
            return Err("must have a window of whole seconds, a day at most".to_owned());
        }
        Ok(Self { count, window })
    }
}

/// Counts for many keys.
pub(super) type Limiter<K> = RateLimiter<K, Recent<K>, Ticks, StateInformationMiddleware>;

/// Holds each of the keys that were seen lately to `rate`.
pub(super) fn limiter<K: Clone + Eq + Hash>(rate: Rate, clock: &Arc<dyn Clock>) -> Limiter<K> {
    // Only a period of no length at all is refused, and no rate has one.
    let quota = Quota::with_period(rate.interval()).unwrap_or(Quota::per_second(rate.count));
    RateLimiter::new(quota.allow_burst(rate.count), Recent(Cache::new(KEYS)), Ticks(clock.clone()))
}

/// What is counted in the memory of this node.
#[derive(Debug)]
pub struct LocalRates(BTreeMap<Limit, (Rate, Limiter<Key>)>);

impl LocalRates {
    /// Counts what has a rate; the rest is not limited.
    pub fn new(rates: &BTreeMap<Limit, Rate>, clock: &Arc<dyn Clock>) -> Self {
        Self(rates.iter().map(|(limit, rate)| (*limit, (*rate, limiter(*rate, clock)))).collect())
    }
}

#[async_trait]
impl Rates for LocalRates {
    async fn take(&self, limit: Limit, key: &Key) -> Result<Option<Decision>, StoreError> {
        let Some((rate, limiter)) = self.0.get(&limit) else { return Ok(None) };
        let (remaining, refused_for) = match limiter.check_key(key) {
            Ok(state) => (state.remaining_burst_capacity(), None),
            Err(until) => (0, Some(until.wait_time_from(limiter.clock().now()))),
        };
        let more_after = refused_for.unwrap_or(rate.interval());
        let refused = refused_for.is_some();
        Ok(Some(Decision { limit, rate: *rate, remaining, more_after, refused }))
    }
}

/// The keys that were seen lately, each with the library's own state.
#[derive(Debug)]
pub(super) struct Recent<K>(Cache<K, Arc<InMemoryState>>);

impl<K: Clone + Eq + Hash> StateStore for Recent<K> {
    type Key = K;

    fn measure_and_replace<T, F, E>(&self, key: &K, measure: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        let fresh = || Ok::<_, Infallible>(Arc::default());
        let state: Arc<InMemoryState> = self.0.get_or_insert_with(key, fresh).unwrap_or_default();
        state.measure_and_replace(&NotKeyed::NonKey, measure)
    }
}

/// Our clock, as the library reads it.
#[derive(Debug)]
pub(super) struct Ticks(Arc<dyn Clock>);

impl governor::clock::Clock for Ticks {
    type Instant = Duration;

    fn now(&self) -> Duration {
        self.0.running()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::ManualClock;
    use std::net::IpAddr;
    use time::OffsetDateTime;

    fn rates(rate: &str) -> (LocalRates, ManualClock) {
        let clock = ManualClock::new(OffsetDateTime::UNIX_EPOCH);
        let rates = [(Limit::RequestsPerAddress, rate.parse().unwrap())].into();
        let shared: Arc<dyn Clock> = Arc::new(clock.clone());
        (LocalRates::new(&rates, &shared), clock)
    }

    fn address(n: u32) -> Key {
        Key::Address(IpAddr::from(n.to_be_bytes()).into())
    }

    async fn ask(rates: &LocalRates, key: &Key) -> Decision {
        rates.take(Limit::RequestsPerAddress, key).await.unwrap().unwrap()
    }

    #[tokio::test]
    async fn a_share_is_used_up_and_comes_back_evenly() {
        let (rates, clock) = rates("3/60s");
        for left in [2, 1, 0] {
            let decision = ask(&rates, &address(1)).await;
            assert_eq!((decision.refused, decision.remaining), (false, left));
            assert_eq!(decision.more_after, Duration::from_secs(20));
        }
        clock.advance(Duration::from_secs(5));
        let decision = ask(&rates, &address(1)).await;
        assert_eq!((decision.refused, decision.remaining), (true, 0));
        assert_eq!(decision.more_after, Duration::from_secs(15));
        assert!(!ask(&rates, &address(2)).await.refused, "everyone has a share of their own");
        clock.advance(decision.more_after);
        assert!(!ask(&rates, &address(1)).await.refused, "it is as it was said");
        assert!(ask(&rates, &address(1)).await.refused);
        clock.advance(Duration::from_secs(60));
        assert_eq!(ask(&rates, &address(1)).await.remaining, 2, "never more than the whole");
    }

    #[tokio::test]
    async fn insisting_makes_nothing_worse() {
        let (rates, clock) = rates("1/10s");
        ask(&rates, &address(1)).await;
        for _ in 0..100 {
            assert!(ask(&rates, &address(1)).await.refused);
        }
        clock.advance(Duration::from_secs(10));
        assert!(!ask(&rates, &address(1)).await.refused);
    }

    #[tokio::test]
    async fn what_has_no_rate_is_not_limited() {
        let (rates, _) = rates("1/1s");
        for _ in 0..10 {
            let taken = rates.take(Limit::UpdatesPerSession, &address(1)).await;
            assert_eq!(taken.unwrap(), None);
        }
    }

    #[tokio::test]
    async fn a_million_addresses_take_no_more_memory_than_a_few() {
        let (rates, _) = rates("2/1d");
        let constant = address(u32::MAX);
        ask(&rates, &constant).await;
        ask(&rates, &constant).await;
        for n in 0..1_000_000 {
            assert!(!ask(&rates, &address(n)).await.refused);
            if n % 1000 == 0 {
                assert!(
                    ask(&rates, &constant).await.refused,
                    "who is there often is not forgotten"
                );
            }
        }
        let (_, limiter) = rates.0.into_values().next().unwrap();
        let kept = limiter.into_state_store().0.len();
        // The library keeps them in shards, and rounds up.
        assert!((16_000..40_000).contains(&kept), "{kept}");
    }

    #[test]
    fn a_rate_is_a_count_and_a_window() {
        let rate: Rate = "600/1m".parse().unwrap();
        assert_eq!((rate.count(), rate.window()), (600, Duration::from_secs(60)));
        assert_eq!(rate.to_string(), "600 in 1m");
        assert_eq!("5 / 1s".parse::<Rate>().unwrap().interval(), Duration::from_millis(200));
        for bad in ["", "600", "600/", "/1m", "0/1m", "-1/1m", "1.5/1m", "600/0s", "600/1500ms"] {
            assert!(bad.parse::<Rate>().is_err(), "{bad}");
        }
        for bad in ["600/2d", "1000001/1s", "600/1m/1s", "600/1 minute ago"] {
            assert!(bad.parse::<Rate>().is_err(), "{bad}");
        }
    }
}
