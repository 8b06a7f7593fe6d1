//! One process at a time uses a directory, and in it one writer: whoever has locked the file `lock`. The lock ends with its
//! process, however that ends; the file stays.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use crate::error::{Error, IoKind, Result};

pub(super) const NAME: &str = "lock";
#[cfg(windows)]
const ERROR_SHARING_VIOLATION: i32 = 32;

/// Has the directory as long as it lives.
pub(super) struct Holder {
    file: File,
}

impl Holder {
    pub fn take(directory: &Path) -> Result<Holder> {
        let file = directory.join(NAME);
        let failed = |e: io::Error| {
            Error::io(
                IoKind::Other,
                format!("the outbox '{}' can't be opened: '{NAME}' can't be locked: {e}", directory.display()),
            )
        };
        let mut file = match open_unless_had(&file) {
            Ok(Some(locked)) => locked,
            Ok(None) => return Err(in_use(directory, &file)),
            Err(e) => return Err(failed(e)),
        };
        let id = format!("{}\n", std::process::id());
        let written =
            file.set_len(0).and_then(|()| file.seek(SeekFrom::Start(0))).and_then(|_| file.write_all(id.as_bytes()));
        written.map_err(failed)?;
        Ok(Holder { file })
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        // A program that the process has just begun to start has the file, too, until that program runs; the lock would last as
        // long as that.
        #[cfg(unix)]
        let _ = rustix::fs::flock(&self.file, rustix::fs::FlockOperation::Unlock);
        // Elsewhere files are not passed on, and closing this one is enough.
        #[cfg(not(unix))]
        let _ = &self.file;
    }
}

/// Whoever has a directory, as far as the file tells.
#[cfg(feature = "cli")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Owner {
    /// The number of the process. It has none to read in the moment between its lock and its writing the number.
    pub process: Option<u32>,
}

/// Who has a directory now, which is only looked at: `None` means that nobody does.
#[cfg(feature = "cli")]
pub(super) fn owner(directory: &Path) -> io::Result<Option<Owner>> {
    let file = directory.join(NAME);
    match is_had(&file) {
        Ok(true) => Ok(Some(Owner { process: process_in(&file) })),
        Ok(false) => Ok(None),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(io::Error::new(e.kind(), format!("'{NAME}': {e}"))),
    }
}

fn process_in(file: &Path) -> Option<u32> {
    let mut text = String::new();
    File::open(file).and_then(|file| file.take(20).read_to_string(&mut text)).ok()?;
    text.trim().parse().ok()
}

/// The error names the process whose number is in the file.
fn in_use(directory: &Path, file: &Path) -> Error {
    let owner = match process_in(file) {
        Some(id) if id == std::process::id() => format!("another writer of this process ({id})"),
        Some(id) => format!("process {id}"),
        None => "another process".to_owned(),
    };
    let directory = directory.display();
    Error::io(
        IoKind::Other,
        format!("the outbox '{directory}' is in use by {owner}; each writer needs an 'outbox.directory' of its own"),
    )
}

/// Whoever only looks has the file for less than this in all, even where many do on a busy machine.
const LOOKED_AT: Duration = Duration::from_secs(2);

/// `None` means that another writer has it. One that only looks at the directory lets go of the file at once, and is waited for.
fn open_unless_had(file: &Path) -> io::Result<Option<File>> {
    let began = Instant::now();
    loop {
        if let Some(locked) = open_locked(file)? {
            return Ok(Some(locked));
        }
        if is_had(file)? || began.elapsed() > LOOKED_AT {
            return Ok(None);
        }
        std::thread::yield_now();
    }
}

/// Whether a writer has it. Those who only look share the lock, so that they do not take each other for a writer.
#[cfg(unix)]
fn is_had(path: &Path) -> io::Result<bool> {
    use rustix::fs::{FlockOperation, flock};
    let file = File::open(path)?;
    match flock(&file, FlockOperation::NonBlockingLockShared) {
        // Closing the file would do, too, but not where a child of this process has just inherited it.
        Ok(()) => flock(&file, FlockOperation::Unlock).map(|()| false).map_err(io::Error::from),
        Err(rustix::io::Errno::WOULDBLOCK) => Ok(true),
        Err(e) => Err(e.into()),
    }
}

/// Windows tells by refusing to open it to write, which a writer allows nobody.
#[cfg(windows)]
fn is_had(path: &Path) -> io::Result<bool> {
    match OpenOptions::new().read(true).write(true).open(path) {
        Ok(_) => Ok(false),
        Err(e) if e.raw_os_error() == Some(ERROR_SHARING_VIOLATION) => Ok(true),
        Err(e) => Err(e),
    }
}

/// `None`: somebody else has it.
#[cfg(unix)]
fn open_locked(path: &Path) -> io::Result<Option<File>> {
    use rustix::fs::{FlockOperation, flock};
    use std::os::unix::fs::OpenOptionsExt;
    let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)?;
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(Some(file)),
        Err(rustix::io::Errno::WOULDBLOCK) => Ok(None),
        Err(e) => Err(e.into()),
    }
}

/// Windows locks by opening: nobody else can open the file to write as long as this one is open, but reading its number is
/// allowed.
#[cfg(windows)]
fn open_locked(path: &Path) -> io::Result<Option<File>> {
    use std::os::windows::fs::OpenOptionsExt;
    const FILE_SHARE_READ: u32 = 1;
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false).share_mode(FILE_SHARE_READ);
    match options.open(path) {
        Ok(file) => Ok(Some(file)),
        Err(e) if e.raw_os_error() == Some(ERROR_SHARING_VIOLATION) => Ok(None),
        Err(e) => Err(e),
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn the_directory_is_free_although_another_process_has_inherited_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let holder = Holder::take(folder.path()).unwrap();
        let error = Holder::take(folder.path()).err().unwrap().to_string();
        assert!(error.contains(&format!("another writer of this process ({})", std::process::id())), "{error}");
        // As a child has it between its beginning and its program's.
        let inherited = holder.file.try_clone().unwrap();
        drop(holder);
        drop(Holder::take(folder.path()).unwrap());
        drop(inherited);
    }

    /// Whoever looks, again and again and at the same time as others, is never in the way of a writer.
    #[test]
    #[cfg(feature = "cli")]
    fn looking_is_in_nobodys_way() {
        use std::sync::atomic::{AtomicBool, Ordering};
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(owner(folder.path()).unwrap(), None);
        drop(Holder::take(folder.path()).unwrap());
        let is_over = AtomicBool::new(false);
        std::thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    while !is_over.load(Ordering::Relaxed) {
                        let process = owner(folder.path()).unwrap().and_then(|owner| owner.process);
                        assert!(process.is_none_or(|process| process == std::process::id()));
                    }
                });
            }
            for _ in 0..2000 {
                let holder = Holder::take(folder.path());
                if holder.is_err() {
                    is_over.store(true, Ordering::Relaxed);
                }
                let holder = holder.unwrap();
                assert!(owner(folder.path()).unwrap().is_some());
                drop(holder);
            }
            is_over.store(true, Ordering::Relaxed);
        });
    }
}
