//! The log alone, as `bench/stores` compares it with other stores.

use std::io;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;

use super::files::{Files, SystemFiles};
use super::log::{self, Log};
use super::record::Record;

/// The log of an outbox on disk, without a writer.
pub struct OutboxLog {
    files: Arc<dyn Files>,
    log: Log,
}

impl OutboxLog {
    /// Opens a directory and takes over the messages that are in it.
    pub fn open(directory: &Path) -> io::Result<OutboxLog> {
        let files: Arc<dyn Files> = Arc::new(SystemFiles::new(directory)?);
        let (log, _) = Log::open(files.clone(), "bench", log::SEGMENT)?;
        Ok(OutboxLog { files, log })
    }

    /// Appends messages with consecutive numbers from `first` on.
    pub fn append(&mut self, first: u64, values: &[Bytes]) -> io::Result<()> {
        let record =
            |(number, payload): (u64, &Bytes)| Record { number, time_us: 1, heading: None, payload: payload.clone() };
        let records: Vec<Record> = (first..).zip(values).map(record).collect();
        self.log.append(&records)
    }

    /// Makes what was appended survive a loss of power.
    pub fn sync(&mut self) -> io::Result<()> {
        self.log.sync()
    }

    /// Returns the messages from this number to the end of their file, and the number to go on with; `None` when there are
    /// none.
    pub fn load(&self, number: u64) -> io::Result<Option<(Vec<Bytes>, u64)>> {
        let loaded = log::load(&*self.files, &self.log.places(), number, &mut Vec::new())?;
        Ok(loaded
            .map(|loaded| (loaded.contents.records.into_iter().map(|record| record.payload).collect(), loaded.end)))
    }

    /// Notes that messages with a lower number need not be kept.
    pub fn set_done(&mut self, number: u64) -> io::Result<()> {
        self.log.set_done(number)
    }
}
