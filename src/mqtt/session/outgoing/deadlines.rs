//! The deadlines of publishes.

use std::collections::BTreeSet;
use std::time::Duration;

use tokio::time::Instant;

/// The deadlines of publishes. Publishes are accepted nearly in the order of their deadlines, so one number tells which of them
/// have passed. Stragglers, the few that were accepted late after a wait for room, are kept apart.
#[derive(Default)]
pub(super) struct Deadlines {
    /// The number below which no deadline in order is still to come.
    pub first: u64,
    latest: Option<Instant>,
    stragglers: BTreeSet<(Instant, u64)>,
}

/// Threads that write at the same time accept publishes slightly out of order. A deadline that is earlier than the latest one
/// by this much or less is not put apart, and may be noticed that much late.
const TOLERANCE: Duration = Duration::from_millis(5);

impl Deadlines {
    /// Adds the deadline of a publish that has been accepted.
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

    /// Removes a deadline whose publish has ended or whose caller does not wait any more, so that there are never more
    /// deadlines than publishes.
    pub fn remove(&mut self, number: u64, deadline: Instant) {
        if !self.stragglers.is_empty() {
            self.stragglers.remove(&(deadline, number));
        }
    }

    /// Returns a straggler whose deadline has passed.
    pub fn pop_straggler(&mut self, now: Instant) -> Option<u64> {
        let (deadline, number) = *self.stragglers.first()?;
        (deadline <= now).then(|| {
            self.stragglers.pop_first();
            number
        })
    }

    /// Returns the next deadline of a straggler.
    pub fn next_straggler(&self) -> Option<Instant> {
        self.stragglers.first().map(|(deadline, _)| *deadline)
    }

    #[cfg(test)]
    pub fn stragglers(&self) -> impl Iterator<Item = &(Instant, u64)> {
        self.stragglers.iter()
    }
}
