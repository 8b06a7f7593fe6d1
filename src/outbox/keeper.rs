//! The thread that writes to the disk. It appends all messages that have gathered, and syncs once for all of them.

use std::io;
use std::sync::PoisonError;
use std::time::Duration;

use tokio::time::Instant;

use super::handshakes::{Beginning, Releases};
use super::holder::Holder;
use super::identifiers;
use super::log::Log;
use super::record::Record;
use super::shared::{Life, Message, Shared, State};
use crate::config::SyncRule;
use crate::error::{Delivery, Error, IoKind};
use crate::lock::lock;

/// The least time between two notes of what is done; after the death of the process, messages that were confirmed in between
/// are sent again.
const SAVING: Duration = Duration::from_millis(20);
/// The pause before the next attempt of an operation that the disk has refused.
const AGAIN: Duration = Duration::from_secs(1);

/// Stores messages until the outbox ends. The directory is free before that is told.
pub(super) fn run(shared: &Shared, log: Log, holder: Holder, client: &dyn Releases) {
    let end = End(shared);
    let mut keeper = Keeper::new(shared, log, holder, client);
    while keeper.turn() {}
    drop(keeper);
    drop(end);
}

/// Tells the end even if the thread panics, so that nobody waits for ever.
struct End<'a>(&'a Shared);

impl Drop for End<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let error = Error::Internal("the outbox's thread has stopped".into());
            self.0.refuse(error.clone());
            self.0.fail_waiting(&error);
        }
        self.0.ended();
    }
}

pub(super) struct Keeper<'a> {
    shared: &'a Shared,
    log: Log,
    client: &'a dyn Releases,
    /// The packet identifiers of messages whose PUBREL waits until the journal has noted it.
    releasing: Vec<u16>,
    /// The time of the next attempt, when the journal could not be written for the handshakes.
    again_at: Option<Instant>,
    /// The time when appended messages are to be synced.
    sync_at: Option<Instant>,
    /// The time when what is done is to be noted.
    save_at: Option<Instant>,
    /// The disk has refused something, and a warning has been given.
    is_refused: bool,
    /// The lock on the directory. It is the last field, so that the files are closed before another writer can take the
    /// directory.
    holder: Holder,
}

struct Work {
    batch: Vec<Message>,
    done: u64,
    has_received: bool,
    beginning: Option<Beginning>,
    /// A copy of [`State::displaced`](super::shared::State::displaced).
    displaced: (u64, u64),
    is_last: bool,
}

impl<'a> Keeper<'a> {
    pub(super) fn new(shared: &'a Shared, log: Log, holder: Holder, client: &'a dyn Releases) -> Keeper<'a> {
        Keeper {
            shared,
            log,
            client,
            releasing: Vec::new(),
            again_at: None,
            sync_at: None,
            save_at: None,
            is_refused: false,
            holder,
        }
    }

    /// Does one round of work. Returns false after the last one.
    fn turn(&mut self) -> bool {
        let work = self.wait();
        self.do_all(work)
    }

    /// Does the work that is due now, without waiting for more.
    #[cfg(test)]
    pub(super) fn turn_at_once(&mut self) {
        let work = self.take_work(&mut lock(self.shared.state()), Instant::now());
        if let Ok(work) = work {
            self.do_all(work);
        }
    }

    fn do_all(&mut self, Work { batch, done, displaced: (from, to), has_received, beginning, is_last }: Work) -> bool {
        self.log.confirm(done);
        if !batch.is_empty() {
            self.store(batch);
            // Messages give way only when others come, so this is the moment to remove them.
            if let Err(e) = self.log.forget_between(from, to) {
                self.note(Some(format!("the files of dropped messages can't be removed: {e}")));
            }
        }
        if self.shared.is_exact {
            if beginning.is_some() && done > self.log.done() {
                // Messages that were completed in the session before must be noted as done first; otherwise they would be sent
                // again in the new session.
                self.save(done);
            }
            self.keep_handshakes(has_received, beginning);
        }
        let now = Instant::now();
        let is_due = |at: Option<Instant>| is_last || at.is_some_and(|at| at <= now);
        if self.shared.of.sync != SyncRule::Never && is_due(self.sync_at) {
            self.sync_at = None;
            let synced = self.log.sync();
            self.note(
                synced.as_ref().err().map(|e| format!("the messages stored last may be lost in a power failure: {e}")),
            );
        }
        if is_due(self.save_at) {
            self.save(done);
        }
        !is_last
    }

    fn wait(&mut self) -> Work {
        let shared = self.shared;
        let mut state = lock(shared.state());
        loop {
            let now = Instant::now();
            let due = match self.take_work(&mut state, now) {
                Ok(work) => return work,
                Err(due) => due,
            };
            state = match due {
                None => shared.work.wait(state).unwrap_or_else(PoisonError::into_inner),
                Some(due) => shared.work.wait_timeout(state, due - now).unwrap_or_else(PoisonError::into_inner).0,
            };
        }
    }

    /// Returns the work that is due now; otherwise the time when some will be, if nothing comes before.
    fn take_work(&mut self, state: &mut State, now: Instant) -> std::result::Result<Work, Option<Instant>> {
        if state.is_done_unsaved {
            self.save_at.get_or_insert(now + SAVING);
        }
        let due = self.sync_at.into_iter().chain(self.save_at).chain(self.again_at).min();
        let is_last = state.life != Life::Open || state.closing.is_some_and(|closing| closing.dropped);
        let handshakes = &state.handshakes;
        let is_reserving = self.again_at.is_none() && self.log.reservable(handshakes.wanted) > handshakes.reserved;
        let has_handshakes = handshakes.has_received || handshakes.beginning.is_some() || is_reserving;
        if !(is_last || !state.pending.is_empty() || has_handshakes || due.is_some_and(|due| due <= now)) {
            return Err(due);
        }
        Ok(Work {
            batch: std::mem::take(&mut state.pending),
            done: state.done,
            displaced: state.displaced,
            has_received: std::mem::take(&mut state.handshakes.has_received),
            beginning: state.handshakes.beginning.take(),
            is_last,
        })
    }

    fn store(&mut self, batch: Vec<Message>) {
        let records: Vec<Record> = batch.iter().map(|message| message.record.clone()).collect();
        let (first, end) = (records[0].number, records[records.len() - 1].number + 1);
        let appended = self.holder.keep().and_then(|()| self.log.append(&records));
        drop(records);
        let lost = if appended.is_ok() { end } else { self.log.next().clamp(first, end) };
        let synced = if self.shared.of.sync == SyncRule::Always && lost > first { self.log.sync() } else { Ok(()) };
        if let SyncRule::Every(time) = self.shared.of.sync
            && !self.log.is_synced()
        {
            self.sync_at.get_or_insert(Instant::now() + time);
        }
        let directory = self.shared.of.directory.display();
        let refused = |e: &std::io::Error, what, became| {
            let message = format!("the outbox '{directory}' can't be written: {e}; {what}");
            Error::io(IoKind::Other, message).of_message(became)
        };
        let failure = appended.as_ref().err().map(|e| refused(e, "the message was not sent", Delivery::NotSent));
        let doubt =
            synced.as_ref().err().map(|e| refused(e, "the message may be delivered all the same", Delivery::Unknown));
        self.note(appended.err().or(synced.err()).map(|e| format!("the disk refuses messages: {e}")));
        self.shared.stored(batch, lost, failure, doubt, || self.log.places());
    }

    /// Notes the state of the handshakes in the journal, then has the client continue them.
    fn keep_handshakes(&mut self, has_received: bool, beginning: Option<Beginning>) {
        if has_received {
            self.releasing.extend(self.client.take_received());
        }
        if let Some(beginning) = beginning {
            self.begin_session(beginning);
        }
        if self.again_at.is_some_and(|at| at > Instant::now()) {
            return;
        }
        self.again_at = None;
        if let Err(e) = self.holder.keep().and_then(|()| self.release()).and_then(|()| self.reserve()) {
            self.again_at = Some(Instant::now() + AGAIN);
            self.note(Some(format!("messages wait, because the journal can't be written, which is tried again: {e}")));
        }
    }

    /// Begins a session in the journal. Messages that were received (PUBREC) in another session mean nothing in this one.
    fn begin_session(&mut self, Beginning { session, told }: Beginning) {
        self.releasing.clear();
        let begun = self.holder.keep().and_then(|()| self.log.begin_session(Some(session)));
        if begun.is_ok() {
            self.shared.with(|state| state.handshakes.session = Some(session));
        }
        let directory = self.shared.of.directory.display();
        let begun = begun.map_err(|e| {
            let message = format!("the outbox '{directory}' can't note that the broker has a new session: {e}");
            Error::io(IoKind::Other, message)
        });
        // The task that has asked may be gone.
        let _ = told.send(begun);
    }

    fn release(&mut self) -> io::Result<()> {
        if self.releasing.is_empty() {
            return Ok(());
        }
        let done = self.log.done();
        let numbers: Vec<u64> = self.releasing.iter().map(|id| identifiers::number(*id, done)).collect();
        self.log.release(&numbers, self.shared.of.sync == SyncRule::Always)?;
        self.client.release(&std::mem::take(&mut self.releasing));
        Ok(())
    }

    fn reserve(&mut self) -> io::Result<()> {
        let wanted = self.shared.with(|state| state.handshakes.wanted);
        if self.log.reservable(wanted) > self.log.noted().reserved {
            self.log.reserve(wanted)?;
            let reserved = self.log.noted().reserved;
            self.shared.with(|state| {
                state.handshakes.reserved = reserved;
                state.wake_feeder();
            });
        }
        Ok(())
    }

    /// Notes what is done, and removes what need not be kept any more.
    fn save(&mut self, done: u64) {
        let saved = self.holder.keep().and_then(|()| self.log.set_done(done));
        self.shared.with(|state| state.is_done_unsaved = state.done != done || saved.is_err());
        self.save_at = saved.is_err().then(|| Instant::now() + AGAIN);
        self.note(
            saved.err().map(|e| format!("delivered messages can't be noted as such, and may be sent again: {e}")),
        );
    }

    /// Warns when the disk begins to refuse.
    fn note(&mut self, trouble: Option<String>) {
        let was_refused = std::mem::replace(&mut self.is_refused, trouble.is_some());
        if let Some(trouble) = trouble.filter(|_| !was_refused) {
            self.shared.warn(self.shared.of.says(trouble));
        }
    }
}

#[cfg(test)]
#[path = "keeper_tests.rs"]
mod tests;
