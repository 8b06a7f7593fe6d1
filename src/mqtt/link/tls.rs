//! TLS with rustls.

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::sync::{Arc, Mutex};

use bytes::{Bytes, BytesMut};
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, ClientConfig, ClientConnection, DigitallySignedStruct, RootCertStore, SignatureScheme};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::{Written, advance, failed};
use crate::config::{Broker, TlsSettings};
use crate::error::{Error, Result};
use crate::mqtt::wait::lock;

/// Which certificate authorities are trusted when the configuration names none.
#[derive(Debug, Clone)]
pub(crate) enum TrustAnchors {
    /// The operating system's.
    System,
    /// These certificates, in DER.
    Given(Vec<Vec<u8>>),
}

/// A client's TLS configuration.
#[derive(Clone)]
pub(crate) struct Tls(Arc<ClientConfig>);

impl Tls {
    /// Reads the certificates and makes the configuration.
    pub fn new(settings: &TlsSettings, anchors: &TrustAnchors) -> Result<Tls> {
        let roots = match (&settings.ca_certs, anchors) {
            (Some(path), _) => from_pem_file(path, &settings.ca_certs_place)?,
            (None, TrustAnchors::Given(certificates)) => {
                let mut roots = RootCertStore::empty();
                roots.add_parsable_certificates(certificates.iter().map(|der| CertificateDer::from(der.as_slice())));
                roots
            }
            (None, TrustAnchors::System) => {
                let mut roots = RootCertStore::empty();
                roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
                roots
            }
        };
        if roots.is_empty() {
            return Err(Error::Io("tls: no trusted certificate was found; give 'ca_certs'".into()));
        }
        let provider = Arc::new(ring::default_provider());
        let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider.clone())
            .build()
            .map_err(|e| Error::Internal(format!("TLS verifier: {e}")))?;
        let verifier = Arc::new(Verifier { inner: verifier, check_hostname: settings.check_hostname });
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|e| Error::Internal(format!("TLS versions: {e}")))?
            .dangerous()
            .with_custom_certificate_verifier(verifier)
            .with_no_client_auth();
        Ok(Tls(Arc::new(config)))
    }

    pub async fn handshake(&self, broker: &Broker, tcp: TcpStream) -> Result<(TcpStream, Stream)> {
        let name = ServerName::try_from(broker.host.clone())
            .map_err(|_| failed(broker, "TLS", "the host is not a name that a certificate can have"))?;
        let stream = TlsConnector::from(self.0.clone())
            .connect(name, tcp)
            .await
            .map_err(|e| failed(broker, "TLS", explain_handshake(&e)))?;
        let (tcp, connection) = stream.into_inner();
        Ok((tcp, Stream(Mutex::new(connection))))
    }
}

fn from_pem_file(path: &std::path::Path, place: &str) -> Result<RootCertStore> {
    let problem = |what: String| Error::Io(format!("{place}: {}: {what}", path.display()));
    let pem = std::fs::read(path).map_err(|e| problem(format!("the file can't be read: {e}")))?;
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&pem) {
        let certificate = certificate.map_err(|e| problem(format!("the file is not valid PEM: {e}")))?;
        roots.add(certificate).map_err(|e| problem(format!("a certificate in the file is not valid: {e}")))?;
    }
    match roots.is_empty() {
        true => Err(problem("the file holds no certificate in PEM".into())),
        false => Ok(roots),
    }
}

/// Why the handshake failed.
fn explain_handshake(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset => {
            format!("the peer closed the connection during the handshake ({error}); is this a TLS port?")
        }
        _ => explain(error),
    }
}

/// What went wrong on a socket, in words that help where TLS is the cause.
pub(crate) fn explain(error: &io::Error) -> String {
    let Some(cause) = error.get_ref().and_then(|cause| cause.downcast_ref::<rustls::Error>()) else {
        return error.to_string();
    };
    match cause {
        rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer) => {
            "the broker's certificate is not signed by a trusted authority; check 'ca_certs'".into()
        }
        rustls::Error::InvalidCertificate(reason) => format!("the broker's certificate is refused: {reason}"),
        rustls::Error::InvalidMessage(_) => format!("the peer does not speak TLS ({cause}); is this a TLS port?"),
        rustls::Error::AlertReceived(alert) => format!("the broker refused: TLS alert {alert:?}"),
        other => other.to_string(),
    }
}

/// The TLS state beside its socket. Short, non-blocking steps only happen under the lock.
pub(crate) struct Stream(Mutex<ClientConnection>);

impl Stream {
    pub fn try_read(&self, tcp: &TcpStream, input: &mut BytesMut) -> io::Result<usize> {
        let mut connection = lock(&self.0);
        // The most that a TLS record holds.
        let mut plaintext = [0; 16 * 1024];
        loop {
            match connection.reader().read(&mut plaintext) {
                Ok(length) => {
                    input.extend_from_slice(&plaintext[..length]);
                    return Ok(length);
                }
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => {}
                // Many brokers close without TLS's goodbye; MQTT's own packets have their lengths.
                Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => return Ok(0),
                Err(e) => return Err(e),
            }
            connection.read_tls(&mut Socket(tcp))?;
            if let Err(error) = connection.process_new_packets() {
                // The alert that explains it to the broker, as far as that goes.
                let _ = connection.write_tls(&mut Socket(tcp));
                return Err(io::Error::new(io::ErrorKind::InvalidData, error));
            }
        }
    }

    pub fn try_write(&self, tcp: &TcpStream, chunks: &mut VecDeque<Bytes>) -> io::Result<Written> {
        let mut connection = lock(&self.0);
        let mut moved = false;
        loop {
            // rustls takes up to its buffer limit, so memory stays bounded.
            while let Some(first) = chunks.front() {
                match connection.writer().write(first)? {
                    0 => break,
                    written => advance(chunks, written),
                }
            }
            while connection.wants_write() {
                match connection.write_tls(&mut Socket(tcp)) {
                    Ok(_) => moved = true,
                    Err(e) if e.kind() == io::ErrorKind::WouldBlock => return Ok(Written::Blocked { moved }),
                    Err(e) => return Err(e),
                }
            }
            if chunks.is_empty() {
                return Ok(Written::All);
            }
        }
    }

    pub fn wants_write(&self) -> bool {
        lock(&self.0).wants_write()
    }

    pub fn close_notify(&self, tcp: &TcpStream) {
        let mut connection = lock(&self.0);
        connection.send_close_notify();
        let _ = connection.write_tls(&mut Socket(tcp));
    }
}

/// tokio's socket as rustls wants it.
struct Socket<'a>(&'a TcpStream);

impl Read for Socket<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.try_read(buffer)
    }
}

impl Write for Socket<'_> {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        self.0.try_write(buffer)
    }

    fn write_vectored(&mut self, buffers: &[io::IoSlice<'_>]) -> io::Result<usize> {
        self.0.try_write_vectored(buffers)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The usual checks; the host name's can be left out, the chain's can't.
#[derive(Debug)]
struct Verifier {
    inner: Arc<WebPkiServerVerifier>,
    check_hostname: bool,
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> std::result::Result<ServerCertVerified, rustls::Error> {
        let verified = self.inner.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now);
        match verified {
            // The name is checked last, so everything else was in order.
            Err(rustls::Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) if !self.check_hostname => Ok(ServerCertVerified::assertion()),
            other => other,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> std::result::Result<HandshakeSignatureValid, rustls::Error> {
        self.inner.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> std::result::Result<HandshakeSignatureValid, rustls::Error> {
        self.inner.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.inner.supported_verify_schemes()
    }
}
