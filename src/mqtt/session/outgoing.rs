//! Publishes on their way out, from their acceptance to their end.
//!
//! Their three subjects have a file each: the `queue` sends them, for the first time and again, in their order and as far as
//! the window allows; the `handshakes` of QoS 1 and 2 take the broker's acknowledgements; the `endings` end a publish, be it
//! written, confirmed, withdrawn or overdue. All of them work on the same `entries`.
//!
//! What is `pub` here is for everybody who holds the session's lock, and leaves the publishes consistent, whenever it is
//! called; what is `pub(super)` belongs to the [`Session`](super::Session), which does the same for its other parts.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

use super::ends::{Ends, Hearer, ValueSize};
use super::ids::Ids;
use super::output::Output;
use crate::config::{Consistency, Version};
use crate::error::{Delivery, Error};
use crate::mqtt::kept_session::Earlier;
use crate::mqtt::protocol::{Limits, Publish};

mod deadlines;
mod endings;
mod entries;
mod handshakes;
#[cfg(test)]
mod invariants;
mod queue;
mod room;
use deadlines::Deadlines;
use entries::Entries;
pub(crate) use room::{Room, Ticket};

/// A publish on its way out.
struct Entry {
    publish: Publish,
    phase: Phase,
    /// True when a broker may have had the publish, perhaps in a session that is lost by now.
    ever_sent: bool,
    /// True when the publish was sent more than once.
    is_resent: bool,
    hearer: Hearer,
    accepted: Instant,
    /// The moment at which the caller gives up.
    deadline: Instant,
    /// The bytes of room that the publish has.
    room: usize,
    /// The bytes of the message, and of its value.
    bytes: usize,
    size: ValueSize,
}

impl Entry {
    /// Returns true when the publish's end has been told before the broker's word.
    fn is_given_up(&self) -> bool {
        matches!(self.hearer, Hearer::GivenUp(_))
    }

    /// Returns what became of the message if its write fails now.
    fn delivery(&self) -> Delivery {
        match self.ever_sent || self.phase == Phase::Unflushed {
            false => Delivery::NotSent,
            true => Delivery::Unknown,
        }
    }

    /// Returns true when a packet of the publish is on the wire for which a broker may end the connection: the PUBLISH, or a
    /// PUBREL that the broker does not expect.
    fn may_be_disliked(&self) -> bool {
        self.phase == Phase::Sent || self.phase == Phase::Released && self.is_given_up()
    }
}

#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
enum Phase {
    /// The publish was never sent to the broker that holds the session.
    Queued,
    /// QoS 0: the payload is in the output, and not yet with the operating system.
    Unflushed,
    /// PUBLISH was sent.
    Sent,
    /// QoS 2: PUBREC came, and PUBREL waits until that is stored on disk.
    Received,
    /// QoS 2: PUBREC came, and PUBREL was sent.
    Released,
}

impl Phase {
    /// Returns true when a handshake with the broker is under way, which holds a packet identifier.
    fn is_handshake(self) -> bool {
        matches!(self, Phase::Sent | Phase::Received | Phase::Released)
    }
}

/// A publish that is submitted, with its hearer.
pub(crate) struct Submission {
    /// The publish, with a packet identifier if it needs this one.
    pub publish: Publish,
    pub earlier: Earlier,
    /// The bytes of room that the publish has.
    pub room: usize,
    /// The size of the value inside.
    pub size: ValueSize,
    pub hearer: Hearer,
    /// The moment at which the writer took the publish: now, or earlier if the outbox on disk has kept it.
    pub accepted: Instant,
    pub deadline: Instant,
}

/// The destination of packets.
pub(super) struct Wire<'a> {
    pub version: Version,
    pub output: &'a mut Output,
    pub broker: &'a str,
    pub now: Instant,
}

/// The outgoing publishes; see the module. The fields stand in the order of how long they are valid.
pub(crate) struct Outgoing {
    // These fields are valid as long as the client lives.
    pub room: Room,
    pub ends: Ends,
    /// Every publish that has not ended.
    entries: Entries<Entry>,
    deadlines: Deadlines,
    /// The longest time that a publish may take.
    write_timeout: Duration,
    /// The configured limit of the in-flight window.
    max_window: usize,
    /// True when a broker has answered a publish of QoS 1 or 2, be it with a refusal.
    was_answered: bool,
    /// The publish that was the oldest unacknowledged one when the broker ended the connection, and how many times in a row it
    /// was.
    suspect: Option<(u64, u32)>,
    resent: u64,
    has_ended: bool,
    /// The wire bytes of the last message, once it has left `entries`.
    last_message: Option<bytes::Bytes>,
    /// True when PUBREL waits for [`Outgoing::release`].
    is_kept: bool,
    /// True when publishes come with their identifiers, and get no others.
    has_own_ids: bool,

    // These fields are valid as long as the broker keeps the session: see `start_over`.
    pub(super) ids: Ids,
    /// True while the session may be one that an earlier process has left.
    may_be_left: bool,
    /// The identifiers of publishes that the broker has received, for [`Outgoing::take_received`].
    received: Vec<u16>,

    // These fields are valid as long as there is one connection, or none.
    connection: Connection,
    /// The reason why there is no connection, as far as it is known.
    obstacle: Option<Error>,
}

/// The state of one connection; a new connection has a new one. The last one stays when the connection is lost, so that it is
/// still known what was in flight.
struct Connection {
    /// True when publishes can be sent.
    is_open: bool,
    /// The in-flight window: how many publishes may be in flight.
    window: usize,
    /// The largest packet that the broker takes.
    maximum_packet_size: usize,
    /// True when the broker keeps retained messages.
    keeps_messages: bool,
    /// The lowest number that may wait to be sent over this connection, for the first time or again.
    first_queued: u64,
    /// The number of publishes below `first_queued` whose handshake is under way.
    in_flight: usize,
    /// The QoS 0 publishes in the output: for each the position where it ends there, and its number.
    unflushed: VecDeque<(u64, u64)>,
}

impl Connection {
    /// Returns the state before there is a connection.
    fn closed(window: usize) -> Connection {
        Connection {
            is_open: false,
            window,
            maximum_packet_size: usize::MAX,
            keeps_messages: true,
            first_queued: 0,
            in_flight: 0,
            unflushed: VecDeque::new(),
        }
    }

    fn open(window: usize, limits: &Limits) -> Connection {
        Connection {
            is_open: true,
            maximum_packet_size: limits.maximum_packet_size.unwrap_or(usize::MAX),
            keeps_messages: !limits.no_retain,
            ..Connection::closed(window)
        }
    }

    /// Returns true when there may be messages that the broker does not take.
    fn is_limited(&self) -> bool {
        self.maximum_packet_size != usize::MAX || !self.keeps_messages
    }
}

/// Packet identifiers have 16 bits; some stay free for subscriptions.
const MAX_WINDOW: usize = 65_000;
/// A publish that was the suspect this many times in a row is not sent again.
const MAX_SUSPICIONS: u32 = 3;

impl Outgoing {
    pub(super) fn new(window: u16, room: Room, write_timeout: Duration) -> Outgoing {
        let max_window = usize::from(window).clamp(1, MAX_WINDOW);
        Outgoing {
            room,
            ends: Ends::default(),
            entries: Entries::new(),
            deadlines: Deadlines::default(),
            write_timeout,
            max_window,
            was_answered: false,
            suspect: None,
            resent: 0,
            has_ended: false,
            last_message: None,
            is_kept: false,
            has_own_ids: false,
            ids: Ids::new(),
            may_be_left: true,
            received: Vec::new(),
            connection: Connection::closed(max_window),
            obstacle: None,
        }
    }

    /// Keeps the session beyond the process, from its beginning: PUBREL waits until the receipt is stored.
    pub fn keep(&mut self) {
        self.is_kept = true;
    }

    // ---- connection

    /// Begins a connection: everything unconfirmed waits to be sent, oldest first.
    pub(super) fn connected(&mut self, limits: &Limits) {
        let window = limits.receive_maximum.map_or(self.max_window, |most| self.max_window.min(most.into()));
        self.connection = Connection::open(window, limits);
        self.obstacle = None;
    }

    /// Ends a connection. Publishes that wait for an acknowledgement stay; those at QoS 0 that were not written fail.
    pub(super) fn disconnected(&mut self, cause: &Error, now: Instant) {
        self.stop();
        self.obstacle = Some(cause.clone());
        for (_, number) in std::mem::take(&mut self.connection.unflushed) {
            self.end(number, Err(cause.clone().of_message(Delivery::Unknown)), now);
        }
    }

    /// Stops sending publishes, since DISCONNECT has been sent or has come.
    pub(super) fn stop(&mut self) {
        self.connection.is_open = false;
    }

    pub(super) fn is_connected(&self) -> bool {
        self.connection.is_open
    }

    /// Takes note that an attempt to reconnect has failed: this is now the reason why there is no connection.
    pub fn hindered(&mut self, cause: &Error) {
        self.obstacle = Some(cause.clone());
    }

    /// Suspects the oldest unacknowledged publish, since the broker has sent DISCONNECT, perhaps because of a publish. The next
    /// connection sends the suspect alone at first, and after the third time the publish fails.
    pub fn ended_by_broker(&mut self, cause: &Error, now: Instant) {
        self.stop();
        let oldest = self.entries.iter().find(|(_, entry)| entry.may_be_disliked()).map(|(number, _)| number);
        let Some(number) = oldest.filter(|number| *number < self.connection.first_queued) else { return };
        let times = match self.suspect {
            Some((suspect, times)) if suspect == number => times + 1,
            _ => 1,
        };
        self.suspect = Some((number, times));
        if times == MAX_SUSPICIONS {
            self.suspect = None;
            let message = format!("the message was sent {times} times, and each time {cause}");
            let error = match cause {
                Error::Io(cause) => Error::Io(cause.clone().with_message(message)),
                _ => Error::Io(message.into()),
            };
            self.fail(number, error.of_message(Delivery::Unknown), now);
        }
    }

    /// Starts over with a broker that has no session: publishes that were under way are new again, and none is in flight.
    pub(super) fn start_over(&mut self) {
        self.ids.clear();
        self.may_be_left = false;
        self.received.clear();
        self.connection.first_queued = 0;
        self.connection.in_flight = 0;
        for entry in self.entries.iter_mut() {
            self.resent += u64::from(entry.phase != Phase::Queued);
            entry.phase = Phase::Queued;
            entry.publish.dup = false;
            if !self.has_own_ids {
                entry.publish.packet_id = 0;
            }
        }
    }

    // ---- what is known

    /// Returns the number of publishes that have not ended.
    pub fn pending(&self) -> usize {
        self.entries.len()
    }

    /// Returns the number that the next publish will get.
    pub fn next_number(&self) -> u64 {
        self.entries.next_number()
    }

    /// Returns true when [`Outgoing::fail_all`] has ended every publish.
    pub fn has_ended(&self) -> bool {
        self.has_ended
    }

    /// Returns true when every publish with a lower number has ended.
    pub fn has_ended_before(&self, number: u64) -> bool {
        self.entries.first_number() >= number
    }

    /// Returns the number of publishes of QoS 1 and 2 that were sent and wait for their acknowledgement.
    pub fn in_flight(&self) -> usize {
        self.connection.in_flight
    }

    /// Returns how many publishes were sent again after a reconnect.
    pub fn resent(&self) -> u64 {
        self.resent
    }

    /// Returns the QoS of the publishes that are under way over this connection, if no publish was ever answered.
    pub fn never_answered(&self) -> Option<Consistency> {
        let mut sent = self.entries.iter().map(|(_, entry)| entry).filter(|entry| entry.phase == Phase::Sent);
        sent.next().map(|entry| entry.publish.qos).filter(|_| !self.was_answered && self.in_flight() > 0)
    }

    /// Returns the wire bytes of the message that was accepted last.
    pub fn last_message(&self) -> Option<bytes::Bytes> {
        let last = self.entries.next_number().checked_sub(1).and_then(|number| self.entries.get(number));
        match last {
            Some(entry) if entry.phase != Phase::Unflushed => Some(entry.publish.payload.clone()),
            _ => self.last_message.clone(),
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
