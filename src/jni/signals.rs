//! The changes at clients, for the one Java thread that waits for them on behalf of all threads.
//!
//! A call that finds nothing arms a [`Signal`], the waker of what it has looked for. The thread learns the client's handle and
//! which signal fired, and wakes the thread that has armed it, which then calls again.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::task::{Wake, Waker};

use crate::lock::lock;

/// The signal for new events of a client, see `take_events`. Tickets, which are positive, are their own signals.
pub(super) const NEWS: i64 = 0;
/// The signal that messages can be read.
pub(super) const MESSAGES: i64 = -1;
/// The signal that the program is asked for a login.
pub(super) const LOGIN: i64 = i64::MIN;
/// Java is asked to open key stores again.
pub(super) const STORES: i64 = i64::MIN + 1;

/// A condition at one client that a Java thread waits for.
struct Signal {
    handle: i64,
    what: i64,
    /// The signal is in the queue and is not queued a second time, so the queue is never longer than the number of signals.
    queued: AtomicBool,
}

/// Returns a waker that tells Java of a change.
pub(super) fn waker(handle: i64, what: i64) -> Waker {
    Arc::new(Signal { handle, what, queued: AtomicBool::new(false) }).into()
}

impl Wake for Signal {
    fn wake(self: Arc<Self>) {
        if !self.queued.swap(true, Ordering::AcqRel) {
            lock(&QUEUE.state).changed.push(self);
            QUEUE.more.notify_one();
        }
    }
}

struct Queue {
    state: Mutex<State>,
    more: Condvar,
}

struct State {
    changed: Vec<Arc<Signal>>,
    /// The thread must return empty-handed, to check whether it is still needed.
    interrupted: bool,
}

static QUEUE: Queue =
    Queue { state: Mutex::new(State { changed: Vec::new(), interrupted: false }), more: Condvar::new() };

/// Blocks until something changes, or [`interrupt`] is called, and hands over all changes: handle and signal of each, one after
/// the other. If `hand_over` fails, the next call hands them over again.
pub(super) fn take_changes<T, E>(hand_over: impl FnOnce(&[i64]) -> Result<T, E>) -> Result<T, E> {
    let taken = {
        let mut state = lock(&QUEUE.state);
        while state.changed.is_empty() && !state.interrupted {
            state = QUEUE.more.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.interrupted = false;
        std::mem::take(&mut state.changed)
    };
    // From now on a signal that fires again is queued again: a thread that this delivery wakes might have looked already.
    taken.iter().for_each(|signal| signal.queued.store(false, Ordering::Release));
    let packed: Vec<i64> = taken.iter().flat_map(|signal| [signal.handle, signal.what]).collect();
    hand_over(&packed).inspect_err(|_| taken.into_iter().for_each(Wake::wake))
}

/// Ends the wait of [`take_changes`], the present or the next one.
pub(super) fn interrupt() {
    lock(&QUEUE.state).interrupted = true;
    QUEUE.more.notify_one();
}
