//! open-wal: a log of segments, as ours, that syncs with each commit. Its numbers begin with 0.

use std::path::Path;

use bytes::Bytes;
use open_wal::{Lsn, Wal, WalConfig};

use super::Store;
use crate::Outcome;

pub struct OpenWal(Wal);

/// As large as those of the outbox; its own default is 128 MiB, which it allocates before.
const SEGMENT: u64 = 8 * 1024 * 1024;

impl OpenWal {
    pub fn open(folder: &Path) -> Outcome<OpenWal> {
        let config = WalConfig { segment_size: SEGMENT, max_record_size: 1 << 20 };
        Ok(OpenWal(Wal::open(folder, config)?.0))
    }
}

impl Store for OpenWal {
    fn append(&mut self, _: u64, values: &[Bytes]) -> Outcome {
        for value in values {
            self.0.append(value)?;
        }
        self.0.commit()?;
        Ok(())
    }

    fn read(&mut self, first: u64, end: u64, each: &mut dyn FnMut(&[u8])) -> Outcome {
        let mut reader = self.0.reader_from(Lsn(first - 1))?;
        for _ in first..end {
            let Some(record) = reader.next() else { break };
            each(record?.1);
        }
        Ok(())
    }

    fn remove_below(&mut self, number: u64) -> Outcome {
        // The last one that need not be kept.
        Ok(self.0.checkpoint(Lsn(number.saturating_sub(2)))?)
    }
}
