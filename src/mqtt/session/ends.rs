//! How the ends of publishes are told: each accepted publish has one end, which is told once.
//!
//! Publishes have numbers, so a success needs no record of its own: a publish that is no longer under way and has left no
//! failure has succeeded.

use std::collections::HashMap;
use std::task::Waker;

use tokio::time::Instant;

use crate::error::{Error, Result};
use crate::histogram::Histogram;

/// The hearer of a publish's end.
#[derive(Debug)]
pub(crate) enum Hearer {
    /// The caller, who asks with the number: [`Ends::outcome`]. The waker is set while the caller waits.
    Caller(Option<Waker>),
    /// The client's report: see [`Ends::take_report`].
    Report,
    /// Nobody: the publish goes on unheard.
    Nobody,
    /// Nobody any more: the end has been told before the broker's word, since the caller has given up. The waker belongs to a
    /// caller who waits until the publish is no longer under way.
    GivenUp(Option<Waker>),
}

/// Publishes that have ended, in the order of the ends.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Ended {
    /// The publishes from the first number up to, but not including, the second have succeeded.
    Done(u64, u64),
    Failed(u64, Error),
}

/// The sizes of a published value, which the session only counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ValueSize {
    pub plain: usize,
    pub compressed: usize,
}

impl ValueSize {
    /// Returns the size of a value that is not compressed.
    pub fn same(bytes: usize) -> ValueSize {
        ValueSize { plain: bytes, compressed: bytes }
    }
}

/// The figures that a writer's metrics need.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tally {
    pub messages: u64,
    pub bytes: u64,
    pub value_bytes: u64,
    pub compressed_bytes: u64,
    pub min: Option<u64>,
    pub max: Option<u64>,
    pub errors: u64,
    /// The moment at which the last message was counted.
    pub last: Option<Instant>,
    /// The times from acceptance to the end.
    pub write_times: Histogram,
}

impl Tally {
    fn message(&mut self, bytes: usize, size: ValueSize, accepted: Instant, now: Instant) {
        let bytes = bytes as u64;
        self.messages += 1;
        self.bytes += bytes;
        self.value_bytes += size.plain as u64;
        self.compressed_bytes += size.compressed as u64;
        self.min = Some(self.min.map_or(bytes, |min| min.min(bytes)));
        self.max = self.max.max(Some(bytes));
        self.last = Some(now);
        self.write_times.record(now.saturating_duration_since(accepted));
    }
}

/// The ends of publishes; see the module.
#[derive(Default)]
pub(crate) struct Ends {
    /// The failures of publishes whose callers have not asked yet.
    failures: HashMap<u64, Error>,
    report: Vec<Ended>,
    /// The waker of the task that waits for the report.
    reader: Option<Waker>,
    /// The wakers that are to be called without the session's lock.
    wakes: Vec<Waker>,
    /// True when a publish has ended since the last look.
    news: bool,
    tally: Tally,
}

/// The facts about a publish that has ended.
pub(super) struct EndedPublish {
    pub number: u64,
    pub hearer: Hearer,
    pub bytes: usize,
    pub size: ValueSize,
    pub accepted: Instant,
}

impl Ends {
    /// Records the end of a publish for its hearer. Wakers are called later, without the session's lock.
    pub(super) fn record(&mut self, publish: EndedPublish, result: Result<()>, now: Instant) {
        self.news = true;
        let EndedPublish { number, hearer, bytes, size, accepted } = publish;
        if let Hearer::GivenUp(waker) = hearer {
            self.wakes.extend(waker);
            return;
        }
        match &result {
            Ok(()) => self.tally.message(bytes, size, accepted, now),
            Err(_) => self.tally.errors += 1,
        }
        match hearer {
            Hearer::Caller(waker) => {
                if let Err(error) = result {
                    self.failures.insert(number, error);
                }
                self.wakes.extend(waker);
            }
            Hearer::Report => {
                match (result, self.report.last_mut()) {
                    (Ok(()), Some(Ended::Done(_, end))) if *end == number => *end += 1,
                    (Ok(()), _) => self.report.push(Ended::Done(number, number + 1)),
                    (Err(error), _) => self.report.push(Ended::Failed(number, error)),
                }
                self.wakes.extend(self.reader.take());
            }
            Hearer::Nobody | Hearer::GivenUp(_) => {}
        }
    }

    /// Returns how a publish that is no longer under way has ended. Only its caller asks, and only once.
    pub(super) fn outcome(&mut self, number: u64) -> Result<()> {
        self.failures.remove(&number).map_or(Ok(()), Err)
    }

    /// Forgets a failure for which the caller will not ask.
    pub(super) fn forget(&mut self, number: u64) {
        self.failures.remove(&number);
    }

    /// Returns what has ended for the report since the last call. If that is nothing, the waker is called when something has.
    pub fn take_report(&mut self, waker: &Waker) -> Vec<Ended> {
        if self.report.is_empty() {
            self.reader = Some(waker.clone());
        }
        std::mem::take(&mut self.report)
    }

    pub(super) fn wake_later(&mut self, wakers: impl IntoIterator<Item = Waker>) {
        self.wakes.extend(wakers);
    }

    /// Returns the wakers that are to be called now, and whether a publish has ended.
    pub(super) fn take_news(&mut self) -> (Vec<Waker>, bool) {
        (std::mem::take(&mut self.wakes), std::mem::take(&mut self.news))
    }

    pub fn tally(&self) -> &Tally {
        &self.tally
    }

    pub fn count_error(&mut self) {
        self.tally.errors += 1;
    }

    pub fn reset_tally(&mut self) {
        self.tally = Tally::default();
    }
}
