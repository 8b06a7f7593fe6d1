//! Messages that have arrived and that the application has not taken. A reader takes a message either when it is handed over,
//! or when the application acknowledges it; until then the message is `held`.

use std::collections::{HashMap, VecDeque};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::Notify;

use super::protocol::Publish;
use super::session::Receipt;
use crate::error::{Error, Result};
use crate::lock::lock;

/// A message for the application.
#[derive(Debug)]
pub(crate) struct Delivery {
    /// The number of the message, which counts up, see [`Inbox::taken`]; 0 at QoS 0, where nothing is to be acknowledged.
    pub number: u64,
    pub publish: Publish,
}

/// A message that has left the inbox.
pub(crate) struct Popped {
    pub delivery: Delivery,
    /// True when reading from the socket can start again.
    pub resume: bool,
}

struct State {
    /// The messages that wait, in the order of arrival.
    waiting: VecDeque<Delivery>,
    /// The messages of QoS 1 and 2, waiting or not, from the first that was not taken. Their numbers have no gap, and the last
    /// one's is `last`.
    charged: VecDeque<Charge>,
    /// The cost in bytes of each message of a lost session that the application has not taken, by its number.
    void: HashMap<u64, usize>,
    /// The number of messages that wait, or that the application has not finished taking.
    messages: usize,
    /// The cost in bytes of these messages.
    bytes: usize,
    max_messages: usize,
    max_bytes: usize,
    last: u64,
    /// The number of arrivals and acknowledgements so far.
    moves: u64,
    ended: Option<Error>,
}

/// A message of QoS 1 or 2 until it, and all before it, have been taken.
struct Charge {
    bytes: usize,
    /// `None` means that the message's session is lost, so that the broker needs no acknowledgement of it.
    receipt: Option<Receipt>,
    stage: Stage,
}

#[derive(Clone, Copy, PartialEq)]
enum Stage {
    /// The message waits, or the application has it.
    Here,
    /// The application has let go of the message without taking it: the broker will send it again.
    Failed,
    /// The message is acknowledged when all before it have been taken.
    Taken,
}

/// The cost of a message beside its bytes.
const OVERHEAD: usize = 128;

/// The consequences of messages being taken by the application.
pub(crate) struct Taken {
    /// The receipts to acknowledge, in the order of arrival.
    pub receipts: Vec<Receipt>,
    /// True when reading from the socket can start again.
    pub resume: bool,
    /// True when nothing is left that could be acknowledged together with these.
    pub all: bool,
}

/// The consequences of a message being let go without being taken.
pub(crate) struct Failed {
    /// The receipt of the message, unless its session is lost.
    pub receipt: Option<Receipt>,
    /// True when reading from the socket can start again.
    pub resume: bool,
}

/// How far the application is behind with acknowledging.
#[derive(Debug, PartialEq)]
pub(crate) struct Backlog {
    /// The number of messages that the application has had and the broker has no acknowledgement of.
    pub unacknowledged: usize,
    /// The number of these that the application has yet to acknowledge.
    pub held: usize,
    /// The number of these that the application has let go of.
    pub failed: usize,
}

/// The messages for the application. The inbox is bounded by not reading from the socket, never by dropping: the broker keeps
/// the rest.
pub(crate) struct Inbox {
    state: Mutex<State>,
    arrived: Notify,
    /// The number of callers who wait for `arrived`: a caller who takes one of several messages wakes another one only if there
    /// is one.
    sleepers: AtomicUsize,
}

/// A caller who waits for a message, until this is dropped.
struct Sleeper<'a>(&'a AtomicUsize);

impl<'a> Sleeper<'a> {
    fn new(sleepers: &'a AtomicUsize) -> Sleeper<'a> {
        sleepers.fetch_add(1, Ordering::SeqCst);
        Sleeper(sleepers)
    }
}

impl Drop for Sleeper<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Inbox {
    /// Creates an inbox. Reading from the socket pauses when this many messages, or bytes, wait.
    pub fn new(max_messages: usize, max_bytes: usize) -> Inbox {
        let state = State {
            waiting: VecDeque::new(),
            charged: VecDeque::new(),
            void: HashMap::new(),
            messages: 0,
            bytes: 0,
            max_messages,
            max_bytes,
            last: 0,
            moves: 0,
            ended: None,
        };
        Inbox { state: Mutex::new(state), arrived: Notify::new(), sleepers: AtomicUsize::new(0) }
    }

    /// Returns the number and bytes of messages that wait, or that the application has not finished taking.
    pub fn used(&self) -> (usize, usize) {
        let state = lock(&self.state);
        (state.messages, state.bytes)
    }

    /// Returns the number of messages that wait.
    pub fn waiting(&self) -> usize {
        lock(&self.state).waiting.len()
    }

    /// Returns false when reading from the socket must stop.
    pub fn has_room(&self) -> bool {
        lock(&self.state).has_room()
    }

    pub fn push(&self, deliveries: impl IntoIterator<Item = (Publish, Option<Receipt>)>) {
        let mut state = lock(&self.state);
        for (publish, receipt) in deliveries {
            let bytes = state.count(&publish);
            let number = match receipt {
                Some(receipt) => {
                    state.charged.push_back(Charge { bytes, receipt: Some(receipt), stage: Stage::Here });
                    state.last += 1;
                    state.last
                }
                None => 0,
            };
            state.waiting.push_back(Delivery { number, publish });
        }
        drop(state);
        self.arrived.notify_one();
    }

    /// Takes in a message that the application had let go of and that the broker has sent again. The message gets its old
    /// place, so that acknowledgements keep their order.
    pub fn again(&self, publish: Publish, receipt: Receipt) {
        let mut state = lock(&self.state);
        let is_it = |charge: &Charge| charge.receipt == Some(receipt) && charge.stage == Stage::Failed;
        // A message that was acknowledged after all is not handed out again.
        let Some(index) = state.charged.iter().position(is_it) else { return };
        let number = state.first() + index as u64;
        let bytes = state.count(&publish);
        state.charged[index].bytes = bytes;
        state.charged[index].stage = Stage::Here;
        let place = state.waiting.iter().position(|other| other.number > number).unwrap_or(state.waiting.len());
        state.waiting.insert(place, Delivery { number, publish });
        drop(state);
        self.arrived.notify_one();
    }

    /// Returns the next message, if one waits, and after the last one the error that ended the client. A message at QoS 0 is
    /// taken by that, since it is not to be acknowledged.
    pub fn try_pop(&self) -> Result<Option<Popped>> {
        let mut state = lock(&self.state);
        match (state.waiting.pop_front(), &state.ended) {
            (Some(delivery), _) => {
                let had_room = state.has_room();
                state.left(&delivery);
                let resume = !had_room && state.has_room();
                let more = !state.waiting.is_empty();
                drop(state);
                if more {
                    self.wake_another();
                }
                Ok(Some(Popped { delivery, resume }))
            }
            (None, Some(error)) => Err(error.clone()),
            (None, None) => Ok(None),
        }
    }

    /// Puts messages back that were popped last and not handed over, oldest first.
    pub fn give_back(&self, deliveries: Vec<Delivery>) {
        let mut state = lock(&self.state);
        for delivery in deliveries.into_iter().rev() {
            if delivery.number == 0 {
                state.count(&delivery.publish);
            }
            state.waiting.push_front(delivery);
        }
        drop(state);
        self.arrived.notify_one();
    }

    /// Wakes another waiting caller, for whom messages are left.
    fn wake_another(&self) {
        if self.sleepers.load(Ordering::SeqCst) > 0 {
            self.arrived.notify_one();
        }
    }

    /// Waits for the next message.
    pub async fn pop(&self) -> Result<Popped> {
        loop {
            if let Some(popped) = self.try_pop()? {
                return Ok(popped);
            }
            let _sleeper = Sleeper::new(&self.sleepers);
            let arrived = self.arrived.notified();
            // A message may have come before this caller was counted as a sleeper.
            if let Some(popped) = self.try_pop()? {
                return Ok(popped);
            }
            arrived.await;
        }
    }

    /// Marks this message as taken by the application. Returns the receipts to acknowledge, in the order of arrival: a message
    /// waits for those before it, which another thread may still be taking.
    pub fn taken(&self, number: u64) -> Taken {
        self.take(number, number)
    }

    /// Marks this message and all before it as taken.
    pub fn taken_up_to(&self, number: u64) -> Taken {
        self.take(0, number)
    }

    fn take(&self, from: u64, to: u64) -> Taken {
        let mut state = lock(&self.state);
        let had_room = state.has_room();
        let mut receipts = Vec::new();
        state.take(from, to, &mut receipts);
        Taken { receipts, resume: !had_room && state.has_room(), all: state.charged.is_empty() }
    }

    /// Lets go of this message, which the application has not taken. It takes no room any more, but the messages behind it are
    /// not acknowledged before it is.
    pub fn failed(&self, number: u64) -> Failed {
        let mut state = lock(&self.state);
        let had_room = state.has_room();
        let receipt = state.fail(number);
        Failed { receipt, resume: !had_room && state.has_room() }
    }

    /// Voids all receipts, since the broker has lost the session.
    pub fn session_lost(&self) {
        let mut state = lock(&self.state);
        state.charged.iter_mut().for_each(|charge| charge.receipt = None);
        // Every receipt is void, so there is none to collect.
        state.advance(&mut Vec::new());
    }

    /// Voids the receipt of one message. The messages that waited behind it can then be acknowledged.
    pub fn voided(&self, receipt: Receipt) -> Taken {
        let mut state = lock(&self.state);
        if let Some(charge) = state.charged.iter_mut().find(|charge| charge.receipt == Some(receipt)) {
            charge.receipt = None;
        }
        let mut receipts = Vec::new();
        state.advance(&mut receipts);
        Taken { receipts, resume: false, all: state.charged.is_empty() }
    }

    /// Returns the number of arrivals and acknowledgements so far, or `None` when nothing is to be acknowledged.
    pub fn moves(&self) -> Option<u64> {
        let state = lock(&self.state);
        (!state.charged.is_empty()).then_some(state.moves)
    }

    /// Returns which messages the application has had and not acknowledged, if somebody waits for a message in vain.
    pub fn backlog(&self) -> Option<Backlog> {
        let state = lock(&self.state);
        if !state.waiting.is_empty() || self.sleepers.load(Ordering::SeqCst) == 0 {
            return None;
        }
        let count = |stage| state.charged.iter().filter(|charge| charge.stage == stage).count();
        Some(Backlog { unacknowledged: state.charged.len(), held: count(Stage::Here), failed: count(Stage::Failed) })
    }

    /// Takes the next messages, up to a number and about so many bytes of payload. The flag is true when reading from the
    /// socket can start again.
    pub fn try_pop_many(&self, most: usize, bytes: usize) -> Result<(Vec<Delivery>, bool)> {
        let mut state = lock(&self.state);
        let had_room = state.has_room();
        let mut batch = Vec::new();
        let mut size = 0;
        while batch.len() < most
            && let Some(next) = state.waiting.front()
            // A message that is larger than the limit travels alone.
            && (batch.is_empty() || size + next.publish.payload.len() <= bytes)
            && let Some(delivery) = state.waiting.pop_front()
        {
            size += delivery.publish.payload.len();
            state.left(&delivery);
            batch.push(delivery);
        }
        let more = !state.waiting.is_empty();
        let resume = !had_room && state.has_room();
        match (&state.ended, batch.is_empty()) {
            (Some(error), true) => return Err(error.clone()),
            _ => drop(state),
        }
        if more {
            self.wake_another();
        }
        Ok((batch, resume))
    }

    /// Returns true when a message waits, or when none will come any more.
    pub fn is_ready(&self) -> bool {
        let state = lock(&self.state);
        !state.waiting.is_empty() || state.ended.is_some()
    }

    /// Waits until [`Inbox::is_ready`] may have become true.
    pub async fn arrival(&self) {
        let _sleeper = Sleeper::new(&self.sleepers);
        self.arrived.notified().await;
    }

    /// Ends the inbox and wakes every caller who waits; messages that have arrived can still be read.
    pub fn end(&self, cause: Error) {
        lock(&self.state).ended.get_or_insert(cause);
        self.arrived.notify_waiters();
        self.arrived.notify_one();
    }

    /// Ends the inbox like [`Inbox::end`], but nothing can be read any more: the application itself has closed the client.
    pub fn close(&self, cause: Error) {
        let mut state = lock(&self.state);
        state.waiting.clear();
        state.ended = Some(cause);
        drop(state);
        self.arrived.notify_waiters();
        self.arrived.notify_one();
    }
}

impl State {
    fn has_room(&self) -> bool {
        self.messages < self.max_messages && self.bytes < self.max_bytes
    }

    /// Counts a message that has come, and returns its cost.
    fn count(&mut self, publish: &Publish) -> usize {
        let bytes = cost(publish);
        self.messages += 1;
        self.bytes += bytes;
        self.moves += 1;
        bytes
    }

    fn uncount(&mut self, bytes: usize) {
        self.messages -= 1;
        self.bytes -= bytes;
        self.moves += 1;
    }

    /// Takes note that a message goes to the application. A message at QoS 0 is taken by that, since it is not to be
    /// acknowledged.
    fn left(&mut self, delivery: &Delivery) {
        if delivery.number == 0 {
            self.uncount(cost(&delivery.publish));
        }
    }

    /// Returns the number of the first charge.
    fn first(&self) -> u64 {
        self.last + 1 - self.charged.len() as u64
    }

    fn charge(&mut self, number: u64) -> Option<&mut Charge> {
        let index = number.checked_sub(self.first())?;
        self.charged.get_mut(usize::try_from(index).ok()?)
    }

    /// Marks messages as taken, and adds the receipts that can be acknowledged now.
    fn take(&mut self, from: u64, to: u64, receipts: &mut Vec<Receipt>) {
        for number in from.max(self.first())..=to.min(self.last) {
            let Some(charge) = self.charge(number) else { break };
            let (stage, bytes) = (charge.stage, charge.bytes);
            charge.stage = Stage::Taken;
            if stage == Stage::Here {
                self.uncount(bytes);
            }
        }
        if !self.void.is_empty() {
            let taken = self.void.extract_if(|number, _| (from..=to).contains(number));
            let taken: Vec<usize> = taken.map(|(_, bytes)| bytes).collect();
            taken.into_iter().for_each(|bytes| self.uncount(bytes));
        }
        self.advance(receipts);
    }

    fn fail(&mut self, number: u64) -> Option<Receipt> {
        if let Some(bytes) = self.void.remove(&number) {
            self.uncount(bytes);
            return None;
        }
        let charge = self.charge(number).filter(|charge| charge.stage == Stage::Here)?;
        charge.stage = Stage::Failed;
        let (bytes, receipt) = (charge.bytes, charge.receipt);
        self.uncount(bytes);
        receipt
    }

    /// Removes the first charges as long as no acknowledgement has to wait for them, and adds the receipts that can be
    /// acknowledged now.
    fn advance(&mut self, receipts: &mut Vec<Receipt>) {
        while let Some(Charge { bytes, receipt, stage }) = self.charged.front() {
            match (stage, receipt) {
                (Stage::Taken, receipt) => receipts.extend(*receipt),
                (Stage::Here | Stage::Failed, Some(_)) => break,
                (Stage::Here, None) => drop(self.void.insert(self.first(), *bytes)),
                (Stage::Failed, None) => {}
            }
            self.charged.pop_front();
        }
    }
}

fn cost(publish: &Publish) -> usize {
    publish.payload.len() + publish.properties.len() + publish.topic.len() + OVERHEAD
}

#[cfg(test)]
pub(super) mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::config::Consistency;

    pub fn publish(qos: Consistency, packet_id: u16) -> Publish {
        Publish {
            topic: "t".into(),
            payload: Bytes::from(vec![b'x'; packet_id.into()]),
            qos,
            retain: false,
            dup: false,
            packet_id,
            properties: Bytes::new(),
        }
    }

    fn receipt(id: u16) -> Receipt {
        Receipt::of(id, Consistency::AtLeastOnce)
    }

    /// Adds a message at QoS 1 whose payload is as long as its identifier says.
    pub fn arrive(inbox: &Inbox, id: u16) {
        inbox.push([(publish(Consistency::AtLeastOnce, id), Some(receipt(id)))]);
    }

    /// Hands out every message, and returns their identifiers.
    fn hand_out(inbox: &Inbox) -> Vec<u16> {
        std::iter::from_fn(|| inbox.try_pop().unwrap()).map(|popped| popped.delivery.publish.packet_id).collect()
    }

    fn ids(taken: Taken) -> Vec<u16> {
        (1..100).filter(|id| taken.receipts.contains(&receipt(*id))).collect()
    }

    fn filled(messages: u16) -> Inbox {
        let inbox = Inbox::new(1000, 1 << 20);
        (1..=messages).for_each(|id| arrive(&inbox, id));
        assert_eq!(hand_out(&inbox), (1..=messages).collect::<Vec<_>>());
        inbox
    }

    #[test]
    fn acknowledgements_keep_the_order_of_arrival() {
        let inbox = filled(4);
        assert_eq!(ids(inbox.taken(3)), [0u16; 0]);
        assert_eq!(ids(inbox.taken(2)), [0u16; 0]);
        assert_eq!(inbox.used().0, 2, "what is taken costs nothing, though it is not acknowledged yet");
        assert_eq!(ids(inbox.taken(1)), [1, 2, 3]);
        assert_eq!(ids(inbox.taken(1)), [0u16; 0], "the second time nothing follows");
        assert_eq!(ids(inbox.taken(4)), [4]);
        assert_eq!(inbox.used(), (0, 0));
    }

    #[test]
    fn messages_of_qos_0_cost_nothing_behind_one_that_is_held() {
        let inbox = Inbox::new(3, 1 << 20);
        arrive(&inbox, 1);
        for _ in 0..10 {
            inbox.push([(publish(Consistency::AtMostOnce, 0), None)]);
            hand_out(&inbox);
            inbox.push([(publish(Consistency::AtMostOnce, 0), None)]);
            let (batch, _) = inbox.try_pop_many(10, 1 << 20).unwrap();
            inbox.give_back(batch);
            assert_eq!(inbox.try_pop_many(10, 1 << 20).unwrap().0.len(), 1);
        }
        assert_eq!((inbox.used().0, inbox.has_room()), (1, true));
        assert_eq!(ids(inbox.taken(1)), [1]);
        assert_eq!(inbox.used(), (0, 0));
    }

    #[test]
    fn one_that_failed_costs_no_room_and_comes_again_in_its_old_place() {
        let inbox = filled(3);
        arrive(&inbox, 4);
        assert_eq!(ids(inbox.taken(3)), [0u16; 0]);
        assert_eq!(inbox.failed(2).receipt, Some(receipt(2)));
        assert!(inbox.failed(2).receipt.is_none());
        assert_eq!(inbox.used().0, 2);
        assert_eq!(ids(inbox.taken(1)), [1], "the others wait for the one that failed");
        inbox.again(publish(Consistency::AtLeastOnce, 2), receipt(2));
        inbox.again(publish(Consistency::AtLeastOnce, 2), receipt(2));
        assert_eq!(hand_out(&inbox), [2, 4]);
        assert_eq!(ids(inbox.taken(4)), [0u16; 0]);
        assert_eq!(ids(inbox.taken(2)), [2, 3, 4]);
        assert_eq!(inbox.used(), (0, 0));
    }

    #[test]
    fn one_that_failed_and_was_acknowledged_after_all_does_not_come_again() {
        let inbox = filled(2);
        inbox.failed(2);
        assert_eq!(ids(inbox.taken(2)), [0u16; 0]);
        inbox.again(publish(Consistency::AtLeastOnce, 2), receipt(2));
        assert_eq!(hand_out(&inbox), [0u16; 0]);
        assert_eq!(ids(inbox.taken(1)), [1, 2]);
        assert_eq!(inbox.used(), (0, 0));
    }

    #[test]
    fn a_lost_session_leaves_nothing_that_later_messages_wait_for() {
        let inbox = filled(4);
        arrive(&inbox, 5);
        inbox.failed(2);
        inbox.taken(3);
        inbox.session_lost();
        assert_eq!(inbox.used().0, 3, "what the application has or will get");
        arrive(&inbox, 6);
        assert_eq!(hand_out(&inbox), [5, 6]);
        assert_eq!(ids(inbox.taken(6)), [6]);
        for number in [1, 2, 3, 5, 5] {
            assert_eq!(ids(inbox.taken(number)), [0u16; 0]);
        }
        assert_eq!(inbox.used().0, 1);
        assert!(inbox.failed(4).receipt.is_none());
        assert_eq!(inbox.used(), (0, 0));
        // The same holds for messages that are taken together.
        let inbox = filled(3);
        inbox.session_lost();
        assert_eq!(ids(inbox.taken_up_to(2)), [0u16; 0]);
        assert_eq!(inbox.used().0, 1);
    }

    #[test]
    fn one_that_is_void_holds_up_nothing() {
        let inbox = filled(3);
        inbox.taken(2);
        assert_eq!(ids(inbox.voided(receipt(1))), [2]);
        assert_eq!(ids(inbox.taken(3)), [3]);
        assert_eq!(ids(inbox.taken(1)), [0u16; 0]);
        assert_eq!(inbox.used(), (0, 0));
    }

    #[test]
    fn reading_goes_on_when_there_is_room_again() {
        for lets_go in [|inbox: &Inbox| inbox.taken(2).resume, |inbox: &Inbox| inbox.failed(2).resume] {
            let inbox = Inbox::new(2, 1 << 20);
            (1..=2).for_each(|id| arrive(&inbox, id));
            hand_out(&inbox);
            assert!(!inbox.has_room());
            assert!(lets_go(&inbox));
            assert!(inbox.has_room());
        }
    }
}
