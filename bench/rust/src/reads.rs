//! Reads: a callback, a task or a thread takes messages; this one lets time pass, and counts.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

use bench_tools::Outcome;
use bench_tools::feeding::Feeding;
use bench_tools::measured::Measured;
use bench_tools::meter::Meter;
use bench_tools::options::Options;
use bench_tools::row::{Kind, Row};

use crate::client::Client;
use crate::target::Target;

pub fn measure(client: &dyn Client, options: &Options, row: &Row) -> Outcome<Measured> {
    let counts = Arc::new(Counts::new(row.size));
    let target = Target::new(options, row, row.read_topic())?;
    // It stays open until the process ends: closing it is no part of the measurement.
    let _reader = match row.kind {
        Kind::BlockingRead => client.blocking_reader(&target, counts.clone())?,
        _ => client.reader(&target, counts.clone())?,
    };
    let mut feeding = options.find("feeder").map(|feeder| Feeding::start(feeder, row)).transpose()?;
    pass(options.seconds("warm")?, &counts, &mut feeding)?;
    let meter = Meter::start();
    let messages = pass(options.seconds("seconds")?, &counts, &mut feeding)?;
    let (elapsed, cpu) = (meter.elapsed(), meter.cpu());
    let mut measured = Measured { messages, elapsed, cpu, ..Measured::default() };
    if let Some(problem) = counts.problem() {
        measured.error(problem);
    }
    Ok(measured)
}

/// What a reader has got.
#[derive(Default)]
pub struct Counts {
    messages: AtomicU64,
    size: usize,
    problem: OnceLock<String>,
}

impl Counts {
    pub fn new(size: usize) -> Counts {
        Counts { size, ..Counts::default() }
    }

    /// A message of so many bytes. The library's own reader gives the value; the others give the whole message, which has a
    /// header and a time besides.
    pub fn add(&self, bytes: usize) {
        if bytes < self.size {
            self.fail(format!("a message of {bytes} bytes"));
        }
        self.messages.fetch_add(1, Ordering::Relaxed);
    }

    /// Why no more can come, or what is wrong with those that came.
    pub fn fail(&self, problem: impl ToString) {
        let _ = self.problem.set(problem.to_string());
    }

    pub fn messages(&self) -> u64 {
        self.messages.load(Ordering::Relaxed)
    }

    pub fn problem(&self) -> Option<&String> {
        self.problem.get()
    }
}

/// Lets time pass; returns how many messages have come in it.
fn pass(time: Duration, counts: &Counts, feeding: &mut Option<Feeding>) -> Outcome<u64> {
    let before = counts.messages();
    let end = Instant::now() + time;
    while Instant::now() < end {
        thread::sleep(Duration::from_millis(1));
        if let Some(feeding) = feeding {
            feeding.tell(counts.messages())?;
        }
    }
    Ok(counts.messages() - before)
}
