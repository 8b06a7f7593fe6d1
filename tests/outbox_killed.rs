//! Tests writers with an outbox on disk that are killed at any moment while their network fails: no accepted message is lost,
//! and the order is kept. `SINETSTREAM_TEST_KILLS` sets how many writers are killed (100 by default).

use std::collections::{HashSet, VecDeque};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use crate::common;
use crate::common::broker::Broker;
use crate::common::process::own_test;
use crate::common::proxy::Proxy;
use sinetstream::config::Value;
use sinetstream::{Consistency, MessageReader, MessageWriterBuilder};

/// The way in which successive writers write. Each way has its own topic, client identifier, directory and network.
#[derive(Clone, Copy)]
struct Way {
    name: &'static str,
    accept: &'static str,
    asynchronous: bool,
}

const WAYS: [Way; 4] = [
    Way { name: "blocking-disk", accept: "disk", asynchronous: false },
    Way { name: "blocking-broker", accept: "broker", asynchronous: false },
    Way { name: "asynchronous-disk", accept: "disk", asynchronous: true },
    Way { name: "asynchronous-broker", accept: "broker", asynchronous: true },
];

/// The number of messages that an asynchronous writer has unconfirmed.
const WINDOW: usize = 100;

fn kills() -> usize {
    match std::env::var("SINETSTREAM_TEST_KILLS") {
        Ok(kills) => kills.parse().expect("SINETSTREAM_TEST_KILLS is a number"),
        Err(_) => 100,
    }
}

fn writer(address: &str, way: Way, directory: &Path) -> MessageWriterBuilder<str> {
    let directory = directory.to_str().expect("UTF-8");
    common::writer(address, way.name)
        .consistency(Consistency::AtLeastOnce)
        .client_id(way.name)
        .parameter("connect", [("retry_first", 600)])
        .parameter("reconnect_delay", common::quickly())
        .parameter("write_timeout_ms", 600_000)
        .parameter("outbox", [("directory", Value::from(directory)), ("accept", way.accept.into())])
}

/// This is no test by itself, but the process that is killed. It prints every value before it writes it, and again when it is
/// accepted.
#[test]
fn life() {
    let Ok(life) = std::env::var("OUTBOX_LIFE") else { return };
    let variable = |name: &str| std::env::var(name).expect("a variable of the life");
    let way = WAYS.into_iter().find(|way| way.name == variable("OUTBOX_WAY")).expect("a way");
    println!("\nopening");
    let builder = writer(&variable("OUTBOX_BROKER"), way, Path::new(&variable("OUTBOX_DIRECTORY")));
    let values = (0u64..).map(|number| {
        let value = format!("{life}-{number}");
        println!("writing {value}");
        value
    });
    if !way.asynchronous {
        let writer = builder.open().expect("writer");
        for value in values {
            writer.write(&value).expect("write");
            println!("accepted {value}");
        }
        return;
    }
    block_on_without_limit(async {
        let writer = builder.open_async().await.expect("writer");
        let mut under_way = VecDeque::new();
        for value in values {
            let sent = writer.send(&value).await.expect("send");
            under_way.push_back((value, sent));
            if under_way.len() == WINDOW
                && let Some((value, sent)) = under_way.pop_front()
            {
                sent.await.expect("the end of a write");
                println!("accepted {value}");
            }
        }
    });
}

/// Runs a future that need not end by itself.
fn block_on_without_limit(future: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    runtime.block_on(future);
}

/// Cuts, truncates, stalls and refuses connections until it is told to stop. Counts the connections that it has ended.
fn fail(proxy: &Proxy, seed: u64, running: &AtomicBool, ended: &AtomicUsize) {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut pause = |most: u64| std::thread::sleep(Duration::from_millis(random.u64(1..most)));
    let mut kinds = fastrand::Rng::with_seed(seed + 1);
    while running.load(Ordering::SeqCst) {
        pause(80);
        match kinds.u8(0..4) {
            0 => proxy.truncate(),
            1 => {
                proxy.stall(true);
                pause(20);
            }
            2 => {
                // The writer has no network for a while.
                proxy.close();
                pause(60);
            }
            _ => {}
        }
        if proxy.cut() {
            ended.fetch_add(1, Ordering::SeqCst);
        }
        proxy.stall(false);
        proxy.open();
    }
}

/// Stops the disturbances when it is dropped, also by a failed assertion: otherwise the others would wait for the network for
/// ever.
struct Stop<'a>(&'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(false, Ordering::SeqCst);
    }
}

/// The values that the processes of one way have printed.
#[derive(Default)]
struct Told {
    writing: HashSet<String>,
    accepted: Vec<String>,
}

impl Told {
    /// Starts a process, and kills it at a random moment.
    fn live(&mut self, way: Way, life: usize, broker: &str, directory: &Path, random: &mut fastrand::Rng) {
        let mut child = own_test(module_path!(), "life")
            .env("OUTBOX_LIFE", life.to_string())
            .env("OUTBOX_WAY", way.name)
            .env("OUTBOX_BROKER", broker)
            .env("OUTBOX_DIRECTORY", directory)
            .stdout(Stdio::piped())
            .spawn()
            .expect("a life");
        // One process in five dies while it opens its outbox.
        let mut left = if random.u8(0..5) == 0 { 0 } else { random.usize(1..80) };
        let moment = Duration::from_micros(random.u64(0..20_000));
        let mut killed = false;
        for line in BufReader::new(child.stdout.take().expect("stdout")).lines() {
            let line = line.expect("a line");
            let mut counts = line == "opening" && left == 0;
            if let Some(value) = line.strip_prefix("writing ") {
                self.writing.insert(value.to_owned());
            } else if let Some(value) = line.strip_prefix("accepted ") {
                self.accepted.push(value.to_owned());
                left = left.saturating_sub(1);
                counts = left == 0;
            }
            if counts && !killed {
                std::thread::sleep(moment);
                child.kill().expect("SIGKILL");
                killed = true;
            }
        }
        child.wait().expect("its end");
        assert!(killed, "{}: life {life} ended by itself", way.name);
    }

    /// Compares the printed values with those that arrived. A killed process did not note every confirmation, so values may
    /// come again; each comes for the first time in its order.
    fn check(&self, way: Way, arrived: &[String]) {
        let mut known = HashSet::new();
        let mut last = None;
        for value in arrived {
            assert!(self.writing.contains(value), "{}: nobody has written '{value}'", way.name);
            if known.insert(value) {
                let place = place(value);
                assert!(Some(place) > last, "{}: {value} came after {last:?}", way.name);
                last = Some(place);
            }
        }
        let missing: Vec<_> = self.accepted.iter().filter(|value| !known.contains(value)).collect();
        assert!(missing.is_empty(), "{}: of {} these are missing: {missing:?}", way.name, self.accepted.len());
        assert!(!self.accepted.is_empty(), "{}: nothing was accepted", way.name);
    }
}

/// Returns the process that has written a value, and the value's number in it.
fn place(value: &str) -> (usize, u64) {
    let (life, number) = value.split_once('-').expect("a life and a number");
    (life.parse().expect("a life"), number.parse().expect("a number"))
}

fn read_until_end(reader: &MessageReader<String>) -> Vec<String> {
    let values = std::iter::repeat_with(|| common::next(reader).into_value());
    values.take_while(|value| value != "end").collect()
}

/// Starts and kills writers of one way, and then runs one until everything is delivered.
fn live_and_die(broker: &Broker, way: Way, seed: u64, deaths: usize) {
    let proxy = Proxy::start(broker.plain);
    let folder = tempfile::tempdir().expect("a folder");
    let reader = common::reader(&broker.plain_address(), way.name).consistency(Consistency::AtLeastOnce);
    // The next message may only come through after several writers were killed.
    let reader = reader.receive_timeout(3 * common::PATIENCE).open().expect("reader");
    let (running, ended) = (AtomicBool::new(true), AtomicUsize::new(0));
    let mut random = fastrand::Rng::with_seed(seed);
    let mut told = Told::default();
    let arrived = std::thread::scope(|scope| {
        let arrived = scope.spawn(|| read_until_end(&reader));
        let failing = scope.spawn(|| fail(&proxy, seed, &running, &ended));
        let stop = Stop(&running);
        let mut life = 0;
        // The loop runs for the given number of writers, and until the network has failed half as often.
        while life < deaths || ended.load(Ordering::SeqCst) < deaths / 2 {
            told.live(way, life, &proxy.address(), folder.path(), &mut random);
            life += 1;
        }
        drop(stop);
        failing.join().expect("the network");
        let last = writer(&proxy.address(), Way { accept: "broker", ..way }, folder.path()).open().expect("writer");
        last.write("end").expect("write");
        last.flush().expect("flush");
        assert_eq!(last.connection_info().outbox_messages, 0, "{}", way.name);
        last.close().expect("close");
        arrived.join().expect("the reader")
    });
    told.check(way, &arrived);
    // A kill must not look like damage.
    for entry in std::fs::read_dir(folder.path()).expect("the directory") {
        let name = entry.expect("an entry").file_name().into_string().expect("UTF-8");
        assert!(!name.starts_with("damaged-") && !name.starts_with("refused-"), "{}: {name}", way.name);
    }
    println!("{}: {} accepted, {} arrived", way.name, told.accepted.len(), arrived.len());
}

#[test]
fn what_was_accepted_survives_deaths_at_any_moment_and_a_bad_network() {
    let broker = Broker::start();
    let each = kills().div_ceil(WAYS.len());
    std::thread::scope(|scope| {
        for (seed, way) in WAYS.into_iter().enumerate() {
            let broker = &broker;
            scope.spawn(move || live_and_die(broker, way, seed as u64, each));
        }
    });
}
