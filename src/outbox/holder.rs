//! A directory is used by one process at a time, and there by one writer: the one that has locked the file `lock`. The lock
//! ends with its process, however that ends; the file stays. It names its owner by the process id and a random number of the
//! process, because in containers many processes have the same id.

use std::fs::{File, OpenOptions};
use std::hash::{BuildHasher, RandomState};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use super::files::{self, is_at};
use crate::error::{Error, IoKind, Result};

pub(super) const NAME: &str = "lock";
#[cfg(windows)]
const ERROR_SHARING_VIOLATION: i32 = 32;

/// The lock on a directory, which is held until this is dropped.
pub(super) struct Holder {
    file: File,
    path: PathBuf,
    /// The reason why the file does not name its owner, which does no harm.
    pub warning: Option<String>,
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
        match open_unless_had(&file) {
            Ok(Some(locked)) => Ok(Holder::of(locked, file)),
            Ok(None) => {
                let (directory, owner) = (directory.display(), named(&file));
                let message = format!(
                    "the outbox '{directory}' is in use by {owner}; each writer needs an 'outbox.directory' of its own"
                );
                Err(Error::io(IoKind::Other, message))
            }
            Err(e) => Err(failed(e)),
        }
    }

    fn of(mut file: File, path: PathBuf) -> Holder {
        let id = format!("{} {:016x}\n", std::process::id(), own_number());
        let written =
            file.set_len(0).and_then(|()| file.seek(SeekFrom::Start(0))).and_then(|_| file.write_all(id.as_bytes()));
        let warning = written.err().map(|e| format!("'{NAME}' can't say which process has the directory: {e}"));
        Holder { file, path, warning }
    }

    /// Makes sure that no other writer can take the directory. A clean-up may have removed the file, or the whole directory:
    /// then the file is made and locked again. If another writer has done so meanwhile, this is an error, because that writer
    /// may have changed everything.
    pub fn keep(&mut self) -> io::Result<()> {
        if is_at(&self.file, &self.path)? {
            return Ok(());
        }
        let failed = |e: io::Error| io::Error::new(e.kind(), format!("'{NAME}' is gone, and can't be made again: {e}"));
        match open_locked(OpenOptions::new().create_new(true), &self.path) {
            Ok(Some(file)) => {
                *self = Holder::of(file, std::mem::take(&mut self.path));
                Ok(())
            }
            Err(e) if e.kind() != io::ErrorKind::AlreadyExists => Err(failed(e)),
            _ => Err(io::Error::other(format!(
                "'{NAME}' was removed, and the directory taken by {}; each writer needs an 'outbox.directory' of its own",
                named(&self.path)
            ))),
        }
    }
}

/// Returns a number that no other process has, not even in another container.
fn own_number() -> u64 {
    static NUMBER: OnceLock<u64> = OnceLock::new();
    // The keys of `RandomState` come from the operating system.
    *NUMBER.get_or_init(|| RandomState::new().hash_one(std::process::id()))
}

impl Drop for Holder {
    fn drop(&mut self) {
        // A child process that has just been forked inherits the file until it runs its program, and would keep the lock for as
        // long; so the lock is released explicitly.
        #[cfg(unix)]
        let _ = rustix::fs::flock(&self.file, rustix::fs::FlockOperation::Unlock);
        // On other systems files are not inherited, and closing this one is enough.
        #[cfg(not(unix))]
        let _ = &self.file;
    }
}

/// The owner of a directory, as far as the file tells.
#[cfg(feature = "cli")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Owner {
    /// The owner's process id. `None` in the moment between its taking the lock and its writing the id.
    pub process: Option<u32>,
}

/// Returns the present owner of a directory without taking the lock; `None` when there is none.
#[cfg(feature = "cli")]
pub(super) fn owner(directory: &Path) -> io::Result<Option<Owner>> {
    let file = directory.join(NAME);
    match is_had(&file) {
        Ok(true) => Ok(Some(Owner { process: said_by(&file).map(|(id, _)| id) })),
        Ok(false) => Ok(None),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(io::Error::new(e.kind(), format!("'{NAME}': {e}"))),
    }
}

/// Returns the process id and the random number that the file names.
fn said_by(file: &Path) -> Option<(u32, Option<u64>)> {
    let mut text = String::new();
    files::open(OpenOptions::new().read(true), file).and_then(|file| file.take(100).read_to_string(&mut text)).ok()?;
    let mut words = text.split_whitespace();
    let id = words.next()?.parse().ok()?;
    Some((id, words.next().and_then(|word| u64::from_str_radix(word, 16).ok())))
}

/// Names the owner of the lock, for people.
fn named(file: &Path) -> String {
    match said_by(file) {
        Some((id, _)) if id != std::process::id() => format!("process {id}"),
        Some((id, number)) if number == Some(own_number()) => format!("another writer of this process ({id})"),
        Some((id, _)) => format!("process {id} of another container or machine"),
        None => "another process".to_owned(),
    }
}

/// The time after which a reader of the lock has surely let go of it, even with many readers on a busy machine.
const LOOKED_AT: Duration = Duration::from_secs(2);

/// Locks the file; `None` means that another writer has it. A process that only inspects the directory lets go of the file at
/// once, so this waits for it.
fn open_unless_had(file: &Path) -> io::Result<Option<File>> {
    let began = Instant::now();
    loop {
        if let Some(locked) = open_locked(OpenOptions::new().create(true).truncate(false), file)? {
            return Ok(Some(locked));
        }
        if is_had(file)? || began.elapsed() > LOOKED_AT {
            return Ok(None);
        }
        std::thread::yield_now();
    }
}

/// Returns whether a writer has the file. Processes that only inspect share the lock, so that they do not take each other for a
/// writer.
#[cfg(unix)]
fn is_had(path: &Path) -> io::Result<bool> {
    use rustix::fs::{FlockOperation, flock};
    let file = File::open(path)?;
    match flock(&file, FlockOperation::NonBlockingLockShared) {
        // Closing the file would also unlock it, but not if a child of this process has just inherited it.
        Ok(()) => flock(&file, FlockOperation::Unlock).map(|()| false).map_err(io::Error::from),
        Err(rustix::io::Errno::WOULDBLOCK) => Ok(true),
        Err(e) => Err(e.into()),
    }
}

/// Returns whether a writer has the file: Windows then refuses to open it for writing.
#[cfg(windows)]
fn is_had(path: &Path) -> io::Result<bool> {
    match OpenOptions::new().read(true).write(true).open(path) {
        Ok(_) => Ok(false),
        Err(e) if e.raw_os_error() == Some(ERROR_SHARING_VIOLATION) => Ok(true),
        Err(e) => Err(e),
    }
}

/// Opens and locks the file; `None` when another process has it. `options` say whether the file may exist already.
#[cfg(unix)]
fn open_locked(options: &mut OpenOptions, path: &Path) -> io::Result<Option<File>> {
    use rustix::fs::{FlockOperation, flock};
    let file = files::open(options.read(true).write(true), path)?;
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(Some(file)),
        Err(rustix::io::Errno::WOULDBLOCK) => Ok(None),
        Err(e) => Err(e.into()),
    }
}

/// Opens and thereby locks the file: while it is open, Windows lets others open it for reading only, which is enough to read
/// the owner's process id.
#[cfg(windows)]
fn open_locked(options: &mut OpenOptions, path: &Path) -> io::Result<Option<File>> {
    use std::os::windows::fs::OpenOptionsExt;
    const FILE_SHARE_READ: u32 = 1;
    match files::open(options.read(true).write(true).share_mode(FILE_SHARE_READ), path) {
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
        // A child process has such a copy between its fork and the start of its program.
        let inherited = holder.file.try_clone().unwrap();
        drop(holder);
        drop(Holder::take(folder.path()).unwrap());
        drop(inherited);
    }

    /// Inspection that repeats and overlaps never gets in a writer's way.
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

    #[test]
    fn a_lock_that_was_removed_is_made_again_unless_somebody_else_has_done_so() {
        let folder = tempfile::tempdir().unwrap();
        let remove = || std::fs::remove_file(folder.path().join(NAME)).unwrap();
        let mut first = Holder::take(folder.path()).unwrap();
        first.keep().unwrap();
        remove();
        first.keep().unwrap();
        assert!(Holder::take(folder.path()).is_err());
        remove();
        let second = Holder::take(folder.path()).unwrap();
        let error = first.keep().unwrap_err().to_string();
        assert!(error.contains("taken by another writer of this process"), "{error}");
        // The other writer may have changed everything, even if it is gone now.
        drop(second);
        assert!(first.keep().is_err());
    }

    #[test]
    fn a_lock_that_can_not_say_whose_it_is_is_a_lock_all_the_same() {
        let folder = tempfile::tempdir().unwrap();
        drop(Holder::take(folder.path()).unwrap());
        let path = folder.path().join(NAME);
        // Nothing can be written to this file, as on a full disk.
        let holder = Holder::of(File::open(&path).unwrap(), path);
        assert!(holder.warning.as_ref().is_some_and(|text| text.contains("which process")));
    }

    /// In containers many processes have the id 1.
    #[test]
    fn a_process_elsewhere_that_has_the_same_id_is_not_taken_for_this_one() {
        let folder = tempfile::tempdir().unwrap();
        let _holder = Holder::take(folder.path()).unwrap();
        let id = std::process::id();
        std::fs::write(folder.path().join(NAME), format!("{id} 0123456789abcdef\n")).unwrap();
        let error = Holder::take(folder.path()).err().unwrap().to_string();
        assert!(error.contains(&format!("process {id} of another container or machine")), "{error}");
    }
}
