//! Encodes and decodes MQTT for tests, and has a client that does not know SINETStream's format.

use std::io::{self, Read, Write};
use std::net::TcpStream;

use super::PATIENCE;

/// A control packet: its first byte, and the bytes after the remaining length.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Packet {
    pub first: u8,
    pub body: Vec<u8>,
}

pub const CONNECT: u8 = 0x10;
pub const SUBSCRIBE: u8 = 0x82;
pub const PINGREQ: u8 = 0xC0;
pub const DISCONNECT: u8 = 0xE0;

impl Packet {
    pub fn new(first: u8, body: impl Into<Vec<u8>>) -> Packet {
        Packet { first, body: body.into() }
    }

    /// Reads a packet; `None` at the end of the stream.
    pub fn read(stream: &mut impl Read) -> io::Result<Option<Packet>> {
        let mut byte = [0];
        if stream.read(&mut byte)? == 0 {
            return Ok(None);
        }
        let first = byte[0];
        let mut length = 0;
        for shift in [0, 7, 14, 21] {
            stream.read_exact(&mut byte)?;
            length |= usize::from(byte[0] & 0x7F) << shift;
            if byte[0] & 0x80 == 0 {
                break;
            }
        }
        let mut body = vec![0; length];
        stream.read_exact(&mut body)?;
        Ok(Some(Packet { first, body }))
    }

    pub fn bytes(&self) -> Vec<u8> {
        let mut bytes = vec![self.first];
        let mut length = self.body.len();
        while length >= 0x80 {
            bytes.push(length as u8 | 0x80);
            length >>= 7;
        }
        bytes.push(length as u8);
        bytes.extend_from_slice(&self.body);
        bytes
    }

    /// Returns the packet type: the first byte without flags.
    pub fn kind(&self) -> u8 {
        self.first & 0xF0
    }

    /// Returns the packet identifier at the start of the body.
    pub fn id(&self) -> u16 {
        u16::from_be_bytes([self.body[0], self.body[1]])
    }
}

/// The fields of a CONNECT.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Connect {
    pub protocol: Vec<u8>,
    pub level: u8,
    /// The clean session flag, which is clean start in MQTT 5.
    pub clean_session: bool,
    pub keep_alive: u16,
    pub client_id: String,
    pub username: Option<String>,
    pub password: Option<Vec<u8>>,
    pub will: Option<Will>,
    /// The properties, which only MQTT 5 has.
    pub properties: Vec<Property>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Will {
    pub topic: String,
    pub payload: Vec<u8>,
    pub qos: u8,
    pub retain: bool,
    /// The properties, which only MQTT 5 has.
    pub properties: Vec<Property>,
}

impl Connect {
    pub fn parse(packet: &Packet) -> Connect {
        assert_eq!(packet.first, CONNECT);
        let (protocol, rest) = split_string(&packet.body);
        let [level, flags, high, low, ref rest @ ..] = *rest else { panic!("a short CONNECT") };
        assert_eq!(flags & 1, 0, "reserved flag");
        let (properties, rest) = if level == 5 { property::split(rest) } else { (Vec::new(), rest) };
        let (client_id, mut rest) = split_string(rest);
        let mut will_properties = Vec::new();
        if level == 5 && flags & 4 != 0 {
            (will_properties, rest) = property::split(rest);
        }
        let mut field = |bit: u8| {
            (flags & bit != 0).then(|| {
                let (field, after) = split_string(rest);
                rest = after;
                field.to_vec()
            })
        };
        let (topic, payload) = (field(4).map(text), field(4));
        let will = topic.zip(payload).map(|(topic, payload)| Will {
            topic,
            payload,
            qos: flags >> 3 & 3,
            retain: flags & 0x20 != 0,
            properties: will_properties,
        });
        assert!(will.is_some() || flags & 0b0011_1000 == 0, "flags of a will without one");
        let username = field(0x80).map(text);
        let password = field(0x40);
        assert!(rest.is_empty(), "bytes after the CONNECT");
        Connect {
            protocol: protocol.to_vec(),
            level,
            clean_session: flags & 2 != 0,
            keep_alive: u16::from_be_bytes([high, low]),
            client_id: text(client_id.to_vec()),
            username,
            password,
            will,
            properties,
        }
    }
}

/// The fields of a PUBLISH.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Publish {
    pub topic: String,
    pub payload: Vec<u8>,
    pub qos: u8,
    pub retain: bool,
    pub dup: bool,
    pub id: u16,
    /// The properties, which only MQTT 5 has.
    pub properties: Vec<Property>,
}

impl Publish {
    /// Parses a PUBLISH of the versions before MQTT 5.
    pub fn parse(packet: &Packet) -> Publish {
        assert_eq!(packet.kind(), 0x30);
        let (topic, mut rest) = split_string(&packet.body);
        let qos = packet.first >> 1 & 3;
        let mut id = 0;
        if qos > 0 {
            id = u16::from_be_bytes([rest[0], rest[1]]);
            rest = &rest[2..];
        }
        Publish {
            topic: text(topic.to_vec()),
            payload: rest.to_vec(),
            qos,
            retain: packet.first & 1 != 0,
            dup: packet.first & 8 != 0,
            id,
            properties: Vec::new(),
        }
    }

    /// Parses a PUBLISH of MQTT 5.
    pub fn parse_v5(packet: &Packet) -> Publish {
        let mut publish = Publish::parse(packet);
        let (properties, payload) = property::split(&publish.payload);
        (publish.properties, publish.payload) = (properties, payload.to_vec());
        publish
    }
}

/// Makes a PUBLISH; the identifier is left out at QoS 0.
pub fn publish(topic: &str, payload: &[u8], qos: u8, retain: bool, id: u16) -> Packet {
    let mut body = string(topic.as_bytes());
    if qos > 0 {
        body.extend_from_slice(&id.to_be_bytes());
    }
    body.extend_from_slice(payload);
    Packet::new(0x30 | qos << 1 | u8::from(retain), body)
}

/// Makes a PUBLISH of MQTT 5.
pub fn publish_v5(topic: &str, payload: &[u8], qos: u8, id: u16, properties: &[Property]) -> Packet {
    let mut rest = property::block(properties);
    rest.extend_from_slice(payload);
    publish(topic, &rest, qos, false, id)
}

/// Returns a text as a SINETStream message of format 3 with the timestamp 0.
pub fn message(text: &str) -> Vec<u8> {
    assert!(text.len() < 64, "the length has one byte");
    let mut bytes = b"\xDF\x03\0\0\0\0\xC3\x01\x1F\x9C\x0C\x91\xEB\x33\x66\x4F\0".to_vec();
    bytes.push(text.len() as u8 * 2);
    bytes.extend_from_slice(text.as_bytes());
    bytes
}

/// A property of MQTT 5: its identifier, and the bytes of its value.
pub type Property = (u8, Vec<u8>);

/// Makes properties by the types of their values (MQTT 5, section 2.2.2.2).
pub mod property {
    use super::{Packet, Property, split_string, string};

    pub const PAYLOAD_FORMAT: u8 = 0x01;
    pub const MESSAGE_EXPIRY: u8 = 0x02;
    pub const CONTENT_TYPE: u8 = 0x03;
    pub const RESPONSE_TOPIC: u8 = 0x08;
    pub const CORRELATION_DATA: u8 = 0x09;
    pub const SUBSCRIPTION_ID: u8 = 0x0B;
    pub const SESSION_EXPIRY: u8 = 0x11;
    pub const ASSIGNED_CLIENT_ID: u8 = 0x12;
    pub const SERVER_KEEP_ALIVE: u8 = 0x13;
    pub const AUTH_METHOD: u8 = 0x15;
    pub const AUTH_DATA: u8 = 0x16;
    pub const REQUEST_PROBLEM_INFO: u8 = 0x17;
    pub const WILL_DELAY: u8 = 0x18;
    pub const REQUEST_RESPONSE_INFO: u8 = 0x19;
    pub const SERVER_REFERENCE: u8 = 0x1C;
    pub const REASON: u8 = 0x1F;
    pub const RECEIVE_MAXIMUM: u8 = 0x21;
    pub const TOPIC_ALIAS_MAXIMUM: u8 = 0x22;
    pub const TOPIC_ALIAS: u8 = 0x23;
    pub const MAXIMUM_QOS: u8 = 0x24;
    pub const RETAIN_AVAILABLE: u8 = 0x25;
    pub const USER_PROPERTY: u8 = 0x26;
    pub const MAXIMUM_PACKET_SIZE: u8 = 0x27;
    pub const WILDCARDS_AVAILABLE: u8 = 0x28;
    pub const SHARED_AVAILABLE: u8 = 0x2A;

    pub fn byte(id: u8, value: u8) -> Property {
        (id, vec![value])
    }

    pub fn two_bytes(id: u8, value: u16) -> Property {
        (id, value.to_be_bytes().to_vec())
    }

    pub fn four_bytes(id: u8, value: u32) -> Property {
        (id, value.to_be_bytes().to_vec())
    }

    pub fn text(id: u8, value: &str) -> Property {
        data(id, value.as_bytes())
    }

    pub fn data(id: u8, value: &[u8]) -> Property {
        (id, string(value))
    }

    pub fn user(name: &str, value: &str) -> Property {
        (USER_PROPERTY, [string(name.as_bytes()), string(value.as_bytes())].concat())
    }

    /// Encodes properties with the length before them.
    pub fn block(properties: &[Property]) -> Vec<u8> {
        let all: Vec<u8> = properties.iter().flat_map(|(id, value)| [&[*id], value.as_slice()].concat()).collect();
        // The length is encoded like the remaining length of a packet.
        Packet::new(0, all).bytes().split_off(1)
    }

    /// Returns the properties at the start of these bytes, and the rest.
    pub fn split(bytes: &[u8]) -> (Vec<Property>, &[u8]) {
        let (length, rest) = match *bytes {
            [length @ ..0x80, ref rest @ ..] => (usize::from(length), rest),
            [low, high @ ..0x80, ref rest @ ..] => (usize::from(low & 0x7F) | usize::from(high) << 7, rest),
            _ => panic!("long properties"),
        };
        let (mut block, rest) = rest.split_at(length);
        let mut properties = Vec::new();
        while let [id, ref value @ ..] = *block {
            let length = match id {
                PAYLOAD_FORMAT | REQUEST_PROBLEM_INFO | REQUEST_RESPONSE_INFO => 1,
                RECEIVE_MAXIMUM | TOPIC_ALIAS_MAXIMUM | TOPIC_ALIAS => 2,
                MESSAGE_EXPIRY | SESSION_EXPIRY | WILL_DELAY | MAXIMUM_PACKET_SIZE => 4,
                CONTENT_TYPE | RESPONSE_TOPIC | CORRELATION_DATA | AUTH_METHOD | AUTH_DATA => {
                    2 + split_string(value).0.len()
                }
                USER_PROPERTY => {
                    let (name, value) = split_string(value);
                    4 + name.len() + split_string(value).0.len()
                }
                other => panic!("a client does not send the property {other:#04x} here"),
            };
            let (value, after) = value.split_at(length);
            properties.push((id, value.to_vec()));
            block = after;
        }
        (properties, rest)
    }
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).expect("UTF-8")
}

fn string(text: &[u8]) -> Vec<u8> {
    let mut bytes = (text.len() as u16).to_be_bytes().to_vec();
    bytes.extend_from_slice(text);
    bytes
}

fn split_string(bytes: &[u8]) -> (&[u8], &[u8]) {
    let length = usize::from(u16::from_be_bytes([bytes[0], bytes[1]]));
    bytes[2..].split_at(length)
}

/// A client at QoS 0 of Mosquitto's anonymous listener. It does not know SINETStream's message format.
pub struct Client(TcpStream);

impl Client {
    pub fn connect(port: u16) -> Client {
        Client::connect_as(port, "", true)
    }

    fn connect_as(port: u16, client_id: &str, clean: bool) -> Client {
        let stream = TcpStream::connect(("127.0.0.1", port)).expect("connect");
        stream.set_read_timeout(Some(PATIENCE)).expect("a time-out");
        stream.set_nodelay(true).expect("no delay");
        let mut client = Client(stream);
        let mut body = vec![0, 4, b'M', b'Q', b'T', b'T', 4, if clean { 2 } else { 0 }, 0, 0];
        body.extend(string(client_id.as_bytes()));
        client.send(&Packet::new(CONNECT, body));
        assert_eq!(client.receive(), Packet::new(0x20, [0, 0]));
        client
    }

    /// Ends abruptly in the middle of this many publishes at QoS 2: after the PUBREC, before the PUBREL. The session stays.
    pub fn die_publishing(port: u16, client_id: &str, count: u16) {
        let mut client = Client::connect_as(port, client_id, false);
        for id in 1..=count {
            client.send(&publish("died", b"", 2, false, id));
            assert_eq!((client.receive().kind(), id), (0x50, id));
        }
    }

    pub fn subscribe(&mut self, filter: &str) {
        let mut body = vec![0, 1];
        body.extend(string(filter.as_bytes()));
        body.push(0);
        self.send(&Packet::new(SUBSCRIBE, body));
        assert_eq!(self.receive(), Packet::new(0x90, [0, 1, 0]));
    }

    pub fn publish(&mut self, topic: &str, payload: &[u8]) {
        self.send(&publish(topic, payload, 0, false, 0));
    }

    pub fn next(&mut self) -> Publish {
        Publish::parse(&self.receive())
    }

    fn send(&mut self, packet: &Packet) {
        self.0.write_all(&packet.bytes()).expect("send");
    }

    fn receive(&mut self) -> Packet {
        Packet::read(&mut self.0).expect("receive").expect("the broker closed the connection")
    }
}
