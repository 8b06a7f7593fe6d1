//! Changes of the connection on their way to Java, big endian: kind (1 connected, 2 lost, 3 retrying, 4 ended,
//! 5 closed), session present (u8), delay in milliseconds (i64), error code (i32), text with its length (u32).

use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Instant;

use crate::mqtt::ConnectionEvent;
use crate::mqtt::wait::lock;

/// Bytes that may wait; a client that nobody polls forgets what does not fit, but never its end.
const MAX_BYTES: usize = 64 * 1024;

#[derive(Default)]
struct State {
    packed: Vec<u8>,
    closed: bool,
}

/// See the module.
#[derive(Default)]
pub(super) struct EventQueue {
    state: Mutex<State>,
    changed: Condvar,
}

impl EventQueue {
    pub fn push(&self, event: &ConnectionEvent) {
        let mut state = lock(&self.state);
        let is_last = matches!(event, ConnectionEvent::Ended { .. } | ConnectionEvent::Closed);
        if is_last || state.packed.len() < MAX_BYTES {
            pack(&mut state.packed, event);
        }
        self.changed.notify_all();
    }

    /// What waits, or comes until then.
    pub fn take(&self, until: Instant) -> Option<Vec<u8>> {
        let mut state = lock(&self.state);
        while state.packed.is_empty() && !state.closed {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return None;
            }
            state = self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        let packed = std::mem::take(&mut state.packed);
        (!packed.is_empty()).then_some(packed)
    }

    /// Wakes the one who waits.
    pub fn close(&self) {
        lock(&self.state).closed = true;
        self.changed.notify_all();
    }
}

fn pack(to: &mut Vec<u8>, event: &ConnectionEvent) {
    let (kind, session_present, delay_ms, code, text) = match event {
        ConnectionEvent::Connected { broker, session_present } => (1, *session_present, 0, 0, broker.clone()),
        ConnectionEvent::Lost { cause } => (2, false, 0, cause.code(), cause.to_string()),
        ConnectionEvent::Retrying { delay, broker } => (3, false, delay.as_millis() as i64, 0, broker.clone()),
        ConnectionEvent::Ended { cause } => (4, false, 0, cause.code(), cause.to_string()),
        ConnectionEvent::Closed => (5, false, 0, 0, String::new()),
    };
    to.push(kind);
    to.push(u8::from(session_present));
    to.extend_from_slice(&delay_ms.to_be_bytes());
    to.extend_from_slice(&code.to_be_bytes());
    to.extend_from_slice(&(text.len() as u32).to_be_bytes());
    to.extend_from_slice(text.as_bytes());
}
