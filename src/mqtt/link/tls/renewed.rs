//! Certificates and keys in files, and in key stores, which may be renewed while the client lives.

use std::sync::{Arc, Mutex};

use crate::config::{self, ClientCertificate, Content, Source, Store, TlsSettings, Trust};
use crate::error::{Error, Result};
use crate::kept::Digest;
use crate::lock::lock;
use crate::material::{self, ChangedStore, KeyMaterial, Own, Roots, StoreSource};

/// The files of the configuration. Trust and the client's own certificate are renewed separately: an authority that was removed
/// is not trusted any longer even if the client's key can't be read, as in a daemon that has dropped its rights after its
/// start.
pub(super) struct Files {
    trust: Option<(Trust, Watched)>,
    /// The client's certificate, with the password of the key, if it is encrypted, or of the key store.
    certificate: Option<(ClientCertificate, Watched)>,
    /// What opens key stores.
    stores: Option<StoreSource>,
}

/// Files that are used together, and their state when the content in force was read from them.
struct Watched {
    sources: Vec<Source>,
    /// What has changed and can't be used is an error. That is so for a key store, which is one file; a certificate and its key are
    /// two, which are renewed one after the other.
    must_be_usable: bool,
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
    pub fn new(settings: &TlsSettings, stores: Option<StoreSource>) -> Option<Files> {
        let trust = match &settings.trust {
            Trust::Pem(source) => Watched::new([Some(source)]),
            Trust::Store(store) => stores.as_ref().and_then(|stores| Watched::store(store, stores.trust?)),
            Trust::Default => None,
        };
        let certificate = settings.client_certificate.as_ref().and_then(|own| match own {
            ClientCertificate::Pem { certificate, key, .. } => {
                Some((own.clone(), Watched::new([Some(certificate), key.as_ref()])?))
            }
            ClientCertificate::Store(store) => {
                let opened_at = stores.as_ref()?.own?;
                Some((own.clone(), Watched::store(store, opened_at)?))
            }
            // The key of a token is looked up by the token's own rules.
            ClientCertificate::Token(_) => None,
        });
        let trust = trust.map(|watched| (settings.trust.clone(), watched));
        (trust.is_some() || certificate.is_some()).then_some(Files { trust, certificate, stores })
    }

    /// Reads the files that have changed. They count as changed until their content is in force: a file may be half written,
    /// and the content may turn out to be unusable.
    pub fn renewed(&self) -> Result<Renewed> {
        let mut renewed = Renewed::default();
        if let Some((trust, files)) = &self.trust {
            let read = || {
                let store = if let Trust::Store(store) = trust { Some(ChangedStore::Trust(store)) } else { None };
                material::roots(trust, &self.opened(store)?)
            };
            renewed.roots = files.changed(read, &mut renewed.failures)?;
        }
        if let Some((own, files)) = &self.certificate {
            let read = || {
                check_key(own)?;
                let store =
                    if let ClientCertificate::Store(store) = own { Some(ChangedStore::Own(store)) } else { None };
                material::identities(own, &self.opened(store)?)
            };
            renewed.certificates = files.changed(read, &mut renewed.failures)?;
        }
        Ok(renewed)
    }

    /// What the program takes out of a store.
    fn opened(&self, store: Option<ChangedStore<'_>>) -> Result<KeyMaterial> {
        match (store, &self.stores) {
            (Some(store), Some(stores)) => stores.open(&store),
            _ => Ok(KeyMaterial::default()),
        }
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
        Some(Watched { sources, must_be_usable: false, in_force })
    }

    /// A key store, which was opened when its file was like this.
    fn store(store: &Store, opened_at: Digest) -> Option<Watched> {
        let Store { source, .. } = store;
        let in_force = Mutex::new(Some(opened_at));
        source.is_file().then(|| Watched { sources: vec![source.clone()], must_be_usable: true, in_force })
    }

    /// What `read` makes of them, if they have changed.
    fn changed<T>(&self, read: impl FnOnce() -> Result<T>, failures: &mut Vec<Error>) -> Result<Option<Changed<T>>> {
        let read = match material::digest(&self.sources) {
            Ok(digest) if *lock(&self.in_force) == Some(digest) => return Ok(None),
            Ok(digest) => match read() {
                Err(e) if self.must_be_usable => return Err(e),
                read => read.map(|content| Changed { content, digest }),
            },
            Err(e) => Err(e),
        };
        Ok(read.map_err(|e| failures.push(e)).ok())
    }
}

/// Checks that a renewed key is as well protected as the first one had to be; a new client would refuse it otherwise.
fn check_key(own: &ClientCertificate) -> Result<()> {
    let source = match own {
        ClientCertificate::Pem { certificate, key, .. } => key.as_ref().unwrap_or(certificate),
        ClientCertificate::Store(store) => &store.source,
        ClientCertificate::Token(_) => return Ok(()),
    };
    let Content::File(file) = &source.content else { return Ok(()) };
    config::check_secret(file, &source.place)
}
