//! The public key of a certificate of any version. It is needed to compare keys, and to check signatures with the key of a
//! certificate that is trusted as it is. `webpki` accepts no certificate of version 1, although its key is as good as any.

use rustls::pki_types::{CertificateDer, SignatureVerificationAlgorithm, SubjectPublicKeyInfoDer};
use x509_cert::Certificate;
use x509_cert::der::{Decode, Encode};

/// Returns the public key; `None` if this is not a readable certificate.
pub(crate) fn public_key(certificate: &CertificateDer<'_>) -> Option<SubjectPublicKeyInfoDer<'static>> {
    if let Ok(parsed) = webpki::EndEntityCert::try_from(certificate) {
        return Some(parsed.subject_public_key_info().into_owned());
    }
    let parsed = Certificate::from_der(certificate).ok()?;
    let der = parsed.tbs_certificate().subject_public_key_info().to_der().ok()?;
    Some(SubjectPublicKeyInfoDer::from(der))
}

/// Returns whether the certificate's key has made the signature, by any of these algorithms. `None` if the key can't be read.
pub(crate) fn has_made_signature(
    certificate: &CertificateDer<'_>,
    algorithms: &[&dyn SignatureVerificationAlgorithm],
    message: &[u8],
    signature: &[u8],
) -> Option<bool> {
    let key = public_key(certificate)?;
    let key = webpki::RawPublicKeyEntity::try_from(&key).ok()?;
    Some(algorithms.iter().any(|one| key.verify_signature(*one, message, signature).is_ok()))
}
