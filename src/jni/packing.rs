//! Messages on their way to Java: records, one after the other, big endian.
//!
//! A message: 0, number (i64), timestamp in microseconds (i64), QoS, flags (1 retain, 2 duplicate), topic and payload
//! with their lengths (u32). One that can't be decoded: 1, number, topic, error code (i32), text.

use crate::error::Error;
use crate::message::Decoded;
use crate::mqtt::protocol::Publish;

/// Once a batch has this many bytes, the rest waits for the next one.
pub(super) const BATCH: usize = 256 * 1024;

pub(super) fn message(to: &mut Vec<u8>, number: u64, publish: Option<&Publish>, decoded: &Decoded) {
    to.push(0);
    to.extend_from_slice(&number.to_be_bytes());
    to.extend_from_slice(&decoded.timestamp_us.to_be_bytes());
    to.push(publish.map_or(0, |publish| publish.qos.qos()));
    to.push(publish.map_or(0, |publish| u8::from(publish.retain) | u8::from(publish.dup) << 1));
    bytes(to, publish.map_or(b"", |publish| publish.topic.as_bytes()));
    bytes(to, &decoded.payload);
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
