//! Looks at an outbox's directory from outside. Only [`discard`] changes anything. A writer may own the directory meanwhile, so
//! files come and go.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;

use super::files::{Files, SystemFiles};
use super::holder::{self, Holder, Owner};
use super::journal::{self, Journal};
use super::log::{self, Log};
use super::record::Record;
use super::{refused, segment};
use crate::error::{Error, IoKind};
use crate::mqtt::Heading;

/// The number of times that the files are listed again because one was gone when it was to be read.
const TRIES: usize = 100;

/// A look at one directory.
pub(crate) struct Inspection {
    directory: PathBuf,
    files: SystemFiles,
    names: Vec<String>,
    /// The writer that owns the directory, if there is one.
    pub owner: Option<Owner>,
}

/// A file with data that was set aside.
pub(crate) struct SetAside {
    pub name: String,
    pub bytes: u64,
}

/// A message that waits, or that was refused.
pub(crate) struct Waiting<'a> {
    pub number: u64,
    /// The time of acceptance, in microseconds since 1970.
    pub time_us: i64,
    /// The topic; `None` if its bytes are damaged: then the message goes to the topic of the writer that sends it.
    pub topic: Option<&'a str>,
    /// The heading, if the message was written with options.
    pub heading: Option<&'a Heading>,
    /// The bytes on the wire.
    pub payload: &'a [u8],
    /// The bytes that count towards `max_bytes`.
    pub bytes: u64,
}

impl Inspection {
    pub fn begin(directory: &Path) -> Result<Inspection, Error> {
        let shown = directory.display();
        Inspection::if_any(directory)?.ok_or_else(|| {
            other(format!(
                "'{shown}' is no outbox: it has no file of one (such as '{}', or '{}')",
                holder::NAME,
                segment::name(0)
            ))
        })
    }

    /// Returns `None` if the directory has no file of an outbox, as before its first writer.
    pub fn if_any(directory: &Path) -> Result<Option<Inspection>, Error> {
        let shown = directory.display();
        let files = SystemFiles::at(directory);
        let names = files.list().map_err(|e| match e.kind() {
            io::ErrorKind::NotFound => other(format!("there is no directory '{shown}'")),
            io::ErrorKind::NotADirectory => other(format!("'{shown}' is no outbox: it is not a directory")),
            _ => unreadable(directory, &e),
        })?;
        let mut names: Vec<String> = names.into_iter().filter(|name| is_ours(name)).collect();
        if names.is_empty() {
            return Ok(None);
        }
        names.sort_unstable();
        let owner = holder::owner(directory).map_err(|e| unreadable(directory, &e))?;
        Ok(Some(Inspection { directory: directory.to_owned(), files, names, owner }))
    }

    /// Calls `each` with the waiting messages in the order of their numbers, until it returns `false`. Returns what is damaged,
    /// for people. One file is in memory at a time.
    pub fn messages<E: From<Error>>(
        &self,
        mut each: impl FnMut(Waiting<'_>) -> Result<bool, E>,
    ) -> Result<Vec<String>, E> {
        let done = self.done().map_err(|e| unreadable(&self.directory, &e))?;
        let segments: Vec<(u64, &String)> =
            self.names.iter().filter_map(|name| Some((segment::first(name)?, name))).collect();
        let mut damages = Vec::new();
        for (at, (first, name)) in segments.iter().enumerate() {
            // The writer has removed the file meanwhile, so all its messages are done.
            let Some((bytes, contents)) = self.read(name, *first)? else { continue };
            for damage in &contents.damaged {
                // Damage at the end of the last segment is not reported: a writer may be about to append there, and a loss of
                // power leaves zeros.
                let is_end = at + 1 == segments.len() && damage.end == bytes.len();
                if is_end && (self.owner.is_some() || bytes[damage.clone()].iter().all(|byte| *byte == 0)) {
                    continue;
                }
                damages.push(format!("{} bytes of {name} are damaged", damage.len()));
            }
            for record in contents.records.iter().filter(|record| record.number >= done) {
                if !each(waiting(record, contents.topic.as_deref()))? {
                    return Ok(damages);
                }
            }
        }
        Ok(damages)
    }

    /// Calls `each` with the messages that a broker has refused, as [`Inspection::messages`] does.
    pub fn refused<E: From<Error>>(&self, mut each: impl FnMut(Waiting<'_>) -> Result<bool, E>) -> Result<(), E> {
        for name in self.names.iter().filter(|name| refused::is_name(name)) {
            let Some((_, contents)) = self.read(name, 0)? else { continue };
            for record in &contents.records {
                if !each(waiting(record, contents.topic.as_deref()))? {
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    /// Returns the files with damaged bytes.
    pub fn damaged_files(&self) -> Result<Vec<SetAside>, Error> {
        self.set_aside(log::is_set_aside)
    }

    /// Returns the files with refused messages.
    pub fn refused_files(&self) -> Result<Vec<SetAside>, Error> {
        self.set_aside(refused::is_name)
    }

    fn set_aside(&self, is_wanted: fn(&str) -> bool) -> Result<Vec<SetAside>, Error> {
        let wanted = self.names.iter().filter(|name| is_wanted(name));
        let with_length = wanted.map(|name| Ok(SetAside { name: name.clone(), bytes: self.files.length(name)? }));
        with_length.collect::<io::Result<_>>().map_err(|e| unreadable(&self.directory, &e))
    }

    /// Returns the number below which every message is done.
    fn done(&self) -> io::Result<u64> {
        let mut tries = 0;
        loop {
            match Journal::read(&self.files) {
                // The writer is changing from one journal file to the other.
                Err(e) if e.kind() == io::ErrorKind::NotFound && tries < TRIES => tries += 1,
                known => return Ok(known?.noted.done.unwrap_or_default()),
            }
        }
    }

    fn read(&self, name: &str, first: u64) -> Result<Option<(Bytes, segment::Contents)>, Error> {
        let bytes = match self.files.read(name) {
            Ok(bytes) => Bytes::from(bytes),
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(unreadable(&self.directory, &io::Error::new(e.kind(), format!("{name}: {e}")))),
        };
        if let Some(version) = segment::later_version(&bytes) {
            return Err(unreadable(&self.directory, &log::later_version(name, version)));
        }
        let contents = segment::parse(&bytes, first);
        Ok(Some((bytes, contents)))
    }
}

/// Removes every message that waits, and the files that were set aside if `with_set_aside` is true. Numbering goes on as if all
/// messages had been sent.
pub(crate) fn discard(directory: &Path, with_set_aside: bool) -> Result<(), Error> {
    let inspection = Inspection::begin(directory)?;
    // The first call fails for a segment of a later release, and the second while a process has the directory; neither is
    // touched.
    inspection.messages(|_| Ok::<_, Error>(true))?;
    let _holder = Holder::take(directory)?;
    let failed =
        |e: io::Error| Error::io(IoKind::Other, format!("the outbox '{}' can't be emptied: {e}", directory.display()));
    empty(directory, with_set_aside).map_err(failed)
}

fn empty(directory: &Path, with_set_aside: bool) -> io::Result<()> {
    let files: Arc<dyn Files> = Arc::new(SystemFiles::at(directory));
    let mut segments: Vec<String> = files.list()?.into_iter().filter(|name| segment::first(name).is_some()).collect();
    segments.sort_unstable();
    // The segments go first, because the steps below need room that a full disk does not have. The last segment stays until
    // then, because it preserves the numbering.
    segments.pop();
    segments.iter().try_for_each(|name| files.remove(name))?;
    let (mut log, _) = Log::open(files.clone(), "", log::SEGMENT)?;
    log.set_done(log.next())?;
    if with_set_aside {
        let aside = files.list()?.into_iter().filter(|name| log::is_set_aside(name) || refused::is_name(name));
        aside.collect::<Vec<_>>().iter().try_for_each(|name| files.remove(name))?;
    }
    files.sync_names()
}

fn waiting<'a>(record: &'a Record, topic: Option<&'a str>) -> Waiting<'a> {
    let Record { number, time_us, heading, payload } = record;
    let heading = heading.as_deref();
    let topic = heading.map(|own| &*own.topic).or(topic);
    Waiting { number: *number, time_us: *time_us, topic, heading, payload, bytes: record.size() as u64 }
}

fn is_ours(name: &str) -> bool {
    name == holder::NAME
        || journal::NAMES.contains(&name)
        || segment::first(name).is_some()
        || log::is_set_aside(name)
        || refused::is_name(name)
}

fn unreadable(directory: &Path, error: &io::Error) -> Error {
    other(format!("the outbox '{}' can't be read: {error}", directory.display()))
}

fn other(message: String) -> Error {
    Error::io(IoKind::Other, message)
}
