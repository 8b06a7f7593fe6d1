//! MQTT 3.1.1 and 3.1 on rumqttc's codec, behind the checks that the codec does not make. CONNACK is read here, since the codec
//! knows only five refusals.

use bytes::{Buf, BufMut, Bytes, BytesMut};
use rumqttc::mqttbytes::v4::{self, Packet as Codec};

use super::properties::{self, malformed, need};
use super::{
    Connack, Limits, MAX_REMAINING_LENGTH, Packet, ProtocolError, Publish, Reason, check_topic, put_remaining_length,
    put_string,
};
use crate::config::Consistency;

/// Takes the packet off the front of `input`, which contains all of it.
pub(super) fn decode(input: &mut BytesMut, header_length: usize, remaining: usize) -> Result<Packet, ProtocolError> {
    if input[0] >> 4 == CONNACK {
        return connack(input.split_to(header_length + remaining).split_off(header_length));
    }
    if input[0] >> 4 == DISCONNECT {
        input.advance(header_length + remaining);
        return Ok(Packet::Disconnect(Reason::of(0)));
    }
    let packet = Codec::read(input, MAX_REMAINING_LENGTH)
        .map_err(|e| ProtocolError(format!("malformed packet from the broker: {e}")))?;
    neutral(packet)
}

/// Reads what follows the fixed header of a PUBLISH (section 3.3). Topic and payload share the packet's buffer, so the codec,
/// which copies the topic, is not used.
pub(super) fn publish(first: u8, mut body: Bytes) -> Result<Packet, ProtocolError> {
    let topic = properties::shared_text(&mut body)?;
    check_topic(&topic)?;
    let qos = Consistency::from_qos(i64::from((first >> 1) & 3)).ok_or_else(|| malformed("QoS 3"))?;
    let packet_id = match qos {
        Consistency::AtMostOnce => 0,
        _ => {
            need(&mut body, 2)?;
            match body.get_u16() {
                0 => return Err(malformed("packet identifier 0")),
                id => id,
            }
        }
    };
    let (retain, dup) = (first & 1 == 1, first & 8 == 8);
    Ok(Packet::Publish(Publish { topic, payload: body, qos, retain, dup, packet_id, properties: Bytes::new() }))
}

const CONNACK: u8 = 2;
const DISCONNECT: u8 = 14;

/// Checks packet type, flags and length as MQTT 3.1.1 fixes them for what a broker sends (sections 2.2.2 and 3).
pub(super) fn check_fixed_header(first: u8, remaining: usize) -> Result<(), ProtocolError> {
    let (kind, flags) = (first >> 4, first & 0x0F);
    let fits = match kind {
        CONNACK => flags == 0 && remaining == 2,
        3 => (flags >> 1) & 3 != 3 && (flags & 0b1110 != 0b1000),
        4 | 5 | 7 | 11 => flags == 0 && remaining == 2,
        6 => flags == 2 && remaining == 2,
        9 => flags == 0 && remaining >= 3,
        // A broker may not send DISCONNECT (section 3.14), but some do so before they end the connection.
        13 | DISCONNECT => flags == 0 && remaining == 0,
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
    let connack = Connack { session_present: flags == 1, reason: Reason::of(code), limits: Limits::default() };
    Ok(Packet::Connack(Box::new(connack)))
}

fn neutral(packet: Codec) -> Result<Packet, ProtocolError> {
    let id = |id: u16| match id {
        0 => Err(ProtocolError("packet identifier 0".into())),
        id => Ok(id),
    };
    Ok(match packet {
        Codec::PubAck(ack) => Packet::Puback(id(ack.pkid)?, Reason::default()),
        Codec::PubRec(ack) => Packet::Pubrec(id(ack.pkid)?, Reason::default()),
        Codec::PubRel(ack) => Packet::Pubrel(id(ack.pkid)?, Reason::default()),
        Codec::PubComp(ack) => Packet::Pubcomp(id(ack.pkid)?, Reason::default()),
        Codec::SubAck(ack) => {
            let codes = ack.return_codes.iter().map(|code| match code {
                v4::SubscribeReasonCode::Success(qos) => *qos as u8,
                v4::SubscribeReasonCode::Failure => 0x80,
            });
            Packet::Suback(id(ack.pkid)?, codes.collect(), None)
        }
        Codec::PingResp => Packet::Pingresp,
        _ => return Err(ProtocolError("unexpected packet".into())),
    })
}

/// Writes a SUBSCRIBE (section 3.8).
pub(super) fn subscribe(id: u16, filters: &[String], qos: Consistency, to: &mut BytesMut) {
    let remaining = 2 + filters.iter().map(|filter| 3 + filter.len()).sum::<usize>();
    to.put_u8(0x82);
    put_remaining_length(to, remaining);
    to.put_u16(id);
    for filter in filters {
        put_string(to, filter.as_bytes());
        to.put_u8(qos.qos());
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rumqttc::mqttbytes::QoS;

    use super::*;
    use crate::config::{Credentials, Version};
    use crate::mqtt::protocol::testing::{connect_packet, decode_with};
    use crate::mqtt::protocol::{Decoder, Will, connect, max_payload, missing, publish_packet_size};
    use crate::wiped::Secret;

    fn decode_all(bytes: &[u8]) -> Result<Vec<Packet>, ProtocolError> {
        decode_with(&mut Decoder::new(&connect_packet(Version::V311)), bytes)
    }

    fn publish_head(publish: &Publish, to: &mut BytesMut) {
        super::super::publish_head(Version::V311, publish, to);
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
            let publish = Publish { topic: topic.into(), payload: payload.into(), qos, retain, dup, packet_id, properties: Bytes::new() };
            let mut ours = BytesMut::new();
            publish_head(&publish, &mut ours);
            ours.extend_from_slice(&publish.payload);

            let mut theirs = BytesMut::new();
            let codec_qos = [QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce][usize::from(qos.qos())];
            let mut packet = v4::Publish::from_bytes(&*publish.topic, codec_qos, publish.payload.clone());
            (packet.retain, packet.dup, packet.pkid) = (retain, dup, packet_id);
            packet.write(&mut theirs).unwrap();
            prop_assert_eq!(&ours, &theirs);
            prop_assert_eq!(publish_packet_size(Version::V311, &publish), ours.len());
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
                packet_id: 7, properties: Bytes::new(),
            };
            let mut whole = BytesMut::new();
            publish_head(&publish, &mut whole);
            whole.extend_from_slice(&publish.payload);
            let rest = whole.split_off(cut.index(whole.len()));
            let mut input = whole;
            let mut decoder = Decoder::new(&connect_packet(Version::V311));
            prop_assert_eq!(decoder.decode(&mut input), Ok(None));
            if input.len() >= 5 {
                prop_assert_eq!(missing(&input), rest.len());
            }
            input.extend_from_slice(&rest);
            prop_assert_eq!(decoder.decode(&mut input), Ok(Some(Packet::Publish(publish))));
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
            &[0xE0, 1, 0],                                  // DISCONNECT with a reason
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
            let connack = Connack { reason: Reason::of(code), ..Connack::default() };
            assert_eq!(decode_all(&[0x20, 2, 0, code]), Ok(vec![Packet::Connack(Box::new(connack))]));
        }
    }

    #[test]
    fn connect_as_in_the_specification() {
        let mut packet = connect_packet(Version::V311);
        let bytes = connect(&packet);
        assert_eq!(&bytes[..], b"\x10\x0e\x00\x04MQTT\x04\x02\x00\x3c\x00\x02ab");

        packet.clean = false;
        packet.credentials =
            Some(Credentials { username: Some(String::new()), password: Some(Secret::new(vec![0xFF])) });
        let bytes = connect(&packet);
        assert_eq!(&bytes[..], b"\x10\x13\x00\x04MQTT\x04\xc0\x00\x3c\x00\x02ab\x00\x00\x00\x01\xff");

        packet.credentials = None;
        packet.will = Some(Will {
            topic: "w".into(),
            payload: b"x"[..].into(),
            qos: Consistency::ExactlyOnce,
            retain: true,
            delay_interval: Some(5),
            properties: Bytes::new(),
        });
        let bytes = connect(&packet);
        assert_eq!(&bytes[..], b"\x10\x14\x00\x04MQTT\x04\x34\x00\x3c\x00\x02ab\x00\x01w\x00\x01x");
    }

    #[test]
    fn connect_of_mqtt_3_1() {
        let bytes = connect(&connect_packet(Version::V31));
        assert_eq!(&bytes[..], b"\x10\x10\x00\x06MQIsdp\x03\x02\x00\x3c\x00\x02ab");
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
        assert_eq!(max_payload(Version::V311, "abc", &[]), MAX_REMAINING_LENGTH - 2 - 3 - 2);
    }
}
