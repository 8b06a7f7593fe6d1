//! The rows of bare bytes, which show what is possible without any client library.

mod read;
mod sync;
mod write;

use bench_tools::Outcome;
use bench_tools::options::Options;
use bench_tools::row::Kind;

pub const CLIENT: &str = "raw";

/// Runs the measurement of a row.
pub fn run(options: &Options) -> Outcome {
    let row = options.row()?;
    if row.qos == 2 {
        return Err("there are no raw rows of QoS 2".into());
    }
    let measured = match row.kind {
        Kind::Write { window } => write::measure(options, &row, window)?,
        Kind::BlockingWrite { threads: 1 } if row.qos == 1 => sync::measure(options, &row)?,
        // The number of publishes in flight is that of the threads.
        Kind::BlockingWrite { threads } => write::measure(options, &row, threads)?,
        Kind::Read | Kind::BlockingRead => read::measure(options, &row)?,
        Kind::Clients { .. } => return Err("there are no raw rows with many clients".into()),
    };
    measured.print(CLIENT, &row.name);
    Ok(())
}
