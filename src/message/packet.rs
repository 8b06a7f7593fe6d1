//! SINETStream's packet header, message formats 2 and 3.

use bytes::Bytes;

use super::{Decoded, avro};
use crate::config::MessageFormat;
use crate::error::{Error, Result};

/// Marker of format 3; the key version follows in two bytes, big endian. Key version 0 is "not encrypted".
const MARKER_V3: [u8; 4] = [0xDF, 0x03, 0x00, 0x00];
const HEADER_V3: usize = 6;

/// The bytes on the wire for a value of `length` bytes, which `fill` writes into its place, so that it is copied once.
pub(crate) fn encode_with<E>(
    format: MessageFormat,
    length: usize,
    timestamp_us: i64,
    fill: impl FnOnce(&mut [u8]) -> std::result::Result<(), E>,
) -> std::result::Result<Bytes, E> {
    let mut wire = head(format, length, timestamp_us);
    let start = wire.len();
    wire.resize(start + length, 0);
    fill(&mut wire[start..])?;
    Ok(Bytes::from(wire))
}

fn head(format: MessageFormat, length: usize, timestamp_us: i64) -> Vec<u8> {
    let header = if format == MessageFormat::V3 { HEADER_V3 } else { 0 };
    let record = avro::HEADER.len() + avro::long_length(timestamp_us) + avro::long_length(length as i64);
    // Exactly: to share a vector that has room left costs another allocation.
    let mut wire = Vec::with_capacity(header + record + length);
    if format == MessageFormat::V3 {
        wire.extend_from_slice(&MARKER_V3);
        wire.extend_from_slice(&[0, 0]);
    }
    wire.extend_from_slice(&avro::HEADER);
    avro::put_long(&mut wire, timestamp_us);
    avro::put_long(&mut wire, length as i64);
    wire
}

/// Decodes bytes from the wire. A reader of format 3 reads format 2 as well; one of format 2 knows no header.
pub(crate) fn decode(format: MessageFormat, wire: &Bytes) -> Result<Decoded> {
    let body = match format {
        MessageFormat::V3 if wire.starts_with(&MARKER_V3) && wire.len() >= HEADER_V3 => {
            match u16::from_be_bytes([wire[4], wire[5]]) {
                0 => wire.slice(HEADER_V3..),
                version => {
                    return Err(Error::InvalidMessage(format!(
                        "the message is encrypted (key version {version}), but this reader does not decrypt"
                    )));
                }
            }
        }
        _ => wire.clone(),
    };
    let (timestamp_us, payload) = avro::decode(&body)?;
    Ok(Decoded { timestamp_us, payload: body.slice(payload) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn encode(format: MessageFormat, value: &[u8], timestamp_us: i64) -> Bytes {
        let fill = |place: &mut [u8]| {
            place.copy_from_slice(value);
            Ok::<_, ()>(())
        };
        encode_with(format, value.len(), timestamp_us, fill).unwrap()
    }

    proptest! {
        #[test]
        fn values_round_trip(value: Vec<u8>, timestamp_us: i64, v3: bool) {
            let format = if v3 { MessageFormat::V3 } else { MessageFormat::V2 };
            let wire = encode(format, &value, timestamp_us);
            let decoded = decode(format, &wire);
            prop_assert_eq!(decoded, Ok(Decoded { timestamp_us, payload: value.into() }));
        }

        #[test]
        fn a_damaged_message_is_an_error_or_a_message(value: Vec<u8>, cut: prop::sample::Index, flip: prop::sample::Index) {
            let mut wire = encode(MessageFormat::V3, &value, 1).to_vec();
            let at = flip.index(wire.len());
            wire[at] ^= 0xFF;
            wire.truncate(cut.index(wire.len() + 1));
            let _ = decode(MessageFormat::V3, &wire.into());
        }
    }
}
