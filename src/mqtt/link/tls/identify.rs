//! Who the client is for the broker.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use rustls::SignatureScheme;
use rustls::client::ResolvesClientCert;
use rustls::sign::CertifiedKey;

/// Gives the client's certificate to a broker that asks for one, and remembers that it has asked.
#[derive(Debug)]
pub(super) struct Identifier {
    /// One whose key is in a token is there when that has been asked for it.
    certificate: OnceLock<Arc<CertifiedKey>>,
    asked: AtomicBool,
}

/// What a broker asked for and what it got.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Asked {
    Nothing,
    /// For a certificate, and there is none.
    InVain,
    /// For a certificate, and it got ours.
    Served,
}

impl Identifier {
    pub fn new(certificate: Option<Arc<CertifiedKey>>) -> Identifier {
        Identifier { certificate: certificate.map(OnceLock::from).unwrap_or_default(), asked: AtomicBool::new(false) }
    }

    /// The certificate has been found.
    pub fn becomes(&self, certificate: Arc<CertifiedKey>) {
        // A second one would be the same.
        let _ = self.certificate.set(certificate);
    }

    /// Before a handshake.
    pub fn forget(&self) {
        self.asked.store(false, Ordering::Relaxed);
    }

    pub fn asked(&self) -> Asked {
        match (self.asked.load(Ordering::Relaxed), self.certificate.get()) {
            (false, _) => Asked::Nothing,
            (true, None) => Asked::InVain,
            (true, Some(_)) => Asked::Served,
        }
    }
}

impl ResolvesClientCert for Identifier {
    /// Whatever authorities the broker names: many name too few, and it is the broker that decides.
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        self.asked.store(true, Ordering::Relaxed);
        self.certificate.get().cloned()
    }

    fn has_certs(&self) -> bool {
        self.certificate.get().is_some()
    }
}
