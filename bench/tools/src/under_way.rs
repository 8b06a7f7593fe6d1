//! Tracks the messages that a writer has in flight, at most its window: for clients that report the end of a message to a
//! callback or by an event.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::measured::Measured;

/// When no message has ended for this long, the rest is given up.
const PATIENCE: Duration = Duration::from_secs(20);

pub struct UnderWay {
    width: usize,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    under_way: usize,
    succeeded: u64,
    failed: u64,
    /// The reason why the first message failed, or why no more can end.
    problem: Option<String>,
    broken: bool,
}

impl UnderWay {
    pub fn new(width: usize) -> UnderWay {
        UnderWay { width, state: Mutex::default(), changed: Condvar::new() }
    }

    /// Notes that a message is confirmed.
    pub fn succeeded(&self) {
        let mut state = self.lock();
        state.under_way = state.under_way.saturating_sub(1);
        state.succeeded += 1;
        self.wake(state);
    }

    /// Notes that a message has failed.
    pub fn failed(&self, problem: impl ToString) {
        let mut state = self.lock();
        state.under_way = state.under_way.saturating_sub(1);
        state.failed += 1;
        state.problem.get_or_insert_with(|| problem.to_string());
        self.wake(state);
    }

    /// Notes that no message can end any more.
    pub fn broken(&self, problem: impl ToString) {
        let mut state = self.lock();
        state.broken = true;
        state.problem.get_or_insert_with(|| problem.to_string());
        self.wake(state);
    }

    /// Calls `start`, which starts a write, as often as the window allows; at the end waits until all have ended.
    pub fn write_for<E: ToString>(
        &self,
        time: Duration,
        into: &mut Measured,
        mut start: impl FnMut() -> Result<(), E>,
    ) {
        let end = Instant::now() + time;
        while Instant::now() < end {
            if !self.wait_for(self.width - 1) {
                break;
            }
            self.lock().under_way += 1;
            if let Err(error) = start() {
                self.failed(error);
            }
        }
        let ended = self.wait_for(0);
        let mut state = self.lock();
        if !ended {
            state.failed += std::mem::take(&mut state.under_way) as u64;
            state.problem.get_or_insert_with(|| "some writes did not end".to_owned());
        }
        into.messages += std::mem::take(&mut state.succeeded);
        into.errors += std::mem::take(&mut state.failed).max(u64::from(state.broken));
        // A broken state stays broken, and later calls must report why.
        let problem = if state.broken { state.problem.clone() } else { state.problem.take() };
        into.first_error = into.first_error.take().or(problem);
    }

    /// Waits until at most `under_way` messages have not ended; returns false if no more end.
    fn wait_for(&self, under_way: usize) -> bool {
        let mut state = self.lock();
        while state.under_way > under_way {
            if state.broken {
                return false;
            }
            let before = state.under_way;
            let waited = self.changed.wait_timeout(state, PATIENCE).unwrap_or_else(PoisonError::into_inner);
            state = waited.0;
            if waited.1.timed_out() && state.under_way == before {
                return false;
            }
        }
        !state.broken
    }

    /// Wakes the writer only when its wait may be over: just below the window, or after the last message. Other calls need no
    /// system call.
    fn wake(&self, state: MutexGuard<State>) {
        let wake = state.broken || state.under_way + 1 == self.width || state.under_way == 0;
        drop(state);
        if wake {
            self.changed.notify_one();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FOR_EVER: Duration = Duration::from_secs(3600);

    #[test]
    fn what_ends_is_counted_until_none_can_end() {
        let under_way = UnderWay::new(2);
        let mut measured = Measured::default();
        let mut number = 0;
        under_way.write_for(FOR_EVER, &mut measured, || {
            number += 1;
            match number {
                1 => under_way.succeeded(),
                2 => under_way.failed("the second"),
                3 => return Err("the third"),
                _ => under_way.broken("gone"),
            }
            Ok(())
        });
        // The fourth message has no end.
        assert_eq!((number, measured.messages, measured.errors), (4, 1, 3));
        assert_eq!(measured.first_error.as_deref(), Some("the second"));
    }

    #[test]
    fn what_is_broken_stays_broken() {
        let under_way = UnderWay::new(2);
        under_way.write_for(FOR_EVER, &mut Measured::default(), || {
            under_way.broken("gone");
            Ok::<(), String>(())
        });
        let mut measured = Measured::default();
        under_way.write_for(FOR_EVER, &mut measured, || panic!("nothing can be written") as Result<(), String>);
        assert_eq!((measured.messages, measured.errors), (0, 1));
        assert_eq!(measured.first_error.as_deref(), Some("gone"));
    }

    #[test]
    fn no_more_than_the_window_are_under_way() {
        let under_way = UnderWay::new(3);
        let mut measured = Measured::default();
        let (mut started, mut most) = (0, 0);
        std::thread::scope(|scope| {
            under_way.write_for(FOR_EVER, &mut measured, || {
                started += 1;
                most = most.max(under_way.lock().under_way);
                match started {
                    100 => under_way.broken("enough"),
                    _ => drop(scope.spawn(|| under_way.succeeded())),
                }
                Ok::<(), String>(())
            });
        });
        assert!((1..=3).contains(&most), "{most}");
    }
}
