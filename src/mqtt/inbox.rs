//! Messages that arrived and that the application has not taken.

use std::collections::VecDeque;
use std::sync::Mutex;

use tokio::sync::Notify;

use super::protocol::Publish;
use super::session::Receipt;
use crate::error::{Error, Result};
use crate::mqtt::wait::lock;

/// A message for the application.
#[derive(Debug)]
pub(crate) struct Delivery {
    /// Counts up; see [`Inbox::taken`].
    pub number: u64,
    pub publish: Publish,
}

struct State {
    waiting: VecDeque<Delivery>,
    /// What is charged: number, bytes and receipt of every message that was not taken, oldest first.
    charged: VecDeque<(u64, usize, Option<Receipt>)>,
    bytes: usize,
    max_messages: usize,
    max_bytes: usize,
    last: u64,
    ended: Option<Error>,
}

/// Bounded by stopping to read, never by dropping: the broker keeps the rest.
pub(crate) struct Inbox {
    state: Mutex<State>,
    arrived: Notify,
}

impl Inbox {
    /// Reading from the socket pauses when this many messages, or bytes, wait.
    pub fn new(max_messages: usize, max_bytes: usize) -> Inbox {
        let state = State {
            waiting: VecDeque::new(),
            charged: VecDeque::new(),
            bytes: 0,
            max_messages,
            max_bytes,
            last: 0,
            ended: None,
        };
        Inbox { state: Mutex::new(state), arrived: Notify::new() }
    }

    /// Messages and bytes that wait, or that the application has not finished taking.
    pub fn used(&self) -> (usize, usize) {
        let state = lock(&self.state);
        (state.charged.len(), state.bytes)
    }

    /// False: stop reading from the socket.
    pub fn has_room(&self) -> bool {
        lock(&self.state).has_room()
    }

    pub fn push(&self, publish: Publish, receipt: Option<Receipt>) {
        let mut state = lock(&self.state);
        let bytes = publish.payload.len() + publish.topic.len();
        state.last += 1;
        state.bytes += bytes;
        let number = state.last;
        state.charged.push_back((number, bytes, receipt));
        state.waiting.push_back(Delivery { number, publish });
        drop(state);
        self.arrived.notify_one();
    }

    /// The next message, if one waits; the error that ended the client after the last one.
    pub fn try_pop(&self) -> Result<Option<Delivery>> {
        let mut state = lock(&self.state);
        match (state.waiting.pop_front(), &state.ended) {
            (Some(delivery), _) => {
                let more = !state.waiting.is_empty();
                drop(state);
                if more {
                    self.arrived.notify_one();
                }
                Ok(Some(delivery))
            }
            (None, Some(error)) => Err(error.clone()),
            (None, None) => Ok(None),
        }
    }

    /// Waits for the next message.
    pub async fn pop(&self) -> Result<Delivery> {
        loop {
            let arrived = self.arrived.notified();
            if let Some(delivery) = self.try_pop()? {
                return Ok(delivery);
            }
            arrived.await;
        }
    }

    /// The application has taken every message up to this number. Returns the receipts to acknowledge, in the order
    /// of arrival, and whether reading from the socket can start again because of it.
    pub fn taken(&self, number: u64) -> (Vec<Receipt>, bool) {
        let mut state = lock(&self.state);
        let had_room = state.has_room();
        let mut receipts = Vec::new();
        while let Some((first, bytes, receipt)) = state.charged.front().copied() {
            if first > number {
                break;
            }
            state.charged.pop_front();
            state.bytes -= bytes;
            receipts.extend(receipt);
        }
        (receipts, !had_room && state.has_room())
    }

    /// Wakes everybody who waits; what has arrived can still be read.
    pub fn end(&self, cause: Error) {
        lock(&self.state).ended.get_or_insert(cause);
        self.arrived.notify_waiters();
        self.arrived.notify_one();
    }

    /// Like [`Inbox::end`], but nothing can be read any more: the application itself has closed the client.
    pub fn close(&self, cause: Error) {
        let mut state = lock(&self.state);
        state.waiting.clear();
        state.ended = Some(cause);
        drop(state);
        self.arrived.notify_waiters();
        self.arrived.notify_one();
    }
}

impl State {
    fn has_room(&self) -> bool {
        self.charged.len() < self.max_messages && self.bytes < self.max_bytes
    }
}
