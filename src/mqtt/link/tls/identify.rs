//! Who the client is for the broker.

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

/// Gives the client's certificate to a broker that asks for one, and notes that it has asked.
#[derive(Debug)]
pub(super) struct Identifier {
    /// One whose key is in a token is there when that has been asked for it, and may be renewed.
    certificate: Mutex<Option<Arc<CertifiedKey>>>,
}

/// What a broker asked for and what it got.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) enum Asked {
    #[default]
    Nothing,
    /// For a certificate, and there is none.
    InVain,
    /// For a certificate, and our key can't sign in a way that it takes.
    Unable,
    /// For a certificate, and it got ours.
    Served,
}

impl Identifier {
    pub fn new(certificate: Option<Arc<CertifiedKey>>) -> Identifier {
        Identifier { certificate: Mutex::new(certificate) }
    }

    /// The certificate has been found.
    pub fn becomes(&self, certificate: Arc<CertifiedKey>) {
        *lock(&self.certificate) = Some(certificate);
    }

    fn certificate(&self) -> Option<Arc<CertifiedKey>> {
        lock(&self.certificate).clone()
    }

    /// That the certificate is not valid now, in words. It is the broker that decides what becomes of it.
    pub fn out_of_date(&self, now: UnixTime) -> Option<String> {
        let (from, until) = chain::dates(self.certificate()?.cert.first()?)?;
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
}

impl ResolvesClientCert for Identifier {
    /// Whatever authorities the broker names: many name too few, and it is the broker that decides.
    fn resolve(&self, _: &[&[u8]], schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        let certificate = self.certificate();
        let asked = match certificate.as_ref().map(|certificate| certificate.key.choose_scheme(schemes)) {
            None => Asked::InVain,
            Some(None) => Asked::Unable,
            Some(Some(_)) => Asked::Served,
        };
        handshake::note(|seen| seen.asked = asked);
        certificate
    }

    fn has_certs(&self) -> bool {
        self.certificate().is_some()
    }
}
