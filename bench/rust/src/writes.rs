//! Writes: warm up, reset, write, and count what has arrived.

use std::thread;
use std::time::{Duration, Instant};

use bench_tools::Outcome;
use bench_tools::control::{Arrived, Control};
use bench_tools::latencies::Latencies;
use bench_tools::measured::Measured;
use bench_tools::meter::Meter;
use bench_tools::options::Options;
use bench_tools::row::{Kind, Row};

use crate::client::{BlockingWriter, Client};
use crate::target::Target;

pub fn measure(client: &dyn Client, options: &Options, row: &Row) -> Outcome<Measured> {
    let value = vec![b'v'; row.size];
    let target = Target::new(options, row, row.write_topic())?;
    match row.kind {
        Kind::BlockingWrite { threads } => {
            let writer = client.blocking_writer(&target)?;
            let measured = frame(options, row, |time, into| write_blocking(&*writer, &value, threads, time, into))?;
            writer.close()?;
            Ok(measured)
        }
        Kind::Write { window } => {
            let mut writer = client.writer(&target, window)?;
            let measured = frame(options, row, |time, into| writer.write_for(&value, time, into))?;
            writer.close()?;
            Ok(measured)
        }
        _ => Err("not a row of writes".into()),
    }
}

/// `write` adds the messages that did well, and what went wrong.
fn frame(options: &Options, row: &Row, mut write: impl FnMut(Duration, &mut Measured)) -> Outcome<Measured> {
    let mut counter = if row.qos == 0 { Some(Control::connect(options.get("counter")?)?) } else { None };
    let mut arrived = |time, into: &mut Measured| -> Outcome<Arrived> {
        if let Some(counter) = &mut counter {
            counter.reset()?;
        }
        write(time, into);
        match &mut counter {
            Some(counter) => counter.wait(into.messages),
            None => Ok(Arrived { messages: into.messages, idle: Duration::ZERO }),
        }
    };
    arrived(options.seconds("warm")?, &mut Measured::default())?;
    let mut measured = Measured::default();
    let meter = Meter::start();
    let arrived = arrived(options.seconds("seconds")?, &mut measured)?;
    // The lost ones were waited for in vain.
    measured.elapsed = meter.elapsed().saturating_sub(arrived.idle);
    measured.cpu = meter.cpu();
    measured.lost = measured.messages.saturating_sub(arrived.messages);
    measured.messages = arrived.messages;
    Ok(measured)
}

/// Threads that write to one writer, each message when the one before is confirmed.
fn write_blocking(writer: &dyn BlockingWriter, value: &[u8], threads: usize, time: Duration, into: &mut Measured) {
    let end = Instant::now() + time;
    let parts: Vec<Measured> = thread::scope(|scope| {
        let running: Vec<_> = (0..threads).map(|_| scope.spawn(|| write_until(writer, value, end))).collect();
        running.into_iter().filter_map(|thread| thread.join().ok()).collect()
    });
    for part in parts {
        into.messages += part.messages;
        into.errors += part.errors;
        into.first_error = into.first_error.take().or(part.first_error);
        into.latencies.join(part.latencies);
    }
}

fn write_until(writer: &dyn BlockingWriter, value: &[u8], end: Instant) -> Measured {
    let mut part = Measured { latencies: Latencies::default(), ..Measured::default() };
    let mut before = Instant::now();
    while before < end {
        let result = writer.write(value);
        let after = Instant::now();
        match result {
            Ok(()) => {
                part.messages += 1;
                part.latencies.add(after - before);
            }
            Err(error) => part.error(error),
        }
        before = after;
    }
    part
}
