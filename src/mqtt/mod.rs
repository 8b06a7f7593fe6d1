//! The MQTT engine.
//!
//! `protocol` turns bytes into packets, `session` is the state machine without I/O, and `link` opens sockets. Each client has
//! one task, the `driver`, which joins them: `connect` logs in, `leftover` discards the session that an earlier process has
//! left at the broker, `connection` serves an open connection, `backoff` paces the attempts to reconnect, and `suspicion`
//! explains brokers that only hang up. `kept_session` is what the outbox on disk keeps of a session beyond the process. `inbox`
//! bounds the messages that wait to be read, `held` is a message until the application has processed it, and `standstill` warns
//! about an application that does not acknowledge. `sender` is the half of a connection that callers share, `state` holds the
//! events and numbers that are reported about it, and `steps` describes how a connection came about. `shared` is what the
//! driver and the callers have in common, `publishing` is a publish from the caller's side, and `client` is the handle for the
//! rest of the crate.

mod backoff;
mod client;
mod connect;
mod connection;
mod driver;
mod heading;
mod held;
mod inbox;
mod inquiry;
mod kept_session;
mod leftover;
mod link;
mod patience;
mod plan;
#[cfg(feature = "cli")]
pub(crate) mod probe;
pub(crate) mod protocol;
mod publishing;
mod runtime;
mod sender;
pub(crate) mod session;
mod shared;
#[cfg(test)]
pub(crate) mod simulation;
mod spare;
mod standstill;
mod state;
pub(crate) mod steps;
mod suspicion;

pub(crate) use client::Client;
pub(crate) use heading::Heading;
pub(crate) use held::Held;
pub(crate) use inbox::Delivery;
pub(crate) use kept_session::{Earlier, Kept, KeptSession};
#[cfg(any(test, feature = "fuzz"))]
pub(crate) use link::{fuzz_answer, fuzz_certificate};
pub(crate) use protocol::MessageProperties;
pub(crate) use protocol::Publish;
pub(crate) use protocol::Will;
pub(crate) use publishing::{PendingWrite, Way};
pub(crate) use publishing::{Submitted, Unsent};
#[cfg(feature = "cli")]
pub(crate) use runtime::Runtime;
pub(crate) use session::Ended;
pub(crate) use session::{Tally, ValueSize};
pub(crate) use shared::closed_error;
pub(crate) use state::Listener;
pub use state::{ConnectionEvent, ConnectionInfo};
