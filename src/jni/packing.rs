//! Messages on their way to Java: the length of all records (u32), then the records, one after the other, big endian.
//!
//! A message: 0, number (i64), timestamp in microseconds (i64), QoS, flags (1 retain, 2 duplicate, 4 properties), topic and
//! payload with their lengths (u32); with the last flag the properties, a tree with its length. A message that can't be
//! decoded: 1, number, topic, error code (i32), text. A message for which the JVM lacks the memory, which is no fault of the
//! message: 2, number, topic, text.

use super::tree;
use crate::config::{Map, Value};
use crate::error::{Error, Result};
use crate::message::Decoded;
use crate::mqtt::{MessageProperties, Publish};

const LENGTH: usize = 4;

/// The wire bytes of messages that are taken for a batch.
pub(super) const BATCH: usize = 256 * 1024;

/// The bytes of records in a batch, unless it is one message: Java keeps an array of that size for the next ones
/// (`engine.Packed`). It is twice `BATCH`, so that only messages that grow by decoding reach this limit.
pub(super) const BUDGET: usize = 2 * BATCH - LENGTH;

/// The greatest length of a Java array in every JVM.
const MAX_ARRAY: usize = i32::MAX as usize - 8;

/// The records of a batch, in the array that Java gets.
pub(super) struct Records {
    bytes: Vec<u8>,
    /// The greatest length of the array.
    most: usize,
}

impl Records {
    /// Returns empty records with room for about this many bytes.
    pub fn with_room(bytes: usize) -> Records {
        Records::bounded(bytes, MAX_ARRAY)
    }

    fn bounded(room: usize, most: usize) -> Records {
        let mut bytes = Vec::with_capacity(LENGTH + room);
        bytes.extend_from_slice(&[0; LENGTH]);
        Records { bytes, most }
    }

    /// Returns the length of the records in bytes.
    pub fn len(&self) -> usize {
        self.bytes.len() - LENGTH
    }

    /// Removes the last records, down to this length.
    pub fn truncate(&mut self, len: usize) {
        self.bytes.truncate(LENGTH + len);
    }

    /// Returns the array, with the length of the records at its beginning.
    pub fn array(&mut self) -> &[u8] {
        let length = self.len() as u32;
        self.bytes[..LENGTH].copy_from_slice(&length.to_be_bytes());
        &self.bytes
    }

    /// Appends a message. It is an error if no array can hold it.
    pub fn message(&mut self, number: u64, publish: Option<&Publish>, decoded: &Decoded) -> Result<()> {
        let topic = publish.map_or(&b""[..], |publish| publish.topic.as_bytes());
        let properties = publish.and_then(|publish| MessageProperties::decode(&publish.properties));
        let properties = properties.map(|properties| tree::encode(&Value::Map(map(&properties))));
        let lengths = LENGTH + 1 + 8 + 8 + 1 + 1 + 4 + 4 + 4;
        let size = lengths + topic.len() + decoded.payload.len() + properties.as_ref().map_or(0, |bytes| bytes.len());
        if size > self.most {
            return Err(Error::InvalidMessage(format!(
                "the message has {} bytes when it is decoded, more than a Java array can hold ({})",
                decoded.payload.len(),
                self.most
            )));
        }
        let to = &mut self.bytes;
        to.reserve(size);
        to.push(0);
        to.extend_from_slice(&number.to_be_bytes());
        to.extend_from_slice(&decoded.timestamp_us.to_be_bytes());
        to.push(publish.map_or(0, |publish| publish.qos.qos()));
        let flags = publish.map_or(0, |publish| u8::from(publish.retain) | u8::from(publish.dup) << 1);
        to.push(flags | u8::from(properties.is_some()) << 2);
        bytes(to, topic);
        bytes(to, &decoded.payload);
        if let Some(properties) = properties {
            bytes(to, &properties);
        }
        Ok(())
    }

    /// Appends the failure of a message.
    pub fn failure(&mut self, number: u64, topic: &str, error: &Error) {
        let to = &mut self.bytes;
        to.push(1);
        to.extend_from_slice(&number.to_be_bytes());
        bytes(to, topic.as_bytes());
        to.extend_from_slice(&error.code().to_be_bytes());
        bytes(to, error.to_string().as_bytes());
    }

    /// Appends the failure of a message of this size, which an array could hold but this JVM's memory could not.
    pub fn no_memory(&mut self, number: u64, topic: &str, size: usize) {
        let to = &mut self.bytes;
        to.push(2);
        to.extend_from_slice(&number.to_be_bytes());
        bytes(to, topic.as_bytes());
        let text = format!("the message has {size} bytes when it is decoded, and the JVM has not the memory for it");
        bytes(to, text.as_bytes());
    }
}

/// Returns the properties that are set, under their names in the specification.
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

/// Appends bytes with their length, which never exceeds that of a Java array.
fn bytes(to: &mut Vec<u8>, bytes: &[u8]) {
    to.extend_from_slice(&(bytes.len() as u32).to_be_bytes());
    to.extend_from_slice(bytes);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mqtt::ValueSize;

    fn decoded(length: usize) -> Decoded {
        Decoded { timestamp_us: 0, payload: vec![7; length].into(), size: ValueSize::same(length) }
    }

    #[test]
    fn a_message_that_no_array_holds_is_refused_with_its_size_and_the_limit() {
        let mut records = Records::bounded(0, 1000);
        let most = (0..1000).rev().find(|length| {
            records.truncate(0);
            records.message(1, None, &decoded(*length)).is_ok()
        });
        assert!(records.array().len() <= 1000, "{}", records.array().len());
        let length = most.unwrap() + 1;
        records.truncate(0);
        let Err(Error::InvalidMessage(text)) = records.message(1, None, &decoded(length)) else {
            panic!("it is taken")
        };
        assert!(text.contains(&format!("{length} bytes")) && text.contains("(1000)"), "{text}");
        assert_eq!(records.len(), 0);
    }
}
