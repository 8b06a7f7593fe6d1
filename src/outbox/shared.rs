//! The state that the callers, the keeper and the feeder of an outbox share.

use std::collections::{BTreeSet, VecDeque};
use std::future::poll_fn;
use std::ops::Range;
use std::sync::{Arc, Condvar, Mutex};
use std::task::{Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::Notify;
use tokio::time::Instant;

use super::files::Files;
use super::handshakes::{Handshakes, RESERVED};
use super::hearers::{Hearer, Hearers};
use super::identifiers::FURTHEST_AHEAD;
use super::journal::Noted;
use super::log::{Log, Place};
use super::queue::Queue;
use super::record::Record;
use crate::config::{AcceptedBy, OutboxSettings, Overflow};
use crate::error::{Delivery, Error, IoKind, Result};
use crate::lock::lock;
use crate::metrics::{Counters, now_us};
use crate::mqtt::{ConnectionEvent, Earlier, Heading, Kept, Listener, ValueSize};
use crate::wait::after;

/// The least time that the disk has at a close, however short `close_timeout_ms` is.
const LEAST_FOR_THE_DISK: Duration = Duration::from_secs(5);
/// The bytes of messages that may wait in memory for the disk.
const MAX_PENDING: u64 = 16 << 20;
/// The bytes of stored messages that may wait in memory for the feeder, which reads the others from the disk.
const MAX_READY: u64 = 16 << 20;

/// A message that is to be accepted.
pub(super) struct New {
    /// The heading, if the message has its own.
    pub heading: Option<Arc<Heading>>,
    pub payload: Bytes,
    /// The bytes of the value inside, for the metrics.
    pub size: ValueSize,
}

/// A message in memory.
#[derive(Clone)]
pub(super) struct Message {
    pub record: Record,
    /// The time when this process accepted the message, so that a system clock that was wrong then makes no message too old.
    /// `None` for a message that was read from the disk.
    pub accepted: Option<Instant>,
    /// The bytes of the value inside, for the metrics.
    pub size: ValueSize,
}

impl Message {
    pub fn bytes(&self) -> u64 {
        self.record.size() as u64
    }

    /// Returns how long the message has been in the outbox.
    pub fn age(&self) -> Duration {
        match self.accepted {
            Some(accepted) => accepted.elapsed(),
            None => {
                let micros = now_us().saturating_sub(self.record.time_us);
                Duration::from_micros(u64::try_from(micros).unwrap_or_default())
            }
        }
    }

    /// Returns what the client needs to know of the message besides its bytes, with what an earlier process has done with it.
    pub fn kept(&self, earlier: Earlier) -> Kept {
        // On a system whose monotonic clock begins at its start, an earlier moment can't be represented.
        Kept { earlier, accepted: self.accepted.or_else(|| Instant::now().checked_sub(self.age())) }
    }
}

/// An orderly close, or the drop of a writer.
#[derive(Clone, Copy)]
pub(super) struct Closing {
    pub deadline: Instant,
    /// The writer was dropped, so nobody waits for the end.
    pub dropped: bool,
}

/// The phase of an outbox's life.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Life {
    Open,
    /// The client has ended; the keeper stores the messages that wait for it, and then ends as well.
    Ending,
    /// The files are closed, and another writer can take the directory.
    Ended,
}

pub(super) struct State {
    /// The number of the next message.
    pub next: u64,
    /// Numbers that no message has; the last of them precedes this process's first one.
    skipped: Range<u64>,
    /// Accepted messages that the keeper has not taken yet.
    pub pending: Vec<Message>,
    /// The bytes of `pending`, and of the messages that the keeper is about to store.
    pub pending_bytes: u64,
    /// Every message with a lower number is stored, as safely as `sync` demands, or has failed.
    pub stored: u64,
    /// Stored messages for the feeder, contiguous with those that it had before.
    pub ready: VecDeque<Message>,
    pub ready_bytes: u64,
    /// Every stored message that the feeder has not had is in `ready`.
    pub is_all_ready: bool,
    /// The segments, when the feeder must read them.
    pub places: Vec<Place>,
    /// Every message with a lower number is confirmed, or has failed.
    pub done: u64,
    /// The keeper does not know the new value of `done` yet.
    pub is_done_unsaved: bool,
    /// The bytes of all messages that are not done.
    pub bytes: u64,
    /// The time when the oldest of them was accepted, in microseconds since 1970.
    pub oldest_us: Option<i64>,
    pub dropped: u64,
    pub handshakes: Handshakes,
    /// Every message from the first number up to, but not including, the second has given way to newer ones.
    pub displaced: (u64, u64),
    pub queue: Queue,
    pub hearers: Hearers,
    /// The reason why nothing is accepted any more.
    pub refusal: Option<Error>,
    pub closing: Option<Closing>,
    pub life: Life,
    /// The feeder has ended.
    pub is_over: bool,
    /// The broker could not be reached.
    pub is_offline: bool,
    /// The number of messages that the broker has refused since the last flush, and that are kept aside.
    pub kept_aside: u64,
    /// The waker of the feeder.
    pub feeder: Option<Waker>,
    /// The next moment that the feeder's clock waits for.
    pub watched: Option<Instant>,
    /// Warnings for the listener.
    pub warnings: Vec<String>,
    /// The end of the client, which the listener is told after the ends of the messages.
    pub last_event: Option<ConnectionEvent>,
    pub last_message: Option<bytes::Bytes>,
    wakes: Vec<Waker>,
    moment_is_earlier: bool,
    has_progressed: bool,
}

/// The shared state and the means to wait for its changes.
pub(super) struct Shared {
    state: Mutex<State>,
    /// Wakes the keeper.
    pub work: Condvar,
    /// Wakes the feeder's clock.
    pub earlier: Notify,
    /// Tells that messages are done, or that the outbox has ended.
    progress: Notify,
    pub files: Arc<dyn Files>,
    pub of: OutboxSettings,
    pub write_timeout: Duration,
    pub close_timeout: Duration,
    /// The writer has QoS 2.
    pub is_exact: bool,
    /// The number of this process's first message.
    pub first: u64,
    /// Messages below this number may have been published by an earlier process.
    pub perhaps_published: u64,
    /// The messages that an earlier process has released.
    pub released: BTreeSet<u64>,
    pub counters: Arc<Counters>,
    pub listener: Option<Listener>,
}

/// What is known of the directory's content when the outbox is opened.
pub(super) struct Found {
    pub next: u64,
    pub skipped: Range<u64>,
    pub done: u64,
    pub bytes: u64,
    pub places: Vec<Place>,
    pub noted: Noted,
    pub warnings: Vec<String>,
}

impl Found {
    pub fn of(log: &Log, warnings: Vec<String>) -> Found {
        Found {
            next: log.next(),
            skipped: log.skipped(),
            done: log.done(),
            bytes: log.bytes(),
            places: log.places(),
            noted: log.noted().clone(),
            warnings,
        }
    }
}

impl Shared {
    pub fn new(
        of: &OutboxSettings,
        (write_timeout, close_timeout): (Duration, Duration),
        files: Arc<dyn Files>,
        found: Found,
        is_exact: bool,
        (counters, listener): (Arc<Counters>, Option<Listener>),
    ) -> Shared {
        let Noted { reserved, session, released, .. } = found.noted;
        let wanted = if is_exact { found.next + RESERVED } else { 0 };
        let state = State {
            next: found.next,
            skipped: found.skipped,
            pending: Vec::new(),
            pending_bytes: 0,
            stored: found.next,
            ready: VecDeque::new(),
            ready_bytes: 0,
            is_all_ready: found.done >= found.next,
            places: found.places,
            done: found.done,
            is_done_unsaved: false,
            bytes: if found.done >= found.next { 0 } else { found.bytes },
            oldest_us: None,
            dropped: 0,
            handshakes: Handshakes { session, reserved, wanted, ..Handshakes::default() },
            displaced: (0, 0),
            queue: Queue::default(),
            hearers: Hearers::default(),
            refusal: None,
            closing: None,
            life: Life::Open,
            is_over: false,
            is_offline: false,
            kept_aside: 0,
            feeder: None,
            watched: None,
            warnings: found.warnings,
            last_event: None,
            last_message: None,
            wakes: Vec::new(),
            moment_is_earlier: false,
            has_progressed: false,
        };
        Shared {
            state: Mutex::new(state),
            work: Condvar::new(),
            earlier: Notify::new(),
            progress: Notify::new(),
            files,
            of: of.clone(),
            write_timeout,
            close_timeout,
            is_exact,
            first: found.next,
            perhaps_published: if is_exact { reserved } else { found.next.min(found.done + FURTHEST_AHEAD) },
            released,
            counters,
            listener,
        }
    }

    /// Changes the state under its lock; wakes the tasks and threads concerned after the lock is released.
    pub fn with<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let mut state = lock(&self.state);
        let result = change(&mut state);
        let mut wakes = std::mem::take(&mut state.wakes);
        wakes.extend(state.hearers.take_wakes());
        let is_earlier = std::mem::take(&mut state.moment_is_earlier);
        let has_progressed = std::mem::take(&mut state.has_progressed);
        drop(state);
        wakes.into_iter().for_each(Waker::wake);
        if is_earlier {
            self.earlier.notify_one();
        }
        if has_progressed {
            self.progress.notify_waiters();
        }
        result
    }

    /// Returns the state for the keeper, which waits for work.
    pub fn state(&self) -> &Mutex<State> {
        &self.state
    }

    /// Accepts a message if there is room and nobody waits before it, and returns its number. Otherwise returns `None`, and the
    /// waker is called when there may be room; without a waker the caller does not join the queue.
    pub fn accept(
        &self,
        message: &mut Option<New>,
        time_us: i64,
        (deadline, hearer): (Instant, Hearer),
        ticket: &mut Option<u64>,
        waker: Option<&Waker>,
    ) -> Result<Option<u64>> {
        let number = self.with(|state| {
            if let Some(refusal) = &state.refusal {
                return Err(refusal.clone());
            }
            let Some(New { heading, payload, size }) = message.as_ref() else {
                return Err(Error::Internal("a message was written twice".into()));
            };
            let record = Record { number: state.next, time_us, heading: heading.clone(), payload: payload.clone() };
            let new = Message { record, accepted: Some(Instant::now()), size: *size };
            let bytes = new.bytes();
            if bytes > self.of.max_bytes {
                return Err(self.too_large(bytes));
            }
            if !state.queue.is_turn_of(*ticket) || bytes > self.room(state) {
                if let Some(waker) = waker {
                    state.queue.join(ticket, bytes, waker);
                    self.call_next(state);
                }
                return Ok(None);
            }
            if let Some(ticket) = ticket.take() {
                state.queue.leave(ticket);
            }
            *message = None;
            let number = state.next;
            state.next += 1;
            state.bytes += bytes;
            state.pending_bytes += bytes;
            state.oldest_us.get_or_insert(time_us);
            state.last_message = Some(new.record.payload.clone());
            state.pending.push(new);
            state.hearers.add(number, deadline, hearer);
            state.watch(deadline);
            self.call_next(state);
            Ok(Some(number))
        });
        match &number {
            Ok(Some(_)) => self.work.notify_one(),
            Ok(None) => {}
            Err(_) => self.counters.error(),
        }
        number
    }

    fn too_large(&self, bytes: u64) -> Error {
        let (directory, most) = (self.of.directory.display(), self.of.max_bytes);
        let message = format!("a message of {bytes} bytes is larger than the outbox '{directory}' ({most} bytes)");
        Error::io(IoKind::TooLarge, message).of_message(Delivery::NotSent)
    }

    /// Removes a caller from the queue for room.
    pub fn leave_queue(&self, ticket: u64) {
        self.with(|state| {
            state.queue.leave(ticket);
            // The next caller may have waited only for this one.
            self.call_next(state);
        });
    }

    /// Returns how many bytes have room now.
    fn room(&self, state: &State) -> u64 {
        let in_memory = match state.pending_bytes {
            // A large message may wait alone.
            0 => u64::MAX,
            pending => MAX_PENDING.saturating_sub(pending),
        };
        self.of.max_bytes.saturating_sub(state.bytes).min(in_memory)
    }

    /// Wakes the callers that wait for room, as far as there is room.
    fn call_next(&self, state: &mut State) {
        if !state.queue.is_empty() {
            let called = state.queue.call(self.room(state));
            state.wakes.extend(called);
            if self.is_to_make_room(state) {
                state.wake_feeder();
            }
        }
    }

    /// Returns whether a caller waits for room that the oldest messages must make.
    fn is_to_make_room(&self, state: &State) -> bool {
        let left = self.of.max_bytes.saturating_sub(state.bytes);
        self.of.overflow == Overflow::DropOldest && state.queue.wanted().is_some_and(|bytes| bytes > left)
    }

    /// Does the same for the feeder.
    pub fn lacks_room(&self) -> bool {
        self.of.overflow == Overflow::DropOldest && self.with(|state| self.is_to_make_room(state))
    }

    /// Notes that a message of this many bytes gives way to newer ones.
    pub fn displace(&self, number: u64, bytes: u64) {
        self.with(|state| {
            state.dropped += 1;
            state.bytes = state.bytes.saturating_sub(bytes);
            if state.hearers.has(number) {
                let directory = self.of.directory.display();
                let why = format!(
                    "the message was dropped: the outbox '{directory}' is full, and newer ones have taken its place \
                     ('overflow' is 'drop_oldest')"
                );
                self.fail(state, number, Some(&Error::io(IoKind::Other, why).of_message(Delivery::Unknown)));
            }
            self.call_next(state);
        });
    }

    /// Notes the keeper's result for `batch`. Messages from `lost` on were not stored, because of `failure`; those before it
    /// may not survive, if there is a `doubt`.
    pub fn stored(
        &self,
        batch: Vec<Message>,
        lost: u64,
        failure: Option<Error>,
        doubt: Option<Error>,
        places: impl FnOnce() -> Vec<Place>,
    ) {
        self.with(|state| {
            let bytes: u64 = batch.iter().map(Message::bytes).sum();
            state.pending_bytes -= bytes;
            for message in batch {
                let number = message.record.number;
                state.stored = number + 1;
                if number >= lost {
                    state.bytes = state.bytes.saturating_sub(message.bytes());
                    self.fail(state, number, failure.as_ref());
                } else {
                    self.fail(state, number, doubt.as_ref());
                    state.make_ready(message);
                }
            }
            if self.of.accepted_by == AcceptedBy::Disk {
                state.hearers.succeed_before(state.stored);
            }
            if !state.is_all_ready {
                state.places = places();
            }
            self.call_next(state);
            state.wake_feeder();
        });
    }

    fn fail(&self, state: &mut State, number: u64, error: Option<&Error>) {
        if let Some(error) = error
            && state.hearers.fail(number, error.clone())
        {
            self.counters.error();
        }
    }

    /// Returns whether somebody waits for the end of a message.
    pub fn is_awaited(&self, number: u64) -> bool {
        self.with(|state| state.hearers.has(number))
    }

    /// Returns the result of a flush, which is an error when messages are kept aside.
    pub fn flushed(&self) -> Result<()> {
        match self.with(|state| std::mem::take(&mut state.kept_aside)) {
            0 => Ok(()),
            count => {
                let directory = self.of.directory.display();
                let what = "the broker has refused messages, which are kept aside in the outbox";
                Err(Error::io(IoKind::Other, format!("{what} '{directory}': {count}")))
            }
        }
    }

    /// Waits until a close has begun.
    pub async fn closing(&self) {
        self.fed_until(|state| state.closing.is_some()).await;
    }

    /// Makes the feeder wait until this holds.
    pub async fn fed_until(&self, wanted: fn(&State) -> bool) {
        poll_fn(|context| {
            self.with(|state| {
                state.feeder = Some(context.waker().clone());
                if wanted(state) { Poll::Ready(()) } else { Poll::Pending }
            })
        })
        .await;
    }

    /// Returns how long a close waits for the disk. A short close is meant for a slow broker; a disk is rarely slow, so it has
    /// a minimum of its own.
    pub fn disk_deadline(&self, closing: Option<Closing>) -> Instant {
        let configured = closing.map_or_else(|| after(self.close_timeout), |closing| closing.deadline);
        configured.max(after(LEAST_FOR_THE_DISK))
    }

    /// Waits until `tell` returns something; `tell` sees the state after each of its changes.
    pub async fn progressed<T>(&self, mut tell: impl FnMut(&mut State) -> Option<T>) -> T {
        loop {
            let progress = self.progress.notified();
            if let Some(told) = self.with(&mut tell) {
                return told;
            }
            progress.await;
        }
    }

    /// Waits until the keeper has ended.
    pub async fn keeper_ended(&self) {
        self.progressed(|state| (state.life == Life::Ended).then_some(())).await;
    }

    /// Gives a message up and tells its hearer. The client has already counted the error.
    pub fn give_up(&self, number: u64, error: impl FnOnce() -> Error) {
        self.with(|state| {
            state.dropped += 1;
            if state.hearers.has(number) {
                state.hearers.fail(number, error());
            }
        });
    }

    /// Ends a caller's wait for a message.
    pub fn expire(&self, number: u64, error: &Error) {
        self.with(|state| self.fail(state, number, Some(error)));
    }

    /// Passes a warning to the listener.
    pub fn warn(&self, text: String) {
        self.with(|state| {
            state.warnings.push(text);
            state.wake_feeder();
        });
    }

    /// Waits until the broker could not be reached, in a writer that opens without it.
    pub async fn opened_offline(&self) {
        self.progressed(|state| (state.is_offline && self.of.accepted_by == AcceptedBy::Disk).then_some(())).await;
    }

    /// Passes an event to the listener: the client's end after the ends of its messages, all other events at once.
    pub fn tell(&self, event: &ConnectionEvent) {
        if let ConnectionEvent::Retrying { cause, .. } = event
            && !matches!(cause, Error::Authentication { .. })
        {
            self.with(|state| {
                state.is_offline = true;
                state.has_progressed = true;
            });
        }
        let is_last = matches!(event, ConnectionEvent::Ended { .. } | ConnectionEvent::Closed);
        let is_kept = is_last
            && self.with(|state| {
                if !state.is_over {
                    state.last_event = Some(event.clone());
                }
                !state.is_over
            });
        if let Some(listener) = self.listener.as_ref().filter(|_| !is_kept) {
            listener(event);
        }
    }

    /// Notes that the feeder has ended, so that nothing delays those who wait for the end of the outbox.
    pub fn over(&self) {
        let last_event = self.with(|state| {
            state.is_over = true;
            state.has_progressed = true;
            state.last_event.take()
        });
        if let (Some(event), Some(listener)) = (last_event, &self.listener) {
            listener(&event);
        }
    }

    /// Notes that every message below `number` is done. `bytes` is their size, and `oldest_us` the time of the oldest message
    /// that is not done.
    pub fn done(&self, number: u64, bytes: u64, oldest_us: Option<i64>) {
        let is_news = self.with(|state| {
            let is_news = !std::mem::replace(&mut state.is_done_unsaved, true);
            state.done = number;
            state.bytes = state.bytes.saturating_sub(bytes);
            state.oldest_us = oldest_us.or_else(|| state.oldest_in_memory());
            if number == state.next {
                state.bytes = 0;
                state.oldest_us = None;
            }
            if self.of.accepted_by == AcceptedBy::Broker {
                state.hearers.succeed_before(number);
            }
            state.has_progressed = true;
            self.call_next(state);
            is_news
        });
        if is_news {
            self.work.notify_one();
        }
    }

    /// Tells this error to all who still wait for the end of a message.
    pub fn fail_waiting(&self, error: &Error) {
        self.with(|state| {
            for number in state.hearers.numbers() {
                self.fail(state, number, Some(error));
            }
        });
    }

    /// Returns how far the numbers are reserved, and asks the keeper to reserve on from `number`.
    pub fn reserved(&self, number: u64) -> u64 {
        let (reserved, is_news) = self.with(|state| {
            let Handshakes { reserved, wanted, .. } = &mut state.handshakes;
            let is_news = number + RESERVED / 2 >= *wanted;
            if is_news {
                *wanted = number + RESERVED;
            }
            (*reserved, is_news)
        });
        if is_news {
            self.work.notify_one();
        }
        reserved
    }

    /// Refuses new messages from now on.
    pub fn refuse(&self, error: Error) {
        self.with(|state| {
            state.refusal.get_or_insert(error);
            let waiting = state.queue.close();
            state.wakes.extend(waiting);
        });
    }

    pub fn begin_close(&self, closing: Closing, refusal: Error) {
        self.refuse(refusal);
        self.with(|state| {
            let known = state.closing.get_or_insert(closing);
            known.dropped |= closing.dropped;
            state.watch(closing.deadline);
            state.wake_feeder();
        });
        self.work.notify_one();
    }

    /// Ends the keeper, after it has stored the messages that wait.
    pub fn end(&self) {
        self.with(|state| {
            if state.life == Life::Open {
                state.life = Life::Ending;
            }
        });
        self.work.notify_one();
    }

    /// Notes that the keeper has ended, so that nothing is stored any more.
    pub fn ended(&self) {
        self.with(|state| {
            state.life = Life::Ended;
            state.handshakes.beginning = None;
            state.has_progressed = true;
            state.wake_feeder();
        });
    }

    /// Returns the text for people when messages stay in the outbox.
    pub fn stays(&self) -> String {
        format!("it stays in the outbox '{}', and is sent when that is opened again", self.of.directory.display())
    }
}

impl State {
    /// Keeps a message in memory for the feeder, if there is room.
    fn make_ready(&mut self, message: Message) {
        let bytes = message.bytes();
        self.is_all_ready &= self.ready.is_empty() || self.ready_bytes + bytes <= MAX_READY;
        if self.is_all_ready {
            self.ready_bytes += bytes;
            self.ready.push_back(message);
        }
    }

    /// Returns the number of messages that are not done.
    pub fn left(&self) -> u64 {
        let gone = |from: u64, to: u64| to.saturating_sub(from.max(self.done));
        let gone = gone(self.skipped.start, self.skipped.end) + gone(self.displaced.0, self.displaced.1);
        (self.next - self.done).saturating_sub(gone)
    }

    /// Returns whether the outbox is closed and the time for the broker is up.
    pub fn is_closed_by_now(&self) -> bool {
        self.closing.is_some_and(|closing| closing.dropped || closing.deadline <= Instant::now())
    }

    pub fn wake_feeder(&mut self) {
        self.wakes.extend(self.feeder.take());
    }

    /// Has the feeder's clock wake at this moment.
    fn watch(&mut self, moment: Instant) {
        if self.watched.is_none_or(|watched| moment < watched) {
            self.watched = Some(moment);
            self.moment_is_earlier = true;
        }
    }

    fn oldest_in_memory(&self) -> Option<i64> {
        self.ready.front().or(self.pending.first()).map(|message| message.record.time_us)
    }
}
