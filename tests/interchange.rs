//! Tests messages of SINETStream's Java and Python libraries, with all parameters of the service, over a real broker.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use crate::common;
use crate::common::broker::Broker;
use crate::common::{data, next, raw};
use serde_json::Value as Json;
use sha2::{Digest, Sha256};
use sinetstream::{Error, MessageReader, MessageWriter};

fn vectors(group: &str) -> Vec<Json> {
    let text = std::fs::read_to_string(data("vectors.json")).expect("read");
    let all: Json = serde_json::from_str(&text).expect("JSON");
    let group = all[group].as_array().expect("a list").clone();
    assert!(!group.is_empty());
    group
}

fn text<'a>(vector: &'a Json, name: &str) -> &'a str {
    vector[name].as_str().unwrap_or_default()
}

fn bytes(hex: &str) -> Vec<u8> {
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).expect("hexadecimal")).collect()
}

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

fn payload(vector: &Json) -> Vec<u8> {
    match vector["payload"]["len"].as_u64() {
        None => bytes(text(vector, "payload_hex")),
        Some(length) => {
            let payload: Vec<u8> = (0..length).map(|i| ((i * 31 + (i >> 8)) & 255) as u8).collect();
            assert_eq!(sha256(&payload), text(&vector["payload"], "sha256"));
            payload
        }
    }
}

/// Returns the private key of the encrypted values in the vectors.
fn private_key() -> String {
    let all: Json = serde_json::from_str(&std::fs::read_to_string(data("vectors.json")).expect("read")).expect("JSON");
    all["rsa"]["private_key_pem"].as_str().expect("a key").to_owned()
}

/// The service's configuration with this broker, in a folder that has the private key in its default place.
struct Files {
    folder: tempfile::TempDir,
}

impl Files {
    fn new() -> Files {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("private.pem"), private_key()).expect("write");
        Files { folder }
    }

    fn config(&self, vector: &Json, address: &str) -> PathBuf {
        let config = text(vector, "config");
        self.write(&config.replace("127.0.0.1:24000", address))
    }

    fn write(&self, config: &str) -> PathBuf {
        let file = self.folder.path().join(format!("{}.yml", sha256(config.as_bytes())));
        std::fs::write(&file, config).expect("write");
        file
    }
}

/// Returns the path of the private key beside the configuration.
fn private_key_file(file: &Path) -> String {
    file.with_file_name("private.pem").display().to_string()
}

fn reader(file: &Path) -> MessageReader<Vec<u8>> {
    let builder = MessageReader::<Vec<u8>>::builder().config_file(file).parameter("value_type", "byte_array");
    let builder = builder.parameter("private_key_file", private_key_file(file));
    builder.receive_timeout(common::PATIENCE).open().unwrap_or_else(|e| panic!("{}: {e}", file.display()))
}

fn writer(file: &Path) -> MessageWriter<[u8]> {
    let builder = MessageWriter::<[u8]>::builder().config_file(file).parameter("value_type", "byte_array");
    let builder = builder.parameter("private_key_file", private_key_file(file));
    builder.open().unwrap_or_else(|e| panic!("{}: {e}", file.display()))
}

/// The other vectors are wills without a service.
fn is_about_messages(vector: &Json) -> bool {
    vector["config"].is_string()
}

#[test]
fn every_message_of_the_reference_is_decoded() {
    let (broker, files) = (Broker::start(), Files::new());
    let mut publisher = raw::Client::connect(broker.plain);
    let mut readers: HashMap<String, MessageReader<Vec<u8>>> = HashMap::new();
    let mut count = 0;
    for vector in vectors("vectors").iter().filter(|vector| is_about_messages(vector)) {
        let id = text(vector, "id");
        let Some(hex) = vector["encoded_hex"].as_str() else { continue };
        let topic = sha256(text(vector, "config").as_bytes());
        let reader = readers.entry(topic.clone()).or_insert_with(|| {
            let file = files.config(vector, &broker.plain_address());
            let builder = MessageReader::<Vec<u8>>::builder().config_file(&file).service("svc").topic(&topic);
            let builder = builder.parameter("private_key_file", private_key_file(&file));
            let builder = builder.parameter("value_type", "byte_array").receive_timeout(common::PATIENCE);
            builder.open().unwrap_or_else(|e| panic!("{id}: {e}"))
        });
        publisher.publish(&topic, &bytes(hex));
        let message = reader.read().unwrap_or_else(|e| panic!("{id}: {e}")).unwrap_or_else(|| panic!("{id}: nothing"));
        assert!(message.value() == &payload(vector), "{id}");
        assert_eq!(Some(message.timestamp_us()), vector["timestamp_us"].as_i64(), "{id}");
        count += 1;
    }
    assert!(count > 150, "{count}");
}

#[test]
fn what_is_deterministic_is_encoded_to_the_same_bytes_and_the_rest_can_be_read_back() {
    let (broker, files) = (Broker::start(), Files::new());
    let mut subscriber = raw::Client::connect(broker.plain);
    subscriber.subscribe("t");
    let mut exact = 0;
    for vector in vectors("vectors").iter().filter(|vector| is_about_messages(vector)) {
        let id = text(vector, "id");
        let file = files.config(vector, &broker.plain_address());
        let writer = writer(&file);
        let (value, timestamp) = (payload(vector), vector["timestamp_us"].as_i64().expect("a time"));
        if vector["deterministic"] == true {
            writer.write_at(&value, timestamp).unwrap_or_else(|e| panic!("{id}: {e}"));
            let wire = subscriber.next().payload;
            match vector["encoded_hex"].as_str() {
                Some(hex) => assert!(wire == bytes(hex), "{id}"),
                None => assert_eq!(sha256(&wire), text(&vector["encoded"], "sha256"), "{id}"),
            }
            exact += 1;
        } else {
            let reader = reader(&file);
            writer.write_at(&value, timestamp).unwrap_or_else(|e| panic!("{id}: {e}"));
            let message = next(&reader);
            assert!(message.value() == &value, "{id}");
            assert_eq!(message.timestamp_us(), timestamp, "{id}");
            subscriber.next();
            let metrics = writer.metrics();
            assert_eq!(metrics.msg_uncompressed_bytes_total, value.len() as u64, "{id}");
            if !text(vector, "config").contains("data_compression: true") {
                assert_eq!(metrics.msg_compressed_bytes_total, value.len() as u64, "{id}");
            } else if value.len() > 500 {
                assert!(metrics.msg_compressed_bytes_total < value.len() as u64, "{id}");
            }
        }
    }
    assert!(exact > 20, "{exact}");
}

/// Messages that are accepted although they look strange, each with the reason; all others of the file are refused.
const TAKEN: &[(&str, &str)] = &[
    ("neg/lz4-block-linked-blockchecksum", "legal LZ4, read by both references"),
    ("neg/lz4-content-size-checksum", "legal LZ4, read by both references"),
    ("neg/lz4-no-store-size", "legal LZ4, read by both references"),
    ("neg/lz4-two-frames", "the first frame is the value, as in both references"),
    ("neg/plain-reader-gets-gzip", "nothing on the wire tells of the compression"),
    ("neg/plain-reader-gets-lz4", "nothing on the wire tells of the compression"),
    ("neg/plain-reader-gets-zstd", "nothing on the wire tells of the compression"),
    ("neg/text-invalid-utf8", "as bytes it is a value; as text it is refused, see the vectors of plain messages"),
    ("neg/user_data_only-reader-gets-v3", "everything is a value there"),
    ("neg/zstd-checksum", "legal zstd, read by both references"),
    ("neg/zstd-no-content-size", "legal zstd, read by both references"),
];

#[test]
fn what_is_no_message_is_refused_and_the_reader_goes_on() {
    let (broker, files) = (Broker::start(), Files::new());
    let mut publisher = raw::Client::connect(broker.plain);
    for vector in vectors("negative") {
        let id = text(&vector, "id");
        let file = files.config(&vector, &broker.plain_address());
        let reader = reader(&file);
        publisher.publish("t", &bytes(text(&vector, "message_hex")));
        let result = reader.read();
        if TAKEN.iter().any(|(taken, _)| *taken == id) {
            assert!(matches!(result, Ok(Some(_))), "{id}: {result:?}");
            continue;
        }
        assert!(matches!(result, Err(Error::InvalidMessage(_))), "{id}: {result:?}");
        writer(&file).write(b"next").expect("write");
        assert_eq!(next(&reader).into_value(), b"next", "{id}");
    }
}

#[test]
fn every_combination_can_be_read_back_and_no_changed_bit_goes_unnoticed() {
    let (broker, files) = (Broker::start(), Files::new());
    let address = broker.plain_address();
    let mut subscriber = raw::Client::connect(broker.plain);
    let mut publisher = raw::Client::connect(broker.plain);
    let mut number = 0;
    for format in [2, 3] {
        for mode in ["CBC", "CFB", "CFB, segment_bits: 8", "OFB", "CTR", "EAX", "GCM"] {
            for key_length in [128, 192, 256] {
                for compression in [None, Some("gzip"), Some("zstd"), Some("lz4")] {
                    number += 1;
                    let topic = format!("combination/{number}");
                    let padding = match (mode, format) {
                        ("CBC", 3) => ["pkcs7", "iso7816", "x923"][number % 3],
                        ("CBC", _) | ("OFB", 2) => "pkcs7",
                        ("CFB", 2) => "x923",
                        _ => "none",
                    };
                    let file = files.write(&format!(
                        "svc:
  {{type: mqtt, brokers: '{address}', topic: {topic}, consistency: AT_LEAST_ONCE, message_format: {format}, data_encryption: true,
    data_compression: {}, compression: {{algorithm: {}}},
    crypto: {{algorithm: AES, mode: {mode}, key_length: {key_length}, padding: {padding}, password: passw0rd,
    key_derivation: {{iteration: 1000}}}}}}",
                        compression.is_some(),
                        compression.unwrap_or("gzip"),
                    ));
                    let (reader, writer) = (reader(&file), writer(&file));
                    subscriber.subscribe(&topic);
                    let value = b"the quick brown fox jumps over the lazy dog".repeat(number % 4);
                    writer.write_at(&value, 42).expect("write");
                    let message = next(&reader);
                    assert!(message.value() == &value && message.timestamp_us() == 42, "{topic}");
                    let wire = subscriber.next().payload;
                    if matches!(mode, "EAX" | "GCM") {
                        let at = (number * 7919) % wire.len();
                        let mut changed = wire.to_vec();
                        changed[at] ^= 1 << (number % 8);
                        publisher.publish(&topic, &changed);
                        subscriber.next();
                        let result = reader.read();
                        assert!(matches!(result, Err(Error::InvalidMessage(_))), "{topic}, byte {at}: {result:?}");
                    }
                }
            }
        }
    }
}

#[test]
fn writers_of_many_threads_share_one_key_and_no_initialisation_vector_comes_twice() {
    let (broker, files) = (Broker::start(), Files::new());
    let mut subscriber = raw::Client::connect(broker.plain);
    subscriber.subscribe("t");
    let address = broker.plain_address();
    let writer = writer(&files.write(&format!(
        "svc: {{type: mqtt, brokers: '{address}', topic: t, data_encryption: true,
                crypto: {{algorithm: AES, mode: GCM, password: passw0rd}}}}"
    )));
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| (0..50).for_each(|_| writer.write(b"value").expect("write")));
        }
    });
    let mut vectors = std::collections::HashSet::new();
    let mut salts = std::collections::HashSet::new();
    for _ in 0..200 {
        let wire = subscriber.next().payload;
        assert_eq!(wire[..6], [0xDF, 3, 0, 0, 0, 1]);
        salts.insert(wire[6..14].to_vec());
        vectors.insert(wire[14..30].to_vec());
    }
    assert_eq!((salts.len(), vectors.len()), (1, 200));
}
