//! Tests closing, and sessions that outlive their client.

use std::task::{Context, Waker};
use std::time::{Duration, Instant};

use crate::common;
use crate::common::broker::Broker;
use crate::common::scripted::Scripted;
use crate::common::{EVERY_CONSISTENCY, block_on, next, next_values, raw, reader, within, writer};
use sinetstream::{AsyncMessageWriter, Consistency, Error, MessageReader};

fn durable(address: &str, topic: &str, consistency: Consistency) -> MessageReader<String> {
    reader(address, topic)
        .consistency(consistency)
        .client_id("the-durable-reader")
        .parameter("clean_session", false)
        .open()
        .expect("a reader")
}

#[test]
fn messages_are_kept_while_the_reader_is_away() {
    let broker = Broker::start();
    let address = broker.plain_address();
    for consistency in [Consistency::AtLeastOnce, Consistency::ExactlyOnce] {
        let topic = format!("kept/{consistency}");
        durable(&address, &topic, consistency).close().expect("close");
        let writer = writer::<str>(&address, &topic).consistency(consistency).open().expect("a writer");
        let values: Vec<String> = (0..100).map(|n| n.to_string()).collect();
        values.iter().for_each(|value| writer.write(value).expect("write"));
        let reader = durable(&address, &topic, consistency);
        assert_eq!(next_values(&reader, 100), values, "{consistency}");
        reader.close().expect("close");
    }
}

#[test]
fn a_clean_session_keeps_nothing() {
    let broker = Broker::start();
    let address = broker.plain_address();
    let open = || {
        reader::<String>(&address, "t")
            .consistency(Consistency::AtLeastOnce)
            .client_id("the-clean-reader")
            .open()
            .expect("a reader")
    };
    open().close().expect("close");
    let writer = writer::<str>(&address, "t").consistency(Consistency::AtLeastOnce).open().expect("a writer");
    writer.write("while away").expect("write");
    let reader = open();
    writer.write("back").expect("write");
    assert_eq!(next(&reader).value(), "back");
}

/// Messages that have arrived but were not read are unacknowledged, so the broker delivers them again; those that were read are
/// not delivered again.
#[test]
fn unread_messages_come_again_and_read_ones_do_not() {
    let broker = Broker::start();
    let address = broker.plain_address();
    for consistency in [Consistency::AtLeastOnce, Consistency::ExactlyOnce] {
        let topic = format!("unread/{consistency}");
        let reader = durable(&address, &topic, consistency);
        let writer = writer::<str>(&address, &topic).consistency(consistency).open().expect("a writer");
        (0..10).for_each(|n| writer.write(&n.to_string()).expect("write"));
        common::eventually("ten deliveries", || {
            let log = broker.log();
            let sent = log.lines().filter(|line| line.contains("Sending PUBLISH to the-durable-reader (d0"));
            sent.filter(|line| line.contains(&topic)).count() == 10
        });
        assert_eq!(next_values(&reader, 4), ["0", "1", "2", "3"]);
        reader.close().expect("close");
        let reader = durable(&address, &topic, consistency);
        writer.write("last").expect("write");
        let mut values = next_values(&reader, 6);
        // A QoS 2 message whose PUBREC was on its way may only be completed now; it is not delivered twice.
        assert_eq!(values, ["4", "5", "6", "7", "8", "9"], "{consistency}");
        values = next_values(&reader, 1);
        assert_eq!(values, ["last"]);
        reader.close().expect("close");
    }
}

/// PUBACK is sent when `read` has returned, not when the message arrives.
#[test]
fn a_message_is_acknowledged_when_it_is_read() {
    let broker = Scripted::open(|peer| {
        peer.suback(1);
        // A message that can't be decoded is acknowledged as well, so the test needs no valid one.
        peer.send(&raw::publish("t", b"x", 1, false, 7).bytes());
        peer.send(&[0xD0, 0]);
        peer.drain();
    });
    let reader = reader::<String>(&broker.address(), "t")
        .consistency(Consistency::AtLeastOnce)
        .receive_timeout(Duration::ZERO)
        .open()
        .expect("a reader");
    assert_eq!(broker.next_packet().kind(), raw::CONNECT);
    assert_eq!(broker.next_packet().first, raw::SUBSCRIBE);
    common::eventually("the message is read", || reader.read().is_err());
    assert_eq!(broker.next_packet(), raw::Packet::new(0x40, [0, 7]));
    reader.close().expect("close");
    assert_eq!(broker.next_packet().first, raw::DISCONNECT);
}

#[test]
fn an_unread_message_is_not_acknowledged_by_close() {
    let broker = Scripted::open(|peer| {
        peer.suback(1);
        peer.send(&raw::publish("t", b"x", 1, false, 7).bytes());
        peer.drain();
    });
    let reader =
        reader::<String>(&broker.address(), "t").consistency(Consistency::AtLeastOnce).open().expect("a reader");
    assert_eq!(broker.next_packet().kind(), raw::CONNECT);
    assert_eq!(broker.next_packet().first, raw::SUBSCRIBE);
    reader.close().expect("close");
    assert_eq!(broker.next_packet().first, raw::DISCONNECT);
}

#[test]
fn close_flushes_what_was_accepted() {
    let broker = Broker::start();
    let address = broker.plain_address();
    for consistency in EVERY_CONSISTENCY {
        let topic = format!("flush/{consistency}");
        let reader = reader::<Vec<u8>>(&address, &topic).consistency(consistency).open().expect("a reader");
        let writer: AsyncMessageWriter<[u8]> =
            block_on(writer(&address, &topic).consistency(consistency).open_async()).expect("a writer");
        let values: Vec<Vec<u8>> = (0..500_u32).map(|n| n.to_be_bytes().repeat(250)).collect();
        let mut context = Context::from_waker(Waker::noop());
        for value in &values {
            // One poll accepts the message; dropping the future does not take it back.
            let _ = Box::pin(writer.write(value)).as_mut().poll(&mut context);
        }
        block_on(writer.close()).expect("close");
        assert_eq!(next_values(&reader, values.len()), values, "{consistency}");
    }
}

/// The broker acknowledges all messages but one: close gives up after its time and says so.
#[test]
fn close_says_what_was_not_delivered() {
    let broker = Scripted::open(|peer| peer.drain());
    let writer: AsyncMessageWriter<str> =
        block_on(writer(&broker.address(), "t").consistency(Consistency::AtLeastOnce).open_async()).expect("a writer");
    let mut context = Context::from_waker(Waker::noop());
    for value in ["one", "two", "three"] {
        assert!(Box::pin(writer.write(value)).as_mut().poll(&mut context).is_pending());
    }
    let start = Instant::now();
    let error = within(Duration::from_secs(15), move || block_on(writer.close())).expect_err("nothing was delivered");
    assert!(matches!(&error, Error::Io(message) if message.contains("3 messages")), "{error:?}");
    assert!(start.elapsed() >= Duration::from_secs(9), "close waits for confirmations: {:?}", start.elapsed());
}

#[test]
fn dropping_does_not_wait() {
    let broker = Scripted::open(|peer| peer.drain());
    let writer: AsyncMessageWriter<str> =
        block_on(writer(&broker.address(), "t").consistency(Consistency::AtLeastOnce).open_async()).expect("a writer");
    let mut context = Context::from_waker(Waker::noop());
    assert!(Box::pin(writer.write("unconfirmed")).as_mut().poll(&mut context).is_pending());
    let start = Instant::now();
    drop(writer);
    assert!(start.elapsed() < Duration::from_secs(2));
    assert_eq!(broker.next_packet().kind(), raw::CONNECT);
    assert_eq!(broker.next_packet().kind(), 0x30);
    assert_eq!(broker.next_packet().first, raw::DISCONNECT);
}

/// After DISCONNECT the broker should close the connection; the client soon leaves one that does not.
#[test]
fn close_does_not_depend_on_the_brokers_manners() {
    let broker = Scripted::open(|peer| peer.swallow());
    let writer = writer::<str>(&broker.address(), "t").open().expect("a writer");
    let start = Instant::now();
    within(common::PATIENCE, move || writer.close()).expect("close");
    assert!(start.elapsed() < Duration::from_secs(4), "{:?}", start.elapsed());
}

#[test]
fn goodbye_is_said_on_close() {
    let broker = Broker::start();
    let address = broker.plain_address();
    writer::<str>(&address, "t").client_id("the-writer").open().expect("a writer").close().expect("close");
    reader::<String>(&address, "t").client_id("the-reader").open().expect("a reader").close().expect("close");
    for who in ["the-writer", "the-reader"] {
        common::eventually(who, || broker.log().contains(&format!("Received DISCONNECT from {who}")));
    }
}

#[test]
fn connect_says_what_was_configured() {
    let broker = Scripted::open(|peer| peer.drain());
    let connect = |builder: sinetstream::MessageWriterBuilder<str>| -> raw::Connect {
        let writer = builder.open().expect("a writer");
        let connect = raw::Connect::parse(&broker.next_packet());
        writer.close().expect("close");
        assert_eq!(broker.next_packet().first, raw::DISCONNECT);
        connect
    };
    let plain = connect(writer(&broker.address(), "t"));
    assert_eq!((plain.protocol.as_slice(), plain.level), (&b"MQTT"[..], 4));
    assert!(plain.clean_session);
    assert_eq!(plain.keep_alive, 60);
    assert_eq!((plain.username, plain.password), (None, None));
    assert!(plain.client_id.starts_with("sinetstream-"), "{}", plain.client_id);
    let other = connect(writer(&broker.address(), "t"));
    assert_ne!(other.client_id, plain.client_id);

    let full = connect(
        writer(&broker.address(), "t")
            .client_id("my id")
            .parameter("clean_session", false)
            .parameter("keepalive", 7)
            .parameter("username_pw_set", common::login("user", "pass")),
    );
    let expected = raw::Connect {
        protocol: b"MQTT".to_vec(),
        level: 4,
        clean_session: false,
        keep_alive: 7,
        client_id: "my id".into(),
        username: Some("user".into()),
        password: Some(b"pass".to_vec()),
        ..raw::Connect::default()
    };
    assert_eq!(full, expected);
}

/// The broker closes the older one of two clients with the same client identifier.
#[test]
fn a_session_that_is_taken_over_ends() {
    let broker = Broker::start();
    let address = broker.plain_address();
    let first = reader::<String>(&address, "t").client_id("same").open().expect("a reader");
    let second = reader::<String>(&address, "t").client_id("same").open().expect("a reader");
    let error = first.read().expect_err("the connection is lost");
    assert!(matches!(error, Error::Io(_)), "{error:?}");
    writer::<str>(&address, "t").open().expect("a writer").write("for the second").expect("write");
    assert_eq!(next(&second).value(), "for the second");
}

/// Mosquitto has room for 20 messages at QoS 2 per client. Unfinished ones of a dead process would fill it, and a new message
/// that reuses one of their packet identifiers would be taken for a duplicate.
#[test]
fn a_writer_at_qos_2_does_not_inherit_what_a_dead_one_was_sending() {
    let broker = Broker::start();
    for version in ["MQTTv31", "MQTTv311", "MQTTv5"] {
        raw::Client::die_publishing(broker.plain, version, 20);
        let topic = format!("inherited/{version}");
        let reader = reader::<String>(&broker.plain_address(), &topic)
            .consistency(Consistency::ExactlyOnce)
            .open()
            .expect("a reader");
        let mut builder = writer::<str>(&broker.plain_address(), &topic)
            .consistency(Consistency::ExactlyOnce)
            .client_id(version)
            .parameter("protocol", version)
            .parameter("clean_session", false);
        if version == "MQTTv5" {
            builder = builder.parameter("session_expiry_interval", 100);
        }
        let writer = builder.open().expect("a writer");
        std::thread::scope(|scope| {
            for number in 0..40 {
                let writer = &writer;
                scope.spawn(move || writer.write(&number.to_string()).expect("write"));
            }
        });
        let mut values = next_values(&reader, 40);
        values.sort_by_key(|value| value.parse::<u32>().expect("a number"));
        assert_eq!(values, (0..40).map(|number| number.to_string()).collect::<Vec<_>>(), "{version}");
    }
}
