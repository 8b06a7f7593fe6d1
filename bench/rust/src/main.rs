//! Measures one row with one client, and prints one line of JSON.

mod client;
mod clients;
mod many;
mod reads;
mod target;
mod writes;

use std::process::ExitCode;

use bench_tools::Outcome;
use bench_tools::options::Options;
use bench_tools::row::Kind;

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
    let name = options.find("label").unwrap_or(options.get("client")?);
    match row.kind {
        Kind::Write { .. } | Kind::BlockingWrite { .. } => {
            writes::measure(&*client, &options, &row)?.print(name, &row.name);
        }
        Kind::Read | Kind::BlockingRead => reads::measure(&*client, &options, &row)?.print(name, &row.name),
        Kind::Clients { count } => many::measure(&*client, &options, &row, count)?.print(name, &row.name),
    }
    Ok(())
}
