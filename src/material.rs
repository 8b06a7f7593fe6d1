//! The trusted certificates and the client's own: read and checked, from what the configuration names to what rustls takes.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use rustls::RootCertStore;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, TrustAnchor, UnixTime};
use rustls::sign::CertifiedKey;
use webpki::{CertRevocationList, OwnedCertRevocationList};
use zeroize::Zeroizing;

use crate::config::{ClientCertificate, Content, Password, Source, Store, TlsSettings, TokenKey, Trust};
use crate::error::{Error, Result};
use crate::files;
use crate::kept::{Digest, Inputs, Kept};
use crate::keys::pem;
use crate::keys::private::{self, Key, Problem};
use crate::keys::public::public_key;
use crate::keys::section::Section;
use crate::keys::token::{self, Limit};
use crate::keys::{chain, foreign};
use crate::tls::{Usage, provider};
use crate::wiped::{self, Secret};

/// The certificates and keys in DER that Java hands over; empty for a Rust program.
#[derive(Clone, Default)]
pub(crate) struct KeyMaterial {
    /// The trusted certificates of the JVM or of the configured trust store.
    pub anchors: Option<Vec<Vec<u8>>>,
    /// Those trusted certificates that vouch only for themselves, whatever they say, because their private key is beside them.
    pub alone: Vec<Vec<u8>>,
    /// The entries of the configured key store, in the order of their aliases.
    pub identities: Vec<Identity>,
    /// The will's value, if a class of the program makes it.
    pub will_value: Option<Vec<u8>>,
    /// What opens the key stores again.
    pub stores: Option<StoreSource>,
}

/// What opens the key stores of a client again: only the program can.
#[derive(Clone)]
pub(crate) struct StoreSource {
    open: Arc<OpenStore>,
    /// How the files were before the program opened them the first time.
    pub trust: Option<Digest>,
    pub own: Option<Digest>,
}

type OpenStore = dyn Fn(&ChangedStore<'_>) -> Result<KeyMaterial> + Send + Sync;

/// A key store whose file has changed.
pub(crate) enum ChangedStore<'s> {
    Trust(&'s Store),
    Own(&'s Store),
}

impl StoreSource {
    /// To be made before the stores are opened. `None`: no store is a file.
    pub fn new(
        settings: &TlsSettings,
        open: impl Fn(&ChangedStore<'_>) -> Result<KeyMaterial> + Send + Sync + 'static,
    ) -> Option<StoreSource> {
        let digest_of = |store: &Store| match store.source.is_file() {
            true => digest(std::slice::from_ref(&store.source)).ok(),
            false => None,
        };
        let trust = match &settings.trust {
            Trust::Store(store) => digest_of(store),
            Trust::Default | Trust::Pem(_) => None,
        };
        let own = match &settings.client_certificate {
            Some(ClientCertificate::Store(store)) => digest_of(store),
            _ => None,
        };
        (trust.is_some() || own.is_some()).then(|| StoreSource { open: Arc::new(open), trust, own })
    }

    /// Has the program open a store, which may take its time.
    pub fn open(&self, renewed: &ChangedStore<'_>) -> Result<KeyMaterial> {
        (self.open)(renewed)
    }
}

/// A chain of certificates, the client's own first, and its private key in PKCS #8.
#[derive(Clone)]
pub(crate) struct Identity {
    /// The entry's name in the store.
    pub alias: String,
    pub chain: Vec<Vec<u8>>,
    pub key: Secret,
}

/// A certificate of the client with its key.
#[derive(Clone, Debug)]
pub(crate) struct Own {
    /// The entry's name in the key store, if it comes from one.
    pub alias: Option<String>,
    pub certified: Arc<CertifiedKey>,
}

impl From<Arc<CertifiedKey>> for Own {
    fn from(certified: Arc<CertifiedKey>) -> Own {
        Own { alias: None, certified }
    }
}

impl fmt::Debug for KeyMaterial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyMaterial")
    }
}

/// The trusted certificates, shared by clients that trust the same ones.
pub(crate) struct Roots {
    /// The digest of everything that they were made of.
    pub inputs: Digest,
    /// The authorities.
    pub store: Arc<RootCertStore>,
    /// The usage of each certificate in `store`, in its order.
    usages: Vec<Usage>,
    /// All trusted certificates: each vouches at least for itself.
    listed: Vec<CertificateDer<'static>>,
    /// As with OpenSSL, an authority must be within its dates and be for servers. Java checks neither.
    are_judged: bool,
}

impl fmt::Debug for Roots {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Roots")
    }
}

impl Roots {
    fn new(inputs: Digest, are_judged: bool) -> Roots {
        let store = Arc::new(RootCertStore::empty());
        Roots { inputs, store, usages: Vec::new(), listed: Vec::new(), are_judged }
    }

    /// Adds the system's many certificates, of which some may be of a kind that is not supported here.
    fn of_many(
        inputs: Digest,
        are_judged: bool,
        listed: impl Iterator<Item = (CertificateDer<'static>, bool)>,
    ) -> Roots {
        let mut roots = Roots::new(inputs, are_judged);
        for (certificate, alone) in listed {
            let _ = roots.add(certificate, alone);
        }
        roots
    }

    /// Adds a certificate. It vouches only for itself if it is no authority's, or if `alone` is set. It is an error if the
    /// certificate can't be read.
    fn add(&mut self, certificate: CertificateDer<'static>, alone: bool) -> std::result::Result<(), webpki::Error> {
        let usage = Usage::of(&certificate).ok_or(webpki::Error::BadDer)?;
        let anchor = webpki::anchor_from_trusted_cert(&certificate)?.to_owned();
        if usage.is_authority && !alone {
            Arc::make_mut(&mut self.store).roots.push(anchor);
            self.usages.push(usage);
        }
        self.listed.push(certificate);
        Ok(())
    }

    pub fn has(&self, certificate: &CertificateDer<'_>) -> bool {
        self.listed.iter().any(|listed| listed == certificate)
    }

    /// Returns the usages of an authority's certificates: several if it was renewed with the same key.
    pub fn usages(&self, anchor: &TrustAnchor<'_>) -> impl Iterator<Item = &Usage> {
        self.store.roots.iter().zip(&self.usages).filter(move |(root, _)| *root == anchor).map(|(_, usage)| usage)
    }

    pub fn are_judged(&self) -> bool {
        self.are_judged
    }
}

/// Without this cache a thousand clients that trust the same 140 authorities would parse and store them a thousand times.
static ROOTS: Kept<Roots> = Kept::new();

pub(crate) fn roots(trust: &Trust, material: &KeyMaterial) -> Result<Arc<Roots>> {
    let are_judged = matches!(trust, Trust::Pem(_)) || material.anchors.is_none();
    let mut inputs = Inputs::default();
    inputs.add(&[are_judged.into()]);
    match (trust, &material.anchors) {
        (Trust::Pem(source), _) => {
            let bytes = bytes(source)?;
            inputs.add(bytes.bytes());
            let digest = inputs.digest();
            ROOTS.get(digest, || {
                let mut roots = Roots::new(digest, are_judged);
                for certificate in authorities(source, &bytes)? {
                    let added = roots.add(certificate, false);
                    added.map_err(|e| source.problem(format!("a certificate is not valid: {e}")))?;
                }
                Ok(roots)
            })
        }
        (Trust::Default | Trust::Store(_), Some(anchors)) => {
            let is_alone = |der| material.alone.contains(der);
            for der in anchors {
                inputs.add(&[is_alone(der).into()]);
                inputs.add(der);
            }
            let digest = inputs.digest();
            ROOTS.get(digest, || {
                let listed = anchors.iter().map(|der| (der.clone().into(), is_alone(der)));
                at_least_one(trust, Roots::of_many(digest, are_judged, listed))
            })
        }
        (Trust::Default, None) => {
            let listed = rustls_native_certs::load_native_certs().certs;
            listed.iter().for_each(|der| inputs.add(der));
            let digest = inputs.digest();
            let listed = listed.into_iter().map(|der| (der, false));
            ROOTS.get(digest, || at_least_one(trust, Roots::of_many(digest, are_judged, listed)))
        }
        (Trust::Store(_), None) => Err(Error::Internal("the trust store was not handed over".into())),
    }
}

fn at_least_one(trust: &Trust, roots: Roots) -> Result<Roots> {
    match (roots.listed.is_empty(), trust) {
        (false, _) => Ok(roots),
        (true, Trust::Store(store)) => Err(store.source.problem("no certificate in it can be used".into())),
        (true, _) => Err(Error::Io("tls: no trusted certificate was found; give 'ca_certs'".into())),
    }
}

/// Returns a digest of the content of these sources.
pub(crate) fn digest(sources: &[Source]) -> Result<Digest> {
    let mut inputs = Inputs::default();
    for source in sources {
        inputs.add(bytes(source)?.bytes());
    }
    Ok(inputs.digest())
}

/// Reads the certificates that their authorities have revoked: lists in PEM, or one in DER.
pub(crate) fn revocations(source: &Source) -> Result<Vec<CertRevocationList<'static>>> {
    let secret = bytes(source)?;
    let bytes = secret.bytes();
    let lists = match bytes.first() {
        Some(&DER) => vec![bytes.to_vec()],
        _ => {
            let sections = pem::sections(bytes).map_err(|what| source.problem(what))?;
            sections.into_iter().filter(Section::is_revocation_list).map(|section| section.body.to_vec()).collect()
        }
    };
    if lists.is_empty() {
        return Err(source.problem("no revocation list in it (X509 CRL)".into()));
    }
    let read = |der: &Vec<u8>| OwnedCertRevocationList::from_der(der).map(CertRevocationList::from);
    let lists: std::result::Result<_, _> = lists.iter().map(read).collect();
    lists.map_err(|e| match e {
        webpki::Error::UnsupportedCrlVersion => source.problem(
            "a revocation list is of version 1; expected 2 ('crl_extensions' makes it with openssl ca)".into(),
        ),
        e => source.problem(format!("a revocation list is not valid: {e}")),
    })
}

/// The first byte of every certificate and revocation list in DER: a SEQUENCE.
const DER: u8 = 0x30;

/// Returns the client's certificates with their keys. Only a key store can have several, of which the broker says which it
/// knows. Returns none if the key is in a token, because that may take its time: see [`token_identity`].
pub(crate) fn identities(configured: &ClientCertificate, material: &KeyMaterial) -> Result<Vec<Own>> {
    // ring leaves the key on the stack while it converts it.
    wiped::on_the_stack::<{ wiped::LARGE }, _>(|| read_identities(configured, material))
}

fn read_identities(configured: &ClientCertificate, material: &KeyMaterial) -> Result<Vec<Own>> {
    match configured {
        ClientCertificate::Pem { certificate, key, password } => {
            Ok(vec![pem_identity(certificate, key.as_ref(), password.as_ref())?.into()])
        }
        ClientCertificate::Store(store) => usable(store, &material.identities),
        ClientCertificate::Token(_) => Ok(Vec::new()),
    }
}

fn pem_identity(certificate: &Source, key: Option<&Source>, password: Option<&Password>) -> Result<Arc<CertifiedKey>> {
    let (chain, key, source) = pem_key(certificate, key, password)?;
    certified(chain, key, source, certificate)
}

/// Reads the certificates and the key, and returns the key's source as well.
fn pem_key<'s>(
    certificate: &'s Source,
    key: Option<&'s Source>,
    password: Option<&Password>,
) -> Result<(Vec<CertificateDer<'static>>, Key, &'s Source)> {
    let sections_of_certificate = sections(certificate)?;
    let chain = certificates(certificate, &sections_of_certificate)?;
    let (source, key_section) = match key {
        Some(source) => {
            let mut found = sections(source)?;
            match found.iter().position(private::is_key) {
                Some(place) => (source, found.swap_remove(place)),
                None => return Err(source.problem(foreign::instead(&found, "private key"))),
            }
        }
        None => {
            let found = sections_of_certificate.into_iter().find(private::is_key);
            let missing = || {
                Error::InvalidConfiguration(format!(
                    "{}: holds no private key, and 'keyfile' is missing",
                    certificate.described()
                ))
            };
            (certificate, found.ok_or_else(missing)?)
        }
    };
    let given = password.map(|Password { secret, .. }| secret.bytes());
    let key = private::private_key(&key_section, given).map_err(|problem| match (problem, password) {
        (Problem::Password(what), Some(Password { place, .. })) => {
            Error::InvalidConfiguration(format!("{place}: {what} ({})", source.brief()))
        }
        (Problem::Password(what), None) => {
            Error::InvalidConfiguration(format!("{}: {what}: give 'keyfilePassword'", source.described()))
        }
        (Problem::Key(what), _) => source.problem(what),
    })?;
    Ok((chain, key, source))
}

/// The content of PEM files, in the form in which Java puts it into key stores.
pub(crate) struct InDer {
    pub trusted: Vec<CertificateDer<'static>>,
    /// The client's certificates, its own first, and its key in PKCS #8.
    pub own: Option<(Vec<CertificateDer<'static>>, Zeroizing<Vec<u8>>)>,
}

/// Reads the PEM files that these name. Java supports more kinds of keys than the engine, so Java itself checks whether the key
/// belongs to the certificate.
pub(crate) fn in_der(trust: &Trust, own: Option<&ClientCertificate>) -> Result<InDer> {
    let trusted = match trust {
        Trust::Pem(source) => authorities(source, &bytes(source)?)?,
        Trust::Default | Trust::Store(_) => Vec::new(),
    };
    let own = match own {
        Some(ClientCertificate::Pem { certificate, key, password }) => {
            let (chain, key, source) = pem_key(certificate, key.as_ref(), password.as_ref())?;
            let public_key = chain.first().and_then(public_key).ok_or_else(|| certificate.problem(DAMAGED.into()))?;
            let key = private::in_pkcs8(&key, &public_key)
                .ok_or_else(|| mismatch(&source.described(), certificate, false))?;
            Some((chain, key))
        }
        Some(ClientCertificate::Store(_) | ClientCertificate::Token(_)) | None => None,
    };
    Ok(InDer { trusted, own })
}

/// Returns the usable entries of a key store. It may hold keys for other programs, of kinds that are not supported here; it is
/// an error only if none can be used.
fn usable(store: &Store, identities: &[Identity]) -> Result<Vec<Own>> {
    let mut usable = Vec::new();
    let mut failures = Vec::new();
    for Identity { alias, chain, key } in identities {
        let chain = chain.iter().map(|der| CertificateDer::from(der.clone())).collect();
        let key = Zeroizing::new(PrivateKeyDer::Pkcs8(key.bytes().to_vec().into()));
        match certified(chain, key, &store.source, &store.source) {
            Ok(certified) => usable.push(Own { alias: Some(alias.clone()), certified }),
            Err(error) => {
                tracing::debug!("the key '{alias}': {error}");
                failures.push(error);
            }
        }
    }
    match (usable.is_empty(), failures.into_iter().next()) {
        (false, _) => Ok(usable),
        (true, Some(error)) => Err(error),
        (true, None) => Err(Error::Internal("the key store was not handed over".into())),
    }
}

/// Reads the PIN, and the certificate if it is in a file, before a token is asked.
fn beside_token(
    configured: &TokenKey,
    pin: Option<Secret>,
) -> Result<(Option<Secret>, Option<Vec<CertificateDer<'static>>>)> {
    let source_of_pin = configured.pin.as_ref().filter(|_| pin.is_none());
    let read = source_of_pin.map(|source| {
        let text = bytes(source)?;
        match source.content {
            Content::Data(_) => Ok(text),
            _ => token::pin::in_file(text.bytes())
                .map_err(|what| Error::InvalidConfiguration(format!("{}: {what}", source.described()))),
        }
    });
    let pin = read.transpose()?.or(pin);
    let chain = configured.certificate.as_ref().map(|source| {
        let chain = certificates(source, &sections(source)?)?;
        public_key(&chain[0]).ok_or_else(|| source.problem(DAMAGED.into()))?;
        Ok::<_, Error>(chain)
    });
    Ok((pin, chain.transpose()?))
}

fn problem_of(configured: &TokenKey, problem: token::Problem) -> Error {
    let TokenKey { wanted, places, .. } = configured;
    match problem {
        token::Problem::Module(what) => {
            Error::Io(format!("{}: {}: {what}", places.module, wanted.module.display()).into())
        }
        token::Problem::Token(what) => Error::InvalidConfiguration(format!("{}: {what}", places.token)),
        token::Problem::Key(what) => Error::InvalidConfiguration(format!("{}: {what}", places.key)),
        token::Problem::Pin(what) => Error::InvalidConfiguration(format!("{}: {what}", places.pin)),
        token::Problem::Device(what) | token::Problem::Late(what) => {
            Error::Io(format!("{}: {what}", places.all).into())
        }
    }
}

/// Returns the client's certificate with a key that stays in the token. The token may take as long as `patience` for all this,
/// and again for a later signature. `pin` is given if it is known already.
pub(crate) async fn token_identity(
    configured: &TokenKey,
    pin: Option<Secret>,
    patience: Duration,
) -> Result<(Arc<CertifiedKey>, Arc<token::Key>)> {
    let limit = Limit::begin(patience);
    let failed = |problem| problem_of(configured, problem);
    let files = configured.clone();
    // Only reading the files blocks a thread; the token is waited for without one.
    let read = tokio::task::spawn_blocking(move || beside_token(&files, pin)).await;
    let (pin, chain) = read.map_err(|e| Error::Internal(format!("reading the PIN and the certificate: {e}")))??;
    let key = token::find(&configured.wanted, pin, patience, limit).await.map_err(failed)?;
    let chain = match (&configured.certificate, chain) {
        (Some(source), Some(chain)) => {
            let own = token::belonging(&key, &chain, limit).await.map_err(failed)?;
            if own.first() != Some(&0) {
                let hint = if own.is_empty() { "" } else { LATER };
                return Err(Error::InvalidConfiguration(format!(
                    "{}: the certificate does not belong to {key}{hint}",
                    source.described()
                )));
            }
            chain
        }
        _ => {
            let found = key.certificates(limit).await.map_err(failed)?;
            let has_its_id = found.iter().any(|certificate| certificate.is_of_key);
            let all: Vec<CertificateDer<'static>> =
                found.into_iter().map(|certificate| certificate.der.into()).collect();
            let own = token::belonging(&key, &all, limit).await.map_err(failed)?;
            let now = Duration::from_secs(UnixTime::now().as_secs());
            let own = chain::preferred(&all, &own, now).ok_or_else(|| {
                let what = match has_its_id {
                    true => "the certificate in the token with its id is of another key",
                    false => "the token has no certificate of it",
                };
                failed(token::Problem::Key(format!("{key}: {what}; give 'certfile'")))
            })?;
            chain::chain(own, &all)
        }
    };
    let key = Arc::new(key);
    Ok((Arc::new(CertifiedKey::new(chain, token::signing_key(key.clone()))), key))
}

/// The message names no command that removes the mark: a user who followed it would trust what somebody has decided not to
/// trust.
const NOT_FOR_SERVERS: &str = "a certificate in it is marked as not to be trusted for servers (TRUSTED CERTIFICATE): whoever made the file decided \
     that this authority must not vouch for a broker; ask them for a file of the authorities that may. \
     'openssl x509 -in FILE -noout -text' shows the marks of the first one (Trusted Uses, Rejected Uses)";

const DAMAGED: &str = "the certificate is not valid: it is damaged, or none at all";

const LATER: &str = ", but a later one in it does; the client's own must come first";

/// Returns the error of a key that does not belong to its certificate. `place` is where the key was named.
fn mismatch(place: &str, certificate: &Source, is_of_later: bool) -> Error {
    let hint = if is_of_later { LATER } else { "" };
    Error::InvalidConfiguration(format!(
        "{place}: the private key does not belong to the certificate of {}{hint}",
        certificate.brief()
    ))
}

/// Checks that key and certificate belong together.
fn certified(
    chain: Vec<CertificateDer<'static>>,
    key: Key,
    key_source: &Source,
    certificate_source: &Source,
) -> Result<Arc<CertifiedKey>> {
    let own = chain.first().ok_or_else(|| certificate_source.problem("no certificate in it".into()))?;
    // The certificate's version does not matter here: it is the broker that checks the certificate.
    let public_key_of_own = public_key(own).ok_or_else(|| certificate_source.problem(DAMAGED.into()))?;
    let mismatch = |is_of_later| mismatch(&key_source.described(), certificate_source, is_of_later);
    let completed = private::with_public_key(&key, &public_key_of_own);
    let is_completed = completed.is_some();
    // The key is borrowed, so that it is wiped here: rustls and its provider keep copies in forms of their own.
    let key = provider::sign::any_supported_type(&completed.unwrap_or(key)).map_err(|_| {
        // A completed key fails here if its two halves do not belong together.
        match is_completed {
            true => mismatch(false),
            false => key_source.problem(
                "the private key can't be used; supported: RSA of 2048 to 8192 bits, EC on P-256 or P-384, Ed25519"
                    .into(),
            ),
        }
    })?;
    let certified = CertifiedKey::new(chain, key);
    let spki = certified.key.public_key();
    if spki.as_ref() == Some(&public_key_of_own) {
        return Ok(Arc::new(certified));
    }
    let is_other = certified.cert.iter().skip(1).any(|other| public_key(other).is_some_and(|key| Some(key) == spki));
    Err(mismatch(is_other))
}

/// Returns all certificates of a file of trusted ones.
fn authorities(source: &Source, bytes: &Secret) -> Result<Vec<CertificateDer<'static>>> {
    let sections = pem::sections(bytes.bytes()).map_err(|what| source.problem(what))?;
    if sections.iter().any(Section::is_not_for_servers) {
        return Err(source.problem(NOT_FOR_SERVERS.into()));
    }
    certificates(source, &sections)
}

/// Returns all certificates, at least one.
fn certificates(source: &Source, sections: &[Section]) -> Result<Vec<CertificateDer<'static>>> {
    let found = sections.iter().filter(|section| section.is_certificate());
    let found: Vec<_> = found.map(|section| CertificateDer::from(section.certificate().to_vec())).collect();
    match found.is_empty() {
        true => Err(source.problem(foreign::instead(sections, "certificate"))),
        false => Ok(found),
    }
}

fn sections(source: &Source) -> Result<Vec<Section>> {
    pem::sections(bytes(source)?.bytes()).map_err(|what| source.problem(what))
}

fn bytes(source: &Source) -> Result<Secret> {
    match &source.content {
        Content::Data(data) => Ok(data.clone()),
        Content::File(path) => {
            let bytes = files::read(path, files::MAX_BYTES);
            let mut bytes = bytes.map_err(|e| source.problem(format!("the file can't be read: {e}")))?;
            Ok(Secret::new(std::mem::take(&mut bytes)))
        }
    }
}
