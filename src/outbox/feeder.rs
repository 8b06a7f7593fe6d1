//! The task that publishes what is stored, in its order, and notes what is confirmed.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytestring::ByteString;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::dropped::Dropped;
use super::log::{self, Loaded, Place};
use super::refused::Refused;
use super::shared::{Life, Message, Shared, State};
use crate::config::{AcceptedBy, Overflow};
use crate::error::{Delivery, Error, IoKind};
use crate::metrics::now_us;
use crate::mqtt::{Client, PendingWrite, ValueSize, Way, closed_error};
use crate::wait::after;

/// What may be with the client at a time.
const WINDOW: usize = 4096;
const WINDOW_BYTES: u64 = 4 << 20;
/// Where old messages give way to new ones, the client has only such a part of the outbox: what it has does not give way.
const WINDOW_SHARE: u64 = 4;
/// Messages that are taken from memory at a time, and published before others have a turn.
const PIECE: usize = 256;
/// The next attempt of what the disk has refused.
const AGAIN: Duration = Duration::from_secs(1);

/// Feeds the client until one of them ends; then the outbox does.
pub(super) async fn run(shared: Arc<Shared>, client: Arc<Client>, topic: ByteString) {
    // Should this task be dropped or panic, nobody may wait for ever.
    let guard = EndGuard(shared.clone());
    let mut feeder = Feeder::new(&shared, &client, topic);
    tokio::select! {
        biased;
        () = feeder.feed() => {}
        _ = client.closed() => {}
        never = keep_time(&shared, &client) => match never {},
    }
    feeder.finish().await;
    drop(guard);
}

struct EndGuard(Arc<Shared>);

impl Drop for EndGuard {
    fn drop(&mut self) {
        let error = Error::Internal("the outbox's task has stopped".into());
        self.0.refuse(error.clone());
        self.0.fail_waiting(&error);
        self.0.end();
        self.0.over();
    }
}

/// A message that the client has, or is about to take.
struct Sent {
    write: PendingWrite,
    message: Message,
    topic: ByteString,
}

struct Feeder<'a> {
    shared: &'a Arc<Shared>,
    client: &'a Arc<Client>,
    /// Of the writer; a segment of an earlier process may have another one.
    topic: ByteString,
    /// In the client's outbox.
    window: VecDeque<Sent>,
    window_bytes: u64,
    window_limit: u64,
    /// Why the first one of the window has failed; it is in the way until that is dealt with.
    failure: Option<Error>,
    /// Waits for room there.
    joining: Option<Sent>,
    /// Comes next.
    loaded: VecDeque<Message>,
    loaded_topic: ByteString,
    /// Everything below is in `loaded`, or was.
    loaded_end: u64,
    /// Everything below was given to the client, or is not there.
    fed: u64,
    told: u64,
    /// Bytes of what is done and was not told.
    done_bytes: u64,
    refused: Refused,
    /// Messages that were too old.
    expired: Dropped,
    /// Messages that gave way to newer ones.
    displaced: Dropped,
    is_unreadable: bool,
}

/// Why a turn of the feeder ends.
enum Turn {
    /// Messages are to be read from the disk.
    Load,
    /// The first message of the window has failed.
    Failed,
    Over,
}

impl<'a> Feeder<'a> {
    fn new(shared: &'a Arc<Shared>, client: &'a Arc<Client>, topic: ByteString) -> Feeder<'a> {
        let done = shared.with(|state| state.done);
        Feeder {
            shared,
            client,
            loaded_topic: topic.clone(),
            topic,
            window: VecDeque::new(),
            window_bytes: 0,
            window_limit: match shared.overflow {
                Overflow::Wait => WINDOW_BYTES,
                Overflow::DropOldest => WINDOW_BYTES.min(shared.max_bytes / WINDOW_SHARE),
            },
            failure: None,
            joining: None,
            loaded: VecDeque::new(),
            loaded_end: done,
            fed: done,
            told: done,
            done_bytes: 0,
            refused: Refused::new(shared.files.clone()),
            expired: Dropped::default(),
            displaced: Dropped::default(),
            is_unreadable: false,
        }
    }

    async fn feed(&mut self) {
        loop {
            match poll_fn(|context| self.turn(context)).await {
                Turn::Load => self.load().await,
                Turn::Failed => self.settle_failure().await,
                Turn::Over => return,
            }
        }
    }

    fn turn(&mut self, context: &mut Context<'_>) -> Poll<Turn> {
        let warnings = self.shared.with(|state| {
            state.feeder = Some(context.waker().clone());
            std::mem::take(&mut state.warnings)
        });
        warnings.into_iter().for_each(|text| self.client.warn(text));
        if self.confirm(context) {
            return Poll::Ready(if self.client.has_ended() { Turn::Over } else { Turn::Failed });
        }
        if !self.make_room(context) {
            return Poll::Ready(Turn::Load);
        }
        let mut published = 0;
        let is_waiting = loop {
            if let Some(joining) = &mut self.joining {
                match joining.write.poll_accepted(Way::Gathered, context) {
                    Poll::Pending => break true,
                    Poll::Ready(Ok(())) => {
                        self.window_bytes += joining.message.bytes();
                        self.window.extend(self.joining.take());
                    }
                    Poll::Ready(Err(Error::TimedOut { .. })) => {
                        if let Some(joining) = self.joining.take() {
                            self.expire(&joining.message);
                        }
                    }
                    // It stays where it is: the client takes nothing any more.
                    Poll::Ready(Err(_)) => return Poll::Ready(Turn::Over),
                }
            }
            if published == PIECE {
                context.waker().wake_by_ref();
                break true;
            }
            if self.window.len() >= WINDOW || self.window_bytes >= self.window_limit {
                break true;
            }
            if self.loaded.is_empty() && !self.take_ready() {
                break self.fed >= self.shared.with(|state| state.stored);
            }
            if let Some(message) = self.loaded.pop_front() {
                published += 1;
                self.fed = message.record.number + 1;
                self.publish(message);
            }
            if self.loaded.is_empty() {
                self.fed = self.fed.max(self.loaded_end);
            }
        };
        // The first one of the window may be new, and its end has to wake this task.
        if self.confirm(context) {
            return Poll::Ready(if self.client.has_ended() { Turn::Over } else { Turn::Failed });
        }
        self.tell_done();
        if self.is_to_end() {
            return Poll::Ready(Turn::Over);
        }
        if is_waiting { Poll::Pending } else { Poll::Ready(Turn::Load) }
    }

    /// Takes from the window what is confirmed; true: the first one has failed.
    fn confirm(&mut self, context: &mut Context<'_>) -> bool {
        while self.failure.is_none()
            && let Some(first) = self.window.front_mut()
            && let Poll::Ready(end) = Pin::new(&mut first.write).poll(context)
        {
            match end {
                Ok(()) => self.leave_window(),
                Err(error) => self.failure = Some(error),
            }
        }
        self.failure.is_some()
    }

    /// The first one of the window is done.
    fn leave_window(&mut self) {
        if let Some(Sent { message, .. }) = self.window.pop_front() {
            self.window_bytes -= message.bytes();
            self.done_bytes += message.bytes();
        }
    }

    /// Takes some of what is stored and in memory; false: there is nothing.
    fn take_ready(&mut self) -> bool {
        let mut fed = self.fed;
        let taken: VecDeque<Message> = self.shared.with(|state| {
            let count = state.ready.len().min(PIECE);
            let taken: VecDeque<Message> = state.ready.drain(..count).collect();
            state.ready_bytes -= taken.iter().map(Message::bytes).sum::<u64>();
            if taken.is_empty() {
                state.is_all_ready |= fed >= state.stored;
                if state.is_all_ready {
                    fed = state.stored;
                }
            }
            taken
        });
        self.fed = fed;
        self.loaded = taken;
        self.loaded_topic = self.topic.clone();
        !self.loaded.is_empty()
    }

    fn publish(&mut self, message: Message) {
        let age = now_us().saturating_sub(message.record.time_us);
        let age = Duration::from_micros(u64::try_from(age).unwrap_or_default());
        let left = self.shared.max_age.map_or(Some(Duration::MAX), |most| most.checked_sub(age));
        let Some(left) = left else { return self.expire(&message) };
        let topic = self.loaded_topic.clone();
        let write = self.client.publish_to(topic.clone(), message.record.payload.clone(), message.size, after(left));
        self.joining = Some(Sent { write, message, topic });
    }

    /// A message has become too old.
    fn expire(&mut self, message: &Message) {
        self.done_bytes += message.bytes();
        let why = format!(
            "the message was dropped: it has been in the outbox for longer than 'max_age' ({:?})",
            self.max_age()
        );
        self.shared.give_up(message.record.number, Error::io(IoKind::TimedOut, why));
        if let Some(count) = self.expired.count(Instant::now()) {
            self.tell_expired(count);
        }
    }

    /// Drops the oldest messages that are not with the client, as far as newer ones wait for their room. False: they are to be read
    /// before.
    fn make_room(&mut self, context: &Context<'_>) -> bool {
        let before = self.fed;
        let mut dropped = 0;
        while self.shared.lacks_room() {
            if dropped == PIECE {
                context.waker().wake_by_ref();
                break;
            }
            if self.loaded.is_empty() && !self.take_ready() {
                if self.fed < self.shared.with(|state| state.stored) {
                    return false;
                }
                // All others are with the client; or not on the disk yet, which is told when they are.
                break;
            }
            if let Some(message) = self.loaded.pop_front() {
                dropped += 1;
                self.fed = message.record.number + 1;
                self.shared.displace(message.record.number, message.bytes());
                if let Some(count) = self.displaced.count(Instant::now()) {
                    self.tell_displaced(count);
                }
            }
            if self.loaded.is_empty() {
                self.fed = self.fed.max(self.loaded_end);
            }
        }
        if dropped > 0 {
            let last = self.joining.as_ref().or(self.window.back());
            let from = last.map_or(before, |last| last.message.record.number + 1);
            let to = self.fed;
            self.shared.with(|state| state.displaced = (from, to));
        }
        true
    }

    fn tell_displaced(&self, count: u64) {
        self.warn(&format!(
            "it is full, and the oldest messages were dropped for new ones ('overflow: drop_oldest'): {count}"
        ));
    }

    fn max_age(&self) -> Duration {
        self.shared.max_age.unwrap_or_default()
    }

    fn tell_expired(&self, count: u64) {
        let age = self.max_age();
        self.warn(&format!("messages were dropped that have been there for longer than 'max_age' ({age:?}): {count}"));
    }

    fn tell_done(&mut self) {
        let first = self.window.front().or(self.joining.as_ref()).map(|sent| &sent.message);
        let done = first.map_or(self.fed, |first| first.record.number);
        if done > self.told {
            self.told = done;
            let oldest = first.or(self.loaded.front()).map(|oldest| oldest.record.time_us);
            self.shared.done(done, std::mem::take(&mut self.done_bytes), oldest);
        } else if let Some(first) = first.filter(|_| done == self.told) {
            // What an earlier process has left is known when it is read.
            let oldest = first.record.time_us;
            self.shared.with(|state| state.oldest_us = Some(oldest));
        }
    }

    /// Whether the outbox is closed, and nothing more is to be given to the client.
    fn is_to_end(&self) -> bool {
        let (closing, is_stored, stored) = self.shared.with(|s| (s.closing, s.stored == s.next, s.stored));
        closing.is_some_and(|closing| {
            let is_enough = match self.shared.accepted_by {
                AcceptedBy::Disk => is_stored,
                AcceptedBy::Broker => is_stored && self.fed >= stored && self.joining.is_none(),
            };
            is_enough || closing.dropped || closing.deadline <= Instant::now()
        })
    }

    /// Reads the next segment.
    async fn load(&mut self) {
        let (places, stored) = self.shared.with(|state| (state.places.clone(), state.stored));
        let (files, number) = (self.shared.files.clone(), self.fed);
        let next = places.iter().map(|place: &Place| place.first).find(|first| *first > number).unwrap_or(stored);
        let read = tokio::task::spawn_blocking(move || {
            let mut warnings = Vec::new();
            let loaded = log::load(&*files, &places, number, &mut warnings);
            (loaded, warnings)
        });
        let (loaded, warnings) = read.await.unwrap_or_else(|e| (Err(io::Error::other(e)), Vec::new()));
        for text in warnings {
            self.warn(&text);
        }
        match loaded {
            Ok(Some(Loaded { contents, end })) => {
                self.is_unreadable = false;
                if contents.topic.is_none() && !contents.records.is_empty() {
                    let topic = self.topic.clone();
                    self.warn(&format!("the topic of a segment is damaged; its messages go to '{topic}'"));
                }
                self.loaded_topic = contents.topic.map_or_else(|| self.topic.clone(), ByteString::from);
                self.loaded = contents
                    .records
                    .into_iter()
                    // A damaged name of a file may promise others, whose numbers new ones get.
                    .filter(|record| record.number < stored)
                    .map(|record| Message { size: ValueSize::same(record.payload.len()), record })
                    .collect();
                self.loaded_end = end.min(stored);
            }
            Ok(None) => self.loaded_end = stored,
            Err(e) if e.kind() == io::ErrorKind::NotFound => {
                self.warn(&format!("the messages from {number} on, and before {next}, are lost: their file is gone"));
                self.loaded_end = next;
            }
            Err(e) => {
                if !std::mem::replace(&mut self.is_unreadable, true) {
                    self.warn(&format!("messages can't be read, which is tried again: {e}"));
                }
                sleep(AGAIN).await;
                return;
            }
        }
        if self.loaded.is_empty() {
            self.fed = self.fed.max(self.loaded_end);
        }
    }

    fn warn(&self, text: &str) {
        self.client.warn(format!("the outbox '{}': {text}", self.shared.directory.display()));
    }

    /// The first message of the window has failed, and not with the client: it is too old, or refused for good.
    async fn settle_failure(&mut self) {
        let (Some(error), Some(first)) = (self.failure.clone(), self.window.front()) else { return };
        let message = first.message.clone();
        if matches!(error, Error::TimedOut { .. }) {
            self.window.pop_front();
            self.window_bytes -= message.bytes();
            self.failure = None;
            return self.expire(&message);
        }
        let number = message.record.number;
        if !self.shared.give_up(number, error.clone()) {
            // Nobody hears of it, so it is not thrown away.
            let topic = first.topic.clone();
            let name = loop {
                let refused = &mut self.refused;
                match tokio::task::block_in_place(|| refused.keep(&topic, &message.record)) {
                    Ok(name) => break name,
                    Err(e) => {
                        self.warn(&format!(
                            "a message that the broker has refused can't be kept, which is tried again: {e}"
                        ));
                        sleep(AGAIN).await;
                    }
                }
            };
            self.warn(&format!("a message was refused, and is kept in '{name}': {error}"));
        }
        self.failure = None;
        self.leave_window();
    }

    /// The client ends, or has ended: what is confirmed until then is done, and who still waits is told that the rest stays.
    async fn finish(&mut self) {
        let closing = self.shared.with(|state| state.closing);
        if let Some(closing) = closing {
            let left = match self.shared.accepted_by {
                // What it has promised is on disk.
                AcceptedBy::Disk => Duration::ZERO,
                AcceptedBy::Broker => closing.deadline.saturating_duration_since(Instant::now()),
            };
            self.client.begin_close_within(left);
        }
        let _ = self.client.closed().await;
        let _ = poll_fn(|context| Poll::Ready(self.confirm(context))).await;
        self.tell_done();
        if let Some(count) = self.expired.rest() {
            self.tell_expired(count);
        }
        if let Some(count) = self.displaced.rest() {
            self.tell_displaced(count);
        }
        let refusal = self.client.refusal().unwrap_or_else(closed_error);
        self.shared.refuse(refusal.clone());
        await_keeper(self.shared, |state| state.stored == state.next || state.life == Life::Ended).await;
        let stays = self.shared.stays();
        self.shared.fail_waiting(&match (closing, self.shared.accepted_by) {
            (_, AcceptedBy::Disk) => closed(format!(
                "the client was closed before the disk has taken the message for the outbox '{}'; it may be sent all the same",
                self.shared.directory.display()
            )),
            (Some(_), _) => closed(format!("the client was closed before the message was confirmed; {stays}")),
            (None, _) => noted(refusal, &stays).of_message(Delivery::Unknown),
        });
        self.shared.end();
        await_keeper(self.shared, |state| state.life == Life::Ended).await;
    }
}

/// Waits for the disk, but not longer than a close may take.
async fn await_keeper(shared: &Shared, wanted: fn(&State) -> bool) {
    let reached = poll_fn(|context| {
        shared.with(|state| {
            state.feeder = Some(context.waker().clone());
            if wanted(state) { Poll::Ready(()) } else { Poll::Pending }
        })
    });
    let _ = timeout(shared.close_timeout, reached).await;
}

fn closed(message: String) -> Error {
    Error::io(IoKind::Closed, message).of_message(Delivery::Unknown)
}

/// The same error, and what becomes of the message.
fn noted(error: Error, note: &str) -> Error {
    match error {
        Error::Io(error) => {
            let message = format!("{error}; {note}");
            Error::Io(error.with_message(message))
        }
        Error::Connection { message, cause, delivery } => {
            Error::Connection { message: format!("{message}; {note}"), cause, delivery }
        }
        Error::Authentication { message, code, delivery } => {
            Error::Authentication { message: format!("{message}; {note}"), code, delivery }
        }
        other => other,
    }
}

/// Fails writes whose time is up, which does not take their messages back, and ends a close whose time is up.
async fn keep_time(shared: &Shared, client: &Client) -> Infallible {
    loop {
        let earlier = shared.earlier.notified();
        let now = Instant::now();
        let (overdue, stored) = shared.with(|state| (state.hearers.overdue(now), state.stored));
        for number in overdue {
            let what = match number < stored {
                true => "the message is not confirmed; it stays in the outbox, and is delivered later",
                false => "the disk has not taken the message; it may be delivered all the same",
            };
            shared.expire(number, &client.overdue(what, Delivery::Unknown));
        }
        let next = shared.with(|state| {
            let close = state.closing.map(|closing| closing.deadline);
            if close.is_some_and(|deadline| deadline <= now) {
                state.wake_feeder();
            }
            state.watched = state.hearers.next_deadline().into_iter().chain(close.filter(|at| *at > now)).min();
            state.watched
        });
        tokio::select! {
            biased;
            () = earlier => {}
            () = sleep_until(next.unwrap_or_else(|| after(Duration::MAX))) => {}
        }
    }
}
