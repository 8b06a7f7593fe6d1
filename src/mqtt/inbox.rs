//! Messages that arrived and that the application has not taken.

use std::collections::VecDeque;
use std::sync::Mutex;

use tokio::sync::Notify;

use super::protocol::Publish;
use super::session::Receipt;
use crate::error::{Error, Result};
use crate::lock::lock;

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

/// What a message costs beside its bytes.
const OVERHEAD: usize = 128;

/// What follows from the application's having taken messages.
pub(crate) struct Taken {
    /// What to acknowledge, in the order of arrival.
    pub receipts: Vec<Receipt>,
    /// Reading from the socket can start again.
    pub resume: bool,
    /// Nothing is left that could be acknowledged together with these.
    pub all: bool,
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

    /// Messages that wait.
    pub fn waiting(&self) -> usize {
        lock(&self.state).waiting.len()
    }

    /// False: stop reading from the socket.
    pub fn has_room(&self) -> bool {
        lock(&self.state).has_room()
    }

    pub fn push(&self, deliveries: impl IntoIterator<Item = (Publish, Option<Receipt>)>) {
        let mut state = lock(&self.state);
        for (publish, receipt) in deliveries {
            let bytes = publish.payload.len() + publish.properties.len() + publish.topic.len() + OVERHEAD;
            state.last += 1;
            state.bytes += bytes;
            let number = state.last;
            state.charged.push_back(Charge { number, bytes, receipt, taken: false });
            state.waiting.push_back(Delivery { number, publish });
        }
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
    /// waits for those before it, which another thread may still be taking.
    pub fn taken(&self, number: u64) -> Taken {
        self.take(number, number)
    }

    /// The same for this message and all before it.
    pub fn taken_up_to(&self, number: u64) -> Taken {
        self.take(0, number)
    }

    fn take(&self, from: u64, to: u64) -> Taken {
        let mut state = lock(&self.state);
        let had_room = state.has_room();
        let first = state.charged.front().map_or(0, |charge| charge.number);
        for number in from.max(first)..=to {
            let Some(charge) = state.charged.get_mut((number - first) as usize) else { break };
            charge.taken = true;
        }
        let mut receipts = Vec::new();
        while state.charged.front().is_some_and(|charge| charge.taken)
            && let Some(charge) = state.charged.pop_front()
        {
            state.bytes -= charge.bytes;
            receipts.extend(charge.receipt);
        }
        Taken { receipts, resume: !had_room && state.has_room(), all: state.charged.is_empty() }
    }

    /// Takes the next messages, up to a number and about so many bytes of payload.
    pub fn try_pop_many(&self, most: usize, bytes: usize) -> Result<Vec<Delivery>> {
        let mut state = lock(&self.state);
        let mut batch = Vec::new();
        let mut size = 0;
        while batch.len() < most
            && let Some(next) = state.waiting.front()
            // A large message travels alone.
            && (batch.is_empty() || size + next.publish.payload.len() <= bytes)
            && let Some(delivery) = state.waiting.pop_front()
        {
            size += delivery.publish.payload.len();
            batch.push(delivery);
        }
        let more = !state.waiting.is_empty();
        match (&state.ended, batch.is_empty()) {
            (Some(error), true) => return Err(error.clone()),
            _ => drop(state),
        }
        if more {
            self.arrived.notify_one();
        }
        Ok(batch)
    }

    /// True when a message waits, or nothing will come any more.
    pub fn is_ready(&self) -> bool {
        let state = lock(&self.state);
        !state.waiting.is_empty() || state.ended.is_some()
    }

    /// Waits until [`Inbox::is_ready`] may have become true.
    pub async fn arrival(&self) {
        self.arrived.notified().await;
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
