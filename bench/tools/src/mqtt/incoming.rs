//! Splits the bytes of a socket into packets.

use std::io::{self, ErrorKind, Read};
use std::net::TcpStream;
use std::ops::Range;

use super::packet;

const BUFFER: usize = 512 * 1024;

/// A packet whose body stays in the buffer until the next `receive`.
pub struct Packet {
    pub kind: u8,
    /// The flags: the lower half of the first byte.
    flags: u8,
    body: Range<usize>,
}

impl Packet {
    pub fn qos(&self) -> u8 {
        self.flags >> 1 & 3
    }
}

pub struct Incoming {
    stream: TcpStream,
    buffer: Vec<u8>,
    /// The bytes that were received and not yet taken.
    filled: Range<usize>,
}

impl Incoming {
    pub fn new(stream: TcpStream) -> Incoming {
        Incoming { stream, buffer: vec![0; BUFFER], filled: 0..0 }
    }

    /// Returns the next packet that has arrived completely.
    pub fn buffered(&mut self) -> io::Result<Option<Packet>> {
        let bytes = &self.buffer[self.filled.clone()];
        let Some((length, head)) = remaining_length(bytes)? else { return Ok(None) };
        let whole = head + length;
        if bytes.len() < whole {
            if self.buffer.len() < whole {
                self.buffer.resize(2 * whole, 0);
            }
            return Ok(None);
        }
        let (kind, flags) = (bytes[0] >> 4, bytes[0] & 15);
        let body = self.filled.start + head..self.filled.start + whole;
        self.filled.start = body.end;
        Ok(Some(Packet { kind, flags, body }))
    }

    pub fn body(&self, packet: &Packet) -> &[u8] {
        &self.buffer[packet.body.clone()]
    }

    /// Returns the packet identifier, which follows the topic in a PUBLISH and is at the start of all other packets.
    pub fn id(&self, packet: &Packet) -> io::Result<[u8; 2]> {
        let body = self.body(packet);
        let at = match packet.kind {
            packet::PUBLISH => 2 + length_at(body, 0)?,
            _ => 0,
        };
        let id = body.get(at..at + 2).ok_or_else(malformed)?;
        Ok([id[0], id[1]])
    }

    /// Waits for more bytes; returns false at the end of the connection.
    pub fn receive(&mut self) -> io::Result<bool> {
        self.buffer.copy_within(self.filled.clone(), 0);
        self.filled = 0..self.filled.len();
        let received = self.stream.read(&mut self.buffer[self.filled.end..])?;
        self.filled.end += received;
        Ok(received > 0)
    }

    /// Waits for a packet.
    pub fn wait(&mut self) -> io::Result<Packet> {
        loop {
            if let Some(packet) = self.buffered()? {
                return Ok(packet);
            }
            if !self.receive()? {
                return Err(io::Error::new(ErrorKind::UnexpectedEof, "the connection was closed"));
            }
        }
    }
}

/// Returns the two-byte length at a position.
pub fn length_at(body: &[u8], at: usize) -> io::Result<usize> {
    let bytes = body.get(at..at + 2).ok_or_else(malformed)?;
    Ok(usize::from(bytes[0]) << 8 | usize::from(bytes[1]))
}

/// Returns the length of the body and that of the fixed header, if the header has arrived.
fn remaining_length(bytes: &[u8]) -> io::Result<Option<(usize, usize)>> {
    let mut length = 0;
    for (index, byte) in bytes.iter().skip(1).take(4).enumerate() {
        length |= usize::from(byte & 127) << (7 * index);
        if byte & 128 == 0 {
            return Ok(Some((length, 2 + index)));
        }
    }
    if bytes.len() > 4 { Err(malformed()) } else { Ok(None) }
}

pub fn malformed() -> io::Error {
    io::Error::new(ErrorKind::InvalidData, "malformed packet")
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::net::TcpListener;

    use super::super::packet;
    use super::*;

    #[test]
    fn packets_of_all_sizes_come_out_as_they_went_in() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut sender = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let mut incoming = Incoming::new(listener.accept().unwrap().0);
        let payloads: Vec<Vec<u8>> = [0, 1, 100, 127, 128, 20_000, 3 * BUFFER].map(|size| vec![7; size]).into();
        let expected = payloads.clone();
        let writing = std::thread::spawn(move || {
            for payload in payloads {
                sender.write_all(&packet::publish("topic", 1, &payload).0).unwrap();
            }
        });
        for payload in expected {
            let packet = incoming.wait().unwrap();
            assert_eq!((packet.kind, packet.qos()), (packet::PUBLISH, 1));
            assert_eq!(incoming.id(&packet).unwrap(), [0, 1]);
            assert!(incoming.body(&packet)[9..] == payload);
        }
        writing.join().unwrap();
        assert!(incoming.wait().is_err());
    }
}
