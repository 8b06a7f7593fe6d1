//! The state of a writer's session at QoS 2, if the outbox on disk keeps it beyond the process.
//!
//! It must be stored which messages are released, that is, may be completed by PUBREL and must not be published again; they are
//! identified by their packet identifiers. So PUBREL waits until that is stored: [`KeptSession::received`],
//! `Client::take_received`, `Client::release`. It must also be known to which session they belong: a session that has just
//! begun knows none of them.

use std::future::Future;
use std::pin::Pin;

use tokio::time::Instant;

use crate::error::Result;

/// The keeper of a session beyond the process; see the module.
pub(crate) trait KeptSession: Send + Sync {
    /// Returns true when the kept state belongs to the session of this client at this broker.
    fn is_of(&self, client_id: &str, broker: &str) -> bool;

    /// Begins a new session, which the broker has created for this client: the kept state of another one is void. Nothing is
    /// published before this has ended successfully.
    fn begin(&self, client_id: &str, broker: &str) -> Pin<Box<dyn Future<Output = Result<()>> + Send>>;

    /// Reports that PUBREC has come for messages whose PUBREL waits.
    fn received(&self);
}

/// The progress of a message in an earlier process, in the session that it has left at the broker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Earlier {
    #[default]
    Nothing,
    PerhapsPublished,
    /// PUBREC came, and PUBREL may have been sent.
    Released,
}

/// The facts that the outbox on disk knows about a message that it publishes.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Kept {
    pub earlier: Earlier,
    /// The moment at which the outbox took the message; `None` if it was taken with its publish.
    pub accepted: Option<Instant>,
}
