//! The client's certificate, with which it identifies itself to the broker.

use std::cmp::Reverse;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rustls::SignatureScheme;
use rustls::client::ResolvesClientCert;
use rustls::pki_types::UnixTime;
use rustls::sign::CertifiedKey;

use super::certificate::date;
use super::handshake;
use crate::keys::chain;
use crate::lock::lock;
use crate::material::Own;
use crate::strangers::harmless;

/// Gives the client's certificate to a broker that asks for one, and notes that it has asked.
#[derive(Debug)]
pub(super) struct Identifier {
    /// The client's certificates. One whose key is in a token is here once the token was asked for it, and may be renewed. A
    /// key store may have several.
    certificates: Mutex<Vec<Own>>,
}

/// The broker's request for a client certificate, and its outcome.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) enum Asked {
    #[default]
    Nothing,
    /// The broker asked for a certificate, and there is none.
    InVain,
    /// The broker asked for a certificate, and our key can't sign in a way that it accepts.
    Unable,
    /// The broker asked for a certificate, and got ours.
    Served,
}

impl Identifier {
    pub fn new(certificates: Vec<Own>) -> Identifier {
        Identifier { certificates: Mutex::new(certificates) }
    }

    pub fn all(&self) -> Vec<Own> {
        lock(&self.certificates).clone()
    }

    /// Sets the certificate, which has been found.
    pub fn becomes(&self, certificate: Arc<CertifiedKey>) {
        *lock(&self.certificates) = vec![certificate.into()];
    }

    /// Returns a warning if no certificate is valid now. Whether it is accepted all the same is the broker's decision.
    pub fn out_of_date(&self, now: UnixTime) -> Option<String> {
        let certificates = lock(&self.certificates);
        let mut all = certificates.iter().map(|own| out_of_date(&own.certified, now));
        let first = all.next()??;
        all.all(|other| other.is_some()).then_some(first)
    }

    /// Chooses the certificate for a broker that names these authorities and accepts these kinds of signatures. A broker that
    /// names none, or not ours, may accept it all the same, since many brokers name too few.
    fn choose(&self, authorities: &[&[u8]], schemes: &[SignatureScheme], now: UnixTime) -> Option<Arc<CertifiedKey>> {
        let certificates = lock(&self.certificates);
        let is_known = |certificate: &CertifiedKey| {
            let mut issuers = certificate.cert.iter().filter_map(chain::issuer);
            issuers.any(|issuer| authorities.iter().any(|named| **named == *issuer))
        };
        let chosen = certificates.iter().enumerate().max_by_key(|(index, Own { certified, .. })| {
            let signs = certified.key.choose_scheme(schemes).is_some();
            (signs, is_known(certified), out_of_date(certified, now).is_none(), Reverse(*index))
        });
        let (_, Own { alias, certified }) = chosen?;
        if certificates.len() > 1 && !is_known(certified) {
            let alias = harmless(alias.as_deref().unwrap_or_default(), 100);
            let choice = format!(
                "of the keys in 'keyStore' the broker got '{alias}', since it names the authority of none of them; \
                 'keyStoreAlias' chooses another"
            );
            handshake::note(|seen| seen.choice = Some(choice));
        }
        Some(certified.clone())
    }
}

fn out_of_date(certificate: &CertifiedKey, now: UnixTime) -> Option<String> {
    let (from, until) = chain::dates(certificate.cert.first()?)?;
    let now = Duration::from_secs(now.as_secs());
    let date = |time| date(UnixTime::since_unix_epoch(time));
    if now > until {
        return Some(format!(
            "the client's certificate has expired: it was valid until {}; brokers refuse it until it is renewed",
            date(until)
        ));
    }
    (now < from).then(|| {
        let from = date(from);
        format!("the client's certificate is not valid yet: it will be from {from}; is this machine's clock right?")
    })
}

impl ResolvesClientCert for Identifier {
    fn resolve(&self, authorities: &[&[u8]], schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        let certificate = self.choose(authorities, schemes, UnixTime::now());
        let asked = match certificate.as_ref().map(|certificate| certificate.key.choose_scheme(schemes)) {
            None => Asked::InVain,
            Some(None) => Asked::Unable,
            Some(Some(_)) => Asked::Served,
        };
        handshake::note(|seen| seen.asked = asked);
        certificate
    }

    fn has_certs(&self) -> bool {
        !lock(&self.certificates).is_empty()
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, PKCS_ED25519, date_time_ymd};

    use super::*;

    struct Authority(Issuer<'static, KeyPair>, Vec<u8>);

    fn params(name: &str) -> CertificateParams {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params
    }

    fn authority(name: &str) -> Authority {
        let mut params = params(name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        let own = params.self_signed(&key).expect("a certificate");
        let name = chain::issuer(own.der()).expect("a name");
        Authority(Issuer::new(params, key), name)
    }

    fn own(alias: &str, key: KeyPair, until: i32, by: &Authority) -> Own {
        let mut params = params(alias);
        params.not_after = date_time_ymd(until, 1, 1);
        let certificate = params.signed_by(&key, &by.0).expect("a certificate").der().clone();
        let key = rustls::pki_types::PrivateKeyDer::Pkcs8(key.serialize_der().into());
        let key = rustls::crypto::ring::sign::any_supported_type(&key).expect("a key");
        Own { alias: Some(alias.into()), certified: Arc::new(CertifiedKey::new(vec![certificate], key)) }
    }

    /// The choice is the same as that of Java's key managers.
    #[test]
    fn of_several_the_one_is_shown_whose_authority_the_broker_names() {
        let ec = || KeyPair::generate().expect("a key");
        let ed = || KeyPair::generate_for(&PKCS_ED25519).expect("a key");
        let [one, other, strange] = ["one", "other", "strange"].map(authority);
        let all = [
            own("expired", ec(), 2020, &one),
            own("first", ec(), 2100, &one),
            own("second", ec(), 2100, &other),
            own("ed", ed(), 2100, &one),
            own("old", ec(), 2020, &other),
        ];
        let identifier = Identifier::new(all.to_vec());
        let now = UnixTime::since_unix_epoch(Duration::from_secs(1_700_000_000));
        let any = [SignatureScheme::ECDSA_NISTP256_SHA256, SignatureScheme::ED25519];
        for (named, schemes, expected) in [
            (&[&one.1][..], &any[..], "first"),
            (&[&other.1], &any, "second"),
            (&[&strange.1, &other.1], &any, "second"),
            (&[&one.1, &other.1], &any, "first"),
            // A certificate whose signature the broker can't check does not help, whoever has issued it.
            (&[&other.1], &any[1..], "ed"),
            (&[], &any, "first"),
            (&[&strange.1], &any, "first"),
        ] {
            let named: Vec<&[u8]> = named.iter().map(|name| &name[..]).collect();
            let chosen = identifier.choose(&named, schemes, now).expect("one");
            let chosen = all.iter().find(|own| Arc::ptr_eq(&own.certified, &chosen)).expect("one of them");
            assert_eq!(chosen.alias.as_deref(), Some(expected));
        }
        assert_eq!(identifier.out_of_date(now), None);
        assert!(Identifier::new(vec![all[0].clone(), all[4].clone()]).out_of_date(now).is_some());
        assert!(Identifier::new(Vec::new()).choose(&[&one.1], &any, now).is_none());
    }
}
