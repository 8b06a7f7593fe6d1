//! Reading the files that a configuration names, with bounds.

use std::fs::{self, File};
use std::io::{Error, ErrorKind, Result};
use std::path::Path;

use zeroize::Zeroizing;

use crate::wiped;

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
    read_at_most(path, max_bytes, metadata.len())
}

/// Whatever can be read, and waits until that has an end.
pub(crate) fn read_pipe(path: &Path, max_bytes: u64) -> Result<Zeroizing<Vec<u8>>> {
    read_at_most(path, max_bytes, 0)
}

fn read_at_most(path: &Path, max_bytes: u64, expected: u64) -> Result<Zeroizing<Vec<u8>>> {
    wiped::read(File::open(path)?, expected, max_bytes).map_err(|e| match e.kind() {
        ErrorKind::FileTooLarge => Error::new(e.kind(), format!("it is {e}")),
        _ => e,
    })
}
