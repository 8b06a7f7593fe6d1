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

/// What a call does when it finds nothing yet.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Wait {
    /// It only looks.
    No,
    /// It arms the signal of what it looked for; see [`signals`].
    Armed,
    /// The same after half a millisecond: for a thread that others may need.
    Briefly,
    /// The same after ten milliseconds, for a thread that has nothing else to do. An answer that comes within this time costs
    /// no change of threads beside the engine's own; for a longer wait the thread parks in Java, where it can be
    /// interrupted.
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

/// See the module.
pub(super) struct JavaClient {
    /// What Java knows the client by.
    handle: OnceLock<i64>,
    role: Role,
    /// What it is opened with, secrets among it, until it is opened.
    settings: Mutex<Option<Box<Settings>>>,
    raw: OnceLock<Raw>,
    /// What Java has yet to hear the end of.
    pending: Mutex<Pending>,
    events: Arc<EventQueue>,
    /// Where Java is asked for what an attempt to connect needs.
    desks: Desks,
    /// What opens its key stores again, until it is opened.
    stores: Mutex<Option<StoreSource>>,
    /// Events that Java could not take.
    untold: Mutex<Vec<u8>>,
    /// What wakes Java when messages arrive, if it asked for that.
    arrival: Mutex<Option<Arrival>>,
}

type Arrival = Pin<Box<dyn Future<Output = ()> + Send>>;

enum Raw {
    Writer(Box<RawWriter>),
    Reader(Box<RawReader>),
    /// The messaging system is Java's; what it carries is coded here.
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

/// Something under way, whose end Java waits for.
enum Operation {
    Write(RawWrite),
    /// A message that waits for room in the outbox, in its place in the order of all.
    Submission(Submission),
    /// Java keeps the time.
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

/// A message for whose end nobody waits.
#[derive(Debug, PartialEq)]
pub(super) enum Submitted {
    /// It has this number.
    Accepted(u64),
    /// It is accepted when this ticket ends.
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

    /// What Java will know this client by.
    pub fn named(self, handle: i64) -> JavaClient {
        let _ = self.handle.set(handle);
        self.desks.named(handle);
        self
    }

    /// What the engine asks with this signal; see [`Desks`].
    pub fn question(&self, what: i64) -> Result<Zeroizing<Vec<u8>>> {
        self.desks.question(what)
    }

    /// Java answers that.
    pub fn answer(&self, what: i64, answer: &[u8]) -> Result<()> {
        self.desks.answer(what, answer)
    }

    fn waker(&self, what: i64) -> Waker {
        self.handle.get().map_or_else(|| Waker::noop().clone(), |handle| signals::waker(*handle, what))
    }

    /// What Java needs to know of the configuration.
    ///
    /// # Errors
    ///
    /// After [`JavaClient::connect`] it is forgotten.
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

    /// Starts to connect. `material`: a tree with what Java has opened; `plugin`: the stages that Java has.
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
        // The first look at the news arms its signal.
        self.waker(signals::NEWS).wake();
        Ok(())
    }

    /// A ticket for the end of the opening.
    pub fn opened(&self) -> Result<i64> {
        Ok(self.keep(Operation::Other(match self.raw()? {
            Raw::Writer(writer) => writer.opened(),
            Raw::Reader(_) | Raw::Codec(_) => Box::pin(self.client()?.opened()),
        })))
    }

    /// Starts a write of `length` bytes that `fill` provides. The ticket under which it goes on; `None`: it is confirmed.
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

    /// Starts to wait until all that was written before has ended.
    pub fn flush(&self) -> Result<i64> {
        Ok(self.keep(Operation::Other(match self.raw()? {
            Raw::Writer(writer) => writer.flushed(),
            Raw::Reader(_) | Raw::Codec(_) => Box::pin(self.client()?.flushed()),
        })))
    }

    /// Asks the broker for a sign of life.
    pub fn ping(&self) -> Result<i64> {
        Ok(self.keep(Operation::Other(Box::pin(self.client()?.ping()?))))
    }

    /// A ticket for the operation, from 1.
    fn keep(&self, operation: Operation) -> i64 {
        let mut pending = lock(&self.pending);
        pending.last_ticket += 1;
        let ticket = pending.last_ticket;
        pending.by_ticket.insert(ticket, operation);
        ticket
    }

    /// Looks whether what the ticket stands for has ended: then the ticket is used up.
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

    /// Polls as often as `wait` says; `what` is signalled when that is worth another call.
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

    /// Accepts a message of `length` bytes that `fill` provides, now or when there is room in the outbox.
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

    /// What has ended of the messages that a writer was given.
    fn take_report(&self, waker: &Waker) -> Vec<Ended> {
        match self.raw.get() {
            Some(Raw::Writer(writer)) => writer.take_report(waker),
            Some(Raw::Reader(_) | Raw::Codec(_)) | None => Vec::new(),
        }
    }

    /// What has happened, packed: changes of the connection, ends of submitted messages, and, if wanted, that messages
    /// wait. Empty: nothing has. There is no news without a client: a change of its connection that was told
    /// before could be its end, and nobody would ask for the ends of its messages any more. What `hand_over` fails for
    /// comes again with the next call: the ends of messages are told by nobody else.
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
        // Otherwise somebody may wait for messages by himself.
        if want_messages {
            self.disarm_arrival();
        }
        let mut arrival: Option<Arrival> = want_messages.then(|| Box::pin(client.arrival()) as Arrival);
        let mut acknowledged = false;
        let news = self.look(signals::NEWS, wait, |context| {
            let mut packed = Vec::new();
            self.take_report(context.waker()).iter().for_each(|ended| events::pack_end(&mut packed, ended));
            if let Some(arrival) = &mut arrival {
                // The wake-up for the next message is asked for before the look at those that are there.
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
            // The end of the client comes after the ends of its messages.
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

    /// Nobody in Java is to be woken by the next message: what is about to look must not miss its own wake-up.
    fn disarm_arrival(&self) {
        drop(lock(&self.arrival).take());
    }

    /// The handle is gone: nobody may wait on.
    pub fn released(&self) {
        self.events.close();
        self.desks.close();
    }

    pub fn last_message(&self) -> Result<Option<Bytes>> {
        Ok(self.writer()?.last_message())
    }

    /// Hands over the messages that are there, packed, up to a number and a size; no records: there are none yet.
    /// What `hand_over` fails for, for want of memory most likely, it is called for again, with less: the first message
    /// alone, then the failure of that, so that it does not stand in the way for ever. When all fails, the messages are
    /// still to be read.
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
            // While the application waits, nothing that it has taken stays unacknowledged.
            client.send_acknowledgements();
            self.disarm_arrival();
            let mut arrival: Arrival = Box::pin(client.arrival());
            let found = self.look(signals::MESSAGES, wait, |context| {
                // The wake-up is asked for before the look.
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

    /// The application has processed this message.
    pub fn acknowledge(&self, number: i64) -> Result<()> {
        self.reader()?.client.taken(number as u64);
        Ok(())
    }

    /// The application could not process this message.
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

    /// The bytes of a message for a messaging system of Java's; it is counted when that has taken it.
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

    /// Counts a message that was encoded, and taken.
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

    /// Begins the orderly close, which takes this time at most, or the configured one: a ticket for its end.
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
