//! What is known of the messages besides their bytes: which are done, and at QoS 2 the state of their handshakes.
//!
//! The journal is one of two files. Each begins with everything that was known at its beginning; the last of these entries
//! (`Begun`) says that this part is complete, and tells which of the files is newer. Later entries are appended. An entry has
//! 16 bytes, little endian: its kind (u32), a number (u64), a checksum of both (u32, CRC-32).

use std::collections::BTreeSet;
use std::io;
use std::sync::Arc;

use bytes::Buf;

use super::files::{Append, Files, remove};
use super::record;

pub(super) const NAMES: [&str; 2] = ["journal-0", "journal-1"];
pub(super) const ENTRY: usize = 16;
/// The length at which the next file is begun, unless twice the present file's initial length is more.
const LONGEST: usize = 64 * 1024;

/// The kinds of entries.
const DONE: u32 = 1;
const RESERVED: u32 = 2;
const SESSION: u32 = 3;
const RELEASED: u32 = 4;
const BEGUN: u32 = 5;

/// The content of the journal.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Noted {
    /// Every message with a lower number is done: the broker has confirmed it, or it was given up. `None` when this is not
    /// known.
    pub done: Option<u64>,
    /// No message with this number or a higher one has ever been sent at QoS 2.
    pub reserved: u64,
    /// The broker's session in which messages are sent at QoS 2, by a digest of its name.
    pub session: Option<u64>,
    /// The messages that are not done and for which PUBREL may have been sent in that session.
    pub released: BTreeSet<u64>,
}

/// The content of both files.
pub(super) struct Read {
    pub noted: Noted,
    generation: u64,
    /// The index of the file that counts.
    name: Option<usize>,
    /// The length of that file, if nothing in it is damaged.
    whole: Option<usize>,
}

/// The journal of an outbox, open for appending.
pub(super) struct Journal {
    files: Arc<dyn Files>,
    noted: Noted,
    /// The file that is appended to. `None` when its content is uncertain, because it has failed or is gone; then the next
    /// change begins a new file.
    file: Option<Box<dyn Append>>,
    name: usize,
    generation: u64,
    length: usize,
    longest: usize,
    is_synced: bool,
}

impl Noted {
    fn encode(&self, generation: u64) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut add = |kind, number| bytes.extend_from_slice(&entry(kind, number));
        self.session.iter().for_each(|session| add(SESSION, *session));
        add(RESERVED, self.reserved);
        self.done.iter().for_each(|done| add(DONE, *done));
        self.released.iter().for_each(|number| add(RELEASED, *number));
        add(BEGUN, generation);
        bytes
    }

    /// Sets what is done, and forgets releases below it, which need not be known any more.
    fn set_done(&mut self, number: u64) {
        self.done = Some(number);
        self.released = self.released.split_off(&number);
    }
}

impl Journal {
    /// Reads the notes of an earlier process.
    pub fn read(files: &dyn Files) -> io::Result<Read> {
        let names = files.list()?;
        let mut read = Read { noted: Noted::default(), generation: 0, name: None, whole: None };
        let (mut done, mut reserved) = (None, 0);
        for (index, name) in NAMES.iter().enumerate() {
            if !names.iter().any(|there| there == name) {
                continue;
            }
            let bytes = files.read(name)?;
            let parsed = parse(&bytes);
            // These numbers only grow, so the greatest of both files holds.
            done = done.max(parsed.noted.done);
            reserved = reserved.max(parsed.noted.reserved);
            if let Some(generation) = parsed.generation.filter(|generation| *generation > read.generation) {
                let whole = parsed.is_whole.then_some(bytes.len());
                read = Read { noted: parsed.noted, generation, name: Some(index), whole };
            }
        }
        read.noted.reserved = reserved;
        if let Some(done) = done {
            read.noted.set_done(done);
        }
        Ok(read)
    }

    /// Continues the journal in the other file; if that can't be begun, in the present one, which may have room even on a full
    /// disk. Every message below `done` is done. An error of the disk is returned, and the next change tries again.
    pub fn begin(files: Arc<dyn Files>, read: Read, done: u64) -> (Journal, io::Result<()>) {
        let Read { mut noted, generation, name, whole } = read;
        noted.set_done(done);
        let name = name.unwrap_or(1);
        let file = whole.and_then(|_| files.append(NAMES[name]).ok());
        let length = whole.unwrap_or_default();
        let mut journal = Journal { files, noted, file, name, generation, length, longest: LONGEST, is_synced: true };
        let begun = journal.anew().or_else(|e| journal.go_on().map_err(|_| e));
        (journal, begun)
    }

    fn go_on(&mut self) -> io::Result<()> {
        let Some(file) = &mut self.file else { return Err(io::ErrorKind::NotFound.into()) };
        // The other file may have had higher numbers.
        let mut entries = entry(RESERVED, self.noted.reserved).to_vec();
        self.noted.done.iter().for_each(|done| entries.extend_from_slice(&entry(DONE, *done)));
        self.length += entries.len();
        file.append(&entries).and_then(|()| file.sync()).inspect_err(|_| self.file = None)
    }

    pub fn noted(&self) -> &Noted {
        &self.noted
    }

    /// Notes that every message with a lower number is done.
    pub fn set_done(&mut self, number: u64) -> io::Result<()> {
        self.append(&entry(DONE, number))?;
        self.noted.set_done(number);
        Ok(())
    }

    /// Notes that PUBREL may be sent for these messages, which it may be only after this has succeeded. With `for_power` the
    /// note survives a loss of power.
    pub fn release(&mut self, numbers: &[u64], for_power: bool) -> io::Result<()> {
        let entries: Vec<u8> = numbers.iter().flat_map(|number| entry(RELEASED, *number)).collect();
        self.append(&entries)?;
        if for_power {
            self.sync()?;
        }
        self.noted.released.extend(numbers);
        Ok(())
    }

    /// Reserves the numbers below `number`: their messages may be sent at QoS 2 only after this has succeeded.
    pub fn reserve(&mut self, number: u64) -> io::Result<()> {
        // The messages that the broker may have lie between what is done and this number, so both must be known together.
        let mut entries = self.noted.done.map(|done| entry(DONE, done)).unwrap_or_default().to_vec();
        entries.extend_from_slice(&entry(RESERVED, number));
        self.append(&entries)?;
        self.sync()?;
        self.noted.reserved = number;
        Ok(())
    }

    /// Notes that messages are now sent in this session, which knows none of them; `None` means that no session is known.
    pub fn begin_session(&mut self, session: Option<u64>) -> io::Result<()> {
        self.noted.session = session;
        self.noted.released.clear();
        // The present file describes another session, so it must not be continued.
        self.anew().inspect_err(|_| (self.noted.session, self.file) = (None, None))
    }

    /// Makes the journal survive a loss of power.
    pub fn sync(&mut self) -> io::Result<()> {
        self.forget_lost_file();
        let Some(file) = &mut self.file else { return self.anew() };
        if !self.is_synced {
            // After a failed sync operating systems mark pages that they could not write as clean, so another sync of this file
            // would prove nothing.
            file.sync().inspect_err(|_| self.file = None)?;
            self.is_synced = true;
        }
        Ok(())
    }

    fn append(&mut self, entries: &[u8]) -> io::Result<()> {
        self.forget_lost_file();
        if self.file.is_none() {
            self.anew()?;
        } else if self.length >= self.longest && self.anew().is_err() {
            // The present file may have room even on a full disk.
            self.longest = self.length + LONGEST;
        }
        let Some(file) = &mut self.file else { return Err(io::ErrorKind::NotFound.into()) };
        self.is_synced = false;
        if let Err(e) = file.append(entries) {
            // A partly written entry would make later ones unreadable.
            if file.cut(self.length as u64).is_err() {
                self.file = None;
            }
            return Err(e);
        }
        self.length += entries.len();
        Ok(())
    }

    /// Closes a file whose name is gone or leads to another file, because nobody would read what is appended to it.
    fn forget_lost_file(&mut self) {
        if self.file.as_ref().is_some_and(|file| matches!(file.is_there(), Ok(false))) {
            self.file = None;
        }
    }

    /// Continues in the other file, beginning with everything that is known. Until that part is complete, the present file
    /// counts.
    fn anew(&mut self) -> io::Result<()> {
        let (name, generation) = (1 - self.name, self.generation + 1);
        let all = self.noted.encode(generation);
        match self.begin_file(NAMES[name], &all) {
            Ok(file) => self.file = Some(file),
            Err(e) => {
                // The new file may be complete in spite of the error, and would then count instead of the one that is appended
                // to.
                if remove(&*self.files, NAMES[name]).and_then(|()| self.files.sync_names()).is_err() {
                    self.file = None;
                }
                return Err(e);
            }
        }
        self.generation = generation;
        self.length = all.len();
        self.longest = LONGEST.max(2 * all.len());
        self.is_synced = true;
        let old = std::mem::replace(&mut self.name, name);
        // If the old file stays, it does not count, because the new one's generation is higher.
        let _ = self.files.remove(NAMES[old]);
        Ok(())
    }

    fn begin_file(&self, name: &str, all: &[u8]) -> io::Result<Box<dyn Append>> {
        let mut file = self.files.append(name)?;
        file.cut(0)?;
        file.append(all)?;
        file.sync()?;
        self.files.sync_names()?;
        Ok(file)
    }
}

pub(super) fn entry(kind: u32, number: u64) -> [u8; ENTRY] {
    let mut bytes = [0; ENTRY];
    bytes[..4].copy_from_slice(&kind.to_le_bytes());
    bytes[4..12].copy_from_slice(&number.to_le_bytes());
    let checksum = crc32fast::hash(&bytes[..12]);
    bytes[12..].copy_from_slice(&checksum.to_le_bytes());
    bytes
}

/// The content of one file.
struct Parsed {
    noted: Noted,
    /// The generation; `None` when the initial part is not complete.
    generation: Option<u64>,
    /// Nothing in the file is damaged, so entries that are appended can be read.
    is_whole: bool,
}

fn parse(bytes: &[u8]) -> Parsed {
    let mut noted = Noted::default();
    let (mut generation, mut is_whole) = (None, true);
    for bytes in bytes.chunks_exact(ENTRY) {
        let (mut fields, mut checksum) = bytes.split_at(ENTRY - 4);
        if crc32fast::hash(fields) != checksum.get_u32_le() {
            is_whole = false;
            continue;
        }
        let (kind, number) = (fields.get_u32_le(), fields.get_u64_le());
        match kind {
            // No message has such a number, so the entry is ignored.
            DONE | RESERVED | RELEASED if number > record::LAST => {}
            DONE => noted.done = noted.done.max(Some(number)),
            RESERVED => noted.reserved = noted.reserved.max(number),
            SESSION if generation.is_none() => noted.session = Some(number),
            // Entries behind damage were never synced, so no PUBREL was sent for their messages, and the messages before them
            // must be released first.
            RELEASED if is_whole => drop(noted.released.insert(number)),
            BEGUN if is_whole && generation.is_none() => generation = Some(number),
            _ => {}
        }
    }
    Parsed { noted, generation, is_whole: is_whole && bytes.len().is_multiple_of(ENTRY) }
}

#[cfg(test)]
#[path = "journal_tests.rs"]
mod tests;
