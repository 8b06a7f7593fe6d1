//! The callers that wait for room in the outbox, in the order of asking.

use std::collections::BTreeMap;
use std::task::Waker;

/// The queue of callers. A caller that is woken leaves the queue, and joins it again at its old place if there is no room after
/// all: so one that is woken and does not come blocks nobody.
#[derive(Default)]
pub(super) struct Queue {
    waiting: BTreeMap<u64, (u64, Waker)>,
    last_ticket: u64,
}

impl Queue {
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Returns whether nobody must have room before this caller: it is the first, or was woken, or nobody waits.
    pub fn is_turn_of(&self, ticket: Option<u64>) -> bool {
        let is_behind = |first: &u64| ticket.is_none_or(|own| *first < own && self.waiting.contains_key(&own));
        !self.waiting.keys().next().is_some_and(is_behind)
    }

    /// Joins the queue, to wait for room for this many bytes; the ticket keeps the place.
    pub fn join(&mut self, ticket: &mut Option<u64>, bytes: u64, waker: &Waker) {
        let ticket = *ticket.get_or_insert_with(|| {
            self.last_ticket += 1;
            self.last_ticket
        });
        self.waiting.insert(ticket, (bytes, waker.clone()));
    }

    /// Returns the number of bytes that the first caller needs.
    pub fn wanted(&self) -> Option<u64> {
        self.waiting.values().next().map(|(bytes, _)| *bytes)
    }

    pub fn leave(&mut self, ticket: u64) {
        self.waiting.remove(&ticket);
    }

    /// Returns the wakers of the callers whose turn it is, with room for this many bytes.
    pub fn call(&mut self, mut room: u64) -> Vec<Waker> {
        let mut called = Vec::new();
        while let Some(first) = self.waiting.first_entry().filter(|first| first.get().0 <= room) {
            let (bytes, waker) = first.remove();
            room -= bytes;
            called.push(waker);
        }
        called
    }

    /// Returns all wakers, since there will be no more room.
    pub fn close(&mut self) -> Vec<Waker> {
        std::mem::take(&mut self.waiting).into_values().map(|(_, waker)| waker).collect()
    }
}
