//! Measures one row with one client, and prints one line of JSON.

mod client;
mod clients;
mod reads;
mod target;
mod writes;

use std::process::ExitCode;

use bench_tools::Outcome;
use bench_tools::options::Options;

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
    let client = client::named(options.get("client")?)?;
    let measured = if row.is_write() {
        writes::measure(&*client, &options, &row)?
    } else {
        reads::measure(&*client, &options, &row)?
    };
    measured.print(options.get("client")?, &row.name);
    Ok(())
}
