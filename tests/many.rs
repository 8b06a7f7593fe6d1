//! Tests that a thousand clients in one process need no more threads than a few, and that all reconnect when their broker is
//! back.
#![cfg(target_os = "linux")]

use std::num::NonZero;
use std::thread::available_parallelism;
use std::time::Duration;

use crate::common::broker::Broker;
use crate::common::process::{alone, status, threads};
use crate::common::{eventually, holds_within, next, reader, writer};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use sinetstream::config::Value;
use sinetstream::{MessageReader, MessageWriter};

const PAIRS: usize = 500;
/// The time for a thousand logins on a busy machine.
const ALL: Duration = Duration::from_secs(120);

/// The memory in KiB for each client that waits for messages or for a write.
const KIB_EACH: usize = 40;

/// Raises the limit of descriptors: each client needs one here, and one in the broker, which inherits the limit.
fn allow_descriptors() {
    let limit = getrlimit(Resource::Nofile);
    let wanted = limit.maximum.map_or(4096, |maximum| maximum.min(4096));
    assert!(wanted >= 2048, "a process may open {wanted} files only ('ulimit -Hn'); this needs 2048");
    setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), maximum: limit.maximum }).expect("setrlimit");
}

fn exchange(pairs: &[(MessageReader<String>, MessageWriter<str>)], text: &str) {
    for (_, writer) in pairs {
        writer.write(text).expect("write");
    }
    for (reader, _) in pairs {
        assert_eq!(next(reader).value(), text);
    }
}

#[test]
fn a_thousand_clients_have_the_threads_of_a_few_and_come_back() {
    if !alone(module_path!(), "a_thousand_clients_have_the_threads_of_a_few_and_come_back") {
        return;
    }
    allow_descriptors();
    let mut broker = Broker::start();
    // The address has no host name, because each query of the system's resolver would occupy a thread for some seconds.
    let address = broker.plain_address().replace("localhost", "127.0.0.1");
    let pair = |number: usize| {
        let topic = format!("many/{number}");
        let connect = Value::from([("automatic_reconnect", true)]);
        let reader = reader::<String>(&address, &topic).parameter("connect", connect.clone());
        let writer = writer::<str>(&address, &topic).parameter("connect", connect);
        let (reader, writer) = (reader.parameter("qos", 1), writer.parameter("qos", 1));
        (reader.open().expect("a reader"), writer.open().expect("a writer"))
    };
    let alone = reader::<String>(&address, "alone").open().expect("a reader");
    assert_eq!(threads().get("sinetstream"), Some(&1), "of one client");
    let mut pairs: Vec<_> = (0..2).map(pair).collect();
    let of_few = threads();
    let memory_of_few = status("VmRSS:");
    let cores = available_parallelism().map_or(1, NonZero::get);
    assert_eq!(of_few.get("sinetstream"), Some(&cores.min(4)), "{of_few:?}");
    pairs.extend((2..PAIRS).map(pair));
    assert_eq!(threads(), of_few);
    // The pairs take turns, since memory that was in use stays with the process; and writers keep their last message.
    for pair in pairs.chunks(1) {
        exchange(pair, &"before".repeat(10_000));
        exchange(pair, "before");
    }
    assert_eq!(threads(), of_few);
    let each = status("VmRSS:").saturating_sub(memory_of_few) / (2 * PAIRS);
    assert!(each <= KIB_EACH, "{each} KiB for each client");

    broker.kill();
    let are_connected = |expected: bool| {
        pairs.iter().all(|(reader, writer)| reader.is_connected() == expected && writer.is_connected() == expected)
    };
    eventually("everybody has noticed", || are_connected(false));
    broker.restart();
    assert!(holds_within(ALL, || are_connected(true)), "all come back");
    exchange(&pairs, "after");
    assert_eq!(threads(), of_few);

    drop((pairs, alone));
    eventually("no thread is left", || !threads().contains_key("sinetstream"));
}
