//! When publishes are overdue.

use std::collections::BTreeSet;
use std::time::Duration;

use tokio::time::Instant;

/// Publishes are accepted nearly in the order of their deadlines, so one number tells which of them have passed. The few
/// that were accepted late, after a wait for room, are kept apart.
#[derive(Default)]
pub(super) struct Deadlines {
    /// Of those in order, none with a lower number has a deadline to come.
    pub first: u64,
    latest: Option<Instant>,
    stragglers: BTreeSet<(Instant, u64)>,
}

/// Threads that write at once are not in perfect order; that much later is in time.
const TOLERANCE: Duration = Duration::from_millis(5);

impl Deadlines {
    /// A publish has been accepted.
    pub fn add(&mut self, number: u64, deadline: Instant) {
        match self.latest {
            Some(latest) if deadline < latest => {
                if deadline + TOLERANCE < latest {
                    self.stragglers.insert((deadline, number));
                }
            }
            _ => self.latest = Some(deadline),
        }
    }

    /// A publish has ended, or its caller does not wait any more: so no more are kept than publishes.
    pub fn remove(&mut self, number: u64, deadline: Instant) {
        if !self.stragglers.is_empty() {
            self.stragglers.remove(&(deadline, number));
        }
    }

    /// One of those apart whose deadline has passed.
    pub fn pop_straggler(&mut self, now: Instant) -> Option<u64> {
        let (deadline, number) = *self.stragglers.first()?;
        (deadline <= now).then(|| {
            self.stragglers.pop_first();
            number
        })
    }

    /// The next deadline of those apart.
    pub fn next_straggler(&self) -> Option<Instant> {
        self.stragglers.first().map(|(deadline, _)| *deadline)
    }

    #[cfg(test)]
    pub fn stragglers(&self) -> impl Iterator<Item = &(Instant, u64)> {
        self.stragglers.iter()
    }
}
