//! Stores each message in a file and then acknowledges it, so that no message is lost when the worker crashes.
//! examples/Worker.java does the same in Java.

use std::error::Error;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::time::Duration;

use sinetstream::{MessageReader, MessageWriter};

/// Stores the given number of messages.
fn work(reader: &MessageReader<String>, log: &mut File, count: usize) -> Result<(), Box<dyn Error>> {
    for _ in 0..count {
        let message = reader.read()?.ok_or("no message came")?;
        writeln!(log, "{} {}", message.timestamp_us(), message.value())?;
        log.sync_data()?;
        // Acknowledge only now: until then the broker sends the message again, with the same time.
        message.acknowledge();
    }
    Ok(())
}

fn open() -> sinetstream::Result<MessageReader<String>> {
    MessageReader::builder().service("worker").receive_timeout(Duration::from_secs(10)).open()
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut log = OpenOptions::new().create(true).append(true).open("worker-rust.log")?;
    let reader = open()?;
    let writer = MessageWriter::<str>::builder().service("jobs").open()?;
    for number in 1..=5 {
        writer.write(&format!("job {number}"))?;
    }
    writer.close()?;

    work(&reader, &mut log, 2)?;
    // The worker receives the third message and crashes before it has stored it.
    let lost = reader.read()?.ok_or("no message came")?;
    println!("gave up at {}", lost.value());
    drop((lost, reader));

    let reader = open()?;
    work(&reader, &mut log, 3)?;
    reader.close()?;
    let stored = std::fs::read_to_string("worker-rust.log")?;
    println!("stored {} jobs, the last one is {}", stored.lines().count(), stored.lines().last().unwrap_or_default());
    Ok(())
}
