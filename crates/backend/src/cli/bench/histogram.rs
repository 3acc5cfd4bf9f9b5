//! Durations by the million in a few kilobytes: a bucket for every value up to a rounding of
//! less than one percent.

use std::time::Duration;

/// Each doubling of a value is divided into `1 << PRECISION` buckets.
const PRECISION: u32 = 7;
const BUCKETS_PER_DOUBLING: usize = 1 << PRECISION;

/// Durations, counted.
#[derive(Debug)]
pub(super) struct Histogram {
    buckets: Vec<u64>,
    count: u64,
    longest: Duration,
}

impl Default for Histogram {
    fn default() -> Self {
        let doublings = (u64::BITS - PRECISION + 1) as usize;
        let buckets = vec![0; doublings * BUCKETS_PER_DOUBLING];
        Self { buckets, count: 0, longest: Duration::ZERO }
    }
}

/// The bucket of a value in nanoseconds: its leading digits, after the number of those left out.
fn bucket(nanoseconds: u64) -> usize {
    let bits = u64::BITS - nanoseconds.leading_zeros();
    let left_out = bits.saturating_sub(PRECISION + 1);
    let leading = (nanoseconds >> left_out) as usize;
    left_out as usize * BUCKETS_PER_DOUBLING + leading
}

/// The smallest value of a bucket, in nanoseconds.
fn smallest(bucket: usize) -> u64 {
    match bucket.checked_sub(2 * BUCKETS_PER_DOUBLING) {
        None => bucket as u64,
        Some(above) => {
            let left_out = above / BUCKETS_PER_DOUBLING + 1;
            ((BUCKETS_PER_DOUBLING + above % BUCKETS_PER_DOUBLING) as u64) << left_out
        }
    }
}

impl Histogram {
    /// Counts a duration.
    pub(super) fn add(&mut self, duration: Duration) {
        let nanoseconds = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        self.buckets[bucket(nanoseconds)] += 1;
        self.count += 1;
        self.longest = self.longest.max(duration);
    }

    /// The duration that `percent` of all do not exceed; `None` where there are none.
    pub(super) fn percentile(&self, percent: u64) -> Option<Duration> {
        let rank = (self.count * percent).div_ceil(100).max(1);
        let mut below = 0;
        let found = self.buckets.iter().position(|count| {
            below += count;
            below >= rank
        })?;
        Some(Duration::from_nanos(smallest(found)))
    }

    /// The longest of all, exactly; `None` where there are none.
    pub(super) fn longest(&self) -> Option<Duration> {
        (self.count > 0).then_some(self.longest)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn nothing_has_no_percentile() {
        assert_eq!(Histogram::default().percentile(50), None);
        assert_eq!(Histogram::default().longest(), None);
    }

    #[test]
    fn the_longest_of_all_times_has_a_bucket() {
        let mut histogram = Histogram::default();
        histogram.add(Duration::MAX);
        assert!(histogram.percentile(100).is_some());
    }

    proptest! {
        #[test]
        fn percentiles_are_those_of_the_sorted_values(
            mut values in prop::collection::vec(
                prop_oneof![0..1_000_u64, 0..20_000_000_000_u64, any::<u64>()], 1..200),
            percent in 1..=100_u64,
        ) {
            let mut histogram = Histogram::default();
            for value in &values {
                histogram.add(Duration::from_nanos(*value));
            }
            values.sort_unstable();
            let rank = (values.len() * percent as usize).div_ceil(100);
            let exact = values[rank - 1] as f64;
            let found = histogram.percentile(percent).unwrap().as_nanos() as f64;
            prop_assert!(found <= exact && exact - found <= exact / 100.0, "{found} {exact}");
            prop_assert_eq!(histogram.longest().unwrap().as_nanos(), u128::from(*values.last().unwrap()));
        }

        #[test]
        fn buckets_and_values_agree(value in any::<u64>()) {
            let at = bucket(value);
            prop_assert!(smallest(at) <= value);
            prop_assert!(value == u64::MAX || bucket(value + 1) >= at);
            prop_assert_eq!(bucket(smallest(at)), at);
        }
    }
}
