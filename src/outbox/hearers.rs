//! The hearers of messages' ends, by message number. A message that nobody hears of has no entry here.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::task::{Context, Poll, Waker};

use tokio::time::Instant;

use crate::error::{Error, Result};
use crate::mqtt::Ended;

/// The hearer of one message.
pub(super) enum Hearer {
    /// The caller, who asks by number. The waker is set while the caller waits.
    Caller(Option<Waker>),
    /// The writer's report.
    Report,
}

struct Hearing {
    deadline: Instant,
    hearer: Hearer,
}

/// All hearers of an outbox, and the ends that they have not been told yet.
#[derive(Default)]
pub(super) struct Hearers {
    /// The hearers of messages that have not ended.
    waiting: BTreeMap<u64, Hearing>,
    deadlines: BTreeSet<(Instant, u64)>,
    /// The failures of messages whose callers have not asked yet.
    failures: HashMap<u64, Error>,
    report: Vec<Ended>,
    /// The waker of the task that waits for the report.
    reader: Option<Waker>,
    /// Wakers to be called after the lock is released.
    wakes: Vec<Waker>,
}

impl Hearers {
    pub fn add(&mut self, number: u64, deadline: Instant, hearer: Hearer) {
        self.deadlines.insert((deadline, number));
        self.waiting.insert(number, Hearing { deadline, hearer });
    }

    /// Ends every message below this number with success.
    pub fn succeed_before(&mut self, number: u64) {
        while let Some(first) = self.waiting.first_entry().filter(|first| *first.key() < number) {
            let (ended, Hearing { deadline, hearer }) = first.remove_entry();
            self.deadlines.remove(&(deadline, ended));
            match hearer {
                Hearer::Caller(waker) => self.wakes.extend(waker),
                Hearer::Report => {
                    match self.report.last_mut() {
                        Some(Ended::Done(_, end)) if *end == ended => *end += 1,
                        _ => self.report.push(Ended::Done(ended, ended + 1)),
                    }
                    self.wakes.extend(self.reader.take());
                }
            }
        }
    }

    /// Ends a message with a failure. Returns false when nobody hears of it.
    pub fn fail(&mut self, number: u64, error: Error) -> bool {
        let Some(Hearing { deadline, hearer }) = self.waiting.remove(&number) else { return false };
        self.deadlines.remove(&(deadline, number));
        match hearer {
            Hearer::Caller(waker) => {
                self.failures.insert(number, error);
                self.wakes.extend(waker);
            }
            Hearer::Report => {
                self.report.push(Ended::Failed(number, error));
                self.wakes.extend(self.reader.take());
            }
        }
        true
    }

    /// Returns whether somebody hears of this message's end.
    pub fn has(&self, number: u64) -> bool {
        self.waiting.contains_key(&number)
    }

    /// Returns the numbers of the messages whose end is awaited.
    pub fn numbers(&self) -> Vec<u64> {
        self.waiting.keys().copied().collect()
    }

    /// Returns the numbers of the messages whose deadline has passed.
    pub fn overdue(&self, now: Instant) -> Vec<u64> {
        self.deadlines.iter().take_while(|(deadline, _)| *deadline <= now).map(|(_, number)| *number).collect()
    }

    pub fn next_deadline(&self) -> Option<Instant> {
        self.deadlines.first().map(|(deadline, _)| *deadline)
    }

    /// Returns the end of a message to its caller, who alone may ask. Until it ends, the waker is kept, and called at the end.
    pub fn poll(&mut self, number: u64, context: &Context<'_>) -> Poll<Result<()>> {
        match self.waiting.get_mut(&number).map(|hearing| &mut hearing.hearer) {
            Some(Hearer::Caller(Some(waker))) if waker.will_wake(context.waker()) => Poll::Pending,
            Some(hearer) => {
                *hearer = Hearer::Caller(Some(context.waker().clone()));
                Poll::Pending
            }
            None => Poll::Ready(self.failures.remove(&number).map_or(Ok(()), Err)),
        }
    }

    /// Forgets a caller that will not ask.
    pub fn forget(&mut self, number: u64) {
        self.failures.remove(&number);
        if let Some(Hearing { deadline, .. }) = self.waiting.remove(&number) {
            self.deadlines.remove(&(deadline, number));
        }
    }

    /// Returns the ends for the report since the last call; when there are none, the waker is called at the next one.
    pub fn take_report(&mut self, waker: &Waker) -> Vec<Ended> {
        if self.report.is_empty() {
            self.reader = Some(waker.clone());
        }
        std::mem::take(&mut self.report)
    }

    pub fn take_wakes(&mut self) -> Vec<Waker> {
        std::mem::take(&mut self.wakes)
    }
}
