//! Tests a program that starts before its broker, and one whose broker refuses the login for a while.

use std::thread;

use crate::common::broker::{Broker, free_ports};
use crate::common::events::{Events, listen};
use crate::common::scripted::Scripted;
use crate::common::{PATIENCE, login, quickly, told, within, write_own};
use sinetstream::config::Value;
use sinetstream::{ConnectionEvent, Consistency, Error, MessageReader, MessageWriter, MessageWriterBuilder};

fn writer(address: &str, connect: Value) -> (MessageWriterBuilder<str>, Events) {
    let (listener, events) = listen();
    let writer = MessageWriter::<str>::builder()
        .no_config(true)
        .service_type("mqtt")
        .topic("t")
        .consistency(Consistency::AtLeastOnce)
        .parameter("brokers", address)
        .parameter("connect", connect)
        .parameter("reconnect_delay", quickly())
        .on_connection_event(listener);
    (writer, events)
}

fn retries(events: &Events) -> usize {
    events.0.try_iter().filter(|event| matches!(event, ConnectionEvent::Retrying { .. })).count()
}

#[test]
fn a_program_may_start_before_its_broker() {
    let mut broker = Broker::start();
    let address = broker.plain_address();
    broker.kill();
    let (builder, events) = writer(&address, [("retry_first", 600)].into());
    let opening = thread::spawn(move || builder.open());
    events.failed("refused");
    events.failed("refused");
    broker.restart();
    let writer = within(PATIENCE, move || opening.join().expect("no panic")).expect("a writer");
    writer.write("hello").expect("write");
    // A reader subscribes as well; one available broker of several is enough.
    let [closed] = free_ports();
    let (listener, events) = listen();
    broker.kill();
    let builder = MessageReader::<String>::builder()
        .no_config(true)
        .service_type("mqtt")
        .topic("t")
        .parameter("brokers", format!("localhost:{closed},{address}"))
        .parameter("connect", [("retry_first", "600")])
        .parameter("reconnect_delay", quickly())
        .on_connection_event(listener);
    let opening = thread::spawn(move || builder.open());
    events.failed(&closed.to_string());
    broker.restart();
    let reader = within(PATIENCE, move || opening.join().expect("no panic")).expect("a reader");
    writer.write("again").expect("write");
    assert_eq!(reader.read().expect("read").expect("a message").value(), "again");
}

#[test]
fn the_opening_ends_when_its_time_is_over_and_at_once_without_any() {
    let [closed] = free_ports();
    let address = format!("localhost:{closed}");
    let (builder, events) = writer(&address, [("retry_first", 0.3)].into());
    told(within(PATIENCE, move || builder.open()), "Connection", &[&address, "refused"]);
    assert!(retries(&events) > 0);
    for connect in [Value::from([("retry_first", 0)]), Value::Map(Default::default())] {
        let (builder, events) = writer(&address, connect);
        told(builder.open(), "Connection", &[&address, "refused"]);
        assert_eq!(retries(&events), 0);
    }
    // A refusal that time will not change is reported at once.
    let broker = Scripted::start(|peer| peer.connack(2));
    let (builder, events) = writer(&broker.address(), [("retry_first", 600), ("retry_login", 600)].into());
    told(within(PATIENCE, move || builder.open()), "Connection", &["does not accept this client id"]);
    assert_eq!((retries(&events), broker.connections()), (0, 1));
    let broker = Scripted::start(|peer| peer.connack(5));
    let (builder, events) = writer(&broker.address(), [("retry_first", 600)].into());
    told(within(PATIENCE, move || builder.open()), "Authentication", &["not authorized"]);
    assert_eq!((retries(&events), broker.connections()), (0, 1));
    for wrong in [Value::from(-1), Value::from("soon"), f64::NAN.into()] {
        for name in ["retry_first", "retry_login"] {
            let (builder, _) = writer(&address, [(name, wrong.clone())].into());
            told(builder.open(), "InvalidConfiguration", &[&format!("'connect.{name}'"), "seconds, 0 or more"]);
        }
    }
}

#[test]
fn a_refused_login_is_tried_again_when_that_is_asked_for() {
    // The login is refused twice at the opening, and once at a reconnect.
    let broker = Scripted::start(|peer| match peer.number {
        0 | 1 | 3 => peer.connack(5),
        2 => {
            peer.connack(0);
            // The script ends here, so the connection is lost.
        }
        _ => {
            peer.connack(0);
            peer.swallow();
        }
    });
    let (builder, events) = writer(&broker.address(), [("retry_login", 600)].into());
    let writer = within(PATIENCE, move || builder.open()).expect("a writer");
    events.failed("not authorized");
    events.failed("not authorized");
    events.connected();
    events.lost();
    events.failed("not authorized");
    events.connected();
    drop(writer);
    // The time of `retry_login` starts at the first refusal, not before.
    let broker = Scripted::start(|peer| peer.connack(4));
    let (builder, events) = self::writer(&broker.address(), [("retry_login", 0.2)].into());
    let ended = within(PATIENCE, move || builder.parameter("username_pw", login("u", "p")).open());
    assert!(matches!(ended, Err(Error::Authentication { .. })), "{ended:?}");
    assert!(retries(&events) > 0);
}

/// A user with the wrong password in the file corrects it there.
#[test]
fn a_login_that_is_mended_in_the_file_meanwhile_is_taken() {
    let broker = Broker::start();
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("config.yml");
    let configure = |password: &str| {
        write_own(
            &file,
            format!(
                "s:\n  type: mqtt\n  brokers: {}\n  topic: t\n  connect: {{retry_login: 600}}\n  reconnect_delay: \
                 {{min_delay: 0.02, max_delay: 0.1}}\n  username_pw: {{username: user01, password: {password}}}\n",
                broker.login_address()
            ),
        );
    };
    configure("wrong-pass");
    let (listener, events) = listen();
    let builder = MessageWriter::<str>::builder().config_file(&file).on_connection_event(listener);
    let opening = thread::spawn(move || builder.open());
    events.failed("refused the connection");
    configure("user01-pass");
    within(PATIENCE, move || opening.join().expect("no panic")).expect("a writer");
}
