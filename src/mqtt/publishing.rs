//! A publish from the caller's side: room, acceptance, and the wait for its end.

use std::ops::Deref;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::time::Instant;

use super::kept_session::{Earlier, Kept};
use super::protocol::Publish;
use super::session::{Hearer, Submission, Ticket, ValueSize};
use super::shared::{Shared, closed_error};
use crate::error::{Error, Result};

/// A publish under way, which ends with the broker's confirmation. Dropping it does not take the message back.
pub(crate) struct PendingWrite {
    shared: Arc<Shared>,
    stage: Stage,
}

enum Stage {
    /// The publish is not accepted yet.
    New(Box<Unsent>),
    /// The publish is in the outbox under this number.
    Accepted(u64),
    /// The publish under this number has failed.
    Failed(u64),
    Done,
}

/// A publish that the outbox has not accepted yet. Dropping it withdraws it. `S` is the reference to the client: a publish that
/// waits keeps the client alive; for one that is accepted at once, counting the reference would cost as much as the rest of the
/// acceptance.
pub(crate) struct Unsent<S: Deref<Target = Shared> = Arc<Shared>> {
    shared: S,
    publish: Option<Publish>,
    /// What the outbox on disk knows of the publish; empty without one.
    kept: Kept,
    /// The bytes of room that the publish takes.
    bytes: usize,
    size: ValueSize,
    deadline: Instant,
    /// The publish's place in the queue for room.
    ticket: Option<Ticket>,
}

impl<S: Deref<Target = Shared>> Unsent<S> {
    /// Creates an unsent publish. `own` is the size of its own heading, 0 if it has the service's.
    pub fn new(shared: S, publish: Publish, own: usize, size: ValueSize, deadline: Instant) -> Unsent<S> {
        let (bytes, kept) = (publish.payload.len() + own, Kept::default());
        Unsent { shared, bytes, publish: Some(publish), kept, size, deadline, ticket: None }
    }

    /// Accepts the publish if there is room and nobody waits before it, and returns its number. Otherwise the waker is called
    /// when there may be room, but not when the deadline has passed: the caller watches the deadline, and polls once more then.
    pub fn poll_accepted(&mut self, way: Way, context: &Context<'_>) -> Poll<Result<u64>> {
        let now = Instant::now();
        match self.accept(way, now, Some(context)) {
            Ok(Some(number)) => Poll::Ready(Ok(number)),
            // The session must be told of a publish that may be with the broker already, even when it is overdue.
            Ok(None) if now >= self.deadline && self.kept.earlier == Earlier::Nothing => {
                Poll::Ready(Err(self.expire()))
            }
            Ok(None) => Poll::Pending,
            Err(error) => Poll::Ready(Err(error)),
        }
    }

    /// Accepts the publish if there is room and nobody waits before it. `None` means that the waker is called when there may be
    /// room; without a waker the publish does not join the queue.
    pub fn accept(&mut self, way: Way, now: Instant, context: Option<&Context<'_>>) -> Result<Option<u64>> {
        let bytes = self.bytes;
        let shared = &*self.shared;
        let (publish, ticket, size, deadline) = (&mut self.publish, &mut self.ticket, self.size, self.deadline);
        let (earlier, accepted) = (self.kept.earlier, self.kept.accepted.unwrap_or(now));
        let number = shared.with(|session| {
            if let Some(refusal) = session.refusal().cloned() {
                session.outgoing.ends.count_error();
                return Err(refusal);
            }
            let room = &mut session.outgoing.room;
            if room.is_closed() {
                return Err(closed_error());
            }
            let has_room = match (*ticket, context) {
                (None, _) if room.try_take(bytes) => true,
                (None, Some(context)) => {
                    let new = room.queue(bytes);
                    *ticket = Some(new);
                    room.poll(new, bytes, context.waker())
                }
                (Some(known), Some(context)) => room.poll(known, bytes, context.waker()),
                (_, None) => false,
            };
            if !has_room {
                return Ok(None);
            }
            let Some(publish) = publish.take() else {
                room.release(bytes);
                return Err(Error::Internal("a message was published twice".into()));
            };
            *ticket = None;
            session.outgoing.wake_next(now);
            let hearer = if way == Way::Reported { Hearer::Report } else { Hearer::Caller(None) };
            let submission = Submission { publish, earlier, room: bytes, size, hearer, accepted, deadline };
            Ok(session.publish(submission, now))
        })?;
        if number.is_some() {
            shared.watch(deadline);
            match way {
                Way::AtOnce => shared.send_now(),
                Way::Gathered | Way::Reported => shared.send_soon(),
            }
        }
        Ok(number)
    }

    /// Gives up waiting for room.
    fn expire(&mut self) -> Error {
        self.leave_queue();
        self.shared.with(|session| {
            session.outgoing.ends.count_error();
            session.outgoing.no_room()
        })
    }

    /// Leaves the queue for room, if the publish is in it.
    fn leave_queue(&mut self) {
        if let Some(ticket) = self.ticket.take() {
            let now = Instant::now();
            self.shared.with(|session| {
                session.outgoing.room.withdraw(ticket);
                // The next publish may have waited only for this one.
                session.outgoing.wake_next(now);
            });
        }
    }
}

impl Unsent<&Shared> {
    /// Converts the publish into one that keeps the client alive, since it has to wait.
    pub fn keeping(mut self, shared: Arc<Shared>) -> Unsent {
        let (publish, ticket) = (self.publish.take(), self.ticket.take());
        Unsent { shared, publish, kept: self.kept, bytes: self.bytes, size: self.size, deadline: self.deadline, ticket }
    }
}

impl<S: Deref<Target = Shared>> Drop for Unsent<S> {
    fn drop(&mut self) {
        self.leave_queue();
    }
}

/// A submitted publish for whose end nobody waits.
pub(crate) enum Submitted {
    /// The publish is accepted under this number.
    Accepted(u64),
    /// The outbox is full, and the publish waits.
    Waits(Unsent),
}

/// How a publish is accepted.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Way {
    /// A caller waits for the publish: it is sent at once, by the caller itself if nobody else is sending.
    AtOnce,
    /// The publish goes together with all that gathers until the driver writes.
    Gathered,
    /// The same as `Gathered`, and the report tells the end.
    Reported,
}

impl PendingWrite {
    /// Creates a publish; `own` is as in [`Unsent::new`].
    pub fn new(shared: Arc<Shared>, publish: Publish, own: usize, size: ValueSize, deadline: Instant) -> PendingWrite {
        let new = Unsent::new(shared.clone(), publish, own, size, deadline);
        PendingWrite { shared, stage: Stage::New(Box::new(new)) }
    }

    /// Creates a publish of the outbox on disk, which itself bounds the messages that are with the client.
    pub fn kept(shared: Arc<Shared>, publish: Publish, kept: Kept, size: ValueSize, deadline: Instant) -> PendingWrite {
        let mut new = Unsent::new(shared.clone(), publish, 0, size, deadline);
        new.kept = kept;
        PendingWrite { shared, stage: Stage::New(Box::new(new)) }
    }

    /// Polls until the publish is in the outbox or has failed; see [`Unsent::poll_accepted`].
    pub fn poll_accepted(&mut self, way: Way, context: &Context<'_>) -> Poll<Result<()>> {
        let Stage::New(new) = &mut self.stage else { return Poll::Ready(Ok(())) };
        match new.poll_accepted(way, context) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Ok(number)) => {
                self.stage = Stage::Accepted(number);
                Poll::Ready(Ok(()))
            }
            Poll::Ready(Err(error)) => {
                self.stage = Stage::Done;
                Poll::Ready(Err(error))
            }
        }
    }

    /// Returns true when the publish has its place in the order of messages.
    pub fn is_accepted(&self) -> bool {
        !matches!(self.stage, Stage::New(_))
    }

    /// Gives up waiting for room.
    pub fn expire(&mut self) -> Error {
        match std::mem::replace(&mut self.stage, Stage::Done) {
            Stage::New(mut new) => new.expire(),
            Stage::Accepted(_) | Stage::Failed(_) | Stage::Done => {
                Error::Internal("a message was accepted before it expired".into())
            }
        }
    }

    /// Leaves the publish, since nobody will ask how it ended. `give_up` means that it is not sent any more. The driver need
    /// not be woken for that: see [`Shared::expire_overdue`].
    pub fn leave(&mut self, give_up: bool) {
        match std::mem::replace(&mut self.stage, Stage::Done) {
            Stage::New(new) => drop(new),
            Stage::Accepted(number) => {
                let now = Instant::now();
                self.shared.with(|session| session.outgoing.abandon(number, give_up, now));
            }
            Stage::Failed(_) | Stage::Done => {}
        }
    }

    /// Polls until nothing of a failed publish is under way any more; it stays pending when the client ends before.
    pub fn poll_gone(&mut self, context: &Context<'_>) -> Poll<()> {
        match self.stage {
            Stage::Failed(number) => self.shared.with(|session| session.outgoing.poll_gone(number, context)),
            _ => Poll::Ready(()),
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
        let end = self.shared.with(|session| session.outgoing.poll_end(number, context));
        match &end {
            Poll::Pending => {}
            Poll::Ready(Ok(())) => self.stage = Stage::Done,
            Poll::Ready(Err(_)) => self.stage = Stage::Failed(number),
        }
        end
    }
}

impl Drop for PendingWrite {
    fn drop(&mut self) {
        self.leave(false);
    }
}
