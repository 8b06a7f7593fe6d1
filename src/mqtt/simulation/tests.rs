//! The promises under many seeds.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::history::ONE_SEED;
use super::scenario::{Outcome, play};
use super::world::simulate;
use crate::lock::lock;

/// The number of seeds in one run of the tests.
const SEEDS: u64 = 10_000;
/// The time after which a seed hangs; it takes milliseconds otherwise.
const HANGS: Duration = Duration::from_secs(300);

fn variable(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

fn run(seed: u64) -> Outcome {
    simulate(play(seed))
}

#[test]
fn every_promise_holds_under_every_seed() {
    if let Some(seed) = variable(ONE_SEED) {
        let faults = run(seed).faults;
        assert!(faults.is_empty(), "seed {seed}: {faults:#?}");
        return;
    }
    let first = variable("SIMULATION_FROM").unwrap_or(0);
    let next = AtomicU64::new(first);
    let end = first + variable("SIMULATION_SEEDS").unwrap_or(SEEDS);
    let failed: Mutex<Vec<(u64, Outcome)>> = Mutex::default();
    let workers = std::thread::available_parallelism().map_or(1, usize::from);
    let playing: Vec<Mutex<Option<(u64, Instant)>>> = (0..workers).map(|_| Mutex::default()).collect();
    std::thread::scope(|scope| {
        let (next, failed) = (&next, &failed);
        let working: Vec<_> = playing
            .iter()
            .map(|mine| {
                move || loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    *lock(mine) = None;
                    if seed >= end || lock(failed).len() > 10 {
                        break;
                    }
                    *lock(mine) = Some((seed, Instant::now()));
                    let outcome = run(seed);
                    if !outcome.faults.is_empty() {
                        lock(failed).push((seed, outcome));
                    }
                }
            })
            .map(|work| scope.spawn(work))
            .collect();
        while working.iter().any(|worker| !worker.is_finished()) {
            std::thread::sleep(Duration::from_millis(100));
            playing.iter().filter_map(|seed| *lock(seed)).for_each(end_what_hangs);
        }
    });
    let failed = lock(&failed);
    for (seed, outcome) in failed.iter() {
        println!("seed {seed} (SIMULATION_SEED={seed} shows its history): {:#?}", outcome.faults);
    }
    assert!(failed.is_empty(), "{} seeds failed: see above", failed.len());
}

/// Ends the process if a seed hangs, since a seed that spins without a call to the network can't be ended otherwise.
fn end_what_hangs((seed, since): (u64, Instant)) {
    if since.elapsed() > HANGS {
        eprintln!("seed {seed} (SIMULATION_SEED={seed} shows its history) hangs");
        std::process::exit(101);
    }
}

#[test]
fn a_seed_repeats_its_history() {
    for seed in 0..20 {
        let (first, second) = (run(seed).history, run(seed).history);
        let other = first.iter().zip(&second).find(|(first, second)| first != second);
        assert_eq!((other, first.len()), (None, second.len()), "seed {seed}");
    }
}
