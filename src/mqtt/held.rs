//! A message that the application has and that is acknowledged only when the application says that it has processed it.

use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};

use super::shared::Shared;

/// A held message; see the module. If it is dropped before it is acknowledged, the broker sends the message again after the
/// connection has been lost, since nobody can acknowledge it any more.
pub(crate) struct Held {
    /// The client, weakly, so that a message that outlives its reader keeps nothing of it in memory. (A panic leaves the shared
    /// state consistent.)
    shared: AssertUnwindSafe<Weak<Shared>>,
    number: u64,
    acknowledged: AtomicBool,
}

impl Held {
    pub(super) fn new(shared: &Arc<Shared>, number: u64) -> Held {
        Held { shared: AssertUnwindSafe(Arc::downgrade(shared)), number, acknowledged: AtomicBool::new(false) }
    }

    /// Acknowledges the message, which the application has processed. Only the first call counts.
    pub fn acknowledge(&self) {
        if !self.acknowledged.swap(true, Ordering::AcqRel)
            && let Some(shared) = self.shared.upgrade()
        {
            shared.acknowledge(|inbox| inbox.taken(self.number));
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if !*self.acknowledged.get_mut()
            && let Some(shared) = self.shared.upgrade()
        {
            shared.failed(self.number);
        }
    }
}
