//! A value's way to bytes on the wire and back: `avro` wraps it in a record with its timestamp, `packet` puts
//! SINETStream's header before it. Compression and encryption will stand between.

mod avro;
mod packet;

use bytes::Bytes;

pub(crate) use packet::{decode, encode_with};

/// A decoded message: the value's bytes and its timestamp in microseconds since 1970.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Decoded {
    pub timestamp_us: i64,
    pub payload: Bytes,
}
