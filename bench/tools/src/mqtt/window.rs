//! Counts the messages that are sent but not acknowledged, for the sending and the receiving thread.

use std::sync::{Condvar, Mutex};

#[derive(Default)]
pub struct Window {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    acknowledged: u64,
    closed: bool,
}

impl Window {
    pub fn acknowledge(&self, messages: u64) {
        self.change(|state| state.acknowledged += messages);
    }

    /// Sets the total of acknowledged messages.
    pub fn acknowledged(&self, total: u64) {
        self.change(|state| state.acknowledged = total);
    }

    /// Ends all waits, because the connection is lost.
    pub fn close(&self) {
        self.change(|state| state.closed = true);
    }

    /// Waits until fewer than `width` of the `sent` messages are unacknowledged. Returns how many more may be sent; `None` if
    /// closed.
    pub fn room(&self, sent: u64, width: u64) -> Option<u64> {
        let mut state = self.lock();
        loop {
            if state.closed {
                return None;
            }
            let room = (state.acknowledged + width).saturating_sub(sent);
            if room > 0 {
                return Some(room);
            }
            state = self.changed.wait(state).unwrap_or_else(|poisoned| poisoned.into_inner());
        }
    }

    /// Waits until all are acknowledged; returns false if closed.
    pub fn drained(&self, sent: u64) -> bool {
        self.room(sent, 1).is_some()
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.lock());
        self.changed.notify_all();
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_is_what_is_not_under_way() {
        let window = Window::default();
        assert_eq!(window.room(0, 10), Some(10));
        window.acknowledge(5);
        assert_eq!(window.room(12, 10), Some(3));
        assert!(window.drained(5));
        window.close();
        assert_eq!(window.room(12, 10), None);
    }
}
