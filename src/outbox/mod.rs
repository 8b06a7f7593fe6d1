//! The outbox on disk: messages that a writer has accepted survive the death of the process, a loss of power and days without a
//! network.
//!
//! Callers put messages into memory (`write`, `shared`), where each gets its number. The `keeper`, a thread, writes all
//! messages that have gathered to the `log`, and syncs once. The `feeder`, a task on the client's engine thread, publishes
//! stored messages in their order, from memory or, when it is behind, from the disk, and notes which are confirmed; the log
//! removes those. At QoS 2 the state of the `handshakes` with the broker is stored, too: in the log's `journal`, under packet
//! `identifiers` that follow from the numbers. `hearers` are told how their messages ended, when the disk or the broker has
//! them; `queue` holds the callers that wait for room. `holder` locks the directory, `hold` pauses publishing while the broker
//! refuses for the moment, the `clock` ends operations that take too long, and `refused` stores messages that the broker does
//! not accept. `inspection` lets the command look at a directory from outside.

#[cfg(feature = "bench")]
pub(crate) mod bench;
mod clock;
#[cfg(test)]
mod disk;
mod feeder;
mod files;
#[cfg(any(test, feature = "fuzz"))]
mod fuzz;
mod gathered;
mod handshakes;
mod hearers;
#[cfg(test)]
mod history_tests;
mod hold;
mod holder;
mod identifiers;
#[cfg(feature = "cli")]
mod inspection;
mod journal;
mod keeper;
mod log;
mod queue;
mod record;
mod refused;
mod segment;
mod session;
mod shared;
#[cfg(test)]
mod simulation;
mod write;

use std::future::Future;
use std::sync::Arc;
use std::task::Waker;
use std::thread::JoinHandle;
use std::time::Duration;

use bytes::Bytes;
use tokio::time::Instant;

use crate::config::{AcceptedBy, Consistency, OutboxSettings, Settings, warnings_of_directory};
use crate::error::{Error, IoKind, Result};
use crate::metrics::{Counters, now_us};
use crate::mqtt::{Client, ConnectionInfo, Ended, Heading, KeptSession, Listener, ValueSize, Way, closed_error};
use crate::wait::{after, block_until};
use files::{Files, SystemFiles};
#[cfg(any(test, feature = "fuzz"))]
pub(crate) use fuzz::outbox as fuzz_files;
use holder::Holder;
#[cfg(feature = "cli")]
pub(crate) use holder::Owner;
#[cfg(feature = "cli")]
pub(crate) use inspection::{Inspection, SetAside, Waiting, discard};
use log::Log;
use shared::{Closing, Found, Life, New, Shared};
pub(crate) use write::Write;

/// A message whose end is told by the report.
pub(crate) enum Submitted {
    /// The message has this number.
    Accepted(u64),
    /// The outbox is full.
    Waits(Write),
}

/// The directory of an outbox, locked against other writers.
pub(crate) struct Directory {
    files: Arc<dyn Files>,
    holder: Holder,
}

impl Directory {
    /// Locks the directory, and makes it if it is missing.
    pub fn take(of: &OutboxSettings) -> Result<Directory> {
        let files = SystemFiles::new(&of.directory).map_err(|e| unopened(of, &e))?;
        Ok(Directory { files: Arc::new(files), holder: Holder::take(&of.directory)? })
    }
}

/// The outbox of one writer. Dropping it waits for the disk, so that no accepted message is lost and the directory is free, but
/// not for the broker; the wait is no longer than a close may take, but at least some seconds.
pub(crate) struct Outbox {
    shared: Arc<Shared>,
    client: Arc<Client>,
    keeper: Option<JoinHandle<()>>,
}

impl Outbox {
    /// Opens the outbox with the messages in its directory, and has `connect` start the client with the given listener.
    pub fn start(
        Directory { files, mut holder }: Directory,
        of: &OutboxSettings,
        settings: &Settings,
        counters: Arc<Counters>,
        listener: Option<Listener>,
        connect: impl FnOnce(Listener, Option<Arc<dyn KeptSession>>) -> Result<Client>,
    ) -> Result<(Outbox, Arc<Client>)> {
        let topic = settings.written_topic();
        // Room is freed by whole segments, so they must be much smaller than the outbox.
        let segment = log::SEGMENT.min(of.max_bytes / 4);
        let (mut log, warnings) = Log::open(files.clone(), topic, segment).map_err(|e| unopened(of, &e))?;
        let is_exact = settings.consistency == Consistency::ExactlyOnce;
        if !is_exact && log.noted().session.is_some() {
            // QoS 1 completes no QoS 2 handshakes, so a later process at QoS 2 can't continue them.
            log.begin_session(None).map_err(|e| unopened(of, &e))?;
        }
        let warnings = holder.warning.take().into_iter().chain(warnings_of_directory(&of.directory)).chain(warnings);
        let warnings = warnings.map(|text| of.says(text));
        let found = Found::of(&log, warnings.collect());
        let times = (settings.write_timeout, settings.close_timeout);
        let shared = Arc::new(Shared::new(of, times, files, found, is_exact, (counters, listener)));
        let kept = is_exact.then(|| shared.clone() as Arc<dyn KeptSession>);
        let told = shared.clone();
        let client = Arc::new(connect(Box::new(move |event| told.tell(event)), kept)?);
        let keeper = std::thread::Builder::new().name("sinetstream-outbox".into()).spawn({
            let (shared, client) = (shared.clone(), client.clone());
            move || keeper::run(&shared, log, holder, &*client)
        });
        let keeper = keeper.map_err(|e| Error::Internal(format!("the outbox's thread can't be started: {e}")))?;
        client.runtime().spawn(feeder::run(shared.clone(), client.clone(), topic.into()));
        Ok((Outbox { shared, client: client.clone(), keeper: Some(keeper) }, client))
    }

    /// Waits until the writer is open, or could not be opened. A writer with `accept: disk` also counts as open when the broker
    /// can't be reached at first: the client keeps trying.
    pub fn opened(&self) -> impl Future<Output = Result<()>> + Send + use<> {
        let (shared, opened) = (self.shared.clone(), self.client.opened());
        async move {
            tokio::select! {
                biased;
                opened = opened => opened,
                () = shared.opened_offline() => Ok(()),
            }
        }
    }

    /// Returns the write of a message with its caller's deadline; the caller asks how it ended.
    pub fn write(&self, heading: Option<Heading>, payload: Bytes, size: ValueSize, deadline: Instant) -> Write {
        let message = New { heading: heading.map(Arc::new), payload, size };
        Write::new(self.shared.clone(), self.client.clone(), message, deadline)
    }

    /// Submits a message that nobody waits for: its end comes with [`Outbox::take_report`].
    pub fn submit(&self, heading: Option<Heading>, payload: Bytes, size: ValueSize) -> Result<Submitted> {
        let mut write = self.write(heading, payload, size, after(self.shared.write_timeout));
        Ok(match write.accept(Way::Reported, None)? {
            Some(number) => Submitted::Accepted(number),
            None => Submitted::Waits(write),
        })
    }

    /// Returns the ends of submissions since the last call; when there are none, the waker is called at the next one.
    pub fn take_report(&self, waker: &Waker) -> Vec<Ended> {
        let first = self.shared.first;
        let report = self.shared.with(|state| state.hearers.take_report(waker));
        let counted = report.into_iter().map(|ended| match ended {
            Ended::Done(from, end) => Ended::Done(from - first, end - first),
            Ended::Failed(number, error) => Ended::Failed(number - first, error),
        });
        counted.collect()
    }

    /// Waits until the broker has confirmed all messages accepted so far, including those of earlier processes. It is an error
    /// if the client ends before, or if the broker has refused messages since the last flush, which are kept aside.
    pub fn flushed(&self) -> impl Future<Output = Result<()>> + Send + use<> {
        let shared = self.shared.clone();
        let target = shared.with(|state| state.next);
        async move {
            let ended = shared.progressed(|state| match &state.refusal {
                _ if state.done >= target => Some(Ok(())),
                Some(refusal) if state.is_over => Some(Err(refusal.clone())),
                _ => None,
            });
            ended.await.and_then(|()| shared.flushed())
        }
    }

    /// Begins an orderly close, which takes this time at most; see [`Outbox::closed`]. Nothing is accepted from now on.
    pub fn begin_close(&self, timeout: Duration) {
        let deadline = after(timeout);
        self.shared.begin_close(Closing { deadline, dropped: false }, closed_error());
    }

    /// Waits for the end of the close. With `accept: broker`, messages that stay are an error that tells their number.
    pub fn closed(&self) -> impl Future<Output = Result<()>> + Send + use<> {
        let shared = self.shared.clone();
        async move {
            let left = shared.progressed(|state| state.is_over.then(|| state.left())).await;
            if left == 0 || shared.of.accepted_by == AcceptedBy::Disk {
                return Ok(());
            }
            let directory = shared.of.directory.display();
            let what = format!(
                "closed, but {left} messages are not confirmed; they stay in the outbox '{directory}', and are sent when \
                 that is opened again"
            );
            Err(Error::io(IoKind::TimedOut, what))
        }
    }

    /// Adds the messages that wait on disk and in memory.
    pub fn describe(&self, info: &mut ConnectionInfo) {
        self.shared.with(|state| {
            info.outbox_messages = usize::try_from(state.left()).unwrap_or(usize::MAX);
            info.outbox_bytes = usize::try_from(state.bytes).unwrap_or(usize::MAX);
            let age_us = state.oldest_us.map_or(0, |oldest| now_us().saturating_sub(oldest));
            info.outbox_age_ms = u64::try_from(age_us / 1000).unwrap_or_default();
            info.outbox_dropped = state.dropped;
        });
    }

    /// Returns the wire bytes of the message that was accepted last.
    pub fn last_message(&self) -> Option<Bytes> {
        self.shared.with(|state| state.last_message.clone())
    }
}

fn unopened(of: &OutboxSettings, error: &std::io::Error) -> Error {
    Error::io(IoKind::Other, format!("the outbox '{}' can't be opened: {error}", of.directory.display()))
}

impl Drop for Outbox {
    fn drop(&mut self) {
        let (is_open, closing) = self.shared.with(|state| (state.life == Life::Open, state.closing));
        if is_open {
            self.shared.begin_close(Closing { deadline: Instant::now(), dropped: true }, closed_error());
        }
        let most = self.shared.disk_deadline(closing);
        let is_ended = block_until(self.shared.keeper_ended(), Some(most)).is_some();
        // A thread that a slow disk holds up keeps the directory until it ends.
        if let Some(keeper) = self.keeper.take().filter(|_| is_ended) {
            let _ = keeper.join();
        }
    }
}
