//! The subscription of a reader, and whether the broker knows of it.

use super::ids::{Holder, Ids};
use super::output::Output;
use super::refusal;
use crate::config::{Consistency, Version};
use crate::error::Result;
use crate::mqtt::protocol::{self, ProtocolError};

/// The subscription; see the module.
pub(super) struct Subscription {
    filters: Vec<String>,
    qos: Consistency,
    /// The packet identifier of the SUBSCRIBE that waits for its SUBACK; otherwise 0.
    packet_id: u16,
    /// True when the broker has granted the subscription, and still knows of it.
    granted: bool,
    /// True when a warning has told that the broker grants less than was asked for.
    told_less: bool,
}

impl Subscription {
    pub fn new(filters: Vec<String>, qos: Consistency) -> Subscription {
        Subscription { filters, qos, packet_id: 0, granted: false, told_less: false }
    }

    pub fn is_granted(&self) -> bool {
        self.granted
    }

    /// Takes note that the broker has forgotten the subscription.
    pub fn lost(&mut self) {
        self.granted = false;
    }

    /// Sends SUBSCRIBE.
    pub fn subscribe(&mut self, version: Version, ids: &mut Ids, output: &mut Output) {
        // The identifier of an unanswered SUBSCRIBE stays out of use until here.
        ids.release(self.packet_id);
        self.packet_id = ids.take(Holder::Subscription);
        self.granted = false;
        protocol::subscribe(version, self.packet_id, &self.filters, self.qos, output.tail());
    }

    /// Handles a SUBACK, and returns how the broker answers.
    pub fn answered(
        &mut self,
        id: u16,
        codes: &[u8],
        text: Option<String>,
        version: Version,
        ids: &mut Ids,
    ) -> std::result::Result<Result<()>, ProtocolError> {
        if self.packet_id != id {
            return Err(unknown(id));
        }
        if codes.len() != self.filters.len() {
            return Err(ProtocolError("SUBACK with a wrong number of codes".into()));
        }
        ids.release(id);
        self.packet_id = 0;
        self.granted = true;
        Ok(refusal::subscription(version, &self.filters, codes, text))
    }

    /// Starts over with a new session, in which all identifiers are free, even that of an unanswered SUBSCRIBE.
    pub fn start_over(&mut self) {
        self.packet_id = 0;
    }

    /// Returns the packet identifier of the SUBSCRIBE that waits for its SUBACK.
    #[cfg(test)]
    pub fn unanswered(&self) -> Option<u16> {
        (self.packet_id != 0).then_some(self.packet_id)
    }

    /// Returns a warning, once, if the broker grants less than was asked for (MQTT 3.1.1, section 3.8.4).
    pub fn take_warning(&mut self, codes: &[u8]) -> Option<String> {
        let asked = self.qos.qos();
        let (filter, granted) = self.filters.iter().zip(codes).find(|(_, code)| **code < asked)?;
        (!std::mem::replace(&mut self.told_less, true)).then(|| {
            format!(
                "the broker grants QoS {granted} for the subscription to '{filter}', where QoS {asked} was asked for: \
                 messages may come less surely than that"
            )
        })
    }
}

pub(super) fn unknown(id: u16) -> ProtocolError {
    ProtocolError(format!("SUBACK for the unknown subscription {id}"))
}
