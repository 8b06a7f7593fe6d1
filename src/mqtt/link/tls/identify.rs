//! Who the client is for the broker.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rustls::SignatureScheme;
use rustls::client::ResolvesClientCert;
use rustls::sign::CertifiedKey;

/// Gives the client's certificate to a broker that asks for one, and remembers that it has asked.
#[derive(Debug)]
pub(super) struct Identifier {
    certificate: Option<Arc<CertifiedKey>>,
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
        Identifier { certificate, asked: AtomicBool::new(false) }
    }

    /// Before a handshake.
    pub fn forget(&self) {
        self.asked.store(false, Ordering::Relaxed);
    }

    pub fn asked(&self) -> Asked {
        match (self.asked.load(Ordering::Relaxed), &self.certificate) {
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
        self.certificate.clone()
    }

    fn has_certs(&self) -> bool {
        self.certificate.is_some()
    }
}
