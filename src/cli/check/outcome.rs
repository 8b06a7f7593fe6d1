//! What became of a step.

use std::time::Duration;

use super::advice::Advice;

/// How a step ended.
pub(super) enum Outcome {
    Ok(Duration),
    /// After how long, and why.
    Failed(Duration, String, Advice),
    Doubtful(Advice),
    Skipped(String),
}
