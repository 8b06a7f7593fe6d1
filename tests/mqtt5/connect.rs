//! Tests the properties of an accepting CONNACK.

use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use super::{reader, returning_writer, writer};
use crate::common::broker::Broker;
use crate::common::events::listen;
use crate::common::raw::{self, CONNECT, Connect, PINGREQ, property};
use crate::common::scripted::Scripted;
use crate::common::{PATIENCE, told};
use sinetstream::config::Value;

/// The client uses the client identifier that the broker has assigned, also when it reconnects.
#[test]
fn the_broker_may_assign_the_client_id() {
    let broker = Scripted::start(|peer| {
        let name = format!("assigned {}", peer.number);
        peer.connack_v5(0, &[property::text(property::ASSIGNED_CLIENT_ID, &name)]);
        if peer.number > 0 {
            peer.drain();
        }
    });
    let (listener, events) = listen();
    let writer = returning_writer(&broker.address(), "t").on_connection_event(listener).open().expect("writer");
    assert_eq!(writer.client_id(), "assigned 0");
    events.connected();
    events.lost();
    events.connected();
    assert!(Connect::parse(&broker.next_packet()).client_id.starts_with("sinetstream-"));
    assert_eq!(Connect::parse(&broker.next_packet()).client_id, "assigned 0");
}

/// The broker's keep-alive replaces the client's, also when the client has none or a longer one.
#[test]
fn the_brokers_keep_alive_counts() {
    for ours in [0, 60] {
        let broker = Scripted::open_v5(&[property::two_bytes(property::SERVER_KEEP_ALIVE, 1)], |peer| {
            while let Some(packet) = peer.packet() {
                if packet.first == PINGREQ {
                    peer.send(&[0xD0, 0]);
                }
            }
        });
        let start = Instant::now();
        let _writer = writer(&broker.address(), "t").parameter("keepalive", ours).open().expect("writer");
        assert_eq!(Connect::parse(&broker.next_packet()).keep_alive, ours as u16);
        assert_eq!(broker.next_packet().first, PINGREQ);
        assert!(start.elapsed() < Duration::from_secs(4), "{:?}", start.elapsed());
    }
}

/// The broker may switch the client's keep-alive off.
#[test]
fn the_broker_may_want_no_keep_alive() {
    let (done, silence) = channel();
    let broker = Scripted::open_v5(&[property::two_bytes(property::SERVER_KEEP_ALIVE, 0)], move |peer| {
        done.send(peer.is_silent_for(Duration::from_millis(2500))).expect("the test waits");
        peer.drain();
    });
    let _writer = writer(&broker.address(), "t").parameter("keepalive", 1).open().expect("writer");
    assert_eq!(silence.recv_timeout(PATIENCE), Ok(true), "a ping came");
}

/// The broker may ask for more steps of authentication, which this client does not support.
#[test]
fn a_further_step_of_authentication_is_refused() {
    let broker = Scripted::start(|peer| {
        let connect = Connect::parse(&peer.expect(CONNECT));
        assert_eq!(
            connect.properties,
            [property::text(property::AUTH_METHOD, "METHOD"), property::data(property::AUTH_DATA, b"s3cr3t")]
        );
        let properties = property::block(&[property::text(property::AUTH_METHOD, "METHOD")]);
        peer.send(&raw::Packet::new(0xF0, [vec![0x18], properties].concat()).bytes());
        peer.drain();
    });
    let data = Value::from(&b"s3cr3t"[..]);
    let builder = returning_writer(&broker.address(), "t");
    let writer = builder.parameter("auth_method", "METHOD").parameter("auth_data", data.clone()).open();
    let message = told(writer, "Authentication", &["AUTH", &broker.address()]);
    assert!(!message.contains("s3cr3t"));
    let builder = reader(&broker.address(), "t");
    let reader = builder.parameter("auth_method", "METHOD").parameter("auth_data", data).open();
    told(reader, "Authentication", &["AUTH"]);
    assert_eq!(broker.connections(), 2, "it is final");
}

#[test]
fn mosquitto_refuses_an_unknown_authentication_method() {
    let broker = Broker::start();
    let builder = writer(&broker.plain_address(), "t").parameter("auth_method", "METHOD");
    let message = told(
        builder.open(),
        "Authentication",
        &["bad authentication method (reason code 0x8c)", "check 'auth_method'"],
    );
    assert!(!message.contains("user name"), "{message}");
}
