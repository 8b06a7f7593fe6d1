//! A message in a segment file, little endian: length of the body (u32), number (u64), time of its acceptance (i64,
//! microseconds since 1970), checksum of the body (u32, CRC-32), checksum of the fields before (u32), body.
//!
//! The body is the payload. In a message with its own heading, which the highest bit of the length announces, these precede it:
//! flags (u8, 1: retain), bytes of the topic (u16), topic, bytes of the properties (u32), properties. MQTT's messages are too
//! short for that bit, so records of earlier releases, which have no headings, are read as before.
//!
//! The head has its own checksum for the search behind damage, which looks for a record at each byte. Bytes of payloads often
//! look like lengths and numbers, and without that checksum each of these places could cost reading megabytes.

use std::sync::Arc;

use bytes::{Buf, Bytes};
use bytestring::ByteString;

use crate::mqtt::Heading;

/// The bytes before the body.
pub(super) const HEAD: usize = 28;
/// The furthest gap between two numbers. Numbers grow by one; damage may leave gaps, but never such a wide one.
const FURTHEST: u64 = 1 << 32;
/// The highest number, which no outbox reaches. A higher number on the disk is damage, and would leave none for later messages.
pub(super) const LAST: u64 = 1 << 62;
/// The flag in the length: the body begins with a heading.
const WITH_HEADING: u32 = 1 << 31;
/// The bytes of a heading besides its topic and its properties.
const AROUND_HEADING: usize = 7;
const RETAIN: u8 = 1;

/// A message that is stored until the broker has confirmed it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Record {
    pub number: u64,
    /// The time of acceptance, in microseconds since 1970.
    pub time_us: i64,
    /// The heading, if the message was written with options; otherwise the service's heading applies.
    pub heading: Option<Arc<Heading>>,
    /// The bytes on the wire, encrypted if the service encrypts.
    pub payload: Bytes,
}

impl Record {
    /// Returns the number of bytes in the file.
    pub fn size(&self) -> usize {
        HEAD + self.heading.as_deref().map_or(0, |heading| AROUND_HEADING + heading.size()) + self.payload.len()
    }

    pub fn encode(&self, to: &mut Vec<u8>) {
        to.reserve(self.size());
        let at = to.len();
        let heading = self.heading.as_deref().map(encode_heading).unwrap_or_default();
        let flag = if heading.is_empty() { 0 } else { WITH_HEADING };
        let length = (heading.len() + self.payload.len()) as u32;
        to.extend_from_slice(&(length | flag).to_le_bytes());
        to.extend_from_slice(&self.number.to_le_bytes());
        to.extend_from_slice(&self.time_us.to_le_bytes());
        to.extend_from_slice(&hash(&[&heading, &self.payload]).to_le_bytes());
        let checksum = hash(&[&to[at..]]);
        to.extend_from_slice(&checksum.to_le_bytes());
        to.extend_from_slice(&heading);
        to.extend_from_slice(&self.payload);
    }
}

/// Returns the record that begins at this place, if there is one. Its number is neither below `least` nor far above it.
pub(super) fn decode(bytes: &Bytes, at: usize, least: u64) -> Option<Record> {
    let (head, rest) = bytes[at..].split_at_checked(HEAD)?;
    let mut fields = head;
    let (length, number, time_us) = (fields.get_u32_le(), fields.get_u64_le(), fields.get_i64_le());
    let (has_heading, length) = (length & WITH_HEADING != 0, (length & !WITH_HEADING) as usize);
    let (of_body, of_head) = (fields.get_u32_le(), fields.get_u32_le());
    // This check rejects most bytes that are no record.
    if number.checked_sub(least)? > FURTHEST || number > LAST || length > rest.len() {
        return None;
    }
    let is_good = hash(&[&head[..HEAD - 4]]) == of_head && hash(&[&rest[..length]]) == of_body;
    let mut payload = is_good.then(|| bytes.slice(at + HEAD..at + HEAD + length))?;
    let heading = if has_heading { Some(Arc::new(decode_heading(&mut payload)?)) } else { None };
    Some(Record { number, time_us, heading, payload })
}

fn encode_heading(Heading { topic, retain, properties }: &Heading) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(AROUND_HEADING + topic.len() + properties.len());
    bytes.push(if *retain { RETAIN } else { 0 });
    bytes.extend_from_slice(&(topic.len() as u16).to_le_bytes());
    bytes.extend_from_slice(topic.as_bytes());
    bytes.extend_from_slice(&(properties.len() as u32).to_le_bytes());
    bytes.extend_from_slice(properties);
    bytes
}

/// Removes the heading from a body, and returns it.
fn decode_heading(body: &mut Bytes) -> Option<Heading> {
    let flags = body.try_get_u8().ok().filter(|flags| *flags <= RETAIN)?;
    let length = body.try_get_u16_le().ok()?.into();
    let topic = ByteString::try_from(take(body, length)?).ok()?;
    let length = body.try_get_u32_le().ok()? as usize;
    Some(Heading { topic, retain: flags == RETAIN, properties: take(body, length)? })
}

fn take(from: &mut Bytes, length: usize) -> Option<Bytes> {
    (length <= from.len()).then(|| from.split_to(length))
}

/// Returns the checksum of these parts, one after the other.
fn hash(parts: &[&[u8]]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    for part in parts {
        #[cfg(test)]
        HASHED.set(HASHED.get() + part.len());
        hasher.update(part);
    }
    hasher.finalize()
}

#[cfg(test)]
thread_local! {
    /// The number of bytes that this thread has read for checksums.
    pub(super) static HASHED: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
}
