//! Markdown tables from the lines that a run has left.

mod results;
mod table;

use std::io::Write;

use bench_tools::Outcome;

use results::Results;
use table::{Better, Table};

const TABLES: [Table; 5] = [
    Table { title: "Messages per second", field: "per_second", unit: 1.0, decimals: 0, better: Some(Better::More) },
    Table {
        title: "Blocking writes: microseconds for one (median)",
        field: "p50_us",
        unit: 1.0,
        decimals: 1,
        better: Some(Better::Less),
    },
    Table {
        title: "Blocking writes: microseconds that 99 of 100 do not exceed",
        field: "p99_us",
        unit: 1.0,
        decimals: 1,
        better: None,
    },
    Table { title: "CPU microseconds per message", field: "cpu_us", unit: 1.0, decimals: 2, better: None },
    Table { title: "Peak memory in MiB", field: "peak_kib", unit: 1024.0, decimals: 0, better: None },
];

pub fn run(file: &str) -> Outcome {
    let text = std::fs::read_to_string(file).map_err(|e| format!("{file}: {e}"))?;
    let results = Results::parse(&text)?;
    let mut report: String = TABLES.iter().map(|table| table.markdown(&results)).collect();
    let problems = results.problems();
    if !problems.is_empty() {
        report += &format!("### Problems\n\n- {}\n", problems.join("\n- "));
    }
    Ok(std::io::stdout().write_all(report.as_bytes())?)
}
