//! Messages that were given up: how many have not been told of yet, which is done from time to time.

use std::time::Duration;

use tokio::time::Instant;

/// They are told of at most that often.
const AGAIN: Duration = Duration::from_secs(60);

/// See the module.
#[derive(Default)]
pub(super) struct Dropped {
    untold: u64,
    told: Option<Instant>,
}

impl Dropped {
    /// One more; how many there are to tell of, if it is time for that.
    pub fn count(&mut self, now: Instant) -> Option<u64> {
        self.untold += 1;
        if self.told.is_some_and(|told| now - told < AGAIN) {
            return None;
        }
        self.told = Some(now);
        self.rest()
    }

    /// How many there are to tell of, at the end.
    pub fn rest(&mut self) -> Option<u64> {
        Some(std::mem::take(&mut self.untold)).filter(|count| *count > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_are_told_of_at_most_once_a_minute_and_none_is_left_out() {
        let (mut dropped, start) = (Dropped::default(), Instant::now());
        let at = |seconds: u64| start + Duration::from_secs(seconds);
        let told: Vec<_> = [0, 1, 59, 60, 61, 119, 120].iter().map(|seconds| dropped.count(at(*seconds))).collect();
        assert_eq!(told, [Some(1), None, None, Some(3), None, None, Some(3)]);
        assert_eq!(dropped.rest(), None);
        dropped.count(at(121));
        assert_eq!((dropped.rest(), dropped.rest()), (Some(1), None));
    }
}
