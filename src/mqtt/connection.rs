//! An open connection: reads, writes and keeps time, until it is closed or lost.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::BytesMut;
use tokio::time::{sleep_until, timeout};

use super::client::{Plan, Shared};
use super::connect::Opened;
use super::link::{Link, explain, failed};
use super::protocol::{self, Decoder, Packet, ProtocolError, Reason};
use super::sender::Flushed;
use super::session::{Event, NoAnswer};
use super::state::ConnectionEvent;
use super::wait::{after, lock};
use crate::config::Broker;
use crate::error::Error;

/// How many reads are done before other clients get their turn.
const READS_PER_TURN: usize = 16;
/// How long the broker has to close the connection after our DISCONNECT.
const GOODBYE: Duration = Duration::from_secs(1);

/// Why a connection has ended.
#[derive(Debug)]
pub(crate) enum Lost {
    /// A new connection can go on.
    Connection(Error),
    /// The broker refuses what the client is for.
    ForGood(Error),
}

type Result<T> = std::result::Result<T, Lost>;

/// Serves an opened connection until the client is closed or the connection is lost; `resumes`: with the session of
/// the connection before. [`Shared::detach`] or
/// [`Shared::end`] must follow.
pub(crate) async fn serve(shared: &Shared, plan: &Plan, opened: Opened, resumes: bool) -> Result<()> {
    let Opened { link, input, decoder, session_present, limits, broker } = opened;
    let link = Arc::new(link);
    shared.attach(link.clone(), resumes, &limits);
    shared.tell(ConnectionEvent::Connected { broker: broker.to_string(), session_present: session_present && resumes });
    let subscribing = lock(&shared.session).is_subscribing();
    if !subscribing {
        shared.opened();
    }
    let subscribe_by = subscribing.then(|| after(plan.connection_timeout));
    let mut connection = Connection { shared, plan, broker: &broker, link: &link, input, decoder, subscribe_by };
    let result = connection.run().await;
    if let Err(Lost::ForGood(_)) = &result {
        // Otherwise the broker would publish the will.
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
    /// Until when the broker must answer the subscription.
    subscribe_by: Option<Instant>,
}

/// How far reading came.
#[derive(PartialEq)]
enum Read {
    /// The socket is empty.
    All,
    /// There may be more.
    More,
}

impl Connection<'_> {
    /// Runs until the client is closed (`Ok`) or the connection is lost.
    async fn run(&mut self) -> Result<()> {
        // The bytes that came with the CONNACK.
        self.process()?;
        let mut was_reading = true;
        let mut blocked = false;
        loop {
            let reading = self.may_read(blocked);
            let mut read = Read::All;
            if reading {
                if !was_reading {
                    // What the broker has answered meanwhile comes now.
                    lock(&self.shared.session).received(Instant::now());
                }
                read = self.read()?;
            }
            was_reading = reading;

            let now = Instant::now();
            let ticked = lock(&self.shared.session).tick(now, reading);
            ticked.map_err(|NoAnswer| self.lost("the broker does not answer (keep-alive)"))?;
            if self.subscribe_by.is_some_and(|deadline| now >= deadline) {
                let timeout = self.plan.connection_timeout;
                let cause = format!("no answer within {timeout:?}");
                return Err(Lost::Connection(failed(self.broker, "SUBSCRIBE", cause)));
            }

            blocked = self.shared.flush().map_err(|e| self.lost(&explain(&e)))? == Flushed::Blocked;
            let closing = self.shared.close_deadline();
            if let Some(deadline) = closing {
                let idle = !blocked && lock(&self.shared.session).is_idle();
                if idle || now >= deadline {
                    self.say_goodbye().await;
                    return Ok(());
                }
            }
            if read == Read::More {
                tokio::task::yield_now().await;
                continue;
            }

            let keep_alive = lock(&self.shared.session).deadline(reading);
            let deadline = [keep_alive, self.subscribe_by, closing].into_iter().flatten().min();
            tokio::select! {
                ready = self.link.ready(reading, blocked) => {
                    ready.map_err(|e| self.lost(&explain(&e)))?;
                }
                () = self.shared.wake.notified() => {}
                () = sleep_until(deadline.unwrap_or(now).into()), if deadline.is_some() => {}
            }
        }
    }

    /// False while the application is behind, or while the broker sends and does not read. The answer to a subscription
    /// may come behind a backlog that the application can't take before it has it.
    fn may_read(&self, blocked: bool) -> bool {
        let room = self.shared.inbox.has_room() || self.subscribe_by.is_some();
        room && !(blocked && lock(&self.shared.session).has_too_many_answers())
    }

    /// Reads what the socket has, up to a limit.
    fn read(&mut self) -> Result<Read> {
        for _ in 0..READS_PER_TURN {
            let missing = protocol::missing(&self.input);
            match self.link.try_read(&mut self.input, missing) {
                Ok(0) => return Err(self.lost("the broker closed the connection")),
                Ok(_) => self.process()?,
                Err(e) if e.kind() == std::io::ErrorKind::WouldBlock => return Ok(Read::All),
                Err(e) if e.kind() == std::io::ErrorKind::Interrupted => {}
                Err(e) => return Err(self.lost(&explain(&e))),
            }
            if !self.may_read(false) {
                break;
            }
        }
        Ok(Read::More)
    }

    /// Tells the session that bytes have come, and hands it every whole packet.
    fn process(&mut self) -> Result<()> {
        let (result, events) = {
            let mut session = lock(&self.shared.session);
            let now = Instant::now();
            session.received(now);
            let result = loop {
                match self.decoder.decode(&mut self.input) {
                    Ok(Some(Packet::Disconnect(reason))) => break Err(self.disconnected(&reason)),
                    Ok(Some(packet)) => match session.handle(packet, now) {
                        Ok(()) => {}
                        Err(ProtocolError(what)) => break Err(self.lost(&what)),
                    },
                    Ok(None) => break Ok(()),
                    Err(ProtocolError(what)) => break Err(self.lost(&what)),
                }
            };
            (result, session.take_events())
        };
        // What was good before a bad packet counts, and so does what came with a refused subscription.
        let mut refused = None;
        for event in events {
            match event {
                Event::Subscribed(Ok(())) => {
                    self.subscribe_by = None;
                    self.shared.opened();
                }
                Event::Subscribed(Err(error)) => refused = Some(Lost::ForGood(self.at_broker(error))),
                // Refused with its acknowledgement.
                Event::Finished(completion, Err(error)) => {
                    self.shared.dispatch(Event::Finished(completion, Err(self.at_broker(error))));
                }
                event => self.shared.dispatch(event),
            }
        }
        if let Some(refused) = refused {
            return Err(refused);
        }
        result
    }

    /// What a DISCONNECT of the broker means (MQTT 5, section 3.14.2.1).
    fn disconnected(&self, reason: &Reason) -> Lost {
        let broker = self.broker;
        let message = format!("the broker {broker} ended the connection: {reason}");
        match reason.code {
            // Coming back would take it over in turn, for ever.
            0x8E => Lost::ForGood(Error::Connection(format!(
                "{message}; another client has connected with the client id '{}'",
                self.shared.client_id()
            ))),
            0x87 => Lost::ForGood(Error::Authorization { message, code: reason.code }),
            _ => Lost::Connection(Error::Io(message)),
        }
    }

    fn at_broker(&self, error: Error) -> Error {
        let at = |message: String| format!("broker {}: {message}", self.broker);
        match error {
            Error::Authorization { message, code } => Error::Authorization { message: at(message), code },
            Error::Io(message) => Error::Io(at(message)),
            other => other,
        }
    }

    /// DISCONNECT, then reads on until the broker closes: a socket that is closed with bytes unread is reset, and the
    /// broker would lose our last acknowledgements with it.
    async fn say_goodbye(&self) {
        lock(&self.shared.session).disconnect();
        if self.shared.flush().is_err() {
            return;
        }
        self.link.shutdown();
        let mut rest = BytesMut::new();
        let until_closed = async {
            loop {
                match self.link.try_read(&mut rest, 0) {
                    Ok(0) => break,
                    Ok(_) => rest.clear(),
                    Err(e) if e.kind() == std::io::ErrorKind::Interrupted => tokio::task::yield_now().await,
                    Err(e) if e.kind() == std::io::ErrorKind::WouldBlock => {
                        if self.link.ready(true, false).await.is_err() {
                            break;
                        }
                    }
                    Err(_) => break,
                }
            }
        };
        if timeout(GOODBYE, until_closed).await.is_err() {
            tracing::debug!("the broker did not close the connection after DISCONNECT");
        }
    }

    fn lost(&self, cause: &str) -> Lost {
        Lost::Connection(Error::Io(format!("the connection to {} is lost: {cause}", self.broker)))
    }
}
