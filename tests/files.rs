//! The files that a configuration names: what is read, and who else may write them.

mod common;

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use common::{PATIENCE, data, told, within};
use serde_json::{Value as Json, json};
use sinetstream::{MessageWriter, MessageWriterBuilder};

fn vectors() -> Json {
    serde_json::from_str(&std::fs::read_to_string(data("vectors.json")).expect("read")).expect("JSON")
}

fn private_key() -> String {
    vectors()["rsa"]["private_key_pem"].as_str().expect("a key").to_owned()
}

/// An encrypted value that the private key opens, as it stands in YAML on one line.
fn encrypted() -> String {
    let vectors = vectors();
    let secrets = vectors["secrets"].as_array().expect("a list");
    let secret = secrets.iter().find(|secret| secret["id"] == "secret/key16").expect("a secret");
    secret["yaml_value"].as_str().expect("a value").split_whitespace().collect::<Vec<_>>().join(" ").replace(" | ", " ")
}

/// A service whose broker has a closed port; what follows belongs to it.
fn service(more: &str) -> String {
    format!("s:\n  type: mqtt\n  brokers: 127.0.0.1:1\n  topic: t\n{more}")
}

fn service_with_a_secret() -> String {
    let secret = encrypted();
    service(&format!("  data_encryption: true\n  crypto: {{algorithm: AES, mode: GCM, key: {secret}}}\n"))
}

fn write(file: PathBuf, text: &str) -> PathBuf {
    use std::os::unix::fs::PermissionsExt;
    std::fs::write(&file, text).expect("write");
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).expect("chmod");
    file
}

type Builder = MessageWriterBuilder<str>;

fn with_file(file: &Path) -> Builder {
    MessageWriter::<str>::builder().config_file(file)
}

fn login(address: &str) -> String {
    json!({"config-server": {"address": address, "user": "me", "secret-key": "S3CR3T"}}).to_string()
}

/// Each would be read for ever.
#[test]
fn neither_pipes_nor_devices_are_read() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name);
    let auth = write(path("auth.json"), &login("https://127.0.0.1:1"));
    let pipe = path("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().expect("mkfifo").success());
    for endless in [pipe, "/dev/zero".into()] {
        let name = endless.display().to_string();
        let config = write(path("secret.yml"), &service_with_a_secret());
        let crypto = format!("  crypto: {{algorithm: AES, mode: GCM, password: {{path: {name}}}}}\n");
        let password = write(path("password.yml"), &service(&format!("  data_encryption: true\n{crypto}")));
        let server = || MessageWriter::<str>::builder().config_name("c");
        let cases: [(&str, Builder, &str); 4] = [
            ("InvalidConfiguration", with_file(&config).private_key_file(&endless), "the private key"),
            ("InvalidConfiguration", with_file(&password), "'crypto.password.path'"),
            ("NoConfig", server().auth_file(&endless), "the login of the configuration server"),
            (
                "InvalidConfiguration",
                server().auth_file(&auth).parameter("config_ca_certs", name.as_str()),
                "'config_ca_certs'",
            ),
        ];
        for (variant, builder, words) in cases {
            println!("{words}: {name}");
            told(within(PATIENCE, || builder.open()), variant, &[words, &name, "it is not a regular file"]);
        }
    }
}

#[test]
fn names_of_files_need_not_be_utf_8() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path().join(OsStr::from_bytes(b"\xC6\xFC"));
    std::fs::create_dir(&folder).expect("a folder");
    let auth = write(folder.join("auth.json"), &login(&format!("http://127.0.0.1:{}", common::http::closed_port())));
    let key = write(folder.join("key.pem"), &private_key());
    let config = write(folder.join("config.yml"), &service_with_a_secret());
    // Everything before the network is right.
    told(
        MessageWriter::<str>::builder().config_name("c").auth_file(auth).open(),
        "Connection",
        &["configuration server"],
    );
    told(with_file(&config).private_key_file(key).open(), "Connection", &["connect 127.0.0.1:1"]);
}
