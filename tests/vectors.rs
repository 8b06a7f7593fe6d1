//! Tests messages of the reference libraries, byte for byte, over a real broker.

use std::fmt::Write as _;

use crate::common::broker::Broker;
use crate::common::{data, next, raw, reader, writer};
use serde_json::Value as Json;
use sha2::{Digest, Sha256};
use sinetstream::{Error, MessageReader};

fn vectors(group: &str) -> Vec<Json> {
    let text = std::fs::read_to_string(data("vectors_plain.json")).expect("read");
    let all: Json = serde_json::from_str(&text).expect("JSON");
    let group = all[group].as_array().expect("a list").clone();
    assert!(!group.is_empty());
    group
}

fn id(vector: &Json) -> &str {
    vector["id"].as_str().expect("an id")
}

fn bytes(hex: &Json) -> Vec<u8> {
    let hex = hex.as_str().expect("a string");
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).expect("hexadecimal")).collect()
}

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

fn payload(vector: &Json) -> Vec<u8> {
    match vector["payload_length"].as_u64() {
        None => bytes(&vector["payload_hex"]),
        Some(length) => {
            let payload: Vec<u8> = (0..length).map(|i| ((i * 31 + (i >> 8)) & 255) as u8).collect();
            assert_eq!(sha256(&payload), vector["payload_sha256"].as_str().expect("a digest"), "{}", id(vector));
            payload
        }
    }
}

fn timestamp(vector: &Json) -> i64 {
    vector["timestamp_us"].as_i64().expect("a timestamp")
}

/// Checks that these are the bytes of the vector.
fn check_encoded(vector: &Json, encoded: &[u8]) {
    let id = id(vector);
    if vector["encoded_hex"].is_string() {
        assert_eq!(encoded, bytes(&vector["encoded_hex"]), "{id}");
        return;
    }
    let head = bytes(&vector["encoded_head_hex"]);
    assert_eq!(&encoded[..head.len()], head, "{id}");
    assert_eq!(encoded.len() as u64, vector["encoded_length"].as_u64().expect("a length"), "{id}");
    assert_eq!(sha256(encoded), vector["encoded_sha256"].as_str().expect("a digest"), "{id}");
}

/// Returns the vector's bytes: as given, or the given head with the rest of the payload after it.
fn encoded(vector: &Json) -> Vec<u8> {
    if vector["encoded_hex"].is_string() {
        return bytes(&vector["encoded_hex"]);
    }
    let payload = payload(vector);
    let mut encoded = bytes(&vector["encoded_head_hex"]);
    let length = vector["encoded_length"].as_u64().expect("a length") as usize;
    encoded.extend_from_slice(&payload[payload.len() - (length - encoded.len())..]);
    check_encoded(vector, &encoded);
    encoded
}

#[test]
fn messages_are_encoded_as_the_reference_does() {
    let broker = Broker::start();
    let mut subscriber = raw::Client::connect(broker.plain);
    subscriber.subscribe("vectors");
    for vector in vectors("vectors") {
        let payload = payload(&vector);
        let format = vector["message_format"].as_i64().expect("a format");
        let address = broker.plain_address();
        match vector["value_type"].as_str() {
            Some("text") => {
                let text = std::str::from_utf8(&payload).expect("text");
                let writer = writer::<str>(&address, "vectors").parameter("message_format", format);
                writer.open().expect("a writer").write_at(text, timestamp(&vector)).expect("write");
            }
            _ => {
                let writer = writer::<[u8]>(&address, "vectors").parameter("message_format", format);
                writer.open().expect("a writer").write_at(&payload, timestamp(&vector)).expect("write");
            }
        }
        check_encoded(&vector, &subscriber.next().payload);
    }
}

#[test]
fn messages_of_the_reference_are_decoded() {
    let broker = Broker::start();
    let mut publisher = raw::Client::connect(broker.plain);
    let readers: Vec<MessageReader<Vec<u8>>> = [2, 3]
        .map(|format| {
            reader(&broker.plain_address(), &format!("vectors/{format}"))
                .topic("vectors/both")
                .parameter("message_format", format)
                .open()
                .expect("a reader")
        })
        .into();
    let texts = reader::<String>(&broker.plain_address(), "vectors/text").open().expect("a reader");
    for vector in vectors("vectors") {
        // A reader of format 3 reads both formats.
        let readers = match vector["message_format"].as_i64() {
            Some(2) => &readers[..],
            _ => &readers[1..],
        };
        let topic = if readers.len() == 2 { "vectors/both" } else { "vectors/3" };
        publisher.publish(topic, &encoded(&vector));
        for reader in readers {
            let message = next(reader);
            assert_eq!(message.timestamp_us(), timestamp(&vector), "{}", id(&vector));
            assert!(message.value() == &payload(&vector), "{}", id(&vector));
        }
        if vector["value_type"] == "text" {
            publisher.publish("vectors/text", &encoded(&vector));
            assert_eq!(next(&texts).into_value().into_bytes(), payload(&vector));
        }
    }
}

#[test]
fn a_reader_of_format_2_knows_no_header() {
    let broker = Broker::start();
    let mut publisher = raw::Client::connect(broker.plain);
    let reader: MessageReader<Vec<u8>> =
        reader(&broker.plain_address(), "t").parameter("message_format", 2).open().expect("a reader");
    let of_format = |format: i64| {
        let found = vectors("vectors").into_iter().find(|vector| vector["message_format"] == format);
        encoded(&found.expect("a vector"))
    };
    publisher.publish("t", &of_format(3));
    publisher.publish("t", &of_format(2));
    let error = reader.read().expect_err("format 3");
    assert!(matches!(error, Error::InvalidMessage(_)), "{error:?}");
    next(&reader);
}

#[test]
fn what_is_no_message_for_a_plain_reader_is_refused() {
    let broker = Broker::start();
    let mut publisher = raw::Client::connect(broker.plain);
    let address = broker.plain_address();
    let bytes_reader = reader::<Vec<u8>>(&address, "bytes").open().expect("a reader");
    let text_reader = reader::<String>(&address, "text").open().expect("a reader");
    let mut count = 0;
    for vector in vectors("rejected") {
        let message = bytes(&vector["message_hex"]);
        let result = match vector["value_type"].as_str() {
            Some("text") => {
                publisher.publish("text", &message);
                text_reader.read().map(drop)
            }
            _ => {
                publisher.publish("bytes", &message);
                count += 1;
                bytes_reader.read().map(drop)
            }
        };
        assert!(matches!(result, Err(Error::InvalidMessage(_))), "{}: {result:?}", id(&vector));
        // The message is consumed, and the next one is read.
        publisher.publish("bytes", &encoded(&vectors("vectors")[0]));
        next(&bytes_reader);
    }
    let metrics = bytes_reader.metrics();
    assert_eq!(metrics.error_count_total, count);
    assert!(count > 10, "{count}");
}

/// The wire format does not say that a message is compressed: a plain reader gets the compressed bytes.
#[test]
fn what_only_looks_strange_is_taken() {
    let broker = Broker::start();
    let mut publisher = raw::Client::connect(broker.plain);
    let reader = reader::<Vec<u8>>(&broker.plain_address(), "t").open().expect("a reader");
    for vector in vectors("taken") {
        publisher.publish("t", &bytes(&vector["message_hex"]));
        let message = next(&reader);
        assert_eq!(message.timestamp_us(), timestamp(&vector), "{}", id(&vector));
        assert_eq!(message.into_value(), payload(&vector), "{}", id(&vector));
    }
    // Bytes after the record are ignored.
    let first = &vectors("vectors")[0];
    publisher.publish("t", &[encoded(first), b"more".to_vec()].concat());
    assert_eq!(next(&reader).into_value(), payload(first));
}
