//! Who the client is for the broker.

use std::sync::Arc;

use rustls::SignatureScheme;
use rustls::client::ResolvesClientCert;
use rustls::sign::CertifiedKey;

use super::handshake::{self, Seen};

/// Gives the client's certificate to a broker that asks for one, and notes that it has asked.
#[derive(Debug)]
pub(super) struct Identifier {
    certificate: Option<Arc<CertifiedKey>>,
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
        Identifier { certificate }
    }

    pub fn asked(&self, seen: &Seen) -> Asked {
        match (seen.is_asked, &self.certificate) {
            (false, _) => Asked::Nothing,
            (true, None) => Asked::InVain,
            (true, Some(_)) => Asked::Served,
        }
    }
}

impl ResolvesClientCert for Identifier {
    /// Whatever authorities the broker names: many name too few, and it is the broker that decides.
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        handshake::note(|seen| seen.is_asked = true);
        self.certificate.clone()
    }

    fn has_certs(&self) -> bool {
        self.certificate.is_some()
    }
}
