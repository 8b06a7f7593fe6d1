//! Publishes on their way out: their order, the window, the handshakes of QoS 1 and 2, and sending again.

use std::collections::VecDeque;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::Instant;

use super::deadlines::Deadlines;
use super::ends::{self, Ends, Hearer, ValueSize};
use super::entries::Entries;
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
    /// Why there is no connection, as far as that is known.
    obstacle: Option<Error>,
    /// Every publish that has not ended.
    entries: Entries<Entry>,
    /// No publish with a lower number waits to be sent over this connection, for the first time or again.
    first_queued: u64,
    deadlines: Deadlines,
    in_flight: usize,
    /// The broker has confirmed a publish, or taken one at QoS 2.
    was_answered: bool,
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
            obstacle: None,
            entries: Entries::new(),
            first_queued: 0,
            deadlines: Deadlines::default(),
            in_flight: 0,
            was_answered: false,
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
    pub fn connected(&mut self, receive_maximum: Option<u16>, maximum_packet_size: Option<usize>) {
        self.connected = true;
        self.obstacle = None;
        self.window = receive_maximum.map_or(self.max_window, |most| self.max_window.min(most.into()));
        self.maximum_packet_size = maximum_packet_size.unwrap_or(usize::MAX);
        self.first_queued = 0;
        self.in_flight = 0;
    }

    /// The connection is gone. Publishes that wait for an acknowledgement stay; QoS 0 that was not written fails.
    pub fn disconnected(&mut self, cause: &Error, now: Instant) {
        self.connected = false;
        self.obstacle = Some(cause.clone());
        for (_, number) in std::mem::take(&mut self.unflushed) {
            self.end(number, Err(cause.clone()), now);
        }
    }

    /// There is still no connection, for this reason.
    pub fn hindered(&mut self, cause: &Error) {
        self.obstacle = Some(cause.clone());
    }

    /// The broker has sent DISCONNECT. The oldest unacknowledged publish is suspected: the next connection begins with that
    /// one alone, and after the third time it fails.
    pub fn blamed(&mut self, cause: &Error, now: Instant) {
        let oldest = self.entries.iter().find(|(_, entry)| entry.may_be_disliked()).map(|(number, _)| number);
        let Some(number) = oldest.filter(|number| *number < self.first_queued) else { return };
        let times = match self.suspect {
            Some((suspect, times)) if suspect == number => times + 1,
            _ => 1,
        };
        self.suspect = Some((number, times));
        if times == MAX_BLAMES {
            self.suspect = None;
            let message = format!("the message was sent {times} times, and each time {cause}");
            self.fail(number, Error::Io(message), now);
        }
    }

    /// DISCONNECT is sent: nothing follows.
    pub fn stop(&mut self) {
        self.connected = false;
    }

    /// The broker knows nothing: what was under way is new again.
    pub fn start_over(&mut self) {
        self.ids.clear();
        for entry in self.entries.iter_mut() {
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
        let bytes = publish.payload.len();
        let entry = Entry { publish, phase: Phase::Queued, sent: false, hearer, deadline, bytes, size };
        let number = self.entries.push(entry);
        self.deadlines.add(number, deadline);
        self.send_queued(wire);
        number
    }

    /// Sends what waits, in its order and as far as the window allows. What the broker has had before, and kept with
    /// the session, goes under the same identifier: PUBLISH with DUP, or PUBREL (MQTT 3.1.1 and 5, section 4.4).
    pub fn send_queued(&mut self, wire: &mut Wire<'_>) {
        while self.connected
            && self.in_flight < if self.suspect.is_some() { 1 } else { self.window }
            && let Some(number) = self.entries.next_from(self.first_queued)
        {
            self.first_queued = number + 1;
            self.send(number, wire);
        }
    }

    /// Sends one, or ends it when it is not to be sent any more.
    fn send(&mut self, number: u64, wire: &mut Wire<'_>) {
        let is_last = number + 1 == self.entries.next_number();
        let limited = self.maximum_packet_size != usize::MAX;
        let mut found = self.entries.get_mut(number);
        if found.as_ref().is_some_and(|entry| limited || entry.is_given_up()) {
            self.check(number, wire);
            // It may have ended, or have become a PUBREL.
            found = self.entries.get_mut(number);
        }
        let Some(entry) = found else { return };
        if entry.publish.qos == Consistency::AtMostOnce {
            entry.phase = Phase::Written;
            wire.output.publish(wire.version, &entry.publish);
            // Nothing needs it any more; freeing it is cheapest for the thread that has just made it.
            let payload = std::mem::take(&mut entry.publish.payload);
            if is_last {
                self.last = Some(payload);
            }
            self.unflushed.push_back((wire.output.queued(), number));
            return;
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

    /// Ends one that is too large or given up, before its turn to be sent over this connection; see [`Outgoing::let_go`].
    fn check(&mut self, number: u64, wire: &Wire<'_>) {
        let Some(entry) = self.entries.get(number).filter(|entry| entry.phase != Phase::Released) else { return };
        if let Err(error) = check_size(self.maximum_packet_size, wire.version, entry) {
            self.fail(number, error, wire.now);
        } else if entry.is_given_up() {
            self.let_go(number, wire.now);
        }
    }

    /// A publish that is not to be sent again, before its turn to be sent over this connection. One that a broker closes the
    /// connection on, for its size perhaps, would stand in the way of all others for ever. At QoS 2 the broker may hold the
    /// identifier until PUBREL comes, so that goes in its place; a broker that does not know the identifier answers all
    /// the same (MQTT 3.1.1, section 4.3.3; 5, section 3.7.2.1).
    fn let_go(&mut self, number: u64, now: Instant) {
        let Some(entry) = self.entries.get_mut(number) else { return };
        if entry.phase == Phase::Sent && entry.publish.qos == Consistency::ExactlyOnce {
            entry.phase = Phase::Released;
        } else {
            self.end(number, Ok(()), now);
        }
    }

    /// A publish fails before its turn to be sent over this connection, or the next one. Its identifier is released if the
    /// broker may hold it.
    fn fail(&mut self, number: u64, error: Error, now: Instant) {
        self.give_up(number, error, now);
        if self.entries.get(number).is_some_and(|entry| entry.phase == Phase::Sent) {
            self.let_go(number, now);
        } else {
            self.end(number, Ok(()), now);
        }
    }

    /// Tells the failure of a publish whose end is still to come.
    fn give_up(&mut self, number: u64, error: Error, now: Instant) {
        let Some(entry) = self.entries.get_mut(number) else { return };
        let hearer = std::mem::replace(&mut entry.hearer, Hearer::GivenUp);
        let (bytes, size) = (entry.bytes, entry.size);
        self.ends.tell(ends::Publish { number, hearer, bytes, size }, Err(error), now);
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

    /// The publish that waits under this identifier, for which an answer has come.
    fn awaiting(&mut self, id: u16) -> Option<(u64, &mut Entry)> {
        let Some(Holder::Publish(number)) = self.ids.get(id) else { return None };
        self.was_answered = true;
        Some((number, self.entries.get_mut(number)?))
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
        let Some(entry) = self.entries.remove(number) else { return };
        let Entry { publish, phase, hearer, bytes, size, .. } = entry;
        self.suspect = self.suspect.filter(|(suspect, _)| *suspect != number);
        if publish.packet_id != 0 {
            self.ids.release(publish.packet_id);
        }
        if number + 1 == self.entries.next_number() && phase != Phase::Written {
            self.last = Some(publish.payload);
        }
        self.room.release(bytes);
        self.wake_next(now);
        self.ends.tell(ends::Publish { number, hearer, bytes, size }, result, now);
    }

    /// Wakes whoever is the next to get room, if there is some.
    pub fn wake_next(&mut self, now: Instant) {
        self.ends.wake_later(self.room.next(now));
    }

    /// Gives the turn for room to the next one when the first does not come.
    pub fn pass_over(&mut self, now: Instant) {
        self.ends.wake_later(self.room.pass_over(now));
    }

    /// Ends every publish with this error.
    pub fn fail_all(&mut self, cause: &Error, now: Instant) {
        self.ended = true;
        self.unflushed.clear();
        for number in self.entries.numbers() {
            self.end(number, Err(cause.clone()), now);
        }
        self.in_flight = 0;
        self.ids.clear();
    }

    /// Whether a publish has ended, and how; asked by its caller only.
    pub fn poll(&mut self, number: u64, context: &mut Context<'_>) -> Poll<Result<()>> {
        let Some(entry) = self.entries.get_mut(number) else {
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
        let Some(entry) = self.entries.get_mut(number) else { return };
        if !matches!(entry.hearer, Hearer::Caller(_)) {
            return;
        }
        entry.hearer = if give_up { Hearer::GivenUp } else { Hearer::Nobody };
        if give_up && entry.phase == Phase::Queued {
            self.end(number, Ok(()), now);
        }
    }

    /// Fails what is overdue, and tells when the next one will be. What was not sent is withdrawn; what was sent keeps
    /// its identifier until it is acknowledged.
    pub fn expire(&mut self, timeout: Duration, now: Instant) -> Option<Instant> {
        while let Some(number) = self.deadlines.pop_straggler(now) {
            self.expire_one(number, timeout, now);
        }
        let mut next = None;
        while let Some(number) = self.entries.next_from(self.deadlines.first) {
            let Some(entry) = self.entries.get(number) else { break };
            if entry.deadline > now && !entry.is_given_up() {
                next = Some(entry.deadline);
                self.deadlines.first = number;
                break;
            }
            self.deadlines.first = number + 1;
            self.expire_one(number, timeout, now);
        }
        next.into_iter().chain(self.deadlines.next_straggler()).min()
    }

    fn expire_one(&mut self, number: u64, timeout: Duration, now: Instant) {
        let Some(entry) = self.entries.get(number).filter(|entry| !entry.is_given_up()) else { return };
        let what = match entry.sent || entry.phase == Phase::Written {
            false => "the message was not sent",
            true => "the message is not confirmed, and may have been delivered",
        };
        let error = self.overdue(timeout, what);
        if self.entries.get(number).is_some_and(|entry| entry.phase == Phase::Queued) {
            self.end(number, Err(error), now);
        } else {
            self.give_up(number, error, now);
        }
    }

    /// The earliest deadline of a publish whose caller waits; of those that were accepted late, any.
    pub fn next_deadline(&self) -> Option<Instant> {
        let waits = self.entries.iter().map(|(_, entry)| entry).find(|entry| !entry.is_given_up());
        waits.map(|entry| entry.deadline).into_iter().chain(self.deadlines.next_straggler()).min()
    }

    /// See [`super::Session::never_answered`].
    pub fn never_answered(&self) -> Option<Consistency> {
        let mut sent = self.entries.iter().map(|(_, entry)| entry).filter(|entry| entry.phase == Phase::Sent);
        sent.next().map(|entry| entry.publish.qos).filter(|_| !self.was_answered && self.in_flight > 0)
    }

    /// The error of a write whose time is up, with what stands in its way.
    pub fn overdue(&self, timeout: Duration, what: &str) -> Error {
        let millis = timeout.as_millis();
        match self.obstacle.as_ref().filter(|_| !self.connected) {
            None => Error::TimedOut { message: format!("write timed out after {millis} ms: {what}"), cause: None },
            Some(obstacle) => Error::TimedOut {
                message: format!("write timed out after {millis} ms: {what}; there is no connection: {obstacle}"),
                cause: Some(Box::new(obstacle.clone())),
            },
        }
    }

    // ---- what is known

    /// Publishes that have not ended.
    pub fn pending(&self) -> usize {
        self.entries.len()
    }

    /// The number that the next publish will get.
    pub fn next_number(&self) -> u64 {
        self.entries.next_number()
    }

    /// True when [`Outgoing::fail_all`] has ended every publish.
    pub fn has_ended(&self) -> bool {
        self.ended
    }

    /// True when every publish with a lower number has ended.
    pub fn has_ended_before(&self, number: u64) -> bool {
        self.entries.first_number() >= number
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
        let last = self.entries.next_number().checked_sub(1).and_then(|number| self.entries.get(number));
        match last {
            Some(entry) if entry.phase != Phase::Written => Some(entry.publish.payload.clone()),
            _ => self.last.clone(),
        }
    }
}

#[cfg(test)]
impl Outgoing {
    pub fn id_of(&self, number: u64) -> u16 {
        self.entries.get(number).map_or(0, |entry| entry.publish.packet_id)
    }

    pub fn slots(&self) -> usize {
        self.entries.slots()
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
