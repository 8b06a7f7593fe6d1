//! The invariants of the publishes, which hold between any two changes. Tests check them after each of their steps.

use super::{Outgoing, Phase};
use crate::config::Consistency;
use crate::mqtt::session::ids::Holder;

impl Outgoing {
    /// Panics unless the publishes are consistent; `subscription` is the identifier of the SUBSCRIBE that is not answered.
    pub fn assert_invariants(&self, subscription: Option<u16>) {
        self.entries.assert_invariants();
        self.assert_window();
        self.assert_identifiers(subscription);

        let bytes: Vec<usize> = self.entries.iter().map(|(_, entry)| entry.room).collect();
        self.room.assert_used_by(&bytes);

        for (number, entry) in self.entries.iter() {
            let is_overdue = number < self.deadlines.first;
            assert!(!is_overdue || entry.is_given_up(), "{number} was passed over when its time was up");
        }
        for (deadline, number) in self.deadlines.stragglers() {
            let waits = self.entries.get(*number).is_some_and(|entry| !entry.is_given_up());
            assert!(waits, "the deadline of {number} is kept, although nobody waits for it");
            assert_eq!(self.entries.get(*number).map(|entry| entry.deadline), Some(*deadline), "of {number}");
        }
        if let Some((suspect, _)) = self.suspect {
            assert!(self.entries.get(suspect).is_some(), "the suspect {suspect} has ended");
        }
        assert!(!self.has_ended || self.pending() == 0, "{} publishes outlive the client", self.pending());
    }

    /// Asserts that the publishes under way over this connection come first, and those that wait to be sent after them.
    fn assert_window(&self) {
        let connection = &self.connection;
        assert!(connection.first_queued <= self.next_number(), "what is not there was sent");
        let mut in_flight = 0;
        let mut unflushed = Vec::new();
        for (number, entry) in self.entries.iter() {
            let has_handshake = entry.publish.qos != Consistency::AtMostOnce;
            assert!(has_handshake || !entry.phase.is_handshake(), "{number} has no handshake at QoS 0");
            match (number < connection.first_queued, entry.phase) {
                (true, Phase::Queued) => panic!("{number} was forgotten: it is not sent although its turn is over"),
                (true, Phase::Sent | Phase::Received | Phase::Released) => in_flight += 1,
                (true, Phase::Unflushed) => unflushed.push(number),
                (false, Phase::Unflushed) => panic!("{number} is in the output before its turn"),
                (false, _) => {}
            }
        }
        assert_eq!(connection.in_flight, in_flight, "publishes in flight");
        assert!(in_flight <= connection.window, "{in_flight} are in flight in a window of {}", connection.window);
        let written: Vec<u64> = connection.unflushed.iter().map(|(_, number)| *number).collect();
        assert_eq!(written, unflushed, "publishes in the output");
        assert!(connection.unflushed.iter().map(|(position, _)| position).is_sorted(), "positions in the output");
        // While a publish waits, an acknowledgement is missing, too; so the end of one that waits never leaves the session
        // idle.
        let waits = self.entries.next_from(connection.first_queued);
        assert!(
            !connection.is_open || waits.is_none() || in_flight > 0,
            "{waits:?} waits although nothing is in flight before it"
        );
    }

    /// Asserts that every identifier is held by exactly one handshake, and that every handshake holds one.
    fn assert_identifiers(&self, subscription: Option<u16>) {
        let mut held: Vec<(u16, Holder)> = subscription.map(|id| (id, Holder::Subscription)).into_iter().collect();
        for (number, entry) in self.entries.iter() {
            let id = entry.publish.packet_id;
            let has_id = entry.phase.is_handshake();
            assert_eq!(id != 0, has_id || self.has_own_ids, "{number} is {:?} with the identifier {id}", entry.phase);
            if has_id {
                held.push((id, Holder::Publish(number)));
            }
        }
        self.ids.assert_held_by(held);
    }
}
