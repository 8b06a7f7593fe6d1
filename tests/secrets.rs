//! Tests encrypted values in the configuration, and the private key that decrypts them.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::common;
use crate::common::broker::Broker;
use crate::common::{data, told};
use serde_json::Value as Json;
use sinetstream::config::{Map, Value};
use sinetstream::{MessageReader, MessageWriter};

const PASSPHRASE: &str = "SINETSTREAM_PRIVATE_KEY_PASSPHRASE";

fn vectors() -> Json {
    serde_json::from_str(&std::fs::read_to_string(data("vectors.json")).expect("read")).expect("JSON")
}

/// Returns the vector's value as one line of YAML, and its decrypted form.
fn secret(id: &str) -> (String, Vec<u8>) {
    let vectors = vectors();
    let found = vectors["secrets"].as_array().expect("a list").iter().find(|secret| secret["id"] == id).cloned();
    let found = found.expect("a secret");
    let hex = found["plain_hex"].as_str().expect("hexadecimal");
    let plain = (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).expect("a byte")).collect();
    let base64: String = found["yaml_value"]
        .as_str()
        .expect("a value")
        .trim_start_matches("!sinetstream/encrypted")
        .split_whitespace()
        .collect();
    (format!("!sinetstream/encrypted {base64}"), plain)
}

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Folder {
        let folder = Folder(tempfile::tempdir().expect("a folder"));
        folder.write("plain.pem", vectors()["rsa"]["private_key_pem"].as_str().expect("a key"));
        folder
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let file = self.0.path().join(name);
        std::fs::write(&file, text).expect("write");
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).expect("chmod");
        file
    }

    fn openssl(&self, arguments: &str) {
        let done =
            Command::new("openssl").args(arguments.split(' ')).current_dir(self.0.path()).output().expect("openssl");
        assert!(done.status.success(), "{arguments}: {}", String::from_utf8_lossy(&done.stderr));
    }

    fn path(&self, name: &str) -> String {
        self.0.path().join(name).display().to_string()
    }
}

fn open(file: &Path, key: &str) -> sinetstream::Result<MessageWriter<str>> {
    MessageWriter::<str>::builder().config_file(file).parameter("private_key_file", key).open()
}

#[test]
fn a_password_for_the_login_and_one_for_the_messages_may_be_encrypted() {
    let (broker, folder) = (Broker::start(), Folder::new());
    let (yaml, plain) = secret("secret/text");
    let password = String::from_utf8(plain).expect("a text");
    broker.change_password("user01", &password);
    broker.reload();
    for (form, login) in [
        ("crypto: {algorithm: AES, mode: GCM, password: ", false),
        ("crypto: {algorithm: AES, mode: GCM, password: {value: ", true),
    ] {
        let end = if login { "}}" } else { "}" };
        let file = folder.write(
            "config.yml",
            &format!(
                "svc:\n  type: mqtt\n  brokers: {}\n  topic: t\n  consistency: AT_LEAST_ONCE\n  tls: {{ca_certs: {}}}\n  data_encryption: true\n  \
                 {form}{yaml}{end}\n  username_pw_set: {{username: user01, password: {yaml}}}\n",
                broker.tls_address(),
                broker.ca().display()
            ),
        );
        let reader = MessageReader::<String>::builder()
            .config_file(&file)
            .parameter("private_key_file", folder.path("plain.pem"));
        let reader = reader.receive_timeout(common::PATIENCE).open().expect("a reader");
        let writer = open(&file, &folder.path("plain.pem")).expect("a writer");
        writer.write("secret").expect("write");
        assert_eq!(common::next(&reader).value(), "secret");
        // The configuration does not show the values.
        let shown = |map: &Map, name: &str, inside: &str| match map.get(name) {
            Some(Value::Map(map)) => map.get(inside).cloned(),
            _ => None,
        };
        assert_eq!(shown(writer.config(), "username_pw_set", "password"), Some(Value::from("********")));
        assert!(!format!("{:?} {writer:?}", writer.config()).contains(&password));
    }
}

#[test]
fn private_keys_are_read_in_every_form() {
    let folder = Folder::new();
    folder.openssl("pkcs8 -topk8 -nocrypt -in plain.pem -out pkcs8.pem");
    folder.openssl("pkcs8 -topk8 -v2 aes-256-cbc -passout pass:open-sesame -in plain.pem -out encrypted.pem");
    folder.openssl("rsa -traditional -aes128 -passout pass:open-sesame -in plain.pem -out traditional.pem");
    folder.openssl("genrsa -out other.pem 2048");
    folder.openssl("ecparam -name prime256v1 -genkey -noout -out ec.pem");
    let (yaml, _) = secret("secret/key16");
    let with = |header: &str| {
        format!(
            "header: {{version: 3{header}}}\nconfig:\n  svc:\n    type: mqtt\n    brokers: 127.0.0.1:1\n    topic: t\n    \
             data_encryption: true\n    crypto: {{algorithm: AES, mode: GCM, key: {yaml}}}\n"
        )
    };
    let file = folder.write("config.yml", &with(""));
    // The broker does not exist; everything before connecting is right.
    told(open(&file, &folder.path("plain.pem")), "Connection", &[]);
    told(open(&file, &folder.path("pkcs8.pem")), "Connection", &[]);
    let place = format!("{}:8: service 'svc': parameter 'crypto.key'", file.display());
    for name in ["encrypted.pem", "traditional.pem"] {
        told(
            open(&file, &folder.path(name)),
            "InvalidConfiguration",
            &[&place, name, "password is missing", PASSPHRASE],
        );
    }
    told(open(&file, &folder.path("other.pem")), "InvalidConfiguration", &[&place, "for another private key"]);
    told(open(&file, &folder.path("ec.pem")), "InvalidConfiguration", &[&place, "not an RSA key"]);
    told(open(&file, &folder.path("nowhere.pem")), "InvalidConfiguration", &[&place, "can't be read"]);
    let fingerprint = vectors()["rsa"]["fingerprint_sha256_base64_nopad"].as_str().expect("a fingerprint").to_owned();
    for right in [fingerprint.clone(), format!("SHA256:{fingerprint}")] {
        let file = folder.write("right.yml", &with(&format!(", fingerprint: '{right}'")));
        told(open(&file, &folder.path("plain.pem")), "Connection", &[]);
    }
    let file = folder.write("wrong.yml", &with(", fingerprint: 'SHA256:abc'"));
    told(
        open(&file, &folder.path("plain.pem")),
        "InvalidConfiguration",
        &["header.fingerprint", "SHA256:abc", &fingerprint],
    );
}

#[test]
fn the_passphrase_comes_from_the_environment_and_the_key_from_the_home_folder() {
    let folder = Folder::new();
    folder.openssl("rsa -traditional -aes128 -passout pass:open-sesame -in plain.pem -out traditional.pem");
    let home = folder.0.path().join(".config/sinetstream");
    std::fs::create_dir_all(&home).expect("a folder");
    std::fs::copy(folder.path("traditional.pem"), home.join("private_key.pem")).expect("copy");
    std::fs::set_permissions(home.join("private_key.pem"), std::fs::Permissions::from_mode(0o644)).expect("chmod");
    let (yaml, _) = secret("secret/key16");
    let file = folder.write(
        "config.yml",
        &format!("svc:\n  type: mqtt\n  brokers: 127.0.0.1:1\n  topic: t\n  data_encryption: true\n  crypto: {{algorithm: AES, mode: GCM, key: {yaml}}}\n"),
    );
    let check = |passphrase: Option<&str>| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sinetstream"));
        command.args(["check", "--offline", "--config"]).arg(&file).env("HOME", folder.0.path()).env_remove(PASSPHRASE);
        passphrase.map(|text| command.env(PASSPHRASE, text));
        let output = command.output().expect("the command");
        (
            output.status.success(),
            format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr)),
        )
    };
    let (good, text) = check(Some("open-sesame"));
    assert!(good, "{text}");
    assert!(text.contains("can be read by other users"), "{text}");
    for wrong in [None, Some("wrong")] {
        let (good, text) = check(wrong);
        assert!(!good && text.contains(PASSPHRASE), "{text}");
    }
}
