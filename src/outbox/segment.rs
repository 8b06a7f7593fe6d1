//! A file of the log: a head, then records with growing numbers.
//!
//! The head has: eight bytes that identify the format, the last of them the version; a checksum of the rest of the head (u32,
//! CRC-32); bytes of the topic (u16); the topic. Heads of later versions begin the same way. The name of the file is the least
//! number that its first record can have, in twenty digits.

use std::ops::Range;

use bytes::{Buf, Bytes};

use super::record::{self, Record};

const MAGIC: &[u8; 7] = b"SINETOB";
/// The format's version. From version 2 on a record can have a heading; otherwise the versions are the same.
pub(super) const VERSION: u8 = 2;
/// The bytes before the topic.
const HEAD: usize = 14;
const SUFFIX: &str = ".log";

/// The content of a segment.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Contents {
    /// The topic; `None` when the head is damaged.
    pub topic: Option<String>,
    pub records: Vec<Record>,
    /// The ranges of bytes that are no record.
    pub damaged: Vec<Range<usize>>,
    /// The end of the last record.
    pub end: usize,
}

pub(super) fn name(first: u64) -> String {
    format!("{first:020}{SUFFIX}")
}

/// Returns the least number in a segment of this name; `None` if it is no segment's name.
pub(super) fn first(name: &str) -> Option<u64> {
    let digits = name.strip_suffix(SUFFIX)?;
    let is_number = digits.len() == 20 && digits.bytes().all(|digit| digit.is_ascii_digit());
    is_number.then(|| digits.parse().ok())?.filter(|first| *first <= record::LAST)
}

/// Returns the head of a segment whose messages are for this topic. A topic of MQTT has 65,535 bytes at most.
pub(super) fn head(topic: &str) -> Vec<u8> {
    head_of(VERSION, topic)
}

pub(super) fn head_of(version: u8, topic: &str) -> Vec<u8> {
    let mut head = MAGIC.to_vec();
    head.push(version);
    let mut rest = (topic.len() as u16).to_le_bytes().to_vec();
    rest.extend_from_slice(topic.as_bytes());
    head.extend_from_slice(&checksum(&head, &rest).to_le_bytes());
    head.extend_from_slice(&rest);
    head
}

fn checksum(magic: &[u8], rest: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(magic);
    hasher.update(rest);
    hasher.finalize()
}

/// Returns the version of a segment of a later release. A damaged version byte is not taken for one.
pub(super) fn later_version(bytes: &[u8]) -> Option<u8> {
    read_head(bytes).map(|(version, _)| version).filter(|version| *version > VERSION)
}

/// Reads a whole segment of this version or an earlier one. Only the damaged bytes are lost.
pub(super) fn parse(bytes: &Bytes, first: u64) -> Contents {
    let topic = topic(bytes);
    let mut at = topic.as_ref().map_or(0, |topic| HEAD + topic.len());
    let mut contents = Contents { topic, end: at, ..Contents::default() };
    let mut least = first;
    while let Some((from, record)) = next(bytes, at, least) {
        if from > at {
            contents.damaged.push(at..from);
        }
        at = from + record.size();
        least = record.number + 1;
        contents.end = at;
        contents.records.push(record);
    }
    if at < bytes.len() {
        contents.damaged.push(at..bytes.len());
    }
    contents
}

fn topic(bytes: &[u8]) -> Option<String> {
    let (version, topic) = read_head(bytes)?;
    String::from_utf8(topic.to_vec()).ok().filter(|_| version <= VERSION)
}

/// Returns version and topic of an undamaged head.
fn read_head(bytes: &[u8]) -> Option<(u8, &[u8])> {
    let (magic, rest) = bytes.split_at_checked(MAGIC.len() + 1)?;
    let version = *magic.strip_prefix(MAGIC)?.first()?;
    let (mut expected, rest) = rest.split_at_checked(4)?;
    let (mut length, topic) = rest.split_at_checked(2)?;
    let topic = topic.get(..usize::from(length.get_u16_le()))?;
    let checked = &rest[..2 + topic.len()];
    (checksum(magic, checked) == expected.get_u32_le()).then_some((version, topic))
}

/// Returns the next record from here on, and the place where it begins.
fn next(bytes: &Bytes, at: usize, least: u64) -> Option<(usize, Record)> {
    (at..bytes.len()).find_map(|from| record::decode(bytes, from, least).map(|record| (from, record)))
}
