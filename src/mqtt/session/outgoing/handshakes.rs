//! The handshakes of QoS 1 and 2: what the broker's acknowledgements mean for a publish.

use super::{Entry, Outgoing, Phase, Wire};
use crate::config::Consistency;
use crate::error::Result;
use crate::mqtt::protocol::{self, ProtocolError, Reason};
use crate::mqtt::session::ids::Holder;
use crate::mqtt::session::refusal;

type Handled = std::result::Result<(), ProtocolError>;

impl Outgoing {
    pub(in crate::mqtt::session) fn puback(&mut self, id: u16, reason: &Reason, wire: &mut Wire<'_>) -> Handled {
        match self.awaiting(id) {
            Some((number, entry)) if entry.publish.qos == Consistency::AtLeastOnce => {
                let result = refusal::outcome(&entry.publish, !entry.is_resent, wire.broker, "PUBACK", reason);
                self.acknowledged(number, result, wire);
            }
            Some(_) => return Err(ProtocolError(format!("PUBACK for the QoS 2 publish {id}"))),
            None => tracing::debug!("PUBACK for the unknown publish {id}"),
        }
        Ok(())
    }

    pub(in crate::mqtt::session) fn pubrec(&mut self, id: u16, reason: &Reason, wire: &mut Wire<'_>) -> Handled {
        match self.awaiting(id) {
            Some((number, entry)) if entry.publish.qos == Consistency::ExactlyOnce => {
                if reason.is_error() {
                    // An error in PUBREC ends the handshake; no PUBREL follows (MQTT 5, section 4.3.3).
                    let result = refusal::outcome(&entry.publish, !entry.is_resent, wire.broker, "PUBREC", reason);
                    self.acknowledged(number, result, wire);
                    return Ok(());
                }
                // With the first PUBREC the broker has the payload.
                let is_first = entry.phase == Phase::Sent;
                if is_first {
                    self.received(number);
                }
                if self.entries.get(number).is_some_and(|entry| entry.phase == Phase::Received) {
                    return Ok(());
                }
            }
            Some(_) => return Err(ProtocolError(format!("PUBREC for the QoS 1 publish {id}"))),
            None if reason.is_error() => return Ok(()),
            None => tracing::debug!("PUBREC for the unknown publish {id}"),
        }
        protocol::pubrel(id, wire.output.tail());
        Ok(())
    }

    pub(in crate::mqtt::session) fn pubcomp(&mut self, id: u16, wire: &mut Wire<'_>) -> Handled {
        match self.awaiting(id) {
            Some((number, entry)) if entry.phase == Phase::Released => self.acknowledged(number, Ok(()), wire),
            Some(_) => return Err(ProtocolError(format!("PUBCOMP for the publish {id} before its PUBREC"))),
            None => tracing::debug!("PUBCOMP for the unknown publish {id}"),
        }
        Ok(())
    }

    /// Puts PUBREL in the place of PUBLISH: at once, or, in a session that is kept, when the receipt is stored.
    pub(super) fn received(&mut self, number: u64) {
        let Some(entry) = self.entries.get_mut(number) else { return };
        if self.is_kept {
            entry.phase = Phase::Received;
            self.received.push(entry.publish.packet_id);
        } else {
            entry.phase = Phase::Released;
        }
    }

    /// Returns the identifiers of the publishes whose PUBREL waits, in the order of their PUBREC; each is returned once.
    pub fn take_received(&mut self) -> Vec<u16> {
        std::mem::take(&mut self.received)
    }

    pub(in crate::mqtt::session) fn has_received(&self) -> bool {
        !self.received.is_empty()
    }

    /// Sends PUBREL for publishes whose receipt is stored, unless the session has been lost meanwhile.
    pub(in crate::mqtt::session) fn release(&mut self, ids: &[u16], wire: &mut Wire<'_>) {
        for id in ids {
            let Some(Holder::Publish(number)) = self.ids.get(*id) else { continue };
            let Some(entry) = self.entries.get_mut(number).filter(|entry| entry.phase == Phase::Received) else {
                continue;
            };
            entry.phase = Phase::Released;
            // A publish from `first_queued` on still has its turn to come with this connection.
            if self.connection.is_open && number < self.connection.first_queued {
                protocol::pubrel(*id, wire.output.tail());
            }
        }
    }

    /// Returns the publish that waits for an answer under this identifier.
    fn awaiting(&mut self, id: u16) -> Option<(u64, &mut Entry)> {
        let Some(Holder::Publish(number)) = self.ids.get(id) else { return None };
        self.was_answered = true;
        Some((number, self.entries.get_mut(number)?))
    }

    /// Ends a publish whose last acknowledgement has come, which frees a place in the window.
    fn acknowledged(&mut self, number: u64, result: Result<()>, wire: &mut Wire<'_>) {
        self.end(number, result, wire.now);
        self.send_queued(wire);
    }
}
