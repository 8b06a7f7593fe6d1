//! Tests the files that a configuration names: which are read, and who else may write them.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::common;
use crate::common::{PATIENCE, data, told, within};
use serde_json::{Value as Json, json};
use sinetstream::{MessageWriter, MessageWriterBuilder};

fn vectors() -> Json {
    serde_json::from_str(&std::fs::read_to_string(data("vectors.json")).expect("read")).expect("JSON")
}

fn private_key() -> String {
    vectors()["rsa"]["private_key_pem"].as_str().expect("a key").to_owned()
}

/// Returns an encrypted value that the private key decrypts, as one line of YAML.
fn encrypted() -> String {
    let vectors = vectors();
    let secrets = vectors["secrets"].as_array().expect("a list");
    let secret = secrets.iter().find(|secret| secret["id"] == "secret/key16").expect("a secret");
    secret["yaml_value"].as_str().expect("a value").split_whitespace().collect::<Vec<_>>().join(" ").replace(" | ", " ")
}

/// Returns a service whose broker has a closed port; `more` is added to it.
fn service(more: &str) -> String {
    format!("s:\n  type: mqtt\n  brokers: 127.0.0.1:1\n  topic: t\n{more}")
}

fn service_with_a_secret() -> String {
    let secret = encrypted();
    service(&format!("  data_encryption: true\n  crypto: {{algorithm: AES, mode: GCM, key: {secret}}}\n"))
}

fn write(file: PathBuf, text: &str) -> PathBuf {
    common::write_own(&file, text);
    file
}

type Builder = MessageWriterBuilder<str>;

fn with_file(file: &Path) -> Builder {
    MessageWriter::<str>::builder().config_file(file)
}

fn login(address: &str) -> String {
    json!({"config-server": {"address": address, "user": "me", "secret-key": "S3CR3T"}}).to_string()
}

/// Reading any of these files would never end.
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

fn set_mode(file: &Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(file, std::fs::Permissions::from_mode(mode)).expect("chmod");
}

/// An attacker may have copied somebody else's encrypted value into a file that names the attacker's broker.
#[test]
fn a_file_that_everybody_can_write_does_not_get_encrypted_values_opened() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name);
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.set_nonblocking(true).expect("a socket");
    let address = listener.local_addr().expect("an address").to_string();
    let config = write(path("config.yml"), &service_with_a_secret().replace("127.0.0.1:1", &address));
    let key = write(path("key.pem"), &private_key());
    let open = || with_file(&config).private_key_file(&key).parameter("connection_timeout", 1).open();
    let name = config.display().to_string();
    set_mode(&config, 0o666);
    let refused =
        told(open(), "InvalidConfiguration", &["can be written by everybody (mode 0666)", "encrypted values"]);
    assert!(refused.contains(&format!("'chmod go-w {name}' mends that")), "{refused}");
    assert!(refused.contains("SINETSTREAM_ALLOW_SHARED_FILES=1"), "{refused}");
    set_mode(&config, 0o600);
    set_mode(folder.path(), 0o777);
    let remedy = format!("'chmod o-w {}'", folder.path().display());
    told(open(), "InvalidConfiguration", &[&name, "folder that everybody can write (mode 0777)", &remedy]);
    // The folder has the mode of /tmp.
    set_mode(folder.path(), 0o1777);
    assert_eq!(listener.accept().map_err(|e| e.kind()).err(), Some(std::io::ErrorKind::WouldBlock), "nothing is sent");
    told(open(), "Connection", &[&address]);
}

fn has_a_group_of_its_own(file: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata(file).is_ok_and(|metadata| metadata.gid() == metadata.uid())
}

#[test]
fn without_secrets_or_for_its_group_such_a_file_is_a_warning() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name);
    let key = write(path("key.pem"), &private_key());
    for (text, mode, who) in [
        (service(""), 0o666, "everybody (mode 0666)"),
        (service(""), 0o620, "its group (mode 0620)"),
        (service_with_a_secret(), 0o664, "its group (mode 0664)"),
    ] {
        let config = write(path("config.yml"), &text);
        let open = || {
            let builder = with_file(&config).private_key_file(&key);
            common::warnings::collect(|| told(builder.open(), "Connection", &[])).1
        };
        assert_eq!(open(), [] as [String; 0]);
        set_mode(&config, mode);
        let warnings = open();
        if mode & 0o002 == 0 && has_a_group_of_its_own(&config) {
            assert_eq!(warnings, [] as [String; 0], "{who}");
            continue;
        }
        assert_eq!(warnings.len(), 1, "{warnings:?}");
        assert!(warnings[0].contains(who) && warnings[0].contains("'chmod g"), "{warnings:?}");
    }
}

/// Tries every secret file with this mode and owner; returns the results and the warnings.
fn secret_files(mode: u32, owner: Option<u32>) -> Vec<(&'static str, sinetstream::Result<()>, Vec<String>)> {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name);
    let ours = |name: &str, text: &str| write(path(name), text);
    let theirs = |name: &str, text: &str| {
        let file = write(path(name), text);
        set_mode(&file, mode);
        if let Some(owner) = owner {
            std::os::unix::fs::chown(&file, Some(owner), None).expect("chown");
        }
        file
    };
    let client = common::certificates::authority().sign_client("files");
    let certificate = ours("client.pem", &client.pem).display().to_string();
    let both = theirs("both.pem", &format!("{}{}", client.pem, client.key_pem)).display().to_string();
    let tls_key = theirs("tls.key", &client.key_pem).display().to_string();
    let password = theirs("password", "something long").display().to_string();
    let tls = |inside: &str| ours("tls.yml", &service(&format!("  tls: {{{inside}}}\n")));
    let crypto = format!("  crypto: {{algorithm: AES, mode: GCM, password: {{path: {password}}}}}\n");
    let closed = format!("http://127.0.0.1:{}", common::http::closed_port());
    let open = |builder: Builder| common::warnings::collect(|| builder.open().map(drop));
    let mut told = Vec::new();
    let mut tell = |name, builder| {
        let (result, warnings) = open(builder);
        told.push((name, result, warnings));
    };
    tell("tls.key", with_file(&tls(&format!("certfile: {certificate}, keyfile: {tls_key}"))));
    tell("both.pem", with_file(&tls(&format!("certfile: {both}"))));
    tell("password", with_file(&ours("crypto.yml", &service(&format!("  data_encryption: true\n{crypto}")))));
    let key = theirs("private.pem", &private_key());
    tell("private.pem", with_file(&ours("secret.yml", &service_with_a_secret())).private_key_file(key));
    let auth = theirs("auth.json", &login(&closed));
    tell("auth.json", MessageWriter::<str>::builder().config_name("c").auth_file(auth));
    told
}

#[test]
fn a_secret_file_that_others_can_write_is_refused() {
    for (name, result, _) in secret_files(0o622, None) {
        let words = [name, "can be written by everybody (mode 0622), and it is secret: 'chmod go-rwx "];
        told(result, "InvalidConfiguration", &words);
    }
}

#[test]
fn a_secret_file_that_others_can_read_is_a_warning() {
    for (name, result, warnings) in secret_files(0o644, None) {
        told(result, "Connection", &[]);
        // The certificates of the configuration server come with the configuration.
        if name == "auth.json" {
            continue;
        }
        assert_eq!(warnings.len(), 1, "{warnings:?}");
        let words = "can be read by other users (mode 0644), and it is secret: 'chmod go-rwx ";
        assert!(warnings[0].contains(name) && warnings[0].contains(words), "{warnings:?}");
    }
    for (name, result, warnings) in secret_files(0o600, None) {
        told(result, "Connection", &[]);
        assert_eq!(warnings, [] as [String; 0], "{name}");
    }
}

/// Only root can give files away; the module's own tests cover other users.
#[test]
fn a_secret_file_of_somebody_else_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    if std::os::unix::fs::chown(folder.path(), Some(12345), None).is_err() {
        return;
    }
    std::os::unix::fs::chown(folder.path(), Some(0), None).expect("chown");
    let own = write(folder.path().join("own.yml"), &service_with_a_secret());
    let link = folder.path().join("link.yml");
    std::os::unix::fs::symlink(&own, &link).expect("a link");
    let key = write(folder.path().join("key.pem"), &private_key());
    let open = || with_file(&link).private_key_file(&key).open();
    told(open(), "Connection", &[]);
    std::os::unix::fs::lchown(&link, Some(12345), None).expect("chown");
    told(open(), "InvalidConfiguration", &["link.yml belongs to another user (uid 12345)", "'chown -h 0 "]);
    for (name, result, _) in secret_files(0o600, Some(12345)) {
        told(result, "InvalidConfiguration", &[name, "belongs to another user (uid 12345)", "'chown 0 "]);
    }
}

/// The folder's owner can replace the file at any moment, also between the reading and the check.
#[test]
fn a_folder_of_somebody_else_does_not_get_encrypted_values_opened() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name);
    let config = write(path("config.yml"), &service_with_a_secret());
    let plain = write(path("plain.yml"), &service(""));
    let elsewhere = tempfile::tempdir().expect("a folder");
    let key = write(elsewhere.path().join("key.pem"), &private_key());
    for mode in [0o755, 0o1777] {
        set_mode(folder.path(), mode);
        if std::os::unix::fs::chown(folder.path(), Some(12345), None).is_err() {
            return;
        }
        let words = ["config.yml stands in a folder of another user (uid 12345)", "'chown 0 "];
        told(with_file(&config).private_key_file(&key).open(), "InvalidConfiguration", &words);
        let (result, warnings) = common::warnings::collect(|| with_file(&plain).open());
        told(result, "Connection", &[]);
        assert!(warnings.len() == 1 && warnings[0].contains("a folder of another user"), "{warnings:?}");
    }
}

/// Anybody who can replace one part of the path chooses the file, however far away that part is.
#[test]
fn the_whole_way_to_a_file_counts_through_folders_and_links() {
    use std::os::unix::fs::symlink;
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path().canonicalize().expect("a folder");
    let path = |name: &str| folder.join(name);
    for name in ["open/own/deep", "safe", "links"] {
        std::fs::create_dir_all(path(name)).expect("a folder");
    }
    let key = write(path("safe/key.pem"), &private_key());
    write(path("open/own/deep/config.yml"), &service_with_a_secret());
    write(path("safe/config.yml"), &service_with_a_secret());
    // A link leads from a safe folder through the open one back into a safe one; another link leads to a folder.
    symlink(path("open/second.yml"), path("links/first.yml")).expect("a link");
    symlink("../safe/config.yml", path("open/second.yml")).expect("a link");
    symlink("../open/own", path("links/own")).expect("a link");
    let open = |name: &str| with_file(&path(name)).private_key_file(&key).open();
    let names = ["open/own/deep/config.yml", "links/first.yml", "links/own/deep/config.yml"];
    for (mode, is_fault) in [(0o755, false), (0o777, true), (0o1777, false)] {
        set_mode(&path("open"), mode);
        for name in names {
            match is_fault {
                true => {
                    let remedy = format!("'chmod o-w {}'", path("open").display());
                    told(open(name), "InvalidConfiguration", &[name, "that everybody can write (mode 0777)", &remedy]);
                }
                false => drop(told(open(name), "Connection", &[])),
            }
        }
    }
    // The owner is unknown on some systems, but the folder is still writable by everybody.
    set_mode(&path("open"), 0o777);
    if std::os::unix::fs::chown(path("open"), Some(65534), None).is_ok() {
        told(open(names[0]), "InvalidConfiguration", &["that everybody can write (mode 0777)"]);
    }
    set_mode(&path("open"), 0o755);
    // A folder further up may be that of a project.
    if std::os::unix::fs::chown(path("open"), Some(12345), None).is_ok() {
        let (result, warnings) = common::warnings::collect(|| open(names[0]));
        told(result, "Connection", &[]);
        let words = format!("stands below {}, a folder of another user (uid 12345)", path("open").display());
        assert!(warnings.len() == 1 && warnings[0].contains(&words), "{warnings:?}");
        told(open(names[1]), "InvalidConfiguration", &["stands in a folder of another user (uid 12345)"]);
    }
}

/// `setfacl -m u:12345:rw` leaves the file so: the group bits, where the group may be the owner's own, are the list's mask.
#[cfg(target_os = "linux")]
#[test]
fn those_in_an_access_control_list_are_others() {
    let folder = tempfile::tempdir().expect("a folder");
    let key = write(folder.path().join("key.pem"), &private_key());
    let config = write(folder.path().join("config.yml"), &service_with_a_secret());
    const NOBODY: u32 = u32::MAX;
    let mut list = 2_u32.to_le_bytes().to_vec();
    for (tag, rights, id) in [(1_u16, 6_u16, NOBODY), (2, 6, 12345), (4, 0, NOBODY), (16, 6, NOBODY), (32, 0, NOBODY)] {
        list.extend([tag.to_le_bytes(), rights.to_le_bytes()].concat());
        list.extend(id.to_le_bytes());
    }
    use rustix::fs::{XattrFlags, setxattr};
    if setxattr(&key, "system.posix_acl_access", &list, XattrFlags::empty()).is_err() {
        return; // The file system has no access control lists.
    }
    let open = || with_file(&config).private_key_file(&key).open();
    let (result, warnings) = common::warnings::collect(open);
    told(result, "Connection", &[]);
    let words = "can be written by its group, or those in its access control list (mode 0660)";
    assert!(warnings.len() == 1 && warnings[0].contains(words), "{warnings:?}");
    set_mode(&key, 0o600);
    let (result, warnings) = common::warnings::collect(open);
    told(result, "Connection", &[]);
    assert_eq!(warnings, [] as [String; 0]);
}

#[cfg(feature = "cli")]
#[test]
fn check_says_it_and_the_environment_allows_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let config = write(folder.path().join("config.yml"), &service_with_a_secret());
    let keys = folder.path().join(".config/sinetstream");
    std::fs::create_dir_all(&keys).expect("a folder");
    write(keys.join("private_key.pem"), &private_key());
    set_mode(&config, 0o666);
    let check = |allowed: Option<&str>| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sinetstream"));
        command.args(["check", "--offline", "--config"]).arg(&config).env("HOME", folder.path());
        command.env_remove("SINETSTREAM_ALLOW_SHARED_FILES");
        allowed.map(|value| command.env("SINETSTREAM_ALLOW_SHARED_FILES", value));
        let output = command.output().expect("the command");
        (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
    };
    let command = format!("'chmod go-w {}' mends that", config.display());
    for (allowed, code, words) in [
        (None, 3, "error: "),
        (Some("0"), 3, "SINETSTREAM_ALLOW_SHARED_FILES=1 in the environment makes this a warning"),
        (Some("perhaps"), 3, "SINETSTREAM_ALLOW_SHARED_FILES is neither 1 nor 0"),
        (Some("1"), 0, "warning: "),
    ] {
        let (found, text) = check(allowed);
        assert_eq!(found, Some(code), "{allowed:?}: {text}");
        assert!(text.contains(words) && text.contains(&command), "{allowed:?}: {text}");
    }
}
