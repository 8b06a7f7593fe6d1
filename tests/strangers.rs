//! What somebody can do who may publish on a topic of encrypted messages, and has no key.

mod common;

use common::broker::Broker;
use common::{next, raw, told};
use sinetstream::config::Value;
use sinetstream::{MessageReaderBuilder, MessageWriterBuilder};

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
    // Mosquitto publishes the will when another client takes the id.
    let writing = writing.parameter("client_id", "twice").open().expect("a writer");
    let other = common::writer::<str>(&broker.plain_address(), "t").parameter("client_id", "twice");
    let other = other.open().expect("a writer");
    let message = next(&reading);
    assert_eq!((message.topic(), message.value().as_str()), ("wills/1", "gone"));
    drop((writing, other));
}
