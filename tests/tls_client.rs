//! Tests client certificates: every form of key, chains, and refusals before connecting and by the broker.

use std::io::Write as _;
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use crate::common;
use crate::common::broker::Broker;
use crate::common::certificates::{self, Authority, Certificate, authority, server};
use crate::common::tls_peer::TlsPeer;
use crate::common::warnings::collect;
use crate::common::{PATIENCE, next, reader, within, writer};
use rustls::version::{TLS12, TLS13};
use sinetstream::config::{Map, Value};
use sinetstream::{Error, MessageWriter, Result};

const PASSWORD: &str = "s3cr3t-key-password";

/// Every client with a certificate of the run's authority may connect; the certificate gives the user name.
const BY_CERTIFICATE: &str = "allow_anonymous false\nrequire_certificate true\nuse_identity_as_username true";

fn open(address: String, tls: Map) -> Result<MessageWriter<str>> {
    within(PATIENCE, move || writer("replaced", "t").parameter("brokers", address).parameter("tls", tls).open())
}

/// Returns the map `tls`: the authority, and other parameters.
fn tls<V: Into<Value>, const N: usize>(others: [(&str, V); N]) -> Map {
    let mut tls: Map = others.into_iter().collect();
    tls.insert("ca_certs_data", authority().pem.as_str());
    tls
}

fn inline(certificate: &Certificate) -> Map {
    tls([("certfile_data", certificate.pem.as_str()), ("keyfile_data", certificate.key_pem.as_str())])
}

#[track_caller]
fn refused<T>(result: Result<T>, is_kind: fn(&Error) -> bool, words: &[&str]) {
    match result.map(drop) {
        Err(error) if is_kind(&error) => {
            let message = error.to_string();
            assert!(!message.contains(PASSWORD) && !message.contains("PRIVATE KEY--"), "a secret is shown: {message}");
            for word in words {
                assert!(message.contains(word), "'{word}' is not in: {message}");
            }
        }
        other => panic!("expected another error, with {words:?}: {other:?}"),
    }
}

fn is_configuration(error: &Error) -> bool {
    matches!(error, Error::InvalidConfiguration(_))
}

fn is_io(error: &Error) -> bool {
    matches!(error, Error::Io(_))
}

fn is_connection(error: &Error) -> bool {
    matches!(error, Error::Connection { .. })
}

fn openssl(arguments: &str, input: &str) -> String {
    let mut child = Command::new("openssl")
        .args(arguments.split_whitespace())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("openssl");
    child.stdin.take().expect("stdin").write_all(input.as_bytes()).expect("write");
    let output = child.wait_with_output().expect("openssl");
    assert!(output.status.success(), "openssl {arguments}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("PEM")
}

/// Returns a client's certificate with an RSA key in PKCS #8.
fn rsa_client() -> &'static Certificate {
    static CLIENT: OnceLock<Certificate> = OnceLock::new();
    CLIENT.get_or_init(|| {
        let key = openssl("genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048", "");
        authority().sign_client_key("rsa-client", &key)
    })
}

fn ec_client() -> &'static Certificate {
    static CLIENT: OnceLock<Certificate> = OnceLock::new();
    CLIENT.get_or_init(|| authority().sign_client("ec-client"))
}

#[test]
fn a_certificate_alone_is_a_login() {
    let broker = Broker::start_with_listener(server(), BY_CERTIFICATE);
    let client = authority().sign_client("device-0815");
    let certificate = broker.write("client.pem", &client.pem).display().to_string();
    let key = broker.write("client.key", &client.key_pem).display().to_string();
    let ca = broker.ca().display().to_string();
    let tls = Value::from([("ca_certs", ca), ("certfile", certificate), ("keyfile", key)]);
    // The parameters are given at both levels and under both names.
    for name in ["tls", "tls_set"] {
        for level in [Value::from([(name, tls.clone())]), [("type_spec", Value::from([(name, tls.clone())]))].into()] {
            let Value::Map(parameters) = level else { unreachable!() };
            let address = broker.further_address();
            let reader = reader::<String>(&address, "t").parameters(parameters.clone()).open().expect("a reader");
            let writer = writer::<str>(&address, "t").parameters(parameters).parameter("qos", 1).open().expect("open");
            writer.write("hello").expect("write");
            assert_eq!(next(&reader).value(), "hello");
        }
    }
    assert!(broker.log().contains("u'device-0815'"), "the certificate's name is the user");
}

#[test]
fn a_file_of_the_configuration_names_the_certificate() {
    let broker = Broker::start_with_listener(server(), BY_CERTIFICATE);
    let encrypted = openssl(&format!("pkcs8 -topk8 -v2 aes-256-cbc -passout pass:{PASSWORD}"), &ec_client().key_pem);
    let certificate = broker.write("client.pem", &ec_client().pem).display().to_string();
    let key = broker.write("client.key", encrypted).display().to_string();
    let (address, ca) = (broker.further_address(), broker.ca().display().to_string());
    let indented = |pem: &str| pem.trim().lines().map(|line| format!("        {line}\n")).collect::<String>();
    let tls = [
        format!(
            "ca_certs: {ca}\n      certfile: {certificate}\n      keyfile: {key}\n      keyfilePassword: {PASSWORD}"
        ),
        format!(
            "ca_certs: {ca}\n      certfile: {certificate}\n      keyfile: {key}\n      keyfile_password: {PASSWORD}"
        ),
        format!(
            "ca_certs_data: |\n{}      certfile_data: |\n{}      keyfile_data: |\n{}",
            indented(&authority().pem),
            indented(&ec_client().pem),
            indented(&ec_client().key_pem)
        ),
    ];
    for (index, tls) in tls.iter().enumerate() {
        let text = format!("s:\n    type: mqtt\n    brokers: {address}\n    topic: t\n    tls:\n      {tls}\n");
        let file = broker.write(&format!("config-{index}.yml"), text);
        let writer = MessageWriter::<str>::builder().config_file(&file).open().expect("a writer");
        let shown = format!("{:?} {:?}", writer.config(), writer);
        assert!(!shown.contains(PASSWORD) && !shown.contains("PRIVATE KEY"), "{shown}");
        let config = writer.config().get("tls").cloned();
        let Some(Value::Map(visible)) = config else { panic!("{config:?}") };
        for secret in ["keyfilePassword", "keyfile_password", "keyfile_data"] {
            assert!(visible.get(secret).is_none_or(|value| *value == Value::from("********")), "{secret}");
        }
    }
}

/// The broker decides which certificate is a login; the client only requires that the certificate fits the key.
#[test]
fn a_certificate_of_version_1_is_a_login() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = |name: &str| folder.path().join(name).display().to_string();
    let read = |name: &str| std::fs::read_to_string(file(name)).expect("read");
    std::fs::write(file("ca.pem"), &authority().pem).expect("write");
    std::fs::write(file("ca.key"), authority().key_pem()).expect("write");
    let broker = Broker::start_with_listener(server(), BY_CERTIFICATE);
    for (key, name) in [("rsa:2048", "rsa"), ("ec -pkeyopt ec_paramgen_curve:P-256", "ec"), ("ed25519", "ed")] {
        openssl(&format!("req -newkey {key} -nodes -subj /CN=old-{name} -keyout {} -out {}", file("k"), file("r")), "");
        let sign =
            format!("x509 -req -in {} -CA {} -CAkey {} -CAcreateserial", file("r"), file("ca.pem"), file("ca.key"));
        let certificate = Certificate { pem: openssl(&sign, ""), key_pem: read("k") };
        assert!(openssl("x509 -noout -text", &certificate.pem).contains("Version: 1"), "{name}");
        open(broker.further_address(), inline(&certificate)).unwrap_or_else(|error| panic!("{name}: {error}"));
        common::eventually("it is the login", || broker.log().contains(&format!("u'old-{name}'")));
        // Java writes EC keys without their public half, which is then taken from the certificate.
        if name == "ec" {
            let bare = openssl("ec -no_public", &certificate.key_pem);
            open(broker.further_address(), inline(&Certificate { key_pem: bare, ..certificate.clone() }))
                .expect("open");
        }
        // The certificate must still belong to the key.
        let other = Certificate { key_pem: rsa_client().key_pem.clone(), ..certificate };
        refused(open(broker.further_address(), inline(&other)), is_configuration, &["does not belong"]);
    }
}

#[test]
fn every_form_of_key_works() {
    let broker = Broker::start_with_listener(server(), BY_CERTIFICATE);
    let forms = [
        (rsa_client(), "pkey"),
        (rsa_client(), "rsa -traditional"),
        (rsa_client(), "rsa -traditional -aes128 -passout pass:PW"),
        (rsa_client(), "rsa -traditional -aes192 -passout pass:PW"),
        (rsa_client(), "rsa -traditional -aes256 -passout pass:PW"),
        (rsa_client(), "rsa -traditional -des3 -passout pass:PW"),
        (rsa_client(), "pkcs8 -topk8 -passout pass:PW"),
        (rsa_client(), "pkcs8 -topk8 -v2 aes-128-cbc -passout pass:PW"),
        (rsa_client(), "pkcs8 -topk8 -v2 aes-256-cbc -v2prf hmacWithSHA1 -passout pass:PW"),
        (rsa_client(), "pkcs8 -topk8 -v2 aes-256-cbc -v2prf hmacWithSHA512 -passout pass:PW"),
        (rsa_client(), "pkcs8 -topk8 -v2 des3 -passout pass:PW"),
        (rsa_client(), "pkcs8 -topk8 -v2 aes-256-cbc -scrypt -scrypt_N 1024 -passout pass:PW"),
        (ec_client(), "pkcs8 -topk8 -nocrypt"),
        (ec_client(), "ec"),
        (ec_client(), "ec -no_public"),
        (ec_client(), "pkcs8 -topk8 -v2 aes-192-cbc -passout pass:PW"),
        (ec_client(), "ec -aes256 -passout pass:PW"),
        (ec_client(), "ec -des3 -passout pass:PW"),
    ];
    for (client, form) in forms {
        let key = openssl(&form.replace("PW", PASSWORD), &client.key_pem);
        let mut parameters = tls([("certfile_data", client.pem.as_str()), ("keyfile_data", key.as_str())]);
        if form.contains("PW") {
            assert!(key.contains("ENCRYPTED"), "{form}");
            parameters.insert("keyfilePassword", PASSWORD);
        }
        if let Err(error) = open(broker.further_address(), parameters.clone()) {
            panic!("{form}: {error}");
        }
        if form.contains("PW") {
            parameters.insert("keyfilePassword", "another");
            refused(open(broker.further_address(), parameters.clone()), is_configuration, &["keyfilePassword", "open"]);
            parameters.insert("keyfilePassword", Value::Null);
            refused(
                open(broker.further_address(), parameters),
                is_configuration,
                &["keyfile_data", "encrypted", "password is missing", "keyfilePassword"],
            );
        }
    }
    for algorithm in ["ed25519", "EC -pkeyopt ec_paramgen_curve:P-384"] {
        let key = openssl(&format!("genpkey -algorithm {algorithm}"), "");
        open(broker.further_address(), inline(&authority().sign_client_key("other", &key))).expect(algorithm);
    }
}

#[test]
fn certificate_and_key_may_be_in_one_file() {
    let broker = Broker::start_with_listener(server(), BY_CERTIFICATE);
    let both = format!("{}\nin between\n{}", ec_client().key_pem, ec_client().pem);
    let path = broker.write("both.pem", &both).display().to_string();
    open(broker.further_address(), tls([("certfile", path.as_str())])).expect("a writer");
    open(broker.further_address(), tls([("certfile", path.as_str()), ("keyfile", path.as_str())])).expect("a writer");
    open(broker.further_address(), tls([("certfile_data", both.as_str())])).expect("a writer");
}

#[test]
fn the_whole_chain_is_sent() {
    let between = authority().sign_authority("In between");
    let leaf = between.sign_client("below");
    let chain = Certificate { pem: format!("{}{}", leaf.pem, between.pem), key_pem: leaf.key_pem.clone() };
    let broker = Broker::start_with_listener(server(), BY_CERTIFICATE);
    open(broker.further_address(), inline(&chain)).expect("a writer");
    refused(open(broker.further_address(), inline(&leaf)), is_connection, &["client's certificate"]);
    for versions in [&TLS12, &TLS13] {
        let peer = TlsPeer::start(server(), &[versions]);
        open(peer.address(), inline(&chain)).expect("a writer");
        assert_eq!(peer.negotiated().chain, 2);
    }
    // In reverse order the key would belong to the second certificate.
    let wrong = Certificate { pem: format!("{}{}", between.pem, leaf.pem), key_pem: leaf.key_pem };
    refused(open(broker.further_address(), inline(&wrong)), is_configuration, &["does not belong", "must come first"]);
}

#[test]
fn the_brokers_chain_may_have_authorities_in_between() {
    let between = authority().sign_authority("In between");
    let leaf = between.sign(&["localhost"]);
    let chain = Certificate { pem: format!("{}{}", leaf.pem, between.pem), key_pem: leaf.key_pem.clone() };
    let peer = TlsPeer::start(&chain, &[&TLS13]);
    open(peer.address(), tls::<&str, 0>([])).expect("a writer");
    let peer = TlsPeer::start(&leaf, &[&TLS13]);
    refused(open(peer.address(), tls::<&str, 0>([])), is_connection, &["not signed by a trusted authority"]);
}

#[test]
fn a_broker_that_wants_a_certificate_says_so() {
    let broker = Broker::start_with_listener(server(), BY_CERTIFICATE);
    for version in ["TLSv1.2", "TLSv1.3"] {
        let result = open(broker.further_address(), tls([("tls_version", version)]));
        refused(result, is_connection, &[&broker.further_address(), "wants a client certificate", "'certfile'"]);
    }
}

#[test]
fn a_broker_that_refuses_the_certificate_says_why() {
    let broker = Broker::start_with_listener(server(), BY_CERTIFICATE);
    let expired = authority().sign_expired_client("device");
    let stranger = Authority::new("Somebody else").sign_client("device");
    // A server's certificate is not valid for clients.
    let server = certificates::server();
    for version in ["TLSv1.2", "TLSv1.3"] {
        for (client, words) in [
            (&expired, "the client's certificate has expired"),
            (&stranger, "does not know the authority that signed the client's certificate"),
            (server, "the client's certificate does not satisfy it"),
        ] {
            let mut parameters = inline(client);
            parameters.insert("tls_version", version);
            refused(open(broker.further_address(), parameters), is_connection, &["the broker refused", words]);
        }
    }
}

#[test]
fn what_does_not_fit_is_told_before_connecting() {
    let broker = Broker::start_with_listener(server(), BY_CERTIFICATE);
    let before = broker.connections();
    let try_open = |tls: Map| open(broker.further_address(), tls);
    let path = |name: &str, text: &str| broker.write(name, text).display().to_string();
    let certificate = path("client.pem", &ec_client().pem);
    let key = path("client.key", &ec_client().key_pem);
    let other_key = path("other.key", &rsa_client().key_pem);
    let no_public = path("no-public.key", &openssl("ec -no_public", &authority().sign_client("x").key_pem));
    let empty = path("empty.pem", "");
    let missing = broker.file("missing.pem").display().to_string();
    let pair = |certificate: &str, key: &str| {
        let mut tls = tls([("certfile", certificate)]);
        if !key.is_empty() {
            tls.insert("keyfile", key);
        }
        tls
    };
    for other in [&other_key, &no_public] {
        refused(
            try_open(pair(&certificate, other)),
            is_configuration,
            &["'tls.keyfile'", other.as_str(), "does not belong to the certificate", &certificate],
        );
    }
    refused(try_open(pair(&certificate, "")), is_configuration, &["'tls.certfile'", "'keyfile' is missing"]);
    refused(try_open(tls([("keyfile", key.as_str())])), is_configuration, &["'tls.keyfile'", "without 'certfile'"]);
    refused(try_open(pair(&missing, &key)), is_io, &["'tls.certfile'", "missing.pem", "can't be read"]);
    refused(try_open(pair(&certificate, &missing)), is_io, &["'tls.keyfile'", "missing.pem", "can't be read"]);
    refused(try_open(pair(&empty, &key)), is_io, &["'tls.certfile'", "no certificate"]);
    refused(try_open(pair(&certificate, &certificate)), is_io, &["'tls.keyfile'", "no private key"]);
    for (form, words) in [
        ("genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:1024", "RSA of 2048 to 8192 bits"),
        ("genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-521", "P-256 or P-384"),
        ("genpkey -algorithm x25519", "can't be used"),
    ] {
        let key = path("unusable.key", &openssl(form, ""));
        refused(try_open(pair(&certificate, &key)), is_io, &["'tls.keyfile'", words]);
    }
    let weak = openssl(&format!("pkcs8 -topk8 -v1 PBE-SHA1-3DES -passout pass:{PASSWORD}"), &ec_client().key_pem);
    let mut weak = pair(&certificate, &path("weak.key", &weak));
    weak.insert("keyfilePassword", PASSWORD);
    refused(try_open(weak), is_io, &["'tls.keyfile'", "encryption", "openssl pkcs8 -topk8"]);
    let label = "-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----\n";
    refused(try_open(pair(&certificate, &path("ssh.key", label))), is_io, &["'OPENSSH PRIVATE KEY' is not supported"]);
    let der = "30820101300d06092a864886f70d0101";
    let der: Vec<u8> = (0..der.len()).step_by(2).map(|at| u8::from_str_radix(&der[at..at + 2], 16).unwrap()).collect();
    let der = broker.write("certificate.der", der).display().to_string();
    refused(try_open(pair(&der, &key)), is_io, &["certificate.der", "no certificate in it"]);
    let broken = tls([("certfile_data", "-----BEGIN CERTIFICATE-----\n"), ("keyfile_data", "x")]);
    refused(try_open(broken), is_configuration, &["'tls.certfile_data'", "END is missing"]);
    let garbage = path("garbage.pem", "-----BEGIN CERTIFICATE-----\naGVsbG8=\n-----END CERTIFICATE-----\n");
    refused(try_open(pair(&garbage, &key)), is_io, &["garbage.pem", "not valid"]);
    assert_eq!(broker.connections(), before, "nothing may be sent");
}

/// Reading from a pipe might never end.
#[test]
fn only_regular_files_of_a_bearable_size_are_read() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = |name: &str| dir.path().join(name).display().to_string();
    let pipe = path("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().expect("mkfifo").success());
    let folder = path("folder");
    std::fs::create_dir(&folder).expect("a folder");
    let large = path("large");
    std::fs::File::create(&large).and_then(|file| file.set_len((16 << 20) + 1)).expect("a file");
    let client = ec_client();
    for (what, words) in
        [(pipe, "not a regular file"), (folder, "not a regular file"), (large, "larger than 16777216 bytes")]
    {
        let mut trusted = Map::new();
        trusted.insert("ca_certs", what.as_str());
        let certificate = tls([("certfile", what.as_str()), ("keyfile_data", client.key_pem.as_str())]);
        let key = tls([("certfile_data", client.pem.as_str()), ("keyfile", what.as_str())]);
        for (name, tls) in [("ca_certs", trusted), ("certfile", certificate), ("keyfile", key)] {
            refused(open("127.0.0.1:1".into(), tls), is_io, &[&format!("'tls.{name}'"), &what, words]);
        }
    }
}

#[test]
fn a_message_names_its_place_once() {
    let dir = tempfile::tempdir().expect("a folder");
    let file = |name: &str, text: &str| {
        let path = dir.path().join(name);
        std::fs::write(&path, text).expect("write");
        path.display().to_string()
    };
    let encrypted = openssl(&format!("pkcs8 -topk8 -v2 aes-256-cbc -passout pass:{PASSWORD}"), &ec_client().key_pem);
    let (certificate, key) = (file("client.pem", &ec_client().pem), file("client.key", &encrypted));
    let other_key = file("other.key", &rsa_client().key_pem);
    for (key, password) in [(&key, ""), (&key, "s3cr3t"), (&other_key, "")] {
        let mut service = "svc:\n  type: mqtt\n  brokers: 127.0.0.1:1\n  topic: t\n  tls:\n".to_owned();
        for (name, value) in [("certfile", certificate.as_str()), ("keyfile", key), ("keyfilePassword", password)] {
            service.push_str(&format!("    {name}: '{value}'\n"));
        }
        service.push_str("    ca_certs_data: |\n");
        authority().pem.lines().for_each(|line| service.push_str(&format!("      {line}\n")));
        let config = file("config.yml", &service);
        let opened = MessageWriter::<str>::builder().config_file(&config).open();
        let message = common::told(opened, "InvalidConfiguration", &[key]);
        for once in [&config, "service 'svc'", "parameter"] {
            assert_eq!(message.matches(once).count(), 1, "'{once}' in: {message}");
        }
    }
}

#[test]
fn data_wins_over_a_file_with_a_warning() {
    let broker = Broker::start_with_listener(server(), BY_CERTIFICATE);
    let mut parameters = inline(ec_client());
    for name in ["ca_certs", "certfile", "keyfile"] {
        parameters.insert(name, "/nowhere/missing.pem");
    }
    let address = broker.further_address();
    let (result, warnings) = collect(|| open_here(address.clone(), parameters));
    result.expect("a writer");
    for name in ["ca_certs", "certfile", "keyfile"] {
        let words = format!("'tls.{name}' has no effect: '{name}_data' is given too");
        assert!(warnings.iter().any(|warning| warning.contains(&words)), "{name}: {warnings:?}");
    }
    // Bytes are accepted in place of a string.
    let mut parameters = inline(ec_client());
    parameters.insert("ca_certs_data", authority().pem.as_bytes());
    parameters.insert("certfile_data", ec_client().pem.as_bytes());
    parameters.insert("keyfile_data", ec_client().key_pem.as_bytes());
    parameters.insert("keyfilePassword", PASSWORD.as_bytes());
    open(address.clone(), parameters).expect("a writer");
    // Parameters without effect get a warning; PEM wins over a key store, which only Java could open.
    let mut parameters = inline(ec_client());
    parameters.insert("trustStore", "/nowhere/trust.p12");
    parameters.insert("keyStore", "/nowhere/keys.p12");
    let (result, warnings) = collect(|| open_here(address.clone(), parameters));
    result.expect("a writer");
    for (name, winner) in [("trustStore", "ca_certs"), ("keyStore", "certfile")] {
        let words = format!("'tls.{name}' has no effect: '{winner}' is given too");
        assert!(warnings.iter().any(|warning| warning.contains(&words)), "{name}: {warnings:?}");
    }
    let mut parameters = inline(ec_client());
    parameters.insert("trustStorePassword", PASSWORD);
    parameters.insert("keyStoreType", "JKS");
    let (result, warnings) = collect(|| open_here(address, parameters));
    result.expect("a writer");
    for name in ["trustStorePassword", "keyStoreType"] {
        assert!(
            warnings.iter().any(|warning| warning.contains(&format!("'tls.{name}' has no effect"))),
            "{warnings:?}"
        );
    }
    assert!(!format!("{warnings:?}").contains(PASSWORD));
}

/// Opens a writer on this thread, where the warnings are collected.
fn open_here(address: String, tls: Map) -> Result<MessageWriter<str>> {
    writer("replaced", "t").parameter("brokers", address).parameter("tls", tls).open()
}

#[test]
fn a_certificate_may_be_given_to_a_broker_that_does_not_need_one() {
    let broker = Broker::start_with_listener(server(), "allow_anonymous true\nrequire_certificate false");
    open(broker.further_address(), inline(ec_client())).expect("a writer").write("hello").expect("write");
}
