//! Keep-alive (MQTT 3.1.1, section 3.1.2.10): when to ping, and when a silent broker counts as dead.

use std::time::{Duration, Instant};

/// See the module. Bytes that move, in either direction, are a sign of life.
pub(super) struct KeepAlive {
    /// The configured interval; zero is off.
    wanted: Duration,
    /// The one of this connection; the broker may have chosen it (MQTT 5, section 3.2.2.3.14).
    interval: Duration,
    last_sent: Instant,
    last_received: Instant,
    ping: Option<Ping>,
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

impl KeepAlive {
    pub fn new(wanted: Duration, now: Instant) -> KeepAlive {
        KeepAlive { wanted, interval: wanted, last_sent: now, last_received: now, ping: None }
    }

    pub fn connected(&mut self, of_the_broker: Option<Duration>, now: Instant) {
        *self = KeepAlive { interval: of_the_broker.unwrap_or(self.wanted), ..KeepAlive::new(self.wanted, now) };
    }

    pub fn disconnected(&mut self) {
        self.ping = None;
    }

    /// Bytes have left for the broker.
    pub fn wrote(&mut self, now: Instant) {
        self.last_sent = now;
    }

    /// `position` bytes of the output have been written.
    pub fn flushed(&mut self, position: u64, now: Instant) {
        if let Some(ping) = &mut self.ping
            && ping.sent.is_none()
            && ping.end <= position
        {
            ping.sent = Some(now);
        }
    }

    /// Bytes have come from the broker.
    pub fn received(&mut self, now: Instant) {
        self.last_received = now;
    }

    pub fn ping_queued(&mut self, end: u64, now: Instant) {
        self.ping = Some(Ping { queued: now, end, sent: None });
    }

    pub fn ping_answered(&mut self) {
        self.ping = None;
    }

    pub fn is_waiting(&self) -> bool {
        self.ping.is_some()
    }

    /// When [`KeepAlive::is_due`] has something to tell next. `reading` is false while nothing is read from the socket
    /// on purpose: an answer can't be missed then.
    pub fn deadline(&self, reading: bool) -> Option<Instant> {
        if self.interval.is_zero() {
            return None;
        }
        let Some(ping) = &self.ping else { return Some(self.last_sent.min(self.last_received) + self.interval) };
        // The broker has to be sent something all the same.
        let next_ping = self.last_sent + self.interval;
        Some(self.silence_ends(ping, reading).map_or(next_ping, |end| end.min(next_ping)))
    }

    /// When the broker counts as dead. As long as bytes move, it is not: a ping waits for what is before it.
    fn silence_ends(&self, ping: &Ping, reading: bool) -> Option<Instant> {
        match ping.sent {
            None => Some(ping.queued.max(self.last_sent) + self.interval / 2),
            Some(sent) if reading => Some(sent.max(self.last_received) + self.interval / 2),
            Some(_) => None,
        }
    }

    /// True when it is time for a ping. The error: the broker does not answer, or does not take what is sent. It is
    /// noticed one and a half intervals after its last sign of life.
    pub fn is_due(&self, now: Instant, reading: bool) -> Result<bool, NoAnswer> {
        if self.deadline(reading).is_none_or(|deadline| now < deadline) {
            return Ok(false);
        }
        match &self.ping {
            Some(ping) if self.silence_ends(ping, reading).is_some_and(|end| now >= end) => Err(NoAnswer),
            _ => Ok(true),
        }
    }
}
