//! Tests messages that are sent without waiting for each: their order, their ends, and the number of writes to the socket.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

use crate::common;
use crate::common::block_on;
use crate::common::broker::Broker;
use crate::common::process::alone;
use crate::common::proxy::Proxy;
use futures_core::Stream;
use sinetstream::{AsyncMessageReader, AsyncMessageWriter, Consistency, Error, Message, MessageReader, Sent};

fn writer(address: &str, consistency: Consistency) -> AsyncMessageWriter<str> {
    let builder = AsyncMessageWriter::builder().no_config(true).service_type("mqtt").topic("t");
    let builder = builder.parameter("brokers", address).consistency(consistency);
    let builder = builder.client_id("async-writer").parameter("clean_session", false);
    block_on(builder.parameter("reconnect_delay", common::quickly()).open_async()).expect("writer")
}

fn reader(address: &str, consistency: Consistency) -> sinetstream::MessageReaderBuilder<String> {
    let builder = MessageReader::builder().no_config(true).service_type("mqtt").topic("t");
    builder.parameter("brokers", address).consistency(consistency).receive_timeout(common::PATIENCE)
}

fn broker() -> Broker {
    Broker::start_with(common::certificates::server(), "max_inflight_messages 1000")
}

/// Returns how many write calls this process has made, to any descriptor.
#[cfg(target_os = "linux")]
fn write_calls() -> u64 {
    let io = std::fs::read_to_string("/proc/self/io").expect("/proc/self/io");
    let calls = io.lines().find_map(|line| line.strip_prefix("syscw: ")).expect("syscw");
    calls.parse().expect("a number")
}

#[cfg(target_os = "linux")]
#[test]
fn ten_thousand_messages_at_qos_0_leave_together() {
    if !alone(module_path!(), "ten_thousand_messages_at_qos_0_leave_together") {
        return;
    }
    let broker = broker();
    let writer = writer(&broker.plain_address(), Consistency::AtMostOnce);
    let before = write_calls();
    block_on(async {
        let mut window = VecDeque::new();
        for number in 0..10_000 {
            window.push_back(writer.send(&format!("{number}")).await.expect("accepted"));
        }
        for sent in window {
            sent.await.expect("sent");
        }
    });
    let calls = write_calls() - before;
    // Packets that are appended while the driver is awake go out together; a wake-up of the driver is a write call, too.
    assert!(calls < 1000, "{calls} write calls");
}

#[test]
fn what_was_sent_arrives_in_order_whether_or_not_its_future_lives() {
    let broker = broker();
    let reader = reader(&broker.plain_address(), Consistency::AtLeastOnce).open().expect("reader");
    let writer = writer(&broker.plain_address(), Consistency::AtLeastOnce);
    block_on(async {
        let mut kept = Vec::new();
        for number in 0..1000 {
            let sent = writer.send(&number.to_string()).await.expect("accepted");
            if number % 2 == 0 {
                kept.push(sent);
            }
        }
        for sent in kept {
            sent.await.expect("confirmed");
        }
        writer.flush().await.expect("flush");
    });
    let expected: Vec<String> = (0..1000).map(|number| number.to_string()).collect();
    assert_eq!(common::next_values(&reader, 1000), expected);
    assert_eq!(writer.metrics().msg_count_total, 1000);
    assert_eq!(writer.connection_info().outbox_messages, 0);
}

#[test]
fn the_reader_is_a_stream_that_ends_with_its_error() {
    let broker = broker();
    let proxy = Proxy::start(broker.plain);
    let builder = reader(&proxy.address(), Consistency::AtLeastOnce).parameter("connect", common::no_reconnect());
    let mut reader: AsyncMessageReader<String> = block_on(builder.open_async()).expect("reader");
    let writer = writer(&broker.plain_address(), Consistency::AtLeastOnce);
    let next = |reader: &mut AsyncMessageReader<String>| -> Option<Result<Message<String>, Error>> {
        block_on(poll_fn(|context| Pin::new(&mut *reader).poll_next(context)))
    };
    for value in ["a", "b"] {
        block_on(writer.write(value)).expect("written");
    }
    for value in ["a", "b"] {
        assert_eq!(next(&mut reader).expect("a message").expect("good").value(), value);
    }
    proxy.cut();
    assert!(matches!(next(&mut reader), Some(Err(Error::Io(_)))));
    assert!(next(&mut reader).is_none());
}

#[test]
fn a_sent_message_fails_when_its_time_is_up() {
    let broker = broker();
    let proxy = Proxy::start(broker.plain);
    let builder = AsyncMessageWriter::<str>::builder().no_config(true).service_type("mqtt").topic("t");
    let builder = builder.parameter("brokers", proxy.address()).consistency(Consistency::AtLeastOnce);
    let builder = builder.parameter("write_timeout_ms", 300).parameter("max_queued_messages", 2);
    let writer = block_on(builder.parameter("close_timeout_ms", 100).open_async()).expect("writer");
    proxy.stall(true);
    block_on(async {
        let sent: Vec<Sent> =
            vec![writer.send("1").await.expect("accepted"), writer.send("2").await.expect("accepted")];
        common::told(writer.send("3").await, "TimedOut", &["outbox is full", "was not sent"]);
        for sent in sent {
            common::told(sent.await, "TimedOut", &["timed out after 300 ms", "may have been delivered"]);
        }
    });
    assert_eq!(writer.metrics().error_count_total, 3);
}

/// A future that is dropped while it waits for room gives its place in the queue to the next one.
#[test]
fn a_send_that_is_given_up_leaves_its_place() {
    let broker = broker();
    let proxy = Proxy::start(broker.plain);
    let builder = AsyncMessageWriter::<str>::builder().no_config(true).service_type("mqtt").topic("t");
    let builder = builder.parameter("brokers", proxy.address()).consistency(Consistency::AtLeastOnce);
    let builder = builder.parameter("max_queued_messages", 1);
    let writer = block_on(builder.open_async()).expect("writer");
    proxy.stall(true);
    block_on(async {
        let first = writer.send("1").await.expect("accepted");
        let mut given_up = Box::pin(writer.send("2"));
        let polled = poll_fn(|context| Poll::Ready(given_up.as_mut().poll(context).is_ready())).await;
        assert!(!polled, "the outbox is full");
        drop(given_up);
        proxy.stall(false);
        writer.send("3").await.expect("accepted").await.expect("confirmed");
        first.await.expect("confirmed");
    });
    assert_eq!(writer.metrics().msg_count_total, 2);
}

/// The program does not learn the ends of a dropped writer's messages, so the log reports that there were some.
#[test]
fn a_writer_that_is_dropped_with_unconfirmed_messages_warns() {
    let broker = broker();
    let proxy = Proxy::start(broker.plain);
    let ((), warnings) = common::warnings::collect(|| {
        let confirmed = writer(&broker.plain_address(), Consistency::AtLeastOnce);
        block_on(confirmed.write("x")).expect("confirmed");
        drop(confirmed);
        let dropped = writer(&proxy.address(), Consistency::AtLeastOnce);
        proxy.stall(true);
        for _ in 0..3 {
            drop(block_on(dropped.send("x")).expect("accepted"));
        }
        drop(dropped);
    });
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(
        warnings[0].contains("the writer to 't' was dropped") && warnings[0].ends_with("delivered: 3"),
        "{warnings:?}"
    );
}

#[test]
fn clients_can_be_shared_by_threads() {
    fn shared<T: Send + Sync>() {}
    shared::<AsyncMessageWriter<str>>();
    shared::<AsyncMessageReader<String>>();
    shared::<sinetstream::MessageWriter<str>>();
    shared::<sinetstream::MessageReader<String>>();
}

#[test]
fn a_read_after_a_poll_of_the_stream_gets_the_next_message() {
    let broker = broker();
    let address = broker.plain_address();
    let writer = writer(&address, Consistency::AtLeastOnce);
    let builder = AsyncMessageReader::<String>::builder().no_config(true).service_type("mqtt").topic("t");
    let mut reader = block_on(builder.parameter("brokers", address.as_str()).open_async()).expect("reader");
    block_on(async {
        assert!(poll_fn(|context| Poll::Ready(Pin::new(&mut reader).poll_next(context).is_pending())).await);
        let mut reading = pin!(reader.read());
        let mut is_there = || reading.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready();
        assert!(!is_there());
        writer.write("hello").await.expect("written");
        // If the message woke only the stream's wait, this read would never get it.
        common::eventually("the message", is_there);
    });
}
