//! Tests several brokers: a bridge between two Mosquittos, and the death of one of them.

use std::collections::HashSet;
use std::time::Duration;

use crate::common;
use crate::common::broker::Broker;
use crate::common::{certificates, eventually, quickly};
use sinetstream::config::Value;
use sinetstream::{Consistency, MessageReader, MessageWriter};

const MESSAGES: usize = 100;

/// Starts two brokers; a message that is written at one is read at the other.
fn bridged() -> (Broker, Broker) {
    let a = Broker::start();
    let bridge = format!(
        "connection bridge\naddress 127.0.0.1:{}\nrestart_timeout 1\nnotifications false\ntopic # both 1\n",
        a.plain
    );
    let b = Broker::start_with(certificates::server(), &bridge);
    eventually("the bridge stands", || a.log().contains("Sending SUBACK"));
    (a, b)
}

/// Returns a reader that reconnects quickly, and whose `read` does not wait long.
fn reader(address: &str, topic: &str) -> MessageReader<String> {
    common::reader(address, topic)
        .consistency(Consistency::AtLeastOnce)
        .parameter("connect", Value::Null)
        .parameter("reconnect_delay", quickly())
        .receive_timeout(Duration::from_millis(20))
        .open()
        .expect("reader")
}

fn writer(address: &str, topic: &str) -> MessageWriter<str> {
    common::writer(address, topic)
        .consistency(Consistency::AtLeastOnce)
        .parameter("connect", Value::Null)
        .parameter("reconnect_delay", quickly())
        .open()
        .expect("writer")
}

/// Returns the messages that a reader has received so far.
fn take(reader: &MessageReader<String>) -> Vec<String> {
    std::iter::from_fn(|| reader.read().expect("read")).map(|message| message.value().clone()).collect()
}

#[test]
fn each_broker_of_a_bridge_shares_among_its_own_readers() {
    let (a, b) = bridged();
    let shared = "$share/group/shared";
    let alone = reader(&a.plain_address(), shared);
    let [first, second] = [(), ()].map(|()| reader(&b.plain_address(), shared));
    let writer = writer(&a.plain_address(), "shared");
    let all: HashSet<String> = (0..MESSAGES).map(|i| i.to_string()).collect();
    for i in 0..MESSAGES {
        writer.write(&i.to_string()).expect("write");
    }
    let mut got = [Vec::new(), Vec::new(), Vec::new()];
    eventually("everything has come at both brokers", || {
        for (got, reader) in got.iter_mut().zip([&alone, &first, &second]) {
            got.extend(take(reader));
        }
        got[0].len() >= MESSAGES && got[1].len() + got[2].len() >= MESSAGES
    });
    assert_eq!(got[0].iter().cloned().collect::<HashSet<_>>(), all, "the group's only reader at the first broker");
    assert_eq!(got[0].len(), MESSAGES);
    assert!(!got[1].is_empty() && !got[2].is_empty(), "both readers at the second broker have a part");
    assert_eq!(got[1].len() + got[2].len(), MESSAGES, "none of them has a message of the other");
    assert_eq!(got[1..].concat().into_iter().collect::<HashSet<_>>(), all);
}

#[test]
fn clients_go_on_at_the_next_broker_when_theirs_dies() {
    let (mut a, b) = bridged();
    let both = format!("{},{}", a.plain_address(), b.plain_address());
    let stays = reader(&b.plain_address(), "t");
    let moves = reader(&both, "t");
    let writer = writer(&both, "t");
    let everything_of = |prefix: &str| {
        let mut got = [Vec::new(), Vec::new()];
        eventually("both readers have everything", || {
            got[0].extend(take(&stays));
            got[1].extend(take(&moves));
            got.iter().all(|got| (0..MESSAGES).all(|i| got.contains(&format!("{prefix}{i}"))))
        });
    };
    for i in 0..MESSAGES {
        writer.write(&format!("before {i}")).expect("write");
    }
    everything_of("before ");

    a.kill();
    eventually("both have come to the other broker", || {
        [writer.connection_info(), moves.connection_info()].iter().all(|info| info.connected && info.reconnects == 1)
    });
    for i in 0..MESSAGES {
        writer.write(&format!("after {i}")).expect("write");
    }
    everything_of("after ");
}
