//! Tests the choice of cipher suites and of TLS's version.

use crate::common;
use crate::common::broker::Broker;
use crate::common::certificates::{authority, server};
use crate::common::tls_peer::TlsPeer;
use crate::common::{PATIENCE, within, writer};
use rustls::ProtocolVersion;
use rustls::version::{TLS12, TLS13};
use sinetstream::config::{Map, Value};
use sinetstream::{MessageWriter, Result};

fn open<const N: usize>(address: String, others: [(&str, Value); N]) -> Result<MessageWriter<str>> {
    let mut tls: Map = others.into_iter().collect();
    tls.insert("ca_certs_data", authority().pem.as_str());
    within(PATIENCE, move || writer("replaced", "t").parameter("brokers", address).parameter("tls", tls).open())
}

#[track_caller]
fn connection_error<T>(result: Result<T>, words: &[&str]) {
    common::told(result, "Connection", words);
}

#[test]
fn the_version_is_the_one_that_was_asked_for() {
    for (name, expected) in [
        ("TLSv1.2", ProtocolVersion::TLSv1_2),
        ("PROTOCOL_TLSv1_2", ProtocolVersion::TLSv1_2),
        ("TLSv1.3", ProtocolVersion::TLSv1_3),
        ("PROTOCOL_TLSv1_3", ProtocolVersion::TLSv1_3),
        ("TLS", ProtocolVersion::TLSv1_3),
        ("PROTOCOL_TLS_CLIENT", ProtocolVersion::TLSv1_3),
    ] {
        let peer = TlsPeer::start(server(), &[&TLS12, &TLS13]);
        open(peer.address(), [("tls_version", name.into())]).expect(name);
        assert_eq!(peer.negotiated().version, expected, "{name}");
    }
    for (version, expected) in [(&TLS12, ProtocolVersion::TLSv1_2), (&TLS13, ProtocolVersion::TLSv1_3)] {
        let peer = TlsPeer::start(server(), &[version]);
        open(peer.address(), [("tls_version", "TLS".into())]).expect("a writer");
        assert_eq!(peer.negotiated().version, expected);
    }
}

#[test]
fn the_suite_is_one_of_the_list() {
    for (ciphers, version, suite) in [
        ("ECDHE-ECDSA-AES128-GCM-SHA256", ProtocolVersion::TLSv1_2, "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"),
        ("ECDHE-ECDSA-CHACHA20-POLY1305", ProtocolVersion::TLSv1_2, "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256"),
        ("TLS_CHACHA20_POLY1305_SHA256", ProtocolVersion::TLSv1_3, "TLS13_CHACHA20_POLY1305_SHA256"),
        (
            "ECDHE-RSA-AES256-GCM-SHA384 : ECDHE-ECDSA-AES256-GCM-SHA384",
            ProtocolVersion::TLSv1_2,
            "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
        ),
        (
            "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
            ProtocolVersion::TLSv1_2,
            "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
        ),
    ] {
        let peer = TlsPeer::start(server(), &[&TLS12, &TLS13]);
        open(peer.address(), [("ciphers", ciphers.into())]).expect(ciphers);
        let negotiated = peer.negotiated();
        assert_eq!((negotiated.version, negotiated.suite.as_str()), (version, suite), "{ciphers}");
    }
    let list = Value::from(vec!["TLS_AES_128_GCM_SHA256", "ECDHE-ECDSA-AES128-GCM-SHA256"]);
    for (version, suite) in [(&TLS12, "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"), (&TLS13, "TLS13_AES_128_GCM_SHA256")]
    {
        let peer = TlsPeer::start(server(), &[version]);
        open(peer.address(), [("ciphers", list.clone())]).expect("a writer");
        assert_eq!(peer.negotiated().suite, suite);
    }
}

#[test]
fn mosquitto_and_the_client_must_agree() {
    // The certificate of this run has an EC key.
    let lines = "allow_anonymous true\ntls_version tlsv1.2\nciphers ECDHE-ECDSA-AES256-GCM-SHA384";
    let broker = Broker::start_with_listener(server(), lines);
    let tls12 = ("tls_version", Value::from("TLSv1.2"));
    for good in ["ECDHE-ECDSA-AES256-GCM-SHA384", "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"] {
        open(broker.further_address(), [tls12.clone(), ("ciphers", good.into())]).expect(good);
    }
    connection_error(
        open(broker.further_address(), [tls12.clone(), ("ciphers", "ECDHE-ECDSA-AES128-GCM-SHA256".into())]),
        &[&broker.further_address(), "TLS", "no cipher suite in common", "'ciphers'"],
    );
    let newer = Broker::start_with_listener(server(), "allow_anonymous true\ntls_version tlsv1.3");
    open(newer.further_address(), [("tls_version", "TLSv1.3".into())]).expect("a writer");
    connection_error(open(newer.further_address(), [tls12]), &["TLS", "none of the versions", "'tls_version'"]);
    let peer = TlsPeer::start(server(), &[&TLS12]);
    connection_error(open(peer.address(), [("tls_version", "TLSv1.3".into())]), &["TLS", "version"]);
}

#[test]
fn cert_required_is_what_is_done_anyway() {
    let peer = TlsPeer::start(server(), &[&TLS13]);
    open(peer.address(), [("cert_reqs", "CERT_REQUIRED".into())]).expect("a writer");
}

/// A resumed session spares the broker the signature, which is most of the cost of a handshake.
#[test]
fn clients_with_the_same_parameters_take_up_each_others_sessions() {
    let identity = |name: &str| {
        let client = authority().sign_client(name);
        [("certfile_data", client.pem.as_str().into()), ("keyfile_data", client.key_pem.as_str().into())]
    };
    let (known, other) = (identity("files"), identity("another"));
    for (version, name) in [(&TLS12, "TLSv1.2"), (&TLS13, "TLSv1.3")] {
        let peer = TlsPeer::start(server(), &[version]);
        let open = |others: &[(&'static str, Value)]| {
            let mut tls: Map = others.iter().cloned().collect();
            tls.insert("ca_certs_data", authority().pem.as_str());
            tls.insert("tls_version", name);
            let address = peer.address();
            let open = move || writer("replaced", "t").parameter("brokers", address).parameter("tls", tls).open();
            let client: MessageWriter<str> = within(PATIENCE, open).expect("a writer");
            (client, peer.negotiated())
        };
        let mut clients = Vec::new();
        // A client with other trust, or another certificate, must verify the broker and show its certificate itself.
        for (what, parameters, is_resumed, chain) in [
            ("the first", &[][..], false, 0),
            ("the same", &[], true, 0),
            ("another trust", &[("check_hostname", false.into())], false, 0),
            ("a certificate", &known, false, 1),
            ("the same certificate", &known, true, 1),
            ("another certificate", &other, false, 1),
            ("the first again", &[], true, 0),
        ] {
            let (client, seen) = open(parameters);
            assert_eq!((seen.is_resumed, seen.chain), (is_resumed, chain), "{what}, {name}");
            clients.push(client);
        }
    }
}

/// The brokers do not know each other's sessions.
#[test]
fn each_of_several_brokers_on_a_host_has_its_sessions() {
    let peers = [TlsPeer::start(server(), &[&TLS13]), TlsPeer::start(server(), &[&TLS13])];
    let mut clients = Vec::new();
    for turn in 0..3 {
        for peer in &peers {
            clients.push(open(peer.address(), []).expect("a writer"));
            assert_eq!(peer.negotiated().is_resumed, turn > 0, "{turn}");
        }
    }
}
