//! Sending the session's output: by a caller who finds the link idle, otherwise by the driver.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, TryLockError};

use tokio::sync::Notify;

use super::Shared;
use crate::lock::lock;
use crate::mqtt::link::Link;
use crate::mqtt::sender::{Flushed, Sender};
use crate::mqtt::session::Aftermath;

/// The threshold for output that must go at once: it is worth a call, however little it is.
const ANYTHING: u64 = 1;
/// The number of bytes that are worth a call of the operating system of their own.
const WORTHWHILE: u64 = 16 * 1024;

/// The sending half of the shared state; see the module.
#[derive(Default)]
pub(super) struct Sending {
    sender: Mutex<Sender>,
    /// Wakes the driver.
    wake: Notify,
    /// True while the driver is at work and will look at the output before it sleeps: a caller who appends need not wake it.
    ///
    /// The flag is not changed under the session's lock, but the lock makes its order safe. The driver sets it to false first,
    /// and looks at the output under the lock then; a caller appends under the lock first, and sets it to true then. So either
    /// the driver sees what was appended, or the caller sees that the driver may sleep, and wakes it.
    awake: AtomicBool,
}

impl Shared {
    pub(super) fn attach_sender(&self, link: Arc<Link>) {
        lock(&self.sending.sender).attach(link);
    }

    pub(super) fn detach_sender(&self) {
        lock(&self.sending.sender).detach();
    }

    /// Writes everything that is to be sent.
    pub fn flush(&self) -> std::io::Result<Flushed> {
        self.flush_while(ANYTHING)
    }

    /// Writes the output in large pieces, for the driver, since a call costs as much as accepting ten messages. A small amount
    /// that has been appended meanwhile is left for the next time. `waiting` is the number of bytes in the output now.
    pub fn flush_gathered(&self, link: &Link, waiting: u64) -> std::io::Result<Flushed> {
        if (ANYTHING..WORTHWHILE).contains(&waiting) {
            link.let_others_append();
        }
        self.flush_while(WORTHWHILE)
    }

    fn flush_while(&self, worthwhile: u64) -> std::io::Result<Flushed> {
        let mut aftermath = Aftermath::default();
        let flushed = lock(&self.sending.sender).flush(&self.session, worthwhile, &mut aftermath);
        self.settle(aftermath);
        flushed
    }

    /// Sends what the caller has just put into the session: by itself if nobody else is sending, else by the driver.
    pub fn send_now(&self) {
        let mut aftermath = Aftermath::default();
        let done = match self.sending.sender.try_lock() {
            Ok(mut sender) => match sender.flush(&self.session, ANYTHING, &mut aftermath) {
                Ok(Flushed::All) => true,
                Ok(Flushed::Blocked) => false,
                Err(e) => {
                    sender.keep(e);
                    false
                }
            },
            Err(TryLockError::WouldBlock | TryLockError::Poisoned(_)) => false,
        };
        self.settle(aftermath);
        if !done {
            self.wake_driver();
        }
    }

    /// Leaves what a caller has just put into the session to the driver, which is woken only if it sleeps. The driver takes all
    /// that has gathered until it writes.
    pub fn send_soon(&self) {
        if !self.sending.awake.swap(true, Ordering::AcqRel) {
            self.sending.wake.notify_one();
        }
    }

    /// Makes the driver look at everything.
    pub fn wake_driver(&self) {
        self.sending.awake.store(true, Ordering::Release);
        self.sending.wake.notify_one();
    }

    /// Waits, for the driver, until it is woken.
    pub async fn woken(&self) {
        self.sending.wake.notified().await;
    }

    /// Returns true when the driver may sleep. Output that is appended after that wakes it.
    pub fn may_sleep(&self, blocked: bool) -> bool {
        self.sending.awake.store(false, Ordering::SeqCst);
        let more = !blocked && self.look(|session| !session.output.is_empty());
        if more {
            self.sending.awake.store(true, Ordering::Release);
        }
        !more
    }
}
