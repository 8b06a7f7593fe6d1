//! The common parts of every measuring program in Rust: its options, the row, clock and CPU, and the line with the result.

pub mod control;
pub mod feeding;
pub mod latencies;
pub mod many;
pub mod measured;
pub mod meter;
pub mod options;
pub mod presence;
pub mod row;
pub mod under_way;

/// A result whose error is shown to the user and ends the program.
pub type Outcome<T = ()> = Result<T, Box<dyn std::error::Error + Send + Sync>>;
