//! Finds and reads the configuration file.

use std::fs::Metadata;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use zeroize::{Zeroize, Zeroizing};

use super::places::Places;
use crate::error::{Error, Result};
use crate::files;

/// No real configuration comes near this size.
pub(super) const MAX_BYTES: u64 = 4 << 20;

/// A configuration file and its text.
pub(crate) struct SourceFile {
    pub path: PathBuf,
    pub text: Zeroizing<String>,
    /// The metadata of the file when it was read.
    pub metadata: Option<Box<Metadata>>,
    /// The lines of names and values; they are computed when the first line is asked for.
    places: OnceLock<Places>,
}

impl SourceFile {
    pub fn new(path: PathBuf, text: Zeroizing<String>, metadata: Option<Metadata>) -> SourceFile {
        SourceFile { path, text, metadata: metadata.map(Box::new), places: OnceLock::new() }
    }

    pub(super) fn places(&self) -> &Places {
        self.places.get_or_init(|| Places::read(&self.text))
    }
}

/// Reads the explicit file, or else the first of `./.sinetstream_config.yml` and `~/.config/sinetstream/config.yml`. A missing
/// explicit file is an error: no other file is tried.
pub(crate) fn find(explicit: Option<&Path>, user_dir: &Path, user_home: Option<&Path>) -> Result<SourceFile> {
    if let Some(path) = explicit {
        let path = user_dir.join(path);
        return match read(&path, true)? {
            Some((text, metadata)) => Ok(SourceFile::new(path, text, Some(metadata))),
            None => Err(Error::NoConfig(format!("configuration file {} does not exist", path.display()))),
        };
    }
    let mut tried = vec![user_dir.join(".sinetstream_config.yml")];
    tried.extend(user_home.map(|home| home.join(".config/sinetstream/config.yml")));
    for path in &tried {
        if let Some((text, metadata)) = read(path, false)? {
            return Ok(SourceFile::new(path.clone(), text, Some(metadata)));
        }
    }
    let tried: Vec<_> = tried.iter().map(|path| path.display().to_string()).collect();
    Err(Error::NoConfig(format!("no configuration file found; looked for {}", tried.join(" and "))))
}

/// Returns the file's text, or `None` if there is no such file. A pipe is read only if the user has named it: otherwise
/// somebody else could make the program wait.
fn read(path: &Path, named: bool) -> Result<Option<(Zeroizing<String>, Metadata)>> {
    let (mut bytes, metadata) = match open(path, named) {
        Ok(opened) => opened,
        Err(e) if e.kind() == ErrorKind::FileTooLarge => {
            return Err(Error::InvalidConfiguration(format!("{}: {e}", path.display())));
        }
        Err(e) if matches!(e.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            return Ok(None);
        }
        Err(e) => return Err(Error::NoConfig(format!("configuration file {} can't be read: {e}", path.display()))),
    };
    match String::from_utf8(std::mem::take(&mut *bytes)) {
        Ok(text) => Ok(Some((Zeroizing::new(text), metadata))),
        Err(e) => {
            let valid = &e.as_bytes()[..e.utf8_error().valid_up_to()];
            let line = 1 + valid.iter().filter(|&&b| b == b'\n').count();
            e.into_bytes().zeroize();
            Err(Error::InvalidConfiguration(format!("{}:{line}: the file is not UTF-8", path.display())))
        }
    }
}

fn open(path: &Path, named: bool) -> std::io::Result<files::Opened> {
    let is_pipe = || std::fs::metadata(path).is_ok_and(|found| !found.is_file() && !found.is_dir());
    match named && is_pipe() {
        true => files::open_pipe(path, MAX_BYTES),
        false => files::open(path, MAX_BYTES),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_current_folder_comes_before_the_home_and_an_explicit_file_before_both() {
        let folder = tempfile::tempdir().unwrap();
        let (here, home) = (folder.path().join("here"), folder.path().join("home"));
        std::fs::create_dir_all(home.join(".config/sinetstream")).unwrap();
        std::fs::create_dir(&here).unwrap();
        let found = |explicit: Option<&str>| {
            find(explicit.map(Path::new), &here, Some(&home)).map(|file| file.text.to_string())
        };
        assert!(matches!(found(None), Err(Error::NoConfig(_))));
        std::fs::write(home.join(".config/sinetstream/config.yml"), "home").unwrap();
        assert_eq!(found(None), Ok("home".into()));
        std::fs::write(here.join(".sinetstream_config.yml"), "here").unwrap();
        assert_eq!(found(None), Ok("here".into()));
        assert!(matches!(found(Some("explicit.yml")), Err(Error::NoConfig(_))));
        std::fs::write(here.join("explicit.yml"), "explicit").unwrap();
        assert_eq!(found(Some("explicit.yml")), Ok("explicit".into()));
    }

    /// A pipe in the current folder is refused: otherwise anybody who may write there could make every program wait.
    #[cfg(unix)]
    #[test]
    fn a_pipe_that_nobody_has_named_is_not_read() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join(".sinetstream_config.yml");
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        let found = find(None, folder.path(), None).map(|file| file.text);
        assert!(matches!(found, Err(Error::NoConfig(message)) if message.contains("it is not a regular file")));
        // A named pipe is read, so a thread writes into it.
        let writer = std::thread::spawn({
            let pipe = pipe.clone();
            move || std::fs::write(pipe, "named")
        });
        assert_eq!(find(Some(&pipe), folder.path(), None).map(|file| file.text), Ok("named".to_owned().into()));
        writer.join().unwrap().unwrap();
    }
}
