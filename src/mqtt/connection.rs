//! An open connection: reads, writes and keeps time, until it is closed or lost.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use tokio::time::Instant;
use tokio::time::sleep_until;

use super::connect::Opened;
use super::link::{Link, explain, failed};
use super::plan::Plan;
use super::protocol::{self, Decoder, Packet, ProtocolError, Reason};
use super::sender::Flushed;
use super::session::{Event, Session, Silence};
use super::shared::Shared;
use super::spare;
use super::standstill::Standstill;
use super::state::ConnectionEvent;
use crate::config::Broker;
use crate::error::{Error, IoKind, Obstacle};
use crate::wait::after;

/// The number of reads before other clients get their turn.
const READS_PER_TURN: usize = 16;
/// Packets that are read together stay in the socket's buffer if they have at least this many bytes.
const SHARED: usize = 32 * 1024;
/// The most bytes that may arrive before the SUBACK.
const MAX_BEFORE_SUBACK: usize = 64 * 1024 * 1024;

/// The reason why a connection has ended.
#[derive(Debug)]
pub(crate) enum Lost {
    /// A new connection may continue.
    Connection(Error),
    /// The same, where the broker closed the connection without a DISCONNECT.
    Closed(Error),
    /// The broker refuses this client for good.
    ForGood(Error),
}

type Result<T> = std::result::Result<T, Lost>;

/// Serves an opened connection until the client is closed or the connection is lost. `resumes` means that the connection
/// continues the session of the one before. [`Shared::detach`] or [`Shared::end`] must follow.
pub(crate) async fn serve(shared: &Shared, plan: &Plan, opened: Box<Opened>, resumes: bool) -> Result<()> {
    let Opened { link, input, decoder, session_present, limits, broker, warnings: _ } = *opened;
    let link = Arc::new(link);
    shared.attach(link.clone(), resumes, &limits, broker.to_string());
    shared.announce(ConnectionEvent::Connected {
        broker: broker.to_string(),
        session_present: session_present && resumes,
    });
    let subscribing = shared.look(Session::is_subscribing);
    if !subscribing {
        shared.mark_open();
    }
    let subscribe_by = subscribing.then(|| after(plan.connection_timeout));
    let waiting_before = shared.inbox.used().1;
    let mut connection = Connection {
        shared,
        plan,
        broker: &broker,
        link: &link,
        input,
        decoder,
        subscribe_by,
        waiting_before,
        standstill: plan.acknowledges.then(Standstill::default),
    };
    let result = connection.run().await;
    if let Err(Lost::ForGood(_)) = &result {
        // Without DISCONNECT the broker would publish the will.
        connection.say_goodbye().await;
    }
    result
}

struct Connection<'a> {
    shared: &'a Shared,
    plan: &'a Plan,
    broker: &'a Broker,
    link: &'a Link,
    input: BytesMut,
    decoder: Decoder,
    /// The deadline for the SUBACK.
    subscribe_by: Option<Instant>,
    /// The bytes that earlier connections have left in the inbox.
    waiting_before: usize,
    /// The watch over a reader whose application acknowledges.
    standstill: Option<Standstill>,
}

/// The reason why packets are not read any further.
enum Stop {
    Disconnect(Reason),
    Protocol(ProtocolError),
}

/// The extent of a read.
#[derive(PartialEq)]
enum Read {
    /// The socket is empty.
    All,
    /// There may be more.
    More,
}

impl Connection<'_> {
    /// Serves the connection until the client is closed (`Ok`) or the connection is lost.
    async fn run(&mut self) -> Result<()> {
        // Bytes may have come together with the CONNACK.
        self.process()?;
        let mut was_reading = true;
        let mut blocked = false;
        loop {
            let reading = self.may_read(blocked);
            let mut read = Read::All;
            if reading {
                if !was_reading {
                    // Answers that the broker sent while nothing was read count as coming now.
                    self.shared.with(|session| session.received(Instant::now()));
                }
                read = self.read()?;
            }
            was_reading = reading;

            let now = Instant::now();
            let (ticked, waiting) = self.shared.with(|session| (session.tick(now, reading), session.output.len()));
            ticked.map_err(|silence| {
                self.lost(match silence {
                    Silence::NoAnswer => "the broker does not answer (keep-alive)",
                    Silence::NothingTaken => "the broker takes no bytes (keep-alive)",
                })
            })?;
            if self.subscribe_by.is_some_and(|deadline| now >= deadline) {
                let timeout = self.plan.connection_timeout;
                let mut cause = format!("no answer within {timeout:?}");
                if self.is_flooded() {
                    let (messages, bytes) = self.shared.inbox.used();
                    cause += &format!(", but {messages} messages of {bytes} bytes, which nobody has read");
                }
                return Err(Lost::Connection(failed(self.broker, "SUBSCRIBE", Obstacle::Other, cause)));
            }

            blocked = self.shared.flush_gathered(self.link, waiting).map_err(|e| self.failed(&e))? == Flushed::Blocked;
            let closing = self.shared.close_deadline();
            if let Some(deadline) = closing {
                let idle = !blocked && self.shared.look(Session::is_idle);
                if idle || now >= deadline {
                    self.say_goodbye().await;
                    return Ok(());
                }
            }
            if read == Read::More {
                tokio::task::yield_now().await;
                continue;
            }

            if !self.shared.may_sleep(blocked) {
                continue;
            }
            let look_again = self.look_for_a_standstill(now);
            let keep_alive = self.shared.look(|session| session.deadline(reading));
            let deadline = [keep_alive, self.subscribe_by, closing, look_again].into_iter().flatten().min();
            tokio::select! {
            biased;
                    ready = self.link.ready(reading, blocked) => {
                        ready.map_err(|e| self.failed(&e))?;
                    }
                    () = self.shared.woken() => {}
                    () = sleep_until(deadline.unwrap_or(now)), if deadline.is_some() => {}
                }
        }
    }

    /// Warns about a standstill, and returns when to look again.
    fn look_for_a_standstill(&mut self, now: Instant) -> Option<Instant> {
        let (told, again) = self.standstill.as_mut()?.look(&self.shared.inbox, now);
        if let Some(text) = told {
            self.shared.announce(ConnectionEvent::Warning { text });
        }
        again
    }

    /// Returns false while the application is behind, or while the broker sends and does not read. The SUBACK may come behind a
    /// backlog that the application can't take before it has the SUBACK, so reading goes on until then.
    fn may_read(&self, blocked: bool) -> bool {
        let room = self.shared.inbox.has_room() || self.subscribe_by.is_some() && !self.is_flooded();
        room && !(blocked && self.shared.look(Session::has_too_many_answers))
    }

    /// Returns true when more has come over this connection than is allowed before the SUBACK.
    fn is_flooded(&self) -> bool {
        self.shared.inbox.used().1.saturating_sub(self.waiting_before) >= MAX_BEFORE_SUBACK
    }

    /// Reads what the socket has, up to a limit.
    fn read(&mut self) -> Result<Read> {
        spare::borrow(&mut self.input);
        let read = self.read_socket();
        spare::give_back(&mut self.input);
        read
    }

    fn read_socket(&mut self) -> Result<Read> {
        for _ in 0..READS_PER_TURN {
            let missing = protocol::missing(&self.input);
            match self.link.try_read(&mut self.input, missing) {
                Ok(0) => return Err(Lost::Closed(self.lost_error("the broker closed the connection"))),
                Ok(_) => self.process()?,
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => return Ok(Read::All),
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(self.failed(&e)),
            }
            if !self.may_read(false) {
                break;
            }
        }
        Ok(Read::More)
    }

    /// Reports to the session that bytes have come, and hands it every whole packet.
    fn process(&mut self) -> Result<()> {
        let mut packets = self.whole_packets();
        let (decoder, input) = (&mut self.decoder, &mut self.input);
        let (result, mut aftermath) = self.shared.with_aftermath(|session| {
            let now = Instant::now();
            session.received(now);
            loop {
                // The beginning of a packet may be enough to refuse it.
                let from = if packets.is_empty() { &mut *input } else { &mut packets };
                match decoder.decode(from) {
                    Ok(Some(Packet::Disconnect(reason))) => break Err(Stop::Disconnect(reason)),
                    Ok(Some(packet)) => session.handle(packet, now).map_err(Stop::Protocol)?,
                    Ok(None) => break Ok(()),
                    Err(error) => break Err(Stop::Protocol(error)),
                }
            }
        });
        // Packets before a bad one count, and so do those that came with a refused subscription.
        let mut refused = None;
        let mut deliveries = Vec::new();
        for event in std::mem::take(&mut aftermath.events) {
            match event {
                Event::Delivery(publish, receipt) => deliveries.push((publish, receipt)),
                Event::Subscribed(Ok(())) => {
                    self.subscribe_by = None;
                    self.shared.mark_open();
                }
                Event::Subscribed(Err(error)) => refused = Some(Lost::ForGood(self.at_broker(error))),
                event => self.shared.dispatch(event),
            }
        }
        if !deliveries.is_empty() {
            self.shared.inbox.push(deliveries);
        }
        self.shared.settle(aftermath);
        if let Some(refused) = refused {
            return Err(refused);
        }
        result.map_err(|stop| match stop {
            Stop::Disconnect(reason) => {
                let lost = self.disconnected(&reason);
                if let (Lost::Connection(cause), true) = (&lost, reason.is_about_a_packet()) {
                    self.shared.with(|session| session.outgoing.ended_by_broker(cause, Instant::now()));
                }
                lost
            }
            Stop::Protocol(ProtocolError(what)) => self.lost(&what),
        })
    }

    /// Takes the whole packets off the input. Their messages share one buffer. Unless they fill most of the socket's buffer, it
    /// is a copy of exactly their size, so that messages that wait for the application hold no more memory than needed.
    fn whole_packets(&mut self) -> BytesMut {
        let length = protocol::whole_packets(&self.input);
        let packets = self.input.split_to(length);
        if length < SHARED { BytesMut::from(&packets[..]) } else { packets }
    }

    /// Returns what a DISCONNECT of the broker means (MQTT 5, section 3.14.2.1).
    fn disconnected(&self, reason: &Reason) -> Lost {
        let broker = self.broker;
        let message = format!("the broker {broker} ended the connection: {reason}");
        match reason.code {
            // Reconnecting would take the session over in turn, for ever.
            0x8E => Lost::ForGood(Error::connection(format!(
                "{message}; another client has connected with the client id '{}'",
                self.shared.client_id()
            ))),
            0x87 => Lost::ForGood(Error::Authorization { message, code: reason.code, delivery: None }),
            _ => Lost::Connection(Error::io(IoKind::Refused(reason.code), message)),
        }
    }

    fn at_broker(&self, error: Error) -> Error {
        let at = |message: String| format!("broker {}: {message}", self.broker);
        match error {
            Error::Authorization { message, code, delivery } => {
                Error::Authorization { message: at(message), code, delivery }
            }
            Error::Io(error) => {
                let message = at(error.to_string());
                Error::Io(error.with_message(message))
            }
            other => other,
        }
    }

    async fn say_goodbye(&self) {
        self.shared.with(Session::disconnect);
        if self.shared.flush().is_ok() {
            self.link.shutdown();
            // The future is boxed so that it does not enlarge the one that lives as long as the connection.
            Box::pin(self.link.closed(self.time_to_close())).await;
        }
    }

    /// Returns the time that is left until a close must have ended.
    fn time_to_close(&self) -> Duration {
        self.shared.close_deadline().map_or(Duration::MAX, |by| by.saturating_duration_since(Instant::now()))
    }

    fn lost(&self, cause: &str) -> Lost {
        Lost::Connection(self.lost_error(cause))
    }

    /// Returns what a failure to read or write means.
    fn failed(&self, error: &io::Error) -> Lost {
        let lost = self.lost_error(&explain(error));
        match error.kind() {
            io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionAborted | io::ErrorKind::BrokenPipe => {
                Lost::Closed(lost)
            }
            _ => Lost::Connection(lost),
        }
    }

    fn lost_error(&self, cause: &str) -> Error {
        Error::io(IoKind::Lost, format!("the connection to {} is lost: {cause}", self.broker))
    }
}
