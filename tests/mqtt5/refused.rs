//! Tests CONNACKs that refuse the client.

use super::{reader, returning_writer, writer};
use crate::common::broker::Broker;
use crate::common::login;
use crate::common::raw::property;
use crate::common::scripted::Scripted;
use crate::common::told;

#[test]
fn every_reason_is_told() {
    // Each entry has the code, the error's variant, and words of its message.
    let reasons = [
        (0x80, "Connection", "unspecified error"),
        (0x81, "Connection", "malformed packet"),
        (0x82, "Connection", "protocol error"),
        (0x83, "Connection", "implementation specific error"),
        (0x84, "Connection", "unsupported protocol version"),
        (0x85, "Connection", "client identifier not valid"),
        (0x86, "Authentication", "bad user name or password"),
        (0x87, "Authentication", "not authorized"),
        (0x88, "Connection", "server unavailable"),
        (0x89, "Connection", "server busy"),
        (0x8A, "Authentication", "banned"),
        (0x8C, "Authentication", "bad authentication method"),
        (0x90, "Connection", "topic name invalid"),
        (0x95, "Connection", "packet too large"),
        (0x97, "Connection", "quota exceeded"),
        (0x99, "Connection", "payload format invalid"),
        (0x9A, "Connection", "retain not supported"),
        (0x9B, "Connection", "QoS not supported"),
        (0x9C, "Connection", "use another server"),
        (0x9D, "Connection", "server moved"),
        (0x9F, "Connection", "connection rate exceeded"),
        (0xE0, "Connection", "unknown reason"),
    ];
    for (code, variant, text) in reasons {
        let broker = Scripted::start(move |peer| {
            let with = [
                property::text(property::REASON, "in the broker's\n own words"),
                property::text(property::SERVER_REFERENCE, "other.example.org:1884"),
            ];
            // The second answer has no properties.
            peer.connack_v5(code, if peer.number == 0 { &with } else { &[] });
        });
        let number = format!("(reason code {code:#04x})");
        let words = [&broker.address(), text, &number, ": 'in the broker's own words'", "'other.example.org:1884'"];
        told(writer(&broker.address(), "t").open(), variant, &words);
        let message = told(reader(&broker.address(), "t").open(), variant, &words[..3]);
        assert!(!message.contains("example.org"), "{message}");
        assert_eq!(broker.connections(), 2);
    }
}

/// A broker that does not know MQTT 5 answers like this.
#[test]
fn a_refusal_in_the_words_of_an_earlier_version_is_understood() {
    let answers = [
        (1, "Connection", "does not accept this protocol version"),
        (2, "Connection", "does not accept this client id"),
        (3, "Connection", "unavailable"),
        (4, "Authentication", "bad user name or password"),
        (5, "Authentication", "not authorized"),
        // These are MQTT 5's own reason codes in the older form.
        (0x86, "Authentication", "bad user name or password"),
        (0x87, "Authentication", "not authorized"),
        (0x9C, "Connection", "use another server"),
    ];
    for (code, variant, text) in answers {
        let broker = Scripted::start(move |peer| peer.connack(code));
        let message = told(returning_writer(&broker.address(), "t").open(), variant, &[&broker.address(), text]);
        assert_eq!(broker.connections(), 1);
        if code == 1 {
            assert!(message.contains("'protocol' is MQTTv5"), "{message}");
        }
    }
}

#[test]
fn mosquitto_refuses_a_wrong_password() {
    let broker = Broker::start();
    let address = broker.login_address();
    let open = |password| writer(&address, "t").parameter("username_pw", login("user01", password)).open();
    let message = told(open("s3cr3t"), "Authentication", &["user 'user01'", "not authorized (reason code 0x87)"]);
    assert!(!message.contains("s3cr3t"), "{message}");
    told(writer(&address, "t").open(), "Authentication", &["no user name was sent"]);
    open("user01-pass").expect("the right password");
}

/// The answer may lack the properties that MQTT 5 requires.
#[test]
fn a_short_refusal_of_a_login_is_final_on_the_way_back() {
    for code in [0x86, 0x87] {
        let broker = Scripted::start(move |peer| match peer.number {
            0 => drop(peer.connack_v5(0, &[])),
            _ => peer.connack(code),
        });
        let writer = returning_writer(&broker.address(), "t").open().expect("writer");
        told(writer.write("x"), "Authentication", &[&broker.address(), &format!("{code:#04x}")]);
        assert_eq!(broker.connections(), 2);
    }
}

/// At a reconnect, a refused login ends the client; a busy broker is tried again.
#[test]
fn on_the_way_back_only_a_login_is_final() {
    let broker = Scripted::start(|peer| match peer.number {
        0 => drop(peer.connack_v5(0, &[])),
        1 => drop(peer.connack_v5(0x89, &[])),
        2 => drop(peer.connack_v5(0x9C, &[property::text(property::SERVER_REFERENCE, "other")])),
        _ => drop(peer.connack_v5(0x8A, &[property::text(property::REASON, "go away")])),
    });
    let writer = returning_writer(&broker.address(), "t").open().expect("writer");
    told(writer.write("x"), "Authentication", &["banned", "go away"]);
    assert_eq!(broker.connections(), 4);
}
