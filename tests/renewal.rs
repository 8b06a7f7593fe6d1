//! Tests certificates, keys and passwords that are renewed on disk while a client is open.

use crate::common;
use crate::common::broker::Broker;
use crate::common::certificates::{Authority, Certificate, authority, server};
use crate::common::events::{Events, listen};
use crate::common::{eventually, quickly, write_own};
use sinetstream::config::Value;
use sinetstream::{ConnectionEvent, Consistency, Error, MessageWriter, MessageWriterBuilder};

/// Returns the builder of a writer that reconnects, and its events.
fn writer() -> (MessageWriterBuilder<str>, Events) {
    let (listener, events) = listen();
    let writer = MessageWriter::<str>::builder()
        .parameter("reconnect_delay", quickly())
        .consistency(Consistency::AtLeastOnce)
        .on_connection_event(listener);
    (writer, events)
}

fn encrypted(key: &str, password: &str) -> String {
    let folder = tempfile::tempdir().expect("a folder");
    let (plain, secret) = (folder.path().join("plain"), folder.path().join("secret"));
    std::fs::write(&plain, key).expect("write");
    let mut openssl = std::process::Command::new("openssl");
    openssl.args(["pkcs8", "-topk8", "-v2", "aes-256-cbc", "-passout", &format!("pass:{password}"), "-in"]);
    assert!(openssl.arg(&plain).arg("-out").arg(&secret).output().expect("openssl").status.success());
    std::fs::read_to_string(secret).expect("read")
}

/// The name in the client's certificate is the user name.
const LISTENER: &str = "allow_anonymous false\nrequire_certificate true\nuse_identity_as_username true";

#[test]
fn certificates_and_keys_in_files_are_read_again_when_they_have_changed() {
    let mut broker = Broker::start_with_listener(server(), LISTENER);
    let folder = tempfile::tempdir().expect("a folder");
    let file = |name: &str| folder.path().join(name);
    let client = authority().sign_client("before");
    write_own(&file("ca.pem"), &authority().pem);
    write_own(&file("client.pem"), &client.pem);
    write_own(&file("client.key"), encrypted(&client.key_pem, "the password"));
    let path = |name: &str| Value::from(file(name).display().to_string());
    let tls = Value::from([
        ("ca_certs", path("ca.pem")),
        ("certfile", path("client.pem")),
        ("keyfile", path("client.key")),
        ("keyfilePassword", "the password".into()),
    ]);
    let (writer, events) = writer();
    let writer = writer.no_config(true).service_type("mqtt").topic("t");
    let writer = writer.parameter("brokers", broker.further_address()).parameter("tls", tls).open().expect("a writer");
    writer.write("before").expect("write");
    events.connected();
    // The broker's certificate, and all others, now come from a different authority.
    let other = Authority::new("another authority");
    let (renewed, shown) = (other.sign(&["localhost"]), other.sign_client("after"));
    broker.kill();
    broker.write("ca.pem", &other.pem);
    broker.write("server.pem", &renewed.pem);
    broker.write("server.key", &renewed.key_pem);
    broker.restart();
    events.failed("not signed by a trusted authority");
    // The client has only half of the new files yet, and one of them is incomplete.
    write_own(&file("ca.pem"), &other.pem);
    write_own(&file("client.pem"), &shown.pem[..shown.pem.len() / 2]);
    events.failed("what was read earlier is used");
    write_own(&file("client.pem"), &shown.pem);
    events.failed("does not belong to the certificate");
    write_own(&file("client.key"), encrypted(&shown.key_pem, "the password"));
    events.connected();
    writer.write("after").expect("write");
    eventually("the new certificate is shown", || broker.log().contains("u'after'"));
}

/// A broker that requires a client certificate, and a client whose files are in a folder.
struct Identified {
    broker: Broker,
    folder: tempfile::TempDir,
    writer: MessageWriter<str>,
    events: Events,
}

impl Identified {
    /// Starts a client that trusts these certificates and has the name `before`.
    fn new(trusted: &str) -> Identified {
        let broker = Broker::start_with_listener(server(), LISTENER);
        let folder = tempfile::tempdir().expect("a folder");
        let file = |name: &str| folder.path().join(name);
        write_own(&file("ca.pem"), trusted);
        write_client(&folder, &authority().sign_client("before"));
        let path = |name: &str| Value::from(file(name).display().to_string());
        let tls = Value::from([
            ("ca_certs", path("ca.pem")),
            ("certfile", path("client.pem")),
            ("keyfile", path("client.key")),
        ]);
        let (writer, events) = writer();
        let writer = writer.no_config(true).service_type("mqtt").topic("t");
        let writer = writer.parameter("brokers", broker.further_address()).parameter("tls", tls);
        let writer = writer.open().expect("a writer");
        events.connected();
        Identified { broker, folder, writer, events }
    }

    fn file(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(name)
    }

    fn is_restarted(&mut self) {
        self.broker.kill();
        self.broker.restart();
    }
}

fn write_client(folder: &tempfile::TempDir, client: &Certificate) {
    write_own(&folder.path().join("client.pem"), &client.pem);
    write_own(&folder.path().join("client.key"), &client.key_pem);
}

/// Returns the revocation list of an authority, which is empty.
fn revocations(authority: &Authority) -> String {
    let folder = tempfile::tempdir().expect("a folder");
    let file = |name: &str| folder.path().join(name);
    let configuration = "[ca]\ndefault_ca=it\n[it]\ndatabase=index\ncrlnumber=number\ncertificate=ca.pem\n\
        private_key=ca.key\ndefault_md=sha256\ndefault_crl_days=30\ncrl_extensions=extensions\n[extensions]\n\
        authorityKeyIdentifier=keyid\n";
    let key = authority.key_pem();
    for (name, text) in
        [("index", ""), ("number", "01\n"), ("ca.pem", &authority.pem), ("ca.key", &key), ("ca.conf", configuration)]
    {
        write_own(&file(name), text);
    }
    let mut openssl = std::process::Command::new("openssl");
    openssl.current_dir(folder.path()).args(["ca", "-config", "ca.conf", "-gencrl", "-out", "crl.pem"]);
    let output = openssl.output().expect("openssl");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    std::fs::read_to_string(file("crl.pem")).expect("read")
}

#[test]
fn what_could_not_be_put_in_force_at_once_is_tried_again() {
    let mut broker = Broker::start();
    let folder = tempfile::tempdir().expect("a folder");
    let file = |name: &str| folder.path().join(name);
    write_own(&file("ca.pem"), &authority().pem);
    write_own(&file("crl.pem"), revocations(authority()));
    let path = |name: &str| Value::from(file(name).display().to_string());
    let tls = Value::from([("ca_certs", path("ca.pem")), ("crl_file", path("crl.pem"))]);
    let (writer, events) = writer();
    let writer = writer.no_config(true).service_type("mqtt").topic("t").parameter("brokers", broker.tls_address());
    let login = common::login("user01", "user01-pass");
    let writer = writer.parameter("username_pw", login).parameter("tls", tls).open().expect("a writer");
    events.connected();
    let other = Authority::new("another authority");
    let renewed = other.sign(&["localhost"]);
    broker.kill();
    broker.write("server.pem", &renewed.pem);
    broker.write("server.key", &renewed.key_pem);
    // The authority's file is new already while its revocation list can't be used yet.
    write_own(&file("ca.pem"), &other.pem);
    write_own(&file("crl.pem"), "is being made");
    broker.restart();
    events.failed("no revocation list");
    write_own(&file("crl.pem"), revocations(&other));
    events.connected();
    writer.write("after").expect("write");
}

#[test]
fn an_authority_that_was_taken_out_is_not_trusted_though_the_clients_key_is_gone() {
    let other = Authority::new("another authority");
    let mut client = Identified::new(&(authority().pem.clone() + &other.pem));
    // A daemon that has dropped its privileges can't read the key either.
    std::fs::remove_file(client.file("client.key")).expect("remove");
    write_own(&client.file("ca.pem"), &other.pem);
    client.is_restarted();
    client.events.failed("not signed by a trusted authority");
    write_own(&client.file("ca.pem"), &authority().pem);
    client.events.connected();
    client.writer.write("after").expect("write");
}

#[test]
fn a_renewed_certificate_of_the_clients_is_shown_though_ca_certs_is_gone() {
    let mut client = Identified::new(&authority().pem);
    std::fs::remove_file(client.file("ca.pem")).expect("remove");
    write_client(&client.folder, &authority().sign_client("after"));
    client.is_restarted();
    client.events.connected();
    eventually("the new certificate is shown", || client.broker.log().contains("u'after'"));
}

#[test]
#[cfg(unix)]
fn a_renewed_key_that_everybody_can_write_is_not_used() {
    use std::os::unix::fs::PermissionsExt;

    let mut client = Identified::new(&authority().pem);
    let other = Authority::new("another authority");
    let with_mode = |mode| std::fs::Permissions::from_mode(mode);
    write_client(&client.folder, &other.sign_client("after"));
    std::fs::set_permissions(client.file("client.key"), with_mode(0o666)).expect("chmod");
    // The broker trusts only the new authority.
    client.broker.write("ca.pem", &other.pem);
    client.is_restarted();
    client.events.failed("client.key can be written by everybody (mode 0666)");
    std::fs::set_permissions(client.file("client.key"), with_mode(0o600)).expect("chmod");
    client.events.connected();
    eventually("the new certificate is shown", || client.broker.log().contains("u'after'"));
}

#[test]
fn a_password_that_has_changed_is_read_again_when_the_old_one_is_refused() {
    let mut broker = Broker::start();
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("config.yml");
    let address = broker.login_address();
    let configure = |password: &str| {
        let text = format!(
            "s:\n  type: mqtt\n  brokers: {address}\n  topic: t\n  username_pw: {{username: user01, password: {password}}}\n"
        );
        write_own(&file, text);
    };
    configure("user01-pass");
    let (builder, events) = writer();
    let client = builder.config_file(&file).open().expect("a writer");
    let (builder, told_by_other) = writer();
    let login = common::login("user01", "user01-pass");
    let other = builder.config_file(&file).parameter("username_pw", login).open().expect("a writer");
    events.connected();
    told_by_other.connected();
    configure("another-pass");
    broker.change_password("user01", "another-pass");
    broker.kill();
    broker.restart();
    events.connected();
    client.write("after").expect("write");
    // A login that the program itself has given does not come from the file.
    let ended = told_by_other.skip_to(|event| matches!(event, ConnectionEvent::Ended { .. }));
    assert!(is_refused_login(&ended), "{ended:?}");
    drop(other);
    // A wrong password is sent once, and so is the next one.
    configure("wrong-pass");
    broker.change_password("user01", "third-pass");
    broker.kill();
    broker.restart();
    let ended = events.skip_to(|event| matches!(event, ConnectionEvent::Ended { .. }));
    assert!(is_refused_login(&ended), "{ended:?}");
    assert!(matches!(client.write("too late"), Err(Error::Authentication { .. })));
    // Mosquitto writes its log after it has answered.
    eventually("both passwords are refused", || broker.log().matches("not authorised").count() == 2);
}

fn is_refused_login(ended: &ConnectionEvent) -> bool {
    matches!(ended, ConnectionEvent::Ended { cause: Error::Authentication { .. } })
}

#[test]
fn a_login_that_is_meant_for_another_broker_or_is_incomplete_is_not_taken() {
    let login = "  username_pw: {username: user01, password: another-pass}\n";
    let half = "  username_pw:\n    username: user01\n";
    for (others, login) in [
        ("  brokers: new.example.org\n  tls: true\n  require_tls: true\n", login),
        ("  brokers: BROKER\n  require_tls: true\n", login),
        ("  brokers: BROKER\n  proxy: {proxy_addr: proxy.example.org}\n", login),
        // A blank is missing, so that it is no value for YAML.
        ("  brokers: BROKER\n  'require_tls:true':\n", login),
        ("  brokers: BROKER\n", half),
        ("  brokers: BROKER\n", ""),
    ] {
        let mut broker = Broker::start();
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("config.yml");
        let address = broker.login_address();
        let configure = |rest: &str| {
            write_own(&file, format!("s:\n  type: mqtt\n  topic: t\n{}", rest.replace("BROKER", &address)))
        };
        configure("  brokers: BROKER\n  username_pw: {username: user01, password: user01-pass}\n");
        let (builder, events) = writer();
        let _client = builder.config_file(&file).open().expect("a writer");
        events.connected();
        configure(&format!("{others}{login}"));
        // The broker would accept this one.
        broker.change_password("user01", "another-pass");
        broker.kill();
        broker.restart();
        let end = |event: &ConnectionEvent| {
            matches!(event, ConnectionEvent::Ended { .. } | ConnectionEvent::Connected { .. })
        };
        let ended = events.skip_to(end);
        assert!(is_refused_login(&ended), "{others}{login}{ended:?}");
        // Mosquitto writes its log after it has answered.
        eventually("the old login is refused", || broker.log().contains("not authorised"));
        assert_eq!(broker.log().matches("not authorised").count(), 1, "{others}{login}");
    }
}
