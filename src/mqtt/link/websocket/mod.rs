//! MQTT inside a WebSocket (MQTT 3.1.1 and 5, section 6; RFC 6455), by tungstenite.
//!
//! MQTT is a stream of bytes that WebSocket cuts into messages at will: what comes is put together again, and what is
//! written goes out in messages of a bounded size, each with as many packets as wait, or with a part of one.

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

/// The most that is put into one message: enough that its header and mask cost nothing.
const MESSAGE: usize = 64 * 1024;
/// The largest message that is taken: MQTT's largest packet, and with it what a broker may have gathered before.
/// tungstenite reserves what a frame's header announces, but touches it only as bytes come, so that an empty promise
/// takes addresses and no memory.
const MAX_MESSAGE: usize = 5 + MAX_REMAINING_LENGTH + 16 * 1024 * 1024;

/// An open WebSocket. Short, non-blocking steps only happen under the lock.
pub(super) struct Stream(Mutex<Inner>);

struct Inner {
    web: WebSocket<Adapter>,
    /// tungstenite or TLS still hold something that the socket has to take.
    unsent: bool,
    /// How the stream has ended, for the read after the last one with data.
    end: Option<io::Result<usize>>,
}

impl Stream {
    /// `rest`: what came behind the HTTP answer.
    fn new(socket: Arc<Socket>, rest: &[u8]) -> Stream {
        let config = WebSocketConfig::default()
            .read_buffer_size(READ)
            .max_frame_size(Some(MAX_MESSAGE))
            .max_message_size(Some(MAX_MESSAGE))
            // Nothing waits for more. A message is only made when the one before is gone; control frames may come on top.
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

    /// Says goodbye, as far as that goes without waiting.
    pub fn close(&self) {
        lock(&self.0).close(CloseCode::Normal);
    }
}

impl Inner {
    /// At most one read of the socket and one answer, so that a peer that sends nothing but pings keeps nobody here.
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
                    // Sends the answer. A failure is met again by the next write.
                    let _ = self.flush();
                    break;
                }
                Ok(Message::Close(frame)) => {
                    let _ = self.flush();
                    self.end = Some(closed(frame));
                }
                // MQTT-6.0.0-1.
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
            // A part of a message.
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

    /// False when the socket takes no more at the moment.
    fn flush(&mut self) -> io::Result<bool> {
        // An answer that found the buffer full has its place now.
        let sent = all_gone(self.web.flush().and_then(|()| self.web.flush()))?;
        self.unsent = !sent;
        Ok(sent)
    }

    fn close(&mut self, code: CloseCode) {
        let sent = all_gone(self.web.close(Some(CloseFrame { code, reason: "".into() })));
        self.unsent = matches!(sent, Ok(false));
    }

    /// What a failed read means.
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
            // Of the handshake only.
            e => self.violation(CloseCode::Protocol, &e.to_string()),
        }
    }

    /// The peer's mistake, told to both sides.
    fn violation(&mut self, code: CloseCode, what: &str) -> io::Result<usize> {
        self.close(code);
        let what = format!("the broker breaks the WebSocket protocol: {what}");
        Err(io::Error::new(io::ErrorKind::InvalidData, what))
    }
}

/// Whether a write of tungstenite's has emptied its buffer. What it has not written it keeps.
fn all_gone(result: tungstenite::Result<()>) -> io::Result<bool> {
    match result {
        Ok(()) => Ok(true),
        Err(Error::Io(e)) if e.kind() == io::ErrorKind::WouldBlock => Ok(false),
        Err(Error::Io(e)) => Err(e),
        Err(_) => Err(io::Error::new(io::ErrorKind::BrokenPipe, "the WebSocket is closed")),
    }
}

/// Takes up to [`MESSAGE`] bytes from the front.
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

/// The peer's goodbye.
fn closed(frame: Option<CloseFrame>) -> io::Result<usize> {
    let Some(CloseFrame { code, reason }) = frame else { return Ok(0) };
    // A control frame has 125 bytes at the most.
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

/// The socket as tungstenite wants it.
struct Adapter {
    socket: Arc<Socket>,
    /// What this step has read. One read is all that it may: tungstenite itself would go on to the end of a message.
    received: usize,
    /// The socket has taken something that [`Written`] has not told yet.
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

    /// What TLS has taken and not sent.
    fn flush(&mut self) -> io::Result<()> {
        match self.give(&mut VecDeque::new())? {
            Written::All => Ok(()),
            Written::Blocked { .. } => Err(io::ErrorKind::WouldBlock.into()),
        }
    }
}

#[cfg(test)]
mod tests;
