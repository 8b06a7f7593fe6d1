//! A message for the outbox, from the caller's side: room, acceptance, and the wait for its end.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use tokio::time::Instant;

use super::hearers::Hearer;
use super::shared::{New, Shared};
use crate::error::{Delivery, Error, Result};
use crate::metrics::now_us;
use crate::mqtt::{Client, Way};

/// A message under way. Dropping it does not take the message back once it is accepted.
pub(crate) struct Write {
    shared: Arc<Shared>,
    client: Arc<Client>,
    message: Option<New>,
    deadline: Instant,
    /// The place in the queue for room.
    ticket: Option<u64>,
    stage: Stage,
}

#[derive(Clone, Copy)]
enum Stage {
    New,
    Accepted(u64),
    /// Nobody asks for the end any more, or the report tells it.
    Done,
}

impl Write {
    pub(super) fn new(shared: Arc<Shared>, client: Arc<Client>, message: New, deadline: Instant) -> Write {
        Write { shared, client, message: Some(message), deadline, ticket: None, stage: Stage::New }
    }

    /// Ready when the message is accepted, or has failed. Otherwise the waker is called when there may be room, but not at the
    /// deadline: the caller must watch the deadline and poll once more.
    pub fn poll_accepted(&mut self, way: Way, context: &Context<'_>) -> Poll<Result<()>> {
        if !matches!(self.stage, Stage::New) {
            return Poll::Ready(Ok(()));
        }
        match self.accept(way, Some(context.waker())) {
            Ok(Some(_)) => Poll::Ready(Ok(())),
            Ok(None) if Instant::now() >= self.deadline => Poll::Ready(Err(self.expire())),
            Ok(None) => Poll::Pending,
            Err(error) => {
                self.leave();
                Poll::Ready(Err(error))
            }
        }
    }

    /// Accepts the message if there is room, and returns its number among those of this process. Without a waker it does not
    /// join the queue.
    pub(super) fn accept(&mut self, way: Way, waker: Option<&Waker>) -> Result<Option<u64>> {
        let hearer = if way == Way::Reported { Hearer::Report } else { Hearer::Caller(None) };
        let hearing = (self.deadline, hearer);
        let Write { shared, message, ticket, .. } = self;
        let accepted = shared.accept(message, now_us(), hearing, ticket, waker)?;
        if let Some(number) = accepted {
            self.stage = if way == Way::Reported { Stage::Done } else { Stage::Accepted(number) };
        }
        Ok(accepted.map(|number| number - self.shared.first))
    }

    /// Returns true when the message has its place in the order.
    pub fn is_accepted(&self) -> bool {
        !matches!(self.stage, Stage::New)
    }

    /// Ends the caller's wait for room, and returns the error.
    pub fn expire(&mut self) -> Error {
        self.leave();
        self.shared.counters.error();
        let directory = self.shared.of.directory.display();
        self.client.overdue(&format!("the outbox '{directory}' is full; the message was not sent"), Delivery::NotSent)
    }

    /// Notes that nobody will ask how the message ended. If it was accepted, it stays in the outbox.
    pub fn leave(&mut self) {
        if let Some(ticket) = self.ticket.take() {
            self.shared.leave_queue(ticket);
        }
        if let Stage::Accepted(number) = std::mem::replace(&mut self.stage, Stage::Done) {
            self.shared.with(|state| state.hearers.forget(number));
        }
    }
}

impl Future for Write {
    type Output = Result<()>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<()>> {
        if let Stage::New = self.stage {
            match self.poll_accepted(Way::AtOnce, context) {
                Poll::Ready(Ok(())) => {}
                other => return other,
            }
        }
        let Stage::Accepted(number) = self.stage else {
            return Poll::Ready(Err(Error::Internal("a write was awaited twice".into())));
        };
        let end = self.shared.with(|state| state.hearers.poll(number, context));
        if end.is_ready() {
            self.stage = Stage::Done;
        }
        end
    }
}

impl Drop for Write {
    fn drop(&mut self) {
        self.leave();
    }
}
