//! Many copies of one PUBLISH in one buffer, so that sending them costs little but the system call.

use super::packet;

/// This many bytes are written at once.
const BATCH: usize = 64 * 1024;

pub struct Batch {
    bytes: Vec<u8>,
    packet: usize,
    id_at: Option<usize>,
}

impl Batch {
    pub fn new(topic: &str, qos: u8, payload: &[u8]) -> Batch {
        let (packet, id_at) = packet::publish(topic, qos, payload);
        let copies = (BATCH / packet.len()).clamp(1, 1000);
        Batch { bytes: packet.repeat(copies), packet: packet.len(), id_at }
    }

    /// Returns the largest number of messages that `take` can give.
    pub fn most(&self) -> u64 {
        (self.bytes.len() / self.packet) as u64
    }

    /// Returns the bytes of some messages, numbered from `first`.
    pub fn take(&mut self, messages: u64, first: u64) -> &[u8] {
        if let Some(id_at) = self.id_at {
            let packets = self.bytes.chunks_exact_mut(self.packet);
            for (number, packet) in (first..first + messages).zip(packets) {
                let id = (number % 65535 + 1) as u16; // Zero is not a valid packet identifier.
                packet[id_at..id_at + 2].copy_from_slice(&id.to_be_bytes());
            }
        }
        &self.bytes[..messages as usize * self.packet]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_message_has_its_identifier() {
        let mut batch = Batch::new("t", 1, b"value");
        let bytes = batch.take(3, 65533).to_vec();
        let ids: Vec<&[u8]> = bytes.chunks_exact(bytes.len() / 3).map(|packet| &packet[5..7]).collect();
        assert_eq!(ids, [&[255, 254], &[255, 255], &[0, 1]]);
    }
}
