//! Tests sessions that outlive their connection.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::{reader, returning_reader, returning_writer, writer};
use crate::common::broker::Broker;
use crate::common::events::listen;
use crate::common::proxy::Proxy;
use crate::common::raw::{CONNECT, Connect, PINGREQ, property};
use crate::common::scripted::Scripted;
use crate::common::warnings::collect;
use crate::common::{PATIENCE, eventually, next, next_values};
use sinetstream::{Consistency, MessageReader};

const BOTH: [Consistency; 2] = [Consistency::AtLeastOnce, Consistency::ExactlyOnce];

fn open(address: &str, consistency: Consistency, clean_start: bool, expiry: Option<i32>) -> MessageReader<String> {
    let mut builder = reader(address, "t").client_id("the-reader").parameter("clean_start", clean_start);
    if let Some(seconds) = expiry {
        builder = builder.parameter("session_expiry_interval", seconds);
    }
    builder.consistency(consistency).open().expect("reader")
}

#[test]
fn an_expiry_interval_keeps_the_session_while_the_reader_is_away() {
    let broker = Broker::start();
    let address = broker.plain_address();
    for consistency in BOTH {
        open(&address, consistency, true, Some(100)).close().expect("close");
        let writer = writer(&address, "t").consistency(consistency).open().expect("writer");
        (0..30).for_each(|n: i32| writer.write(&n.to_string()).expect("write"));
        let reader = open(&address, consistency, false, Some(100));
        let expected: Vec<String> = (0..30).map(|n| n.to_string()).collect();
        assert_eq!(next_values(&reader, 30), expected, "{consistency}");
    }
}

/// Without the expiry interval the session ends with the connection, although `clean_start` is false.
#[test]
fn without_an_expiry_interval_nothing_is_kept() {
    let broker = Broker::start();
    let address = broker.plain_address();
    open(&address, Consistency::AtLeastOnce, false, None).close().expect("close");
    let writer = writer(&address, "t").open().expect("writer");
    writer.write("while away").expect("write");
    let reader = open(&address, Consistency::AtLeastOnce, false, None);
    writer.write("back").expect("write");
    assert_eq!(next(&reader).value(), "back");
}

#[test]
fn a_clean_start_removes_what_was_kept() {
    let broker = Broker::start();
    let address = broker.plain_address();
    open(&address, Consistency::AtLeastOnce, true, Some(100)).close().expect("close");
    let writer = writer(&address, "t").open().expect("writer");
    writer.write("while away").expect("write");
    let reader = open(&address, Consistency::AtLeastOnce, true, Some(100));
    writer.write("back").expect("write");
    assert_eq!(next(&reader).value(), "back");
}

/// `clean_start` concerns the client's start only; after a cut the client resumes its own session.
#[test]
fn a_client_that_starts_clean_resumes_after_a_cut() {
    let broker = Broker::start();
    let proxy = Proxy::start(broker.plain);
    let (listener, events) = listen();
    let reader = returning_reader(&proxy.address(), "t")
        .client_id("the-reader")
        .parameter("session_expiry_interval", 100)
        .on_connection_event(listener)
        .open()
        .expect("reader");
    assert!(!events.connected());
    proxy.close();
    events.lost();
    let writer = writer(&broker.plain_address(), "t").open().expect("writer");
    (0..30).for_each(|n: i32| writer.write(&n.to_string()).expect("write"));
    proxy.open();
    assert!(events.connected(), "the session was not resumed");
    let expected: Vec<String> = (0..30).map(|n| n.to_string()).collect();
    assert_eq!(next_values(&reader, 30), expected);
    let log = broker.log();
    for start in ["as the-reader (p5, c1,", "as the-reader (p5, c0,"] {
        assert_eq!(log.matches(start).count(), 1, "{start}");
    }
}

/// Without an expiry interval the broker has forgotten the subscription, so the client makes it again.
#[test]
fn a_client_without_a_session_subscribes_again_after_a_cut() {
    let broker = Broker::start();
    let proxy = Proxy::start(broker.plain);
    let (listener, events) = listen();
    let reader = returning_reader(&proxy.address(), "t").on_connection_event(listener).open().expect("reader");
    assert!(!events.connected());
    proxy.cut();
    events.lost();
    assert!(!events.connected());
    eventually("the reader is back", || reader.ping(PATIENCE).is_ok());
    writer(&broker.plain_address(), "t").open().expect("writer").write("again").expect("write");
    assert_eq!(next(&reader).value(), "again");
}

#[test]
fn clean_session_is_taken_for_clean_start() {
    const NEVER: u32 = u32::MAX;
    let broker = Scripted::open_v5(&[], |peer| peer.drain());
    // Returns the fields of CONNECT, and the warnings.
    let clean = |session: Option<bool>, start: Option<bool>, expiry: Option<i32>| {
        let mut builder = writer(&broker.address(), "t").client_id("the-writer");
        for (name, value) in [("clean_session", session), ("clean_start", start)] {
            if let Some(value) = value {
                builder = builder.parameter(name, value);
            }
        }
        if let Some(seconds) = expiry {
            builder = builder.parameter("session_expiry_interval", seconds);
        }
        let (writer, warnings) = collect(|| builder.open().expect("writer"));
        let Connect { clean_session, properties, .. } = Connect::parse(&broker.next_packet());
        writer.close().expect("close");
        broker.next_packet();
        (clean_session, properties, warnings)
    };
    let expires = |seconds: u32| vec![property::four_bytes(property::SESSION_EXPIRY, seconds)];

    assert_eq!(clean(None, None, None), (true, vec![], vec![]));
    assert_eq!(clean(None, Some(true), None), (true, vec![], vec![]));
    assert_eq!(clean(None, Some(false), Some(7)), (false, expires(7), vec![]));
    // `clean_start` is MQTT 5's own name, and implies nothing else.
    let (start, properties, warnings) = clean(None, Some(false), None);
    assert_eq!((start, properties, warnings.len()), (false, vec![], 1), "{warnings:?}");
    for words in ["'clean_start' has no effect", "'session_expiry_interval'", "keeps no session"] {
        assert!(warnings[0].contains(words), "'{words}' is not in: {warnings:?}");
    }
    // `clean_session: false` means the same as in earlier versions: a session that does not expire.
    for (wanted, expiry, expected) in
        [(true, None, vec![]), (false, None, expires(NEVER)), (true, Some(7), expires(7)), (false, Some(7), expires(7))]
    {
        let (start, properties, warnings) = clean(Some(wanted), None, expiry);
        assert_eq!((start, properties, warnings.len()), (wanted, expected, 1), "{warnings:?}");
        assert!(warnings[0].contains("'clean_session' is taken for 'clean_start'"), "{warnings:?}");
        let says_how_long = warnings[0].contains("'session_expiry_interval' that never ends");
        assert_eq!(says_how_long, !wanted && expiry.is_none(), "{warnings:?}");
    }
    // If both are given, the newer name wins.
    for wanted in [true, false] {
        let (start, properties, warnings) = clean(Some(!wanted), Some(wanted), Some(7));
        assert_eq!((start, properties, warnings.len()), (wanted, expires(7), 1), "{warnings:?}");
        assert!(warnings[0].contains("'clean_session' has no effect"), "{warnings:?}");
    }
}

/// Without a `client_id` nobody could find the session again.
#[test]
fn clean_session_needs_a_client_id() {
    let broker = Scripted::open_v5(&[], |peer| peer.drain());
    for name in ["clean_session", "clean_start"] {
        let builder = writer(&broker.address(), "t").parameter(name, false);
        let (writer, warnings) = collect(|| builder.open().expect("writer"));
        let connect = Connect::parse(&broker.next_packet());
        assert_eq!((connect.clean_session, connect.properties), (true, vec![]));
        assert!(warnings.iter().any(|warning| warning.contains("without 'client_id'")), "{warnings:?}");
        writer.close().expect("close");
        broker.next_packet();
    }
}

/// The session is kept as in earlier versions, without another parameter.
#[test]
fn clean_session_keeps_the_session_while_the_reader_is_away() {
    let broker = Broker::start();
    let address = broker.plain_address();
    for consistency in BOTH {
        let open = || {
            let builder = reader(&address, "t").client_id("the-reader").parameter("clean_session", false);
            builder.consistency(consistency).open().expect("reader")
        };
        open().close().expect("close");
        let writer = writer(&address, "t").consistency(consistency).open().expect("writer");
        (0..30).for_each(|n: i32| writer.write(&n.to_string()).expect("write"));
        let expected: Vec<String> = (0..30).map(|n| n.to_string()).collect();
        let reader = open();
        assert_eq!(next_values(&reader, 30), expected, "{consistency}");
        // Without the close, the next reader could take the session over before the broker has the last acknowledgements.
        reader.close().expect("close");
    }
}

/// Accepts clients, except on the connections with these numbers, which it closes; then waits for a ping and closes the
/// connection.
fn one_of_several(turns_away: &'static [usize]) -> Scripted {
    Scripted::start(move |peer| {
        if turns_away.contains(&peer.number) {
            peer.expect(CONNECT);
            return;
        }
        peer.connack_v5(0, &[]);
        peer.expect(PINGREQ);
    })
}

/// A clean start is made once at each broker: where the client's session is, it is resumed.
#[test]
fn every_broker_of_a_list_has_a_session_of_its_own() {
    for clean in [true, false] {
        let brokers = [one_of_several(&[1]), one_of_several(&[])];
        let addresses = brokers.each_ref().map(Scripted::address);
        let (listener, events) = listen();
        let writer = returning_writer("replaced", "t")
            .parameter("brokers", addresses.to_vec())
            .client_id("the-writer")
            .parameter("session_expiry_interval", 100)
            .parameter("clean_start", clean)
            .on_connection_event(listener)
            .open()
            .expect("writer");
        // The client connects to the first broker, the second, not the first, the second again, and the first again.
        for connection in 0..4 {
            events.connected();
            assert!(writer.ping(PATIENCE).is_err(), "connection {connection} is not lost");
            events.lost();
        }
        let starts = |broker: &Scripted, count| -> Vec<bool> {
            let connects = std::iter::repeat_with(|| broker.next_packet()).filter(|packet| packet.first == CONNECT);
            connects.take(count).map(|packet| Connect::parse(&packet).clean_session).collect()
        };
        assert_eq!(starts(&brokers[1], 2), [clean, false], "at the second");
        assert_eq!(starts(&brokers[0], 3), [clean; 3], "at the first");
    }
}

/// Both clients lose their connections again and again, and no message is lost or comes twice.
#[test]
fn exactly_once_over_cuts() {
    const MESSAGES: usize = 400;
    let broker = Broker::start();
    let (to_writer, to_reader) = (Proxy::start(broker.plain), Proxy::start(broker.plain));
    let reader = returning_reader(&to_reader.address(), "t")
        .consistency(Consistency::ExactlyOnce)
        .client_id("the-reader")
        .parameter("session_expiry_interval", 100)
        .open()
        .expect("reader");
    let writer = returning_writer(&to_writer.address(), "t")
        .consistency(Consistency::ExactlyOnce)
        .client_id("the-writer")
        .parameter("session_expiry_interval", 100)
        .open()
        .expect("writer");
    let written = AtomicBool::new(false);
    let mut arrived: HashMap<String, usize> = HashMap::new();
    let cuts = std::thread::scope(|scope| {
        let cutting = scope.spawn(|| {
            let mut cuts = 0;
            while !written.load(Ordering::SeqCst) {
                std::thread::sleep(Duration::from_millis(70));
                cuts += usize::from(to_writer.cut()) + usize::from(to_reader.cut());
            }
            cuts
        });
        let writing: Vec<_> = (0..8)
            .map(|thread| {
                let writer = &writer;
                scope.spawn(move || {
                    for number in 0..MESSAGES / 8 {
                        writer.write(&format!("{thread} {number}")).expect("write");
                    }
                })
            })
            .collect();
        let reading = scope.spawn(|| {
            for _ in 0..MESSAGES {
                *arrived.entry(next(&reader).into_value()).or_default() += 1;
            }
        });
        let results: Vec<_> = writing.into_iter().map(|thread| thread.join()).collect();
        written.store(true, Ordering::SeqCst);
        let cuts = cutting.join().expect("the cutter");
        reading.join().expect("the reader");
        results.into_iter().for_each(|result| result.expect("a writer"));
        cuts
    });
    assert!(cuts >= 4, "only {cuts} cuts");
    assert_eq!(arrived.len(), MESSAGES, "something came twice instead of something else");
    writer.write("the last").expect("write");
    assert_eq!(next(&reader).value(), "the last", "something came twice");
}
