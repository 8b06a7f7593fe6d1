//! Tests the options of single messages, with every protocol version and every stage that a message goes through.

use std::path::Path;
use std::time::Duration;

use super::{reader, returning_writer, writer};
use crate::common::broker::Broker;
use crate::common::certificates;
use crate::common::proxy::Proxy;
use crate::common::{self, EVERY_CONSISTENCY, block_on, login, next, quickly, told};
use sinetstream::config::{Map, Value};
use sinetstream::{AsyncMessageWriter, Consistency, Message, MessageProperties, MessageWriter, WriteOptions};

/// Returns the properties that a service sets for all its messages.
fn of_the_service() -> Value {
    let mut properties = Map::new();
    properties.insert("payload_format_indicator", 1);
    properties.insert("message_expiry_interval", 5000);
    properties.insert("content_type", "of the service");
    properties.insert("response_topic", "of/the/service");
    properties.insert("correlation_data", "of the service");
    let several: Map =
        [("site", Value::from("Tokyo")), ("colour", Value::from(vec!["red", "green"]))].into_iter().collect();
    properties.insert("user_property", several);
    properties.into()
}

fn of_one_message() -> WriteOptions {
    WriteOptions::new()
        .topic("answers/1")
        .message_expiry(Duration::from_millis(999_001))
        .content_type("text/plain; charset=utf-8")
        .response_topic("answers/here")
        .correlation_data(*b"\x00\xFFid")
        .user_property("colour", "blue")
        .user_property("größe", "klein")
        .user_property("größe", "groß")
}

fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn properties<T>(message: &Message<T>) -> &MessageProperties {
    message.properties().expect("properties")
}

#[track_caller]
fn assert_of_one_message(message: &Message<String>) {
    assert_eq!((message.value().as_str(), message.topic()), ("own", "answers/1"));
    let properties = properties(message);
    assert!(properties.message_expiry_interval.is_some_and(|left| (900..=1000).contains(&left)));
    assert_eq!(properties.content_type.as_deref(), Some("text/plain; charset=utf-8"));
    assert_eq!(properties.response_topic.as_deref(), Some("answers/here"));
    assert_eq!(properties.correlation_data.as_deref(), Some(&b"\x00\xFFid"[..]));
    // The service's properties come first, without the names that the message sets itself.
    let expected = [("site", "Tokyo"), ("colour", "blue"), ("größe", "klein"), ("größe", "groß")];
    assert_eq!(properties.user_properties, pairs(&expected));
    assert_eq!(properties.payload_format_indicator, Some(1), "what was not given is the service's");
}

#[track_caller]
fn assert_of_the_service(message: &Message<String>) {
    assert_eq!((message.value().as_str(), message.topic()), ("usual", "t"));
    let properties = properties(message);
    assert!(properties.message_expiry_interval.is_some_and(|left| (4900..=5000).contains(&left)));
    assert_eq!(properties.content_type.as_deref(), Some("of the service"));
    assert_eq!(properties.user_properties, pairs(&[("site", "Tokyo"), ("colour", "red"), ("colour", "green")]));
}

#[test]
fn options_are_for_one_message_only() {
    let broker = Broker::start();
    for consistency in EVERY_CONSISTENCY {
        let reader = reader(&broker.plain_address(), "#").consistency(consistency).open().expect("reader");
        let builder = writer(&broker.plain_address(), "t");
        let builder = builder.consistency(consistency).parameter("message_properties", of_the_service());
        let writer = builder.open().expect("writer");
        for _ in 0..2 {
            writer.write_with("own", &of_one_message()).expect("write");
            assert_of_one_message(&next(&reader));
            writer.write("usual").expect("write");
            assert_of_the_service(&next(&reader));
            writer.write_with("usual", &WriteOptions::new()).expect("write");
            assert_of_the_service(&next(&reader));
        }
        writer.write_at_with("own", 17, &of_one_message()).expect("write");
        let message = next(&reader);
        assert_eq!(message.timestamp_us(), 17);
        assert_of_one_message(&message);
        writer.close().expect("close");
    }
    assert_eq!(broker.log().matches("New client connected").count(), 6, "a connection for each client");
}

#[test]
fn asynchronous_writers_have_them_too() {
    let broker = Broker::start();
    let reader = reader(&broker.plain_address(), "#").open().expect("reader");
    let builder = AsyncMessageWriter::<str>::builder().no_config(true).service_type("mqtt").topic("t");
    let builder = builder.parameter("brokers", broker.plain_address()).consistency(Consistency::AtLeastOnce);
    let builder = builder.parameter("protocol", "MQTTv5").parameter("message_properties", of_the_service());
    block_on(async {
        let writer = builder.open_async().await.expect("writer");
        writer.write_with("own", &of_one_message()).await.expect("write");
        writer.write_at_with("own", 17, &of_one_message()).await.expect("write");
        let first = writer.send_with("own", &of_one_message()).await.expect("send");
        let second = writer.send("usual").await.expect("send");
        let third = writer.send_at_with("own", 18, &of_one_message()).await.expect("send");
        first.await.expect("confirmed");
        second.await.expect("confirmed");
        third.await.expect("confirmed");
        let wrong = writer.send_with("own", &WriteOptions::new().topic("a/#")).await;
        told(wrong, "InvalidConfiguration", &["'topic'", "wildcards"]);
        writer.close().await.expect("close");
    });
    let messages: Vec<_> = (0..5).map(|_| next(&reader)).collect();
    [0, 1, 2, 4].iter().for_each(|own: &usize| assert_of_one_message(&messages[*own]));
    assert_of_the_service(&messages[3]);
    assert_eq!((messages[1].timestamp_us(), messages[4].timestamp_us()), (17, 18));
}

/// The options that earlier versions support work, and all others are an error before anything is sent.
#[test]
fn earlier_protocols_know_topic_and_retain_only() {
    let broker = Broker::start();
    let address = broker.plain_address();
    for protocol in ["MQTTv311", "MQTTv31"] {
        let topic = |level: &str| format!("{protocol}/{level}");
        let writer = common::writer::<str>(&address, &topic("t")).parameter("protocol", protocol);
        let writer = writer.consistency(Consistency::AtLeastOnce).open().expect("writer");
        let kept = WriteOptions::new().topic(topic("kept")).retain(true);
        writer.write_with("kept", &kept).expect("write");
        writer.write("not kept").expect("write");
        let reader = common::reader::<String>(&address, &topic("#")).open().expect("reader");
        let message = next(&reader);
        assert_eq!((message.value().as_str(), message.topic()), ("kept", topic("kept").as_str()));
        assert!(message.is_retained());

        for (option, options) in [
            ("message_expiry", WriteOptions::new().message_expiry(Duration::ZERO)),
            ("content_type", WriteOptions::new().content_type("")),
            ("response_topic", WriteOptions::new().response_topic("r")),
            ("correlation_data", WriteOptions::new().correlation_data([])),
            ("user_property", WriteOptions::new().user_property("", "")),
        ] {
            let what = format!("option '{option}' of a message: needs 'protocol: MQTTv5'");
            told(writer.write_with("x", &options), "InvalidConfiguration", &[&what, protocol]);
        }
        assert_eq!(writer.metrics().error_count_total, 5);
        writer.write("after").expect("write");
        assert_eq!(next(&reader).value(), "after");
    }
}

#[test]
fn what_is_wrong_is_told_and_not_sent() {
    let broker = Broker::start();
    let reader = reader(&broker.plain_address(), "#").open().expect("reader");
    let writer = writer(&broker.plain_address(), "t").open().expect("writer");
    let long = "x".repeat(65_536);
    let new = WriteOptions::new;
    let too_long = Duration::from_secs(u64::from(u32::MAX)) + Duration::from_nanos(1);
    let many = (0..20).fold(new(), |options, n| options.user_property(n.to_string(), &long[1..]));
    for (options, words) in [
        (new().topic(""), ["'topic'", "can't be empty"]),
        (new().topic("a/+"), ["'topic'", "wildcards"]),
        (new().topic("$share/g/t"), ["'topic'", "shared subscription"]),
        (new().topic("a\0b"), ["'topic'", "control character"]),
        (new().topic(&long), ["'topic'", "65535 bytes"]),
        (new().response_topic("#"), ["'response_topic'", "wildcards"]),
        (new().response_topic(&long), ["'response_topic'", "65535 bytes"]),
        (new().content_type("a\0b"), ["'content_type'", "control character"]),
        (new().content_type(&long), ["'content_type'", "65535 bytes"]),
        (new().correlation_data(vec![0; 65_536]), ["'correlation_data'", "65535 bytes"]),
        (new().user_property(&long, ""), ["'user_property'", "65535 bytes"]),
        (new().user_property("n", "line 1\nline 2"), ["'user_property'", "control character"]),
        (new().response_topic("a\u{FFFE}"), ["'response_topic'", "U+FFFE"]),
        (new().message_expiry(too_long), ["'message_expiry'", "4294967295 seconds"]),
        (many, ["properties of a message", "1048576 at most"]),
    ] {
        let message = told(writer.write_with("secret", &options), "InvalidConfiguration", &words);
        assert!(!message.contains("secret") && message.len() < 200, "{message}");
    }
    // The longest value of each option fits.
    let longest = new().topic(&long[1..]).content_type(&long[1..]).correlation_data(vec![0; 65_535]);
    let longest = longest.message_expiry(Duration::from_secs(u32::MAX.into())).user_property(&long[1..], &long[1..]);
    assert!(writer.write_with("x", &longest.topic("t")).is_ok());
    let message = next(&reader);
    assert_eq!(message.value(), "x", "nothing came before it");
    assert_eq!(properties(&message).correlation_data.as_ref().map(Vec::len), Some(65_535));
    assert!(!format!("{:?}", of_one_message()).contains("klein"), "values are the application's");
}

#[test]
fn a_message_alone_can_be_retained_or_not() {
    let broker = Broker::start();
    for retained in [false, true] {
        let topic = format!("service/{retained}");
        let open = || reader(&broker.plain_address(), &format!("{topic}/#")).open().expect("reader");
        let writer = writer(&broker.plain_address(), &topic).parameter("retain", retained).open().expect("writer");
        writer.write_with("kept", &WriteOptions::new().retain(true).topic(format!("{topic}/a"))).expect("write");
        writer.write_with("gone", &WriteOptions::new().retain(false).topic(format!("{topic}/b"))).expect("write");
        writer.write("usual").expect("write");
        let late = open();
        let mut kept = vec!["kept"];
        if retained {
            kept.push("usual");
        }
        writer.write_with("end", &WriteOptions::new().retain(false)).expect("write");
        let mut values = Vec::new();
        while values.last().is_none_or(|last| last != "end") {
            values.push(next(&late).into_value());
        }
        values.pop();
        values.sort_unstable();
        assert_eq!(values, kept);
    }
}

/// The broker would end the connection, which would also hold up other messages.
#[test]
fn a_broker_that_keeps_no_messages_is_not_sent_one_to_keep() {
    let broker = Broker::start_with(certificates::server(), "retain_available false");
    let reader = reader(&broker.plain_address(), "#").open().expect("reader");
    for consistency in EVERY_CONSISTENCY {
        let writer = writer(&broker.plain_address(), "t").consistency(consistency).open().expect("writer");
        let error = writer.write_with("x", &WriteOptions::new().retain(true)).expect_err("it can't be kept");
        assert_eq!(error.reason_code(), Some(0x9A), "{error:?}");
        assert!(
            error.to_string().contains("was not sent: it is to be retained, which the broker does not support"),
            "{error}"
        );
        writer.write("after").expect("write");
        assert_eq!(next(&reader).value(), "after");
        assert!(writer.is_connected());
    }
}

/// Encryption can bind a message to its topic, which is the message's own.
#[test]
fn encryption_and_compression_stay() {
    let broker = Broker::start();
    let crypto = |bind: bool| {
        let mut crypto = Map::new();
        crypto.insert("algorithm", "AES");
        crypto.insert("mode", "GCM");
        crypto.insert("key_length", 128);
        crypto.insert("password", "a password");
        crypto.insert("bind_topic", bind);
        Value::from(crypto)
    };
    for bind in [false, true] {
        let reader = reader(&broker.plain_address(), "#").parameter("data_encryption", true);
        let reader = reader.parameter("data_compression", true).parameter("crypto", crypto(bind));
        let reader = reader.open().expect("reader");
        let builder = writer(&broker.plain_address(), "t").parameter("message_properties", of_the_service());
        let builder = builder.parameter("data_encryption", true).parameter("data_compression", true);
        let writer = builder.parameter("crypto", crypto(bind)).open().expect("writer");
        writer.write_with("own", &of_one_message()).expect("write");
        assert_of_one_message(&next(&reader));
        writer.write("usual").expect("write");
        assert_of_the_service(&next(&reader));
    }
}

/// A message in the outbox is counted with its options.
#[test]
fn options_take_room_in_the_outbox() {
    let broker = Broker::start();
    let proxy = Proxy::start(broker.plain);
    let builder = AsyncMessageWriter::<str>::builder().no_config(true).service_type("mqtt").topic("t");
    let builder = builder.parameter("brokers", proxy.address()).parameter("protocol", "MQTTv5");
    let builder = builder.consistency(Consistency::AtLeastOnce).parameter("reconnect_delay", quickly());
    block_on(async {
        let writer = builder.open_async().await.expect("writer");
        proxy.cut_off(|| writer.is_connected());
        let sent = writer.send_with("x", &WriteOptions::new().user_property("n", "x".repeat(60_000))).await;
        let info = writer.connection_info();
        assert_eq!(info.outbox_messages, 1);
        assert!((60_000..61_000).contains(&info.outbox_bytes), "{}", info.outbox_bytes);
        proxy.open();
        sent.expect("accepted").await.expect("confirmed");
        let info = writer.connection_info();
        assert_eq!((info.outbox_messages, info.outbox_bytes), (0, 0));
        writer.close().await.expect("close");
    });
}

fn outbox(directory: &Path, accept: &str) -> Value {
    [("directory", directory.to_str().expect("UTF-8")), ("accept", accept)].into()
}

fn stored(address: &str, protocol: &str, directory: &Path) -> MessageWriter<str> {
    let writer = returning_writer(address, "t").client_id("sensor").parameter("protocol", protocol);
    let writer = writer.parameter("outbox", outbox(directory, "disk"));
    if protocol == "MQTTv5" { writer.parameter("message_properties", of_the_service()) } else { writer }
        .open()
        .expect("writer")
}

#[test]
fn the_outbox_on_disk_keeps_them() {
    let broker = Broker::start();
    let folder = tempfile::tempdir().expect("a folder");
    let proxy = Proxy::start(broker.plain);
    let first = stored(&proxy.address(), "MQTTv5", folder.path());
    proxy.cut_off(|| first.is_connected());
    let retained = of_one_message().retain(true);
    first.write_with("own", &retained).expect("write");
    first.write("usual").expect("write");
    first.write_with("own", &of_one_message()).expect("write");
    told(first.write_with("x", &WriteOptions::new().topic("#")), "InvalidConfiguration", &["'topic'"]);
    first.close().expect("close");

    proxy.open();
    let reader = reader(&broker.plain_address(), "#").open().expect("reader");
    let second = stored(&proxy.address(), "MQTTv5", folder.path());
    second.write_with("own", &of_one_message()).expect("write");
    assert_of_one_message(&next(&reader));
    assert_of_the_service(&next(&reader));
    (0..2).for_each(|_| assert_of_one_message(&next(&reader)));
    second.flush().expect("flush");
    second.close().expect("close");
    let late = super::reader(&broker.plain_address(), "answers/#").open().expect("reader");
    let message = next(&late);
    assert!(message.is_retained());
    assert_of_one_message(&message);
}

/// The next process may use an earlier version, which has no field for the properties; the loss is reported.
#[test]
fn properties_that_the_protocol_lost_are_told() {
    let broker = Broker::start();
    let folder = tempfile::tempdir().expect("a folder");
    let proxy = Proxy::start(broker.plain);
    let first = stored(&proxy.address(), "MQTTv5", folder.path());
    proxy.cut_off(|| first.is_connected());
    first.write_with("own", &of_one_message()).expect("write");
    first.close().expect("close");
    proxy.open();
    let reader = reader(&broker.plain_address(), "#").open().expect("reader");
    let (told, warnings) = std::sync::mpsc::channel();
    let second = returning_writer(&proxy.address(), "t").client_id("sensor").parameter("protocol", "MQTTv311");
    let second = second.parameter("outbox", outbox(folder.path(), "disk"));
    let second = second.on_connection_event(move |event| {
        if let sinetstream::ConnectionEvent::Warning { text } = event {
            let _ = told.send(text.clone());
        }
    });
    let second = second.open().expect("writer");
    let message = next(&reader);
    assert_eq!((message.value().as_str(), message.topic()), ("own", "answers/1"));
    assert_eq!(message.properties(), None);
    second.close().expect("close");
    assert!(warnings.into_iter().any(|text| text.contains("have properties of MQTT 5")), "nothing was told");
}

/// Other messages, which have the service's topic, do not wait for one to a topic that is denied.
#[test]
fn a_topic_that_is_denied_holds_nothing_back() {
    let broker = Broker::start();
    let folder = tempfile::tempdir().expect("a folder");
    let user = |name: &str| login(name, &format!("{name}-pass"));
    let address = format!("127.0.0.1:{}", broker.acl);
    let reader = reader(&address, "acl/t").parameter("username_pw", user("user02")).open().expect("reader");
    let writer = returning_writer(&address, "acl/t").client_id("sensor").parameter("username_pw", user("user01"));
    let writer = writer.parameter("outbox", outbox(folder.path(), "disk")).open().expect("writer");
    writer.write_with("denied", &WriteOptions::new().topic("elsewhere").retain(true)).expect("write");
    writer.write("allowed").expect("write");
    assert_eq!(next(&reader).value(), "allowed");
    told(writer.flush(), "Io", &["refused", "kept aside"]);
    let is_aside = |entry: std::io::Result<std::fs::DirEntry>| {
        entry.expect("an entry").file_name().to_string_lossy().starts_with("refused-")
    };
    assert!(std::fs::read_dir(folder.path()).expect("the folder").any(is_aside));
    writer.close().expect("close");
}
