//! The published value: bytes, either bare or as a SINETStream message.

/// `DF 03 00 00` and key version 0 (not encrypted): message format 3.
const FORMAT_3: [u8; 6] = [0xDF, 3, 0, 0, 0, 0];
/// Avro's mark of a single object, and the fingerprint of SINETStream's schema (its time in microseconds, and the value).
const SCHEMA: [u8; 10] = [0xC3, 0x01, 0x1F, 0x9C, 0x0C, 0x91, 0xEB, 0x33, 0x66, 0x4F];
const TIME: u64 = 1_700_000_000_000_000;

/// Returns bytes that compress badly and are the same each time.
pub fn value(size: usize) -> Vec<u8> {
    let mut state = 1u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    (0..size).map(|_| next()).collect()
}

/// Returns the value in the form in which SINETStream's clients send it.
pub fn sinetstream(size: usize) -> Vec<u8> {
    let mut message = [&FORMAT_3[..], &SCHEMA].concat();
    put_long(&mut message, TIME);
    put_long(&mut message, size as u64);
    message.extend(value(size));
    message
}

/// Appends Avro's encoding of a number that is not negative.
fn put_long(to: &mut Vec<u8>, number: u64) {
    let mut rest = number << 1;
    while rest >= 128 {
        to.push(rest as u8 | 128);
        rest >>= 7;
    }
    to.push(rest as u8);
}
