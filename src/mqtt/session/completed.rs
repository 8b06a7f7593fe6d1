//! Incoming messages of QoS 2 whose handshake is complete.
//!
//! None of them should come again. But Mosquitto 2.0.11 publishes a message again, under its old identifier and with DUP, after
//! its PUBREL: when the connection breaks while the broker is resuming a session, it forgets that the PUBREC had come. After
//! several cuts it has tens of thousands of messages under way, so remembering a fixed number of recent messages is not enough.
//! Therefore the last message of every identifier is remembered, with a digest of its content, since the identifier alone may
//! be in use again.

use std::hash::{DefaultHasher, Hasher};

use crate::mqtt::protocol::Publish;

/// The number of identifiers that share a piece of memory.
const PAGE: usize = 256;

/// The last completed message of each identifier. They take up to half a mebibyte, in pages that are allocated when needed.
#[derive(Default)]
pub(super) struct Completed {
    pages: Vec<Option<Box<[u64; PAGE]>>>,
}

impl Completed {
    pub fn insert(&mut self, id: u16, digest: u64) {
        let (page, index) = position(id);
        if self.pages.len() <= page {
            self.pages.resize(page + 1, None);
        }
        self.pages[page].get_or_insert_with(|| Box::new([NONE; PAGE]))[index] = digest;
    }

    pub fn contains(&self, id: u16, digest: u64) -> bool {
        let (page, index) = position(id);
        self.pages.get(page).and_then(Option::as_ref).is_some_and(|page| page[index] == digest)
    }
}

/// Returns the page of an identifier, and its place there.
fn position(id: u16) -> (usize, usize) {
    (usize::from(id) / PAGE, usize::from(id) % PAGE)
}

/// The digest that stands for no message.
const NONE: u64 = 0;

/// Returns a digest that tells messages apart: a SINETStream message has its time in microseconds among its first bytes.
pub(super) fn digest(publish: &Publish) -> u64 {
    const PART: usize = 512;
    let payload = &publish.payload;
    let mut hasher = DefaultHasher::new();
    hasher.write(publish.topic.as_bytes());
    hasher.write_usize(payload.len());
    hasher.write(&payload[..payload.len().min(PART)]);
    hasher.write(&payload[payload.len().saturating_sub(PART)..]);
    hasher.finish().max(NONE + 1)
}
