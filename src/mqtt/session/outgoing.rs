//! Publishes on their way out: their order, the window, the handshakes of QoS 1 and 2, and sending again.

use std::collections::VecDeque;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use super::ends::{self, Ends, Hearer, ValueSize};
use super::ids::{Holder, Ids};
use super::output::Output;
use super::refusal;
use super::room::Room;
use crate::config::{Consistency, Version};
use crate::error::{Error, Result};
use crate::mqtt::protocol::{self, ProtocolError, Publish, Reason};

/// A publish on its way out.
struct Entry {
    publish: Publish,
    phase: Phase,
    /// It has been sent, perhaps in a session that is lost by now.
    sent: bool,
    hearer: Hearer,
    /// When its caller gives up.
    deadline: Instant,
    /// Bytes of the message, and of its value.
    bytes: usize,
    size: ValueSize,
}

impl Entry {
    /// True when its end has been told before the broker's word.
    fn is_given_up(&self) -> bool {
        matches!(self.hearer, Hearer::GivenUp)
    }

    /// Something of it that a broker may end the connection for is on the wire: the PUBLISH, or a PUBREL that it does not
    /// expect.
    fn may_be_disliked(&self) -> bool {
        self.phase == Phase::Sent || self.phase == Phase::Released && self.is_given_up()
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Phase {
    /// Never sent to the broker that holds the session.
    Queued,
    /// QoS 0: in the output, which has the payload now.
    Written,
    /// PUBLISH sent.
    Sent,
    /// QoS 2: PUBREC came, PUBREL sent.
    Released,
}

/// What is to be published, and for whom.
pub(crate) struct Submission {
    pub publish: Publish,
    /// Bytes of the value inside.
    pub size: ValueSize,
    pub hearer: Hearer,
    pub deadline: Instant,
}

/// Where packets go.
pub(super) struct Wire<'a> {
    pub version: Version,
    pub output: &'a mut Output,
    pub broker: &'a str,
    pub now: Instant,
}

/// See the module.
pub(super) struct Outgoing {
    pub room: Room,
    pub ends: Ends,
    pub ids: Ids,
    connected: bool,
    /// Every publish that has not ended, oldest first; `None` ended before an older one.
    entries: VecDeque<Option<Entry>>,
    /// How many of them are there.
    live: usize,
    /// Number of the first entry.
    first: u64,
    /// Number of the first publish that waits to be sent over this connection, for the first time or again.
    first_queued: u64,
    /// No publish with a lower number has a deadline to come.
    first_deadline: u64,
    in_flight: usize,
    /// How many publishes may be in flight: the configured number, and what the broker allows on this connection.
    max_window: usize,
    window: usize,
    /// The most that the broker takes in one packet.
    maximum_packet_size: usize,
    /// QoS 0 publishes in the output: where each ends there, and its number.
    unflushed: VecDeque<(u64, u64)>,
    /// The oldest publish when the broker ended the connection, and how often it was that.
    suspect: Option<(u64, u32)>,
    resent: u64,
    ended: bool,
    /// The wire bytes of the last message, once it has left `entries`.
    last: Option<bytes::Bytes>,
}

/// Identifiers are 16 bits; some stay free for subscriptions.
const MAX_WINDOW: usize = 65_000;
/// A publish on which the broker has ended so many connections is not sent again.
const MAX_BLAMES: u32 = 3;

impl Outgoing {
    pub fn new(window: u16) -> Outgoing {
        let max_window = usize::from(window).clamp(1, MAX_WINDOW);
        Outgoing {
            room: Room::new(usize::MAX, usize::MAX),
            ends: Ends::default(),
            ids: Ids::new(),
            connected: false,
            entries: VecDeque::new(),
            live: 0,
            first: 0,
            first_queued: 0,
            first_deadline: 0,
            in_flight: 0,
            max_window,
            window: max_window,
            maximum_packet_size: usize::MAX,
            unflushed: VecDeque::new(),
            suspect: None,
            resent: 0,
            ended: false,
            last: None,
        }
    }

    // ---- connection

    /// A new connection: everything unconfirmed waits to be sent, first what is oldest.
    pub fn connected(&mut self, receive_maximum: Option<u16>, maximum_packet_size: Option<usize>, now: Instant) {
        self.connected = true;
        self.window = receive_maximum.map_or(self.max_window, |most| self.max_window.min(most.into()));
        self.maximum_packet_size = maximum_packet_size.unwrap_or(usize::MAX);
        self.first_queued = self.first;
        self.in_flight = 0;
        self.drop_given_up(now);
    }

    /// The connection is gone. Publishes that wait for an acknowledgement stay; QoS 0 that was not written fails.
    pub fn disconnected(&mut self, cause: &Error, now: Instant) {
        self.connected = false;
        for (_, number) in std::mem::take(&mut self.unflushed) {
            self.end(number, Err(cause.clone()), now);
        }
        self.drop_ended();
    }

    /// The broker has ended the connection in so many words. What it did not like is the oldest publish without an answer,
    /// if it is one: the next connection begins with that alone, and after the third time it fails.
    pub fn blamed(&mut self, cause: &Error, now: Instant) {
        let sent = self.entries.iter().take(self.sent());
        let oldest = sent
            .zip(self.first..)
            .find_map(|(entry, number)| entry.as_ref().filter(|entry| entry.may_be_disliked()).map(|_| number));
        let Some(number) = oldest else { return };
        let times = match self.suspect {
            Some((suspect, times)) if suspect == number => times + 1,
            _ => 1,
        };
        self.suspect = Some((number, times));
        if times == MAX_BLAMES {
            self.suspect = None;
            let message = format!("the message was sent {times} times, and each time {cause}");
            self.end(number, Err(Error::Io(message)), now);
            self.drop_ended();
        }
    }

    /// DISCONNECT is sent: nothing follows.
    pub fn stop(&mut self) {
        self.connected = false;
    }

    /// Publishes whose callers have given up are not sent again: one that a broker closes the connection on, for its
    /// size perhaps, would stand in the way of all others for ever. At QoS 2 the broker may hold the identifier until
    /// PUBREL comes; one that does not know it answers all the same (MQTT 3.1.1, section 4.3.3; 5, section 3.7.2.1).
    fn drop_given_up(&mut self, now: Instant) {
        let given_up =
            self.entries.iter_mut().flatten().filter(|entry| entry.is_given_up() && entry.phase == Phase::Sent);
        given_up
            .filter(|entry| entry.publish.qos == Consistency::ExactlyOnce)
            .for_each(|entry| entry.phase = Phase::Released);
        self.end_given_up(|entry| entry.phase == Phase::Sent, now);
    }

    /// Ends those of the publishes whose callers have given up.
    fn end_given_up(&mut self, which: impl Fn(&Entry) -> bool, now: Instant) {
        for index in 0..self.entries.len() {
            if self.entries[index].as_ref().is_some_and(|entry| entry.is_given_up() && which(entry)) {
                self.end(self.first + index as u64, Ok(()), now);
            }
        }
        self.drop_ended();
    }

    /// The broker knows nothing: what was under way is new again, or over when its caller has given up.
    pub fn start_over(&mut self, now: Instant) {
        self.end_given_up(|_| true, now);
        self.ids.clear();
        for entry in self.entries.iter_mut().flatten() {
            self.resent += u64::from(entry.phase != Phase::Queued);
            entry.phase = Phase::Queued;
            entry.publish.dup = false;
            entry.publish.packet_id = 0;
        }
    }

    // ---- accepting and sending

    /// Takes a publish, which has its room, and sends it if it can be. Returns its number.
    pub fn push(&mut self, submission: Submission, wire: &mut Wire<'_>) -> u64 {
        let Submission { publish, size, hearer, deadline } = submission;
        let number = self.next_number();
        let bytes = publish.payload.len();
        let entry = Entry { publish, phase: Phase::Queued, sent: false, hearer, deadline, bytes, size };
        self.entries.push_back(Some(entry));
        self.live += 1;
        self.send_queued(wire);
        number
    }

    /// Sends what waits, in its order and as far as the window allows. What the broker has had before, and kept with
    /// the session, goes under the same identifier: PUBLISH with DUP, or PUBREL (MQTT 3.1.1 and 5, section 4.4).
    pub fn send_queued(&mut self, wire: &mut Wire<'_>) {
        while self.connected && self.in_flight < if self.suspect.is_some() { 1 } else { self.window } {
            let index = self.sent();
            if index >= self.entries.len() {
                break;
            }
            let number = self.first_queued;
            self.first_queued += 1;
            let Some(entry) = &mut self.entries[index] else { continue };
            if entry.phase != Phase::Released
                && let Err(error) = check_size(self.maximum_packet_size, wire.version, entry)
            {
                self.end(number, Err(error), wire.now);
                continue;
            }
            if entry.publish.qos == Consistency::AtMostOnce {
                entry.phase = Phase::Written;
                wire.output.publish(wire.version, &entry.publish);
                // Nothing needs it any more; freeing it is cheapest for the thread that has just made it.
                let payload = std::mem::take(&mut entry.publish.payload);
                if index + 1 == self.entries.len() {
                    self.last = Some(payload);
                }
                self.unflushed.push_back((wire.output.queued(), number));
                continue;
            }
            self.in_flight += 1;
            match entry.phase {
                Phase::Queued | Phase::Written => {
                    entry.publish.packet_id = self.ids.take(Holder::Publish(number));
                    entry.phase = Phase::Sent;
                    entry.sent = true;
                    wire.output.publish(wire.version, &entry.publish);
                }
                Phase::Sent => {
                    entry.publish.dup = true;
                    self.resent += 1;
                    wire.output.publish(wire.version, &entry.publish);
                }
                Phase::Released => protocol::pubrel(entry.publish.packet_id, wire.output.tail()),
            }
        }
        self.drop_ended();
    }

    /// `position` bytes of the output have been written: the QoS 0 publishes in them have ended.
    pub fn flushed(&mut self, position: u64, now: Instant) {
        while let Some((end, number)) = self.unflushed.front() {
            if *end > position {
                break;
            }
            let number = *number;
            self.unflushed.pop_front();
            self.end(number, Ok(()), now);
        }
        self.drop_ended();
    }

    // ---- acknowledgements

    pub fn puback(&mut self, id: u16, reason: &Reason, wire: &mut Wire<'_>) -> std::result::Result<(), ProtocolError> {
        match self.awaiting(id) {
            Some((number, entry)) if entry.publish.qos == Consistency::AtLeastOnce => {
                let result = refusal::outcome(&entry.publish, wire.broker, "PUBACK", reason);
                self.finish(number, result, wire);
            }
            Some(_) => return Err(ProtocolError(format!("PUBACK for the QoS 2 publish {id}"))),
            None => tracing::debug!("PUBACK for the unknown publish {id}"),
        }
        Ok(())
    }

    pub fn pubrec(&mut self, id: u16, reason: &Reason, wire: &mut Wire<'_>) -> std::result::Result<(), ProtocolError> {
        match self.awaiting(id) {
            Some((number, entry)) if entry.publish.qos == Consistency::ExactlyOnce => {
                if reason.is_error() {
                    // The end of it; no PUBREL follows (MQTT 5, section 4.3.3).
                    let result = refusal::outcome(&entry.publish, wire.broker, "PUBREC", reason);
                    self.finish(number, result, wire);
                    return Ok(());
                }
                // The broker has the payload now.
                entry.phase = Phase::Released;
            }
            Some(_) => return Err(ProtocolError(format!("PUBREC for the QoS 1 publish {id}"))),
            None if reason.is_error() => return Ok(()),
            None => tracing::debug!("PUBREC for the unknown publish {id}"),
        }
        protocol::pubrel(id, wire.output.tail());
        Ok(())
    }

    pub fn pubcomp(&mut self, id: u16, wire: &mut Wire<'_>) -> std::result::Result<(), ProtocolError> {
        match self.awaiting(id) {
            Some((number, entry)) if entry.phase == Phase::Released => self.finish(number, Ok(()), wire),
            Some(_) => return Err(ProtocolError(format!("PUBCOMP for the publish {id} before its PUBREC"))),
            None => tracing::debug!("PUBCOMP for the unknown publish {id}"),
        }
        Ok(())
    }

    /// The publish that waits under this identifier.
    fn awaiting(&mut self, id: u16) -> Option<(u64, &mut Entry)> {
        let Some(Holder::Publish(number)) = self.ids.get(id) else { return None };
        let entry = self.entries.get_mut((number - self.first) as usize)?.as_mut()?;
        Some((number, entry))
    }

    /// Ends a publish that was sent.
    fn finish(&mut self, number: u64, result: Result<()>, wire: &mut Wire<'_>) {
        // Otherwise it was sent over an earlier connection, and not yet again over this one.
        if number < self.first_queued {
            self.in_flight -= 1;
        }
        self.end(number, result, wire.now);
        self.send_queued(wire);
    }

    // ---- ends

    /// The end of a publish: its room and its identifier are free again, and whoever is to hear of it is told.
    fn end(&mut self, number: u64, result: Result<()>, now: Instant) {
        let index = (number - self.first) as usize;
        let Some(entry) = self.entries.get_mut(index).and_then(Option::take) else { return };
        let Entry { publish, phase, hearer, bytes, size, .. } = entry;
        self.live -= 1;
        self.suspect = self.suspect.filter(|(suspect, _)| *suspect != number);
        if publish.packet_id != 0 {
            self.ids.release(publish.packet_id);
        }
        if index + 1 == self.entries.len() && phase != Phase::Written {
            self.last = Some(publish.payload);
        }
        self.room.release(bytes);
        self.wake_next();
        self.ends.tell(ends::Publish { number, hearer, bytes, size }, result, now);
    }

    /// Wakes whoever is the next to get room, if there is some.
    pub fn wake_next(&mut self) {
        self.ends.wake_later(self.room.next());
    }

    /// How many of the entries do not wait to be sent any more: they come first.
    fn sent(&self) -> usize {
        (self.first_queued - self.first) as usize
    }

    fn drop_ended(&mut self) {
        while let Some(None) = self.entries.front() {
            self.entries.pop_front();
            self.first += 1;
        }
        self.first_queued = self.first_queued.max(self.first);
    }

    /// Ends every publish with this error.
    pub fn fail_all(&mut self, cause: &Error, now: Instant) {
        self.ended = true;
        self.unflushed.clear();
        for index in 0..self.entries.len() {
            self.end(self.first + index as u64, Err(cause.clone()), now);
        }
        self.drop_ended();
        self.in_flight = 0;
        self.ids.clear();
    }

    /// Whether a publish has ended, and how; asked by its caller only.
    pub fn poll(&mut self, number: u64, context: &mut Context<'_>) -> Poll<Result<()>> {
        let index = number.checked_sub(self.first).map(|index| index as usize);
        let Some(entry) = index.and_then(|index| self.entries.get_mut(index)?.as_mut()) else {
            return Poll::Ready(self.ends.outcome(number));
        };
        match &mut entry.hearer {
            Hearer::Caller(Some(waker)) if waker.will_wake(context.waker()) => Poll::Pending,
            Hearer::Caller(waker) => {
                *waker = Some(context.waker().clone());
                Poll::Pending
            }
            // The deadline has passed, and has left its failure.
            _ => Poll::Ready(self.ends.outcome(number)),
        }
    }

    /// The caller of a publish will not ask how it ended. `give_up`: it is withdrawn if it was not sent, and not sent again
    /// if it was.
    pub fn detach(&mut self, number: u64, give_up: bool, now: Instant) {
        self.ends.forget(number);
        let Some(entry) = self.entry(number).filter(|entry| matches!(entry.hearer, Hearer::Caller(_))) else { return };
        if !give_up {
            entry.hearer = Hearer::Nobody;
            return;
        }
        entry.hearer = Hearer::GivenUp;
        if entry.phase == Phase::Queued {
            self.end(number, Ok(()), now);
            self.drop_ended();
        }
    }

    fn entry(&mut self, number: u64) -> Option<&mut Entry> {
        self.entries.get_mut(number.checked_sub(self.first)? as usize)?.as_mut()
    }

    /// Fails what is overdue, and tells when the next one will be. What was not sent is withdrawn; what was sent keeps
    /// its identifier until it is acknowledged.
    pub fn expire(&mut self, timeout: Duration, now: Instant) -> Option<Instant> {
        let mut number = self.first_deadline.max(self.first);
        let next = loop {
            if number >= self.next_number() {
                break None;
            }
            let index = (number - self.first) as usize;
            match self.entries.get_mut(index).and_then(Option::as_mut) {
                None => {}
                Some(entry) if entry.is_given_up() => {}
                Some(entry) if entry.deadline > now => break Some(entry.deadline),
                Some(entry) => {
                    let (sent, queued) = (entry.sent, entry.phase == Phase::Queued);
                    let what = match sent || entry.phase == Phase::Written {
                        false => "the message was not sent",
                        true => "the message is not confirmed, and may have been delivered",
                    };
                    let error = Error::Io(format!("write timed out after {} ms: {what}", timeout.as_millis()));
                    if queued {
                        self.end(number, Err(error), now);
                    } else {
                        let hearer = std::mem::replace(&mut entry.hearer, Hearer::GivenUp);
                        let (bytes, size) = (entry.bytes, entry.size);
                        self.ends.tell(ends::Publish { number, hearer, bytes, size }, Err(error), now);
                    }
                }
            }
            number += 1;
        };
        self.drop_ended();
        self.first_deadline = number;
        next
    }

    // ---- what is known

    /// Publishes that have not ended.
    pub fn pending(&self) -> usize {
        self.live
    }

    /// The number that the next publish will get.
    pub fn next_number(&self) -> u64 {
        self.first + self.entries.len() as u64
    }

    /// True when [`Outgoing::fail_all`] has ended every publish.
    pub fn has_ended(&self) -> bool {
        self.ended
    }

    /// True when every publish with a lower number has ended.
    pub fn has_ended_before(&self, number: u64) -> bool {
        self.first >= number
    }

    /// Publishes of QoS 1 and 2 that were sent and wait for their acknowledgement.
    pub fn in_flight(&self) -> usize {
        self.in_flight
    }

    /// Publishes that were sent again after a reconnect.
    pub fn resent(&self) -> u64 {
        self.resent
    }

    /// The wire bytes of the message accepted last.
    pub fn last_message(&self) -> Option<bytes::Bytes> {
        match self.entries.back() {
            Some(Some(entry)) if entry.phase != Phase::Written => Some(entry.publish.payload.clone()),
            _ => self.last.clone(),
        }
    }
}

/// The broker would close the connection on a packet that is too large for it (MQTT 5, section 3.2.2.3.6).
fn check_size(most: usize, version: Version, entry: &Entry) -> Result<()> {
    if most == usize::MAX {
        return Ok(());
    }
    let size = protocol::publish_packet_size(version, &entry.publish);
    if size <= most {
        return Ok(());
    }
    let what = match entry.sent {
        false => "was not sent",
        true => "is not confirmed, may have been delivered, and can't be sent again",
    };
    Err(Error::Io(format!("the message {what}: its packet has {size} bytes, and the broker takes {most} at most")))
}
