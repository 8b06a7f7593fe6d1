//! Tests DISCONNECTs of the broker.

use super::{reader, returning_writer};
use crate::common::events::listen;
use crate::common::raw::{DISCONNECT, PINGREQ, Packet, Property, property};
use crate::common::scripted::Scripted;
use crate::common::{PATIENCE, told};
use sinetstream::{ConnectionEvent, Error};

fn disconnect(code: u8, properties: &[Property]) -> Vec<u8> {
    Packet::new(DISCONNECT, [vec![code], property::block(properties)].concat()).bytes()
}

/// DISCONNECT may have any of the allowed lengths. The client reports the reason and reconnects.
#[test]
fn every_form_is_understood() {
    let forms = [
        (vec![0xE0, 0], "success (reason code 0x00)"),
        (vec![0xE0, 1, 0x82], "protocol error (reason code 0x82)"),
        (vec![0xE0, 2, 0x8B, 0], "server shutting down (reason code 0x8b)"),
        (
            disconnect(0x97, &[property::text(property::REASON, "too much"), property::user("a", "b")]),
            "quota exceeded (reason code 0x97): 'too much'",
        ),
        (
            disconnect(0x9C, &[property::text(property::SERVER_REFERENCE, "other:1884")]),
            "use another server (reason code 0x9c); it points to the broker 'other:1884'",
        ),
        (disconnect(0x9D, &[]), "server moved"),
        (disconnect(0x93, &[]), "receive maximum exceeded"),
        (disconnect(0x8D, &[]), "keep alive timeout"),
        (disconnect(0xEE, &[]), "unknown reason (reason code 0xee)"),
        // These are malformed: a property that does not belong here, the same property twice, and bytes after the end.
        (disconnect(0x97, &[property::two_bytes(property::TOPIC_ALIAS, 1)]), "malformed"),
        (disconnect(0x97, &[property::text(property::REASON, "a"), property::text(property::REASON, "b")]), "twice"),
        (vec![0xE0, 3, 0x97, 0, 0], "malformed"),
        (vec![0xE0, 2, 0x97, 9], "malformed"),
        (vec![0xE1, 0], "flags"),
    ];
    for (bytes, words) in forms {
        let broker = Scripted::open_v5(&[], move |peer| {
            if peer.number == 0 {
                peer.send(&bytes);
            }
            peer.drain();
        });
        let (listener, events) = listen();
        let writer = returning_writer(&broker.address(), "t").on_connection_event(listener).open().expect("writer");
        let lost = events.lost();
        assert!(matches!(lost, Error::Io(_)) && lost.to_string().contains(words), "'{words}' is not in: {lost}");
        events.connected();
        assert!(writer.is_connected(), "{words}");
    }
}

/// Without reconnecting, `read` reports the reason to a reader.
#[test]
fn without_coming_back_the_reason_is_the_end() {
    let broker = Scripted::open_v5(&[], |peer| {
        peer.suback_v5(1, &[]);
        peer.expect(PINGREQ);
        peer.send(&disconnect(0x98, &[property::text(property::REASON, "maintenance")]));
        peer.drain();
    });
    let reader = reader(&broker.address(), "t").open().expect("reader");
    told(reader.ping(PATIENCE), "Connection", &["lost"]);
    told(reader.read(), "Io", &[&broker.address(), "administrative action", "'maintenance'"]);
}

/// Reconnecting would end the other client's connection, which would reconnect in its turn.
#[test]
fn a_client_whose_session_is_taken_over_ends() {
    for properties in [vec![], vec![property::text(property::REASON, "somebody else came")]] {
        let broker = Scripted::open_v5(&[], move |peer| {
            peer.expect(0x30);
            peer.send(&disconnect(0x8E, &properties));
            peer.drain();
        });
        let (listener, events) = listen();
        let builder = returning_writer(&broker.address(), "t").client_id("same");
        let writer = builder.on_connection_event(listener).open().expect("writer");
        told(writer.write("x"), "Connection", &[&broker.address(), "taken over", "client id 'same'"]);
        let event = events.skip_to(|event| !matches!(event, ConnectionEvent::Connected { .. }));
        assert!(matches!(event, ConnectionEvent::Ended { .. }), "{event:?}");
        told(writer.write("x"), "Connection", &["taken over"]);
        assert_eq!(broker.connections(), 1);
    }
}

#[test]
fn a_client_that_is_not_authorized_any_more_ends() {
    let broker = Scripted::open_v5(&[], |peer| {
        peer.expect(0x30);
        peer.send(&disconnect(0x87, &[property::text(property::REASON, "your time is over")]));
        peer.drain();
    });
    let writer = returning_writer(&broker.address(), "t").open().expect("writer");
    told(writer.write("x"), "Authorization", &[&broker.address(), "not authorized", "'your time is over'"]);
    told(writer.write("x"), "Authorization", &["'your time is over'"]);
    assert_eq!(broker.connections(), 1);
}
