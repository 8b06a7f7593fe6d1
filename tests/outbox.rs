//! Tests the outbox on disk: every accepted message arrives, whatever happens to the process, the network and the broker.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use crate::common;
use crate::common::broker::Broker;
use crate::common::certificates;
use crate::common::events::listen;
use crate::common::process::own_test;
use crate::common::proxy::Proxy;
use crate::common::{PATIENCE, block_on, eventually, login, next, quickly, told, within};
use sinetstream::config::Value;
use sinetstream::{
    ConnectionEvent, Consistency, Error, MessageReader, MessageWriter, MessageWriterBuilder, WriteValue,
};

const TOPIC: &str = "t";

/// Returns the parameter `outbox`.
fn outbox(directory: &Path, accept: &str, more: &[(&str, Value)]) -> Value {
    let mut entries = vec![("directory", directory.to_str().expect("UTF-8").into()), ("accept", accept.into())];
    entries.extend_from_slice(more);
    Value::Map(entries.into_iter().collect())
}

/// Returns the builder of a writer that reconnects quickly.
fn writer<T: WriteValue + ?Sized>(address: &str, outbox: Value) -> MessageWriterBuilder<T> {
    common::writer(address, TOPIC)
        .parameter("connect", [("automatic_reconnect", true)])
        .parameter("reconnect_delay", quickly())
        .consistency(Consistency::AtLeastOnce)
        .client_id("sensor")
        .parameter("outbox", outbox)
}

fn reader(broker: &Broker) -> MessageReader<String> {
    common::reader(&broker.plain_address(), TOPIC).consistency(Consistency::AtLeastOnce).open().expect("reader")
}

/// Starts this program again, as a process of its own that runs one of its tests.
fn child(test: &str, variables: &[(&str, &str)]) -> (Child, BufReader<ChildStdout>) {
    let mut child = own_test(module_path!(), test)
        .envs(variables.iter().copied())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("the child");
    let output = BufReader::new(child.stdout.take().expect("stdout"));
    (child, output)
}

fn told_by(output: &mut BufReader<ChildStdout>, word: &str) -> Option<String> {
    output.lines().map_while(std::result::Result::ok).find_map(|line| line.strip_prefix(word).map(str::to_owned))
}

/// This is no test by itself, but the process that is killed. It prints every value that was accepted.
#[test]
fn killed_child() {
    let Ok(directory) = std::env::var("OUTBOX_KILLED") else { return };
    let (address, run) = (std::env::var("ADDRESS").expect("ADDRESS"), std::env::var("RUN").expect("RUN"));
    let writer = loop {
        // The network may be cut at that moment.
        match writer::<str>(&address, outbox(Path::new(&directory), "disk", &[])).open() {
            Ok(writer) => break writer,
            Err(Error::Connection { .. }) => {}
            Err(error) => panic!("{error}"),
        }
    };
    for number in 0u64.. {
        let value = format!("{run}-{number}");
        writer.write(&value).expect("write");
        println!("accepted {value}");
    }
}

#[test]
fn what_was_accepted_survives_forty_deaths_and_a_bad_network() {
    let broker = Broker::start();
    let proxy = Proxy::start(broker.plain);
    let folder = tempfile::tempdir().expect("a folder");
    let reader = reader(&broker);
    let mut accepted = Vec::new();
    let mut random = fastrand::Rng::with_seed(1);
    let found = std::thread::scope(|scope| {
        let found = scope.spawn(|| {
            let mut found = Vec::new();
            loop {
                let value = next(&reader).into_value();
                if value == "end" {
                    return found;
                }
                found.push(value);
            }
        });
        for run in 0..40 {
            let run = run.to_string();
            let directory = folder.path().to_str().expect("UTF-8");
            let variables = [("OUTBOX_KILLED", directory), ("ADDRESS", &proxy.address()), ("RUN", &run)];
            let (mut child, output) = child("killed_child", &variables);
            let last = accepted.len() + random.usize(1..60);
            for line in output.lines() {
                let line = line.expect("a line");
                let Some(value) = line.strip_prefix("accepted ") else { continue };
                accepted.push(value.to_owned());
                if accepted.len() == last {
                    child.kill().expect("SIGKILL");
                } else if random.u8(0..10) == 0 {
                    proxy.cut();
                }
            }
            child.wait().expect("the child's end");
            assert!(accepted.len() >= last, "{run}");
        }
        // The last writer sends what the killed ones have left.
        let last = writer::<str>(&broker.plain_address(), outbox(folder.path(), "broker", &[])).open().expect("writer");
        last.write("end").expect("write");
        last.close().expect("close");
        found.join().expect("the reader")
    });
    // A killed process did not note every confirmation, so some values come again. They come for the first time in their order.
    let mut known = std::collections::HashSet::new();
    let mut firsts = found.iter().filter(|value| known.insert((*value).clone()));
    for value in &accepted {
        assert!(firsts.any(|found| found == value), "{value} is missing, or out of its order");
    }
    assert!(proxy.connections() > 40, "{}", proxy.connections());
}

/// Returns the builder of a writer that keeps its session at the broker.
fn exact(address: &str, outbox: Value) -> MessageWriterBuilder<str> {
    writer(address, outbox).consistency(Consistency::ExactlyOnce).parameter("clean_session", false)
}

/// This is no test by itself, but the process that is killed at QoS 2.
#[test]
fn exact_child() {
    let Ok(directory) = std::env::var("OUTBOX_EXACT") else { return };
    let (address, run) = (std::env::var("ADDRESS").expect("ADDRESS"), std::env::var("RUN").expect("RUN"));
    let writer = loop {
        // The network may be cut at that moment.
        match exact(&address, outbox(Path::new(&directory), "disk", &[])).open() {
            Ok(writer) => break writer,
            Err(Error::Connection { .. }) => {}
            Err(error) => panic!("{error}"),
        }
    };
    for number in 0u64.. {
        let value = format!("{run}-{number}");
        writer.write(&value).expect("write");
        println!("accepted {value}");
    }
}

/// Returns the run and the number of a value.
fn place(value: &str) -> (u32, u64) {
    let (run, number) = value.split_once('-').expect("run and number");
    (run.parse().expect("a run"), number.parse().expect("a number"))
}

#[test]
fn what_was_accepted_at_qos_2_arrives_once_whenever_the_process_dies() {
    let kills: u32 = std::env::var("OUTBOX_KILLS").map_or(40, |kills| kills.parse().expect("a number"));
    let broker = Broker::start();
    let proxy = Proxy::start(broker.plain);
    let folder = tempfile::tempdir().expect("a folder");
    let reader = common::reader::<String>(&broker.plain_address(), TOPIC).consistency(Consistency::ExactlyOnce);
    let reader = reader.open().expect("reader");
    let mut accepted = Vec::new();
    let seed = std::env::var("OUTBOX_SEED").map_or(1, |seed| seed.parse().expect("a number"));
    let mut random = fastrand::Rng::with_seed(seed);
    let found = std::thread::scope(|scope| {
        let found = scope.spawn(|| {
            let mut found = Vec::new();
            loop {
                let value = next(&reader).into_value();
                if value == "end" {
                    return found;
                }
                found.push(value);
            }
        });
        for run in 0..kills {
            let run = run.to_string();
            let directory = folder.path().to_str().expect("UTF-8");
            let variables = [("OUTBOX_EXACT", directory), ("ADDRESS", &proxy.address()), ("RUN", &run)];
            let (mut child, output) = child("exact_child", &variables);
            let last = accepted.len() + random.usize(1..100);
            let mut is_killed = false;
            for line in output.lines() {
                let line = line.expect("a line");
                let Some(value) = line.strip_prefix("accepted ") else { continue };
                accepted.push(value.to_owned());
                if accepted.len() >= last && !is_killed {
                    // Some processes die while they write, others between the packets of a handshake.
                    std::thread::sleep(std::time::Duration::from_micros(random.u64(0..5000)));
                    child.kill().expect("SIGKILL");
                    is_killed = true;
                } else if random.u8(0..30) == 0 {
                    proxy.cut();
                }
            }
            child.wait().expect("the child's end");
            assert!(is_killed, "{run} has ended by itself");
        }
        // The last writer sends what the killed ones have left.
        let last = exact(&proxy.address(), outbox(folder.path(), "broker", &[])).open().expect("writer");
        last.write("end").expect("write");
        last.close().expect("close");
        found.join().expect("the reader")
    });
    let places: Vec<(u32, u64)> = found.iter().map(|value| place(value)).collect();
    if let Some(at) = places.windows(2).position(|pair| pair[0] >= pair[1]) {
        let around = &places[at.saturating_sub(40)..places.len().min(at + 40)];
        panic!("{:?} came after {:?}: doubled, or out of its order, in {around:?}", places[at + 1], places[at]);
    }
    let missing = accepted.iter().find(|value| places.binary_search(&place(value)).is_err());
    assert_eq!(missing, None, "of {} accepted and {} found", accepted.len(), found.len());
    assert!(proxy.connections() > kills as usize, "{}", proxy.connections());
}

/// This is no test by itself, but the process that has locked a directory. It ends with its input.
#[test]
fn holding_child() {
    let Ok(directory) = std::env::var("OUTBOX_HELD") else { return };
    let address = std::env::var("ADDRESS").expect("ADDRESS");
    let _writer = writer::<str>(&address, outbox(Path::new(&directory), "disk", &[])).open().expect("writer");
    println!("\nholding");
    let _ = std::io::stdin().read_line(&mut String::new());
}

#[test]
fn one_writer_at_a_time_has_a_directory() {
    let broker = Broker::start();
    let folder = tempfile::tempdir().expect("a folder");
    let open = || writer::<str>(&broker.plain_address(), outbox(folder.path(), "disk", &[])).open();
    let directory = folder.path().to_str().expect("UTF-8");
    let variables = [("OUTBOX_HELD", directory), ("ADDRESS", &broker.plain_address())];
    let (mut other, mut output) = child("holding_child", &variables);
    told_by(&mut output, "holding").expect("the child holds it");
    told(open(), "Io", &[directory, &format!("in use by process {}", other.id())]);
    drop(other.stdin.take());
    other.wait().expect("the child's end");

    let first = open().expect("writer");
    told(open(), "Io", &[directory, &format!("another writer of this process ({})", std::process::id())]);
    drop(first);
    // After a close or a drop the directory is free.
    open().expect("writer").close().expect("close");
    open().expect("writer").close().expect("close");
}

#[test]
fn an_opening_that_fails_leaves_the_directory_free_and_its_messages_there() {
    let mut broker = Broker::start();
    let folder = tempfile::tempdir().expect("a folder");
    let open = |broker: &Broker| {
        writer::<str>(&broker.plain_address(), outbox(folder.path(), "disk", &[]))
            .parameter("connect", [("automatic_reconnect", Value::from(true)), ("retry_first", 0.into())])
            .open()
    };
    let first = open(&broker).expect("writer");
    broker.kill();
    eventually("the loss is noticed", || !first.is_connected());
    first.write("left").expect("write");
    first.close().expect("close");
    for _ in 0..3 {
        told(open(&broker), "Connection", &[]);
    }
    broker.restart();
    let reader = reader(&broker);
    let last = open(&broker).expect("writer");
    assert_eq!(next(&reader).value(), "left");
    last.close().expect("close");
}

#[test]
fn a_writer_for_the_disk_opens_without_a_broker() {
    let mut broker = Broker::start();
    let folder = tempfile::tempdir().expect("a folder");
    let address = broker.plain_address();
    let open = |accept: &str| writer::<str>(&address, outbox(folder.path(), accept, &[])).open();
    broker.kill();
    told(open("broker"), "Connection", &[]);
    let first = open("disk").expect("writer");
    assert!(!first.is_connected());
    first.write("1").expect("write");
    first.close().expect("close");
    let writer = open("disk").expect("writer");
    writer.write("2").expect("write");
    broker.restart();
    let reader = reader(&broker);
    writer.flush().expect("flush");
    // Messages from before the subscription are lost to the reader; the outbox is empty.
    assert_eq!(writer.connection_info().outbox_messages, 0);
    writer.write("3").expect("write");
    eventually("the last one arrives", || next(&reader).value() == "3");
    writer.close().expect("close");
}

#[test]
fn the_time_of_a_write_begins_when_the_outbox_takes_it_also_that_of_an_earlier_writer() {
    let mut broker = Broker::start();
    let folder = tempfile::tempdir().expect("a folder");
    let address = broker.plain_address();
    let open = || writer::<str>(&address, outbox(folder.path(), "disk", &[])).open().expect("writer");
    broker.kill();
    let earlier = open();
    earlier.write("1").expect("write");
    let first = Instant::now();
    earlier.close().expect("close");
    let writer = open();
    writer.write("2").expect("write");
    let second = Instant::now();
    eventually("they wait", || second.elapsed() > Duration::from_millis(100));
    let (first, second) = (first.elapsed(), second.elapsed());
    broker.restart();
    writer.flush().expect("flush");
    let times = writer.metrics().write_times;
    assert_eq!(times.count(), 2);
    // The time of the first message comes from the computer's clock, which may have been set a little meanwhile.
    let least = first + second - Duration::from_millis(20);
    assert!(times.sum() >= least, "{:?} for {first:?} and {second:?}", times.sum());
    writer.close().expect("close");
}

#[test]
fn a_login_that_is_refused_later_ends_a_writer_that_opened_without_a_broker() {
    let broker = Broker::start();
    let folder = tempfile::tempdir().expect("a folder");
    let proxy = Proxy::start(broker.login);
    let open = |password: &str| {
        let builder = writer::<str>(&proxy.address(), outbox(folder.path(), "disk", &[]));
        builder.parameter("username_pw", login("user01", password)).open()
    };
    // If the broker answers, the opening reports the refusal.
    told(open("wrong"), "Authentication", &[]);
    proxy.close();
    let writer = open("wrong").expect("writer");
    writer.write("kept").expect("write");
    proxy.open();
    eventually("the login is refused", || writer.write("refused").is_err());
    told(writer.write("refused"), "Authentication", &["127.0.0.1"]);
    drop(writer);
    let reader = common::reader::<String>(&broker.plain_address(), TOPIC).open().expect("reader");
    let next_one = open("user01-pass").expect("writer");
    assert_eq!(next(&reader).value(), "kept");
    next_one.close().expect("close");
}

#[test]
fn a_writer_that_the_disk_satisfies_does_not_wait_for_the_broker() {
    let broker = Broker::start();
    let proxy = Proxy::start(broker.plain);
    let folder = tempfile::tempdir().expect("a folder");
    let reader = reader(&broker);
    let builder = writer::<str>(&proxy.address(), outbox(folder.path(), "disk", &[]));
    let writer = builder.parameter("close_timeout_ms", 3_600_000).open().expect("writer");
    proxy.cut_off(|| writer.is_connected());
    for value in ["1", "2", "3"] {
        writer.write(value).expect("write");
    }
    let info = writer.connection_info();
    assert_eq!(info.outbox_messages, 3, "{info:?}");
    assert!(info.outbox_bytes > 0, "{info:?}");
    eventually("the oldest gets older", || writer.connection_info().outbox_age_ms > 0);
    proxy.open();
    writer.flush().expect("flush");
    assert_eq!(common::next_values(&reader, 3), ["1", "2", "3"]);
    let info = writer.connection_info();
    assert_eq!((info.outbox_messages, info.outbox_bytes, info.outbox_age_ms), (0, 0, 0));

    // A close does not wait for the broker either, and the next writer sends what is left without writing anything itself.
    proxy.cut_off(|| writer.is_connected());
    writer.write("4").expect("write");
    within(PATIENCE, || writer.close()).expect("close");
    proxy.open();
    let opened = self::writer::<str>(&proxy.address(), outbox(folder.path(), "disk", &[])).open().expect("writer");
    assert_eq!(next(&reader).value(), "4");
    opened.close().expect("close");
}

#[test]
fn what_the_broker_has_not_accepted_in_time_stays() {
    let broker = Broker::start();
    let proxy = Proxy::start(broker.plain);
    let folder = tempfile::tempdir().expect("a folder");
    let reader = reader(&broker);
    let open = || {
        let builder = writer::<str>(&proxy.address(), outbox(folder.path(), "broker", &[]));
        builder.parameter("write_timeout_ms", 300).parameter("close_timeout_ms", 100)
    };
    let writer = open().open().expect("writer");
    proxy.cut_off(|| writer.is_connected());
    told(
        writer.write("1"),
        "TimedOut",
        &["300 ms", "stays in the outbox", "delivered later", "there is no connection"],
    );
    assert_eq!(writer.metrics().error_count_total, 1);
    told(writer.close(), "Io", &["1 messages", "stay in the outbox", folder.path().to_str().expect("UTF-8")]);
    proxy.open();
    let writer = block_on(open().parameter("write_timeout_ms", 60_000).open_async()).expect("writer");
    block_on(async {
        let second = writer.send("2").await.expect("send");
        writer.write("3").await.expect("write");
        second.await.expect("sent");
    });
    assert_eq!(common::next_values(&reader, 3), ["1", "2", "3"]);
    proxy.cut_off(|| writer.is_connected());
    let sent = block_on(writer.send("4")).expect("send");
    told(block_on(writer.close()), "Io", &["1 messages", "stay in the outbox"]);
    told(block_on(sent), "Io", &["closed before the message was confirmed", "stays in the outbox"]);
}

#[test]
fn whoever_does_not_wait_is_told_when_the_time_is_up() {
    let broker = Broker::start();
    let proxy = Proxy::start(broker.plain);
    let folder = tempfile::tempdir().expect("a folder");
    let builder = writer::<str>(&proxy.address(), outbox(folder.path(), "broker", &[]));
    let writer = block_on(builder.parameter("write_timeout_ms", 300).open_async()).expect("writer");
    proxy.cut_off(|| writer.is_connected());
    let sent = block_on(writer.send("1")).expect("send");
    told(block_on(sent), "TimedOut", &["stays in the outbox"]);
}

#[test]
fn a_full_outbox_makes_a_write_wait_and_then_fail() {
    let broker = Broker::start();
    let proxy = Proxy::start(broker.plain);
    let folder = tempfile::tempdir().expect("a folder");
    let more = [("max_bytes", Value::from(65_536))];
    let builder = writer::<[u8]>(&proxy.address(), outbox(folder.path(), "disk", &more));
    let writer = block_on(builder.parameter("write_timeout_ms", 200).open_async()).expect("writer");
    // The disk may need longer than the promise's time limit, which does not matter here.
    let send = |value: &[u8]| block_on(writer.send(value)).map(drop);
    proxy.cut_off(|| writer.is_connected());
    let value = vec![7; 20_000];
    for _ in 0..3 {
        send(&value).expect("send");
    }
    told(send(&value), "TimedOut", &["is full", "was not sent", folder.path().to_str().expect("UTF-8")]);
    told(send(&[7; 70_000]), "Io", &["larger than the outbox", "65536"]);
    // Room for one message makes room for the next, also if each write waits for it.
    proxy.open();
    for _ in 0..30 {
        eventually("there is room", || send(&value).is_ok());
    }
    eventually("all is delivered", || block_on(writer.flush()).is_ok());
}

/// Returns the size of all files in a directory in bytes.
fn size_of(directory: &Path) -> u64 {
    let entries = std::fs::read_dir(directory).expect("the directory");
    // A segment may be removed meanwhile.
    entries.filter_map(|entry| entry.expect("an entry").metadata().ok()).map(|metadata| metadata.len()).sum()
}

/// Messages are dropped from memory, and from the disk when more of them wait than memory holds.
#[test]
fn where_that_is_wanted_the_oldest_messages_make_room_for_new_ones() {
    for (max_bytes, size, count) in [(65_536, 1000, 500u64), (48_i64 << 20, 1 << 20, 120)] {
        let broker = Broker::start();
        let proxy = Proxy::start(broker.plain);
        let folder = tempfile::tempdir().expect("a folder");
        let reader = common::reader::<Vec<u8>>(&broker.plain_address(), TOPIC).consistency(Consistency::AtLeastOnce);
        let reader = reader.open().expect("reader");
        let (listener, events) = listen();
        let more =
            [("max_bytes", Value::from(max_bytes)), ("overflow", "drop_oldest".into()), ("sync", "never".into())];
        let outbox = outbox(folder.path(), "disk", &more);
        let writer = writer::<[u8]>(&proxy.address(), outbox).on_connection_event(listener).open().expect("writer");
        proxy.cut_off(|| writer.is_connected());
        let mut value = vec![7; size];
        for number in 0..count {
            value[..8].copy_from_slice(&number.to_le_bytes());
            writer.write(&value).expect("write");
            let info = writer.connection_info();
            assert!(info.outbox_bytes as i64 <= max_bytes, "{info:?}");
        }
        let warning = events.skip_to(|event| event.to_string().contains("drop_oldest")).to_string();
        assert!(warning.contains(folder.path().to_str().expect("UTF-8")) && warning.contains("is full"), "{warning}");
        let dropped = writer.connection_info().outbox_dropped;
        assert!(dropped > 0 && dropped < count, "{dropped}");
        // Files are only removed as a whole, so the limit of the files is twice that of the messages.
        assert!(size_of(folder.path()) <= 2 * max_bytes as u64, "{}", size_of(folder.path()));
        proxy.open();
        writer.flush().expect("flush");
        assert_eq!(writer.connection_info().outbox_dropped, dropped);
        let number = |value: Vec<u8>| u64::from_le_bytes(value[..8].try_into().expect("eight bytes"));
        let found: Vec<u64> = (dropped..count).map(|_| number(next(&reader).into_value())).collect();
        // The messages that the client had when there was no room come first, then the newest.
        assert!(found.is_sorted_by(|one, next| one < next), "{found:?}");
        let newest = found.iter().rev().zip((0..count).rev()).take_while(|(found, number)| **found == *number).count();
        assert!(found.last() == Some(&(count - 1)) && newest > 1, "{found:?}");
        writer.close().expect("close");
    }
}

#[test]
fn who_waits_for_the_broker_is_told_that_a_message_was_dropped() {
    let broker = Broker::start();
    let proxy = Proxy::start(broker.plain);
    let folder = tempfile::tempdir().expect("a folder");
    let more = [("max_bytes", Value::from(65_536)), ("overflow", "drop_oldest".into())];
    let builder = writer::<[u8]>(&proxy.address(), outbox(folder.path(), "broker", &more));
    let writer = block_on(builder.parameter("write_timeout_ms", 3_600_000).open_async()).expect("writer");
    proxy.cut_off(|| writer.is_connected());
    let sent: Vec<_> = (0..100).map(|_| block_on(writer.send(&[7; 2000])).expect("send")).collect();
    eventually("some were dropped", || writer.connection_info().outbox_dropped > 60);
    let dropped = writer.connection_info().outbox_dropped;
    proxy.open();
    let mut failed = 0;
    for sent in sent {
        if let Err(error) = block_on(sent) {
            failed += 1;
            told(Err::<(), _>(error), "Io", &["was dropped", "'drop_oldest'", folder.path().to_str().expect("UTF-8")]);
        }
    }
    assert_eq!((failed, writer.metrics().error_count_total), (dropped, dropped));
}

/// This is no test by itself, but the process whose memory is examined.
#[test]
fn large_child() {
    let Ok(directory) = std::env::var("OUTBOX_LARGE") else { return };
    let address = std::env::var("ADDRESS").expect("ADDRESS");
    let more = [("sync", "never".into()), ("max_bytes", Value::Int(1 << 40))];
    let outbox = outbox(Path::new(&directory), "disk", &more);
    let writer = writer::<[u8]>(&address, outbox).parameter("write_timeout_ms", 600_000).open().expect("writer");
    println!("\nopen");
    let _ = std::io::stdin().read_line(&mut String::new());
    eventually("the loss is noticed", || !writer.is_connected());
    let mut value = vec![7; LARGE];
    for number in 0..large_count() {
        value[..8].copy_from_slice(&number.to_le_bytes());
        writer.write(&value).expect("write");
    }
    println!("written {}", most_resident());
    let _ = std::io::stdin().read_line(&mut String::new());
    writer.flush().expect("flush");
    println!("delivered {}", most_resident());
}

const LARGE: usize = 64 * 1024;

/// Returns the number of messages that make 200 MiB; `OUTBOX_BACKLOG_MIB=1024` tries a gibibyte.
fn large_count() -> u64 {
    let mib = std::env::var("OUTBOX_BACKLOG_MIB").ok().map_or(200, |mib| mib.parse::<u64>().expect("MiB"));
    (mib << 20) / LARGE as u64
}

/// Returns the peak memory of this process in MiB.
fn most_resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux");
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).expect("VmHWM");
    line.split_whitespace().nth(1).and_then(|kib| kib.parse::<usize>().ok()).expect("KiB") / 1024
}

#[test]
#[cfg(target_os = "linux")]
fn a_backlog_is_on_disk_and_not_in_memory() {
    let broker = Broker::start();
    let proxy = Proxy::start(broker.plain);
    let folder = tempfile::tempdir().expect("a folder");
    let reader = common::reader::<Vec<u8>>(&broker.plain_address(), TOPIC).consistency(Consistency::AtLeastOnce);
    let reader = reader.open().expect("reader");
    let directory = folder.path().to_str().expect("UTF-8");
    let (mut child, mut output) = child("large_child", &[("OUTBOX_LARGE", directory), ("ADDRESS", &proxy.address())]);
    told_by(&mut output, "open").expect("the child is open");
    proxy.close();
    let mut input = child.stdin.take().expect("stdin");
    writeln!(input).expect("the child");
    let resident: usize = told_by(&mut output, "written ").and_then(|mib| mib.parse().ok()).expect("MiB");
    assert!(resident < 100, "{resident} MiB");
    proxy.open();
    writeln!(input).expect("the child");
    for number in 0..large_count() {
        let value = next(&reader).into_value();
        assert_eq!((value.len(), &value[..8]), (LARGE, &number.to_le_bytes()[..]));
    }
    let resident: usize = told_by(&mut output, "delivered ").and_then(|mib| mib.parse().ok()).expect("MiB");
    assert!(resident < 100, "{resident} MiB");
    child.wait().expect("the child's end");
}

#[test]
fn what_is_too_old_is_dropped_and_told() {
    let broker = Broker::start();
    let proxy = Proxy::start(broker.plain);
    let folder = tempfile::tempdir().expect("a folder");
    let reader = reader(&broker);
    let (listener, events) = listen();
    let more = [("max_age", Value::from(0.2))];
    let builder = writer::<str>(&proxy.address(), outbox(folder.path(), "disk", &more)).on_connection_event(listener);
    let first = builder.open().expect("writer");
    proxy.cut_off(|| first.is_connected());
    first.write("old").expect("write");
    let warning = events.skip_to(|event| matches!(event, ConnectionEvent::Warning { .. })).to_string();
    assert!(warning.contains("'max_age'") && warning.contains("200ms"), "{warning}");
    eventually("it is gone", || first.connection_info().outbox_messages == 0);
    assert_eq!(first.connection_info().outbox_dropped, 1);
    first.close().expect("close");
    proxy.open();
    let second = writer::<str>(&proxy.address(), outbox(folder.path(), "disk", &[])).open().expect("writer");
    second.write("new").expect("write");
    assert_eq!(next(&reader).value(), "new");
}

/// In MQTT 5 the broker reports that it refuses a message.
#[test]
fn what_the_broker_refuses_is_told_or_kept_aside() {
    let broker = Broker::start_with(certificates::server(), "max_packet_size 2000");
    let folder = tempfile::tempdir().expect("a folder");
    let (listener, events) = listen();
    let open = |accept: &str| {
        let user = if accept == "broker" { "user02" } else { "user03" };
        common::writer::<str>(&broker.acl_address(), "acl/t")
            .parameter("username_pw", login(user, &format!("{user}-pass")))
            .parameter("protocol", "MQTTv5")
            .consistency(Consistency::AtLeastOnce)
            .client_id("sensor")
            .parameter("outbox", outbox(folder.path(), accept, &[]))
    };
    let writer = open("broker").open().expect("writer");
    told(writer.write("1"), "Authorization", &["'acl/t'", "not authorized"]);
    writer.close().expect("close");
    let kept = || {
        let names = std::fs::read_dir(folder.path()).expect("the directory");
        let names = names.map(|entry| entry.expect("an entry").file_name().into_string().expect("UTF-8"));
        names.filter(|name| name.starts_with("refused-")).collect::<Vec<_>>()
    };
    assert_eq!(kept(), [""; 0]);
    let writer = open("disk").on_connection_event(listener).open().expect("writer");
    let value = "in the file".repeat(200);
    (0..50).for_each(|_| writer.write(&value).expect("write"));
    writer.write("taken").expect("write");
    told(writer.flush(), "Io", &["kept aside", &folder.path().display().to_string(), "50"]);
    let warning = events.skip_to(|event| matches!(event, ConnectionEvent::Warning { .. })).to_string();
    let names = kept();
    assert_eq!(names.len(), 1, "{names:?}");
    assert!(warning.contains(&names[0]) && warning.contains("takes 2000 at most"), "{warning}");
    let bytes = std::fs::read(folder.path().join(&names[0])).expect("the file");
    assert!(String::from_utf8_lossy(&bytes).contains("in the file"));
    writer.close().expect("close");
    // The message is not sent again.
    let left = open("disk").open().expect("writer").connection_info().outbox_messages;
    assert_eq!(left, 0);
}

#[test]
fn messages_wait_while_the_broker_refuses_them_for_what_may_pass() {
    let broker = Broker::start();
    let folder = tempfile::tempdir().expect("a folder");
    let (listener, events) = listen();
    let open = || {
        common::writer::<str>(&broker.acl_address(), "acl/t")
            .parameter("username_pw", login("user02", "user02-pass"))
            .parameter("protocol", "MQTTv5")
            .consistency(Consistency::AtLeastOnce)
            .client_id("sensor")
            .parameter("outbox", outbox(folder.path(), "disk", &[]))
    };
    let writer = open().on_connection_event(listener).open().expect("writer");
    writer.write("1").expect("write");
    writer.write("2").expect("write");
    let warning = events.skip_to(|event| matches!(event, ConnectionEvent::Warning { .. })).to_string();
    assert!(warning.contains("tried again") && warning.contains("not authorized"), "{warning}");
    assert_eq!(writer.connection_info().outbox_messages, 2);
    // A close does not wait for the message.
    writer.close().expect("close");
    let reader = common::reader::<String>(&broker.acl_address(), "acl/t")
        .parameter("username_pw", login("user03", "user03-pass"))
        .consistency(Consistency::AtLeastOnce)
        .open()
        .expect("reader");
    let (listener, events) = listen();
    let writer = open().on_connection_event(listener).open().expect("writer");
    events.skip_to(|event| matches!(event, ConnectionEvent::Warning { .. }));
    writer.write("3").expect("write");
    broker.write("acl", "user user02\ntopic readwrite acl/#\nuser user03\ntopic readwrite acl/#\n");
    broker.reload();
    writer.flush().expect("flush");
    assert_eq!(common::next_values(&reader, 3), ["1", "2", "3"]);
    writer.close().expect("close");
}

#[test]
fn messages_that_are_held_back_grow_old_and_make_room_as_others_do() {
    let broker = Broker::start();
    let open = |folder: &tempfile::TempDir, more: &[(&str, Value)]| {
        common::writer::<str>(&broker.acl_address(), "acl/t")
            .parameter("username_pw", login("user02", "user02-pass"))
            .parameter("protocol", "MQTTv5")
            .parameter("write_timeout_ms", 60_000)
            .consistency(Consistency::AtLeastOnce)
            .client_id("sensor")
            .parameter("outbox", outbox(folder.path(), "disk", more))
            .open()
            .expect("writer")
    };
    let folder = tempfile::tempdir().expect("a folder");
    let writer = open(&folder, &[("max_age", Value::from(0.3))]);
    (0..5).for_each(|_| writer.write("old").expect("write"));
    eventually("they are dropped", || writer.connection_info().outbox_dropped == 5);
    eventually("none is left", || writer.connection_info().outbox_messages == 0);
    writer.close().expect("close");

    let folder = tempfile::tempdir().expect("a folder");
    let writer = open(&folder, &[("max_bytes", Value::from(65_536)), ("overflow", "drop_oldest".into())]);
    let value = "x".repeat(1000);
    (0..300).for_each(|_| writer.write(&value).expect("write"));
    let info = writer.connection_info();
    assert!(info.outbox_dropped > 200 && info.outbox_messages < 70, "{info:?}");
    writer.close().expect("close");
}

#[test]
fn a_close_waits_for_what_the_broker_is_about_to_confirm() {
    let broker = Broker::start();
    let folder = tempfile::tempdir().expect("a folder");
    let reader = reader(&broker);
    for round in 0..20 {
        let writer = writer::<str>(&broker.plain_address(), outbox(folder.path(), "disk", &[])).open().expect("writer");
        writer.write(&round.to_string()).expect("write");
        writer.close().expect("close");
    }
    let writer = writer::<str>(&broker.plain_address(), outbox(folder.path(), "disk", &[])).open().expect("writer");
    writer.write("end").expect("write");
    let mut found = Vec::new();
    while found.last().is_none_or(|last| last != "end") {
        found.push(next(&reader).into_value());
    }
    // Without that wait every message would be sent again; with it, a slow machine may still see some of them twice.
    assert!((21..32).contains(&found.len()), "{found:?}");
}

#[test]
fn a_refused_login_leaves_everything_in_the_outbox() {
    let broker = Broker::start();
    let folder = tempfile::tempdir().expect("a folder");
    let proxy = Proxy::start(broker.login);
    let open = |password: &str| {
        let builder = writer::<str>(&proxy.address(), outbox(folder.path(), "broker", &[]));
        builder.parameter("username_pw", login("user01", password)).open()
    };
    let writer = open("user01-pass").expect("writer");
    proxy.cut_off(|| writer.is_connected());
    broker.change_password("user01", "another");
    broker.reload();
    let message = std::thread::scope(|scope| {
        let write = scope.spawn(|| told(writer.write("1"), "Authentication", &["stays in the outbox"]));
        eventually("it is in the outbox", || writer.connection_info().outbox_messages == 1);
        proxy.open();
        write.join().expect("the writing thread")
    });
    assert!(message.contains("127.0.0.1"), "{message}");
    told(writer.write("2"), "Authentication", &[]);
    // The directory is free, although the old writer was not closed.
    let reader = common::reader::<String>(&broker.plain_address(), TOPIC).open().expect("reader");
    let mut next_one = None;
    eventually("the directory is free", || {
        next_one = open("another").ok();
        next_one.is_some()
    });
    assert_eq!(next(&reader).value(), "1");
}

#[test]
fn each_way_to_sync_delivers() {
    let broker = Broker::start();
    let reader = reader(&broker);
    for sync in [Value::from("always"), Value::from("never"), Value::from(0.01), Value::from("20 ms")] {
        for accept in ["disk", "broker"] {
            let folder = tempfile::tempdir().expect("a folder");
            let outbox = outbox(
                folder.path(),
                accept,
                &[("sync", sync.clone()), ("max_bytes", "1 MiB".into()), ("max_age", "1 h".into())],
            );
            let writer = writer::<str>(&broker.plain_address(), outbox).open().expect("writer");
            writer.write("1").expect("write");
            writer.flush().expect("flush");
            assert_eq!(next(&reader).value(), "1");
            writer.close().expect("close");
        }
    }
}

/// A small file system in a folder, which is unmounted with this value.
#[cfg(target_os = "linux")]
struct Small(tempfile::TempDir);

#[cfg(target_os = "linux")]
impl Small {
    /// Returns `None` if this user may not mount a file system; then only the simulated disk tests it
    /// (`src/outbox/keeper_tests.rs`).
    fn mount() -> Option<Small> {
        let small = Small(tempfile::tempdir().expect("a folder"));
        let mounted =
            Command::new("mount").args(["-t", "tmpfs", "-o", "size=512k", "tmpfs"]).arg(small.0.path()).output();
        mounted.is_ok_and(|mounted| mounted.status.success()).then_some(small)
    }

    fn forbid_writing(&self) {
        let remounted = Command::new("mount").args(["-o", "remount,ro"]).arg(self.0.path()).output().expect("mount");
        assert!(remounted.status.success(), "{remounted:?}");
    }
}

#[cfg(target_os = "linux")]
impl Drop for Small {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.0.path()).output();
    }
}

#[test]
#[cfg(target_os = "linux")]
fn a_full_disk_and_one_that_is_read_only_are_told_and_lose_nothing() {
    let Some(small) = Small::mount() else { return };
    let directory = small.0.path().join("outbox");
    let broker = Broker::start();
    let proxy = Proxy::start(broker.plain);
    let reader = common::reader::<Vec<u8>>(&broker.plain_address(), TOPIC).consistency(Consistency::AtLeastOnce);
    let reader = reader.open().expect("reader");
    let open = || writer::<[u8]>(&proxy.address(), outbox(&directory, "disk", &[])).open();
    let writer = open().expect("writer");
    proxy.cut_off(|| writer.is_connected());
    let mut accepted = 0u8;
    let refusal = loop {
        match writer.write(&[accepted; 20_000]) {
            Ok(()) => accepted += 1,
            Err(error) => break error,
        }
    };
    told(Err::<(), _>(refusal), "Io", &["can't be written", "No space left", directory.to_str().expect("UTF-8")]);
    assert!(accepted > 5, "{accepted}");
    proxy.open();
    writer.flush().expect("flush");
    let found: Vec<u8> = (0..accepted).map(|_| next(&reader).into_value()[0]).collect();
    assert_eq!(found, (0..accepted).collect::<Vec<_>>());
    // Delivered messages make room.
    eventually("there is room", || writer.write(&[accepted; 20_000]).is_ok());
    writer.flush().expect("flush");
    writer.close().expect("close");
    small.forbid_writing();
    told(open(), "Io", &["can't be", "Read-only file system", directory.to_str().expect("UTF-8")]);
}

#[test]
#[cfg(unix)]
fn nobody_else_can_read_it() {
    use std::os::unix::fs::PermissionsExt;
    let broker = Broker::start();
    let folder = tempfile::tempdir().expect("a folder");
    let directory = folder.path().join("a/b");
    let writer = writer::<str>(&broker.plain_address(), outbox(&directory, "disk", &[])).open().expect("writer");
    writer.write("1").expect("write");
    let mode = |path: &Path| std::fs::metadata(path).expect("metadata").permissions().mode() & 0o777;
    assert_eq!(mode(&directory), 0o700);
    std::fs::create_dir(folder.path().join("usual")).expect("a folder");
    assert_eq!(mode(&folder.path().join("a")), mode(&folder.path().join("usual")), "only the last one is the outbox's");
    for entry in std::fs::read_dir(&directory).expect("the directory") {
        let path = entry.expect("an entry").path();
        // A segment may be removed meanwhile.
        if path.exists() {
            assert_eq!(mode(&path), 0o600, "{}", path.display());
        }
    }
}

/// The same writer in another configuration has another session, or none: unfinished publishes are sent as new ones, and
/// nothing is lost.
#[test]
fn what_can_not_be_exactly_once_is_told_and_at_least_once() {
    let broker = Broker::start();
    let proxy = Proxy::start(broker.plain);
    let folder = tempfile::tempdir().expect("a folder");
    let reader = reader(&broker);
    let open = |consistency, more: &[(&str, Value)]| {
        let mut builder = writer::<str>(&proxy.address(), outbox(folder.path(), "disk", &[])).consistency(consistency);
        for (name, value) in more {
            builder = builder.parameter(*name, value.clone());
        }
        common::warnings::collect(|| builder.open().expect("writer"))
    };
    let kept = ("clean_session", Value::from(false));
    let five = ("protocol", Value::from("MQTTv5"));
    let mut number = 0;
    for (consistency, more, warning) in [
        (Consistency::ExactlyOnce, vec![kept.clone()], None),
        (Consistency::ExactlyOnce, vec![], Some("clean_session: false")),
        (Consistency::AtLeastOnce, vec![kept.clone()], None),
        (Consistency::ExactlyOnce, vec![five.clone(), kept.clone()], None),
        (Consistency::ExactlyOnce, vec![five], Some("session_expiry_interval")),
        (Consistency::ExactlyOnce, vec![("protocol", "MQTTv31".into()), kept], Some("MQTT 3.1 does not tell")),
    ] {
        let (writer, warnings) = open(consistency, &more);
        let told = warnings.iter().find(|text| text.contains("'outbox' can't deliver exactly once"));
        assert_eq!(told.map(|text| text.contains(warning.unwrap_or("nothing"))), warning.map(|_| true), "{warnings:?}");
        writer.write(&number.to_string()).expect("write");
        writer.flush().expect("flush");
        assert_eq!(next(&reader).value(), &number.to_string());
        // The next writer sends what is left, in the order of writing.
        proxy.cut_off(|| writer.is_connected());
        writer.write(&(number + 1).to_string()).expect("write");
        writer.close().expect("close");
        proxy.open();
        number += 1;
        let (writer, _) = open(consistency, &more);
        writer.flush().expect("flush");
        assert_eq!(writer.connection_info().outbox_messages, 0);
        assert_eq!(next(&reader).value(), &number.to_string());
        number += 1;
        writer.close().expect("close");
    }
}

#[test]
#[cfg(unix)]
fn a_directory_that_others_can_write_is_told() {
    use std::os::unix::fs::PermissionsExt;
    let broker = Broker::start();
    let folder = tempfile::tempdir().expect("a folder");
    let (listener, events) = listen();
    std::fs::set_permissions(folder.path(), PermissionsExt::from_mode(0o777)).expect("chmod");
    let builder = writer::<str>(&broker.plain_address(), outbox(folder.path(), "disk", &[]));
    let _writer = builder.on_connection_event(listener).open().expect("writer");
    let warning = events.skip_to(|event| matches!(event, ConnectionEvent::Warning { .. })).to_string();
    assert!(warning.contains("the outbox") && warning.contains("can be written by everybody"), "{warning}");
}

#[test]
#[cfg(unix)]
fn symbolic_links_are_not_followed() {
    let broker = Broker::start();
    for name in ["lock", "journal-0", "journal-1", "00000000000000000000.log"] {
        let folder = tempfile::tempdir().expect("a folder");
        let directory = folder.path().join("outbox");
        std::fs::create_dir(&directory).expect("a folder");
        let other = folder.path().join("other");
        std::fs::write(&other, "precious").expect("write");
        std::os::unix::fs::symlink(&other, directory.join(name)).expect("a link");
        let open = || writer::<str>(&broker.plain_address(), outbox(&directory, "broker", &[])).open();
        told(open(), "Io", &["outbox", name, "is a symbolic link"]);
        assert_eq!(std::fs::read_to_string(&other).expect("the other file"), "precious", "{name}");
        std::fs::remove_file(directory.join(name)).expect("remove");
        let writer = open().expect("writer");
        writer.write("1").expect("write");
        writer.close().expect("close");
    }
}

/// Programs that clean up /tmp remove files like this. Windows does not remove an open file.
#[test]
#[cfg(unix)]
fn a_writer_whose_lock_was_removed_takes_it_again_or_tells_who_has_it() {
    let broker = Broker::start();
    let folder = tempfile::tempdir().expect("a folder");
    let open = || writer::<str>(&broker.plain_address(), outbox(folder.path(), "broker", &[])).open();
    let remove = || std::fs::remove_file(folder.path().join("lock")).expect("remove");
    let first = open().expect("writer");
    remove();
    first.write("1").expect("write");
    told(open(), "Io", &["is in use by another writer of this process"]);
    // A confirmation is noted later, so the first writer must have ended.
    first.close().expect("close");
    let first = open().expect("writer");
    remove();
    let second = writer::<str>(&broker.plain_address(), outbox(folder.path(), "broker", &[]));
    let second = second.client_id("another").open().expect("writer");
    told(first.write("2"), "Io", &["'lock' was removed", "taken by another writer of this process", "was not sent"]);
    second.write("3").expect("write");
    drop(first);
    second.write("4").expect("write");
    second.close().expect("close");
}

#[test]
#[cfg(unix)]
fn a_directory_that_was_made_anew_is_the_outbox_from_then_on() {
    let broker = Broker::start();
    let reader = reader(&broker);
    let folder = tempfile::tempdir().expect("a folder");
    let directory = folder.path().join("outbox");
    let open = || writer::<str>(&broker.plain_address(), outbox(&directory, "broker", &[])).open().expect("writer");
    let first = open();
    first.write("before").expect("write");
    eventually("the directory is gone", || {
        // The writer may be creating a file in it at that moment.
        let _ = std::fs::remove_dir_all(&directory);
        !directory.exists()
    });
    told(first.write("gone"), "Io", &["No such file", "was not sent"]);
    std::fs::create_dir(&directory).expect("mkdir");
    let values: Vec<String> = (0..50).map(|number| number.to_string()).collect();
    // The first writer may find out that its file is gone.
    let is_told = first.write("first").is_err();
    values.iter().for_each(|value| first.write(value).expect("write"));
    first.close().expect("close");
    let second = open();
    second.write("end").expect("write");
    second.close().expect("close");
    let mut found = Vec::new();
    while found.last().is_none_or(|last| last != "end") {
        found.push(next(&reader).into_value());
    }
    let mut expected = vec!["before".to_owned()];
    expected.extend((!is_told).then(|| "first".to_owned()));
    expected.extend(values);
    expected.push("end".into());
    assert_eq!(found, expected, "each came once");
}

#[test]
fn a_wrong_configuration_is_told() {
    let folder = tempfile::tempdir().expect("a folder");
    let good = || outbox(folder.path(), "disk", &[]);
    let base = || common::writer::<str>("127.0.0.1:1", TOPIC).parameter("outbox", good());
    let wrong = |builder: MessageWriterBuilder<str>, words: &[&str]| {
        told(builder.open(), "InvalidConfiguration", words);
    };
    let named = || base().client_id("sensor");
    wrong(named(), &["'outbox'", "AT_LEAST_ONCE", "AT_MOST_ONCE"]);
    wrong(base().consistency(Consistency::AtLeastOnce), &["'outbox'", "needs 'client_id'"]);
    let with = |outbox: Value| named().consistency(Consistency::AtLeastOnce).parameter("outbox", outbox);
    wrong(with("disk".into()), &["'outbox'", "a map with 'directory'"]);
    wrong(with([("accept", "disk")].into()), &["directory", "is missing"]);
    wrong(with(outbox(folder.path(), "paper", &[])), &["accept", "'disk' or 'broker'"]);
    for (name, value, expected) in [
        ("sync", Value::from("sometimes"), "'always', 'never', or a time"),
        ("sync", Value::from(0), "'50 ms'"),
        ("max_bytes", Value::from(10), "64 KiB"),
        ("max_bytes", Value::from("1 gib"), "'1 GiB'"),
        ("max_age", Value::from(-1), "'7 days'"),
        ("max_age", Value::from("7 GiB"), "'7 days'"),
        ("overflow", Value::from("drop"), "'wait' or 'drop_oldest'"),
    ] {
        wrong(with(outbox(folder.path(), "disk", &[(name, value)])), &[name, expected]);
    }
    let reader = common::reader::<String>("127.0.0.1:1", TOPIC).parameter("outbox", good());
    told(reader.open(), "InvalidConfiguration", &["'outbox'", "a reader has no outbox"]);
    // The refused configurations have created no files.
    assert_eq!(std::fs::read_dir(folder.path()).expect("the directory").count(), 0);
    let file = folder.path().join("file");
    std::fs::write(&file, "").expect("write");
    let builder =
        MessageWriter::<str>::builder().no_config(true).service_type("mqtt").parameter("brokers", "127.0.0.1:1");
    let builder = builder.topic(TOPIC).client_id("sensor").consistency(Consistency::AtLeastOnce);
    told(builder.parameter("outbox", outbox(&file, "disk", &[])).open(), "Io", &["outbox", "can't be opened"]);
}
