//! Tests every parameter of MQTT 5, from the file at both levels and from the builder.

use std::path::Path;

use crate::common::raw::{self, Connect, Property, Publish, property};
use crate::common::scripted::Scripted;
use crate::common::told;
use crate::common::warnings::collect;
use sinetstream::config::{Map, Value};
use sinetstream::{MessageReader, MessageWriter};

/// A parameter as in a file, the same for the builder, and the properties that CONNECT then has.
type Case = (&'static str, Vec<(&'static str, Value)>, Vec<Property>);

fn cases() -> Vec<Case> {
    use property::{byte, data, four_bytes, text, two_bytes, user};
    let pairs: Map =
        [("a", Value::from("1")), ("b", vec!["2", "3"].into()), ("none", Value::Null)].into_iter().collect();
    vec![
        ("clean_start: true", vec![("clean_start", true.into())], vec![]),
        (
            "session_expiry_interval: 7",
            vec![("session_expiry_interval", 7.into())],
            vec![four_bytes(property::SESSION_EXPIRY, 7)],
        ),
        (
            "session_expiry_interval: 4294967295",
            vec![("session_expiry_interval", 4_294_967_295_i64.into())],
            vec![four_bytes(property::SESSION_EXPIRY, u32::MAX)],
        ),
        ("receive_maximum: 5", vec![("receive_maximum", 5.into())], vec![two_bytes(property::RECEIVE_MAXIMUM, 5)]),
        (
            "maximum_packet_size: 100000",
            vec![("maximum_packet_size", 100_000.into())],
            vec![four_bytes(property::MAXIMUM_PACKET_SIZE, 100_000)],
        ),
        (
            "topic_alias_maximum: 9",
            vec![("topic_alias_maximum", 9.into())],
            vec![two_bytes(property::TOPIC_ALIAS_MAXIMUM, 9)],
        ),
        (
            "request_response_info: 1",
            vec![("request_response_info", 1.into())],
            vec![byte(property::REQUEST_RESPONSE_INFO, 1)],
        ),
        (
            "request_response_info: true",
            vec![("request_response_info", true.into())],
            vec![byte(property::REQUEST_RESPONSE_INFO, 1)],
        ),
        (
            "request_problem_info: 0",
            vec![("request_problem_info", 0.into())],
            vec![byte(property::REQUEST_PROBLEM_INFO, 0)],
        ),
        (
            "request_problem_info: 'false'",
            vec![("request_problem_info", "false".into())],
            vec![byte(property::REQUEST_PROBLEM_INFO, 0)],
        ),
        (
            "user_property: {a: '1', b: ['2', '3'], none: null}",
            vec![("user_property", pairs.into())],
            vec![user("a", "1"), user("b", "2"), user("b", "3")],
        ),
        ("auth_method: METHOD", vec![("auth_method", "METHOD".into())], vec![text(property::AUTH_METHOD, "METHOD")]),
        (
            "auth_method: METHOD, auth_data: !!binary AP8=",
            vec![("auth_method", "METHOD".into()), ("auth_data", (&[0, 0xFF][..]).into())],
            vec![text(property::AUTH_METHOD, "METHOD"), data(property::AUTH_DATA, &[0, 0xFF])],
        ),
        (
            "auth_method: METHOD, auth_data: text",
            vec![("auth_method", "METHOD".into()), ("auth_data", "text".into())],
            vec![text(property::AUTH_METHOD, "METHOD"), data(property::AUTH_DATA, b"text")],
        ),
    ]
}

#[test]
fn every_parameter_is_in_connect() {
    let broker = Scripted::start(|peer| {
        peer.connack_v5(0, &[]);
        if peer.packet().is_some_and(|packet| packet.first == raw::SUBSCRIBE) {
            peer.send(&[0x90, 4, 0, 1, 0, 0]);
        }
        peer.drain();
    });
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("config.yml");
    let connect = |what: &str, writer: bool| {
        let connect = Connect::parse(&broker.next_packet());
        // CONNECT has no other properties.
        let rest = Connect { client_id: String::new(), properties: vec![], ..connect.clone() };
        let expected =
            Connect { protocol: b"MQTT".to_vec(), level: 5, clean_session: true, keep_alive: 60, ..Connect::default() };
        assert_eq!(rest, expected, "{what}");
        let packets = if writer { 1 } else { 2 };
        (0..packets).for_each(|_| drop(broker.next_packet()));
        connect.properties
    };
    for (yaml, parameters, expected) in cases() {
        write_both_levels(&file, &broker, yaml);
        for service in ["service", "type-spec"] {
            let what = format!("{yaml}, {service}");
            let builder = MessageWriter::<str>::builder().config_file(&file).service(service);
            let (writer, warnings) = collect(|| builder.open().expect("writer"));
            writer.close().expect("close");
            assert_eq!(connect(&what, true), expected, "{what}");
            assert_eq!(warnings, [] as [String; 0], "{what}");
            let reader = MessageReader::<String>::builder().config_file(&file).service(service).open();
            reader.expect("reader").close().expect("close");
            assert_eq!(connect(&what, false), expected, "{what}, reader");
        }
        let parameters: Map = parameters.into_iter().collect();
        let writer = super::writer(&broker.address(), "t").parameters(parameters.clone()).open().expect("writer");
        writer.close().expect("close");
        assert_eq!(connect(yaml, true), expected, "{yaml}, builder");
        let reader = super::reader(&broker.address(), "t").parameters(parameters).open().expect("reader");
        reader.close().expect("close");
        assert_eq!(connect(yaml, false), expected, "{yaml}, reader's builder");
    }
}

/// Writes a file with the parameters in a service, and in the `type_spec` of another one.
fn write_both_levels(file: &Path, broker: &Scripted, yaml: &str) {
    std::fs::write(
        file,
        format!(
            "header: {{version: 2}}\nconfig:\n  \
             service: {{type: mqtt, brokers: '{0}', topic: t, protocol: MQTTv5, {yaml}}}\n  \
             type-spec: {{type: mqtt, brokers: '{0}', topic: t, type_spec: {{protocol: MQTTv5, {yaml}}}}}\n",
            broker.address()
        ),
    )
    .expect("write");
}

#[test]
fn message_properties_are_in_every_publish() {
    let broker = Scripted::open_v5(&[], |peer| peer.drain());
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("config.yml");
    let yaml = "message_properties: {payload_format_indicator: 1, message_expiry_interval: 7, content_type: text/plain, \
                response_topic: answers, correlation_data: !!binary AP8=, user_property: {a: ['1', '2']}}";
    write_both_levels(&file, &broker, yaml);
    let mut expected = [
        property::byte(property::PAYLOAD_FORMAT, 1),
        property::four_bytes(property::MESSAGE_EXPIRY, 7),
        property::text(property::CONTENT_TYPE, "text/plain"),
        property::text(property::RESPONSE_TOPIC, "answers"),
        property::data(property::CORRELATION_DATA, &[0, 0xFF]),
        property::user("a", "1"),
        property::user("a", "2"),
    ];
    expected.sort();
    for service in ["service", "type-spec"] {
        let writer = MessageWriter::<str>::builder().config_file(&file).service(service).open().expect("writer");
        broker.next_packet();
        for _ in 0..2 {
            writer.write_at("x", 0).expect("write");
            let mut publish = Publish::parse_v5(&broker.next_packet());
            publish.properties.sort();
            assert_eq!(publish.properties, expected, "{service}");
            assert_eq!(publish.payload, raw::message("x"));
        }
        writer.close().expect("close");
        broker.next_packet();
    }
}

/// The parameters have no effect, which their user should know.
#[test]
fn under_an_earlier_version_each_of_them_is_a_warning() {
    let broker = Scripted::open(|peer| peer.drain());
    let parameters: [(&str, Value); 9] = [
        ("clean_start", true.into()),
        ("session_expiry_interval", 7.into()),
        ("receive_maximum", 5.into()),
        ("maximum_packet_size", 1000.into()),
        ("topic_alias_maximum", 9.into()),
        ("request_response_info", true.into()),
        ("request_problem_info", true.into()),
        ("user_property", [("a", "b")].into()),
        ("message_properties", [("content_type", "x")].into()),
    ];
    for version in [None, Some("MQTTv311"), Some("MQTTv31")] {
        for (name, value) in parameters.clone() {
            let mut builder = crate::common::writer::<str>(&broker.address(), "t").parameter(name, value);
            if let Some(version) = version {
                builder = builder.parameter("protocol", version);
            }
            let (writer, warnings) = collect(|| builder.open().expect("writer"));
            let connect = Connect::parse(&broker.next_packet());
            assert!(connect.level < 5 && connect.clean_session, "{name}");
            writer.write_at("x", 0).expect("write");
            assert_eq!(Publish::parse(&broker.next_packet()).payload, raw::message("x"), "{name}");
            writer.close().expect("close");
            broker.next_packet();
            assert_eq!(warnings.len(), 1, "{name}: {warnings:?}");
            let expected = format!("'{name}' has no effect: it needs 'protocol: MQTTv5'");
            assert!(warnings[0].contains(&expected), "{warnings:?}");
        }
    }
}

/// A parameter that concerns security is never ignored silently.
#[test]
fn under_an_earlier_version_authentication_data_is_refused() {
    for version in ["MQTTv311", "MQTTv31"] {
        let builder = crate::common::writer::<str>("broker.invalid", "t").parameter("protocol", version);
        let builder = builder.parameter("auth_method", "METHOD").parameter("auth_data", "s3cr3t");
        let message = told(
            builder.open(),
            "InvalidConfiguration",
            &["'auth_method': needs 'protocol: MQTTv5'", "'auth_data': needs 'protocol: MQTTv5'"],
        );
        assert!(!message.contains("s3cr3t"), "{message}");
    }
}

#[test]
fn wrong_values_are_refused() {
    let wrong: [(&str, Value, &str); 22] = [
        ("protocol", "MQTTv4".into(), "expected MQTTv311, MQTTv5 or MQTTv31"),
        ("protocol", 5.into(), "a string"),
        ("clean_start", "maybe".into(), "true or false"),
        ("session_expiry_interval", (-1).into(), "0 to 4294967295"),
        ("session_expiry_interval", 4_294_967_296_i64.into(), "0 to 4294967295"),
        ("receive_maximum", 0.into(), "1 to 65535"),
        ("receive_maximum", 65_536.into(), "1 to 65535"),
        ("maximum_packet_size", 0.into(), "an integer from"),
        ("maximum_packet_size", "large".into(), "an integer from"),
        ("topic_alias_maximum", 65_536.into(), "0 to 65535"),
        ("request_response_info", 2.into(), "true or false"),
        ("request_problem_info", "often".into(), "true or false"),
        ("user_property", "a".into(), "a map"),
        ("user_property", [("a", 1)].into(), "a string (put the value in quotes)"),
        ("user_property", [("a", "x".repeat(65_536))].into(), "longer than 65535 bytes"),
        ("user_property", [("a", "s3cr3t\0")].into(), "control character"),
        ("auth_method", 1.into(), "a string"),
        ("auth_data", "s3cr3t".into(), "needs 'auth_method' beside it"),
        ("message_properties", "x".into(), "a map"),
        ("message_properties", [("payload_format_indicator", 2)].into(), "0 to 1"),
        ("message_properties", [("message_expiry_interval", -1)].into(), "0 to 4294967295"),
        ("message_properties", [("response_topic", "a/+")].into(), "wildcards"),
    ];
    for (name, value, words) in wrong {
        let opened = super::writer("broker.invalid", "t").parameter(name, value).open();
        let message = told(opened, "InvalidConfiguration", &[&format!("'{name}"), words]);
        assert!(!message.contains("s3cr3t"), "{message}");
    }
}

/// The configuration and `Debug` do not show the authentication data.
#[test]
fn authentication_data_is_hidden() {
    let broker = Scripted::open_v5(&[], |peer| peer.drain());
    let builder = super::writer(&broker.address(), "t").parameter("auth_method", "METHOD");
    let writer = builder.parameter("auth_data", "s3cr3t").open().expect("writer");
    assert_eq!(writer.config().get("auth_method"), Some(&"METHOD".into()));
    let shown = writer.config().get("auth_data").expect("a place holder");
    assert!(matches!(shown, Value::Str(text) if !text.contains("s3cr3t")), "{shown:?}");
}
