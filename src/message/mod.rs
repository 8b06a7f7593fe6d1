//! A value's way to bytes on the wire and back: `avro` wraps it in a record with its timestamp, `packet` puts
//! SINETStream's header before it. Compression and encryption will stand between.

mod avro;
mod packet;

use bytes::Bytes;

use crate::config::Settings;
use crate::error::{Error, Result};
use crate::mqtt::{MessageProperties, Will};
pub(crate) use packet::{decode, encode_with};

/// A decoded message: the value's bytes and its timestamp in microseconds since 1970.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Decoded {
    pub timestamp_us: i64,
    pub payload: Bytes,
}

/// The will as it goes to the broker: a SINETStream message like any other, without a time.
pub(crate) fn will(settings: &Settings) -> Result<Option<Will>> {
    let Some(will) = &settings.will else { return Ok(None) };
    let payload = encode_with(will.message_format, will.value.len(), 0, |place| {
        place.copy_from_slice(&will.value);
        Ok::<_, Error>(())
    })?;
    Ok(Some(Will {
        topic: will.topic.clone(),
        payload,
        qos: will.qos,
        retain: will.retain,
        delay_interval: will.delay_interval,
        properties: will.properties.as_ref().map(MessageProperties::encode).unwrap_or_default(),
    }))
}
