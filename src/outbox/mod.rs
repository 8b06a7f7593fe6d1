//! The outbox on disk: what a writer has accepted survives the death of the process, a loss of power and days without a network.

#[cfg(test)]
mod disk;
mod files;
mod log;
mod record;
mod segment;
