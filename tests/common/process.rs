//! Statistics that Linux has of this process, and processes that run one test of this program.

use std::collections::BTreeMap;
use std::fs;
use std::process::Command;

/// Returns a number of `/proc/self/status`, from the line that begins with `name`: `VmRSS:`, in KiB, is the memory that the
/// process occupies.
pub fn status(name: &str) -> usize {
    let status = fs::read_to_string("/proc/self/status").expect("Linux");
    let line = status.lines().find(|line| line.starts_with(name)).expect("a line of the status");
    line.split_whitespace().nth(1).and_then(|number| number.parse().ok()).expect("a number")
}

/// Returns how many threads there are by name; Linux truncates the names.
pub fn threads() -> BTreeMap<String, usize> {
    let mut threads = BTreeMap::new();
    for thread in fs::read_dir("/proc/self/task").expect("threads").flatten() {
        // A thread that has ended meanwhile has no name any more.
        if let Ok(name) = fs::read_to_string(thread.path().join("comm")) {
            *threads.entry(name.trim_end().to_owned()).or_default() += 1;
        }
    }
    threads
}

/// Prepares to run one of this program's tests in a process of its own, with its output shown. `module` is the caller's
/// `module_path!()`.
pub fn own_test(module: &str, test: &str) -> Command {
    // The names of tests do not begin with the crate.
    let (_, module) = module.split_once("::").expect("a module below the crate");
    let mut own = Command::new(std::env::current_exe().expect("this program"));
    own.args(["--exact", &format!("{module}::{test}"), "--nocapture"]);
    own
}

/// Runs a test in a process of its own, and tells whether that is this process. A test begins with this call if other tests
/// would change what it examines: a process' memory, threads, descriptors or environment.
pub fn alone(module: &str, test: &str) -> bool {
    const ALONE: &str = "SINETSTREAM_TEST_ALONE";
    if std::env::var_os(ALONE).is_some_and(|alone| alone == test) {
        return true;
    }
    passes(own_test(module, test).env(ALONE, test));
    false
}

/// Runs the test in its process; the test must pass.
#[track_caller]
pub fn passes(own_test: &mut Command) {
    let output = own_test.output().expect("this program");
    let said = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
    assert!(output.status.success() && said.contains("1 passed"), "in a process of its own: {said}");
}
