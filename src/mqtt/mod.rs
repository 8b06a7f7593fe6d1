//! The MQTT engine.
//!
//! `protocol` turns bytes into packets, `session` is the state machine without I/O, `link` opens sockets. One task
//! per client, the `driver`, joins them: `connect` logs in, `connection` serves an open connection, `backoff` paces
//! the attempts to come back. `outbox` and `inbox` bound what waits, `sender` is the half of a connection that callers
//! share, `state` what is told of it all, `steps` how
//! a connection came about, `client` the handle for the rest of the crate.

mod backoff;
mod client;
mod connect;
mod connection;
mod driver;
mod inbox;
mod link;
mod outbox;
#[cfg(feature = "cli")]
pub(crate) mod probe;
mod protocol;
mod runtime;
mod sender;
mod session;
mod state;
pub(crate) mod steps;
pub(crate) mod topic;
pub(crate) mod wait;

pub(crate) use client::{Client, PendingWrite};
pub(crate) use inbox::Delivery;
pub use protocol::MessageProperties;
#[cfg(feature = "jni")]
pub(crate) use protocol::Publish;
pub(crate) use protocol::Will;
#[cfg(feature = "cli")]
pub(crate) use runtime::Runtime;
pub(crate) use state::Listener;
pub use state::{ConnectionEvent, ConnectionInfo};
