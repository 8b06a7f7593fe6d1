//! `sinetstream read`: shows messages until it is told to end.

use std::time::Duration;

use super::args::Read;
use super::failure::{Exit, Failure, Result};
use super::output::{Output, Shown};
use super::progress::{Progress, say};
use super::stop::{Stop, Waited};
use super::{log, service};
use crate::config::Role;
use crate::error::Error;
use crate::material::KeyMaterial;
use crate::mqtt::{Delivery, MessageProperties};
use crate::reader::RawReader;
use crate::wait::{after, block_until};

/// Messages are acknowledged once the reader of standard output has them, at most this many at a time.
const BATCH: usize = 64;

pub(super) fn run(options: &Read) -> Result<Exit> {
    log::show(options.common.verbose);
    let settings = service::settings(&options.common, Role::Reader, &service::text(options.text))?;
    let text = settings.value_type == "text";
    let timeout = options.timeout.map(Duration::from_secs_f64).or(settings.receive_timeout);
    let topics = settings.topics.join(", ");
    let output = Output::new(options, text)?;
    let stop = Stop::listen()?;
    let reader = RawReader::start(settings, &KeyMaterial::default(), None, None).map_err(Failure::before_connecting)?;
    match stop.wait(reader.client.opened(), None) {
        Waited::Done(opened) => opened?,
        Waited::Stopped(exit) => return Ok(exit),
        Waited::TimedOut => {}
    }
    if options.common.verbose > 0 {
        say(&format!("reading from {topics}"));
    }

    let progress = Progress::start("read", options.count, true);
    let mut run =
        Run { options, reader: &reader, stop: &stop, text, timeout, output, progress, taken: Vec::new(), bad: 0 };
    let ended = run.all();
    // Messages that were shown are acknowledged, even if the next message ended the run.
    let flushed = run.acknowledge();
    reader.client.begin_close();
    let closed = block_until(reader.client.closed(), None).unwrap_or(Ok(()));

    let (progress, bad) = (run.progress, run.bad);
    let summary = progress.is_shown() || options.common.verbose > 0;
    let (text, messages) = (progress.summary(), progress.messages());
    drop(progress);
    let exit = match ended {
        Err(failure) => return Err(failure),
        Ok(End::Asked(exit)) => {
            say(&text);
            return Ok(exit);
        }
        Ok(End::Unread) => return Ok(Exit::Done),
        Ok(End::Enough) => Exit::Done,
        Ok(End::Silence) => match options.count {
            Some(count) => {
                let message = format!("{messages} of {count} messages came before the time-out");
                return Err(Failure::new(message));
            }
            None => Exit::Done,
        },
    };
    flushed?;
    closed?;
    if summary {
        say(&text);
    }
    match bad {
        0 => Ok(exit),
        _ => Err(Failure::new(format!("{bad} messages could not be decoded"))),
    }
}

/// The reason why reading has ended.
enum End {
    /// The number of `--count` is reached.
    Enough,
    /// No message came in time.
    Silence,
    /// Nobody reads the output.
    Unread,
    /// The user has asked for the end.
    Asked(Exit),
}

struct Run<'a> {
    options: &'a Read,
    reader: &'a RawReader,
    stop: &'a Stop,
    text: bool,
    timeout: Option<Duration>,
    output: Output,
    progress: Progress,
    /// The numbers of messages that are shown and not yet acknowledged.
    taken: Vec<u64>,
    bad: u64,
}

impl Run<'_> {
    fn all(&mut self) -> Result<End> {
        loop {
            if self.options.count.is_some_and(|count| self.progress.messages() >= count) {
                return Ok(End::Enough);
            }
            if let Some(exit) = self.stop.asked() {
                return Ok(End::Asked(exit));
            }
            let waiting = match self.taken.len() < BATCH {
                true => self.reader.client.try_receive(),
                false => Ok(None),
            };
            let delivery = match waiting {
                Ok(Some(delivery)) => delivery,
                // The client may also have ended: then the output is flushed first, and `receive` reports the reason.
                Ok(None) | Err(_) => {
                    if !self.acknowledge()? {
                        return Ok(End::Unread);
                    }
                    match self.stop.wait(self.reader.client.receive(), self.timeout.map(after)) {
                        Waited::Done(delivery) => delivery?,
                        Waited::TimedOut => return Ok(End::Silence),
                        Waited::Stopped(exit) => return Ok(End::Asked(exit)),
                    }
                }
            };
            if !self.show(&delivery)? {
                return Ok(End::Unread);
            }
        }
    }

    /// Shows one message; returns false if nobody reads the output.
    fn show(&mut self, delivery: &Delivery) -> Result<bool> {
        let number = self.progress.messages() + self.bad + 1;
        let publish = &delivery.publish;
        let decoded = self.reader.decode(&publish.payload, &publish.topic).and_then(|decoded| {
            match self.text && std::str::from_utf8(&decoded.payload).is_err() {
                true => Err(Error::InvalidMessage("the value is not UTF-8, but the messages are text".into())),
                false => Ok(decoded),
            }
        });
        let decoded = match decoded {
            Ok(decoded) => decoded,
            Err(error) => {
                // Such a message would not be readable the next time either, so it is acknowledged.
                self.taken.push(delivery.number);
                let message = format!("message {number} on {:?}: {error}", publish.topic);
                if !self.options.keep_going {
                    return Err(Failure::new(message));
                }
                say(&message);
                self.bad += 1;
                return Ok(true);
            }
        };
        let read = self.output.message(&Shown {
            number,
            topic: &publish.topic,
            timestamp_us: decoded.timestamp_us,
            qos: publish.qos.qos(),
            retain: publish.retain,
            properties: self.options.properties.then(|| MessageProperties::decode(&publish.properties)).flatten(),
            value: &decoded.payload,
        })?;
        if read {
            self.taken.push(delivery.number);
            self.progress.message(decoded.payload.len());
        }
        Ok(read)
    }

    /// Flushes the output, and acknowledges the messages that were in it; returns false if nobody reads it.
    fn acknowledge(&mut self) -> Result<bool> {
        let read = self.output.flush()?;
        if read {
            self.taken.drain(..).for_each(|number| self.reader.client.taken(number));
        }
        Ok(read)
    }
}
