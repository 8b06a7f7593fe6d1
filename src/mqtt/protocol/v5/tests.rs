use proptest::prelude::*;
use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5 as codec;

use super::*;
use crate::config::{ConnectProperties, Credentials, Version};
use crate::mqtt::protocol::testing::{connect_packet, decode_with};
use crate::mqtt::protocol::{Decoder, connect, max_payload, publish_head, publish_packet_size};

fn decode_all(bytes: &[u8]) -> Result<Vec<Packet>, ProtocolError> {
    let mut connect = connect_packet(Version::V5);
    connect.properties.topic_alias_maximum = Some(2);
    connect.properties.maximum_packet_size = Some(100_000);
    decode_with(&mut Decoder::new(&connect), bytes)
}

fn decode_one(bytes: &[u8]) -> Packet {
    let packets = decode_all(bytes).unwrap();
    assert_eq!(packets.len(), 1);
    packets.into_iter().next().unwrap()
}

fn properties() -> impl Strategy<Value = MessageProperties> {
    let text = || prop::option::of("[^\\x00]{0,20}");
    let pairs = prop::collection::vec(("[^\\x00]{0,9}", "[^\\x00]{0,9}"), 0..4);
    let data = prop::option::of(prop::collection::vec(any::<u8>(), 0..20));
    let rest = (text(), text(), data, pairs);
    (prop::option::of(0..2u8), any::<Option<u32>>(), rest).prop_map(|(indicator, expiry, rest)| MessageProperties {
        payload_format_indicator: indicator,
        message_expiry_interval: expiry,
        content_type: rest.0,
        response_topic: rest.1,
        correlation_data: rest.2,
        user_properties: rest.3,
        subscription_identifiers: Vec::new(),
    })
}

proptest! {
    #[test]
    fn a_publish_has_the_codecs_bytes_and_comes_back(
        topic in "[^\\x00+#]{1,300}", payload: Vec<u8>, qos in 0..3i64, retain: bool, dup: bool, id in 1u16..,
        properties in properties(),
    ) {
        let at_most_once = qos == 0;
        let block = properties.encode();
        let given = (properties != MessageProperties::default()).then(|| properties.clone());
        prop_assert_eq!(MessageProperties::decode(&block), given);
        let publish = Publish {
            topic: topic.into(),
            payload: payload.into(),
            qos: Consistency::from_qos(qos).unwrap(),
            retain,
            dup: dup && !at_most_once,
            packet_id: if at_most_once { 0 } else { id },
            properties: block,
        };
        let mut ours = BytesMut::new();
        publish_head(Version::V5, &publish, &mut ours);
        ours.extend_from_slice(&publish.payload);
        prop_assert_eq!(publish_packet_size(Version::V5, &publish), ours.len());

        let theirs_properties = codec::PublishProperties {
            payload_format_indicator: properties.payload_format_indicator,
            message_expiry_interval: properties.message_expiry_interval,
            topic_alias: None,
            response_topic: properties.response_topic,
            correlation_data: properties.correlation_data.map(Bytes::from),
            user_properties: properties.user_properties,
            subscription_identifiers: Vec::new(),
            content_type: properties.content_type,
        };
        let codec_qos = [QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce][qos as usize];
        let mut packet =
            codec::Publish::new(&*publish.topic, codec_qos, publish.payload.clone(), Some(theirs_properties));
        (packet.retain, packet.dup, packet.pkid) = (retain, publish.dup, publish.packet_id);
        let mut theirs = BytesMut::new();
        packet.write(&mut theirs).unwrap();
        // The order of properties means nothing, and both come back as the same packet.
        prop_assert_eq!(ours.len(), theirs.len());
        prop_assert_eq!(decode_all(&ours), Ok(vec![Packet::Publish(publish.clone())]));
        let Packet::Publish(read) = decode_one(&theirs) else { panic!("no PUBLISH") };
        prop_assert_eq!(MessageProperties::decode(&read.properties), MessageProperties::decode(&publish.properties));
        prop_assert_eq!(Publish { properties: publish.properties.clone(), ..read }, publish);
    }

    #[test]
    fn any_bytes_are_packets_or_an_error(bytes: Vec<u8>) {
        let _ = decode_all(&bytes);
    }

    #[test]
    fn any_body_is_a_packet_or_an_error(
        first in prop::sample::select(vec![0x20u8, 0x30, 0x32, 0x34, 0x40, 0x50, 0x62, 0x70, 0x90, 0xE0, 0xF0]),
        body in prop::collection::vec(any::<u8>(), 0..120),
    ) {
        let _ = decode_all(&[&[first, body.len() as u8], &body[..]].concat());
    }

    #[test]
    fn a_damaged_publish_is_a_packet_or_an_error(
        properties in properties(), payload: Vec<u8>, at: prop::sample::Index, with: u8,
    ) {
        let publish = Publish {
            topic: "t".into(), payload: payload.into(), qos: Consistency::AtLeastOnce, retain: false, dup: false,
            packet_id: 7, properties: properties.encode(),
        };
        let mut bytes = BytesMut::new();
        publish_head(Version::V5, &publish, &mut bytes);
        bytes.extend_from_slice(&publish.payload);
        let at = at.index(bytes.len());
        bytes[at] = with;
        let _ = decode_all(&bytes);
    }
}

/// The codec decodes each of these wrongly, or takes it for an incomplete packet.
#[test]
fn what_the_codec_stumbles_over() {
    // The first is a DISCONNECT with a reason and no properties, the second one has no reason.
    assert_eq!(decode_one(&[0xE0, 1, 0x82]), Packet::Disconnect(Reason::of(0x82)));
    assert_eq!(decode_one(&[0xE0, 0]), Packet::Disconnect(Reason::of(0)));
    // This is an AUTH.
    assert_eq!(decode_one(&[0xF0, 2, 0x18, 0]), Packet::Auth);
    // This PUBLISH has three subscription identifiers.
    let publish = [0x30, 4 + 6 + 2, 0, 1, b't', 6, 0x0B, 1, 0x0B, 2, 0x0B, 3, b'a', b'b'];
    let Packet::Publish(publish) = decode_one(&publish) else { panic!("no PUBLISH") };
    assert_eq!(publish.payload, b"ab"[..]);
    assert_eq!(MessageProperties::decode(&publish.properties).unwrap().subscription_identifiers, [1, 2, 3]);
    // A broker that knows only MQTT 3.1.1 refuses with that version's CONNACK.
    for code in [1, 5, 0x86, 0x9C] {
        let Packet::Connack(connack) = decode_one(&[0x20, 2, 0, code]) else { panic!("no CONNACK") };
        assert_eq!(connack.reason, Reason::of(code));
    }
    // This refusal has a reason, and refers to another broker.
    let body = [&[0, 0x9D][..], &[12, 0x1F, 0, 3, b'w', b'h', b'y', 0x1C, 0, 3, b'h', b':', b'1']].concat();
    let Packet::Connack(connack) = decode_one(&[&[0x20, body.len() as u8], &body[..]].concat()) else { panic!() };
    let Reason { code, text, server } = connack.reason;
    assert_eq!((code, text.as_deref(), server.as_deref()), (0x9D, Some("why"), Some("h:1")));
    // Properties that claim to be longer than the packet do not reach into the next one.
    assert!(decode_all(&[0x30, 5, 0, 1, b't', 100, b'x', 0xD0, 0]).is_err());
}

#[test]
fn what_a_broker_may_not_send_is_refused() {
    let bad: [&[u8]; 33] = [
        &[0x00, 0],                                        // reserved type
        &[0x10, 0],                                        // CONNECT
        &[0x82, 6, 0, 1, 0, 1, b'a', 0],                   // SUBSCRIBE
        &[0xC0, 0],                                        // PINGREQ
        &[0x20, 1, 0],                                     // CONNACK too short
        &[0x20, 2, 0, 0],                                  // success without properties
        &[0x20, 3, 2, 0, 0],                               // reserved flag
        &[0x20, 3, 1, 0x87, 0],                            // session present in a refusal
        &[0x20, 4, 0, 0, 0, 0],                            // bytes after the end
        &[0x20, 6, 0, 0, 3, 0x21, 0, 0],                   // receive maximum 0
        &[0x20, 8, 0, 0, 5, 0x27, 0, 0, 0, 0],             // maximum packet size 0
        &[0x20, 5, 0, 0, 2, 0x24, 2],                      // maximum QoS 2 is not sent
        &[0x20, 5, 0, 0, 2, 0x25, 2],                      // a flag that is neither 0 nor 1
        &[0x20, 7, 0, 0, 4, 0x25, 1, 0x25, 1],             // a property twice
        &[0x20, 6, 0, 0, 3, 0x23, 0, 1],                   // a property of another packet
        &[0x20, 5, 0, 0, 2, 0x7E, 0],                      // a property that does not exist
        &[0x20, 5, 0, 0, 2, 0x13, 0],                      // a property cut short
        &[0x40, 2, 0, 0],                                  // packet identifier 0
        &[0x40, 5, 0, 1, 0, 0, 0],                         // bytes after the end
        &[0x40, 1, 1],                                     // PUBACK too short
        &[0x60, 2, 0, 1],                                  // PUBREL without its flags
        &[0x90, 3, 0, 1, 0],                               // SUBACK without a code
        &[0xD0, 1, 0],                                     // PINGRESP with a body
        &[0x36, 6, 0, 1, b't', 0, 1, 0],                   // QoS 3
        &[0x38, 4, 0, 1, b't', 0],                         // DUP at QoS 0
        &[0x30, 3, 0, 0, 0],                               // neither topic nor alias
        &[0x30, 6, 0, 3, b'a', b'/', b'#', 0],             // wildcard in a topic
        &[0x30, 7, 0, 1, b't', 3, 0x23, 0, 0],             // topic alias 0
        &[0x30, 7, 0, 1, b't', 3, 0x23, 0, 3],             // topic alias above our maximum
        &[0x30, 6, 0, 0, 3, 0x23, 0, 1],                   // unknown topic alias
        &[0x30, 6, 0, 1, b't', 2, 0x0B, 0],                // subscription identifier 0
        &[0x30, 9, 0, 1, b't', 5, 0x03, 0, 2, 0xFF, 0xFE], // a text that is not UTF-8
        &[0x30, 0xFF, 0xFF, 0xFF, 0xFF, 0x7F, 0, 0, 0],    // length of five bytes
    ];
    for bytes in bad {
        assert!(decode_all(bytes).is_err(), "{bytes:x?}");
    }
    let suback = [&[0x90, 0x80, 0x80, 0x10][..], &[0, 1, 0, 0]].concat();
    assert!(decode_all(&suback).is_err(), "256 KiB of SUBACK");
    let too_large = [&[0x30, 0xA1, 0x8D, 0x06][..], &[0, 1, b't', 0]].concat();
    assert!(decode_all(&too_large).is_err(), "100,001 bytes when 100,000 at most were announced");
}

#[test]
fn topic_aliases_live_as_long_as_the_connection() {
    let mut connect = connect_packet(Version::V5);
    connect.properties.topic_alias_maximum = Some(2);
    let mut decoder = Decoder::new(&connect);
    let topics = |decoder: &mut Decoder, bytes: &[u8]| -> Vec<String> {
        let packets = decode_with(decoder, bytes).unwrap();
        packets
            .into_iter()
            .map(|packet| if let Packet::Publish(publish) = packet { publish.topic.to_string() } else { panic!() })
            .collect()
    };
    let given = [0x30, 7, 0, 1, b'a', 3, 0x23, 0, 1];
    let used = [0x30, 6, 0, 0, 3, 0x23, 0, 1];
    let changed = [0x30, 7, 0, 1, b'b', 3, 0x23, 0, 1];
    assert_eq!(topics(&mut decoder, &[&given[..], &used, &changed, &used].concat()), ["a", "a", "b", "b"]);
    assert!(decode_with(&mut Decoder::new(&connect), &used).is_err());
}

#[test]
fn what_the_broker_says_of_itself_is_read() {
    let mut body = vec![1, 0];
    let properties: &[u8] = &[
        0x11, 0, 0, 0, 9, 0x21, 0, 7, 0x24, 1, 0x25, 0, 0x27, 0, 0, 1, 0, 0x12, 0, 2, b'i', b'd', 0x22, 0, 3, 0x26, 0,
        1, b'n', 0, 1, b'v', 0x26, 0, 1, b'n', 0, 1, b'v', 0x28, 0, 0x29, 0, 0x2A, 0, 0x13, 0, 30, 0x1A, 0, 1, b'r',
    ];
    body.push(properties.len() as u8);
    body.extend_from_slice(properties);
    let Packet::Connack(connack) = decode_one(&[&[0x20, body.len() as u8], &body[..]].concat()) else { panic!() };
    assert!(connack.session_present);
    assert_eq!(
        connack.limits,
        Limits {
            receive_maximum: Some(7),
            maximum_packet_size: Some(256),
            maximum_qos: Some(1),
            no_retain: true,
            no_wildcards: true,
            no_shared: true,
            server_keep_alive_s: Some(30),
            assigned_client_id: Some("id".into()),
            response_information: Some("r".into()),
        }
    );
}

#[test]
fn acknowledgements_have_three_forms() {
    let reason = Reason { code: 0x87, text: Some("no".into()), server: None };
    for (first, packet) in [
        (0x40u8, Packet::Puback as fn(u16, Reason) -> Packet),
        (0x50, Packet::Pubrec),
        (0x62, Packet::Pubrel),
        (0x70, Packet::Pubcomp),
    ] {
        assert_eq!(decode_one(&[first, 2, 0, 9]), packet(9, Reason::default()));
        assert_eq!(decode_one(&[first, 3, 0, 9, 0x10]), packet(9, Reason::of(0x10)));
        assert_eq!(decode_one(&[first, 9, 0, 9, 0x87, 5, 0x1F, 0, 2, b'n', b'o']), packet(9, reason.clone()));
    }
    let suback = [0x90, 10, 0, 9, 5, 0x1F, 0, 2, b'n', b'o', 0x87, 1];
    assert_eq!(decode_one(&suback), Packet::Suback(9, vec![0x87, 1], Some("no".into())));
}

#[test]
fn connect_as_the_codec_writes_it() {
    let mut packet = connect_packet(Version::V5);
    packet.clean = false;
    packet.credentials = Some(Credentials { username: Some("u".into()), password: Some(Secret::new(b"p".to_vec())) });
    packet.will = Some(Will {
        topic: "w".into(),
        payload: b"x"[..].into(),
        qos: Consistency::AtLeastOnce,
        retain: true,
        delay_interval: Some(5),
        properties: MessageProperties { content_type: Some("c".into()), ..MessageProperties::default() }.encode(),
    });
    packet.properties = ConnectProperties {
        session_expiry_interval: Some(1),
        receive_maximum: Some(2),
        maximum_packet_size: Some(300),
        topic_alias_maximum: Some(4),
        request_response_info: Some(true),
        request_problem_info: Some(false),
        user_properties: vec![("n".into(), "v".into())],
        auth_method: Some("m".into()),
        auth_data: Some(Secret::new(b"d".to_vec())),
    };
    let ours = connect(&packet);

    let properties = codec::ConnectProperties {
        session_expiry_interval: Some(1),
        receive_maximum: Some(2),
        max_packet_size: Some(300),
        topic_alias_max: Some(4),
        request_response_info: Some(1),
        request_problem_info: Some(0),
        user_properties: vec![("n".into(), "v".into())],
        authentication_method: Some("m".into()),
        authentication_data: Some(b"d"[..].into()),
    };
    let theirs =
        codec::Connect { keep_alive: 60, client_id: "ab".into(), clean_start: false, properties: Some(properties) };
    let will = codec::LastWill {
        topic: b"w"[..].into(),
        message: b"x"[..].into(),
        qos: QoS::AtLeastOnce,
        retain: true,
        properties: Some(codec::LastWillProperties {
            delay_interval: Some(5),
            payload_format_indicator: None,
            message_expiry_interval: None,
            content_type: Some("c".into()),
            response_topic: None,
            correlation_data: None,
            user_properties: Vec::new(),
        }),
    };
    let login = codec::Login { username: "u".into(), password: "p".into() };
    let mut expected = BytesMut::new();
    theirs.write(&Some(will), &Some(login), &mut expected).unwrap();
    assert_eq!(&ours[..], &expected[..]);
}

#[test]
fn connect_and_a_password_alone() {
    let mut packet = connect_packet(Version::V5);
    packet.credentials = Some(Credentials { username: None, password: Some(Secret::new(b"p".to_vec())) });
    let bytes = connect(&packet);
    assert_eq!(&bytes[..], b"\x10\x12\x00\x04MQTT\x05\x42\x00\x3c\x00\x00\x02ab\x00\x01p");
}

#[test]
fn subscribe_as_the_codec_writes_it() {
    let filters = ["a/+".to_owned(), "b".repeat(200)];
    let mut ours = BytesMut::new();
    subscribe(9, &filters, Consistency::ExactlyOnce, &mut ours);
    let mut packet = codec::Subscribe::new_many(
        filters.iter().map(|filter| codec::Filter::new(filter.clone(), QoS::ExactlyOnce)),
        None,
    );
    packet.pkid = 9;
    let mut theirs = BytesMut::new();
    packet.write(&mut theirs).unwrap();
    assert_eq!(ours, theirs);
}

#[test]
fn properties_take_room_from_the_payload() {
    let properties = MessageProperties { content_type: Some("c".into()), ..MessageProperties::default() };
    let without = max_payload(Version::V5, "abc", &[]);
    assert_eq!(max_payload(Version::V311, "abc", &properties.encode()), without + 1);
    assert_eq!(max_payload(Version::V5, "abc", &properties.encode()), without - 4);
}
