//! Who hears how messages end, by their numbers. A message that nobody hears of is not here.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::task::{Context, Poll, Waker};

use tokio::time::Instant;

use crate::error::{Error, Result};
use crate::mqtt::Ended;

/// Who hears of a message.
pub(super) enum Hearer {
    /// The one who asks with its number. The waker is his, when he waits.
    Caller(Option<Waker>),
    /// The writer's report.
    Report,
}

struct Hearing {
    deadline: Instant,
    hearer: Hearer,
}

/// See the module.
#[derive(Default)]
pub(super) struct Hearers {
    /// Of messages that have not ended.
    waiting: BTreeMap<u64, Hearing>,
    deadlines: BTreeSet<(Instant, u64)>,
    /// Of callers who have not asked yet.
    failures: HashMap<u64, Error>,
    report: Vec<Ended>,
    /// Who waits for the report.
    reader: Option<Waker>,
    /// Who is to be woken, without the lock.
    wakes: Vec<Waker>,
}

impl Hearers {
    pub fn add(&mut self, number: u64, deadline: Instant, hearer: Hearer) {
        self.deadlines.insert((deadline, number));
        self.waiting.insert(number, Hearing { deadline, hearer });
    }

    /// Every message below this number has ended well.
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

    /// A message has failed: false if nobody hears of it.
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

    /// Whether somebody hears of a message's end.
    pub fn has(&self, number: u64) -> bool {
        self.waiting.contains_key(&number)
    }

    /// The numbers whose end is awaited.
    pub fn numbers(&self) -> Vec<u64> {
        self.waiting.keys().copied().collect()
    }

    /// The numbers whose time is up.
    pub fn overdue(&self, now: Instant) -> Vec<u64> {
        self.deadlines.iter().take_while(|(deadline, _)| *deadline <= now).map(|(_, number)| *number).collect()
    }

    pub fn next_deadline(&self) -> Option<Instant> {
        self.deadlines.first().map(|(deadline, _)| *deadline)
    }

    /// Whether a message has ended, and how; asked by its caller only. Otherwise he is woken when it has.
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

    /// The caller will not ask.
    pub fn forget(&mut self, number: u64) {
        self.failures.remove(&number);
        if let Some(Hearing { deadline, .. }) = self.waiting.remove(&number) {
            self.deadlines.remove(&(deadline, number));
        }
    }

    /// What has ended for the report since the last call; otherwise the waker is called when something has.
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
