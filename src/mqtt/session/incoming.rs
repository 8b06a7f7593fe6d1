//! Messages from the broker at QoS 1 and 2, from their arrival to their acknowledgement.

use std::collections::HashMap;

use super::completed::{self, Completed};
use crate::config::{Consistency, Version};
use crate::mqtt::protocol::{ProtocolError, Publish};

/// Permission to acknowledge one incoming message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Receipt {
    pub(super) packet_id: u16,
    pub(super) qos: Consistency,
    /// Of the message: its identifier may be another one's by now.
    serial: u64,
}

/// What is to be done with a message that has come.
pub(super) enum Verdict {
    /// It is new.
    Deliver(Receipt),
    /// It is on its way to the application already.
    Nothing,
    /// The application has it: PUBREC again.
    Answer,
}

/// See the module.
#[derive(Default)]
pub(super) struct Incoming {
    by_id: HashMap<u16, Message>,
    last_serial: u64,
    completed: Completed,
}

#[derive(Clone, Copy)]
struct Message {
    /// QoS 2: PUBREC sent, PUBREL not yet here. Otherwise the application has not taken the message yet.
    received: bool,
    /// What the message was, where that matters.
    digest: u64,
    serial: u64,
}

impl Incoming {
    /// The broker has lost the session: identifiers and receipts are void.
    pub fn start_over(&mut self) {
        self.by_id.clear();
        self.completed = Completed::default();
    }

    /// A PUBLISH has come.
    pub fn arrived(&mut self, publish: &Publish, version: Version) -> Result<Verdict, ProtocolError> {
        let (id, qos) = (publish.packet_id, publish.qos);
        let exactly_once = qos == Consistency::ExactlyOnce;
        // Under MQTT 3.1 the broker may have lost the session without a word, and begun anew with its identifiers.
        let may_be_another = version == Version::V31;
        let digest = if exactly_once || may_be_another { completed::digest(publish) } else { 0 };
        let known = self.by_id.get(&id).filter(|known| match known {
            known if may_be_another => publish.dup && known.digest == digest,
            // Mosquitto 2.0.11 sometimes completes a message without its PUBREL when a connection breaks, and comes to use
            // the identifier again. What is other than the message before must not be taken for it.
            known if exactly_once && known.received => known.digest == digest,
            _ => true,
        });
        match known {
            // Sent again: acknowledged when the application has taken it.
            Some(message) if !message.received && publish.dup => return Ok(Verdict::Nothing),
            Some(message) if !message.received => {
                return Err(ProtocolError(format!("the message {id} came twice, without DUP")));
            }
            Some(_) if exactly_once => return Ok(Verdict::Answer),
            // It is under way again until its PUBREL: a broker may repeat it once more meanwhile, even without DUP.
            None if exactly_once && publish.dup && self.completed.contains(id, digest) => {
                self.by_id.insert(id, Message { received: true, digest, serial: 0 });
                return Ok(Verdict::Answer);
            }
            _ => {}
        }
        self.last_serial += 1;
        let serial = self.last_serial;
        self.by_id.insert(id, Message { received: false, digest, serial });
        Ok(Verdict::Deliver(Receipt { packet_id: id, qos, serial }))
    }

    /// The application has taken a message. False: it is one of a lost session, and means nothing to the broker.
    pub fn taken(&mut self, receipt: Receipt) -> bool {
        let Receipt { packet_id, qos, serial } = receipt;
        let Some(message) = self.by_id.get_mut(&packet_id).filter(|message| message.serial == serial) else {
            return false;
        };
        if qos == Consistency::ExactlyOnce {
            message.received = true;
        } else {
            self.by_id.remove(&packet_id);
        }
        true
    }

    /// A PUBREL has come.
    pub fn released(&mut self, id: u16) -> Result<(), ProtocolError> {
        match self.by_id.get(&id) {
            Some(message) if !message.received => {
                return Err(ProtocolError(format!("PUBREL for the message {id} before its PUBREC")));
            }
            Some(message) => self.completed.insert(id, message.digest),
            None => {}
        }
        self.by_id.remove(&id);
        Ok(())
    }

    #[cfg(test)]
    pub fn is_empty(&self) -> bool {
        self.by_id.is_empty()
    }
}
