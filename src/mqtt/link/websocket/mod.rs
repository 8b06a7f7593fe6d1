//! MQTT inside a WebSocket (MQTT 3.1.1 and 5, section 6; RFC 6455), by tungstenite.
//!
//! MQTT is a stream of bytes that WebSocket cuts into messages at any byte: received messages are put together again, and the
//! output goes out in messages of a bounded size, each with as many packets as wait, or with a part of one.

mod handshake;

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::mem;
use std::sync::{Arc, Mutex};

use bytes::{Bytes, BytesMut};
use tungstenite::error::{Error, ProtocolError};
use tungstenite::protocol::frame::coding::CloseCode;
use tungstenite::protocol::{CloseFrame, Message, Role, WebSocket, WebSocketConfig};

use super::READ;
use super::socket::{Socket, Written};
use crate::lock::lock;
use crate::mqtt::protocol::MAX_REMAINING_LENGTH;
use crate::strangers::harmless;
#[cfg(any(test, feature = "fuzz"))]
pub(crate) use handshake::fuzz_answer;
pub(super) use handshake::open;

/// The most bytes that are put into one message; with so many, the cost of its header and mask is negligible.
const MESSAGE: usize = 64 * 1024;
/// The largest message that is accepted: MQTT's largest packet, and the packets that a broker may have gathered before it.
/// tungstenite reserves what a frame's header announces, but touches it only as bytes come, so that a false announcement takes
/// address space and no memory.
const MAX_MESSAGE: usize = 5 + MAX_REMAINING_LENGTH + 16 * 1024 * 1024;

/// An open WebSocket. Only short, non-blocking steps happen under the lock.
pub(super) struct Stream(Mutex<Inner>);

struct Inner {
    web: WebSocket<Adapter>,
    /// True when tungstenite or TLS still hold bytes that the socket has to take.
    unsent: bool,
    /// The end of the stream, for the read after the last one with data.
    end: Option<io::Result<usize>>,
}

impl Stream {
    /// Creates the stream; `rest` is what came behind the HTTP answer.
    fn new(socket: Arc<Socket>, rest: &[u8]) -> Stream {
        let config = WebSocketConfig::default()
            .read_buffer_size(READ)
            .max_frame_size(Some(MAX_MESSAGE))
            .max_message_size(Some(MAX_MESSAGE))
            // Nothing is buffered to wait for more. A message is made only when the one before is gone, and control frames may
            // be added.
            .write_buffer_size(0)
            .max_write_buffer_size(2 * MESSAGE);
        let adapter = Adapter { socket, received: 0, moved: false };
        let web = WebSocket::from_partially_read(adapter, rest.to_vec(), Role::Client, Some(config));
        Stream(Mutex::new(Inner { web, unsent: false, end: None }))
    }

    /// See [`super::Link::try_read`].
    pub fn try_read(&self, input: &mut BytesMut) -> io::Result<usize> {
        lock(&self.0).read(input)
    }

    pub fn try_write(&self, chunks: &mut VecDeque<Bytes>) -> io::Result<Written> {
        lock(&self.0).write(chunks)
    }

    pub fn wants_write(&self) -> bool {
        lock(&self.0).unsent
    }

    /// Sends a Close frame, as far as that is possible without waiting.
    pub fn close(&self) {
        lock(&self.0).close(CloseCode::Normal);
    }
}

impl Inner {
    /// Reads the socket once and sends one answer at most, so that a peer that sends nothing but pings blocks nobody here.
    fn read(&mut self, input: &mut BytesMut) -> io::Result<usize> {
        let before = input.len();
        let mut control = false;
        self.web.get_mut().received = 0;
        while self.end.is_none() {
            match self.web.read() {
                Ok(Message::Binary(data)) => input.extend_from_slice(&data),
                Ok(Message::Pong(_)) => control = true,
                Ok(Message::Ping(_)) => {
                    control = true;
                    // The flush sends the answer. If it fails, the next write fails, too.
                    let _ = self.flush();
                    break;
                }
                Ok(Message::Close(frame)) => {
                    let _ = self.flush();
                    self.end = Some(closed(frame));
                }
                // MQTT needs binary messages (MQTT-6.0.0-1).
                Ok(Message::Text(_) | Message::Frame(_)) => {
                    let what = "a text message, where MQTT needs binary ones";
                    self.end = Some(self.violation(CloseCode::Unsupported, what));
                }
                Err(Error::Io(e)) if e.kind() == io::ErrorKind::WouldBlock => break,
                Err(e) => self.end = Some(self.failed(e)),
            }
        }
        if input.len() > before {
            return Ok(input.len() - before);
        }
        match (self.end.take(), self.web.get_ref().received) {
            (Some(end), _) => end,
            (None, _) if control => Err(io::ErrorKind::Interrupted.into()),
            (None, 0) => Err(io::ErrorKind::WouldBlock.into()),
            // A part of a message has come.
            (None, length) => Ok(length),
        }
    }

    fn write(&mut self, chunks: &mut VecDeque<Bytes>) -> io::Result<Written> {
        let mut sent = self.flush()?;
        while sent && !chunks.is_empty() {
            sent = all_gone(self.web.write(Message::Binary(next_message(chunks))))? && self.flush()?;
        }
        self.unsent = !sent;
        let moved = mem::take(&mut self.web.get_mut().moved);
        Ok(if sent { Written::All } else { Written::Blocked { moved } })
    }

    /// Returns false when the socket takes no more at the moment.
    fn flush(&mut self) -> io::Result<bool> {
        // The second flush sends an answer that found the buffer full, for which there is room now.
        let sent = all_gone(self.web.flush().and_then(|()| self.web.flush()))?;
        self.unsent = !sent;
        Ok(sent)
    }

    fn close(&mut self, code: CloseCode) {
        let sent = all_gone(self.web.close(Some(CloseFrame { code, reason: "".into() })));
        self.unsent = matches!(sent, Ok(false));
    }

    /// Returns what a failed read means.
    fn failed(&mut self, error: Error) -> io::Result<usize> {
        match error {
            Error::Io(e) => Err(e),
            Error::ConnectionClosed
            | Error::AlreadyClosed
            | Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => Ok(0),
            Error::Capacity(_) => {
                self.violation(CloseCode::Size, &format!("a message of more than {MAX_MESSAGE} bytes"))
            }
            Error::Utf8(_) => self.violation(CloseCode::Invalid, "text that is not UTF-8"),
            Error::Protocol(e) => self.violation(CloseCode::Protocol, &e.to_string()),
            // The remaining errors occur in the handshake only.
            e => self.violation(CloseCode::Protocol, &e.to_string()),
        }
    }

    /// Reports a violation of the protocol to both sides.
    fn violation(&mut self, code: CloseCode, what: &str) -> io::Result<usize> {
        self.close(code);
        let what = format!("the broker breaks the WebSocket protocol: {what}");
        Err(io::Error::new(io::ErrorKind::InvalidData, what))
    }
}

/// Returns whether a write has emptied tungstenite's buffer. The buffer keeps what was not written.
fn all_gone(result: tungstenite::Result<()>) -> io::Result<bool> {
    match result {
        Ok(()) => Ok(true),
        Err(Error::Io(e)) if e.kind() == io::ErrorKind::WouldBlock => Ok(false),
        Err(Error::Io(e)) => Err(e),
        Err(_) => Err(io::Error::new(io::ErrorKind::BrokenPipe, "the WebSocket is closed")),
    }
}

/// Takes up to [`MESSAGE`] bytes from the front of the chunks.
fn next_message(chunks: &mut VecDeque<Bytes>) -> Bytes {
    if let Some(first) = chunks.front_mut()
        && first.len() > MESSAGE
    {
        return first.split_to(MESSAGE);
    }
    if chunks.len() == 1 {
        return chunks.pop_front().unwrap_or_default();
    }
    let mut message = BytesMut::with_capacity(chunks.iter().map(Bytes::len).sum::<usize>().min(MESSAGE));
    while message.len() < MESSAGE
        && let Some(mut first) = chunks.pop_front()
    {
        let rest = first.split_off(first.len().min(MESSAGE - message.len()));
        message.extend_from_slice(&first);
        if !rest.is_empty() {
            chunks.push_front(rest);
        }
    }
    message.freeze()
}

/// Returns what the peer's Close frame means.
fn closed(frame: Option<CloseFrame>) -> io::Result<usize> {
    let Some(CloseFrame { code, reason }) = frame else { return Ok(0) };
    // A control frame has 125 bytes at most.
    let reason = harmless(&reason, 125);
    let name = match code {
        CloseCode::Normal if reason.is_empty() => return Ok(0),
        CloseCode::Normal => "normal closure",
        CloseCode::Away => "going away",
        CloseCode::Protocol => "protocol error",
        CloseCode::Unsupported => "unsupported data",
        CloseCode::Invalid => "invalid data",
        CloseCode::Policy => "policy violation",
        CloseCode::Size => "message too big",
        CloseCode::Error => "internal error",
        CloseCode::Restart => "service restart",
        CloseCode::Again => "try again later",
        _ => "(code of the broker's own)",
    };
    let colon = if reason.is_empty() { "" } else { ": " };
    let told = format!("the broker closed the WebSocket: {code} {name}{colon}{reason}");
    Err(io::Error::new(io::ErrorKind::ConnectionAborted, told))
}

/// The socket in the form that tungstenite needs.
struct Adapter {
    socket: Arc<Socket>,
    /// The number of bytes that this step has read. It may read only once; tungstenite itself would go on to the end of a
    /// message.
    received: usize,
    /// True when the socket has taken something that no [`Written`] has reported yet.
    moved: bool,
}

impl Adapter {
    fn give(&mut self, chunks: &mut VecDeque<Bytes>) -> io::Result<Written> {
        let something = !chunks.is_empty();
        let written = self.socket.try_write(chunks)?;
        self.moved |= match written {
            Written::All => something,
            Written::Blocked { moved } => moved,
        };
        Ok(written)
    }
}

impl Read for Adapter {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.received > 0 {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        self.received = self.socket.read(buffer)?;
        Ok(self.received)
    }
}

impl Write for Adapter {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        let mut chunks = [Bytes::copy_from_slice(buffer)].into();
        self.give(&mut chunks)?;
        match buffer.len() - chunks.iter().map(Bytes::len).sum::<usize>() {
            0 => Err(io::ErrorKind::WouldBlock.into()),
            taken => Ok(taken),
        }
    }

    /// Sends what TLS has taken and not sent.
    fn flush(&mut self) -> io::Result<()> {
        match self.give(&mut VecDeque::new())? {
            Written::All => Ok(()),
            Written::Blocked { .. } => Err(io::ErrorKind::WouldBlock.into()),
        }
    }
}

#[cfg(test)]
mod tests;
