//! The sending half of a connection. Whoever holds it writes: the driver, or a caller who finds the link idle.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use tokio::time::Instant;

use super::link::{Link, Written};
use super::session::{Aftermath, Session};
use crate::lock::lock;

/// See the module.
#[derive(Default)]
pub(crate) struct Sender {
    link: Option<Arc<Link>>,
    /// Taken out of the session and not yet written.
    batch: VecDeque<Bytes>,
    /// Where in the session's output `batch` ends.
    position: u64,
    /// Why writing failed; the driver has yet to act on it.
    failure: Option<std::io::Error>,
}

/// How far [`Sender::flush`] came.
#[derive(Debug, PartialEq)]
pub(crate) enum Flushed {
    /// Nothing is left that would be worth another call.
    All,
    /// The socket takes no more at the moment.
    Blocked,
}

impl Sender {
    pub fn attach(&mut self, link: Arc<Link>) {
        *self = Sender { link: Some(link), ..Sender::default() };
    }

    pub fn detach(&mut self) {
        *self = Sender::default();
    }

    /// Writes what the session has to send, as far as the socket takes it, and what is appended meanwhile if that has
    /// `worthwhile` bytes. What follows from it is added to `aftermath`.
    pub fn flush(
        &mut self,
        session: &Mutex<Session>,
        worthwhile: u64,
        aftermath: &mut Aftermath,
    ) -> std::io::Result<Flushed> {
        if let Some(failure) = self.failure.take() {
            return Err(failure);
        }
        let Some(link) = self.link.clone() else { return Ok(Flushed::All) };
        let mut least = 1;
        loop {
            if self.batch.is_empty() && !link.wants_write() {
                let mut session = lock(session);
                if self.position > 0 {
                    session.flushed(self.position, Instant::now());
                    self.position = 0;
                }
                // Also of publishes that ended without anything to send.
                aftermath.append(session.take_aftermath());
                if session.output.len() < least {
                    return Ok(Flushed::All);
                }
                self.batch = session.take_output();
                self.position = session.output.queued();
            }
            match link.try_write(&mut self.batch)? {
                Written::All => least = worthwhile,
                Written::Blocked { moved } => {
                    if moved {
                        lock(session).wrote(Instant::now());
                    }
                    return Ok(Flushed::Blocked);
                }
            }
        }
    }

    /// Keeps a failure for the driver.
    pub fn keep(&mut self, failure: std::io::Error) {
        self.failure = Some(failure);
    }
}
