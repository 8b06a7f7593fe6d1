//! The outcome of a step.

use std::time::Duration;

use super::advice::Advice;

/// How a step ended.
pub(super) enum Outcome {
    Ok(Duration),
    /// The step failed after this time, for this reason.
    Failed(Duration, String, Advice),
    Doubtful(Advice),
    Skipped(String),
}
