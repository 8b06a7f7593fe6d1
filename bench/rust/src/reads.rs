//! Reads: a thread or a task takes messages; this one lets time pass, and counts.

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
use sinetstream::{AsyncMessageReader, Message, MessageReader, MessageReaderBuilder};

use crate::target;

pub fn measure(options: &Options, row: &Row) -> Outcome<Measured> {
    let counts: Arc<Counts> = Arc::default();
    let counted = counts.clone();
    let size = row.size;
    let builder = builder(options, row)?;
    if row.kind == Kind::BlockingRead {
        let reader = builder.open()?;
        thread::spawn(move || while counted.add(reader.read(), size) {});
    } else {
        let reader: AsyncMessageReader<Vec<u8>> = pollster::block_on(builder.open_async())?;
        thread::spawn(move || pollster::block_on(async { while counted.add(reader.read().await, size) {} }));
    }
    let mut feeding = options.find("feeder").map(|feeder| Feeding::start(feeder, row)).transpose()?;
    pass(options.seconds("warm")?, &counts, &mut feeding)?;
    let meter = Meter::start();
    let messages = pass(options.seconds("seconds")?, &counts, &mut feeding)?;
    let (elapsed, cpu) = (meter.elapsed(), meter.cpu());
    let mut measured = Measured { messages, elapsed, cpu, ..Measured::default() };
    if let Some(problem) = counts.problem.get() {
        measured.error(problem);
    }
    Ok(measured)
}

fn builder(options: &Options, row: &Row) -> Outcome<MessageReaderBuilder<Vec<u8>>> {
    Ok(MessageReader::<Vec<u8>>::builder()
        .no_config(true)
        .service_type("mqtt")
        .topic(row.read_topic())
        .consistency(target::consistency(row))
        .parameters(target::parameters(options)?))
}

#[derive(Default)]
struct Counts {
    messages: AtomicU64,
    /// Why no more can come.
    problem: OnceLock<String>,
}

impl Counts {
    /// False when no more can come.
    fn add(&self, message: sinetstream::Result<Option<Message<Vec<u8>>>>, size: usize) -> bool {
        let problem = match message {
            Ok(Some(message)) if message.value().len() == size => {
                self.messages.fetch_add(1, Ordering::Relaxed);
                return true;
            }
            Ok(None) => return true,
            Ok(Some(message)) => format!("a value of {} bytes", message.value().len()),
            Err(error) => error.to_string(),
        };
        let _ = self.problem.set(problem);
        false
    }
}

/// Lets time pass; returns how many messages have come in it.
fn pass(time: Duration, counts: &Counts, feeding: &mut Option<Feeding>) -> Outcome<u64> {
    let before = counts.messages.load(Ordering::Relaxed);
    let end = Instant::now() + time;
    while Instant::now() < end {
        thread::sleep(Duration::from_millis(1));
        if let Some(feeding) = feeding {
            feeding.tell(counts.messages.load(Ordering::Relaxed))?;
        }
    }
    Ok(counts.messages.load(Ordering::Relaxed) - before)
}
