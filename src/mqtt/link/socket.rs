//! The stream of bytes to a broker, with or without TLS. Every operation is non-blocking.

use std::collections::VecDeque;
use std::io;

use bytes::{Buf, Bytes, BytesMut};
use tokio::io::Interest;

use super::tls;
use super::transport::Transport;

/// The stream of bytes to a broker. One thread may read while another one writes.
pub(super) struct Socket {
    pub transport: Transport,
    pub tls: Option<tls::Stream>,
}

/// The outcome of a write.
#[derive(Debug, PartialEq)]
pub(crate) enum Written {
    /// Everything is with the operating system.
    All,
    /// The socket takes no more at the moment; `moved` is true if it has taken something.
    Blocked { moved: bool },
}

impl Socket {
    /// Appends to `input` what has come, as far as there is room in it, and returns its length; 0 is the end of the stream.
    pub fn try_read(&self, input: &mut BytesMut) -> io::Result<usize> {
        match &self.tls {
            None => self.transport.try_read_buf(input),
            Some(tls) => tls.try_read(&self.transport, input),
        }
    }

    /// Reads into a slice like [`Socket::try_read`].
    pub fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        match &self.tls {
            None => self.transport.try_read(buffer),
            Some(tls) => tls.read(&self.transport, buffer),
        }
    }

    /// Writes as much of `chunks` as the socket takes, and drops the written bytes from them.
    pub fn try_write(&self, chunks: &mut VecDeque<Bytes>) -> io::Result<Written> {
        if let Some(tls) = &self.tls {
            return tls.try_write(&self.transport, chunks);
        }
        let mut moved = false;
        while !chunks.is_empty() {
            let mut slices = [io::IoSlice::new(&[]); 16];
            let count = chunks.iter().zip(slices.iter_mut()).map(|(from, to)| *to = io::IoSlice::new(from)).count();
            match self.transport.try_write_vectored(&slices[..count]) {
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

    /// Returns true when TLS itself has something to send.
    pub fn wants_write(&self) -> bool {
        self.tls.as_ref().is_some_and(tls::Stream::wants_write)
    }

    /// Waits until reading or writing may go on, or for ever when neither is asked for.
    pub async fn ready(&self, read: bool, write: bool) -> io::Result<()> {
        let interest = match (read, write) {
            (true, true) => Interest::READABLE | Interest::WRITABLE,
            (true, false) => Interest::READABLE,
            (false, true) => Interest::WRITABLE,
            (false, false) => return std::future::pending().await,
        };
        self.transport.ready(interest).await
    }

    /// Tells the peer that nothing more follows, as far as that is possible without waiting.
    pub fn shutdown(&self) {
        if let Some(tls) = &self.tls {
            tls.close_notify(&self.transport);
        }
    }
}

/// Drops `written` bytes from the front of the chunks.
pub(super) fn advance(chunks: &mut VecDeque<Bytes>, mut written: usize) {
    while let Some(first) = chunks.front_mut() {
        if written < first.len() {
            first.advance(written);
            return;
        }
        written -= first.len();
        chunks.pop_front();
    }
}
