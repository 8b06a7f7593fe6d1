//! The result of a measurement, and its line of JSON. ../../java/Measured.java prints the same.

use std::time::Duration;

use serde_json::json;

use crate::latencies::Latencies;
use crate::meter;

#[derive(Debug, Default)]
pub struct Measured {
    /// The number of confirmed messages; at QoS 0, of those that arrived.
    pub messages: u64,
    pub elapsed: Duration,
    pub cpu: Duration,
    /// The number of messages of QoS 0 that did not arrive.
    pub lost: u64,
    pub errors: u64,
    pub first_error: Option<String>,
    pub latencies: Latencies,
}

impl Measured {
    pub fn error(&mut self, error: impl ToString) {
        self.errors += 1;
        self.first_error.get_or_insert_with(|| error.to_string());
    }

    pub fn print(mut self, client: &str, row: &str) {
        self.latencies.sort();
        let per_message = |total: Duration| total.as_micros() as f64 / self.messages.max(1) as f64;
        let line = json!({
            "row": row,
            "client": client,
            "messages": self.messages,
            "per_second": self.messages as f64 / self.elapsed.as_secs_f64().max(1e-9),
            "cpu_us": per_message(self.cpu),
            "peak_kib": meter::peak_kib(),
            "p50_us": self.latencies.percentile(0.5),
            "p99_us": self.latencies.percentile(0.99),
            "lost": self.lost,
            "errors": self.errors,
            "first_error": self.first_error,
        });
        println!("{line}");
    }
}
