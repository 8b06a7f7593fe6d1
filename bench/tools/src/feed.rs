//! Publishes messages for the rows that read from a real broker; see `bench_tools::feeding` for the reader's side.

use std::io::{BufRead, BufReader, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;

use bench_tools::Outcome;

use crate::mqtt::batch::Batch;
use crate::mqtt::incoming::Incoming;
use crate::mqtt::login;
use crate::mqtt::message;
use crate::mqtt::packet;
use crate::mqtt::window::Window;

/// The broker may have this many messages of QoS 1 unacknowledged.
const WIDTH: u64 = 1000;
/// The feeder may be this many messages ahead of the reader; the broker holds them.
const AHEAD: u64 = 10_000;
const AHEAD_BYTES: u64 = 16 * 1024 * 1024;

/// Prints its address, and feeds one reader after the other until it is killed.
pub fn run(broker: &str) -> Outcome {
    let readers = TcpListener::bind("127.0.0.1:0")?;
    println!("{}", readers.local_addr()?);
    loop {
        let (reader, _) = readers.accept()?;
        if let Err(error) = feed(broker, reader) {
            eprintln!("feeder: {error}");
        }
    }
}

/// Publishes until the reader closes its connection.
fn feed(broker: &str, reader: TcpStream) -> Outcome {
    let mut reports = BufReader::new(reader);
    let mut wish = String::new();
    reports.read_line(&mut wish)?;
    let words: Vec<&str> = wish.split_whitespace().collect();
    let [topic, qos, size] = words[..] else { return Err(format!("{wish} is no wish").into()) };
    let (qos, size): (u8, u64) = (qos.parse()?, size.parse()?);

    let link = login::log_in(broker, "feed")?;
    let mut outgoing = link.outgoing;
    let read: Arc<Window> = Arc::default();
    let confirmed: Arc<Window> = Arc::default();
    let (by_reader, by_broker) = (read.clone(), confirmed.clone());
    let following = thread::spawn(move || follow(reports, &by_reader));
    let confirming = thread::spawn(move || confirm(link.incoming, &by_broker));

    let ahead = AHEAD.min(AHEAD_BYTES / size.max(1)).max(1);
    let mut batch = Batch::new(topic, qos, &message::sinetstream(size as usize));
    let mut sent = 0;
    while let Some(room) = read.room(sent, ahead) {
        let mut messages = batch.most().min(room);
        if qos > 0 {
            let Some(room) = confirmed.room(sent, WIDTH) else { break };
            messages = messages.min(room);
        }
        outgoing.write_all(batch.take(messages, sent))?;
        sent += messages;
    }
    outgoing.shutdown(Shutdown::Both)?;
    let _ = (following.join(), confirming.join());
    Ok(())
}

/// Follows the reports of the reader, which say how many messages it has.
fn follow(reports: BufReader<TcpStream>, read: &Window) {
    for line in reports.lines() {
        match line.map(|line| line.parse()) {
            Ok(Ok(total)) => read.acknowledged(total),
            _ => break,
        }
    }
    read.close();
}

/// Follows the acknowledgements of the broker.
fn confirm(mut incoming: Incoming, confirmed: &Window) {
    while let Ok(packet) = incoming.wait() {
        if packet.kind == packet::PUBACK {
            confirmed.acknowledge(1);
        }
    }
    confirmed.close();
}
