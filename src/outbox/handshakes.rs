//! The state that QoS 2 needs besides the messages: the broker's session in which they are sent, how far numbers are reserved,
//! and which messages wait for their PUBREL. The keeper writes it to the journal.

use tokio::sync::oneshot;

use crate::error::Result;
use crate::mqtt::Client;

/// The number of message numbers that are reserved at a time.
pub(super) const RESERVED: u64 = 8192;

/// The state of the QoS 2 handshakes, as the keeper and the feeder share it.
#[derive(Default)]
pub(super) struct Handshakes {
    /// The session that the journal knows, by a digest of its name.
    pub session: Option<u64>,
    /// A session that the broker has begun and that the journal does not know yet.
    pub beginning: Option<Beginning>,
    /// The client has messages whose PUBREL waits for the journal.
    pub has_received: bool,
    /// Messages with lower numbers may be sent.
    pub reserved: u64,
    /// The number up to which the feeder wants numbers reserved.
    pub wanted: u64,
}

/// A new session, and the channel to the task that waits until the journal knows it.
pub(super) struct Beginning {
    pub session: u64,
    pub told: oneshot::Sender<Result<()>>,
}

/// The client's part in releasing packet identifiers, as the keeper uses it.
pub(super) trait Releases: Send + Sync {
    /// Returns the packet identifiers of messages whose PUBREL waits.
    fn take_received(&self) -> Vec<u16>;
    /// Has PUBREL sent for these packet identifiers.
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
