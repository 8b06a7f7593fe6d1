//! The result of a row with many clients, and its line of JSON. ../../java/Many.java prints the same.

use std::time::Duration;

use serde_json::json;

#[derive(Debug, Default)]
pub struct Many {
    pub open: Duration,
    /// The threads of the process.
    pub threads: u64,
    /// The CPU time of idle clients, in percent of one core.
    pub idle_cpu_percent: f64,
    pub kib_each: f64,
    /// The time in which a message goes from each writer to its reader. `None`: some did not come.
    pub exchange: Option<Duration>,
    /// The time from the moment at which the broker accepts connections again until all are back. `None`: some did not come
    /// back.
    pub back: Option<Duration>,
    pub close: Duration,
    pub errors: u64,
    pub first_error: Option<String>,
}

impl Many {
    pub fn error(&mut self, error: impl ToString) {
        self.errors += 1;
        self.first_error.get_or_insert_with(|| error.to_string());
    }

    pub fn print(&self, client: &str, row: &str) {
        let line = json!({
            "row": row,
            "client": client,
            "open_s": self.open.as_secs_f64(),
            "threads": self.threads,
            "idle_cpu_percent": self.idle_cpu_percent,
            "kib_each": self.kib_each,
            "exchange_s": self.exchange.as_ref().map(Duration::as_secs_f64),
            "back_s": self.back.as_ref().map(Duration::as_secs_f64),
            "close_s": self.close.as_secs_f64(),
            "errors": self.errors,
            "first_error": self.first_error,
        });
        println!("{line}");
    }
}
