//! `sinetstream outbox export`: writes the messages that wait, one JSON object a line, with their bytes as for the wire.

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, ErrorKind, Write};
use std::path::Path;

use serde_json::json;

use super::contents::owner_name;
use crate::cli::args::Export;
use crate::cli::binary::base64;
use crate::cli::failure::{Exit, Failure, Result};
use crate::cli::progress::say;
use crate::cli::properties;
use crate::cli::time::utc;
use crate::mqtt::MessageProperties;
use crate::outbox::{Inspection, Waiting};

pub(super) fn run(options: &Export) -> Result<Exit> {
    let inspection = Inspection::begin(&options.directory)?;
    if let Some(owner) = inspection.owner {
        let owner = owner_name(owner);
        say(&format!(
            "the outbox is in use by {owner}: messages may come and go meanwhile, and some of these may be sent"
        ));
    }
    let mut sink = Sink::open(options.output.as_deref())?;
    match options.refused {
        true => inspection.refused(|message| sink.put(&message))?,
        false => {
            for damage in inspection.messages(|message| sink.put(&message))? {
                say(&format!("warning: {damage}, and left out"));
            }
        }
    }
    sink.end()
}

/// The destination of the lines.
struct Sink {
    to: BufWriter<Box<dyn Write>>,
    /// The file, which is synced to the disk before the command reports success.
    file: Option<File>,
    name: String,
}

impl Sink {
    fn open(path: Option<&Path>) -> Result<Sink> {
        let Some(path) = path else {
            return Ok(Sink { to: BufWriter::new(Box::new(io::stdout())), file: None, name: "standard output".into() });
        };
        let name = path.display().to_string();
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        // The file is as private as the outbox itself.
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let opened = options.open(path).and_then(|file| Ok((file.try_clone()?, file)));
        let (to, file) = opened.map_err(|e| Failure::new(format!("{name}: {e}")))?;
        Ok(Sink { to: BufWriter::new(Box::new(to)), file: Some(file), name })
    }

    /// Writes one message; returns false if nobody reads the output any longer.
    fn put(&mut self, message: &Waiting<'_>) -> Result<bool> {
        let mut line = json!({
            "number": message.number,
            "topic": message.topic,
            "timestamp": utc(message.time_us),
            "timestamp_us": message.time_us,
            "payload": base64(message.payload),
        });
        if let Some(own) = message.heading {
            line["retain"] = json!(own.retain);
            line["properties"] = properties::json(&MessageProperties::decode(&own.properties).unwrap_or_default());
        }
        let written = writeln!(self.to, "{line}");
        self.is_read(written)
    }

    fn end(mut self) -> Result<Exit> {
        let written = self.to.flush().and_then(|()| self.file.as_ref().map_or(Ok(()), File::sync_all));
        self.is_read(written).map(|_| Exit::Done)
    }

    fn is_read(&self, written: io::Result<()>) -> Result<bool> {
        match written {
            Ok(()) => Ok(true),
            Err(e) if e.kind() == ErrorKind::BrokenPipe => Ok(false),
            Err(e) => Err(Failure::new(format!("{}: {e}", self.name))),
        }
    }
}
