//! How long attempts go on after a failure that would otherwise be the end.

use std::time::Duration;

use tokio::time::Instant;

pub(super) struct Patience {
    most: Duration,
    /// When the first of the failures came.
    since: Option<Instant>,
}

impl Patience {
    /// Zero: none.
    pub fn new(most: Duration) -> Patience {
        Patience { most, since: None }
    }

    /// After a failure: how long another attempt may be put off; `None`: there is to be none.
    pub fn left(&mut self) -> Option<Duration> {
        let since = *self.since.get_or_insert_with(Instant::now);
        self.most.checked_sub(since.elapsed()).filter(|left| !left.is_zero())
    }

    /// It was no failure after all.
    pub fn renew(&mut self) {
        self.since = None;
    }
}
