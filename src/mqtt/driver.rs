//! The task of a client: opens the connection, reads, writes, keeps time, and ends the client.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::BytesMut;
use tokio::time::{sleep_until, timeout, timeout_at};

use super::client::{Plan, Shared, Status};
use super::link::{Link, failed};
use super::protocol::{Packet, ProtocolError, v4};
use super::sender::Flushed;
use super::session::{Event, NoAnswer};
use super::wait::{after, lock};
use crate::error::{Error, Result};

/// How many reads are done before other clients get their turn.
const READS_PER_TURN: usize = 16;
/// How long the broker has to close the connection after our DISCONNECT.
const GOODBYE: Duration = Duration::from_secs(1);

/// Runs a client from its opening to its end.
pub(crate) async fn drive(shared: Arc<Shared>, plan: Plan) {
    // Should this task be dropped or panic, nobody may wait for ever.
    let guard = EndGuard(shared.clone());
    let result = run(&shared, &plan).await;
    shared.end(result.err());
    drop(guard);
}

struct EndGuard(Arc<Shared>);

impl Drop for EndGuard {
    fn drop(&mut self) {
        self.0.end(Some(Error::Internal("the client's task has stopped".into())));
    }
}

async fn run(shared: &Shared, plan: &Plan) -> Result<()> {
    let deadline = after(plan.connection_timeout).into();
    let opened = tokio::select! {
        opened = timeout_at(deadline, open(plan)) => opened,
        () = shared.closing() => return Ok(()),
    };
    let (link, input, session_present) = opened.unwrap_or_else(|_| {
        let timeout = plan.connection_timeout;
        Err(failed(&plan.broker, "time-out", format!("the broker did not answer within {timeout:?}")))
    })?;
    let link = Arc::new(link);
    shared.attach(link.clone());
    {
        let mut session = lock(&shared.session);
        session.connected(session_present, Instant::now());
        if !plan.topics.is_empty() {
            session.subscribe(plan.topics.clone(), plan.qos);
        }
    }
    let mut connection = Connection { shared, plan, link: &link, input, opening: None };
    match plan.topics.is_empty() {
        true => shared.set_status(Status::Open),
        false => connection.opening = Some(after(plan.connection_timeout)),
    }
    let result = connection.run().await;
    let cause = result.as_ref().err().cloned().unwrap_or_else(|| Error::Io("the client is closed".into()));
    shared.detach(&cause);
    result
}

/// Opens the socket and logs in. Returns what the broker sent after its CONNACK, and whether it kept the session.
async fn open(plan: &Plan) -> Result<(Link, BytesMut, bool)> {
    let link = Link::open(&plan.broker, plan.tls.as_ref()).await?;
    let hint = if plan.tls.is_some() { "" } else { "; if this is a TLS port, set 'tls'" };
    let lost = |e: &std::io::Error| failed(&plan.broker, "CONNECT", format!("{}{hint}", super::link::explain(e)));

    let mut connect = BytesMut::new();
    v4::connect(&plan.connect, &mut connect);
    let mut chunks = [connect.freeze()].into();
    while link.try_write(&mut chunks).map_err(|e| lost(&e))? != super::link::Written::All {
        link.ready(false, true).await.map_err(|e| lost(&e))?;
    }

    let mut input = BytesMut::new();
    loop {
        match link.try_read(&mut input, 0) {
            Ok(0) => {
                let cause = format!("the broker closed the connection without an answer{hint}");
                return Err(failed(&plan.broker, "CONNECT", cause));
            }
            Ok(_) => {}
            Err(e) if e.kind() == std::io::ErrorKind::WouldBlock => {
                link.ready(true, link.wants_write()).await.map_err(|e| lost(&e))?;
                continue;
            }
            Err(e) => return Err(lost(&e)),
        }
        let packet = v4::decode(&mut input).map_err(|e| failed(&plan.broker, "CONNACK", e))?;
        match packet {
            None => {}
            Some(Packet::Connack { session_present, code: 0 }) => return Ok((link, input, session_present)),
            Some(Packet::Connack { code, .. }) => return Err(refused(plan, code)),
            Some(_) => return Err(failed(&plan.broker, "CONNACK", "the broker's first packet is another one")),
        }
    }
}

/// The error for a refusing CONNACK.
fn refused(plan: &Plan, code: u8) -> Error {
    let text = v4::connack_text(code);
    let message = format!("connect {}: the broker refused the connection: {text} (CONNACK code {code})", plan.broker);
    if !v4::is_login_refused(code) {
        return Error::Connection(message);
    }
    let who = match &plan.connect.credentials {
        Some(credentials) => format!("user '{}': check 'username_pw' and the broker's users", credentials.username),
        None => "no user name was sent: give 'username_pw'".into(),
    };
    Error::Authentication { message: format!("{message}; {who}"), code }
}

/// An open connection.
struct Connection<'a> {
    shared: &'a Shared,
    plan: &'a Plan,
    link: &'a Link,
    input: BytesMut,
    /// Until when the broker must answer the subscription; `None`: the client is open.
    opening: Option<Instant>,
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
        loop {
            let reading = self.shared.inbox.has_room();
            let mut read = Read::All;
            if reading {
                if !was_reading {
                    lock(&self.shared.session).reading_resumed(Instant::now());
                }
                read = self.read()?;
            }
            was_reading = reading;

            let now = Instant::now();
            let ticked = lock(&self.shared.session).tick(now, reading);
            ticked.map_err(|NoAnswer| self.lost("the broker does not answer (keep-alive)"))?;
            if self.opening.is_some_and(|deadline| now >= deadline) {
                let timeout = self.plan.connection_timeout;
                return Err(failed(&self.plan.broker, "SUBSCRIBE", format!("no answer within {timeout:?}")));
            }

            let blocked = self.shared.flush().map_err(|e| self.lost(&super::link::explain(&e)))? == Flushed::Blocked;
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
            let deadline = [keep_alive, self.opening, closing].into_iter().flatten().min();
            tokio::select! {
                ready = self.link.ready(reading, blocked) => {
                    ready.map_err(|e| self.lost(&super::link::explain(&e)))?;
                }
                () = self.shared.wake.notified() => {}
                () = sleep_until(deadline.unwrap_or(now).into()), if deadline.is_some() => {}
            }
        }
    }

    /// Reads what the socket has, up to a limit.
    fn read(&mut self) -> Result<Read> {
        for _ in 0..READS_PER_TURN {
            let missing = v4::missing(&self.input);
            match self.link.try_read(&mut self.input, missing) {
                Ok(0) => return Err(self.lost("the broker closed the connection")),
                Ok(_) => self.process()?,
                Err(e) if e.kind() == std::io::ErrorKind::WouldBlock => return Ok(Read::All),
                Err(e) if e.kind() == std::io::ErrorKind::Interrupted => {}
                Err(e) => return Err(self.lost(&super::link::explain(&e))),
            }
            if !self.shared.inbox.has_room() {
                break;
            }
        }
        Ok(Read::More)
    }

    /// Hands every whole packet to the session.
    fn process(&mut self) -> Result<()> {
        let (result, events) = {
            let mut session = lock(&self.shared.session);
            let now = Instant::now();
            let result = loop {
                match v4::decode(&mut self.input) {
                    Ok(Some(packet)) => match session.handle(packet, now) {
                        Ok(()) => {}
                        Err(e) => break Err(e),
                    },
                    Ok(None) => break Ok(()),
                    Err(e) => break Err(e),
                }
            };
            (result, session.take_events())
        };
        // What was good before a bad packet counts.
        for event in events {
            match event {
                Event::Subscribed(result) => {
                    result.map_err(|e| self.at_broker(e))?;
                    if self.opening.take().is_some() {
                        self.shared.set_status(Status::Open);
                    }
                }
                event => self.shared.dispatch(event),
            }
        }
        result.map_err(|ProtocolError(what)| self.lost(&what))
    }

    fn at_broker(&self, error: Error) -> Error {
        match error {
            Error::Authorization { message, code } => {
                Error::Authorization { message: format!("broker {}: {message}", self.plan.broker), code }
            }
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

    fn lost(&self, cause: &str) -> Error {
        Error::Io(format!("the connection to {} is lost: {cause}", self.plan.broker))
    }
}
