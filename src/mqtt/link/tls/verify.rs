//! Whom the client takes for the broker.

use std::sync::{Arc, Mutex};

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, DigitallySignedStruct, SignatureScheme};
use webpki::EndEntityCert;

use super::certificate::Facts;
use crate::mqtt::wait::lock;

/// The usual checks, with three differences, in which other clients and the guides of brokers agree: the check of the
/// host's name can be left out; a self-signed certificate of an authority (CA:TRUE) is a broker's if it is itself among
/// those that are trusted; and where a certificate has no subjectAltName, its common name counts.
#[derive(Debug)]
pub(super) struct Verifier {
    pub inner: Arc<WebPkiServerVerifier>,
    pub check_hostname: bool,
    /// The certificates in `ca_certs`.
    pub trusted: Vec<CertificateDer<'static>>,
    /// Of the present handshake.
    pub seen: Mutex<Seen>,
}

#[derive(Debug, Default)]
pub(super) struct Seen {
    /// Of the broker's certificate.
    pub facts: Option<Facts>,
    /// What is accepted, but should be changed.
    pub warning: Option<String>,
}

impl Verifier {
    /// A new handshake begins.
    pub fn forget(&self) {
        *lock(&self.seen) = Seen::default();
    }

    /// Another look at what rustls refuses.
    fn reconsider(
        &self,
        error: &CertificateError,
        facts: &Facts,
        certificate: &CertificateDer<'_>,
        server_name: &ServerName<'_>,
        now: UnixTime,
    ) -> bool {
        match error {
            // The name is checked last, so everything else was in order.
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                !self.check_hostname || self.by_common_name(facts, server_name)
            }
            CertificateError::Other(other) if is_authority(other) => {
                self.trusted.iter().any(|trusted| trusted == certificate)
                    && facts.is_valid_at(now)
                    && (!self.check_hostname
                        || EndEntityCert::try_from(certificate)
                            .is_ok_and(|parsed| parsed.verify_is_valid_for_subject_name(server_name).is_ok())
                        || self.by_common_name(facts, server_name))
            }
            _ => false,
        }
    }

    fn by_common_name(&self, facts: &Facts, server_name: &ServerName<'_>) -> bool {
        let host = server_name.to_str();
        let fits = facts.common_name_fits(&host);
        if fits {
            lock(&self.seen).warning = Some(format!(
                "the broker's certificate names '{host}' only as its common name, which newer programs do not look \
                 at; it should have a subjectAltName ('openssl … -addext subjectAltName=DNS:{host}')"
            ));
        }
        fits
    }
}

/// CA:TRUE (RFC 5280, section 4.2.1.9).
fn is_authority(error: &rustls::OtherError) -> bool {
    matches!(error.0.downcast_ref::<webpki::Error>(), Some(webpki::Error::CaUsedAsEndEntity))
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
        let Err(rustls::Error::InvalidCertificate(error)) = &verified else { return verified };
        let facts = Facts::of(end_entity);
        let accepted = match &facts {
            Some(facts) => self.reconsider(error, facts, end_entity, server_name, now),
            None => false,
        };
        lock(&self.seen).facts = facts;
        if accepted { Ok(ServerCertVerified::assertion()) } else { verified }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> std::result::Result<HandshakeSignatureValid, rustls::Error> {
        self.inner.verify_tls12_signature(message, cert, dss).inspect_err(|_| self.look_at(cert))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> std::result::Result<HandshakeSignatureValid, rustls::Error> {
        self.inner.verify_tls13_signature(message, cert, dss).inspect_err(|_| self.look_at(cert))
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.inner.supported_verify_schemes()
    }
}

impl Verifier {
    fn look_at(&self, certificate: &CertificateDer<'_>) {
        lock(&self.seen).facts = Facts::of(certificate);
    }
}
