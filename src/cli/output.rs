//! Shows or stores the messages of `read`: on standard output, or as files of a folder.

use std::fs::OpenOptions;
use std::io::{self, BufWriter, IsTerminal, Stdout, Write};
use std::path::{Path, PathBuf};

use serde_json::json;

use super::args::Read;
use super::binary::base64;
use super::failure::{Failure, Result};
use super::progress::beside_line;
use super::properties;
use super::terminal::harmless;
use super::time::utc;
use crate::mqtt::MessageProperties;

/// A message in the form in which it is shown.
pub(super) struct Shown<'a> {
    /// The number of the message, from 1.
    pub number: u64,
    pub topic: &'a str,
    pub timestamp_us: i64,
    pub qos: u8,
    pub retain: bool,
    /// The properties, if they are to be shown and there are some.
    pub properties: Option<MessageProperties>,
    pub value: &'a [u8],
}

/// The destination of messages, and their form there.
pub(super) struct Output {
    form: Form,
    folder: Option<Folder>,
    text: bool,
    verbose: bool,
    /// Whether the output is a terminal, which control characters in a message would affect.
    terminal: bool,
    stdout: BufWriter<Stdout>,
}

enum Form {
    /// A line about the message, then its value.
    Told,
    Raw,
    Json,
}

impl Output {
    pub fn new(options: &Read, text: bool) -> Result<Output> {
        let form = match (options.json, options.raw) {
            (true, _) => Form::Json,
            (false, true) => Form::Raw,
            (false, false) => Form::Told,
        };
        Ok(Output {
            form,
            folder: options.file.as_deref().map(Folder::new).transpose()?,
            text,
            verbose: options.common.verbose > 0,
            terminal: io::stdout().is_terminal(),
            stdout: BufWriter::new(io::stdout()),
        })
    }

    /// Shows a message; returns false if nobody reads the output any longer.
    pub fn message(&mut self, message: &Shown<'_>) -> Result<bool> {
        let file = match &self.folder {
            Some(folder) => Some(folder.store(message)?),
            None => None,
        };
        let bytes = self.form_of(message, file.as_deref());
        let terminal = self.terminal;
        let stdout = &mut self.stdout;
        let mut put = || {
            stdout.write_all(&bytes)?;
            // The flush keeps the progress line from coming between.
            if terminal { stdout.flush() } else { Ok(()) }
        };
        is_read(if terminal { beside_line(put) } else { put() })
    }

    /// Flushes the output; returns false if nobody reads it any longer.
    pub fn flush(&mut self) -> Result<bool> {
        is_read(self.stdout.flush())
    }

    fn form_of(&self, message: &Shown<'_>, file: Option<&Path>) -> Vec<u8> {
        match (&self.form, file) {
            (Form::Json, _) => self.json(message, file),
            (Form::Raw, Some(_)) => Vec::new(),
            (Form::Told, Some(file)) => match self.verbose || message.properties.is_some() {
                true => format!("{} in {}\n{}", self.head(message), file.display(), told(message)).into_bytes(),
                false => Vec::new(),
            },
            (Form::Raw, None) => {
                let mut bytes = message.value.to_vec();
                if self.text {
                    end_line(&mut bytes);
                }
                bytes
            }
            (Form::Told, None) => {
                let mut bytes = format!("{}\n{}", self.head(message), told(message)).into_bytes();
                match self.terminal {
                    true => bytes.extend_from_slice(harmless(&String::from_utf8_lossy(message.value)).as_bytes()),
                    false => bytes.extend_from_slice(message.value),
                }
                end_line(&mut bytes);
                bytes
            }
        }
    }

    fn head(&self, message: &Shown<'_>) -> String {
        let Shown { number, topic, timestamp_us, qos, retain, value, .. } = message;
        let head = format!("[#{number}] Received on {topic:?}");
        match self.verbose {
            true => {
                let retained = if *retain { ", retained" } else { "" };
                format!("{head}, written {}, QoS {qos}{retained}, {} bytes", utc(*timestamp_us), value.len())
            }
            false => head,
        }
    }

    fn json(&self, message: &Shown<'_>, file: Option<&Path>) -> Vec<u8> {
        let timestamp = (message.timestamp_us != 0).then(|| utc(message.timestamp_us));
        let mut object = json!({
            "number": message.number,
            "topic": message.topic,
            "timestamp": timestamp,
            "timestamp_us": message.timestamp_us,
            "qos": message.qos,
            "retain": message.retain,
        });
        if let Some(properties) = &message.properties {
            object["properties"] = properties::json(properties);
        }
        match (file, self.text.then(|| std::str::from_utf8(message.value))) {
            (Some(file), _) => object["file"] = json!(file.to_string_lossy()),
            (None, Some(Ok(text))) => object["text"] = json!(text),
            (None, _) => object["base64"] = json!(base64(message.value)),
        }
        let mut line = object.to_string().into_bytes();
        line.push(b'\n');
        line
    }
}

/// Returns the text of the properties that are to be shown.
fn told(message: &Shown<'_>) -> String {
    message.properties.as_ref().map(properties::lines).unwrap_or_default()
}

/// Prints a whole answer. It is no error if its reader has gone.
pub(super) fn print(text: &str) -> Result<()> {
    let mut stdout = io::stdout();
    is_read(stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush())).map(drop)
}

/// Returns false if the reader of the output has gone, which is no error.
fn is_read(result: io::Result<()>) -> Result<bool> {
    match result {
        Ok(()) => Ok(true),
        Err(e) if e.kind() == io::ErrorKind::BrokenPipe => Ok(false),
        Err(e) => Err(Failure::new(format!("standard output: {e}"))),
    }
}

fn end_line(bytes: &mut Vec<u8>) {
    if bytes.last() != Some(&b'\n') {
        bytes.push(b'\n');
    }
}

/// A folder that receives a file per message.
struct Folder {
    path: PathBuf,
    /// A text that keeps the file names of several runs apart.
    run: String,
}

/// File systems allow names of 255 bytes, of which the topic may take this many.
const MAX_TOPIC: usize = 180;

impl Folder {
    fn new(path: &Path) -> Result<Folder> {
        match path.metadata() {
            Ok(metadata) if metadata.is_dir() => {}
            Ok(_) => return Err(Failure::new(format!("{}: not a folder", path.display()))),
            Err(e) => return Err(Failure::new(format!("{}: {e}", path.display()))),
        }
        let run = uuid::Uuid::new_v4().simple().to_string()[..16].to_owned();
        Ok(Folder { path: path.to_owned(), run })
    }

    fn store(&self, message: &Shown<'_>) -> Result<PathBuf> {
        let name = format!("{}-{}-{}", file_name(message.topic), self.run, message.number);
        let path = self.path.join(name);
        let stored = OpenOptions::new().write(true).create_new(true).open(&path);
        match stored.and_then(|mut file| file.write_all(message.value)) {
            Ok(()) => Ok(path),
            Err(e) => Err(Failure::new(format!("{}: {e}", path.display()))),
        }
    }
}

/// Returns the topic with every character percent-encoded that a file name may not have, or that has a special meaning in it.
fn file_name(topic: &str) -> String {
    let mut name = String::new();
    for byte in topic.bytes().take(MAX_TOPIC) {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'~' => name.push(byte.into()),
            b'.' if !name.is_empty() => name.push('.'),
            _ => name.push_str(&format!("%{byte:02X}")),
        }
        if name.len() > MAX_TOPIC {
            break;
        }
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn topics_are_safe_names() {
        assert_eq!(file_name("test/sub"), "test%2Fsub");
        assert_eq!(file_name("../a.b"), "%2E.%2Fa.b");
        assert_eq!(file_name("é"), "%C3%A9");
        assert!(file_name(&"/".repeat(60_000)).len() <= MAX_TOPIC + 3);
    }
}
