//! The handle of a client for the rest of the crate.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, TryLockError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::sync::{Notify, watch};

use super::driver;
use super::inbox::{Delivery, Inbox};
use super::link::{Link, Tls};
use super::outbox::{self, Completion, Confirmation, Room, Share};
use super::protocol::{self, Connect, Limits, MessageProperties, Publish, Will};
use super::runtime::Runtime;
use super::sender::{Flushed, Sender};
use super::session::{Event, Session};
use super::state::{ConnectionEvent, ConnectionInfo, Listener};
use super::wait::{after, lock};
use crate::config::{Broker, Consistency, Role, Settings, WebSocketSettings};
use crate::error::{Error, Result};
use crate::tls::KeyMaterial;

/// What the driver needs to know.
pub(crate) struct Plan {
    pub brokers: Vec<Broker>,
    pub tls: Option<Tls>,
    pub web_socket: Option<WebSocketSettings>,
    pub connect: Connect,
    pub connection_timeout: Duration,
    /// What a reader subscribes to; empty for a writer.
    pub topics: Vec<String>,
    pub qos: Consistency,
    /// A writer's messages are retained.
    pub retain: bool,
    /// Come back after a loss.
    pub reconnect: bool,
    pub reconnect_min: Duration,
    pub reconnect_max: Duration,
    /// Lives until the driver has ended.
    runtime: Arc<Runtime>,
}

impl Plan {
    /// Reads the certificates; nothing is done on the network.
    pub fn new(settings: &Settings, role: Role, will: Option<Will>, material: &KeyMaterial) -> Result<Plan> {
        Ok(Plan {
            brokers: settings.brokers.clone(),
            tls: settings.tls.as_ref().map(|tls| Tls::new(tls, material)).transpose()?,
            web_socket: settings.web_socket.clone(),
            connect: Connect {
                version: settings.version,
                client_id: settings.client_id.clone(),
                clean: settings.clean,
                keep_alive_s: settings.keep_alive.as_secs() as u16,
                credentials: settings.credentials.clone(),
                will,
                properties: settings.connect_properties.clone(),
            },
            connection_timeout: settings.connection_timeout,
            topics: if role == Role::Reader { settings.topics.clone() } else { Vec::new() },
            qos: settings.consistency,
            retain: settings.retain,
            reconnect: settings.automatic_reconnect,
            reconnect_min: settings.reconnect_min,
            reconnect_max: settings.reconnect_max,
            runtime: Runtime::get()?,
        })
    }
}

/// Where a client is in its life.
#[derive(Debug, Clone)]
pub(crate) enum Status {
    Opening,
    Open,
    /// The end, with what was not delivered although it was accepted.
    Ended {
        undelivered: usize,
    },
}

/// What the driver and the callers share.
pub(crate) struct Shared {
    /// What the client asked for; see [`Shared::client_id`].
    wanted_client_id: String,
    assigned_client_id: OnceLock<String>,
    pub session: Mutex<Session>,
    sender: Mutex<Sender>,
    pub inbox: Inbox,
    room: Room,
    /// Wakes the driver.
    pub wake: Notify,
    status: watch::Sender<Status>,
    connected: AtomicBool,
    reconnects: AtomicU64,
    listener: Option<Listener>,
    /// Tells that the session may have become idle.
    progress: Notify,
    /// When an orderly close gives up.
    close_by: watch::Sender<Option<Instant>>,
}

impl Shared {
    /// The client is ready for use.
    pub fn opened(&self) {
        self.status.send_if_modified(|status| {
            let opening = matches!(status, Status::Opening);
            if opening {
                *status = Status::Open;
            }
            opening
        });
    }

    pub fn is_opening(&self) -> bool {
        matches!(*self.status.borrow(), Status::Opening)
    }

    /// The client identifier: the broker's, if it has assigned one.
    pub fn client_id(&self) -> &str {
        self.assigned_client_id.get().unwrap_or(&self.wanted_client_id)
    }

    /// The broker calls the client by another name than it asked for (MQTT 5, section 3.2.2.3.7).
    pub fn assigned_client_id(&self, id: &str) {
        self.assigned_client_id.get_or_init(|| id.to_owned());
    }

    pub fn count_reconnect(&self) {
        self.reconnects.fetch_add(1, Ordering::Relaxed);
    }

    /// A connection is there: the session goes on with it.
    pub fn attach(&self, link: Arc<Link>, session_present: bool, limits: &Limits) {
        lock(&self.sender).attach(link);
        lock(&self.session).connected(session_present, limits, Instant::now());
        self.connected.store(true, Ordering::Release);
    }

    /// Logs a change, and tells it to the listener.
    pub fn tell(&self, event: ConnectionEvent) {
        match &event {
            ConnectionEvent::Connected { .. } | ConnectionEvent::Retrying { .. } => tracing::info!("{event}"),
            ConnectionEvent::Lost { .. } => tracing::warn!("{event}"),
            ConnectionEvent::Ended { .. } => tracing::error!("{event}"),
            ConnectionEvent::Closed => tracing::debug!("{event}"),
        }
        if let Some(listener) = &self.listener {
            // A listener that panics must not take the client along.
            if catch_unwind(AssertUnwindSafe(|| listener(&event))).is_err() {
                tracing::error!("the connection listener panicked");
            }
        }
    }

    /// The connection is gone, and another one will be tried.
    pub fn detach(&self, cause: &Error) {
        self.connected.store(false, Ordering::Release);
        lock(&self.sender).detach();
        let events = {
            let mut session = lock(&self.session);
            session.disconnected(cause);
            session.take_events()
        };
        events.into_iter().for_each(|event| self.dispatch(event));
    }

    /// Writes what is to be sent. For the driver.
    pub fn flush(&self) -> std::io::Result<Flushed> {
        let mut events = Vec::new();
        let flushed = lock(&self.sender).flush(&self.session, &mut events);
        events.into_iter().for_each(|event| self.dispatch(event));
        flushed
    }

    /// Sends what a caller has just put into the session: by itself if nobody else is sending, else by the driver.
    fn kick(&self) {
        let mut events = Vec::new();
        let done = match self.sender.try_lock() {
            Ok(mut sender) => match sender.flush(&self.session, &mut events) {
                Ok(Flushed::All) => true,
                Ok(Flushed::Blocked) => false,
                Err(e) => {
                    sender.keep(e);
                    false
                }
            },
            Err(TryLockError::WouldBlock | TryLockError::Poisoned(_)) => false,
        };
        events.into_iter().for_each(|event| self.dispatch(event));
        if !done {
            self.wake.notify_one();
        }
    }

    pub fn dispatch(&self, event: Event) {
        match event {
            Event::Delivery(publish, receipt) => self.inbox.push(publish, receipt),
            Event::Finished(completion, result) => {
                completion.complete(result);
                self.progress.notify_waiters();
            }
            Event::Pong(waiter) => drop(waiter.send(())),
            Event::NoPong(waiter) => drop(waiter),
            Event::Subscribed(_) => {}
        }
    }

    /// Ends the client, once: what is pending fails with the cause, what comes later too.
    pub fn end(&self, cause: Option<Error>) {
        if matches!(*self.status.borrow(), Status::Ended { .. }) {
            return;
        }
        let pending = cause.clone().unwrap_or_else(|| {
            Error::Io("the client was closed before the message was confirmed; it may have been delivered".into())
        });
        let later = cause.clone().unwrap_or_else(Client::closed_error);
        lock(&self.sender).detach();
        let (events, undelivered) = {
            let mut session = lock(&self.session);
            // Without a close, every write tells its failure itself.
            let undelivered = if self.close_deadline().is_some() { session.pending() } else { 0 };
            session.refuse(later.clone());
            session.disconnected(&pending);
            session.fail_all(&pending);
            (session.take_events(), undelivered)
        };
        // After that, so that whoever sees it learns the cause with the next call.
        self.connected.store(false, Ordering::Release);
        events.into_iter().for_each(|event| self.dispatch(event));
        self.room.close();
        match cause {
            None => {
                self.inbox.close(later);
                self.tell(ConnectionEvent::Closed);
            }
            Some(cause) => {
                self.inbox.end(later);
                self.tell(ConnectionEvent::Ended { cause });
            }
        }
        self.status.send_replace(Status::Ended { undelivered });
        self.progress.notify_waiters();
    }

    pub fn close_deadline(&self) -> Option<Instant> {
        *self.close_by.borrow()
    }

    /// Waits until the client is being closed.
    pub async fn closing(&self) {
        let mut close_by = self.close_by.subscribe();
        // The sender lives in `self`.
        let _ = close_by.wait_for(Option::is_some).await;
    }

    /// Without a connection: waits until the client is being closed and there is no use in coming back.
    pub async fn given_up(&self) {
        self.closing().await;
        let deadline = self.close_deadline().unwrap_or_else(Instant::now);
        loop {
            let progress = self.progress.notified();
            if lock(&self.session).pending() == 0 {
                return;
            }
            tokio::select! {
                () = progress => {}
                () = tokio::time::sleep_until(deadline.into()) => return,
            }
        }
    }

    /// Takes a publish back if that is possible. False: it was never sent.
    fn withdraw(&self, number: u64) -> bool {
        let withdrawn = lock(&self.session).withdraw(number);
        let Some((completion, sent)) = withdrawn else { return true };
        drop(completion);
        // Whoever flushes or closes may have waited for this one only.
        self.progress.notify_waiters();
        self.wake.notify_one();
        sent
    }

    fn begin_close(&self, timeout: Duration) {
        lock(&self.session).refuse(Client::closed_error());
        self.room.close();
        self.inbox.close(Client::closed_error());
        self.close_by.send_if_modified(|close_by| {
            let first = close_by.is_none();
            if first {
                *close_by = Some(after(timeout));
            }
            first
        });
        self.wake.notify_one();
    }
}

/// One client. Dropping it says goodbye to the broker without waiting for anything.
pub(crate) struct Client {
    shared: Arc<Shared>,
    topic: String,
    qos: Consistency,
    retain: bool,
    properties: Bytes,
    max_message: usize,
    close_timeout: Duration,
    runtime: Arc<Runtime>,
}

impl Client {
    /// Reads the certificates, then starts to connect; [`Client::opened`] tells how that ends.
    pub fn start(
        settings: &Settings,
        role: Role,
        will: Option<Will>,
        material: &KeyMaterial,
        listener: Option<Listener>,
    ) -> Result<Client> {
        let plan = Plan::new(settings, role, will, material)?;
        let runtime = plan.runtime.clone();
        let shared = Arc::new(Shared {
            wanted_client_id: settings.client_id.clone(),
            assigned_client_id: OnceLock::new(),
            session: Mutex::new(Session::new(
                settings.version,
                settings.max_inflight,
                settings.keep_alive,
                Instant::now(),
            )),
            sender: Mutex::default(),
            inbox: Inbox::new(settings.max_received_messages, settings.max_received_bytes),
            room: Room::new(settings.max_queued_messages, settings.max_queued_bytes),
            wake: Notify::new(),
            status: watch::Sender::new(Status::Opening),
            connected: AtomicBool::new(false),
            reconnects: AtomicU64::new(0),
            listener,
            progress: Notify::new(),
            close_by: watch::Sender::new(None),
        });
        runtime.handle().spawn(driver::drive(shared.clone(), plan));
        let topic = settings.topics.first().cloned().unwrap_or_default();
        let properties = settings.message_properties.as_ref().map(MessageProperties::encode).unwrap_or_default();
        Ok(Client {
            shared,
            max_message: protocol::max_payload(settings.version, &topic, &properties),
            topic,
            qos: settings.consistency,
            retain: settings.retain,
            properties,
            close_timeout: settings.close_timeout,
            runtime,
        })
    }

    /// Waits until the client is open, or could not be opened.
    pub fn opened(&self) -> impl Future<Output = Result<()>> + Send + use<> {
        let shared = self.shared.clone();
        async move {
            let mut status = shared.status.subscribe();
            let status =
                status.wait_for(|status| !matches!(status, Status::Opening)).await.map(|status| status.clone());
            match status {
                Ok(Status::Open | Status::Opening) => Ok(()),
                Ok(Status::Ended { .. }) | Err(_) => {
                    Err(lock(&shared.session).refusal().cloned().unwrap_or_else(Client::closed_error))
                }
            }
        }
    }

    /// Publishes to the writer's topic. The future ends when the broker has confirmed it: at QoS 0, when it is with
    /// the operating system.
    pub fn publish(&self, payload: Bytes) -> PendingWrite {
        let publish = Publish {
            topic: self.topic.clone(),
            payload,
            qos: self.qos,
            retain: self.retain,
            dup: false,
            packet_id: 0,
            properties: self.properties.clone(),
        };
        PendingWrite { shared: self.shared.clone(), stage: Stage::New(publish) }
    }

    /// The most that a message may have, in bytes.
    pub fn max_message(&self) -> usize {
        self.max_message
    }

    /// The next message, if one waits.
    pub fn try_receive(&self) -> Result<Option<Delivery>> {
        self.shared.inbox.try_pop()
    }

    /// Puts back messages that could not be handed over, oldest first.
    pub fn give_back(&self, deliveries: Vec<Delivery>) {
        self.shared.inbox.give_back(deliveries);
    }

    /// Waits for the next message.
    pub async fn receive(&self) -> Result<Delivery> {
        self.shared.inbox.pop().await
    }

    /// The application has taken every message up to this number: they are acknowledged.
    pub fn taken(&self, number: u64) {
        let (receipts, resume) = self.shared.inbox.taken(number);
        if !receipts.is_empty() {
            let mut session = lock(&self.shared.session);
            receipts.into_iter().for_each(|receipt| session.acknowledge(receipt));
            drop(session);
            self.shared.kick();
        }
        if resume {
            self.shared.wake.notify_one();
        }
    }

    /// Waits until everything accepted so far has ended. The error: the client has ended first.
    pub fn flushed(&self) -> impl Future<Output = Result<()>> + Send + use<> {
        let shared = self.shared.clone();
        let target = lock(&shared.session).next_number();
        async move {
            loop {
                let progress = shared.progress.notified();
                {
                    let session = lock(&shared.session);
                    // First: an end is the end of every publish, too.
                    if session.has_ended() {
                        return Err(session.refusal().cloned().unwrap_or_else(Client::closed_error));
                    }
                    if session.has_ended_before(target) {
                        return Ok(());
                    }
                }
                progress.await;
            }
        }
    }

    /// Asks the broker for a sign of life; ends with its answer.
    pub fn ping(&self) -> Result<impl Future<Output = Result<()>> + Send + use<>> {
        let answer = {
            let mut session = lock(&self.shared.session);
            if let Some(refusal) = session.refusal() {
                return Err(refusal.clone());
            }
            session
                .ping(Instant::now())
                .ok_or_else(|| Error::Connection("there is no connection to the broker now".into()))?
        };
        self.shared.kick();
        // The driver watches the answer's deadline.
        self.shared.wake.notify_one();
        Ok(
            async move { answer.await.map_err(|_| Error::Connection("the connection was lost before the answer".into())) },
        )
    }

    /// The client identifier.
    pub fn client_id(&self) -> &str {
        self.shared.client_id()
    }

    /// True when there is a connection now.
    pub fn is_connected(&self) -> bool {
        self.shared.connected.load(Ordering::Acquire)
    }

    /// How the client is doing.
    pub fn info(&self) -> ConnectionInfo {
        let (outbox_messages, outbox_bytes) = self.shared.room.used();
        let (inbox_messages, inbox_bytes) = self.shared.inbox.used();
        let (in_flight, resent) = {
            let session = lock(&self.shared.session);
            (session.in_flight(), session.resent())
        };
        ConnectionInfo {
            connected: self.is_connected(),
            reconnects: self.shared.reconnects.load(Ordering::Relaxed),
            resent,
            outbox_messages,
            outbox_bytes,
            in_flight,
            inbox_messages,
            inbox_bytes,
        }
    }

    /// Begins an orderly close; see [`Client::closed`]. From now on nothing is accepted and nothing can be read.
    pub fn begin_close(&self) {
        self.shared.begin_close(self.close_timeout);
    }

    /// Waits for the end of the close. The error says how many messages could not be delivered.
    pub fn closed(&self) -> impl Future<Output = Result<()>> + Send + use<> {
        let shared = self.shared.clone();
        async move {
            let mut status = shared.status.subscribe();
            let ended = status.wait_for(|status| matches!(status, Status::Ended { .. })).await;
            match ended.map(|status| status.clone()) {
                Ok(Status::Ended { undelivered }) if undelivered > 0 => {
                    Err(Error::Io(format!("closed, but {undelivered} messages could not be delivered")))
                }
                _ => Ok(()),
            }
        }
    }

    /// For timers, which need a runtime's context.
    pub fn runtime(&self) -> tokio::runtime::Handle {
        self.runtime.handle()
    }

    fn closed_error() -> Error {
        Error::Io("the client is closed".into())
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.shared.begin_close(Duration::ZERO);
    }
}

/// A publish under way. Dropping it does not take the message back.
pub(crate) struct PendingWrite {
    shared: Arc<Shared>,
    stage: Stage,
}

enum Stage {
    New(Publish),
    /// Waits for room in the outbox.
    Waiting(Publish, Pin<Box<dyn Future<Output = Option<Share>> + Send>>),
    /// In the outbox, under this number.
    Accepted(u64, Confirmation),
    Done,
}

impl PendingWrite {
    fn submit(&mut self, publish: Publish, share: Share) -> Result<()> {
        let (completion, confirmation) = Completion::new(share);
        let (accepted, events) = {
            let mut session = lock(&self.shared.session);
            (session.publish(publish, completion), session.take_events())
        };
        let number = accepted.map_err(|(refusal, _)| refusal)?;
        self.stage = Stage::Accepted(number, confirmation);
        // It may have ended at once, being too large for the broker.
        events.into_iter().for_each(|event| self.shared.dispatch(event));
        self.shared.kick();
        Ok(())
    }

    /// True when it has its place in the order of messages.
    #[cfg(feature = "cli")]
    pub fn is_accepted(&self) -> bool {
        !matches!(self.stage, Stage::New(_) | Stage::Waiting(..))
    }

    fn refusal(&self) -> Option<Error> {
        lock(&self.shared.session).refusal().cloned()
    }

    /// Gives up after `timeout`: withdraws the message if it was not sent. Returns what that means.
    pub fn expire(&mut self, timeout: Duration) -> Error {
        let what = match std::mem::replace(&mut self.stage, Stage::Done) {
            Stage::New(_) | Stage::Waiting(..) => "the outbox is full; the message was not sent",
            Stage::Accepted(number, _) => match self.shared.withdraw(number) {
                false => "the message was not sent",
                true => "the message is not confirmed, and may have been delivered",
            },
            Stage::Done => "the message has ended before",
        };
        Error::Io(format!("write timed out after {} ms: {what}", timeout.as_millis()))
    }
}

impl Future for PendingWrite {
    type Output = Result<()>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<()>> {
        loop {
            match std::mem::replace(&mut self.stage, Stage::Done) {
                Stage::New(publish) => {
                    if let Some(refusal) = self.refusal() {
                        return Poll::Ready(Err(refusal));
                    }
                    let bytes = publish.payload.len();
                    match self.shared.room.try_acquire(bytes) {
                        Some(share) => {
                            if let Err(e) = self.submit(publish, share) {
                                return Poll::Ready(Err(e));
                            }
                        }
                        None => {
                            let room = Box::pin(self.shared.room.acquire(bytes));
                            self.stage = Stage::Waiting(publish, room);
                        }
                    }
                }
                Stage::Waiting(publish, mut room) => match room.as_mut().poll(context) {
                    Poll::Pending => {
                        self.stage = Stage::Waiting(publish, room);
                        return Poll::Pending;
                    }
                    Poll::Ready(Some(share)) => {
                        if let Err(e) = self.submit(publish, share) {
                            return Poll::Ready(Err(e));
                        }
                    }
                    Poll::Ready(None) => return Poll::Ready(Err(self.refusal().unwrap_or_else(Client::closed_error))),
                },
                Stage::Accepted(number, mut confirmation) => match Pin::new(&mut confirmation).poll(context) {
                    Poll::Pending => {
                        self.stage = Stage::Accepted(number, confirmation);
                        return Poll::Pending;
                    }
                    Poll::Ready(result) => return Poll::Ready(result.unwrap_or_else(|_| Err(outbox::lost()))),
                },
                Stage::Done => return Poll::Ready(Err(Error::Internal("a write was awaited twice".into()))),
            }
        }
    }
}
