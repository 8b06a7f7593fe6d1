//! The task that publishes stored messages in their order and notes which of them are confirmed.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytestring::ByteString;
use tokio::time::{Instant, sleep, sleep_until, timeout_at};

use super::clock;
use super::gathered::Gathered;
use super::handshakes::RESERVED;
use super::hold::{self, Hold};
use super::identifiers::identifier;
use super::log::{self, Loaded, Place};
use super::record::Record;
use super::refused::Refused;
use super::shared::{Life, Message, Shared, State};
use crate::config::{AcceptedBy, Overflow};
use crate::error::{Delivery, Error, IoKind, Result};
use crate::mqtt::{Client, Earlier, Heading, PendingWrite, ValueSize, Way, closed_error};
use crate::wait::after;

/// The greatest number of messages that the client has at a time.
const WINDOW: usize = 4096;
const WINDOW_BYTES: u64 = 4 << 20;
/// With `overflow: drop_oldest` the client holds at most this fraction of the outbox's bytes, because a message that the client
/// has can't give way to a newer one.
const WINDOW_SHARE: u64 = 4;
/// The number of messages that are taken from memory and published before other tasks have a turn.
const PIECE: usize = 256;
/// The pause before the next attempt of an operation that the disk has refused.
const AGAIN: Duration = Duration::from_secs(1);
/// The time that a close waits for confirmations that it does not need.
const LAST_CONFIRMATIONS: Duration = Duration::from_millis(500);

/// Feeds the client until the client or the outbox ends; the outbox ends with it.
pub(super) async fn run(shared: Arc<Shared>, client: Arc<Client>, topic: ByteString) {
    // If this task is dropped or panics, the guard ends the outbox, so that nobody waits for ever.
    let guard = EndGuard(shared.clone());
    let mut feeder = Feeder::new(&shared, &client, topic);
    tokio::select! {
        biased;
        () = feeder.feed() => {}
        _ = client.closed() => {}
        never = clock::run(&shared, &client) => match never {},
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
    /// The topic in the head of the message's segment.
    topic: ByteString,
    /// The message has failed and its hearer has been told; at QoS 2 its handshake must still be completed.
    is_settled: bool,
    /// The result of the write, until its turn comes in the order of the messages.
    end: Option<Result<()>>,
    /// The write has returned its result, and must not be polled again.
    is_spent: bool,
}

impl Sent {
    /// Returns whether the message was written with a topic other than the service's.
    fn has_own_topic(&self) -> bool {
        self.message.record.heading.as_ref().is_some_and(|own| own.topic != self.topic)
    }

    /// Publishes the message again after a refusal, which has ended its handshake.
    fn publish_again(&mut self, client: &Client, left: Duration) {
        let record = &self.message.record;
        let wire = (heading(client, record, &self.topic), record.payload.clone());
        let (id, size) = (identifier(record.number), self.message.size);
        self.write = client.publish_kept(wire, id, self.message.kept(Earlier::Nothing), size, after(left));
        self.is_spent = false;
    }
}

/// Returns the heading of a message: its own, or the service's present one with the topic of its segment.
fn heading(client: &Client, record: &Record, topic: &ByteString) -> Heading {
    match &record.heading {
        Some(own) => Heading::clone(own),
        None => Heading { topic: topic.clone(), ..client.heading().clone() },
    }
}

struct Feeder<'a> {
    shared: &'a Arc<Shared>,
    client: &'a Arc<Client>,
    /// The writer's topic; a segment of an earlier process may have another one.
    topic: ByteString,
    /// The messages in the client's outbox.
    window: VecDeque<Sent>,
    window_bytes: u64,
    window_limit: u64,
    /// The error of the first message of the window, which blocks the others until it is dealt with.
    failure: Option<Error>,
    /// The message that waits for room in the client's outbox.
    joining: Option<Sent>,
    /// The messages that are published next.
    loaded: VecDeque<Message>,
    loaded_topic: ByteString,
    /// Every message with a lower number is, or was, in `loaded`.
    loaded_end: u64,
    /// Every message with a lower number was given to the client, or does not exist.
    fed: u64,
    told: u64,
    /// The bytes of messages that are done, which `Shared` has not been told yet.
    done_bytes: u64,
    refused: Refused,
    /// The messages that were too old.
    expired: Gathered,
    /// The messages that gave way to newer ones.
    displaced: Gathered,
    /// The messages that the broker has refused for good.
    aside: Gathered,
    /// The file of the message that was refused last, and the error.
    last_aside: Option<(String, Error)>,
    hold: Option<Hold>,
    is_unkept: bool,
    is_unreadable: bool,
    has_warned_of_properties: bool,
    /// At QoS 2 messages below this number may be sent, as far as the feeder knows.
    reserved: u64,
}

/// The place of messages that are stored and were not fed.
enum Ready {
    /// Some of them were in memory, and have been taken.
    Messages,
    /// There are none.
    Nothing,
    OnDisk,
}

/// The reason why a turn of the feeder ends.
enum Turn {
    /// Messages must be read from the disk.
    Load,
    /// The first message of the window has failed.
    Failed,
    /// A warning about gathered messages or the end of a hold is due, now or at another time than before.
    Tell,
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
            window_limit: match shared.of.overflow {
                Overflow::Wait => WINDOW_BYTES,
                Overflow::DropOldest => WINDOW_BYTES.min(shared.of.max_bytes / WINDOW_SHARE),
            },
            failure: None,
            joining: None,
            loaded: VecDeque::new(),
            loaded_end: done,
            fed: done,
            told: done,
            done_bytes: 0,
            refused: Refused::new(shared.files.clone()),
            expired: Gathered::default(),
            displaced: Gathered::default(),
            aside: Gathered::default(),
            last_aside: None,
            hold: None,
            is_unkept: false,
            is_unreadable: false,
            has_warned_of_properties: false,
            reserved: 0,
        }
    }

    async fn feed(&mut self) {
        loop {
            let due = self.due();
            let turn = tokio::select! {
                biased;
                turn = poll_fn(|context| match self.turn(context) {
                    Poll::Pending if self.due() != due => Poll::Ready(Turn::Tell),
                    turn => turn,
                }) => turn,
                () = sleep_until(due.unwrap_or_else(|| after(Duration::MAX))) => Turn::Tell,
            };
            match turn {
                Turn::Tell => {
                    let now = Instant::now();
                    self.tell_gathered(|gathered| gathered.take_due(now));
                }
                Turn::Load => self.load().await,
                Turn::Failed if self.settle_failure().await => {}
                Turn::Failed | Turn::Over => return,
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
        self.probe();
        let mut published = 0;
        let is_waiting = loop {
            if self.hold.is_some() {
                break true;
            }
            if let Some(joining) = &mut self.joining {
                match joining.write.poll_accepted(Way::Gathered, context) {
                    Poll::Pending => break true,
                    Poll::Ready(Ok(())) => {
                        self.window_bytes += joining.message.bytes();
                        self.window.extend(self.joining.take());
                    }
                    Poll::Ready(Err(Error::TimedOut { .. })) => {
                        if let Some(joining) = self.joining.take() {
                            self.done_bytes += joining.message.bytes();
                            self.expire(&joining.message);
                        }
                    }
                    // The message stays in `joining`, because the client accepts nothing any more.
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
            if self.loaded.is_empty() {
                match self.take_ready() {
                    Ready::Messages => {}
                    Ready::Nothing => break true,
                    Ready::OnDisk => break false,
                }
            }
            if self.is_held_back() {
                break true;
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
        // The first message of the window may be new, and must have this task's waker for its end.
        if self.confirm(context) {
            return Poll::Ready(if self.client.has_ended() { Turn::Over } else { Turn::Failed });
        }
        self.tell_done();
        if self.is_to_end() {
            return Poll::Ready(Turn::Over);
        }
        if is_waiting { Poll::Pending } else { Poll::Ready(Turn::Load) }
    }

    /// Removes confirmed messages from the window. Returns true when the first one has failed.
    fn confirm(&mut self, context: &mut Context<'_>) -> bool {
        while self.failure.is_none()
            && self.hold.as_ref().is_none_or(|hold| hold.is_probing)
            && let Some(first) = self.window.front_mut()
        {
            let is_settled = first.is_settled;
            let end = match first.end.take() {
                _ if is_settled => first.write.poll_gone(context).map(Ok),
                Some(end) => Poll::Ready(end),
                None => Pin::new(&mut first.write).poll(context),
            };
            match end {
                Poll::Pending => break,
                Poll::Ready(Ok(())) => {
                    self.leave_window();
                    if self.hold.is_some() && !is_settled {
                        self.resume(context);
                    }
                }
                Poll::Ready(Err(error)) => {
                    first.is_spent = true;
                    self.failure = Some(error);
                }
            }
        }
        self.failure.is_some()
    }

    /// Removes the first message of the window, which is done.
    fn leave_window(&mut self) {
        if let Some(Sent { message, .. }) = self.window.pop_front() {
            self.window_bytes -= message.bytes();
            self.done_bytes += message.bytes();
        }
    }

    /// Takes some of the messages that are stored and in memory.
    fn take_ready(&mut self) -> Ready {
        let mut fed = self.fed;
        let (taken, is_all_ready): (VecDeque<Message>, bool) = self.shared.with(|state| {
            let count = state.ready.len().min(PIECE);
            let taken: VecDeque<Message> = state.ready.drain(..count).collect();
            state.ready_bytes -= taken.iter().map(Message::bytes).sum::<u64>();
            if taken.is_empty() {
                state.is_all_ready |= fed >= state.stored;
                if state.is_all_ready {
                    fed = state.stored;
                }
            }
            (taken, state.is_all_ready)
        });
        self.fed = fed;
        self.loaded = taken;
        self.loaded_topic = self.topic.clone();
        match (self.loaded.is_empty(), is_all_ready) {
            (false, _) => Ready::Messages,
            (true, true) => Ready::Nothing,
            (true, false) => Ready::OnDisk,
        }
    }

    /// At QoS 2, returns whether the next message must wait until more numbers are reserved.
    fn is_held_back(&mut self) -> bool {
        let Some(number) = self.loaded.front().map(|next| next.record.number).filter(|_| self.shared.is_exact) else {
            return false;
        };
        // Many numbers may be missing before this message; they are no reason to wait.
        self.fed = number;
        if number + RESERVED / 2 >= self.reserved {
            self.reserved = self.shared.reserved(number);
        }
        number >= self.reserved
    }

    /// Returns what an earlier process has done with a message.
    fn earlier(&self, number: u64) -> Earlier {
        if self.shared.released.contains(&number) {
            Earlier::Released
        } else if number < self.shared.perhaps_published {
            Earlier::PerhapsPublished
        } else {
            Earlier::Nothing
        }
    }

    fn publish(&mut self, message: Message) {
        let left = self.left(&message);
        let earlier = self.earlier(message.record.number);
        let left = match earlier {
            // The broker already has the message, so it can't be too old.
            Earlier::Released => Duration::MAX,
            // The broker may have the message. Even when it is too old, it goes to the session, which has its packet identifier
            // released.
            Earlier::PerhapsPublished if self.shared.is_exact => left.unwrap_or_default(),
            _ => match left {
                Some(left) => left,
                None => {
                    self.done_bytes += message.bytes();
                    return self.expire(&message);
                }
            },
        };
        let topic = self.loaded_topic.clone();
        let own = heading(self.client, &message.record, &topic);
        if !own.properties.is_empty() && !self.client.has_properties() && !self.has_warned_of_properties {
            self.has_warned_of_properties = true;
            self.warn(
                "messages in it have properties of MQTT 5, which this writer's protocol does not have: they are sent without",
            );
        }
        let wire = (own, message.record.payload.clone());
        let write = self.client.publish_kept(
            wire,
            identifier(message.record.number),
            message.kept(earlier),
            message.size,
            after(left),
        );
        self.joining = Some(Sent { write, message, topic, is_settled: false, end: None, is_spent: false });
    }

    /// Returns how much longer a message may wait; `None` means that it is too old.
    fn left(&self, message: &Message) -> Option<Duration> {
        let Some(most) = self.shared.of.max_age else { return Some(Duration::MAX) };
        most.checked_sub(message.age()).filter(|left| !left.is_zero())
    }

    /// Ends a message that has become too old.
    fn expire(&mut self, message: &Message) {
        self.shared.give_up(message.record.number, || {
            let age = self.max_age();
            let why = format!("the message was dropped: it has been in the outbox for longer than 'max_age' ({age:?})");
            Error::io(IoKind::TimedOut, why)
        });
        self.expired.count(Instant::now());
    }

    /// Drops the oldest messages that the client does not have, as long as newer ones wait for their room. Returns false when
    /// those messages must be read from the disk first.
    fn make_room(&mut self, context: &Context<'_>) -> bool {
        let before = self.fed;
        let mut dropped = 0;
        while self.shared.lacks_room() {
            if dropped == PIECE {
                context.waker().wake_by_ref();
                break;
            }
            if self.loaded.is_empty() {
                match self.take_ready() {
                    Ready::Messages => {}
                    // All other messages are with the client, or not on the disk yet; this task is woken when they are.
                    Ready::Nothing => break,
                    Ready::OnDisk => return false,
                }
            }
            if self.shared.is_exact
                && self.loaded.front().is_some_and(|oldest| self.earlier(oldest.record.number) != Earlier::Nothing)
            {
                // The broker may still hold the packet identifier of this message, and a later message would get the same one.
                break;
            }
            if let Some(message) = self.loaded.pop_front() {
                dropped += 1;
                self.fed = message.record.number + 1;
                self.shared.displace(message.record.number, message.bytes());
                self.displaced.count(Instant::now());
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

    /// Warns of messages that were given up; `most` decides which counts are due.
    fn tell_gathered(&mut self, most: impl Fn(&mut Gathered) -> Option<u64>) {
        if let Some(count) = most(&mut self.expired) {
            let age = self.max_age();
            self.warn(&format!(
                "messages were dropped that have been there for longer than 'max_age' ({age:?}): {count}"
            ));
        }
        if let Some(count) = most(&mut self.displaced) {
            self.warn(&format!(
                "it is full, and the oldest messages were dropped for new ones ('overflow: drop_oldest'): {count}"
            ));
        }
        if let Some(count) = most(&mut self.aside)
            && let Some((name, error)) = self.last_aside.take()
        {
            self.warn(&format!(
                "messages were refused, and are kept aside: {count}; the last one in '{name}': {error}"
            ));
        }
    }

    /// Returns when the next warning or the end of a hold is due.
    fn due(&self) -> Option<Instant> {
        let held = self.hold.as_ref().filter(|hold| !hold.is_probing).map(|hold| hold.until);
        [&self.expired, &self.displaced, &self.aside].into_iter().filter_map(Gathered::due).chain(held).min()
    }

    fn max_age(&self) -> Duration {
        self.shared.of.max_age.unwrap_or_default()
    }

    fn tell_done(&mut self) {
        let first = self.window.front().or(self.joining.as_ref()).map(|sent| &sent.message);
        let done = first.map_or(self.fed, |first| first.record.number);
        if done > self.told {
            self.told = done;
            let oldest = first.or(self.loaded.front()).map(|oldest| oldest.record.time_us);
            self.shared.done(done, std::mem::take(&mut self.done_bytes), oldest);
        } else if let Some(first) = first.filter(|_| done == self.told) {
            // The oldest message of an earlier process is known only when it is read.
            let oldest = first.record.time_us;
            self.shared.with(|state| state.oldest_us = Some(oldest));
        }
    }

    /// Returns whether the outbox is closed and the client is to be given nothing more.
    fn is_to_end(&self) -> bool {
        self.shared.with(|state| {
            let is_stored = state.stored == state.next;
            let is_enough = match self.shared.of.accepted_by {
                AcceptedBy::Disk => is_stored,
                AcceptedBy::Broker => is_stored && self.fed >= state.stored && self.joining.is_none(),
            };
            state.closing.is_some() && is_enough || state.is_closed_by_now()
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
        let read = tokio::select! {
            biased;
            read = read => read,
            // The disk may hang; a close must not wait for it beyond its deadline.
            () = self.shared.fed_until(State::is_closed_by_now) => return,
        };
        let (loaded, warnings) = read.unwrap_or_else(|e| (Err(io::Error::other(e)), Vec::new()));
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
                    // A damaged file name may announce numbers that new messages get, so higher ones are ignored.
                    .filter(|record| record.number < stored)
                    .map(|record| Message { size: ValueSize::same(record.payload.len()), accepted: None, record })
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
                pause(self.shared, AGAIN).await;
                return;
            }
        }
        if self.loaded.is_empty() {
            self.fed = self.fed.max(self.loaded_end);
        }
    }

    fn warn(&self, text: &str) {
        self.client.warn(self.shared.of.says(text));
    }

    /// Deals with a failure of the first message of the window that left the client running: the message is too old, or refused
    /// for good. Returns false when the outbox is closed first; the message stays then.
    async fn settle_failure(&mut self) -> bool {
        let (Some(error), Some(first)) = (self.failure.clone(), self.window.front()) else { return true };
        let (message, topic, has_own_topic) = (first.message.clone(), first.topic.clone(), first.has_own_topic());
        if matches!(error, Error::TimedOut { .. }) {
            self.expire(&message);
            self.settled();
            return true;
        }
        let number = message.record.number;
        if !self.shared.is_awaited(number) {
            // No caller learns of this refusal, so the message is kept: it waits, or it is set aside in a file.
            if hold::may_pass(&error, self.hold.as_ref(), has_own_topic) {
                self.hold(&error, &message);
                return true;
            }
            let name = loop {
                let refused = &mut self.refused;
                match tokio::task::block_in_place(|| refused.keep(&topic, &message.record)) {
                    Ok(name) => break name,
                    Err(e) => {
                        if !std::mem::replace(&mut self.is_unkept, true) {
                            self.warn(&format!(
                                "a message that the broker has refused can't be kept aside, which is tried again: {e}"
                            ));
                        }
                        if !pause(self.shared, AGAIN).await {
                            return false;
                        }
                    }
                }
            };
            self.is_unkept = false;
            self.aside.count(Instant::now());
            self.last_aside = Some((name, error.clone()));
            self.shared.with(|state| state.kept_aside += 1);
        }
        self.shared.give_up(number, || error);
        self.settled();
        true
    }

    /// Holds messages back: the broker may take the first message of the window later, and until then nothing new is published.
    fn hold(&mut self, error: &Error, message: &Message) {
        if self.hold.is_none() {
            self.warn(&format!("the broker refuses messages, which wait and are tried again: {error}"));
        }
        self.hold = Some(Hold::after(self.hold.as_ref(), self.left(message).unwrap_or_default()));
        self.failure = None;
    }

    /// Sends the first message of the window again, alone, when the pause of a hold is over.
    fn probe(&mut self) {
        let Some(hold) = &mut self.hold else { return };
        let Some(first) = self.window.front() else {
            self.hold = None;
            return;
        };
        if hold.is_probing || hold.until > Instant::now() {
            return;
        }
        hold.is_probing = true;
        match self.left(&first.message) {
            None => {
                let message = first.message.clone();
                self.expire(&message);
                self.settled();
            }
            Some(left) => {
                if let Some(first) = self.window.front_mut().filter(|first| first.is_spent) {
                    first.publish_again(self.client, left);
                }
            }
        }
    }

    /// Ends a hold, since the broker takes messages again: the messages behind the first one follow in their order.
    fn resume(&mut self, context: &mut Context<'_>) {
        self.hold = None;
        for index in 0..self.window.len() {
            let left = self.left(&self.window[index].message);
            let sent = &mut self.window[index];
            if sent.is_settled || sent.end.is_some() {
                continue;
            }
            match Pin::new(&mut sent.write).poll(context) {
                Poll::Ready(Err(error))
                    if hold::may_pass(&error, None, sent.has_own_topic())
                        && !self.shared.is_awaited(sent.message.record.number) =>
                {
                    match left {
                        Some(left) => sent.publish_again(self.client, left),
                        None => sent.end = Some(Err(too_old())),
                    }
                }
                Poll::Ready(end) => sent.end = Some(end),
                Poll::Pending => {}
            }
        }
    }

    /// Marks the failure of the first message of the window as told. At QoS 2 the broker may still hold its packet identifier,
    /// so the message stays in the window until the identifier is released.
    fn settled(&mut self) {
        self.failure = None;
        match self.window.front_mut() {
            Some(first) if self.shared.is_exact => first.is_settled = true,
            _ => self.leave_window(),
        }
    }

    /// Waits for the end of the client: messages that are confirmed until then are done, and callers who still wait are told
    /// that the others stay.
    async fn finish(&mut self) {
        let closing = self.shared.with(|state| state.closing);
        if let Some(closing) = closing {
            let left = closing.deadline.saturating_duration_since(Instant::now());
            self.client.begin_close_within(match self.shared.of.accepted_by {
                // Accepted messages are safe on the disk. A short wait for confirmations that are on their way saves sending
                // those messages again.
                AcceptedBy::Disk if self.client.is_connected() && !closing.dropped => left.min(LAST_CONFIRMATIONS),
                AcceptedBy::Disk => Duration::ZERO,
                AcceptedBy::Broker => left,
            });
        }
        let _ = self.client.closed().await;
        let _ = poll_fn(|context| Poll::Ready(self.confirm(context))).await;
        self.tell_done();
        self.tell_gathered(Gathered::rest);
        let refusal = self.client.refusal().unwrap_or_else(closed_error);
        self.shared.refuse(refusal.clone());
        let most = self.shared.disk_deadline(closing);
        await_keeper(self.shared, most, |state| state.stored == state.next || state.life == Life::Ended).await;
        let stays = self.shared.stays();
        self.shared.fail_waiting(&match (closing, self.shared.of.accepted_by) {
            (_, AcceptedBy::Disk) => closed(format!(
                "the client was closed before the disk has taken the message for the outbox '{}'; it may be sent all the same",
                self.shared.of.directory.display()
            )),
            (Some(_), _) => closed(format!("the client was closed before the message was confirmed; {stays}")),
            (None, _) => noted(refusal, &stays).of_message(Delivery::Unknown),
        });
        self.shared.end();
        await_keeper(self.shared, most, |state| state.life == Life::Ended).await;
    }
}

/// Waits for this time. Returns false when the outbox is closed before.
async fn pause(shared: &Shared, time: Duration) -> bool {
    tokio::select! {
        biased;
        () = shared.closing() => false,
        () = sleep(time) => true,
    }
}

/// Waits for the keeper until the state is as wanted, but not beyond `most`.
async fn await_keeper(shared: &Shared, most: Instant, wanted: fn(&State) -> bool) {
    let _ = timeout_at(most, shared.fed_until(wanted)).await;
}

/// Returns the error of a message that has waited for too long.
fn too_old() -> Error {
    Error::TimedOut { message: "it is too old".into(), source: None, delivery: Delivery::NotSent }
}

fn closed(message: String) -> Error {
    Error::io(IoKind::Closed, message).of_message(Delivery::Unknown)
}

/// Returns the same error with a note on what becomes of the message.
fn noted(error: Error, note: &str) -> Error {
    match error {
        Error::Io(error) => {
            let message = format!("{error}; {note}");
            Error::Io(error.with_message(message))
        }
        Error::Connection { message, obstacle, delivery } => {
            Error::Connection { message: format!("{message}; {note}"), obstacle, delivery }
        }
        Error::Authentication { message, code, delivery } => {
            Error::Authentication { message: format!("{message}; {note}"), code, delivery }
        }
        other => other,
    }
}
