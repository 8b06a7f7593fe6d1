//! Keep-alive (MQTT 3.1.1, section 3.1.2.10): when to ping, and when a silent broker counts as dead.

use std::time::Duration;

use tokio::time::Instant;

/// The keep-alive of a session; see the module. Bytes that move, in either direction, are a sign of life.
///
/// A ping is sent after three quarters of the interval: proxies and load balancers cut connections that are silent for
/// 60 seconds, which is also the usual interval. The broker then has three quarters more for a sign of life, so that a
/// dead one is noticed one and a half intervals after its last.
pub(super) struct KeepAlive {
    /// The configured interval; zero turns the keep-alive off.
    wanted: Duration,
    /// The interval of this connection, which the broker may have chosen (MQTT 5, section 3.2.2.3.14).
    interval: Duration,
    last_sent: Instant,
    last_received: Instant,
    ping: Option<Ping>,
}

/// A PINGREQ that is not answered yet.
struct Ping {
    queued: Instant,
    /// The position in the output where the PINGREQ ends.
    position: u64,
    /// The moment at which the PINGREQ was with the operating system.
    flushed: Option<Instant>,
}

/// The reason why the broker counts as dead.
#[derive(Debug, PartialEq)]
pub(crate) enum Silence {
    /// The broker did not answer a ping.
    NoAnswer,
    /// The broker takes no bytes.
    NothingTaken,
}

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

    /// Takes note that bytes have left for the broker.
    pub fn wrote(&mut self, now: Instant) {
        self.last_sent = now;
    }

    /// Takes note that `position` bytes of the output have been written.
    pub fn flushed(&mut self, position: u64, now: Instant) {
        if let Some(ping) = &mut self.ping
            && ping.flushed.is_none()
            && ping.position <= position
        {
            ping.flushed = Some(now);
        }
    }

    /// Takes note that bytes have come from the broker.
    pub fn received(&mut self, now: Instant) {
        self.last_received = now;
    }

    pub fn ping_queued(&mut self, position: u64, now: Instant) {
        self.ping = Some(Ping { queued: now, position, flushed: None });
    }

    pub fn ping_answered(&mut self) {
        self.ping = None;
    }

    pub fn is_waiting(&self) -> bool {
        self.ping.is_some()
    }

    /// Returns when [`KeepAlive::is_due`] has something to report next. `reading` is false while the socket is deliberately not
    /// read: a PINGRESP can't be missed then.
    pub fn deadline(&self, reading: bool) -> Option<Instant> {
        if self.interval.is_zero() {
            return None;
        }
        self.next_ping().into_iter().chain(self.silence_ends(reading).map(|(end, _)| end)).min()
    }

    fn three_quarters(&self) -> Duration {
        self.interval * 3 / 4
    }

    fn next_ping(&self) -> Option<Instant> {
        match &self.ping {
            None => Some(self.last_sent.min(self.last_received) + self.three_quarters()),
            // There is one ping at a time: another one could not be sent either.
            Some(Ping { flushed: None, .. }) => None,
            // The broker must be sent something even while a ping is unanswered.
            Some(_) => Some(self.last_sent + self.three_quarters()),
        }
    }

    /// Returns when the broker counts as dead, and why. It does not as long as bytes move: a ping waits for the output before
    /// it.
    fn silence_ends(&self, reading: bool) -> Option<(Instant, Silence)> {
        let ping = self.ping.as_ref()?;
        let (since, silence) = match ping.flushed {
            None => (ping.queued.max(self.last_sent).max(self.last_received), Silence::NothingTaken),
            Some(flushed) if reading => (flushed.max(self.last_received), Silence::NoAnswer),
            Some(_) => return None,
        };
        Some((since + self.three_quarters(), silence))
    }

    /// Returns true when a ping is due. The error means that the broker counts as dead.
    pub fn is_due(&self, now: Instant, reading: bool) -> Result<bool, Silence> {
        if self.interval.is_zero() {
            return Ok(false);
        }
        match self.silence_ends(reading) {
            Some((end, silence)) if now >= end => Err(silence),
            _ => Ok(self.next_ping().is_some_and(|next| now >= next)),
        }
    }
}
