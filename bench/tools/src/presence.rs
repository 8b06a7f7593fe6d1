//! Tracks which of many clients are connected, by their own reports.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// The counts of all clients of a row.
#[derive(Default)]
pub struct Crowd {
    connected: AtomicUsize,
    /// The number of clients that have lost their connection at least once.
    lost: AtomicUsize,
}

/// The state of one client.
#[derive(Default)]
pub struct Presence {
    crowd: Arc<Crowd>,
    connected: AtomicBool,
    lost: AtomicBool,
}

impl Crowd {
    pub fn join(self: &Arc<Self>) -> Arc<Presence> {
        Arc::new(Presence { crowd: self.clone(), ..Presence::default() })
    }

    /// Whether each of `count` clients has lost its connection, and is connected again.
    pub fn all_are_back(&self, count: usize) -> bool {
        self.lost.load(Ordering::SeqCst) == count && self.connected.load(Ordering::SeqCst) == count
    }

    pub fn connected(&self) -> usize {
        self.connected.load(Ordering::SeqCst)
    }
}

impl Presence {
    /// Must be called with each connection.
    pub fn connected(&self) {
        if !self.connected.swap(true, Ordering::SeqCst) {
            self.crowd.connected.fetch_add(1, Ordering::SeqCst);
        }
    }

    /// Must be called when a connection is lost; repeated calls have no effect until the next connection.
    pub fn lost(&self) {
        if self.connected.swap(false, Ordering::SeqCst) {
            self.crowd.connected.fetch_sub(1, Ordering::SeqCst);
        }
        if !self.lost.swap(true, Ordering::SeqCst) {
            self.crowd.lost.fetch_add(1, Ordering::SeqCst);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_are_back_when_each_was_away() {
        let crowd = Arc::new(Crowd::default());
        let (one, other) = (crowd.join(), crowd.join());
        one.connected();
        other.connected();
        assert!(!crowd.all_are_back(2));
        for _ in 0..2 {
            one.lost();
            one.lost();
            assert_eq!(crowd.connected(), 1);
            one.connected();
        }
        assert!(!crowd.all_are_back(2), "the other was never away");
        other.lost();
        assert!(!crowd.all_are_back(2));
        other.connected();
        assert!(crowd.all_are_back(2));
    }
}
