//! What the crate `metrics` is told of clients: feature `metrics`.
#![cfg(feature = "metrics")]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use crate::common::broker::Broker;
use crate::common::{next, reader, writer};
use metrics::{Counter, Gauge, Histogram, HistogramFn, Key, KeyName, Metadata, Recorder, SharedString, Unit};
use sinetstream::{Consistency, MessageReader, MessageWriter};

/// A number by the role of its client and its name.
type Numbers = Mutex<BTreeMap<String, Arc<AtomicU64>>>;

/// Keeps what it is told.
#[derive(Default)]
struct Told {
    described: Mutex<BTreeSet<String>>,
    counters: Numbers,
    gauges: Numbers,
    times: Mutex<BTreeMap<String, Arc<Times>>>,
}

#[derive(Default)]
struct Times(Mutex<Vec<f64>>);

impl HistogramFn for Times {
    fn record(&self, value: f64) {
        self.0.lock().expect("lock").push(value);
    }
}

impl Told {
    fn describe(&self, name: &KeyName) {
        self.described.lock().expect("lock").insert(name.as_str().to_owned());
    }

    fn place<T: Default>(all: &Mutex<BTreeMap<String, Arc<T>>>, key: &Key) -> Arc<T> {
        let labels: BTreeMap<_, _> = key.labels().map(|label| (label.key(), label.value())).collect();
        assert_eq!((labels["service"], labels["topic"]), ("none", "t"));
        assert_eq!(labels["client_id"], format!("{}-1", labels["role"]));
        all.lock().expect("lock").entry(format!("{} {}", labels["role"], key.name())).or_default().clone()
    }

    fn names(&self) -> BTreeSet<String> {
        let mut names: BTreeSet<String> = self.times.lock().expect("lock").keys().cloned().collect();
        names.extend(self.counters.lock().expect("lock").keys().cloned());
        names.extend(self.gauges.lock().expect("lock").keys().cloned());
        names.iter().filter_map(|name| name.split(' ').next_back()).map(str::to_owned).collect()
    }

    fn counter(&self, name: &str) -> u64 {
        self.counters.lock().expect("lock")[name].load(Ordering::Relaxed)
    }

    fn gauge(&self, name: &str) -> f64 {
        f64::from_bits(self.gauges.lock().expect("lock")[name].load(Ordering::Relaxed))
    }

    fn times(&self, name: &str) -> Vec<f64> {
        self.times.lock().expect("lock")[name].0.lock().expect("lock").clone()
    }
}

impl Recorder for Told {
    fn describe_counter(&self, name: KeyName, _: Option<Unit>, _: SharedString) {
        self.describe(&name);
    }

    fn describe_gauge(&self, name: KeyName, _: Option<Unit>, _: SharedString) {
        self.describe(&name);
    }

    fn describe_histogram(&self, name: KeyName, _: Option<Unit>, _: SharedString) {
        self.describe(&name);
    }

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        Counter::from_arc(Told::place(&self.counters, key))
    }

    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::from_arc(Told::place(&self.gauges, key))
    }

    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::from_arc(Told::place(&self.times, key))
    }
}

/// The names in the table of the guide.
fn names_of_the_guide() -> BTreeSet<String> {
    let guide = std::fs::read_to_string("docs/metrics.md").expect("the guide");
    let table = guide.split("## ").find(|part| part.starts_with("Names")).expect("the names");
    table.split('`').filter(|word| word.starts_with("sinetstream_")).map(str::to_owned).collect()
}

#[test]
fn the_recorder_of_the_program_has_the_names_of_the_guide() {
    let broker = Broker::start();
    let address = broker.plain_address();
    let reader: MessageReader<String> = reader(&address, "t").client_id("reader-1").open().expect("a reader");
    let writer: MessageWriter<str> =
        writer(&address, "t").client_id("writer-1").consistency(Consistency::AtLeastOnce).open().expect("a writer");
    let told = Told::default();
    let (mut of_writer, mut of_reader) =
        metrics::with_local_recorder(&told, || (writer.metrics_recorder(), reader.metrics_recorder()));
    assert_eq!(told.names(), names_of_the_guide());
    assert_eq!(*told.described.lock().expect("lock"), told.names());
    for all in [3, 6] {
        for _ in 0..3 {
            writer.write("hello").expect("write");
            next(&reader);
        }
        of_writer.record(&writer.metrics(), &writer.connection_info());
        of_reader.record(&reader.metrics(), &reader.connection_info());
        for role in ["writer", "reader"] {
            assert_eq!(told.counter(&format!("{role} sinetstream_messages_total")), all);
            assert_eq!(told.counter(&format!("{role} sinetstream_uncompressed_bytes_total")), 5 * all);
            assert_eq!(told.gauge(&format!("{role} sinetstream_connected")), 1.0);
        }
        let times = told.times("writer sinetstream_write_seconds");
        assert_eq!(times.len() as u64, all);
        let (sum, expected) = (times.iter().sum::<f64>(), writer.metrics().write_times.sum().as_secs_f64());
        // A mean is a whole number of nanoseconds.
        assert!((sum - expected).abs() < 1e-6, "{sum} and not {expected}");
    }
    // As many as before a reset, or more, are new all the same.
    for (new, all) in [(1, 7), (8, 15)] {
        writer.reset_metrics();
        reader.reset_metrics();
        for _ in 0..new {
            writer.write("hello").expect("write");
            next(&reader);
        }
        of_writer.record(&writer.metrics(), &writer.connection_info());
        of_reader.record(&reader.metrics(), &reader.connection_info());
        for role in ["writer", "reader"] {
            assert_eq!(told.counter(&format!("{role} sinetstream_messages_total")), all, "a counter never goes back");
        }
        assert_eq!(told.times("writer sinetstream_write_seconds").len() as u64, all);
    }
    drop(of_writer);
    assert_eq!(told.gauge("writer sinetstream_connected"), 0.0);
    assert_eq!(told.gauge("reader sinetstream_connected"), 1.0);
}
