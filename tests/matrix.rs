//! Tests every combination of version, listener (transport and TLS) and QoS: one message goes from a writer to a reader. All of
//! them use one Mosquitto at the same time.

use std::sync::Mutex;

use crate::common;
use crate::common::broker::Broker;
use crate::common::certificates::authority;
use crate::common::{EVERY_CONSISTENCY, next};
use sinetstream::config::{Map, Value};
use sinetstream::{Consistency, MessageReader, MessageWriter};

/// A listener, and the parameters that a client needs there.
struct Listener {
    name: &'static str,
    address: String,
    parameters: Map,
    /// The user that Mosquitto's log names for every client there.
    user: Option<&'static str>,
}

fn listeners(broker: &Broker) -> Vec<Listener> {
    let login = || ("username_pw", common::login("user03", "user03-pass"));
    let tls = || ("tls", Value::from([("ca_certs", broker.ca().display().to_string())]));
    let certificate = authority().sign_client("user03");
    let file = |name: &str, text: &str| broker.write(name, text).display().to_string();
    let by_certificate = Value::from([
        ("ca_certs", broker.ca().display().to_string()),
        ("certfile", file("client.pem", &certificate.pem)),
        ("keyfile", file("client.key", &certificate.key_pem)),
    ]);
    let by_certificate = || ("tls", by_certificate.clone());
    let ws = || ("transport", Value::from("websockets"));
    let listener = |name, address, user, parameters: Vec<(&str, Value)>| Listener {
        name,
        address,
        parameters: parameters.into_iter().collect(),
        user,
    };
    vec![
        listener("tcp", broker.plain_address(), None, vec![]),
        listener("tcp, password", broker.login_address(), Some("user03"), vec![login()]),
        listener("tcp, TLS, password", broker.tls_address(), Some("user03"), vec![login(), tls()]),
        listener("tcp, TLS, certificate", broker.certificate_address(), Some("user03"), vec![by_certificate()]),
        listener("websocket", broker.ws_address(), None, vec![ws()]),
        listener("websocket, TLS, password", broker.wss_address(), Some("user03"), vec![ws(), login(), tls()]),
        listener(
            "websocket, TLS, certificate",
            broker.wss_certificate_address(),
            Some("user03"),
            vec![ws(), by_certificate()],
        ),
    ]
}

const VERSIONS: [(&str, &str); 3] = [("MQTTv31", "p1"), ("MQTTv311", "p2"), ("MQTTv5", "p5")];

fn one_message(listener: &Listener, version: &str, consistency: Consistency, id: &str) -> Result<(), String> {
    let open = |role: &str| {
        let mut parameters = listener.parameters.clone();
        parameters.insert("brokers", listener.address.as_str());
        parameters.insert("protocol", version);
        parameters.insert("connect", common::no_reconnect());
        parameters.insert("client_id", format!("{id}-{role}"));
        parameters
    };
    let topic = format!("matrix/{id}");
    let reader = MessageReader::<String>::builder().no_config(true).service_type("mqtt").parameters(open("reader"));
    let reader = reader.topic(&topic).consistency(consistency).receive_timeout(common::PATIENCE).open();
    let reader = reader.map_err(|e| format!("reader: {e}"))?;
    let writer = MessageWriter::<str>::builder().no_config(true).service_type("mqtt").parameters(open("writer"));
    let writer = writer.topic(&topic).consistency(consistency).open().map_err(|e| format!("writer: {e}"))?;
    writer.write(id).map_err(|e| format!("write: {e}"))?;
    let message = next(&reader);
    let found = (message.value().as_str(), message.topic(), message.qos());
    if found != (id, topic.as_str(), consistency) {
        return Err(format!("found {found:?}"));
    }
    writer.close().map_err(|e| format!("close: {e}"))?;
    reader.close().map_err(|e| format!("close: {e}"))
}

#[test]
fn a_message_goes_through_every_combination() {
    let broker = Broker::start_everywhere();
    let listeners = listeners(&broker);
    let failures = Mutex::new(Vec::new());
    let mut clients = Vec::new();
    std::thread::scope(|scope| {
        for (number, listener) in listeners.iter().enumerate() {
            for (version, logged) in VERSIONS {
                for consistency in EVERY_CONSISTENCY {
                    let id = format!("{number}-{logged}-{}", consistency.qos());
                    let user = listener.user.map_or(String::new(), |user| format!(", u'{user}'"));
                    for role in ["writer", "reader"] {
                        clients.push(format!(" as {id}-{role} ({logged}, c1, k60{user})."));
                    }
                    let failures = &failures;
                    scope.spawn(move || {
                        if let Err(problem) = one_message(listener, version, consistency, &id) {
                            let place = format!("{}, {version}, {consistency}: {problem}", listener.name);
                            failures.lock().expect("failures").push(place);
                        }
                    });
                }
            }
        }
    });
    let failures = failures.into_inner().expect("failures");
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    // The broker's log confirms the combination of each client.
    let log = broker.log();
    for client in &clients {
        assert_eq!(log.matches(client.as_str()).count(), 1, "{client}");
    }
    assert_eq!(clients.len(), listeners.len() * VERSIONS.len() * EVERY_CONSISTENCY.len() * 2);
}
