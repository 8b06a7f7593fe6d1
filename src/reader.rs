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

/// A reader of bytes: what the Rust and the Java API have in common.
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

    /// How the reader is doing.
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

    /// Decodes a message that may be decoded again, and is not counted.
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

/// The end of a reader that nobody has closed is an error, however often and to whom it is told. (That of a writer is one of each
/// write that fails.)
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

/// A message that was read. Equal messages have the same content, whether they are acknowledged or not.
#[derive(Clone)]
pub struct Message<T> {
    value: T,
    topic: String,
    timestamp_us: i64,
    qos: Consistency,
    retained: bool,
    duplicate: bool,
    properties: Option<Box<MessageProperties>>,
    /// `None`: nothing is left to be acknowledged. Shared by the clones of the message.
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
    /// Tells the broker that the message has been processed, so that it need not come again. Returns at once: the acknowledgement
    /// leaves after those of all messages before, as MQTT demands, and waits for that while the connection is lost.
    ///
    /// Only for a message at QoS 1 or 2 of a reader with `acknowledge: processed`, see
    /// [`MessageReaderBuilder::acknowledge`]; otherwise there is nothing left to acknowledge, as there is the second time, for a
    /// clone of an acknowledged message, and when the reader is closed or the broker has lost the session.
    ///
    /// One that is dropped without this, with all its clones, comes again when the connection has been lost, or to the next
    /// reader with the session. One that is still there does not come again meanwhile, since somebody may be at work on it.
    pub fn acknowledge(&self) {
        if let Some(held) = &self.held {
            held.acknowledge();
        }
    }

    /// The value.
    pub fn value(&self) -> &T {
        &self.value
    }

    /// The value, without the rest: [`acknowledge`](Self::acknowledge) the message before, if it needs that.
    pub fn into_value(self) -> T {
        self.value
    }

    /// The topic on which it arrived: without wildcards.
    pub fn topic(&self) -> &str {
        &self.topic
    }

    /// When it was written, in microseconds since 1970; 0 when the writer did not say.
    pub fn timestamp_us(&self) -> i64 {
        self.timestamp_us
    }

    /// The QoS at which it arrived: at most the one it was written with.
    pub fn qos(&self) -> Consistency {
        self.qos
    }

    /// The broker had kept it for new subscribers (MQTT 3.1.1, section 3.3.1.3).
    pub fn is_retained(&self) -> bool {
        self.retained
    }

    /// The broker has sent it before (section 3.3.1.1).
    pub fn is_duplicate(&self) -> bool {
        self.duplicate
    }

    /// What was sent beside the value, under MQTT 5; `None` when there was nothing.
    pub fn properties(&self) -> Option<&MessageProperties> {
        self.properties.as_deref()
    }
}

/// With the value, since who prints a message wants to see it. Nothing else shows values.
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
    /// The value of these bytes.
    ///
    /// # Errors
    ///
    /// When they are not such a value.
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

/// Options of a reader. `open` makes a [`MessageReader`], `open_async` an [`AsyncMessageReader`].
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

    /// How long `read` waits for a message; the default is for ever.
    pub fn receive_timeout(self, timeout: Duration) -> Self {
        self.field("receive_timeout_ms", i64::try_from(timeout.as_millis()).unwrap_or(i64::MAX))
    }

    /// When messages are acknowledged to the broker; the default is when they are returned.
    pub fn acknowledge(self, when: Acknowledge) -> Self {
        self.field("acknowledge", when.name())
    }

    /// Connects and subscribes. Blocks until the broker has answered, at most `connect.connection_timeout` seconds
    /// (30) for each of both, and for each broker of the list.
    ///
    /// # Errors
    ///
    /// As [`MessageWriterBuilder::open`](crate::MessageWriterBuilder::open); [`Error::Authorization`] when the broker
    /// refuses the subscription.
    pub fn open(self) -> Result<MessageReader<T>> {
        let core = self.start()?;
        // The driver keeps the deadline.
        block_until(core.raw.client.opened(), None).unwrap_or(Ok(()))?;
        Ok(MessageReader { core })
    }

    /// Like [`open`](Self::open), without blocking.
    ///
    /// # Errors
    ///
    /// As `open`.
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
    /// Of a message that could not be decoded, behind others that were returned together: the next read tells it.
    held: Mutex<Option<Error>>,
}

/// The application gets a message: at the end it is acknowledged, also when it can't be decoded or the deserializer panics. Unless
/// the application is to do so: then only if it does not get the message after all.
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

    /// What an earlier call could not tell.
    fn held(&self) -> Result<()> {
        lock(&self.held).take().map_or(Ok(()), Err)
    }

    /// This message, and those behind it that are there now: more may come all the time.
    fn gather(&self, first: Delivery, max: usize) -> Result<Vec<Message<T>>> {
        let mut messages = vec![self.take(first)?];
        let most = max.min(1 + self.raw.client.waiting());
        while messages.len() < most {
            // The end of the reader is told by the next call.
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
/// A message at QoS 1 or 2 is acknowledged when `read` returns it, or with `acknowledge: processed` when the program says so by
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
    /// A reader of `Vec<u8>` or `String`.
    pub fn builder() -> MessageReaderBuilder<T> {
        builder_of(Box::new(T::from_bytes))
    }
}

impl<T> MessageReader<T> {
    /// A reader of values with a deserializer of your own.
    pub fn builder_with<F>(deserialize: F) -> MessageReaderBuilder<T>
    where
        F: Fn(&[u8]) -> std::result::Result<T, BoxError> + Send + Sync + 'static,
    {
        builder_of(Box::new(deserialize))
    }

    /// The next message. Blocks until there is one, at most the receive time-out; then `None`.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidMessage`] for a message that can't be decoded: it is consumed, and the next call goes on.
    /// [`Error::Io`] when the connection is lost for good; [`Error::Authentication`] when a later login was refused.
    pub fn read(&self) -> Result<Option<Message<T>>> {
        self.core.held()?;
        match block_until(self.core.raw.client.receive(), self.core.deadline()) {
            Some(delivery) => self.core.take(delivery?).map(Some),
            None => Ok(None),
        }
    }

    /// The next messages, as many as are there, but no more than `max`. Blocks until there is one, at most this time; then there
    /// are none.
    ///
    /// # Errors
    ///
    /// As `read`. Of a message that can't be decoded the call after the one that returns those before it tells.
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

    /// The messages until the receive time-out.
    pub fn iter(&self) -> impl Iterator<Item = Result<Message<T>>> + '_ {
        std::iter::from_fn(|| self.read().transpose())
    }

    /// Asks the broker for a sign of life, without publishing anything. Blocks until the answer, at most `timeout`.
    ///
    /// # Errors
    ///
    /// [`Error::Connection`] when there is no connection now or no answer in time; the error that ended the client.
    pub fn ping(&self, timeout: Duration) -> Result<()> {
        let answer = self.core.raw.client.ping()?;
        block_until(answer, Some(after(timeout))).unwrap_or_else(|| Err(no_answer(timeout)))
    }

    /// Closes the reader. Messages that were not read stay with the broker, as far as QoS and session allow.
    ///
    /// # Errors
    ///
    /// None at present.
    pub fn close(self) -> Result<()> {
        let timeout = self.core.raw.settings.close_timeout;
        self.close_within(timeout)
    }

    /// The same, within this time instead of `close_timeout_ms`.
    ///
    /// # Errors
    ///
    /// As `close`.
    pub fn close_within(self, timeout: Duration) -> Result<()> {
        let client = &self.core.raw.client;
        client.begin_close_within(timeout);
        block_until(client.closed(), None).unwrap_or(Ok(()))
    }

    /// The topics.
    pub fn topics(&self) -> &[String] {
        &self.core.raw.settings.topics
    }

    common_getters!(core.raw);
}

/// Reads messages from topics, for asynchronous programs on any executor. It is also a [`Stream`] of the messages, which
/// ends with the reader: after the error that ended it.
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
    /// Of the stream: the wait for the next message. The lock, held for a moment, lets many threads share the reader.
    next: Mutex<Option<Next>>,
    /// The stream has told the end.
    ended: bool,
}

type Next = Pin<Box<dyn Future<Output = Result<Delivery>> + Send>>;

impl<T> Stream for AsyncMessageReader<T> {
    type Item = Result<Message<T>>;

    /// The next message, without a receive time-out. Dropping the reader between two polls loses no acknowledged message.
    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.ended {
            return Poll::Ready(None);
        }
        if let Err(held) = self.core.held() {
            return Poll::Ready(Some(Err(held)));
        }
        // Without a future of its own as long as messages are there.
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
    /// A reader of `Vec<u8>` or `String`.
    pub fn builder() -> MessageReaderBuilder<T> {
        MessageReader::builder()
    }
}

impl<T> AsyncMessageReader<T> {
    /// A reader of values with a deserializer of your own.
    pub fn builder_with<F>(deserialize: F) -> MessageReaderBuilder<T>
    where
        F: Fn(&[u8]) -> std::result::Result<T, BoxError> + Send + Sync + 'static,
    {
        MessageReader::builder_with(deserialize)
    }

    /// The next message; `None` after the receive time-out. Dropping the future loses no message.
    ///
    /// # Errors
    ///
    /// As [`MessageReader::read`].
    pub async fn read(&self) -> Result<Option<Message<T>>> {
        // The stream's wait would get the wake-up for the next message, and nobody polls it now.
        drop(lock(&self.next).take());
        self.core.held()?;
        let client = &self.core.raw.client;
        let delivery = match self.core.raw.settings.receive_timeout {
            None => Some(client.receive().await),
            Some(timeout) => within(client, timeout, client.receive()).await,
        };
        delivery.map(|delivery| self.core.take(delivery?)).transpose()
    }

    /// The next messages, as many as are there; see [`MessageReader::read_many`]. Dropping the future loses no message.
    ///
    /// # Errors
    ///
    /// As [`MessageReader::read_many`].
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

    /// Asks the broker for a sign of life; see [`MessageReader::ping`].
    ///
    /// # Errors
    ///
    /// As [`MessageReader::ping`].
    pub async fn ping(&self, timeout: Duration) -> Result<()> {
        let client = &self.core.raw.client;
        within(client, timeout, client.ping()?).await.unwrap_or_else(|| Err(no_answer(timeout)))
    }

    /// Closes the reader; see [`MessageReader::close`].
    ///
    /// # Errors
    ///
    /// As [`MessageReader::close`].
    pub async fn close(self) -> Result<()> {
        let timeout = self.core.raw.settings.close_timeout;
        self.close_within(timeout).await
    }

    /// The same, within this time instead of `close_timeout_ms`.
    ///
    /// # Errors
    ///
    /// As `close`.
    pub async fn close_within(self, timeout: Duration) -> Result<()> {
        let client = &self.core.raw.client;
        client.begin_close_within(timeout);
        client.closed().await
    }

    /// The topics.
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
