//! The time for which attempts go on after a failure that would otherwise be final.

use std::time::Duration;

use tokio::time::Instant;

pub(super) struct Patience {
    most: Duration,
    /// The moment of the first failure.
    since: Option<Instant>,
}

impl Patience {
    /// Creates the patience; with zero there is no further attempt.
    pub fn new(most: Duration) -> Patience {
        Patience { most, since: None }
    }

    /// Returns how long another attempt may be put off after a failure. `None` means that there must be no further attempt.
    pub fn left(&mut self) -> Option<Duration> {
        let since = *self.since.get_or_insert_with(Instant::now);
        self.most.checked_sub(since.elapsed()).filter(|left| !left.is_zero())
    }

    /// Starts anew after a success.
    pub fn renew(&mut self) {
        self.since = None;
    }
}
