//! Tests messages and their properties.

use std::thread::sleep;
use std::time::Duration;

use super::{reader, writer};
use crate::common::broker::Broker;
use crate::common::raw::{message, property, publish_v5};
use crate::common::scripted::Scripted;
use crate::common::{EVERY_CONSISTENCY, eventually, next, next_values};
use sinetstream::config::{Map, Value};

#[test]
fn messages_arrive_at_every_consistency() {
    let broker = Broker::start();
    for consistency in EVERY_CONSISTENCY {
        let topic = format!("delivery/{consistency}");
        let reader = reader(&broker.plain_address(), &topic).consistency(consistency).open().expect("reader");
        let writer = writer(&broker.plain_address(), &topic).consistency(consistency).open().expect("writer");
        for n in 0..100 {
            writer.write_at(&n.to_string(), n).expect("write");
        }
        for n in 0..100 {
            let message = next(&reader);
            assert_eq!((message.value(), message.timestamp_us()), (&n.to_string(), n));
            assert_eq!((message.topic(), message.qos()), (topic.as_str(), consistency));
            assert_eq!(message.properties(), None);
        }
        writer.close().expect("close");
        reader.close().expect("close");
    }
    assert_eq!(broker.log().matches(" (p5, c1, k60").count(), 6, "not every client spoke MQTT 5");
}

fn every_property() -> Value {
    let mut properties = Map::new();
    properties.insert("payload_format_indicator", 1);
    properties.insert("message_expiry_interval", 1000);
    properties.insert("content_type", "text/plain");
    properties.insert("response_topic", "answers/here");
    properties.insert("correlation_data", &b"\x00\xFFid"[..]);
    let several: Map =
        [("colour", Value::from(vec!["red", "green"])), ("größe", Value::from("klein"))].into_iter().collect();
    properties.insert("user_property", several);
    properties.into()
}

#[test]
fn what_is_sent_beside_a_message_arrives() {
    let broker = Broker::start();
    for consistency in EVERY_CONSISTENCY {
        let reader = reader(&broker.plain_address(), "t").consistency(consistency).open().expect("reader");
        let earlier = reader_of_an_earlier_version(&broker);
        let writer = writer(&broker.plain_address(), "t")
            .consistency(consistency)
            .parameter("message_properties", every_property())
            .open()
            .expect("writer");
        for value in ["one", "two"] {
            writer.write(value).expect("write");
            let message = next(&reader);
            assert_eq!(message.value(), value);
            let properties = message.properties().expect("properties");
            assert_eq!(properties.payload_format_indicator, Some(1));
            assert!(properties.message_expiry_interval.is_some_and(|left| (990..=1000).contains(&left)));
            assert_eq!(properties.content_type.as_deref(), Some("text/plain"));
            assert_eq!(properties.response_topic.as_deref(), Some("answers/here"));
            assert_eq!(properties.correlation_data.as_deref(), Some(&b"\x00\xFFid"[..]));
            let pairs = [("colour", "red"), ("colour", "green"), ("größe", "klein")];
            assert_eq!(properties.user_properties, pairs.map(|(name, value)| (name.to_owned(), value.to_owned())));
            assert!(properties.subscription_identifiers.is_empty());
            assert!(!format!("{properties:?}").contains("klein"), "values are the application's");
        }
        // Readers of an earlier version get the plain values, without any trace of the properties.
        assert_eq!(next_values(&earlier, 2), ["one", "two"]);
    }
}

fn reader_of_an_earlier_version(broker: &Broker) -> sinetstream::MessageReader<String> {
    crate::common::reader(&broker.plain_address(), "t").open().expect("reader")
}

/// The broker drops a message that nobody has fetched in time, and tells readers the remaining time.
#[test]
fn a_message_expires_in_the_broker() {
    let broker = Broker::start();
    let address = broker.plain_address();
    let open = || {
        let reader = reader(&address, "t").client_id("away").parameter("clean_start", false);
        reader.parameter("session_expiry_interval", 100).open().expect("reader")
    };
    open().close().expect("close");
    let expiring = |seconds: i32| {
        let properties: Value = [("message_expiry_interval", seconds)].into();
        writer(&address, "t").parameter("message_properties", properties).open().expect("writer")
    };
    expiring(1).write("short-lived").expect("write");
    expiring(100).write("long-lived").expect("write");
    // The test is about the time itself, so it sleeps; Mosquitto counts whole seconds.
    sleep(Duration::from_millis(2500));
    let message = next(&open());
    assert_eq!(message.value(), "long-lived");
    let left = message.properties().and_then(|properties| properties.message_expiry_interval).expect("an expiry");
    assert!((1..=98).contains(&left), "{left}");
}

/// Several subscription identifiers, and other properties around them, leave the value unchanged.
#[test]
fn subscription_identifiers_are_told() {
    let broker = Scripted::open_v5(&[], |peer| {
        peer.suback_v5(1, &[]);
        let properties = [
            (property::SUBSCRIPTION_ID, vec![1]),
            property::text(property::CONTENT_TYPE, "x"),
            (property::SUBSCRIPTION_ID, vec![0x80, 0x01]),
            (property::SUBSCRIPTION_ID, vec![0xFF, 0xFF, 0xFF, 0x7F]),
        ];
        peer.send(&publish_v5("t", &message("value"), 1, 1, &properties).bytes());
        peer.drain();
    });
    let reader = reader(&broker.address(), "t").open().expect("reader");
    let message = next(&reader);
    assert_eq!(message.value(), "value");
    let properties = message.properties().expect("properties");
    assert_eq!(properties.subscription_identifiers, [1, 128, 268_435_455]);
    assert_eq!(properties.content_type.as_deref(), Some("x"));
}

/// A message in the inbox is counted with its properties.
#[test]
fn properties_take_room_in_the_inbox() {
    const MESSAGES: usize = 20;
    const LONG: usize = 10_000;
    let broker = Scripted::open_v5(&[], |peer| {
        peer.suback_v5(1, &[]);
        for id in 1..=MESSAGES as u16 {
            let properties = [property::user("name", &"x".repeat(LONG))];
            peer.send(&publish_v5("t", &message("value"), 1, id, &properties).bytes());
        }
        peer.drain();
    });
    let reader = reader(&broker.address(), "t").open().expect("reader");
    eventually("all have come", || reader.connection_info().inbox_messages == MESSAGES);
    let bytes = reader.connection_info().inbox_bytes;
    assert!((MESSAGES * LONG..2 * MESSAGES * LONG).contains(&bytes), "{bytes}");
    for _ in 0..MESSAGES {
        let properties = next(&reader).properties().cloned().expect("properties");
        assert_eq!(properties.user_properties, [("name".to_owned(), "x".repeat(LONG))]);
    }
    assert_eq!(reader.connection_info().inbox_bytes, 0);
}

/// Too many properties are left out, but the message itself is delivered.
#[test]
fn more_than_a_mebibyte_of_properties_is_left_out() {
    // An empty pair takes five bytes.
    let pairs = |bytes: usize| vec![property::user("", ""); bytes / 5];
    let broker = Scripted::open_v5(&[], move |peer| {
        peer.suback_v5(1, &[]);
        for (id, bytes) in [(1, 1 << 20), (2, (1 << 20) + 5), (3, 5)] {
            peer.send(&publish_v5("t", &message("value"), 1, id, &pairs(bytes)).bytes());
        }
        peer.drain();
    });
    let reader = reader(&broker.address(), "t").open().expect("reader");
    for expected in [Some((1 << 20) / 5), None, Some(1)] {
        let message = next(&reader);
        assert_eq!(message.value(), "value");
        assert_eq!(message.properties().map(|properties| properties.user_properties.len()), expected);
    }
    assert!(reader.is_connected());
}

/// After a write, the outbox' numbers must not include its message.
#[test]
fn the_outbox_is_empty_when_the_write_has_returned() {
    let broker = Broker::start();
    let writer = writer(&broker.plain_address(), "t").open().expect("writer");
    for n in 0..200 {
        writer.write("x").expect("write");
        let info = writer.connection_info();
        assert_eq!((info.outbox_messages, info.outbox_bytes, info.in_flight), (0, 0, 0), "after {n} writes");
    }
}
