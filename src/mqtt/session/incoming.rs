//! Messages from the broker at QoS 1 and 2, from their arrival to their acknowledgement.

use std::collections::{HashMap, HashSet};

use super::completed::{self, Completed};
use crate::config::{Consistency, Version};
use crate::mqtt::protocol::{ProtocolError, Publish};

/// Permission to acknowledge one incoming message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Receipt {
    pub(super) packet_id: u16,
    pub(super) qos: Consistency,
    /// The serial number of the message, since its identifier may belong to another message by now.
    serial: u64,
}

#[cfg(test)]
impl Receipt {
    /// Returns a receipt that no session knows.
    pub fn of(packet_id: u16, qos: Consistency) -> Receipt {
        Receipt { packet_id, qos, serial: packet_id.into() }
    }
}

/// The treatment of a message that has arrived.
pub(super) enum Verdict {
    /// Deliver the message: it is new.
    Deliver(Receipt),
    /// Deliver the message in place of the second receipt's: the broker has forgotten the session without a word, in which
    /// another message had its identifier.
    DeliverInstead(Receipt, Receipt),
    /// Hand the message out again: the application has had it, and let go of it without taking it.
    Again(Receipt),
    /// Do nothing: the application has the message or will get it, and it is not handed out a second time.
    Nothing,
    /// Answer with PUBREC again: the application has the message.
    Answer,
}

/// The incoming messages; see the module.
#[derive(Default)]
pub(super) struct Incoming {
    by_id: HashMap<u16, Message>,
    /// The identifiers of messages at QoS 1 that came over an earlier connection and were acknowledged over this one. The
    /// broker may have been about to send them again, and will not do so later.
    crossed: HashSet<u16>,
    /// The number of connections so far.
    connection: u64,
    last_serial: u64,
    completed: Completed,
}

#[derive(Clone, Copy)]
struct Message {
    /// True for a message of QoS 2 when PUBREC was sent and PUBREL has not come. Otherwise the application has not taken the
    /// message yet.
    received: bool,
    /// True when the application has let go of the message without taking it.
    failed: bool,
    /// The digest of the message, where it is needed.
    digest: u64,
    receipt: Receipt,
    /// The number of the last connection over which the message came.
    connection: u64,
}

impl Message {
    fn new(receipt: Receipt, digest: u64, connection: u64) -> Message {
        Message { received: false, failed: false, digest, receipt, connection }
    }
}

impl Incoming {
    /// Takes note that packets from now on come over another connection.
    pub fn connected(&mut self) {
        self.connection += 1;
        self.crossed.clear();
    }

    /// Forgets identifiers and receipts, since the broker has lost the session.
    pub fn start_over(&mut self) {
        self.by_id.clear();
        self.crossed.clear();
        self.completed = Completed::default();
    }

    /// Decides what to do with a PUBLISH that has come.
    pub fn arrived(&mut self, publish: &Publish, version: Version) -> Result<Verdict, ProtocolError> {
        let (id, qos) = (publish.packet_id, publish.qos);
        let exactly_once = qos == Consistency::ExactlyOnce;
        // Under MQTT 3.1 the broker may have lost the session without a word, and have started its identifiers anew.
        let may_be_another = version == Version::V31;
        let digest = if exactly_once || may_be_another { completed::digest(publish) } else { 0 };
        let known = self.by_id.get_mut(&id).filter(|known| match known {
            known if may_be_another => publish.dup && known.digest == digest,
            // Mosquitto 2.0.11 sometimes completes a message without its PUBREL when a connection breaks, and later uses the
            // identifier again. A different message that reuses this identifier must not be treated as a duplicate.
            known if exactly_once && known.received => known.digest == digest,
            _ => true,
        });
        match known {
            // The message was sent again; it is acknowledged when the application has taken it.
            Some(message) if !message.received && publish.dup => {
                message.connection = self.connection;
                return Ok(match std::mem::take(&mut message.failed) {
                    true => Verdict::Again(message.receipt),
                    false => Verdict::Nothing,
                });
            }
            Some(message) if !message.received => {
                return Err(ProtocolError(format!("the message {id} came twice, without DUP")));
            }
            Some(_) if exactly_once => return Ok(Verdict::Answer),
            // The message is under way again until its PUBREL: a broker may repeat it once more meanwhile, even without DUP.
            None if exactly_once && publish.dup && self.completed.contains(id, digest) => {
                let receipt = Receipt { packet_id: id, qos, serial: 0 };
                self.by_id.insert(id, Message { received: true, ..Message::new(receipt, digest, self.connection) });
                return Ok(Verdict::Answer);
            }
            None if !exactly_once && publish.dup && self.crossed.remove(&id) => return Ok(Verdict::Nothing),
            _ => {}
        }
        self.last_serial += 1;
        let receipt = Receipt { packet_id: id, qos, serial: self.last_serial };
        Ok(match self.by_id.insert(id, Message::new(receipt, digest, self.connection)) {
            Some(before) if !before.received => Verdict::DeliverInstead(receipt, before.receipt),
            _ => Verdict::Deliver(receipt),
        })
    }

    /// Marks a message as taken by the application. Returns true when it is to be acknowledged: the client `is_connected`, and
    /// the receipt does not belong to a lost session.
    pub fn taken(&mut self, receipt: Receipt, is_connected: bool) -> bool {
        let Receipt { packet_id, qos, .. } = receipt;
        let Some(message) = self.by_id.get_mut(&packet_id).filter(|message| message.receipt == receipt) else {
            return false;
        };
        if qos == Consistency::ExactlyOnce {
            message.received = true;
        } else {
            if is_connected && message.connection != self.connection {
                self.crossed.insert(packet_id);
            }
            self.by_id.remove(&packet_id);
        }
        is_connected
    }

    /// Lets go of a message that the application has not taken: it is handed out again when the broker sends it again.
    pub fn failed(&mut self, receipt: Receipt) {
        if let Some(message) = self.by_id.get_mut(&receipt.packet_id).filter(|message| message.receipt == receipt) {
            message.failed = true;
        }
    }

    /// Handles a PUBREL.
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

    /// Returns true when nothing is under way.
    pub fn is_empty(&self) -> bool {
        self.by_id.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mqtt::inbox::tests::publish;

    const QOS: [Consistency; 2] = [Consistency::AtLeastOnce, Consistency::ExactlyOnce];

    fn delivered(verdict: Result<Verdict, ProtocolError>) -> Receipt {
        match verdict.unwrap() {
            Verdict::Deliver(receipt) => receipt,
            _ => panic!("not delivered"),
        }
    }

    #[test]
    fn a_message_that_the_application_has_is_not_handed_out_twice() {
        for qos in QOS {
            let mut incoming = Incoming::default();
            let receipt = delivered(incoming.arrived(&publish(qos, 1), Version::V311));
            let again = Publish { dup: true, ..publish(qos, 1) };
            assert!(matches!(incoming.arrived(&again, Version::V311), Ok(Verdict::Nothing)));
            assert!(incoming.taken(receipt, true), "the acknowledgement is for the message that came again");
            assert!(!incoming.taken(receipt, true) || qos == Consistency::ExactlyOnce);
        }
    }

    /// The acknowledgement leaves while the broker is about to send the message again.
    #[test]
    fn a_message_at_qos_1_that_crosses_its_acknowledgement_is_not_handed_out_again() {
        let message = publish(Consistency::AtLeastOnce, 1);
        let again = Publish { dup: true, ..message.clone() };
        let mut incoming = Incoming::default();
        incoming.connected();
        let receipt = delivered(incoming.arrived(&message, Version::V311));
        incoming.connected();
        assert!(incoming.taken(receipt, true));
        assert!(matches!(incoming.arrived(&again, Version::V311), Ok(Verdict::Nothing)));
        // The identifier is free for another message.
        let receipt = delivered(incoming.arrived(&message, Version::V311));
        assert!(incoming.taken(receipt, true));
        // Over the next connection the broker sends what it has no acknowledgement of.
        incoming.connected();
        let receipt = delivered(incoming.arrived(&again, Version::V311));
        assert!(!incoming.taken(receipt, false));
        incoming.connected();
        delivered(incoming.arrived(&again, Version::V311));
    }

    #[test]
    fn a_message_that_the_application_has_let_go_of_is_handed_out_again_once() {
        for qos in QOS {
            let mut incoming = Incoming::default();
            let receipt = delivered(incoming.arrived(&publish(qos, 1), Version::V311));
            incoming.failed(receipt);
            let again = Publish { dup: true, ..publish(qos, 1) };
            let Ok(Verdict::Again(same)) = incoming.arrived(&again, Version::V311) else { panic!("not handed out") };
            assert_eq!(same, receipt);
            assert!(matches!(incoming.arrived(&again, Version::V311), Ok(Verdict::Nothing)));
            assert!(incoming.taken(receipt, true));
        }
    }

    #[test]
    fn what_is_said_of_a_message_of_a_lost_session_is_void() {
        for qos in QOS {
            let mut incoming = Incoming::default();
            let before = delivered(incoming.arrived(&publish(qos, 1), Version::V311));
            incoming.start_over();
            let receipt = delivered(incoming.arrived(&publish(qos, 1), Version::V311));
            incoming.failed(before);
            assert!(!incoming.taken(before, true));
            let again = Publish { dup: true, ..publish(qos, 1) };
            assert!(matches!(incoming.arrived(&again, Version::V311), Ok(Verdict::Nothing)));
            assert!(incoming.taken(receipt, true));
        }
    }

    #[test]
    fn under_mqtt_3_1_another_message_with_the_identifier_makes_the_one_before_void() {
        let mut incoming = Incoming::default();
        let before = delivered(incoming.arrived(&publish(Consistency::AtLeastOnce, 1), Version::V31));
        let Ok(Verdict::DeliverInstead(receipt, void)) =
            incoming.arrived(&publish(Consistency::AtLeastOnce, 1), Version::V31)
        else {
            panic!("not delivered")
        };
        assert_eq!(void, before);
        assert!(!incoming.taken(before, true));
        assert!(incoming.taken(receipt, true));
    }
}
