//! Standard error: the progress line of a terminal, and whatever is said beside it.

use std::io::{IsTerminal, Write};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use indicatif::{HumanBytes, ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::terminal::harmless;
use crate::lock::lock;

/// The line on the screen, if there is one: everybody who prints must take it away for that moment.
static LINE: Mutex<Option<ProgressBar>> = Mutex::new(None);

/// Says something on standard error. Nobody may be there to hear it.
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

/// Counts messages; on a terminal everybody can watch.
pub(super) struct Progress {
    verb: &'static str,
    began: Instant,
    messages: u64,
    bytes: u64,
    line: Option<ProgressBar>,
}

impl Progress {
    /// `verb` says what is done to the messages. No line, where it would mix with something else on the terminal.
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

    /// So many were counted elsewhere.
    pub fn reached(&mut self, messages: u64, bytes: u64) {
        (self.messages, self.bytes) = (messages, bytes);
        if let Some(line) = &self.line {
            line.set_message(format!("messages, {}", HumanBytes(bytes)));
            line.set_position(messages);
        }
    }

    /// True when there is a line on a terminal.
    pub fn is_shown(&self) -> bool {
        self.line.is_some()
    }

    pub fn messages(&self) -> u64 {
        self.messages
    }

    /// What was done, in one line.
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
