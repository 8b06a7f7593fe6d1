//! The MQTT engine.
//!
//! `protocol` turns bytes into packets, `session` is the state machine without I/O, `link` opens sockets, `driver`
//! joins them in one task per client, `outbox` and `inbox` bound what waits, `client` is the handle for the rest of
//! the crate.

mod client;
mod driver;
mod inbox;
mod link;
mod outbox;
pub(crate) mod protocol;
mod runtime;
mod sender;
mod session;
pub(crate) mod topic;
pub(crate) mod wait;

pub(crate) use client::{Client, PendingWrite};
pub(crate) use inbox::Delivery;
pub(crate) use link::TrustAnchors;
