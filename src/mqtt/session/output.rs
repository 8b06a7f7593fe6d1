//! Bytes on their way to the socket.

use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};

use crate::config::Version;
use crate::mqtt::protocol::{self, Publish};

/// Payloads above this size are shared, not copied.
const LARGE: usize = 8 * 1024;

/// The packets in the order of the wire: small ones are joined, and large payloads shared.
#[derive(Default)]
pub(crate) struct Output {
    chunks: VecDeque<Bytes>,
    tail: BytesMut,
    chunk_bytes: u64,
    /// The number of bytes that were taken out.
    bytes_before: u64,
}

impl Output {
    /// Returns the buffer to which packets are appended.
    pub fn tail(&mut self) -> &mut BytesMut {
        &mut self.tail
    }

    pub fn publish(&mut self, version: Version, publish: &Publish) {
        protocol::publish_head(version, publish, &mut self.tail);
        if publish.payload.len() < LARGE {
            self.tail.extend_from_slice(&publish.payload);
        } else {
            self.seal();
            self.chunk_bytes += publish.payload.len() as u64;
            self.chunks.push_back(publish.payload.clone());
        }
    }

    fn seal(&mut self) {
        if !self.tail.is_empty() {
            let chunk = self.tail.split().freeze();
            self.chunk_bytes += chunk.len() as u64;
            self.chunks.push_back(chunk);
        }
    }

    /// Takes everything that waits, in order.
    pub fn take(&mut self) -> VecDeque<Bytes> {
        self.seal();
        self.bytes_before += self.chunk_bytes;
        self.chunk_bytes = 0;
        std::mem::take(&mut self.chunks)
    }

    /// Returns the number of bytes that were ever put in.
    pub fn queued(&self) -> u64 {
        self.bytes_before + self.len()
    }

    /// Returns the number of bytes that wait.
    pub fn len(&self) -> u64 {
        self.chunk_bytes + self.tail.len() as u64
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Forgets the bytes that wait, since their connection is gone.
    pub fn clear(&mut self) {
        self.take();
    }
}
