//! redb: a table by number. Without a sync a commit is in memory, and survives the process with the next one that is synced.

use std::path::Path;

use bytes::Bytes;
use redb::{Database, Durability, ReadableDatabase, TableDefinition};

use super::Store;
use crate::Outcome;

const TABLE: TableDefinition<u64, &[u8]> = TableDefinition::new("messages");

pub struct Redb {
    database: Database,
    durability: Durability,
}

impl Redb {
    pub fn open(folder: &Path, is_synced: bool) -> Outcome<Redb> {
        let database = Database::create(folder.join("messages.redb"))?;
        let durability = if is_synced { Durability::Immediate } else { Durability::None };
        Ok(Redb { database, durability })
    }

    fn commit(&self, durability: Durability, work: impl FnOnce(&mut redb::Table<u64, &[u8]>) -> Outcome) -> Outcome {
        let mut transaction = self.database.begin_write()?;
        transaction.set_durability(durability)?;
        work(&mut transaction.open_table(TABLE)?)?;
        Ok(transaction.commit()?)
    }
}

impl Store for Redb {
    fn append(&mut self, first: u64, values: &[Bytes]) -> Outcome {
        self.commit(self.durability, |table| {
            for (number, value) in (first..).zip(values) {
                table.insert(number, &**value)?;
            }
            Ok(())
        })
    }

    fn read(&mut self, first: u64, end: u64, each: &mut dyn FnMut(&[u8])) -> Outcome {
        for entry in self.database.begin_read()?.open_table(TABLE)?.range(first..end)? {
            each(entry?.1.value());
        }
        Ok(())
    }

    fn remove_below(&mut self, number: u64) -> Outcome {
        self.commit(Durability::None, |table| Ok(table.retain_in(..number, |_, _| false)?))
    }

    fn persist(&mut self) -> Outcome {
        self.commit(Durability::Immediate, |_| Ok(()))
    }
}
