//! Tests the secrets in the memory of a process: each exists only where it is needed, and nowhere once its client is gone. A
//! process of its own opens a client and searches its own memory. Freed memory may be reused, which hides a copy but never
//! makes one: a copy that is found is one that was not wiped.

#![cfg(target_os = "linux")]

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Write;
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::common;
use crate::common::broker::Broker;
use crate::common::certificates::{self, authority};
use crate::common::process::own_test;
use crate::common::{PATIENCE, data, holds_within, writer};
use rsa::pkcs1::DecodeRsaPrivateKey;
use rsa::traits::PrivateKeyParts;
use serde_json::Value as Json;
use sinetstream::MessageWriter;
use sinetstream::config::{Map, Value};

/// The environment variable that names the folder for the searching process.
const FOLDER: &str = "SINETSTREAM_TEST_MEMORY";
/// The needles are stored masked, or they would be found themselves.
const MASK: u8 = 0xA5;
/// The memory is read in pieces of this size.
const PIECE: usize = 1 << 20;

/// A secret to search for.
struct Needle {
    name: String,
    masked: Vec<u8>,
}

/// A folder with the files and the needles for the searching process.
struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Folder {
        Folder(tempfile::tempdir().expect("a folder"))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).expect("write");
        std::fs::set_permissions(self.path(name), std::fs::Permissions::from_mode(0o600)).expect("chmod");
    }

    /// Writes a file with a new secret of 32 letters, digits and a character in between.
    fn secret(&self, name: &str) -> String {
        let mut bytes = [0; 15];
        getrandom(&mut bytes);
        let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        let secret = format!("s{}-{}", hex(&bytes[..7]), hex(&bytes[7..]));
        self.write(name, &secret);
        self.needle(name, secret.as_bytes());
        secret
    }

    fn needle(&self, name: &str, secret: &[u8]) {
        assert!(secret.len() >= 16, "{name} is found by chance");
        let masked: String = secret.iter().map(|byte| format!("{:02x}", byte ^ MASK)).collect();
        let mut file = File::options().create(true).append(true).open(self.path("needles")).expect("a file");
        writeln!(file, "{name} {masked}").expect("write");
    }

    fn openssl(&self, arguments: &str) {
        let done = Command::new("openssl").args(arguments.split(' ')).current_dir(self.0.path()).output();
        let done = done.expect("openssl");
        assert!(done.status.success(), "{arguments}: {}", String::from_utf8_lossy(&done.stderr));
    }

    /// Opens a client in a process of its own; returns how often that process has found each secret: while the client is open,
    /// and when it is gone.
    #[track_caller]
    fn look(&self, scenario: &str) -> Vec<(String, usize, usize)> {
        let child = own_test(module_path!(), "the_process_that_looks")
            .arg("--test-threads=1")
            .env(FOLDER, self.0.path())
            .env("SINETSTREAM_TEST_SCENARIO", scenario)
            .env("HOME", self.0.path())
            .env("SOFTHSM2_CONF", self.path("softhsm2.conf"))
            .output()
            .expect("a process");
        let output = String::from_utf8_lossy(&child.stdout).into_owned() + &String::from_utf8_lossy(&child.stderr);
        assert!(child.status.success(), "{scenario}: {output}");
        let counts = |stage: &str| -> Vec<(String, usize)> {
            let lines = output.lines().filter_map(|line| line.split(&format!("{stage}: ")).nth(1));
            let parsed = lines.filter_map(|line| {
                let (name, count) = line.rsplit_once(' ')?;
                Some((name.to_owned(), count.parse().ok()?))
            });
            parsed.collect()
        };
        let (open, gone) = (counts("STAGE open"), counts("STAGE gone"));
        assert!(!open.is_empty() && open.len() == gone.len(), "{scenario}: {output}");
        open.into_iter().zip(gone).map(|((name, open), (_, gone))| (name, open, gone)).collect()
    }
}

fn getrandom(bytes: &mut [u8]) {
    std::io::Read::read_exact(&mut File::open("/dev/urandom").expect("chance"), bytes).expect("chance");
}

fn needles(folder: &Path) -> Vec<Needle> {
    let text = std::fs::read_to_string(folder.join("needles")).expect("the needles");
    let needle = |line: &str| {
        let (name, hex) = line.rsplit_once(' ').expect("two words");
        let byte = |at| u8::from_str_radix(&hex[at..at + 2], 16).expect("a byte");
        Needle { name: name.into(), masked: (0..hex.len()).step_by(2).map(byte).collect() }
    };
    text.lines().map(needle).collect()
}

/// Returns how often each secret, or a half of it, occurs in the writable memory of this process.
fn count(needles: &[Needle]) -> Vec<usize> {
    let maps = std::fs::read_to_string("/proc/self/maps").expect("the map of the memory");
    let memory = File::open("/proc/self/mem").expect("the memory");
    // This buffer is left out of the search, which would find its contents once more.
    let mut piece = vec![0; PIECE];
    let own = piece.as_ptr() as u64..piece.as_ptr() as u64 + PIECE as u64;
    let mut found = vec![BTreeSet::new(); needles.len()];
    for line in maps.lines() {
        let mut words = line.split_whitespace();
        let (range, rights) = (words.next().expect("a range"), words.next().expect("rights"));
        if !rights.starts_with("rw") {
            continue;
        }
        let (start, end) = range.split_once('-').expect("a range");
        let [start, end] = [start, end].map(|hex| u64::from_str_radix(hex, 16).expect("an address"));
        let parts = [start..own.start.clamp(start, end), own.end.clamp(start, end)..end];
        for part in parts {
            let mut at = part.start;
            while at < part.end {
                let length = PIECE.min((part.end - at) as usize);
                // A part of the memory may have been unmapped since, with a thread.
                let Ok(read) = memory.read_at(&mut piece[..length], at) else { break };
                piece[..read].iter_mut().for_each(|byte| *byte ^= MASK);
                for (needle, found) in needles.iter().zip(&mut found) {
                    found.extend(places(&piece[..read], &needle.masked).map(|place| at.wrapping_add(place as u64)));
                }
                piece.fill(0);
                // The end of a piece is searched again with the next one.
                at += match read {
                    read if (read as u64) < part.end - at => read.saturating_sub(1024).max(1) as u64,
                    read => read as u64,
                };
            }
        }
    }
    found.iter().map(BTreeSet::len).collect()
}

fn tell(stage: &str, needles: &[Needle], counts: &[usize]) {
    for (needle, count) in needles.iter().zip(counts) {
        println!("\nSTAGE {stage}: {} {count}", needle.name);
    }
}

/// Returns where the needle, or at least a half of it, occurs; the position is that of the whole needle.
fn places<'a>(piece: &'a [u8], needle: &'a [u8]) -> impl Iterator<Item = usize> + 'a {
    let middle = needle.len() / 2;
    [(&needle[..middle], 0), (&needle[middle..], middle)].into_iter().flat_map(move |(half, before)| {
        let starts = piece.windows(half.len()).enumerate().filter(move |(_, window)| *window == half);
        starts.map(move |(at, _)| at.wrapping_sub(before))
    })
}

/// This is no test by itself, but the process that the other tests start.
#[test]
fn the_process_that_looks() {
    let Some(folder) = std::env::var_os(FOLDER).map(PathBuf::from) else { return };
    let scenario = std::env::var("SINETSTREAM_TEST_SCENARIO").expect("a scenario");
    let needles = needles(&folder);
    let file = |name: &str| std::fs::read_to_string(folder.join(name)).expect("read");
    let path = |name: &str| folder.join(name).display().to_string();
    let client: MessageWriter<str> = match scenario.as_str() {
        "builder" => {
            let login = [("username", Value::from("user")), ("password", file("login").into())];
            let mut crypto = Map::new();
            crypto.insert("algorithm", "AES");
            crypto.insert("key_length", 256);
            crypto.insert("mode", file("mode"));
            crypto.insert("padding", if file("mode") == "CBC" { "pkcs7" } else { "none" });
            match folder.join("key").exists() {
                true => crypto.insert("key", Value::Bytes(file("key").into_bytes())),
                false => crypto.insert("password", file("crypto")),
            }
            let mut builder = writer("replaced", "t")
                .parameter("brokers", file("broker"))
                .parameter("username_pw", login)
                .parameter("data_encryption", true)
                .parameter("crypto", crypto);
            if folder.join("ca.pem").exists() {
                builder = builder.parameter("tls", [("ca_certs", path("ca.pem"))]);
            }
            if folder.join("websocket").exists() {
                builder = builder.parameter("transport", "websockets");
            }
            builder.open()
        }
        _ => MessageWriter::builder().config_file(folder.join("config.yml")).open(),
    }
    .expect("a writer");
    client.write("a value").expect("write");
    tell("open", &needles, &count(&needles));
    client.close().expect("close");
    // The client's task may still have values to drop.
    let mut gone = Vec::new();
    holds_within(PATIENCE, || {
        gone = count(&needles);
        gone.iter().all(|count| *count == 0)
    });
    tell("gone", &needles, &gone);
}

#[test]
fn what_a_builder_was_given_is_kept_once_and_then_wiped() {
    // Everybody may connect, so any password will do.
    let tls = Broker::start_with_listener(certificates::server(), "allow_anonymous true");
    let web = Broker::start_everywhere();
    for transport in ["tcp", "tls", "websocket"] {
        let folder = Folder::new();
        folder.secret("login");
        folder.secret("crypto");
        folder.write("mode", "GCM");
        let address = match transport {
            "tls" => {
                folder.write("ca.pem", &authority().pem);
                tls.further_address()
            }
            "websocket" => {
                folder.write("websocket", "");
                web.ws_address()
            }
            _ => tls.plain_address(),
        };
        folder.write("broker", &address);
        assert_eq!(folder.look("builder"), [("login".into(), 1, 0), ("crypto".into(), 1, 0)], "{transport}");
    }
}

/// A cipher holds the key in its own form, too, which begins with the key itself.
#[test]
fn a_key_is_kept_with_its_cipher_and_then_wiped() {
    let broker = Broker::start();
    for mode in ["CBC", "OFB", "CTR", "EAX", "GCM"] {
        let folder = Folder::new();
        folder.secret("login");
        folder.secret("key");
        folder.write("mode", mode);
        folder.write("broker", &broker.plain_address());
        let found = folder.look("builder");
        // The second count is the key itself, and one or two ciphers, each for both directions.
        assert!(matches!(found[..], [(_, 1, 0), (_, 1..=5, 0)]), "{mode}: {found:?}");
    }
}

/// The YAML library wipes nothing, so it must not see a secret.
#[test]
fn what_stands_in_a_file_is_kept_once_and_then_wiped() {
    let broker = Broker::start_with_listener(certificates::server(), "allow_anonymous true\nrequire_certificate true");
    let client = authority().sign_client("client");
    let folder = Folder::new();
    let [login, crypto, password] = ["login", "crypto", "key password"].map(|name| folder.secret(name));
    folder.write("ca.pem", &authority().pem);
    folder.write("client.pem", &client.pem);
    folder.write("plain.key", &client.key_pem);
    folder.openssl(&format!("pkcs8 -topk8 -v2 aes-256-cbc -in plain.key -out client.key -passout pass:{password}"));
    folder.openssl("pkey -in plain.key -outform DER -out plain.der");
    let der = std::fs::read(folder.path("plain.der")).expect("read");
    let scalar = der.windows(2).position(|bytes| bytes == [4, 32]).expect("the private key of P-256") + 2;
    folder.needle("key", &der[scalar..][..32]);
    let file = |name: &str| folder.path(name).display().to_string();
    folder.write("config.yml", &format!(
        "service:\n  type: mqtt\n  brokers: {}\n  topic: t\n  # {login}\n  username_pw: {{username: user, password: {login}}}\n  \
         tls:\n    ca_certs: {}\n    certfile: {}\n    keyfile: {}\n    keyfilePassword: '{password}'\n  \
         data_encryption: true\n  crypto:\n    algorithm: AES\n    key_length: 128\n    mode: CTR\n    \
         padding: none\n    password: >-\n      {crypto}\n  # What is warned of has a line, which is looked for in the text.\n  \
         unknown_parameter: 1\n",
        broker.further_address(),
        file("ca.pem"),
        file("client.pem"),
        file("client.key"),
    ));
    // The password decrypts the key file again when that is renewed.
    let expected =
        [("login".into(), 1, 0), ("crypto".into(), 1, 0), ("key password".into(), 1, 0), ("key".into(), 0, 0)];
    assert_eq!(folder.look("file"), expected);
}

/// The numbers of the private key are searched for as they stand in its file; docs/encryption.md says what the library that
/// computes with them leaves behind.
#[test]
fn encrypted_values_and_their_private_key_are_wiped() {
    let broker = Broker::start();
    let folder = Folder::new();
    let vectors: Json =
        serde_json::from_str(&std::fs::read_to_string(data("vectors.json")).expect("read")).expect("JSON");
    let pem = vectors["rsa"]["private_key_pem"].as_str().expect("a key");
    std::fs::create_dir_all(folder.path(".config/sinetstream")).expect("a folder");
    folder.write(".config/sinetstream/private_key.pem", pem);
    let mut secrets = vectors["secrets"].as_array().expect("a list").iter();
    let secret = secrets.find(|secret| secret["id"] == "secret/aes128-wrapped").expect("a secret");
    let hex = secret["plain_hex"].as_str().expect("hexadecimal");
    let byte = |at| u8::from_str_radix(&hex[at..at + 2], 16).expect("a byte");
    let opened: Vec<u8> = (0..hex.len()).step_by(2).map(byte).collect();
    folder.needle("opened", &opened);
    let base64: String = secret["yaml_value"]
        .as_str()
        .expect("a value")
        .split_whitespace()
        .skip(1)
        .filter(|part| *part != "|")
        .collect();
    let key = rsa::PrivateKey::from_pkcs1_pem(pem).expect("a key");
    for (name, prime) in ["prime 1", "prime 2"].iter().zip(key.primes()) {
        let mut bytes = prime.to_be_bytes().to_vec();
        bytes.drain(..bytes.iter().take_while(|byte| **byte == 0).count());
        folder.needle(name, &bytes);
    }
    let text = format!(
        "service:\n  type: mqtt\n  brokers: {}\n  topic: t\n  username_pw:\n    username: user\n    \
         password: !sinetstream/encrypted {base64}\n",
        broker.plain_address()
    );
    folder.write("config.yml", &text);
    let found = folder.look("file");
    assert_eq!(found, [("opened".into(), 1, 0), ("prime 1".into(), 0, 0), ("prime 2".into(), 0, 0)]);
}

/// The PIN goes through a module and the thread of a token; SoftHSM itself wipes it.
#[test]
fn the_pin_of_a_token_is_kept_once_and_then_wiped() {
    let broker = Broker::start_with_listener(certificates::server(), "allow_anonymous true\nrequire_certificate true");
    let client = authority().sign_client("client");
    let folder = Folder::new();
    let pin = folder.secret("pin");
    for (name, text) in [("ca.pem", &authority().pem), ("client.pem", &client.pem), ("client.key", &client.key_pem)] {
        folder.write(name, text);
    }
    std::fs::create_dir(folder.path("tokens")).expect("a folder");
    folder.write("softhsm2.conf", &format!("directories.tokendir = {}\n", folder.path("tokens").display()));
    let file = |name: &str| folder.path(name).display().to_string();
    let init = ["--init-token", "--free", "--label", "test", "--so-pin", "officer", "--pin", &pin];
    let key = file("client.key");
    let import = ["--import", &key, "--token", "test", "--label", "client", "--id", "01", "--pin", &pin];
    for arguments in [&init[..], &import] {
        let mut tool = Command::new("softhsm2-util");
        let done =
            tool.args(arguments).env("SOFTHSM2_CONF", folder.path("softhsm2.conf")).output().expect("softhsm2-util");
        assert!(done.status.success(), "{done:?}");
    }
    for (given, value) in [("pin", format!("'{pin}'")), ("pin_file", file("pin"))] {
        folder.write(
            "config.yml",
            &format!(
                "service:\n  type: mqtt\n  brokers: {}\n  topic: t\n  tls:\n    ca_certs: {}\n    certfile: {}\n    \
                 pkcs11: {{module: {}, {given}: {value}}}\n",
                broker.further_address(),
                file("ca.pem"),
                file("client.pem"),
                common::pkcs11_module("libsofthsm2.so").display(),
            ),
        );
        assert_eq!(folder.look("file"), [("pin".into(), 1, 0)], "{given}");
    }
}
