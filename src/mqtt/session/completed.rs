//! Incoming messages of QoS 2 whose handshake is complete.
//!
//! Nothing of them should come again. But Mosquitto 2.0.11 publishes a message again, under its old identifier and with
//! DUP, after its PUBREL: when the connection breaks while the broker is resuming a session, it forgets that the
//! PUBREC had come. So the last ones are remembered, with what they were: an identifier alone may be in use again.

use std::collections::{HashMap, VecDeque};
use std::hash::{DefaultHasher, Hasher};

use crate::mqtt::protocol::Publish;

/// More than brokers have under way at a time.
const REMEMBERED: usize = 4096;

/// The last completed messages of a session.
#[derive(Default)]
pub(super) struct Completed {
    order: VecDeque<u16>,
    digests: HashMap<u16, u64>,
}

impl Completed {
    pub fn insert(&mut self, id: u16, digest: u64) {
        if self.digests.insert(id, digest).is_some() {
            self.order.retain(|other| *other != id);
        }
        self.order.push_back(id);
        if self.order.len() > REMEMBERED
            && let Some(oldest) = self.order.pop_front()
        {
            self.digests.remove(&oldest);
        }
    }

    pub fn contains(&self, id: u16, digest: u64) -> bool {
        self.digests.get(&id) == Some(&digest)
    }
}

/// Tells messages apart: a SINETStream message has its time in microseconds among its first bytes.
pub(super) fn digest(publish: &Publish) -> u64 {
    const PART: usize = 512;
    let payload = &publish.payload;
    let mut hasher = DefaultHasher::new();
    hasher.write(publish.topic.as_bytes());
    hasher.write_usize(payload.len());
    hasher.write(&payload[..payload.len().min(PART)]);
    hasher.write(&payload[payload.len().saturating_sub(PART)..]);
    hasher.finish()
}
