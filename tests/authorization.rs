//! Tests that denials of the broker are reported: of publishes under MQTT 5, of subscriptions under every version.

use crate::common;
use crate::common::broker::Broker;
use crate::common::certificates;
use crate::common::events::listen;
use crate::common::raw::{CONNECT, Property, Publish, property};
use crate::common::scripted::Scripted;
use crate::common::{EVERY_CONSISTENCY, PATIENCE, eventually, login, next, quickly, told};
use sinetstream::config::Value;
use sinetstream::{Consistency, MessageReader, MessageReaderBuilder, MessageWriter, MessageWriterBuilder};

const ACKNOWLEDGED: [Consistency; 2] = [Consistency::AtLeastOnce, Consistency::ExactlyOnce];

/// Starts a broker with a bound of its queues: without one, Mosquitto 2.0.11 cuts the connection on a denied publish.
fn start_broker() -> Broker {
    Broker::start_with(certificates::server(), "max_queued_messages 1000")
}

/// Returns a writer of this user at the listener with access rights.
fn writer_of(broker: &Broker, user: &str, version: &str, topic: &str) -> MessageWriterBuilder<str> {
    common::writer(&broker.acl_address(), topic)
        .parameter("username_pw", login(user, &format!("{user}-pass")))
        .parameter("protocol", version)
}

fn reader_of(broker: &Broker, user: &str, version: &str, topic: &str) -> MessageReaderBuilder<String> {
    common::reader(&broker.acl_address(), topic)
        .parameter("username_pw", login(user, &format!("{user}-pass")))
        .parameter("protocol", version)
}

#[test]
fn users_do_what_they_may() {
    let broker = start_broker();
    for version in ["MQTTv5", "MQTTv311"] {
        for consistency in EVERY_CONSISTENCY {
            let topic = format!("acl/{version}/{consistency}");
            let open_reader = |user| reader_of(&broker, user, version, &topic).consistency(consistency).open();
            let readers = ["user02", "user03"].map(|user| open_reader(user).expect("reader"));
            for user in ["user01", "user03"] {
                let writer = writer_of(&broker, user, version, &topic).consistency(consistency).open();
                writer.expect("writer").write(user).expect("write");
                readers.iter().for_each(|reader| assert_eq!(next(reader).value(), user));
            }
        }
    }
}

/// The writer stays usable afterwards, because the rights may change.
#[test]
fn a_denied_publish_fails_under_version_5() {
    let broker = start_broker();
    for consistency in ACKNOWLEDGED {
        let reader = reader_of(&broker, "user03", "MQTTv5", "acl/t").open().expect("reader");
        let denied = writer_of(&broker, "user02", "MQTTv5", "acl/t").consistency(consistency).open().expect("writer");
        let allowed = writer_of(&broker, "user01", "MQTTv5", "acl/t").consistency(consistency).open().expect("writer");
        for _ in 0..3 {
            let message = told(denied.write("s3cr3t"), "Authorization", &["'acl/t'", "not authorized"]);
            assert!(!message.contains("s3cr3t"), "{message}");
        }
        allowed.write("allowed").expect("write");
        assert_eq!(next(&reader).value(), "allowed", "a denied message has arrived");
        assert!(denied.is_connected());
        assert_eq!(denied.connection_info().reconnects, 0);
        assert_eq!(denied.connection_info().in_flight, 0);

        // The same writer succeeds after the rights have changed.
        broker.write("acl", "user user02\ntopic readwrite acl/#\nuser user03\ntopic readwrite acl/#\n");
        broker.reload();
        denied.write("allowed now").expect("write");
        assert_eq!(next(&reader).value(), "allowed now");
        broker.write("acl", "user user01\ntopic write acl/#\nuser user03\ntopic readwrite acl/#\n");
        broker.reload();
        told(denied.write("x"), "Authorization", &["not authorized"]);
        denied.close().expect("close");
    }
}

/// In these cases MQTT gives the broker no way to report a denial.
#[test]
fn a_denied_publish_is_not_seen_at_qos_0_and_under_earlier_versions() {
    let broker = start_broker();
    let reader = reader_of(&broker, "user03", "MQTTv5", "acl/t").open().expect("reader");
    let mut cases = vec![("MQTTv5", Consistency::AtMostOnce)];
    for version in ["MQTTv311", "MQTTv31"] {
        cases.extend(EVERY_CONSISTENCY.map(|consistency| (version, consistency)));
    }
    for (version, consistency) in cases {
        let denied = writer_of(&broker, "user02", version, "acl/t").consistency(consistency).open().expect("writer");
        denied.write("denied").unwrap_or_else(|error| panic!("{version}, {consistency}: {error}"));
        denied.ping(PATIENCE).expect("it is connected");
        denied.close().expect("close");
    }
    writer_of(&broker, "user01", "MQTTv5", "acl/t").open().expect("writer").write("allowed").expect("write");
    assert_eq!(next(&reader).value(), "allowed", "a denied message has arrived");
}

fn scripted_writer(broker: &Scripted, consistency: Consistency) -> MessageWriter<str> {
    let builder = common::writer(&broker.address(), "the/topic").consistency(consistency);
    builder.parameter("protocol", "MQTTv5").open().expect("writer")
}

/// Answers the publishes with these codes in turn, and completes the handshakes of QoS 2.
fn answers(codes: &'static [(u8, &'static [Property])]) -> Scripted {
    Scripted::open_v5(&[], move |peer| {
        let mut codes = codes.iter();
        while let Some(packet) = peer.packet() {
            match packet.kind() {
                0x30 => {
                    let publish = Publish::parse_v5(&packet);
                    let (code, properties) = codes.next().expect("another publish");
                    peer.answer_v5(0x30 + (publish.qos << 4), publish.id, *code, properties);
                }
                0x60 => peer.answer_v5(0x70, packet.id(), 0, &[]),
                _ => {}
            }
        }
    })
}

#[test]
fn every_refusal_of_a_publish_is_told() {
    for consistency in ACKNOWLEDGED {
        let packet = if consistency == Consistency::AtLeastOnce { "PUBACK" } else { "PUBREC" };
        let broker = answers(&[
            (0x80, &[]),
            (0x83, &[]),
            (0x87, &[]),
            (0x90, &[]),
            (0x97, &[]),
            (0x99, &[]),
            (0xE0, &[]),
            (0x00, &[]),
            // The code means that there is no subscriber, which is no error.
            (0x10, &[]),
        ]);
        let writer = scripted_writer(&broker, consistency);
        for (variant, text) in [
            ("Io", "unspecified error (reason code 0x80)"),
            ("Io", "implementation specific error (reason code 0x83)"),
            ("Authorization", "not authorized (reason code 0x87)"),
            ("Io", "topic name invalid (reason code 0x90)"),
            ("Io", "quota exceeded (reason code 0x97)"),
            ("Io", "payload format invalid (reason code 0x99)"),
            ("Io", "unknown reason (reason code 0xe0)"),
        ] {
            told(writer.write("x"), variant, &[&broker.address(), "'the/topic'", packet, text]);
        }
        writer.write("x").expect("success");
        writer.write("x").expect("no matching subscribers");
        // The write may return a moment before its place in the outbox is free.
        eventually("the outbox is empty", || writer.connection_info().outbox_messages == 0);
        writer.close().expect("close");
    }
}

#[test]
fn the_brokers_own_words_are_told() {
    for consistency in ACKNOWLEDGED {
        let broker = Scripted::open_v5(&[], |peer| {
            while let Some(packet) = peer.packet() {
                if packet.kind() == 0x30 {
                    let publish = Publish::parse_v5(&packet);
                    let with = [
                        property::user("ignored", "1"),
                        property::text(property::REASON, "not on\x07 Sundays"),
                        property::user("ignored", "2"),
                    ];
                    peer.answer_v5(0x30 + (publish.qos << 4), publish.id, 0x87, &with);
                }
            }
        });
        let writer = scripted_writer(&broker, consistency);
        told(writer.write("x"), "Authorization", &["'not on Sundays'"]);
    }
}

/// An answer may have no properties (3 bytes) and no code (2 bytes, which means success).
#[test]
fn short_answers_are_understood() {
    let broker = Scripted::open_v5(&[], |peer| {
        let first = peer.expect(0x30);
        let [high, low] = Publish::parse(&first).id.to_be_bytes();
        peer.send(&[0x40, 3, high, low, 0x87]);
        let second = peer.expect(0x30);
        let [high, low] = Publish::parse(&second).id.to_be_bytes();
        peer.send(&[0x40, 2, high, low]);
        peer.drain();
    });
    let writer = scripted_writer(&broker, Consistency::AtLeastOnce);
    told(writer.write("x"), "Authorization", &["not authorized"]);
    writer.write("x").expect("success");
}

/// A refused QoS 2 publish frees its place in the in-flight window, and no PUBREL follows.
#[test]
fn a_refused_publish_frees_the_window() {
    let broker = Scripted::open_v5(&[property::two_bytes(property::RECEIVE_MAXIMUM, 1)], |peer| {
        for _ in 0..5 {
            let publish = Publish::parse_v5(&peer.expect(0x30));
            peer.answer_v5(0x50, publish.id, 0x97, &[]);
        }
        peer.drain();
    });
    let writer = scripted_writer(&broker, Consistency::ExactlyOnce);
    (0..5).for_each(|_| drop(told(writer.write("x"), "Io", &["quota exceeded"])));
    writer.close().expect("close");
}

fn open_reader(broker: &Scripted, version: &str, topics: &[&str]) -> sinetstream::Result<MessageReader<String>> {
    let builder = MessageReader::builder().no_config(true).service_type("mqtt").parameter("brokers", broker.address());
    builder.parameter("protocol", version).topics(topics.iter().copied()).receive_timeout(PATIENCE).open()
}

#[test]
fn a_refused_subscription_is_told_at_open() {
    for version in ["MQTTv311", "MQTTv31"] {
        let broker = Scripted::open(|peer| peer.suback(0x80));
        told(open_reader(&broker, version, &["a/+"]), "Authorization", &[&broker.address(), "'a/+'", "0x80"]);
        assert_eq!(broker.connections(), 1, "it is final");
    }
    for (code, variant, text) in [
        (0x80, "Io", "unspecified error"),
        (0x83, "Io", "implementation specific error"),
        (0x87, "Authorization", "not authorized"),
        (0x8F, "Io", "topic filter invalid"),
        (0x91, "Io", "packet identifier in use"),
        (0x97, "Io", "quota exceeded"),
        (0x9E, "Io", "shared subscriptions not supported"),
        (0xA1, "Io", "subscription identifiers not supported"),
        (0xA2, "Io", "wildcard subscriptions not supported"),
    ] {
        let broker = Scripted::open_v5(&[], move |peer| {
            let words = [property::text(property::REASON, "in its own words")];
            peer.suback_v5(code, if peer.number == 0 { &words } else { &[] });
        });
        let number = format!("reason code {code:#04x}");
        let words = [&broker.address(), "'a/+'", text, &number, "'in its own words'"];
        told(open_reader(&broker, "MQTTv5", &["a/+"]), variant, &words);
        told(open_reader(&broker, "MQTTv5", &["a/+"]), variant, &words[..4]);
        assert_eq!(broker.connections(), 2, "it is final");
    }
}

/// Mosquitto's `acl_file` grants every subscription and then sends nothing; its dynamic security refuses the subscription.
#[test]
fn mosquitto_refuses_subscriptions() {
    let folder = tempfile::tempdir().expect("a folder");
    let rules = folder.path().join("rules.json");
    let everybody = r#"{
        "defaultACLAccess": {"publishClientSend": true, "publishClientReceive": true, "subscribe": false},
        "roles": [{"rolename": "reader", "acls": [{"acltype": "subscribePattern", "topic": "open/#", "allow": true}]}],
        "groups": [{"groupname": "everybody", "roles": [{"rolename": "reader"}]}],
        "anonymousGroup": "everybody"
    }"#;
    std::fs::write(&rules, everybody).expect("write");
    // Mosquitto finds the plugin where its system has libraries.
    let plugin = "allow_anonymous true\nplugin mosquitto_dynamic_security.so\nplugin_opt_config_file";
    let broker = Broker::start_with_listener(certificates::server(), &format!("{plugin} {}\n", rules.display()));
    let address = broker.further_address();
    for version in ["MQTTv5", "MQTTv311"] {
        let open = |topic| {
            common::reader::<String>(&address, topic)
                .parameter("protocol", version)
                .parameter("tls", [("ca_certs", broker.ca().display().to_string())])
                .open()
        };
        open("open/t").expect("reader");
        told(open("shut/t"), "Authorization", &[&address, "'shut/t'"]);
    }
}

/// Only the refused topics of several are named.
#[test]
fn one_of_several_subscriptions_may_be_refused() {
    let broker = Scripted::open_v5(&[], |peer| {
        let id = peer.expect(common::raw::SUBSCRIBE).id().to_be_bytes();
        peer.send(&[0x90, 6, id[0], id[1], 0, 1, 0x87, 0]);
    });
    let message = told(open_reader(&broker, "MQTTv5", &["a", "b", "c"]), "Authorization", &["'b'"]);
    assert!(!message.contains("'a'") && !message.contains("'c'"), "{message}");
    let broker = Scripted::open(|peer| {
        let id = peer.expect(common::raw::SUBSCRIBE).id().to_be_bytes();
        peer.send(&[0x90, 5, id[0], id[1], 0x80, 1, 0x80]);
    });
    let message = told(open_reader(&broker, "MQTTv311", &["a", "b", "c"]), "Authorization", &["'a', 'c'"]);
    assert!(!message.contains("'b'"), "{message}");
}

/// The rights were taken away while the connection was lost.
#[test]
fn a_subscription_refused_on_the_way_back_ends_the_reader() {
    for version in ["MQTTv5", "MQTTv311"] {
        let broker = Scripted::start(move |peer| {
            let refused = peer.number > 0;
            match version {
                "MQTTv5" => {
                    peer.connack_v5(0, &[]);
                    peer.suback_v5(if refused { 0x87 } else { 0 }, &[]);
                }
                _ => {
                    peer.expect(CONNECT);
                    peer.send(&[0x20, 2, 0, 0]);
                    peer.suback(if refused { 0x80 } else { 0 });
                }
            }
            if !refused {
                peer.expect(common::raw::PINGREQ);
            }
        });
        let (listener, events) = listen();
        let reader = common::reader::<String>(&broker.address(), "t")
            .parameter("protocol", version)
            .parameter("connect", Value::Null)
            .parameter("reconnect_delay", quickly())
            .on_connection_event(listener)
            .open()
            .expect("reader");
        told(reader.ping(PATIENCE), "Connection", &["lost"]);
        events.lost();
        told(reader.read(), "Authorization", &[&broker.address(), "'t'"]);
        eventually("it has ended", || !reader.is_connected());
        assert_eq!(broker.connections(), 2);
    }
}
