//! The messages that are kept, in segments: appended at the end, taken away at the front.
//!
//! A process never appends to the segment of an earlier one. What is done is in the `journal`, which also knows the handshakes of
//! QoS 2.

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

/// The usual size of a segment, all of which is in memory when its messages are read.
pub(super) const SEGMENT: u64 = 8 * 1024 * 1024;

/// So the names of files begin that have what was damaged.
const SET_ASIDE: &str = "damaged-";

/// See the module.
pub(super) struct Log {
    files: Arc<dyn Files>,
    topic: String,
    /// In their order; the last one may be the open one.
    segments: VecDeque<Place>,
    open: Option<Open>,
    /// A sync has failed, and no segment was begun since.
    in_doubt: bool,
    /// The number of the next message.
    next: u64,
    /// Numbers before this process's first that no message has.
    skipped: Range<u64>,
    /// Every message with a lower number is done, whether the journal knows it yet or not.
    confirmed: u64,
    journal: Journal,
    /// A segment is closed when it has this many bytes.
    segment_bytes: u64,
}

/// A segment that is there.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Place {
    pub first: u64,
    /// What is behind them was not appended, or not yet.
    pub bytes: u64,
}

/// The segment that is appended to.
struct Open {
    file: Box<dyn Append>,
    is_synced: bool,
}

/// What a segment holds.
pub(super) struct Loaded {
    pub contents: Contents,
    /// The least number in the next segment; in the last segment the highest there is.
    pub end: u64,
}

/// What was found at the opening, for the log.
pub(super) type Warnings = Vec<String>;

impl Log {
    /// Takes up what an earlier process has left.
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
                    // All before its name were there.
                    next = next.max(*first);
                    is_empty = segments.len() == 1 && kept == contents.end;
                }
            }
        }
        let done = match segments.front() {
            Some(first) if !is_empty => read.noted.done.unwrap_or(first.first),
            // All is done, and the numbers go on, whatever the journal knows of that.
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
        // A full disk gets room by what is sent, and for that it has to be opened.
        if let Err(e) = begun.and(log.forget_done()).and(log.skip_lost_numbers()) {
            warnings.push(format!("what is delivered can't be noted, and may be sent again: {e}"));
        }
        Ok((log, warnings))
    }

    /// The number of the next message.
    pub fn next(&self) -> u64 {
        self.next
    }

    /// A message that was sent at QoS 2 and is lost, as a loss of power may do without a sync, may still be with the broker: none
    /// may come under its number, which is its packet identifier.
    fn skip_lost_numbers(&mut self) -> io::Result<()> {
        self.next = self.next.max(self.journal.noted().reserved);
        self.skipped.end = self.next;
        match self.segments.is_empty() && self.done() < self.next {
            true => self.set_done(self.next),
            false => Ok(()),
        }
    }

    /// Numbers that were skipped, since messages with them may have been sent and lost; the next message comes after them.
    pub fn skipped(&self) -> Range<u64> {
        self.skipped.clone()
    }

    /// Every message with a lower number is done.
    pub fn done(&self) -> u64 {
        self.noted().done.unwrap_or_default()
    }

    /// What is known of the messages besides their bytes.
    pub fn noted(&self) -> &Noted {
        self.journal.noted()
    }

    /// How far [`Log::reserve`] can go for messages below this number, so that no two that may be with the broker have the same
    /// packet identifier.
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

    /// Bytes in all segments.
    pub fn bytes(&self) -> u64 {
        self.segments.iter().map(|segment| segment.bytes).sum()
    }

    /// Appends messages, whose numbers grow. After an error those from [`Log::next`] on are not there, and may be appended
    /// again.
    pub fn append(&mut self, records: &[Record]) -> io::Result<()> {
        self.check_presence()?;
        let mut rest = records;
        let appended = self.append_some(&mut rest);
        if !appended.as_ref().is_err_and(is_full) || self.confirmed < self.next || self.segments.is_empty() {
            return appended;
        }
        // The open segment has nothing that is needed: without it there is room.
        self.open = None;
        self.append_some(&mut rest)
    }

    /// Takes away from `rest` what is appended.
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
                // What is there of it must not stand before what follows.
                let is_cut = open.file.cut(kept.bytes).is_ok();
                // It may be this file that has filled the disk, and only a closed one goes when all in it is done. One without messages
                // stays, since its name tells which numbers there were. Whether the others are kept, the next sync tells.
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

    /// A file can be written to when its name is gone, but nobody would find it again.
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
        // An attempt before may have left something.
        file.cut(0)?;
        if self.segments.back().is_some_and(|last| last.first == first) {
            // One in which nothing could be stored.
            self.segments.pop_back();
        }
        self.segments.push_back(Place { first, bytes: 0 });
        if self.confirmed >= first && self.segments.len() > 1 {
            // The disk may be full of what is done. The name of this one tells which numbers there were.
            self.files.sync_names()?;
            self.forget(1)?;
        }
        let head = segment::head(&self.topic);
        // The topic must not be lost before the messages are.
        if let Err(e) = file.append(&head).and_then(|()| file.sync()).and_then(|()| self.files.sync_names()) {
            // What is there of it is no damage.
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

    /// What was appended is kept, also after a loss of power. After an error nobody knows what of the open segment is: systems
    /// take what they could not write for written the next time. So the next message begins another one, and until then this
    /// fails again.
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

    /// True when nothing has been appended since the last [`Log::sync`].
    pub fn is_synced(&self) -> bool {
        self.open.as_ref().is_none_or(|open| open.is_synced)
    }

    /// See [`load`].
    #[cfg(any(test, feature = "fuzz"))]
    pub fn load(&self, number: u64, warnings: &mut Warnings) -> io::Result<Option<Loaded>> {
        let mut loaded = load(&*self.files, &self.places(), number, warnings)?;
        // As the feeder does.
        loaded.iter_mut().for_each(|loaded| loaded.contents.records.retain(|record| record.number < self.next));
        Ok(loaded)
    }

    /// The segments, for [`load`] without the log.
    pub fn places(&self) -> Vec<Place> {
        self.segments.iter().copied().collect()
    }

    /// Every message with a lower number is done. That is not noted yet, but what they take is room on a full disk.
    pub fn confirm(&mut self, number: u64) {
        self.confirmed = self.confirmed.max(number);
    }

    /// Every message with a lower number is done, and need not be kept.
    pub fn set_done(&mut self, number: u64) -> io::Result<()> {
        self.confirm(number);
        // A removal that has failed is tried again, and what is noted already is not noted again.
        let noted = if number > self.done() { self.journal.set_done(number) } else { Ok(()) };
        // A full disk gets room by what is done, not by waiting.
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

    /// Removes the segments of which all is done. The last one also tells which numbers there were, when the journal does not.
    fn forget_done(&mut self) -> io::Result<()> {
        self.forget(usize::from(self.open.is_some() || self.done() < self.confirmed))
    }

    /// Removes the segments with no other messages than those from the first number on and before the second. The last one tells
    /// which numbers there were, and stays.
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

    /// As [`Log::forget_done`], but leaves so many of the last ones.
    fn forget(&mut self, least: usize) -> io::Result<()> {
        while let Some(front) = self.segments.front() {
            let end = self.segments.get(1).map_or(self.next, |second| second.first);
            if end > self.confirmed || self.segments.len() <= least {
                break;
            }
            if self.segments.len() == 1 {
                // Else numbers could come again after a loss of power.
                self.journal.sync()?;
            }
            remove(&*self.files, &segment::name(front.first))?;
            self.segments.pop_front();
        }
        Ok(())
    }
}

/// The disk, or the user's share of it, has no room.
fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

/// The messages from this number to the end of their segment, or of the first that follows. `None`: there is none. Damage is
/// set aside, with a warning. The last segment may be appended to meanwhile: what `places` does not know of it is not read.
pub(super) fn load(
    files: &dyn Files,
    places: &[Place],
    number: u64,
    warnings: &mut Warnings,
) -> io::Result<Option<Loaded>> {
    let after = places.partition_point(|place| place.first <= number);
    // All before the first one is done.
    let Some(Place { first, bytes }) = places.get(after.saturating_sub(1)).copied() else { return Ok(None) };
    let name = segment::name(first);
    let bytes = Bytes::from(files.read_first(&name, bytes)?);
    // Not of a later release: the last one would be, too, and that was looked at.
    let mut contents = segment::parse(&bytes, first);
    for damage in &contents.damaged {
        set_aside(files, &name, damage.start, &bytes[damage.clone()], warnings);
    }
    let end = places.get(after.max(1)).map_or(u64::MAX, |place| place.first);
    // Numbers of the next segment do not come from this one, whatever it says.
    contents.records.retain(|record| (number..end).contains(&record.number));
    Ok(Some(Loaded { contents, end }))
}

/// Whether a file of this name has what was damaged.
#[cfg(feature = "cli")]
pub(super) fn is_set_aside(name: &str) -> bool {
    name.starts_with(SET_ASIDE)
}

/// Keeps what can't be read for whoever may want to look at it, once. False: the disk has refused it, which keeps nobody from
/// reading all else.
fn set_aside(files: &dyn Files, name: &str, at: usize, bytes: &[u8], warnings: &mut Warnings) -> bool {
    let aside = format!("{SET_ASIDE}{name}-{at}");
    let kept = files.list().and_then(|names| match names.contains(&aside) {
        true => Ok(false),
        false => {
            let written = files.append(&aside).and_then(|mut file| {
                file.append(bytes)?;
                file.sync()
            });
            // A part of it would be taken for all of it.
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

/// Makes the last segment of an earlier process a closed one: what was not synced is now, and what an unfinished write has left
/// at the end goes. That may also be damage, and is not thrown away. Bytes of the segment that are left.
fn close(files: &dyn Files, name: &str, bytes: &[u8], end: usize, warnings: &mut Warnings) -> io::Result<usize> {
    let rest = &bytes[end..];
    let is_kept = match rest.iter().all(|byte| *byte == 0) {
        true if rest.is_empty() => true,
        true => {
            // There is nothing in it to look at.
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
