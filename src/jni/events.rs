//! What happens to a client, on its way to Java, big endian.
//!
//! Changes of the connection: kind (1 connected, 2 lost, 3 retrying, 4 ended, 5 closed, 9 no change but a warning), session present (u8), delay in
//! milliseconds (i64), broker or warning with its length (u32), cause (see [`failure::pack`]). Ends of submitted messages: 6,
//! the first number and the one after the last (i64) of messages that are confirmed; 7, number (i64) and error of one that
//! has failed. Just 8: messages wait to be read.

use std::sync::Mutex;
use std::task::{Poll, Waker};

use super::failure;
use crate::lock::lock;
use crate::mqtt::{ConnectionEvent, Ended};

/// Bytes that may wait; a client that nobody polls forgets what does not fit, but never its end.
const MAX_BYTES: usize = 64 * 1024;

#[derive(Default)]
struct State {
    packed: Vec<u8>,
    closed: bool,
    /// Who waits for more.
    waker: Option<Waker>,
}

/// See the module.
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

    /// What waits; nothing at all after the end. Otherwise the waker is called when something does.
    pub fn poll(&self, waker: &Waker) -> Poll<Vec<u8>> {
        let mut state = lock(&self.state);
        if state.packed.is_empty() && !state.closed {
            state.waker = Some(waker.clone());
            return Poll::Pending;
        }
        Poll::Ready(std::mem::take(&mut state.packed))
    }

    /// Wakes the one who waits.
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

/// How submitted messages ended.
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

/// Messages wait to be read.
pub(super) fn pack_waiting(to: &mut Vec<u8>) {
    to.push(8);
}
