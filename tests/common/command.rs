//! Runs the command `sinetstream` as a user does.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use super::{PATIENCE, eventually, holds_within};

pub const PROGRAM: &str = env!("CARGO_BIN_EXE_sinetstream");

/// A running command. It is killed when dropped.
pub struct Running {
    child: Child,
    stdout: Option<JoinHandle<Vec<u8>>>,
    stderr: Option<JoinHandle<()>>,
    said: Arc<Mutex<String>>,
}

/// The result of a run.
#[derive(Debug)]
pub struct Ended {
    pub code: Option<i32>,
    pub stdout: Vec<u8>,
    pub stderr: String,
}

impl Ended {
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.stdout).expect("UTF-8 on standard output")
    }

    #[track_caller]
    pub fn expect(self, code: i32) -> Ended {
        assert_eq!(self.code, Some(code), "{}{}", String::from_utf8_lossy(&self.stdout), self.stderr);
        self
    }
}

/// Prepares the command without a home folder, and in a current folder without a configuration.
pub fn command<S: AsRef<OsStr>>(arguments: impl IntoIterator<Item = S>) -> Command {
    let mut command = Command::new(PROGRAM);
    command.args(arguments).env("HOME", "/nonexistent").current_dir("/").stdin(Stdio::null());
    command
}

/// Runs the command to its end.
pub fn run<S: AsRef<OsStr>>(arguments: impl IntoIterator<Item = S>) -> Ended {
    start(command(arguments)).end()
}

/// Runs the command with this on its standard input.
pub fn run_with_input<S: AsRef<OsStr>>(arguments: impl IntoIterator<Item = S>, input: &[u8]) -> Ended {
    let mut command = command(arguments);
    command.stdin(Stdio::piped());
    let mut running = start(command);
    let mut stdin = running.child.stdin.take().expect("stdin");
    match stdin.write_all(input) {
        // A command that is wrong ends without reading, and possibly before this is written.
        Err(e) if e.kind() == std::io::ErrorKind::BrokenPipe => {}
        written => written.expect("standard input"),
    }
    drop(stdin);
    running.end()
}

/// Starts the command; its output is collected, unless it goes elsewhere.
pub fn start(mut command: Command) -> Running {
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the command");
    let said = Arc::new(Mutex::new(String::new()));
    let stderr = BufReader::new(child.stderr.take().expect("stderr"));
    let stderr = std::thread::spawn({
        let said = said.clone();
        move || {
            for line in stderr.split(b'\n') {
                let line = line.expect("standard error");
                said.lock().expect("said").push_str(&format!("{}\n", String::from_utf8_lossy(&line)));
            }
        }
    });
    Running { child, stdout: None, stderr: Some(stderr), said }.collect()
}

/// Starts `sinetstream read -v` and waits until it is subscribed.
pub fn start_reading<S: AsRef<OsStr>>(arguments: impl IntoIterator<Item = S>) -> Running {
    let mut command = command(["read", "-v"]);
    command.args(arguments);
    let running = start(command);
    running.says("reading from");
    running
}

impl Running {
    fn collect(mut self) -> Running {
        let mut stdout = self.child.stdout.take().expect("stdout");
        self.stdout = Some(std::thread::spawn(move || {
            let mut bytes = Vec::new();
            stdout.read_to_end(&mut bytes).expect("standard output");
            bytes
        }));
        self
    }

    /// Waits until the command has printed these words on standard error.
    pub fn says(&self, words: &str) {
        let said = || self.said.lock().expect("said").clone();
        let heard = holds_within(PATIENCE, || said().contains(words));
        assert!(heard, "'{words}' was not said: {}", said());
    }

    /// Takes the standard input, which must be a pipe.
    pub fn input(&mut self) -> std::process::ChildStdin {
        self.child.stdin.take().expect("stdin")
    }

    pub fn signal(&self, signal: &str) {
        let status = Command::new("kill").arg(format!("-{signal}")).arg(self.child.id().to_string()).status();
        assert!(status.is_ok_and(|status| status.success()), "kill -{signal}");
    }

    /// Waits for the end of the command.
    pub fn end(mut self) -> Ended {
        let status = self.wait();
        let stdout = self.stdout.take().expect("stdout").join().expect("standard output");
        self.stderr.take().expect("stderr").join().expect("standard error");
        let stderr = self.said.lock().expect("said").clone();
        Ended { code: status.code(), stdout, stderr }
    }

    fn wait(&mut self) -> ExitStatus {
        let mut status = None;
        eventually("the command ends", || {
            status = self.child.try_wait().expect("wait");
            status.is_some()
        });
        status.expect("a status")
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Returns the names and contents of a folder's files.
pub fn files_of(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let entries = std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry"));
    let mut files: Vec<_> = entries
        .map(|entry| (entry.file_name().into_string().expect("a name"), std::fs::read(entry.path()).expect("a file")))
        .collect();
    files.sort();
    files
}
