//! Certificates, keys and passwords that are renewed on disk while a client lives.

mod common;

use common::broker::Broker;
use common::certificates::{Authority, authority, server};
use common::events::{Events, listen};
use common::{eventually, quickly, write_own};
use sinetstream::config::Value;
use sinetstream::{ConnectionEvent, Consistency, Error, MessageWriter, MessageWriterBuilder};

/// It comes back when its connection is lost.
fn writer() -> (MessageWriterBuilder<str>, Events) {
    let (listener, events) = listen();
    let writer = MessageWriter::<str>::builder()
        .parameter("reconnect_delay", quickly())
        .consistency(Consistency::AtLeastOnce)
        .on_connection_event(listener);
    (writer, events)
}

/// Waits for an attempt that has failed with these words.
#[track_caller]
fn failed(events: &Events, words: &str) {
    events
        .skip_to(|event| matches!(event, ConnectionEvent::Retrying { cause, .. } if cause.to_string().contains(words)));
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

#[test]
fn certificates_and_keys_in_files_are_read_again_when_they_have_changed() {
    const LISTENER: &str = "allow_anonymous false\nrequire_certificate true\nuse_identity_as_username true";
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
    // The broker has everything anew, from another authority.
    let other = Authority::new("another authority");
    let (renewed, shown) = (other.sign(&["localhost"]), other.sign_client("after"));
    broker.kill();
    broker.write("ca.pem", &other.pem);
    broker.write("server.pem", &renewed.pem);
    broker.write("server.key", &renewed.key_pem);
    broker.restart();
    failed(&events, "not signed by a trusted authority");
    // The client has the one half of it yet, and one of the files is not whole.
    write_own(&file("ca.pem"), &other.pem);
    write_own(&file("client.pem"), &shown.pem[..shown.pem.len() / 2]);
    failed(&events, "what was read earlier is used");
    write_own(&file("client.pem"), &shown.pem);
    failed(&events, "does not belong to the certificate");
    write_own(&file("client.key"), encrypted(&shown.key_pem, "the password"));
    events.connected();
    writer.write("after").expect("write");
    eventually("the new certificate is shown", || broker.log().contains("u'after'"));
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
    // What the program itself has given is not in the file.
    let error = told_by_other.skip_to(|event| matches!(event, ConnectionEvent::Ended { .. }));
    assert!(format!("{error:?}").contains("Authentication"), "{error:?}");
    drop(other);
    // A password that is wrong is shown once, and so is the next one.
    configure("wrong-pass");
    broker.change_password("user01", "third-pass");
    broker.kill();
    broker.restart();
    let ended = events.skip_to(|event| matches!(event, ConnectionEvent::Ended { .. }));
    assert!(format!("{ended:?}").contains("Authentication"), "{ended:?}");
    assert!(matches!(client.write("too late"), Err(Error::Authentication { .. })));
    // Mosquitto writes its log when it has answered.
    eventually("both passwords are refused", || broker.log().matches("not authorised").count() == 2);
}

#[test]
fn a_login_that_is_meant_for_another_broker_or_is_incomplete_is_not_taken() {
    let login = "  username_pw: {username: user01, password: another-pass}\n";
    let half = "  username_pw:\n    username: user01\n";
    for (others, login) in [
        ("  brokers: new.example.org\n  tls: true\n  require_tls: true\n", login),
        ("  brokers: BROKER\n  require_tls: true\n", login),
        ("  brokers: BROKER\n  proxy: {proxy_addr: proxy.example.org}\n", login),
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
        // It would be let in with this one.
        broker.change_password("user01", "another-pass");
        broker.kill();
        broker.restart();
        let end = |event: &ConnectionEvent| {
            matches!(event, ConnectionEvent::Ended { .. } | ConnectionEvent::Connected { .. })
        };
        let ended = events.skip_to(end);
        assert!(format!("{ended:?}").contains("Authentication"), "{others}{login}{ended:?}");
        // Mosquitto writes its log when it has answered.
        eventually("the old login is refused", || broker.log().contains("not authorised"));
        assert_eq!(broker.log().matches("not authorised").count(), 1, "{others}{login}");
    }
}
