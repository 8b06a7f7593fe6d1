//! A message in a segment file, little endian: length of the payload (u32), number (u64), time of its acceptance (i64, microseconds
//! since 1970), checksum of the payload (u32, CRC-32), checksum of what stands before (u32), payload.
//!
//! The head has a checksum of its own, so that whoever looks for the next record behind damage, at each byte, does not read what
//! may be megabytes at many of them: bytes of payloads often look like lengths and numbers, and do not have that checksum.

use bytes::{Buf, Bytes};

/// Bytes before the payload.
pub(super) const HEAD: usize = 28;
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
        let at = to.len();
        to.extend_from_slice(&(self.payload.len() as u32).to_le_bytes());
        to.extend_from_slice(&self.number.to_le_bytes());
        to.extend_from_slice(&self.time_us.to_le_bytes());
        to.extend_from_slice(&hash(&self.payload).to_le_bytes());
        let checksum = hash(&to[at..]);
        to.extend_from_slice(&checksum.to_le_bytes());
        to.extend_from_slice(&self.payload);
    }
}

/// The record that begins at this place, if one does. It can't have a number below `least`, nor one far above it.
pub(super) fn decode(bytes: &Bytes, at: usize, least: u64) -> Option<Record> {
    let (head, rest) = bytes[at..].split_at_checked(HEAD)?;
    let mut fields = head;
    let (length, number, time_us) = (fields.get_u32_le() as usize, fields.get_u64_le(), fields.get_i64_le());
    let (of_payload, of_head) = (fields.get_u32_le(), fields.get_u32_le());
    // Most bytes that are no record are found out here.
    if number.checked_sub(least)? > FURTHEST || number > LAST || length > rest.len() {
        return None;
    }
    let is_good = hash(&head[..HEAD - 4]) == of_head && hash(&rest[..length]) == of_payload;
    is_good.then(|| Record { number, time_us, payload: bytes.slice(at + HEAD..at + HEAD + length) })
}

fn hash(bytes: &[u8]) -> u32 {
    #[cfg(test)]
    HASHED.set(HASHED.get() + bytes.len());
    crc32fast::hash(bytes)
}

#[cfg(test)]
thread_local! {
    /// Bytes that this thread has read for checksums.
    pub(super) static HASHED: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
}
