//! The durations of blocking writes.

use std::time::Duration;

#[derive(Debug, Default)]
pub struct Latencies(Vec<Duration>);

impl Latencies {
    pub fn add(&mut self, latency: Duration) {
        self.0.push(latency);
    }

    pub fn join(&mut self, other: Latencies) {
        self.0.extend(other.0);
    }

    pub fn sort(&mut self) {
        self.0.sort_unstable();
    }

    /// Returns the microseconds that `share` of the durations did not exceed. The durations must be sorted.
    pub fn percentile(&self, share: f64) -> Option<f64> {
        let last = self.0.len().checked_sub(1)?;
        let latency = self.0[(last as f64 * share) as usize];
        Some(latency.as_nanos() as f64 / 1000.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles() {
        let mut latencies = Latencies::default();
        assert_eq!(latencies.percentile(0.5), None);
        for micros in (0..=100).rev() {
            latencies.add(Duration::from_micros(micros));
        }
        latencies.sort();
        assert_eq!(latencies.percentile(0.5), Some(50.0));
        assert_eq!(latencies.percentile(0.99), Some(99.0));
    }
}
