//! Tests messages to and from SINETStream for Python, with each combination of parameters: `make interop`.

use std::fmt::Debug;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

use crate::common;
use crate::common::broker::Broker;
use sinetstream::{
    AsyncMessageReader, AsyncMessageWriter, Message, MessageReader, MessageWriter, ReadValue, WriteValue,
};

/// The Python program; it ends with this process, which holds the other end of its input.
struct Peer {
    process: Child,
    said: BufReader<ChildStdout>,
}

impl Peer {
    /// Starts the program; returns the names of the services with their value types, once it listens on all of them.
    fn start(broker: &Broker, config: &Path) -> (Peer, Vec<(String, String)>) {
        let python = std::env::var_os("SINETSTREAM_TEST_PYTHON").expect("scripts/interop sets SINETSTREAM_TEST_PYTHON");
        let mut command = Command::new(python);
        command.arg(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/interop/peer.py"));
        command.arg(broker.tls_address()).arg(broker.ca()).args(["user01", "user01-pass"]).arg(config);
        let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("a Python");
        let said = BufReader::new(process.stdout.take().expect("its output"));
        let mut peer = Peer { process, said };
        let mut services = Vec::new();
        loop {
            let line = peer.line();
            match line.split(' ').collect::<Vec<_>>()[..] {
                ["service", name, value_type] => services.push((name.to_owned(), value_type.to_owned())),
                ["ready"] => return (peer, services),
                _ => panic!("{line}"),
            }
        }
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.said.read_line(&mut line).expect("a line");
        assert!(!line.is_empty(), "Python has ended");
        line.trim_end().to_owned()
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Times in microseconds: the Gregorian calendar's first day, shortly before and after 1970, and now.
const TIMES: [i64; 4] = [-12_219_292_800_000_000, -1, 1, 1_795_000_000_123_457];

fn check<T: PartialEq + Debug>(service: &str, message: &Message<T>, value: &T, time: i64) {
    assert_eq!(message.value(), value, "{service}");
    // Python's time is a floating-point number.
    assert!((message.timestamp_us() - time).abs() <= 2, "{service}: {} for {time}", message.timestamp_us());
}

/// Sends each value and receives it reversed, with a blocking client and with an asynchronous one.
fn converse<W, R>(config: &Path, service: &str, values: &[(Box<W>, R)])
where
    W: WriteValue + ?Sized,
    R: ReadValue + PartialEq + Debug,
{
    let (there, back) = (format!("{service}/there"), format!("{service}/back"));
    // Without a header a message has no time.
    let time_of = |number: usize| if service == "values-alone" { 0 } else { TIMES[number % TIMES.len()] };
    let writer = MessageWriter::<W>::builder().config_file(config).service(service).topic(&there).open();
    let writer = writer.unwrap_or_else(|e| panic!("{service}: {e}"));
    let reader = MessageReader::<R>::builder().config_file(config).service(service).topic(&back);
    let reader = reader.receive_timeout(common::PATIENCE).open().expect("a reader");
    for (number, (value, reversed)) in values.iter().enumerate() {
        writer.write_at(value, time_of(number)).expect("write");
        let message = reader.read().unwrap_or_else(|e| panic!("{service}: {e}"));
        check(service, &message.unwrap_or_else(|| panic!("{service}: no answer")), reversed, time_of(number));
    }
    writer.close().expect("close");
    reader.close().expect("close");
    common::block_on(async {
        let writer = AsyncMessageWriter::<W>::builder().config_file(config).service(service).topic(&there);
        let writer = writer.open_async().await.expect("a writer");
        let reader = AsyncMessageReader::<R>::builder().config_file(config).service(service).topic(&back);
        let reader = reader.receive_timeout(common::PATIENCE).open_async().await.expect("a reader");
        for (number, (value, _)) in values.iter().enumerate() {
            writer.write_at(value, time_of(number)).await.expect("write");
        }
        for (number, (_, reversed)) in values.iter().enumerate() {
            let message = reader.read().await.unwrap_or_else(|e| panic!("{service}: {e}"));
            check(service, &message.unwrap_or_else(|| panic!("{service}: no answer")), reversed, time_of(number));
        }
        writer.close().await.expect("close");
        reader.close().await.expect("close");
    });
}

#[test]
#[ignore = "needs SINETStream for Python: make interop"]
fn python_understands_and_is_understood() {
    let broker = Broker::start();
    let folder = tempfile::tempdir().expect("a folder");
    let config = folder.path().join("config.yml");
    let (_peer, services) = Peer::start(&broker, &config);
    assert!(services.len() > 60, "{services:?}");
    let long: String = "長い文 and ASCII ".chars().cycle().take(20_000).collect();
    let texts: Vec<(Box<str>, String)> =
        ["", "a", "two\nlines", &long].map(|text| (text.into(), text.chars().rev().collect())).into();
    let bytes: Vec<(Box<[u8]>, Vec<u8>)> = [0, 1, 15, 16, 100_000]
        .map(|length| {
            let value: Vec<u8> = (0..length).map(|i| (i % 251 * 7 % 256) as u8).collect();
            (value.clone().into(), value.into_iter().rev().collect())
        })
        .into();
    for (service, value_type) in &services {
        match value_type.as_str() {
            "text" => converse(&config, service, &texts),
            _ => converse(&config, service, &bytes),
        }
    }
}
