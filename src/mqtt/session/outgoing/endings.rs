//! The ends of publishes: written, confirmed, withdrawn, overdue, or ended together with the client.

use std::task::{Context, Poll};

use tokio::time::Instant;

use super::{Entry, Outgoing, Phase};
use crate::error::{Delivery, Error, Result};
use crate::mqtt::session::ends::{EndedPublish, Hearer};

impl Outgoing {
    /// Ends a publish: its room and its identifier are free again, and its hearer is told.
    pub(super) fn end(&mut self, number: u64, result: Result<()>, now: Instant) {
        let Some(entry) = self.entries.remove(number) else { return };
        // Other publishes were sent over an earlier connection, and not yet again over this one, so they are not in flight.
        if entry.phase.is_handshake() && number < self.connection.first_queued {
            self.connection.in_flight -= 1;
        }
        self.deadlines.remove(number, entry.deadline);
        self.suspect = self.suspect.filter(|(suspect, _)| *suspect != number);
        if entry.phase.is_handshake() {
            self.ids.release(entry.publish.packet_id);
        }
        if number + 1 == self.entries.next_number() && entry.phase != Phase::Unflushed {
            self.last_message = Some(entry.publish.payload);
        }
        self.room.release(entry.room);
        self.wake_next(now);
        let Entry { hearer, bytes, size, accepted, .. } = entry;
        let ended = EndedPublish { number, hearer, bytes, size, accepted };
        self.ends.record(ended, result, now);
    }

    /// Fails a publish that can't be sent, or not again. Its identifier is released if the broker may hold it.
    pub(super) fn fail(&mut self, number: u64, error: Error, now: Instant) {
        self.fail_early(number, error, now);
        if self.entries.get(number).is_some_and(|entry| entry.phase == Phase::Sent) {
            self.let_go(number, now);
        } else {
            self.end(number, Ok(()), now);
        }
    }

    /// Tells the failure of a publish before its handshake ends.
    fn fail_early(&mut self, number: u64, error: Error, now: Instant) {
        let Some(entry) = self.entries.get_mut(number) else { return };
        self.deadlines.remove(number, entry.deadline);
        let hearer = std::mem::replace(&mut entry.hearer, Hearer::GivenUp(None));
        let Entry { bytes, size, accepted, .. } = *entry;
        let failed = EndedPublish { number, hearer, bytes, size, accepted };
        self.ends.record(failed, Err(error), now);
    }

    /// Ends the QoS 0 publishes in the first `position` bytes of the output, which have been written.
    pub(in crate::mqtt::session) fn flushed(&mut self, position: u64, now: Instant) {
        while let Some(&(ends_at, number)) = self.connection.unflushed.front()
            && ends_at <= position
        {
            self.connection.unflushed.pop_front();
            self.end(number, Ok(()), now);
        }
    }

    /// Ends every publish with the error that fits its delivery.
    pub fn fail_all(&mut self, error: impl Fn(Delivery) -> Error, now: Instant) {
        self.has_ended = true;
        self.connection.unflushed.clear();
        for number in self.entries.numbers() {
            let delivery = self.entries.get(number).map_or(Delivery::Unknown, Entry::delivery);
            self.end(number, Err(error(delivery)), now);
        }
    }

    /// Wakes the caller who is next to get room, if there is some.
    pub fn wake_next(&mut self, now: Instant) {
        self.ends.wake_later(self.room.next(now));
    }

    // ---- the caller

    /// Polls whether a publish has ended, and how. Only its caller asks; the caller is woken at the end.
    pub fn poll_end(&mut self, number: u64, context: &mut Context<'_>) -> Poll<Result<()>> {
        let Some(entry) = self.entries.get_mut(number) else {
            return Poll::Ready(self.ends.outcome(number));
        };
        match &mut entry.hearer {
            Hearer::Caller(Some(waker)) if waker.will_wake(context.waker()) => Poll::Pending,
            Hearer::Caller(waker) => {
                *waker = Some(context.waker().clone());
                Poll::Pending
            }
            // The deadline has passed, and has left its failure.
            _ => Poll::Ready(self.ends.outcome(number)),
        }
    }

    /// Polls whether a publish whose failure was told is no longer under way. Its caller is woken then, but never when the
    /// client ends before.
    pub fn poll_gone(&mut self, number: u64, context: &Context<'_>) -> Poll<()> {
        match self.entries.get_mut(number) {
            None if self.has_ended => Poll::Pending,
            None => Poll::Ready(()),
            Some(entry) => {
                if let Hearer::GivenUp(waker) = &mut entry.hearer {
                    *waker = Some(context.waker().clone());
                }
                Poll::Pending
            }
        }
    }

    /// Lets go of a publish whose caller will not ask how it ended. `give_up` means that it is withdrawn if it was not sent,
    /// and not sent again if it was.
    pub fn abandon(&mut self, number: u64, give_up: bool, now: Instant) {
        self.ends.forget(number);
        let Some(entry) = self.entries.get_mut(number) else { return };
        if !matches!(entry.hearer, Hearer::Caller(_)) {
            return;
        }
        if !give_up {
            entry.hearer = Hearer::Nobody;
            return;
        }
        entry.hearer = Hearer::GivenUp(None);
        self.deadlines.remove(number, entry.deadline);
        if entry.phase == Phase::Queued {
            self.end(number, Ok(()), now);
        }
    }

    // ---- deadlines

    /// Fails overdue publishes, and passes the turn for room on when the first in the queue does not come. Returns when it has
    /// something to do next. Publishes that were not sent are withdrawn; the others keep their identifiers until they are
    /// acknowledged.
    pub fn expire(&mut self, now: Instant) -> Option<Instant> {
        self.ends.wake_later(self.room.pass_over(now));
        while let Some(number) = self.deadlines.pop_straggler(now) {
            self.expire_one(number, now);
        }
        let mut next = None;
        while let Some(number) = self.entries.next_from(self.deadlines.first) {
            let Some(entry) = self.entries.get(number) else { break };
            if entry.deadline > now && !entry.is_given_up() {
                next = Some(entry.deadline);
                self.deadlines.first = number;
                break;
            }
            self.deadlines.first = number + 1;
            self.expire_one(number, now);
        }
        next.into_iter().chain(self.deadlines.next_straggler()).chain(self.room.deadline()).min()
    }

    pub(super) fn expire_one(&mut self, number: u64, now: Instant) {
        let Some(entry) = self.entries.get(number).filter(|entry| !entry.is_given_up()) else { return };
        let delivery = entry.delivery();
        let what = match delivery {
            Delivery::NotSent => "the message was not sent",
            Delivery::Refused | Delivery::Unknown => "the message is not confirmed, and may have been delivered",
        };
        let is_queued = entry.phase == Phase::Queued;
        let error = self.overdue(what, delivery);
        if is_queued {
            self.end(number, Err(error), now);
        } else {
            self.fail_early(number, error, now);
        }
    }

    /// Returns the earliest deadline of a publish whose caller waits.
    pub fn next_deadline(&self) -> Option<Instant> {
        let waits = self.entries.iter().map(|(_, entry)| entry).find(|entry| !entry.is_given_up());
        waits.map(|entry| entry.deadline).into_iter().chain(self.deadlines.next_straggler()).min()
    }

    /// Returns the error of a write that has not found room in time.
    pub fn no_room(&self) -> Error {
        self.overdue("the outbox is full; the message was not sent", Delivery::NotSent)
    }

    /// Returns the error of a write whose deadline has passed, with what stands in its way.
    pub fn overdue(&self, what: &str, delivery: Delivery) -> Error {
        let millis = self.write_timeout.as_millis();
        match self.obstacle.as_ref().filter(|_| !self.connection.is_open) {
            None => Error::TimedOut {
                message: format!("write timed out after {millis} ms: {what}"),
                source: None,
                delivery,
            },
            Some(obstacle) => Error::TimedOut {
                message: format!("write timed out after {millis} ms: {what}; there is no connection: {obstacle}"),
                source: Some(Box::new(obstacle.clone())),
                delivery,
            },
        }
    }
}
