//! The numbers of a client for the facade `metrics`: feature `metrics`.

use ::metrics::{Counter, Gauge, Label, Unit};
use ::metrics::{counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};

use crate::histogram::Histogram;
use crate::metrics::Metrics;
use crate::mqtt::ConnectionInfo;

/// Where a counter is found: among those that a reset of the client's metrics sets to zero, or among those that only grow.
#[derive(Clone, Copy)]
enum Number {
    Reset(fn(&Metrics) -> u64),
    Grows(fn(&ConnectionInfo) -> u64),
}

use Number::{Grows, Reset};

/// Where a gauge is found.
type Level = fn(&ConnectionInfo) -> f64;

/// What a writer has, and a reader has not, and the other way round.
#[derive(Clone, Copy, PartialEq)]
enum Of {
    Both,
    Writers,
    Readers,
}

const COUNTERS: &[(&str, Of, Unit, &str, Number)] = &[
    (
        "sinetstream_messages_total",
        Of::Both,
        Unit::Count,
        "messages written and confirmed, or read",
        Reset(|metrics| metrics.msg_count_total),
    ),
    (
        "sinetstream_bytes_total",
        Of::Both,
        Unit::Bytes,
        "bytes of these messages, without MQTT's own",
        Reset(|metrics| metrics.msg_bytes_total),
    ),
    (
        "sinetstream_uncompressed_bytes_total",
        Of::Both,
        Unit::Bytes,
        "bytes of their values before compression",
        Reset(|metrics| metrics.msg_uncompressed_bytes_total),
    ),
    (
        "sinetstream_compressed_bytes_total",
        Of::Both,
        Unit::Bytes,
        "bytes of their values after compression",
        Reset(|metrics| metrics.msg_compressed_bytes_total),
    ),
    (
        "sinetstream_errors_total",
        Of::Both,
        Unit::Count,
        "writes that failed; messages that could not be decoded, and the end of a reader that was not closed",
        Reset(|metrics| metrics.error_count_total),
    ),
    (
        "sinetstream_reconnects_total",
        Of::Both,
        Unit::Count,
        "how often the connection came back",
        Grows(|info| info.reconnects),
    ),
    (
        "sinetstream_resent_total",
        Of::Writers,
        Unit::Count,
        "messages sent again after the connection came back",
        Grows(|info| info.resent),
    ),
    (
        "sinetstream_outbox_dropped_total",
        Of::Writers,
        Unit::Count,
        "messages that the outbox on disk has given up",
        Grows(|info| info.outbox_dropped),
    ),
];

const GAUGES: &[(&str, Of, Unit, &str, Level)] = &[
    ("sinetstream_connected", Of::Both, Unit::Count, "1 when there is a connection now, otherwise 0", |info| {
        u8::from(info.connected).into()
    }),
    ("sinetstream_outbox_messages", Of::Writers, Unit::Count, "messages written and not confirmed", |info| {
        info.outbox_messages as f64
    }),
    ("sinetstream_outbox_bytes", Of::Writers, Unit::Bytes, "bytes of the messages written and not confirmed", |info| {
        info.outbox_bytes as f64
    }),
    ("sinetstream_in_flight", Of::Writers, Unit::Count, "messages sent and not confirmed", |info| {
        info.in_flight as f64
    }),
    (
        "sinetstream_outbox_age_seconds",
        Of::Writers,
        Unit::Seconds,
        "how long the oldest message has been in the outbox on disk",
        |info| info.outbox_age_ms as f64 / 1000.0,
    ),
    (
        "sinetstream_inbox_messages",
        Of::Readers,
        Unit::Count,
        "messages received and not read, or not acknowledged",
        |info| info.inbox_messages as f64,
    ),
    (
        "sinetstream_inbox_bytes",
        Of::Readers,
        Unit::Bytes,
        "bytes of the messages received and not read, or not acknowledged",
        |info| info.inbox_bytes as f64,
    ),
];

const WRITE_SECONDS: &str = "sinetstream_write_seconds";

/// Tells the recorder of the crate `metrics` the numbers of one client, whenever [`MetricsRecorder::record`] is called: before
/// each look of a collector, or every few seconds. When it is dropped, its gauges are 0.
///
/// ```no_run
/// # let writer = sinetstream::MessageWriter::<str>::builder().service("sensors").open()?;
/// let mut recorder = writer.metrics_recorder();
/// recorder.record(&writer.metrics(), &writer.connection_info());
/// # Ok::<(), sinetstream::Error>(())
/// ```
pub struct MetricsRecorder {
    counters: Vec<(Counter, Number, u64)>,
    /// When the client began to count what is recorded here; `None` before the first call.
    start_time_ms: Option<i64>,
    gauges: Vec<(Gauge, Level)>,
    /// Of a writer, with those that are recorded.
    write_times: Option<(::metrics::Histogram, Histogram)>,
}

impl MetricsRecorder {
    pub(crate) fn of_writer(service: Option<&str>, topics: &[String], client_id: &str) -> MetricsRecorder {
        MetricsRecorder::new(Of::Writers, service, topics, client_id)
    }

    pub(crate) fn of_reader(service: Option<&str>, topics: &[String], client_id: &str) -> MetricsRecorder {
        MetricsRecorder::new(Of::Readers, service, topics, client_id)
    }

    fn new(of: Of, service: Option<&str>, topics: &[String], client_id: &str) -> MetricsRecorder {
        let labels = vec![
            Label::new("service", service.unwrap_or("none").to_owned()),
            Label::new("topic", topics.join(",")),
            Label::new("client_id", client_id.to_owned()),
            Label::new("role", if of == Of::Writers { "writer" } else { "reader" }),
        ];
        let is_ours = |whose: Of| whose == Of::Both || whose == of;
        let counters = COUNTERS.iter().filter(|(_, whose, ..)| is_ours(*whose));
        let gauges = GAUGES.iter().filter(|(_, whose, ..)| is_ours(*whose));
        MetricsRecorder {
            start_time_ms: None,
            counters: counters
                .map(|(name, _, unit, what, number)| {
                    describe_counter!(*name, *unit, *what);
                    (counter!(*name, labels.clone()), *number, 0)
                })
                .collect(),
            gauges: gauges
                .map(|(name, _, unit, what, number)| {
                    describe_gauge!(*name, *unit, *what);
                    (gauge!(*name, labels.clone()), *number)
                })
                .collect(),
            write_times: is_ours(Of::Writers).then(|| {
                describe_histogram!(WRITE_SECONDS, Unit::Seconds, "time from a write to the broker's confirmation");
                (histogram!(WRITE_SECONDS, labels.clone()), Histogram::default())
            }),
        }
    }

    /// Records what has changed since the last call. Of the times of writes each bucket of the client's own histogram is told
    /// by the mean of what is new in it, so that their sum is exact.
    pub fn record(&mut self, metrics: &Metrics, info: &ConnectionInfo) {
        // A reset of the client's metrics sets them to zero, and a counter never goes back.
        let is_reset =
            self.start_time_ms.replace(metrics.start_time_ms).is_some_and(|start| start != metrics.start_time_ms);
        for (counter, number, recorded) in &mut self.counters {
            let (now, before) = match number {
                Reset(number) => (number(metrics), if is_reset { 0 } else { *recorded }),
                Grows(number) => (number(info), *recorded),
            };
            counter.increment(now.saturating_sub(before));
            *recorded = now;
        }
        for (gauge, number) in &self.gauges {
            gauge.set(number(info));
        }
        if let Some((histogram, recorded)) = &mut self.write_times {
            if is_reset {
                *recorded = Histogram::default();
            }
            for (mean, count) in metrics.write_times.since(recorded) {
                histogram.record_many(mean, usize::try_from(count).unwrap_or(usize::MAX));
            }
            *recorded = metrics.write_times.clone();
        }
    }
}

impl Drop for MetricsRecorder {
    fn drop(&mut self) {
        self.gauges.iter().for_each(|(gauge, _)| gauge.set(0.0));
    }
}
