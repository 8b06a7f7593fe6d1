//! SQLite by rusqlite: a table by number, with a write-ahead log.

use std::path::Path;

use bytes::Bytes;
use rusqlite::{Connection, params};

use super::Store;
use crate::Outcome;

pub struct Sqlite(Connection);

impl Sqlite {
    pub fn open(folder: &Path, is_synced: bool) -> Outcome<Sqlite> {
        let connection = Connection::open(folder.join("messages.db"))?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.pragma_update(None, "synchronous", if is_synced { "FULL" } else { "OFF" })?;
        connection.execute("CREATE TABLE IF NOT EXISTS messages (number INTEGER PRIMARY KEY, value BLOB)", [])?;
        Ok(Sqlite(connection))
    }
}

impl Store for Sqlite {
    fn append(&mut self, first: u64, values: &[Bytes]) -> Outcome {
        let transaction = self.0.transaction()?;
        let mut insert = transaction.prepare_cached("INSERT INTO messages VALUES (?, ?)")?;
        for (number, value) in (first..).zip(values) {
            insert.execute(params![number as i64, &**value])?;
        }
        drop(insert);
        Ok(transaction.commit()?)
    }

    fn read(&mut self, first: u64, end: u64, each: &mut dyn FnMut(&[u8])) -> Outcome {
        let select = "SELECT value FROM messages WHERE number >= ? AND number < ? ORDER BY number";
        let mut select = self.0.prepare_cached(select)?;
        let mut rows = select.query(params![first as i64, end as i64])?;
        while let Some(row) = rows.next()? {
            each(row.get_ref(0)?.as_blob()?);
        }
        Ok(())
    }

    fn remove_below(&mut self, number: u64) -> Outcome {
        self.0.execute("DELETE FROM messages WHERE number < ?", params![number as i64])?;
        Ok(())
    }
}
