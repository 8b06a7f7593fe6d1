//! A network that fails all the time: nothing is missing, and at QoS 2 nothing comes twice.
//!
//! `CHAOS_MESSAGES` and `CHAOS_CUTS` set how much (100,000 messages at each QoS and 50 cuts of each client).

mod common;

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use common::broker::Broker;
use common::proxy::Proxy;
use sinetstream::config::Value;
use sinetstream::{Consistency, Error, MessageReader, MessageReaderBuilder, MessageWriter, MessageWriterBuilder};

const THREADS: usize = 64;

fn setting(name: &str, default: usize) -> usize {
    std::env::var(name).ok().and_then(|value| value.parse().ok()).unwrap_or(default)
}

fn parameters() -> [(&'static str, Value); 4] {
    [
        ("max_inflight_messages", [("inflight", 1000)].into()),
        ("clean_session", false.into()),
        ("reconnect_delay", [("min_delay", 0.02), ("max_delay", 0.1)].into()),
        ("connect", [("connection_timeout", 5)].into()),
    ]
}

fn writer(address: &str, id: &str, consistency: Consistency) -> MessageWriterBuilder<[u8]> {
    let builder = MessageWriter::builder().no_config(true).service_type("mqtt").topic("chaos").client_id(id);
    let builder = builder.consistency(consistency).parameter("brokers", address);
    parameters().into_iter().fold(builder, |builder, (name, value)| builder.parameter(name, value))
}

fn reader(address: &str, id: &str, consistency: Consistency) -> MessageReaderBuilder<Vec<u8>> {
    let builder = MessageReader::builder().no_config(true).service_type("mqtt").topic("chaos").client_id(id);
    let builder = builder.consistency(consistency).parameter("brokers", address);
    let builder = builder.receive_timeout(Duration::from_secs(60));
    parameters().into_iter().fold(builder, |builder, (name, value)| builder.parameter(name, value))
}

/// Cuts, stalls, delays and truncates until told to stop; returns how many connections it has ended.
fn torment(proxy: &Proxy, seed: u32, running: &AtomicBool) -> usize {
    let mut random = seed;
    let mut cuts = 0;
    while running.load(Ordering::SeqCst) {
        random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        std::thread::sleep(Duration::from_millis(50 + u64::from(random >> 24) / 2));
        let before = proxy.connections();
        match (random >> 16) % 4 {
            0 | 1 => cuts += usize::from(proxy.cut()),
            2 => {
                proxy.truncate();
                let deadline = Instant::now() + Duration::from_millis(100);
                while proxy.connections() == before && Instant::now() < deadline {
                    std::thread::sleep(Duration::from_millis(1));
                }
                cuts += usize::from(proxy.connections() > before);
            }
            _ => {
                proxy.stall(true);
                std::thread::sleep(Duration::from_millis(30));
                cuts += usize::from(proxy.cut());
                proxy.stall(false);
                proxy.delay(Duration::from_millis(u64::from(random >> 8) % 3));
            }
        }
    }
    proxy.delay(Duration::ZERO);
    cuts
}

/// Writes from many threads and reads, each through its own failing network. Returns how often each message came,
/// and how many writes failed.
fn run(consistency: Consistency, reader_is_cut: bool) -> (HashMap<Vec<u8>, usize>, Vec<Error>) {
    let (messages, cuts) = (setting("CHAOS_MESSAGES", 100_000), setting("CHAOS_CUTS", 50));
    let broker = Broker::start_with(common::certificates::server(), "max_inflight_messages 1000");
    let (to_writer, to_reader) = (Proxy::start(broker.plain), Proxy::start(broker.plain));
    let reader = reader(&to_reader.address(), "chaos-reader", consistency).open().expect("reader");
    let writer = writer(&to_writer.address(), "chaos-writer", consistency).open().expect("writer");

    let running = AtomicBool::new(true);
    let written = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        let writer_cuts = scope.spawn(|| torment(&to_writer, 1, &running));
        let reader_cuts = reader_is_cut.then(|| scope.spawn(|| torment(&to_reader, 2, &running)));
        let writers: Vec<_> = (0..THREADS)
            .map(|thread| {
                let (writer, written, to_writer) = (&writer, &written, &to_writer);
                scope.spawn(move || {
                    let mut failures = Vec::new();
                    let mut number = 0;
                    // The last thread that still has to cut goes on writing.
                    while written.load(Ordering::SeqCst) < messages || to_writer.connections() <= cuts {
                        let value = format!("{thread} {number}");
                        match writer.write(value.as_bytes()) {
                            Ok(()) => written.fetch_add(1, Ordering::SeqCst),
                            Err(error) => {
                                failures.push(error);
                                0
                            }
                        };
                        number += 1;
                    }
                    (number, failures)
                })
            })
            .collect();
        let reading = scope.spawn(|| {
            let mut arrived: HashMap<Vec<u8>, usize> = HashMap::new();
            // Until the last message, which is written when the others have ended.
            while let Some(message) = reader.read().expect("read") {
                if message.value() == b"end" {
                    break;
                }
                *arrived.entry(message.into_value()).or_default() += 1;
            }
            arrived
        });
        let mut failures = Vec::new();
        let mut numbers = Vec::new();
        for thread in writers {
            let (number, failed) = thread.join().expect("a writer");
            numbers.push(number);
            failures.extend(failed);
        }
        running.store(false, Ordering::SeqCst);
        let writer_cuts = writer_cuts.join().expect("torment");
        let reader_cuts = reader_cuts.map(|cuts| cuts.join().expect("torment"));
        // At QoS 0 a connection that is dead and not yet known to be would swallow the last message.
        common::eventually("the writer is back", || writer.ping(Duration::from_secs(1)).is_ok());
        writer.write(b"end").expect("the last message");
        let arrived = reading.join().expect("the reader");
        println!(
            "{consistency}: {} written, {} arrived, {} of them again, {writer_cuts} and {reader_cuts:?} cuts, {:?}",
            written.load(Ordering::SeqCst),
            arrived.len(),
            arrived.values().map(|count| count - 1).sum::<usize>(),
            writer.connection_info(),
        );
        assert!(writer_cuts >= cuts.min(writer_cuts.max(1)) && to_writer.connections() > cuts, "too few cuts");
        if failures.is_empty() && consistency != Consistency::AtMostOnce {
            for (thread, count) in numbers.into_iter().enumerate() {
                for number in 0..count {
                    assert!(
                        arrived.contains_key(format!("{thread} {number}").as_bytes()),
                        "{thread} {number} is missing"
                    );
                }
            }
        }
        (arrived, failures)
    })
}

#[test]
fn at_least_once_nothing_is_missing() {
    let (_, failures) = run(Consistency::AtLeastOnce, true);
    assert_eq!(failures, []);
}

#[test]
fn exactly_once_nothing_is_missing_and_nothing_comes_twice() {
    let (arrived, failures) = run(Consistency::ExactlyOnce, true);
    assert_eq!(failures, []);
    assert!(arrived.values().all(|count| *count == 1), "something came twice");
}

#[test]
fn at_most_once_every_write_ends_and_nothing_comes_twice() {
    let (arrived, failures) = run(Consistency::AtMostOnce, false);
    assert!(arrived.values().all(|count| *count == 1), "something came twice");
    assert!(failures.iter().all(|failure| matches!(failure, Error::Io(_))), "{failures:?}");
}
