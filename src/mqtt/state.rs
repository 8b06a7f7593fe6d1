//! The events and figures with which a client describes its connection.

use std::fmt;
use std::time::Duration;

use crate::error::Error;

/// A change of a client's connection.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum ConnectionEvent {
    /// The broker has accepted the connection.
    Connected {
        /// The broker's host and port.
        broker: String,
        /// True when the broker still knew the session.
        session_present: bool,
    },
    /// The connection is lost; the client will try to reconnect.
    Lost {
        /// The cause of the loss.
        cause: Error,
    },
    /// The next attempt is made after a delay.
    Retrying {
        /// The delay from now.
        delay: Duration,
        /// The broker that will be tried.
        broker: String,
        /// The reason why there is no connection: how it was lost, or why the last attempt has failed.
        cause: Error,
    },
    /// The connection works, but something should be changed.
    Warning {
        /// What should be changed, and how.
        text: String,
    },
    /// The client has ended: refused by the broker, or lost for good.
    Ended {
        /// The cause of the end. What waits, and every later call, fails with it.
        cause: Error,
    },
    /// The application has closed the client.
    Closed,
}

impl fmt::Display for ConnectionEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ConnectionEvent::Connected { broker, session_present: true } => {
                write!(f, "connected to {broker}, session resumed")
            }
            ConnectionEvent::Connected { broker, .. } => write!(f, "connected to {broker}"),
            ConnectionEvent::Lost { cause } => cause.fmt(f),
            ConnectionEvent::Retrying { delay, broker, cause } => {
                write!(f, "connecting to {broker} again in {} ms: {cause}", delay.as_millis())
            }
            ConnectionEvent::Ended { cause } => write!(f, "ended: {cause}"),
            ConnectionEvent::Warning { text } => f.write_str(text),
            ConnectionEvent::Closed => f.write_str("closed"),
        }
    }
}

/// The state and the counters of a client's connection.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConnectionInfo {
    /// True when there is a connection now.
    pub connected: bool,
    /// The number of times that the client has reconnected after a loss.
    pub reconnects: u64,
    /// The number of publishes that were sent again.
    pub resent: u64,
    /// The number of publishes in the outbox, in memory or on disk: accepted and not confirmed.
    pub outbox_messages: usize,
    /// The bytes of the publishes in the outbox.
    pub outbox_bytes: usize,
    /// The time in milliseconds for which the oldest message has been in the outbox on disk; 0 without one.
    pub outbox_age_ms: u64,
    /// The number of messages that the outbox on disk has given up since the writer was opened: older than `max_age`, dropped
    /// for newer ones, or refused by the broker.
    pub outbox_dropped: u64,
    /// The number of publishes that were sent and wait for an acknowledgement of the broker.
    pub in_flight: usize,
    /// The number of messages in the inbox: those that arrived and were not taken by the application, or, with `acknowledge:
    /// processed`, not acknowledged by it.
    pub inbox_messages: usize,
    /// The bytes of the messages in the inbox.
    pub inbox_bytes: usize,
}

/// The listener, which is called with every change on the client's task: it must return quickly and must not call a blocking
/// method.
pub(crate) type Listener = Box<dyn Fn(&ConnectionEvent) + Send + Sync>;
