//! A publish from the caller's side: room, acceptance, and the wait for its end.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::time::Instant;

use super::protocol::Publish;
use super::session::{Hearer, Submission, Ticket, ValueSize};
use super::shared::{Shared, closed_error};
use crate::error::{Error, Result};

/// A publish under way, ending with the broker's confirmation. Dropping it does not take the message back.
pub(crate) struct PendingWrite {
    shared: Arc<Shared>,
    stage: Stage,
}

enum Stage {
    /// Not accepted yet.
    New(Box<Unsent>),
    /// In the outbox, under this number.
    Accepted(u64),
    Done,
}

/// What is to be published.
pub(crate) struct Unsent {
    pub publish: Option<Publish>,
    pub bytes: usize,
    pub size: ValueSize,
    pub deadline: Instant,
    /// A place in the queue for room.
    pub ticket: Option<Ticket>,
}

impl Unsent {
    pub fn new(publish: Publish, size: ValueSize, deadline: Instant) -> Unsent {
        Unsent { bytes: publish.payload.len(), publish: Some(publish), size, deadline, ticket: None }
    }
}

/// How a publish is accepted.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Way {
    /// Somebody waits for it: sent at once, by the caller himself if nobody else is sending.
    AtOnce,
    /// It goes with all that gathers until the driver comes to write.
    Gathered,
    /// The same, and its end is told by the report.
    Reported,
}

impl Shared {
    /// Accepts a publish, if there is room for it and nobody waits before it. `None`: the waker is called when there may
    /// be; without one it is not queued.
    pub(super) fn accept(
        &self,
        new: &mut Unsent,
        way: Way,
        now: Instant,
        context: Option<&Context<'_>>,
    ) -> Result<Option<u64>> {
        let bytes = new.bytes;
        let deadline = new.deadline;
        let number = self.with(|session| {
            if let Some(refusal) = session.refusal().cloned() {
                session.count_error();
                return Err(refusal);
            }
            let room = session.room();
            if room.is_closed() {
                return Err(closed_error());
            }
            let has_room = match (new.ticket, context) {
                (None, _) if room.try_take(bytes) => true,
                (None, Some(context)) => {
                    let ticket = room.queue(bytes);
                    new.ticket = Some(ticket);
                    room.poll(ticket, bytes, context.waker())
                }
                (Some(ticket), Some(context)) => room.poll(ticket, bytes, context.waker()),
                (_, None) => false,
            };
            if !has_room {
                return Ok(None);
            }
            let Some(publish) = new.publish.take() else {
                room.release(bytes);
                return Err(Error::Internal("a message was published twice".into()));
            };
            new.ticket = None;
            session.wake_next();
            let hearer = if way == Way::Reported { Hearer::Report } else { Hearer::Caller(None) };
            let submission = Submission { publish, size: new.size, hearer, deadline };
            Ok(session.publish(submission, now))
        })?;
        if number.is_some() {
            self.watch(deadline);
            match way {
                Way::AtOnce => self.send_now(),
                Way::Gathered | Way::Reported => self.send_soon(),
            }
        }
        Ok(number)
    }
}

impl PendingWrite {
    pub fn new(shared: Arc<Shared>, publish: Publish, size: ValueSize, deadline: Instant) -> PendingWrite {
        let new = Unsent::new(publish, size, deadline);
        PendingWrite { shared, stage: Stage::New(Box::new(new)) }
    }

    /// Accepts it if there is room; true when it is in the outbox, or has failed.
    pub fn poll_accepted(&mut self, way: Way, context: &mut Context<'_>) -> Poll<Result<()>> {
        let Stage::New(new) = &mut self.stage else { return Poll::Ready(Ok(())) };
        match self.shared.accept(new, way, Instant::now(), Some(context)) {
            Ok(None) => Poll::Pending,
            Ok(Some(number)) => {
                self.stage = Stage::Accepted(number);
                Poll::Ready(Ok(()))
            }
            Err(error) => {
                self.stage = Stage::Done;
                Poll::Ready(Err(error))
            }
        }
    }

    /// True when it has its place in the order of messages.
    pub fn is_accepted(&self) -> bool {
        !matches!(self.stage, Stage::New(_))
    }

    /// The caller gives up waiting for room.
    pub fn expire(&mut self) -> Error {
        self.leave(true);
        self.shared.with(|session| {
            session.count_error();
            session.no_room()
        })
    }

    /// Nobody will ask how it ended. `give_up`: it is not sent any more.
    pub fn leave(&mut self, give_up: bool) {
        match std::mem::replace(&mut self.stage, Stage::Done) {
            Stage::New(new) => {
                if let Some(ticket) = new.ticket {
                    self.shared.with(|session| {
                        session.room().leave(ticket);
                        // The next one may have waited for this one only.
                        session.wake_next();
                    });
                }
            }
            Stage::Accepted(number) => {
                self.shared.with(|session| session.detach(number, give_up));
                if give_up {
                    // Whoever closes may have waited for this one only.
                    self.shared.wake_driver();
                }
            }
            Stage::Done => {}
        }
    }
}

impl Future for PendingWrite {
    type Output = Result<()>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<()>> {
        if let Stage::New(_) = &self.stage {
            match self.poll_accepted(Way::AtOnce, context) {
                Poll::Ready(Ok(())) => {}
                other => return other,
            }
        }
        let Stage::Accepted(number) = self.stage else {
            return Poll::Ready(Err(Error::Internal("a write was awaited twice".into())));
        };
        let end = self.shared.with(|session| session.poll_end(number, context));
        if end.is_ready() {
            self.stage = Stage::Done;
        }
        end
    }
}

impl Drop for PendingWrite {
    fn drop(&mut self) {
        self.leave(false);
    }
}

/// Waits in the queue for room, and leaves it when it is this one's turn.
pub(super) fn room(shared: Arc<Shared>, bytes: usize) -> impl Future<Output = ()> + Send {
    let mut place = Place { shared, bytes, ticket: None };
    std::future::poll_fn(move |context| place.poll(context))
}

struct Place {
    shared: Arc<Shared>,
    bytes: usize,
    ticket: Option<Ticket>,
}

impl Place {
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let (bytes, ticket) = (self.bytes, &mut self.ticket);
        self.shared.with(|session| {
            let room = session.room();
            if room.is_closed() {
                return Poll::Ready(());
            }
            let place = *ticket.get_or_insert_with(|| room.queue(bytes));
            if !room.poll(place, bytes, context.waker()) {
                return Poll::Pending;
            }
            *ticket = None;
            room.release(bytes);
            // The next one may come before this one takes the room, and then this one waits again.
            session.wake_next();
            Poll::Ready(())
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket.take() {
            self.shared.with(|session| {
                session.room().leave(ticket);
                session.wake_next();
            });
        }
    }
}
