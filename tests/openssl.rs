//! Certificates as people make them with OpenSSL, good and bad: what is accepted, and what is said of the others.

mod common;

use std::io::Read;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use common::broker::{Broker, free_ports};
use common::certificates::{Authority, Certificate};
use common::told;
use sinetstream::config::Value;
use sinetstream::{Cause, ConnectionEvent, Error, MessageWriterBuilder};

/// A folder in which openssl works, with an authority in it.
struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Folder {
        let folder = Folder(tempfile::tempdir().expect("a folder"));
        folder.openssl("req -x509 -newkey rsa:2048 -nodes -subj /CN=authority -keyout ca.key -out ca.pem");
        folder
    }

    fn file(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        std::fs::write(self.file(name), text).expect("write");
        self.file(name)
    }

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.file(name)).expect("read")
    }

    fn openssl(&self, arguments: &str) {
        let output = Command::new("openssl").current_dir(self.0.path()).args(arguments.split(' ')).output();
        let output = output.expect("openssl");
        assert!(output.status.success(), "{arguments}: {}", String::from_utf8_lossy(&output.stderr));
    }

    /// A server's certificate, signed by an authority, with what stands in its -extfile.
    fn signed(&self, key: &str, name: &str, extensions: &str, more: &str) -> Certificate {
        self.openssl(&format!("req -newkey {key} -nodes -subj /CN={name} -keyout key.pem -out request.pem"));
        self.write("extensions", extensions);
        let mut line = "x509 -req -in request.pem -CA ca.pem -CAkey ca.key -CAcreateserial -out cert.pem".to_owned();
        if !extensions.is_empty() {
            line.push_str(" -extfile extensions");
        }
        self.openssl(&format!("{line}{more}"));
        Certificate { pem: self.read("cert.pem"), key_pem: self.read("key.pem") }
    }
}

/// OpenSSL's own server, which shows whatever certificate it is given, after the handshake nothing.
struct Server {
    process: Child,
    port: u16,
}

impl Server {
    fn start(folder: &Folder, certificate: &Certificate) -> Server {
        let [port] = free_ports();
        let pem = folder.write("shown.pem", &certificate.pem);
        let key = folder.write("shown.key", &certificate.key_pem);
        let mut command = Command::new("openssl");
        command.args(["s_server", "-quiet", "-cipher", "ALL:@SECLEVEL=0", "-accept", &format!("127.0.0.1:{port}")]);
        command.arg("-cert").arg(&pem).arg("-cert_chain").arg(&pem).arg("-key").arg(&key);
        let process = command.stdin(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("openssl s_server");
        let mut server = Server { process, port };
        common::eventually("openssl s_server listens", || {
            if server.process.try_wait().expect("its state").is_some() {
                let mut said = String::new();
                server.process.stderr.take().expect("its errors").read_to_string(&mut said).expect("read");
                panic!("{said}");
            }
            TcpStream::connect(("127.0.0.1", port)).is_ok()
        });
        server
    }

    fn address(&self) -> String {
        format!("localhost:{}", self.port)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn writer(address: &str, ca_certs: &Path, check_hostname: bool) -> MessageWriterBuilder<str> {
    let tls = Value::from([
        ("ca_certs", Value::from(ca_certs.display().to_string())),
        ("check_hostname", Value::from(check_hostname)),
    ]);
    let login = common::login("user01", "user01-pass");
    common::writer(address, "t").parameter("tls", tls).parameter("username_pw", login)
}

/// It is what the broker has, and is accepted, so that a message goes through. Returns the warnings.
fn accepted(certificate: &Certificate, ca_certs: &Path, host: &str, check_hostname: bool) -> Vec<String> {
    let broker = Broker::start_with(certificate, "");
    let (sender, warnings) = std::sync::mpsc::channel();
    let listener = move |event: &ConnectionEvent| {
        if let ConnectionEvent::Warning { text } = event {
            let _ = sender.send(text.clone());
        }
    };
    let writer = writer(&format!("{host}:{}", broker.tls), ca_certs, check_hostname)
        .consistency(sinetstream::Consistency::AtLeastOnce)
        .on_connection_event(listener)
        .open()
        .expect("a writer");
    writer.write("hello").expect("write");
    writer.close().expect("close");
    warnings.try_iter().collect()
}

#[track_caller]
fn refused(certificate: &Certificate, ca_certs: &Path, host: &str, words: &[&str]) {
    let folder = Folder(tempfile::tempdir().expect("a folder"));
    let server = Server::start(&folder, certificate);
    let result = writer(&server.address().replace("localhost", host), ca_certs, true).open();
    let cause = result.as_ref().err().and_then(Error::cause);
    let message = told(result, "Connection", words);
    assert!(matches!(cause, Some(Cause::Certificate | Cause::Tls)), "{cause:?}");
    for debug in ["Other", "Error", "Context", "{", "Unsupported"] {
        assert!(!message.contains(debug), "'{debug}': {message}");
    }
}

#[test]
fn a_self_signed_certificate_is_trusted_when_it_is_itself_in_ca_certs() {
    let folder = Folder::new();
    // With CA:TRUE, as openssl makes it without being asked.
    folder
        .openssl("req -x509 -newkey rsa:2048 -nodes -subj /CN=b -addext subjectAltName=DNS:localhost -keyout k -out c");
    let own = Certificate { pem: folder.read("c"), key_pem: folder.read("k") };
    assert_eq!(accepted(&own, &folder.file("c"), "localhost", true), Vec::<String>::new());
    // One of several.
    let both = folder.write("both", &(folder.read("ca.pem") + &own.pem));
    accepted(&own, &both, "localhost", true);
    // Its name counts as ever.
    refused(&own, &folder.file("c"), "127.0.0.1", &["CA:TRUE", "for 'localhost'"]);
    accepted(&own, &folder.file("c"), "127.0.0.1", false);
    // Another one with the same names does not help.
    folder.openssl(
        "req -x509 -newkey rsa:2048 -nodes -subj /CN=b -addext subjectAltName=DNS:localhost -keyout k2 -out c2",
    );
    refused(&own, &folder.file("c2"), "localhost", &["certificate", "self-signed"]);
    refused(&own, &folder.file("ca.pem"), "localhost", &["certificate", "self-signed"]);
    // Nor does it help when it is out of date.
    let expired = Authority::self_signed_expired(&["localhost"]);
    let file = folder.write("expired", &expired.pem);
    refused(&expired, &file, "localhost", &["expired"]);
}

#[test]
fn a_common_name_counts_where_there_is_no_other_name() {
    let folder = Folder::new();
    let ca = folder.file("ca.pem");
    let certificate = folder.signed("rsa:2048", "localhost", "basicConstraints=CA:FALSE", "");
    let warnings = accepted(&certificate, &ca, "localhost", true);
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(warnings[0].contains("subjectAltName=DNS:localhost"), "{warnings:?}");
    refused(&certificate, &ca, "127.0.0.1", &["not for '127.0.0.1'", "subjectAltName"]);
    assert_eq!(accepted(&certificate, &ca, "127.0.0.1", false), Vec::<String>::new());
    let other = folder.signed("rsa:2048", "other.example.org", "basicConstraints=CA:FALSE", "");
    refused(&other, &ca, "localhost", &["not for 'localhost'"]);
    let both = folder.signed("rsa:2048", "localhost", "subjectAltName=DNS:other.example.org", "");
    refused(&both, &ca, "localhost", &["not for 'localhost'", "'other.example.org'"]);
    // The same for one that is its own authority.
    folder.openssl("req -x509 -newkey rsa:2048 -nodes -subj /CN=localhost -keyout k -out c");
    let own = Certificate { pem: folder.read("c"), key_pem: folder.read("k") };
    assert_eq!(accepted(&own, &folder.file("c"), "localhost", true).len(), 1);
}

#[test]
fn every_other_mistake_has_its_sentence() {
    const SAN: &str = "subjectAltName=DNS:localhost";
    let folder = Folder::new();
    let ca = folder.file("ca.pem");
    accepted(&folder.signed("rsa:2048", "x", SAN, ""), &ca, "localhost", true);
    accepted(&folder.signed("rsa:2048", "x", "subjectAltName=IP:127.0.0.1", ""), &ca, "127.0.0.1", true);
    let version_1 = folder.signed("rsa:2048", "localhost", "", "");
    refused(&version_1, &ca, "localhost", &["version 1 of X.509", "-extfile", "'CN=authority'"]);
    let weak = folder.signed("rsa:1024", "x", SAN, "");
    refused(&weak, &ca, "localhost", &["1024 bits", "2048"]);
    let sha1 = folder.signed("rsa:2048", "x", SAN, " -sha1");
    refused(&sha1, &ca, "localhost", &["signed with SHA-1", "SHA-256"]);
    let p521 = folder.signed("ec -pkeyopt ec_paramgen_curve:secp521r1", "x", SAN, "");
    refused(&p521, &ca, "localhost", &["P-521"]);
    let critical = folder.signed("rsa:2048", "x", &format!("{SAN}\n1.2.3.4=critical,ASN1:NULL"), "");
    refused(&critical, &ca, "localhost", &["critical extension", "for 'localhost'"]);
    let wildcard = folder.signed("rsa:2048", "x", "subjectAltName=DNS:*.example.org", "");
    refused(&wildcard, &ca, "localhost", &["not for 'localhost'", "'*.example.org'"]);
    let clients = folder.signed("rsa:2048", "x", &format!("{SAN}\nextendedKeyUsage=clientAuth"), "");
    refused(&clients, &ca, "localhost", &["not made for servers", "serverAuth"]);
    // The authority is another one: whose it is, is told.
    let elsewhere = Folder::new();
    elsewhere.openssl("req -x509 -newkey rsa:2048 -nodes -subj /CN=another -keyout ca.key -out ca.pem");
    let foreign = elsewhere.signed("rsa:2048", "x", SAN, "");
    refused(&foreign, &ca, "localhost", &["not signed by a trusted authority", "'CN=another'", "'ca_certs'"]);
}

#[test]
fn chains_need_their_middle_but_no_order() {
    let root = Authority::new("root");
    let middle = root.sign_authority("middle");
    let server = middle.sign(&["localhost"]);
    let folder = tempfile::tempdir().expect("a folder");
    let ca = folder.path().join("root.pem");
    std::fs::write(&ca, &root.pem).expect("write");
    refused(&server, &ca, "localhost", &["not signed by a trusted authority", "between", "'CN=middle'"]);
    let chain = |parts: &[&str]| Certificate { pem: parts.concat(), key_pem: server.key_pem.clone() };
    accepted(&chain(&[&server.pem, &middle.pem]), &ca, "localhost", true);
    accepted(&chain(&[&server.pem, &root.pem, &middle.pem]), &ca, "localhost", true);
}

#[test]
#[cfg(feature = "cli")]
fn check_gives_the_line_that_makes_a_right_certificate() {
    let folder = Folder::new();
    let ca = folder.file("ca.pem");
    for (extensions, cause) in [("", "version 1 of X.509"), ("subjectAltName=DNS:other", "not for 'localhost'")] {
        let certificate = folder.signed("rsa:2048", "localhost", extensions, "");
        let server = Server::start(&folder, &certificate);
        let brokers = format!("brokers={}", server.address());
        let trusted = format!("tls.ca_certs={}", ca.display());
        let ended = common::command::run(["check", "-nc", "type=mqtt", "topic=t", &brokers, &trusted]).expect(4);
        let text = ended.text();
        assert!(text.contains(cause), "{text}");
        assert!(text.contains("openssl req -x509") && text.contains("subjectAltName=DNS:localhost"), "{text}");
    }
}
