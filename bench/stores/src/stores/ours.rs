//! The log of the outbox.

use std::path::Path;

use bytes::Bytes;
use sinetstream::bench::OutboxLog;

use super::Store;
use crate::Outcome;

pub struct Ours {
    log: OutboxLog,
    is_synced: bool,
}

impl Ours {
    pub fn open(folder: &Path, is_synced: bool) -> Outcome<Ours> {
        Ok(Ours { log: OutboxLog::open(folder)?, is_synced })
    }
}

impl Store for Ours {
    fn append(&mut self, first: u64, values: &[Bytes]) -> Outcome {
        self.log.append(first, values)?;
        if self.is_synced {
            self.log.sync()?;
        }
        Ok(())
    }

    fn read(&mut self, first: u64, end: u64, each: &mut dyn FnMut(&[u8])) -> Outcome {
        let mut number = first;
        // The last file ends with the highest number.
        while number < end
            && let Some((values, next)) = self.log.load(number)?
            && !values.is_empty()
        {
            values.iter().for_each(|value| each(value));
            number = next.max(number + values.len() as u64);
        }
        Ok(())
    }

    fn remove_below(&mut self, number: u64) -> Outcome {
        Ok(self.log.set_done(number)?)
    }
}
