//! Reads the messages of `write`.

use std::fs::File;
use std::io::{BufRead, BufReader, IsTerminal, Read};
use std::path::{Path, PathBuf};

use tokio::sync::mpsc;

use super::args::Write;
use super::failure::{Failure, Result};
use super::progress::say;

/// No message can be larger: the length of its packet has at most 28 bits.
const MAX_MESSAGE: usize = (1 << 28) - 1;

/// The source of the messages, and how it is split into messages.
pub(super) struct Input {
    source: Source,
    /// Whether each line is a message; otherwise each file is one.
    lines: bool,
    /// Whether lines keep their ends.
    raw: bool,
    text: bool,
    count: Option<u64>,
}

enum Source {
    Message(String),
    Files(Vec<PathBuf>),
    Stdin,
}

/// Takes a message; returns false if no more are wanted.
type Sink<'a> = &'a mut dyn FnMut(Vec<u8>) -> bool;

impl Input {
    /// Determines the source of the messages without reading it.
    pub fn new(options: &Write, text: bool) -> Result<Input> {
        let source = match (&options.message, &options.file) {
            _ if options.clear => Source::Message(String::new()),
            (Some(message), _) => Source::Message(message.clone()),
            (None, Some(path)) => Source::Files(files(path)?),
            (None, None) => Source::Stdin,
        };
        Ok(Input { source, lines: options.line, raw: options.raw, text, count: options.count })
    }

    /// True if the user types the messages.
    pub fn is_typed(&self) -> bool {
        matches!(self.source, Source::Stdin) && std::io::stdin().is_terminal()
    }

    /// Reads on a thread of its own, because reading standard input can't be interrupted. The thread is never joined: it ends
    /// with the process.
    pub fn start(self) -> mpsc::Receiver<Result<Vec<u8>>> {
        // Whole files may be large, so only one waits while another is sent.
        let (messages, receiver) = mpsc::channel(if self.lines { 64 } else { 1 });
        if self.is_typed() {
            let what = if self.lines { "messages, one a line" } else { "message" };
            say(&format!("type the {what}; Ctrl-D ends the input"));
        }
        std::thread::spawn(move || {
            let mut left = self.count.unwrap_or(u64::MAX);
            let mut repeat = true;
            while repeat && left > 0 {
                let before = left;
                let mut sink = |message| {
                    let sent = messages.blocking_send(Ok(message)).is_ok();
                    left = if sent { left - 1 } else { 0 };
                    left > 0
                };
                if let Err(failure) = self.pass(&mut sink) {
                    let _ = messages.blocking_send(Err(failure));
                    return;
                }
                // A source that is empty once stays empty.
                repeat = self.count.is_some() && !matches!(self.source, Source::Stdin) && left < before;
            }
        });
        receiver
    }

    /// Passes every message of the source to the sink, once.
    fn pass(&self, sink: Sink<'_>) -> Result<()> {
        match &self.source {
            Source::Message(message) => self.read("the message", message.as_bytes(), sink).map(drop),
            Source::Stdin => {
                let mut stdin = BufReader::new(std::io::stdin());
                // Empty input means no message.
                let empty = stdin.fill_buf().is_ok_and(<[u8]>::is_empty);
                if empty { Ok(()) } else { self.read("standard input", stdin, sink).map(drop) }
            }
            Source::Files(paths) => {
                for path in paths {
                    let name = path.display().to_string();
                    let file = File::open(path).map_err(|e| Failure::new(format!("{name}: {e}")))?;
                    if !self.read(&name, BufReader::new(file), sink)? {
                        break;
                    }
                }
                Ok(())
            }
        }
    }

    /// Reads messages from one file or from standard input. Returns false if no more are wanted.
    fn read(&self, name: &str, mut from: impl BufRead, sink: Sink<'_>) -> Result<bool> {
        let failed = |what: &str| Failure::new(format!("{name}: {what}"));
        loop {
            let mut message = Vec::new();
            // One byte more than can be sent is read, so that memory is bounded and a larger message is noticed.
            let mut bounded = from.by_ref().take(MAX_MESSAGE as u64 + 1);
            match self.lines {
                true => bounded.read_until(b'\n', &mut message),
                false => bounded.read_to_end(&mut message),
            }
            .map_err(|e| failed(&e.to_string()))?;
            if message.len() > MAX_MESSAGE {
                return Err(failed("a message is larger than MQTT can carry"));
            }
            if self.lines && message.is_empty() {
                return Ok(true);
            }
            if self.lines && !self.raw {
                without_end(&mut message);
            }
            if self.text && std::str::from_utf8(&message).is_err() {
                return Err(failed("a message is not UTF-8, but the messages are text"));
            }
            if !sink(message) {
                return Ok(false);
            }
            if !self.lines {
                return Ok(true);
            }
        }
    }
}

fn without_end(line: &mut Vec<u8>) {
    if line.last() == Some(&b'\n') {
        line.pop();
        if line.last() == Some(&b'\r') {
            line.pop();
        }
    }
}

/// Returns the file itself, or the visible files of a folder, in the order of their names.
fn files(path: &Path) -> Result<Vec<PathBuf>> {
    let failed = |e: std::io::Error| Failure::new(format!("{}: {e}", path.display()));
    if !path.metadata().map_err(failed)?.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let mut files = Vec::new();
    for entry in path.read_dir().map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let hidden = entry.file_name().as_encoded_bytes().starts_with(b".");
        // `metadata` of the path follows symbolic links.
        if !hidden && entry.path().metadata().is_ok_and(|metadata| metadata.is_file()) {
            files.push(entry.path());
        }
    }
    match files.is_empty() {
        true => Err(Failure::new(format!("{}: the folder has no file", path.display()))),
        false => {
            files.sort();
            Ok(files)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn messages(source: Source, lines: bool, count: Option<u64>) -> Vec<Vec<u8>> {
        let mut receiver = Input { source, lines, raw: false, text: true, count }.start();
        std::iter::from_fn(|| receiver.blocking_recv()).map(|message| message.map_err(|f| f.message).unwrap()).collect()
    }

    #[test]
    fn messages_and_lines_are_repeated_as_often_as_wanted() {
        let text = || Source::Message("a\nb\r\n\nc".into());
        assert_eq!(messages(text(), false, None), [b"a\nb\r\n\nc"]);
        assert_eq!(messages(text(), true, None), [&b"a"[..], b"b", b"", b"c"]);
        assert_eq!(messages(text(), true, Some(2)), [b"a", b"b"]);
        assert_eq!(messages(text(), true, Some(5)), [&b"a"[..], b"b", b"", b"c", b"a"]);
        assert_eq!(messages(Source::Message("".into()), false, Some(2)), [b"", b""]);
        assert!(messages(Source::Message("".into()), true, Some(2)).is_empty());
    }
}
