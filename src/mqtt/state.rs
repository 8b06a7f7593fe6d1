//! What a client tells of its connection.

use std::fmt;
use std::time::Duration;

use crate::error::Error;

/// A change of a client's connection.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum ConnectionEvent {
    /// The broker has accepted the connection.
    Connected {
        /// Host and port.
        broker: String,
        /// The broker still knew the session.
        session_present: bool,
    },
    /// The connection is lost; the client will try to come back.
    Lost {
        /// Why.
        cause: Error,
    },
    /// The next attempt is made after a delay.
    Retrying {
        /// How long from now.
        delay: Duration,
        /// The broker that will be asked.
        broker: String,
        /// Why there is no connection: how it was lost, or why the last attempt has failed.
        cause: Error,
    },
    /// It works, but something should be changed.
    Warning {
        /// What, and how.
        text: String,
    },
    /// The client has ended: refused by the broker, or lost for good.
    Ended {
        /// Why. What waits, and every later call, fails with it.
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

/// How a client is doing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConnectionInfo {
    /// There is a connection now.
    pub connected: bool,
    /// How often the client came back after a loss.
    pub reconnects: u64,
    /// Publishes that were sent again.
    pub resent: u64,
    /// Publishes in the outbox, in memory or on disk: accepted and not confirmed.
    pub outbox_messages: usize,
    /// Their bytes.
    pub outbox_bytes: usize,
    /// For how long the oldest message has been in the outbox on disk, in milliseconds; 0 without one.
    pub outbox_age_ms: u64,
    /// Messages that the outbox on disk has given up since the writer was opened: older than `max_age`,
    /// dropped for newer ones, or refused by the broker.
    pub outbox_dropped: u64,
    /// Those of them that wait for an acknowledgement of the broker.
    pub in_flight: usize,
    /// Messages in the inbox: arrived and not taken by the application, or not acknowledged by it with `acknowledge: processed`.
    pub inbox_messages: usize,
    /// Their bytes.
    pub inbox_bytes: usize,
}

/// Called with every change, from the client's task: it must return quickly and must not call a blocking method.
pub(crate) type Listener = Box<dyn Fn(&ConnectionEvent) + Send + Sync>;
