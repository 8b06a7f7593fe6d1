//! A message in a segment file, little endian: length of the payload (u32), checksum of all that follows (u32, CRC-32), number
//! (u64), time of its acceptance (i64, microseconds since 1970), payload.

use bytes::{Buf, Bytes};

/// Bytes before the payload.
pub(super) const HEAD: usize = 24;
/// Numbers grow by one. After damage some are missing, but never so many.
const FURTHEST: u64 = 1 << 32;
/// No outbox gets that far. A larger number on the disk is damage, and leaves none for what comes after it.
pub(super) const LAST: u64 = 1 << 62;

/// A message that is kept until the broker has confirmed it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Record {
    pub number: u64,
    /// When it was accepted, in microseconds since 1970.
    pub time_us: i64,
    /// The bytes on the wire, encrypted if the service encrypts.
    pub payload: Bytes,
}

impl Record {
    /// Bytes in the file.
    pub fn size(&self) -> usize {
        HEAD + self.payload.len()
    }

    pub fn encode(&self, to: &mut Vec<u8>) {
        to.reserve(self.size());
        to.extend_from_slice(&(self.payload.len() as u32).to_le_bytes());
        let at = to.len();
        to.extend_from_slice(&[0; 4]);
        to.extend_from_slice(&self.number.to_le_bytes());
        to.extend_from_slice(&self.time_us.to_le_bytes());
        to.extend_from_slice(&self.payload);
        let checksum = checksum(self.payload.len() as u32, &to[at + 4..]);
        to[at..at + 4].copy_from_slice(&checksum.to_le_bytes());
    }
}

/// The record that begins at this place, if one does. It can't have a number below `least`, nor one far above it.
pub(super) fn decode(bytes: &Bytes, at: usize, least: u64) -> Option<Record> {
    let (head, rest) = bytes[at..].split_at_checked(HEAD)?;
    let (mut fields, mut checked) = (head, &head[8..]);
    let (length, expected) = (fields.get_u32_le(), fields.get_u32_le());
    let (number, time_us) = (checked.get_u64_le(), checked.get_i64_le());
    // Most bytes that are no record are found out here.
    if number.checked_sub(least)? > FURTHEST || number > LAST || length as usize > rest.len() {
        return None;
    }
    let end = at + HEAD + length as usize;
    let payload = bytes.slice(at + HEAD..end);
    (checksum(length, &bytes[at + 8..end]) == expected).then_some(Record { number, time_us, payload })
}

fn checksum(length: u32, rest: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&length.to_le_bytes());
    hasher.update(rest);
    hasher.finalize()
}
