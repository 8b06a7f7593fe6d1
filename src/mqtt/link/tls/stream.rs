//! An open TLS connection on a non-blocking socket.

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::sync::Mutex;

use bytes::{Bytes, BytesMut};
use rustls::ClientConnection;

use super::super::transport::Transport;
use super::super::{Written, advance};
use crate::lock::lock;

/// The TLS state beside its socket. Only short, non-blocking steps happen under the lock.
pub(crate) struct Stream(pub(super) Mutex<ClientConnection>);

impl Stream {
    pub fn try_read(&self, transport: &Transport, input: &mut BytesMut) -> io::Result<usize> {
        // A TLS record holds this many bytes at most.
        let mut plaintext = [0; 16 * 1024];
        let length = self.read(transport, &mut plaintext)?;
        input.extend_from_slice(&plaintext[..length]);
        Ok(length)
    }

    pub fn read(&self, transport: &Transport, buffer: &mut [u8]) -> io::Result<usize> {
        let mut connection = lock(&self.0);
        loop {
            match connection.reader().read(buffer) {
                Ok(length) => return Ok(length),
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => {}
                // Many brokers close without close_notify; that is safe, since MQTT's own packets have their lengths.
                Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => return Ok(0),
                Err(e) => return Err(e),
            }
            // Without new input this repeats the error that an earlier call met behind the data that it could still read.
            connection.process_new_packets().map_err(invalid)?;
            connection.read_tls(&mut Socket(transport))?;
            if let Err(error) = connection.process_new_packets() {
                // The alert explains the error to the broker, as far as it can be sent.
                let _ = connection.write_tls(&mut Socket(transport));
                // Data before the error counts: Mosquitto 2.1 sends the end of a WebSocket without TLS after a refusing
                // CONNACK.
                return match connection.reader().read(buffer) {
                    Ok(length) if length > 0 => Ok(length),
                    _ => Err(invalid(error)),
                };
            }
        }
    }

    pub fn try_write(&self, transport: &Transport, chunks: &mut VecDeque<Bytes>) -> io::Result<Written> {
        let mut connection = lock(&self.0);
        let mut moved = false;
        loop {
            // rustls takes up to its buffer limit, so memory stays bounded.
            while let Some(first) = chunks.front() {
                match connection.writer().write(first)? {
                    0 => break,
                    written => advance(chunks, written),
                }
            }
            while connection.wants_write() {
                match connection.write_tls(&mut Socket(transport)) {
                    Ok(_) => moved = true,
                    Err(e) if e.kind() == io::ErrorKind::WouldBlock => return Ok(Written::Blocked { moved }),
                    Err(e) => return Err(alert(&mut connection, transport).unwrap_or(e)),
                }
            }
            if chunks.is_empty() {
                return Ok(Written::All);
            }
        }
    }

    pub fn wants_write(&self) -> bool {
        lock(&self.0).wants_write()
    }

    pub fn close_notify(&self, transport: &Transport) {
        let mut connection = lock(&self.0);
        connection.send_close_notify();
        let _ = connection.write_tls(&mut Socket(transport));
    }
}

/// Returns why the peer has closed the connection, if it said so before: under TLS 1.3 a broker that refuses our certificate
/// says so only after the handshake, and does not wait for what we write meanwhile.
fn alert(connection: &mut ClientConnection, transport: &Transport) -> Option<io::Error> {
    while connection.read_tls(&mut Socket(transport)).is_ok_and(|length| length > 0) {
        if let Err(error) = connection.process_new_packets() {
            return Some(invalid(error));
        }
    }
    None
}

fn invalid(error: rustls::Error) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}

/// The transport in the form that rustls needs.
struct Socket<'a>(&'a Transport);

impl Read for Socket<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.try_read(buffer)
    }
}

impl Write for Socket<'_> {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        self.0.try_write(buffer)
    }

    fn write_vectored(&mut self, buffers: &[io::IoSlice<'_>]) -> io::Result<usize> {
        self.0.try_write_vectored(buffers)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
