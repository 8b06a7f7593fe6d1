//! The public key of a certificate, of whatever version: it is needed to compare keys, and to check signatures by one that is
//! trusted as it is. `webpki` takes no certificate of version 1, whose key is as good as any.

use rustls::pki_types::{CertificateDer, SubjectPublicKeyInfoDer};
use x509_cert::Certificate;
use x509_cert::der::{Decode, Encode};

/// `None`: this is not a certificate that can be read.
pub(crate) fn public_key(certificate: &CertificateDer<'_>) -> Option<SubjectPublicKeyInfoDer<'static>> {
    if let Ok(parsed) = webpki::EndEntityCert::try_from(certificate) {
        return Some(parsed.subject_public_key_info().into_owned());
    }
    let parsed = Certificate::from_der(certificate).ok()?;
    let der = parsed.tbs_certificate().subject_public_key_info().to_der().ok()?;
    Some(SubjectPublicKeyInfoDer::from(der))
}
