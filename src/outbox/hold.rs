//! Holding messages back while the broker refuses what it may accept later.

use std::time::Duration;

use tokio::time::Instant;

use crate::error::Error;

/// The pause before the first attempt after a refusal; later pauses double.
const FIRST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(60);
/// The number of attempts for a message that is refused without a telling reason, so that it does not block the others for
/// ever.
const MAX_TIMES: u32 = 10;

/// A pause in publishing, because the broker refuses what it may accept later.
pub(super) struct Hold {
    /// The time of the next attempt, with the first message of the window.
    pub until: Instant,
    /// The number of refusals so far.
    times: u32,
    /// The attempt is under way.
    pub is_probing: bool,
}

impl Hold {
    /// Returns the hold after a refusal, which may follow earlier ones. `most` is how long the message may still wait.
    pub fn after(before: Option<&Hold>, most: Duration) -> Hold {
        let times = times(before);
        let pause = FIRST.saturating_mul(1 << times.min(6)).min(LONGEST).min(most);
        Hold { until: Instant::now() + pause, times: times + 1, is_probing: false }
    }
}

fn times(hold: Option<&Hold>) -> u32 {
    hold.map_or(0, |hold| hold.times)
}

/// Returns whether the broker may accept the message later, in spite of the refusals so far: only if the reason is not the
/// message itself (MQTT 5, section 2.4). A message with its own topic (`has_own_topic`) must not hold back those with the
/// service's topic.
pub(super) fn may_pass(error: &Error, hold: Option<&Hold>, has_own_topic: bool) -> bool {
    match error.reason_code() {
        Some(0x87) if has_own_topic => false,
        // Not authorized and quota exceeded concern the client or the moment, not the message.
        Some(0x87 | 0x97) => true,
        // Unspecified error and implementation specific error leave the reason open.
        Some(0x80 | 0x83) => times(hold) < MAX_TIMES,
        _ => false,
    }
}
