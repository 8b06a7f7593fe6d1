//! Many clients in this process, half of them writers and half readers, each writer with a reader of its own.

use std::process::Command;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use bench_tools::Outcome;
use bench_tools::many::Many;
use bench_tools::meter::{self, Meter};
use bench_tools::options::Options;
use bench_tools::presence::Crowd;
use bench_tools::row::Row;

use crate::client::{Client, Open, Writer};
use crate::reads::Counts;
use crate::target::Target;

/// Threads that open, and that close.
const THREADS: usize = 16;
/// Each writer writes one message after the other; this is what rumqttc has by default.
const WINDOW: usize = 100;
/// What takes longer has failed.
const PATIENCE: Duration = Duration::from_secs(180);
const LOOK_AGAIN: Duration = Duration::from_millis(1);

pub fn measure(client: &dyn Client, options: &Options, row: &Row, count: usize) -> Outcome<Many> {
    let mut many = Many::default();
    let crowd = Crowd::default().into();
    let counts = Arc::new(Counts::new(row.size));
    let value = vec![b'v'; row.size];
    let open = |number| open_pair(client, options, row, number, &crowd, &counts);

    // What the first clients cost is no part of what each costs.
    let first = open(0)?;
    exchange(std::slice::from_ref(&first), &counts, &value)?.ok_or("the first message did not come")?;
    first.close()?;
    let before = meter::resident_kib();

    let started = Instant::now();
    let pairs = in_parallel((1..=count / 2).collect(), open).into_iter().collect::<Outcome<Vec<Pair>>>()?;
    many.open = started.elapsed();
    many.threads = meter::threads();
    many.kib_each = meter::resident_kib().saturating_sub(before) as f64 / count as f64;

    // What opening has left to do is no part of the idle time.
    thread::sleep(options.seconds("warm")?);
    let meter = Meter::start();
    thread::sleep(options.seconds("seconds")?);
    many.idle_cpu_percent = 100.0 * meter.cpu().as_secs_f64() / meter.elapsed().as_secs_f64();

    many.exchange = exchange(&pairs, &counts, &value)?;
    if many.exchange.is_none() {
        many.error(format!("of {} messages some did not come", pairs.len()));
    }

    restart(options)?;
    let started = Instant::now();
    many.back = until(|| crowd.all_are_back(count)).then(|| started.elapsed());
    if many.back.is_none() {
        many.error(format!("of {count} clients {} are connected after the restart", crowd.connected()));
    }

    let started = Instant::now();
    for closed in in_parallel(pairs, Pair::close) {
        if let Err(error) = closed {
            many.error(error);
        }
    }
    many.close = started.elapsed();
    if let Some(problem) = counts.problem() {
        many.error(problem);
    }
    Ok(many)
}

struct Pair {
    reader: Box<dyn Open>,
    writer: Box<dyn Writer>,
}

impl Pair {
    fn close(self) -> Outcome {
        self.writer.close()?;
        self.reader.close()
    }
}

fn open_pair(
    client: &dyn Client,
    options: &Options,
    row: &Row,
    number: usize,
    crowd: &Arc<Crowd>,
    counts: &Arc<Counts>,
) -> Outcome<Pair> {
    let mut target = Target::new(options, row, format!("bench/clients/{number}"))?;
    // The first pair is no part of the crowd.
    let mut member = |number| {
        target.number = number;
        target.presence = (number > 1).then(|| crowd.join());
        target.clone()
    };
    let reader = client.reader(&member(2 * number), counts.clone())?;
    let writer = client.writer(&member(2 * number + 1), WINDOW)?;
    Ok(Pair { reader, writer })
}

/// A message from each writer, until all have come. `None`: not all did.
fn exchange(pairs: &[Pair], counts: &Counts, value: &[u8]) -> Outcome<Option<Duration>> {
    let before = counts.messages();
    let started = Instant::now();
    for pair in pairs {
        pair.writer.start(value)?;
    }
    let all = before + pairs.len() as u64;
    Ok(until(|| counts.messages() >= all).then(|| started.elapsed()))
}

/// Returns when the broker accepts connections again.
fn restart(options: &Options) -> Outcome {
    match Command::new("sh").arg("-c").arg(options.get("restart")?).status()?.success() {
        true => Ok(()),
        false => Err("the broker could not be started again".into()),
    }
}

/// False when it has not become true in all the time that there is.
fn until(is_true: impl Fn() -> bool) -> bool {
    let end = Instant::now() + PATIENCE;
    while !is_true() {
        if Instant::now() > end {
            return false;
        }
        thread::sleep(LOOK_AGAIN);
    }
    true
}

fn in_parallel<T: Send, R: Send>(things: Vec<T>, work: impl Fn(T) -> R + Sync) -> Vec<R> {
    let things = Mutex::new(things);
    let next = || things.lock().unwrap_or_else(PoisonError::into_inner).pop();
    thread::scope(|scope| {
        let work_on = || std::iter::from_fn(&next).map(&work).collect::<Vec<R>>();
        let threads: Vec<_> = (0..THREADS).map(|_| scope.spawn(work_on)).collect();
        threads.into_iter().filter_map(|thread| thread.join().ok()).flatten().collect()
    })
}
