//! The sending half of a connection. The driver, or a caller who finds the link idle, takes hold of it and writes.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use tokio::time::Instant;

use super::link::{Link, Written};
use super::session::{Aftermath, Session};
use crate::lock::lock;

/// The sending half; see the module.
#[derive(Default)]
pub(crate) struct Sender {
    link: Option<Arc<Link>>,
    /// The output that was taken from the session and is not yet written.
    batch: VecDeque<Bytes>,
    /// The position in the session's output where `batch` ends.
    position: u64,
    /// The reason why writing failed, on which the driver has yet to act.
    failure: Option<std::io::Error>,
}

/// The extent of a [`Sender::flush`].
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

    /// Writes the session's output as far as the socket takes it, and also what is appended meanwhile if that has `worthwhile`
    /// bytes. What follows from it is added to `aftermath`.
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
                // The aftermath includes publishes that ended without anything to send.
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
