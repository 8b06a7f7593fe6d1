//! Helpers that the tests of all versions share.

use bytes::BytesMut;

use super::{Connect, Decoder, Packet, ProtocolError};
use crate::config::{ConnectProperties, Version};

/// Returns a CONNECT without anything that could be left out.
pub(super) fn connect_packet(version: Version) -> Connect {
    Connect {
        version,
        client_id: "ab".into(),
        clean: true,
        keep_alive_s: 60,
        credentials: None,
        will: None,
        properties: ConnectProperties::default(),
    }
}

pub(super) fn decode_with(decoder: &mut Decoder, bytes: &[u8]) -> Result<Vec<Packet>, ProtocolError> {
    let mut input = BytesMut::from(bytes);
    let mut packets = Vec::new();
    while let Some(packet) = decoder.decode(&mut input)? {
        packets.push(packet);
    }
    Ok(packets)
}
