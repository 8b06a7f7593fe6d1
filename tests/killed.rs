//! Tests that a process killed with SIGKILL loses no confirmed message, and that a broker may be away for long.

use std::io::{BufRead, BufReader};
use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::common;
use crate::common::broker::Broker;
use crate::common::eventually;
use crate::common::process::own_test;
use sinetstream::Consistency;

/// This is no test by itself, but the process that is killed. It prints the number of every confirmed message.
#[test]
fn child() {
    let Ok(address) = std::env::var("KILLED_CHILD") else { return };
    let writer = common::writer::<str>(&address, "t").consistency(Consistency::AtLeastOnce).open().expect("writer");
    for number in 0u64.. {
        writer.write(&number.to_string()).expect("write");
        println!("confirmed {number}");
    }
}

#[test]
fn what_was_confirmed_survives_the_writers_process() {
    let broker = Broker::start();
    let reader = common::reader::<String>(&broker.plain_address(), "t")
        .consistency(Consistency::AtLeastOnce)
        .open()
        .expect("reader");
    let mut child = own_test(module_path!(), "child")
        .env("KILLED_CHILD", broker.plain_address())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the child");
    let mut output = BufReader::new(child.stdout.take().expect("stdout")).lines();
    let mut confirmed = None;
    let mut next = || output.next().and_then(Result::ok);
    while let Some(line) = next() {
        confirmed =
            line.strip_prefix("confirmed ").map(|number| number.parse::<u64>().expect("a number")).or(confirmed);
        if confirmed == Some(200) {
            child.kill().expect("SIGKILL");
        }
    }
    child.wait().expect("the child's end");
    let confirmed = confirmed.expect("the child has written");
    assert!(confirmed >= 200);
    for number in 0..=confirmed {
        assert_eq!(common::next(&reader).value(), &number.to_string());
    }
}

/// `AWAY_SECONDS` sets how long the broker is away (3 by default).
#[test]
fn a_broker_that_was_away_for_long_gets_everything() {
    let away = std::env::var("AWAY_SECONDS").ok().and_then(|seconds| seconds.parse().ok()).unwrap_or(3);
    let mut broker = Broker::start();
    let address = broker.plain_address();
    let builder = || {
        common::writer::<str>(&address, "t")
            .consistency(Consistency::AtLeastOnce)
            .parameter("connect", [("keepalive", 60)])
            .parameter("write_timeout_ms", 600_000)
            .parameter("reconnect_delay", [("min_delay", 0.1), ("max_delay", 1.0)])
    };
    let writer = builder().open().expect("writer");
    broker.kill();
    eventually("the loss is noticed", || !writer.is_connected());
    std::thread::scope(|scope| {
        let writes: Vec<_> = (0..50)
            .map(|number: u32| {
                (
                    number,
                    scope.spawn({
                        let writer = &writer;
                        move || writer.write(&number.to_string())
                    }),
                )
            })
            .collect();
        let until = Instant::now() + Duration::from_secs(away);
        while Instant::now() < until {
            assert!(writes.iter().all(|(_, write)| !write.is_finished()));
            std::thread::sleep(Duration::from_millis(50));
        }
        broker.restart();
        for (number, write) in writes {
            assert_eq!(write.join().expect("thread"), Ok(()), "{number}");
        }
    });
    writer.close().expect("close");
}
