//! Tests the limits of both sides: the in-flight window, the packet size, and the features that the broker lacks.

use std::time::{Duration, Instant};

use super::{reader, returning_reader, returning_writer, writer};
use crate::common::broker::Broker;
use crate::common::certificates;
use crate::common::events::listen;
use crate::common::raw::{self, Connect, Property, Publish, message, property, publish_v5};
use crate::common::scripted::Scripted;
use crate::common::{EVERY_CONSISTENCY, PATIENCE, eventually, next, next_values, told};
use sinetstream::{Consistency, MessageWriterBuilder};

/// This is long enough to notice a packet that must not come.
const MOMENT: Duration = Duration::from_millis(80);

#[test]
fn the_brokers_receive_maximum_is_never_exceeded() {
    for most in [1, 2, 3] {
        for consistency in [Consistency::AtLeastOnce, Consistency::ExactlyOnce] {
            let broker = Scripted::open_v5(&[property::two_bytes(property::RECEIVE_MAXIMUM, most)], move |peer| {
                peer.acknowledge_slowly(most.into(), 6);
                peer.drain();
            });
            let writer = writer(&broker.address(), "t").consistency(consistency).open().expect("writer");
            std::thread::scope(|scope| {
                (0..6).for_each(|_| drop(scope.spawn(|| writer.write("x").expect("write"))));
            });
        }
    }
}

/// Publishes that were in flight before count within the new, smaller window.
#[test]
fn a_receive_maximum_may_be_smaller_after_a_reconnect() {
    for session_present in [false, true] {
        let broker = Scripted::start(move |peer| {
            if peer.number == 0 {
                peer.connack_v5(0, &[property::two_bytes(property::RECEIVE_MAXIMUM, 4)]);
                (0..4).for_each(|_| drop(peer.expect(0x30)));
                assert!(peer.is_silent_for(MOMENT), "more than 4 under way");
                return;
            }
            peer.expect(raw::CONNECT);
            let body = [
                vec![session_present.into(), 0],
                property::block(&[property::two_bytes(property::RECEIVE_MAXIMUM, 1)]),
            ];
            peer.send(&raw::Packet::new(0x20, body.concat()).bytes());
            peer.acknowledge_slowly(1, 6);
            peer.drain();
        });
        let writer = returning_writer(&broker.address(), "t")
            .client_id("the-writer")
            .parameter("session_expiry_interval", 100)
            .open()
            .expect("writer");
        std::thread::scope(|scope| {
            (0..6).for_each(|_| drop(scope.spawn(|| writer.write("x").expect("write"))));
        });
    }
}

/// Mosquitto's own receive maximum is 20, and it cuts the connection of a client that exceeds it.
#[test]
fn mosquittos_receive_maximum_is_kept() {
    let broker = Broker::start();
    for consistency in [Consistency::AtLeastOnce, Consistency::ExactlyOnce] {
        let writer = writer(&broker.plain_address(), "t")
            .consistency(consistency)
            .parameter("max_inflight_messages", 1000)
            .open()
            .expect("writer");
        std::thread::scope(|scope| {
            (0..100).for_each(|_| drop(scope.spawn(|| writer.write("x").expect("write"))));
        });
        assert!(writer.is_connected());
    }
}

/// The broker waits for the acknowledgement of messages that the application has not read.
#[test]
fn our_receive_maximum_bounds_what_comes() {
    let broker = Broker::start();
    for consistency in [Consistency::AtLeastOnce, Consistency::ExactlyOnce] {
        let reader = reader(&broker.plain_address(), "t")
            .consistency(consistency)
            .parameter("receive_maximum", 2)
            .open()
            .expect("reader");
        let writer = writer(&broker.plain_address(), "t").consistency(consistency).open().expect("writer");
        (0..10).for_each(|n: i32| writer.write(&n.to_string()).expect("write"));
        // The answer to the ping comes after everything that the broker has sent before.
        reader.ping(PATIENCE).expect("ping");
        assert_eq!(reader.connection_info().inbox_messages, 2);
        let expected: Vec<String> = (0..10).map(|n| n.to_string()).collect();
        assert_eq!(next_values(&reader, 10), expected);
    }
}

/// Mosquitto drops a message that is too large for a reader.
#[test]
fn our_maximum_packet_size_keeps_larger_messages_away() {
    let broker = Broker::start();
    let writer = writer(&broker.plain_address(), "t").open().expect("writer");
    let small = reader(&broker.plain_address(), "t").parameter("maximum_packet_size", 256).open().expect("reader");
    let large = reader(&broker.plain_address(), "t").parameter("maximum_packet_size", 2000).open().expect("reader");
    let long = "x".repeat(1000);
    for value in ["before", &long, "after"] {
        writer.write(value).expect("write");
    }
    assert_eq!(next_values(&small, 2), ["before", "after"]);
    assert_eq!(next_values(&large, 3), ["before", &long, "after"]);
}

/// A broker that sends a larger packet all the same loses the connection before it has sent the whole packet.
#[test]
fn a_packet_that_is_larger_than_ours_ends_the_connection() {
    let broker = Scripted::open_v5(&[], |peer| {
        peer.suback_v5(1, &[]);
        peer.expect(raw::PINGREQ);
        // The fixed header takes three bytes.
        let fitting = publish_v5("t", &vec![b'x'; 256 - 7], 0, 0, &[]);
        assert_eq!(fitting.bytes().len(), 256);
        peer.send(&fitting.bytes());
        // The beginning of the packet is enough to refuse it.
        let large = publish_v5("t", &vec![b'x'; 256 - 6], 0, 0, &[]);
        peer.send(&large.bytes()[..10]);
        peer.drain();
    });
    let reader = reader(&broker.address(), "t").parameter("maximum_packet_size", 256).open().expect("reader");
    told(reader.ping(PATIENCE), "Connection", &["lost"]);
    told(reader.read(), "InvalidMessage", &[]);
    told(reader.read(), "Io", &["257 bytes", "256 were announced"]);
}

#[test]
fn a_message_that_is_too_large_for_mosquitto_is_refused_and_the_next_is_written() {
    let broker = Broker::start_with(certificates::server(), "max_packet_size 2000");
    for consistency in EVERY_CONSISTENCY {
        let topic = format!("large/{consistency}");
        let reader = reader(&broker.plain_address(), &topic).consistency(consistency).open().expect("reader");
        let writer = writer(&broker.plain_address(), &topic).consistency(consistency).open().expect("writer");
        writer.write("before").expect("write");
        let message = told(writer.write(&"s3cr3t".repeat(1000)), "Io", &["2000", "was not sent"]);
        // The size is that of six thousand bytes and the headers.
        assert!(message.contains(" 60") && !message.contains("s3cr3t"), "{message}");
        writer.write("after").expect("write");
        assert_eq!(next_values(&reader, 2), ["before", "after"]);
        assert!(writer.is_connected());
        writer.close().expect("close");
    }
    assert_eq!(broker.connections(), 6);
}

/// The limit is exact, and the properties of messages count.
#[test]
fn the_brokers_maximum_packet_size_is_exact() {
    let broker = Scripted::open_v5(&[property::four_bytes(property::MAXIMUM_PACKET_SIZE, 80)], |peer| {
        while let Some(packet) = peer.packet() {
            assert!(packet.bytes().len() <= 80);
            if packet.kind() == 0x30 {
                peer.answer_v5(0x40, Publish::parse(&packet).id, 0, &[]);
            }
        }
    });
    let plain = writer(&broker.address(), "t").open().expect("writer");
    // The headers take 2 bytes (fixed), 3 (topic), 2 (identifier), 1 (properties) and 18 (SINETStream's, with the time 0).
    plain.write_at(&"x".repeat(54), 0).expect("80 bytes");
    told(plain.write_at(&"x".repeat(55), 0), "Io", &["81 bytes", "80 at most"]);
    let properties: sinetstream::config::Value = [("content_type", "1234567")].into();
    let with = writer(&broker.address(), "t").parameter("message_properties", properties).open().expect("writer");
    with.write_at(&"x".repeat(44), 0).expect("80 bytes");
    told(with.write_at(&"x".repeat(45), 0), "Io", &["81 bytes", "80 at most"]);
}

/// Accepts the first connection without limits and closes it after this many publishes; accepts the others with this property,
/// and then acknowledges every publish, or none.
fn broker_that_becomes_stricter(session: bool, publishes: usize, stricter: Property, acknowledges: bool) -> Scripted {
    Scripted::start(move |peer| {
        if peer.number == 0 {
            peer.connack_v5(0, &[]);
            (0..publishes).for_each(|_| drop(peer.expect(0x30)));
            return;
        }
        peer.expect(raw::CONNECT);
        let body = [vec![session.into(), 0], property::block(std::slice::from_ref(&stricter))].concat();
        peer.send(&raw::Packet::new(0x20, body).bytes());
        while let Some(packet) = peer.packet() {
            if packet.kind() == 0x30 && acknowledges {
                peer.answer_v5(0x40, Publish::parse(&packet).id, 0, &[]);
            }
        }
    })
}

/// Returns the builder of a writer with a session at this broker.
fn writer_with_session(broker: &Scripted) -> MessageWriterBuilder<str> {
    returning_writer(&broker.address(), "t").client_id("the-writer").parameter("session_expiry_interval", 100)
}

/// A publish that was sent once may have been delivered, also when the broker has lost the session.
#[test]
fn a_maximum_packet_size_may_be_smaller_after_a_reconnect() {
    for session in [false, true] {
        let limit = property::four_bytes(property::MAXIMUM_PACKET_SIZE, 80);
        let broker = broker_that_becomes_stricter(session, 1, limit, true);
        let writer = writer_with_session(&broker).open().expect("writer");
        let words = ["80 at most", "not confirmed, may have been delivered"];
        let message = told(writer.write(&"x".repeat(1000)), "Io", &words);
        assert!(!message.contains("not sent"), "{message}");
        writer.write("x").expect("write");
        told(writer.write(&"x".repeat(1000)), "Io", &["80 at most", "was not sent"]);
    }
}

/// The same holds for a write that times out while it waits to be sent again.
#[test]
fn what_was_sent_before_a_reconnect_may_have_been_delivered() {
    for session in [false, true] {
        let limit = property::two_bytes(property::RECEIVE_MAXIMUM, 1);
        let broker = broker_that_becomes_stricter(session, 2, limit, false);
        let writer = writer_with_session(&broker).parameter("write_timeout_ms", 1000).open().expect("writer");
        std::thread::scope(|scope| {
            let writes = [(); 2].map(|()| scope.spawn(|| writer.write("x")));
            for write in writes {
                let result = write.join().expect("a writer");
                let message = told(result, "TimedOut", &["timed out", "may have been delivered"]);
                assert!(!message.contains("not sent"), "session {session}: {message}");
            }
        });
        assert_eq!(broker.connections(), 2);
    }
}

/// The topic and the alias of each message.
type Aliases = &'static [(&'static str, u16)];

/// The value that stands for no alias.
const NONE: u16 = u16::MAX;

/// Waits for a ping, then sends a message for each of these aliases, numbered from 0.
fn sends_aliases(topic_and_alias: Aliases) -> Scripted {
    Scripted::open_v5(&[], move |peer| {
        peer.suback_v5(1, &[]);
        peer.expect(raw::PINGREQ);
        for (number, (topic, alias)) in topic_and_alias.iter().enumerate() {
            let properties = [property::two_bytes(property::TOPIC_ALIAS, *alias)];
            let properties = if *alias == NONE { &[] } else { &properties[..] };
            let value = message(&number.to_string());
            peer.send(&publish_v5(topic, &value, 1, number as u16 + 1, properties).bytes());
        }
        peer.drain();
    })
}

#[test]
fn topic_aliases_are_resolved() {
    let broker = sends_aliases(&[
        ("a/long/topic", 1),
        ("", 1),
        ("another", 2),
        ("", 1),
        ("", 2),
        ("without", NONE),
        ("a/new/one", 1),
        ("", 1),
    ]);
    let reader = reader(&broker.address(), "#").parameter("topic_alias_maximum", 2).open().expect("reader");
    assert_eq!(
        Connect::parse(&broker.next_packet()).properties,
        [property::two_bytes(property::TOPIC_ALIAS_MAXIMUM, 2)]
    );
    let expected =
        ["a/long/topic", "a/long/topic", "another", "a/long/topic", "another", "without", "a/new/one", "a/new/one"];
    let answer = reader.ping(Duration::from_millis(1));
    assert!(answer.is_err(), "{answer:?}");
    for (number, topic) in expected.iter().enumerate() {
        let message = next(&reader);
        assert_eq!((message.value(), message.topic()), (&number.to_string(), *topic));
    }
}

/// A message must never be delivered under a wrong topic.
#[test]
fn topic_aliases_that_were_not_agreed_on_end_the_connection() {
    let cases: [(Aliases, Option<i32>, &str); 6] = [
        (&[("t", 3)], Some(2), "topic alias 3"),
        (&[("t", 1), ("", 2)], Some(2), "topic alias 2 is not known"),
        (&[("t", 1)], None, "topic alias 1"),
        (&[("t", 1)], Some(0), "topic alias 1"),
        (&[("t", 0)], Some(2), "TopicAlias"),
        (&[("", NONE)], Some(2), "topic"),
    ];
    for (sent, maximum, words) in cases {
        let broker = sends_aliases(sent);
        let mut builder = reader(&broker.address(), "t");
        if let Some(maximum) = maximum {
            builder = builder.parameter("topic_alias_maximum", maximum);
        }
        let reader = builder.open().expect("reader");
        told(reader.ping(PATIENCE), "Connection", &["lost"]);
        for (topic, _) in &sent[..sent.len() - 1] {
            assert_eq!(next(&reader).topic(), *topic);
        }
        told(reader.read(), "Io", &[words, &broker.address()]);
    }
}

/// Topic aliases last as long as a connection.
#[test]
fn topic_aliases_end_with_their_connection() {
    let broker = Scripted::open_v5(&[], |peer| {
        peer.suback_v5(1, &[]);
        let alias = [property::two_bytes(property::TOPIC_ALIAS, 1)];
        match peer.number {
            0 => peer.send(&publish_v5("first", &message("0"), 1, 1, &alias).bytes()),
            1 => peer.send(&publish_v5("", &message("1"), 1, 1, &alias).bytes()),
            _ => peer.send(&publish_v5("third", &message("2"), 1, 1, &alias).bytes()),
        }
        if peer.number == 0 {
            // The connection ends only after the message has been acknowledged.
            peer.expect(0x40);
        } else {
            peer.drain();
        }
    });
    let (listener, events) = listen();
    let builder = returning_reader(&broker.address(), "t").parameter("topic_alias_maximum", 2);
    let reader = builder.on_connection_event(listener).open().expect("reader");
    assert_eq!(next(&reader).topic(), "first");
    events.lost();
    let lost = events.lost().to_string();
    assert!(lost.contains("topic alias 1 is not known"), "{lost}");
    assert_eq!(next(&reader).topic(), "third");
}

/// The properties of CONNACK say which features the broker lacks.
#[test]
fn a_broker_that_cannot_do_what_is_asked_is_told_at_open() {
    let broker = |id: u8| Scripted::open_v5(&[property::byte(id, 0)], |peer| peer.drain());
    let with_qos = |most| {
        Scripted::open_v5(&[property::byte(property::MAXIMUM_QOS, most)], |peer| {
            if peer.packet().is_some_and(|packet| packet.first == raw::SUBSCRIBE) {
                peer.send(&[0x90, 4, 0, 1, 0, 1]);
            }
            peer.drain();
        })
    };
    for (most, qos) in [(0, 1), (0, 2), (1, 2)] {
        let broker = with_qos(most);
        let opened = writer(&broker.address(), "t").parameter("qos", qos).open();
        told(opened, "Connection", &[&broker.address(), &format!("no messages at QoS {qos}")]);
        returning_writer(&broker.address(), "t").parameter("qos", i32::from(most)).open().expect("writer");
        // The QoS of a reader is only an upper bound.
        reader(&broker.address(), "t").parameter("qos", qos).open().expect("reader");
    }

    let no_retain = broker(property::RETAIN_AVAILABLE);
    let opened = writer(&no_retain.address(), "t").parameter("retain", true).open();
    told(opened, "Connection", &[&no_retain.address(), "does not support retained messages", "'retain'"]);
    writer(&no_retain.address(), "t").open().expect("writer");

    let no_wildcards = broker(property::WILDCARDS_AVAILABLE);
    for filter in ["a/+", "#", "$share/group/a/+"] {
        told(reader(&no_wildcards.address(), filter).open(), "Connection", &[&no_wildcards.address(), "wildcards"]);
    }
    let no_shared = broker(property::SHARED_AVAILABLE);
    let opened = reader(&no_shared.address(), "$share/group/t").open();
    told(opened, "Connection", &[&no_shared.address(), "shared subscriptions"]);
}

/// Another broker of the list may have the feature. A broker that lacks it is not tried for ever, either.
#[test]
fn the_next_broker_is_tried_when_one_cannot_do_what_is_asked() {
    let limited = || Scripted::open_v5(&[property::byte(property::MAXIMUM_QOS, 1)], |peer| peer.drain());
    let (first, second) = (limited(), limited());
    // The broker closes the connection after the first message.
    let good = Scripted::open_v5(&[], |peer| {
        let publish = Publish::parse(&peer.expect(0x30));
        peer.answer_v5(0x50, publish.id, 0, &[]);
        peer.expect(0x62);
        peer.answer_v5(0x70, publish.id, 0, &[]);
        if peer.number > 0 {
            peer.drain();
        }
    });
    let exactly_once = |addresses: &[String]| {
        returning_writer("replaced", "t").parameter("brokers", addresses.to_vec()).parameter("qos", 2)
    };
    let (listener, events) = listen();
    let addresses = [first.address(), good.address(), second.address()];
    let writer = exactly_once(&addresses).on_connection_event(listener).open().expect("writer");
    writer.write("x").expect("write");
    events.lost();
    writer.write("x").expect("write");
    assert_eq!((first.connections(), good.connections(), second.connections()), (2, 2, 1));
    // The client leaves each broker with a DISCONNECT.
    for broker in [&first, &second] {
        assert_eq!([broker.next_packet().first, broker.next_packet().first], [raw::CONNECT, raw::DISCONNECT]);
    }

    let addresses = [first.address(), second.address()];
    let words = [addresses[0].as_str(), &addresses[1], "no messages at QoS 2"];
    told(exactly_once(&addresses).open(), "Connection", &words);
    told(exactly_once(&addresses[1..]).open(), "Connection", &words[1..]);
}

/// If it is the only broker, the client ends, also at a reconnect.
#[test]
fn a_broker_that_can_do_less_than_before_is_told() {
    let broker = Scripted::start(|peer| {
        let most = [property::byte(property::MAXIMUM_QOS, 1)];
        peer.connack_v5(0, if peer.number == 0 { &[] } else { &most });
        if peer.number > 0 {
            peer.drain();
        }
    });
    let (listener, events) = listen();
    let builder = returning_writer(&broker.address(), "t").parameter("qos", 2);
    let writer = builder.on_connection_event(listener).open().expect("writer");
    events.lost();
    told(writer.write("x"), "Connection", &[&broker.address(), "no messages at QoS 2"]);
    let packets: Vec<u8> = std::iter::repeat_with(|| broker.next_packet().first).take(3).collect();
    assert_eq!(packets, [raw::CONNECT, raw::CONNECT, raw::DISCONNECT]);
    assert_eq!(broker.connections(), 2);
}

/// Packets other than messages must not fill the memory either.
#[test]
fn other_packets_than_messages_have_a_bound() {
    // Returns properties that take this many kibibytes.
    let properties = |kibibytes: usize| vec![property::user("", &"x".repeat(1024 - 5)); kibibytes];
    for (kibibytes, fits) in [(255, true), (257, false)] {
        let broker = Scripted::open_v5(&properties(kibibytes), |peer| peer.drain());
        let opened = writer(&broker.address(), "t").open();
        match fits {
            true => opened.expect("writer").close().expect("close"),
            false => drop(told(opened, "Connection", &[&broker.address(), "a packet of type 2 and 26"])),
        }
        let broker = Scripted::open_v5(&[], move |peer| {
            peer.suback_v5(1, &properties(kibibytes));
            peer.drain();
        });
        let opened = reader(&broker.address(), "t").open();
        match fits {
            true => opened.expect("reader").close().expect("close"),
            false => drop(told(opened, "Io", &[&broker.address(), "a packet of type 9 and 26"])),
        }
    }
}

/// Returns a topic of the greatest length.
fn long_topic(number: usize) -> String {
    format!("{number:05}").repeat(usize::from(u16::MAX) / 5)
}

/// The topics that the client must remember are bounded; replaced ones do not count.
#[test]
fn topics_behind_aliases_have_a_bound() {
    // The bound of 16 MiB holds 256 topics of the greatest length.
    for (aliases, sent, lost) in [(1, 300, false), (256, 512, false), (300, 300, true)] {
        let broker = Scripted::open_v5(&[], move |peer| {
            peer.suback_v5(0, &[]);
            for number in 0..sent {
                let alias = [property::two_bytes(property::TOPIC_ALIAS, (number % aliases + 1) as u16)];
                peer.send(&publish_v5(&long_topic(number), &message("x"), 0, 0, &alias).bytes());
            }
            peer.send(&publish_v5("the/end", &message("x"), 0, 0, &[]).bytes());
            peer.drain();
        });
        let reader = reader(&broker.address(), "#").parameter("topic_alias_maximum", 65_535).open().expect("reader");
        for number in 0..if lost { 256 } else { sent } {
            assert_eq!(next(&reader).topic(), long_topic(number), "{aliases} aliases");
        }
        match lost {
            true => drop(told(reader.read(), "Io", &[&broker.address(), "topic aliases"])),
            false => assert_eq!(next(&reader).topic(), "the/end"),
        }
    }
}

/// The message is refused before anything is sent.
#[test]
fn a_message_that_is_too_large_is_told_while_the_broker_takes_nothing() {
    const LIMIT: usize = 70_000;
    let (stop, stopped) = std::sync::mpsc::channel::<()>();
    let stopped = std::sync::Mutex::new(stopped);
    let broker = Scripted::open_v5(&[property::four_bytes(property::MAXIMUM_PACKET_SIZE, LIMIT as u32)], move |_| {
        let _ = stopped.lock().expect("stopped").recv();
    });
    let writer = writer(&broker.address(), "t").parameter("write_timeout_ms", 60_000).open().expect("writer");
    let fitting = "x".repeat(LIMIT - 100);
    std::thread::scope(|scope| {
        // The messages are more than the sockets hold.
        for _ in 0..300 {
            scope.spawn(|| writer.write(&fitting));
        }
        eventually("everybody waits", || writer.connection_info().outbox_messages == 300);
        let start = Instant::now();
        told(writer.write(&"x".repeat(LIMIT)), "Io", &["was not sent", "70000 at most"]);
        assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
        assert_eq!(writer.connection_info().outbox_messages, 300);
        drop(stop);
    });
}

#[test]
fn mosquitto_without_retained_messages_is_told_at_open() {
    let broker = Broker::start_with(certificates::server(), "retain_available false");
    let opened = writer(&broker.plain_address(), "t").parameter("retain", true).open();
    told(opened, "Connection", &["does not support retained messages"]);
    writer(&broker.plain_address(), "t").open().expect("writer").write("x").expect("write");
}
