//! Messages that the broker has refused for good: they are stored in a file beside the log, in the form of a segment, for later
//! examination. No writer reads them again.

use std::io;
use std::sync::Arc;

use super::files::{Append, Files};
use super::record::Record;
use super::segment;

/// The prefix of these files.
const PREFIX: &str = "refused-";

/// Returns whether a file of this name holds refused messages.
#[cfg(feature = "cli")]
pub(super) fn is_name(name: &str) -> bool {
    name.strip_prefix(PREFIX).is_some_and(|rest| segment::first(rest).is_some())
}

/// The file of this process, which is begun with the first refused message.
pub(super) struct Refused {
    files: Arc<dyn Files>,
    open: Option<Open>,
}

struct Open {
    name: String,
    topic: String,
    file: Box<dyn Append>,
    length: u64,
}

impl Refused {
    pub fn new(files: Arc<dyn Files>) -> Refused {
        Refused { files, open: None }
    }

    /// Stores a message so that it survives a loss of power, and returns the name of its file.
    pub fn keep(&mut self, topic: &str, record: &Record) -> io::Result<String> {
        // Nobody would find the message in a file whose name is gone.
        let is_there = |open: &Open| open.topic == topic && !matches!(open.file.is_there(), Ok(false));
        if !self.open.as_ref().is_some_and(is_there) {
            self.open = Some(self.begin(topic, record.number)?);
        }
        let Some(open) = &mut self.open else { return Err(io::ErrorKind::NotFound.into()) };
        let mut bytes = Vec::new();
        record.encode(&mut bytes);
        if let Err(e) = open.file.append(&bytes).and_then(|()| open.file.sync()) {
            // The next attempt must begin where this one did.
            open.file.cut(open.length)?;
            return Err(e);
        }
        open.length += bytes.len() as u64;
        Ok(open.name.clone())
    }

    fn begin(&self, topic: &str, number: u64) -> io::Result<Open> {
        let name = format!("{PREFIX}{}", segment::name(number));
        let mut file = self.files.append(&name)?;
        let head = segment::head(topic);
        // An earlier attempt may have left bytes.
        file.cut(0)?;
        file.append(&head)?;
        self.files.sync_names()?;
        Ok(Open { name, topic: topic.to_owned(), file, length: head.len() as u64 })
    }
}

#[cfg(test)]
mod tests {
    use super::super::disk::Disk;
    use super::*;

    #[test]
    fn a_file_that_is_gone_is_begun_again() {
        let disk = Disk::default();
        let mut refused = Refused::new(Arc::new(disk.clone()));
        let record = |number| Record { number, time_us: 0, heading: None, payload: bytes::Bytes::new() };
        let name = refused.keep("t", &record(1)).unwrap();
        assert_eq!(refused.keep("t", &record(2)).unwrap(), name);
        disk.replace_folder();
        let name = refused.keep("t", &record(3)).unwrap();
        assert_eq!(disk.names(), [name]);
    }
}
