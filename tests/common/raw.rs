//! MQTT 3.1.1 by hand: what the tests look at, and a client that says nothing about SINETStream.

use std::io::{self, Read, Write};
use std::net::TcpStream;

use super::PATIENCE;

/// A control packet: the first byte, and what follows the length.
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

    /// The kind: the first byte without flags.
    pub fn kind(&self) -> u8 {
        self.first & 0xF0
    }

    /// The identifier at the start of the body.
    pub fn id(&self) -> u16 {
        u16::from_be_bytes([self.body[0], self.body[1]])
    }
}

/// What a CONNECT says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Connect {
    pub protocol: Vec<u8>,
    pub level: u8,
    pub clean_session: bool,
    pub keep_alive: u16,
    pub client_id: String,
    pub username: Option<String>,
    pub password: Option<Vec<u8>>,
}

impl Connect {
    pub fn parse(packet: &Packet) -> Connect {
        assert_eq!(packet.first, CONNECT);
        let (protocol, rest) = split_string(&packet.body);
        let [level, flags, high, low, ref rest @ ..] = *rest else { panic!("a short CONNECT") };
        let (client_id, mut rest) = split_string(rest);
        let mut field = |bit: u8| {
            (flags & bit != 0).then(|| {
                let (field, after) = split_string(rest);
                rest = after;
                field.to_vec()
            })
        };
        assert_eq!(flags & 0b0011_1101, 0, "will or reserved flags");
        let username = field(0x80).map(|name| String::from_utf8(name).expect("UTF-8"));
        let password = field(0x40);
        assert!(rest.is_empty(), "bytes after the CONNECT");
        Connect {
            protocol: protocol.to_vec(),
            level,
            clean_session: flags & 2 != 0,
            keep_alive: u16::from_be_bytes([high, low]),
            client_id: String::from_utf8(client_id.to_vec()).expect("UTF-8"),
            username,
            password,
        }
    }
}

/// What a PUBLISH says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Publish {
    pub topic: String,
    pub payload: Vec<u8>,
    pub qos: u8,
    pub retain: bool,
    pub dup: bool,
    pub id: u16,
}

impl Publish {
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
            topic: String::from_utf8(topic.to_vec()).expect("UTF-8"),
            payload: rest.to_vec(),
            qos,
            retain: packet.first & 1 != 0,
            dup: packet.first & 8 != 0,
            id,
        }
    }
}

/// A PUBLISH; the identifier is left out at QoS 0.
pub fn publish(topic: &str, payload: &[u8], qos: u8, retain: bool, id: u16) -> Packet {
    let mut body = string(topic.as_bytes());
    if qos > 0 {
        body.extend_from_slice(&id.to_be_bytes());
    }
    body.extend_from_slice(payload);
    Packet::new(0x30 | qos << 1 | u8::from(retain), body)
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

/// A client of Mosquitto's anonymous listener at QoS 0. It knows nothing of SINETStream's message format.
pub struct Client(TcpStream);

impl Client {
    pub fn connect(port: u16) -> Client {
        let stream = TcpStream::connect(("127.0.0.1", port)).expect("connect");
        stream.set_read_timeout(Some(PATIENCE)).expect("a time-out");
        stream.set_nodelay(true).expect("no delay");
        let mut client = Client(stream);
        let mut body = vec![0, 4, b'M', b'Q', b'T', b'T', 4, 2, 0, 0];
        body.extend(string(b""));
        client.send(&Packet::new(CONNECT, body));
        assert_eq!(client.receive(), Packet::new(0x20, [0, 0]));
        client
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
