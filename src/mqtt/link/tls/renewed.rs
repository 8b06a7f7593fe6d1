//! Certificates and keys in files, which may be renewed while the client lives.

use std::sync::{Arc, Mutex};

use crate::config::{self, ClientCertificate, Content, Source, TlsSettings, Trust};
use crate::error::{Error, Result};
use crate::kept::Digest;
use crate::lock::lock;
use crate::material::{self, KeyMaterial, Own, Roots};

/// The files of the configuration. Trust and the client's own certificate are renewed separately: an authority that was removed
/// is not trusted any longer even if the client's key can't be read, as in a daemon that has dropped its rights after its
/// start.
pub(super) struct Files {
    trust: Option<(Trust, Watched)>,
    /// The client's certificate, with the password of the key if it is encrypted.
    certificate: Option<(ClientCertificate, Watched)>,
}

/// Files that are used together, and their state when the content in force was read from them.
struct Watched {
    sources: Vec<Source>,
    in_force: Mutex<Option<Digest>>,
}

/// The content that was read from files that have changed.
pub(super) struct Changed<T> {
    pub content: T,
    digest: Digest,
}

/// The outcome of reading the files again; the old content stays in force for each part that is `None`.
#[derive(Default)]
pub(super) struct Renewed {
    pub roots: Option<Changed<Arc<Roots>>>,
    pub certificates: Option<Changed<Vec<Own>>>,
    /// The reasons why changed content is missing, or could not be read.
    pub failures: Vec<Error>,
}

impl Files {
    /// Must be called before the files are read: a file that changes in between is then read once more. `None` means that there
    /// are no files.
    pub fn new(settings: &TlsSettings) -> Option<Files> {
        let trust = match &settings.trust {
            Trust::Pem(source) => Watched::new([Some(source)]),
            Trust::Default | Trust::Store(_) => None,
        };
        let certificate = settings.client_certificate.as_ref().and_then(|own| match own {
            ClientCertificate::Pem { certificate, key, .. } => {
                Some((own.clone(), Watched::new([Some(certificate), key.as_ref()])?))
            }
            // Java opens a key store, and the key of a token is looked up by the token's own rules.
            ClientCertificate::Store(_) | ClientCertificate::Token(_) => None,
        });
        let trust = trust.map(|watched| (settings.trust.clone(), watched));
        (trust.is_some() || certificate.is_some()).then_some(Files { trust, certificate })
    }

    /// Reads the files that have changed. They count as changed until their content is in force: a file may be half written,
    /// and the content may turn out to be unusable.
    pub fn renewed(&self) -> Renewed {
        let nothing = KeyMaterial::default();
        let mut renewed = Renewed::default();
        if let Some((trust, files)) = &self.trust {
            match files.changed(|| material::roots(trust, &nothing)) {
                Ok(roots) => renewed.roots = roots,
                Err(e) => renewed.failures.push(e),
            }
        }
        if let Some((own, files)) = &self.certificate {
            let read = || check_key(own).and_then(|()| material::identities(own, &nothing));
            match files.changed(read) {
                Ok(certificates) => renewed.certificates = certificates,
                Err(e) => renewed.failures.push(e),
            }
        }
        renewed
    }

    /// Takes note that the content that was read is now in force.
    pub fn are_in_force(&self, roots: Option<&Changed<Arc<Roots>>>, certificates: Option<&Changed<Vec<Own>>>) {
        if let Some(((_, files), changed)) = self.trust.as_ref().zip(roots) {
            *lock(&files.in_force) = Some(changed.digest);
        }
        if let Some(((_, files), changed)) = self.certificate.as_ref().zip(certificates) {
            *lock(&files.in_force) = Some(changed.digest);
        }
    }
}

impl Watched {
    /// Returns `None` if a part of the content is in the configuration itself, which is read only once.
    fn new<const N: usize>(sources: [Option<&Source>; N]) -> Option<Watched> {
        let sources: Vec<Source> = sources.into_iter().flatten().cloned().collect();
        if !sources.iter().all(Source::is_file) {
            return None;
        }
        let in_force = Mutex::new(material::digest(&sources).ok());
        Some(Watched { sources, in_force })
    }

    fn changed<T>(&self, read: impl FnOnce() -> Result<T>) -> Result<Option<Changed<T>>> {
        let digest = material::digest(&self.sources)?;
        if *lock(&self.in_force) == Some(digest) {
            return Ok(None);
        }
        Ok(Some(Changed { content: read()?, digest }))
    }
}

/// Checks that a renewed key is as well protected as the first one had to be; a new client would refuse it otherwise.
fn check_key(own: &ClientCertificate) -> Result<()> {
    let ClientCertificate::Pem { certificate, key, .. } = own else { return Ok(()) };
    let source = key.as_ref().unwrap_or(certificate);
    let Content::File(file) = &source.content else { return Ok(()) };
    config::check_secret(file, &source.place)
}
