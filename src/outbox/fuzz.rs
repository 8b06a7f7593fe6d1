//! Arbitrary files of an outbox: the fuzz target opens and reads what the fuzzer has put together, appends to it, and opens it
//! again.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex};

use super::files::{Append, Files};
use super::journal;
use super::log::Log;
use super::record::{LAST, Record};
use super::segment;
use crate::lock::lock;
use crate::mqtt::Heading;

const TOPIC: &str = "t";
const SEGMENT: u64 = 400;
/// The number of messages that are appended to what was found.
const MORE: u64 = 3;

/// Panics when something is wrong, and only then.
pub(crate) fn outbox(data: &[u8]) {
    let files = Arc::new(Memory::default());
    Script { rest: data, first: 0, least: 0 }.write(&files);
    let before = files.bytes();
    let Ok((mut log, _)) = Log::open(files.clone(), TOPIC, SEGMENT) else { return };
    let known = look(&log, before);
    let next = log.next();
    if next + MORE > LAST {
        // Only this target's own scripts write numbers this high.
        return;
    }
    let more: Vec<Record> = (next..next + MORE).map(|number| record(number, 5)).collect();
    log.append(&more).and_then(|()| log.sync()).expect("what comes after what was found");
    drop(log);
    let (mut log, _) = Log::open(files.clone(), TOPIC, SEGMENT).expect("what this release has written");
    let found = look(&log, files.bytes());
    assert!(found.ends_with(&more), "what was appended is not there");
    assert_eq!(found.len(), known.len() + more.len(), "something has come or gone");
    log.set_done(log.next()).expect("done");
    assert_eq!(look(&log, files.bytes()), []);
    let next = log.next();
    drop(log);
    assert_eq!(Log::open(files, TOPIC, SEGMENT).expect("what is done").0.next(), next, "numbers come again");
}

/// Returns all messages that are there, after checking that they take no more bytes than the files had.
fn look(log: &Log, most: usize) -> Vec<Record> {
    let mut found: Vec<Record> = Vec::new();
    let mut number = log.done();
    let mut turns = log.places().len() + 1;
    while number < log.next() {
        turns = turns.checked_sub(1).expect("reading has no end");
        let Some(loaded) = log.load(number, &mut Vec::new()).expect("load") else { break };
        assert!(loaded.end > number, "reading does not go on");
        number = loaded.end;
        found.extend(loaded.contents.records);
    }
    assert!(found.iter().map(|record| record.number).is_sorted_by(|one, next| one < next), "order");
    assert!(found.iter().all(|record| (log.done()..log.next()).contains(&record.number)), "a number that is not there");
    assert!(found.iter().map(Record::size).sum::<usize>() <= most, "more than there was");
    found
}

fn record(number: u64, length: usize) -> Record {
    let own = || Heading { topic: TOPIC.into(), retain: true, properties: vec![7; length / 2].into() };
    let heading = (length % 2 == 1).then(|| Arc::new(own()));
    Record { number, time_us: 1, heading, payload: vec![7; length].into() }
}

/// The instructions in the input for writing files. A fuzzer does not guess checksums, so the script can ask for records with
/// good ones.
struct Script<'a> {
    rest: &'a [u8],
    /// The first number of the present file.
    first: u64,
    /// The least number that the next valid record can have.
    least: u64,
}

impl Script<'_> {
    fn write(mut self, files: &Memory) {
        let (mut name, mut bytes) = (segment::name(0), Vec::new());
        while let Some(what) = self.byte() {
            match what % 8 {
                0 => bytes.extend(segment::head(TOPIC)),
                1 => {
                    let (ahead, length) = (self.byte().unwrap_or_default(), self.byte().unwrap_or_default());
                    let number = self.least.saturating_add(u64::from(ahead >> 6));
                    record(number, length.into()).encode(&mut bytes);
                    self.least = number.saturating_add(1);
                }
                2 => {
                    let number = self.number();
                    record(number, 3).encode(&mut bytes);
                }
                3 => bytes.extend(journal::entry(u32::from(what >> 4), self.number())),
                4 => {
                    let length = usize::from(self.byte().unwrap_or_default()).min(self.rest.len());
                    let (raw, rest) = self.rest.split_at(length);
                    bytes.extend_from_slice(raw);
                    self.rest = rest;
                }
                5 => bytes.resize(bytes.len() + usize::from(self.byte().unwrap_or_default()), 0),
                6 => {
                    let at = usize::from(self.byte().unwrap_or_default()) * 3;
                    if let Some(byte) = bytes.get_mut(at) {
                        *byte ^= 1 << (what >> 5);
                    }
                }
                _ => {
                    files.put(&name, std::mem::take(&mut bytes));
                    name = match what >> 6 {
                        0 => journal::NAMES[usize::from(what >> 5 & 1)].to_owned(),
                        1 => segment::name(self.number()),
                        _ => {
                            self.first = self.first.max(self.least).saturating_add(u64::from(what >> 3 & 3));
                            self.least = self.first;
                            segment::name(self.first)
                        }
                    };
                }
            }
        }
        files.put(&name, bytes);
    }

    fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(*first)
    }

    fn number(&mut self) -> u64 {
        let (number, rest) = self.rest.split_at(self.rest.len().min(8));
        self.rest = rest;
        number.iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte))
    }
}

/// A folder in memory.
#[derive(Default)]
struct Memory(Arc<Mutex<BTreeMap<String, Vec<u8>>>>);

impl Memory {
    fn put(&self, name: &str, bytes: Vec<u8>) {
        lock(&self.0).entry(name.to_owned()).or_default().extend(bytes);
    }

    fn bytes(&self) -> usize {
        lock(&self.0).values().map(Vec::len).sum()
    }
}

struct Handle {
    files: Arc<Mutex<BTreeMap<String, Vec<u8>>>>,
    name: String,
}

impl Files for Memory {
    fn list(&self) -> io::Result<Vec<String>> {
        Ok(lock(&self.0).keys().cloned().collect())
    }

    fn append(&self, name: &str) -> io::Result<Box<dyn Append>> {
        self.put(name, Vec::new());
        Ok(Box::new(Handle { files: self.0.clone(), name: name.to_owned() }))
    }

    fn read(&self, name: &str) -> io::Result<Vec<u8>> {
        lock(&self.0).get(name).cloned().ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        lock(&self.0).remove(name).map(drop).ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn sync_names(&self) -> io::Result<()> {
        Ok(())
    }
}

impl Append for Handle {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        if let Some(file) = lock(&self.files).get_mut(&self.name) {
            file.extend_from_slice(bytes);
        }
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn cut(&mut self, length: u64) -> io::Result<()> {
        if let Some(file) = lock(&self.files).get_mut(&self.name) {
            file.truncate(length as usize);
        }
        Ok(())
    }

    fn is_there(&self) -> io::Result<bool> {
        Ok(lock(&self.files).contains_key(&self.name))
    }
}

#[cfg(test)]
mod tests {
    use fastrand::Rng;

    use super::*;

    /// Two segments with a record of what is done; the same with a changed bit; a damaged head; the highest numbers that exist.
    const SCRIPTS: [&[u8]; 5] = [
        b"\x00\x01\x00\x05\x01\x00\xff\x87\x00\x01\x00\x05\x01\x40\x05\x07\x03\0\0\0\0\0\0\0\x01",
        b"\x00\x01\x00\x05\x01\x00\x06\x01\x00\x05\x06\x10\x05\x09\x27\x03\0\0\0\0\0\0\0\x01\x04\x03abc",
        b"\x04\x07SINETOB\x02\0\0\x01\0\0\0\0\x01\x00\x05",
        b"\x47\xff\xff\xff\xff\xff\xff\xff\xff\x00\x02\xff\xff\xff\xff\xff\xff\xff\xff",
        b"\x07\x03\xff\xff\xff\xff\xff\xff\xff\xff\x47\xff\xff\xff\xff\xff\xff\xff\xfe\x00",
    ];

    #[test]
    fn no_number_is_too_large() {
        SCRIPTS.iter().for_each(|script| outbox(script));
    }

    #[test]
    fn changed_files_are_no_panic_and_what_comes_after_them_is_kept() {
        let mut random = Rng::with_seed(1);
        for _ in 0..30_000 {
            let mut script = Vec::new();
            for _ in 0..random.usize(1..4) {
                script.extend_from_slice(SCRIPTS[random.usize(..SCRIPTS.len())]);
            }
            for _ in 0..random.usize(0..6) {
                let at = random.usize(..script.len());
                match random.u8(0..3) {
                    0 => script[at] = random.u8(..),
                    1 => script[at] ^= 1 << random.u8(0..8),
                    _ => script.truncate(at.max(1)),
                }
            }
            outbox(&script);
        }
    }
}
