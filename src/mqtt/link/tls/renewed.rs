//! Certificates and keys in files, which may be renewed while the client lives.

use std::sync::{Arc, Mutex};

use crate::config::{ClientCertificate, TlsSettings, Trust};
use crate::error::Result;
use crate::kept::Digest;
use crate::lock::lock;
use crate::material::{self, KeyMaterial, Own, Roots};

/// The files, and how they were when they were read.
pub(super) struct Files {
    trust: Option<Trust>,
    /// With the password of the key, if it is encrypted.
    certificate: Option<ClientCertificate>,
    read: Mutex<Option<Digest>>,
}

/// What has become of them; of each the old one stays where there is `None`.
#[derive(Default)]
pub(super) struct Renewed {
    pub roots: Option<Arc<Roots>>,
    pub certificates: Option<Vec<Own>>,
}

impl Files {
    /// To be made before the files are read: what is changed between is read once more. `None`: there are none.
    pub fn new(settings: &TlsSettings) -> Option<Files> {
        let trust = Some(&settings.trust).filter(|trust| matches!(trust, Trust::Pem(source) if source.is_file()));
        let certificate = settings.client_certificate.as_ref().filter(|certificate| match certificate {
            ClientCertificate::Pem { certificate, key, .. } => {
                certificate.is_file() && key.as_ref().is_none_or(|key| key.is_file())
            }
            // Java opens a store, and a token's key is looked for by the token's own rules.
            ClientCertificate::Store(_) | ClientCertificate::Token(_) => false,
        });
        if trust.is_none() && certificate.is_none() {
            return None;
        }
        let files = Files { trust: trust.cloned(), certificate: certificate.cloned(), read: Mutex::default() };
        *lock(&files.read) = files.digest().ok();
        Some(files)
    }

    fn digest(&self) -> Result<Digest> {
        material::files_digest(self.trust.as_ref(), self.certificate.as_ref())
    }

    /// Reads those that have changed. They stay changed until they can be used: one may be half written.
    pub fn renewed(&self) -> Result<Renewed> {
        let digest = self.digest()?;
        if *lock(&self.read) == Some(digest) {
            return Ok(Renewed::default());
        }
        let nothing = KeyMaterial::default();
        let renewed = Renewed {
            roots: self.trust.as_ref().map(|trust| material::roots(trust, &nothing)).transpose()?,
            certificates: self.certificate.as_ref().map(|own| material::identities(own, &nothing)).transpose()?,
        };
        *lock(&self.read) = Some(digest);
        Ok(renewed)
    }
}
