//! The MQTT session as a pure state machine: packets, commands and time go in; bytes and events come out.
//!
//! It owns the packet identifiers, the in-flight window, the handshakes of QoS 1 and 2 in both directions, the
//! subscription and the keep-alive. It knows nothing of sockets, and it outlives them: [`Session::connected`] and
//! [`Session::disconnected`] may alternate.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::sync::oneshot;

use super::outbox::Completion;
use super::protocol::{Packet, ProtocolError, Publish, v4};
use crate::config::Consistency;
use crate::error::{Error, Result};

mod completed;
mod output;
use completed::Completed;
pub(crate) use output::Output;

/// What the session tells its owner.
#[derive(Debug)]
pub(crate) enum Event {
    /// A message for the application; the receipt is acknowledged by [`Session::acknowledge`] when it has been taken.
    Delivery(Publish, Option<Receipt>),
    /// A publish has ended.
    Finished(Completion, Result<()>),
    /// The broker answered the subscription.
    Subscribed(Result<()>),
    /// The broker answered a ping that somebody asked for.
    Pong(oneshot::Sender<()>),
    /// The connection was lost before that.
    NoPong(oneshot::Sender<()>),
}

/// Permission to acknowledge one incoming message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Receipt {
    packet_id: u16,
    qos: Consistency,
    /// Identifiers of an earlier session mean nothing to the broker.
    generation: u64,
}

/// A publish on its way out.
struct Outgoing {
    publish: Publish,
    phase: Phase,
    completion: Completion,
}

#[derive(Clone, Copy, PartialEq)]
enum Phase {
    /// Waits for room in the window, or for a connection.
    Queued,
    /// PUBLISH sent.
    Sent,
    /// QoS 2: PUBREC came, PUBREL sent.
    Released,
}

/// An incoming message of QoS 1 or 2, under its identifier.
#[derive(Clone, Copy)]
struct Incoming {
    /// QoS 2: PUBREC sent, PUBREL not yet here. Otherwise the application has not taken the message yet.
    received: bool,
    /// QoS 2: what the message was.
    digest: u64,
}

struct Subscription {
    filters: Vec<String>,
    qos: Consistency,
    /// 0 before the first SUBSCRIBE.
    packet_id: u16,
    /// The broker has answered, and still knows.
    granted: bool,
}

/// See the module.
pub(crate) struct Session {
    pub output: Output,
    events: Vec<Event>,
    connected: bool,
    generation: u64,

    /// Every publish that has not ended, oldest first; `None` ended before an older one.
    outgoing: VecDeque<Option<Outgoing>>,
    /// Number of `outgoing`'s first publish.
    first: u64,
    /// Number of the first publish that is `Queued`.
    first_queued: u64,
    in_flight: usize,
    window: usize,
    /// QoS 0 publishes in `output`, with the position of their end.
    unflushed: VecDeque<(u64, Completion)>,
    /// Identifiers in use, with the publish's number; `None` is the subscription's.
    ids: HashMap<u16, Option<u64>>,
    last_id: u16,

    incoming: HashMap<u16, Incoming>,
    completed: Completed,
    subscription: Option<Subscription>,

    /// Why no publish is accepted any more.
    refusal: Option<Error>,
    ended: bool,

    keep_alive: Duration,
    /// When bytes last left for the broker, and when some last came.
    last_sent: Instant,
    last_received: Instant,
    ping: Option<Ping>,
    /// Bytes of answers to the broker that wait in `output`.
    answers: usize,
    /// Who waits for the answer to a ping.
    pings: Vec<oneshot::Sender<()>>,
    resent: u64,
}

/// Identifiers are 16 bits; some stay free for subscriptions.
const MAX_WINDOW: usize = 65_000;
/// Answers to the broker that may wait, in bytes.
const MAX_ANSWERS: usize = 1024 * 1024;

impl Session {
    pub fn new(window: u16, keep_alive: Duration, now: Instant) -> Session {
        Session {
            output: Output::default(),
            events: Vec::new(),
            connected: false,
            generation: 0,
            outgoing: VecDeque::new(),
            first: 0,
            first_queued: 0,
            in_flight: 0,
            window: usize::from(window).clamp(1, MAX_WINDOW),
            unflushed: VecDeque::new(),
            ids: HashMap::new(),
            last_id: 0,
            incoming: HashMap::new(),
            completed: Completed::default(),
            subscription: None,
            refusal: None,
            ended: false,
            keep_alive,
            last_sent: now,
            last_received: now,
            ping: None,
            answers: 0,
            pings: Vec::new(),
            resent: 0,
        }
    }

    /// What happened since the last call.
    pub fn take_events(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.events)
    }

    // ---- connection

    /// A CONNACK accepted the connection. What the broker does not know any more is sent again.
    pub fn connected(&mut self, session_present: bool, now: Instant) {
        self.connected = true;
        self.last_sent = now;
        self.last_received = now;
        self.ping = None;
        self.drop_abandoned();
        if session_present {
            self.resume();
        } else {
            self.start_over();
        }
        if self.is_subscribing() {
            self.subscribe();
        }
        self.send_queued();
    }

    /// The connection is gone. Publishes that wait for an acknowledgement stay; QoS 0 that was not written fails.
    pub fn disconnected(&mut self, cause: &Error) {
        self.connected = false;
        self.ping = None;
        self.events.extend(self.pings.drain(..).map(Event::NoPong));
        self.output.clear();
        self.answers = 0;
        for (_, completion) in std::mem::take(&mut self.unflushed) {
            self.events.push(Event::Finished(completion, Err(cause.clone())));
        }
    }

    /// Publishes whose callers have given up are not sent again: one that a broker closes the connection on, for its
    /// size perhaps, would stand in the way of all others for ever.
    fn drop_abandoned(&mut self) {
        let abandoned = |outgoing: &Outgoing| outgoing.phase == Phase::Sent && outgoing.completion.is_abandoned();
        for index in 0..self.sent() {
            if self.outgoing[index].as_ref().is_some_and(abandoned) {
                self.end_sent(index, Err(Error::Io("nobody waits for this message any more".into())));
            }
        }
        self.drop_ended();
    }

    /// The broker kept the session (MQTT 3.1.1, section 4.4): same identifiers, DUP set, in the original order.
    fn resume(&mut self) {
        let sent = self.sent();
        for outgoing in self.outgoing.iter_mut().take(sent).flatten() {
            match outgoing.phase {
                Phase::Released => v4::pubrel(outgoing.publish.packet_id, self.output.tail()),
                Phase::Sent | Phase::Queued => {
                    outgoing.publish.dup = true;
                    self.resent += 1;
                    self.output.publish(&outgoing.publish);
                }
            }
        }
    }

    /// The broker knows nothing: what was under way is new again, identifiers and receipts are void.
    fn start_over(&mut self) {
        self.generation += 1;
        self.incoming.clear();
        self.completed = Completed::default();
        self.ids.clear();
        self.in_flight = 0;
        self.first_queued = self.first;
        for outgoing in self.outgoing.iter_mut().flatten() {
            self.resent += u64::from(outgoing.phase != Phase::Queued);
            outgoing.phase = Phase::Queued;
            outgoing.publish.dup = false;
        }
        if let Some(subscription) = &mut self.subscription {
            subscription.granted = false;
        }
    }

    /// Subscribes with the next connection, and again whenever the broker has lost the session;
    /// [`Event::Subscribed`] tells the answers.
    pub fn subscribe_when_connected(&mut self, filters: Vec<String>, qos: Consistency) {
        self.subscription = Some(Subscription { filters, qos, packet_id: 0, granted: false });
    }

    /// True while the broker's answer to the subscription is missing.
    pub fn is_subscribing(&self) -> bool {
        self.subscription.as_ref().is_some_and(|subscription| !subscription.granted)
    }

    fn subscribe(&mut self) {
        if let Some(mut subscription) = self.subscription.take() {
            // The identifier of an unanswered one stays out of use until then.
            self.ids.remove(&subscription.packet_id);
            subscription.packet_id = self.new_id(None);
            subscription.granted = false;
            v4::subscribe(subscription.packet_id, &subscription.filters, subscription.qos, self.output.tail());
            self.subscription = Some(subscription);
        }
    }

    /// Says goodbye; nothing is sent after it [MQTT-3.14.4-2].
    pub fn disconnect(&mut self) {
        if std::mem::take(&mut self.connected) {
            v4::disconnect(self.output.tail());
        }
    }

    // ---- outgoing publishes

    /// Accepts a publish; its number is for [`Session::withdraw`]. The error is the one of [`Session::refuse`].
    ///
    /// What comes back is to be dropped without the session's lock, because that wakes others.
    pub fn publish(
        &mut self,
        publish: Publish,
        completion: Completion,
    ) -> std::result::Result<u64, (Error, Completion)> {
        if let Some(refusal) = &self.refusal {
            return Err((refusal.clone(), completion));
        }
        let number = self.next_number();
        self.outgoing.push_back(Some(Outgoing { publish, phase: Phase::Queued, completion }));
        self.send_queued();
        Ok(number)
    }

    /// From now on no publish is accepted.
    pub fn refuse(&mut self, refusal: Error) {
        self.refusal = Some(refusal);
    }

    /// Why no publish is accepted, if so.
    pub fn refusal(&self) -> Option<&Error> {
        self.refusal.as_ref()
    }

    /// Takes a publish back if it was not sent; `None` when it was. Its completion is to be dropped without the
    /// session's lock, because that wakes others.
    pub fn withdraw(&mut self, number: u64) -> Option<Completion> {
        if number < self.first_queued {
            return None;
        }
        let withdrawn = self.outgoing.get_mut((number - self.first) as usize).and_then(Option::take);
        self.drop_ended();
        withdrawn.map(|outgoing| outgoing.completion)
    }

    fn send_queued(&mut self) {
        while self.connected && self.in_flight < self.window {
            let index = self.sent();
            if index >= self.outgoing.len() {
                break;
            }
            self.first_queued += 1;
            let Some(mut outgoing) = self.outgoing[index].take() else { continue };
            if outgoing.publish.qos == Consistency::AtMostOnce {
                self.output.publish(&outgoing.publish);
                self.unflushed.push_back((self.output.queued(), outgoing.completion));
                continue;
            }
            outgoing.publish.packet_id = self.new_id(Some(self.first + index as u64));
            outgoing.phase = Phase::Sent;
            self.in_flight += 1;
            self.output.publish(&outgoing.publish);
            self.outgoing[index] = Some(outgoing);
        }
        self.drop_ended();
    }

    /// The next free identifier. The window is smaller than their number, so there is one.
    fn new_id(&mut self, number: Option<u64>) -> u16 {
        loop {
            self.last_id = self.last_id.checked_add(1).unwrap_or(1);
            if let std::collections::hash_map::Entry::Vacant(free) = self.ids.entry(self.last_id) {
                free.insert(number);
                return self.last_id;
            }
        }
    }

    /// The publish that waits under this identifier.
    fn awaiting(&mut self, id: u16) -> Option<(u64, &mut Outgoing)> {
        let number = (*self.ids.get(&id)?)?;
        let outgoing = self.outgoing.get_mut((number - self.first) as usize)?.as_mut()?;
        Some((number, outgoing))
    }

    fn finish(&mut self, number: u64, result: Result<()>) {
        self.end_sent((number - self.first) as usize, result);
        self.drop_ended();
        self.send_queued();
    }

    /// How many of `outgoing` are not `Queued` any more: they come first.
    fn sent(&self) -> usize {
        (self.first_queued - self.first) as usize
    }

    /// Ends a publish that was sent; `drop_ended` follows.
    fn end_sent(&mut self, index: usize, result: Result<()>) {
        if let Some(outgoing) = self.outgoing.get_mut(index).and_then(Option::take) {
            self.ids.remove(&outgoing.publish.packet_id);
            self.in_flight -= 1;
            self.events.push(Event::Finished(outgoing.completion, result));
        }
    }

    fn drop_ended(&mut self) {
        while let Some(None) = self.outgoing.front() {
            self.outgoing.pop_front();
            self.first += 1;
        }
        self.first_queued = self.first_queued.max(self.first);
    }

    /// `position` bytes of the output have been written: the QoS 0 publishes in them have ended.
    pub fn flushed(&mut self, position: u64, now: Instant) {
        self.wrote(now);
        if let Some(ping) = &mut self.ping
            && ping.sent.is_none()
            && ping.end <= position
        {
            ping.sent = Some(now);
        }
        while let Some((end, _)) = self.unflushed.front() {
            if *end > position {
                break;
            }
            if let Some((_, completion)) = self.unflushed.pop_front() {
                self.events.push(Event::Finished(completion, Ok(())));
            }
        }
    }

    /// Publishes that have not ended.
    pub fn pending(&self) -> usize {
        self.outgoing.iter().flatten().count() + self.unflushed.len()
    }

    /// The number that the next publish will get.
    pub fn next_number(&self) -> u64 {
        self.first + self.outgoing.len() as u64
    }

    /// True when [`Session::fail_all`] has ended every publish.
    pub fn has_ended(&self) -> bool {
        self.ended
    }

    /// True when every publish with a lower number has ended.
    pub fn has_ended_before(&self, number: u64) -> bool {
        self.first >= number && self.unflushed.is_empty()
    }

    /// Publishes of QoS 1 and 2 that were sent and wait for their acknowledgement.
    pub fn in_flight(&self) -> usize {
        self.in_flight
    }

    /// Publishes that were sent again after a reconnect.
    pub fn resent(&self) -> u64 {
        self.resent
    }

    /// True when nothing waits to be sent or confirmed.
    pub fn is_idle(&self) -> bool {
        self.outgoing.is_empty() && self.unflushed.is_empty() && self.output.is_empty()
    }

    /// Ends every publish with this error.
    pub fn fail_all(&mut self, cause: &Error) {
        self.ended = true;
        for outgoing in self.outgoing.drain(..).flatten() {
            self.events.push(Event::Finished(outgoing.completion, Err(cause.clone())));
        }
        for (_, completion) in self.unflushed.drain(..) {
            self.events.push(Event::Finished(completion, Err(cause.clone())));
        }
        self.first_queued = self.first;
        self.in_flight = 0;
        self.ids.clear();
    }

    // ---- incoming packets

    /// Takes in a packet. An error means that the connection can't go on.
    pub fn handle(&mut self, packet: Packet, now: Instant) -> std::result::Result<(), ProtocolError> {
        self.received(now);
        let before = self.output.queued();
        let result = self.answer(packet);
        self.answers += (self.output.queued() - before) as usize;
        result
    }

    fn answer(&mut self, packet: Packet) -> std::result::Result<(), ProtocolError> {
        match packet {
            Packet::Connack { .. } => return Err(ProtocolError("a second CONNACK".into())),
            Packet::Publish(publish) => self.receive(publish)?,
            Packet::Puback(id) => match self.awaiting(id) {
                Some((number, outgoing)) if outgoing.publish.qos == Consistency::AtLeastOnce => {
                    self.finish(number, Ok(()));
                }
                Some(_) => return Err(ProtocolError(format!("PUBACK for the QoS 2 publish {id}"))),
                None => tracing::debug!("PUBACK for the unknown publish {id}"),
            },
            Packet::Pubrec(id) => {
                match self.awaiting(id) {
                    Some((_, outgoing)) if outgoing.publish.qos == Consistency::ExactlyOnce => {
                        // The broker has the payload now.
                        outgoing.phase = Phase::Released;
                    }
                    Some(_) => return Err(ProtocolError(format!("PUBREC for the QoS 1 publish {id}"))),
                    None => tracing::debug!("PUBREC for the unknown publish {id}"),
                }
                v4::pubrel(id, self.output.tail());
            }
            Packet::Pubcomp(id) => match self.awaiting(id) {
                Some((number, outgoing)) if outgoing.phase == Phase::Released => self.finish(number, Ok(())),
                Some(_) => return Err(ProtocolError(format!("PUBCOMP for the publish {id} before its PUBREC"))),
                None => tracing::debug!("PUBCOMP for the unknown publish {id}"),
            },
            Packet::Pubrel(id) => {
                match self.incoming.get(&id) {
                    Some(incoming) if !incoming.received => {
                        return Err(ProtocolError(format!("PUBREL for the message {id} before its PUBREC")));
                    }
                    Some(incoming) => self.completed.insert(id, incoming.digest),
                    None => {}
                }
                self.incoming.remove(&id);
                v4::pubcomp(id, self.output.tail());
            }
            Packet::Suback(id, codes) => self.subscribed(id, &codes)?,
            Packet::Pingresp => {
                self.ping = None;
                self.events.extend(self.pings.drain(..).map(Event::Pong));
            }
        }
        Ok(())
    }

    fn receive(&mut self, publish: Publish) -> std::result::Result<(), ProtocolError> {
        if publish.qos == Consistency::AtMostOnce {
            self.events.push(Event::Delivery(publish, None));
            return Ok(());
        }
        let id = publish.packet_id;
        let exactly_once = publish.qos == Consistency::ExactlyOnce;
        let digest = if exactly_once { completed::digest(&publish) } else { 0 };
        match self.incoming.get(&id) {
            // Sent again, and still on its way to the application: acknowledged when that has taken it.
            Some(incoming) if !incoming.received && publish.dup => return Ok(()),
            Some(incoming) if !incoming.received => {
                return Err(ProtocolError(format!("the message {id} came twice, without DUP")));
            }
            Some(_) if exactly_once => {
                v4::pubrec(id, self.output.tail());
                return Ok(());
            }
            None if exactly_once && publish.dup && self.completed.contains(id, digest) => {
                self.incoming.insert(id, Incoming { received: true, digest });
                v4::pubrec(id, self.output.tail());
                return Ok(());
            }
            _ => {}
        }
        self.incoming.insert(id, Incoming { received: false, digest });
        let receipt = Receipt { packet_id: id, qos: publish.qos, generation: self.generation };
        self.events.push(Event::Delivery(publish, Some(receipt)));
        Ok(())
    }

    /// The application has taken the message. Called in the order of arrival [MQTT-4.6.0-2].
    pub fn acknowledge(&mut self, receipt: Receipt) {
        let Receipt { packet_id, qos, generation } = receipt;
        if generation != self.generation {
            return;
        }
        if qos != Consistency::ExactlyOnce {
            self.incoming.remove(&packet_id);
        } else if let Some(incoming) = self.incoming.get_mut(&packet_id) {
            incoming.received = true;
        }
        // Without a connection the broker sends the message again, and `receive` answers that.
        match (self.connected, qos) {
            (true, Consistency::ExactlyOnce) => v4::pubrec(packet_id, self.output.tail()),
            (true, _) => v4::puback(packet_id, self.output.tail()),
            (false, _) => {}
        }
    }

    fn subscribed(&mut self, id: u16, codes: &[u8]) -> std::result::Result<(), ProtocolError> {
        let asked = |subscription: &&mut Subscription| subscription.packet_id == id && !subscription.granted;
        let Some(subscription) = self.subscription.as_mut().filter(asked) else {
            return Err(ProtocolError(format!("SUBACK for the unknown subscription {id}")));
        };
        if codes.len() != subscription.filters.len() {
            return Err(ProtocolError("SUBACK with a wrong number of codes".into()));
        }
        self.ids.remove(&id);
        subscription.granted = true;
        let refused: Vec<&str> = subscription
            .filters
            .iter()
            .zip(codes)
            .filter(|(_, code)| **code > 2)
            .map(|(filter, _)| filter.as_str())
            .collect();
        let result = match refused.is_empty() {
            true => Ok(()),
            false => Err(Error::Authorization {
                message: format!("the broker refused the subscription to '{}' (code 0x80)", refused.join("', '")),
                code: 0x80,
            }),
        };
        self.events.push(Event::Subscribed(result));
        Ok(())
    }

    // ---- keep-alive (section 3.1.2.10)

    /// Bytes have left for the broker.
    pub fn wrote(&mut self, now: Instant) {
        self.last_sent = now;
    }

    /// Bytes have come from the broker.
    pub fn received(&mut self, now: Instant) {
        self.last_received = now;
    }

    /// When [`Session::tick`] has something to do next. `reading` is false while nothing is read from the socket on
    /// purpose: an answer can't be missed then.
    pub fn deadline(&self, reading: bool) -> Option<Instant> {
        if !self.connected || self.keep_alive.is_zero() {
            return None;
        }
        let Some(ping) = &self.ping else { return Some(self.last_sent.min(self.last_received) + self.keep_alive) };
        // The broker has to be sent something all the same.
        let next_ping = self.last_sent + self.keep_alive;
        Some(self.silence_ends(ping, reading).map_or(next_ping, |end| end.min(next_ping)))
    }

    /// When the broker counts as dead. As long as bytes move, it is not: a ping waits for what is before it.
    fn silence_ends(&self, ping: &Ping, reading: bool) -> Option<Instant> {
        match ping.sent {
            None => Some(ping.queued.max(self.last_sent) + self.keep_alive / 2),
            Some(sent) if reading => Some(sent.max(self.last_received) + self.keep_alive / 2),
            Some(_) => None,
        }
    }

    /// Sends a ping when it is time. An error means that the broker does not answer, or does not take what is sent:
    /// it is noticed one and a half keep-alive intervals after its last sign of life.
    pub fn tick(&mut self, now: Instant, reading: bool) -> std::result::Result<(), NoAnswer> {
        if self.deadline(reading).is_none_or(|deadline| now < deadline) {
            return Ok(());
        }
        if let Some(ping) = &self.ping
            && self.silence_ends(ping, reading).is_some_and(|end| now >= end)
        {
            return Err(NoAnswer);
        }
        self.send_ping(now);
        Ok(())
    }

    fn send_ping(&mut self, now: Instant) {
        v4::pingreq(self.output.tail());
        self.ping = Some(Ping { queued: now, end: self.output.queued(), sent: None });
    }

    /// Sends a ping now, unless one is under way; `None` without a connection.
    pub fn ping(&mut self, now: Instant) -> Option<oneshot::Receiver<()>> {
        if !self.connected {
            return None;
        }
        let (waiter, answer) = oneshot::channel();
        self.pings.push(waiter);
        if self.ping.is_none() {
            self.send_ping(now);
        }
        Some(answer)
    }

    /// Takes what is to be sent.
    pub fn take_output(&mut self) -> VecDeque<Bytes> {
        self.answers = 0;
        self.output.take()
    }

    /// True when a broker that sends and does not read has made too many answers pile up.
    pub fn has_too_many_answers(&self) -> bool {
        self.answers > MAX_ANSWERS
    }
}

/// A ping without its answer.
struct Ping {
    queued: Instant,
    /// Where it ends in the output.
    end: u64,
    /// When it was with the operating system.
    sent: Option<Instant>,
}

/// The broker did not answer a ping.
#[derive(Debug, PartialEq)]
pub(crate) struct NoAnswer;

#[cfg(test)]
mod tests;
