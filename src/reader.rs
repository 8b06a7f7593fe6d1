//! Reading messages.

use std::fmt;
use std::mem::ManuallyDrop;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures_core::Stream;
use tokio::time::Instant;

use crate::builder::{NamedListener, common_getters, common_setters, no_answer, within};
use crate::config::{Consistency, Request, Role, Settings, Value};
use crate::error::{Error, Result};
use crate::lock::lock;
use crate::material::KeyMaterial;
use crate::message::{self, Decoded, Decoder, Plugin};
use crate::metrics::{Counters, Metrics};
use crate::mqtt::{Client, ConnectionEvent, ConnectionInfo, Delivery, Held, Listener, MessageProperties};
use crate::terms::Acknowledge;
use crate::wait::{after, block_until};
use crate::{BoxError, builder};

/// A reader of bytes, on which the Rust and the Java API are built.
pub(crate) struct RawReader {
    pub settings: Settings,
    pub counters: Arc<Counters>,
    pub client: Client,
    decoder: Decoder,
}

impl RawReader {
    /// Starts to connect and subscribe; `client.opened()` tells how that ends.
    pub fn start(
        mut settings: Settings,
        material: &KeyMaterial,
        plugin: Option<Arc<dyn Plugin>>,
        listener: Option<Listener>,
    ) -> Result<RawReader> {
        let decoder = Decoder::new(&settings.message, plugin)?;
        let counters = Arc::new(Counters::new());
        let listener = Some(counting_the_end(counters.clone(), listener));
        let client = Client::start(&settings, Role::Reader, message::will(&settings)?, material, listener, None)?;
        settings.forget_key();
        Ok(RawReader { settings, counters, client, decoder })
    }

    /// Returns the state of the reader.
    pub fn info(&self) -> ConnectionInfo {
        self.client.info()
    }

    pub fn metrics(&self) -> Metrics {
        self.counters.snapshot()
    }

    #[cfg(feature = "metrics")]
    pub fn metrics_recorder(&self) -> crate::MetricsRecorder {
        let Settings { service, topics, .. } = &self.settings;
        crate::MetricsRecorder::of_reader(service.as_deref(), topics, self.client.client_id())
    }

    pub fn reset_metrics(&self) {
        self.counters.reset();
    }

    /// Decodes a message without counting it, because it may be decoded again.
    pub fn decode_uncounted(&self, wire: &Bytes, topic: &str) -> Result<Decoded> {
        self.decoder.decode(wire, topic)
    }

    /// Decodes a message, and counts it.
    pub fn decode(&self, wire: &Bytes, topic: &str) -> Result<Decoded> {
        let decoded = self.decoder.decode(wire, topic);
        match &decoded {
            Ok(decoded) => self.counters.message(wire.len(), decoded.size),
            Err(_) => self.counters.error(),
        }
        decoded
    }
}

/// Adds the counting of the reader's end: if the program has not closed the reader, it is one error, however often and to whom
/// it is told. (The end of a writer counts as one error for each write that fails.)
fn counting_the_end(counters: Arc<Counters>, listener: Option<Listener>) -> Listener {
    Box::new(move |event| {
        if let ConnectionEvent::Ended { .. } = event {
            counters.error();
        }
        if let Some(listener) = &listener {
            listener(event);
        }
    })
}

/// A message that was read. Messages are equal if their content is, whether or not they are acknowledged.
#[derive(Clone)]
pub struct Message<T> {
    value: T,
    topic: String,
    timestamp_us: i64,
    qos: Consistency,
    retained: bool,
    duplicate: bool,
    properties: Option<Box<MessageProperties>>,
    /// The pending acknowledgement, which clones of the message share; `None` if there is nothing to acknowledge.
    held: Option<Arc<Held>>,
}

impl<T: PartialEq> PartialEq for Message<T> {
    fn eq(&self, other: &Self) -> bool {
        let envelope = |message: &Self| (message.timestamp_us, message.qos, message.retained, message.duplicate);
        self.value == other.value
            && self.topic == other.topic
            && envelope(self) == envelope(other)
            && self.properties == other.properties
    }
}

impl<T: Eq> Eq for Message<T> {}

impl<T> Message<T> {
    /// Tells the broker that the message has been processed and need not be sent again. Returns at once: the acknowledgement is
    /// sent after those of all earlier messages, as MQTT demands, and waits while the connection is lost.
    ///
    /// This applies only to a message at QoS 1 or 2 of a reader with `acknowledge: processed`, see
    /// [`MessageReaderBuilder::acknowledge`]. Otherwise the call does nothing, as it does the second time, for a clone of an
    /// acknowledged message, after the reader is closed, and after the broker has lost the session.
    ///
    /// A message that is dropped with all its clones and without this call is delivered again after a lost connection, or to
    /// the next reader with the session. While the message or a clone exists, it is not delivered again, because the program
    /// may still be processing it.
    pub fn acknowledge(&self) {
        if let Some(held) = &self.held {
            held.acknowledge();
        }
    }

    /// Returns the value.
    pub fn value(&self) -> &T {
        &self.value
    }

    /// Returns the value without the rest. If the message needs [`acknowledge`](Self::acknowledge), that must be called before.
    pub fn into_value(self) -> T {
        self.value
    }

    /// Returns the topic on which the message arrived, without wildcards.
    pub fn topic(&self) -> &str {
        &self.topic
    }

    /// Returns the time when the message was written, in microseconds since 1970; 0 if the writer gave none.
    pub fn timestamp_us(&self) -> i64 {
        self.timestamp_us
    }

    /// Returns the QoS at which the message arrived, which is at most the one it was written with.
    pub fn qos(&self) -> Consistency {
        self.qos
    }

    /// Returns true if the broker had kept the message for new subscribers (MQTT 3.1.1, section 3.3.1.3).
    pub fn is_retained(&self) -> bool {
        self.retained
    }

    /// Returns true if the broker may have sent the message before (DUP flag, section 3.3.1.1).
    pub fn is_duplicate(&self) -> bool {
        self.duplicate
    }

    /// Returns the MQTT 5 properties that were sent with the value; `None` if there were none.
    pub fn properties(&self) -> Option<&MessageProperties> {
        self.properties.as_deref()
    }
}

/// Shows the value, because that is what people want to see of a message. No other `Debug` shows values.
impl<T: fmt::Debug> fmt::Debug for Message<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Message")
            .field("value", &self.value)
            .field("topic", &self.topic)
            .field("timestamp_us", &self.timestamp_us)
            .finish()
    }
}

/// A value that has a SINETStream encoding of its own: `Vec<u8>` (`byte_array`) and `String` (`text`, UTF-8).
pub trait ReadValue: Sized + 'static {
    /// Returns the value of these bytes.
    ///
    /// # Errors
    ///
    /// The bytes are not a valid value of this type.
    fn from_bytes(bytes: &[u8]) -> std::result::Result<Self, BoxError>;
}

impl ReadValue for Vec<u8> {
    fn from_bytes(bytes: &[u8]) -> std::result::Result<Self, BoxError> {
        Ok(bytes.to_vec())
    }
}

impl ReadValue for String {
    fn from_bytes(bytes: &[u8]) -> std::result::Result<Self, BoxError> {
        Ok(std::str::from_utf8(bytes)?.to_owned())
    }
}

type Deserialize<T> = dyn Fn(&[u8]) -> std::result::Result<T, BoxError> + Send + Sync;

/// The options of a reader. `open` makes a [`MessageReader`], `open_async` an [`AsyncMessageReader`].
pub struct MessageReaderBuilder<T> {
    request: Request,
    listener: Option<NamedListener>,
    topics: Vec<String>,
    deserialize: Box<Deserialize<T>>,
}

impl<T> MessageReaderBuilder<T> {
    common_setters!();

    /// Adds a topic to read from; wildcards are allowed. The builder's topics replace the file's.
    pub fn topic(mut self, topic: impl Into<String>) -> Self {
        self.topics.push(topic.into());
        self
    }

    /// Adds several topics.
    pub fn topics<S: Into<String>>(mut self, topics: impl IntoIterator<Item = S>) -> Self {
        self.topics.extend(topics.into_iter().map(Into::into));
        self
    }

    /// Sets how long `read` waits for a message; the default is for ever.
    pub fn receive_timeout(self, timeout: Duration) -> Self {
        self.field("receive_timeout_ms", i64::try_from(timeout.as_millis()).unwrap_or(i64::MAX))
    }

    /// Sets when messages are acknowledged to the broker; by default when they are returned.
    pub fn acknowledge(self, when: Acknowledge) -> Self {
        self.field("acknowledge", when.name())
    }

    /// Connects and subscribes. Blocks until the broker has answered, at most `connect.connection_timeout` seconds (30) for
    /// each of the two steps, and for each broker of the list.
    ///
    /// # Errors
    ///
    /// The errors of [`MessageWriterBuilder::open`](crate::MessageWriterBuilder::open); [`Error::Authorization`] if the
    /// broker refuses the subscription.
    pub fn open(self) -> Result<MessageReader<T>> {
        let core = self.start()?;
        // The driver keeps the deadline.
        block_until(core.raw.client.opened(), None).unwrap_or(Ok(()))?;
        Ok(MessageReader { core })
    }

    /// Does the same as [`open`](Self::open), without blocking.
    ///
    /// # Errors
    ///
    /// The errors of `open`.
    pub async fn open_async(self) -> Result<AsyncMessageReader<T>> {
        let core = self.start()?;
        core.raw.client.opened().await?;
        Ok(AsyncMessageReader { core, next: Mutex::new(None), ended: false })
    }

    fn start(mut self) -> Result<Core<T>> {
        if !self.topics.is_empty() {
            self.request.fields.insert("topic", Value::from(self.topics));
        }
        let settings = builder::load(&self.request)?;
        let listener = self.listener.map(|listener| builder::named(listener, &settings, Role::Reader));
        Ok(Core {
            raw: RawReader::start(settings, &KeyMaterial::default(), None, listener)?,
            deserialize: self.deserialize,
            held: Mutex::default(),
        })
    }
}

struct Core<T> {
    raw: RawReader,
    deserialize: Box<Deserialize<T>>,
    /// The error of a message that could not be decoded, after others that were returned together; the next read returns it.
    held: Mutex<Option<Error>>,
}

/// A message on its way to the application. It is acknowledged when this is dropped, also if it can't be decoded or the
/// deserializer panics. If the application is to acknowledge it, this applies only when the message does not reach the
/// application.
struct Taking<'a> {
    client: &'a Client,
    number: u64,
}

impl Taking<'_> {
    /// Leaves the acknowledgement to the application.
    fn hand_over(self) -> Arc<Held> {
        Arc::new(self.client.hold(ManuallyDrop::new(self).number))
    }
}

impl Drop for Taking<'_> {
    fn drop(&mut self) {
        self.client.taken(self.number);
    }
}

impl<T> Core<T> {
    fn take(&self, delivery: Delivery) -> Result<Message<T>> {
        let is_taken = delivery.publish.qos == Consistency::AtMostOnce;
        let taking = (!is_taken).then(|| Taking { client: &self.raw.client, number: delivery.number });
        self.raw.decode(&delivery.publish.payload, &delivery.publish.topic).and_then(|decoded| {
            let value = (self.deserialize)(&decoded.payload).map_err(|e| {
                self.raw.counters.error();
                Error::InvalidMessage(format!("the value can't be decoded: {e}"))
            })?;
            let publish = delivery.publish;
            let is_held = self.raw.settings.acknowledge != Acknowledge::Taken;
            Ok(Message {
                held: taking.filter(|_| is_held).map(Taking::hand_over),
                value,
                topic: publish.topic.into(),
                timestamp_us: decoded.timestamp_us,
                qos: publish.qos,
                retained: publish.retain,
                duplicate: publish.dup,
                properties: MessageProperties::decode(&publish.properties).map(Box::new),
            })
        })
    }

    /// Returns the error that an earlier call could not return.
    fn held(&self) -> Result<()> {
        lock(&self.held).take().map_or(Ok(()), Err)
    }

    /// Returns this message with those that are waiting now; it does not wait for more, because they may keep coming.
    fn gather(&self, first: Delivery, max: usize) -> Result<Vec<Message<T>>> {
        let mut messages = vec![self.take(first)?];
        let most = max.min(1 + self.raw.client.waiting());
        while messages.len() < most {
            // The next call returns the end of the reader.
            let Ok(Some(delivery)) = self.raw.client.try_receive() else { break };
            match self.take(delivery) {
                Ok(message) => messages.push(message),
                Err(error) => {
                    *lock(&self.held) = Some(error);
                    break;
                }
            }
        }
        Ok(messages)
    }

    fn deadline(&self) -> Option<Instant> {
        self.raw.settings.receive_timeout.map(after)
    }
}

fn builder_of<T>(deserialize: Box<Deserialize<T>>) -> MessageReaderBuilder<T> {
    MessageReaderBuilder { request: builder::request(Role::Reader), listener: None, topics: Vec::new(), deserialize }
}

/// Reads messages from topics, blocking. Many threads may use one reader; each message goes to one of them.
///
/// A message at QoS 1 or 2 is acknowledged when `read` returns it; with `acknowledge: processed`, when the program calls
/// [`Message::acknowledge`].
///
/// ```no_run
/// let reader = sinetstream::MessageReader::<String>::builder().service("service-mqtt-password").open()?;
/// while let Some(message) = reader.read()? {
///     println!("{}: {}", message.topic(), message.value());
/// }
/// # Ok::<(), sinetstream::Error>(())
/// ```
pub struct MessageReader<T> {
    core: Core<T>,
}

impl<T: ReadValue> MessageReader<T> {
    /// Returns the builder of a reader of `Vec<u8>` or `String`.
    pub fn builder() -> MessageReaderBuilder<T> {
        builder_of(Box::new(T::from_bytes))
    }
}

impl<T> MessageReader<T> {
    /// Returns the builder of a reader with the program's own deserializer.
    pub fn builder_with<F>(deserialize: F) -> MessageReaderBuilder<T>
    where
        F: Fn(&[u8]) -> std::result::Result<T, BoxError> + Send + Sync + 'static,
    {
        builder_of(Box::new(deserialize))
    }

    /// Returns the next message. Blocks until there is one, for at most the receive time-out, and then returns `None`.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidMessage`] for a message that can't be decoded: it is consumed, and the next call goes on. [`Error::Io`]
    /// if the connection is lost for good; [`Error::Authentication`] if a later login was refused.
    pub fn read(&self) -> Result<Option<Message<T>>> {
        self.core.held()?;
        match block_until(self.core.raw.client.receive(), self.core.deadline()) {
            Some(delivery) => self.core.take(delivery?).map(Some),
            None => Ok(None),
        }
    }

    /// Returns the next messages: all that are there, but at most `max`. Blocks until there is one, for at most this time, and
    /// then returns none.
    ///
    /// # Errors
    ///
    /// The errors of `read`. If a message can't be decoded, this call returns the messages before it, and the next call
    /// returns the error.
    pub fn read_many(&self, max: usize, timeout: Duration) -> Result<Vec<Message<T>>> {
        if max == 0 {
            return Ok(Vec::new());
        }
        self.core.held()?;
        match block_until(self.core.raw.client.receive(), Some(after(timeout))) {
            Some(delivery) => self.core.gather(delivery?, max),
            None => Ok(Vec::new()),
        }
    }

    /// Returns an iterator over the messages until the receive time-out.
    pub fn iter(&self) -> impl Iterator<Item = Result<Message<T>>> + '_ {
        std::iter::from_fn(|| self.read().transpose())
    }

    /// Checks that the broker answers, by a PINGREQ that publishes nothing. Blocks until the answer, at most `timeout`.
    ///
    /// # Errors
    ///
    /// [`Error::Connection`] if there is no connection now or no answer in time; otherwise the error that ended the client.
    pub fn ping(&self, timeout: Duration) -> Result<()> {
        let answer = self.core.raw.client.ping()?;
        block_until(answer, Some(after(timeout))).unwrap_or_else(|| Err(no_answer(timeout)))
    }

    /// Closes the reader. Messages that were not read stay with the broker, as far as QoS and session allow.
    ///
    /// # Errors
    ///
    /// There are none at present.
    pub fn close(self) -> Result<()> {
        let timeout = self.core.raw.settings.close_timeout;
        self.close_within(timeout)
    }

    /// Closes the reader within this time instead of `close_timeout_ms`.
    ///
    /// # Errors
    ///
    /// The errors of `close`.
    pub fn close_within(self, timeout: Duration) -> Result<()> {
        let client = &self.core.raw.client;
        client.begin_close_within(timeout);
        block_until(client.closed(), None).unwrap_or(Ok(()))
    }

    /// Returns the topics.
    pub fn topics(&self) -> &[String] {
        &self.core.raw.settings.topics
    }

    common_getters!(core.raw);
}

/// Reads messages from topics, for asynchronous programs on any executor. It is also a [`Stream`] of the messages, which ends
/// with the reader: after the error that ended it.
///
/// ```no_run
/// # async fn example() -> Result<(), sinetstream::Error> {
/// let reader = sinetstream::AsyncMessageReader::<String>::builder().service("service-mqtt-password").open_async().await?;
/// while let Some(message) = reader.read().await? {
///     println!("{}: {}", message.topic(), message.value());
/// }
/// # Ok(())
/// # }
/// ```
pub struct AsyncMessageReader<T> {
    core: Core<T>,
    /// The stream's wait for the next message. The lock, held only briefly, lets many threads share the reader.
    next: Mutex<Option<Next>>,
    /// The stream has returned the error that ended the reader.
    ended: bool,
}

type Next = Pin<Box<dyn Future<Output = Result<Delivery>> + Send>>;

impl<T> Stream for AsyncMessageReader<T> {
    type Item = Result<Message<T>>;

    /// Returns the next message, without a receive time-out. Dropping the reader between two polls loses no acknowledged
    /// message.
    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.ended {
            return Poll::Ready(None);
        }
        if let Err(held) = self.core.held() {
            return Poll::Ready(Some(Err(held)));
        }
        // No future is needed as long as messages are there.
        let delivery = match self.core.raw.client.try_receive() {
            Ok(Some(delivery)) => Ok(delivery),
            Err(error) => Err(error),
            Ok(None) => {
                let this = &mut *self;
                let slot = this.next.get_mut().unwrap_or_else(PoisonError::into_inner);
                let next = slot.get_or_insert_with(|| Box::pin(this.core.raw.client.poll_receive()));
                match next.as_mut().poll(context) {
                    Poll::Pending => return Poll::Pending,
                    Poll::Ready(delivery) => {
                        *slot = None;
                        delivery
                    }
                }
            }
        };
        self.ended = delivery.is_err();
        Poll::Ready(Some(delivery.and_then(|delivery| self.core.take(delivery))))
    }
}

impl<T: ReadValue> AsyncMessageReader<T> {
    /// Returns the builder of a reader of `Vec<u8>` or `String`.
    pub fn builder() -> MessageReaderBuilder<T> {
        MessageReader::builder()
    }
}

impl<T> AsyncMessageReader<T> {
    /// Returns the builder of a reader with the program's own deserializer.
    pub fn builder_with<F>(deserialize: F) -> MessageReaderBuilder<T>
    where
        F: Fn(&[u8]) -> std::result::Result<T, BoxError> + Send + Sync + 'static,
    {
        MessageReader::builder_with(deserialize)
    }

    /// Returns the next message, or `None` after the receive time-out. Dropping the future loses no message.
    ///
    /// # Errors
    ///
    /// The errors of [`MessageReader::read`].
    pub async fn read(&self) -> Result<Option<Message<T>>> {
        // Nobody polls the stream's wait now, and it would consume the wake-up for the next message.
        drop(lock(&self.next).take());
        self.core.held()?;
        let client = &self.core.raw.client;
        let delivery = match self.core.raw.settings.receive_timeout {
            None => Some(client.receive().await),
            Some(timeout) => within(client, timeout, client.receive()).await,
        };
        delivery.map(|delivery| self.core.take(delivery?)).transpose()
    }

    /// Returns the next messages, as [`MessageReader::read_many`] does. Dropping the future loses no message.
    ///
    /// # Errors
    ///
    /// The errors of [`MessageReader::read_many`].
    pub async fn read_many(&self, max: usize, timeout: Duration) -> Result<Vec<Message<T>>> {
        if max == 0 {
            return Ok(Vec::new());
        }
        drop(lock(&self.next).take());
        self.core.held()?;
        let client = &self.core.raw.client;
        match within(client, timeout, client.receive()).await {
            Some(delivery) => self.core.gather(delivery?, max),
            None => Ok(Vec::new()),
        }
    }

    /// Checks that the broker answers, as [`MessageReader::ping`] does.
    ///
    /// # Errors
    ///
    /// The errors of [`MessageReader::ping`].
    pub async fn ping(&self, timeout: Duration) -> Result<()> {
        let client = &self.core.raw.client;
        within(client, timeout, client.ping()?).await.unwrap_or_else(|| Err(no_answer(timeout)))
    }

    /// Closes the reader, as [`MessageReader::close`] does.
    ///
    /// # Errors
    ///
    /// The errors of [`MessageReader::close`].
    pub async fn close(self) -> Result<()> {
        let timeout = self.core.raw.settings.close_timeout;
        self.close_within(timeout).await
    }

    /// Closes the reader within this time instead of `close_timeout_ms`.
    ///
    /// # Errors
    ///
    /// The errors of `close`.
    pub async fn close_within(self, timeout: Duration) -> Result<()> {
        let client = &self.core.raw.client;
        client.begin_close_within(timeout);
        client.closed().await
    }

    /// Returns the topics.
    pub fn topics(&self) -> &[String] {
        &self.core.raw.settings.topics
    }

    common_getters!(core.raw);
}

impl<T> fmt::Debug for MessageReader<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MessageReader").field("service", &self.service()).field("topics", &self.topics()).finish()
    }
}

impl<T> fmt::Debug for AsyncMessageReader<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AsyncMessageReader").field("service", &self.service()).field("topics", &self.topics()).finish()
    }
}
