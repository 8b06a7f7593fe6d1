//! Messages on their way to Java: the length of all records (u32), then the records, one after the other, big endian.
//!
//! A message: 0, number (i64), timestamp in microseconds (i64), QoS, flags (1 retain, 2 duplicate, 4 properties), topic
//! and payload with their lengths (u32); with the last flag the properties, a tree with its length. One that can't be
//! decoded: 1, number, topic, error code (i32), text.

use super::tree;
use crate::config::{Map, Value};
use crate::error::Error;
use crate::message::Decoded;
use crate::mqtt::{MessageProperties, Publish};

const LENGTH: usize = 4;

/// Once a batch has this many bytes, the rest waits for the next one.
pub(super) const BATCH: usize = 256 * 1024;

/// An array of the records that `fill` appends, about so many bytes.
pub(super) fn records(size: usize, fill: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut packed = Vec::with_capacity(LENGTH + size);
    packed.extend_from_slice(&[0; LENGTH]);
    fill(&mut packed);
    let length = (packed.len() - LENGTH) as u32;
    packed[..LENGTH].copy_from_slice(&length.to_be_bytes());
    packed
}

pub(super) fn message(to: &mut Vec<u8>, number: u64, publish: Option<&Publish>, decoded: &Decoded) {
    to.push(0);
    to.extend_from_slice(&number.to_be_bytes());
    to.extend_from_slice(&decoded.timestamp_us.to_be_bytes());
    to.push(publish.map_or(0, |publish| publish.qos.qos()));
    let properties = publish.and_then(|publish| MessageProperties::decode(&publish.properties));
    let flags = publish.map_or(0, |publish| u8::from(publish.retain) | u8::from(publish.dup) << 1);
    to.push(flags | u8::from(properties.is_some()) << 2);
    bytes(to, publish.map_or(b"", |publish| publish.topic.as_bytes()));
    bytes(to, &decoded.payload);
    if let Some(properties) = properties {
        bytes(to, &tree::encode(&Value::Map(map(&properties))));
    }
}

/// The properties that are there, under their names in the specification.
fn map(properties: &MessageProperties) -> Map {
    let number = |number: Option<u32>| number.map(|number| Value::Int(number.into()));
    let text = |text: &Option<String>| text.as_deref().map(Value::from);
    let pairs = &properties.user_properties;
    let pairs = (!pairs.is_empty())
        .then(|| pairs.iter().map(|(name, value)| vec![name.as_str(), value.as_str()]).collect::<Vec<_>>());
    let identifiers = &properties.subscription_identifiers;
    let identifiers =
        (!identifiers.is_empty()).then(|| identifiers.iter().map(|id| Value::Int((*id).into())).collect::<Vec<_>>());
    [
        ("payload_format_indicator", number(properties.payload_format_indicator.map(u32::from))),
        ("message_expiry_interval", number(properties.message_expiry_interval)),
        ("content_type", text(&properties.content_type)),
        ("response_topic", text(&properties.response_topic)),
        ("correlation_data", properties.correlation_data.as_deref().map(Value::from)),
        ("user_properties", pairs.map(Value::from)),
        ("subscription_identifiers", identifiers.map(Value::List)),
    ]
    .into_iter()
    .filter_map(|(name, value)| Some((name, value?)))
    .collect()
}

pub(super) fn failure(to: &mut Vec<u8>, number: u64, topic: &str, error: &Error) {
    to.push(1);
    to.extend_from_slice(&number.to_be_bytes());
    bytes(to, topic.as_bytes());
    to.extend_from_slice(&error.code().to_be_bytes());
    bytes(to, error.to_string().as_bytes());
}

/// An MQTT packet, and so every part of it, is smaller than 4 GiB.
fn bytes(to: &mut Vec<u8>, bytes: &[u8]) {
    to.extend_from_slice(&(bytes.len() as u32).to_be_bytes());
    to.extend_from_slice(bytes);
}
