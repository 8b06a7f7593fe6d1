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
use super::protocol::{self, Limits, Packet, ProtocolError, Publish};
use crate::config::{Consistency, Version};
use crate::error::{Error, Result};

mod completed;
mod incoming;
mod keep_alive;
mod output;
mod refusal;
pub(crate) use incoming::Receipt;
use incoming::{Incoming, Verdict};
use keep_alive::KeepAlive;
pub(crate) use keep_alive::NoAnswer;
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

/// A publish on its way out.
struct Outgoing {
    publish: Publish,
    phase: Phase,
    /// It has been sent, perhaps in a session that is lost by now.
    sent: bool,
    completion: Completion,
}

#[derive(Clone, Copy, PartialEq)]
enum Phase {
    /// Never sent to the broker that holds the session.
    Queued,
    /// PUBLISH sent.
    Sent,
    /// QoS 2: PUBREC came, PUBREL sent.
    Released,
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
    version: Version,
    pub output: Output,
    events: Vec<Event>,
    connected: bool,

    /// Every publish that has not ended, oldest first; `None` ended before an older one.
    outgoing: VecDeque<Option<Outgoing>>,
    /// Number of `outgoing`'s first publish.
    first: u64,
    /// Number of the first publish that waits to be sent over this connection, for the first time or again.
    first_queued: u64,
    in_flight: usize,
    /// How many publishes may be in flight: the configured number, and what the broker allows on this connection.
    max_window: usize,
    window: usize,
    /// The most that the broker takes in one packet.
    maximum_packet_size: usize,
    /// QoS 0 publishes in `output`, with the position of their end.
    unflushed: VecDeque<(u64, Completion)>,
    /// Identifiers in use, with the publish's number; `None` is the subscription's.
    ids: HashMap<u16, Option<u64>>,
    last_id: u16,

    incoming: Incoming,
    subscription: Option<Subscription>,

    /// Why no publish is accepted any more.
    refusal: Option<Error>,
    ended: bool,

    keep_alive: KeepAlive,
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
    pub fn new(version: Version, window: u16, keep_alive: Duration, now: Instant) -> Session {
        let max_window = usize::from(window).clamp(1, MAX_WINDOW);
        Session {
            version,
            output: Output::default(),
            events: Vec::new(),
            connected: false,
            outgoing: VecDeque::new(),
            first: 0,
            first_queued: 0,
            in_flight: 0,
            max_window,
            window: max_window,
            maximum_packet_size: usize::MAX,
            unflushed: VecDeque::new(),
            ids: HashMap::new(),
            last_id: 0,
            incoming: Incoming::default(),
            subscription: None,
            refusal: None,
            ended: false,
            keep_alive: KeepAlive::new(keep_alive, now),
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

    /// A CONNACK accepted the connection. What the broker has not confirmed is sent again.
    pub fn connected(&mut self, session_present: bool, limits: &Limits, now: Instant) {
        self.connected = true;
        let of_the_broker = limits.server_keep_alive_s.map(|seconds| Duration::from_secs(seconds.into()));
        self.keep_alive.connected(of_the_broker, now);
        self.window = limits.receive_maximum.map_or(self.max_window, |most| self.max_window.min(most.into()));
        self.maximum_packet_size = limits.maximum_packet_size.unwrap_or(usize::MAX);
        self.first_queued = self.first;
        self.in_flight = 0;
        self.drop_abandoned();
        if !session_present {
            self.start_over();
        } else if self.version == Version::V31 {
            self.subscribe_again();
        }
        if self.is_subscribing() {
            self.subscribe();
        }
        self.send_queued();
    }

    /// The connection is gone. Publishes that wait for an acknowledgement stay; QoS 0 that was not written fails.
    pub fn disconnected(&mut self, cause: &Error) {
        self.connected = false;
        self.keep_alive.disconnected();
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
        let abandoned = |outgoing: &mut Outgoing| outgoing.phase == Phase::Sent && outgoing.completion.is_abandoned();
        for slot in &mut self.outgoing {
            if let Some(outgoing) = slot.take_if(abandoned) {
                self.ids.remove(&outgoing.publish.packet_id);
                let ended = Err(Error::Io("nobody waits for this message any more".into()));
                self.events.push(Event::Finished(outgoing.completion, ended));
            }
        }
        self.drop_ended();
    }

    /// The broker knows nothing: what was under way is new again, identifiers and receipts are void.
    fn start_over(&mut self) {
        self.incoming.start_over();
        self.ids.clear();
        for outgoing in self.outgoing.iter_mut().flatten() {
            self.resent += u64::from(outgoing.phase != Phase::Queued);
            outgoing.phase = Phase::Queued;
            outgoing.publish.dup = false;
            outgoing.publish.packet_id = 0;
        }
        self.subscribe_again();
    }

    fn subscribe_again(&mut self) {
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
            let Subscription { packet_id, filters, qos, .. } = &subscription;
            protocol::subscribe(self.version, *packet_id, filters, *qos, self.output.tail());
            self.subscription = Some(subscription);
        }
    }

    /// Says goodbye; nothing is sent after it [MQTT-3.14.4-2].
    pub fn disconnect(&mut self) {
        if std::mem::take(&mut self.connected) {
            protocol::disconnect(self.output.tail());
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
        self.outgoing.push_back(Some(Outgoing { publish, phase: Phase::Queued, sent: false, completion }));
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

    /// Takes a publish back if it was not sent in this session; `None` when it was. The flag tells that it was sent in
    /// an earlier one. The completion is to be dropped without the session's lock, because that wakes others.
    pub fn withdraw(&mut self, number: u64) -> Option<(Completion, bool)> {
        let index = number.checked_sub(self.first)?;
        let slot = self.outgoing.get_mut(index as usize)?;
        let withdrawn = slot.take_if(|outgoing| outgoing.phase == Phase::Queued);
        self.drop_ended();
        withdrawn.map(|outgoing| (outgoing.completion, outgoing.sent))
    }

    /// Sends what waits, in its order and as far as the window allows. What the broker has had before, and kept with
    /// the session, goes under the same identifier: PUBLISH with DUP, or PUBREL (MQTT 3.1.1 and 5, section 4.4).
    fn send_queued(&mut self) {
        while self.connected && self.in_flight < self.window {
            let index = self.sent();
            if index >= self.outgoing.len() {
                break;
            }
            self.first_queued += 1;
            let Some(mut outgoing) = self.outgoing[index].take() else { continue };
            if outgoing.phase != Phase::Released
                && let Err(error) = self.check_size(&outgoing)
            {
                self.ids.remove(&outgoing.publish.packet_id);
                self.events.push(Event::Finished(outgoing.completion, Err(error)));
                continue;
            }
            if outgoing.publish.qos == Consistency::AtMostOnce {
                self.output.publish(self.version, &outgoing.publish);
                self.unflushed.push_back((self.output.queued(), outgoing.completion));
                continue;
            }
            self.in_flight += 1;
            match outgoing.phase {
                Phase::Queued => {
                    outgoing.publish.packet_id = self.new_id(Some(self.first + index as u64));
                    outgoing.phase = Phase::Sent;
                    outgoing.sent = true;
                    self.output.publish(self.version, &outgoing.publish);
                }
                Phase::Sent => {
                    outgoing.publish.dup = true;
                    self.resent += 1;
                    self.output.publish(self.version, &outgoing.publish);
                }
                Phase::Released => protocol::pubrel(outgoing.publish.packet_id, self.output.tail()),
            }
            self.outgoing[index] = Some(outgoing);
        }
        self.drop_ended();
    }

    /// The broker would close the connection on a packet that is too large for it (MQTT 5, section 3.2.2.3.6).
    fn check_size(&self, outgoing: &Outgoing) -> Result<()> {
        if self.maximum_packet_size == usize::MAX {
            return Ok(());
        }
        let size = protocol::publish_packet_size(self.version, &outgoing.publish);
        let most = self.maximum_packet_size;
        if size <= most {
            return Ok(());
        }
        let what = match outgoing.sent {
            false => "was not sent",
            true => "is not confirmed, may have been delivered, and can't be sent again",
        };
        Err(Error::Io(format!("the message {what}: its packet has {size} bytes, and the broker takes {most} at most")))
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

    /// Ends a publish that was sent.
    fn finish(&mut self, number: u64, result: Result<()>) {
        if let Some(outgoing) = self.outgoing.get_mut((number - self.first) as usize).and_then(Option::take) {
            self.ids.remove(&outgoing.publish.packet_id);
            // Otherwise it was sent over an earlier connection, and not yet again over this one.
            if number < self.first_queued {
                self.in_flight -= 1;
            }
            self.events.push(Event::Finished(outgoing.completion, result));
        }
        self.drop_ended();
        self.send_queued();
    }

    /// How many of `outgoing` do not wait to be sent any more: they come first.
    fn sent(&self) -> usize {
        (self.first_queued - self.first) as usize
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
        self.keep_alive.flushed(position, now);
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
            Packet::Puback(id, reason) => match self.awaiting(id) {
                Some((number, outgoing)) if outgoing.publish.qos == Consistency::AtLeastOnce => {
                    let result = refusal::outcome(&outgoing.publish, "PUBACK", &reason);
                    self.finish(number, result);
                }
                Some(_) => return Err(ProtocolError(format!("PUBACK for the QoS 2 publish {id}"))),
                None => tracing::debug!("PUBACK for the unknown publish {id}"),
            },
            Packet::Pubrec(id, reason) => {
                match self.awaiting(id) {
                    Some((number, outgoing)) if outgoing.publish.qos == Consistency::ExactlyOnce => {
                        if reason.is_error() {
                            // The end of it; no PUBREL follows (MQTT 5, section 4.3.3).
                            let result = refusal::outcome(&outgoing.publish, "PUBREC", &reason);
                            self.finish(number, result);
                            return Ok(());
                        }
                        // The broker has the payload now.
                        outgoing.phase = Phase::Released;
                    }
                    Some(_) => return Err(ProtocolError(format!("PUBREC for the QoS 1 publish {id}"))),
                    None if reason.is_error() => return Ok(()),
                    None => tracing::debug!("PUBREC for the unknown publish {id}"),
                }
                protocol::pubrel(id, self.output.tail());
            }
            // An error here tells that the broker has forgotten the identifier, not the message.
            Packet::Pubcomp(id, _) => match self.awaiting(id) {
                Some((number, outgoing)) if outgoing.phase == Phase::Released => self.finish(number, Ok(())),
                Some(_) => return Err(ProtocolError(format!("PUBCOMP for the publish {id} before its PUBREC"))),
                None => tracing::debug!("PUBCOMP for the unknown publish {id}"),
            },
            Packet::Pubrel(id, _) => {
                self.incoming.released(id)?;
                protocol::pubcomp(id, self.output.tail());
            }
            Packet::Suback(id, codes, text) => self.subscribed(id, &codes, text)?,
            // The connection looks at these before.
            Packet::Disconnect(_) | Packet::Auth => return Err(ProtocolError("unexpected packet".into())),
            Packet::Pingresp => {
                self.keep_alive.ping_answered();
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
        match self.incoming.arrived(&publish, self.version)? {
            Verdict::Deliver(receipt) => self.events.push(Event::Delivery(publish, Some(receipt))),
            Verdict::Answer => protocol::pubrec(publish.packet_id, self.output.tail()),
            Verdict::Nothing => {}
        }
        Ok(())
    }

    /// The application has taken the message. Called in the order of arrival [MQTT-4.6.0-2].
    pub fn acknowledge(&mut self, receipt: Receipt) {
        // Without a connection the broker sends the message again, and that is answered then.
        if !self.incoming.taken(receipt) || !self.connected {
            return;
        }
        match receipt.qos {
            Consistency::ExactlyOnce => protocol::pubrec(receipt.packet_id, self.output.tail()),
            _ => protocol::puback(receipt.packet_id, self.output.tail()),
        }
    }

    fn subscribed(&mut self, id: u16, codes: &[u8], text: Option<String>) -> std::result::Result<(), ProtocolError> {
        let asked = |subscription: &&mut Subscription| subscription.packet_id == id && !subscription.granted;
        let Some(subscription) = self.subscription.as_mut().filter(asked) else {
            return Err(ProtocolError(format!("SUBACK for the unknown subscription {id}")));
        };
        if codes.len() != subscription.filters.len() {
            return Err(ProtocolError("SUBACK with a wrong number of codes".into()));
        }
        self.ids.remove(&id);
        subscription.granted = true;
        let result = refusal::subscription(self.version, &subscription.filters, codes, text);
        self.events.push(Event::Subscribed(result));
        Ok(())
    }

    // ---- keep-alive

    /// Bytes have left for the broker.
    pub fn wrote(&mut self, now: Instant) {
        self.keep_alive.wrote(now);
    }

    /// Bytes have come from the broker.
    pub fn received(&mut self, now: Instant) {
        self.keep_alive.received(now);
    }

    /// When [`Session::tick`] has something to do next; see [`KeepAlive::deadline`].
    pub fn deadline(&self, reading: bool) -> Option<Instant> {
        self.keep_alive.deadline(reading).filter(|_| self.connected)
    }

    /// Sends a ping when it is time. An error means that the broker does not answer.
    pub fn tick(&mut self, now: Instant, reading: bool) -> std::result::Result<(), NoAnswer> {
        if self.connected && self.keep_alive.is_due(now, reading)? {
            self.send_ping(now);
        }
        Ok(())
    }

    fn send_ping(&mut self, now: Instant) {
        protocol::pingreq(self.output.tail());
        self.keep_alive.ping_queued(self.output.queued(), now);
    }

    /// Sends a ping now, unless one is under way; `None` without a connection.
    pub fn ping(&mut self, now: Instant) -> Option<oneshot::Receiver<()>> {
        if !self.connected {
            return None;
        }
        let (waiter, answer) = oneshot::channel();
        self.pings.push(waiter);
        if !self.keep_alive.is_waiting() {
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

#[cfg(test)]
mod tests;
