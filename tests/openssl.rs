//! Tests certificates as users make them with OpenSSL, good and bad: which are accepted, and how the others are refused.

use std::io::Read;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::common;
use crate::common::broker::{Broker, free_ports};
use crate::common::certificates::{Authority, Certificate};
use crate::common::told;
use sinetstream::config::{Map, Value};
use sinetstream::{ConnectionEvent, Error, MessageWriterBuilder, Obstacle};

/// A folder for openssl, with an authority in it.
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

    /// Makes a certificate and its key under a name of their own; the certificate of another name signs it, or it signs itself.
    fn make(&self, name: &str, common_name: &str, signer: &str, extensions: &str, more: &str) {
        self.openssl(&format!(
            "req -newkey rsa:2048 -nodes -subj /CN={common_name} -keyout {name}.key -out request.pem"
        ));
        let mut line = format!("x509 -req -in request.pem -out {name}.pem");
        line.push_str(&match signer == name {
            true => format!(" -signkey {name}.key"),
            false => format!(" -CA {signer}.pem -CAkey {signer}.key -CAcreateserial"),
        });
        if !extensions.is_empty() {
            self.write("extensions", extensions);
            line.push_str(" -extfile extensions");
        }
        self.openssl(&format!("{line}{more}"));
    }

    /// Returns the certificates of these names; the key is that of the first.
    fn made(&self, names: &str) -> Certificate {
        let (first, _) = names.split_once(' ').unwrap_or((names, ""));
        let pem = names.split(' ').map(|name| self.read(&format!("{name}.pem"))).collect();
        Certificate { pem, key_pem: self.read(&format!("{first}.key")) }
    }

    /// Whether openssl's own client accepts the certificate.
    fn is_accepted_by_openssl(&self, certificate: &Certificate, trusted: &str, host: &str, more: &str) -> bool {
        let server = Server::start(self, certificate);
        let line = format!(
            "s_client -connect {} -CAfile {trusted}.pem -no-CApath -no-CAstore -verify_hostname {host} \
             -verify_return_error -brief{more}",
            server.address()
        );
        let mut command = Command::new("openssl");
        let output = command.current_dir(self.0.path()).args(line.split(' ')).stdin(Stdio::null()).output();
        let output = output.expect("openssl s_client");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() || said.contains("certificate verify failed"), "{said}");
        output.status.success()
    }

    /// Makes a server's certificate that the authority signs, with these extensions.
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

/// OpenSSL's own server, which shows any certificate that it is given, and sends nothing after the handshake.
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

/// Checks that a broker's certificate is accepted and a message goes through. Returns the warnings.
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
    refused_with(certificate, &[("ca_certs", ca_certs.display().to_string().into())], host, words);
}

#[track_caller]
fn refused_with(certificate: &Certificate, tls: &[(&str, Value)], host: &str, words: &[&str]) {
    let folder = Folder(tempfile::tempdir().expect("a folder"));
    let server = Server::start(&folder, certificate);
    let mut all = Map::new();
    tls.iter().for_each(|(name, value)| all.insert(*name, value.clone()));
    let result = common::writer::<str>(&server.address().replace("localhost", host), "t").parameter("tls", all).open();
    let cause = result.as_ref().err().and_then(Error::obstacle);
    let message = told(result, "Connection", words);
    assert!(matches!(cause, Some(Obstacle::Certificate | Obstacle::Tls)), "{cause:?}");
    for debug in ["Other", "Error", "Context", "{", "Unsupported"] {
        assert!(!message.contains(debug), "'{debug}': {message}");
    }
}

#[test]
fn a_self_signed_certificate_is_trusted_when_it_is_itself_in_ca_certs() {
    let folder = Folder::new();
    // By default, openssl makes such a certificate with CA:TRUE.
    folder
        .openssl("req -x509 -newkey rsa:2048 -nodes -subj /CN=b -addext subjectAltName=DNS:localhost -keyout k -out c");
    let own = Certificate { pem: folder.read("c"), key_pem: folder.read("k") };
    assert_eq!(accepted(&own, &folder.file("c"), "localhost", true), Vec::<String>::new());
    // The file has several certificates, of which this is one.
    let both = folder.write("both", &(folder.read("ca.pem") + &own.pem));
    accepted(&own, &both, "localhost", true);
    // The host name is checked all the same.
    refused(&own, &folder.file("c"), "127.0.0.1", &["not for '127.0.0.1'", "for 'localhost'"]);
    accepted(&own, &folder.file("c"), "127.0.0.1", false);
    // A different certificate with the same names is not trusted.
    folder.openssl(
        "req -x509 -newkey rsa:2048 -nodes -subj /CN=b -addext subjectAltName=DNS:localhost -keyout k2 -out c2",
    );
    refused(&own, &folder.file("c2"), "localhost", &["certificate", "self-signed"]);
    refused(&own, &folder.file("ca.pem"), "localhost", &["certificate", "self-signed"]);
    // A trusted certificate is refused if it has expired.
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
    // An address that is written as a DNS name does not count.
    let letters = folder.signed("rsa:2048", "x", "subjectAltName=DNS:127.0.0.1", "");
    let is = ["not for '127.0.0.1' (IP address)", "it is for '127.0.0.1' (DNS name)", "subjectAltName=IP:127.0.0.1"];
    refused(&letters, &ca, "127.0.0.1", &is);
    let address = folder.signed("rsa:2048", "x", "subjectAltName=IP:127.0.0.1", "");
    refused(&address, &ca, "localhost", &["not for 'localhost':", "it is for '127.0.0.1' (IP address)", "'brokers'"]);
    let other = folder.signed("rsa:2048", "other.example.org", "basicConstraints=CA:FALSE", "");
    refused(&other, &ca, "localhost", &["not for 'localhost'"]);
    let both = folder.signed("rsa:2048", "localhost", "subjectAltName=DNS:other.example.org", "");
    refused(&both, &ca, "localhost", &["not for 'localhost'", "'other.example.org'"]);
    // The same holds for a certificate that is its own authority.
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
    // A different authority has signed the certificate; the message names it.
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

const AUTHORITY: &str = "basicConstraints=critical,CA:TRUE";
const SERVER: &str = "basicConstraints=CA:FALSE\nsubjectAltName=DNS:localhost";

/// The cases are those of the table in docs/tls.md. Where OpenSSL and Java agree, this client agrees with them; each text is a
/// part of the refusal.
#[test]
fn what_a_certificate_may_not_do_counts() {
    const OK: &str = "";
    let folder = Folder::new();
    let make = |name: &str, signer: &str, extensions: &str| folder.make(name, name, signer, extensions, "");
    let authority = |more: &str| format!("{AUTHORITY}{more}");
    let server = |more: &str| format!("{SERVER}{more}");
    make("server", "ca", SERVER);
    make("other", "ca", "basicConstraints=CA:FALSE\nsubjectAltName=DNS:other.example.org");
    make("forged", "other", SERVER);
    make("alone", "alone", SERVER);
    make("keys", "keys", &authority("\nkeyUsage=digitalSignature"));
    make("by-keys", "keys", SERVER);
    make("plain", "plain", "subjectKeyIdentifier=hash");
    make("by-plain", "plain", SERVER);
    folder.make("old", "old", "old", AUTHORITY, " -days -1");
    make("by-old", "old", SERVER);
    make("clients", "clients", &authority("\nextendedKeyUsage=clientAuth"));
    make("by-clients", "clients", SERVER);
    make("middle", "ca", AUTHORITY);
    make("by-middle", "middle", SERVER);
    make("dumb", "ca", &authority("\nkeyUsage=digitalSignature"));
    make("by-dumb", "dumb", SERVER);
    make("first", "first", "");
    make("by-first", "first", SERVER);
    make("enciphers", "ca", &server("\nkeyUsage=keyEncipherment"));
    make("witness", "ca", &server("\nkeyUsage=nonRepudiation"));
    for (trusted, shown, says, openssl) in [
        ("ca", "server", OK, true),
        // The signer of these is not an authority.
        ("other", "forged other", "not signed by a trusted authority", false),
        ("other", "forged", "not signed by a trusted authority", false),
        ("keys", "by-keys", "not signed by a trusted authority", false),
        ("plain", "by-plain", "not signed by a trusted authority", false),
        ("ca", "by-dumb dumb", "keyCertSign", false),
        // The certificate itself is trusted, whoever signed it, as in Java.
        ("alone", "alone", OK, true),
        ("server", "server", OK, false),
        // These authorities are not valid ones.
        ("old", "by-old", "has expired: it was valid until", false),
        ("clients", "by-clients", "serverAuth", false),
        ("first", "by-first", OK, true),
        // This is accepted, as in Java.
        ("middle", "by-middle", OK, false),
        ("ca", "enciphers", "digitalSignature", true),
        ("ca", "witness", "digitalSignature", false),
    ] {
        let certificate = folder.made(shown);
        let openssl_says = folder.is_accepted_by_openssl(&certificate, trusted, "localhost", "");
        assert_eq!(openssl_says, openssl, "openssl: {shown}, trusted {trusted}");
        let trusted = folder.file(&format!("{trusted}.pem"));
        if says == OK {
            assert_eq!(accepted(&certificate, &trusted, "localhost", true), Vec::<String>::new(), "{shown}");
        } else {
            refused(&certificate, &trusted, "localhost", &[says]);
        }
    }
    // The dates and the name are checked.
    refused(&folder.made("other"), &folder.file("other.pem"), "localhost", &["not for 'localhost'"]);
    folder.make("late", "late", "ca", SERVER, " -days -1");
    refused(&folder.made("late"), &folder.file("late.pem"), "localhost", &["has expired"]);
}

/// If a certificate itself is trusted, neither its signer, nor the signature's algorithm, nor the other certificates that the
/// broker sends matter. The certificate's own statements do.
#[test]
fn a_certificate_that_is_itself_in_ca_certs_needs_nobody() {
    let folder = Folder::new();
    folder.make("server", "server", "ca", SERVER, "");
    folder.make("first", "localhost", "ca", "", "");
    folder.make("own-first", "localhost", "own-first", "", "");
    folder.make("other", "other", "ca", "basicConstraints=CA:FALSE", "");
    folder.make("forged", "forged", "other", SERVER, "");
    folder.make("old", "old", "old", AUTHORITY, " -days -1");
    folder.make("by-old", "by-old", "old", SERVER, "");
    // This authority has the name of the signer, but a different key.
    folder.openssl("req -x509 -newkey rsa:2048 -nodes -subj /CN=authority -keyout namesake.key -out namesake.pem");
    for (trusted, shown, openssl) in [
        ("server", "server", true),
        ("server", "server ca", true),
        ("server namesake", "server", true),
        ("server", "server other", true),
        ("first", "first", true),
        ("first", "first ca", true),
        ("first ca", "first", true),
        ("own-first", "own-first", true),
        ("forged ca", "forged other", false),
        ("by-old old", "by-old", false),
    ] {
        let certificate = folder.made(shown);
        let file = folder.write("trusted.pem", &folder.made(trusted).pem);
        assert_eq!(
            folder.is_accepted_by_openssl(
                &certificate,
                "trusted",
                if shown.contains("first") { "" } else { "localhost" },
                " -partial_chain"
            ),
            openssl,
            "openssl: {shown}, trusted {trusted}"
        );
        // A certificate with only a common name is accepted with a warning.
        let warnings = accepted(&certificate, &file, "localhost", true);
        assert_eq!(warnings.len(), usize::from(shown.contains("first")), "{shown}: {warnings:?}");
    }
    for version in ["TLSv1.2", "TLSv1.3"] {
        let broker = Broker::start_with(&folder.made("first"), "");
        let tls = Value::from([
            ("ca_certs", Value::from(folder.file("first.pem").display().to_string())),
            ("tls_version", version.into()),
        ]);
        let login = common::login("user01", "user01-pass");
        let writer = common::writer::<str>(&format!("localhost:{}", broker.tls), "t").parameter("tls", tls);
        writer.parameter("username_pw", login).open().expect(version);
    }
    // Another certificate with the same key and names is not the trusted one.
    folder.openssl("req -new -key first.key -subj /CN=localhost -out request.pem");
    folder.openssl("x509 -req -in request.pem -CA ca.pem -CAkey ca.key -CAcreateserial -out renewed.pem");
    let renewed = Certificate { pem: folder.read("renewed.pem"), key_pem: folder.read("first.key") };
    refused(&renewed, &folder.file("first.pem"), "localhost", &["not signed by a trusted authority"]);
    // The certificate's own dates and names are checked, and the usage of its key, also if an authority vouches for it.
    folder.make("late", "localhost", "ca", "", " -days -1");
    refused(&folder.made("late"), &folder.file("late.pem"), "localhost", &["has expired"]);
    refused(&folder.made("first"), &folder.file("first.pem"), "127.0.0.1", &["not for '127.0.0.1'"]);
    folder.make("witness", "witness", "ca", &format!("{SERVER}\nkeyUsage=nonRepudiation"), "");
    let both = folder.write("both.pem", &folder.made("witness ca").pem);
    refused(&folder.made("witness"), &both, "localhost", &["digitalSignature"]);
}

/// The usage that a certificate states for itself also counts if it is the only one in ca_certs.
#[test]
fn a_certificate_that_stands_for_itself_has_to_be_for_servers_and_signatures() {
    const OK: &str = "";
    let folder = Folder::new();
    for (basic, uses, says, openssl) in [
        ("CA:FALSE", "extendedKeyUsage=clientAuth", "extendedKeyUsage lacks serverAuth", false),
        ("CA:FALSE", "extendedKeyUsage=anyExtendedKeyUsage", "extendedKeyUsage lacks serverAuth", false),
        ("CA:TRUE", "extendedKeyUsage=clientAuth", "extendedKeyUsage lacks serverAuth", false),
        ("CA:TRUE", "keyUsage=keyCertSign", "keyUsage lacks digitalSignature", false),
        ("CA:FALSE", "keyUsage=nonRepudiation", "keyUsage lacks digitalSignature", false),
        ("CA:FALSE", "keyUsage=keyEncipherment", "keyUsage lacks digitalSignature", true),
        ("CA:FALSE", "keyUsage=digitalSignature\nextendedKeyUsage=serverAuth,clientAuth", OK, true),
        ("CA:TRUE", "keyUsage=digitalSignature,keyCertSign", OK, true),
    ] {
        for signer in ["shown", "ca"] {
            let extensions = format!("basicConstraints={basic}\nsubjectAltName=DNS:localhost\n{uses}");
            folder.make("shown", "shown", signer, &extensions, "");
            let shown = folder.made("shown");
            let openssl_says =
                folder.is_accepted_by_openssl(&shown, "shown", "localhost", " -partial_chain -purpose sslserver");
            assert_eq!(openssl_says, openssl, "openssl: {basic} {uses}, signed by {signer}");
            let trusted = folder.file("shown.pem");
            match says {
                OK => assert_eq!(accepted(&shown, &trusted, "localhost", true), Vec::<String>::new(), "{uses}"),
                says => refused(&shown, &trusted, "localhost", &[says]),
            }
        }
    }
}

#[test]
fn a_common_name_goes_round_no_constraint() {
    let folder = Folder::new();
    let constraints = "nameConstraints=critical,permitted;DNS:example.org";
    folder.make("root", "root", "root", &format!("{AUTHORITY}\n{constraints}"), "");
    folder.make("middle", "middle", "ca", &format!("{AUTHORITY}\n{constraints}"), "");
    folder.make("own", "localhost", "own", &format!("{AUTHORITY}\n{constraints}"), "");
    for (signer, trusted) in [("root", "root"), ("middle", "ca")] {
        // OpenSSL takes a common name for a host name only if it has a dot.
        folder.make("far", "broker.example.com", signer, "basicConstraints=CA:FALSE", "");
        let far = folder.made(&format!("far {signer}"));
        assert!(!folder.is_accepted_by_openssl(&far, trusted, "broker.example.com", ""), "{signer}");
        folder.make("near", "localhost", signer, "basicConstraints=CA:FALSE", "");
        let near = folder.made(&format!("near {signer}"));
        refused(&near, &folder.file(&format!("{trusted}.pem")), "localhost", &["nameConstraints", "common name"]);
    }
    refused(&folder.made("own"), &folder.file("own.pem"), "localhost", &["nameConstraints"]);
    // A certificate whose subjectAltName is malformed is not accepted either.
    folder.make("torn", "localhost", "ca", "basicConstraints=CA:FALSE\nsubjectAltName=DER:04:03:01:02:03", "");
    let torn = folder.made("torn");
    assert!(!folder.is_accepted_by_openssl(&torn, "ca", "localhost", ""));
    refused(&torn, &folder.file("ca.pem"), "localhost", &["certificate"]);
    // The check of the name can be switched off.
    folder.make("named", "localhost", "ca", "basicConstraints=CA:FALSE", "");
    let ca = folder.file("ca.pem");
    assert_eq!(accepted(&folder.made("named"), &ca, "localhost", true).len(), 1);
    let strict = [("ca_certs", Value::from(ca.display().to_string())), ("allow_common_name", false.into())];
    refused_with(&folder.made("named"), &strict, "localhost", &["allow_common_name"]);
}

#[test]
fn a_pinned_key_is_the_only_one() {
    let folder = Folder::new();
    for name in ["server", "renewed"] {
        folder.make(name, name, "ca", SERVER, "");
        folder.openssl(&format!("x509 -in {name}.pem -pubkey -noout -out public.pem"));
        folder.openssl("pkey -pubin -in public.pem -outform DER -out public.der");
        folder.openssl(&format!("dgst -sha256 -r -out {name}.hex public.der"));
        folder.openssl(&format!("dgst -sha256 -binary -out {name}.digest public.der"));
        folder.openssl(&format!("base64 -in {name}.digest -out {name}.base64"));
    }
    let hex = |name: &str| folder.read(&format!("{name}.hex"))[..64].to_owned();
    let base64 = |name: &str| folder.read(&format!("{name}.base64")).trim().to_owned();
    let colons = hex("server")
        .to_uppercase()
        .as_bytes()
        .chunks(2)
        .map(|pair| String::from_utf8_lossy(pair))
        .collect::<Vec<_>>()
        .join(":");
    let ca = folder.file("ca.pem").display().to_string();
    let certificate = folder.made("server");
    let broker = Broker::start_with(&certificate, "");
    let both = Value::List(vec![hex("renewed").into(), base64("server").into()]);
    for pin in [hex("server").into(), base64("server").into(), colons.into(), both] {
        let tls = Value::from([("ca_certs", Value::from(ca.clone())), ("pin_sha256", pin)]);
        let login = common::login("user01", "user01-pass");
        let address = format!("localhost:{}", broker.tls);
        common::writer::<str>(&address, "t")
            .parameter("tls", tls)
            .parameter("username_pw", login)
            .open()
            .expect("open");
    }
    let other = [("ca_certs", Value::from(ca)), ("pin_sha256", base64("renewed").into())];
    refused_with(&certificate, &other, "localhost", &["'pin_sha256'", &base64("server"), "for 'localhost'"]);
    // The check of the pin does not depend on the check of the name.
    let unnamed = [other[0].clone(), other[1].clone(), ("check_hostname", false.into())];
    refused_with(&certificate, &unnamed, "localhost", &["'pin_sha256'"]);
    // The check of the authority remains: the right key in an untrusted certificate is not enough.
    folder.openssl("req -x509 -newkey rsa:2048 -nodes -subj /CN=another -keyout another.key -out another.pem");
    let another = folder.file("another.pem").display().to_string();
    let stranger = [("ca_certs", Value::from(another)), ("pin_sha256", base64("server").into())];
    refused_with(&certificate, &stranger, "localhost", &["not signed by a trusted authority"]);
}

#[test]
fn what_is_revoked_is_refused() {
    let folder = Folder::new();
    folder.write("index", "");
    folder.write("number", "01\n");
    folder.write(
        "ca.conf",
        "[ca]\ndefault_ca=it\n[it]\ndatabase=index\ncrlnumber=number\ncertificate=ca.pem\nprivate_key=ca.key\n\
         default_md=sha256\ndefault_crl_days=30\ncrl_extensions=extensions\n[extensions]\n\
         authorityKeyIdentifier=keyid\n",
    );
    folder.make("server", "server", "ca", SERVER, "");
    folder.make("stolen", "stolen", "ca", SERVER, "");
    folder.openssl("ca -config ca.conf -revoke stolen.pem");
    folder.openssl("ca -config ca.conf -gencrl -out crl.pem");
    folder.openssl("crl -in crl.pem -outform DER -out crl.der");
    folder.openssl(
        "ca -config ca.conf -gencrl -crl_lastupdate 20200101000000Z -crl_nextupdate 20200201000000Z -out old.pem",
    );
    let ca = folder.file("ca.pem").display().to_string();
    let with = |list: &str| {
        [("ca_certs", Value::from(ca.clone())), ("crl_file", folder.file(list).display().to_string().into())]
    };
    let (server, stolen) = (folder.made("server"), folder.made("stolen"));
    let openssl = |certificate: &Certificate, list: &str| {
        folder.is_accepted_by_openssl(certificate, "ca", "localhost", &format!(" -crl_check -CRL {list}"))
    };
    let mut broker = Broker::start_with(&server, "");
    let address = format!("localhost:{}", broker.tls);
    let open = |list: &str| {
        let login = common::login("user01", "user01-pass");
        let writer = common::writer::<str>(&address, "t").parameter("username_pw", login);
        writer.parameter("tls", Value::from(with(list))).open()
    };
    assert!(openssl(&server, "crl.pem") && !openssl(&stolen, "crl.pem"));
    for list in ["crl.pem", "crl.der"] {
        open(list).expect("a writer");
        refused_with(&stolen, &with(list), "localhost", &["has revoked it", "'crl_file'"]);
    }
    // An outdated list, or one of a different authority, says nothing about the certificate.
    assert!(!openssl(&server, "old.pem"));
    refused_with(&server, &with("old.pem"), "localhost", &["2020-02-01", "'crl_file'"]);
    folder.make("elsewhere", "elsewhere", "elsewhere", AUTHORITY, "");
    folder.make("foreign", "foreign", "elsewhere", SERVER, "");
    let both = folder.write("both.pem", &(folder.read("ca.pem") + &folder.read("elsewhere.pem")));
    let foreign = [("ca_certs", Value::from(both.display().to_string())), with("crl.pem")[1].clone()];
    assert!(!folder.is_accepted_by_openssl(&folder.made("foreign"), "both", "localhost", " -crl_check -CRL crl.pem"));
    refused_with(&folder.made("foreign"), &foreign, "localhost", &["no list in 'crl_file'"]);
    let itself =
        [("ca_certs", Value::from(folder.file("server.pem").display().to_string())), with("crl.pem")[1].clone()];
    refused_with(&server, &itself, "localhost", &["no list in 'crl_file'"]);
    // A file that is not a revocation list is reported before connecting.
    told(open("ca.pem"), "Io", &["tls.crl_file", "no revocation list"]);
    told(open("nothing.pem"), "Io", &["tls.crl_file", "can't be read"]);
    // An open client reads the list again for its next connection.
    folder.write("now.pem", &folder.read("crl.pem"));
    let (sender, events) = std::sync::mpsc::channel();
    let writer = common::writer::<str>(&address, "t")
        .parameter("username_pw", common::login("user01", "user01-pass"))
        .parameter("connect", [("automatic_reconnect", true)])
        .parameter("reconnect_delay", common::quickly())
        .parameter("tls", Value::from(with("now.pem")))
        .on_connection_event(move |event| drop(sender.send(format!("{event:?}"))))
        .open()
        .expect("a writer");
    folder.openssl("ca -config ca.conf -revoke server.pem");
    folder.openssl("ca -config ca.conf -gencrl -out now.pem");
    broker.kill();
    broker.restart();
    let deadline = std::time::Instant::now() + common::PATIENCE;
    loop {
        let left = deadline.saturating_duration_since(std::time::Instant::now());
        let event = events.recv_timeout(left).expect("the refusal");
        if event.contains("has revoked it") {
            break;
        }
    }
    drop(writer);
}

/// The broker must send the missing certificate; the command line shows what it sends.
#[test]
#[cfg(feature = "cli")]
fn check_names_the_broker_where_an_authority_in_between_is_missing() {
    let folder = Folder::new();
    folder.make("middle", "middle", "ca", AUTHORITY, "");
    folder.make("server", "server", "middle", SERVER, "");
    let server = Server::start(&folder, &folder.made("server"));
    let brokers = format!("brokers={}", server.address());
    let trusted = format!("tls.ca_certs={}", folder.file("ca.pem").display());
    let ended = common::command::run(["check", "-nc", "type=mqtt", "topic=t", &brokers, &trusted]).expect(4);
    let text = ended.text();
    for words in ["'CN=middle'", "does not send the certificates of the authorities in between", "appends"] {
        assert!(text.contains(words), "'{words}' is not in: {text}");
    }
    let line = text.split('\'').find(|part| part.starts_with("openssl s_client")).expect("a command");
    let mut command = Command::new("openssl");
    let output = command.args(line.split(' ').skip(1)).stdin(Stdio::null()).output().expect("openssl s_client");
    let shown = String::from_utf8_lossy(&output.stdout);
    assert!(shown.contains("i:CN = middle") || shown.contains("i:CN=middle"), "{shown}");
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
