//! What has changed at clients, for the one thread of Java that waits for it on behalf of all of them.
//!
//! A call that finds nothing arms a [`Signal`]: the waker of what it was about. The thread learns the client's handle and
//! which signal it was, and wakes whoever has armed it, who then calls again.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::task::{Wake, Waker};

use crate::lock::lock;

/// There is news for the client's pump: see `take_events`. Tickets, which are positive, stand for themselves.
pub(super) const NEWS: i64 = 0;
/// Messages can be read.
pub(super) const MESSAGES: i64 = -1;
/// The program is asked for a login.
pub(super) const LOGIN: i64 = i64::MIN;
/// Java is asked to open key stores again.
pub(super) const STORES: i64 = i64::MIN + 1;

/// One thing at one client that somebody in Java waits for.
struct Signal {
    handle: i64,
    what: i64,
    /// It waits to be taken, and needs no second place in the queue. So the queue is no longer than there are signals.
    queued: AtomicBool,
}

/// A waker that tells Java of a change.
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
    /// The thread shall return with nothing, to see whether it is needed.
    interrupted: bool,
}

static QUEUE: Queue =
    Queue { state: Mutex::new(State { changed: Vec::new(), interrupted: false }), more: Condvar::new() };

/// Blocks until something has changed, or [`interrupt`] is called, and hands over all of it: a handle and what has changed
/// there, one after the other. What `hand_over` fails for comes again with the next call.
pub(super) fn take_changes<T, E>(hand_over: impl FnOnce(&[i64]) -> Result<T, E>) -> Result<T, E> {
    let taken = {
        let mut state = lock(&QUEUE.state);
        while state.changed.is_empty() && !state.interrupted {
            state = QUEUE.more.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.interrupted = false;
        std::mem::take(&mut state.changed)
    };
    // From here on a signal that fires again takes a new place: who is woken by this one might have looked already.
    taken.iter().for_each(|signal| signal.queued.store(false, Ordering::Release));
    let packed: Vec<i64> = taken.iter().flat_map(|signal| [signal.handle, signal.what]).collect();
    hand_over(&packed).inspect_err(|_| taken.into_iter().for_each(Wake::wake))
}

/// Ends the wait of [`take_changes`], the present or the next one.
pub(super) fn interrupt() {
    lock(&QUEUE.state).interrupted = true;
    QUEUE.more.notify_one();
}
