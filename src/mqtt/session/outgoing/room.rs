//! The bounds of the publishes that wait to be confirmed.

use std::collections::VecDeque;
use std::task::Waker;
use std::time::Duration;

use tokio::time::Instant;

/// Room for publishes, by number and by bytes. It belongs to a publish from its acceptance to its end.
pub(crate) struct Room {
    messages: usize,
    max_messages: usize,
    bytes: usize,
    max_bytes: usize,
    /// The callers who wait for room, in the order of asking.
    queue: VecDeque<Waiting>,
    last_ticket: u64,
    closed: bool,
}

struct Waiting {
    ticket: u64,
    bytes: usize,
    waker: Option<Waker>,
    /// The moment at which the caller was told that it has its turn.
    called: Option<Instant>,
}

/// The time within which a caller must come after a call, or it loses the turn until it asks again: a future that nobody polls
/// must not keep the others waiting.
const PATIENCE: Duration = Duration::from_millis(100);

/// A place in the queue for room; given back by [`Room::withdraw`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ticket(u64);

impl Room {
    /// Creates the room. A message larger than `max_bytes` may wait alone.
    pub fn new(max_messages: usize, max_bytes: usize) -> Room {
        Room { messages: 0, max_messages, bytes: 0, max_bytes, queue: VecDeque::new(), last_ticket: 0, closed: false }
    }

    /// Returns the number and the bytes of the messages in the outbox.
    pub fn used(&self) -> (usize, usize) {
        (self.messages, self.bytes)
    }

    fn fits(&self, bytes: usize) -> bool {
        self.messages < self.max_messages && self.bytes + bytes.min(self.max_bytes) <= self.max_bytes
    }

    /// Takes room at once, if there is some and nobody waits for it.
    pub fn try_take(&mut self, bytes: usize) -> bool {
        let taken = self.queue.is_empty() && self.fits(bytes);
        if taken {
            self.charge(bytes);
        }
        taken
    }

    fn charge(&mut self, bytes: usize) {
        self.messages += 1;
        self.bytes += bytes.min(self.max_bytes);
    }

    /// Joins the queue.
    pub fn queue(&mut self, bytes: usize) -> Ticket {
        self.last_ticket += 1;
        self.queue.push_back(Waiting { ticket: self.last_ticket, bytes, waker: None, called: None });
        Ticket(self.last_ticket)
    }

    /// Returns true when it is this ticket's turn, and takes room for so many bytes. Otherwise the waker is called when that
    /// may have changed, or when the room is closed.
    pub fn poll(&mut self, ticket: Ticket, bytes: usize, waker: &Waker) -> bool {
        let index = self.queue.partition_point(|waiting| waiting.ticket < ticket.0);
        if self.queue.get(index).is_none_or(|waiting| waiting.ticket != ticket.0) {
            // The ticket had lost its turn.
            self.queue.insert(index, Waiting { ticket: ticket.0, bytes, waker: None, called: None });
        }
        match self.queue.front() {
            Some(first) if first.ticket == ticket.0 && self.fits(bytes) => {
                self.queue.pop_front();
                self.charge(bytes);
                true
            }
            _ => {
                if let Some(waiting) = self.queue.get_mut(index) {
                    waiting.called = None;
                    match &mut waiting.waker {
                        Some(known) if known.will_wake(waker) => {}
                        other => *other = Some(waker.clone()),
                    }
                }
                false
            }
        }
    }

    /// Withdraws a ticket from the queue without room.
    pub fn withdraw(&mut self, ticket: Ticket) {
        self.queue.retain(|waiting| waiting.ticket != ticket.0);
    }

    /// Gives room back.
    pub fn release(&mut self, bytes: usize) {
        self.messages -= 1;
        self.bytes -= bytes.min(self.max_bytes);
    }

    /// Returns the waker of the caller whose turn it is now; each is returned once.
    pub(super) fn next(&mut self, now: Instant) -> Option<Waker> {
        let bytes = self.queue.front()?.bytes;
        if !self.fits(bytes) {
            return None;
        }
        let first = self.queue.front_mut()?;
        let waker = first.waker.take()?;
        first.called = Some(now);
        Some(waker)
    }

    /// Returns when the caller who was called loses the turn.
    pub(in crate::mqtt::session) fn deadline(&self) -> Option<Instant> {
        self.queue.front()?.called.map(|called| called + PATIENCE)
    }

    /// Takes the turn from a caller who has not come in time, and returns the waker of the next one.
    pub(super) fn pass_over(&mut self, now: Instant) -> Option<Waker> {
        if self.deadline().is_none_or(|deadline| now < deadline) {
            return None;
        }
        self.queue.pop_front();
        self.next(now)
    }

    /// Closes the room, and returns the wakers of all who wait.
    pub fn close(&mut self) -> Vec<Waker> {
        self.closed = true;
        self.queue.drain(..).filter_map(|waiting| waiting.waker).collect()
    }

    pub fn is_closed(&self) -> bool {
        self.closed
    }
}

#[cfg(test)]
impl Room {
    /// Panics unless exactly the messages of these bytes have room.
    pub fn assert_used_by(&self, bytes: &[usize]) {
        let sum: usize = bytes.iter().map(|bytes| bytes.min(&self.max_bytes)).sum();
        assert_eq!(self.used(), (bytes.len(), sum), "messages and bytes that have room");
        assert!(self.messages <= self.max_messages && self.bytes <= self.max_bytes, "{:?} is too much", self.used());
        assert!(self.queue.iter().map(|waiting| waiting.ticket).is_sorted_by(|one, next| one < next), "the queue");
    }
}
