//! `sinetstream write`: sends messages.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::Instant;

use super::args::{Properties, Write};
use super::failure::{Exit, Failure, Result};
use super::input::Input;
use super::progress::{Progress, say};
use super::stop::{Stop, Waited};
use super::{log, service};
use crate::config::{Role, Value};
use crate::material::KeyMaterial;
use crate::metrics::now_us;
use crate::mqtt::Heading;
use crate::terms::WriteOptions;
use crate::wait::{after, block_until};
use crate::writer::{RawWrite, RawWriter};

/// At most this many messages are unconfirmed at a time.
const WINDOW: usize = 256;
/// At most this many bytes of messages are unconfirmed at a time.
const WINDOW_BYTES: usize = 8 << 20;
/// The longest wait for a confirmation without a check for Ctrl-C, and for input without a check for confirmations.
const SLICE: Duration = Duration::from_millis(20);
/// The longest delay that a given rate makes up for.
const CATCH_UP: Duration = Duration::from_millis(100);

pub(super) fn run(options: &Write) -> Result<Exit> {
    log::show(options.common.verbose);
    let mut fields = if options.clear { clearing() } else { service::text(options.text) };
    fields.extend(options.topic.as_deref().map(|topic| ("topic", topic.into())));
    fields.extend(options.retain.then(|| ("retain", true.into())));
    let settings = service::settings(&options.common, Role::Writer, &fields)?;
    let own = own(&options.properties);
    if let Some(own) = &own {
        // Errors in the properties are reported before anything is sent.
        Heading::of_message(&settings, own).map_err(Failure::before_connecting)?;
    }
    let input = Input::new(options, settings.value_type == "text")?;
    let stop = Stop::listen()?;
    let writer = RawWriter::start(settings, &KeyMaterial::default(), None, None).map_err(Failure::before_connecting)?;
    match stop.wait(writer.opened(), None) {
        Waited::Done(opened) => opened?,
        Waited::Stopped(exit) => return Ok(exit),
        Waited::TimedOut => {}
    }

    let progress = Progress::start("wrote", options.count, !input.is_typed());
    let pace = options.rate.map(|rate| Duration::from_secs_f64(1.0 / rate));
    let mut run = Run { writer: &writer, own, stop: &stop, pending: VecDeque::new(), bytes: 0, progress };
    let ended = run.all(input.start(), pace);
    if let (Ok(Some(_)), waiting @ 1..) = (&ended, run.pending.len()) {
        say(&format!("waiting for the confirmation of {waiting} messages; Ctrl-C again ends at once"));
    }
    let closed = run.close();
    let progress = run.progress;
    // On a terminal the last state of the progress line stays visible.
    let summary = progress.is_shown() && progress.messages() != 1 || options.common.verbose > 0;
    let text = progress.summary();
    drop(progress);
    if summary || matches!(ended, Ok(Some(_))) {
        say(&text);
    }
    match ended? {
        Some(exit) => {
            // Undelivered messages are reported; the exit code is still that of the signal.
            closed.unwrap_or_else(|failure| say(&failure.message));
            Ok(exit)
        }
        None => closed.map(|()| Exit::Done),
    }
}

/// Returns the fields for an empty message: everything that would add bytes to it is switched off.
fn clearing() -> Vec<(&'static str, Value)> {
    let off = ["data_encryption", "data_compression"].map(|name| (name, Value::Bool(false)));
    ["retain", "user_data_only"].map(|name| (name, Value::Bool(true))).into_iter().chain(off).collect()
}

/// Returns the properties for these messages, if any are given.
fn own(properties: &Properties) -> Option<WriteOptions> {
    let Properties { expiry, content_type, response_topic, correlation_data, user_properties } = properties;
    let mut own = WriteOptions::new();
    if let Some(expiry) = expiry {
        own = own.message_expiry(*expiry);
    }
    if let Some(content_type) = content_type {
        own = own.content_type(content_type);
    }
    if let Some(topic) = response_topic {
        own = own.response_topic(topic);
    }
    if let Some(data) = correlation_data {
        own = own.correlation_data(data.as_bytes());
    }
    let own = user_properties.iter().fold(own, |own, (name, value)| own.user_property(name, value));
    (own != WriteOptions::new()).then_some(own)
}

struct Run<'a> {
    writer: &'a RawWriter,
    /// The properties of each message.
    own: Option<WriteOptions>,
    stop: &'a Stop,
    /// The unconfirmed writes, oldest first, with the size of each in bytes.
    pending: VecDeque<(RawWrite, usize)>,
    bytes: usize,
    progress: Progress,
}

impl Run<'_> {
    /// Writes everything; returns early, with the exit code, when the user asks for the end.
    fn all(&mut self, mut input: mpsc::Receiver<Result<Vec<u8>>>, pace: Option<Duration>) -> Result<Option<Exit>> {
        let mut due = Instant::now();
        while let Some(message) = {
            match self.next(&mut input)? {
                Waited::Stopped(exit) => return Ok(Some(exit)),
                Waited::Done(message) => message,
                Waited::TimedOut => None,
            }
        } {
            if let Some(pace) = pace {
                if let Some(exit) = self.pause_until(due)? {
                    return Ok(Some(exit));
                }
                // A short delay is made up for; a long one is not, because that would cause a burst.
                due = (due + pace).max(Instant::now().checked_sub(CATCH_UP).unwrap_or(due));
            }
            if let Some(exit) = self.make_room(message.len())? {
                return Ok(Some(exit));
            }
            self.write(&message)?;
        }
        // Each write has a deadline of its own.
        while !self.pending.is_empty() {
            if let Some(exit) = self.stop.asked() {
                return Ok(Some(exit));
            }
            self.confirm_first(SLICE)?;
        }
        Ok(None)
    }

    /// Returns the next message, and meanwhile handles confirmations.
    fn next(&mut self, input: &mut mpsc::Receiver<Result<Vec<u8>>>) -> Result<Waited<Option<Vec<u8>>>> {
        loop {
            self.confirm_all()?;
            let deadline = (!self.pending.is_empty()).then(|| after(SLICE));
            match self.stop.wait(input.recv(), deadline) {
                Waited::TimedOut => {}
                Waited::Stopped(exit) => return Ok(Waited::Stopped(exit)),
                Waited::Done(message) => return Ok(Waited::Done(message.transpose()?)),
            }
        }
    }

    fn write(&mut self, message: &[u8]) -> Result<()> {
        let mut write = self.writer.write_with(self.own.as_ref(), message.len(), now_us(), |place| {
            place.copy_from_slice(message);
            Ok::<_, crate::Error>(())
        })?;
        // The first poll sends the message, unless the outbox is full.
        let mut patience = Duration::ZERO;
        loop {
            if let Some(result) = write.wait_until(Some(after(patience))) {
                result?;
                self.progress.message(message.len());
                return Ok(());
            }
            if write.is_accepted() || self.stop.asked().is_some() {
                self.pending.push_back((write, message.len()));
                self.bytes += message.len();
                return Ok(());
            }
            patience = SLICE;
        }
    }

    fn make_room(&mut self, bytes: usize) -> Result<Option<Exit>> {
        while self.pending.len() >= WINDOW || (self.bytes + bytes > WINDOW_BYTES && !self.pending.is_empty()) {
            if let Some(exit) = self.stop.asked() {
                return Ok(Some(exit));
            }
            self.confirm_first(SLICE)?;
        }
        Ok(None)
    }

    /// Waits until the moment, and meanwhile handles confirmations.
    fn pause_until(&mut self, due: Instant) -> Result<Option<Exit>> {
        loop {
            self.confirm_all()?;
            let until = if self.pending.is_empty() { due } else { due.min(after(SLICE)) };
            match self.stop.wait(std::future::pending::<()>(), Some(until)) {
                Waited::Stopped(exit) => return Ok(Some(exit)),
                _ if Instant::now() >= due => return Ok(None),
                _ => {}
            }
        }
    }

    fn confirm_all(&mut self) -> Result<()> {
        while self.confirm_first(Duration::ZERO)? {}
        Ok(())
    }

    /// Waits this long for the oldest write; returns true if it is confirmed.
    fn confirm_first(&mut self, patience: Duration) -> Result<bool> {
        let Some((write, bytes)) = self.pending.front_mut() else { return Ok(false) };
        let Some(result) = write.wait_until(Some(after(patience))) else { return Ok(false) };
        let bytes = *bytes;
        self.pending.pop_front();
        self.bytes -= bytes;
        result?;
        self.progress.message(bytes);
        Ok(true)
    }

    /// Waits for confirmations up to the close's own time-out, and counts those that came.
    fn close(&mut self) -> Result<()> {
        let closed = block_until(self.writer.close(), None).unwrap_or(Ok(()));
        // Failed writes are in the close's error.
        while let Some((mut write, bytes)) = self.pending.pop_front() {
            if let Some(Ok(())) = write.wait_until(Some(Instant::now())) {
                self.progress.message(bytes);
            }
        }
        Ok(closed?)
    }
}
