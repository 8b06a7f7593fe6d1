//! The whole outbox at QoS 2 under simulation: feeder, keeper, journal and the engine below them, over a disk that loses power,
//! a network that is cut, and a broker that outlives the processes. A process dies at any moment, also between two changes of
//! the disk.
//!
//! `SIMULATION_SEEDS=N` runs N seeds instead of the usual number, and `SIMULATION_SEED=N` runs that one alone and prints its
//! history.

use std::collections::BTreeSet;
use std::future::poll_fn;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use fastrand::Rng;
use tokio::time::{sleep, timeout};

use super::disk::Disk;
use super::feeder;
use super::handshakes::Releases;
use super::hearers::Hearer;
use super::holder::Holder;
use super::keeper::Keeper;
use super::log::Log;
use super::shared::{Found, New, Shared};
use crate::config::{AcceptedBy, OutboxSettings, Overflow, Role, Settings, SyncRule, Value};
use crate::lock::lock;
use crate::material::KeyMaterial;
use crate::metrics::Counters;
use crate::mqtt::simulation::{Outside, settings, simulate};
use crate::mqtt::{Client, KeptSession, ValueSize};
use crate::wait::after;

/// The number of seeds in one run of the tests.
const SEEDS: u64 = 60;
/// The segments are small, so that there are many.
const SEGMENT: u64 = 2000;
/// The time within which the last process has everything delivered.
const PATIENCE: Duration = Duration::from_secs(3600);

/// The state that outlives a process.
struct World {
    outside: Outside,
    disk: Disk,
    /// The number of the next message; messages are numbered in the order of writing.
    next: u32,
    accepted: Vec<u32>,
}

/// The end of a process.
struct Fate {
    after: Duration,
    /// The process dies after this many changes of the disk, if there are so many.
    changes: usize,
    /// The power fails at the same time.
    with_power: bool,
}

/// The disk that a dead process has left; `None` while it lives.
type Left = Arc<Mutex<Option<Disk>>>;

fn writer() -> Settings {
    settings(
        Role::Writer,
        "writer",
        &[
            ("consistency", "EXACTLY_ONCE".into()),
            ("clean_session", false.into()),
            ("connect", [("automatic_reconnect", Value::from(true)), ("retry_first", Value::from(100_000))].into()),
            ("reconnect_delay", [("min_delay", Value::Float(0.01)), ("max_delay", Value::Float(1.0))].into()),
        ],
    )
}

fn payload(number: u32, random: &mut Rng) -> Bytes {
    let mut bytes = BytesMut::from(&number.to_be_bytes()[..]);
    bytes.resize(4 + random.usize(0..60), 7);
    bytes.freeze()
}

impl World {
    fn new(seed: u64, forgets: bool) -> World {
        World { outside: Outside::new(seed, forgets), disk: Disk::default(), next: 0, accepted: Vec::new() }
    }

    /// Runs one process until its death; without a fate, until everything is delivered.
    async fn live(&mut self, fate: Option<Fate>, random: &mut Rng) {
        let outside = &self.outside;
        let network = outside.network();
        let left = Left::default();
        let die = {
            let (left, network, disk) = (left.clone(), network.clone(), self.disk.clone());
            let with_power = fate.as_ref().is_some_and(|fate| fate.with_power);
            let mut random = random.fork();
            move || {
                network.bury();
                let after = if with_power { disk.after_power_loss(&mut random) } else { disk.after_death() };
                lock(&left).get_or_insert(after);
            }
        };
        if let Some(fate) = &fate {
            self.disk.after_changes(fate.changes, die.clone());
        } else {
            network.heal();
        }
        let of = OutboxSettings {
            directory: "/outbox".into(),
            accepted_by: if random.bool() { AcceptedBy::Disk } else { AcceptedBy::Broker },
            sync: SyncRule::Always,
            max_bytes: 1 << 20,
            overflow: Overflow::Wait,
            max_age: None,
        };
        let files = Arc::new(self.disk.clone());
        let (log, warnings) = Log::open(files.clone(), "t", SEGMENT).expect("the log");
        let times = (Duration::from_secs(600), Duration::from_secs(600));
        let found = Found::of(&log, warnings);
        let shared = Shared::new(&of, times, files, found, true, (Arc::new(Counters::new()), None));
        let shared = Arc::new(shared);
        let kept: Arc<dyn KeptSession> = shared.clone();
        let environment = outside.environment(&network);
        let client =
            Client::start_in(environment, &writer(), Role::Writer, None, &KeyMaterial::default(), (None, Some(kept)));
        let client = Arc::new(client.expect("a client"));
        tokio::spawn(feeder::run(shared.clone(), client.clone(), "t".into()));
        let keeping = keep(&shared, log, &*client, random.fork());
        let writing = write(&shared, &left, &mut self.next, &mut self.accepted, fate.is_none(), random);
        let ends = sleep(fate.as_ref().map_or(PATIENCE, |fate| fate.after));
        tokio::select! {
            biased;
            () = ends => {}
            never = keeping => match never {},
            () = writing => {}
        }
        let is_dead = lock(&left).is_some();
        if fate.is_none() {
            let waits = shared.with(|state| state.next - state.done);
            assert_eq!(waits, 0, "they are not delivered: {:?}", outside.faults());
        }
        if !is_dead {
            let mut die = die;
            die();
        }
        outside.tell(format!("the process dies; {} messages are there, {} accepted", self.next, self.accepted.len()));
        self.disk = lock(&left).take().expect("a disk");
    }
}

/// Runs the keeper, which is a thread outside the simulation.
async fn keep(shared: &Shared, log: Log, client: &dyn Releases, mut random: Rng) -> std::convert::Infallible {
    // The lock is in a real folder.
    let folder = tempfile::tempdir().expect("a folder");
    let holder = Holder::take(folder.path()).expect("the lock");
    let mut keeper = Keeper::new(shared, log, holder, client);
    loop {
        keeper.turn_at_once();
        sleep(Duration::from_micros(random.u64(0..20_000))).await;
    }
}

/// Writes some messages at a time until the process dies; the last process until all messages are delivered.
async fn write(shared: &Shared, left: &Left, next: &mut u32, accepted: &mut Vec<u32>, is_last: bool, random: &mut Rng) {
    loop {
        let mut waiting = Vec::new();
        for _ in 0..random.usize(1..40) {
            let message = New { heading: None, payload: payload(*next, random), size: ValueSize::same(4) };
            let hearing = (after(PATIENCE), Hearer::Caller(None));
            let number = shared.accept(&mut Some(message), 0, hearing, &mut None, None);
            // A refused caller has had its error, and tries again with the next number.
            waiting.extend(number.ok().flatten().map(|number| (number, *next)));
            *next += 1;
        }
        for (number, tag) in waiting {
            let end = poll_fn(|context| shared.with(|state| state.hearers.poll(number, context))).await;
            if end.is_ok() && lock(left).is_none() {
                accepted.push(tag);
            }
        }
        if is_last {
            while shared.with(|state| state.done < state.next) {
                sleep(Duration::from_millis(10)).await;
            }
            return;
        }
        sleep(Duration::from_millis(random.u64(0..200))).await;
    }
}

/// Runs some processes, one after the other, and returns what is wrong in the end.
fn history(seed: u64, forgets: bool) -> Vec<String> {
    let mut random = Rng::with_seed(seed);
    let mut world = World::new(seed, forgets);
    for _ in 0..random.usize(1..6) {
        let most = if random.bool() { 200 } else { 2_000 };
        let fate = Fate {
            after: Duration::from_millis(random.u64(0..most)),
            changes: if random.bool() { random.usize(0..100) } else { usize::MAX },
            with_power: random.bool(),
        };
        simulate(world.live(Some(fate), &mut random));
    }
    world.outside.behave();
    simulate(timeout_of(world.live(None, &mut random)));
    let mut faults = world.outside.faults();
    let log = world.outside.log();
    let mut known = BTreeSet::new();
    let firsts: Vec<u32> = log.iter().copied().filter(|number| known.insert(*number)).collect();
    if firsts.len() < log.len() && !forgets {
        faults.push(format!("some came twice: {log:?}"));
    }
    if !firsts.is_sorted() {
        faults.push(format!("the order: {log:?}"));
    }
    let missing: Vec<&u32> = world.accepted.iter().filter(|number| !known.contains(number)).collect();
    if !missing.is_empty() {
        faults.push(format!("accepted and missing: {missing:?} of {log:?}"));
    }
    faults
}

async fn timeout_of(life: impl Future<Output = ()>) {
    timeout(2 * PATIENCE, life).await.expect("the last process does not come to its end");
}

fn variable(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

fn histories(forgets: bool) {
    if let Some(seed) = variable("SIMULATION_SEED") {
        assert_eq!(history(seed, forgets), [""; 0]);
        return;
    }
    for seed in 0..variable("SIMULATION_SEEDS").unwrap_or(SEEDS) {
        let faults = history(seed, forgets);
        assert!(faults.is_empty(), "seed {seed}: {faults:#?}");
    }
}

#[test]
fn each_accepted_message_arrives_once_and_in_order_whenever_the_process_dies() {
    histories(false);
}

#[test]
fn nothing_is_missing_when_the_broker_forgets_sessions() {
    histories(true);
}
