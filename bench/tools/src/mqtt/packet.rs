//! Encodes packets.

/// The type of a packet: the upper half of its first byte.
pub const CONNECT: u8 = 1;
pub const CONNACK: u8 = 2;
pub const PUBLISH: u8 = 3;
pub const PUBACK: u8 = 4;
pub const PUBREC: u8 = 5;
pub const PUBREL: u8 = 6;
pub const PUBCOMP: u8 = 7;
pub const SUBSCRIBE: u8 = 8;
pub const SUBACK: u8 = 9;
pub const UNSUBSCRIBE: u8 = 10;
pub const UNSUBACK: u8 = 11;
pub const PINGREQ: u8 = 12;
pub const PINGRESP: u8 = 13;
pub const DISCONNECT: u8 = 14;

/// Appends a packet with this first byte and body.
pub fn put(to: &mut Vec<u8>, first: u8, body: &[&[u8]]) {
    to.push(first);
    let mut length = body.iter().map(|part| part.len()).sum::<usize>();
    while length >= 128 {
        to.push(length as u8 | 128);
        length /= 128;
    }
    to.push(length as u8);
    body.iter().for_each(|part| to.extend_from_slice(part));
}

/// Returns a text with its length before it.
fn text(text: &str) -> Vec<u8> {
    let mut bytes = (text.len() as u16).to_be_bytes().to_vec();
    bytes.extend_from_slice(text.as_bytes());
    bytes
}

/// Returns a CONNECT with a clean session and without keep-alive.
pub fn connect(client_id: &str) -> Vec<u8> {
    let mut packet = Vec::new();
    put(&mut packet, CONNECT << 4, &[&text("MQTT"), &[4, 0b10, 0, 0], &text(client_id)]);
    packet
}

pub fn subscribe(topic: &str, qos: u8) -> Vec<u8> {
    let mut packet = Vec::new();
    put(&mut packet, SUBSCRIBE << 4 | 0b10, &[&[0, 1], &text(topic), &[qos]]);
    packet
}

/// Returns a PUBLISH, and the position of its packet identifier (at QoS 0 it has none).
pub fn publish(topic: &str, qos: u8, payload: &[u8]) -> (Vec<u8>, Option<usize>) {
    let id: &[u8] = if qos == 0 { &[] } else { &[0, 1] };
    let mut packet = Vec::new();
    put(&mut packet, PUBLISH << 4 | qos << 1, &[&text(topic), id, payload]);
    let id_at = packet.len() - payload.len() - id.len();
    (packet, (qos > 0).then_some(id_at))
}

/// Appends a packet that consists of its packet identifier alone.
pub fn put_id(to: &mut Vec<u8>, first: u8, id: [u8; 2]) {
    to.extend_from_slice(&[first, 2, id[0], id[1]]);
}
