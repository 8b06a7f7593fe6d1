//! Finds the certificates that belong to a key in a token: by the key's public half, if the token has one; otherwise by a
//! signature that the token makes.

use rustls::SignatureScheme;
use rustls::pki_types::CertificateDer;
use x509_cert::Certificate;
use x509_cert::der::{Decode, Encode};

use super::key::{Key, PublicHalf};
use super::worker::Limit;
use super::{Problem, signer};
use crate::keys::public::has_made_signature;
use crate::tls::provider;

/// Returns the places of the certificates that belong to the key.
pub(crate) async fn belonging(
    key: &Key,
    certificates: &[CertificateDer<'_>],
    limit: Limit,
) -> Result<Vec<usize>, Problem> {
    let places = |fits: &dyn Fn(&CertificateDer<'_>) -> bool| -> Vec<usize> {
        certificates.iter().enumerate().filter(|(_, one)| fits(one)).map(|(place, _)| place).collect()
    };
    let known = places(&|certificate| key.public.iter().any(|half| is_half_of(half, certificate)));
    if !known.is_empty() || certificates.is_empty() {
        return Ok(known);
    }
    // The public half may be left over from another key with the same id, so a mismatch proves nothing.
    let trial = Trial::of(key, limit).await?;
    Ok(places(&|certificate| trial.is_by(certificate)))
}

fn is_half_of(half: &PublicHalf, certificate: &CertificateDer<'_>) -> bool {
    let Ok(certificate) = Certificate::from_der(certificate) else { return false };
    let key = certificate.tbs_certificate().subject_public_key_info();
    let bits = key.subject_public_key.raw_bytes();
    match half {
        PublicHalf::Rsa { modulus, exponent } => rsa::pkcs1::RsaPublicKeyRef::try_from(bits)
            .is_ok_and(|key| key.modulus.as_bytes() == modulus && key.public_exponent.as_bytes() == exponent),
        // The curve need not be compared: it is the key's, and on another curve the same bytes are not a point.
        PublicHalf::Point(point) => bits == point,
        PublicHalf::Info(info) => key.to_der().is_ok_and(|der| der == *info),
    }
}

/// A signature to compare certificates with.
struct Trial {
    scheme: SignatureScheme,
    message: &'static [u8],
    signature: Vec<u8>,
}

impl Trial {
    async fn of(key: &Key, limit: Limit) -> Result<Trial, Problem> {
        // No protocol signs anything that begins like this.
        const MESSAGE: &[u8] = b"SINETStream: which certificate belongs to this key?";
        let (scheme, signature) = signer::sign(key, MESSAGE, limit).await?;
        Ok(Trial { scheme, message: MESSAGE, signature })
    }

    /// Returns whether the certificate's key has made the signature.
    fn is_by(&self, certificate: &CertificateDer<'_>) -> bool {
        let algorithms = provider::default_provider().signature_verification_algorithms;
        let known = algorithms.mapping.iter().find(|(scheme, _)| *scheme == self.scheme);
        known.is_some_and(|(_, all)| has_made_signature(certificate, all, self.message, &self.signature) == Some(true))
    }
}
