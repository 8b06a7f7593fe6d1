//! A count of events that may be very frequent, which are reported together from time to time.

use std::time::Duration;

use tokio::time::Instant;

/// The first event is reported after this time, together with all that have come meanwhile.
const GATHERING: Duration = Duration::from_secs(1);
/// Reports follow each other at least this far apart.
const AGAIN: Duration = Duration::from_secs(60);

/// The number of events since the last report, and when the next one is due.
#[derive(Default)]
pub(super) struct Gathered {
    untold: u64,
    told: Option<Instant>,
    due: Option<Instant>,
}

impl Gathered {
    /// Counts one more event.
    pub fn count(&mut self, now: Instant) {
        self.untold += 1;
        let told = self.told;
        self.due.get_or_insert_with(|| (now + GATHERING).max(told.map_or(now, |told| told + AGAIN)));
    }

    /// Returns when the next report is due; `None` when there is nothing to report.
    pub fn due(&self) -> Option<Instant> {
        self.due
    }

    /// Returns the number of events to report, if a report is due.
    pub fn take_due(&mut self, now: Instant) -> Option<u64> {
        self.due.filter(|due| *due <= now)?;
        self.told = Some(now);
        self.rest()
    }

    /// Returns the number of events that are still to be reported, at the end.
    pub fn rest(&mut self) -> Option<u64> {
        self.due = None;
        Some(std::mem::take(&mut self.untold)).filter(|count| *count > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_are_told_of_together_at_most_once_a_minute_and_none_is_left_out() {
        let (mut gathered, start) = (Gathered::default(), Instant::now());
        let at = |seconds: u64| start + Duration::from_secs(seconds);
        assert_eq!((gathered.due(), gathered.take_due(at(0))), (None, None));
        (0..50).for_each(|_| gathered.count(at(0)));
        assert_eq!((gathered.due(), gathered.take_due(at(0))), (Some(at(1)), None));
        assert_eq!((gathered.take_due(at(1)), gathered.due()), (Some(50), None));
        gathered.count(at(2));
        gathered.count(at(30));
        assert_eq!((gathered.due(), gathered.take_due(at(60))), (Some(at(61)), None));
        assert_eq!(gathered.take_due(at(61)), Some(2));
        gathered.count(at(200));
        assert_eq!(gathered.due(), Some(at(201)));
        assert_eq!((gathered.rest(), gathered.rest(), gathered.due()), (Some(1), None, None));
    }
}
