//! The scenario of a seed: a broker with habits, a network with weather, callers, and the promises that must hold.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};

use super::broker::{Habits, Received};
use super::callers::{Callers, End, Manner, process_all, read_all};
use super::network::Weather;
use super::world::{World, settings};
use crate::config::{Consistency, Role, Value};
use crate::lock::lock;
use crate::mqtt::Client;

const MAX_QUEUED_BYTES: usize = 16 * 1024;
const MAX_RECEIVED_BYTES: usize = 8 * 1024;
/// The most bytes that one turn of reading may add to a full inbox: see `READS_PER_TURN`.
const ONE_TURN: usize = 256 * 1024;
/// The time that DISCONNECT gets.
const GOODBYE: Duration = Duration::from_secs(1);
const SLACK: Duration = Duration::from_millis(50);
/// A time that is longer than a broker sleeps.
const QUIET: Duration = Duration::from_secs(10);
/// A time that is longer than anything that is right.
const FOR_EVER: Duration = Duration::from_secs(4 * 3600);

struct Scenario {
    habits: Habits,
    weather: Weather,
    qos: Consistency,
    keep_alive: u64,
    write_timeout: Duration,
    close_timeout: Duration,
    min_delay: f64,
    max_delay: f64,
    max_queued: usize,
    window: i64,
    /// The longest time that the reader takes for a message.
    reader_pause: Duration,
    callers: usize,
    messages: usize,
    /// The number of upheavals of the network.
    upheavals: usize,
    closes_early: bool,
    /// True when the reader acknowledges messages that it has processed, in any order.
    processes: bool,
    /// The share of its messages that the reader can't process as long as there is trouble.
    fails: f64,
}

impl Scenario {
    fn draw(seed: u64) -> Scenario {
        let mut random = fastrand::Rng::with_seed(seed ^ 0x5EED);
        let mut likely = |most: f64, often: f64| if random.f64() < often { random.f64() * most } else { 0.0 };
        let habits = Habits {
            hangs_up: likely(0.05, 0.3),
            refuses_qos_2: likely(1.0, 0.05) > 0.0,
            forgets_pubrec: likely(0.5, 0.4),
            repeats_pubrel: likely(0.5, 0.3),
            forgets_pubrel: likely(0.3, 0.3),
            window: 0,
            takes: 0,
            dawdles: likely(0.5, 0.5),
            longest_nap: Duration::from_millis(1),
            loses_sessions: likely(0.3, 0.15),
            publishes_late: false,
            grants_less: false,
        };
        let weather = Weather { cut: likely(0.9, 0.6), silent: likely(0.5, 0.4), ..Weather::fair() };
        let mut one_of = |choices: &[u64]| choices[random.usize(..choices.len())];
        let window = one_of(&[1, 5, 20, 1000]) as i64;
        Scenario {
            qos: [
                Consistency::AtMostOnce,
                Consistency::AtLeastOnce,
                Consistency::ExactlyOnce,
                Consistency::ExactlyOnce,
            ][one_of(&[0, 1, 2, 3]) as usize],
            keep_alive: one_of(&[2, 5, 20, 60]),
            write_timeout: Duration::from_millis(one_of(&[500, 5_000, 60_000])),
            close_timeout: Duration::from_millis(one_of(&[0, 1_000, 10_000])),
            min_delay: one_of(&[1, 10, 100]) as f64 / 10.0,
            max_delay: one_of(&[10, 120]) as f64,
            max_queued: one_of(&[2, 10, 1000]) as usize,
            window,
            reader_pause: Duration::from_millis(one_of(&[0, 0, 5, 500])),
            callers: one_of(&[1, 3, 8]) as usize,
            messages: one_of(&[5, 10, 20]) as usize,
            upheavals: one_of(&[0, 1, 3, 8]) as usize,
            closes_early: one_of(&[0, 0, 0, 1]) == 1,
            habits: Habits {
                window: one_of(&[1, 20, 100_000]) as usize,
                takes: window as usize,
                longest_nap: Duration::from_millis(one_of(&[5, 100, 3_000])),
                ..habits
            },
            weather: Weather {
                capacity: one_of(&[64, 1_000, 64_000, 1_000_000]) as usize,
                dead_addresses: one_of(&[0, 0, 1, 6]) as usize,
                latency: Duration::from_millis(one_of(&[0, 1, 50])),
                ..weather
            },
            processes: one_of(&[0, 0, 1]) == 1,
            fails: one_of(&[0, 2]) as f64 / 10.0,
        }
    }

    fn keeps_sessions(&self) -> bool {
        self.habits.loses_sessions == 0.0
    }

    fn parameters(&self) -> Vec<(&'static str, Value)> {
        let delay =
            Value::from([("min_delay", Value::Float(self.min_delay)), ("max_delay", Value::Float(self.max_delay))]);
        vec![
            ("consistency", Value::from(self.qos.name())),
            ("clean_session", Value::Bool(false)),
            ("keepalive", Value::Int(self.keep_alive as i64)),
            ("write_timeout_ms", Value::Int(self.write_timeout.as_millis() as i64)),
            ("close_timeout_ms", Value::Int(self.close_timeout.as_millis() as i64)),
            ("max_queued_messages", Value::Int(self.max_queued as i64)),
            ("max_queued_bytes", Value::Int(MAX_QUEUED_BYTES as i64)),
            ("max_received_messages", Value::Int(10)),
            ("max_received_bytes", Value::Int(MAX_RECEIVED_BYTES as i64)),
            ("max_inflight_messages", Value::Int(self.window)),
            ("reconnect_delay", delay),
            ("acknowledge", Value::from(if self.processes { "processed" } else { "taken" })),
        ]
    }
}

/// The outcome of a seed.
pub(super) struct Outcome {
    pub faults: Vec<String>,
    pub history: Vec<String>,
}

/// Plays a seed.
pub(super) async fn play(seed: u64) -> Outcome {
    let scenario = Scenario::draw(seed);
    let keep_alive = Duration::from_secs(scenario.keep_alive);
    let fair = Weather { cut: 0.0, silent: 0.0, ..scenario.weather.clone() };
    let world = World::new(
        seed,
        Habits { window: scenario.habits.window, takes: scenario.habits.takes, ..Habits::default() },
        fair,
        keep_alive,
    );
    let parameters = scenario.parameters();
    let writer = world.client(Role::Writer, &settings(Role::Writer, "writer", &parameters));
    let reader = Arc::new(world.client(Role::Reader, &settings(Role::Reader, "reader", &parameters)));
    for (client, who) in [(&writer, "writer"), (&*reader, "reader")] {
        if let Err(error) = client.opened().await {
            world.history.fault(format!("the {who} does not open in fair weather: {error}"));
            return Outcome { faults: world.history.faults(), history: world.history.events() };
        }
    }
    world.broker.adopt(scenario.habits.clone());
    world.network.change(scenario.weather.clone());

    let callers = Arc::new(Callers::new(writer, world.history.clone(), scenario.write_timeout));
    let received = Arc::new(Mutex::new(Vec::new()));
    let trouble_is_over = Arc::new(AtomicBool::new(false));
    let reading = spawn_reader(&world, &scenario, reader.clone(), received.clone(), trouble_is_over.clone());
    let watching = tokio::spawn(watch(callers.clone(), reader.clone(), scenario.max_queued));
    let orders = Arc::new(Mutex::new(Vec::new()));
    let mut working = tokio::task::JoinSet::new();
    for number in 0..scenario.callers {
        let plan = draw_messages(&world, &scenario);
        let (callers, orders) = (callers.clone(), orders.clone());
        working.spawn(async move {
            let lengths = plan.iter().map(|(length, ..)| *length).collect();
            if number == 0 {
                let order = callers.clone().write_many(lengths).await;
                lock(&orders).push(order);
            } else if number == 1 {
                let order = callers.clone().submit_many(lengths).await;
                lock(&orders).push(order);
            } else {
                for (length, manner, pause) in plan {
                    callers.write(length, manner).await;
                    sleep(pause).await;
                }
            }
        });
    }
    trouble(&world, &scenario).await;

    if scenario.closes_early {
        close(&world, "writer", &callers.client, scenario.close_timeout, &callers).await;
    } else {
        world.broker.behave();
        world.network.heal();
    }
    trouble_is_over.store(true, Ordering::Relaxed);
    if scenario.processes && !scenario.closes_early {
        // Messages that could not be processed come again with the next connection.
        sleep(scenario.reader_pause + QUIET).await;
        world.network.cut_all();
    }
    // A broker may take over a session for a connection that is gone already.
    sleep(QUIET).await;
    let mut lost_before = losses(&world);
    if timeout(FOR_EVER, async { while working.join_next().await.is_some() {} }).await.is_err() {
        world.history.fault("a caller waits for ever".into());
    }
    if scenario.closes_early {
        world.broker.behave();
        world.network.heal();
        sleep(scenario.reader_pause + QUIET).await;
        if scenario.processes {
            world.network.cut_all();
            sleep(QUIET).await;
        }
        lost_before = losses(&world);
    }
    if scenario.keeps_sessions() && scenario.qos != Consistency::AtMostOnce {
        settle(&world, &callers.client, &received).await;
        let (info, unfinished) = (callers.client.info(), world.broker.unfinished("writer"));
        let left = (info.outbox_messages, info.outbox_bytes, info.in_flight, unfinished.0);
        if !scenario.closes_early && left != (0, 0, 0, 0) {
            world.history.fault(format!("the writer does not end what it has begun: {left:?}"));
        }
        if world.broker.unfinished("reader").1 > 0 {
            world.history.fault("the reader has not acknowledged everything".into());
        }
    }
    watching.abort();
    if !scenario.closes_early {
        // Neglected publishes have ended, and those that were given up are released.
        close(&world, "writer", &callers.client, scenario.close_timeout, &callers).await;
    }
    close(&world, "reader", &reader, scenario.close_timeout, &callers).await;
    if let Ok(Ok(Err(error))) = timeout(FOR_EVER, reading).await {
        world.history.fault(format!("reading failed: {error}"));
    }
    if losses(&world) != lost_before {
        world.history.fault("a connection was lost although all was well".into());
    }
    sleep(2 * GOODBYE).await;
    if world.network.open_connections() > 0 {
        world.history.fault("a connection is left open".into());
    }
    check(&world, &scenario, &lock(&callers.ends), &lock(&received), &lock(&orders));
    Outcome { faults: world.history.faults(), history: world.history.events() }
}

/// Returns how often the writer and the reader have lost a connection.
fn losses(world: &World) -> [usize; 2] {
    let events = world.history.events();
    ["writer", "reader"].map(|who| {
        let lost = format!("{who}: Lost");
        events.iter().filter(|line| line.contains(&lost)).count()
    })
}

fn spawn_reader(
    world: &World,
    scenario: &Scenario,
    reader: Arc<Client>,
    received: Arc<Mutex<Vec<u32>>>,
    trouble_is_over: Arc<AtomicBool>,
) -> tokio::task::JoinHandle<Result<(), crate::Error>> {
    let (random, longest) = (world.random.clone(), scenario.reader_pause);
    let pause = move || longest.mul_f64(lock(&random).f64());
    if !scenario.processes {
        return tokio::spawn(async move { read_all(&reader, pause, &received).await });
    }
    let (random, often) = (world.random.clone(), scenario.fails);
    let fails = Arc::new(move || !trouble_is_over.load(Ordering::Relaxed) && lock(&random).f64() < often);
    tokio::spawn(async move { process_all(&reader, pause, fails, &received).await })
}

fn draw_messages(world: &World, scenario: &Scenario) -> Vec<(usize, Manner, Duration)> {
    let mut random = lock(&world.random);
    let long = 2 * scenario.write_timeout.as_millis() as u64;
    let mut message = || {
        let while_ = Duration::from_millis(random.u64(0..long));
        let manner = match random.u32(..10) {
            0 => Manner::GivesUp(while_),
            1 => Manner::Drops(while_),
            2 => Manner::Neglects(while_),
            _ => Manner::Waits,
        };
        let length = if random.u32(..10) == 0 { random.usize(4..20_000) } else { random.usize(4..100) };
        (length, manner, Duration::from_millis(random.u64(0..2_000)))
    };
    (0..scenario.messages).map(|_| message()).collect()
}

/// Cuts connections, and takes the broker away for up to some minutes.
async fn trouble(world: &World, scenario: &Scenario) {
    for _ in 0..scenario.upheavals {
        let (pause, what, how_long) = {
            let mut random = lock(&world.random);
            (random.u64(0..30_000), random.u32(..6), random.u64(0..300_000))
        };
        sleep(Duration::from_millis(pause)).await;
        match what {
            0 => world.network.cut_all(),
            1 => world.network.take_down(Duration::from_millis(how_long / 10), true),
            2 => {
                world.broker.stop_reading(true);
                sleep(Duration::from_millis(how_long / 10)).await;
                world.broker.stop_reading(false);
            }
            3 => world.broker.take_over("writer"),
            4 => world.broker.take_over("reader"),
            _ => world.network.take_down(Duration::from_millis(how_long), false),
        }
    }
    let rest = lock(&world.random).u64(0..60_000);
    sleep(Duration::from_millis(rest)).await;
}

/// Watches the bounds, and callers who wait although there is room.
async fn watch(callers: Arc<Callers>, reader: Arc<Client>, max_queued: usize) {
    let mut unfair_since: Option<Instant> = None;
    loop {
        sleep(Duration::from_millis(500)).await;
        let outbox = callers.client.info();
        if outbox.outbox_messages > max_queued || outbox.outbox_bytes > MAX_QUEUED_BYTES {
            callers.history.fault(format!("the outbox is too full: {outbox:?}"));
            return;
        }
        let inbox = reader.info();
        if inbox.inbox_bytes > MAX_RECEIVED_BYTES + ONE_TURN {
            callers.history.fault(format!("the inbox is too full: {inbox:?}"));
            return;
        }
        let waiting = callers.waiting_for_room.load(Ordering::Relaxed) > 0;
        match waiting && outbox.outbox_messages == 0 {
            true => {
                let since = *unfair_since.get_or_insert_with(Instant::now);
                if since.elapsed() > Duration::from_secs(1) {
                    callers.history.fault("callers wait for room in an empty outbox".into());
                    return;
                }
            }
            false => unfair_since = None,
        }
    }
}

/// Waits until the writer has nothing left to send, and the reader has everything that the broker took.
async fn settle(world: &World, writer: &Client, received: &Mutex<Vec<u32>>) {
    let all_there = async {
        loop {
            let there: HashSet<u32> = lock(received).iter().copied().collect();
            let log = world.broker.log();
            sleep(QUIET).await;
            // The broker may still have been reading the bytes of a connection that is gone.
            if writer.info().outbox_messages == 0
                && world.broker.log().len() == log.len()
                && log.iter().all(|message| there.contains(&message.tag))
                // The reader acknowledges its messages once it is back.
                && world.broker.unfinished("reader").1 == 0
            {
                return;
            }
        }
    };
    let _ = timeout(Duration::from_secs(3600), all_there).await;
}

async fn close(world: &World, who: &str, client: &Client, within: Duration, callers: &Callers) {
    callers.closing.store(true, Ordering::Relaxed);
    let began = Instant::now();
    client.begin_close();
    let result = timeout(FOR_EVER, client.closed()).await;
    let took = began.elapsed();
    world.history.tell(format!("{who}: closed after {took:?}: {result:?}"));
    if took > within + SLACK {
        world.history.fault(format!("the {who} closed after {took:?}, though {within:?} were allowed"));
    }
}

/// Compares what the programs know with what the broker has.
fn check(world: &World, scenario: &Scenario, ends: &[(u32, End)], received: &[u32], orders: &[Vec<u32>]) {
    let log = world.broker.log();
    let fault = |what: String| world.history.fault(what);
    let mut times: HashMap<u32, usize> = HashMap::new();
    for Received { tag, qos } in &log {
        *times.entry(*tag).or_default() += 1;
        if *qos as u8 != scenario.qos.qos() {
            fault(format!("{tag} was published at {qos:?}"));
        }
    }
    let total = scenario.callers * scenario.messages;
    if ends.len() != total {
        fault(format!("{} of {total} publishes have ended", ends.len()));
    }
    for (tag, end) in ends {
        let arrived = times.get(tag).copied().unwrap_or_default();
        match end {
            End::Confirmed if arrived == 0 && scenario.qos != Consistency::AtMostOnce => {
                fault(format!("{tag} was confirmed and did not arrive"));
            }
            End::NotSent if arrived > 0 => fault(format!("{tag} was withdrawn and arrived")),
            _ => {}
        }
    }
    if scenario.qos != Consistency::AtLeastOnce
        && (scenario.keeps_sessions() || scenario.qos == Consistency::AtMostOnce)
    {
        for (tag, _) in times.iter().filter(|(_, times)| **times > 1) {
            fault(format!("{tag} arrived twice at the broker"));
        }
    }
    for order in orders {
        let mut arrived: Vec<u32> = log.iter().map(|message| message.tag).filter(|tag| order.contains(tag)).collect();
        let mut seen = HashSet::new();
        arrived.retain(|tag| seen.insert(*tag));
        if !arrived.is_sorted() {
            fault(format!("out of order at the broker: {arrived:?}"));
        }
    }
    if scenario.keeps_sessions() && scenario.qos != Consistency::AtMostOnce {
        let mut there = HashSet::new();
        let first: Vec<u32> = received.iter().copied().filter(|tag| there.insert(*tag)).collect();
        if scenario.qos == Consistency::ExactlyOnce && first.len() != received.len() {
            fault(format!("the reader got {} messages twice", received.len() - first.len()));
        }
        let mut seen = HashSet::new();
        let expected: Vec<u32> = log.iter().map(|message| message.tag).filter(|tag| seen.insert(*tag)).collect();
        let all_there = if scenario.processes {
            // The reader has acknowledged them in an order of its own.
            expected.iter().all(|tag| there.contains(tag)) && first.len() == expected.len()
        } else {
            first == expected
        };
        if !all_there {
            let missing: Vec<u32> = expected.iter().copied().filter(|tag| !there.contains(tag)).collect();
            fault(format!("the reader misses {missing:?}, or has another order than the broker"));
        }
    }
}
