//! The state of a writer's session at QoS 2, where it is kept beyond the process: by the outbox on disk.
//!
//! What has to be kept is which messages are released, that is, may be completed by PUBREL and must not be published again; their
//! packet identifiers are given with them. So PUBREL waits until that is kept: [`KeptSession::received`], `Client::take_received`,
//! `Client::release`. And it has to be known which session they belong to: one that has just begun knows none of them.

use std::future::Future;
use std::pin::Pin;

use tokio::time::Instant;

use crate::error::Result;

/// See the module.
pub(crate) trait KeptSession: Send + Sync {
    /// True when what is kept belongs to the session of this client at this broker.
    fn is_of(&self, client_id: &str, broker: &str) -> bool;

    /// The broker has a new session for this client: what is kept of another one means nothing any more. Nothing is published before
    /// this has ended well.
    fn begin(&self, client_id: &str, broker: &str) -> Pin<Box<dyn Future<Output = Result<()>> + Send>>;

    /// PUBREC has come for messages whose PUBREL waits.
    fn received(&self);
}

/// What an earlier process has done with a message, in the session that it has left at the broker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Earlier {
    #[default]
    Nothing,
    PerhapsPublished,
    /// PUBREC came, and PUBREL was perhaps sent.
    Released,
}

/// What the outbox on disk knows of a message that it publishes.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Kept {
    pub earlier: Earlier,
    /// When the outbox has taken it; `None`: with its publish.
    pub accepted: Option<Instant>,
}
