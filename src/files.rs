//! Reading the files that a configuration names, with bounds.

use std::fs::{self, File};
use std::io::{Error, ErrorKind, Read, Result};
use std::path::Path;

use zeroize::Zeroizing;

/// No key, no login and no bundle of certificates comes near this.
pub(crate) const MAX_BYTES: u64 = 16 << 20;

/// Only regular files: reading from a pipe or from a device might never end. What is read may be secret.
pub(crate) fn read(path: &Path, max_bytes: u64) -> Result<Zeroizing<Vec<u8>>> {
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
pub(crate) fn read_pipe(path: &Path, max_bytes: u64) -> Result<Zeroizing<Vec<u8>>> {
    read_at_most(path, max_bytes, 0)
}

fn read_at_most(path: &Path, max_bytes: u64, room: usize) -> Result<Zeroizing<Vec<u8>>> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(room));
    File::open(path)?.take(max_bytes + 1).read_to_end(&mut bytes)?;
    match bytes.len() as u64 > max_bytes {
        true => Err(Error::new(ErrorKind::FileTooLarge, format!("it is larger than {max_bytes} bytes"))),
        false => Ok(bytes),
    }
}
