//! One process at a time uses a directory, and in it one writer: whoever has locked the file `lock`. The lock ends with its
//! process, however that ends; the file stays.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;

use crate::error::{Error, IoKind, Result};

const NAME: &str = "lock";

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
        let mut file = match open_locked(&file) {
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

/// The error names the process whose number is in the file.
fn in_use(directory: &Path, file: &Path) -> Error {
    let mut text = String::new();
    let read = File::open(file).and_then(|file| file.take(20).read_to_string(&mut text));
    let owner = match read.ok().and_then(|_| text.trim().parse::<u32>().ok()) {
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
    const ERROR_SHARING_VIOLATION: i32 = 32;
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
}
