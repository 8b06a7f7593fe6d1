//! Tests TLS: which certificates are trusted, which are refused, and with what message.

use crate::common;
use crate::common::broker::Broker;
use crate::common::certificates::{self, Authority, server};
use crate::common::process::own_test;
use crate::common::{PATIENCE, login, next, reader, within, writer};
use sinetstream::config::{Map, Value};
use sinetstream::{Error, MessageWriter, Result, Tls};

fn parameters(address: String, tls: impl Into<Value>) -> Map {
    let mut parameters = Map::new();
    parameters.insert("brokers", address);
    parameters.insert("tls", tls);
    parameters.insert("username_pw", login("user01", "user01-pass"));
    parameters
}

fn open(parameters: Map) -> Result<MessageWriter<str>> {
    within(PATIENCE, move || writer("replaced", "t").parameters(parameters).open())
}

fn ca(path: impl AsRef<std::path::Path>) -> Value {
    [("ca_certs", path.as_ref().display().to_string())].into()
}

#[track_caller]
fn connection_error<T>(result: Result<T>, words: &[&str]) {
    common::told(result, "Connection", words);
}

#[track_caller]
fn io_error<T>(result: Result<T>, words: &[&str]) {
    common::told(result, "Io", words);
}

#[test]
fn the_right_authority_is_trusted() {
    let broker = Broker::start();
    let large = vec![5; 3 << 20];
    for (address, name) in [(broker.tls_address(), "tls"), (format!("127.0.0.1:{}", broker.tls), "tls_set")] {
        let mut parameters = parameters(address, Value::Null);
        parameters.insert(name, ca(broker.ca()));
        let reader = reader::<Vec<u8>>("replaced", name).parameters(parameters.clone()).open().expect("a reader");
        let writer = writer::<[u8]>("replaced", name).parameters(parameters).parameter("qos", 1).open().expect("open");
        for value in [&b"small"[..], &[], &large] {
            writer.write(value).expect("write");
            assert!(next(&reader).value() == value);
        }
        writer.close().expect("close");
        reader.close().expect("close");
    }
    assert!(broker.log().contains("Received DISCONNECT"));
}

/// The methods of the builder have the same effect as the parameters.
#[test]
fn brokers_tls_and_login_have_methods() {
    let broker = Broker::start();
    let tls = Tls::new().ca_certs(broker.ca()).tls_version("TLSv1.2").check_hostname(true);
    let reader = reader::<String>("replaced", "methods")
        .brokers([broker.tls_address()])
        .tls(tls.clone())
        .login("user01", "user01-pass")
        .open()
        .expect("a reader");
    let builder = || writer("replaced", "methods").broker("localhost", broker.tls).login("user01", "user01-pass");
    let writer: MessageWriter<str> = builder().tls(tls.clone()).parameter("qos", 1).open().expect("a writer");
    writer.write("hello").expect("write");
    assert_eq!(next(&reader).value(), "hello");
    assert_eq!(writer.config().get("brokers"), Some(&Value::List(vec![Value::from(broker.tls_address())])));

    io_error(builder().tls(Tls::new().ca_certs("/nowhere/ca.pem")).open(), &["'tls.ca_certs'", "/nowhere/ca.pem"]);
    common::told(builder().tls(tls.tls_version("1.9")).open(), "InvalidConfiguration", &["'tls.tls_version'"]);
    // Without any setting the system's authorities are trusted, which do not include this one.
    connection_error(builder().tls(Tls::new()).open(), &["TLS"]);
    let bare: Result<MessageWriter<str>> = builder().broker("::1", broker.tls).tls(Tls::new()).open();
    connection_error(bare, &["[::1]"]);
}

#[test]
fn ca_certs_may_be_relative_to_the_current_folder() {
    let broker = Broker::start();
    let here = std::env::current_dir().expect("a folder");
    let up = "../".repeat(here.components().count() - 1);
    let relative = format!("{up}{}", broker.ca().display().to_string().trim_start_matches('/'));
    open(parameters(broker.tls_address(), ca(relative))).expect("a writer");
}

#[test]
fn another_authority_is_not_trusted() {
    let broker = Broker::start();
    let other = Authority::new("Somebody else");
    let path = broker.write("other.pem", &other.pem);
    connection_error(
        open(parameters(broker.tls_address(), ca(&path))),
        &[&broker.tls_address(), "TLS", "not signed by a trusted authority", "ca_certs"],
    );
    // The other authority has the same name, as an impostor's would, but a different key.
    let path = broker.write("same-name.pem", Authority::new("Authority of this test run").pem);
    connection_error(open(parameters(broker.tls_address(), ca(&path))), &["TLS"]);
    assert!(!broker.log().contains("New client connected"), "the login must not be sent");
}

#[test]
fn leaving_out_the_host_name_does_not_leave_out_the_authority() {
    let broker = Broker::start();
    let path = broker.write("other.pem", Authority::new("Somebody else").pem);
    let tls = [("ca_certs", Value::from(path.display().to_string())), ("check_hostname", false.into())];
    connection_error(open(parameters(broker.tls_address(), tls)), &["not signed by a trusted authority"]);
    let mut insecure = parameters(broker.tls_address(), ca(&path));
    insecure.insert("tls_insecure", [("value", true)]);
    connection_error(open(insecure), &["not signed by a trusted authority"]);
    // Without `ca_certs` the system's authorities are trusted, which do not include ours.
    let mut insecure = parameters(broker.tls_address(), true);
    insecure.insert("tls_insecure", [("value", true)]);
    assert!(open(insecure).is_err());
}

#[test]
fn the_host_name_is_checked_unless_switched_off() {
    let certificate = certificates::authority().sign(&["broker.example.org"]);
    let broker = Broker::start_with(&certificate, "");
    let tls = |check: Option<Value>| {
        let mut tls = Map::new();
        tls.insert("ca_certs", broker.ca().display().to_string());
        if let Some(check) = check {
            tls.insert("check_hostname", check);
        }
        parameters(broker.tls_address(), tls)
    };
    for check in [None, Some(Value::from(true)), Some("true".into())] {
        connection_error(open(tls(check)), &["TLS", "localhost", "broker.example.org"]);
    }
    for check in [Value::from(false), "false".into()] {
        open(tls(Some(check))).expect("a writer").write("hello").expect("write");
    }
    for name in ["tls_insecure", "tls_insecure_set"] {
        for value in [Value::from([("value", true)]), [("value", "true")].into()] {
            let mut insecure = tls(None);
            insecure.insert(name, value);
            open(insecure).expect("a writer").write("hello").expect("write");
        }
        // The map says the opposite, and wins.
        let mut secure = tls(Some(false.into()));
        secure.insert(name, [("value", false)]);
        connection_error(open(secure), &["localhost"]);
    }
}

#[test]
fn an_expired_certificate_is_refused() {
    let certificate = certificates::authority().sign_expired(&["localhost", "127.0.0.1"]);
    let broker = Broker::start_with(&certificate, "");
    connection_error(
        open(parameters(broker.tls_address(), ca(broker.ca()))),
        &["TLS", "expired", "valid until 2020-01-01 00:00:00 UTC"],
    );
    let tls = [("ca_certs", Value::from(broker.ca().display().to_string())), ("check_hostname", false.into())];
    connection_error(open(parameters(broker.tls_address(), tls)), &["expired"]);
}

#[test]
fn a_certificate_of_the_future_is_refused() {
    let certificate = certificates::authority().sign_early(&["localhost"]);
    let broker = Broker::start_with(&certificate, "");
    connection_error(
        open(parameters(broker.tls_address(), ca(broker.ca()))),
        &["TLS", "not valid yet", "from 2100-03-01 00:00:00 UTC", "clock"],
    );
}

#[test]
fn the_names_of_the_certificate_are_told() {
    let certificate = certificates::authority().sign(&["*.example.org", "mqtt.example.com", "192.0.2.7"]);
    let broker = Broker::start_with(&certificate, "");
    connection_error(
        open(parameters(broker.tls_address(), ca(broker.ca()))),
        &[
            "not for 'localhost': it is for '*.example.org' (DNS name), 'mqtt.example.com' (DNS name), '192.0.2.7' (IP address)",
            "'check_hostname'",
        ],
    );
    let nameless = Broker::start_with(&certificates::authority().sign(&[]), "");
    connection_error(
        open(parameters(nameless.tls_address(), ca(nameless.ca()))),
        &["not for 'localhost': it has no name at all (subjectAltName)"],
    );
}

#[test]
fn a_certificate_that_is_not_for_servers_is_refused() {
    let broker = Broker::start_with(&certificates::authority().sign_client("localhost"), "");
    connection_error(open(parameters(broker.tls_address(), ca(broker.ca()))), &["not made for servers"]);
}

#[test]
fn every_certificate_of_a_bundle_is_trusted() {
    let broker = Broker::start();
    let mut bundle = String::from("Comments are allowed between certificates.\n");
    for name in ["First", "Second", "Third"] {
        bundle += &format!("# {name}\n{}\n", Authority::new(name).pem);
    }
    bundle += &certificates::authority().pem;
    let path = broker.write("bundle.pem", bundle.replace('\n', "\r\n"));
    open(parameters(broker.tls_address(), ca(path))).expect("a writer").write("hello").expect("write");
}

#[test]
fn the_servers_own_certificate_may_be_the_anchor() {
    let broker = Broker::start();
    let path = broker.write("server-as-ca.pem", &server().pem);
    // Either result is fine, provided that the attempt ends, and an error names TLS.
    if let Err(error) = open(parameters(broker.tls_address(), ca(path))) {
        assert!(matches!(&error, Error::Connection { message, .. } if message.contains("TLS")), "{error:?}");
    }
}

#[test]
fn a_file_that_cannot_be_used_is_named() {
    let broker = Broker::start();
    let before = broker.connections();
    let missing = broker.file("missing.pem");
    let not_pem = broker.write("not.pem", "hello\n");
    let empty = broker.write("empty.pem", "");
    let key = broker.write("key.pem", &server().key_pem);
    let cut = broker.write("cut.pem", &certificates::authority().pem[..200]);
    let not_base64 = broker.write("garbage.pem", "-----BEGIN CERTIFICATE-----\n!!!\n-----END CERTIFICATE-----\n");
    let not_der = broker.write("not-der.pem", "-----BEGIN CERTIFICATE-----\naGVsbG8=\n-----END CERTIFICATE-----\n");
    let folder = broker.file("");
    for path in [missing, not_pem, empty, key, cut, not_base64, not_der, folder] {
        let shown = path.display().to_string();
        io_error(open(parameters(broker.tls_address(), ca(&path))), &["ca_certs", shown.trim_end_matches('/')]);
        let parameters = parameters(broker.tls_address(), ca(&path));
        io_error(reader::<String>("replaced", "t").parameters(parameters).open(), &["ca_certs"]);
    }
    assert_eq!(broker.connections(), before, "nothing is sent before the file is read");
}

#[test]
fn tls_on_a_plain_port_is_explained() {
    let broker = Broker::start();
    connection_error(
        open(parameters(broker.login_address(), ca(broker.ca()))),
        &[&broker.login_address(), "TLS", "is this a TLS port?"],
    );
}

#[test]
fn a_plain_connection_to_a_tls_port_is_explained() {
    let broker = Broker::start();
    for tls in [Value::Null, false.into(), "false".into(), Value::Map(Map::new())] {
        connection_error(open(parameters(broker.tls_address(), tls)), &[&broker.tls_address(), "TLS port", "'tls'"]);
    }
}

/// The server answers the handshake with other bytes, with none, or with a part of it.
#[test]
fn a_handshake_that_does_not_end_well() {
    use common::scripted::Scripted;
    let ca = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(ca.path(), &certificates::authority().pem).expect("write");
    let tls = Value::from([("ca_certs", ca.path().display().to_string())]);
    let http = Scripted::start(|peer| peer.send(b"HTTP/1.1 400 Bad Request\r\n\r\n"));
    connection_error(open(parameters(http.address(), tls.clone())), &["TLS", "does not speak TLS"]);
    let closing = Scripted::start(|_| {});
    connection_error(open(parameters(closing.address(), tls.clone())), &["TLS"]);
    let alert = Scripted::start(|peer| peer.send(&[0x15, 3, 3, 0, 2, 2, 70]));
    connection_error(open(parameters(alert.address(), tls.clone())), &["TLS", "ProtocolVersion"]);
    let silent = Scripted::start(|peer| peer.swallow());
    let mut parameters = parameters(silent.address(), tls);
    parameters.insert("connect", common::connection_timeout(0.5));
    connection_error(open(parameters), &["within 500ms"]);
}

#[test]
fn tls_true_trusts_the_system_and_not_our_authority() {
    const CHILD: &str = "SINETSTREAM_TEST_TLS_ADDRESS";
    if let Ok(address) = std::env::var(CHILD) {
        // The test has a process of its own, in which SSL_CERT_FILE names the system's store.
        for on in [Value::from(true), "true".into(), [("check_hostname", true)].into()] {
            open(parameters(address.clone(), on)).expect("a writer");
        }
        return;
    }
    let broker = Broker::start();
    // The store has trusted roots, but not ours; the system of a container may have none at all.
    let system = broker.write("system.pem", Authority::new("A root of the system").pem);
    let ours = broker.ca();
    for (store, trusted) in [(&system, false), (&ours, true)] {
        let output = own_test(module_path!(), "tls_true_trusts_the_system_and_not_our_authority")
            .env(CHILD, broker.tls_address())
            .env("SSL_CERT_FILE", store)
            .env_remove("SSL_CERT_DIR")
            .output()
            .expect("a child");
        let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert_eq!(output.status.success(), trusted, "{text}");
        assert!(text.contains("1 passed") || text.contains(": TLS: ") && !trusted, "{text}");
    }
}
