//! Reads the files that a configuration names, with bounds.

use std::fs::{self, File, Metadata};
use std::io::{Error, ErrorKind, Result};
use std::path::Path;

use zeroize::Zeroizing;

use crate::wiped;

/// The size limit, far above any key, login or bundle of certificates.
pub(crate) const MAX_BYTES: u64 = 16 << 20;

/// The content of a file and the metadata of that very file, because its name may lead to another one by now.
pub(crate) type Opened = (Zeroizing<Vec<u8>>, Metadata);

/// Reads a regular file: reading from a pipe or a device might never end. The content may be secret, so it is wiped.
pub(crate) fn read(path: &Path, max_bytes: u64) -> Result<Zeroizing<Vec<u8>>> {
    open(path, max_bytes).map(|(bytes, _)| bytes)
}

/// Does the same for a file whose owner and mode matter.
pub(crate) fn open(path: &Path, max_bytes: u64) -> Result<Opened> {
    read_at_most(path, max_bytes, regular(path)?.len())
}

/// Checks that it is a regular file, and returns its metadata.
pub(crate) fn regular(path: &Path) -> Result<Metadata> {
    let hint = |e: Error| match path.components().any(|part| part.as_os_str() == "~") {
        true => Error::new(e.kind(), format!("{e} ('~' is not taken for the home folder)")),
        false => e,
    };
    let metadata = fs::metadata(path).map_err(hint)?;
    let other = match metadata.is_dir() {
        true => "it is not a regular file, but a folder",
        false => "it is not a regular file",
    };
    if metadata.is_file() { Ok(metadata) } else { Err(Error::new(ErrorKind::InvalidInput, other)) }
}

/// Reads anything readable, and waits until it ends.
pub(crate) fn open_pipe(path: &Path, max_bytes: u64) -> Result<Opened> {
    read_at_most(path, max_bytes, 0)
}

fn read_at_most(path: &Path, max_bytes: u64, expected: u64) -> Result<Opened> {
    let file = File::open(path)?;
    let metadata = file.metadata()?;
    let bytes = wiped::read(file, expected, max_bytes).map_err(|e| match e.kind() {
        ErrorKind::FileTooLarge => Error::new(e.kind(), format!("it is {e}")),
        _ => e,
    })?;
    Ok((bytes, metadata))
}
