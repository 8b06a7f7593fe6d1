//! The whole engine under simulation: driver, connection, sender, session and inbox over connections in memory, on a paused
//! clock, with a model broker, and with faults from one seed.
//!
//! A seed repeats its history. `SIMULATION_SEEDS=N` runs N seeds instead of the usual number, `SIMULATION_FROM=N` begins with
//! seed N instead of 0, and `SIMULATION_SEED=N` runs that seed alone and prints its history.

mod broker;
mod callers;
mod history;
mod lives;
mod network;
mod pipe;
mod promises;
mod scenario;
mod tests;
mod world;

pub(crate) use lives::Outside;
pub(crate) use network::Network;
pub(crate) use pipe::Pipe;
pub(crate) use world::{settings, simulate};
