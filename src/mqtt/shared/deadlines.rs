//! The deadlines of publishes, which are watched for as long as the client lives, with or without a connection.

use std::convert::Infallible;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

use super::Shared;

/// The watch over deadlines; see the module.
pub(super) struct Watch {
    born: Instant,
    /// The next deadline that is watched, in milliseconds after `born`; `u64::MAX` means none.
    next: AtomicU64,
    /// Wakes the watch when a deadline comes that is earlier than those it knows.
    earlier: Notify,
    /// Notifies that a publish was accepted without a connection.
    accepted_offline: Notify,
}

impl Watch {
    pub fn new(now: Instant) -> Watch {
        Watch { born: now, next: AtomicU64::new(u64::MAX), earlier: Notify::new(), accepted_offline: Notify::new() }
    }

    fn millis(&self, at: Instant) -> u64 {
        u64::try_from(at.saturating_duration_since(self.born).as_millis()).unwrap_or(u64::MAX - 1)
    }
}

impl Shared {
    /// Watches the deadline of a publish that has been accepted.
    pub fn watch(&self, deadline: Instant) {
        let at = self.watch.millis(deadline);
        if at < self.watch.next.load(Ordering::Acquire) {
            self.watch.next.fetch_min(at, Ordering::AcqRel);
            self.watch.earlier.notify_one();
        }
        if !self.is_connected() {
            self.watch.accepted_offline.notify_one();
        }
    }

    /// Waits, without a connection, until a publish is accepted.
    pub async fn accepted_offline(&self) {
        self.watch.accepted_offline.notified().await;
    }

    /// Fails publishes whose deadline has passed, for as long as the client lives.
    ///
    /// The driver need not be woken for that. A publish that fails without having been sent waits behind others that are in
    /// flight, so its end does not leave the session idle, and a close waits for the others' acknowledgements. Without a
    /// connection a close is notified by `progress`.
    pub async fn expire_overdue(&self) -> Infallible {
        loop {
            let earlier = self.watch.earlier.notified();
            self.watch.next.store(u64::MAX, Ordering::Release);
            let now = Instant::now();
            match self.with(|session| session.outgoing.expire(now)) {
                None => earlier.await,
                Some(at) => {
                    self.watch.next.fetch_min(self.watch.millis(at), Ordering::AcqRel);
                    tokio::select! {
                        biased;
                        () = earlier => {}
                        () = sleep_until(at) => {}
                    }
                }
            }
        }
    }
}
