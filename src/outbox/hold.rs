//! How messages are held back while the broker refuses what it may take later.

use std::time::Duration;

use tokio::time::Instant;

use crate::error::Error;

/// The first attempt after a refusal; the pauses double.
const FIRST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(60);
/// A message that the broker refuses without a reason stands in the way of all others no more often than this.
const MAX_TIMES: u32 = 10;

/// The broker refuses what it may take later.
pub(super) struct Hold {
    /// The next attempt, with the first message of the window.
    pub until: Instant,
    /// How often it was refused.
    times: u32,
    /// That attempt is under way.
    pub is_probing: bool,
}

impl Hold {
    /// After a refusal, perhaps one more. `most`: how long its message may wait.
    pub fn after(before: Option<&Hold>, most: Duration) -> Hold {
        let times = times(before);
        let pause = FIRST.saturating_mul(1 << times.min(6)).min(LONGEST).min(most);
        Hold { until: Instant::now() + pause, times: times + 1, is_probing: false }
    }
}

fn times(hold: Option<&Hold>) -> u32 {
    hold.map_or(0, |hold| hold.times)
}

/// Whether the broker may take a message later that it has refused so often: not for what the message is (MQTT 5, section 2.4).
/// `has_own_topic`: it has not the service's, and must not keep those back that have.
pub(super) fn may_pass(error: &Error, hold: Option<&Hold>, has_own_topic: bool) -> bool {
    match error.reason_code() {
        Some(0x87) if has_own_topic => false,
        // Not authorized, quota exceeded: it is about the client, or about the moment.
        Some(0x87 | 0x97) => true,
        // Unspecified, implementation specific: who knows.
        Some(0x80 | 0x83) => times(hold) < MAX_TIMES,
        _ => false,
    }
}
