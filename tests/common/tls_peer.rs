//! A broker that reports what was negotiated for TLS, for one connection after the other; Mosquitto does not report it.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};

use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{
    HandshakeKind, ProtocolVersion, RootCertStore, ServerConfig, ServerConnection, StreamOwned,
    SupportedProtocolVersion,
};

use super::certificates::{self, Certificate};

pub struct TlsPeer {
    port: u16,
    seen: Receiver<Negotiated>,
}

#[derive(Debug)]
pub struct Negotiated {
    pub version: ProtocolVersion,
    /// The cipher suite, as rustls names it.
    pub suite: String,
    /// The number of certificates that the client has sent.
    pub chain: usize,
    /// Whether an earlier session was resumed.
    pub is_resumed: bool,
    /// The application protocol (ALPN).
    pub protocol: Option<String>,
}

impl TlsPeer {
    /// Starts a broker that accepts any client. It asks for a certificate of the run's authority, but does not require one.
    pub fn start(certificate: &Certificate, versions: &[&'static SupportedProtocolVersion]) -> TlsPeer {
        TlsPeer::start_with_protocols(certificate, versions, &[])
    }

    /// Starts a broker with a choice of application protocols (ALPN).
    pub fn start_with_protocols(
        certificate: &Certificate,
        versions: &[&'static SupportedProtocolVersion],
        protocols: &[&str],
    ) -> TlsPeer {
        let provider = Arc::new(ring::default_provider());
        let certificates =
            |pem: &str| CertificateDer::pem_slice_iter(pem.as_bytes()).map(|der| der.expect("PEM")).collect::<Vec<_>>();
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(certificates(&certificates::authority().pem));
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone())
            .allow_unauthenticated()
            .build()
            .expect("a verifier");
        let key = PrivateKeyDer::from_pem_slice(certificate.key_pem.as_bytes()).expect("a key");
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(versions)
            .expect("versions")
            .with_client_cert_verifier(verifier)
            .with_single_cert(certificates(&certificate.pem), key)
            .expect("a configuration");
        config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let (tell, seen) = channel();
        let config = Arc::new(config);
        std::thread::spawn(move || {
            for tcp in listener.incoming() {
                let (tcp, config, tell) = (tcp.expect("a client"), config.clone(), tell.clone());
                std::thread::spawn(move || serve(tcp, config, &tell));
            }
        });
        TlsPeer { port, seen }
    }

    pub fn address(&self) -> String {
        format!("localhost:{}", self.port)
    }

    pub fn negotiated(&self) -> Negotiated {
        self.seen.recv_timeout(super::PATIENCE).expect("a client")
    }
}

fn serve(tcp: TcpStream, config: Arc<ServerConfig>, tell: &Sender<Negotiated>) {
    let connection = ServerConnection::new(config).expect("a connection");
    let mut stream = StreamOwned::new(connection, tcp);
    // Reading the CONNECT completes the handshake. If that fails, the client gets the alert.
    let mut bytes = [0; 1024];
    let Ok(1..) = stream.read(&mut bytes) else { return };
    let suite = stream.conn.negotiated_cipher_suite().expect("a suite");
    let negotiated = Negotiated {
        version: stream.conn.protocol_version().expect("a version"),
        suite: format!("{:?}", suite.suite()),
        chain: stream.conn.peer_certificates().map_or(0, <[_]>::len),
        protocol: stream.conn.alpn_protocol().map(|name| String::from_utf8_lossy(name).into_owned()),
        is_resumed: stream.conn.handshake_kind() == Some(HandshakeKind::Resumed),
    };
    let _ = tell.send(negotiated);
    let _ = stream.write_all(&[0x20, 2, 0, 0]);
    while matches!(stream.read(&mut bytes), Ok(1..)) {}
}
