//! Tests files of certificates and keys as tools make them: which are read, and which are named in an error, with a command
//! that makes PEM.

use std::path::PathBuf;
use std::process::Command;

use crate::common::broker::Broker;
use crate::common::certificates::{authority, server};
use crate::common::{told, write_own, writer};
use sinetstream::config::{Map, Value};
use sinetstream::{MessageWriter, Result};

const BY_CERTIFICATE: &str = "allow_anonymous false\nrequire_certificate true\nuse_identity_as_username true";

struct Folder {
    folder: tempfile::TempDir,
    broker: Broker,
}

impl Folder {
    fn new() -> Folder {
        let folder = tempfile::tempdir().expect("a folder");
        let client = authority().sign_client("client");
        let made = Folder { folder, broker: Broker::start_with_listener(server(), BY_CERTIFICATE) };
        write_own(&made.file("ca.pem"), &authority().pem);
        write_own(&made.file("client.pem"), &client.pem);
        write_own(&made.file("client.key"), &client.key_pem);
        made
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn run(&self, line: &str) {
        let mut words = line.split_whitespace();
        let mut command = Command::new(words.next().expect("a command"));
        let output = command.args(words).current_dir(self.folder.path()).output().expect(line);
        assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
    }

    fn open(&self, ca: &str, certificate: &str, key: &str, password: Option<&str>) -> Result<MessageWriter<str>> {
        let path = |name: &str| Value::from(self.file(name).display().to_string());
        let mut tls = Map::new();
        tls.insert("ca_certs", path(ca));
        tls.insert("certfile", path(certificate));
        tls.insert("keyfile", path(key));
        if let Some(password) = password {
            tls.insert("keyfilePassword", password);
        }
        self.open_with(tls)
    }

    fn open_with(&self, tls: Map) -> Result<MessageWriter<str>> {
        writer(&self.broker.further_address(), "t").parameter("tls", tls).open()
    }

    fn rewrite(&self, name: &str, to: &str, change: impl Fn(&str) -> Vec<u8>) {
        let text = std::fs::read_to_string(self.file(name)).expect("read");
        write_own(&self.file(to), change(&text));
    }
}

#[test]
fn der_is_read_like_pem() {
    let folder = Folder::new();
    folder.run("openssl x509 -in ca.pem -outform DER -out ca.der");
    folder.run("openssl x509 -in client.pem -outform DER -out client.der");
    folder.run("openssl pkey -in client.key -outform DER -out client.pk8");
    folder.run("openssl pkcs8 -topk8 -nocrypt -in client.key -outform DER -out client2.pk8");
    folder.run("openssl pkcs8 -topk8 -v2 aes-256-cbc -passout pass:secret -in client.key -outform DER -out client.enc");
    for (key, password) in [("client.pk8", None), ("client2.pk8", None), ("client.enc", Some("secret"))] {
        folder.open("ca.der", "client.der", key, password).unwrap_or_else(|error| panic!("{key}: {error}"));
    }
    // The file has the whole chain, one certificate after the other.
    let both = [std::fs::read(folder.file("client.der")), std::fs::read(folder.file("ca.der"))];
    write_own(&folder.file("both.der"), both.map(|der| der.expect("read")).concat());
    folder.open("ca.der", "both.der", "client.pk8", None).expect("open");
    folder.run("openssl genrsa -out rsa.key 2048");
    let rsa = authority().sign_client_key("rsa", &std::fs::read_to_string(folder.file("rsa.key")).expect("read"));
    write_own(&folder.file("rsa.pem"), rsa.pem);
    folder.run("openssl rsa -in rsa.key -traditional -outform DER -out rsa.der");
    folder.open("ca.der", "rsa.pem", "rsa.der", None).expect("open");
    let mut noise = std::fs::read(folder.file("ca.der")).expect("read");
    noise[40] ^= 0xFF;
    noise.truncate(200);
    write_own(&folder.file("noise"), noise);
    told(folder.open("noise", "client.der", "client.pk8", None), "Io", &["noise", "no certificate in it"]);
}

#[test]
fn what_editors_shells_and_variables_make_of_pem_is_read() {
    let folder = Folder::new();
    let wide = |text: &str, order: fn(u16) -> [u8; 2]| text.encode_utf16().flat_map(order).collect::<Vec<u8>>();
    let bare = |text: &str| {
        text.lines().filter(|line| !line.starts_with('-')).map(|line| format!("{line}\r\n")).collect::<String>()
    };
    type Change<'a> = Box<dyn Fn(&str) -> Vec<u8> + 'a>;
    let changes: [(&str, Change<'_>); 7] = [
        ("UTF-16LE", Box::new(|text| wide(&format!("\u{feff}{text}"), u16::to_le_bytes))),
        ("UTF-16BE", Box::new(|text| wide(&format!("\u{feff}{text}"), u16::to_be_bytes))),
        ("UTF-16LE without a mark", Box::new(|text| wide(text, u16::to_le_bytes))),
        ("\\n", Box::new(|text| text.replace('\n', "\\n").into_bytes())),
        ("\\r\\n in quotes", Box::new(|text| format!("\"{}\"", text.replace('\n', "\\r\\n")).into_bytes())),
        ("no BEGIN", Box::new(|text| bare(text).into_bytes())),
        ("one line", Box::new(|text| bare(text).replace("\r\n", "").into_bytes())),
    ];
    for (what, change) in changes {
        for (name, to) in [("ca.pem", "ca"), ("client.pem", "client"), ("client.key", "key")] {
            folder.rewrite(name, to, &change);
        }
        folder.open("ca", "client", "key", None).unwrap_or_else(|error| panic!("{what}: {error}"));
        let mut inline = Map::new();
        for (name, file) in [("ca_certs_data", "ca"), ("certfile_data", "client"), ("keyfile_data", "key")] {
            inline.insert(name, Value::Bytes(std::fs::read(folder.file(file)).expect("read")));
        }
        folder.open_with(inline).unwrap_or_else(|error| panic!("{what} inline: {error}"));
    }
}

#[test]
fn a_trusted_certificate_of_openssl_counts_for_servers_only_if_it_says_so() {
    let folder = Folder::new();
    for (trust, is_for_servers) in [
        ("", true),
        (" -addtrust serverAuth", true),
        (" -addtrust anyExtendedKeyUsage -setalias name", true),
        (" -addtrust clientAuth", false),
        (" -addreject serverAuth", false),
        (" -addtrust serverAuth -addreject emailProtection", true),
    ] {
        folder.run(&format!("openssl x509 -in ca.pem -trustout -out trusted.pem{trust}"));
        let opened = folder.open("trusted.pem", "client.pem", "client.key", None);
        match is_for_servers {
            true => drop(opened.unwrap_or_else(|error| panic!("{trust}: {error}"))),
            false => {
                let words = ["'tls.ca_certs'", "trusted.pem", "TRUSTED CERTIFICATE", "whoever made the file"];
                let message = told(opened, "Io", &words);
                // The message must not lead a user to trust a certificate that somebody has decided not to trust.
                assert!(!message.contains("NEW"), "{message}");
                folder.follow(&message, "trusted.pem", " -out uses");
                let shown = std::fs::read_to_string(folder.file("uses")).expect("read");
                assert!(["Trusted Uses", "Rejected Uses"].iter().any(|uses| shown.contains(uses)), "{shown}");
            }
        }
    }
    folder.run("openssl x509 -in client.pem -trustout -out own.pem -addtrust clientAuth");
    folder.open("ca.pem", "own.pem", "client.key", None).expect("open");
}

impl Folder {
    /// Runs the command of the message, with a file of this name.
    fn follow(&self, message: &str, file: &str, more: &str) {
        let command = message.split('\'').find(|part| part.starts_with("openssl ")).expect("a command");
        let _ = std::fs::remove_file(self.file("new"));
        self.run(&format!("{}{more}", command.replace("FILE", file).replace("NEW", "new")));
    }
}

#[test]
fn what_is_not_read_is_called_by_its_name_with_a_command_that_works() {
    let folder = Folder::new();
    folder.run("openssl crl2pkcs7 -nocrl -certfile ca.pem -out ca.p7b");
    folder.run("openssl crl2pkcs7 -nocrl -certfile ca.pem -outform DER -out ca.p7c");
    folder.run("openssl pkcs12 -export -nokeys -in ca.pem -passout pass:secret -out ca.p12");
    folder.run("openssl pkcs12 -export -in client.pem -inkey client.key -passout pass:secret -out client.p12");
    folder.run("openssl req -new -key client.key -subj /CN=x -out client.csr");
    folder.run("openssl req -new -key client.key -subj /CN=x -outform DER -out client.csr.der");
    write_own(&folder.file("keys.jks"), b"\xFE\xED\xFE\xED\0\0\0\x02\0\0\0\0");
    for (file, words, more) in
        [("ca.p7b", "PKCS #7", ""), ("ca.p7c", "PKCS #7", ""), ("ca.p12", "PKCS #12", " -passin pass:secret")]
    {
        let message = told(folder.open(file, "client.pem", "client.key", None), "Io", &["'tls.ca_certs'", file, words]);
        folder.follow(&message, file, more);
        folder.open("new", "client.pem", "client.key", None).unwrap_or_else(|error| panic!("{file}: {error}"));
    }
    for (certificate, key, name) in [("client.p12", "client.key", "certfile"), ("client.pem", "client.p12", "keyfile")]
    {
        let place = format!("'tls.{name}'");
        let message = told(folder.open("ca.pem", certificate, key, None), "Io", &[&place, "client.p12", "PKCS #12"]);
        folder.follow(&message, "client.p12", " -passin pass:secret");
        folder.open("ca.pem", "new", "new", None).expect("the converted one");
    }
    for (certificate, key, words) in [
        ("client.csr", "client.key", &["'tls.certfile'", "request for a certificate (CSR)"]),
        ("client.csr.der", "client.key", &["'tls.certfile'", "request for a certificate (CSR)"]),
        ("keys.jks", "client.key", &["'tls.certfile'", "keytool -importkeystore"]),
        ("client.key", "client.pem", &["no certificate in it", "'PRIVATE KEY'"]),
        ("client.pem", "client.pem", &["no private key in it", "'CERTIFICATE'"]),
    ] {
        told(folder.open("ca.pem", certificate, key, None), "Io", words);
    }
}
