//! What Linux tells of this process, and processes that run one of its tests.

use std::collections::BTreeMap;
use std::fs;
use std::process::Command;

/// A number of `/proc/self/status`, whose line begins with this: `VmRSS:`, in KiB, is the memory that the process occupies.
pub fn status(name: &str) -> usize {
    let status = fs::read_to_string("/proc/self/status").expect("Linux");
    let line = status.lines().find(|line| line.starts_with(name)).expect("a line of the status");
    line.split_whitespace().nth(1).and_then(|number| number.parse().ok()).expect("a number")
}

/// How many threads there are, by their names, which are cut.
pub fn threads() -> BTreeMap<String, usize> {
    let mut threads = BTreeMap::new();
    for thread in fs::read_dir("/proc/self/task").expect("threads").flatten() {
        // One that has ended meanwhile has no name any more.
        if let Ok(name) = fs::read_to_string(thread.path().join("comm")) {
            *threads.entry(name.trim_end().to_owned()).or_default() += 1;
        }
    }
    threads
}

/// This program again, as a process of its own that runs one of its tests and shows what that prints.
pub fn own_test(test: &str) -> Command {
    let mut own = Command::new(std::env::current_exe().expect("this program"));
    own.args(["--exact", test, "--nocapture"]);
    own
}
