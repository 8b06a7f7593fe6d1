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
    check_fixed_header(input[0], remaining)?;
    if input.len() < header_length + remaining {
        return Ok(None);
    }
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::config::Credentials;

    fn decode_all(bytes: &[u8]) -> Result<Vec<Packet>, ProtocolError> {
        let mut input = BytesMut::from(bytes);
        let mut packets = Vec::new();
        while let Some(packet) = decode(&mut input)? {
            packets.push(packet);
        }
        Ok(packets)
    }

    fn qos() -> impl Strategy<Value = Consistency> {
        (0..3i64).prop_map(|qos| Consistency::from_qos(qos).unwrap())
    }

    proptest! {
        #[test]
        fn a_publish_has_the_codecs_bytes_and_comes_back(
            topic in "[^\\x00+#]{1,300}", payload: Vec<u8>, qos in qos(), retain: bool, dup: bool, id in 1u16..,
        ) {
            let at_most_once = qos == Consistency::AtMostOnce;
            let packet_id = if at_most_once { 0 } else { id };
            let dup = dup && !at_most_once;
            let publish = Publish { topic, payload: payload.into(), qos, retain, dup, packet_id };
            let mut ours = BytesMut::new();
            publish_head(&publish, &mut ours);
            ours.extend_from_slice(&publish.payload);

            let mut theirs = BytesMut::new();
            let codec_qos = [QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce][usize::from(qos.qos())];
            let mut packet = v4::Publish::from_bytes(publish.topic.as_str(), codec_qos, publish.payload.clone());
            (packet.retain, packet.dup, packet.pkid) = (retain, dup, packet_id);
            packet.write(&mut theirs).unwrap();
            prop_assert_eq!(&ours, &theirs);
            prop_assert_eq!(decode_all(&ours), Ok(vec![Packet::Publish(publish)]));
        }

        #[test]
        fn any_bytes_are_packets_or_an_error(bytes: Vec<u8>) {
            let _ = decode_all(&bytes);
        }

        #[test]
        fn a_packet_in_pieces_is_the_same_packet(payload: Vec<u8>, cut: prop::sample::Index) {
            let publish = Publish {
                topic: "t".into(), payload: payload.into(), qos: Consistency::AtLeastOnce, retain: false, dup: false,
                packet_id: 7,
            };
            let mut whole = BytesMut::new();
            publish_head(&publish, &mut whole);
            whole.extend_from_slice(&publish.payload);
            let rest = whole.split_off(cut.index(whole.len()));
            let mut input = whole;
            prop_assert_eq!(decode(&mut input), Ok(None));
            if input.len() >= 5 {
                prop_assert_eq!(missing(&input), rest.len());
            }
            input.extend_from_slice(&rest);
            prop_assert_eq!(decode(&mut input), Ok(Some(Packet::Publish(publish))));
            prop_assert!(input.is_empty());
        }
    }

    #[test]
    fn what_a_broker_may_not_send_is_refused() {
        let bad: [&[u8]; 18] = [
            &[0x00, 0],                                     // reserved type
            &[0x10, 0],                                     // CONNECT
            &[0x82, 6, 0, 1, 0, 1, b'a', 0],                // SUBSCRIBE
            &[0xC0, 0],                                     // PINGREQ
            &[0xE0, 0],                                     // DISCONNECT
            &[0xF0, 0],                                     // AUTH
            &[0x20, 1, 0],                                  // CONNACK too short
            &[0x20, 2, 2, 0],                               // CONNACK with a reserved flag
            &[0x20, 2, 1, 5],                               // session present in a refusal
            &[0x40, 2, 0, 0],                               // packet identifier 0
            &[0x40, 3, 0, 1, 0],                            // PUBACK too long
            &[0x60, 2, 0, 1],                               // PUBREL without its flags
            &[0xD0, 1, 0],                                  // PINGRESP with a body
            &[0x36, 5, 0, 1, b't', 0, 1],                   // QoS 3
            &[0x38, 3, 0, 1, b't'],                         // DUP at QoS 0
            &[0x30, 2, 0, 0],                               // no topic
            &[0x30, 5, 0, 3, b'a', b'/', b'#'],             // wildcard in a topic
            &[0x30, 0xFF, 0xFF, 0xFF, 0xFF, 0x7F, 0, 0, 0], // length of five bytes
        ];
        for bytes in bad {
            assert!(decode_all(bytes).is_err(), "{bytes:x?}");
        }
        assert!(decode_all(&[0x30, 4, 0, 9, b't', b'x']).is_err(), "topic longer than the packet");
        assert!(decode_all(&[0x30, 4, 0, 2, 0xFF, 0xFE]).is_err(), "topic that is not UTF-8");
    }

    #[test]
    fn every_connack_code_is_told() {
        for code in 0..=255 {
            let connack = Packet::Connack { session_present: false, code };
            assert_eq!(decode_all(&[0x20, 2, 0, code]), Ok(vec![connack]));
        }
    }

    #[test]
    fn connect_as_in_the_specification() {
        let mut packet = Connect { client_id: "ab".into(), clean_session: true, keep_alive_s: 60, credentials: None };
        let mut bytes = BytesMut::new();
        connect(&packet, &mut bytes);
        assert_eq!(&bytes[..], b"\x10\x0e\x00\x04MQTT\x04\x02\x00\x3c\x00\x02ab");

        packet.clean_session = false;
        packet.credentials = Some(Credentials { username: String::new(), password: Some(vec![0xFF]) });
        bytes.clear();
        connect(&packet, &mut bytes);
        assert_eq!(&bytes[..], b"\x10\x13\x00\x04MQTT\x04\xc0\x00\x3c\x00\x02ab\x00\x00\x00\x01\xff");
    }

    #[test]
    fn subscribe_as_the_codec_writes_it() {
        let filters = ["a/+".to_owned(), "b".repeat(200)];
        let mut ours = BytesMut::new();
        subscribe(9, &filters, Consistency::ExactlyOnce, &mut ours);
        let mut theirs = BytesMut::new();
        let filters = filters.iter().map(|filter| v4::SubscribeFilter::new(filter.clone(), QoS::ExactlyOnce));
        let mut packet = v4::Subscribe::new_many(filters);
        packet.pkid = 9;
        packet.write(&mut theirs).unwrap();
        assert_eq!(ours, theirs);
    }

    #[test]
    fn a_payload_without_topic_room_is_known_before() {
        assert_eq!(max_payload("abc"), MAX_REMAINING_LENGTH - 2 - 3 - 2);
    }
}
