//! Chooses, among the certificates in a token, the one of several for one key that is shown to a broker, and those that issued
//! it.

use std::cmp::Reverse;
use std::time::Duration;

use rustls::crypto::WebPkiSupportedAlgorithms;
use rustls::pki_types::CertificateDer;
use x509_cert::Certificate;
use x509_cert::der::{Decode, Encode, Reader, SliceReader, asn1::AnyRef};

use super::public::public_key;
use crate::tls::provider;

/// Returns, of the certificates at these places, one that is valid now; of several the newest, and of equal ones the first.
/// `now` counts from the year 1970.
pub(crate) fn preferred(all: &[CertificateDer<'_>], among: &[usize], now: Duration) -> Option<usize> {
    among.iter().copied().max_by_key(|index| {
        let dates = all.get(*index).and_then(dates);
        let is_valid = dates.is_some_and(|(from, until)| from <= now && now <= until);
        (is_valid, dates.map(|(from, _)| from), Reverse(*index))
    })
}

/// Returns the beginning and the end of the certificate's validity, counted from the year 1970.
pub(crate) fn dates(certificate: &CertificateDer<'_>) -> Option<(Duration, Duration)> {
    let certificate = Certificate::from_der(certificate).ok()?;
    let validity = certificate.tbs_certificate().validity();
    Some((validity.not_before.to_unix_duration(), validity.not_after.to_unix_duration()))
}

/// Returns the name of the certificate's issuer, in DER.
pub(crate) fn issuer(certificate: &CertificateDer<'_>) -> Option<Vec<u8>> {
    Certificate::from_der(certificate).ok()?.tbs_certificate().issuer().to_der().ok()
}

/// Returns the certificate at this place with its issuers, up to but not including the self-signed authority, which brokers
/// have.
pub(crate) fn chain(own: usize, all: &[CertificateDer<'static>]) -> Vec<CertificateDer<'static>> {
    let parsed: Vec<_> = all.iter().map(|der| Certificate::from_der(der).ok()).collect();
    let mut chain = vec![own];
    while let Some(last) = chain.last()
        && let Some(certificate) = parsed[*last].as_ref()
    {
        let issuer = certificate.tbs_certificate().issuer();
        let named = parsed.iter().enumerate().filter(|(index, candidate)| {
            candidate.as_ref().is_some_and(|candidate| {
                let tbs = candidate.tbs_certificate();
                tbs.subject() == issuer && tbs.issuer() != tbs.subject() && !chain.contains(index)
            })
        });
        // Another authority may have the same name, so the signature is checked. If that is not possible here, the candidate
        // stays, because the broker may be able to check it.
        let signers = named.filter_map(|(index, _)| match has_signed(&all[index], &all[*last]) {
            Some(true) => Some((index, true)),
            Some(false) => None,
            None => Some((index, false)),
        });
        let Some((next, _)) = signers.max_by_key(|(index, is_sure)| (*is_sure, Reverse(*index))) else { break };
        chain.push(next);
    }
    chain.into_iter().map(|index| all[index].clone()).collect()
}

/// Returns whether the key of `issuer` has signed the certificate; `None` if that can't be checked.
fn has_signed(issuer: &CertificateDer<'_>, certificate: &CertificateDer<'_>) -> Option<bool> {
    let parsed = Certificate::from_der(certificate).ok()?;
    let outer = AnyRef::from_der(certificate).ok()?;
    // The signed bytes are taken as they are, because encoding them again might change them.
    let signed = SliceReader::new(outer.value()).ok()?.tlv_bytes().ok()?;
    let algorithm = parsed.signature_algorithm().to_der().ok()?;
    let algorithm = AnyRef::from_der(&algorithm).ok()?;
    let key = public_key(issuer)?;
    let issuer = webpki::RawPublicKeyEntity::try_from(&key).ok()?;
    let WebPkiSupportedAlgorithms { all, .. } = provider::default_provider().signature_verification_algorithms;
    let fitting = all.iter().filter(|known| known.signature_alg_id().as_ref() == algorithm.value());
    let results = fitting.filter_map(|known| {
        match issuer.verify_signature(*known, signed, parsed.signature().raw_bytes()) {
            Ok(()) => Some(true),
            Err(webpki::Error::InvalidSignatureForPublicKey) => Some(false),
            // The certificate's key is of another kind than the algorithm needs.
            Err(_) => None,
        }
    });
    results.max()
}

#[cfg(test)]
mod tests {
    use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd};

    use super::*;

    fn params(name: &str) -> CertificateParams {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params
    }

    fn issuer(name: &str) -> Issuer<'static, KeyPair> {
        Issuer::new(params(name), KeyPair::generate().expect("a key"))
    }

    fn signed(
        params: &CertificateParams,
        by: &Issuer<'static, KeyPair>,
    ) -> (CertificateDer<'static>, Issuer<'static, KeyPair>) {
        let key = KeyPair::generate().expect("a key");
        let der = params.signed_by(&key, by).expect("a certificate").der().clone();
        (der, Issuer::new(params.clone(), key))
    }

    #[test]
    fn an_authority_with_the_same_name_and_another_key_is_not_taken() {
        let root = issuer("root");
        let (other, _) = signed(&params("between"), &root);
        let (between, authority) = signed(&params("between"), &root);
        let (own, _) = signed(&params("client"), &authority);
        for all in [[own.clone(), other.clone(), between.clone()], [own.clone(), between.clone(), other.clone()]] {
            assert_eq!(chain(0, &all), [own.clone(), between.clone()]);
        }
        assert_eq!(chain(0, &[own.clone(), other]), [own]);
    }

    #[test]
    fn what_is_valid_now_comes_first_and_then_what_is_newest() {
        let authority = issuer("root");
        let of = |from: i32, until: i32| {
            let mut params = params("client");
            (params.not_before, params.not_after) = (date_time_ymd(from, 1, 1), date_time_ymd(until, 1, 1));
            signed(&params, &authority).0
        };
        let all = [of(2010, 2012), of(2013, 2015), of(2019, 2030), of(2018, 2030), of(2019, 2030), of(2040, 2050)];
        let now = Duration::from_secs(1_600_000_000);
        for (among, expected) in [
            (&[0, 1, 2, 3, 4, 5][..], Some(2)),
            (&[3, 0, 5], Some(3)),
            (&[4, 3], Some(4)),
            (&[0, 1], Some(1)),
            (&[0], Some(0)),
            (&[], None),
        ] {
            assert_eq!(preferred(&all, among, now), expected, "{among:?}");
        }
    }
}
