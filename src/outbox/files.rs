//! The files of an outbox: the operations that the log needs of a file system, and their implementation on the operating
//! system's.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// A folder of files that are only appended to.
pub(crate) trait Files: Send + Sync {
    fn list(&self) -> io::Result<Vec<String>>;
    /// Opens a file to append to; makes it if it is missing.
    fn append(&self, name: &str) -> io::Result<Box<dyn Append>>;
    /// Returns the whole content of a file.
    fn read(&self, name: &str) -> io::Result<Vec<u8>>;
    /// Returns the first bytes of a file, at most this many.
    fn read_first(&self, name: &str, bytes: u64) -> io::Result<Vec<u8>> {
        let mut read = self.read(name)?;
        read.truncate(usize::try_from(bytes).unwrap_or(usize::MAX));
        Ok(read)
    }
    /// Returns the length of a file in bytes.
    fn length(&self, name: &str) -> io::Result<u64> {
        Ok(self.read(name)?.len() as u64)
    }
    fn remove(&self, name: &str) -> io::Result<()>;
    /// Makes the creation and removal of names survive a loss of power.
    fn sync_names(&self) -> io::Result<()>;
}

/// Removes a file. A missing file is no error.
pub(super) fn remove(files: &dyn Files, name: &str) -> io::Result<()> {
    match files.remove(name) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

pub(crate) trait Append: Send {
    /// Appends all the bytes or fails; after a failure a part of them may be there.
    fn append(&mut self, bytes: &[u8]) -> io::Result<()>;
    /// Makes what was appended survive a loss of power.
    fn sync(&mut self) -> io::Result<()>;
    /// Cuts the file off at this length.
    fn cut(&mut self, length: u64) -> io::Result<()>;
    /// Returns false when the name is gone or leads to another file: nobody would find again what is appended.
    fn is_there(&self) -> io::Result<bool>;
}

/// A file that has a name.
struct Named {
    path: PathBuf,
    file: File,
}

/// Opens a file of the directory. A new file is readable by its owner only. A symbolic link is an error, because through it the
/// outbox would overwrite a foreign file.
pub(super) fn open(options: &mut OpenOptions, path: &Path) -> io::Result<File> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600).custom_flags(rustix::fs::OFlags::NOFOLLOW.bits() as i32);
    }
    options.open(path).map_err(|e| match fs::symlink_metadata(path).is_ok_and(|there| there.is_symlink()) {
        true => {
            let name = path.file_name().unwrap_or_default().display();
            io::Error::other(format!("'{name}' is a symbolic link, which is not followed; expected a file"))
        }
        false => e,
    })
}

/// Returns whether this path leads to this file, and not to one that has replaced it.
#[cfg(unix)]
pub(super) fn is_at(file: &File, path: &Path) -> io::Result<bool> {
    use std::os::unix::fs::MetadataExt;
    let there = match fs::symlink_metadata(path) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(false),
        there => there?,
    };
    let known = file.metadata()?;
    Ok((there.dev(), there.ino()) == (known.dev(), known.ino()))
}

/// The standard library offers no means here to tell two files apart.
#[cfg(not(unix))]
pub(super) fn is_at(_: &File, path: &Path) -> io::Result<bool> {
    path.try_exists()
}

/// A folder of the operating system, whose files nobody else can read.
pub(crate) struct SystemFiles {
    directory: PathBuf,
}

impl SystemFiles {
    /// Makes the folder and its missing parents.
    pub fn new(directory: &Path) -> io::Result<SystemFiles> {
        make(directory, true, &mut sync_folder)?;
        Ok(SystemFiles::at(directory))
    }

    /// Uses a folder that exists already.
    pub fn at(directory: &Path) -> SystemFiles {
        SystemFiles { directory: directory.to_owned() }
    }
}

/// Makes a folder and its missing parents. `sync` is called for each folder that has got a new name, because a loss of power
/// would remove that name with everything below it. Only the last folder is the outbox's own and closed to others; its parents
/// have the usual rights.
fn make(folder: &Path, is_last: bool, sync: &mut dyn FnMut(&Path) -> io::Result<()>) -> io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    let above = match folder.parent() {
        Some(above) if above != Path::new("") => above,
        _ => Path::new("."),
    };
    make(above, false, sync)?;
    #[cfg_attr(not(unix), expect(unused_mut))]
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    if is_last {
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    }
    #[cfg(not(unix))]
    let _ = is_last;
    match builder.create(folder) {
        // Another process may have made it in the meantime.
        Err(_) if folder.is_dir() => Ok(()),
        Err(e) => Err(e),
        Ok(()) => sync(above),
    }
}

/// Makes the names in a folder survive a loss of power.
fn sync_folder(folder: &Path) -> io::Result<()> {
    // Other systems keep names by themselves, and do not open folders as files.
    #[cfg(unix)]
    match File::open(folder) {
        // A folder in which this user may create names but which it may not read can't be synced.
        Err(e) if e.kind() == io::ErrorKind::PermissionDenied => {}
        opened => opened?.sync_all()?,
    }
    #[cfg(not(unix))]
    let _ = folder;
    Ok(())
}

impl Files for SystemFiles {
    fn list(&self) -> io::Result<Vec<String>> {
        let entries = fs::read_dir(&self.directory)?;
        // A name that is not valid text is none of the outbox's.
        entries.map(|entry| Ok(entry?.file_name().into_string().ok())).filter_map(io::Result::transpose).collect()
    }

    fn append(&self, name: &str) -> io::Result<Box<dyn Append>> {
        let path = self.directory.join(name);
        let mut file = open(OpenOptions::new().write(true).create(true).truncate(false), &path)?;
        file.seek(SeekFrom::End(0))?;
        Ok(Box::new(Named { path, file }))
    }

    fn read(&self, name: &str) -> io::Result<Vec<u8>> {
        self.read_first(name, u64::MAX)
    }

    fn read_first(&self, name: &str, bytes: u64) -> io::Result<Vec<u8>> {
        let file = open(OpenOptions::new().read(true), &self.directory.join(name))?;
        let length = file.metadata()?.len().min(bytes);
        let mut read = Vec::with_capacity(usize::try_from(length).unwrap_or_default());
        file.take(bytes).read_to_end(&mut read)?;
        Ok(read)
    }

    fn length(&self, name: &str) -> io::Result<u64> {
        Ok(fs::symlink_metadata(self.directory.join(name))?.len())
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        fs::remove_file(self.directory.join(name))
    }

    fn sync_names(&self) -> io::Result<()> {
        sync_folder(&self.directory)
    }
}

impl Append for Named {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.file.sync_data()
    }

    fn cut(&mut self, length: u64) -> io::Result<()> {
        self.file.set_len(length)?;
        self.file.seek(SeekFrom::Start(length)).map(drop)
    }

    fn is_there(&self) -> io::Result<bool> {
        is_at(&self.file, &self.path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the folders that are synced when this one is made.
    fn synced(folder: &Path) -> Vec<PathBuf> {
        let mut synced = Vec::new();
        make(folder, true, &mut |folder| {
            synced.push(folder.to_owned());
            Ok(())
        })
        .unwrap();
        synced
    }

    #[test]
    fn each_folder_that_gets_a_new_name_is_synced() {
        let above = tempfile::tempdir().unwrap();
        let path = |name: &str| above.path().join(name);
        assert_eq!(synced(&path("a/b/c")), [above.path().to_owned(), path("a"), path("a/b")]);
        assert_eq!(synced(&path("a/b/c")), [] as [PathBuf; 0]);
        assert_eq!(synced(&path("a/b/d")), [path("a/b")]);
    }

    #[test]
    #[cfg(unix)]
    fn only_the_last_folder_has_rights_of_its_own() {
        use std::os::unix::fs::PermissionsExt;
        let above = tempfile::tempdir().unwrap();
        let mode = |name: &str| fs::metadata(above.path().join(name)).unwrap().permissions().mode() & 0o777;
        drop(SystemFiles::new(&above.path().join("a/b")).unwrap());
        fs::create_dir(above.path().join("usual")).unwrap();
        assert_eq!((mode("a"), mode("a/b")), (mode("usual"), 0o700));
    }
}
