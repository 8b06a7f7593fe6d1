//! A connection's socket: TCP, with or without TLS. Every operation is non-blocking; waiting is [`Link::ready`]'s.

mod tcp;
mod tls;

use std::collections::VecDeque;
use std::io;

use bytes::{Buf, Bytes, BytesMut};
use tokio::io::Interest;
use tokio::net::TcpStream;

use crate::config::Broker;
use crate::error::{Error, Result};
pub(crate) use tls::{Tls, TrustAnchors, explain};

/// An open socket. Reading and writing may happen on different threads at a time.
pub(crate) struct Link {
    tcp: TcpStream,
    tls: Option<tls::Stream>,
}

/// What a write achieved.
#[derive(Debug, PartialEq)]
pub(crate) enum Written {
    /// Everything is with the operating system.
    All,
    /// The socket takes no more at the moment; whether it took something.
    Blocked { moved: bool },
}

/// One read takes at most this much, unless a larger packet is under way.
const READ: usize = 64 * 1024;
/// A packet's announced length is believed in steps of this size.
const MAX_READ: usize = 1024 * 1024;

impl Link {
    /// DNS, TCP and TLS. The caller sets the deadline.
    pub async fn open(broker: &Broker, tls: Option<&Tls>) -> Result<Link> {
        let tcp = tcp::connect(broker).await?;
        match tls {
            None => Ok(Link { tcp, tls: None }),
            Some(tls) => {
                let (tcp, stream) = tls.handshake(broker, tcp).await?;
                Ok(Link { tcp, tls: Some(stream) })
            }
        }
    }

    /// Appends what the socket has to `input`: 0 is the end of the stream. `missing`: how much the packet under way
    /// still lacks.
    pub fn try_read(&self, input: &mut BytesMut, missing: usize) -> io::Result<usize> {
        input.reserve(missing.clamp(READ, MAX_READ));
        match &self.tls {
            None => self.tcp.try_read_buf(input),
            Some(tls) => tls.try_read(&self.tcp, input),
        }
    }

    /// Writes as much of `chunks` as the socket takes, and drops it from them.
    pub fn try_write(&self, chunks: &mut VecDeque<Bytes>) -> io::Result<Written> {
        match &self.tls {
            Some(tls) => tls.try_write(&self.tcp, chunks),
            None => {
                let mut moved = false;
                while !chunks.is_empty() {
                    let mut slices = [io::IoSlice::new(&[]); 16];
                    let count =
                        chunks.iter().zip(slices.iter_mut()).map(|(from, to)| *to = io::IoSlice::new(from)).count();
                    match self.tcp.try_write_vectored(&slices[..count]) {
                        Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                        Ok(written) => {
                            advance(chunks, written);
                            moved = true;
                        }
                        Err(e) if e.kind() == io::ErrorKind::WouldBlock => return Ok(Written::Blocked { moved }),
                        Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                        Err(e) => return Err(e),
                    }
                }
                Ok(Written::All)
            }
        }
    }

    /// True when TLS itself has something to send.
    pub fn wants_write(&self) -> bool {
        self.tls.as_ref().is_some_and(tls::Stream::wants_write)
    }

    /// Waits until reading or writing may go on; for ever when neither is asked for.
    pub async fn ready(&self, read: bool, write: bool) -> io::Result<()> {
        let interest = match (read, write) {
            (true, true) => Interest::READABLE | Interest::WRITABLE,
            (true, false) => Interest::READABLE,
            (false, true) => Interest::WRITABLE,
            (false, false) => return std::future::pending().await,
        };
        self.tcp.ready(interest).await.map(drop)
    }

    /// Tells the peer that nothing more follows, as far as that goes without waiting.
    pub fn shutdown(&self) {
        if let Some(tls) = &self.tls {
            tls.close_notify(&self.tcp);
        }
    }
}

/// Drops `written` bytes from the front.
fn advance(chunks: &mut VecDeque<Bytes>, mut written: usize) {
    while let Some(first) = chunks.front_mut() {
        if written < first.len() {
            first.advance(written);
            return;
        }
        written -= first.len();
        chunks.pop_front();
    }
}

/// A failed step of opening a connection, for people.
pub(crate) fn failed(broker: &Broker, step: &str, cause: impl std::fmt::Display) -> Error {
    Error::Connection(format!("connect {broker}: {step}: {cause}"))
}
