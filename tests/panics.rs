//! Tests code of the application that panics: deserializers, serializers, listeners, subscribers. A program that catches its
//! panics can go on with its clients.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;

use crate::common;
use crate::common::block_on;
use crate::common::broker::Broker;
use crate::common::process::alone;
use crate::common::proxy::Proxy;
use futures_core::Stream;
use sinetstream::{
    AsyncMessageReader, ConnectionEvent, Consistency, MessageReader, MessageReaderBuilder, MessageWriter, Result,
};
use tracing::{Event, Metadata, Subscriber, span};

const COUNT: u32 = 20;

/// Returns the builder of a reader whose deserializer panics on every odd number, and whose inbox has room for two messages.
fn reader(broker: &Broker) -> MessageReaderBuilder<u32> {
    MessageReader::<u32>::builder_with(|bytes| {
        let number = u32::from_be_bytes(bytes.try_into()?);
        assert!(number % 2 == 0, "an odd number");
        Ok(number)
    })
    .no_config(true)
    .service_type("mqtt")
    .topic("numbers")
    .parameter("brokers", broker.plain_address())
    .client_id("the-reader")
    .parameter("max_received_messages", 2)
    .consistency(Consistency::AtLeastOnce)
    .receive_timeout(common::PATIENCE)
}

/// Returns a writer whose serializer panics on one number, and whose outbox has room for one message.
fn writer(broker: &Broker, bad: u32) -> MessageWriter<u32> {
    MessageWriter::<u32>::builder_with(move |number| {
        assert!(*number != bad, "a bad number");
        Ok(number.to_be_bytes().to_vec())
    })
    .no_config(true)
    .service_type("mqtt")
    .topic("numbers")
    .parameter("brokers", broker.plain_address())
    .parameter("max_queued_messages", 1)
    .consistency(Consistency::AtLeastOnce)
    .open()
    .expect("writer")
}

/// Checks that every message is read and acknowledged, including those on which the deserializer panics.
fn check(broker: &Broker, used: impl Fn() -> usize, mut read: impl FnMut() -> Option<Result<u32>>) {
    let writer = writer(broker, u32::MAX);
    (0..COUNT).for_each(|number| writer.write(&number).expect("written"));
    for number in 0..COUNT {
        match catch_unwind(AssertUnwindSafe(&mut read)) {
            Ok(value) => assert_eq!(value.expect("a message").expect("read"), number),
            Err(_) => assert_eq!(number % 2, 1, "only odd numbers panic"),
        }
    }
    assert_eq!(used(), 0, "messages in the inbox");
    common::eventually("every message is acknowledged", || {
        broker.log().matches("Received PUBACK from the-reader").count() == COUNT as usize
    });
}

#[test]
fn a_deserializer_that_panics_stalls_no_reader() {
    let broker = Broker::start();
    let reader = reader(&broker).open().expect("reader");
    let read = || reader.read().map(|message| message.map(|message| message.into_value())).transpose();
    check(&broker, || reader.connection_info().inbox_messages, read);
}

#[test]
fn a_deserializer_that_panics_stalls_no_asynchronous_reader() {
    let broker = Broker::start();
    let reader = block_on(reader(&broker).open_async()).expect("reader");
    let read = || block_on(reader.read()).map(|message| message.map(|message| message.into_value())).transpose();
    check(&broker, || reader.connection_info().inbox_messages, read);
}

#[test]
fn a_deserializer_that_panics_stalls_no_stream() {
    let broker = Broker::start();
    let reader = std::cell::RefCell::new(block_on(reader(&broker).open_async()).expect("reader"));
    let read = || {
        let mut stream = reader.borrow_mut();
        let stream: &mut AsyncMessageReader<u32> = &mut stream;
        let next = block_on(std::future::poll_fn(|context| Pin::new(&mut *stream).poll_next(context)));
        next.map(|message| message.map(|message| message.into_value()))
    };
    check(&broker, || reader.borrow().connection_info().inbox_messages, read);
}

#[test]
fn a_serializer_that_panics_takes_no_room() {
    let broker = Broker::start();
    let reader = reader(&broker).open().expect("reader");
    let writer = writer(&broker, 13);
    for _ in 0..COUNT {
        assert!(catch_unwind(AssertUnwindSafe(|| writer.write(&13))).is_err(), "the serializer panics");
    }
    writer.write(&14).expect("written");
    assert_eq!(common::next(&reader).value(), &14);
    assert_eq!(writer.connection_info().outbox_messages, 0);
}

/// A subscriber that panics on every call.
struct Panicking;

impl Subscriber for Panicking {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn event(&self, _: &Event<'_>) {
        panic!("the subscriber");
    }

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}

/// The subscriber belongs to a whole process, so the test has one of its own.
#[test]
fn neither_a_subscriber_nor_a_listener_that_panics_takes_a_client_along() {
    if !alone(module_path!(), "neither_a_subscriber_nor_a_listener_that_panics_takes_a_client_along") {
        return;
    }
    tracing::subscriber::set_global_default(Panicking).expect("no other subscriber");
    let broker = Broker::start();
    let proxy = Proxy::start(broker.plain);
    let (heard, events) = common::events::listen();
    let writer = common::writer::<str>(&proxy.address(), "t")
        .parameter("connect", sinetstream::config::Value::Null)
        .parameter("reconnect_delay", common::quickly())
        .consistency(Consistency::AtLeastOnce)
        .on_connection_event(move |event| {
            heard(event);
            panic!("the listener");
        });
    let writer = writer.open().expect("writer");
    writer.write("before").expect("written");
    events.connected();
    proxy.cut();
    events.lost();
    events.connected();
    writer.write("after").expect("written");
    writer.close().expect("close");
    events.skip_to(|event| *event == ConnectionEvent::Closed);
}
