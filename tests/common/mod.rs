//! The helpers of the integration tests: a real Mosquitto, a scripted broker, a raw MQTT client, certificates.

pub mod broker;
pub mod certificates;
#[cfg(feature = "cli")]
pub mod command;
pub mod events;
pub mod http;
pub mod process;
pub mod proxy;
pub mod raw;
pub mod scripted;
pub mod tls_peer;
pub mod warnings;
pub mod web;

use std::future::Future;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;
use std::time::{Duration, Instant};

use sinetstream::config::Value;
use sinetstream::{
    Consistency, Error, Message, MessageReader, MessageReaderBuilder, MessageWriter, MessageWriterBuilder, ReadValue,
    WriteValue,
};

/// No event that a test waits for takes longer than this, even on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(60);

pub const EVERY_CONSISTENCY: [Consistency; 3] =
    [Consistency::AtMostOnce, Consistency::AtLeastOnce, Consistency::ExactlyOnce];

/// Polls until the condition holds; panics if it does not in time.
pub fn eventually(what: &str, condition: impl FnMut() -> bool) {
    assert!(holds_within(PATIENCE, condition), "not within {PATIENCE:?}: {what}");
}

pub fn holds_within(patience: Duration, mut condition: impl FnMut() -> bool) -> bool {
    let deadline = Instant::now() + patience;
    loop {
        if condition() {
            return true;
        }
        if Instant::now() >= deadline {
            return false;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Returns the builder of a writer without a file, which does not reconnect.
pub fn writer<T: WriteValue + ?Sized>(address: &str, topic: &str) -> MessageWriterBuilder<T> {
    MessageWriter::builder()
        .no_config(true)
        .service_type("mqtt")
        .parameter("brokers", address)
        .parameter("connect", no_reconnect())
        .topic(topic)
}

/// Returns the builder of a reader without a file, which does not reconnect and whose `read` always ends.
pub fn reader<T: ReadValue>(address: &str, topic: &str) -> MessageReaderBuilder<T> {
    MessageReader::builder()
        .no_config(true)
        .service_type("mqtt")
        .parameter("brokers", address)
        .parameter("connect", no_reconnect())
        .receive_timeout(PATIENCE)
        .topic(topic)
}

pub fn no_reconnect() -> Value {
    [("automatic_reconnect", false)].into()
}

/// Returns the parameter `connect` with a time-out in seconds, and without reconnecting.
pub fn connection_timeout(seconds: f64) -> Value {
    [("automatic_reconnect", Value::from(false)), ("connection_timeout", seconds.into())].into()
}

/// Returns the parameter `username_pw`.
pub fn login(username: &str, password: &str) -> Value {
    [("username", username), ("password", password)].into()
}

/// Returns the parameter `reconnect_delay` for delays of milliseconds.
pub fn quickly() -> Value {
    [("min_delay", 0.02), ("max_delay", 0.1)].into()
}

/// Returns the name of an error's variant, which `Debug` does not show.
pub fn variant_of(error: &Error) -> &'static str {
    match error {
        Error::Internal(_) => "Internal",
        Error::InvalidConfiguration(_) => "InvalidConfiguration",
        Error::NoConfig(_) => "NoConfig",
        Error::NoService(_) => "NoService",
        Error::UnsupportedServiceType(_) => "UnsupportedServiceType",
        Error::Io(_) => "Io",
        Error::TimedOut { .. } => "TimedOut",
        Error::Connection { .. } => "Connection",
        Error::Authentication { .. } => "Authentication",
        Error::Authorization { .. } => "Authorization",
        Error::InvalidMessage(_) => "InvalidMessage",
        other => panic!("a variant that the tests do not know: {other}"),
    }
}

/// Returns the message of an error, which must be of this variant and contain these words.
#[track_caller]
pub fn told<T>(result: Result<T, Error>, variant: &str, words: &[&str]) -> String {
    let error = match result {
        Ok(_) => panic!("expected {variant} with {words:?}, but it works"),
        Err(error) => error,
    };
    assert_eq!(variant_of(&error), variant, "{error}");
    let message = error.to_string();
    words.iter().for_each(|word| assert!(message.contains(word), "'{word}' is not in: {message}"));
    message
}

/// Returns the next message, which must come.
pub fn next<T>(reader: &MessageReader<T>) -> Message<T> {
    reader.read().expect("read").expect("no message came")
}

/// Returns the values of the next messages.
pub fn next_values<T>(reader: &MessageReader<T>, count: usize) -> Vec<T> {
    (0..count).map(|_| next(reader).into_value()).collect()
}

/// Returns the path of a file of `tests/data`.
pub fn data(name: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "tests", "data", name].iter().collect()
}

/// Returns a copy of a file of `tests/data` that belongs to this user, unlike perhaps the original. The folder is deleted when
/// it is dropped.
pub fn own(name: &str) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join(name);
    write_own(&file, std::fs::read(data(name)).expect("read"));
    (folder, file)
}

/// Writes a file that nobody else may write, whatever the umask is.
pub fn write_own(file: &Path, text: impl AsRef<[u8]>) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::write(file, text).expect("write");
    std::fs::set_permissions(file, std::fs::Permissions::from_mode(0o600)).expect("chmod");
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Runs a future on the simplest executor: the crate's futures need no particular one.
pub fn block_on<F: Future>(future: F) -> F::Output {
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut context = Context::from_waker(&waker);
    let mut future = pin!(future);
    let deadline = Instant::now() + 3 * PATIENCE;
    loop {
        match future.as_mut().poll(&mut context) {
            Poll::Ready(output) => return output,
            Poll::Pending => {
                let left = deadline.saturating_duration_since(Instant::now());
                assert!(!left.is_zero(), "the future does not end");
                std::thread::park_timeout(left);
            }
        }
    }
}

/// Runs the work on a thread of its own, and panics if it does not end in time, instead of hanging.
pub fn within<T: Send + 'static>(patience: Duration, work: impl FnOnce() -> T + Send + 'static) -> T {
    let (done, result) = std::sync::mpsc::channel();
    let worker = std::thread::spawn(move || {
        let _ = done.send(work());
    });
    match result.recv_timeout(patience) {
        Ok(result) => result,
        Err(std::sync::mpsc::RecvTimeoutError::Timeout) => panic!("still not done after {patience:?}"),
        Err(std::sync::mpsc::RecvTimeoutError::Disconnected) => {
            std::panic::resume_unwind(worker.join().expect_err("the worker ended without a result"))
        }
    }
}

/// Returns the path of a module of Debian's packages `softhsm2` and `opensc`, or of its place on other systems.
pub fn pkcs11_module(name: &str) -> PathBuf {
    let folders = ["/usr/lib/softhsm", "/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu"].into_iter();
    let folders =
        folders.chain(["/usr/lib64", "/usr/lib64/pkcs11", "/usr/lib", "/usr/local/lib/softhsm", "/usr/local/lib"]);
    let folders = folders.chain(["/opt/homebrew/lib/softhsm", "/opt/homebrew/lib"]);
    let mut files = folders.map(|folder| Path::new(folder).join(name));
    files.find(|file| file.exists()).unwrap_or_else(|| panic!("there is no {name}; 'make deps' installs it"))
}
