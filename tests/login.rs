//! Tests logins with user name and password, with TLS and without.

use std::fmt::Debug;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use crate::common;
use crate::common::broker::{Broker, USERS};
use crate::common::proxy::Proxy;
use crate::common::scripted::Scripted;
use crate::common::{eventually, next, quickly, raw, reader, told, within, writer};
use sinetstream::config::{Map, Value};
use sinetstream::{BoxError, Consistency, Error, Login, MessageReader, MessageWriter, MessageWriterBuilder, Result};

/// Returns the parameters for a login with user name and password, over TLS (with the run's authority) or without.
fn parameters(broker: &Broker, tls: bool, login: Option<(&str, &str)>) -> Map {
    let mut parameters = Map::new();
    parameters.insert("brokers", if tls { broker.tls_address() } else { broker.login_address() });
    if tls {
        parameters.insert("tls", Value::from([("ca_certs", broker.ca().display().to_string())]));
    }
    if let Some((username, password)) = login {
        parameters.insert("username_pw_set", common::login(username, password));
    }
    parameters
}

fn open_writer(parameters: Map) -> Result<MessageWriter<str>> {
    writer("replaced", "t").parameters(parameters).open()
}

fn open_reader(parameters: Map) -> Result<MessageReader<String>> {
    reader("replaced", "t").parameters(parameters).open()
}

#[track_caller]
fn refused<T: Debug>(result: Result<T>, code: u8) -> String {
    match result {
        Err(Error::Authentication { message, code: told, .. }) if told == code => {
            assert!(message.contains(&format!("code {code}")), "{message}");
            message
        }
        other => panic!("expected a refused login with code {code}: {other:?}"),
    }
}

#[test]
fn a_good_login_works_with_and_without_tls() {
    let broker = Broker::start();
    for tls in [false, true] {
        for user in USERS {
            let reader = open_reader(parameters(&broker, tls, Some(user))).expect("a reader");
            let writer = open_writer(parameters(&broker, tls, Some(user))).expect("a writer");
            writer.write(user.0).expect("write");
            assert_eq!(next(&reader).value(), user.0);
        }
    }
}

#[test]
fn every_bad_login_is_an_authentication_error() {
    let broker = Broker::start();
    let bad = [
        ("wrong password", Some(("user01", "user02-pass"))),
        ("almost the password", Some(("user01", "user01-pass "))),
        ("unknown user", Some(("user99", "user01-pass"))),
        ("empty password", Some(("user01", ""))),
        ("empty user", Some(("", "user01-pass"))),
        ("empty user and password", Some(("", ""))),
        ("no login", None),
    ];
    for tls in [false, true] {
        for (what, login) in bad {
            let message = refused(open_writer(parameters(&broker, tls, login)), 5);
            let address = if tls { broker.tls_address() } else { broker.login_address() };
            assert!(message.contains(&address), "{what}: {message}");
            assert!(message.contains("username_pw"), "{what}: what to check is not named: {message}");
            if let Some((user, _)) = login.filter(|(user, _)| !user.is_empty()) {
                assert!(message.contains(user), "{what}: {message}");
            }
            assert!(!message.contains("-pass"), "{what}: {message}");
            refused(open_reader(parameters(&broker, tls, login)), 5);
        }
    }
}

#[test]
fn a_user_name_without_a_password_is_refused_too() {
    let broker = Broker::start();
    for tls in [false, true] {
        let mut parameters = parameters(&broker, tls, None);
        parameters.insert("username_pw", Value::from([("username", "user01")]));
        refused(open_writer(parameters.clone()), 5);
        refused(open_reader(parameters), 5);
    }
}

#[test]
fn asynchronous_clients_are_refused_alike() {
    let broker = Broker::start();
    let bad = parameters(&broker, true, Some(("user01", "nonsense")));
    refused(common::block_on(writer::<str>("replaced", "t").parameters(bad.clone()).open_async()), 5);
    refused(common::block_on(reader::<String>("replaced", "t").parameters(bad).open_async()), 5);
}

#[test]
fn a_changed_password_counts_after_the_broker_has_reloaded_it() {
    let broker = Broker::start();
    for (user, tls) in [("user01", false), ("user02", true)] {
        let old = format!("{user}-pass");
        open_writer(parameters(&broker, tls, Some((user, &old)))).expect("a writer").close().expect("close");
        broker.change_password(user, "another-pass");
        open_writer(parameters(&broker, tls, Some((user, &old)))).expect("not yet reloaded").close().expect("close");
        broker.reload();
        refused(open_writer(parameters(&broker, tls, Some((user, &old)))), 5);
        refused(open_reader(parameters(&broker, tls, Some((user, &old)))), 5);
        open_writer(parameters(&broker, tls, Some((user, "another-pass")))).expect("a writer");
    }
}

#[test]
fn a_refused_login_makes_one_connection() {
    let broker = Broker::start();
    for tls in [false, true] {
        let before = broker.connections();
        refused(open_writer(parameters(&broker, tls, Some(("user01", "wrong")))), 5);
        assert_eq!(broker.connections(), before + 1);
        refused(open_reader(parameters(&broker, tls, Some(("user01", "wrong")))), 5);
        // A good login in between would reveal a late second attempt.
        open_writer(parameters(&broker, tls, Some(("user01", "user01-pass")))).expect("a writer");
        assert_eq!(broker.connections(), before + 3);
    }
}

/// A refused login is final, also when reconnecting is requested.
#[test]
fn reconnecting_does_not_repeat_a_refused_login() {
    let broker = Scripted::start(|peer| peer.connack(5));
    let error = within(common::PATIENCE, {
        let address = broker.address();
        move || writer::<str>(&address, "t").parameter("connect", [("automatic_reconnect", true)]).open().map(drop)
    });
    refused(error, 5);
    assert_eq!(broker.connections(), 1);
}

#[test]
fn every_connack_code_has_its_error() {
    for (code, words) in [
        (1_u8, "protocol version"),
        (2, "client id"),
        (3, "unavailable"),
        (4, "bad user name or password"),
        (5, "not authorized"),
        (6, "code 6"),
        (0x89, "code 137"),
        (0xFF, "code 255"),
    ] {
        let broker = Scripted::start(move |peer| peer.connack(code));
        let address = broker.address();
        for result in [
            writer::<str>(&address, "t").parameter("username_pw", common::login("me", "my-secret")).open().map(drop),
            reader::<String>(&address, "t").parameter("username_pw", common::login("me", "my-secret")).open().map(drop),
        ] {
            let error = result.expect_err("refused");
            let text = error.to_string();
            match &error {
                Error::Authentication { code: told, .. } => assert_eq!((*told, matches!(code, 4 | 5)), (code, true)),
                Error::Connection { .. } => assert!(!matches!(code, 4 | 5), "{error:?}"),
                other => panic!("{code}: {other:?}"),
            }
            assert!(text.contains(&format!("code {code}")), "{text}");
            assert!(text.contains(words), "{text}");
            assert!(text.contains(&address), "{text}");
            assert!(!text.contains("my-secret") && !format!("{error:?}").contains("my-secret"), "{error:?}");
        }
        assert_eq!(broker.connections(), 2, "one connection for each");
    }
}

#[test]
fn credentials_arrive_as_they_were_written() {
    let broker = Scripted::open(|peer| peer.drain());
    let long = "x".repeat(65_535);
    let binary: &[u8] = &[0, 0xFF, 0xFE, b'\n'];
    type Case<'a> = (Value, Option<&'a str>, Option<&'a [u8]>);
    let cases: Vec<Case> = vec![
        (common::login("ユーザー", "pässwörd 😀"), Some("ユーザー"), Some("pässwörd 😀".as_bytes())),
        (common::login(" user ", " pass "), Some(" user "), Some(b" pass ")),
        (common::login("user", ""), Some("user"), Some(b"")),
        (common::login("", "pass"), Some(""), Some(b"pass")),
        (common::login(&long, &long), Some(&long), Some(long.as_bytes())),
        ([("username", Value::from("user"))].into(), Some("user"), None),
        ([("username", Value::from("user")), ("password", binary.into())].into(), Some("user"), Some(binary)),
    ];
    for (value, username, password) in cases {
        let writer = writer::<str>(&broker.address(), "t").parameter("username_pw_set", value).open().expect("open");
        let connect = raw::Connect::parse(&broker.next_packet());
        assert_eq!((connect.username.as_deref(), connect.password.as_deref()), (username, password));
        writer.close().expect("close");
        assert_eq!(broker.next_packet().first, raw::DISCONNECT);
    }
}

#[test]
fn no_output_shows_the_password() {
    const SECRET: &str = "s3cr3t-of-the-test";
    let broker = Broker::start();
    let mut seen = Vec::new();
    let good = |tls| {
        broker.change_password("user03", SECRET);
        broker.reload();
        parameters(&broker, tls, Some(("user03", SECRET)))
    };
    let ((), warnings) = common::warnings::collect(|| {
        for tls in [false, true] {
            let writer = open_writer(good(tls)).expect("a writer");
            let reader = open_reader(good(tls)).expect("a reader");
            seen.push(format!("{writer:?} {reader:?} {:?} {:?}", writer.config(), reader.config()));
            let password = match writer.config().get("username_pw_set") {
                Some(Value::Map(map)) => map.get("password").cloned(),
                other => panic!("{other:?}"),
            };
            assert_eq!(password, Some(Value::from("********")));
            seen.push(format!("{:?} {:?}", writer.metrics(), parameters(&broker, tls, Some(("user03", SECRET)))));
        }
        let mut bad = good(false);
        bad.insert("username_pw", common::login("nobody", SECRET));
        bad.insert("username_pw_set", common::login("nobody", SECRET));
        let error = open_writer(bad.clone()).expect_err("refused");
        seen.push(format!("{error} {error:?} {error:#?}"));
        bad.insert("username_pw", common::login("another", SECRET));
        bad.insert("qos", SECRET);
        bad.insert("retain", SECRET);
        bad.insert("brokers", format!("user:{SECRET}@localhost"));
        let error = open_writer(bad).expect_err("a wrong configuration");
        seen.push(format!("{error} {error:?}"));
    });
    seen.extend(warnings);
    for text in seen {
        assert!(!text.contains("s3cr3t"), "{text}");
    }
}

/// The broker drops the connection instead of answering a bad login.
#[test]
fn a_closed_connection_is_not_taken_for_a_refused_login() {
    let broker = Scripted::start(|peer| drop(peer.packet()));
    let address = broker.address();
    let result = within(Duration::from_secs(10), move || {
        writer::<str>(&address, "t").parameter("username_pw", common::login("me", "pw")).open().map(drop)
    });
    assert!(matches!(result, Err(Error::Connection { .. })), "{result:?}");
}

/// Returns the builder of a writer that reconnects quickly, whose login the program gives.
fn given(
    address: &str,
    login: impl Fn() -> std::result::Result<Login, BoxError> + Send + Sync + 'static,
) -> MessageWriterBuilder<str> {
    let connect = [("automatic_reconnect", true.into()), ("connection_timeout", Value::from(10))];
    let builder = common::writer(address, "t").consistency(Consistency::AtLeastOnce);
    builder.parameter("connect", connect).parameter("reconnect_delay", quickly()).login_with(login)
}

#[test]
fn a_program_gives_a_login_of_now_for_each_connection() {
    let broker = Broker::start();
    let proxy = Proxy::start(broker.login);
    let password = Arc::new(Mutex::new("user01-pass".to_owned()));
    let (asked, given_now) = (Arc::new(AtomicUsize::new(0)), password.clone());
    let count = asked.clone();
    let login = move || {
        count.fetch_add(1, Ordering::Relaxed);
        Ok(Login::new("user01", given_now.lock().expect("the password").clone()))
    };
    // The login in the configuration has no effect beside it.
    let builder = given(&proxy.address(), login).parameter("username_pw", common::login("user01", "wrong"));
    let writer = builder.open().expect("writer");
    writer.write("before").expect("write");
    assert_eq!(asked.load(Ordering::Relaxed), 1);
    *password.lock().expect("the password") = "renewed".into();
    broker.change_password("user01", "renewed");
    broker.reload();
    proxy.cut();
    writer.write("after").expect("write");
    assert!(asked.load(Ordering::Relaxed) > 1);
    // A refused login is final, whoever gives it.
    *password.lock().expect("the password") = "wrong".into();
    proxy.cut();
    eventually("the login is refused", || writer.write("refused").is_err());
    told(writer.write("refused"), "Authentication", &["127.0.0.1"]);
}

#[test]
fn a_login_that_can_t_be_had_is_a_failed_attempt() {
    let broker = Broker::start();
    let address = broker.login_address();
    let opened = given(&address, || Err("the vault is sealed".into())).open();
    told(opened, "Connection", &["gave no login", "the vault is sealed"]);
    let opened = given(&address, || panic!("defect")).open();
    told(opened, "Connection", &["gave no login", "panicked"]);
    told(given(&address, || Ok(Login::token("t"))).open(), "Connection", &["gave no login", "MQTT 5"]);
    told(given(&address, || Ok(Login::new("a\0b", "t"))).open(), "Connection", &["gave no login", "control"]);
    // The login may become available late, as long as the opening may still try.
    let left = AtomicUsize::new(3);
    let login = move || match left.fetch_sub(1, Ordering::Relaxed) {
        1 => Ok(Login::new("user01", "user01-pass")),
        _ => Err("not yet".into()),
    };
    let connect = [("retry_first", Value::from(600))];
    given(&address, login).parameter("connect", connect).open().expect("writer").close().expect("close");
}

#[test]
fn a_login_that_never_comes_takes_no_longer_than_a_connection_and_no_close() {
    let broker = Broker::start();
    let (release, held) = mpsc::channel::<()>();
    let held = Mutex::new(held);
    let never = move || {
        let _ = held.lock().expect("the channel").recv();
        Err("too late".into())
    };
    let builder = given(&broker.login_address(), never).parameter("connect", common::connection_timeout(0.2));
    told(builder.open(), "Connection", &["no login within 200 ms"]);
    drop(release);
}

#[test]
fn a_login_that_the_program_gives_is_told_to_go_in_the_clear() {
    let opened = common::writer::<str>("192.0.2.1:1883", "t").parameter("require_tls", true);
    told(
        opened.login_with(|| Ok(Login::new("u", "p"))).open(),
        "InvalidConfiguration",
        &["the password", "without TLS"],
    );
}
