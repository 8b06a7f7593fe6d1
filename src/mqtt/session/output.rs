//! Bytes on their way to the socket.

use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};

use crate::config::Version;
use crate::mqtt::protocol::{self, Publish};

/// Payloads above this are not copied.
const LARGE: usize = 8 * 1024;

/// Packets in the order of the wire: small ones joined, large payloads shared.
#[derive(Default)]
pub(crate) struct Output {
    chunks: VecDeque<Bytes>,
    tail: BytesMut,
    chunk_bytes: u64,
    /// Bytes that were taken out.
    bytes_before: u64,
}

impl Output {
    /// Where packets are appended.
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

    /// Everything that waits, in order.
    pub fn take(&mut self) -> VecDeque<Bytes> {
        self.seal();
        self.bytes_before += self.chunk_bytes;
        self.chunk_bytes = 0;
        std::mem::take(&mut self.chunks)
    }

    /// Bytes that were ever put in.
    pub fn queued(&self) -> u64 {
        self.bytes_before + self.len()
    }

    /// Bytes that wait.
    pub fn len(&self) -> u64 {
        self.chunk_bytes + self.tail.len() as u64
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Forgets what waits: its connection is gone.
    pub fn clear(&mut self) {
        self.take();
    }
}
