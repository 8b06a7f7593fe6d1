//! The uses that a certificate itself permits.

use rustls::pki_types::{CertificateDer, UnixTime};
use x509_cert::certificate::{Certificate, Version};
use x509_cert::der::asn1::ObjectIdentifier;
use x509_cert::der::{Decode, Error};
use x509_cert::ext::pkix::{BasicConstraints, ExtendedKeyUsage, KeyUsage};

const SERVER_AUTH: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.1");
const NAME_CONSTRAINTS: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.30");

/// The permitted uses. An extension that can't be read permits nothing.
#[derive(Debug, Clone)]
pub(crate) struct Usage {
    /// The certificate may sign others: it has CA:TRUE, and keyCertSign if it has a keyUsage. A self-signed certificate of
    /// version 1, which has no extensions, counts as well, as it does for OpenSSL and Java.
    pub is_authority: bool,
    /// The key may sign, as a broker's does in every handshake that this client makes.
    pub signs: bool,
    /// The certificate, and those that it has signed, are for servers.
    pub serves: bool,
    /// The certificate may sign for certain names only.
    pub has_name_constraints: bool,
    pub not_before: UnixTime,
    pub not_after: UnixTime,
}

impl Usage {
    /// Returns the uses; `None` if this is not a readable certificate.
    pub fn of(certificate: &CertificateDer<'_>) -> Option<Usage> {
        let parsed = Certificate::from_der(certificate).ok()?;
        let tbs = parsed.tbs_certificate();
        let signs_certificates = says(tbs.get_extension(), true, |usage: KeyUsage| usage.key_cert_sign());
        let is_first_version = tbs.version() == Version::V1 && tbs.subject() == tbs.issuer();
        let time = |time: &x509_cert::time::Time| UnixTime::since_unix_epoch(time.to_unix_duration());
        Some(Usage {
            is_authority: signs_certificates
                && says(tbs.get_extension(), is_first_version, |basic: BasicConstraints| basic.ca),
            signs: says(tbs.get_extension(), true, |usage: KeyUsage| usage.digital_signature()),
            serves: says(tbs.get_extension(), true, |usage: ExtendedKeyUsage| usage.0.contains(&SERVER_AUTH)),
            has_name_constraints: tbs
                .extensions()
                .is_some_and(|all| all.iter().any(|extension| extension.extn_id == NAME_CONSTRAINTS)),
            not_before: time(&tbs.validity().not_before),
            not_after: time(&tbs.validity().not_after),
        })
    }
}

/// Returns what an extension says, or `absent` if there is none; an extension that can't be read, or is there twice, says no.
fn says<T>(found: Result<Option<(bool, T)>, Error>, absent: bool, present: impl Fn(T) -> bool) -> bool {
    match found {
        Ok(None) => absent,
        Ok(Some((_, extension))) => present(extension),
        Err(_) => false,
    }
}
