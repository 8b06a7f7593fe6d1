//! fjall: a keyspace by number.

use std::path::Path;

use bytes::Bytes;
use fjall::{Database, Keyspace, KeyspaceCreateOptions, PersistMode};

use super::Store;
use crate::Outcome;

pub struct Fjall {
    database: Database,
    messages: Keyspace,
    mode: PersistMode,
    oldest: u64,
}

impl Fjall {
    pub fn open(folder: &Path, is_synced: bool) -> Outcome<Fjall> {
        let database = Database::builder(folder).open()?;
        let messages = database.keyspace("messages", KeyspaceCreateOptions::default)?;
        let mode = if is_synced { PersistMode::SyncData } else { PersistMode::Buffer };
        Ok(Fjall { database, messages, mode, oldest: 1 })
    }
}

impl Store for Fjall {
    fn append(&mut self, first: u64, values: &[Bytes]) -> Outcome {
        let mut batch = self.database.batch().durability(Some(self.mode));
        for (number, value) in (first..).zip(values) {
            batch.insert(&self.messages, number.to_be_bytes(), &**value);
        }
        Ok(batch.commit()?)
    }

    fn read(&mut self, first: u64, end: u64, each: &mut dyn FnMut(&[u8])) -> Outcome {
        for entry in self.messages.range(first.to_be_bytes()..end.to_be_bytes()) {
            each(&entry.value()?);
        }
        Ok(())
    }

    fn remove_below(&mut self, number: u64) -> Outcome {
        let mut batch = self.database.batch().durability(Some(PersistMode::Buffer));
        for each in self.oldest..number {
            batch.remove(&self.messages, each.to_be_bytes());
        }
        self.oldest = number;
        Ok(batch.commit()?)
    }
}
