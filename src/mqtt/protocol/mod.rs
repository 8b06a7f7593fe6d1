//! MQTT control packets: bytes to [`Packet`] and back, for the versions 3.1, 3.1.1 and 5. The rest of the engine does not deal
//! with bytes.
//!
//! `v4` reads what brokers send under 3.1 and 3.1.1, `v5` what they send under 5, and `reason` gives the meaning of their
//! codes. The packets that this client sends are written here where the versions agree, and in `v4` and `v5` where they differ.

mod properties;
mod reason;
#[cfg(test)]
mod testing;
mod v4;
mod v5;

use std::collections::HashMap;

use bytes::{BufMut, Bytes, BytesMut};
use bytestring::ByteString;
use zeroize::Zeroizing;

use crate::config::{ConnectProperties, Consistency, Credentials, Version};
pub(crate) use crate::terms::MessageProperties;
pub(crate) use reason::{Reason, connack_text};
pub(crate) use v5::MAX_PROPERTIES;

/// The largest "remaining length" that the fixed header can announce (MQTT 3.1.1, section 2.2.3).
pub(crate) const MAX_REMAINING_LENGTH: usize = 268_435_455;

const PUBLISH: u8 = 3;
/// The largest packet that is accepted besides PUBLISH. None needs more, and a broker could otherwise fill our memory unasked.
const MAX_OTHER_PACKET: usize = 256 * 1024;
/// The most bytes that the topics behind aliases may take.
const MAX_ALIAS_BYTES: usize = 16 * 1024 * 1024;

/// A packet from the broker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Packet {
    Connack(Box<Connack>),
    Publish(Publish),
    Puback(u16, Reason),
    Pubrec(u16, Reason),
    Pubrel(u16, Reason),
    Pubcomp(u16, Reason),
    /// One reason code per topic filter, and the broker's own words.
    Suback(u16, Vec<u8>, Option<String>),
    Pingresp,
    /// DISCONNECT of MQTT 5.
    Disconnect(Reason),
    /// AUTH of MQTT 5.
    Auth,
}

/// The broker's answer to CONNECT.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Connack {
    pub session_present: bool,
    pub reason: Reason,
    pub limits: Limits,
}

/// The broker's limits and other statements about itself (MQTT 5, section 3.2.2.3).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Limits {
    /// The number of QoS 1 and 2 publishes that it accepts before it has acknowledged them.
    pub receive_maximum: Option<u16>,
    /// The largest whole packet in bytes.
    pub maximum_packet_size: Option<usize>,
    pub maximum_qos: Option<u8>,
    pub no_retain: bool,
    pub no_wildcards: bool,
    pub no_shared: bool,
    pub server_keep_alive_s: Option<u16>,
    pub assigned_client_id: Option<String>,
    pub response_information: Option<String>,
}

/// A publish, in either direction.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Publish {
    pub topic: ByteString,
    pub payload: Bytes,
    pub qos: Consistency,
    pub retain: bool,
    pub dup: bool,
    /// The packet identifier; 0 at QoS 0.
    pub packet_id: u16,
    /// The properties as a block of bytes, see [`MessageProperties::decode`]; MQTT 5 only.
    pub properties: Bytes,
}

impl std::fmt::Debug for Publish {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Publish({:?}, id {}, {} bytes)", self.qos, self.packet_id, self.payload.len())
    }
}

impl MessageProperties {
    /// Encodes the properties as the block of bytes for a packet.
    pub(crate) fn encode(&self) -> Bytes {
        v5::encode_message_properties(self)
    }

    /// Decodes a packet's block; `None` when it says nothing.
    pub(crate) fn decode(block: &Bytes) -> Option<MessageProperties> {
        v5::message_properties(block)
    }
}

/// The content of a CONNECT.
#[derive(Debug, Clone)]
pub(crate) struct Connect {
    pub version: Version,
    pub client_id: String,
    /// The clean session flag, which is clean start in MQTT 5.
    pub clean: bool,
    pub keep_alive_s: u16,
    pub credentials: Option<Credentials>,
    pub will: Option<Will>,
    /// The properties of MQTT 5.
    pub properties: ConnectProperties,
}

/// The message that the broker publishes when this client is lost.
#[derive(Clone)]
pub(crate) struct Will {
    pub topic: String,
    pub payload: Bytes,
    pub qos: Consistency,
    pub retain: bool,
    /// The delay in seconds; MQTT 5 only.
    pub delay_interval: Option<u32>,
    /// The properties, as those of a [`Publish`].
    pub properties: Bytes,
}

impl std::fmt::Debug for Will {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Will({:?}, {} bytes)", self.topic, self.payload.len())
    }
}

/// The error for a packet of the broker that MQTT does not allow.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("protocol error: {0}")]
pub(crate) struct ProtocolError(pub String);

/// Reads a connection's packets.
pub(crate) struct Decoder {
    version: Version,
    /// The largest whole packet in bytes.
    maximum_packet_size: usize,
    topic_alias_maximum: u16,
    /// The topics by their aliases, which live as long as the connection (MQTT 5, section 3.3.2.3.4).
    topic_aliases: HashMap<u16, ByteString>,
    /// The bytes of those topics.
    alias_bytes: usize,
}

impl Decoder {
    /// Creates a decoder for a connection that was requested with this CONNECT.
    pub fn new(connect: &Connect) -> Decoder {
        Decoder {
            version: connect.version,
            maximum_packet_size: connect.properties.maximum_packet_size.map_or(usize::MAX, |bytes| bytes as usize),
            topic_alias_maximum: connect.properties.topic_alias_maximum.unwrap_or(0),
            topic_aliases: HashMap::new(),
            alias_bytes: 0,
        }
    }

    /// Takes the next whole packet out of `input`, or returns `None` when there is none yet.
    pub fn decode(&mut self, input: &mut BytesMut) -> Result<Option<Packet>, ProtocolError> {
        let Some((header_length, remaining)) = frame(input)? else { return Ok(None) };
        if self.version != Version::V5 {
            v4::check_fixed_header(input[0], remaining)?;
        } else {
            v5::check_fixed_header(input[0], remaining)?;
        }
        let length = header_length + remaining;
        if input[0] >> 4 != PUBLISH && length > MAX_OTHER_PACKET {
            return Err(ProtocolError(format!("a packet of type {} and {length} bytes", input[0] >> 4)));
        }
        if length > self.maximum_packet_size {
            let maximum = self.maximum_packet_size;
            return Err(ProtocolError(format!(
                "a packet of {length} bytes, although at most {maximum} were announced"
            )));
        }
        if input.len() < length {
            return Ok(None);
        }
        let first = input[0];
        if self.version != Version::V5 {
            return match first >> 4 {
                PUBLISH => v4::publish(first, input.split_to(length).freeze().slice(header_length..)).map(Some),
                _ => v4::decode(input, header_length, remaining).map(Some),
            };
        }
        let body = input.split_to(length).freeze().slice(header_length..);
        let (mut packet, alias) = v5::decode(first, body)?;
        if let Packet::Publish(publish) = &mut packet {
            self.resolve(publish, alias)?;
            check_topic(&publish.topic)?;
        }
        Ok(Some(packet))
    }

    fn resolve(&mut self, publish: &mut Publish, alias: Option<u16>) -> Result<(), ProtocolError> {
        let Some(alias) = alias else { return Ok(()) };
        if alias > self.topic_alias_maximum {
            return Err(ProtocolError(format!(
                "topic alias {alias}, where {} is the highest",
                self.topic_alias_maximum
            )));
        }
        if !publish.topic.is_empty() {
            self.alias_bytes += publish.topic.len();
            // The topic is copied, since it is a part of its packet and would keep all of the packet in memory.
            let before = self.topic_aliases.insert(alias, ByteString::from(&*publish.topic));
            self.alias_bytes -= before.map_or(0, |topic| topic.len());
            return match self.alias_bytes > MAX_ALIAS_BYTES {
                true => Err(ProtocolError("topic aliases for too many long topics".into())),
                false => Ok(()),
            };
        }
        let known = self.topic_aliases.get(&alias);
        publish.topic = known.ok_or_else(|| ProtocolError(format!("topic alias {alias} is not known")))?.clone();
        Ok(())
    }
}

fn check_topic(topic: &str) -> Result<(), ProtocolError> {
    if topic.is_empty() || topic.contains(['\0', '+', '#']) {
        return Err(ProtocolError("PUBLISH with an invalid topic".into()));
    }
    Ok(())
}

/// Returns how many bytes of `input` are whole packets, as far as their lengths can be read.
pub(crate) fn whole_packets(input: &[u8]) -> usize {
    let mut end = 0;
    while let Ok(Some((header_length, remaining))) = frame(&input[end..]) {
        match input.len() - end {
            rest if rest < header_length + remaining => break,
            _ => end += header_length + remaining,
        }
    }
    end
}

/// Returns how many bytes the packet at the start of `input` still lacks, which is used to size the next read.
pub(crate) fn missing(input: &BytesMut) -> usize {
    match frame(input) {
        Ok(Some((header_length, remaining))) => (header_length + remaining).saturating_sub(input.len()),
        _ => 0,
    }
}

/// Returns the lengths of the fixed header and of what follows it (MQTT 3.1.1, section 2.2.3).
fn frame(input: &[u8]) -> Result<Option<(usize, usize)>, ProtocolError> {
    let mut remaining = 0;
    for (index, byte) in input.iter().skip(1).take(4).enumerate() {
        remaining |= usize::from(byte & 0x7F) << (7 * index);
        if byte & 0x80 == 0 {
            return Ok(Some((index + 2, remaining)));
        }
    }
    match input.len() {
        0..=4 => Ok(None),
        _ => Err(ProtocolError("the length of a packet from the broker takes more than four bytes".into())),
    }
}

/// Encodes a CONNECT (section 3.1 of each version). An empty user name is sent as such; the broker decides. The packet contains
/// the login. Secrets are put behind everything else, so that a growing buffer leaves no copy of them behind.
pub(crate) fn connect(connect: &Connect) -> Zeroizing<Vec<u8>> {
    let mut flags = u8::from(connect.clean) << 1;
    let mut payload = Zeroizing::new(Vec::new());
    put_string(&mut *payload, connect.client_id.as_bytes());
    if let Some(will) = &connect.will {
        flags |= 0x04 | will.qos.qos() << 3 | u8::from(will.retain) << 5;
        if connect.version == Version::V5 {
            v5::will_properties(will, &mut *payload);
        }
        put_string(&mut *payload, will.topic.as_bytes());
        put_string(&mut *payload, &will.payload);
    }
    if let Some(credentials) = &connect.credentials {
        if let Some(username) = &credentials.username {
            flags |= 0x80;
            put_string(&mut *payload, username.as_bytes());
        }
        if let Some(password) = &credentials.password {
            flags |= 0x40;
            put_string(&mut *payload, password.bytes());
        }
    }
    let (name, level): (&[u8], u8) = match connect.version {
        Version::V31 => (b"MQIsdp", 3),
        Version::V311 => (b"MQTT", 4),
        Version::V5 => (b"MQTT", 5),
    };
    let mut head = Zeroizing::new(Vec::new());
    put_string(&mut *head, name);
    head.put_slice(&[level, flags]);
    head.put_u16(connect.keep_alive_s);
    if connect.version == Version::V5 {
        v5::connect_properties(connect, &mut *head);
    }
    let remaining = head.len() + payload.len();
    let mut packet = Zeroizing::new(Vec::with_capacity(5 + remaining));
    packet.put_u8(0x10);
    put_remaining_length(&mut *packet, remaining);
    packet.put_slice(&head);
    packet.put_slice(&payload);
    packet
}

/// Writes everything of a PUBLISH before its payload (section 3.3). The topic is checked when the writer is opened.
pub(crate) fn publish_head(version: Version, publish: &Publish, to: &mut BytesMut) {
    to.put_u8(0x30 | u8::from(publish.dup) << 3 | publish.qos.qos() << 1 | u8::from(publish.retain));
    put_remaining_length(to, publish_length(version, publish));
    put_string(to, publish.topic.as_bytes());
    if publish.qos != Consistency::AtMostOnce {
        to.put_u16(publish.packet_id);
    }
    if version == Version::V5 {
        put_remaining_length(to, publish.properties.len());
        to.put_slice(&publish.properties);
    }
}

/// Returns the remaining length of a PUBLISH.
fn publish_length(version: Version, publish: &Publish) -> usize {
    let id_length = if publish.qos == Consistency::AtMostOnce { 0 } else { 2 };
    2 + publish.topic.len() + id_length + properties_length(version, &publish.properties) + publish.payload.len()
}

fn properties_length(version: Version, properties: &[u8]) -> usize {
    match version {
        Version::V5 => length_bytes(properties.len()) + properties.len(),
        Version::V31 | Version::V311 => 0,
    }
}

/// Returns how many bytes encode this length.
fn length_bytes(length: usize) -> usize {
    match length {
        0..=0x7F => 1,
        0x80..=0x3FFF => 2,
        0x4000..=0x1F_FFFF => 3,
        _ => 4,
    }
}

/// Returns the number of bytes of the whole packet.
pub(crate) fn publish_packet_size(version: Version, publish: &Publish) -> usize {
    let remaining = publish_length(version, publish);
    1 + length_bytes(remaining) + remaining
}

/// Returns the largest payload that is possible beside this topic and these properties.
pub(crate) fn max_payload(version: Version, topic: &str, properties: &[u8]) -> usize {
    (MAX_REMAINING_LENGTH - 4 - topic.len()).saturating_sub(properties_length(version, properties))
}

pub(crate) fn puback(id: u16, to: &mut BytesMut) {
    acknowledgement(0x40, id, to);
}

pub(crate) fn pubrec(id: u16, to: &mut BytesMut) {
    acknowledgement(0x50, id, to);
}

pub(crate) fn pubrel(id: u16, to: &mut BytesMut) {
    acknowledgement(0x62, id, to);
}

pub(crate) fn pubcomp(id: u16, to: &mut BytesMut) {
    acknowledgement(0x70, id, to);
}

/// Writes an acknowledgement. In MQTT 5 this form means "success", too.
fn acknowledgement(first: u8, id: u16, to: &mut BytesMut) {
    to.put_slice(&[first, 2]);
    to.put_u16(id);
}

/// Writes a SUBSCRIBE (section 3.8).
pub(crate) fn subscribe(version: Version, id: u16, filters: &[String], qos: Consistency, to: &mut BytesMut) {
    if version == Version::V5 {
        v5::subscribe(id, filters, qos, to);
    } else {
        v4::subscribe(id, filters, qos, to);
    }
}

pub(crate) fn pingreq(to: &mut BytesMut) {
    to.put_slice(&[0xC0, 0]);
}

pub(crate) fn disconnect(to: &mut BytesMut) {
    to.put_slice(&[0xE0, 0]);
}

/// Writes a string. The configuration refuses lengths above 65,535.
fn put_string(to: &mut impl BufMut, bytes: &[u8]) {
    to.put_u16(bytes.len() as u16);
    to.put_slice(bytes);
}

fn put_remaining_length(to: &mut impl BufMut, mut length: usize) {
    while length >= 0x80 {
        to.put_u8(length as u8 | 0x80);
        length >>= 7;
    }
    to.put_u8(length as u8);
}
