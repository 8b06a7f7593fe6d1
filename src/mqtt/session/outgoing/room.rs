//! The bounds of what waits to be confirmed.

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
    /// Who waits for room, in the order of asking.
    queue: VecDeque<Waiting>,
    last_ticket: u64,
    closed: bool,
}

struct Waiting {
    ticket: u64,
    bytes: usize,
    waker: Option<Waker>,
    /// When it was its turn, and it was told so.
    called: Option<Instant>,
}

/// Whoever does not come within this time after a call loses the turn until it asks again: a future that nobody polls
/// must not keep the others waiting.
const PATIENCE: Duration = Duration::from_millis(100);

/// A place in the queue for room; given back by [`Room::withdraw`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ticket(u64);

impl Room {
    /// One message larger than `max_bytes` may wait alone.
    pub fn new(max_messages: usize, max_bytes: usize) -> Room {
        Room { messages: 0, max_messages, bytes: 0, max_bytes, queue: VecDeque::new(), last_ticket: 0, closed: false }
    }

    /// Messages and bytes that are in the outbox.
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

    /// True: it is this one's turn, and it has its room for so many bytes now. Otherwise the waker is called when that may
    /// have changed; when the room is closed, too.
    pub fn poll(&mut self, ticket: Ticket, bytes: usize, waker: &Waker) -> bool {
        let index = self.queue.partition_point(|waiting| waiting.ticket < ticket.0);
        if self.queue.get(index).is_none_or(|waiting| waiting.ticket != ticket.0) {
            // It had lost its turn.
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

    /// Whoever has this ticket leaves the queue without room.
    pub fn withdraw(&mut self, ticket: Ticket) {
        self.queue.retain(|waiting| waiting.ticket != ticket.0);
    }

    /// Gives room back.
    pub fn release(&mut self, bytes: usize) {
        self.messages -= 1;
        self.bytes -= bytes.min(self.max_bytes);
    }

    /// Whose turn it is now, to be woken; each is named once.
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

    /// When whoever was called loses the turn.
    pub(in crate::mqtt::session) fn deadline(&self) -> Option<Instant> {
        self.queue.front()?.called.map(|called| called + PATIENCE)
    }

    /// Takes the turn from whoever has not come in time; the next one is to be woken.
    pub(super) fn pass_over(&mut self, now: Instant) -> Option<Waker> {
        if self.deadline().is_none_or(|deadline| now < deadline) {
            return None;
        }
        self.queue.pop_front();
        self.next(now)
    }

    /// There will be no more room; whoever waits is to be woken.
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
    /// Panics unless messages of just these bytes have room.
    pub fn assert_used_by(&self, bytes: &[usize]) {
        let sum: usize = bytes.iter().map(|bytes| bytes.min(&self.max_bytes)).sum();
        assert_eq!(self.used(), (bytes.len(), sum), "messages and bytes that have room");
        assert!(self.messages <= self.max_messages && self.bytes <= self.max_bytes, "{:?} is too much", self.used());
        assert!(self.queue.iter().map(|waiting| waiting.ticket).is_sorted_by(|one, next| one < next), "the queue");
    }
}
