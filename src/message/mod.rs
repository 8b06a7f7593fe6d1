//! The way of a value to wire bytes and back: `compress` makes it smaller, `avro` wraps it in a record with its timestamp,
//! `cipher` encrypts the record with a key of `keys`, and `packet`, which joins these steps, puts SINETStream's header before
//! it. A `plugin` of the program can replace compression and cipher.

mod avro;
mod cipher;
mod compress;
mod keys;
mod packet;
mod padding;
mod plugin;

use bytes::Bytes;

use crate::config::{CompressionSettings, Settings};
use crate::error::{Error, Result};
use crate::mqtt::{MessageProperties, ValueSize, Will};
pub(crate) use packet::{Decoder, Encoder};
pub(crate) use plugin::Plugin;

/// A message in the form for the broker.
#[derive(Debug)]
pub(crate) struct Encoded {
    pub wire: Bytes,
    pub size: ValueSize,
}

/// A decoded message: the value's bytes and its timestamp in microseconds since 1970.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Decoded {
    pub timestamp_us: i64,
    pub payload: Bytes,
    pub size: ValueSize,
}

/// Compresses a value's bytes outside a message.
pub(crate) fn compress(settings: &CompressionSettings, value: &[u8]) -> Result<Vec<u8>> {
    let mut compressed = Vec::new();
    compress::Compressor::new(settings, None).compress(value, &mut compressed)?;
    Ok(compressed)
}

/// Decompresses them.
pub(crate) fn decompress(settings: &CompressionSettings, bytes: &[u8]) -> Result<Vec<u8>> {
    compress::Compressor::new(settings, None).decompress(bytes)
}

/// Returns the will in the form for the broker: a SINETStream message like any other, but without a time. The service's message
/// parameters do not apply to it.
pub(crate) fn will(settings: &Settings) -> Result<Option<Will>> {
    let Some(will) = &settings.will else { return Ok(None) };
    let encoded = Encoder::new(&will.message, &will.topic, None)?.encode(will.value.len(), 0, |place| {
        place.copy_from_slice(&will.value);
        Ok::<_, Error>(())
    })?;
    if encoded.wire.len() > usize::from(u16::MAX) {
        return Err(Error::InvalidConfiguration(format!(
            "parameter 'will.payload': a message of {} bytes, which a will can't carry",
            encoded.wire.len()
        )));
    }
    Ok(Some(Will {
        topic: will.topic.clone(),
        payload: encoded.wire,
        qos: will.qos,
        retain: will.retain,
        delay_interval: will.delay_interval,
        properties: will.properties.as_ref().map(MessageProperties::encode).unwrap_or_default(),
    }))
}
