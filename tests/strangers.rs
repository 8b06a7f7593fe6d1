//! Tests an attacker who may publish on a topic of encrypted messages, but has no key.

use std::time::Instant;

use crate::common;
use crate::common::broker::Broker;
use crate::common::{PATIENCE, next, raw, told};
use sinetstream::config::Value;
use sinetstream::{Error, MessageReader, MessageReaderBuilder, MessageWriterBuilder};

/// Returns messages of format 3 for a key from a password, each with a different salt.
fn garbage() -> impl Iterator<Item = Vec<u8>> {
    (0..40u64).map(|number| [&[0xDF, 3, 0, 0, 0, 1][..], &number.to_be_bytes(), &[7; 64]].concat())
}

fn crypto(mode: &str, further: impl IntoIterator<Item = (&'static str, Value)>) -> Value {
    let padding = if mode == "CBC" { "pkcs7" } else { "none" };
    let own = [("algorithm", "AES"), ("mode", mode), ("padding", padding), ("password", "passw0rd")];
    Value::Map(own.map(|(name, value)| (name, Value::from(value))).into_iter().chain(further).collect())
}

fn writer(broker: &Broker, topic: &str, crypto: &Value) -> MessageWriterBuilder<str> {
    let builder = common::writer(&broker.plain_address(), topic);
    builder.parameter("data_encryption", true).parameter("crypto", crypto.clone())
}

fn reader(broker: &Broker, topic: &str, crypto: &Value) -> MessageReaderBuilder<String> {
    let builder = common::reader(&broker.plain_address(), topic);
    builder.parameter("data_encryption", true).parameter("crypto", crypto.clone())
}

/// Returns the value of the next readable message, and the errors of those before it.
fn next_value(reader: &MessageReader<String>) -> (String, Vec<String>) {
    let mut refused = Vec::new();
    loop {
        match reader.read() {
            Err(error @ Error::InvalidMessage(_)) => refused.push(error.to_string()),
            other => return (other.expect("read").expect("no message came").into_value(), refused),
        }
    }
}

#[test]
fn who_has_no_password_does_not_hold_up_those_who_have() {
    let broker = Broker::start();
    let mut stranger = raw::Client::connect(broker.plain);
    for mode in ["GCM", "CTR"] {
        // Deriving one key takes far longer than the whole budget for messages that fit no key.
        let derivation: Value = [("iteration", 100_000), ("budget_ms", 1)].into();
        let crypto = crypto(mode, [("key_derivation", derivation)]);
        let reader = reader(&broker, mode, &crypto).open().expect("a reader");
        let known = writer(&broker, mode, &crypto).open().expect("a writer");
        known.write("before").expect("write");
        assert_eq!(next_value(&reader), ("before".into(), vec![]));
        garbage().for_each(|message| stranger.publish(mode, &message));
        // The messages of the two connections arrive interleaved.
        let mut refused = Vec::new();
        while refused.len() < garbage().count() {
            known.write("meanwhile").expect("write");
            let (value, before) = next_value(&reader);
            assert_eq!(value, "meanwhile", "{mode}");
            refused.extend(before);
        }
        let (unchecked, tried): (Vec<_>, Vec<_>) =
            refused.iter().partition(|why| why.contains("'crypto.key_derivation.budget_ms'"));
        assert!(!unchecked.is_empty() && !tried.is_empty(), "{mode}: {refused:?}");
        // A new writer's messages are read as soon as the budget allows it again.
        let new = writer(&broker, mode, &crypto).open().expect("a writer");
        let deadline = Instant::now() + PATIENCE;
        loop {
            new.write("new").expect("write");
            match reader.read() {
                Ok(message) => break assert_eq!(message.expect("no message came").value(), "new"),
                Err(Error::InvalidMessage(_)) if Instant::now() < deadline => {}
                Err(error) => panic!("{mode}: {error}"),
            }
        }
    }
}

#[test]
fn a_message_that_is_bound_to_its_topic_is_refused_on_another_one() {
    let broker = Broker::start();
    let mut stranger = raw::Client::connect(broker.plain);
    for mode in ["GCM", "EAX"] {
        let bound = crypto(mode, [("bind_topic", true.into())]);
        let (there, elsewhere) = (format!("door/{mode}/front"), format!("door/{mode}/back"));
        let mut listener = raw::Client::connect(broker.plain);
        listener.subscribe(&there);
        let filter = format!("door/{mode}/+");
        let reading = reader(&broker, &filter, &bound).open().expect("a reader");
        let writing = writer(&broker, &there, &bound).open().expect("a writer");
        writing.write("open").expect("write");
        let message = next(&reading);
        assert_eq!((message.topic(), message.value().as_str()), (&*there, "open"));
        let captured = listener.next().payload;
        stranger.publish(&elsewhere, &captured);
        told(reading.read(), "InvalidMessage", &["written for another topic"]);
        // The other end must have the parameter, too.
        let unbound = crypto(mode, []);
        let careless = reader(&broker, &filter, &unbound).open().expect("a reader");
        stranger.publish(&there, &captured);
        told(careless.read(), "InvalidMessage", &["'crypto.bind_topic'"]);
        assert_eq!(next(&reading).value(), "open");
        writer(&broker, &there, &unbound).open().expect("a writer").write("open").expect("write");
        told(reading.read(), "InvalidMessage", &["'crypto.bind_topic'"]);
        assert_eq!(next(&careless).value(), "open");
    }
}

#[test]
fn only_a_tag_binds_a_message_to_its_topic() {
    let broker = Broker::start();
    let crypto = crypto("CTR", [("bind_topic", true.into())]);
    let opened = writer(&broker, "t", &crypto).open();
    told(opened.map(drop), "InvalidConfiguration", &["'crypto.bind_topic'", "GCM or EAX"]);
}

#[test]
fn a_will_is_bound_to_its_own_topic() {
    let broker = Broker::start();
    let bound = crypto("GCM", [("bind_topic", true.into())]);
    let reading = reader(&broker, "wills/+", &bound).open().expect("a reader");
    let will = [
        ("topic", Value::from("wills/1")),
        ("payload", "gone".into()),
        ("value_type", "text".into()),
        ("data_encryption", true.into()),
        ("crypto", bound.clone()),
    ];
    let writing = writer(&broker, "t", &bound).parameter("will", Value::Map(will.into_iter().collect()));
    // Mosquitto publishes the will when another client takes over the client identifier.
    let writing = writing.parameter("client_id", "twice").open().expect("a writer");
    let other = common::writer::<str>(&broker.plain_address(), "t").parameter("client_id", "twice");
    let other = other.open().expect("a writer");
    let message = next(&reading);
    assert_eq!((message.topic(), message.value().as_str()), ("wills/1", "gone"));
    drop((writing, other));
}
