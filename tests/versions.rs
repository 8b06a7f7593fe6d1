//! Tests the common behaviour of MQTT 3.1, 3.1.1 and 5, and the special rules of 3.1.

use std::collections::HashSet;
use std::time::Duration;

use crate::common;
use crate::common::broker::Broker;
use crate::common::events::listen;
use crate::common::proxy::Proxy;
use crate::common::raw::{CONNECT, Connect, PINGREQ, Publish, SUBSCRIBE, message, publish, publish_v5};
use crate::common::scripted::Scripted;
use crate::common::{EVERY_CONSISTENCY, PATIENCE, eventually, next, next_values, quickly, told};
use sinetstream::config::{Map, Value};
use sinetstream::{Consistency, MessageReaderBuilder, MessageWriterBuilder};

const VERSIONS: [&str; 3] = ["MQTTv31", "MQTTv311", "MQTTv5"];

/// Returns the builder of a writer at QoS 1 that does not reconnect.
fn writer(version: &str, address: &str, topic: &str) -> MessageWriterBuilder<str> {
    common::writer(address, topic).consistency(Consistency::AtLeastOnce).parameter("protocol", version)
}

/// Returns the builder of a reader at QoS 1 that does not reconnect.
fn reader(version: &str, address: &str, topic: &str) -> MessageReaderBuilder<String> {
    common::reader(address, topic).consistency(Consistency::AtLeastOnce).parameter("protocol", version)
}

/// Returns the parameters that switch reconnecting on.
fn returning() -> Map {
    [("connect", Value::Null), ("reconnect_delay", quickly())].into_iter().collect()
}

/// Programs use this name for the library's default version.
#[test]
fn the_default_has_a_name() {
    let broker = Broker::start();
    let reader = reader("DEFAULT", &broker.plain_address(), "t").open().expect("reader");
    writer("DEFAULT", &broker.plain_address(), "t").open().expect("writer").write("x").expect("written");
    assert_eq!(next(&reader).value(), "x");
}

#[test]
fn version_3_1_writes_and_reads_at_every_consistency() {
    let broker = Broker::start();
    for consistency in EVERY_CONSISTENCY {
        let topic = format!("old/{consistency}");
        let builder = reader("MQTTv31", &broker.plain_address(), &topic).consistency(consistency);
        let reader = builder.open().expect("reader");
        let writer = writer("MQTTv31", &broker.plain_address(), &topic).consistency(consistency).open();
        let writer = writer.expect("writer");
        (0..100).for_each(|n: i32| writer.write(&n.to_string()).expect("write"));
        for n in 0..100 {
            let message = next(&reader);
            assert_eq!((message.value(), message.qos()), (&n.to_string(), consistency));
        }
        writer.close().expect("close");
        reader.close().expect("close");
    }
    assert_eq!(broker.log().matches(" (p1, c1, k60)").count(), 6, "not every client spoke MQTT 3.1");
}

#[test]
fn version_3_1_has_a_connect_of_its_own() {
    let broker = Scripted::open(|peer| peer.drain());
    let builder = writer("MQTTv31", &broker.address(), "t").client_id("me").parameter("clean_session", false);
    let builder = builder.parameter("keepalive", 258).parameter("username_pw", common::login("u", "p"));
    let writer = builder.open().expect("writer");
    let expected = b"\x10\x16\0\x06MQIsdp\x03\xC0\x01\x02\0\x02me\0\x01u\0\x01p";
    assert_eq!(broker.next_packet().bytes(), expected);
    assert_eq!(writer.client_id(), "me");
}

/// MQTT 3.1 allows 23 characters.
#[test]
fn generated_client_ids_are_short_enough_and_differ() {
    let broker = Scripted::open(|peer| peer.drain());
    let mut seen = HashSet::new();
    for _ in 0..20 {
        let writer = writer("MQTTv31", &broker.address(), "t").open().expect("writer");
        let id = Connect::parse(&broker.next_packet()).client_id;
        assert!((10..=23).contains(&id.len()), "{id}");
        assert!(seen.insert(id));
        writer.close().expect("close");
        broker.next_packet();
    }
}

#[test]
fn a_broker_that_does_not_know_the_version_is_told() {
    for version in ["MQTTv31", "MQTTv311"] {
        let broker = Scripted::start(|peer| peer.connack(1));
        let words = [&broker.address(), "does not accept this protocol version", version];
        told(writer(version, &broker.address(), "t").open(), "Connection", &words);
    }
}

/// In MQTT 3.1, CONNACK does not say whether the broker still has the session.
#[test]
fn a_session_of_version_3_1_is_resumed() {
    let broker = Broker::start();
    for consistency in [Consistency::AtLeastOnce, Consistency::ExactlyOnce] {
        let topic = format!("resumed/{consistency}");
        let (to_reader, to_writer) = (Proxy::start(broker.plain), Proxy::start(broker.plain));
        let (listener, events) = listen();
        let reader = reader("MQTTv31", &to_reader.address(), &topic)
            .consistency(consistency)
            .client_id("old-reader")
            .parameter("clean_session", false)
            .parameters(returning())
            .on_connection_event(listener)
            .open()
            .expect("reader");
        let writer = writer("MQTTv31", &to_writer.address(), &topic)
            .consistency(consistency)
            .client_id("old-writer")
            .parameter("clean_session", false)
            .parameters(returning())
            .open()
            .expect("writer");
        for round in 0..5 {
            to_reader.close();
            events.lost();
            writer.write(&format!("{round} while away")).expect("write");
            to_writer.cut();
            writer.write(&format!("{round} after a cut")).expect("write");
            to_reader.open();
            assert!(!events.connected(), "CONNACK does not say it there");
            eventually("the reader is back", || reader.ping(PATIENCE).is_ok());
            writer.write(&format!("{round} back")).expect("write");
            let expected = ["while away", "after a cut", "back"].map(|what| format!("{round} {what}"));
            assert_eq!(next_values(&reader, 3), expected, "{consistency}");
            // The answer to the ping shows that the broker has the acknowledgements, too.
            reader.ping(PATIENCE).expect("ping");
        }
    }
}

/// Returns the builder of a reader of MQTT 3.1 with a session, which reconnects.
fn old_reader(address: &str, consistency: Consistency) -> MessageReaderBuilder<String> {
    reader("MQTTv31", address, "t")
        .consistency(consistency)
        .client_id("old-reader")
        .parameter("clean_session", false)
        .parameters(returning())
}

/// The broker can't report that it has lost the session, and starts its packet identifiers anew.
#[test]
fn a_session_that_version_3_1_has_lost_swallows_nothing() {
    for consistency in [Consistency::AtLeastOnce, Consistency::ExactlyOnce] {
        let mut broker = Broker::start();
        let (listener, events) = listen();
        let builder = old_reader(&broker.plain_address(), consistency).on_connection_event(listener);
        let reader = builder.open().expect("reader");
        assert!(!events.connected());
        let write = |broker: &Broker, value: &str| {
            let writer = writer("MQTTv31", &broker.plain_address(), "t").consistency(consistency).open();
            writer.expect("writer").write(value).expect("write");
        };
        write(&broker, "not yet read");
        eventually("it has come", || reader.connection_info().inbox_messages == 1);
        for round in 0..3 {
            broker.restart();
            events.lost();
            assert!(!events.connected(), "nobody knows whether the session was resumed");
            // The answer comes after everything that follows SUBSCRIBE.
            reader.ping(PATIENCE).expect("ping");
            write(&broker, &format!("after restart {round}"));
            eventually("it has come", || reader.connection_info().inbox_messages == round + 2);
        }
        let expected = ["not yet read", "after restart 0", "after restart 1", "after restart 2"];
        assert_eq!(next_values(&reader, 4), expected, "{consistency}");
        // The messages that were read are acknowledged, although only the last of them was this broker's.
        write(&broker, "the last");
        assert_eq!(next(&reader).value(), "the last");
        assert_eq!(broker.log().matches("Sending PUBLISH to old-reader").count(), 2);
        reader.ping(PATIENCE).expect("ping");
        reader.close().expect("close");
    }
}

/// Reading a message of a lost session must not acknowledge a new message that the broker has under the same packet identifier.
#[test]
fn a_message_of_a_lost_session_is_not_acknowledged() {
    for version in VERSIONS {
        let broker = Scripted::start(move |peer| {
            let value = if peer.number == 0 { "before" } else { "after" };
            let bytes = if version == "MQTTv5" {
                peer.connack_v5(0, &[]);
                peer.suback_v5(1, &[]);
                publish_v5("t", &message(value), 1, 1, &[]).bytes()
            } else {
                peer.connack(0);
                peer.suback(1);
                publish("t", &message(value), 1, false, 1).bytes()
            };
            peer.send(&bytes);
            while let Some(packet) = peer.packet() {
                match (packet.first, peer.number) {
                    (PINGREQ, 0) => return,
                    (PINGREQ, _) => peer.send(&[0xD0, 0]),
                    _ => {}
                }
            }
        });
        let (listener, events) = listen();
        let reader = reader(version, &broker.address(), "t")
            .client_id("the-reader")
            .parameter("clean_session", false)
            .parameters(returning())
            .on_connection_event(listener)
            .open()
            .expect("reader");
        eventually("it has come", || reader.connection_info().inbox_messages == 1);
        assert!(reader.ping(PATIENCE).is_err(), "the broker hangs up");
        events.lost();
        eventually("the other one has come", || reader.connection_info().inbox_messages == 2);
        assert_eq!(next(&reader).value(), "before");
        reader.ping(PATIENCE).expect("ping");
        assert_eq!(next(&reader).value(), "after");
        let packets = [0; 7].map(|_| broker.next_packet().first);
        assert_eq!(packets, [CONNECT, SUBSCRIBE, PINGREQ, CONNECT, SUBSCRIBE, PINGREQ, 0x40], "{version}");
    }
}

/// Sends this message to the reader with the broker's first packet identifier.
fn first_message(peer: &mut common::scripted::Peer, value: &str, dup: bool) {
    let mut packet = publish("t", &message(value), 2, false, 1);
    packet.first |= if dup { 8 } else { 0 };
    peer.send(&packet.bytes());
}

/// The reader has completed only half of a message's handshake: the same message is recognized as a duplicate, a different one
/// is not.
#[test]
fn version_3_1_tells_a_repeated_message_from_another_one() {
    let broker = Scripted::open(|peer| {
        peer.suback(2);
        match peer.number {
            0 => first_message(peer, "first", false),
            1 => first_message(peer, "first", true),
            2 => first_message(peer, "second", false),
            3 => first_message(peer, "second", true),
            // Without the DUP flag, the same value counts as a new message.
            4 => first_message(peer, "second", false),
            _ => first_message(peer, "third", true),
        }
        assert_eq!(peer.expect(0x50).id(), 1);
        if peer.number == 5 {
            peer.drain();
        }
    });
    let reader = old_reader(&broker.address(), Consistency::ExactlyOnce).open().expect("reader");
    assert_eq!(next_values(&reader, 4), ["first", "second", "second", "third"]);
    eventually("the last connection", || broker.connections() == 6);
}

/// Unacknowledged publishes are sent again under the same packet identifier, as duplicates; subscriptions are made again.
#[test]
fn version_3_1_sends_again_what_was_not_confirmed() {
    let broker = Scripted::open(|peer| {
        let publish = Publish::parse(&peer.expect(0x30));
        assert_eq!((publish.dup, publish.id), (peer.number > 0, 1));
        if peer.number > 0 {
            peer.send(&[0x40, 2, 0, 1]);
            peer.drain();
        }
    });
    let builder = writer("MQTTv31", &broker.address(), "t").client_id("old-writer").parameter("clean_session", false);
    let builder = builder.parameters(returning());
    builder.open().expect("writer").write("x").expect("write");

    let broker = Scripted::open(|peer| {
        peer.suback(1);
        if peer.number > 0 {
            peer.drain();
        }
    });
    let (listener, events) = listen();
    let builder = reader("MQTTv31", &broker.address(), "t").client_id("old-reader").parameter("clean_session", false);
    let builder = builder.parameters(returning());
    let _reader = builder.on_connection_event(listener).open().expect("reader");
    events.lost();
    events.connected();
    let packets: Vec<u8> = (0..4).map(|_| broker.next_packet().first).collect();
    assert_eq!(packets, [CONNECT, SUBSCRIBE, CONNECT, SUBSCRIBE]);
}

#[test]
fn retained_messages_wait_for_new_readers() {
    let broker = Broker::start();
    for version in VERSIONS {
        for consistency in EVERY_CONSISTENCY {
            let topic = format!("retained/{version}/{consistency}");
            let open_reader =
                || reader(version, &broker.plain_address(), &topic).consistency(consistency).open().expect("reader");
            let early = open_reader();
            let writer = writer(version, &broker.plain_address(), &topic).consistency(consistency);
            let writer = writer.parameter("retain", true).open().expect("writer");
            for value in ["first", "last"] {
                writer.write(value).expect("write");
                let message = next(&early);
                assert_eq!((message.value().as_str(), message.is_retained()), (value, false), "{version}");
            }
            let message = next(&open_reader());
            assert_eq!((message.value().as_str(), message.is_retained()), ("last", true), "{version}");
        }
        let topic = format!("not-retained/{version}");
        let writer = writer(version, &broker.plain_address(), &topic).open().expect("writer");
        writer.write("gone").expect("write");
        let late = reader(version, &broker.plain_address(), &topic).open().expect("reader");
        writer.write("for the late one").expect("write");
        assert_eq!(next(&late).value(), "for the late one");
    }
}

#[test]
fn a_reader_has_several_topics_and_wildcards_and_learns_the_concrete_one() {
    let broker = Broker::start();
    for version in VERSIONS {
        let base = format!("several/{version}");
        let reader = reader(version, &broker.plain_address(), &format!("{base}/plain"))
            .topics([format!("{base}/one/+/level"), format!("{base}/below/#")])
            .open()
            .expect("reader");
        let write = |topic: &str| {
            let writer = writer(version, &broker.plain_address(), &format!("{base}/{topic}")).open().expect("writer");
            writer.write(topic).expect("write");
        };
        let matching = ["plain", "one/a/level", "one//level", "below", "below/a", "below/a/b", "plain"];
        for topic in matching {
            ["other", "one/level", "one/a/b/level", "plain/below"].into_iter().for_each(write);
            write(topic);
            let message = next(&reader);
            assert_eq!((message.value().as_str(), message.topic()), (topic, format!("{base}/{topic}").as_str()));
        }
        reader.close().expect("close");
    }
}

/// Readers share the load: each message goes to one of them.
#[test]
fn a_shared_subscription_divides_the_messages() {
    const MESSAGES: usize = 60;
    let broker = Broker::start();
    for version in VERSIONS {
        let topic = format!("shared/{version}/t");
        let open = |filter: &str| {
            let builder = reader(version, &broker.plain_address(), filter);
            builder.receive_timeout(Duration::from_millis(300)).open().expect("reader")
        };
        let filter = format!("$share/group/shared/{version}/+");
        let readers = [open(&filter), open(&filter)];
        let alone = open(&topic);
        let other_group = open(&format!("$share/other/{topic}"));
        let writer = writer(version, &broker.plain_address(), &topic).open().expect("writer");
        (0..MESSAGES).for_each(|n| writer.write(&n.to_string()).expect("write"));
        let expected: Vec<String> = (0..MESSAGES).map(|n| n.to_string()).collect();
        for reader in [&alone, &other_group] {
            assert_eq!(next_values(reader, MESSAGES), expected, "{version}");
        }
        // All messages have been sent now.
        let mut values: Vec<usize> = Vec::new();
        for reader in &readers {
            reader.ping(PATIENCE).expect("ping");
            let before = values.len();
            for message in reader.iter() {
                let message = message.expect("read");
                assert_eq!(message.topic(), topic, "{version}");
                values.push(message.value().parse().expect("a number"));
            }
            assert!(values.len() >= before + MESSAGES / 4, "{version}: one reader got {}", values.len() - before);
        }
        values.sort();
        assert_eq!(values, (0..MESSAGES).collect::<Vec<_>>(), "{version}");
    }
}

#[test]
fn max_inflight_messages_is_honoured() {
    for version in VERSIONS {
        for (most, parameter) in [(1, Value::from(1)), (2, [("inflight", 2)].into()), (3, "3".into())] {
            for consistency in [Consistency::AtLeastOnce, Consistency::ExactlyOnce] {
                let broker = Scripted::start(move |peer| {
                    if version == "MQTTv5" {
                        peer.connack_v5(0, &[]);
                    } else {
                        peer.connack(0);
                    }
                    peer.acknowledge_slowly(most, 5);
                    peer.drain();
                });
                let writer = writer(version, &broker.address(), "t")
                    .consistency(consistency)
                    .parameter("max_inflight_messages_set", parameter.clone())
                    .open()
                    .expect("writer");
                std::thread::scope(|scope| {
                    (0..5).for_each(|_| drop(scope.spawn(|| writer.write("x").expect("write"))));
                });
            }
        }
    }
}
