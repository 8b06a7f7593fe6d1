//! The stored messages, in segments: appended at the end, removed at the front.
//!
//! A process never appends to a segment of an earlier process. The `journal` knows which messages are done, and the state of
//! the QoS 2 handshakes.

use std::collections::VecDeque;
use std::io;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;

use super::files::{Append, Files, remove};
use super::identifiers::FURTHEST_AHEAD;
use super::journal::{Journal, Noted};
use super::record::Record;
use super::segment::{self, Contents};

/// The usual size of a segment, which is held in memory as a whole when its messages are read.
pub(super) const SEGMENT: u64 = 8 * 1024 * 1024;

/// The prefix of files with damaged bytes.
const SET_ASIDE: &str = "damaged-";

/// The log of one outbox.
pub(super) struct Log {
    files: Arc<dyn Files>,
    topic: String,
    /// The segments in order; the last one may be the open one.
    segments: VecDeque<Place>,
    open: Option<Open>,
    /// A sync has failed, and no segment has been begun since.
    in_doubt: bool,
    /// The number of the next message.
    next: u64,
    /// Numbers before this process's first one that no message has.
    skipped: Range<u64>,
    /// Every message with a lower number is done, whether the journal knows it yet or not.
    confirmed: u64,
    journal: Journal,
    /// A segment is closed when it has this many bytes.
    segment_bytes: u64,
}

/// A segment in the directory.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Place {
    pub first: u64,
    /// The length of the segment's appended content; bytes beyond it are not appended, or not yet.
    pub bytes: u64,
}

/// The segment that is appended to.
struct Open {
    file: Box<dyn Append>,
    is_synced: bool,
}

/// The content of a segment.
pub(super) struct Loaded {
    pub contents: Contents,
    /// The least number of the next segment; `u64::MAX` for the last segment.
    pub end: u64,
}

/// Problems that were found at opening, for the log.
pub(super) type Warnings = Vec<String>;

impl Log {
    /// Opens the log, with the messages that an earlier process has left.
    pub fn open(files: Arc<dyn Files>, topic: &str, segment_bytes: u64) -> io::Result<(Log, Warnings)> {
        let mut warnings = Vec::new();
        let mut names: Vec<(u64, String)> =
            files.list()?.into_iter().filter_map(|name| Some((segment::first(&name)?, name))).collect();
        names.sort_unstable();
        let mut segments = VecDeque::new();
        for (first, name) in &names {
            segments.push_back(Place { first: *first, bytes: files.length(name)? });
        }
        let read = Journal::read(&*files)?;
        let mut next = read.noted.done.unwrap_or_default();
        let mut is_empty = segments.is_empty();
        if let Some((first, name)) = names.last() {
            let bytes = Bytes::from(files.read(name)?);
            if let Some(version) = segment::later_version(&bytes) {
                return Err(later_version(name, version));
            }
            let contents = segment::parse(&bytes, *first);
            let kept = close(&*files, name, &bytes, contents.end, &mut warnings)?;
            if let Some(last) = segments.back_mut() {
                last.bytes = kept as u64;
            }
            match contents.records.last() {
                Some(last) => next = next.max(last.number + 1),
                None => {
                    // All numbers before the segment's name were given to messages.
                    next = next.max(*first);
                    is_empty = segments.len() == 1 && kept == contents.end;
                }
            }
        }
        let done = match segments.front() {
            Some(first) if !is_empty => read.noted.done.unwrap_or(first.first),
            // All messages are done, and numbering goes on, whatever the journal knows.
            _ => next,
        };
        let (journal, begun) = Journal::begin(files.clone(), read, done);
        let mut log = Log {
            files,
            topic: topic.to_owned(),
            segments,
            open: None,
            in_doubt: false,
            next,
            skipped: next..next,
            confirmed: done,
            journal,
            segment_bytes,
        };
        // A full disk gets room when messages are sent, and for that the log must open; so these errors are only warnings.
        if let Err(e) = begun.and(log.forget_done()).and(log.skip_lost_numbers()) {
            warnings.push(format!("delivered messages can't be noted as such, and may be sent again: {e}"));
        }
        Ok((log, warnings))
    }

    /// Returns the number of the next message.
    pub fn next(&self) -> u64 {
        self.next
    }

    /// Skips numbers whose messages may be lost. A message that was sent at QoS 2 and lost, as in a power failure without a
    /// sync, may still be with the broker, so no other message may get its number, from which the packet identifier follows.
    fn skip_lost_numbers(&mut self) -> io::Result<()> {
        self.next = self.next.max(self.journal.noted().reserved);
        self.skipped.end = self.next;
        match self.segments.is_empty() && self.done() < self.next {
            true => self.set_done(self.next),
            false => Ok(()),
        }
    }

    /// Returns the numbers that were skipped because messages with them may have been sent and lost; the next message comes
    /// after them.
    pub fn skipped(&self) -> Range<u64> {
        self.skipped.clone()
    }

    /// Returns the number below which every message is done.
    pub fn done(&self) -> u64 {
        self.noted().done.unwrap_or_default()
    }

    /// Returns what is known of the messages besides their bytes.
    pub fn noted(&self) -> &Noted {
        self.journal.noted()
    }

    /// Returns how far [`Log::reserve`] can go for messages below `wanted`, so that no two messages that the broker may have
    /// share a packet identifier.
    pub fn reservable(&self, wanted: u64) -> u64 {
        wanted.min(self.done() + FURTHEST_AHEAD)
    }

    /// See [`Journal::reserve`].
    pub fn reserve(&mut self, wanted: u64) -> io::Result<()> {
        self.journal.reserve(self.reservable(wanted))
    }

    /// See [`Journal::release`].
    pub fn release(&mut self, numbers: &[u64], for_power: bool) -> io::Result<()> {
        self.journal.release(numbers, for_power)
    }

    /// See [`Journal::begin_session`].
    pub fn begin_session(&mut self, session: Option<u64>) -> io::Result<()> {
        self.journal.begin_session(session)
    }

    /// Returns the bytes in all segments.
    pub fn bytes(&self) -> u64 {
        self.segments.iter().map(|segment| segment.bytes).sum()
    }

    /// Appends messages with growing numbers. After an error, messages from [`Log::next`] on are not stored, and may be
    /// appended again.
    pub fn append(&mut self, records: &[Record]) -> io::Result<()> {
        self.check_presence()?;
        let mut rest = records;
        let appended = self.append_some(&mut rest);
        if !appended.as_ref().is_err_and(is_full) || self.confirmed < self.next || self.segments.is_empty() {
            return appended;
        }
        // All messages in the open segment are done, so it is given up: removing it makes room on the disk.
        self.open = None;
        self.append_some(&mut rest)
    }

    /// Appends messages, and removes them from `rest`.
    fn append_some(&mut self, rest: &mut &[Record]) -> io::Result<()> {
        while !rest.is_empty() {
            if self.open.is_none() {
                self.begin_segment()?;
            }
            let (Some(open), Some(kept)) = (&mut self.open, self.segments.back_mut()) else {
                return Err(io::ErrorKind::NotFound.into());
            };
            let mut bytes = Vec::new();
            let mut count = 0;
            while count < rest.len() && (count == 0 || kept.bytes + (bytes.len() as u64) < self.segment_bytes) {
                rest[count].encode(&mut bytes);
                count += 1;
            }
            if let Err(e) = open.file.append(&bytes) {
                // A partly written record must not precede the next one.
                let is_cut = open.file.cut(kept.bytes).is_ok();
                // This segment itself may have filled the disk, and only a closed segment is removed when all its messages are
                // done. A segment without messages stays, because its name preserves the numbering. Whether the earlier
                // messages are safe is known from the next sync.
                if kept.first < self.next {
                    let _ = self.close_segment();
                } else if !is_cut {
                    self.open = None;
                }
                return Err(e);
            }
            open.is_synced = false;
            kept.bytes += bytes.len() as u64;
            self.next = rest[count - 1].number + 1;
            *rest = &rest[count..];
            if kept.bytes >= self.segment_bytes {
                self.close_segment()?;
            }
        }
        Ok(())
    }

    /// Checks that the open segment still has its name: the file could be written without it, but nobody would find it again.
    fn check_presence(&mut self) -> io::Result<()> {
        if let (Some(open), Some(kept)) = (&self.open, self.segments.back())
            && !open.file.is_there()?
        {
            self.open = None;
            let message = format!("the file '{}' is gone, or another one has its place", segment::name(kept.first));
            return Err(io::Error::new(io::ErrorKind::NotFound, message));
        }
        Ok(())
    }

    fn begin_segment(&mut self) -> io::Result<()> {
        let first = self.next;
        let name = segment::name(first);
        let mut file = self.files.append(&name)?;
        // An earlier attempt may have left bytes.
        file.cut(0)?;
        if self.segments.back().is_some_and(|last| last.first == first) {
            // This was a segment in which no message could be stored.
            self.segments.pop_back();
        }
        self.segments.push_back(Place { first, bytes: 0 });
        if self.confirmed >= first && self.segments.len() > 1 {
            // Messages that are done may have filled the disk. They can go, because the name of the new segment preserves the
            // numbering.
            self.files.sync_names()?;
            self.forget(1)?;
        }
        let head = segment::head(&self.topic);
        // The head with the topic must be safe before any message is.
        if let Err(e) = file.append(&head).and_then(|()| file.sync()).and_then(|()| self.files.sync_names()) {
            // A partly written head must not count as damage.
            let _ = file.cut(0);
            if self.segments.len() > 1 && self.files.remove(&name).is_ok() {
                self.segments.pop_back();
            }
            return Err(e);
        }
        if let Some(last) = self.segments.back_mut() {
            last.bytes = head.len() as u64;
        }
        self.open = Some(Open { file, is_synced: false });
        self.in_doubt = false;
        Ok(())
    }

    fn close_segment(&mut self) -> io::Result<()> {
        self.sync()?;
        self.open = None;
        Ok(())
    }

    /// Makes what was appended survive a loss of power. After an error the state of the open segment is unknown, because
    /// operating systems mark pages that they could not write as clean. So the next message begins another segment, and until
    /// then this call fails again.
    pub fn sync(&mut self) -> io::Result<()> {
        if self.in_doubt {
            return Err(io::Error::other("an earlier attempt to keep the messages has failed"));
        }
        if let Some(open) = self.open.as_mut().filter(|open| !open.is_synced) {
            if let Err(e) = open.file.sync() {
                self.open = None;
                self.in_doubt = true;
                return Err(e);
            }
            open.is_synced = true;
        }
        Ok(())
    }

    /// Returns true when nothing has been appended since the last [`Log::sync`].
    pub fn is_synced(&self) -> bool {
        self.open.as_ref().is_none_or(|open| open.is_synced)
    }

    /// See [`load`].
    #[cfg(any(test, feature = "fuzz"))]
    pub fn load(&self, number: u64, warnings: &mut Warnings) -> io::Result<Option<Loaded>> {
        let mut loaded = load(&*self.files, &self.places(), number, warnings)?;
        // Numbers from the next one on are ignored, as by the feeder.
        loaded.iter_mut().for_each(|loaded| loaded.contents.records.retain(|record| record.number < self.next));
        Ok(loaded)
    }

    /// Returns the segments, for [`load`] without the log.
    pub fn places(&self) -> Vec<Place> {
        self.segments.iter().copied().collect()
    }

    /// Notes in memory that every message with a lower number is done, before the journal does: their segments count as room on
    /// a full disk.
    pub fn confirm(&mut self, number: u64) {
        self.confirmed = self.confirmed.max(number);
    }

    /// Notes that every message with a lower number is done, and removes what need not be kept.
    pub fn set_done(&mut self, number: u64) -> io::Result<()> {
        self.confirm(number);
        // A removal that failed is tried again, without writing the same number again.
        let noted = if number > self.done() { self.journal.set_done(number) } else { Ok(()) };
        // Segments are removed even when the journal can't be written, because that is what makes room on a full disk.
        let forgotten = self.forget_done();
        if noted.as_ref().is_err_and(is_full)
            && self.confirmed >= self.next
            && self.segments.back().is_some_and(|last| last.first < self.next)
        {
            self.open = None;
            self.begin_segment()?;
        }
        noted.and(forgotten)
    }

    /// Removes the segments whose messages are all done. The last one is the only record of the numbering when the journal does
    /// not know it.
    fn forget_done(&mut self) -> io::Result<()> {
        self.forget(usize::from(self.open.is_some() || self.done() < self.confirmed))
    }

    /// Removes the segments that hold only messages from the number `from` up to, but not including, `to`. The last segment
    /// stays, because it preserves the numbering.
    pub fn forget_between(&mut self, from: u64, to: u64) -> io::Result<()> {
        let at = self.segments.partition_point(|segment| segment.first < from);
        while let (Some(segment), Some(next)) = (self.segments.get(at), self.segments.get(at + 1)) {
            if next.first > to {
                break;
            }
            remove(&*self.files, &segment::name(segment.first))?;
            self.segments.remove(at);
        }
        Ok(())
    }

    /// Does the same as [`Log::forget_done`], but leaves the last `least` segments.
    fn forget(&mut self, least: usize) -> io::Result<()> {
        while let Some(front) = self.segments.front() {
            let end = self.segments.get(1).map_or(self.next, |second| second.first);
            if end > self.confirmed || self.segments.len() <= least {
                break;
            }
            if self.segments.len() == 1 {
                // Without this, numbers could be used again after a loss of power.
                self.journal.sync()?;
            }
            remove(&*self.files, &segment::name(front.first))?;
            self.segments.pop_front();
        }
        Ok(())
    }
}

/// Returns whether the disk, or the user's quota on it, is full.
fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

/// Returns the messages from `number` to the end of their segment, or those of the next segment that exists; `None` when there
/// are none. Damage is set aside, with a warning. The last segment may be appended to meanwhile; bytes beyond its length in
/// `places` are not read.
pub(super) fn load(
    files: &dyn Files,
    places: &[Place],
    number: u64,
    warnings: &mut Warnings,
) -> io::Result<Option<Loaded>> {
    let after = places.partition_point(|place| place.first <= number);
    // All messages before the first segment are done.
    let Some(Place { first, bytes }) = places.get(after.saturating_sub(1)).copied() else { return Ok(None) };
    let name = segment::name(first);
    let bytes = Bytes::from(files.read_first(&name, bytes)?);
    // No segment here is of a later release, because the last segment would then be one, too, and it was checked at opening.
    let mut contents = segment::parse(&bytes, first);
    for damage in &contents.damaged {
        set_aside(files, &name, damage.start, &bytes[damage.clone()], warnings);
    }
    let end = places.get(after.max(1)).map_or(u64::MAX, |place| place.first);
    // Numbers that belong to the next segment are ignored, even if this one has records with them.
    contents.records.retain(|record| (number..end).contains(&record.number));
    Ok(Some(Loaded { contents, end }))
}

/// Returns whether a file of this name holds damaged bytes.
#[cfg(feature = "cli")]
pub(super) fn is_set_aside(name: &str) -> bool {
    name.starts_with(SET_ASIDE)
}

/// Saves damaged bytes once in a file of their own for later examination. Returns false when the disk has refused it; reading
/// goes on all the same.
fn set_aside(files: &dyn Files, name: &str, at: usize, bytes: &[u8], warnings: &mut Warnings) -> bool {
    let aside = format!("{SET_ASIDE}{name}-{at}");
    let kept = files.list().and_then(|names| match names.contains(&aside) {
        true => Ok(false),
        false => {
            let written = files.append(&aside).and_then(|mut file| {
                file.append(bytes)?;
                file.sync()
            });
            // A partial copy would be taken for the whole.
            written.map(|()| true).inspect_err(|_| drop(files.remove(&aside)))
        }
    });
    let damage = format!("{} bytes of {name} are damaged", bytes.len());
    match &kept {
        Ok(true) => warnings.push(format!("{damage}, and were set aside as {aside}")),
        Ok(false) => {}
        Err(e) => warnings.push(format!("{damage}, and can't be set aside as {aside}: {e}")),
    }
    kept.is_ok()
}

pub(super) fn later_version(name: &str, version: u8) -> io::Error {
    let most = segment::VERSION;
    io::Error::new(
        io::ErrorKind::Unsupported,
        format!("{name} was written by a later release: it has version {version}, and this one knows {most} at most"),
    )
}

/// Closes the last segment of an earlier process: syncs what was not synced, and cuts off what an unfinished write has left at
/// the end. Those bytes may also be damage, so they are set aside first. Returns the length of the segment that is left.
fn close(files: &dyn Files, name: &str, bytes: &[u8], end: usize, warnings: &mut Warnings) -> io::Result<usize> {
    let rest = &bytes[end..];
    let is_kept = match rest.iter().all(|byte| *byte == 0) {
        true if rest.is_empty() => true,
        true => {
            // Zeros need no examination.
            warnings.push(format!(
                "the last {} bytes of {name} are zeros, as an unfinished write or a damaged disk leaves them; messages \
                 that stood there are lost",
                rest.len()
            ));
            true
        }
        false => set_aside(files, name, end, rest, warnings),
    };
    let kept = if is_kept { end } else { bytes.len() };
    let mut file = files.append(name)?;
    if kept < bytes.len() {
        file.cut(kept as u64)?;
    }
    file.sync()?;
    files.sync_names()?;
    Ok(kept)
}

#[cfg(test)]
#[path = "log_tests.rs"]
mod tests;
