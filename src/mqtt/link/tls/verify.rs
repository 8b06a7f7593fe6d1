//! The verification of the broker's certificate.

use std::cell::RefCell;
use std::sync::{Arc, Mutex};

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{
    CryptoProvider, WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature,
    verify_tls13_signature_with_raw_key,
};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, DigitallySignedStruct, OtherError, PeerMisbehaved, SignatureScheme};
use sha2::{Digest, Sha256};
use webpki::{
    CertRevocationList, EndEntityCert, ExpirationPolicy, KeyUsage, RevocationCheckDepth, RevocationOptionsBuilder,
    VerifiedPath,
};

use super::certificate::Facts;
use super::handshake;
use super::refusal::Refusal;
use crate::config::{Pin, TlsSettings};
use crate::error::{Error, Result};
use crate::keys::public::{has_made_signature, public_key};
use crate::lock::lock;
use crate::material::Roots;
use crate::tls::Usage;

/// The verifier. It makes the usual checks, with three differences in which other clients and the guides of brokers agree: the
/// check of the host's name can be turned off; a certificate that is itself trusted is a broker's, whoever signed it; and where
/// a certificate has no subjectAltName, its common name counts. It also makes those checks of OpenSSL and Java that rustls does
/// not make; docs/tls.md has the table.
#[derive(Debug)]
pub(super) struct Verifier {
    /// `None` means that no authority is trusted, only certificates for themselves.
    usual: Option<Arc<WebPkiServerVerifier>>,
    algorithms: WebPkiSupportedAlgorithms,
    roots: Arc<Roots>,
    check_hostname: bool,
    allow_common_name: bool,
    /// The pins, one of which must match the broker's key, unless there are none.
    pins: Vec<Pin>,
    /// `None` means that revocation is not checked.
    revocations: Mutex<Option<Vec<CertRevocationList<'static>>>>,
}

/// The verdict on a certificate, with the reason for a refusal.
type Verdict = std::result::Result<(), CertificateError>;

impl Verifier {
    pub fn new(settings: &TlsSettings, roots: Arc<Roots>, provider: &Arc<CryptoProvider>) -> Result<Verifier> {
        let builder = WebPkiServerVerifier::builder_with_provider(roots.store.clone(), provider.clone());
        let usual = (!roots.store.is_empty()).then(|| builder.build()).transpose();
        Ok(Verifier {
            usual: usual.map_err(|e| Error::Internal(format!("TLS verifier: {e}")))?,
            algorithms: provider.signature_verification_algorithms,
            roots,
            check_hostname: settings.check_hostname,
            allow_common_name: settings.allow_common_name,
            pins: settings.pins.clone(),
            revocations: Mutex::default(),
        })
    }

    pub fn roots(&self) -> Arc<Roots> {
        self.roots.clone()
    }

    /// Sets the revocation lists that count from now on.
    pub fn revoke(&self, lists: Vec<CertRevocationList<'static>>) {
        *lock(&self.revocations) = Some(lists);
    }

    fn judge(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> std::result::Result<(), rustls::Error> {
        let verified = match &self.usual {
            Some(usual) => {
                usual.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now).map(drop)
            }
            None => Err(CertificateError::UnknownIssuer.into()),
        };
        let verdict = match verified {
            Ok(()) => Ok(()),
            Err(rustls::Error::InvalidCertificate(error)) => Err(error),
            Err(other) => return Err(other),
        };
        let usage = Usage::of(end_entity).ok_or(CertificateError::BadEncoding)?;
        match self.vouched_for(verdict, end_entity, intermediates, &usage, server_name, now) {
            Err(error) if is_of_others(&error) && self.roots.has(end_entity) => {
                self.stands_for_itself(end_entity, &usage, server_name, now)?;
            }
            verdict => verdict?,
        }
        self.pin_fits(end_entity)?;
        Ok(())
    }

    /// Judges a certificate that an authority has signed.
    fn vouched_for(
        &self,
        verdict: Verdict,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        usage: &Usage,
        server_name: &ServerName<'_>,
        now: UnixTime,
    ) -> Verdict {
        let by_common_name = self.name_fits(verdict, end_entity, usage, server_name)?;
        self.chain_fits(end_entity, intermediates, by_common_name, now)?;
        if usage.signs { Ok(()) } else { Err(Refusal::Signs.into()) }
    }

    /// Judges a certificate that is trusted as it is, so that nothing counts for which an authority would have to vouch. Its
    /// statements about itself do count: rustls has checked them only if an authority has signed the certificate.
    fn stands_for_itself(
        &self,
        certificate: &CertificateDer<'_>,
        usage: &Usage,
        server_name: &ServerName<'_>,
        now: UnixTime,
    ) -> Verdict {
        let Usage { not_before, not_after, .. } = *usage;
        if now < not_before {
            return Err(CertificateError::NotValidYetContext { time: now, not_before });
        }
        if now > not_after {
            return Err(CertificateError::ExpiredContext { time: now, not_after });
        }
        if !usage.serves {
            return Err(CertificateError::InvalidPurpose);
        }
        if !usage.signs {
            return Err(Refusal::Signs.into());
        }
        if lock(&self.revocations).is_some() {
            return Err(CertificateError::UnknownRevocationStatus);
        }
        let named = match EndEntityCert::try_from(certificate) {
            Ok(parsed) => parsed.verify_is_valid_for_subject_name(server_name).map_err(|error| match error {
                webpki::Error::CertNotValidForName(context) => CertificateError::NotValidForNameContext {
                    expected: context.expected,
                    presented: context.presented,
                },
                other => special(other),
            }),
            // A certificate of this version has no extensions, so it has no names but the common one.
            Err(webpki::Error::UnsupportedCertVersion) => Err(CertificateError::NotValidForNameContext {
                expected: server_name.to_owned(),
                presented: Vec::new(),
            }),
            Err(other) => Err(special(other)),
        };
        self.name_fits(named, certificate, usage, server_name).map(drop)
    }

    /// Decides about a name that does not fit, and returns true if the common name fits instead. Any other error remains. The
    /// name is checked last, so everything else was in order.
    fn name_fits(
        &self,
        verdict: Verdict,
        certificate: &CertificateDer<'_>,
        usage: &Usage,
        server_name: &ServerName<'_>,
    ) -> std::result::Result<bool, CertificateError> {
        let error = match verdict {
            Ok(()) => return Ok(false),
            Err(error @ (CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. })) => error,
            Err(error) => return Err(error),
        };
        if !self.check_hostname {
            return Ok(false);
        }
        let host = server_name.to_str();
        if !Facts::of(certificate).is_some_and(|facts| facts.common_name_fits(&host)) {
            return Err(error);
        }
        if !self.allow_common_name {
            return Err(Refusal::CommonName.into());
        }
        if usage.has_name_constraints {
            return Err(Refusal::ConstrainedCommonName.into());
        }
        let warning = format!(
            "the broker's certificate names '{host}' only as its common name, which newer programs do not look \
             at; it should have a subjectAltName ('openssl … -addext subjectAltName=DNS:{host}')"
        );
        handshake::note(|seen| seen.warning = Some(warning));
        Ok(true)
    }

    /// Checks what rustls does not check in a chain, and revocation. There must be one chain without an objection.
    fn chain_fits(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        by_common_name: bool,
        now: UnixTime,
    ) -> Verdict {
        let objection = RefCell::new(None);
        let allow = |path: &VerifiedPath<'_>| match self.objection(path, by_common_name, now) {
            Ok(()) => Ok(()),
            Err(error) => {
                *objection.borrow_mut() = Some(error);
                Err(webpki::Error::UnknownIssuer)
            }
        };
        let lists = lock(&self.revocations);
        let lists: Option<Vec<&CertRevocationList<'_>>> = lists.as_ref().map(|lists| lists.iter().collect());
        // As with OpenSSL's -crl_check, only the broker's certificate is checked; its state must be known from a list in force.
        let revocation = lists.as_ref().and_then(|lists| RevocationOptionsBuilder::new(lists).ok()).map(|options| {
            options
                .with_depth(RevocationCheckDepth::EndEntity)
                .with_expiration_policy(ExpirationPolicy::Enforce)
                .build()
        });
        let parsed = EndEntityCert::try_from(end_entity).map_err(|_| CertificateError::BadEncoding)?;
        let verified = parsed.verify_for_usage(
            self.algorithms.all,
            &self.roots.store.roots,
            intermediates,
            now,
            KeyUsage::server_auth(),
            revocation,
            Some(&allow),
        );
        verified.map(drop).map_err(|error| match (objection.take(), error) {
            (_, webpki::Error::CertRevoked) => CertificateError::Revoked,
            (Some(objection), _) => objection,
            (None, webpki::Error::UnknownRevocationStatus) => CertificateError::UnknownRevocationStatus,
            (None, webpki::Error::CrlExpired { time, next_update }) => {
                CertificateError::ExpiredRevocationListContext { time, next_update }
            }
            (None, other) => special(other),
        })
    }

    fn objection(&self, path: &VerifiedPath<'_>, by_common_name: bool, now: UnixTime) -> Verdict {
        let anchor = path.anchor();
        for intermediate in path.intermediate_certificates() {
            let usage = Usage::of(&intermediate.der()).ok_or(CertificateError::BadEncoding)?;
            if !usage.is_authority {
                return Err(Refusal::Authority.into());
            }
            if by_common_name && usage.has_name_constraints {
                return Err(Refusal::ConstrainedCommonName.into());
            }
        }
        if by_common_name && anchor.name_constraints.is_some() {
            return Err(Refusal::ConstrainedCommonName.into());
        }
        if !self.roots.are_judged() {
            return Ok(());
        }
        let mut verdict = Err(CertificateError::UnknownIssuer);
        for Usage { not_before, not_after, serves, .. } in self.roots.usages(anchor) {
            verdict = match () {
                () if now < *not_before => Err(Refusal::AuthorityNotYet(*not_before).into()),
                () if now > *not_after => Err(Refusal::AuthorityExpired(*not_after).into()),
                () if !serves => Err(Refusal::AuthorityPurpose.into()),
                () => return Ok(()),
            };
        }
        verdict
    }

    /// Verifies the signature of a TLS 1.2 handshake by the key alone, since rustls accepts no certificate of version 1 for it.
    fn verify_by_key(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> std::result::Result<HandshakeSignatureValid, rustls::Error> {
        let known = self.algorithms.mapping.iter().find(|(scheme, _)| *scheme == signed.scheme);
        let (_, fitting) = known.ok_or(PeerMisbehaved::SignedHandshakeWithUnadvertisedSigScheme)?;
        // In TLS 1.2 a scheme for ECDSA does not name the curve, so several algorithms are possible.
        match has_made_signature(certificate, fitting, message, signed.signature()) {
            Some(true) => Ok(HandshakeSignatureValid::assertion()),
            Some(false) => Err(CertificateError::BadSignature.into()),
            None => Err(CertificateError::BadEncoding.into()),
        }
    }

    fn pin_fits(&self, end_entity: &CertificateDer<'_>) -> Verdict {
        if self.pins.is_empty() {
            return Ok(());
        }
        let key = public_key(end_entity).ok_or(CertificateError::BadEncoding)?;
        let pin: Pin = Sha256::digest(&key).into();
        if self.pins.contains(&pin) { Ok(()) } else { Err(Refusal::Pin(pin).into()) }
    }
}

/// Returns true if the error is that no trusted authority vouches for the certificate, or not in a way that counts. This says
/// nothing against a certificate that is trusted as it is. A certificate's statements about itself do, and so does a
/// revocation.
fn is_of_others(error: &CertificateError) -> bool {
    match error {
        CertificateError::NotValidForName
        | CertificateError::NotValidForNameContext { .. }
        | CertificateError::InvalidPurpose
        | CertificateError::InvalidPurposeContext { .. }
        | CertificateError::UnhandledCriticalExtension
        | CertificateError::BadEncoding
        | CertificateError::Revoked
        | CertificateError::UnknownRevocationStatus
        | CertificateError::ExpiredRevocationList
        | CertificateError::ExpiredRevocationListContext { .. } => false,
        CertificateError::Other(OtherError(other)) => match other.downcast_ref::<Refusal>() {
            Some(Refusal::Signs | Refusal::CommonName | Refusal::ConstrainedCommonName | Refusal::Pin(_)) => false,
            Some(_) | None => true,
        },
        _ => true,
    }
}

fn special(error: webpki::Error) -> CertificateError {
    CertificateError::Other(OtherError(Arc::new(error)))
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
        let shown = std::iter::once(end_entity).chain(intermediates);
        handshake::note(|seen| {
            seen.facts = Facts::of(end_entity);
            seen.not_after = shown.filter_map(Usage::of).map(|usage| usage.not_after).min();
        });
        let judged = self.judge(end_entity, intermediates, server_name, ocsp_response, now);
        judged.map(|()| ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> std::result::Result<HandshakeSignatureValid, rustls::Error> {
        match EndEntityCert::try_from(cert) {
            Err(webpki::Error::UnsupportedCertVersion) => self.verify_by_key(message, cert, dss),
            _ => verify_tls12_signature(message, cert, dss, &self.algorithms),
        }
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> std::result::Result<HandshakeSignatureValid, rustls::Error> {
        match EndEntityCert::try_from(cert) {
            Err(webpki::Error::UnsupportedCertVersion) => {
                let key = public_key(cert).ok_or(CertificateError::BadEncoding)?;
                verify_tls13_signature_with_raw_key(message, &key, dss, &self.algorithms)
            }
            _ => verify_tls13_signature(message, cert, dss, &self.algorithms),
        }
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

/// Reads a certificate that a stranger shows, and judges it with and without trust in itself. The judgement must be the same
/// each time, and the description must be fit for people.
#[cfg(any(test, feature = "fuzz"))]
pub(crate) fn fuzz_certificate(der: &[u8]) {
    use crate::config::Trust;
    use crate::material::{self, KeyMaterial};
    use crate::tls::Versions;

    let certificate = CertificateDer::from(der);
    if let Some(facts) = Facts::of(&certificate) {
        let told = facts.describe();
        assert!(!told.contains(char::is_control), "{told:?}");
        let _ = facts.common_name_fits("localhost");
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let settings = TlsSettings {
        trust: Trust::Default,
        client_certificate: None,
        check_hostname: true,
        allow_common_name: true,
        pins: Vec::new(),
        revocations: None,
        versions: Versions::default(),
        suites: None,
        alpn: Vec::new(),
    };
    let material = KeyMaterial { anchors: Some(vec![der.to_vec()]), ..KeyMaterial::default() };
    let Ok(roots) = material::roots(&settings.trust, &material) else { return };
    let is_authority = Usage::of(&certificate).is_some_and(|usage| usage.is_authority);
    assert_eq!(!roots.store.is_empty(), is_authority, "an authority is one that says so");
    let verifier = Verifier::new(&settings, roots, &provider).expect("a verifier");
    let name = ServerName::try_from("localhost").expect("a name");
    // This moment is in the year 2030.
    let now = UnixTime::since_unix_epoch(std::time::Duration::from_secs(1_900_000_000));
    let judge =
        || verifier.verify_server_cert(&certificate, std::slice::from_ref(&certificate), &name, &[], now).is_ok();
    assert_eq!(judge(), judge(), "the judgement of a certificate changes");
}
