//! MQTT 3.1.1 on rumqttc's codec, behind the checks that the codec leaves out. CONNECT, CONNACK and the outgoing
//! PUBLISH are ours: the codec drops an empty user name, knows only five refusals, and is slow at large payloads.

use bytes::{Buf, BufMut, BytesMut};
use rumqttc::mqttbytes::QoS;
use rumqttc::mqttbytes::v4::{self, Packet as Codec};

use super::{Connect, MAX_REMAINING_LENGTH, Packet, ProtocolError, Publish};
use crate::config::Consistency;

/// Takes the next whole packet out of `input`; `None` when there is none yet.
pub(crate) fn decode(input: &mut BytesMut) -> Result<Option<Packet>, ProtocolError> {
    let Some((header_length, remaining)) = frame(input)? else { return Ok(None) };
    if input.len() < header_length + remaining {
        return Ok(None);
    }
    check_fixed_header(input[0], remaining)?;
    if input[0] >> 4 == CONNACK {
        return connack(input.split_to(header_length + remaining).split_off(header_length)).map(Some);
    }
    let packet = Codec::read(input, MAX_REMAINING_LENGTH)
        .map_err(|e| ProtocolError(format!("malformed packet from the broker: {e}")))?;
    neutral(packet).map(Some)
}

/// How many bytes the packet at the start of `input` still lacks; used to size the next read.
pub(crate) fn missing(input: &BytesMut) -> usize {
    match frame(input) {
        Ok(Some((header_length, remaining))) => (header_length + remaining).saturating_sub(input.len()),
        _ => 0,
    }
}

/// Lengths of the fixed header and of what follows it (MQTT 3.1.1, section 2.2.3).
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

const CONNACK: u8 = 2;

/// Packet type, flags and length as MQTT 3.1.1 fixes them for what a broker sends (sections 2.2.2 and 3).
fn check_fixed_header(first: u8, remaining: usize) -> Result<(), ProtocolError> {
    let (kind, flags) = (first >> 4, first & 0x0F);
    let fits = match kind {
        CONNACK => flags == 0 && remaining == 2,
        3 => (flags >> 1) & 3 != 3 && (flags & 0b1110 != 0b1000),
        4 | 5 | 7 | 11 => flags == 0 && remaining == 2,
        6 => flags == 2 && remaining == 2,
        9 => flags == 0 && remaining >= 3,
        13 => flags == 0 && remaining == 0,
        _ => return Err(ProtocolError(format!("a broker does not send packets of type {kind}"))),
    };
    match fits {
        true => Ok(()),
        false => Err(ProtocolError(format!("packet of type {kind} with flags {flags:#x} and length {remaining}"))),
    }
}

fn connack(mut body: BytesMut) -> Result<Packet, ProtocolError> {
    let flags = body.get_u8();
    let code = body.get_u8();
    if flags > 1 || (flags == 1 && code != 0) {
        return Err(ProtocolError(format!("CONNACK with flags {flags:#x} and code {code}")));
    }
    Ok(Packet::Connack { session_present: flags == 1, code })
}

fn neutral(packet: Codec) -> Result<Packet, ProtocolError> {
    let id = |id: u16| match id {
        0 => Err(ProtocolError("packet identifier 0".into())),
        id => Ok(id),
    };
    Ok(match packet {
        Codec::Publish(publish) => {
            if publish.topic.is_empty() || publish.topic.contains(['\0', '+', '#']) {
                return Err(ProtocolError("PUBLISH with an invalid topic".into()));
            }
            Packet::Publish(Publish {
                topic: publish.topic,
                payload: publish.payload,
                qos: match publish.qos {
                    QoS::AtMostOnce => Consistency::AtMostOnce,
                    QoS::AtLeastOnce => Consistency::AtLeastOnce,
                    QoS::ExactlyOnce => Consistency::ExactlyOnce,
                },
                retain: publish.retain,
                dup: publish.dup,
                packet_id: publish.pkid,
            })
        }
        Codec::PubAck(ack) => Packet::Puback(id(ack.pkid)?),
        Codec::PubRec(ack) => Packet::Pubrec(id(ack.pkid)?),
        Codec::PubRel(ack) => Packet::Pubrel(id(ack.pkid)?),
        Codec::PubComp(ack) => Packet::Pubcomp(id(ack.pkid)?),
        Codec::SubAck(ack) => {
            let codes = ack.return_codes.iter().map(|code| match code {
                v4::SubscribeReasonCode::Success(qos) => *qos as u8,
                v4::SubscribeReasonCode::Failure => 0x80,
            });
            Packet::Suback(id(ack.pkid)?, codes.collect())
        }
        Codec::PingResp => Packet::Pingresp,
        _ => return Err(ProtocolError("unexpected packet".into())),
    })
}

/// CONNECT (section 3.1). An empty user name is sent as such; the broker decides.
pub(crate) fn connect(connect: &Connect, to: &mut BytesMut) {
    let mut flags = u8::from(connect.clean_session) << 1;
    let mut payload = Vec::new();
    put_string(&mut payload, connect.client_id.as_bytes());
    if let Some(credentials) = &connect.credentials {
        flags |= 0x80;
        put_string(&mut payload, credentials.username.as_bytes());
        if let Some(password) = &credentials.password {
            flags |= 0x40;
            put_string(&mut payload, password);
        }
    }
    to.put_u8(0x10);
    put_remaining_length(to, 10 + payload.len());
    to.put_slice(&[0, 4, b'M', b'Q', b'T', b'T', 4, flags]);
    to.put_u16(connect.keep_alive_s);
    to.put_slice(&payload);
}

/// Everything of a PUBLISH before its payload (section 3.3). The topic is checked when the writer is opened.
pub(crate) fn publish_head(publish: &Publish, to: &mut BytesMut) {
    let id_length = if publish.qos == Consistency::AtMostOnce { 0 } else { 2 };
    let remaining = 2 + publish.topic.len() + id_length + publish.payload.len();
    to.put_u8(0x30 | u8::from(publish.dup) << 3 | publish.qos.qos() << 1 | u8::from(publish.retain));
    put_remaining_length(to, remaining);
    to.put_u16(publish.topic.len() as u16);
    to.put_slice(publish.topic.as_bytes());
    if id_length > 0 {
        to.put_u16(publish.packet_id);
    }
}

/// The most that a payload may have beside this topic.
pub(crate) fn max_payload(topic: &str) -> usize {
    MAX_REMAINING_LENGTH - 4 - topic.len()
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

fn acknowledgement(first: u8, id: u16, to: &mut BytesMut) {
    to.put_slice(&[first, 2]);
    to.put_u16(id);
}

/// SUBSCRIBE (section 3.8).
pub(crate) fn subscribe(id: u16, filters: &[String], qos: Consistency, to: &mut BytesMut) {
    let remaining = 2 + filters.iter().map(|filter| 3 + filter.len()).sum::<usize>();
    to.put_u8(0x82);
    put_remaining_length(to, remaining);
    to.put_u16(id);
    for filter in filters {
        to.put_u16(filter.len() as u16);
        to.put_slice(filter.as_bytes());
        to.put_u8(qos.qos());
    }
}

pub(crate) fn pingreq(to: &mut BytesMut) {
    to.put_slice(&[0xC0, 0]);
}

pub(crate) fn disconnect(to: &mut BytesMut) {
    to.put_slice(&[0xE0, 0]);
}

/// Lengths above 65,535 are refused by the configuration.
fn put_string(to: &mut Vec<u8>, bytes: &[u8]) {
    to.put_u16(bytes.len() as u16);
    to.put_slice(bytes);
}

fn put_remaining_length(to: &mut BytesMut, mut length: usize) {
    while length >= 0x80 {
        to.put_u8(length as u8 | 0x80);
        length >>= 7;
    }
    to.put_u8(length as u8);
}

/// What a refusing CONNACK means (section 3.2.2.3, table 3.1).
pub(crate) fn connack_text(code: u8) -> &'static str {
    match code {
        1 => "the broker does not accept this protocol version",
        2 => "the broker does not accept this client id",
        3 => "the broker's MQTT service is unavailable",
        4 => "bad user name or password",
        5 => "not authorized",
        _ => "unknown code",
    }
}

/// True for a CONNACK code that is about the login.
pub(crate) fn is_login_refused(code: u8) -> bool {
    matches!(code, 4 | 5)
}
