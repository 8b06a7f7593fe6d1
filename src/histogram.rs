//! Durations, counted in fixed buckets.

use std::time::Duration;

/// The number of buckets with an upper bound; one more has none.
const BOUNDED: usize = 21;
/// The upper bound of the first bucket, in nanoseconds. Each further bound is twice the previous one.
const FIRST_BOUND: u64 = 100_000;

/// A count of durations in buckets: up to 0.1 ms, 0.2 ms, 0.4 ms and so on up to 105 s, and longer ones. Counting a duration
/// takes a few instructions and no memory, so that every message can be counted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Histogram {
    buckets: [Bucket; BOUNDED + 1],
    max: u64,
}

/// One bucket. It has its own sum, so that the difference of two snapshots has the right sum as well.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Bucket {
    count: u64,
    nanos: u64,
}

impl Histogram {
    pub(crate) fn record(&mut self, time: Duration) {
        let nanos = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        // A bucket includes its upper bound, as in Prometheus.
        let doublings = u64::BITS - (nanos.saturating_sub(1) / FIRST_BOUND).leading_zeros();
        let bucket = &mut self.buckets[(doublings as usize).min(BOUNDED)];
        bucket.count += 1;
        bucket.nanos = bucket.nanos.saturating_add(nanos);
        self.max = self.max.max(nanos);
    }

    /// Returns the number of durations.
    pub fn count(&self) -> u64 {
        self.buckets.iter().map(|bucket| bucket.count).sum()
    }

    /// Returns the sum of all durations.
    pub fn sum(&self) -> Duration {
        Duration::from_nanos(self.buckets.iter().fold(0, |sum, bucket| sum.saturating_add(bucket.nanos)))
    }

    /// Returns the longest duration; zero if there is none.
    pub fn max(&self) -> Duration {
        Duration::from_nanos(self.max)
    }

    /// Returns the buckets: their upper bounds, which they include, and the number of durations in each. The last one has no
    /// bound.
    pub fn buckets(&self) -> impl Iterator<Item = (Option<Duration>, u64)> + '_ {
        self.buckets.iter().enumerate().map(|(index, bucket)| (bound(index), bucket.count))
    }

    /// Returns an estimate of the duration that this part of all durations (such as 0.95) does not exceed: it lies in the right
    /// bucket, and never above the longest duration. `None` if there is no duration yet.
    pub fn quantile(&self, part: f64) -> Option<Duration> {
        let wanted = part.clamp(0.0, 1.0) * self.count() as f64;
        let mut below = 0;
        for (index, bucket) in self.buckets.iter().enumerate() {
            if bucket.count > 0 && (below + bucket.count) as f64 >= wanted {
                let from = index.checked_sub(1).and_then(bound).unwrap_or_default();
                let to = bound(index).map_or(self.max(), |bound| bound.min(self.max()));
                let share = (wanted - below as f64) / bucket.count as f64;
                return Some(from + to.saturating_sub(from).mul_f64(share.clamp(0.0, 1.0)));
            }
            below += bucket.count;
        }
        None
    }

    /// What was counted since an earlier look: of each bucket that has something new, the mean of that, and how many times
    /// there are.
    #[cfg(feature = "metrics")]
    pub(crate) fn since<'a>(&'a self, earlier: &'a Histogram) -> impl Iterator<Item = (Duration, u64)> + 'a {
        self.buckets.iter().zip(&earlier.buckets).filter_map(|(now, then)| {
            let count = now.count.saturating_sub(then.count);
            let nanos = now.nanos.saturating_sub(then.nanos).checked_div(count)?;
            Some((Duration::from_nanos(nanos), count))
        })
    }
}

/// Returns the upper bound of a bucket; `None` for the last one.
fn bound(index: usize) -> Option<Duration> {
    (index < BOUNDED).then(|| Duration::from_nanos(FIRST_BOUND << index))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(times: &[u64]) -> Histogram {
        let mut histogram = Histogram::default();
        times.iter().for_each(|nanos| histogram.record(Duration::from_nanos(*nanos)));
        histogram
    }

    #[test]
    fn a_bound_belongs_to_its_bucket() {
        let last = FIRST_BOUND << (BOUNDED - 1);
        let histogram = of(&[0, FIRST_BOUND, FIRST_BOUND + 1, 2 * FIRST_BOUND, last, last + 1, u64::MAX]);
        let counts: Vec<u64> = histogram.buckets().map(|(_, count)| count).collect();
        assert_eq!((counts[0], counts[1], counts[2], counts[BOUNDED - 1], counts[BOUNDED]), (2, 2, 0, 1, 2));
        assert_eq!(histogram.buckets().last(), Some((None, 2)));
        assert_eq!((histogram.count(), histogram.max()), (7, Duration::from_nanos(u64::MAX)));
    }

    #[test]
    fn without_a_time_there_is_no_quantile() {
        let nothing = Histogram::default();
        assert_eq!((nothing.quantile(0.5), nothing.count(), nothing.sum()), (None, 0, Duration::ZERO));
    }

    proptest! {
        #[test]
        fn a_quantile_is_in_the_bucket_of_the_right_time(
            mut times in prop::collection::vec(0..200_000_000_000_u64, 1..200),
            part in 0.0..=1.0_f64,
        ) {
            let histogram = of(&times);
            times.sort_unstable();
            prop_assert_eq!(histogram.sum(), Duration::from_nanos(times.iter().sum()));
            let rank = ((part * times.len() as f64).ceil() as usize).clamp(1, times.len());
            let right = Duration::from_nanos(times[rank - 1]);
            let estimate = histogram.quantile(part).unwrap();
            let bounds = || histogram.buckets().map_while(|(bound, _)| bound);
            let from = bounds().filter(|bound| *bound < right).last().unwrap_or_default();
            let to = bounds().find(|bound| *bound >= right).unwrap_or(Duration::MAX);
            prop_assert!(from <= estimate && estimate <= to, "{estimate:?} is not between {from:?} and {to:?}");
            prop_assert!(estimate <= histogram.max());
        }
    }
}
