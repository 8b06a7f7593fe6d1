//! This library.

use std::collections::VecDeque;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use bench_tools::Outcome;
use bench_tools::measured::Measured;
use bench_tools::presence::Presence;
use sinetstream::config::{Map, Value};
use sinetstream::{
    AsyncMessageReader, AsyncMessageWriter, ConnectionEvent, Consistency, MessageReader, MessageReaderBuilder,
    MessageWriter, MessageWriterBuilder,
};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::oneshot;

use crate::client::{BlockingWriter, Client, Open, Writer};
use crate::reads::Counts;
use crate::target::Target;

pub const NAME: &str = "sinetstream-rust";

/// With a runtime for the tasks that read.
pub struct SinetStream(Runtime);

impl SinetStream {
    pub fn new() -> Outcome<SinetStream> {
        Ok(SinetStream(Builder::new_multi_thread().worker_threads(1).build()?))
    }
}

impl Client for SinetStream {
    fn writer(&self, target: &Target, window: usize) -> Outcome<Box<dyn Writer>> {
        Ok(Box::new(AsyncWriter { writer: pollster::block_on(writers(target).open_async())?, window }))
    }

    fn blocking_writer(&self, target: &Target) -> Outcome<Box<dyn BlockingWriter>> {
        Ok(Box::new(writers(target).open()?))
    }

    fn reader(&self, target: &Target, counts: Arc<Counts>) -> Outcome<Box<dyn Open>> {
        let reader = pollster::block_on(readers(target).open_async())?;
        let (close, asked) = oneshot::channel();
        self.0.spawn(read(reader, counts, asked));
        Ok(Box::new(Reading(close)))
    }

    fn blocking_reader(&self, target: &Target, counts: Arc<Counts>) -> Outcome<Box<dyn Open>> {
        let reader = readers(target).open()?;
        thread::spawn(move || {
            loop {
                match reader.read() {
                    Ok(Some(message)) => counts.add(message.value().len()),
                    Ok(None) => {}
                    Err(error) => return counts.fail(error),
                }
            }
        });
        Ok(Box::new(Fetching))
    }
}

struct AsyncWriter {
    writer: AsyncMessageWriter<[u8]>,
    window: usize,
}

impl Open for AsyncWriter {
    fn close(self: Box<Self>) -> Outcome {
        Ok(pollster::block_on(self.writer.close())?)
    }
}

impl Writer for AsyncWriter {
    fn start(&self, value: &[u8]) -> Outcome {
        // What is sent goes on without whoever could wait for it.
        drop(pollster::block_on(self.writer.send(value))?);
        Ok(())
    }

    fn write_for(&mut self, value: &[u8], time: Duration, into: &mut Measured) {
        pollster::block_on(write_async(&self.writer, value, self.window, time, into));
    }
}

/// One task writes, and awaits the oldest message when the window is full.
async fn write_async(
    writer: &AsyncMessageWriter<[u8]>,
    value: &[u8],
    window: usize,
    time: Duration,
    into: &mut Measured,
) {
    let mut count = |result: sinetstream::Result<()>| match result {
        Ok(()) => into.messages += 1,
        Err(error) => into.error(error),
    };
    let mut under_way = VecDeque::with_capacity(window);
    let end = Instant::now() + time;
    while Instant::now() < end {
        if under_way.len() == window
            && let Some(sent) = under_way.pop_front()
        {
            count(sent.await);
        }
        match writer.send(value).await {
            Ok(sent) => under_way.push_back(sent),
            Err(error) => count(Err(error)),
        }
    }
    for sent in under_way {
        count(sent.await);
    }
}

impl Open for MessageWriter<[u8]> {
    fn close(self: Box<Self>) -> Outcome {
        Ok(MessageWriter::close(*self)?)
    }
}

impl BlockingWriter for MessageWriter<[u8]> {
    fn write(&self, value: &[u8]) -> Outcome {
        Ok(MessageWriter::write(self, value)?)
    }
}

/// What asks the task that reads to close; it answers when it has.
type Closing = oneshot::Sender<sinetstream::Result<()>>;

struct Reading(oneshot::Sender<Closing>);

impl Open for Reading {
    fn close(self: Box<Self>) -> Outcome {
        let (answer, closed) = oneshot::channel();
        self.0.send(answer).map_err(|_| "the reader has ended before")?;
        Ok(closed.blocking_recv()??)
    }
}

async fn read(reader: AsyncMessageReader<Vec<u8>>, counts: Arc<Counts>, mut asked: oneshot::Receiver<Closing>) {
    loop {
        tokio::select! {
            biased;
            message = reader.read() => match message {
                Ok(Some(message)) => counts.add(message.value().len()),
                Ok(None) => {}
                Err(error) => return counts.fail(error),
            },
            answer = &mut asked => {
                let closed = reader.close().await;
                if let Ok(answer) = answer {
                    // Whoever asked waits for it, or does not any more.
                    let _ = answer.send(closed);
                }
                return;
            }
        }
    }
}

struct Fetching;

impl Open for Fetching {
    /// The thread that fetches has the reader, and ends with the process.
    fn close(self: Box<Self>) -> Outcome {
        Ok(())
    }
}

fn writers(target: &Target) -> MessageWriterBuilder<[u8]> {
    let mut builder = MessageWriter::<[u8]>::builder()
        .no_config(true)
        .service_type("mqtt")
        .topic(&target.topic)
        .consistency(consistency(target))
        .parameters(parameters(target));
    if let Some(presence) = target.presence.clone() {
        builder = builder.on_connection_event(move |event| tell(&presence, event));
    }
    builder
}

fn readers(target: &Target) -> MessageReaderBuilder<Vec<u8>> {
    let mut builder = MessageReader::<Vec<u8>>::builder()
        .no_config(true)
        .service_type("mqtt")
        .topic(&target.topic)
        .consistency(consistency(target))
        .parameters(parameters(target));
    if let Some(presence) = target.presence.clone() {
        builder = builder.on_connection_event(move |event| tell(&presence, event));
    }
    builder
}

fn tell(presence: &Presence, event: &ConnectionEvent) {
    match event {
        ConnectionEvent::Connected { .. } => presence.connected(),
        ConnectionEvent::Lost { .. } | ConnectionEvent::Ended { .. } => presence.lost(),
        _ => {}
    }
}

fn parameters(target: &Target) -> Map {
    let broker = format!("{}:{}", target.host, target.port);
    let mut parameters: Vec<(&str, Value)> = vec![("brokers", broker.into())];
    if let Some(authority) = &target.authority {
        parameters.push(("tls", [("ca_certs", authority.as_str())].into()));
    }
    if let Some((user, password)) = &target.login {
        let login = [("username", user.as_str()), ("password", password.as_str())];
        parameters.push(("username_pw", login.into()));
    }
    if let Some((outbox, directory)) = &target.outbox {
        parameters.push(("client_id", target.client_id().into()));
        let sync = if outbox.is_synced { "always" } else { "never" };
        let outbox = [("directory", directory.as_str()), ("accept", outbox.accept), ("sync", sync)];
        parameters.push(("outbox", outbox.into()));
    }
    parameters.into_iter().collect()
}

fn consistency(target: &Target) -> Consistency {
    match target.qos {
        0 => Consistency::AtMostOnce,
        1 => Consistency::AtLeastOnce,
        _ => Consistency::ExactlyOnce,
    }
}
