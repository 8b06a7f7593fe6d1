//! A subscriber that counts the messages that a real broker passes on: those of QoS 0 that really arrived.

use std::net::TcpListener;
use std::sync::Arc;
use std::thread;

use bench_tools::Outcome;
use bench_tools::control::{self, Counter};

use crate::mqtt::login;
use crate::mqtt::packet;

/// The topic of the rows that write with QoS 0.
const TOPIC: &str = "bench/0";

/// Prints the address of the control port once subscribed, and counts until it is killed or the broker ends.
pub fn run(broker: &str) -> Outcome {
    let questions = TcpListener::bind("127.0.0.1:0")?;
    let mut link = login::log_in(broker, "count")?;
    link.subscribe(TOPIC, 0)?;
    println!("{}", questions.local_addr()?);
    let counter = Arc::new(Counter::default());
    let counted = counter.clone();
    thread::spawn(move || control::serve(&questions, &counted));
    while link.incoming.receive()? {
        let mut messages = 0;
        while let Some(packet) = link.incoming.buffered()? {
            messages += u64::from(packet.kind == packet::PUBLISH);
        }
        counter.add(messages);
    }
    Err("the broker has closed the connection".into())
}
