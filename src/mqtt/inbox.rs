//! Messages that arrived and that the application has not taken.

use std::collections::VecDeque;
use std::sync::Mutex;

use bytes::Bytes;
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
    /// Every message from the first that was not taken, oldest first.
    charged: VecDeque<Charge>,
    bytes: usize,
    max_messages: usize,
    max_bytes: usize,
    last: u64,
    ended: Option<Error>,
}

/// What a message costs until it, and all before it, have been taken.
struct Charge {
    number: u64,
    bytes: usize,
    receipt: Option<Receipt>,
    taken: bool,
}

/// Payloads below this are copied: as they are, they keep a whole buffer of the socket alive.
const SMALL: usize = 32 * 1024;
/// What a message costs beside its bytes.
const OVERHEAD: usize = 128;

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

    pub fn push(&self, mut publish: Publish, receipt: Option<Receipt>) {
        if publish.payload.len() < SMALL {
            publish.payload = Bytes::copy_from_slice(&publish.payload);
        }
        // Beside a payload that is copied, the properties would keep the buffer alive.
        publish.properties = Bytes::copy_from_slice(&publish.properties);
        let bytes = publish.payload.len() + publish.properties.len() + publish.topic.len() + OVERHEAD;
        let mut state = lock(&self.state);
        state.last += 1;
        state.bytes += bytes;
        let number = state.last;
        state.charged.push_back(Charge { number, bytes, receipt, taken: false });
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

    /// Puts back what was popped last and not handed over, oldest first.
    pub fn give_back(&self, deliveries: Vec<Delivery>) {
        let mut state = lock(&self.state);
        for delivery in deliveries.into_iter().rev() {
            state.waiting.push_front(delivery);
        }
        drop(state);
        self.arrived.notify_one();
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

    /// The application has taken this message. Returns the receipts to acknowledge, in the order of arrival: a message
    /// waits for those before it, which another thread may still be taking. The flag tells that reading from the
    /// socket can start again.
    pub fn taken(&self, number: u64) -> (Vec<Receipt>, bool) {
        let mut state = lock(&self.state);
        let had_room = state.has_room();
        let first = state.charged.front().map_or(0, |charge| charge.number);
        if let Some(charge) = number.checked_sub(first).and_then(|index| state.charged.get_mut(index as usize)) {
            charge.taken = true;
        }
        let mut receipts = Vec::new();
        while state.charged.front().is_some_and(|charge| charge.taken)
            && let Some(charge) = state.charged.pop_front()
        {
            state.bytes -= charge.bytes;
            receipts.extend(charge.receipt);
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
