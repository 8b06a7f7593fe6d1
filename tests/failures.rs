//! Tests brokers that can't be reached, do not answer, die, or send invalid packets: each time there is an error, and no hang.

use std::net::TcpListener;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::common;
use crate::common::broker::{Broker, free_ports};
use crate::common::scripted::Scripted;
use crate::common::{PATIENCE, block_on, connection_timeout, next, raw, reader, within, writer};
use futures_core::Stream;
use proptest::prelude::*;
use sinetstream::{AsyncMessageWriter, Consistency, Delivery, Error, MessageReader, MessageWriter, Result};

fn open_writer(address: &str) -> Result<MessageWriter<str>> {
    writer(address, "t").consistency(Consistency::AtLeastOnce).open()
}

fn open_reader(address: &str) -> Result<MessageReader<String>> {
    reader(address, "t").consistency(Consistency::AtLeastOnce).open()
}

#[track_caller]
fn connection_error<T>(result: Result<T>, words: &[&str]) {
    common::told(result, "Connection", words);
}

#[track_caller]
fn io_error<T>(result: Result<T>, words: &[&str]) {
    common::told(result, "Io", words);
}

#[test]
fn a_closed_port() {
    let [port] = free_ports();
    let address = format!("127.0.0.1:{port}");
    connection_error(open_writer(&address), &[&address, "TCP", "refused"]);
    connection_error(open_reader(&address), &[&address, "TCP", "refused"]);
}

#[test]
fn a_name_that_does_not_exist() {
    let address = "no-such-broker.invalid:1883";
    connection_error(open_writer(address), &[address, "DNS"]);
    connection_error(open_reader(address), &[address, "DNS"]);
}

/// The time-out covers every step: here the operating system accepts TCP, and then nothing comes.
#[test]
fn a_broker_that_accepts_and_never_answers() {
    let silent = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    let address = silent.local_addr().expect("an address").to_string();
    for seconds in [0.3, 1.0] {
        let start = Instant::now();
        let result = writer::<str>(&address, "t").parameter("connect", connection_timeout(seconds)).open();
        connection_error(result, &[&address, "did not answer within"]);
        let took = start.elapsed().as_secs_f64();
        assert!((seconds..seconds + 2.0).contains(&took), "{seconds} s took {took} s");
    }
    let start = Instant::now();
    let result =
        block_on(reader::<String>(&address, "t").parameter("connect", connection_timeout(0.3)).open_async()).map(drop);
    connection_error(result, &[&address]);
    assert!(start.elapsed() < Duration::from_secs(3));
}

#[test]
fn a_frozen_broker_does_not_answer_either() {
    let broker = Broker::start();
    broker.freeze();
    let result = writer::<str>(&broker.plain_address(), "t").parameter("connect", connection_timeout(0.5)).open();
    connection_error(result, &["did not answer within 500ms"]);
    broker.thaw();
    writer::<str>(&broker.plain_address(), "t").open().expect("a writer");
}

/// The handshake comes in pieces, and CONNACK one byte at a time.
#[test]
fn an_answer_in_pieces_is_an_answer() {
    let broker = Scripted::start(|peer| {
        peer.packet();
        [0x20, 2, 0, 0].into_iter().for_each(|byte| peer.send(&[byte]));
        let id = peer.expect(raw::SUBSCRIBE).id().to_be_bytes();
        [0x90, 3, id[0], id[1], 1].into_iter().for_each(|byte| peer.send(&[byte]));
        for byte in raw::publish("t", &hello(), 1, false, 1).bytes() {
            peer.send(&[byte]);
        }
        peer.drain();
    });
    let reader = open_reader(&broker.address()).expect("a reader");
    assert_eq!(next(&reader).value(), "hello");
}

/// CONNACK, SUBACK and messages come in one piece; a message may even come before the SUBACK.
#[test]
fn answers_in_one_piece_and_a_message_before_the_suback() {
    let broker = Scripted::open(|peer| {
        let id = peer.expect(raw::SUBSCRIBE).id().to_be_bytes();
        let message = raw::publish("t", &hello(), 0, false, 0).bytes();
        peer.send(&[&message[..], &[0x90, 3, id[0], id[1], 1], &message].concat());
        peer.drain();
    });
    let reader = open_reader(&broker.address()).expect("a reader");
    assert_eq!(common::next_values(&reader, 2), ["hello", "hello"]);
}

#[test]
fn the_subscription_is_never_answered() {
    let broker = Scripted::open(|peer| peer.drain());
    let start = Instant::now();
    let result = reader::<String>(&broker.address(), "t").parameter("connect", connection_timeout(0.5)).open();
    connection_error(result, &["SUBSCRIBE", "500ms"]);
    assert!(start.elapsed() >= Duration::from_millis(500) && start.elapsed() < Duration::from_secs(3));
}

#[test]
fn the_subscription_is_refused() {
    let broker = Scripted::open(|peer| {
        peer.suback(0x80);
        peer.drain();
    });
    match open_reader(&broker.address()).map(drop) {
        Err(Error::Authorization { message, code: 0x80, .. }) => {
            assert!(message.contains("'t'") && message.contains(&broker.address()), "{message}");
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn one_of_two_subscriptions_is_refused() {
    let scripted = Scripted::open(|peer| {
        let id = peer.expect(raw::SUBSCRIBE).id().to_be_bytes();
        peer.send(&[0x90, 4, id[0], id[1], 1, 0x80]);
        peer.drain();
    });
    let result = reader::<String>(&scripted.address(), "allowed").topic("forbidden").open().map(drop);
    match result {
        Err(Error::Authorization { message, .. }) => {
            assert!(message.contains("'forbidden'") && !message.contains("'allowed'"), "{message}");
        }
        other => panic!("{other:?}"),
    }
}

/// The connection ends while a publish waits for its acknowledgement.
#[test]
fn a_connection_that_ends_fails_waiting_and_later_writes() {
    for consistency in [Consistency::AtLeastOnce, Consistency::ExactlyOnce] {
        let broker = Scripted::open(|peer| {
            // The first PUBLISH is read, but not acknowledged.
            peer.packet();
        });
        let writer = writer::<str>(&broker.address(), "t").consistency(consistency).open().expect("a writer");
        let writer = Arc::new(writer);
        let address = broker.address();
        let waiting = writer.clone();
        let result = within(PATIENCE, move || waiting.write("unconfirmed"));
        io_error(result, &[&address, "lost", "closed the connection"]);
        for _ in 0..3 {
            let start = Instant::now();
            io_error(writer.write("too late"), &["lost", "closed the connection"]);
            assert!(start.elapsed() < Duration::from_secs(1));
        }
        let metrics = writer.metrics();
        assert_eq!((metrics.msg_count_total, metrics.error_count_total), (0, 4));
    }
}

/// Tests the parts of a failure that are for programs, not people; Java's `FailuresTest` has more of them.
#[test]
fn a_failure_says_what_became_of_the_message() {
    let broker = Scripted::open(|peer| {
        peer.packet();
    });
    let writer = writer::<str>(&broker.address(), "t").consistency(Consistency::AtLeastOnce).open().expect("a writer");
    let lost = writer.write("x").unwrap_err();
    assert_eq!((lost.is_lost(), lost.delivery()), (true, Some(Delivery::Unknown)), "{lost:?}");
    let later = writer.write("x").unwrap_err();
    assert_eq!((later.is_lost(), later.delivery()), (true, Some(Delivery::NotSent)), "{later:?}");

    let silent = Scripted::open(|peer| peer.drain());
    let builder = common::writer::<str>(&silent.address(), "t").consistency(Consistency::AtLeastOnce);
    let builder = builder.parameter("write_timeout_ms", 100).parameter("max_queued_messages", 1);
    let writer = block_on(builder.open_async()).expect("a writer");
    let sent = block_on(writer.send("x")).expect("accepted");
    let late = block_on(sent).unwrap_err();
    assert_eq!((late.is_timed_out(), late.delivery()), (true, Some(Delivery::Unknown)), "{late:?}");
    let full = block_on(writer.send("x")).unwrap_err();
    assert_eq!((full.is_timed_out(), full.delivery()), (true, Some(Delivery::NotSent)), "{full:?}");
    let flush = block_on(writer.flush()).unwrap_err();
    assert_eq!((flush.is_timed_out(), flush.delivery()), (true, None), "{flush:?}");
    let sent = block_on(async {
        let builder = common::writer::<str>(&silent.address(), "t").consistency(Consistency::AtLeastOnce);
        let writer = builder.parameter("close_timeout_ms", 50).open_async().await.expect("a writer");
        let sent = writer.send("x").await.expect("accepted");
        let closed = writer.close().await.unwrap_err();
        assert!(closed.is_closed(), "{closed:?}");
        sent.await.unwrap_err()
    });
    assert_eq!((sent.is_closed(), sent.delivery()), (true, Some(Delivery::Unknown)), "{sent:?}");

    let refusing = Scripted::open(|peer| drop(peer.packet()));
    let failing = MessageWriter::<str>::builder_with(|_| Err("on purpose".into())).no_config(true).service_type("mqtt");
    let failing = failing.topic("t").parameter("brokers", refusing.address()).open().expect("a writer");
    let failed = failing.write("x").unwrap_err();
    assert_eq!((failed.delivery(), failed.reason_code()), (Some(Delivery::NotSent), None), "{failed:?}");
}

/// The end counts as one error, however often it is reported.
#[test]
fn the_end_of_a_reader_counts_as_an_error() {
    let mut broker = Broker::start();
    let address = broker.plain_address();
    let reader = common::reader::<String>(&address, "t").open().expect("reader");
    let mut stream = block_on(common::reader::<String>(&address, "t").open_async()).expect("reader");
    broker.kill();
    for _ in 0..2 {
        io_error(reader.read(), &["lost"]);
    }
    common::eventually("the count", || reader.metrics().error_count_total == 1);
    let mut next = || block_on(std::future::poll_fn(|context| Pin::new(&mut stream).poll_next(context)));
    io_error(next().expect("an item"), &["lost"]);
    assert!(next().is_none());
    common::eventually("the count", || stream.metrics().error_count_total == 1);
}

/// The broker confirms the first three of five publishes; each write ends by itself.
#[test]
fn only_what_was_acknowledged_has_succeeded() {
    let broker = Scripted::open(|peer| {
        let ids: Vec<u16> = (0..5).map(|_| peer.expect(0x30).body).map(|body| id_after_topic(&body)).collect();
        for id in &ids[..3] {
            let [high, low] = id.to_be_bytes();
            peer.send(&[0x40, 2, high, low]);
        }
    });
    let writer: AsyncMessageWriter<str> =
        block_on(writer(&broker.address(), "t").consistency(Consistency::AtLeastOnce).open_async()).expect("a writer");
    let results: Vec<bool> = std::thread::scope(|scope| {
        // The writes start one after the other, so their order is known.
        let threads: Vec<_> = (0..5)
            .map(|n| {
                let writer = &writer;
                let (started, has_started) = std::sync::mpsc::channel();
                let thread = scope.spawn(move || {
                    let mut write = Box::pin(writer.write("value"));
                    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
                    let first = write.as_mut().poll(&mut context);
                    started.send(()).expect("the test waits");
                    match first {
                        std::task::Poll::Ready(result) => result,
                        std::task::Poll::Pending => block_on(write),
                    }
                });
                has_started.recv_timeout(PATIENCE).unwrap_or_else(|_| panic!("write {n} does not start"));
                thread
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().expect("a thread").is_ok()).collect()
    });
    assert_eq!(results, [true, true, true, false, false]);
}

#[test]
fn a_blocked_read_ends_with_the_connection() {
    let mut broker = Broker::start();
    let reader = MessageReader::<String>::builder()
        .no_config(true)
        .service_type("mqtt")
        .parameter("brokers", broker.plain_address())
        .parameter("connect", common::no_reconnect())
        .topic("t")
        .open()
        .expect("a reader without a receive time-out");
    let reader = Arc::new(reader);
    let (done, result) = std::sync::mpsc::channel();
    for _ in 0..2 {
        let (reader, done) = (reader.clone(), done.clone());
        std::thread::spawn(move || {
            let _ = done.send(reader.read());
        });
    }
    // Both threads wait, because nothing is published.
    assert!(result.recv_timeout(Duration::from_millis(200)).is_err());
    broker.kill();
    for _ in 0..2 {
        io_error(result.recv_timeout(PATIENCE).expect("the read ends"), &["lost"]);
    }
    io_error(reader.read(), &["lost"]);
}

#[test]
fn a_killed_broker_ends_writers_at_every_consistency() {
    let mut broker = Broker::start();
    let writers: Vec<_> = common::EVERY_CONSISTENCY
        .into_iter()
        .map(|consistency| {
            writer::<str>(&broker.plain_address(), "t").consistency(consistency).open().expect("a writer")
        })
        .collect();
    writers.iter().for_each(|writer| writer.write("before").expect("write"));
    broker.kill();
    for writer in writers {
        let consistency = writer.consistency();
        // At QoS 0 the operating system may still accept the first writes.
        let failed = within(PATIENCE, move || {
            let failed = common::holds_within(PATIENCE, || writer.write("after").is_err());
            failed.then(|| writer.write("again"))
        });
        io_error(failed.unwrap_or_else(|| panic!("{consistency}: no error")), &["lost"]);
    }
    // A new client finds the broker once it is back on its port.
    connection_error(open_writer(&broker.plain_address()), &["refused"]);
    broker.restart();
    open_writer(&broker.plain_address()).expect("a writer").write("back").expect("write");
}

#[test]
fn the_write_timeout_is_kept_and_says_what_is_known() {
    let broker = Scripted::open(|peer| peer.drain());
    let writer = writer::<str>(&broker.address(), "t")
        .consistency(Consistency::AtLeastOnce)
        .parameter("write_timeout_ms", 300)
        .parameter("max_inflight_messages", [("inflight", 1)])
        .open()
        .expect("a writer");
    let start = Instant::now();
    common::told(writer.write("sent"), "TimedOut", &["timed out after 300 ms", "may have been delivered"]);
    let took = start.elapsed();
    assert!(took >= Duration::from_millis(300) && took < Duration::from_secs(2), "{took:?}");
    // The first message fills the window of one, so this one is never sent.
    common::told(writer.write("never sent"), "TimedOut", &["timed out after 300 ms", "was not sent"]);
    assert_eq!(broker.next_packet().kind(), raw::CONNECT);
    assert_eq!(broker.next_packet().kind(), 0x30);
    drop(writer);
    assert_eq!(broker.next_packet().first, raw::DISCONNECT);
}

#[test]
fn the_window_holds_back_what_the_broker_may_not_get_yet() {
    const WINDOW: usize = 3;
    const COUNT: usize = 12;
    let broker = Scripted::open(|peer| {
        let mut unconfirmed = std::collections::VecDeque::new();
        for received in 1..=COUNT {
            unconfirmed.push_back(id_after_topic(&peer.expect(0x30).body));
            if received < WINDOW {
                continue;
            }
            assert!(peer.is_silent_for(Duration::from_millis(50)), "more than {WINDOW} without an acknowledgement");
            let [high, low] = unconfirmed.pop_front().expect("one").to_be_bytes();
            peer.send(&[0x40, 2, high, low]);
        }
        for id in unconfirmed {
            let [high, low] = id.to_be_bytes();
            peer.send(&[0x40, 2, high, low]);
        }
        peer.drain();
    });
    let writer: AsyncMessageWriter<str> = block_on(
        writer(&broker.address(), "t")
            .consistency(Consistency::AtLeastOnce)
            .parameter("max_inflight_messages_set", [("inflight", WINDOW as i64)])
            .open_async(),
    )
    .expect("a writer");
    let mut writes: Vec<_> = (0..COUNT).map(|_| Box::pin(writer.write("value"))).collect();
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    // The first acknowledgement can't be here yet: the broker first makes sure that no other packet comes.
    assert!(writes.iter_mut().all(|write| write.as_mut().poll(&mut context).is_pending()));
    writes.into_iter().for_each(|write| block_on(write).expect("write"));
}

#[test]
fn nonsense_after_the_connack_ends_the_connection() {
    let nonsense: [(&str, &[u8]); 14] = [
        ("a second CONNACK", &[0x20, 2, 0, 0]),
        ("packet type 0", &[0x00, 0]),
        ("packet type 15", &[0xF0, 0]),
        ("a client's packet", &[0xC0, 0]),
        ("a length of five bytes", &[0x30, 0xFF, 0xFF, 0xFF, 0xFF, 1]),
        ("QoS 3", &[0x36, 5, 0, 1, b't', 0, 1]),
        ("packet identifier 0", &[0x32, 5, 0, 1, b't', 0, 0]),
        ("a topic that is longer than the packet", &[0x30, 4, 0, 9, b't', b'x']),
        ("a topic with a wildcard", &[0x30, 3, 0, 1, b'#']),
        ("a topic that is not UTF-8", &[0x30, 4, 0, 2, 0xC3, 0x28]),
        ("an empty topic", &[0x30, 2, 0, 0]),
        ("PUBACK without an identifier", &[0x40, 0]),
        ("SUBACK for nothing", &[0x90, 3, 0x12, 0x34, 0]),
        ("an HTTP answer", b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"),
    ];
    for (what, bytes) in nonsense {
        let broker = Scripted::open(move |peer| {
            peer.suback(1);
            peer.send(bytes);
            peer.swallow();
        });
        let address = broker.address();
        let start = Instant::now();
        let result = within(2 * PATIENCE, move || open_reader(&address).and_then(|reader| reader.read().map(drop)));
        assert!(start.elapsed() < Duration::from_secs(5), "{what}: took {:?}, {result:?}", start.elapsed());
        match result {
            Err(Error::Io(message)) => assert!(message.contains("lost"), "{what}: {message}"),
            other => panic!("{what}: {other:?}"),
        }
    }
}

#[test]
fn nonsense_instead_of_a_connack_is_a_connection_error() {
    let nonsense: [(&str, &[u8]); 6] = [
        ("nothing", b""),
        ("half a CONNACK", &[0x20, 2, 0]),
        ("another packet", &[0xD0, 0]),
        ("a CONNACK with a wrong length", &[0x20, 3, 0, 0, 0]),
        ("a CONNACK with wrong flags", &[0x20, 2, 0xFE, 0]),
        ("SSH", b"SSH-2.0-OpenSSH_9.2\r\n"),
    ];
    for (what, bytes) in nonsense {
        let broker = Scripted::start(move |peer| {
            peer.packet();
            peer.send(bytes);
        });
        let address = broker.address();
        let result = within(PATIENCE, move || open_writer(&address).map(drop));
        assert!(matches!(&result, Err(Error::Connection { .. })), "{what}: {result:?}");
        connection_error(result, &[&broker.address()]);
    }
}

#[test]
fn a_packet_that_is_cut_off() {
    let broker = Scripted::open(|peer| {
        peer.suback(1);
        let message = raw::publish("t", &hello(), 1, false, 1).bytes();
        peer.send(&[&message[..], &message[..message.len() / 2]].concat());
        // The acknowledgement shows that the reader has taken the first message.
        peer.expect(0x40);
    });
    let reader = open_reader(&broker.address()).expect("a reader");
    assert_eq!(next(&reader).value(), "hello", "what was whole is delivered");
    io_error(reader.read(), &["lost"]);
}

/// The announced length of a packet must not reserve memory.
#[test]
fn an_announced_packet_of_256_mebibytes_takes_no_memory() {
    if !common::process::alone(module_path!(), "an_announced_packet_of_256_mebibytes_takes_no_memory") {
        return;
    }
    let broker = Scripted::open(|peer| {
        peer.suback(1);
        // The packet announces all of 268,435,455 bytes; a topic and a little payload come.
        let mut bytes = vec![0x30, 0xFF, 0xFF, 0xFF, 0x7F, 0, 1, b't'];
        bytes.extend([0; 1000]);
        for piece in bytes.chunks(100) {
            peer.send(piece);
        }
        peer.swallow();
    });
    let before = data_mebibytes();
    let readers: Vec<_> = (0..4)
        .map(|_| {
            reader::<String>(&broker.address(), "t").receive_timeout(Duration::from_millis(200)).open().expect("open")
        })
        .collect();
    readers.iter().for_each(|reader| assert!(reader.read().expect("no error yet").is_none()));
    let grown = data_mebibytes().saturating_sub(before);
    assert!(grown < 128, "{grown} MiB");
}

/// Returns the writable memory of this process, whether or not it was touched.
fn data_mebibytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmData:")).unwrap_or("0");
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap_or(0) / 1024
}

/// A broker that does not answer pings is noticed.
#[test]
fn a_broker_that_falls_silent_is_noticed() {
    let broker = Scripted::open(|peer| {
        peer.suback(1);
        peer.drain();
    });
    let reader = reader::<String>(&broker.address(), "t").parameter("keepalive", 1).open().expect("a reader");
    let start = Instant::now();
    io_error(reader.read(), &["keep-alive"]);
    let took = start.elapsed();
    assert!(took >= Duration::from_secs(1) && took < Duration::from_secs(5), "{took:?}");
}

/// The socket is full and the broker does not read: the write still ends, and so does close.
#[test]
fn a_broker_that_stops_reading_does_not_hang_a_writer() {
    let broker = Broker::start();
    let writer = writer::<[u8]>(&broker.plain_address(), "t")
        .consistency(Consistency::AtLeastOnce)
        .parameter("write_timeout_ms", 500)
        .open()
        .expect("a writer");
    broker.freeze();
    let large = vec![0; 32 << 20];
    let (result, took) = within(PATIENCE, move || {
        let start = Instant::now();
        let result = writer.write(&large);
        let took = start.elapsed();
        drop(writer);
        (result, took)
    });
    common::told(result, "TimedOut", &["timed out after 500 ms"]);
    assert!(took < Duration::from_secs(3), "{took:?}");
    broker.thaw();
}

#[test]
fn a_message_that_mqtt_cannot_carry_is_refused_before_it_is_sent() {
    let broker = Broker::start();
    let writer = writer::<[u8]>(&broker.plain_address(), "t").open().expect("a writer");
    let reader = reader::<Vec<u8>>(&broker.plain_address(), "t").open().expect("a reader");
    let huge = vec![0; 268_435_456];
    io_error(writer.write(&huge), &["268435456", "larger than MQTT can carry"]);
    writer.write(b"small").expect("the writer still works");
    assert_eq!(next(&reader).value(), b"small");
}

/// Returns a SINETStream message of format 3 with the text "hello" and timestamp 0.
fn hello() -> Vec<u8> {
    let mut message = vec![0xDF, 3, 0, 0, 0, 0, 0xC3, 1, 0x1F, 0x9C, 0x0C, 0x91, 0xEB, 0x33, 0x66, 0x4F, 0, 10];
    message.extend_from_slice(b"hello");
    message
}

/// Returns the packet identifier of a PUBLISH to the topic "t".
fn id_after_topic(body: &[u8]) -> u16 {
    u16::from_be_bytes([body[3], body[4]])
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]

    /// After the SUBACK come arbitrary bytes, often with a plausible start; every read ends.
    #[test]
    fn arbitrary_bytes_end_in_messages_or_an_error(
        first in prop_oneof![any::<u8>(), prop::sample::select(vec![0x30, 0x32, 0x34, 0x40, 0x50, 0x62, 0x70, 0x90, 0xD0])],
        bytes in prop::collection::vec(any::<u8>(), 0..60),
    ) {
        let broker = Scripted::open(move |peer| {
            peer.suback(1);
            peer.send(&[&[first][..], &bytes].concat());
        });
        let address = broker.address();
        let last = within(PATIENCE, move || {
            let reader = open_reader(&address)?;
            loop {
                match reader.read() {
                    Ok(Some(_)) | Err(Error::InvalidMessage(_)) => {}
                    Ok(None) => panic!("the read timed out although the connection is closed"),
                    Err(error) => return Err::<(), _>(error),
                }
            }
        });
        prop_assert!(matches!(last, Err(Error::Io(_) | Error::Connection { .. })), "{:?}", last);
    }

    #[test]
    fn arbitrary_bytes_instead_of_a_connack_are_an_error(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
        prop_assume!(!bytes.starts_with(&[0x20, 2, 0, 0]) && !bytes.starts_with(&[0x20, 2, 1, 0]));
        let broker = Scripted::start(move |peer| {
            peer.packet();
            peer.send(&bytes);
        });
        let address = broker.address();
        let result = within(PATIENCE, move || open_writer(&address).map(drop));
        prop_assert!(matches!(result, Err(Error::Connection { .. } | Error::Authentication { .. })), "{:?}", result);
    }
}
