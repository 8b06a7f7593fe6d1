//! MQTT control packets: bytes to [`Packet`] and back. `v4` is MQTT 3.1.1; each further version is a file beside it.
//! The rest of the engine knows no bytes.

pub(crate) mod v4;

use bytes::Bytes;

use crate::config::{Consistency, Credentials};

/// Largest "remaining length" that the fixed header can announce (MQTT 3.1.1, section 2.2.3).
pub(crate) const MAX_REMAINING_LENGTH: usize = 268_435_455;

/// A packet from the broker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Packet {
    Connack {
        session_present: bool,
        code: u8,
    },
    Publish(Publish),
    Puback(u16),
    Pubrec(u16),
    Pubrel(u16),
    Pubcomp(u16),
    /// One return code per topic filter.
    Suback(u16, Vec<u8>),
    Pingresp,
}

/// A publish, in either direction.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Publish {
    pub topic: String,
    pub payload: Bytes,
    pub qos: Consistency,
    pub retain: bool,
    pub dup: bool,
    /// 0 at QoS 0.
    pub packet_id: u16,
}

impl std::fmt::Debug for Publish {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Publish({:?}, id {}, {} bytes)", self.qos, self.packet_id, self.payload.len())
    }
}

/// What CONNECT says.
#[derive(Debug, Clone)]
pub(crate) struct Connect {
    pub client_id: String,
    pub clean_session: bool,
    pub keep_alive_s: u16,
    pub credentials: Option<Credentials>,
}

/// The broker sent something that MQTT does not allow.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("protocol error: {0}")]
pub(crate) struct ProtocolError(pub String);
