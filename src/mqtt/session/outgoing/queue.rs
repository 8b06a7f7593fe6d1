//! The order of publishes and the in-flight window: accepting publishes, sending them, and sending them again.

use tokio::time::Instant;

use super::{Entry, Outgoing, Phase, Submission, Wire};
use crate::config::{Consistency, Version};
use crate::error::{Delivery, Error, IoKind, Result};
use crate::mqtt::kept_session::Earlier;
use crate::mqtt::protocol;
use crate::mqtt::session::ids::Holder;

/// The reason code that the broker would give (MQTT 5, section 2.4).
const RETAIN_NOT_SUPPORTED: u8 = 0x9A;

impl Outgoing {
    /// Takes a publish that has its room, and sends it if possible. Returns its number.
    pub(in crate::mqtt::session) fn push(&mut self, submission: Submission, wire: &mut Wire<'_>) -> u64 {
        let Submission { publish, earlier, room, size, hearer, accepted, deadline } = submission;
        let bytes = publish.payload.len();
        self.has_own_ids |= publish.packet_id != 0;
        let ever_sent = earlier != Earlier::Nothing;
        let (phase, is_resent) = (Phase::Queued, false);
        let entry = Entry { publish, phase, ever_sent, is_resent, hearer, accepted, deadline, room, bytes, size };
        let number = self.entries.push(entry);
        self.deadlines.add(number, deadline);
        if ever_sent {
            self.take_up(number, earlier, wire.now);
        }
        self.send_queued(wire);
        number
    }

    /// Continues a publish of an earlier process from where that process left it, unless its session is lost. An overdue one is
    /// not published again.
    fn take_up(&mut self, number: u64, earlier: Earlier, now: Instant) {
        let Some(entry) = self.entries.get_mut(number).filter(|_| self.may_be_left) else {
            return self.expire_overdue(number, now);
        };
        entry.phase = if earlier == Earlier::Released { Phase::Released } else { Phase::Sent };
        entry.publish.packet_id = self.ids.take_this(entry.publish.packet_id, Holder::Publish(number));
        self.expire_overdue(number, now);
    }

    fn expire_overdue(&mut self, number: u64, now: Instant) {
        if self.entries.get(number).is_some_and(|entry| entry.deadline <= now) {
            self.expire_one(number, now);
        }
    }

    /// Sends what waits, in its order and as far as the window allows. A publish that the broker has had before, and kept with
    /// the session, goes under the same identifier: PUBLISH with DUP, or PUBREL (MQTT 3.1.1 and 5, section 4.4).
    pub(in crate::mqtt::session) fn send_queued(&mut self, wire: &mut Wire<'_>) {
        while self.connection.is_open
            && self.connection.in_flight < if self.suspect.is_some() { 1 } else { self.connection.window }
            && let Some(number) = self.entries.next_from(self.connection.first_queued)
        {
            self.send(number, wire);
            // `first_queued` moves only now: a publish is not in flight while it is decided whether to send it.
            self.connection.first_queued = number + 1;
        }
    }

    /// Sends a publish, or ends it when it must not be sent any more.
    fn send(&mut self, number: u64, wire: &mut Wire<'_>) {
        let is_last = number + 1 == self.entries.next_number();
        let limited = self.connection.is_limited();
        let mut found = self.entries.get_mut(number);
        if found.as_ref().is_some_and(|entry| limited || entry.is_given_up()) {
            self.check(number, wire);
            // The publish may have ended, or have become a PUBREL.
            found = self.entries.get_mut(number);
        }
        let Some(entry) = found else { return };
        if entry.publish.qos == Consistency::AtMostOnce {
            entry.phase = Phase::Unflushed;
            wire.output.publish(wire.version, &entry.publish);
            // The payload is not needed any more, and freeing it is cheapest on the thread that has just allocated it.
            let payload = std::mem::take(&mut entry.publish.payload);
            if is_last {
                self.last_message = Some(payload);
            }
            self.connection.unflushed.push_back((wire.output.queued(), number));
            return;
        }
        self.connection.in_flight += 1;
        match entry.phase {
            Phase::Queued | Phase::Unflushed => {
                entry.publish.packet_id = match entry.publish.packet_id {
                    0 => self.ids.take(Holder::Publish(number)),
                    own => self.ids.take_this(own, Holder::Publish(number)),
                };
                entry.phase = Phase::Sent;
                entry.is_resent = entry.ever_sent;
                entry.ever_sent = true;
                wire.output.publish(wire.version, &entry.publish);
            }
            Phase::Sent => {
                entry.publish.dup = true;
                entry.is_resent = true;
                self.resent += 1;
                wire.output.publish(wire.version, &entry.publish);
            }
            Phase::Received => {}
            Phase::Released => protocol::pubrel(entry.publish.packet_id, wire.output.tail()),
        }
    }

    /// Ends a publish that the broker does not take or that is given up, before its turn to be sent over this connection; see
    /// [`Outgoing::let_go`].
    fn check(&mut self, number: u64, wire: &Wire<'_>) {
        let Some(entry) = self.entries.get(number).filter(|entry| entry.phase < Phase::Received) else { return };
        let checked = check_size(self.connection.maximum_packet_size, wire.version, entry)
            .and_then(|()| check_retain(self.connection.keeps_messages, entry));
        if let Err(error) = checked {
            self.fail(number, error, wire.now);
        } else if entry.is_given_up() {
            self.let_go(number, wire.now);
        }
    }

    /// Lets go of a publish that is not to be sent again. A publish for which a broker closes the connection, perhaps because
    /// of its size, would block all others for ever. At QoS 2 the broker may hold the identifier until PUBREL comes, so PUBREL
    /// goes in its place; a broker that does not know the identifier answers all the same (MQTT 3.1.1, section 4.3.3; MQTT 5,
    /// section 3.7.2.1).
    pub(super) fn let_go(&mut self, number: u64, now: Instant) {
        let Some(entry) = self.entries.get_mut(number) else { return };
        if entry.phase == Phase::Sent && entry.publish.qos == Consistency::ExactlyOnce {
            self.received(number);
        } else {
            self.end(number, Ok(()), now);
        }
    }
}

/// Checks the packet's size, since the broker would close the connection on one that is too large (MQTT 5, section 3.2.2.3.6).
fn check_size(most: usize, version: Version, entry: &Entry) -> Result<()> {
    if most == usize::MAX {
        return Ok(());
    }
    let size = protocol::publish_packet_size(version, &entry.publish);
    if size <= most {
        return Ok(());
    }
    Err(unsendable(
        entry,
        IoKind::TooLarge,
        &format!("its packet has {size} bytes, and the broker takes {most} at most"),
    ))
}

/// Checks the retain flag, since a broker without retained messages would close the connection (MQTT 5, section 3.2.2.3.5).
fn check_retain(keeps_messages: bool, entry: &Entry) -> Result<()> {
    if keeps_messages || !entry.publish.retain {
        return Ok(());
    }
    Err(unsendable(
        entry,
        IoKind::Refused(RETAIN_NOT_SUPPORTED),
        "it is to be retained, which the broker does not support",
    ))
}

fn unsendable(entry: &Entry, kind: IoKind, why: &str) -> Error {
    let delivery = entry.delivery();
    let what = match delivery {
        Delivery::NotSent => "was not sent",
        Delivery::Refused | Delivery::Unknown => "is not confirmed, may have been delivered, and can't be sent again",
    };
    Error::io(kind, format!("the message {what}: {why}")).of_message(delivery)
}
