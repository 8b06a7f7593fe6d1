//! The model of a broker for MQTT 3.1.1, with the habits that were seen in real ones.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use rumqttc::mqttbytes::QoS;
use rumqttc::mqttbytes::v4::{self, Packet};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep, sleep_until};

use super::history::History;
use super::pipe::BrokerEnd;
use crate::lock::lock;

/// The habits of a broker that the specification does not ask for; likelihoods are from 0 to 1.
#[derive(Debug, Clone, Default)]
pub(super) struct Habits {
    /// The likelihood that the broker hangs up instead of handling a packet.
    pub hangs_up: f64,
    /// True when the broker hangs up on every PUBLISH of QoS 2.
    pub refuses_qos_2: bool,
    /// The likelihood, for each released message, that the broker has forgotten a PUBREC when it resumes a session, and
    /// publishes the message again (Mosquitto 2.0.11).
    pub forgets_pubrec: f64,
    /// The likelihood that the broker sends PUBREL again (Mosquitto 2.0.11).
    pub repeats_pubrel: f64,
    /// The likelihood, for each released message, that the broker considers it complete when it resumes a session, and sends no
    /// PUBREL (Mosquitto 2.0.11).
    pub forgets_pubrel: f64,
    /// The number of messages of QoS 1 and 2 that may be under way to a client; resumptions add to it (Mosquitto 2.0.11).
    pub window: usize,
    /// The number of messages of QoS 2 that may be under way from a client.
    pub takes: usize,
    /// The likelihood that the broker sleeps before a packet.
    pub dawdles: f64,
    /// The longest time that the broker sleeps.
    pub longest_nap: Duration,
    /// The likelihood that the broker has forgotten the session when a client connects.
    pub loses_sessions: f64,
    /// True when the broker publishes a message of QoS 2 with its PUBREL, and not with its PUBLISH (MQTT 3.1.1, section 4.3.3,
    /// allows both).
    pub publishes_late: bool,
    /// True when the broker grants QoS 1 at most.
    pub grants_less: bool,
}

/// A message as the broker received it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Received {
    pub tag: u32,
    pub qos: QoS,
}

pub(super) struct Broker {
    random: Arc<Mutex<fastrand::Rng>>,
    history: Arc<History>,
    state: Mutex<State>,
}

struct State {
    habits: Habits,
    sessions: HashMap<String, Session>,
    /// The messages that were published, in the order of arrival.
    log: Vec<Received>,
    connections: u64,
    /// True while the broker reads nothing.
    stopped: bool,
    /// True while the broker ignores PUBCOMP.
    keeps_under_way: bool,
    pings: usize,
}

#[derive(Default)]
struct Session {
    subscribed: Option<QoS>,
    /// The QoS 2 identifiers between PUBLISH and PUBREL, with the payload that is to be published at PUBREL.
    received: HashMap<u16, Option<Bytes>>,
    /// The packet identifiers of the messages of QoS 1 and 2 that have come, by message.
    came_as: HashMap<u32, u16>,
    waiting: VecDeque<(QoS, Bytes)>,
    under_way: UnderWay,
    last_id: u16,
    /// The connection to which the session belongs; another one takes the session over.
    connection: u64,
    news: Arc<Notify>,
}

/// The messages that were sent and are not acknowledged, by the order of their first sending and by their identifiers.
#[derive(Default)]
struct UnderWay {
    messages: BTreeMap<u64, Message>,
    by_id: HashMap<u16, u64>,
    last: u64,
}

struct Message {
    id: u16,
    qos: QoS,
    payload: Bytes,
    released: bool,
}

impl UnderWay {
    fn push(&mut self, message: Message) {
        self.last += 1;
        self.by_id.insert(message.id, self.last);
        self.messages.insert(self.last, message);
    }

    fn get_mut(&mut self, id: u16) -> Option<&mut Message> {
        self.messages.get_mut(self.by_id.get(&id)?)
    }

    fn remove(&mut self, id: u16) {
        if let Some(number) = self.by_id.remove(&id) {
            self.messages.remove(&number);
        }
    }
}

/// The topic of all messages.
const TOPIC: &str = "t";

/// Returns the message's number, with which a payload begins.
pub(super) fn tag(payload: &[u8]) -> u32 {
    payload.first_chunk().map_or(u32::MAX, |tag| u32::from_be_bytes(*tag))
}

impl Broker {
    pub fn new(random: Arc<Mutex<fastrand::Rng>>, history: Arc<History>, habits: Habits) -> Broker {
        let state = State {
            habits,
            sessions: HashMap::new(),
            log: Vec::new(),
            connections: 0,
            stopped: false,
            keeps_under_way: false,
            pings: 0,
        };
        Broker { random, history, state: Mutex::new(state) }
    }

    pub fn adopt(&self, habits: Habits) {
        lock(&self.state).habits = habits;
    }

    /// Drops all habits, so that the broker does only what the specification says from now on.
    pub fn behave(&self) {
        let habits = &mut lock(&self.state).habits;
        *habits = Habits {
            window: habits.window,
            takes: habits.takes,
            publishes_late: habits.publishes_late,
            ..Habits::default()
        };
    }

    pub fn log(&self) -> Vec<Received> {
        lock(&self.state).log.clone()
    }

    /// Lets another client take the session over with the same client id, and leave again.
    pub fn take_over(&self, client_id: &str) {
        let mut state = lock(&self.state);
        state.connections += 1;
        let connection = state.connections;
        if let Some(session) = state.sessions.get_mut(client_id) {
            session.connection = connection;
            session.news.notify_one();
        }
        self.history.tell(format!("{client_id}: taken over"));
    }

    pub fn stop_reading(&self, stopped: bool) {
        lock(&self.state).stopped = stopped;
    }

    /// Makes the broker ignore PUBCOMP from now on, or handle it again.
    pub fn keep_under_way(&self, keeps: bool) {
        lock(&self.state).keeps_under_way = keeps;
    }

    /// Returns the number of messages between their PUBLISH and the end of their handshake, from a client and to it.
    pub fn unfinished(&self, client_id: &str) -> (usize, usize) {
        let state = lock(&self.state);
        let session = state.sessions.get(client_id);
        session.map_or((0, 0), |session| (session.received.len(), session.under_way.messages.len()))
    }

    /// Returns the number of messages that are under way to a client and released.
    pub fn released(&self, client_id: &str) -> usize {
        let state = lock(&self.state);
        let session = state.sessions.get(client_id);
        session.map_or(0, |session| session.under_way.messages.values().filter(|message| message.released).count())
    }

    pub fn pings(&self) -> usize {
        lock(&self.state).pings
    }

    /// Publishes a message of a program behind the broker.
    pub fn publish(&self, qos: QoS, payload: Bytes) {
        let mut state = lock(&self.state);
        state.accept(qos, payload);
    }

    fn chance(&self, likely: impl FnOnce(&Habits) -> f64) -> bool {
        let likely = likely(&lock(&self.state).habits);
        likely > 0.0 && lock(&self.random).f64() < likely
    }

    async fn nap(&self) {
        if self.chance(|habits| habits.dawdles) {
            let longest = lock(&self.state).habits.longest_nap;
            let nap = longest.mul_f64(lock(&self.random).f64());
            sleep(nap).await;
        }
    }

    /// Serves one connection to its end.
    pub async fn serve(self: Arc<Broker>, end: BrokerEnd) {
        let mut input = BytesMut::new();
        let Some(Packet::Connect(connect)) = self.read(&end, &mut input).await else { return };
        self.nap().await;
        if self.chance(|habits| habits.hangs_up) {
            return;
        }
        let id = connect.client_id.clone();
        let (mut output, connection, news) = self.resume(&connect);
        // The patience is one and a half keep-alive intervals (MQTT 3.1.1, section 3.1.2.10).
        let patience = Duration::from_secs(connect.keep_alive.into()).mul_f64(1.5);
        if !end.write(&output).await {
            return;
        }
        let mut silent_since = Instant::now();
        loop {
            output.clear();
            let packet = tokio::select! {
                biased;
                packet = self.read(&end, &mut input) => packet,
                () = sleep_until(silent_since + patience), if !patience.is_zero() => {
                    if lock(&self.state).stopped {
                        silent_since = Instant::now();
                        continue;
                    }
                    self.history.tell(format!("{id}: hears nothing"));
                    break;
                }
                () = news.notified() => {
                    if !self.deliver(&id, connection, &mut output) || !end.write(&output).await {
                        return;
                    }
                    continue;
                }
            };
            let Some(packet) = packet else { break };
            self.nap().await;
            silent_since = Instant::now();
            if self.chance(|habits| habits.hangs_up) {
                self.history.tell(format!("{id}: hung up"));
                break;
            }
            if !self.handle(&id, connection, packet, &mut output) || !end.write(&output).await {
                break;
            }
        }
    }

    /// Returns CONNACK and the packets of messages that are under way in the session.
    fn resume(&self, connect: &v4::Connect) -> (BytesMut, u64, Arc<Notify>) {
        let forgotten = self.chance(|habits| habits.loses_sessions);
        let mut state = lock(&self.state);
        state.connections += 1;
        let connection = state.connections;
        let mut output = BytesMut::new();
        let habits = state.habits.clone();
        let mut present = state.sessions.contains_key(&connect.client_id);
        let earlier = state.sessions.get(&connect.client_id).map(|session| session.news.clone());
        if connect.clean_session || forgotten {
            state.sessions.remove(&connect.client_id);
            present = false;
        }
        let session = state.sessions.entry(connect.client_id.clone()).or_default();
        session.connection = connection;
        session.news = Arc::default();
        let news = session.news.clone();
        // The connection that had the session before is closed.
        earlier.into_iter().for_each(|earlier| earlier.notify_one());
        let _ = v4::ConnAck::new(v4::ConnectReturnCode::Success, present).write(&mut output);
        let mut random = lock(&self.random);
        let released = session.under_way.messages.values().filter(|message| message.released).map(|message| message.id);
        let forgotten: Vec<u16> = released.filter(|_| random.f64() < habits.forgets_pubrel).collect();
        forgotten.into_iter().for_each(|id| session.under_way.remove(id));
        for message in session.under_way.messages.values_mut() {
            message.released &= random.f64() >= habits.forgets_pubrec;
            match message.released {
                true => drop(v4::PubRel::new(message.id).write(&mut output)),
                false => publish(message, true, &mut output),
            }
        }
        news.notify_one();
        self.history.tell(format!("{}: session {}", connect.client_id, if present { "resumed" } else { "new" }));
        (output, connection, news)
    }

    /// Sends waiting messages as far as the window allows. Returns false when the session belongs to another connection now.
    fn deliver(&self, id: &str, connection: u64, output: &mut BytesMut) -> bool {
        let mut state = lock(&self.state);
        let window = state.habits.window;
        let Some(session) = state.sessions.get_mut(id).filter(|session| session.connection == connection) else {
            return false;
        };
        while session.under_way.messages.len() < window
            && let Some((qos, payload)) = session.waiting.pop_front()
        {
            let mut message = Message { id: 0, qos, payload, released: false };
            if qos != QoS::AtMostOnce {
                message.id = session.next_id();
            }
            publish(&message, false, output);
            if qos != QoS::AtMostOnce {
                session.under_way.push(message);
            }
        }
        true
    }

    /// Handles a packet. Returns false when the connection ends.
    fn handle(&self, id: &str, connection: u64, packet: Packet, output: &mut BytesMut) -> bool {
        let repeats = self.chance(|habits| habits.repeats_pubrel);
        let mut state = lock(&self.state);
        let state = &mut *state;
        let Some(session) = state.sessions.get_mut(id).filter(|session| session.connection == connection) else {
            return false;
        };
        match packet {
            Packet::Publish(publish) => {
                if publish.qos != QoS::AtMostOnce {
                    let tag = tag(&publish.payload);
                    let earlier = session.came_as.insert(tag, publish.pkid);
                    if earlier.is_some_and(|earlier| !publish.dup || earlier != publish.pkid) {
                        self.history.fault(format!("{id}: {tag} again, without DUP or under another identifier"));
                    }
                }
                match publish.qos {
                    QoS::AtMostOnce => {}
                    QoS::AtLeastOnce => drop(v4::PubAck::new(publish.pkid).write(output)),
                    QoS::ExactlyOnce if state.habits.refuses_qos_2 => return false,
                    QoS::ExactlyOnce => {
                        drop(v4::PubRec::new(publish.pkid).write(output));
                        if session.received.contains_key(&publish.pkid) {
                            if !publish.dup {
                                self.history.fault(format!("{id}: the identifier {} without DUP", publish.pkid));
                            }
                            return true;
                        }
                        let is_late = state.habits.publishes_late;
                        session.received.insert(publish.pkid, is_late.then(|| publish.payload.clone()));
                        if session.received.len() > state.habits.takes {
                            self.history.fault(format!("{id}: {} messages at once", session.received.len()));
                        }
                        if is_late {
                            return true;
                        }
                    }
                }
                state.accept(publish.qos, publish.payload);
            }
            Packet::PubRel(release) => {
                drop(v4::PubComp::new(release.pkid).write(output));
                if let Some(payload) = session.received.remove(&release.pkid).flatten() {
                    state.accept(QoS::ExactlyOnce, payload);
                }
            }
            Packet::PubAck(ack) => session.under_way.remove(ack.pkid),
            Packet::PubComp(_) if state.keeps_under_way => {}
            Packet::PubComp(complete) => session.under_way.remove(complete.pkid),
            Packet::PubRec(record) => {
                session.under_way.get_mut(record.pkid).into_iter().for_each(|message| message.released = true);
                for _ in 0..=usize::from(repeats) {
                    drop(v4::PubRel::new(record.pkid).write(output));
                }
            }
            Packet::Subscribe(subscribe) => {
                let granted = |asked| match (state.habits.grants_less, asked) {
                    (true, QoS::ExactlyOnce) => QoS::AtLeastOnce,
                    _ => asked,
                };
                let filters = &subscribe.filters;
                session.subscribed = filters.first().map(|filter| granted(filter.qos));
                let codes =
                    filters.iter().map(|filter| v4::SubscribeReasonCode::Success(granted(filter.qos))).collect();
                drop(v4::SubAck::new(subscribe.pkid, codes).write(output));
            }
            Packet::PingReq => {
                state.pings += 1;
                drop(v4::PingResp.write(output));
            }
            Packet::Disconnect => return false,
            other => self.history.fault(format!("{id}: unexpected {other:?}")),
        }
        if let Some(session) = state.sessions.get(id) {
            session.news.notify_one();
        }
        true
    }

    /// Waits while the broker reads nothing.
    async fn is_reading(&self) {
        while lock(&self.state).stopped {
            sleep(Duration::from_millis(10)).await;
        }
    }

    /// Returns the client's next packet, or `None` when none comes any more.
    async fn read(&self, end: &BrokerEnd, input: &mut BytesMut) -> Option<Packet> {
        loop {
            match Packet::read(input, usize::MAX) {
                Ok(packet) => return Some(packet),
                Err(rumqttc::mqttbytes::Error::InsufficientBytes(_)) => {
                    self.is_reading().await;
                    input.extend_from_slice(&end.read().await?);
                }
                Err(_) => return None,
            }
        }
    }
}

impl State {
    fn accept(&mut self, qos: QoS, payload: Bytes) {
        self.log.push(Received { tag: tag(&payload), qos });
        for session in self.sessions.values_mut() {
            if let Some(granted) = session.subscribed {
                session.waiting.push_back((if granted < qos { granted } else { qos }, payload.clone()));
                session.news.notify_one();
            }
        }
    }
}

impl Session {
    fn next_id(&mut self) -> u16 {
        loop {
            self.last_id = self.last_id.checked_add(1).unwrap_or(1);
            if !self.under_way.by_id.contains_key(&self.last_id) {
                return self.last_id;
            }
        }
    }
}

fn publish(message: &Message, dup: bool, output: &mut BytesMut) {
    let mut packet = v4::Publish::from_bytes(TOPIC, message.qos, message.payload.clone());
    packet.pkid = message.id;
    packet.dup = dup;
    let _ = packet.write(output);
}
