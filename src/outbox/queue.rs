//! Who waits for room in the outbox, in the order of asking.

use std::collections::BTreeMap;
use std::task::Waker;

/// See the module. Somebody who was woken leaves the queue, and joins it again at the old place if there is no room after all: so
/// nobody stands in the way of the others who is woken and does not come.
#[derive(Default)]
pub(super) struct Queue {
    waiting: BTreeMap<u64, (u64, Waker)>,
    last_ticket: u64,
}

impl Queue {
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Whether nobody is to have room before this one: it is the first, or was woken, or nobody waits.
    pub fn is_turn_of(&self, ticket: Option<u64>) -> bool {
        let is_behind = |first: &u64| ticket.is_none_or(|own| *first < own && self.waiting.contains_key(&own));
        !self.waiting.keys().next().is_some_and(is_behind)
    }

    /// Joins the queue, to wait for room for so many bytes; the ticket is kept.
    pub fn join(&mut self, ticket: &mut Option<u64>, bytes: u64, waker: &Waker) {
        let ticket = *ticket.get_or_insert_with(|| {
            self.last_ticket += 1;
            self.last_ticket
        });
        self.waiting.insert(ticket, (bytes, waker.clone()));
    }

    /// What the first one needs.
    pub fn wanted(&self) -> Option<u64> {
        self.waiting.values().next().map(|(bytes, _)| *bytes)
    }

    pub fn leave(&mut self, ticket: u64) {
        self.waiting.remove(&ticket);
    }

    /// Those whose turn it is, when there is room for so many bytes.
    pub fn call(&mut self, mut room: u64) -> Vec<Waker> {
        let mut called = Vec::new();
        while let Some(first) = self.waiting.first_entry().filter(|first| first.get().0 <= room) {
            let (bytes, waker) = first.remove();
            room -= bytes;
            called.push(waker);
        }
        called
    }

    /// There will be no more room.
    pub fn close(&mut self) -> Vec<Waker> {
        std::mem::take(&mut self.waiting).into_values().map(|(_, waker)| waker).collect()
    }
}
