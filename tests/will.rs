//! Tests the will: its form on the wire, when the broker publishes it and when not.

use std::time::{Duration, Instant};

use crate::common;
use crate::common::broker::Broker;
use crate::common::events::listen;
use crate::common::proxy::Proxy;
use crate::common::raw::{CONNECT, Connect, DISCONNECT, Property, SUBSCRIBE, Will, property};
use crate::common::scripted::Scripted;
use crate::common::warnings::collect;
use crate::common::{next, quickly, told};
use sinetstream::config::{Map, Value};
use sinetstream::{Consistency, MessageReader, MessageWriter, MessageWriterBuilder};

fn hex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).expect("hex")).collect()
}

/// Starts a broker that accepts every client and records the packets.
fn recording_broker(v5: bool) -> Scripted {
    Scripted::start(move |peer| {
        if v5 {
            peer.connack_v5(0, &[]);
        } else {
            peer.connack(0);
        }
        while let Some(packet) = peer.packet() {
            if packet.first == SUBSCRIBE {
                let id = packet.id().to_be_bytes();
                let answer = [&[0x90, if v5 { 4 } else { 3 }, id[0], id[1]][..], if v5 { &[0, 0] } else { &[0] }];
                peer.send(&answer.concat());
            }
        }
    })
}

fn map<const N: usize>(entries: [(&str, Value); N]) -> Map {
    entries.into_iter().collect()
}

fn goodbye(topic: &str) -> Map {
    map([("topic", topic.into()), ("payload", "goodbye".into())])
}

fn writer(address: &str) -> MessageWriterBuilder<str> {
    common::writer(address, "t").consistency(Consistency::AtLeastOnce)
}

/// Returns the will in the CONNECT of a writer with this configuration.
fn will_of(broker: &Scripted, builder: MessageWriterBuilder<str>) -> Option<Will> {
    builder.parameter("brokers", broker.address()).open().expect("writer").close().expect("close");
    let connect = Connect::parse(&broker.next_packet());
    broker.next_packet();
    connect.will
}

/// The reference implementations encode it the same way.
#[test]
fn it_is_a_message_like_any_other() {
    let goodbye_v3 = "df0300000000c3011f9c0c91eb33664f000e676f6f64627965";
    let goodbye_v2 = "c3011f9c0c91eb33664f000e676f6f64627965";
    let bytes_v3 = "df0300000000c3011f9c0c91eb33664f000800ff0a80";
    let bytes = Value::from(&b"\x00\xFF\x0A\x80"[..]);
    let cases: [(Map, &str); 8] = [
        (map([("payload", "goodbye".into())]), goodbye_v3),
        (map([("payload", "goodbye".into()), ("value_type", "text".into())]), goodbye_v3),
        (map([("payload", Value::from(&b"goodbye"[..]))]), goodbye_v3),
        (map([("payload", "goodbye".into()), ("message_format", 3.into())]), goodbye_v3),
        (map([("payload", "goodbye".into()), ("message_format", 2.into())]), goodbye_v2),
        (map([("payload", bytes.clone())]), bytes_v3),
        (map([("payload", bytes), ("value_type", "byte_array".into())]), bytes_v3),
        (map([("payload", "".into())]), "df0300000000c3011f9c0c91eb33664f0000"),
    ];
    for (version, v5) in [("MQTTv311", false), ("MQTTv31", false), ("MQTTv5", true)] {
        let broker = recording_broker(v5);
        for (mut will, expected) in cases.clone() {
            will.insert("topic", "last/words");
            let builder = writer(&broker.address()).parameter("will", will).parameter("protocol", version);
            let found = will_of(&broker, builder).expect("a will");
            let expected = Will { topic: "last/words".into(), payload: hex(expected), ..Will::default() };
            assert_eq!(found, expected, "{version}");
        }
    }
}

/// The rule comes from the old libraries, and users would not know it without the warning.
#[test]
fn a_service_of_values_alone_whose_will_is_not_said_to_be_one_warns() {
    let broker = recording_broker(false);
    let open = |will: Map| {
        collect(|| {
            let builder = writer(&broker.address()).parameter("user_data_only", true).parameter("will", will);
            will_of(&broker, builder).expect("a will").payload
        })
    };
    let (payload, warnings) = open(goodbye("w"));
    assert_eq!(payload, hex("df0300000000c3011f9c0c91eb33664f000e676f6f64627965"));
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(warnings[0].contains("'will.user_data_only' decides"), "{warnings:?}");
    for alone in [true, false] {
        let mut will = goodbye("w");
        will.insert("user_data_only", alone);
        let (payload, warnings) = open(will);
        assert_eq!((payload == b"goodbye", warnings), (alone, Vec::new()));
    }
    let ((), warnings) = collect(|| drop(will_of(&broker, writer(&broker.address()).parameter("will", goodbye("w")))));
    assert_eq!(warnings, Vec::<String>::new());
}

/// Parameters outside of `will` do not apply to it.
#[test]
fn the_services_own_parameters_do_not_count() {
    let broker = recording_broker(true);
    let builder = common::writer(&broker.address(), "t")
        .parameter("protocol", "MQTTv5")
        .parameter("message_format", 2)
        .parameter("value_type", "byte_array")
        .parameter("retain", true)
        .parameter("qos", 2)
        .parameter("message_properties", [("content_type", "x")])
        .parameter("will", goodbye("w"));
    let payload = hex("df0300000000c3011f9c0c91eb33664f000e676f6f64627965");
    assert_eq!(will_of(&broker, builder), Some(Will { topic: "w".into(), payload, ..Will::default() }));
}

#[test]
fn without_it_there_is_none() {
    let broker = recording_broker(false);
    assert_eq!(will_of(&broker, writer(&broker.address())), None);
    assert_eq!(will_of(&broker, writer(&broker.address()).parameter("will", Value::Null)), None);
}

/// Both names are tried at both levels, and the builder's, for writers and readers.
#[test]
fn it_comes_from_the_file_and_from_the_builder() {
    let payload = hex("df0300000000c3011f9c0c91eb33664f000e676f6f64627965");
    let plain = Will { topic: "w".into(), payload, qos: 2, retain: true, properties: vec![] };
    let properties: Vec<Property> =
        vec![property::four_bytes(property::WILL_DELAY, 7), property::text(property::CONTENT_TYPE, "text/plain")];
    for v5 in [false, true] {
        let broker = recording_broker(v5);
        let protocol = if v5 { "MQTTv5" } else { "MQTTv311" };
        let expected = Will { properties: if v5 { properties.clone() } else { vec![] }, ..plain.clone() };
        let more = if v5 { ", delay_interval: 7, message_properties: {content_type: text/plain}" } else { "" };
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("config.yml");
        let place = format!("type: mqtt, brokers: '{}', topic: t", broker.address());
        let mut yaml = "header: {version: 2}\nconfig:\n".to_owned();
        for name in ["will", "will_set"] {
            for (quality, level) in [("qos: 2", "qos"), ("consistency: EXACTLY_ONCE", "consistency")] {
                let inner = format!(
                    "protocol: {protocol}, {name}: {{topic: w, payload: goodbye, {quality}, retain: true{more}}}"
                );
                yaml += &format!("  {name}-{level}: {{{place}, {inner}}}\n");
                yaml += &format!("  {name}-{level}-in-type-spec: {{{place}, type_spec: {{{inner}}}}}\n");
            }
        }
        std::fs::write(&file, yaml).expect("write");
        for name in ["will", "will_set"] {
            for rest in ["-qos", "-consistency", "-qos-in-type-spec", "-consistency-in-type-spec"] {
                let service = format!("{name}{rest}");
                let builder = MessageWriter::<str>::builder().config_file(&file).service(&service);
                let (will, warnings) = collect(|| will_of(&broker, builder));
                assert_eq!(will.as_ref(), Some(&expected), "{protocol} {service}");
                assert_eq!(warnings, [] as [String; 0]);
                let reader = MessageReader::<String>::builder().config_file(&file).service(&service).open();
                reader.expect("reader").close().expect("close");
                let will = Connect::parse(&broker.next_packet()).will;
                assert_eq!(will.as_ref(), Some(&expected), "{protocol} {service}");
                (0..2).for_each(|_| drop(broker.next_packet()));
            }
            let mut will = goodbye("w");
            will.insert("qos", 2);
            will.insert("retain", true);
            if v5 {
                will.insert("delay_interval", 7);
                will.insert("message_properties", [("content_type", "text/plain")]);
            }
            let builder = writer(&broker.address()).parameter("protocol", protocol).parameter(name, will);
            assert_eq!(will_of(&broker, builder).as_ref(), Some(&expected), "{protocol} {name}, builder");
        }
    }
}

#[test]
fn mosquitto_sends_it_when_the_connection_is_lost() {
    let broker = Broker::start();
    for (version, retain) in [("MQTTv31", false), ("MQTTv311", true), ("MQTTv5", false)] {
        for consistency in common::EVERY_CONSISTENCY {
            let topic = format!("will/{version}/{consistency}");
            let open_reader = || {
                common::reader::<String>(&broker.plain_address(), &topic)
                    .parameter("protocol", version)
                    .consistency(Consistency::ExactlyOnce)
                    .open()
                    .expect("reader")
            };
            let reader = open_reader();
            let proxy = Proxy::start(broker.plain);
            let mut will = goodbye(&topic);
            will.insert("retain", retain);
            will.insert("consistency", consistency.name());
            let writer = writer(&proxy.address()).parameter("protocol", version).parameter("will_set", will).open();
            let writer = writer.expect("writer");
            assert!(proxy.cut());
            let message = next(&reader);
            assert_eq!((message.value().as_str(), message.topic()), ("goodbye", topic.as_str()));
            assert_eq!((message.timestamp_us(), message.qos()), (0, consistency), "{version}");
            assert!(!message.is_retained());
            if retain {
                let message = next(&open_reader());
                assert_eq!((message.value().as_str(), message.is_retained()), ("goodbye", true));
            }
            drop(writer);
        }
    }
}

/// Dropping a client sends DISCONNECT, too.
#[test]
fn it_is_not_sent_after_an_orderly_end() {
    let broker = Broker::start();
    for version in ["MQTTv31", "MQTTv311", "MQTTv5"] {
        let reader = common::reader::<String>(&broker.plain_address(), "w").open().expect("reader");
        for way in ["close", "drop", "close of a reader"] {
            let id = format!("{version} {way}").replace(' ', "-").replace("MQTTv", "");
            match way {
                "close of a reader" => common::reader::<String>(&broker.plain_address(), "t")
                    .client_id(&id)
                    .parameter("protocol", version)
                    .parameter("will", goodbye("w"))
                    .open()
                    .and_then(MessageReader::close)
                    .expect("reader"),
                way => {
                    let builder = writer(&broker.plain_address()).client_id(&id).parameter("protocol", version);
                    let writer = builder.parameter("will", goodbye("w")).open().expect("writer");
                    if way == "close" {
                        writer.close().expect("close");
                    }
                }
            }
            common::eventually("it is gone", || broker.log().contains(&format!("Received DISCONNECT from {id}")));
        }
        let writer = common::writer::<str>(&broker.plain_address(), "w").consistency(Consistency::AtLeastOnce).open();
        writer.expect("writer").write("not the will").expect("write");
        assert_eq!(next(&reader).value(), "not the will", "{version}");
    }
}

/// A reader whose subscription is refused also sends DISCONNECT.
#[test]
fn it_is_not_sent_when_the_subscription_is_refused() {
    for version in ["MQTTv31", "MQTTv311", "MQTTv5"] {
        let broker = Scripted::start(move |peer| {
            if version == "MQTTv5" {
                peer.connack_v5(0, &[]);
                peer.suback_v5(0x87, &[]);
            } else {
                peer.connack(0);
                peer.suback(0x80);
            }
            peer.drain();
        });
        let builder = common::reader::<String>(&broker.address(), "t").parameter("protocol", version);
        told(builder.parameter("will", goodbye("w")).open(), "Authorization", &[&broker.address(), "'t'"]);
        let packets = [0; 3].map(|_| broker.next_packet().first);
        assert_eq!(packets, [CONNECT, SUBSCRIBE, DISCONNECT], "{version}");
    }
}

/// In MQTT 5 the broker can wait for the client to come back.
#[test]
fn a_client_that_comes_back_within_the_delay_is_not_mourned() {
    let broker = Broker::start();
    let reader = common::reader::<String>(&broker.plain_address(), "w").open().expect("reader");
    let proxy = Proxy::start(broker.plain);
    let (listener, events) = listen();
    let mut will = goodbye("w");
    will.insert("delay_interval", 2);
    let builder = writer(&proxy.address()).client_id("mortal").parameter("will", will);
    let _writer = builder
        .parameter("protocol", "MQTTv5")
        .parameter("session_expiry_interval", 100)
        .parameter("connect", Value::Null)
        .parameter("reconnect_delay", quickly())
        .on_connection_event(listener)
        .open()
        .expect("writer");
    events.connected();
    proxy.cut();
    events.lost();
    assert!(events.connected(), "the session is resumed");
    // Without the reconnect the will would come within this time, as it does below.
    std::thread::sleep(Duration::from_millis(4500));
    let other = common::writer::<str>(&broker.plain_address(), "w").consistency(Consistency::AtLeastOnce).open();
    other.expect("writer").write("not the will").expect("write");
    assert_eq!(next(&reader).value(), "not the will");

    let cut = Instant::now();
    proxy.close();
    assert_eq!(next(&reader).value(), "goodbye");
    let waited = cut.elapsed();
    assert!((Duration::from_millis(900)..Duration::from_millis(4400)).contains(&waited), "{waited:?}");
}

#[test]
fn mistakes_are_told() {
    let wrong: [(&str, &str); 19] = [
        ("true", "a map with 'topic' and 'payload'"),
        ("{payload: s3cr3t}", "will.topic"),
        ("{topic: '', payload: s3cr3t}", "empty"),
        ("{topic: 5, payload: s3cr3t}", "a string (put the value in quotes)"),
        ("{topic: 'a/#', payload: s3cr3t}", "wildcards"),
        ("{topic: t}", "will.payload"),
        ("{topic: t, payload: null}", "expected a string or bytes"),
        ("{topic: t, payload: 5}", "a string or bytes"),
        ("{topic: t, payload: 5, value_type: text}", "a string (put the value in quotes)"),
        ("{topic: t, payload: s3cr3t, value_type: byte_array}", "value_type: text"),
        ("{topic: t, payload: !!binary AP8=, value_type: text}", "a string"),
        ("{topic: t, payload: s3cr3t, value_type: image}", "byte_array or text"),
        ("{topic: t, payload: s3cr3t, qos: 3}", "0 to 2"),
        ("{topic: t, payload: s3cr3t, consistency: SOMETIMES}", "AT_MOST_ONCE"),
        ("{topic: t, payload: s3cr3t, retain: perhaps}", "true or false"),
        ("{topic: t, payload: s3cr3t, delay_interval: -1}", "0 to 4294967295"),
        ("{topic: t, payload: s3cr3t, message_format: 4}", "2 or 3"),
        ("{topic: t, payload: s3cr3t, data_encryption: true}", "needs 'crypto'"),
        ("{topic: t, payload: s3cr3t, data_compression: true, user_data_only: true}", "can't be combined"),
    ];
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("config.yml");
    for name in ["will", "will_set"] {
        for (yaml, words) in wrong {
            let text = format!(
                "header: {{version: 2}}\nconfig:\n  s:\n    type: mqtt\n    brokers: broker.invalid\n    topic: t\n    \
                 protocol: MQTTv5\n    {name}: {yaml}\n"
            );
            std::fs::write(&file, text).expect("write");
            let opened = MessageWriter::<str>::builder().config_file(&file).open();
            let place = format!("{}:8: service 's': parameter '{name}", file.display());
            let words = words.replace("will.", &format!("{name}."));
            let message = told(opened, "InvalidConfiguration", &[&place, &words]);
            assert_eq!(message.lines().count(), 1, "{message}");
            assert!(!message.contains("s3cr3t"), "{message}");
        }
    }
}

#[test]
fn it_has_to_fit_into_connect() {
    let broker = recording_broker(false);
    let with = |payload: String| {
        let mut will = goodbye("w");
        will.insert("payload", payload);
        writer(&broker.address()).parameter("will", will)
    };
    let will = will_of(&broker, with("x".repeat(65_471))).expect("a will");
    assert!(will.payload.len() > 65_471);
    told(with("x".repeat(65_472)).open(), "InvalidConfiguration", &["65471 bytes"]);
}

/// Earlier versions have no field for a delay.
#[test]
fn what_needs_mqtt_5_is_a_warning() {
    let broker = recording_broker(false);
    let mut will = goodbye("w");
    will.insert("delay_interval", 2);
    will.insert("message_properties", [("content_type", "x")]);
    let builder = writer(&broker.address()).parameter("will", will);
    let (will, warnings) = collect(|| will_of(&broker, builder));
    assert_eq!(will.expect("a will").topic, "w");
    assert_eq!(warnings.len(), 2, "{warnings:?}");
    for (warning, name) in warnings.iter().zip(["will.delay_interval", "will.message_properties"]) {
        assert!(warning.contains(name) && warning.contains("needs 'protocol: MQTTv5'"), "{warning}");
    }
}

#[test]
fn its_payload_is_not_shown() {
    let broker = recording_broker(false);
    let mut will = goodbye("w");
    will.insert("payload", "s3cr3t");
    let writer = writer(&broker.address()).parameter("will", will).open().expect("writer");
    let Some(Value::Map(shown)) = writer.config().get("will") else { panic!("no will in config()") };
    assert_eq!(shown.get("topic"), Some(&"w".into()));
    assert_ne!(shown.get("payload"), Some(&"s3cr3t".into()));
}
