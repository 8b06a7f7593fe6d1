//! Measures clock, CPU time and peak memory of this process (on Linux, from /proc).

use std::fs;
use std::time::{Duration, Instant};

/// Linux shows CPU times in hundredths of a second.
const TICK: Duration = Duration::from_millis(10);

pub struct Meter {
    started: Instant,
    cpu: Duration,
}

impl Meter {
    pub fn start() -> Meter {
        Meter { started: Instant::now(), cpu: cpu() }
    }

    pub fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    pub fn cpu(&self) -> Duration {
        cpu().saturating_sub(self.cpu)
    }
}

/// Returns the user and system time of all threads.
fn cpu() -> Duration {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // The name, in brackets, may itself have spaces; the state and then numbers follow it.
    let after_name = stat.rsplit(')').next().unwrap_or_default();
    let ticks = after_name.split_whitespace().skip(11).take(2).filter_map(|number| number.parse::<u32>().ok());
    TICK * ticks.sum::<u32>()
}

/// Returns the peak of the process' physical memory.
pub fn peak_kib() -> u64 {
    status("VmHWM:")
}

/// Returns the current physical memory of the process.
pub fn resident_kib() -> u64 {
    status("VmRSS:")
}

/// Returns the number of threads of the process.
pub fn threads() -> u64 {
    status("Threads:")
}

fn status(field: &str) -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(field)).unwrap_or_default();
    line.split_whitespace().next().and_then(|number| number.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_takes_time_and_memory() {
        let meter = Meter::start();
        while meter.cpu() < 2 * TICK {
            std::hint::black_box(vec![1u8; 1 << 16]);
        }
        assert!(meter.elapsed() >= TICK);
        assert!(peak_kib() >= resident_kib() && resident_kib() > 100);
        assert!(threads() >= 1);
    }
}
