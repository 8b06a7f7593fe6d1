//! The session against the model of a broker that loses connections and, at times, sessions.

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use proptest::prelude::*;
use rumqttc::mqttbytes::QoS;
use rumqttc::mqttbytes::v4::Packet as Wire;

use super::*;
use crate::error::Delivery;
use crate::mqtt::kept_session::Earlier;
use crate::mqtt::protocol::Reason;

/// Returns a session with room for all that a test publishes.
fn new_session(version: Version, window: u16, keep_alive: Duration, now: Instant) -> Session {
    Session::new(version, window, keep_alive, Room::new(1_000_000, 1 << 30), Duration::from_secs(60), now)
}

fn publish(qos: Consistency, tag: u32) -> Publish {
    let payload = Bytes::copy_from_slice(&tag.to_be_bytes());
    Publish { topic: "t".into(), payload, qos, retain: false, dup: false, packet_id: 0, properties: Bytes::new() }
}

fn tag(payload: &[u8]) -> u32 {
    u32::from_be_bytes(payload.try_into().unwrap())
}

fn level(qos: QoS) -> Consistency {
    Consistency::from_qos(qos as i64).unwrap()
}

/// A broker as MQTT 3.1.1 describes it, and the network between.
#[derive(Default)]
struct Broker {
    to_broker: VecDeque<Wire>,
    to_client: VecDeque<Packet>,
    /// The QoS 2 identifiers between PUBLISH and PUBREL.
    received: HashSet<u16>,
    /// The messages that clients behind the broker get to see.
    log: Vec<(Consistency, u32)>,
    /// The messages for the client, by identifier; the flag is true when PUBREL was sent.
    outgoing: BTreeMap<u16, (Publish, bool)>,
    last_id: u16,
    subscriptions: usize,
    receive_maximum: Option<u16>,
    /// The QoS 1 and 2 publishes of this connection whose handshake is not complete.
    unconfirmed: HashSet<u16>,
}

impl Broker {
    fn take_output(&mut self, session: &mut Session) {
        let mut bytes = BytesMut::new();
        session.take_output().iter().for_each(|chunk| bytes.extend_from_slice(chunk));
        let position = session.output.queued();
        while !bytes.is_empty() {
            let packet = Wire::read(&mut bytes, 1 << 20).unwrap();
            if let Wire::Publish(p) = &packet
                && p.pkid > 0
            {
                self.unconfirmed.insert(p.pkid);
                let most = self.receive_maximum.unwrap_or(u16::MAX);
                assert!(self.unconfirmed.len() <= most.into(), "more than the broker takes");
            }
            self.to_broker.push_back(packet);
        }
        session.flushed(position, Instant::now());
    }

    fn handle_one(&mut self) {
        let Some(packet) = self.to_broker.pop_front() else { return };
        match packet {
            Wire::Publish(p) => {
                let seen = (level(p.qos), tag(&p.payload));
                match p.qos {
                    QoS::AtMostOnce => self.log.push(seen),
                    QoS::AtLeastOnce => {
                        self.log.push(seen);
                        self.unconfirmed.remove(&p.pkid);
                        self.to_client.push_back(Packet::Puback(p.pkid, Reason::default()));
                    }
                    QoS::ExactlyOnce => {
                        if self.received.insert(p.pkid) {
                            self.log.push(seen);
                        } else {
                            assert!(p.dup, "a known identifier without DUP");
                        }
                        self.to_client.push_back(Packet::Pubrec(p.pkid, Reason::default()));
                    }
                }
            }
            Wire::PubRel(p) => {
                self.received.remove(&p.pkid);
                self.unconfirmed.remove(&p.pkid);
                self.to_client.push_back(Packet::Pubcomp(p.pkid, Reason::default()));
            }
            Wire::PubAck(p) => drop(self.outgoing.remove(&p.pkid)),
            Wire::PubRec(p) => {
                if let Some((_, released)) = self.outgoing.get_mut(&p.pkid) {
                    *released = true;
                }
                self.to_client.push_back(Packet::Pubrel(p.pkid, Reason::default()));
            }
            Wire::PubComp(p) => drop(self.outgoing.remove(&p.pkid)),
            Wire::Subscribe(p) => {
                self.subscriptions += 1;
                self.to_client.push_back(Packet::Suback(p.pkid, vec![2; p.filters.len()], None));
            }
            other => panic!("unexpected {other:?}"),
        }
    }

    fn send(&mut self, qos: Consistency, tag: u32) {
        self.last_id += 1;
        let message = Publish { packet_id: self.last_id, ..publish(qos, tag) };
        self.outgoing.insert(self.last_id, (message.clone(), false));
        self.to_client.push_back(Packet::Publish(message));
    }

    fn cut(&mut self) {
        self.to_broker.clear();
        self.to_client.clear();
        self.unconfirmed.clear();
    }

    fn resume(&mut self, keeps_session: bool) {
        if !keeps_session {
            self.received.clear();
            self.outgoing.clear();
        }
        for (id, (message, released)) in &self.outgoing {
            self.to_client.push_back(match released {
                true => Packet::Pubrel(*id, Reason::default()),
                false => Packet::Publish(Publish { dup: true, ..message.clone() }),
            });
        }
    }
}

/// The number by which a test asks for the end of a publish.
#[derive(Clone, Copy)]
struct Confirmation(u64);

/// Client, network and broker.
struct World {
    session: Session,
    broker: Broker,
    connected: bool,
    confirmations: Vec<Confirmation>,
    sent: Vec<(Consistency, u32)>,
    /// The tags of publishes whose callers did not wait for the end.
    given_up: HashSet<u32>,
    waiting: VecDeque<(Publish, Option<Receipt>)>,
    delivered: Vec<(Consistency, u32)>,
    now: Instant,
}

impl World {
    fn new(window: u16) -> World {
        let now = Instant::now();
        World {
            session: new_session(Version::V311, window, Duration::from_secs(60), now),
            broker: Broker::default(),
            connected: false,
            confirmations: Vec::new(),
            sent: Vec::new(),
            given_up: HashSet::new(),
            waiting: VecDeque::new(),
            delivered: Vec::new(),
            now,
        }
    }

    fn publish(&mut self, qos: Consistency) {
        let tag = self.sent.len() as u32;
        // Some publishes are accepted late: their deadline comes before those of earlier ones.
        let deadline = self.now + Duration::from_secs(60 - 10 * u64::from(tag % 3));
        let confirmation = self.submit_until(publish(qos, tag), deadline);
        self.confirmations.push(confirmation);
        self.sent.push((qos, tag));
    }

    fn submit(&mut self, publish: Publish) -> Confirmation {
        self.submit_until(publish, self.now + Duration::from_secs(60))
    }

    fn submit_until(&mut self, publish: Publish, deadline: Instant) -> Confirmation {
        let room = publish.payload.len();
        assert!(self.session.outgoing.room.try_take(room));
        let submission = Submission {
            publish,
            earlier: Earlier::Nothing,
            room,
            size: ValueSize::same(4),
            hearer: Hearer::Caller(None),
            accepted: self.now,
            deadline,
        };
        Confirmation(self.session.publish(submission, self.now).expect("accepted"))
    }

    fn result(&mut self, confirmation: Confirmation) -> Option<Result<()>> {
        match self.session.outgoing.poll_end(confirmation.0, &mut Context::from_waker(Waker::noop())) {
            Poll::Ready(result) => Some(result),
            Poll::Pending => None,
        }
    }

    /// Lets the caller of one of the publishes that have not ended give up.
    fn give_up(&mut self, choice: usize) {
        let open: Vec<usize> = (0..self.confirmations.len())
            .filter(|index| {
                !self.given_up.contains(&(*index as u32)) && self.result(self.confirmations[*index]).is_none()
            })
            .collect();
        if let Some(index) = open.get(choice % open.len().max(1)) {
            self.session.outgoing.abandon(self.confirmations[*index].0, true, self.now);
            self.given_up.insert(*index as u32);
        }
    }

    /// Returns the tags without those of publishes that were given up.
    fn not_given_up(&self, tags: Vec<u32>) -> Vec<u32> {
        tags.into_iter().filter(|tag| !self.given_up.contains(tag)).collect()
    }

    fn connect(&mut self, keeps_session: bool) {
        self.connect_with(keeps_session, None);
    }

    fn connect_with(&mut self, keeps_session: bool, receive_maximum: Option<u16>) {
        self.broker.resume(keeps_session);
        self.broker.receive_maximum = receive_maximum;
        self.session.connected(keeps_session, &Limits { receive_maximum, ..Limits::default() }, self.now);
        self.connected = true;
    }

    fn cut(&mut self) {
        if std::mem::take(&mut self.connected) {
            self.broker.cut();
            self.session.disconnected(&Error::Io("cut".into()), self.now);
        }
    }

    fn client_handles_one(&mut self) {
        if let Some(packet) = self.broker.to_client.pop_front() {
            self.session.handle(packet, self.now).unwrap();
        }
    }

    fn events(&mut self) {
        for event in self.session.take_aftermath().events {
            match event {
                Event::Delivery(publish, receipt) => self.waiting.push_back((publish, receipt)),
                Event::Subscribed(result) => result.unwrap(),
                Event::Pong(waiter) => waiter.send(()).unwrap(),
                Event::Again(publish, receipt) => self.waiting.push_back((publish, Some(receipt))),
                Event::NoPong(_) | Event::Warning(_) | Event::Void(_) | Event::SessionLost => {}
            }
        }
    }

    fn application_takes_one(&mut self) {
        if let Some((publish, receipt)) = self.waiting.pop_front() {
            self.delivered.push((publish.qos, tag(&publish.payload)));
            receipt.into_iter().for_each(|receipt| self.session.acknowledge(receipt));
        }
    }

    /// Runs until nothing moves any more.
    fn settle(&mut self) {
        loop {
            self.broker.take_output(&mut self.session);
            self.events();
            if self.broker.to_broker.is_empty() && self.broker.to_client.is_empty() && self.waiting.is_empty() {
                break;
            }
            self.broker.handle_one();
            self.client_handles_one();
            self.events();
            self.application_takes_one();
        }
    }
}

impl World {
    /// Returns a world whose session is kept beyond the process.
    fn kept(window: u16) -> World {
        let mut world = World::new(window);
        world.session.outgoing.keep();
        world
    }

    /// Continues a publish under this identifier, which is also the tag.
    fn go_on_with(&mut self, packet_id: u16, earlier: Earlier, deadline: Instant) -> Confirmation {
        let publish = Publish { packet_id, ..publish(Consistency::ExactlyOnce, packet_id.into()) };
        let room = publish.payload.len();
        assert!(self.session.outgoing.room.try_take(room));
        let (size, hearer) = (ValueSize::same(4), Hearer::Caller(None));
        let submission = Submission { publish, earlier, room, size, hearer, accepted: self.now, deadline };
        Confirmation(self.session.publish(submission, self.now).expect("accepted"))
    }

    fn later(&self) -> Instant {
        self.now + Duration::from_secs(60)
    }

    /// Returns the packets on their way to the broker.
    fn leaving(&mut self) -> Vec<String> {
        let before = self.broker.to_broker.len();
        self.broker.take_output(&mut self.session);
        let leaving = self.broker.to_broker.iter().skip(before).map(|packet| match packet {
            Wire::Publish(p) => format!("PUBLISH {}{}", p.pkid, if p.dup { " DUP" } else { "" }),
            Wire::PubRel(p) => format!("PUBREL {}", p.pkid),
            other => format!("{other:?}"),
        });
        leaving.collect()
    }
}

#[test]
fn pubrel_of_a_kept_session_waits_for_the_word_and_comes_in_order() {
    let mut world = World::kept(10);
    world.connect(false);
    let later = world.later();
    let confirmations: Vec<Confirmation> =
        [7, 8].into_iter().map(|id| world.go_on_with(id, Earlier::Nothing, later)).collect();
    world.settle();
    assert!(world.session.take_aftermath().received);
    assert_eq!(world.session.outgoing.take_received(), [7, 8]);
    assert!(world.leaving().is_empty() && world.broker.received.len() == 2, "PUBREL was sent");
    // The publish still waits when the session has been resumed.
    world.cut();
    world.connect(true);
    assert_eq!(world.leaving(), [""; 0]);
    world.session.release(&[7, 8], world.now);
    assert_eq!(world.leaving(), ["PUBREL 7", "PUBREL 8"]);
    world.settle();
    confirmations.into_iter().for_each(|confirmation| assert_eq!(world.result(confirmation), Some(Ok(()))));
    assert!(world.broker.received.is_empty() && world.session.is_idle());
}

#[test]
fn what_was_received_in_a_lost_session_is_not_released_in_the_next_one() {
    let mut world = World::kept(10);
    world.connect(false);
    let later = world.later();
    world.go_on_with(7, Earlier::Nothing, later);
    world.settle();
    assert_eq!(world.session.outgoing.take_received(), [7]);
    world.cut();
    world.connect(false);
    world.session.release(&[7], world.now);
    assert_eq!(world.leaving(), ["PUBLISH 7"]);
    world.settle();
    assert_eq!(world.session.outgoing.take_received(), [7], "it is received in this one, too");
}

#[test]
fn a_process_goes_on_where_another_has_ended_unless_the_session_is_lost() {
    for (is_there, expected) in [
        (true, ["PUBREL 7", "PUBLISH 8 DUP", "PUBLISH 9", "PUBREL 10"]),
        (false, ["PUBLISH 7", "PUBLISH 8", "PUBLISH 9", "PUBLISH 10"]),
    ] {
        let mut world = World::kept(10);
        let later = world.later();
        world.go_on_with(7, Earlier::Released, later);
        world.go_on_with(8, Earlier::PerhapsPublished, later);
        world.go_on_with(9, Earlier::Nothing, later);
        world.connect(is_there);
        // The same holds for a publish that comes after CONNACK.
        world.go_on_with(10, Earlier::Released, later);
        assert_eq!(world.leaving(), expected);
    }
}

#[test]
fn one_that_is_overdue_and_perhaps_published_is_let_go() {
    let mut world = World::kept(10);
    let now = world.now;
    let confirmation = world.go_on_with(7, Earlier::PerhapsPublished, now);
    let later = world.later();
    world.go_on_with(8, Earlier::Nothing, later);
    assert!(matches!(world.result(confirmation), Some(Err(Error::TimedOut { .. }))));
    let context = &mut Context::from_waker(Waker::noop());
    assert!(world.session.outgoing.poll_gone(confirmation.0, context).is_pending());
    world.connect(true);
    // PUBREL takes the place of PUBLISH once the receipt is stored.
    assert_eq!(world.leaving(), ["PUBLISH 8"]);
    assert_eq!(world.session.outgoing.take_received(), [7]);
    world.session.release(&[7], world.now);
    assert_eq!(world.leaving(), ["PUBREL 7"]);
    world.settle();
    assert!(world.session.outgoing.poll_gone(confirmation.0, context).is_ready());
}

#[derive(Debug, Clone)]
enum Step {
    Publish(Consistency),
    GiveUp(usize),
    BrokerSends(Consistency),
    ToBroker,
    BrokerHandles,
    ToClient,
    ApplicationTakes,
    Cut,
    Connect { keeps_session: bool, receive_maximum: Option<u16> },
}

fn qos() -> impl Strategy<Value = Consistency> {
    prop_oneof![Just(Consistency::AtMostOnce), Just(Consistency::AtLeastOnce), Just(Consistency::ExactlyOnce)]
}

fn steps(keeps_session: impl Strategy<Value = bool> + Clone + 'static) -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => qos().prop_map(Step::Publish),
        1 => any::<usize>().prop_map(Step::GiveUp),
        2 => prop_oneof![Just(Consistency::AtLeastOnce), Just(Consistency::ExactlyOnce)].prop_map(Step::BrokerSends),
        4 => Just(Step::ToBroker),
        6 => Just(Step::BrokerHandles),
        6 => Just(Step::ToClient),
        3 => Just(Step::ApplicationTakes),
        1 => Just(Step::Cut),
        2 => (keeps_session, prop::option::of(1..6u16))
            .prop_map(|(keeps_session, receive_maximum)| Step::Connect { keeps_session, receive_maximum }),
    ];
    prop::collection::vec(step, 0..200)
}

fn run(window: u16, steps: Vec<Step>) -> (World, Vec<(Consistency, u32)>) {
    let mut world = World::new(window);
    let mut broker_sent = Vec::new();
    // The first session is new in any case.
    world.connect(false);
    for step in steps {
        match step {
            Step::Publish(qos) => world.publish(qos),
            Step::GiveUp(choice) => world.give_up(choice),
            Step::BrokerSends(qos) if world.connected && world.broker.outgoing.len() < 10 => {
                let tag = 1_000_000 + broker_sent.len() as u32;
                world.broker.send(qos, tag);
                broker_sent.push((qos, tag));
            }
            Step::BrokerSends(_) => {}
            Step::ToBroker => world.broker.take_output(&mut world.session),
            Step::BrokerHandles => world.broker.handle_one(),
            Step::ToClient => world.client_handles_one(),
            Step::ApplicationTakes => world.application_takes_one(),
            Step::Cut => world.cut(),
            Step::Connect { keeps_session, receive_maximum } if !world.connected => {
                world.connect_with(keeps_session, receive_maximum);
            }
            Step::Connect { .. } => {}
        }
        world.events();
        world.session.assert_invariants();
        assert!(world.session.outgoing.ids.len() <= usize::from(window) + 1, "identifiers in use");
    }
    (world, broker_sent)
}

fn only(qos: Consistency, log: &[(Consistency, u32)]) -> Vec<u32> {
    log.iter().filter(|(level, _)| *level == qos).map(|(_, tag)| *tag).collect()
}

fn first_occurrences(tags: &[u32]) -> Vec<u32> {
    let mut seen = HashSet::new();
    tags.iter().copied().filter(|tag| seen.insert(*tag)).collect()
}

/// Checks that every publish has ended once, and those of QoS 1 and 2 successfully.
fn check_ends(world: &mut World) {
    assert_eq!(world.session.outgoing.pending(), 0);
    let tally = world.session.outgoing.ends.tally();
    let ended = (tally.messages + tally.errors) as usize;
    assert_eq!(ended, world.sent.len() - world.given_up.len(), "each has ended once");
    assert!(world.session.is_idle());
    assert_eq!(world.session.outgoing.in_flight(), 0);
    assert!(world.session.outgoing.ids.is_empty());
    assert!(world.broker.received.is_empty(), "the broker waits for a PUBREL");
    for (index, confirmation) in world.confirmations.clone().into_iter().enumerate() {
        if world.given_up.contains(&(index as u32)) {
            continue;
        }
        let result = world.result(confirmation).expect("ended");
        assert!(result.is_ok() || world.sent[index].0 == Consistency::AtMostOnce, "{index}: {result:?}");
    }
}

proptest! {

    #[test]
    fn with_a_kept_session_qos_2_is_exactly_once_and_in_order(window in 1u16..8, steps in steps(Just(true))) {
        let (mut world, broker_sent) = run(window, steps);
        if !world.connected {
            world.connect(true);
        }
        world.settle();
        check_ends(&mut world);
        let (sent, log) = (&world.sent, &world.broker.log);
        let exactly_once = only(Consistency::ExactlyOnce, log);
        prop_assert_eq!(&exactly_once, &first_occurrences(&exactly_once));
        prop_assert_eq!(world.not_given_up(only(Consistency::ExactlyOnce, sent)), world.not_given_up(exactly_once));
        let at_least_once = first_occurrences(&only(Consistency::AtLeastOnce, log));
        prop_assert_eq!(world.not_given_up(only(Consistency::AtLeastOnce, sent)), world.not_given_up(at_least_once));
        // The other direction carries messages from the broker to the client.
        prop_assert_eq!(only(Consistency::ExactlyOnce, &broker_sent), only(Consistency::ExactlyOnce, &world.delivered));
        let at_least_once = only(Consistency::AtLeastOnce, &world.delivered);
        prop_assert_eq!(only(Consistency::AtLeastOnce, &broker_sent), first_occurrences(&at_least_once));
        prop_assert!(world.broker.outgoing.is_empty() && world.session.incoming.is_empty());
    }

    #[test]
    fn with_lost_sessions_nothing_is_missing(window in 1u16..8, steps in steps(any::<bool>())) {
        let (mut world, _) = run(window, steps);
        if !world.connected {
            world.connect(false);
        }
        world.settle();
        check_ends(&mut world);
        for qos in [Consistency::AtLeastOnce, Consistency::ExactlyOnce] {
            let arrived = first_occurrences(&only(qos, &world.broker.log));
            prop_assert_eq!(world.not_given_up(only(qos, &world.sent)), world.not_given_up(arrived));
        }
    }

    #[test]
    fn any_packets_are_handled_without_panic(packets in prop::collection::vec(any_packet(), 0..60)) {
        let mut world = World::new(4);
        world.connect(false);
        for qos in [Consistency::AtLeastOnce, Consistency::ExactlyOnce, Consistency::AtLeastOnce] {
            world.publish(qos);
        }
        for packet in packets {
            if world.session.handle(packet, world.now).is_err() {
                break;
            }
            world.events();
            world.application_takes_one();
        }
    }
}

fn reason() -> impl Strategy<Value = Reason> {
    any::<u8>().prop_map(Reason::of)
}

fn any_packet() -> impl Strategy<Value = Packet> {
    let id = 1u16..6;
    prop_oneof![
        (id.clone(), reason()).prop_map(|(id, reason)| Packet::Puback(id, reason)),
        (id.clone(), reason()).prop_map(|(id, reason)| Packet::Pubrec(id, reason)),
        (id.clone(), reason()).prop_map(|(id, reason)| Packet::Pubrel(id, reason)),
        (id.clone(), reason()).prop_map(|(id, reason)| Packet::Pubcomp(id, reason)),
        (id.clone(), prop::collection::vec(any::<u8>(), 0..3)).prop_map(|(id, codes)| Packet::Suback(id, codes, None)),
        (id, qos(), any::<bool>()).prop_map(|(packet_id, qos, dup)| Packet::Publish(Publish {
            packet_id,
            dup,
            ..publish(qos, 1)
        })),
        Just(Packet::Pingresp),
        Just(Packet::Connack(Box::default())),
        reason().prop_map(Packet::Disconnect),
        Just(Packet::Auth),
    ]
}

#[test]
fn the_subscription_is_made_again_only_when_the_session_is_gone() {
    let mut world = World::new(4);
    world.session.subscribe_when_connected(vec!["a".into(), "b".into()], Consistency::AtLeastOnce);
    world.connect(false);
    world.settle();
    for (keeps_session, expected) in [(true, 1), (false, 2), (false, 3)] {
        world.cut();
        world.connect(keeps_session);
        world.settle();
        assert_eq!(world.broker.subscriptions, expected);
    }
}

#[test]
fn a_refused_subscription_is_told() {
    let mut world = World::new(4);
    world.session.subscribe_when_connected(vec!["a".into(), "b".into()], Consistency::AtLeastOnce);
    world.connect(false);
    world.session.handle(Packet::Suback(1, vec![1, 0x80], None), world.now).unwrap();
    match world.session.take_aftermath().events.as_slice() {
        [Event::Subscribed(Err(Error::Authorization { message, code: 0x80, .. }))] => assert!(message.contains("'b'")),
        other => panic!("{other:?}"),
    }
}

#[test]
fn under_mqtt_5_the_code_tells_why_a_subscription_is_refused() {
    let refused = |codes: Vec<u8>| {
        let now = Instant::now();
        let mut session = new_session(Version::V5, 4, Duration::ZERO, now);
        session.subscribe_when_connected(vec!["a".into(), "b".into()], Consistency::AtLeastOnce);
        session.connected(false, &Limits::default(), now);
        session.handle(Packet::Suback(1, codes, Some("because".into())), now).unwrap();
        match session.take_aftermath().events.pop() {
            Some(Event::Subscribed(Err(error))) => error,
            other => panic!("{other:?}"),
        }
    };
    let denied = refused(vec![0x97, 0x87]);
    assert!(matches!(denied, Error::Authorization { code: 0x87, .. }), "{denied}");
    let full = refused(vec![1, 0x97]);
    assert!(matches!(full, Error::Io(_)), "{full}");
    let text = full.to_string();
    assert!(text.contains("'b'") && text.contains("quota exceeded") && text.contains("because"), "{text}");
}

/// The broker may have delivered the first copy before the connection was lost.
#[test]
fn of_a_publish_that_was_sent_again_a_refusal_says_nothing_of_the_first_copy() {
    for session_present in [true, false] {
        for sent in [1, 2] {
            let mut world = World::new(1);
            world.connect(false);
            world.publish(Consistency::AtLeastOnce);
            for _ in 1..sent {
                world.session.disconnected(&Error::Io("cut".into()), world.now);
                world.connect(session_present);
            }
            let id = world.session.outgoing.ids.any().unwrap();
            world.session.handle(Packet::Puback(id, Reason::of(0x97)), world.now).unwrap();
            world.events();
            let confirmation = world.confirmations.pop().unwrap();
            let error = world.result(confirmation).unwrap().unwrap_err();
            let expected = if sent == 1 { Delivery::Refused } else { Delivery::Unknown };
            assert_eq!((error.delivery(), error.reason_code()), (Some(expected), Some(0x97)), "{error}");
        }
    }
}

/// The end of a client reports for each message whether it was sent.
#[test]
fn a_close_tells_what_became_of_each_message() {
    let mut world = World::new(1);
    world.connect(false);
    world.publish(Consistency::AtLeastOnce);
    world.publish(Consistency::AtLeastOnce);
    world
        .session
        .outgoing
        .fail_all(|delivery| Error::Io(format!("{delivery:?}").into()).of_message(delivery), world.now);
    world.events();
    let told = world.confirmations.split_off(0).into_iter().map(|confirmation| world.result(confirmation).unwrap());
    let told: Vec<_> =
        told.map(|result| result.unwrap_err()).map(|error| (error.to_string(), error.delivery())).collect();
    assert_eq!(told, [("Unknown".into(), Some(Delivery::Unknown)), ("NotSent".into(), Some(Delivery::NotSent))]);
}

#[test]
fn a_refused_publish_ends_with_the_reason_and_leaves_its_place() {
    for (qos, packet) in [
        (Consistency::AtLeastOnce, Packet::Puback as fn(u16, Reason) -> Packet),
        (Consistency::ExactlyOnce, Packet::Pubrec),
    ] {
        let mut world = World::new(1);
        world.connect(false);
        for code in [0x87, 0x97] {
            world.publish(qos);
            world.session.take_output();
            let id = world.session.outgoing.ids.any().unwrap();
            world.session.handle(packet(id, Reason::of(code)), world.now).unwrap();
            assert!(world.session.output.is_empty(), "no PUBREL follows");
            world.events();
            let confirmation = world.confirmations.pop().unwrap();
            let result = world.result(confirmation).unwrap();
            match code {
                0x87 => assert!(matches!(result, Err(Error::Authorization { code: 0x87, .. })), "{result:?}"),
                _ => assert!(matches!(&result, Err(Error::Io(text)) if text.contains("quota exceeded")), "{result:?}"),
            }
            assert!(
                world.session.is_idle()
                    && world.session.outgoing.ids.is_empty()
                    && world.session.outgoing.in_flight() == 0
            );
        }
    }
}

#[test]
fn a_message_too_large_for_the_broker_is_not_sent() {
    let mut world = World::new(4);
    let limits = Limits { maximum_packet_size: Some(12), ..Limits::default() };
    world.session.connected(false, &limits, world.now);
    let fits = Publish { payload: Bytes::from(vec![0; 5]), ..publish(Consistency::AtLeastOnce, 0) };
    let large = Publish { payload: Bytes::from(vec![0; 6]), ..fits.clone() };
    for (publish, sent) in [(large, false), (fits, true)] {
        let confirmation = world.submit(publish);
        world.events();
        assert_eq!(world.session.output.is_empty(), !sent);
        match world.result(confirmation) {
            Some(Err(Error::Io(text))) if !sent => assert!(text.contains("13 bytes"), "{text}"),
            None if sent => {}
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn an_acknowledgement_of_what_waits_to_be_sent_again_takes_no_place() {
    let mut world = World::new(3);
    world.connect(false);
    for _ in 0..3 {
        world.publish(Consistency::AtLeastOnce);
    }
    world.broker.take_output(&mut world.session);
    world.cut();
    world.connect_with(true, Some(1));
    world.session.handle(Packet::Puback(3, Reason::default()), world.now).unwrap();
    assert_eq!(world.session.outgoing.in_flight(), 1);
    world.settle();
    check_ends(&mut world);
    assert_eq!(only(Consistency::AtLeastOnce, &world.broker.log), [0, 1]);
}

#[test]
fn the_brokers_keep_alive_counts_for_its_connection() {
    let (mut session, at) = clocked();
    session.disconnected(&Error::Io("cut".into()), at(0));
    session.connected(false, &Limits { server_keep_alive_s: Some(4), ..Limits::default() }, at(0));
    assert_eq!(session.deadline(true), Some(at(3)));
    session.disconnected(&Error::Io("cut".into()), at(0));
    session.connected(false, &Limits { server_keep_alive_s: Some(0), ..Limits::default() }, at(0));
    assert_eq!(session.deadline(true), None);
    session.disconnected(&Error::Io("cut".into()), at(0));
    session.connected(false, &Limits::default(), at(0));
    assert_eq!(session.deadline(true), Some(at(6)));
}

#[test]
fn mqtt_3_1_subscribes_again_because_its_broker_does_not_tell() {
    let now = Instant::now();
    let mut session = new_session(Version::V31, 4, Duration::ZERO, now);
    session.subscribe_when_connected(vec!["a".into()], Consistency::AtLeastOnce);
    for id in [1, 2] {
        session.connected(id > 1, &Limits::default(), now);
        assert!(session.is_subscribing());
        assert_eq!(session.take_output().concat_bytes()[..2], [0x82, 6]);
        session.handle(Packet::Suback(id, vec![1], None), now).unwrap();
        assert!(!session.is_subscribing());
        session.disconnected(&Error::Io("cut".into()), now);
    }
}

#[test]
fn under_mqtt_3_1_an_identifier_may_be_another_messages_without_a_word() {
    for qos in [Consistency::AtLeastOnce, Consistency::ExactlyOnce] {
        for dup in [false, true] {
            let now = Instant::now();
            let mut session = new_session(Version::V31, 4, Duration::ZERO, now);
            session.connected(false, &Limits::default(), now);
            let arrives = |session: &mut Session, tag, dup| {
                let message = Publish { packet_id: 1, dup, ..publish(qos, tag) };
                session.handle(Packet::Publish(message), now).unwrap();
                match session.take_aftermath().events.pop() {
                    Some(Event::Delivery(_, receipt)) => receipt,
                    _ => None,
                }
            };
            let first = arrives(&mut session, 1, false).unwrap();
            session.disconnected(&Error::Io("cut".into()), now);
            session.connected(true, &Limits::default(), now);
            assert_eq!(arrives(&mut session, 1, true), None, "the same one again");
            // The broker has started its identifiers anew.
            let second = arrives(&mut session, 2, dup).expect("another message");
            session.acknowledge(first);
            assert!(session.take_output().is_empty(), "nothing of the second one is acknowledged with the first");
            session.acknowledge(second);
            assert_eq!(session.take_output().concat_bytes().len(), 4);
            if qos == Consistency::ExactlyOnce {
                assert!(arrives(&mut session, 3, dup).is_some(), "after PUBREC, too");
            }
        }
    }
}

#[test]
fn what_the_broker_has_goes_on_when_it_takes_less_than_before() {
    let small = Limits { maximum_packet_size: Some(5), ..Limits::default() };
    for (released, text) in [(true, None), (false, Some("may have been delivered"))] {
        let mut world = World::new(4);
        world.connect(false);
        world.publish(Consistency::ExactlyOnce);
        world.session.take_output();
        if released {
            world.session.handle(Packet::Pubrec(1, Reason::default()), world.now).unwrap();
            world.session.take_output();
        }
        world.session.disconnected(&Error::Io("cut".into()), world.now);
        world.session.connected(true, &small, world.now);
        world.events();
        let output = world.session.take_output().concat_bytes();
        let confirmation = world.confirmations.pop().unwrap();
        match (text, world.result(confirmation)) {
            (None, None) => assert_eq!(output, [0x62, 2, 0, 1]),
            (Some(text), Some(Err(error))) => {
                assert!(error.to_string().contains(text), "{error}");
                assert_eq!(output, [0x62, 2, 0, 1], "the broker may hold the identifier, and releases it");
                world.session.handle(Packet::Pubcomp(1, Reason::default()), world.now).unwrap();
                assert!(world.session.outgoing.ids.is_empty() && world.session.is_idle());
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn resent_publishes_keep_identifier_and_order_and_carry_dup() {
    let mut world = World::new(10);
    world.connect(false);
    for _ in 0..3 {
        world.publish(Consistency::AtLeastOnce);
    }
    world.broker.take_output(&mut world.session);
    world.broker.handle_one();
    world.client_handles_one();
    world.events();
    world.cut();
    world.connect(true);
    world.broker.take_output(&mut world.session);
    let resent: Vec<_> = world
        .broker
        .to_broker
        .iter()
        .map(|packet| match packet {
            Wire::Publish(p) => (p.pkid, p.dup, tag(&p.payload)),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(resent, [(2, true, 1), (3, true, 2)]);
}

#[test]
fn only_what_was_not_sent_can_be_withdrawn() {
    let mut world = World::new(1);
    world.connect(false);
    world.publish(Consistency::AtLeastOnce);
    world.publish(Consistency::AtLeastOnce);
    let late = world.now + Duration::from_secs(61);
    assert_eq!(world.session.outgoing.expire(late), None);
    for (confirmation, text) in world.confirmations.clone().into_iter().zip(["may have been delivered", "was not sent"])
    {
        let result = world.result(confirmation).expect("ended");
        assert!(matches!(&result, Err(Error::TimedOut { message, .. }) if message.contains(text)), "{result:?}");
    }
    assert_eq!(world.session.outgoing.pending(), 1, "the identifier is kept until it is acknowledged");
    world.settle();
    assert_eq!((world.session.outgoing.pending(), world.session.outgoing.ends.tally().errors), (0, 2));
    assert_eq!(only(Consistency::AtLeastOnce, &world.broker.log), [0]);
}

#[test]
fn a_message_of_a_lost_session_is_not_acknowledged_in_the_next_one() {
    let mut world = World::new(4);
    world.connect(false);
    world.broker.send(Consistency::AtLeastOnce, 1);
    world.client_handles_one();
    world.events();
    world.cut();
    world.connect(false);
    world.application_takes_one();
    assert!(world.session.output.is_empty());
}

#[test]
fn a_completed_message_that_a_broker_publishes_again_is_not_delivered_again() {
    let mut world = World::new(4);
    world.connect(false);
    world.broker.send(Consistency::ExactlyOnce, 1);
    world.settle();
    assert_eq!(world.delivered, [(Consistency::ExactlyOnce, 1)]);
    world.cut();
    world.connect(true);
    let again = Publish { packet_id: 1, dup: true, ..publish(Consistency::ExactlyOnce, 1) };
    world.broker.outgoing.insert(1, (again.clone(), false));
    world.broker.to_client.push_back(Packet::Publish(again));
    world.settle();
    assert_eq!(world.delivered, [(Consistency::ExactlyOnce, 1)]);
    assert!(world.broker.outgoing.is_empty(), "the handshake went on");

    // A different message under the same identifier is not a duplicate.
    let other = Publish { packet_id: 1, dup: true, ..publish(Consistency::ExactlyOnce, 2) };
    world.broker.outgoing.insert(1, (other.clone(), false));
    world.broker.to_client.push_back(Packet::Publish(other));
    world.settle();
    assert_eq!(only(Consistency::ExactlyOnce, &world.delivered), [1, 2]);
}

#[test]
fn a_completed_message_that_a_broker_publishes_again_and_again_is_not_delivered_again() {
    let mut world = World::new(4);
    world.connect(false);
    world.broker.send(Consistency::ExactlyOnce, 1);
    world.settle();
    for dup in [true, false] {
        world.cut();
        world.connect(true);
        // The PUBREC of this message does not arrive.
        world.broker.to_client.push_back(Packet::Publish(Publish {
            packet_id: 1,
            dup,
            ..publish(Consistency::ExactlyOnce, 1)
        }));
        world.client_handles_one();
        world.events();
        world.application_takes_one();
    }
    assert_eq!(world.delivered, [(Consistency::ExactlyOnce, 1)]);
}

#[test]
fn packet_identifiers_wrap_and_skip_those_in_use() {
    let mut world = World::new(2);
    world.connect(false);
    world.publish(Consistency::AtLeastOnce);
    world.broker.take_output(&mut world.session);
    let held = world.broker.to_broker.pop_front();
    for _ in 0..65_536 {
        world.publish(Consistency::AtLeastOnce);
        world.settle();
    }
    assert_eq!(world.session.outgoing.ids.len(), 1);
    world.broker.to_broker.extend(held);
    world.settle();
    check_ends(&mut world);
}

/// Returns a session with a keep-alive of 8 seconds, so that pings come after 6, and its clock.
fn clocked() -> (Session, impl Fn(u64) -> Instant) {
    let start = Instant::now();
    let mut session = new_session(Version::V311, 1, Duration::from_secs(8), start);
    session.connected(false, &Limits::default(), start);
    (session, move |seconds| start + Duration::from_secs(seconds))
}

fn write_all(session: &mut Session, now: Instant) -> Vec<u8> {
    let bytes = session.take_output().concat_bytes();
    session.flushed(session.output.queued(), now);
    bytes
}

const PING: [u8; 2] = [0xC0, 0];

#[test]
fn a_silent_broker_is_noticed_after_one_and_a_half_keep_alives() {
    let (mut session, at) = clocked();
    assert_eq!(session.tick(at(5), true), Ok(()));
    assert!(session.output.is_empty());
    assert_eq!(session.tick(at(6), true), Ok(()));
    assert_eq!(write_all(&mut session, at(6)), PING);
    assert_eq!(session.deadline(true), Some(at(12)));
    assert_eq!(session.tick(at(11), true), Ok(()));
    assert_eq!(session.tick(at(12), true), Err(Silence::NoAnswer));
    session.handle(Packet::Pingresp, at(12)).unwrap();
    assert_eq!(session.tick(at(13), true), Ok(()));
}

#[test]
fn a_ping_is_due_when_either_direction_is_silent() {
    // The broker must hear something, and a broker that is gone takes bytes for a while.
    for only_comes in [true, false] {
        let (mut session, at) = clocked();
        for second in 0..6 {
            if only_comes {
                session.received(at(second))
            } else {
                session.wrote(at(second))
            }
            assert_eq!(session.tick(at(second), true), Ok(()));
            assert!(session.output.is_empty(), "only comes: {only_comes}, {second} s");
        }
        assert_eq!(session.tick(at(6), true), Ok(()));
        assert_eq!(write_all(&mut session, at(6)), PING, "only comes: {only_comes}");
    }
}

#[test]
fn bytes_that_come_are_a_sign_of_life() {
    let (mut session, at) = clocked();
    assert_eq!(session.tick(at(6), true), Ok(()));
    write_all(&mut session, at(6));
    for second in 7..60 {
        session.received(at(second));
        assert_eq!(session.tick(at(second), true), Ok(()));
        write_all(&mut session, at(second));
    }
    assert_eq!(session.tick(at(64), true), Ok(()));
    assert_eq!(session.tick(at(65), true), Err(Silence::NoAnswer));
}

#[test]
fn a_broker_that_takes_bytes_slowly_is_alive_and_one_that_takes_none_is_not() {
    let (mut session, at) = clocked();
    assert_eq!(session.tick(at(6), true), Ok(()));
    // The ping stands behind a large message that is being written.
    for second in 7..60 {
        session.wrote(at(second));
        assert_eq!(session.tick(at(second), true), Ok(()));
    }
    assert_eq!(session.tick(at(64), true), Ok(()));
    assert_eq!(session.tick(at(65), true), Err(Silence::NothingTaken));
}

#[test]
fn a_ping_that_cannot_be_sent_is_not_joined_by_another_one() {
    for reading in [true, false] {
        let (mut session, at) = clocked();
        for second in 6..12 {
            assert_eq!(session.tick(at(second), reading), Ok(()));
            assert_eq!(session.output.len(), PING.len() as u64);
            assert_eq!(session.deadline(reading), Some(at(12)), "nothing to do before the broker counts as dead");
        }
        assert_eq!(session.tick(at(12), reading), Err(Silence::NothingTaken));
    }
}

#[test]
fn pings_go_on_while_nothing_is_read() {
    let (mut session, at) = clocked();
    for second in [6, 12, 18] {
        assert_eq!(session.deadline(false), Some(at(second)));
        assert_eq!(session.tick(at(second), false), Ok(()));
        assert_eq!(write_all(&mut session, at(second)), PING);
    }
    // The client reads again, so the answers come now.
    session.received(at(23));
    assert_eq!(session.tick(at(24), true), Ok(()));
}

#[test]
fn what_a_caller_has_given_up_is_not_sent_again() {
    for keeps_session in [true, false] {
        let mut world = World::new(10);
        world.connect(false);
        world.publish(Consistency::AtLeastOnce);
        world.publish(Consistency::AtLeastOnce);
        world.broker.take_output(&mut world.session);
        world.session.outgoing.abandon(0, true, world.now);
        world.cut();
        world.events();
        world.connect(keeps_session);
        world.settle();
        assert_eq!(only(Consistency::AtLeastOnce, &world.broker.log), [1]);
        assert!(world.session.outgoing.ids.is_empty() && world.session.is_idle());
    }
}

trait ConcatBytes {
    fn concat_bytes(&self) -> Vec<u8>;
}

impl ConcatBytes for VecDeque<Bytes> {
    fn concat_bytes(&self) -> Vec<u8> {
        self.iter().flat_map(|chunk| chunk.iter().copied()).collect()
    }
}

#[test]
fn what_nobody_waits_for_is_sent_again_all_the_same() {
    let mut world = World::new(10);
    world.connect(false);
    world.publish(Consistency::AtLeastOnce);
    world.broker.take_output(&mut world.session);
    world.session.outgoing.abandon(0, false, world.now);
    world.cut();
    world.connect(true);
    world.settle();
    assert_eq!(only(Consistency::AtLeastOnce, &world.broker.log), [0]);
    assert_eq!(world.session.outgoing.ends.tally().messages, 1);
}

#[test]
fn the_report_has_ranges_with_the_failures_apart() {
    let mut world = World::new(10);
    world.connect(false);
    for tag in 0..5 {
        assert!(world.session.outgoing.room.try_take(4));
        let publish = publish(Consistency::AtLeastOnce, tag);
        let deadline = world.now;
        world.session.publish(
            Submission {
                publish,
                earlier: Earlier::Nothing,
                room: 4,
                size: ValueSize::same(4),
                hearer: Hearer::Report,
                accepted: world.now,
                deadline,
            },
            world.now,
        );
    }
    for id in [1, 2, 4] {
        world.session.handle(Packet::Puback(id, Reason::default()), world.now).unwrap();
    }
    world.session.handle(Packet::Puback(3, Reason::of(0x87)), world.now).unwrap();
    world.session.handle(Packet::Puback(5, Reason::default()), world.now).unwrap();
    match world.session.outgoing.ends.take_report(Waker::noop()).as_slice() {
        [Ended::Done(0, 2), Ended::Done(3, 4), Ended::Failed(2, Error::Authorization { .. }), Ended::Done(4, 5)] => {}
        other => panic!("{other:?}"),
    }
    assert_eq!(world.session.outgoing.room.used(), (0, 0));
    assert_eq!(world.session.outgoing.ends.take_report(Waker::noop()), []);
}

#[test]
fn a_qos_2_publish_that_was_given_up_lets_the_broker_forget_its_identifier() {
    let mut world = World::new(10);
    world.connect(false);
    world.publish(Consistency::ExactlyOnce);
    world.broker.take_output(&mut world.session);
    world.broker.handle_one();
    world.give_up(0);
    assert_eq!((world.session.outgoing.pending(), world.session.outgoing.in_flight()), (1, 1));
    world.cut();
    world.connect(true);
    world.settle();
    check_ends(&mut world);
    assert_eq!(world.broker.log.len(), 1, "it is not sent again");
}

#[test]
fn what_was_given_up_before_its_pubcomp_is_not_sent_to_a_new_session() {
    let mut world = World::new(10);
    world.connect(false);
    world.publish(Consistency::ExactlyOnce);
    world.broker.take_output(&mut world.session);
    world.broker.handle_one();
    world.client_handles_one();
    world.give_up(0);
    world.cut();
    world.connect(false);
    world.settle();
    check_ends(&mut world);
    assert_eq!(world.broker.log.len(), 1);
}

#[test]
fn what_was_given_up_before_it_was_sent_is_withdrawn() {
    let mut world = World::new(10);
    world.connect(false);
    world.cut();
    world.publish(Consistency::AtLeastOnce);
    world.publish(Consistency::AtLeastOnce);
    world.give_up(0);
    assert_eq!(world.session.outgoing.pending(), 1);
    assert_eq!(world.session.outgoing.room.used().0, 1, "its room is free");
    world.connect(true);
    world.settle();
    check_ends(&mut world);
    assert_eq!(world.broker.log, [(Consistency::AtLeastOnce, 1)]);
}

/// Mosquitto 2.0.11 was seen to forget a PUBREL; one round of identifiers later, thousands of messages were mistaken for those
/// that had been there before.
#[test]
fn an_identifier_without_its_pubrel_may_be_another_messages() {
    let mut world = World::new(4);
    world.connect(false);
    let mut arrives = |dup: bool, tag: u32| {
        let message = Publish { packet_id: 7, dup, ..publish(Consistency::ExactlyOnce, tag) };
        world.session.handle(Packet::Publish(message), world.now).unwrap();
        world.events();
        world.application_takes_one();
        world.delivered.len()
    };
    assert_eq!(arrives(false, 1), 1);
    assert_eq!(arrives(true, 1), 1, "sent again");
    assert_eq!(arrives(false, 1), 1, "the same without DUP");
    assert_eq!(arrives(false, 2), 2, "another one");
    assert_eq!(arrives(true, 2), 2);
    world.session.handle(Packet::Pubrel(7, Reason::default()), world.now).unwrap();
    assert!(world.session.incoming.is_empty());
}

#[test]
fn what_is_given_up_before_its_turn_after_a_reconnect_is_not_sent_again() {
    for qos in [Consistency::AtLeastOnce, Consistency::ExactlyOnce] {
        for expires in [false, true] {
            let mut world = World::new(10);
            world.connect(false);
            (0..3).for_each(|_| world.publish(qos));
            world.broker.take_output(&mut world.session);
            world.broker.to_broker.clear();
            world.cut();
            // The broker takes less than before, so that two publishes wait for their turn.
            world.connect_with(true, Some(1));
            if expires {
                world.session.outgoing.expire(world.now + Duration::from_secs(61));
            } else {
                world.session.outgoing.abandon(1, true, world.now);
                world.session.outgoing.abandon(2, true, world.now);
            }
            world.given_up = [1, 2].into();
            world.settle();
            assert_eq!(only(qos, &world.broker.log), [0], "{qos:?}, {expires}");
            assert!(world.session.outgoing.ids.is_empty() && world.session.is_idle());
        }
    }
}

#[test]
fn a_qos_2_publish_that_the_broker_cannot_stand_releases_its_identifier() {
    let mut world = World::new(10);
    world.connect(false);
    world.publish(Consistency::ExactlyOnce);
    world.publish(Consistency::ExactlyOnce);
    for time in 1..=3 {
        world.session.take_output();
        world.session.outgoing.ended_by_broker(&Error::Io("the broker says no".into()), world.now);
        world.session.disconnected(&Error::Io("the broker says no".into()), world.now);
        assert_eq!(world.result(world.confirmations[0]).is_some(), time == 3);
        world.session.connected(true, &Limits::default(), world.now);
    }
    let output = world.session.take_output().concat_bytes();
    assert_eq!(output[..4], [0x62, 2, 0, 1], "PUBREL first");
    assert_eq!(output[4] >> 4, 3, "then the other one");
    assert_eq!(world.session.outgoing.ids.len(), 2);
    world.session.handle(Packet::Pubcomp(1, Reason::default()), world.now).unwrap();
    assert_eq!(world.session.outgoing.ids.len(), 1);

    // A broker that can't stand the PUBREL either is not asked for ever.
    let mut world = World::new(10);
    world.connect(false);
    world.publish(Consistency::ExactlyOnce);
    for _ in 0..6 {
        world.session.take_output();
        world.session.outgoing.ended_by_broker(&Error::Io("no".into()), world.now);
        world.session.disconnected(&Error::Io("no".into()), world.now);
        world.session.connected(true, &Limits::default(), world.now);
    }
    assert!(world.session.is_idle() && world.session.outgoing.ids.is_empty());
    assert_eq!(world.session.outgoing.ends.tally().errors, 1, "its end was told once");
}

#[test]
fn one_missing_acknowledgement_does_not_keep_the_places_of_those_that_came() {
    let mut world = World::new(10);
    world.connect(false);
    world.publish(Consistency::AtLeastOnce);
    world.session.take_output();
    for _ in 0..200_000 {
        assert!(world.session.outgoing.room.try_take(4));
        let publish = publish(Consistency::AtLeastOnce, 1);
        let deadline = world.now + Duration::from_secs(60);
        let submission = Submission {
            publish,
            earlier: Earlier::Nothing,
            room: 4,
            size: ValueSize::same(4),
            hearer: Hearer::Nobody,
            accepted: world.now,
            deadline,
        };
        let number = world.session.publish(submission, world.now).expect("accepted");
        world.session.take_output();
        let id = world.session.outgoing.id_of(number);
        world.session.handle(Packet::Puback(id, Reason::default()), world.now).unwrap();
    }
    assert_eq!(world.session.outgoing.pending(), 1);
    assert!(world.session.outgoing.slots() < 100, "{}", world.session.outgoing.slots());
    world.session.handle(Packet::Puback(1, Reason::default()), world.now).unwrap();
    assert!(world.session.is_idle());
}

#[test]
fn a_publish_that_was_accepted_late_ends_in_time() {
    let mut world = World::new(10);
    world.connect(false);
    let mut submit = |seconds| {
        assert!(world.session.outgoing.room.try_take(4));
        let publish = publish(Consistency::AtLeastOnce, 1);
        let deadline = world.now + Duration::from_secs(seconds);
        let submission = Submission {
            publish,
            earlier: Earlier::Nothing,
            room: 4,
            size: ValueSize::same(4),
            hearer: Hearer::Report,
            accepted: world.now,
            deadline,
        };
        world.session.publish(submission, world.now).expect("accepted")
    };
    let (late, early) = (submit(60), submit(10));
    let at = |seconds| world.now + Duration::from_secs(seconds);
    assert_eq!(world.session.outgoing.expire(at(9)), Some(at(10)));
    assert_eq!(world.session.outgoing.expire(at(10)), Some(at(60)));
    let failed = |session: &mut Session| match session.outgoing.ends.take_report(Waker::noop()).as_slice() {
        [Ended::Failed(number, Error::TimedOut { .. })] => *number,
        other => panic!("{other:?}"),
    };
    assert_eq!(failed(&mut world.session), early);
    assert_eq!(world.session.outgoing.expire(at(60)), None);
    assert_eq!(failed(&mut world.session), late);
}

#[test]
fn a_publish_that_was_accepted_late_leaves_no_deadline_behind() {
    for gives_up in [false, true] {
        let mut world = World::new(10);
        world.connect(false);
        for seconds in [60, 10] {
            let deadline = world.now + Duration::from_secs(seconds);
            let confirmation = world.submit_until(publish(Consistency::AtLeastOnce, 1), deadline);
            world.confirmations.push(confirmation);
        }
        let at = |seconds| Some(world.now + Duration::from_secs(seconds));
        assert_eq!(world.session.outgoing.next_deadline(), at(10));
        if gives_up {
            world.session.outgoing.abandon(1, true, world.now);
        } else {
            world.session.handle(Packet::Puback(2, Reason::default()), world.now).unwrap();
        }
        assert_eq!(world.session.outgoing.next_deadline(), at(60), "gives up: {gives_up}");
        assert_eq!(world.session.outgoing.expire(world.now), at(60), "gives up: {gives_up}");
    }
}

#[test]
fn a_qos_1_publish_that_the_broker_cannot_stand_fails_and_the_next_one_follows() {
    let mut world = World::new(1);
    world.connect(false);
    world.publish(Consistency::AtLeastOnce);
    world.publish(Consistency::AtLeastOnce);
    let cause = Error::Io("the broker says no".into());
    for time in 1..=3 {
        world.session.take_output();
        world.session.outgoing.ended_by_broker(&cause, world.now);
        world.session.assert_invariants();
        let output = world.session.take_output();
        assert!(output.is_empty(), "nothing is sent after the broker's DISCONNECT");
        assert_eq!(world.result(world.confirmations[0]).is_some(), time == 3);
        world.session.disconnected(&cause, world.now);
        world.connect(true);
        world.session.assert_invariants();
    }
    world.publish(Consistency::AtLeastOnce);
    world.settle();
    assert_eq!(only(Consistency::AtLeastOnce, &world.broker.log), [1, 2]);
    assert_eq!(world.session.outgoing.ends.tally().errors, 1);
}

#[test]
fn the_time_of_a_write_is_from_its_acceptance_to_the_last_word_of_the_broker() {
    let mut world = World::new(10);
    world.connect(false);
    let writes = [Consistency::AtMostOnce, Consistency::AtLeastOnce, Consistency::ExactlyOnce].map(|qos| {
        world.publish(qos);
        world.now += Duration::from_millis(10);
        qos
    });
    world.session.take_output();
    let position = world.session.output.queued();
    world.session.flushed(position, world.now);
    assert_eq!(world.session.outgoing.ends.tally().write_times.sum(), Duration::from_millis(30), "QoS 0");
    world.now += Duration::from_millis(100);
    world.session.handle(Packet::Puback(1, Reason::default()), world.now).unwrap();
    world.session.handle(Packet::Pubrec(2, Reason::default()), world.now).unwrap();
    world.now += Duration::from_secs(1);
    world.session.handle(Packet::Pubcomp(2, Reason::default()), world.now).unwrap();
    let tally = world.session.outgoing.ends.tally();
    assert_eq!((tally.messages, tally.write_times.count()), (writes.len() as u64, writes.len() as u64));
    assert_eq!(tally.write_times.sum(), Duration::from_millis(30 + 120 + 1110));
    assert_eq!(tally.write_times.max(), Duration::from_millis(1110));
}

#[test]
fn a_write_that_fails_has_no_time() {
    let mut world = World::new(10);
    world.connect(false);
    world.publish(Consistency::AtLeastOnce);
    world.session.take_output();
    world.session.handle(Packet::Puback(1, Reason::of(0x87)), world.now).unwrap();
    let tally = world.session.outgoing.ends.tally();
    assert_eq!((tally.errors, tally.write_times.count()), (1, 0));
}
