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

/// The handle of one client. Dropping it sends DISCONNECT to the broker without waiting for anything.
pub(crate) struct Client {
    shared: Arc<Shared>,
    /// The heading of messages that have none of their own.
    heading: Heading,
    version: Version,
    qos: Consistency,
    write_timeout: Duration,
    close_timeout: Duration,
    runtime: Arc<Runtime>,
}

impl Client {
    /// Reads the certificates, then starts to connect; [`Client::opened`] returns how that ends.
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

    /// Does the same as [`Client::start`] in a given environment.
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

    /// Waits until the client is open or has failed to open.
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

    /// Returns the heading of messages that have no options of their own.
    pub fn heading(&self) -> &Heading {
        &self.heading
    }

    /// Returns whether the protocol has the properties of MQTT 5.
    pub fn has_properties(&self) -> bool {
        self.version == Version::V5
    }

    fn outgoing(&self, Heading { topic, retain, properties }: Heading, payload: Bytes) -> Publish {
        Publish { topic, payload, qos: self.qos, retain, dup: false, packet_id: 0, properties }
    }

    /// Publishes a message, with a heading of its own if it has one. The future ends when the broker has confirmed the publish;
    /// at QoS 0, when the operating system has it. An accepted publish ends by this deadline.
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

    /// Returns the publish, and how many bytes its own heading takes.
    fn with_heading(&self, heading: Option<Heading>, payload: Bytes) -> (usize, Publish) {
        let own = heading.as_ref().map_or(0, Heading::size);
        (own, self.outgoing(heading.unwrap_or_else(|| self.heading.clone()), payload))
    }

    /// Publishes a message that the outbox on disk keeps. It goes under this packet identifier, which no other publish under
    /// way may have, and continues from where an earlier process has left it.
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

    /// Returns the packet identifiers of messages whose PUBREL waits until their receipt is stored; see
    /// [`KeptSession::received`].
    pub fn take_received(&self) -> Vec<u16> {
        self.shared.with(|session| session.outgoing.take_received())
    }

    /// Sends PUBREL for messages whose receipt is now stored.
    pub fn release(&self, packet_ids: &[u16]) {
        self.shared.with(|session| session.release(packet_ids, Instant::now()));
        self.shared.send_soon();
    }

    /// Submits a publish that nobody waits for. [`Client::take_report`] reports its end under the number that it gets when it
    /// is accepted, which is now, or later as [`Way::Reported`].
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

    /// Returns the submissions that have ended, in the order of their ends. If there are none, the waker is called when one
    /// ends.
    pub fn take_report(&self, waker: &Waker) -> Vec<Ended> {
        self.shared.with(|session| session.outgoing.ends.take_report(waker))
    }

    /// Returns the figures that the metrics of a writer need.
    pub fn tally(&self) -> Tally {
        self.shared.look(|session| session.outgoing.ends.tally().clone())
    }

    pub fn reset_tally(&self) {
        self.shared.with(|session| session.outgoing.ends.reset_tally());
    }

    /// Returns the wire bytes of the message that was accepted last.
    pub fn last_message(&self) -> Option<Bytes> {
        self.shared.look(|session| session.outgoing.last_message())
    }

    /// Returns the largest allowed message in bytes, with its own heading if it has one.
    pub fn max_message(&self, heading: Option<&Heading>) -> usize {
        let Heading { topic, properties, .. } = heading.unwrap_or(&self.heading);
        protocol::max_payload(self.version, topic, properties)
    }

    /// Returns the next message, if one waits.
    pub fn try_receive(&self) -> Result<Option<Delivery>> {
        Ok(self.shared.inbox.try_pop()?.map(|popped| self.shared.popped(popped)))
    }

    /// Puts messages back that could not be handed over, oldest first.
    pub fn give_back(&self, deliveries: Vec<Delivery>) {
        self.shared.inbox.give_back(deliveries);
    }

    /// Waits for the next message.
    pub async fn receive(&self) -> Result<Delivery> {
        self.poll_receive().await
    }

    /// Marks this message as taken by the application: it is acknowledged, together with others if more are to be taken. (A
    /// message at QoS 0 was taken when it was received.)
    pub fn taken(&self, number: u64) {
        self.shared.acknowledge(|inbox| inbox.taken(number));
    }

    /// Marks this message and all before it as taken.
    pub fn taken_up_to(&self, number: u64) {
        self.shared.acknowledge(|inbox| inbox.taken_up_to(number));
    }

    /// Lets go of a message that the application has not taken: the broker will send it again.
    pub fn failed(&self, number: u64) {
        self.shared.failed(number);
    }

    /// Returns a message that the application takes when it has processed it.
    pub fn hold(&self, number: u64) -> Held {
        Held::new(&self.shared, number)
    }

    /// Returns the next messages, up to a number and about so many bytes, or none when none waits.
    pub fn try_receive_many(&self, most: usize, bytes: usize) -> Result<Vec<Delivery>> {
        let (batch, resume) = self.shared.inbox.try_pop_many(most, bytes)?;
        if resume {
            self.shared.wake_driver();
        }
        Ok(batch)
    }

    /// Returns true when there is something to receive, even if it is only the end.
    pub fn is_ready(&self) -> bool {
        self.shared.inbox.is_ready()
    }

    /// Returns how many messages wait to be received.
    pub fn waiting(&self) -> usize {
        self.shared.inbox.waiting()
    }

    /// Waits until [`Client::is_ready`] may have become true.
    pub fn arrival(&self) -> impl Future<Output = ()> + Send + use<> {
        let shared = self.shared.clone();
        async move { shared.inbox.arrival().await }
    }

    /// Waits for the next message, for callers who poll.
    pub fn poll_receive(&self) -> impl Future<Output = Result<Delivery>> + Send + use<> {
        let shared = self.shared.clone();
        async move {
            let popped = shared.inbox.pop().await?;
            Ok(shared.popped(popped))
        }
    }

    /// Sends the acknowledgements that are due, since the application waits for more messages: none that it has taken stays
    /// unacknowledged meanwhile.
    pub fn send_acknowledgements(&self) {
        if self.shared.look(|session| !session.output.is_empty()) {
            self.shared.send_now();
        }
    }

    /// Waits until everything accepted so far has ended. The error means that the client has ended first.
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

    /// Sends a ping to the broker; the future ends with the PINGRESP.
    pub fn ping(&self) -> Result<impl Future<Output = Result<()>> + Send + use<>> {
        let answer = self.shared.with(|session| match session.refusal() {
            Some(refusal) => Err(refusal.clone()),
            None => session
                .ping(Instant::now())
                .ok_or_else(|| Error::connection("there is no connection to the broker now")),
        })?;
        self.shared.send_now();
        // The driver watches the deadline of the PINGRESP.
        self.shared.wake_driver();
        Ok(async move { answer.await.map_err(|_| Error::connection("the connection was lost before the answer")) })
    }

    /// Returns true when the client has ended, and every publish with it.
    pub fn has_ended(&self) -> bool {
        self.shared.look(|session| session.outgoing.has_ended())
    }

    /// Returns the reason why nothing is accepted any more, if there is one.
    pub fn refusal(&self) -> Option<Error> {
        self.shared.refusal()
    }

    /// Returns the error of a write whose deadline has passed, with what stands in its way.
    pub fn overdue(&self, what: &str, delivery: error::Delivery) -> Error {
        self.shared.look(|session| session.outgoing.overdue(what, delivery))
    }

    /// Announces a warning that something should be changed.
    pub fn warn(&self, text: String) {
        self.shared.announce(ConnectionEvent::Warning { text });
    }

    /// Returns the client identifier.
    pub fn client_id(&self) -> &str {
        self.shared.client_id()
    }

    /// Returns true when there is a connection now.
    pub fn is_connected(&self) -> bool {
        self.shared.is_connected()
    }

    /// Returns the state of the connection and its counters.
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

    /// Begins an orderly close that takes at most this time instead of the configured one.
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

    /// Returns the runtime, whose context timers need.
    pub fn runtime(&self) -> tokio::runtime::Handle {
        self.runtime.handle()
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        // After a close, or after an end with its cause, every caller has been told already.
        if self.shared.close_deadline().is_none() && self.shared.refusal().is_none() {
            let unconfirmed = self.shared.look(|session| session.outgoing.pending());
            if unconfirmed > 0 {
                // A log subscriber that panics must not do so in a drop.
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
