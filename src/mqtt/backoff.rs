//! How long to wait before the next attempt to connect.

use std::time::Duration;

/// A connection that lasted this long counts as stable: the next loss starts with the shortest delay again.
pub(crate) const STABLE: Duration = Duration::from_secs(60);

/// Doubling delays between two bounds. Each is shortened at random by up to a half, so that the clients of a broker
/// that restarts do not come back all at once.
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

    /// The next delay.
    pub fn delay(&mut self) -> Duration {
        let delay = self.next;
        self.next = (delay * 2).min(self.max);
        delay.mul_f64(1.0 - 0.5 * random())
    }
}

/// From 0 to 1; it need not be a good one.
fn random() -> f64 {
    let bits = uuid::Uuid::new_v4().as_u128() as u32;
    f64::from(bits) / f64::from(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_double_between_the_bounds() {
        let seconds = Duration::from_secs;
        let mut backoff = Backoff::new(seconds(1), seconds(5));
        for whole in [1, 2, 4, 5, 5] {
            let delay = backoff.delay();
            assert!(delay >= seconds(whole) / 2 && delay <= seconds(whole), "{delay:?} of {whole} s");
        }
        backoff.reset();
        assert!(backoff.delay() <= seconds(1));
    }
}
