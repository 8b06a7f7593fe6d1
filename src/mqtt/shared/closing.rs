//! Closing a client in good order, and waiting for publishes that are under way.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use super::{Shared, closed_error};
use crate::wait::after;

/// The state of a close; see the module.
#[derive(Default)]
pub(super) struct Closing {
    /// The moment at which an orderly close gives up; `None` means that the client is not being closed.
    by: watch::Sender<Option<Instant>>,
}

impl Shared {
    /// Begins an orderly close: from now on nothing is accepted, and nothing can be read. The driver ends the client when
    /// everything that was accepted has ended, after this time at the latest.
    pub fn begin_close(&self, timeout: Duration) {
        let waiting = self.with(|session| {
            session.refuse(closed_error());
            session.outgoing.room.close()
        });
        waiting.into_iter().for_each(std::task::Waker::wake);
        self.inbox.close(closed_error());
        self.closing.by.send_if_modified(|by| {
            let first = by.is_none();
            if first {
                *by = Some(after(timeout));
            }
            first
        });
        self.wake_driver();
    }

    pub fn close_deadline(&self) -> Option<Instant> {
        *self.closing.by.borrow()
    }

    /// Waits until the client is being closed.
    pub async fn closing(&self) {
        let mut by = self.closing.by.subscribe();
        // The wait can't fail, since the sender lives in `self`.
        let _ = by.wait_for(Option::is_some).await;
    }

    /// Waits, without a connection, until the client is being closed and reconnecting is of no use.
    pub async fn reconnecting_is_useless(&self) {
        self.closing().await;
        let deadline = self.close_deadline().unwrap_or_else(Instant::now);
        loop {
            let progress = self.progress.notified();
            if self.look(|session| session.outgoing.pending()) == 0 {
                return;
            }
            tokio::select! {
                biased;
                () = progress => {}
                () = sleep_until(deadline) => return,
            }
        }
    }

    /// Waits until every publish below this number has ended. Returns false when the client has ended instead.
    pub async fn ended_before(&self, number: u64) -> bool {
        loop {
            let progress = self.progress.notified();
            // The end of the client is looked at first, since it ends every publish, too.
            match self.look(|session| (session.outgoing.has_ended(), session.outgoing.has_ended_before(number))) {
                (true, _) => return false,
                (false, true) => return true,
                (false, false) => progress.await,
            }
        }
    }
}
