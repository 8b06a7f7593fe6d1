//! The stores.

#[cfg(feature = "fjall")]
mod fjall;
#[cfg(feature = "open-wal")]
mod open_wal;
mod ours;
#[cfg(feature = "redb")]
mod redb;
#[cfg(feature = "rusqlite")]
mod sqlite;

use std::path::Path;

use bytes::Bytes;

use crate::Outcome;

/// Messages with numbers that grow by one.
pub trait Store {
    /// Returns when they are stored as surely as [`open`] was asked for.
    fn append(&mut self, first: u64, values: &[Bytes]) -> Outcome;

    /// Gives the messages with these numbers in their order; it may give some more that come after them.
    fn read(&mut self, first: u64, end: u64, each: &mut dyn FnMut(&[u8])) -> Outcome;

    fn remove_below(&mut self, number: u64) -> Outcome;

    /// What was appended without a sync survives the death of the process from here on.
    fn persist(&mut self) -> Outcome {
        Ok(())
    }
}

pub const NAMES: &[&str] = &[
    "ours",
    #[cfg(feature = "redb")]
    "redb",
    #[cfg(feature = "fjall")]
    "fjall",
    #[cfg(feature = "rusqlite")]
    "rusqlite",
    #[cfg(feature = "open-wal")]
    "open-wal",
];

/// `None`: the store can't do that.
pub fn open(name: &str, folder: &Path, is_synced: bool) -> Outcome<Option<Box<dyn Store>>> {
    Ok(match name {
        "ours" => Some(Box::new(ours::Ours::open(folder, is_synced)?)),
        #[cfg(feature = "redb")]
        "redb" => Some(Box::new(redb::Redb::open(folder, is_synced)?)),
        #[cfg(feature = "fjall")]
        "fjall" => Some(Box::new(fjall::Fjall::open(folder, is_synced)?)),
        #[cfg(feature = "rusqlite")]
        "rusqlite" => Some(Box::new(sqlite::Sqlite::open(folder, is_synced)?)),
        // It knows no commit without a sync.
        #[cfg(feature = "open-wal")]
        "open-wal" if is_synced => Some(Box::new(open_wal::OpenWal::open(folder)?)),
        #[cfg(feature = "open-wal")]
        "open-wal" => None,
        _ => return Err(format!("there is no store {name}").into()),
    })
}
