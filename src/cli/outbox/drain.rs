//! `sinetstream outbox drain`: opens a writer of the service that writes nothing, and ends when the broker has confirmed all
//! messages that wait.

use std::time::Duration;

use super::contents::{Contents, count, owner_name};
use crate::cli::args::Drain;
use crate::cli::failure::{Exit, Failure, Result};
use crate::cli::progress::{Progress, say};
use crate::cli::stop::{Stop, Waited};
use crate::cli::{log, service};
use crate::config::{Role, Settings, Value};
use crate::material::KeyMaterial;
use crate::wait::{after, block_until};
use crate::writer::RawWriter;

/// The interval at which the progress is updated.
const SLICE: Duration = Duration::from_millis(100);
/// The time for which a broker is awaited on request: until the user ends the command.
const FOR_EVER: Duration = Duration::from_secs(100 * 365 * 86_400);

pub(super) fn run(options: &Drain) -> Result<Exit> {
    log::show(options.common.verbose);
    let contents = Contents::of(&options.directory)?;
    if let Some(owner) = contents.owner {
        let (directory, owner) = (options.directory.display(), owner_name(owner));
        return Err(Failure::new(format!("the outbox '{directory}' is in use by {owner}, which sends what is in it")));
    }
    let settings = settings(options)?;
    if contents.messages == 0 && contents.damages.is_empty() {
        say("nothing waits in the outbox");
        return Ok(Exit::Done);
    }
    let stop = Stop::listen()?;
    let writer = RawWriter::start(settings, &KeyMaterial::default(), None, None).map_err(Failure::before_connecting)?;
    match stop.wait(writer.client.opened(), None) {
        Waited::Done(opened) => opened?,
        Waited::Stopped(exit) => return Ok(exit),
        Waited::TimedOut => {}
    }
    let mut progress = Progress::start("sent", Some(contents.messages), true);
    let mut flushed = writer.flushed();
    let ended = loop {
        let waited = stop.wait(&mut flushed, Some(after(SLICE)));
        let sent = writer.metrics();
        progress.reached(sent.msg_count_total, sent.msg_bytes_total);
        match waited {
            Waited::TimedOut => {}
            Waited::Stopped(exit) => break Ok(exit),
            Waited::Done(flushed) => break flushed.map(|()| Exit::Done),
        }
    };
    let info = writer.info();
    // Unconfirmed messages stay in the outbox, so there is no reason to wait for them.
    let closed = block_until(writer.close_within(Duration::ZERO), None).unwrap_or(Ok(()));
    let text = progress.summary();
    drop(progress);
    say(&text);
    let (left, dropped) = (info.outbox_messages as u64, info.outbox_dropped);
    if left > 0 {
        say(&format!("{} stay in the outbox", count(left)));
    }
    match ended? {
        Exit::Done if dropped > 0 => {
            Err(Failure::new(format!("{} were not sent, but dropped or refused", count(dropped))))
        }
        Exit::Done => closed.map(|()| Exit::Done).map_err(Failure::from),
        exit => Ok(exit),
    }
}

/// Returns the service's settings, with this outbox.
fn settings(options: &Drain) -> Result<Settings> {
    let directory = std::path::absolute(&options.directory)
        .map_err(|e| Failure::new(format!("{}: {e}", options.directory.display())))?;
    let Some(text) = directory.to_str() else {
        return Err(Failure::usage(format!("{}: the name of the directory is not UTF-8", directory.display())));
    };
    let mut settings = service::settings(&options.common, Role::Writer, &[])?;
    if settings.outbox.is_none() {
        // The service's program may give `outbox` to its builder, instead of the file.
        let outbox = Value::Map([("directory", Value::from(text))].into_iter().collect());
        settings = service::settings(&options.common, Role::Writer, &[("outbox", outbox)])?;
    }
    if let Some(outbox) = &mut settings.outbox {
        outbox.directory = directory;
    }
    settings.retry_first = if options.wait { FOR_EVER } else { Duration::ZERO };
    settings.automatic_reconnect = options.wait;
    Ok(settings)
}
