//! The files of an outbox: what the log needs of a file system, and the system's own.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// A folder of files that are only appended to.
pub(crate) trait Files: Send + Sync {
    fn list(&self) -> io::Result<Vec<String>>;
    /// A file to append to, new if it is not there.
    fn append(&self, name: &str) -> io::Result<Box<dyn Append>>;
    /// All that is in a file.
    fn read(&self, name: &str) -> io::Result<Vec<u8>>;
    /// The first bytes of a file, at most so many.
    fn read_first(&self, name: &str, bytes: u64) -> io::Result<Vec<u8>>;
    /// Bytes of a file.
    fn length(&self, name: &str) -> io::Result<u64>;
    fn remove(&self, name: &str) -> io::Result<()>;
    /// The names that were made and removed are kept, also after a loss of power.
    fn sync_names(&self) -> io::Result<()>;
}

pub(crate) trait Append: Send {
    /// Appends all of it, or fails, and then a part of it may be there.
    fn append(&mut self, bytes: &[u8]) -> io::Result<()>;
    /// What was appended is kept, also after a loss of power.
    fn sync(&mut self) -> io::Result<()>;
    /// Forgets what is behind this length.
    fn cut(&mut self, length: u64) -> io::Result<()>;
}

/// A folder of the system's, with files that nobody else can read.
pub(crate) struct SystemFiles {
    directory: PathBuf,
}

impl SystemFiles {
    /// Makes the folder, and those above it, where they are missing.
    pub fn new(directory: &Path) -> io::Result<SystemFiles> {
        let mut builder = fs::DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(directory)?;
        Ok(SystemFiles::at(directory))
    }

    /// A folder that is there already.
    pub fn at(directory: &Path) -> SystemFiles {
        SystemFiles { directory: directory.to_owned() }
    }
}

impl Files for SystemFiles {
    fn list(&self) -> io::Result<Vec<String>> {
        let entries = fs::read_dir(&self.directory)?;
        // A name that is no text is none of ours.
        entries.map(|entry| Ok(entry?.file_name().into_string().ok())).filter_map(io::Result::transpose).collect()
    }

    fn append(&self, name: &str) -> io::Result<Box<dyn Append>> {
        let mut options = OpenOptions::new();
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.write(true).create(true).truncate(false).open(self.directory.join(name))?;
        file.seek(SeekFrom::End(0))?;
        Ok(Box::new(file))
    }

    fn read(&self, name: &str) -> io::Result<Vec<u8>> {
        fs::read(self.directory.join(name))
    }

    fn read_first(&self, name: &str, bytes: u64) -> io::Result<Vec<u8>> {
        let mut read = Vec::with_capacity(usize::try_from(bytes).unwrap_or_default());
        File::open(self.directory.join(name))?.take(bytes).read_to_end(&mut read)?;
        Ok(read)
    }

    fn length(&self, name: &str) -> io::Result<u64> {
        Ok(fs::metadata(self.directory.join(name))?.len())
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        fs::remove_file(self.directory.join(name))
    }

    fn sync_names(&self) -> io::Result<()> {
        // Other systems keep names by themselves, and do not open folders as files.
        #[cfg(unix)]
        File::open(&self.directory)?.sync_all()?;
        Ok(())
    }
}

impl Append for File {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.write_all(bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.sync_data()
    }

    fn cut(&mut self, length: u64) -> io::Result<()> {
        self.set_len(length)?;
        self.seek(SeekFrom::Start(length)).map(drop)
    }
}
