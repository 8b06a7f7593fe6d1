//! Reading the files that a configuration names, with bounds.

use std::fs::{self, File, Metadata};
use std::io::{Error, ErrorKind, Read, Result};
use std::path::Path;

use zeroize::Zeroizing;

/// No key, no login and no bundle of certificates comes near this.
pub(crate) const MAX_BYTES: u64 = 16 << 20;

/// What was read, and what there is to know of the file that it was read from: another one may have its name by now.
pub(crate) type Opened = (Zeroizing<Vec<u8>>, Metadata);

/// Only regular files: reading from a pipe or from a device might never end. What is read may be secret.
pub(crate) fn read(path: &Path, max_bytes: u64) -> Result<Zeroizing<Vec<u8>>> {
    open(path, max_bytes).map(|(bytes, _)| bytes)
}

/// The same for a file whose owner and mode matter.
pub(crate) fn open(path: &Path, max_bytes: u64) -> Result<Opened> {
    let hint = |e: Error| match path.components().any(|part| part.as_os_str() == "~") {
        true => Error::new(e.kind(), format!("{e} ('~' is not taken for the home folder)")),
        false => e,
    };
    let metadata = fs::metadata(path).map_err(hint)?;
    if !metadata.is_file() {
        return Err(Error::new(ErrorKind::InvalidInput, "it is not a regular file"));
    }
    // Room for one byte more than there is, so that the copies that a growing buffer leaves behind are none of a secret.
    let size = metadata.len().min(max_bytes) + 1;
    read_at_most(path, max_bytes, size as usize)
}

/// Whatever can be read, and waits until that has an end.
pub(crate) fn open_pipe(path: &Path, max_bytes: u64) -> Result<Opened> {
    read_at_most(path, max_bytes, 0)
}

fn read_at_most(path: &Path, max_bytes: u64, room: usize) -> Result<Opened> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(room));
    let file = File::open(path)?;
    let metadata = file.metadata()?;
    file.take(max_bytes + 1).read_to_end(&mut bytes)?;
    match bytes.len() as u64 > max_bytes {
        true => Err(Error::new(ErrorKind::FileTooLarge, format!("it is larger than {max_bytes} bytes"))),
        false => Ok((bytes, metadata)),
    }
}
