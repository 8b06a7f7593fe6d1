//! The delays before the next attempt to connect.

use std::time::Duration;

/// A connection that lasted this long counts as stable: the next loss starts with the shortest delay again.
pub(crate) const STABLE: Duration = Duration::from_secs(60);

/// Doubling delays between two bounds. Each is shortened at random by up to a half, so that the clients of a broker that
/// restarts do not reconnect all at once.
pub(crate) struct Backoff {
    min: Duration,
    max: Duration,
    next: Duration,
}

impl Backoff {
    pub fn new(min: Duration, max: Duration) -> Backoff {
        Backoff { min, max: max.max(min), next: min }
    }

    pub fn reset(&mut self) {
        self.next = self.min;
    }

    /// Returns the next delay; `random` is a number from 0 to 1.
    pub fn delay(&mut self, random: f64) -> Duration {
        let delay = self.next;
        self.next = (delay * 2).min(self.max);
        delay.mul_f64(1.0 - 0.5 * random)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_double_between_the_bounds() {
        let seconds = Duration::from_secs;
        let mut backoff = Backoff::new(seconds(1), seconds(5));
        for (whole, random) in [(1, 0.0), (2, 1.0), (4, 0.5), (5, 0.0), (5, 1.0)] {
            assert_eq!(backoff.delay(random), seconds(whole).mul_f64(1.0 - 0.5 * random));
        }
        backoff.reset();
        assert_eq!(backoff.delay(0.0), seconds(1));
    }
}
