//! Measures one row with the Rust API, and prints one line of JSON.

mod reads;
mod target;
mod writes;

use std::process::ExitCode;

use bench_tools::Outcome;
use bench_tools::options::Options;

const CLIENT: &str = "sinetstream-rust";

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
    let options = Options::parse(std::env::args().skip(1))?;
    let row = options.row()?;
    let measured = if row.is_write() { writes::measure(&options, &row)? } else { reads::measure(&options, &row)? };
    measured.print(CLIENT, &row.name);
    Ok(())
}
