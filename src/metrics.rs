//! The counters of a writer or reader.

use std::sync::Mutex;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::histogram::Histogram;
use crate::lock::lock;
use crate::mqtt::{Tally, ValueSize};

/// A snapshot of the counters. Sizes are those of whole SINETStream messages, without MQTT's own bytes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Metrics {
    /// The time when counting began, in milliseconds since 1970.
    pub start_time_ms: i64,
    /// The time when the last message was counted, in milliseconds since 1970; the start time before the first one.
    pub end_time_ms: i64,
    /// The number of messages that were written and confirmed, or read.
    pub msg_count_total: u64,
    /// The bytes of their values before compression.
    pub msg_uncompressed_bytes_total: u64,
    /// The bytes of their values after compression.
    pub msg_compressed_bytes_total: u64,
    /// The bytes of the messages.
    pub msg_bytes_total: u64,
    /// The size of the smallest message in bytes.
    pub msg_size_min: Option<u64>,
    /// The size of the largest message in bytes.
    pub msg_size_max: Option<u64>,
    /// The number of writes that failed; for a reader, of messages that could not be decoded, and of its end if the program has
    /// not closed it.
    pub error_count_total: u64,
    /// The time that each confirmed message took, from its acceptance by the outbox to the broker's confirmation: PUBACK, or
    /// PUBCOMP at QoS 2. QoS 0 has no confirmation, so there it is the time until the operating system had the message. Empty
    /// for a reader.
    pub write_times: Histogram,
}

/// The counters themselves.
pub(crate) struct Counters(Mutex<Metrics>);

impl Counters {
    pub fn new() -> Counters {
        Counters(Mutex::new(since(now_us() / 1000)))
    }

    /// Counts a message of this many bytes with a value of this size.
    pub fn message(&self, bytes: usize, size: ValueSize) {
        let bytes = bytes as u64;
        let mut metrics = lock(&self.0);
        metrics.end_time_ms = (now_us() / 1000).max(metrics.start_time_ms);
        metrics.msg_count_total += 1;
        metrics.msg_bytes_total += bytes;
        metrics.msg_uncompressed_bytes_total += size.plain as u64;
        metrics.msg_compressed_bytes_total += size.compressed as u64;
        metrics.msg_size_min = Some(metrics.msg_size_min.map_or(bytes, |min| min.min(bytes)));
        metrics.msg_size_max = metrics.msg_size_max.max(Some(bytes));
    }

    pub fn error(&self) {
        lock(&self.0).error_count_total += 1;
    }

    pub fn snapshot(&self) -> Metrics {
        lock(&self.0).clone()
    }

    /// Returns a snapshot together with the counts of a writer's session.
    pub fn with(&self, tally: Tally) -> Metrics {
        let mut metrics = self.snapshot();
        if let Some(last) = tally.last {
            let since = i64::try_from(last.elapsed().as_millis()).unwrap_or(i64::MAX);
            metrics.end_time_ms = (now_us() / 1000 - since).max(metrics.start_time_ms);
        }
        metrics.msg_count_total = tally.messages;
        metrics.msg_bytes_total = tally.bytes;
        metrics.msg_uncompressed_bytes_total = tally.value_bytes;
        metrics.msg_compressed_bytes_total = tally.compressed_bytes;
        metrics.msg_size_min = tally.min;
        metrics.msg_size_max = tally.max;
        metrics.error_count_total += tally.errors;
        metrics.write_times = tally.write_times;
        metrics
    }

    /// Sets everything to zero. By another start time whoever looks now and then knows that there was a reset.
    pub fn reset(&self) {
        let mut metrics = lock(&self.0);
        let now = now_us() / 1000;
        let is_same = now == metrics.start_time_ms;
        *metrics = since(now + i64::from(is_same));
    }
}

fn since(start: i64) -> Metrics {
    Metrics { start_time_ms: start, end_time_ms: start, ..Metrics::default() }
}

/// Returns the present time in microseconds since 1970.
pub(crate) fn now_us() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_micros() as i64)
}
