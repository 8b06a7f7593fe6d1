//! The handle of a client for the rest of the crate.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::task::Waker;
use std::time::Duration;

use bytes::Bytes;
use tokio::time::Instant;

use super::driver;
use super::heading::Heading;
use super::held::Held;
use super::inbox::Delivery;
use super::kept_session::{Kept, KeptSession};
use super::plan::{Environment, Plan};
use super::protocol::{self, Publish, Will};
use super::publishing::PendingWrite;
use super::publishing::{Submitted, Unsent, Way};
use super::runtime::Runtime;
use super::session::Ended;
use super::session::ValueSize;
use super::session::{Session, Tally};
use super::shared::{Shared, Status, closed_error};
use super::state::{ConnectionEvent, ConnectionInfo, Listener};
use crate::config::{Consistency, Role, Settings, Version};
use crate::error::{self, Error, IoKind, Result};
use crate::material::KeyMaterial;

/// One client. Dropping it says goodbye to the broker without waiting for anything.
pub(crate) struct Client {
    shared: Arc<Shared>,
    /// Of what has none of its own.
    heading: Heading,
    version: Version,
    qos: Consistency,
    write_timeout: Duration,
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
        kept: Option<Arc<dyn KeptSession>>,
    ) -> Result<Client> {
        Client::start_in(Environment::system()?, settings, role, will, material, (listener, kept))
    }

    /// The same in an environment of one's own.
    pub fn start_in(
        environment: Environment,
        settings: &Settings,
        role: Role,
        will: Option<Will>,
        material: &KeyMaterial,
        (listener, kept): (Option<Listener>, Option<Arc<dyn KeptSession>>),
    ) -> Result<Client> {
        let plan = Plan::new(settings, role, will, material, environment)?;
        let runtime = plan.runtime.clone();
        let shared = Arc::new(Shared::new(settings, listener, kept));
        runtime.handle().spawn(driver::drive(shared.clone(), plan));
        Ok(Client {
            shared,
            heading: Heading::of_service(settings),
            version: settings.version,
            qos: settings.consistency,
            write_timeout: settings.write_timeout,
            close_timeout: settings.close_timeout,
            runtime,
        })
    }

    /// Waits until the client is open, or could not be opened.
    pub fn opened(&self) -> impl Future<Output = Result<()>> + Send + use<> {
        let shared = self.shared.clone();
        async move {
            let mut status = shared.status();
            let status =
                status.wait_for(|status| !matches!(status, Status::Opening)).await.map(|status| status.clone());
            match status {
                Ok(Status::Open | Status::Opening) => Ok(()),
                Ok(Status::Ended { .. }) | Err(_) => Err(shared.refusal().unwrap_or_else(closed_error)),
            }
        }
    }

    /// What a message says besides its payload that has no options.
    pub fn heading(&self) -> &Heading {
        &self.heading
    }

    /// Whether the protocol has the properties of MQTT 5.
    pub fn has_properties(&self) -> bool {
        self.version == Version::V5
    }

    fn outgoing(&self, Heading { topic, retain, properties }: Heading, payload: Bytes) -> Publish {
        Publish { topic, payload, qos: self.qos, retain, dup: false, packet_id: 0, properties }
    }

    /// Publishes a message, with a heading of its own if it has one. The future ends when the broker has confirmed it: at QoS 0,
    /// when it is with the operating system. Once it is accepted it ends by this deadline.
    pub fn publish(
        &self,
        heading: Option<Heading>,
        payload: Bytes,
        size: ValueSize,
        deadline: Instant,
    ) -> PendingWrite {
        let (own, publish) = self.with_heading(heading, payload);
        PendingWrite::new(self.shared.clone(), publish, own, size, deadline)
    }

    /// The publish, and what its own heading takes.
    fn with_heading(&self, heading: Option<Heading>, payload: Bytes) -> (usize, Publish) {
        let own = heading.as_ref().map_or(0, Heading::size);
        (own, self.outgoing(heading.unwrap_or_else(|| self.heading.clone()), payload))
    }

    /// Publishes a message that the outbox on disk keeps: under this packet identifier, which no other publish under way may have,
    /// and going on from what an earlier process has done.
    pub fn publish_kept(
        &self,
        (heading, payload): (Heading, Bytes),
        packet_id: u16,
        kept: Kept,
        size: ValueSize,
        deadline: Instant,
    ) -> PendingWrite {
        let publish = Publish { packet_id, ..self.outgoing(heading, payload) };
        PendingWrite::kept(self.shared.clone(), publish, kept, size, deadline)
    }

    /// The packet identifiers of messages whose PUBREL waits until that is kept; see [`KeptSession::received`].
    pub fn take_received(&self) -> Vec<u16> {
        self.shared.with(|session| session.outgoing.take_received())
    }

    /// It is kept: their PUBREL follows.
    pub fn release(&self, packet_ids: &[u16]) {
        self.shared.with(|session| session.release(packet_ids, Instant::now()));
        self.shared.send_soon();
    }

    /// A publish that nobody waits for: its end comes with [`Client::take_report`] under the number that
    /// it gets when it is accepted, now or later as [`Way::Reported`].
    pub fn submit(&self, heading: Option<Heading>, payload: Bytes, size: ValueSize) -> Result<Submitted> {
        let now = Instant::now();
        let deadline = crate::wait::later(now, self.write_timeout);
        let (own, publish) = self.with_heading(heading, payload);
        let mut unsent = Unsent::new(&*self.shared, publish, own, size, deadline);
        Ok(match unsent.accept(Way::Reported, now, None)? {
            Some(number) => Submitted::Accepted(number),
            None => Submitted::Waits(unsent.keeping(self.shared.clone())),
        })
    }

    /// What has ended of the submissions, in the order of the ends; otherwise the waker is called when something has.
    pub fn take_report(&self, waker: &Waker) -> Vec<Ended> {
        self.shared.with(|session| session.outgoing.ends.take_report(waker))
    }

    /// What the metrics of a writer need.
    pub fn tally(&self) -> Tally {
        self.shared.look(|session| session.outgoing.ends.tally().clone())
    }

    pub fn reset_tally(&self) {
        self.shared.with(|session| session.outgoing.ends.reset_tally());
    }

    /// The wire bytes of the message accepted last.
    pub fn last_message(&self) -> Option<Bytes> {
        self.shared.look(|session| session.outgoing.last_message())
    }

    /// The most that a message may have, in bytes, with its own heading if it has one.
    pub fn max_message(&self, heading: Option<&Heading>) -> usize {
        let Heading { topic, properties, .. } = heading.unwrap_or(&self.heading);
        protocol::max_payload(self.version, topic, properties)
    }

    /// The next message, if one waits.
    pub fn try_receive(&self) -> Result<Option<Delivery>> {
        Ok(self.shared.inbox.try_pop()?.map(|popped| self.shared.popped(popped)))
    }

    /// Puts back messages that could not be handed over, oldest first.
    pub fn give_back(&self, deliveries: Vec<Delivery>) {
        self.shared.inbox.give_back(deliveries);
    }

    /// Waits for the next message.
    pub async fn receive(&self) -> Result<Delivery> {
        self.poll_receive().await
    }

    /// The application has taken this message: it is acknowledged, together with others if more are to be taken. (One of
    /// QoS 0 was taken when it was received.)
    pub fn taken(&self, number: u64) {
        self.shared.acknowledge(|inbox| inbox.taken(number));
    }

    /// The same for this message and all before it.
    pub fn taken_up_to(&self, number: u64) {
        self.shared.acknowledge(|inbox| inbox.taken_up_to(number));
    }

    /// The application has let go of this message without taking it: the broker will send it again.
    pub fn failed(&self, number: u64) {
        self.shared.failed(number);
    }

    /// A message that the application takes when it has processed it.
    pub fn hold(&self, number: u64) -> Held {
        Held::new(&self.shared, number)
    }

    /// The next messages, up to a number and about so many bytes; none when none waits.
    pub fn try_receive_many(&self, most: usize, bytes: usize) -> Result<Vec<Delivery>> {
        let (batch, resume) = self.shared.inbox.try_pop_many(most, bytes)?;
        if resume {
            self.shared.wake_driver();
        }
        Ok(batch)
    }

    /// True when there is something to receive, be it the end.
    pub fn is_ready(&self) -> bool {
        self.shared.inbox.is_ready()
    }

    /// How many messages are there to receive.
    pub fn waiting(&self) -> usize {
        self.shared.inbox.waiting()
    }

    /// Waits until that may have become so.
    pub fn arrival(&self) -> impl Future<Output = ()> + Send + use<> {
        let shared = self.shared.clone();
        async move { shared.inbox.arrival().await }
    }

    /// Wakes with the next message, for those who poll.
    pub fn poll_receive(&self) -> impl Future<Output = Result<Delivery>> + Send + use<> {
        let shared = self.shared.clone();
        async move {
            let popped = shared.inbox.pop().await?;
            Ok(shared.popped(popped))
        }
    }

    /// The application waits for more: nothing that it has taken stays unacknowledged meanwhile.
    pub fn send_acknowledgements(&self) {
        if self.shared.look(|session| !session.output.is_empty()) {
            self.shared.send_now();
        }
    }

    /// Waits until everything accepted so far has ended. The error: the client has ended first.
    pub fn flushed(&self) -> impl Future<Output = Result<()>> + Send + use<> {
        let shared = self.shared.clone();
        let target = shared.look(|session| session.outgoing.next_number());
        async move {
            match shared.ended_before(target).await {
                true => Ok(()),
                false => Err(shared.refusal().unwrap_or_else(closed_error)),
            }
        }
    }

    /// Asks the broker for a sign of life; ends with its answer.
    pub fn ping(&self) -> Result<impl Future<Output = Result<()>> + Send + use<>> {
        let answer = self.shared.with(|session| match session.refusal() {
            Some(refusal) => Err(refusal.clone()),
            None => session
                .ping(Instant::now())
                .ok_or_else(|| Error::connection("there is no connection to the broker now")),
        })?;
        self.shared.send_now();
        // The driver watches the answer's deadline.
        self.shared.wake_driver();
        Ok(async move { answer.await.map_err(|_| Error::connection("the connection was lost before the answer")) })
    }

    /// True when the client has ended, and every publish with it.
    pub fn has_ended(&self) -> bool {
        self.shared.look(|session| session.outgoing.has_ended())
    }

    /// Why nothing is accepted any more, if so.
    pub fn refusal(&self) -> Option<Error> {
        self.shared.refusal()
    }

    /// The error of a write whose time is up, with what stands in its way.
    pub fn overdue(&self, what: &str, delivery: error::Delivery) -> Error {
        self.shared.look(|session| session.outgoing.overdue(what, delivery))
    }

    /// Tells that something should be changed.
    pub fn warn(&self, text: String) {
        self.shared.announce(ConnectionEvent::Warning { text });
    }

    /// The client identifier.
    pub fn client_id(&self) -> &str {
        self.shared.client_id()
    }

    /// True when there is a connection now.
    pub fn is_connected(&self) -> bool {
        self.shared.is_connected()
    }

    /// How the client is doing.
    pub fn info(&self) -> ConnectionInfo {
        let (inbox_messages, inbox_bytes) = self.shared.inbox.used();
        let ((outbox_messages, outbox_bytes), in_flight, resent) = self
            .shared
            .look(|Session { outgoing, .. }| (outgoing.room.used(), outgoing.in_flight(), outgoing.resent()));
        ConnectionInfo {
            connected: self.is_connected(),
            reconnects: self.shared.reconnects(),
            resent,
            outbox_messages,
            outbox_bytes,
            outbox_age_ms: 0,
            outbox_dropped: 0,
            in_flight,
            inbox_messages,
            inbox_bytes,
        }
    }

    /// Begins an orderly close; see [`Client::closed`]. From now on nothing is accepted and nothing can be read.
    pub fn begin_close(&self) {
        self.begin_close_within(self.close_timeout);
    }

    /// The same, which takes this time at most instead of the configured one.
    pub fn begin_close_within(&self, timeout: Duration) {
        self.shared.begin_close(timeout);
    }

    /// Waits for the end of the close. The error says how many messages could not be delivered.
    pub fn closed(&self) -> impl Future<Output = Result<()>> + Send + use<> {
        let shared = self.shared.clone();
        async move {
            let mut status = shared.status();
            let ended = status.wait_for(|status| matches!(status, Status::Ended { .. })).await;
            match ended.map(|status| status.clone()) {
                Ok(Status::Ended { undelivered }) if undelivered > 0 => {
                    let message = format!("closed, but {undelivered} messages could not be delivered");
                    Err(Error::io(IoKind::Closed, message))
                }
                _ => Ok(()),
            }
        }
    }

    /// For timers, which need a runtime's context.
    pub fn runtime(&self) -> tokio::runtime::Handle {
        self.runtime.handle()
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        // After a close, and after an end with its cause, everybody has been told.
        if self.shared.close_deadline().is_none() && self.shared.refusal().is_none() {
            let unconfirmed = self.shared.look(|session| session.outgoing.pending());
            if unconfirmed > 0 {
                // A subscriber that panics must not do so in a drop.
                let _ = catch_unwind(AssertUnwindSafe(|| {
                    tracing::warn!(
                        "the writer to '{}' was dropped without a close, and messages are not confirmed that may have been \
                         delivered: {unconfirmed}",
                        self.heading.topic
                    );
                }));
            }
        }
        self.shared.begin_close(Duration::ZERO);
    }
}
