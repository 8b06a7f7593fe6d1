//! The Avro record: single-object encoding (Avro 1.11 specification, "Single object encoding") of the record
//! `jp.ad.sinet.stream.message` with the fields `tstamp` (long, microseconds) and `msg` (bytes).

use crate::error::{Error, Result};

/// `C3 01` and the CRC-64-AVRO fingerprint of the schema, little endian.
pub(super) const HEADER: [u8; 10] = [0xC3, 0x01, 0x1F, 0x9C, 0x0C, 0x91, 0xEB, 0x33, 0x66, 0x4F];

/// The greatest length of an Avro long in bytes.
const MAX_LONG: usize = 10;

/// Appends an Avro long: zig-zag, then seven bits a byte, the lowest first.
fn put_long(to: &mut Vec<u8>, value: i64) {
    let mut rest = ((value << 1) ^ (value >> 63)) as u64;
    while rest >= 0x80 {
        to.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    to.push(rest as u8);
}

/// Appends the bytes that precede a value of `length` bytes.
pub(super) fn put_head(to: &mut Vec<u8>, timestamp_us: i64, length: usize) {
    to.extend_from_slice(&HEADER);
    put_long(to, timestamp_us);
    put_long(to, length as i64);
}

/// Returns how many bytes [`put_head`] writes.
pub(super) fn head_length(timestamp_us: i64, length: usize) -> usize {
    HEADER.len() + long_length(timestamp_us) + long_length(length as i64)
}

/// Returns how many bytes [`put_long`] writes.
fn long_length(value: i64) -> usize {
    let zigzag = (value << 1 ^ value >> 63) as u64;
    (64 - (zigzag | 1).leading_zeros() as usize).div_ceil(7)
}

/// Reads an Avro long; returns it with the bytes after it.
fn get_long(bytes: &[u8]) -> Option<(i64, &[u8])> {
    let mut value: u64 = 0;
    for (index, byte) in bytes.iter().take(MAX_LONG).enumerate() {
        let bits = u64::from(byte & 0x7F);
        // The tenth byte has room for one bit of the 64.
        if index == MAX_LONG - 1 && bits > 1 {
            return None;
        }
        value |= bits << (7 * index);
        if byte & 0x80 == 0 {
            return Some(((value >> 1) as i64 ^ -((value & 1) as i64), &bytes[index + 1..]));
        }
    }
    None
}

/// Returns the timestamp, and the place of the payload in `bytes`. Bytes after the record are ignored.
pub(super) fn decode(bytes: &[u8]) -> Result<(i64, std::ops::Range<usize>)> {
    let invalid = |what: &str| Error::InvalidMessage(format!("not a SINETStream message: {what}"));
    let Some(rest) = bytes.strip_prefix(&HEADER[..]) else {
        return Err(invalid("the Avro header is missing (another format, or an encrypted message)"));
    };
    let (timestamp_us, rest) = get_long(rest).ok_or_else(|| invalid("the timestamp is damaged"))?;
    let (length, rest) = get_long(rest).ok_or_else(|| invalid("the length is damaged"))?;
    match usize::try_from(length) {
        Ok(length) if length <= rest.len() => {
            let start = bytes.len() - rest.len();
            Ok((timestamp_us, start..start + length))
        }
        _ => Err(invalid(&format!("{length} bytes are announced, {} are there", rest.len()))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn longs_round_trip(value: i64) {
            let mut bytes = Vec::new();
            put_long(&mut bytes, value);
            prop_assert_eq!(get_long(&bytes), Some((value, &[][..])));
            prop_assert_eq!(long_length(value), bytes.len());
        }

        #[test]
        fn any_bytes_are_a_record_or_an_error(bytes: Vec<u8>) {
            let _ = decode(&bytes);
            let with_header = [&HEADER[..], &bytes].concat();
            if let Ok((_, range)) = decode(&with_header) {
                prop_assert!(range.end <= with_header.len());
            }
        }
    }
}
