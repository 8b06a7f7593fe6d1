//! A writer or reader as Java holds it. Nothing here needs a JVM.

use std::collections::HashMap;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::{Arc, Mutex, OnceLock};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use tokio::time::Instant;
use zeroize::Zeroizing;

use super::batch::Batch;
use super::desk::Desks;
use super::events::{self, EventQueue};
use super::packing::{self, Records};
use super::{paths, signals, stores, tree};
use crate::config::{
    self, Algorithm, BroughtAlong, ConfigText, Encryption, Map, Request, Role, Settings, Value, WillSerializer,
};
use crate::error::{Error, Result};
use crate::lock::lock;
use crate::material::StoreSource;
use crate::message::{Decoder, Encoded, Encoder, Plugin};
use crate::metrics::{Counters, Metrics};
use crate::mqtt::{Client, ConnectionEvent, ConnectionInfo, Ended, ValueSize};
use crate::reader::RawReader;
use crate::terms::WriteOptions;
use crate::wait::block_until;
use crate::writer::{self, RawWrite, RawWriter, Submission};

/// The behaviour of a call that finds nothing yet.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Wait {
    /// It returns at once.
    No,
    /// It arms the signal of what it has looked for, and returns; see [`signals`].
    Armed,
    /// It waits half a millisecond before that, for a thread that others may need.
    Briefly,
    /// It waits ten milliseconds before that, for a thread that has nothing else to do. An answer within this time costs no
    /// change of threads besides the engine's own; for a longer wait the thread parks in Java, where it can be interrupted.
    Patiently,
}

impl Wait {
    fn patience(self) -> Option<Duration> {
        match self {
            Wait::No | Wait::Armed => None,
            Wait::Briefly => Some(Duration::from_micros(500)),
            Wait::Patiently => Some(Duration::from_millis(10)),
        }
    }
}

/// A writer, a reader or a codec behind a handle of Java.
pub(super) struct JavaClient {
    /// The handle by which Java knows the client.
    handle: OnceLock<i64>,
    role: Role,
    /// The settings, with their secrets, until the client is opened.
    settings: Mutex<Option<Box<Settings>>>,
    raw: OnceLock<Raw>,
    /// The operations whose end Java has not been told yet.
    pending: Mutex<Pending>,
    events: Arc<EventQueue>,
    /// The places where Java is asked for what an attempt to connect needs.
    desks: Desks,
    /// Opens the client's key stores again; it is here until the client is opened.
    stores: Mutex<Option<StoreSource>>,
    /// Packed events that Java could not take.
    untold: Mutex<Vec<u8>>,
    /// The waker for arriving messages, if Java asked for it.
    arrival: Mutex<Option<Arrival>>,
}

type Arrival = Pin<Box<dyn Future<Output = ()> + Send>>;

enum Raw {
    Writer(Box<RawWriter>),
    Reader(Box<RawReader>),
    /// The messaging system is a Java plugin; the engine only encodes and decodes its messages.
    Codec(Box<Codec>),
}

struct Codec {
    encoder: Encoder,
    decoder: Decoder,
    counters: Counters,
}

impl Raw {
    fn client(&self) -> Option<&Client> {
        match self {
            Raw::Writer(writer) => Some(&writer.client),
            Raw::Reader(reader) => Some(&reader.client),
            Raw::Codec(_) => None,
        }
    }
}

#[derive(Default)]
struct Pending {
    last_ticket: i64,
    by_ticket: HashMap<i64, Operation>,
}

/// An operation under way, whose end Java waits for.
enum Operation {
    Write(RawWrite),
    /// A message that waits for room in the outbox, at its place in the order.
    Submission(Submission),
    /// An operation whose deadline Java watches.
    Other(Pin<Box<dyn Future<Output = Result<()>> + Send>>),
}

impl Operation {
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Result<()>> {
        match self {
            Operation::Write(write) => write.poll_end(context),
            Operation::Submission(submission) => submission.poll_accepted(context),
            Operation::Other(future) => future.as_mut().poll(context),
        }
    }
}

/// A message whose end nobody waits for.
#[derive(Debug, PartialEq)]
pub(super) enum Submitted {
    /// The message has this number.
    Accepted(u64),
    /// The message is accepted when the operation with this ticket ends.
    Waits(i64),
}

fn opened_before() -> Error {
    Error::Internal("the client was opened before".into())
}

impl JavaClient {
    /// Finds and checks the configuration.
    pub fn open(options: &[u8]) -> Result<JavaClient> {
        let Value::Map(options) = tree::decode(options)? else {
            return Err(Error::Internal("the options are not a map".into()));
        };
        let text = |name: &str| match options.get(name) {
            Some(Value::Str(text)) => Some(text.clone()),
            _ => None,
        };
        let map = |name: &str| match options.get(name) {
            Some(Value::Map(map)) => map.clone(),
            _ => Map::new(),
        };
        let role = if text("role").as_deref() == Some("reader") { Role::Reader } else { Role::Writer };
        let names = |name: &str| match options.get(name) {
            Some(Value::List(names)) => Ok(names
                .iter()
                .filter_map(|name| match name {
                    Value::Str(name) => Some(name.clone()),
                    _ => None,
                })
                .collect()),
            _ => Err(Error::Internal(format!("the options have no {name}"))),
        };
        let flag = |name: &str| options.get(name) == Some(&Value::Bool(true));
        let desks = Desks::default();
        let request = Request {
            role,
            user_dir: paths::folder(options.get("user_dir"), std::env::current_dir().ok()).unwrap_or_default(),
            user_home: paths::folder(options.get("user_home"), std::env::home_dir()),
            config_file: paths::given(options.get("config_file")),
            service: text("service"),
            config_text: text("config_text")
                .map(|written| ConfigText { name: text("config_text_name").unwrap_or_default(), text: written.into() }),
            no_config: flag("no_config"),
            parameters: map("parameters"),
            fields: map("fields"),
            brought: BroughtAlong {
                value_types: names("value_types")?,
                compressions: names("compressions")?,
                service_types: names("service_types")?,
                login: flag("login").then(|| desks.logins()),
                ciphers: flag("ciphers"),
                key_stores: true,
                serializers: true,
            },
        };
        let settings = config::load(&request)?;
        // Before Java opens them: what changes between is opened once more.
        let stores = stores::source(&settings, desks.stores());
        Ok(JavaClient {
            role,
            settings: Mutex::new(Some(Box::new(settings))),
            raw: OnceLock::new(),
            pending: Mutex::default(),
            events: Arc::default(),
            untold: Mutex::default(),
            arrival: Mutex::default(),
            handle: OnceLock::new(),
            desks,
            stores: Mutex::new(stores),
        })
    }

    /// Sets the handle by which Java will know this client.
    pub fn named(self, handle: i64) -> JavaClient {
        let _ = self.handle.set(handle);
        self.desks.named(handle);
        self
    }

    /// Returns the engine's question that this signal announces; see [`Desks`].
    pub fn question(&self, what: i64) -> Result<Zeroizing<Vec<u8>>> {
        self.desks.question(what)
    }

    /// Takes Java's answer to that question.
    pub fn answer(&self, what: i64, answer: &[u8]) -> Result<()> {
        self.desks.answer(what, answer)
    }

    fn waker(&self, what: i64) -> Waker {
        self.handle.get().map_or_else(|| Waker::noop().clone(), |handle| signals::waker(*handle, what))
    }

    /// Returns what Java needs to know of the configuration.
    ///
    /// # Errors
    ///
    /// After [`JavaClient::connect`] the configuration is forgotten.
    pub fn describe(&self) -> Result<Zeroizing<Vec<u8>>> {
        let settings = lock(&self.settings);
        let settings = settings.as_deref().ok_or_else(opened_before)?;
        let optional = |text: &Option<String>| text.as_deref().map_or(Value::Null, Value::from);
        let topic = match self.role {
            Role::Writer => settings.topics.first().map_or(Value::Null, |topic| Value::from(topic.as_str())),
            Role::Reader => Value::Null,
        };
        let receive_timeout = settings
            .receive_timeout
            .map_or(Value::Null, |timeout| Value::Int(i64::try_from(timeout.as_millis()).unwrap_or(i64::MAX)));
        let format = match settings.message.format {
            config::MessageFormat::V2 => 2,
            config::MessageFormat::V3 => 3,
        };
        let compression_plugin = match &settings.message.compression {
            Some(compression) if compression.algorithm == Algorithm::Plugin => {
                Value::Map(compression.parameters.clone())
            }
            _ => Value::Null,
        };
        let serializer = settings.will.as_ref().and_then(|will| will.serializer.as_ref());
        let will_payload = serializer.map_or(Value::Null, |WillSerializer { class, payload }| {
            Value::from([("serializer", Value::from(class.as_str())), ("payload", payload.clone())])
        });
        let crypto_plugin = match &settings.message.encryption {
            Some(Encryption::Plugin(parameters)) => Value::Map(parameters.clone()),
            _ => Value::Null,
        };
        Ok(tree::encode(&Value::from([
            ("service", optional(&settings.service)),
            ("topics", Value::from(settings.topics.clone())),
            ("topic", topic),
            ("client_id", Value::from(settings.client_id.as_str())),
            ("consistency", Value::from(settings.consistency.name())),
            ("value_type", Value::from(settings.value_type.as_str())),
            ("value_serializer", optional(&settings.value_serializer)),
            ("value_deserializer", optional(&settings.value_deserializer)),
            ("max_image_pixels", Value::Int(settings.max_image_pixels)),
            ("receive_timeout_ms", receive_timeout),
            ("acknowledge", Value::from(settings.acknowledge.name())),
            ("processed_tries", settings.processed_tries.map_or(Value::Null, |tries| Value::Int(tries.into()))),
            ("write_timeout_ms", Value::Int(i64::try_from(settings.write_timeout.as_millis()).unwrap_or(i64::MAX))),
            ("data_encryption", Value::Bool(settings.message.encryption.is_some())),
            ("data_compression", Value::Bool(settings.message.compression.is_some())),
            ("user_data_only", Value::Bool(settings.message.user_data_only)),
            ("message_format", Value::Int(format)),
            ("key_material", stores::wanted(settings.tls.as_ref())),
            ("will_payload", will_payload),
            ("compression_plugin", compression_plugin),
            ("crypto_plugin", crypto_plugin),
            ("plugged", settings.plugged.clone().map_or(Value::Null, Value::Map)),
            ("config", Value::Map(settings.visible.clone())),
            ("warnings", Value::from(settings.warnings.clone())),
        ])))
    }

    /// Starts to connect. `material` is a tree of what Java has opened; `plugin` has the stages that are Java objects.
    pub fn connect(&self, material: Option<Zeroizing<Vec<u8>>>, plugin: Option<Arc<dyn Plugin>>) -> Result<()> {
        let mut settings = *lock(&self.settings).take().ok_or_else(opened_before)?;
        if settings.plugged.is_some() {
            let encoder = Encoder::new(&settings.message, settings.written_topic(), plugin.clone())?;
            let decoder = Decoder::new(&settings.message, plugin)?;
            let codec = Raw::Codec(Box::new(Codec { encoder, decoder, counters: Counters::new() }));
            return self.raw.set(codec).map_err(|_| opened_before());
        }
        let mut material = material.map(|bytes| stores::decode(&bytes)).transpose()?.unwrap_or_default();
        material.stores = lock(&self.stores).take();
        if let (Some(will), Some(value)) = (&mut settings.will, &material.will_value) {
            will.value.clone_from(value);
        }
        let events = self.events.clone();
        let listener = Box::new(move |event: &ConnectionEvent| events.push(event));
        let raw = match self.role {
            Role::Writer => Raw::Writer(Box::new(RawWriter::start(settings, &material, plugin, Some(listener))?)),
            Role::Reader => Raw::Reader(Box::new(RawReader::start(settings, &material, plugin, Some(listener))?)),
        };
        self.raw.set(raw).map_err(|_| opened_before())?;
        // The first look at the events arms their signal.
        self.waker(signals::NEWS).wake();
        Ok(())
    }

    /// Returns a ticket for the end of the opening.
    pub fn opened(&self) -> Result<i64> {
        Ok(self.keep(Operation::Other(match self.raw()? {
            Raw::Writer(writer) => writer.opened(),
            Raw::Reader(_) | Raw::Codec(_) => Box::pin(self.client()?.opened()),
        })))
    }

    /// Starts a write of `length` bytes that `fill` provides. Returns the ticket under which it goes on, or `None` if it is
    /// confirmed.
    pub fn write<E: From<Error>>(
        &self,
        options: Option<&WriteOptions>,
        length: usize,
        timestamp_us: i64,
        wait: Wait,
        fill: impl FnOnce(&mut [u8]) -> std::result::Result<(), E>,
    ) -> std::result::Result<Option<i64>, E> {
        let mut write = self.writer()?.write_with(options, length, timestamp_us, fill)?;
        match write.wait_until(Some(Instant::now() + wait.patience().unwrap_or_default())) {
            Some(result) => {
                result?;
                Ok(None)
            }
            None => Ok(Some(self.keep(Operation::Write(write)))),
        }
    }

    /// Starts to wait until everything that was written before has ended; returns a ticket for that.
    pub fn flush(&self) -> Result<i64> {
        Ok(self.keep(Operation::Other(match self.raw()? {
            Raw::Writer(writer) => writer.flushed(),
            Raw::Reader(_) | Raw::Codec(_) => Box::pin(self.client()?.flushed()),
        })))
    }

    /// Checks that the broker answers; returns a ticket for its answer.
    pub fn ping(&self) -> Result<i64> {
        Ok(self.keep(Operation::Other(Box::pin(self.client()?.ping()?))))
    }

    /// Keeps an operation, and returns its ticket; tickets start at 1.
    fn keep(&self, operation: Operation) -> i64 {
        let mut pending = lock(&self.pending);
        pending.last_ticket += 1;
        let ticket = pending.last_ticket;
        pending.by_ticket.insert(ticket, operation);
        ticket
    }

    /// Returns whether the operation of this ticket has ended, and then removes the ticket.
    pub fn wait_for(&self, ticket: i64, wait: Wait) -> Result<bool> {
        let operation = lock(&self.pending).by_ticket.remove(&ticket);
        let mut operation = operation.ok_or_else(|| Error::Internal("unknown ticket".into()))?;
        let end = self.look(ticket, wait, |context| operation.poll(context));
        match end {
            Poll::Ready(result) => result.map(|()| true),
            Poll::Pending => {
                lock(&self.pending).by_ticket.insert(ticket, operation);
                Ok(false)
            }
        }
    }

    /// Polls as `wait` says; the signal `what` is given when another call may find something.
    fn look<T>(&self, what: i64, wait: Wait, mut poll: impl FnMut(&mut Context<'_>) -> Poll<T>) -> Poll<T> {
        if let Some(patience) = wait.patience()
            && let Some(found) = block_until(poll_fn(&mut poll), Some(Instant::now() + patience))
        {
            return Poll::Ready(found);
        }
        match wait {
            Wait::No => poll(&mut Context::from_waker(Waker::noop())),
            Wait::Armed | Wait::Briefly | Wait::Patiently => poll(&mut Context::from_waker(&self.waker(what))),
        }
    }

    pub fn abandon(&self, ticket: i64) {
        let operation = lock(&self.pending).by_ticket.remove(&ticket);
        if let Some(Operation::Write(write)) = operation {
            write.give_up();
        }
    }

    /// Accepts a message of `length` bytes that `fill` provides, now or when the outbox has room.
    pub fn submit<E: From<Error>>(
        &self,
        options: Option<&WriteOptions>,
        length: usize,
        timestamp_us: i64,
        fill: impl FnOnce(&mut [u8]) -> std::result::Result<(), E>,
    ) -> std::result::Result<Submitted, E> {
        Ok(match self.writer()?.submit_with(options, length, timestamp_us, fill)? {
            writer::Submitted::Accepted(number) => Submitted::Accepted(number),
            writer::Submitted::Waits(waits) => Submitted::Waits(self.keep(Operation::Submission(waits))),
        })
    }

    pub fn info(&self) -> Result<ConnectionInfo> {
        Ok(match self.raw()? {
            Raw::Writer(writer) => writer.info(),
            Raw::Reader(_) | Raw::Codec(_) => self.client()?.info(),
        })
    }

    /// Returns the ends of messages that were submitted to a writer.
    fn take_report(&self, waker: &Waker) -> Vec<Ended> {
        match self.raw.get() {
            Some(Raw::Writer(writer)) => writer.take_report(waker),
            Some(Raw::Reader(_) | Raw::Codec(_)) | None => Vec::new(),
        }
    }

    /// Hands over the events so far, packed: changes of the connection, ends of submitted messages, and, if wanted, that
    /// messages wait. No bytes mean no events. It fails before the client is connected: a change that was told earlier could be
    /// the client's end, after which nobody would ask for the ends of its messages. If `hand_over` fails, the next call hands
    /// the same events over again, because the ends of messages are told nowhere else.
    pub fn take_events<T, E: From<Error>>(
        &self,
        want_messages: bool,
        wait: Wait,
        hand_over: impl FnOnce(&[u8]) -> std::result::Result<T, E>,
    ) -> std::result::Result<T, E> {
        let mut packed = std::mem::take(&mut *lock(&self.untold));
        let wait = if packed.is_empty() { wait } else { Wait::No };
        packed.extend(self.new_events(want_messages, wait)?);
        let handed = hand_over(&packed);
        if handed.is_err() {
            *lock(&self.untold) = packed;
        }
        handed
    }

    fn new_events(&self, want_messages: bool, wait: Wait) -> Result<Vec<u8>> {
        let client = self.client()?;
        // A thread that does not want messages leaves the signal to the one that may wait for them.
        if want_messages {
            self.disarm_arrival();
        }
        let mut arrival: Option<Arrival> = want_messages.then(|| Box::pin(client.arrival()) as Arrival);
        let mut acknowledged = false;
        let news = self.look(signals::NEWS, wait, |context| {
            let mut packed = Vec::new();
            self.take_report(context.waker()).iter().for_each(|ended| events::pack_end(&mut packed, ended));
            if let Some(arrival) = &mut arrival {
                // The wake-up for the next message is requested before the check for messages that are there, so that none is
                // missed.
                if arrival.as_mut().poll(context).is_ready() {
                    *arrival = Box::pin(client.arrival());
                    let _ = arrival.as_mut().poll(context);
                }
                if client.is_ready() {
                    events::pack_waiting(&mut packed);
                } else if !std::mem::replace(&mut acknowledged, true) {
                    client.send_acknowledgements();
                }
            }
            // The end of the client must come after the ends of its messages.
            match self.events.poll(context.waker()) {
                Poll::Ready(changes) => {
                    let mut late = Vec::new();
                    self.take_report(context.waker()).iter().for_each(|ended| events::pack_end(&mut late, ended));
                    packed.extend(late);
                    packed.extend(changes);
                    Poll::Ready(packed)
                }
                Poll::Pending if packed.is_empty() => Poll::Pending,
                Poll::Pending => Poll::Ready(packed),
            }
        });
        Ok(match news {
            Poll::Ready(packed) => packed,
            Poll::Pending => {
                if arrival.is_some() {
                    *lock(&self.arrival) = arrival;
                }
                Vec::new()
            }
        })
    }

    /// Cancels the wake-up of Java by the next message: a call that is about to look must get the wake-up itself.
    fn disarm_arrival(&self) {
        drop(lock(&self.arrival).take());
    }

    /// Wakes all waits, because the handle is gone.
    pub fn released(&self) {
        self.events.close();
        self.desks.close();
    }

    pub fn last_message(&self) -> Result<Option<Bytes>> {
        Ok(self.writer()?.last_message())
    }

    /// Hands over the waiting messages, packed, up to a number and a size; no records mean that there are none yet. If
    /// `hand_over` fails, most likely for want of memory, it is called again with less: with the first message alone, then with
    /// the failure of that message, so that it does not block the others for ever. If that fails as well, the messages remain
    /// to be read.
    pub fn read<T, E: From<Error>>(
        &self,
        max_messages: usize,
        wait: Wait,
        mut hand_over: impl FnMut(&[u8]) -> std::result::Result<T, E>,
    ) -> std::result::Result<T, E> {
        let reader = self.reader()?;
        let client = &reader.client;
        let mut waiting = client.try_receive_many(max_messages, packing::BATCH)?;
        if waiting.is_empty() && wait != Wait::No {
            // Acknowledgements of taken messages are sent before the application waits.
            client.send_acknowledgements();
            self.disarm_arrival();
            let mut arrival: Arrival = Box::pin(client.arrival());
            let found = self.look(signals::MESSAGES, wait, |context| {
                // The wake-up is requested before the check, so that no message is missed.
                if arrival.as_mut().poll(context).is_ready() {
                    arrival = Box::pin(client.arrival());
                    let _ = arrival.as_mut().poll(context);
                }
                match client.try_receive_many(max_messages, packing::BATCH) {
                    Ok(none) if none.is_empty() => Poll::Pending,
                    found => Poll::Ready(found),
                }
            });
            match found {
                Poll::Ready(found) => waiting = found?,
                Poll::Pending => *lock(&self.arrival) = Some(arrival),
            }
        }
        let mut waiting = waiting.into();
        let mut batch = Batch::of(reader, &mut waiting);
        let mut rest = Vec::from(waiting);
        loop {
            if !rest.is_empty() {
                client.give_back(rest);
            }
            match hand_over(batch.records()) {
                Ok(handed) => {
                    batch.handed_over();
                    return Ok(handed);
                }
                Err(error) => match batch.shrink() {
                    Some(others) => rest = others,
                    None => {
                        client.give_back(batch.into_deliveries());
                        return Err(error);
                    }
                },
            }
        }
    }

    pub fn taken(&self, number: i64) -> Result<()> {
        self.reader()?.client.taken_up_to(number as u64);
        Ok(())
    }

    /// Acknowledges a message that the application has processed.
    pub fn acknowledge(&self, number: i64) -> Result<()> {
        self.reader()?.client.taken(number as u64);
        Ok(())
    }

    /// Lets go of a message that the application could not process.
    pub fn failed(&self, number: i64) -> Result<()> {
        self.reader()?.client.failed(number as u64);
        Ok(())
    }

    /// Decodes a message that came on this topic, and hands it over, packed.
    pub fn decode<T, E: From<Error>>(
        &self,
        wire: Vec<u8>,
        topic: &[u8],
        hand_over: impl FnOnce(&[u8]) -> std::result::Result<T, E>,
    ) -> std::result::Result<T, E> {
        let wire = Bytes::from(wire);
        let topic = &String::from_utf8_lossy(topic);
        let (decoded, counters) = match self.raw()? {
            Raw::Codec(codec) => (codec.decoder.decode(&wire, topic), &codec.counters),
            Raw::Reader(_) | Raw::Writer(_) => {
                (self.reader()?.decode_uncounted(&wire, topic), &*self.reader()?.counters)
            }
        };
        let packed = decoded.and_then(|decoded| {
            let mut records = Records::with_room(decoded.payload.len());
            records.message(0, None, &decoded).map(|()| (records, decoded.size))
        });
        let handed = packed.map_err(E::from).and_then(|(mut records, size)| {
            let handed = hand_over(records.array())?;
            Ok((handed, size))
        });
        match &handed {
            Ok((_, size)) => counters.message(wire.len(), *size),
            Err(_) => counters.error(),
        }
        handed.map(|(handed, _)| handed)
    }

    /// Returns the wire bytes of a message for a messaging system of a Java plugin; it is counted when the plugin has taken it.
    pub fn encode(&self, value: &[u8], timestamp_us: i64) -> Result<Encoded> {
        let Raw::Codec(codec) = self.raw()? else {
            return Err(Error::Internal("not a codec".into()));
        };
        let fill = |place: &mut [u8]| {
            place.copy_from_slice(value);
            Ok::<_, Error>(())
        };
        codec.encoder.encode(value.len(), timestamp_us, fill).inspect_err(|_| codec.counters.error())
    }

    /// Counts a message that was encoded and taken.
    pub fn count(&self, wire: usize, size: ValueSize) -> Result<()> {
        match self.raw()? {
            Raw::Codec(codec) => {
                codec.counters.message(wire, size);
                Ok(())
            }
            Raw::Writer(_) | Raw::Reader(_) => Err(Error::Internal("not a codec".into())),
        }
    }

    pub fn metrics(&self) -> Result<Metrics> {
        Ok(match self.raw()? {
            Raw::Codec(codec) => codec.counters.snapshot(),
            Raw::Writer(writer) => writer.metrics(),
            Raw::Reader(reader) => reader.metrics(),
        })
    }

    pub fn reset_metrics(&self) -> Result<()> {
        match self.raw()? {
            Raw::Codec(codec) => codec.counters.reset(),
            Raw::Writer(writer) => writer.reset_metrics(),
            Raw::Reader(reader) => reader.reset_metrics(),
        }
        Ok(())
    }

    /// Counts an error that happened in Java.
    pub fn count_error(&self) -> Result<()> {
        match self.raw()? {
            Raw::Codec(codec) => codec.counters.error(),
            Raw::Writer(writer) => writer.counters.error(),
            Raw::Reader(reader) => reader.counters.error(),
        }
        Ok(())
    }

    /// Begins an orderly close that takes at most this time, or the configured one; returns a ticket for its end.
    pub fn close(&self, within: Option<Duration>) -> Result<i64> {
        Ok(self.keep(Operation::Other(match self.raw()? {
            Raw::Writer(writer) => writer.close_within(within.unwrap_or(writer.settings.close_timeout)),
            Raw::Reader(_) | Raw::Codec(_) => {
                let client = self.client()?;
                match within {
                    Some(timeout) => client.begin_close_within(timeout),
                    None => client.begin_close(),
                }
                Box::pin(client.closed())
            }
        })))
    }

    fn raw(&self) -> Result<&Raw> {
        self.raw.get().ok_or_else(|| Error::Internal("not connected".into()))
    }

    fn client(&self) -> Result<&Client> {
        self.raw()?.client().ok_or_else(|| Error::Internal("there is no connection".into()))
    }

    fn writer(&self) -> Result<&RawWriter> {
        match self.raw()? {
            Raw::Writer(writer) => Ok(writer),
            Raw::Reader(_) | Raw::Codec(_) => Err(Error::Internal("a reader does not write".into())),
        }
    }

    fn reader(&self) -> Result<&RawReader> {
        match self.raw()? {
            Raw::Reader(reader) => Ok(reader),
            Raw::Writer(_) | Raw::Codec(_) => Err(Error::Internal("a writer does not read".into())),
        }
    }
}

#[cfg(test)]
mod tests;
