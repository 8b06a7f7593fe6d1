//! The bounds of what waits to be confirmed, and how the end of a publish is told.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use crate::error::{Error, Result};

/// Publishes that may wait at a time.
const MAX_MESSAGES: usize = 10_000;
/// Their bytes; one larger message may wait alone.
const MAX_BYTES: usize = 64 * 1024 * 1024;

/// Room for publishes. It belongs to a publish from its acceptance to its end.
pub(crate) struct Room {
    messages: Arc<Semaphore>,
    bytes: Arc<Semaphore>,
}

/// A publish's share of the room, given back when dropped.
#[derive(Debug)]
pub(crate) struct Share {
    _messages: OwnedSemaphorePermit,
    _bytes: OwnedSemaphorePermit,
}

impl Room {
    pub fn new() -> Room {
        Room { messages: Arc::new(Semaphore::new(MAX_MESSAGES)), bytes: Arc::new(Semaphore::new(MAX_BYTES)) }
    }

    /// A share at once, if there is room and nobody waits for it.
    pub fn try_acquire(&self, bytes: usize) -> Option<Share> {
        let messages = self.messages.clone().try_acquire_owned().ok()?;
        let bytes = self.bytes.clone().try_acquire_many_owned(permits(bytes)).ok()?;
        Some(Share { _messages: messages, _bytes: bytes })
    }

    /// Waits for a share, in the order of asking; `None` when the client has ended.
    pub fn acquire(&self, bytes: usize) -> impl Future<Output = Option<Share>> + Send + 'static {
        let (messages, room) = (self.messages.clone(), self.bytes.clone());
        async move {
            let messages = messages.acquire_owned().await.ok()?;
            let bytes = room.acquire_many_owned(permits(bytes)).await.ok()?;
            Some(Share { _messages: messages, _bytes: bytes })
        }
    }

    /// Wakes everybody who waits: there will be no more room.
    pub fn close(&self) {
        self.messages.close();
        self.bytes.close();
    }
}

fn permits(bytes: usize) -> u32 {
    bytes.min(MAX_BYTES) as u32
}

/// Ends a publish exactly once: with a result, or, should it be lost on the way, by being dropped.
#[derive(Debug)]
pub(crate) struct Completion {
    result: oneshot::Sender<Result<()>>,
    _share: Share,
}

/// The other end of a [`Completion`].
pub(crate) type Confirmation = oneshot::Receiver<Result<()>>;

impl Completion {
    pub fn new(share: Share) -> (Completion, Confirmation) {
        let (result, confirmation) = oneshot::channel();
        (Completion { result, _share: share }, confirmation)
    }

    /// Tells the one who waits, if he still does.
    pub fn complete(self, result: Result<()>) {
        let _ = self.result.send(result);
    }
}

/// What a dropped completion means.
pub(crate) fn lost() -> Error {
    Error::Internal("a publish was dropped without a result".into())
}
