//! A message that the application has and that is acknowledged only when the application says that it has processed it.

use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};

use super::shared::Shared;

/// See the module. Dropped before that, the message comes again when the connection has been lost: nobody can acknowledge it any
/// more.
pub(crate) struct Held {
    /// A message that outlives its reader keeps nothing of it in memory. (A panic leaves what is shared consistent.)
    shared: AssertUnwindSafe<Weak<Shared>>,
    number: u64,
    acknowledged: AtomicBool,
}

impl Held {
    pub(super) fn new(shared: &Arc<Shared>, number: u64) -> Held {
        Held { shared: AssertUnwindSafe(Arc::downgrade(shared)), number, acknowledged: AtomicBool::new(false) }
    }

    /// The application has processed the message. Only the first time counts.
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
