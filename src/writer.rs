//! Writing messages.

use std::borrow::Cow;
use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use bytes::Bytes;
use tokio::time::Instant;

use crate::builder::{NamedListener, common_getters, common_setters, flush_timeout, no_answer, within};
use crate::config::{Request, Role, Settings};
use crate::error::{Delivery, Error, IoKind, Result};
use crate::lock::lock;
use crate::material::KeyMaterial;
use crate::message::{Encoded, Encoder, Plugin};
use crate::metrics::{Counters, Metrics, now_us};
use crate::mqtt::{self, Client, ConnectionInfo, Ended, Heading, Listener, PendingWrite, Unsent, Way};
use crate::outbox::{self, Outbox};
use crate::terms::WriteOptions;
use crate::wait::{after, block_until};
use crate::{BoxError, builder, message};

/// A writer of bytes, on which the Rust and the Java API are built.
pub(crate) struct RawWriter {
    pub settings: Settings,
    /// The errors of writes that fail before they reach the engine, which counts all else.
    pub counters: Arc<Counters>,
    /// Held while metrics are read or reset, so that nobody sees one half before a reset and the other one after it.
    reading: Mutex<()>,
    pub client: Arc<Client>,
    /// The outbox on disk between callers and client, if there is one.
    outbox: Option<Outbox>,
    encoder: Encoder,
}

/// A future of the end of an opening, a flush or a close.
pub(crate) type End = Pin<Box<dyn Future<Output = Result<()>> + Send>>;

impl RawWriter {
    /// Starts to connect; see [`RawWriter::opened`].
    pub fn start(
        mut settings: Settings,
        material: &KeyMaterial,
        plugin: Option<Arc<dyn Plugin>>,
        listener: Option<Listener>,
    ) -> Result<RawWriter> {
        let encoder = Encoder::new(&settings.message, settings.written_topic(), plugin)?;
        let will = message::will(&settings)?;
        let connect = |listener, kept| Client::start(&settings, Role::Writer, will, material, listener, kept);
        let counters = Arc::new(Counters::new());
        let (outbox, client) = match &settings.outbox {
            None => (None, Arc::new(connect(listener, None)?)),
            Some(of) => {
                let connect = |listener, kept| connect(Some(listener), kept);
                let directory = outbox::Directory::take(of)?;
                let (outbox, client) = Outbox::start(directory, of, &settings, counters.clone(), listener, connect)?;
                (Some(outbox), client)
            }
        };
        settings.forget_key();
        Ok(RawWriter { settings, counters, reading: Mutex::new(()), client, outbox, encoder })
    }

    /// Waits until the writer is open, or could not be opened.
    pub fn opened(&self) -> End {
        match &self.outbox {
            None => Box::pin(self.client.opened()),
            Some(outbox) => Box::pin(outbox.opened()),
        }
    }

    /// Returns the heading of a message with these options; `None` if it is the same as without options.
    fn heading(&self, options: Option<&WriteOptions>) -> Result<Option<Heading>> {
        let heading = options.map(|options| Heading::of_message(&self.settings, options)).transpose();
        heading.inspect_err(|_| self.counters.error())
    }

    /// Encodes a value of `length` bytes that `fill` writes.
    fn encode<E: From<Error>>(
        &self,
        heading: Option<&Heading>,
        length: usize,
        timestamp_us: i64,
        fill: impl FnOnce(&mut [u8]) -> std::result::Result<(), E>,
    ) -> std::result::Result<Encoded, E> {
        let most = self.client.max_message(heading);
        let too_large = |what: String| {
            self.counters.error();
            let message = format!("a message of {what} is larger than MQTT can carry ({most} bytes)");
            Err(Error::io(IoKind::TooLarge, message).of_message(Delivery::NotSent).into())
        };
        let least = if self.settings.message.compression.is_some() { 0 } else { length };
        if least > most.saturating_sub(self.encoder.overhead()) {
            return too_large(format!("{length} bytes and {} of SINETStream's own", self.encoder.overhead()));
        }
        let topic = heading.map(|heading| &*heading.topic);
        let encoded = self.encoder.encode_for(topic, length, timestamp_us, |place| fill(place).map_err(Failed::Fill));
        match encoded {
            Ok(encoded) if encoded.wire.len() > most => too_large(format!("{} bytes", encoded.wire.len())),
            Ok(encoded) => Ok(encoded),
            Err(Failed::Fill(error)) => Err(error),
            Err(Failed::Encode(error)) => {
                self.counters.error();
                Err(error.of_message(Delivery::NotSent).into())
            }
        }
    }

    /// Encodes a value of `length` bytes that `fill` writes, and prepares its publish.
    pub fn write_with<E: From<Error>>(
        &self,
        options: Option<&WriteOptions>,
        length: usize,
        timestamp_us: i64,
        fill: impl FnOnce(&mut [u8]) -> std::result::Result<(), E>,
    ) -> std::result::Result<RawWrite, E> {
        let heading = self.heading(options)?;
        let Encoded { wire, size } = self.encode(heading.as_ref(), length, timestamp_us, fill)?;
        let deadline = after(self.settings.write_timeout);
        let pending = match &self.outbox {
            None => Pending::Client(self.client.publish(heading, wire, size, deadline)),
            Some(outbox) => Pending::Outbox(outbox.write(heading, wire, size, deadline)),
        };
        Ok(RawWrite { pending, deadline })
    }

    fn write(&self, value: &[u8], timestamp_us: i64, options: Option<&WriteOptions>) -> Result<RawWrite> {
        self.write_with(options, value.len(), timestamp_us, |place| {
            place.copy_from_slice(value);
            Ok(())
        })
    }

    /// Does the same for a message whose end nobody waits for: it comes with [`RawWriter::take_report`].
    pub fn submit_with<E: From<Error>>(
        &self,
        options: Option<&WriteOptions>,
        length: usize,
        timestamp_us: i64,
        fill: impl FnOnce(&mut [u8]) -> std::result::Result<(), E>,
    ) -> std::result::Result<Submitted, E> {
        let heading = self.heading(options)?;
        let Encoded { wire, size } = self.encode(heading.as_ref(), length, timestamp_us, fill)?;
        Ok(match &self.outbox {
            None => {
                match self.client.submit(heading, wire, size).map_err(|error| error.of_message(Delivery::NotSent))? {
                    mqtt::Submitted::Accepted(number) => Submitted::Accepted(number),
                    mqtt::Submitted::Waits(unsent) => Submitted::Waits(Submission::Client(unsent)),
                }
            }
            Some(outbox) => {
                match outbox.submit(heading, wire, size).map_err(|error| error.of_message(Delivery::NotSent))? {
                    outbox::Submitted::Accepted(number) => Submitted::Accepted(number),
                    outbox::Submitted::Waits(write) => Submitted::Waits(Submission::Outbox(write)),
                }
            }
        })
    }

    /// Returns the ends of submissions in their order; when there are none, the waker is called at the next one.
    pub fn take_report(&self, waker: &Waker) -> Vec<Ended> {
        match &self.outbox {
            None => self.client.take_report(waker),
            Some(outbox) => outbox.take_report(waker),
        }
    }

    /// Returns the wire bytes of the message that was accepted last.
    pub fn last_message(&self) -> Option<Bytes> {
        match &self.outbox {
            None => self.client.last_message(),
            Some(outbox) => outbox.last_message(),
        }
    }

    /// Waits until everything accepted so far has ended; with an outbox on disk, until the broker has it.
    pub fn flushed(&self) -> End {
        match &self.outbox {
            None => Box::pin(self.client.flushed()),
            Some(outbox) => Box::pin(outbox.flushed()),
        }
    }

    /// Begins an orderly close that takes at most the configured time, and returns a future of its end.
    pub fn close(&self) -> End {
        self.close_within(self.settings.close_timeout)
    }

    /// Does the same within this time.
    pub fn close_within(&self, timeout: Duration) -> End {
        match &self.outbox {
            None => {
                self.client.begin_close_within(timeout);
                Box::pin(self.client.closed())
            }
            Some(outbox) => {
                outbox.begin_close(timeout);
                Box::pin(outbox.closed())
            }
        }
    }

    /// Returns the state of the writer.
    pub fn info(&self) -> ConnectionInfo {
        let mut info = self.client.info();
        self.outbox.iter().for_each(|outbox| outbox.describe(&mut info));
        info
    }

    pub fn metrics(&self) -> Metrics {
        let _reading = lock(&self.reading);
        self.counters.with(self.client.tally())
    }

    #[cfg(feature = "metrics")]
    pub fn metrics_recorder(&self) -> crate::MetricsRecorder {
        let Settings { service, topics, .. } = &self.settings;
        crate::MetricsRecorder::of_writer(service.as_deref(), topics, self.client.client_id())
    }

    pub fn reset_metrics(&self) {
        let _reading = lock(&self.reading);
        self.counters.reset();
        self.client.reset_tally();
    }
}

/// The reason why a value did not become a message.
enum Failed<E> {
    /// The value could not be read.
    Fill(E),
    Encode(Error),
}

impl<E> From<Error> for Failed<E> {
    fn from(error: Error) -> Failed<E> {
        Failed::Encode(error)
    }
}

/// A message whose end nobody waits for.
pub(crate) enum Submitted {
    /// The message has this number.
    Accepted(u64),
    /// The outbox is full.
    Waits(Submission),
}

/// A message that waits for room in the outbox, in memory or on disk.
pub(crate) enum Submission {
    Client(Unsent),
    Outbox(outbox::Write),
}

impl Submission {
    /// Ready when the message is accepted, or has failed; see [`Unsent::poll_accepted`].
    pub fn poll_accepted(&mut self, context: &Context<'_>) -> Poll<Result<()>> {
        match self {
            Submission::Client(unsent) => unsent.poll_accepted(Way::Reported, context).map_ok(|_| ()),
            Submission::Outbox(write) => write.poll_accepted(Way::Reported, context),
        }
    }
}

/// A message on its way to the client, or to the outbox on disk.
enum Pending {
    Client(PendingWrite),
    Outbox(outbox::Write),
}

impl Pending {
    fn poll_accepted(&mut self, way: Way, context: &Context<'_>) -> Poll<Result<()>> {
        match self {
            Pending::Client(pending) => pending.poll_accepted(way, context),
            Pending::Outbox(write) => write.poll_accepted(way, context),
        }
    }

    fn is_accepted(&self) -> bool {
        match self {
            Pending::Client(pending) => pending.is_accepted(),
            Pending::Outbox(write) => write.is_accepted(),
        }
    }

    fn expire(&mut self) -> Error {
        match self {
            Pending::Client(pending) => pending.expire(),
            Pending::Outbox(write) => write.expire(),
        }
    }
}

impl Future for Pending {
    type Output = Result<()>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<()>> {
        match &mut *self {
            Pending::Client(pending) => Pin::new(pending).poll(context),
            Pending::Outbox(write) => Pin::new(write).poll(context),
        }
    }
}

/// A message on its way, with its deadline, which the engine keeps once the message is accepted.
pub(crate) struct RawWrite {
    pending: Pending,
    deadline: Instant,
}

impl RawWrite {
    /// Blocks until the end of the write, but no longer than `until`; returns `None` if the write goes on.
    pub fn wait_until(&mut self, until: Option<Instant>) -> Option<Result<()>> {
        if !self.pending.is_accepted() {
            let deadline = until.map_or(self.deadline, |until| until.min(self.deadline));
            let accepted = poll_fn(|context| self.pending.poll_accepted(Way::AtOnce, context));
            match block_until(accepted, Some(deadline)) {
                Some(Ok(())) => {}
                Some(Err(error)) => return Some(Err(error.of_message(Delivery::NotSent))),
                None if Instant::now() >= self.deadline => return Some(Err(self.pending.expire())),
                None => return None,
            }
        }
        block_until(&mut self.pending, until)
    }

    /// Ready at the end of the write. Until the message is accepted, the caller must watch the deadline: see
    /// [`Unsent::poll_accepted`](crate::mqtt::Unsent::poll_accepted).
    pub fn poll_end(&mut self, context: &mut Context<'_>) -> Poll<Result<()>> {
        ready!(self.pending.poll_accepted(Way::AtOnce, context))
            .map_err(|error| error.of_message(Delivery::NotSent))?;
        Pin::new(&mut self.pending).poll(context)
    }

    /// Returns true if later messages can't overtake this one.
    #[cfg(feature = "cli")]
    pub fn is_accepted(&self) -> bool {
        self.pending.is_accepted()
    }

    /// Abandons the write: nobody waits for it any more, and it is not sent again after a reconnect, unless an outbox on disk
    /// has it.
    pub fn give_up(self) {
        match self.pending {
            Pending::Client(mut pending) => pending.leave(true),
            Pending::Outbox(mut write) => write.leave(),
        }
    }

    /// Waits for room in the outbox.
    async fn accept(&mut self, way: Way, client: &Client) -> Result<()> {
        let first = poll_fn(|context| Poll::Ready(self.pending.poll_accepted(way, context))).await;
        if let Poll::Ready(result) = first {
            return result.map_err(|error| error.of_message(Delivery::NotSent));
        }
        let left = self.deadline.saturating_duration_since(Instant::now());
        let accepted = poll_fn(|context| self.pending.poll_accepted(way, context));
        match within(client, left, accepted).await {
            Some(result) => result.map_err(|error| error.of_message(Delivery::NotSent)),
            None => Err(self.pending.expire()),
        }
    }
}

/// A message that the writer has accepted: a future of the broker's confirmation. At QoS 0 the future is ready when the
/// operating system has the message; with `outbox.accept: disk`, when the message is on the disk. It is ready at the latest
/// after `write_timeout_ms`. Dropping it does not withdraw the message.
#[must_use = "it tells whether the message was delivered"]
pub struct Sent(Pending);

impl Future for Sent {
    type Output = Result<()>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<()>> {
        Pin::new(&mut self.0).poll(context)
    }
}

impl fmt::Debug for Sent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sent")
    }
}

/// A value that has a SINETStream encoding of its own: `[u8]` (`byte_array`) and `str` (`text`, UTF-8).
pub trait WriteValue {
    /// Returns the bytes of the value.
    fn to_bytes(&self) -> &[u8];
}

impl WriteValue for [u8] {
    fn to_bytes(&self) -> &[u8] {
        self
    }
}

impl WriteValue for str {
    fn to_bytes(&self) -> &[u8] {
        self.as_bytes()
    }
}

type Serialize<T> = dyn for<'a> Fn(&'a T) -> std::result::Result<Cow<'a, [u8]>, BoxError> + Send + Sync;

/// The options of a writer. `open` makes a [`MessageWriter`], `open_async` an [`AsyncMessageWriter`].
pub struct MessageWriterBuilder<T: ?Sized> {
    request: Request,
    listener: Option<NamedListener>,
    serialize: Box<Serialize<T>>,
}

impl<T: ?Sized> MessageWriterBuilder<T> {
    common_setters!();

    /// Sets the topic to write to.
    pub fn topic(self, topic: impl Into<String>) -> Self {
        self.field("topic", topic.into())
    }

    /// Connects. Blocks until the broker has answered, at most `connect.connection_timeout` seconds
    /// (30) for each broker of the list.
    ///
    /// # Errors
    ///
    /// The configuration's errors before anything is sent; then [`Error::Authentication`] if the broker refuses the login and
    /// [`Error::Connection`] if it can't be reached.
    pub fn open(self) -> Result<MessageWriter<T>> {
        let core = self.start()?;
        // The driver keeps the deadline.
        block_until(core.raw.opened(), None).unwrap_or(Ok(()))?;
        Ok(MessageWriter { core })
    }

    /// Does the same as [`open`](Self::open), without blocking.
    ///
    /// # Errors
    ///
    /// The errors of `open`.
    pub async fn open_async(self) -> Result<AsyncMessageWriter<T>> {
        let core = self.start()?;
        core.raw.opened().await?;
        Ok(AsyncMessageWriter { core })
    }

    fn start(self) -> Result<Core<T>> {
        let settings = builder::load(&self.request)?;
        let listener = self.listener.map(|listener| builder::named(listener, &settings, Role::Writer));
        Ok(Core {
            raw: RawWriter::start(settings, &KeyMaterial::default(), None, listener)?,
            serialize: self.serialize,
        })
    }
}

struct Core<T: ?Sized> {
    raw: RawWriter,
    serialize: Box<Serialize<T>>,
}

impl<T: ?Sized> Core<T> {
    fn write(&self, value: &T, timestamp_us: i64, options: Option<&WriteOptions>) -> Result<RawWrite> {
        let bytes = (self.serialize)(value).map_err(|e| {
            self.raw.counters.error();
            Error::Io(format!("the serializer failed: {e}").into()).of_message(Delivery::NotSent)
        })?;
        self.raw.write(&bytes, timestamp_us, options)
    }
}

fn builder_of<T: ?Sized>(serialize: Box<Serialize<T>>) -> MessageWriterBuilder<T> {
    MessageWriterBuilder { request: builder::request(Role::Writer), listener: None, serialize }
}

/// Writes messages to a topic, blocking. Many threads may use one writer.
///
/// [`close`](Self::close) reports what could not be delivered; dropping the writer closes it without waiting.
///
/// ```no_run
/// let writer = sinetstream::MessageWriter::<str>::builder().service("service-mqtt-password").open()?;
/// writer.write("hello")?;
/// writer.close()?;
/// # Ok::<(), sinetstream::Error>(())
/// ```
pub struct MessageWriter<T: ?Sized> {
    core: Core<T>,
}

impl<T: WriteValue + ?Sized> MessageWriter<T> {
    /// Returns the builder of a writer of `[u8]` or `str`.
    pub fn builder() -> MessageWriterBuilder<T> {
        builder_of(Box::new(|value: &T| Ok(Cow::Borrowed(value.to_bytes()))))
    }
}

impl<T: ?Sized> MessageWriter<T> {
    /// Returns the builder of a writer with the program's own serializer.
    pub fn builder_with<F>(serialize: F) -> MessageWriterBuilder<T>
    where
        F: Fn(&T) -> std::result::Result<Vec<u8>, BoxError> + Send + Sync + 'static,
    {
        builder_of(Box::new(move |value: &T| serialize(value).map(Cow::Owned)))
    }

    /// Writes a value with the current time. Blocks until the broker has confirmed it, at most `write_timeout_ms` milliseconds
    /// (60,000). At QoS 0 it blocks until the operating system has the message; with `outbox.accept: disk`, until the message
    /// is on the disk.
    ///
    /// # Errors
    ///
    /// [`Error::TimedOut`] if the time is up; [`Error::Io`] if the connection is lost for good, the broker refuses the message,
    /// or the writer is closed; [`Error::Authentication`] if a later login was refused; [`Error::Authorization`] if the broker
    /// denies the topic.
    pub fn write(&self, value: &T) -> Result<()> {
        self.write_at(value, now_us())
    }

    /// Does the same as [`write`](Self::write), with a timestamp in microseconds since 1970.
    ///
    /// # Errors
    ///
    /// The errors of `write`.
    pub fn write_at(&self, value: &T, timestamp_us: i64) -> Result<()> {
        self.write_any(value, timestamp_us, None)
    }

    /// Does the same as [`write`](Self::write), with options for this message.
    ///
    /// # Errors
    ///
    /// The errors of `write`; [`Error::InvalidConfiguration`] if an option is wrong, or the protocol does not have it.
    pub fn write_with(&self, value: &T, options: &WriteOptions) -> Result<()> {
        self.write_any(value, now_us(), Some(options))
    }

    /// Does the same as [`write_with`](Self::write_with), with a timestamp in microseconds since 1970.
    ///
    /// # Errors
    ///
    /// The errors of `write_with`.
    pub fn write_at_with(&self, value: &T, timestamp_us: i64, options: &WriteOptions) -> Result<()> {
        self.write_any(value, timestamp_us, Some(options))
    }

    fn write_any(&self, value: &T, timestamp_us: i64, options: Option<&WriteOptions>) -> Result<()> {
        let mut write = self.core.write(value, timestamp_us, options)?;
        write.wait_until(None).unwrap_or_else(|| Err(Error::Internal("a wait without end has ended".into())))
    }

    /// Waits until everything that was written before has ended, at most `write_timeout_ms` milliseconds.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] if the time is up; otherwise the error that ended the writer.
    pub fn flush(&self) -> Result<()> {
        let timeout = self.core.raw.settings.write_timeout;
        block_until(self.core.raw.flushed(), Some(after(timeout))).unwrap_or_else(|| Err(flush_timeout(timeout)))
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

    /// Closes the writer: waits for the messages that other threads have written, at most `close_timeout_ms` milliseconds
    /// (10,000).
    ///
    /// # Errors
    ///
    /// [`Error::Io`] with the number of messages that could not be delivered, or that stay in the `outbox` on disk.
    pub fn close(self) -> Result<()> {
        block_until(self.core.raw.close(), None).unwrap_or(Ok(()))
    }

    /// Closes the writer within this time instead of `close_timeout_ms`.
    ///
    /// # Errors
    ///
    /// The errors of `close`.
    pub fn close_within(self, timeout: Duration) -> Result<()> {
        block_until(self.core.raw.close_within(timeout), None).unwrap_or(Ok(()))
    }

    /// Returns the topic.
    pub fn topic(&self) -> &str {
        self.core.raw.settings.topics.first().map_or("", String::as_str)
    }

    common_getters!(core.raw);
}

/// Writes messages to a topic, for asynchronous programs on any executor. Many tasks may use one writer, and
/// messages are sent in the order in which their futures were first polled.
///
/// ```no_run
/// # async fn example() -> Result<(), sinetstream::Error> {
/// let writer = sinetstream::AsyncMessageWriter::<str>::builder().service("service-mqtt-password").open_async().await?;
/// writer.write("hello").await?;
/// writer.close().await?;
/// # Ok(())
/// # }
/// ```
pub struct AsyncMessageWriter<T: ?Sized> {
    core: Core<T>,
}

impl<T: WriteValue + ?Sized> AsyncMessageWriter<T> {
    /// Returns the builder of a writer of `[u8]` or `str`.
    pub fn builder() -> MessageWriterBuilder<T> {
        MessageWriter::builder()
    }
}

impl<T: ?Sized> AsyncMessageWriter<T> {
    /// Returns the builder of a writer with the program's own serializer.
    pub fn builder_with<F>(serialize: F) -> MessageWriterBuilder<T>
    where
        F: Fn(&T) -> std::result::Result<Vec<u8>, BoxError> + Send + Sync + 'static,
    {
        MessageWriter::builder_with(serialize)
    }

    /// Writes a value with the current time; ends as [`MessageWriter::write`] does. Dropping the future does not withdraw a
    /// message that was sent.
    ///
    /// # Errors
    ///
    /// The errors of [`MessageWriter::write`].
    pub async fn write(&self, value: &T) -> Result<()> {
        self.write_at(value, now_us()).await
    }

    /// Does the same as [`write`](Self::write), with a timestamp in microseconds since 1970.
    ///
    /// # Errors
    ///
    /// The errors of `write`.
    pub async fn write_at(&self, value: &T, timestamp_us: i64) -> Result<()> {
        self.write_any(value, timestamp_us, None).await
    }

    /// Does the same as [`write`](Self::write), with options for this message.
    ///
    /// # Errors
    ///
    /// The errors of [`MessageWriter::write_with`].
    pub async fn write_with(&self, value: &T, options: &WriteOptions) -> Result<()> {
        self.write_any(value, now_us(), Some(options)).await
    }

    /// Does the same as [`write_with`](Self::write_with), with a timestamp in microseconds since 1970.
    ///
    /// # Errors
    ///
    /// The errors of `write_with`.
    pub async fn write_at_with(&self, value: &T, timestamp_us: i64, options: &WriteOptions) -> Result<()> {
        self.write_any(value, timestamp_us, Some(options)).await
    }

    async fn write_any(&self, value: &T, timestamp_us: i64, options: Option<&WriteOptions>) -> Result<()> {
        let mut write = self.core.write(value, timestamp_us, options)?;
        write.accept(Way::AtOnce, &self.core.raw.client).await?;
        write.pending.await
    }

    /// Hands a value with the current time to the writer without waiting for its delivery, which [`Sent`] tells. Returns at
    /// once unless the outbox is full. Messages are sent in the order in which these futures end, many of them together.
    ///
    /// ```no_run
    /// # async fn example(writer: sinetstream::AsyncMessageWriter<str>) -> Result<(), sinetstream::Error> {
    /// let first = writer.send("one").await?;
    /// let second = writer.send("two").await?;
    /// first.await?;
    /// second.await
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::TimedOut`] if the outbox stays full for `write_timeout_ms` milliseconds; [`Error::Io`] if the message is too
    /// large, or the writer is closed or lost; [`Error::Authentication`] if a later login was refused. The message is not sent
    /// then.
    pub async fn send(&self, value: &T) -> Result<Sent> {
        self.send_at(value, now_us()).await
    }

    /// Does the same as [`send`](Self::send), with a timestamp in microseconds since 1970.
    ///
    /// # Errors
    ///
    /// The errors of `send`.
    pub async fn send_at(&self, value: &T, timestamp_us: i64) -> Result<Sent> {
        self.send_any(value, timestamp_us, None).await
    }

    /// Does the same as [`send`](Self::send), with options for this message.
    ///
    /// # Errors
    ///
    /// The errors of `send`; [`Error::InvalidConfiguration`] if an option is wrong, or the protocol does not have it.
    pub async fn send_with(&self, value: &T, options: &WriteOptions) -> Result<Sent> {
        self.send_any(value, now_us(), Some(options)).await
    }

    /// Does the same as [`send_with`](Self::send_with), with a timestamp in microseconds since 1970.
    ///
    /// # Errors
    ///
    /// The errors of `send_with`.
    pub async fn send_at_with(&self, value: &T, timestamp_us: i64, options: &WriteOptions) -> Result<Sent> {
        self.send_any(value, timestamp_us, Some(options)).await
    }

    async fn send_any(&self, value: &T, timestamp_us: i64, options: Option<&WriteOptions>) -> Result<Sent> {
        let mut write = self.core.write(value, timestamp_us, options)?;
        write.accept(Way::Gathered, &self.core.raw.client).await?;
        Ok(Sent(write.pending))
    }

    /// Waits until everything that was written before has ended, as [`MessageWriter::flush`] does.
    ///
    /// # Errors
    ///
    /// The errors of [`MessageWriter::flush`].
    pub async fn flush(&self) -> Result<()> {
        let timeout = self.core.raw.settings.write_timeout;
        let client = &self.core.raw.client;
        within(client, timeout, self.core.raw.flushed()).await.unwrap_or_else(|| Err(flush_timeout(timeout)))
    }

    /// Checks that the broker answers, as [`MessageWriter::ping`] does.
    ///
    /// # Errors
    ///
    /// The errors of [`MessageWriter::ping`].
    pub async fn ping(&self, timeout: Duration) -> Result<()> {
        let client = &self.core.raw.client;
        within(client, timeout, client.ping()?).await.unwrap_or_else(|| Err(no_answer(timeout)))
    }

    /// Closes the writer: waits for the messages that other tasks have written, at most `close_timeout_ms` milliseconds
    /// (10,000).
    ///
    /// # Errors
    ///
    /// The errors of [`MessageWriter::close`].
    pub async fn close(self) -> Result<()> {
        self.core.raw.close().await
    }

    /// Closes the writer within this time instead of `close_timeout_ms`.
    ///
    /// # Errors
    ///
    /// The errors of `close`.
    pub async fn close_within(self, timeout: Duration) -> Result<()> {
        self.core.raw.close_within(timeout).await
    }

    /// Returns the topic.
    pub fn topic(&self) -> &str {
        self.core.raw.settings.topics.first().map_or("", String::as_str)
    }

    common_getters!(core.raw);
}

impl<T: ?Sized> fmt::Debug for MessageWriter<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MessageWriter").field("service", &self.service()).field("topic", &self.topic()).finish()
    }
}

impl<T: ?Sized> fmt::Debug for AsyncMessageWriter<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AsyncMessageWriter").field("service", &self.service()).field("topic", &self.topic()).finish()
    }
}
