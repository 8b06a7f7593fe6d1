//! The programs around the clients: their brokers, the limits for comparison, and the report.

mod count;
mod feed;
mod flood;
mod mqtt;
mod raw;
mod report;
mod sink;

use std::process::ExitCode;

use bench_tools::Outcome;
use bench_tools::options::Options;

const USAGE: &str = "usage: bench-tools sink
       bench-tools count --broker HOST:PORT
       bench-tools feed --broker HOST:PORT
       bench-tools raw --row ROW --broker HOST:PORT --warm SECONDS --seconds SECONDS
                       [--counter HOST:PORT] [--feeder HOST:PORT]
       bench-tools report FILE [FOLDER]";

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Outcome {
    let mut words = std::env::args().skip(1);
    let command = words.next().unwrap_or_default();
    if command == "report" {
        return report::run(&words.next().ok_or(USAGE)?, words.next().as_deref());
    }
    let options = Options::parse(words)?;
    match command.as_str() {
        "sink" => sink::run(),
        "count" => count::run(options.get("broker")?),
        "feed" => feed::run(options.get("broker")?),
        "raw" => raw::run(&options),
        _ => Err(USAGE.into()),
    }
}
