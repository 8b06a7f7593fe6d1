//! The MQTT session as a pure state machine: packets, commands and time go in; bytes and events come out.
//!
//! It owns the packet identifiers, the in-flight window, the handshakes of QoS 1 and 2 in both directions, the
//! subscription and the keep-alive. It knows nothing of sockets, and it outlives them: [`Session::connected`] and
//! [`Session::disconnected`] may alternate.

use std::collections::VecDeque;
use std::task::Waker;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::protocol::{self, Limits, Packet, ProtocolError, Publish};
use crate::config::{Consistency, Version};
use crate::error::{Error, Result};

mod completed;
mod ends;
mod ids;
mod incoming;
mod keep_alive;
mod outgoing;
mod output;
mod refusal;
mod subscription;
pub(crate) use ends::Ended;
pub(crate) use ends::{Hearer, Tally, ValueSize};
pub(crate) use incoming::Receipt;
use incoming::{Incoming, Verdict};
use keep_alive::KeepAlive;
pub(crate) use keep_alive::Silence;
use outgoing::Wire;
pub(crate) use outgoing::{Outgoing, Room, Submission, Ticket};
pub(crate) use output::Output;
use subscription::Subscription;

/// An event that the session reports to its owner.
#[derive(Debug)]
pub(crate) enum Event {
    /// A message for the application; the receipt is acknowledged by [`Session::acknowledge`] when it has been taken.
    Delivery(Publish, Option<Receipt>),
    /// The broker has sent a message again that the application had let go of, see [`Session::failed`].
    Again(Publish, Receipt),
    /// The receipt is void: its session is lost.
    Void(Receipt),
    /// All receipts are void: the session is lost.
    SessionLost,
    /// Something works, but not in the way that was asked for.
    Warning(String),
    /// The broker answered the subscription.
    Subscribed(Result<()>),
    /// The broker answered a ping that a caller asked for.
    Pong(oneshot::Sender<()>),
    /// The connection was lost before the broker answered the ping.
    NoPong(oneshot::Sender<()>),
}

/// The work that follows from a change of the session and is done without its lock.
#[derive(Debug, Default)]
pub(crate) struct Aftermath {
    pub events: Vec<Event>,
    pub wakes: Vec<Waker>,
    /// True when publishes have ended.
    pub ended: bool,
    /// True when [`Outgoing::take_received`] has something to return.
    pub received: bool,
    /// The moment at which [`Outgoing::expire`] has something to do.
    pub watch: Option<Instant>,
}

impl Aftermath {
    pub fn append(&mut self, other: Aftermath) {
        self.events.extend(other.events);
        self.wakes.extend(other.wakes);
        self.ended |= other.ended;
        self.received |= other.received;
        self.watch = self.watch.into_iter().chain(other.watch).min();
    }
}

/// The session; see the module.
///
/// Time goes in as an argument, so a session does nothing by itself. Its owner makes these calls, each under one lock:
///
/// - [`Session::take_aftermath`] after every change, before the lock is released. What it returns is done without the lock.
/// - [`Session::connected`] and [`Session::disconnected`] in turns, and [`Session::handle`] only between them.
/// - [`Session::take_output`] when the socket takes bytes; then [`Session::flushed`], with the position that `output` had at
///   that moment, once all of them are with the operating system, and before the next `take_output`. A write of only a part of
///   them is reported by [`Session::wrote`]. After `disconnected`, bytes that were taken before are not reported any more.
/// - [`Session::tick`] after every packet that has arrived was handled, and before the output is written: an answer that waits
///   to be read must not count as missing, and the ping leaves together with the other output. Then again at
///   [`Session::deadline`].
/// - [`Outgoing::expire`] at the moment that it returned, or earlier if an accepted publish or [`Aftermath::watch`] says so. It
///   needs no connection.
pub(crate) struct Session {
    version: Version,
    pub output: Output,
    /// The outgoing publishes. Their `pub` methods may be called by anybody who holds the session's lock.
    pub outgoing: Outgoing,
    events: Vec<Event>,
    incoming: Incoming,
    subscription: Option<Subscription>,
    /// The reason why no publish is accepted any more.
    refusal: Option<Error>,
    /// The broker's name, for error messages about its refusals.
    broker: String,
    keep_alive: KeepAlive,
    /// The number of bytes in `output` that answer the broker.
    answers: usize,
    /// The callers who wait for a PINGRESP.
    pings: Vec<oneshot::Sender<()>>,
}

/// The most bytes of answers to the broker that may wait in the output.
const MAX_ANSWERS: usize = 1024 * 1024;

impl Session {
    /// Creates a session. `room` bounds the publishes that wait to be confirmed, each for `write_timeout` at most.
    pub fn new(
        version: Version,
        window: u16,
        keep_alive: Duration,
        room: Room,
        write_timeout: Duration,
        now: Instant,
    ) -> Session {
        Session {
            version,
            output: Output::default(),
            outgoing: Outgoing::new(window, room, write_timeout),
            events: Vec::new(),
            incoming: Incoming::default(),
            subscription: None,
            refusal: None,
            broker: String::new(),
            keep_alive: KeepAlive::new(keep_alive, now),
            answers: 0,
            pings: Vec::new(),
        }
    }

    /// Returns what follows from the changes since the last call.
    pub fn take_aftermath(&mut self) -> Aftermath {
        #[cfg(test)]
        self.assert_invariants();
        let (wakes, ended) = self.outgoing.ends.take_news();
        // A caller who is woken to take room must do so by a deadline.
        let watch = if wakes.is_empty() { None } else { self.outgoing.room.deadline() };
        let received = self.outgoing.has_received();
        Aftermath { events: std::mem::take(&mut self.events), wakes, ended, received, watch }
    }

    fn sending(&mut self, now: Instant) -> (&mut Outgoing, Wire<'_>) {
        (&mut self.outgoing, Wire { version: self.version, output: &mut self.output, broker: &self.broker, now })
    }

    // ---- connection

    /// Sets the name of the broker of the next connection, for messages.
    pub fn name_broker(&mut self, broker: String) {
        self.broker = broker;
    }

    /// Takes over a connection that a CONNACK has accepted, and sends again what the broker has not confirmed.
    pub fn connected(&mut self, session_present: bool, limits: &Limits, now: Instant) {
        let of_the_broker = limits.server_keep_alive_s.map(|seconds| Duration::from_secs(seconds.into()));
        self.keep_alive.connected(of_the_broker, now);
        self.incoming.connected();
        self.outgoing.connected(limits);
        if !session_present {
            self.start_over();
        }
        if (!session_present || self.version == Version::V31)
            && let Some(subscription) = &mut self.subscription
        {
            subscription.lost();
        }
        if let Some(subscription) = self.subscription.as_mut().filter(|subscription| !subscription.is_granted()) {
            subscription.subscribe(self.version, &mut self.outgoing.ids, &mut self.output);
        }
        let (outgoing, mut wire) = self.sending(now);
        outgoing.send_queued(&mut wire);
    }

    /// Begins a new session: the next broker knows nothing of the handshakes that were under way with this one.
    pub fn start_over(&mut self) {
        if !self.incoming.is_empty() {
            self.events.push(Event::SessionLost);
        }
        self.incoming.start_over();
        self.outgoing.start_over();
        self.subscription.iter_mut().for_each(Subscription::start_over);
    }

    /// Takes note that the connection is gone. Publishes that wait for an acknowledgement stay; those at QoS 0 that were not
    /// written fail.
    pub fn disconnected(&mut self, cause: &Error, now: Instant) {
        self.keep_alive.disconnected();
        self.events.extend(self.pings.drain(..).map(Event::NoPong));
        self.output.clear();
        self.answers = 0;
        self.outgoing.disconnected(cause, now);
    }

    /// Subscribes with the next connection, and again whenever the broker has lost the session; [`Event::Subscribed`] reports
    /// the answers.
    pub fn subscribe_when_connected(&mut self, filters: Vec<String>, qos: Consistency) {
        self.subscription = Some(Subscription::new(filters, qos));
    }

    /// Returns true while the broker's answer to the subscription is missing.
    pub fn is_subscribing(&self) -> bool {
        self.subscription.as_ref().is_some_and(|subscription| !subscription.is_granted())
    }

    /// Sends DISCONNECT; nothing may be sent after it [MQTT-3.14.4-2].
    pub fn disconnect(&mut self) {
        if self.outgoing.is_connected() {
            self.outgoing.stop();
            protocol::disconnect(self.output.tail());
        }
    }

    // ---- outgoing publishes

    /// Accepts a publish that has its room. `None` means that it is refused, see [`Session::refusal`]; its room is then free
    /// again.
    pub fn publish(&mut self, submission: Submission, now: Instant) -> Option<u64> {
        if self.refusal.is_some() {
            self.outgoing.room.release(submission.room);
            return None;
        }
        let (outgoing, mut wire) = self.sending(now);
        Some(outgoing.push(submission, &mut wire))
    }

    /// Sends PUBREL for these publishes, once it is stored beyond the process that the broker has received them.
    pub fn release(&mut self, ids: &[u16], now: Instant) {
        let (outgoing, mut wire) = self.sending(now);
        outgoing.release(ids, &mut wire);
    }

    /// Refuses every publish from now on.
    pub fn refuse(&mut self, refusal: Error) {
        self.refusal = Some(refusal);
    }

    /// Returns the reason why no publish is accepted, if there is one.
    pub fn refusal(&self) -> Option<&Error> {
        self.refusal.as_ref()
    }

    /// Takes note that `position` bytes of the output have been written, so that the QoS 0 publishes in them have ended.
    pub fn flushed(&mut self, position: u64, now: Instant) {
        self.wrote(now);
        self.keep_alive.flushed(position, now);
        self.outgoing.flushed(position, now);
    }

    /// Returns true when nothing waits to be sent or confirmed.
    pub fn is_idle(&self) -> bool {
        self.outgoing.pending() == 0 && self.output.is_empty()
    }

    // ---- incoming packets

    /// Handles a packet. An error means that the connection can't go on.
    pub fn handle(&mut self, packet: Packet, now: Instant) -> std::result::Result<(), ProtocolError> {
        self.received(now);
        let before = self.output.queued();
        let result = self.answer(packet, now);
        self.answers += (self.output.queued() - before) as usize;
        result
    }

    fn answer(&mut self, packet: Packet, now: Instant) -> std::result::Result<(), ProtocolError> {
        let (outgoing, mut wire) = self.sending(now);
        match packet {
            Packet::Connack { .. } => return Err(ProtocolError("a second CONNACK".into())),
            Packet::Publish(publish) => self.receive(publish)?,
            Packet::Puback(id, reason) => outgoing.puback(id, &reason, &mut wire)?,
            Packet::Pubrec(id, reason) => outgoing.pubrec(id, &reason, &mut wire)?,
            // An error in PUBCOMP means that the broker has forgotten the identifier, not the message.
            Packet::Pubcomp(id, _) => outgoing.pubcomp(id, &mut wire)?,
            Packet::Pubrel(id, _) => {
                self.incoming.released(id)?;
                protocol::pubcomp(id, self.output.tail());
            }
            Packet::Suback(id, codes, text) => self.subscribed(id, &codes, text)?,
            // The connection handles these packets before they get here.
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
            Verdict::DeliverInstead(receipt, void) => {
                self.events.push(Event::Void(void));
                self.events.push(Event::Delivery(publish, Some(receipt)));
            }
            Verdict::Again(receipt) => self.events.push(Event::Again(publish, receipt)),
            Verdict::Answer => protocol::pubrec(publish.packet_id, self.output.tail()),
            Verdict::Nothing => {}
        }
        Ok(())
    }

    /// Acknowledges a message that the application has taken. Calls must come in the order of arrival [MQTT-4.6.0-2].
    pub fn acknowledge(&mut self, receipt: Receipt) {
        // Without a connection there is no acknowledgement now: the broker sends the message again, and is answered then.
        if !self.incoming.taken(receipt, self.outgoing.is_connected()) {
            return;
        }
        match receipt.qos {
            Consistency::ExactlyOnce => protocol::pubrec(receipt.packet_id, self.output.tail()),
            _ => protocol::puback(receipt.packet_id, self.output.tail()),
        }
    }

    /// Lets go of a message that the application has not taken. The broker is not told: it sends the message again after the
    /// connection has been lost, and [`Event::Again`] reports that.
    pub fn failed(&mut self, receipt: Receipt) {
        self.incoming.failed(receipt);
    }

    fn subscribed(&mut self, id: u16, codes: &[u8], text: Option<String>) -> std::result::Result<(), ProtocolError> {
        let Some(subscription) = &mut self.subscription else { return Err(subscription::unknown(id)) };
        let result = subscription.answered(id, codes, text, self.version, &mut self.outgoing.ids)?;
        self.events.extend(subscription.take_warning(codes).map(Event::Warning));
        self.events.push(Event::Subscribed(result));
        Ok(())
    }

    // ---- keep-alive

    /// Takes note that bytes have left for the broker.
    pub fn wrote(&mut self, now: Instant) {
        self.keep_alive.wrote(now);
    }

    /// Takes note that bytes have come from the broker.
    pub fn received(&mut self, now: Instant) {
        self.keep_alive.received(now);
    }

    /// Returns when [`Session::tick`] has something to do next; see [`KeepAlive::deadline`].
    pub fn deadline(&self, reading: bool) -> Option<Instant> {
        self.keep_alive.deadline(reading).filter(|_| self.outgoing.is_connected())
    }

    /// Sends a ping when one is due. An error means that the broker does not answer.
    pub fn tick(&mut self, now: Instant, reading: bool) -> std::result::Result<(), Silence> {
        if self.outgoing.is_connected() && self.keep_alive.is_due(now, reading)? {
            self.send_ping(now);
        }
        Ok(())
    }

    fn send_ping(&mut self, now: Instant) {
        protocol::pingreq(self.output.tail());
        self.keep_alive.ping_queued(self.output.queued(), now);
    }

    /// Sends a ping now, unless one is under way. Returns `None` without a connection.
    pub fn ping(&mut self, now: Instant) -> Option<oneshot::Receiver<()>> {
        if !self.outgoing.is_connected() {
            return None;
        }
        let (waiter, answer) = oneshot::channel();
        // Nobody waits for these pings any more, and while nothing is read none of them is answered.
        self.pings.retain(|earlier| !earlier.is_closed());
        self.pings.push(waiter);
        if !self.keep_alive.is_waiting() {
            self.send_ping(now);
        }
        Some(answer)
    }

    /// Takes the output that is to be sent.
    pub fn take_output(&mut self) -> VecDeque<Bytes> {
        self.answers = 0;
        self.output.take()
    }

    /// Returns true when too many answers have piled up, because the broker sends and does not read.
    pub fn has_too_many_answers(&self) -> bool {
        self.answers > MAX_ANSWERS
    }
}

#[cfg(test)]
impl Session {
    /// Panics unless the session is consistent.
    pub fn assert_invariants(&self) {
        // A panic ends the session in the middle of a change; an inconsistency then is no further fault.
        if std::thread::panicking() {
            return;
        }
        self.outgoing.assert_invariants(self.subscription.as_ref().and_then(Subscription::unanswered));
        assert!(self.answers as u64 <= self.output.len(), "answers that are not in the output");
    }
}

#[cfg(test)]
mod tests;
