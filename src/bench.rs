//! The stages of a message's way through the crate, as `cargo bench` measures them. They are not for programs: they change with
//! the inside of the crate.

use std::time::Duration;

use bytes::Bytes;
use tokio::time::Instant;

use crate::config::{
    Algorithm, CompressionSettings, Consistency, CryptoSettings, Encryption, Keys, Map, MessageFormat, MessageSettings,
    Mode, Padding, Prf, Version,
};
use crate::error::{Error, Result};
use crate::message::{Decoder, Encoder};
use crate::mqtt::Earlier;
use crate::mqtt::ValueSize;
use crate::mqtt::protocol::{Limits, Packet, Publish, Reason};
use crate::mqtt::session::{Hearer, Room, Session, Submission};
pub use crate::outbox::bench::OutboxLog;
use crate::wiped::Secret;

/// An encoder and a decoder, without the network.
pub struct Codec {
    encoder: Encoder,
    decoder: Decoder,
}

impl Codec {
    /// Makes a codec of format 3: with zstd if `compressed`, with AES-256-GCM and a password if `encrypted`.
    pub fn new(compressed: bool, encrypted: bool) -> Result<Codec> {
        let compression = CompressionSettings {
            algorithm: Algorithm::Zstd,
            level: None,
            max_decompressed_bytes: 1 << 28,
            parameters: Map::new(),
        };
        let keys = Keys::Password {
            password: Secret::new(b"passw0rd".to_vec()),
            prf: Prf::Sha256,
            iterations: 10_000,
            budget: Duration::from_secs(1),
        };
        let crypto = CryptoSettings {
            mode: Mode::Gcm,
            padding: Padding::None,
            key_length: 32,
            salt_bytes: 8,
            bind_topic: false,
            keys,
        };
        let settings = MessageSettings {
            format: MessageFormat::V3,
            user_data_only: false,
            compression: compressed.then_some(compression),
            encryption: encrypted.then_some(Encryption::Aes(crypto)),
        };
        Ok(Codec { encoder: Encoder::new(&settings, "", None)?, decoder: Decoder::new(&settings, None)? })
    }

    /// Returns the wire bytes of a value.
    pub fn encode(&self, value: &[u8]) -> Result<Bytes> {
        let fill = |place: &mut [u8]| {
            place.copy_from_slice(value);
            Ok::<_, Error>(())
        };
        self.encoder.encode(value.len(), 1, fill).map(|encoded| encoded.wire)
    }

    /// Returns the length of the value in a message.
    pub fn decode(&self, wire: &Bytes) -> Result<usize> {
        self.decoder.decode(wire, "").map(|decoded| decoded.payload.len())
    }
}

/// A connected session of MQTT 3.1.1, with the bytes that it has sent.
pub struct Connected {
    session: Session,
    now: Instant,
    next_id: u16,
}

impl Default for Connected {
    fn default() -> Connected {
        let now = Instant::now();
        let room = Room::new(usize::MAX, usize::MAX);
        let minute = Duration::from_secs(60);
        let mut session = Session::new(Version::V311, 1000, minute, room, minute, now);
        session.connected(false, &Limits::default(), now);
        Connected { session, now, next_id: 0 }
    }
}

impl Connected {
    /// Publishes this many messages at QoS 1, takes the bytes for the broker as one write does, and confirms each message.
    /// Returns the number of bytes.
    pub fn publish_and_confirm(&mut self, payload: &Bytes, count: usize) -> usize {
        for _ in 0..count {
            let publish = Publish {
                topic: "topic-001".into(),
                payload: payload.clone(),
                qos: Consistency::AtLeastOnce,
                retain: false,
                dup: false,
                packet_id: 0,
                properties: Bytes::new(),
            };
            let deadline = self.now + Duration::from_secs(60);
            let _ = self.session.outgoing.room.try_take(payload.len());
            let submission = Submission {
                publish,
                earlier: Earlier::Nothing,
                room: payload.len(),
                size: ValueSize::same(payload.len()),
                hearer: Hearer::Nobody,
                accepted: self.now,
                deadline,
            };
            self.session.publish(submission, self.now);
        }
        let bytes = self.session.output.take().iter().map(Bytes::len).sum();
        let position = self.session.output.queued();
        self.session.flushed(position, self.now);
        for _ in 0..count {
            self.next_id = self.next_id.checked_add(1).unwrap_or(1);
            let _ = self.session.handle(Packet::Puback(self.next_id, Reason::default()), self.now);
        }
        drop(self.session.take_aftermath());
        bytes
    }
}
