//! The events of a client on their way to Java, big endian.
//!
//! Changes of the connection: kind (1 connected, 2 lost, 3 retrying, 4 ended, 5 closed, 9 no change but a warning), session
//! present (u8), delay in milliseconds (i64), broker or warning with its length (u32), cause (see [`failure::pack`]). Ends of
//! submitted messages: kind 6 with the first number and the one after the last (i64) of messages that are confirmed; kind 7
//! with number (i64) and error of one that has failed. Kind 8 alone: messages wait to be read.

use std::sync::Mutex;
use std::task::{Poll, Waker};

use super::failure;
use crate::lock::lock;
use crate::mqtt::{ConnectionEvent, Ended};

/// The bytes that may wait; the queue of a client that nobody polls drops later events, but never the end.
const MAX_BYTES: usize = 64 * 1024;

#[derive(Default)]
struct State {
    packed: Vec<u8>,
    closed: bool,
    /// The waker of the reader of events.
    waker: Option<Waker>,
}

/// The queue of a client's changes of the connection.
#[derive(Default)]
pub(super) struct EventQueue {
    state: Mutex<State>,
}

impl EventQueue {
    pub fn push(&self, event: &ConnectionEvent) {
        let is_last = matches!(event, ConnectionEvent::Ended { .. } | ConnectionEvent::Closed);
        self.change(|state| {
            if is_last || state.packed.len() < MAX_BYTES {
                pack(&mut state.packed, event);
            }
        });
    }

    /// Returns the waiting events; after the end, none and at once. When there are none, the waker is called at the next one.
    pub fn poll(&self, waker: &Waker) -> Poll<Vec<u8>> {
        let mut state = lock(&self.state);
        if state.packed.is_empty() && !state.closed {
            state.waker = Some(waker.clone());
            return Poll::Pending;
        }
        Poll::Ready(std::mem::take(&mut state.packed))
    }

    /// Wakes the reader of events.
    pub fn close(&self) {
        self.change(|state| state.closed = true);
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        let waker = {
            let mut state = lock(&self.state);
            change(&mut state);
            state.waker.take()
        };
        waker.into_iter().for_each(Waker::wake);
    }
}

fn pack(to: &mut Vec<u8>, event: &ConnectionEvent) {
    let (kind, session_present, delay_ms, text, cause) = match event {
        ConnectionEvent::Connected { broker, session_present } => (1, *session_present, 0, broker.as_str(), None),
        ConnectionEvent::Lost { cause } => (2, false, 0, "", Some(cause)),
        ConnectionEvent::Retrying { delay, broker, cause } => {
            (3, false, delay.as_millis() as i64, broker.as_str(), Some(cause))
        }
        ConnectionEvent::Ended { cause } => (4, false, 0, "", Some(cause)),
        ConnectionEvent::Warning { text } => (9, false, 0, text.as_str(), None),
        ConnectionEvent::Closed => (5, false, 0, "", None),
    };
    to.push(kind);
    to.push(u8::from(session_present));
    to.extend_from_slice(&delay_ms.to_be_bytes());
    to.extend_from_slice(&(text.len() as u32).to_be_bytes());
    to.extend_from_slice(text.as_bytes());
    failure::pack(to, cause);
}

/// Packs the ends of submitted messages.
pub(super) fn pack_end(to: &mut Vec<u8>, ended: &Ended) {
    match ended {
        Ended::Done(from, end) => {
            to.push(6);
            to.extend_from_slice(&from.to_be_bytes());
            to.extend_from_slice(&end.to_be_bytes());
        }
        Ended::Failed(number, error) => {
            to.push(7);
            to.extend_from_slice(&number.to_be_bytes());
            failure::pack(to, Some(error));
        }
    }
}

/// Packs the event that messages wait to be read.
pub(super) fn pack_waiting(to: &mut Vec<u8>) {
    to.push(8);
}
