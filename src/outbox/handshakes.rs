//! What exactly-once needs besides: which session at the broker the messages are sent in, how far their numbers are reserved, and
//! which of them wait for their PUBREL. The keeper writes it to the journal.

use tokio::sync::oneshot;

use crate::error::Result;
use crate::mqtt::Client;

/// So many numbers are reserved at a time.
pub(super) const RESERVED: u64 = 8192;

/// See the module.
#[derive(Default)]
pub(super) struct Handshakes {
    /// The session that the journal knows, by a digest of its name.
    pub session: Option<u64>,
    /// A session that the broker has begun, and who waits until the journal knows that.
    pub beginning: Option<Beginning>,
    /// The client has messages whose PUBREL waits.
    pub has_received: bool,
    /// Messages with lower numbers may be sent.
    pub reserved: u64,
    /// As far as they should be.
    pub wanted: u64,
}

/// A session that begins.
pub(super) struct Beginning {
    pub session: u64,
    pub told: oneshot::Sender<Result<()>>,
}

/// The client, as far as the keeper needs it.
pub(super) trait Releases: Send + Sync {
    /// The packet identifiers of messages whose PUBREL waits.
    fn take_received(&self) -> Vec<u16>;
    /// Their PUBREL is sent.
    fn release(&self, packet_ids: &[u16]);
}

impl Releases for Client {
    fn take_received(&self) -> Vec<u16> {
        Client::take_received(self)
    }

    fn release(&self, packet_ids: &[u16]) {
        Client::release(self, packet_ids);
    }
}
