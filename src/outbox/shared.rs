//! What the callers, the keeper and the feeder of an outbox share.

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

/// However little time a close may take, the disk has this.
const LEAST_FOR_THE_DISK: Duration = Duration::from_secs(5);
/// Bytes that may wait in memory for the disk.
const MAX_PENDING: u64 = 16 << 20;
/// Bytes in memory that are stored and wait for the feeder. It reads from the disk what does not fit.
const MAX_READY: u64 = 16 << 20;

/// A message that is to be accepted.
pub(super) struct New {
    /// If it has one of its own.
    pub heading: Option<Arc<Heading>>,
    pub payload: Bytes,
    /// Bytes of the value inside, for the metrics.
    pub size: ValueSize,
}

/// A message in memory.
#[derive(Clone)]
pub(super) struct Message {
    pub record: Record,
    /// When this process has accepted it: a clock that was wrong then makes no message too old. `None`: it was read from the disk.
    pub accepted: Option<Instant>,
    /// Bytes of the value inside, for the metrics.
    pub size: ValueSize,
}

impl Message {
    pub fn bytes(&self) -> u64 {
        self.record.size() as u64
    }

    /// How long it has been in the outbox.
    pub fn age(&self) -> Duration {
        match self.accepted {
            Some(accepted) => accepted.elapsed(),
            None => {
                let micros = now_us().saturating_sub(self.record.time_us);
                Duration::from_micros(u64::try_from(micros).unwrap_or_default())
            }
        }
    }

    /// What the client needs to know of it, beside what an earlier process has done with it.
    pub fn kept(&self, earlier: Earlier) -> Kept {
        // A system whose clock begins with it knows no moment before that.
        Kept { earlier, accepted: self.accepted.or_else(|| Instant::now().checked_sub(self.age())) }
    }
}

/// An orderly close, or a writer that was dropped.
#[derive(Clone, Copy)]
pub(super) struct Closing {
    pub deadline: Instant,
    /// Nobody waits for the end.
    pub dropped: bool,
}

/// Where an outbox is in its life.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Life {
    Open,
    /// The client has ended: the keeper stores what waits for it and ends, too.
    Ending,
    /// The files are closed, and somebody else can have the directory.
    Ended,
}

pub(super) struct State {
    /// The number of the next message.
    pub next: u64,
    /// Numbers that no message has; the last of them is the one before this process's first.
    skipped: Range<u64>,
    /// Accepted, and not with the keeper yet.
    pub pending: Vec<Message>,
    /// Bytes of those, and of those that the keeper is about to store.
    pub pending_bytes: u64,
    /// Every message with a lower number is stored, as surely as the configuration wants it, or has failed.
    pub stored: u64,
    /// Stored messages for the feeder, contiguous with what it had before.
    pub ready: VecDeque<Message>,
    pub ready_bytes: u64,
    /// Everything stored that the feeder has not had is in `ready`.
    pub is_all_ready: bool,
    /// The segments, when the feeder has to read them.
    pub places: Vec<Place>,
    /// Every message with a lower number is confirmed, or has failed.
    pub done: u64,
    /// The keeper does not know of that yet.
    pub is_done_unsaved: bool,
    /// Bytes of all that is not done.
    pub bytes: u64,
    /// When the oldest of them was accepted, in microseconds since 1970.
    pub oldest_us: Option<i64>,
    pub dropped: u64,
    pub handshakes: Handshakes,
    /// Everything from the first number on and before the second has given way to newer messages.
    pub displaced: (u64, u64),
    pub queue: Queue,
    pub hearers: Hearers,
    /// Why nothing is accepted any more.
    pub refusal: Option<Error>,
    pub closing: Option<Closing>,
    pub life: Life,
    /// The feeder has ended.
    pub is_over: bool,
    /// The broker could not be reached.
    pub is_offline: bool,
    /// Messages that the broker has refused and that are kept aside, since the last flush.
    pub kept_aside: u64,
    /// Wakes the feeder.
    pub feeder: Option<Waker>,
    /// The next moment that is watched by the feeder's clock.
    pub watched: Option<Instant>,
    /// For the listener.
    pub warnings: Vec<String>,
    /// The end of the client, which is told after the ends of the messages.
    pub last_event: Option<ConnectionEvent>,
    pub last_message: Option<bytes::Bytes>,
    wakes: Vec<Waker>,
    moment_is_earlier: bool,
    has_progressed: bool,
}

/// See the module.
pub(super) struct Shared {
    state: Mutex<State>,
    /// Wakes the keeper.
    pub work: Condvar,
    /// Wakes the feeder's clock.
    pub earlier: Notify,
    /// Tells that messages are done, or the outbox has ended.
    progress: Notify,
    pub files: Arc<dyn Files>,
    pub of: OutboxSettings,
    pub write_timeout: Duration,
    pub close_timeout: Duration,
    /// At QoS 2.
    pub is_exact: bool,
    /// The number of this process's first message.
    pub first: u64,
    /// Messages below this number were perhaps published by an earlier process.
    pub perhaps_published: u64,
    /// Messages that an earlier process has released.
    pub released: BTreeSet<u64>,
    pub counters: Arc<Counters>,
    pub listener: Option<Listener>,
}

/// What is there when the outbox is opened.
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

    /// Does something with the state; whoever is to be woken by that is woken without the lock.
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

    /// For the keeper, which waits for work.
    pub fn state(&self) -> &Mutex<State> {
        &self.state
    }

    /// Accepts a message if there is room and nobody waits before it: its number. `None`: the waker is called when there may be;
    /// without one it does not join the queue.
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

    /// Who waits for room leaves the queue.
    pub fn leave_queue(&self, ticket: u64) {
        self.with(|state| {
            state.queue.leave(ticket);
            // The next one may have waited for this one only.
            self.call_next(state);
        });
    }

    /// Bytes that have room now.
    fn room(&self, state: &State) -> u64 {
        let in_memory = match state.pending_bytes {
            // A large one may wait alone.
            0 => u64::MAX,
            pending => MAX_PENDING.saturating_sub(pending),
        };
        self.of.max_bytes.saturating_sub(state.bytes).min(in_memory)
    }

    /// Wakes those who wait for room, as far as there is some.
    fn call_next(&self, state: &mut State) {
        if !state.queue.is_empty() {
            let called = state.queue.call(self.room(state));
            state.wakes.extend(called);
            if self.is_to_make_room(state) {
                state.wake_feeder();
            }
        }
    }

    /// Whether somebody waits for room that the oldest messages are to make.
    fn is_to_make_room(&self, state: &State) -> bool {
        let left = self.of.max_bytes.saturating_sub(state.bytes);
        self.of.overflow == Overflow::DropOldest && state.queue.wanted().is_some_and(|bytes| bytes > left)
    }

    /// The same, for the feeder.
    pub fn lacks_room(&self) -> bool {
        self.of.overflow == Overflow::DropOldest && self.with(|state| self.is_to_make_room(state))
    }

    /// A message of so many bytes gives way to newer ones.
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

    /// The keeper has stored messages, or could not. `batch`: all of them; from `lost` on they are not there, for this reason, and
    /// those before are perhaps not kept, if there is a doubt.
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

    /// Whether somebody waits for the end of a message.
    pub fn is_awaited(&self, number: u64) -> bool {
        self.with(|state| state.hearers.has(number))
    }

    /// The end of a flush, which tells of what is kept aside.
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

    /// Ready when a close has begun.
    pub async fn closing(&self) {
        self.fed_until(|state| state.closing.is_some()).await;
    }

    /// The feeder waits until this holds.
    pub async fn fed_until(&self, wanted: fn(&State) -> bool) {
        poll_fn(|context| {
            self.with(|state| {
                state.feeder = Some(context.waker().clone());
                if wanted(state) { Poll::Ready(()) } else { Poll::Pending }
            })
        })
        .await;
    }

    /// How long a close waits for the disk. A short close is for the broker's sake, and a disk is rarely slow.
    pub fn disk_deadline(&self, closing: Option<Closing>) -> Instant {
        let configured = closing.map_or_else(|| after(self.close_timeout), |closing| closing.deadline);
        configured.max(after(LEAST_FOR_THE_DISK))
    }

    /// Ready when there is something to tell of the state, which is asked whenever it has progressed.
    pub async fn progressed<T>(&self, mut tell: impl FnMut(&mut State) -> Option<T>) -> T {
        loop {
            let progress = self.progress.notified();
            if let Some(told) = self.with(&mut tell) {
                return told;
            }
            progress.await;
        }
    }

    /// Ready when the keeper has ended.
    pub async fn keeper_ended(&self) {
        self.progressed(|state| (state.life == Life::Ended).then_some(())).await;
    }

    /// A message is given up, which is told to whoever hears of it. The client has counted it.
    pub fn give_up(&self, number: u64, error: impl FnOnce() -> Error) {
        self.with(|state| {
            state.dropped += 1;
            if state.hearers.has(number) {
                state.hearers.fail(number, error());
            }
        });
    }

    /// Somebody waits for a message no longer.
    pub fn expire(&self, number: u64, error: &Error) {
        self.with(|state| self.fail(state, number, Some(error)));
    }

    /// For the listener.
    pub fn warn(&self, text: String) {
        self.with(|state| {
            state.warnings.push(text);
            state.wake_feeder();
        });
    }

    /// Waits until the broker could not be reached, where that is no obstacle.
    pub async fn opened_offline(&self) {
        self.progressed(|state| (state.is_offline && self.of.accepted_by == AcceptedBy::Disk).then_some(())).await;
    }

    /// The client's end is told after the ends of its messages; all else at once.
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

    /// The feeder has ended: who waits for the end of the outbox waits for nothing more.
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

    /// Every message below this number is done, which were so many bytes; the time of the oldest that is not.
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

    /// Those who still wait for the end of a message are told this.
    pub fn fail_waiting(&self, error: &Error) {
        self.with(|state| {
            for number in state.hearers.numbers() {
                self.fail(state, number, Some(error));
            }
        });
    }

    /// How far the numbers are reserved; the keeper is asked to go on from this one.
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

    /// From now on nothing is accepted.
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

    /// The keeper is to end, after it has stored what waits.
    pub fn end(&self) {
        self.with(|state| {
            if state.life == Life::Open {
                state.life = Life::Ending;
            }
        });
        self.work.notify_one();
    }

    /// The keeper has ended, and nothing is stored any more.
    pub fn ended(&self) {
        self.with(|state| {
            state.life = Life::Ended;
            state.handshakes.beginning = None;
            state.has_progressed = true;
            state.wake_feeder();
        });
    }

    /// What is told when messages stay.
    pub fn stays(&self) -> String {
        format!("it stays in the outbox '{}', and is sent when that is opened again", self.of.directory.display())
    }
}

impl State {
    /// For the feeder, as far as there is room.
    fn make_ready(&mut self, message: Message) {
        let bytes = message.bytes();
        self.is_all_ready &= self.ready.is_empty() || self.ready_bytes + bytes <= MAX_READY;
        if self.is_all_ready {
            self.ready_bytes += bytes;
            self.ready.push_back(message);
        }
    }

    /// Messages that are not done.
    pub fn left(&self) -> u64 {
        let gone = |from: u64, to: u64| to.saturating_sub(from.max(self.done));
        let gone = gone(self.skipped.start, self.skipped.end) + gone(self.displaced.0, self.displaced.1);
        (self.next - self.done).saturating_sub(gone)
    }

    /// Nothing more is to be done for the broker: the outbox is closed, and the time for that is up.
    pub fn is_closed_by_now(&self) -> bool {
        self.closing.is_some_and(|closing| closing.dropped || closing.deadline <= Instant::now())
    }

    pub fn wake_feeder(&mut self) {
        self.wakes.extend(self.feeder.take());
    }

    /// The feeder's clock has something to do then.
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
