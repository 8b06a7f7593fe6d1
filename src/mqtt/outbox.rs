//! The bounds of what waits to be confirmed, and how the end of a publish is told.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use crate::error::{Error, Result};

/// Room for publishes, by number and by bytes. It belongs to a publish from its acceptance to its end.
pub(crate) struct Room {
    messages: Arc<Semaphore>,
    max_messages: usize,
    bytes: Arc<Semaphore>,
    max_bytes: usize,
}

/// A publish's share of the room, given back when dropped.
#[derive(Debug)]
pub(crate) struct Share {
    _messages: OwnedSemaphorePermit,
    _bytes: OwnedSemaphorePermit,
}

impl Room {
    /// One message larger than `max_bytes` may wait alone.
    pub fn new(max_messages: usize, max_bytes: u32) -> Room {
        let max_messages = max_messages.min(Semaphore::MAX_PERMITS);
        let max_bytes = max_bytes as usize;
        Room {
            messages: Arc::new(Semaphore::new(max_messages)),
            max_messages,
            bytes: Arc::new(Semaphore::new(max_bytes)),
            max_bytes,
        }
    }

    /// Messages and bytes that are in the outbox.
    pub fn used(&self) -> (usize, usize) {
        (self.max_messages - self.messages.available_permits(), self.max_bytes - self.bytes.available_permits())
    }

    /// A share at once, if there is room and nobody waits for it.
    pub fn try_acquire(&self, bytes: usize) -> Option<Share> {
        let messages = self.messages.clone().try_acquire_owned().ok()?;
        let bytes = self.bytes.clone().try_acquire_many_owned(self.permits(bytes)).ok()?;
        Some(Share { _messages: messages, _bytes: bytes })
    }

    /// Waits for a share, in the order of asking; `None` when the client has ended.
    pub fn acquire(&self, bytes: usize) -> impl Future<Output = Option<Share>> + Send + 'static {
        let (messages, room, permits) = (self.messages.clone(), self.bytes.clone(), self.permits(bytes));
        async move {
            let messages = messages.acquire_owned().await.ok()?;
            let bytes = room.acquire_many_owned(permits).await.ok()?;
            Some(Share { _messages: messages, _bytes: bytes })
        }
    }

    fn permits(&self, bytes: usize) -> u32 {
        bytes.min(self.max_bytes) as u32
    }

    /// Wakes everybody who waits: there will be no more room.
    pub fn close(&self) {
        self.messages.close();
        self.bytes.close();
    }
}

/// Ends a publish exactly once: with a result, or, should it be lost on the way, by being dropped.
#[derive(Debug)]
pub(crate) struct Completion {
    result: oneshot::Sender<Result<()>>,
    share: Share,
}

/// The other end of a [`Completion`].
pub(crate) type Confirmation = oneshot::Receiver<Result<()>>;

impl Completion {
    pub fn new(share: Share) -> (Completion, Confirmation) {
        let (result, confirmation) = oneshot::channel();
        (Completion { result, share }, confirmation)
    }

    /// True when nobody waits any more.
    pub fn is_abandoned(&self) -> bool {
        self.result.is_closed()
    }

    /// Tells the one who waits, if he still does.
    pub fn complete(self, result: Result<()>) {
        let Completion { result: sender, share } = self;
        // Before: whoever looks at the outbox after its write must not find the message there.
        drop(share);
        let _ = sender.send(result);
    }
}

/// What a dropped completion means.
pub(crate) fn lost() -> Error {
    Error::Internal("a publish was dropped without a result".into())
}
