//! Writes to standard error: the progress line of a terminal, and all other messages.

use std::io::{IsTerminal, Write};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use indicatif::{HumanBytes, ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::terminal::harmless;
use crate::lock::lock;

/// The progress line on the screen, if there is one; every other output must remove it for a moment.
static LINE: Mutex<Option<ProgressBar>> = Mutex::new(None);

/// Prints a text on standard error. It is no error if nobody reads it.
pub(super) fn say(text: &str) {
    beside_line(|| drop(writeln!(std::io::stderr(), "{}", harmless(text))));
}

/// Prints without disturbing the progress line.
pub(super) fn beside_line<T>(print: impl FnOnce() -> T) -> T {
    match lock(&LINE).as_ref() {
        Some(line) => line.suspend(print),
        None => print(),
    }
}

/// Counts messages, and shows the count on a terminal.
pub(super) struct Progress {
    verb: &'static str,
    began: Instant,
    messages: u64,
    bytes: u64,
    line: Option<ProgressBar>,
}

impl Progress {
    /// Starts counting. `verb` says what is done to the messages. There is no line where it would mix with other output on the
    /// terminal.
    pub fn start(verb: &'static str, count: Option<u64>, wanted: bool) -> Progress {
        let line = (wanted && std::io::stderr().is_terminal()).then(|| {
            let line = ProgressBar::with_draw_target(count, ProgressDrawTarget::stderr());
            let total = if count.is_some() { "/{len}" } else { "" };
            let template = format!("{{spinner}} {verb} {{pos}}{total} {{msg}} ({{per_sec}})");
            if let Ok(style) = ProgressStyle::with_template(&template) {
                line.set_style(style);
            }
            line.enable_steady_tick(Duration::from_millis(200));
            *lock(&LINE) = Some(line.clone());
            line
        });
        Progress { verb, began: Instant::now(), messages: 0, bytes: 0, line }
    }

    pub fn message(&mut self, bytes: usize) {
        self.messages += 1;
        self.bytes += bytes as u64;
        if let Some(line) = &self.line {
            line.set_message(format!("messages, {}", HumanBytes(self.bytes)));
            line.inc(1);
        }
    }

    /// Sets the counts to numbers that were counted elsewhere.
    pub fn reached(&mut self, messages: u64, bytes: u64) {
        (self.messages, self.bytes) = (messages, bytes);
        if let Some(line) = &self.line {
            line.set_message(format!("messages, {}", HumanBytes(bytes)));
            line.set_position(messages);
        }
    }

    /// True if there is a line on a terminal.
    pub fn is_shown(&self) -> bool {
        self.line.is_some()
    }

    pub fn messages(&self) -> u64 {
        self.messages
    }

    /// Summarizes the run in one line.
    pub fn summary(&self) -> String {
        let seconds = self.began.elapsed().as_secs_f64();
        let rate = if seconds > 0.0 { self.messages as f64 / seconds } else { 0.0 };
        let plural = if self.messages == 1 { "" } else { "s" };
        let size = HumanBytes(self.bytes);
        format!("{} {} message{plural} ({size}) in {seconds:.1} s, {rate:.1}/s", self.verb, self.messages)
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(line) = &self.line {
            *lock(&LINE) = None;
            line.finish_and_clear();
        }
    }
}
