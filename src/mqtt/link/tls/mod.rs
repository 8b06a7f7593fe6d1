//! TLS with rustls.

mod certificate;
mod explain;
mod handshake;
mod identify;
mod in_token;
mod refusal;
mod renewed;
mod sessions;
mod stream;
mod verify;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rustls::ClientConfig;
use rustls::client::Resumption;
use rustls::pki_types::{ServerName, UnixTime};
use tokio_rustls::TlsConnector;

use super::failed;
use super::transport::Transport;
use crate::config::{Broker, ClientCertificate, TlsSettings, Trust};
use crate::error::{Error, Obstacle, Result};
use crate::kept::{Digest, Inputs, Kept};
use crate::keys::token::Key;
use crate::lock::lock;
use crate::material::{self, KeyMaterial, Own, Roots};
use crate::mqtt::inquiry::Inquiry;
use crate::tls::provider;
pub(crate) use explain::explain;
use handshake::Seen;
use identify::{Asked, Identifier};
use in_token::{InToken, InTurn};
use renewed::{Files, Renewed};
use sessions::Sessions;
pub(crate) use stream::Stream;
use verify::Verifier;
#[cfg(any(test, feature = "fuzz"))]
pub(crate) use verify::fuzz_certificate;

/// A client's TLS configuration.
pub(crate) struct Tls {
    common: Mutex<Arc<Common>>,
    /// The settings of the configuration without what the files contain.
    settings: TlsSettings,
    files: Option<Arc<Files>>,
    /// The reading of files and key stores that may have changed, perhaps begun by an earlier attempt.
    renewing: tokio::sync::Mutex<Inquiry<Result<Renewed>>>,
    /// True when the configuration, as it was read from the files, has been used for a connection.
    has_connected: AtomicBool,
    /// The client's key, if it is in a token.
    token: Option<Arc<InToken>>,
    /// The reason why the broker may have no, or the wrong, client certificate; see [`Tls::shortcoming`].
    shortcoming: Mutex<Option<String>>,
}

/// The part of the configuration that clients with the same parameters share, together with the TLS sessions that their brokers
/// let them resume: a resumed session saves the broker a signature, which is most of the cost of a handshake.
struct Common {
    config: ClientConfig,
    /// `None` means that sessions are not resumed: a resumed session shows no certificate, which may be revoked by now.
    sessions: Option<Sessions>,
    identifier: Arc<Identifier>,
    verifier: Arc<Verifier>,
}

static COMMON: Kept<Common> = Kept::new();

impl Tls {
    /// Reads the certificates and keys, and creates the configuration.
    pub fn new(settings: &TlsSettings, material: &KeyMaterial) -> Result<Tls> {
        let files = Files::new(settings, material.stores.clone()).map(Arc::new);
        let roots = material::roots(&settings.trust, material)?;
        let certificate = settings.client_certificate.as_ref();
        let token = match certificate {
            Some(ClientCertificate::Token(configured)) => Some(Arc::new(InToken::new(configured))),
            _ => None,
        };
        let certificates = certificate.map(|certificate| material::identities(certificate, material)).transpose()?;
        let certificates = certificates.unwrap_or_default();
        let common = Mutex::new(Common::shared(settings, roots, certificates)?);
        // The secrets in the settings are dropped, since their users have them.
        let is_token = |certificate: &ClientCertificate| matches!(certificate, ClientCertificate::Token(_));
        let client_certificate = settings.client_certificate.clone().filter(is_token);
        let settings = TlsSettings { trust: Trust::Default, client_certificate, ..settings.clone() };
        let has_connected = AtomicBool::new(false);
        let renewing = tokio::sync::Mutex::default();
        Ok(Tls { common, settings, files, renewing, has_connected, token, shortcoming: Mutex::default() })
    }

    /// Asks the token that has the client's key for it, before the first connection. The token may take this long, also for
    /// each signature. Returns a warning if the client's certificate should be changed.
    pub async fn identify(&self, patience: Duration) -> Result<Option<String>> {
        if let Some(token) = &self.token {
            self.common().identifier.becomes(token.find(patience).await?);
        }
        Ok(self.common().identifier.out_of_date(UnixTime::now()))
    }

    /// Returns the key in a token.
    pub fn key(&self) -> Option<Arc<Key>> {
        self.token.as_ref()?.key()
    }

    /// Returns why an attempt whose time was up did not wait for the broker, but for the token, or for files that are read again.
    pub fn silence(&self, patience: Duration) -> Option<String> {
        let of_files = || format!("the files and key stores of 'tls' could not be read again within {patience:?}");
        let of_token = self.key().and_then(|key| key.silence());
        of_token.or_else(|| self.renewing.try_lock().is_ok_and(|inquiry| inquiry.is_open()).then(of_files))
    }

    /// Takes note that the broker has answered the login, so the client's certificate is not in doubt.
    pub fn is_answered(&self) {
        if let Some(token) = &self.token {
            token.doubt(false);
        }
    }

    /// Returns why the broker, if it asked for a client certificate in the last handshake, has none or perhaps the wrong one:
    /// under TLS 1.3 it refuses the certificate only afterwards.
    pub fn shortcoming(&self) -> Option<String> {
        lock(&self.shortcoming).clone()
    }

    /// Does a handshake. Besides the connection, returns a warning if the broker's certificate should be changed.
    pub async fn handshake(
        &self,
        broker: &Broker,
        transport: Transport,
    ) -> Result<(Transport, Stream, Option<String>)> {
        let tcp = transport.into_tcp().map_err(|e| failed(broker, "TLS", Obstacle::Tls, e))?;
        let name = ServerName::try_from(broker.name().to_owned())
            .map_err(|_| failed(broker, "TLS", Obstacle::Tls, "the host is not a name that a certificate can have"))?;
        let outdated = self.renew().await.map_err(|e| failed(broker, "TLS", Obstacle::Tls, e))?;
        let common = self.common();
        self.read_revocations(&common).await.map_err(|e| failed(broker, "TLS", Obstacle::Tls, e))?;
        let key = match &self.token {
            Some(token) => {
                Some(renewed_key(&common, token).await.map_err(|e| failed(broker, "TLS", Obstacle::Tls, e))?)
            }
            None => None,
        };
        let now = UnixTime::now();
        let mut config = common.config.clone();
        let session = common.sessions.as_ref().map(|sessions| sessions.with(broker, now));
        if let Some(session) = &session {
            config.resumption = session.resumption();
        }
        let connector = TlsConnector::from(Arc::new(config));
        let (stream, seen) = match self.token.as_ref().zip(key) {
            Some((token, key)) => {
                let connecting = connector.connect(name, InTurn::new(tcp, key));
                let watched = handshake::watched(async {
                    connecting.await.map(|stream| {
                        let (in_turn, connection) = stream.into_inner();
                        (in_turn.tcp, connection)
                    })
                });
                let (stream, seen) = in_token::beside(watched).await.unwrap_or_else(|e| (Err(e), Seen::default()));
                token.doubt(seen.asked == Asked::Served);
                (stream, seen)
            }
            None => {
                handshake::watched(async {
                    connector.connect(name, tcp).await.map(tokio_rustls::client::TlsStream::into_inner)
                })
                .await
            }
        };
        *lock(&self.shortcoming) = match seen.asked {
            Asked::Unable => Some(explain::UNABLE.into()),
            // The broker may refuse the certificate because it is outdated.
            Asked::Served if seen.choice.is_none() => outdated.clone(),
            _ => seen.choice.clone(),
        };
        let (tcp, connection) = stream.map_err(|e| {
            let choice = seen.choice.map(|choice| format!("; {choice}")).unwrap_or_default();
            let outdated = outdated.map(|why| format!("; {why}")).unwrap_or_default();
            let why = explain::handshake(&e, seen.asked, seen.facts.as_ref());
            failed(broker, "TLS", explain::kind(&e), why + &choice + &outdated)
        })?;
        if let (Some(session), Some(not_after)) = (session, seen.not_after) {
            session.began(now, not_after);
        }
        Ok((tcp.into(), Stream(Mutex::new(connection)), seen.warning))
    }

    fn common(&self) -> Arc<Common> {
        lock(&self.common).clone()
    }

    /// Reads certificates and keys that have changed on disk, which are in force from the next connection on. When they can't
    /// be used, the previous ones stay in force, and the reason is returned: the files may be half written, or were needed at
    /// the beginning only. A key store that has changed and can't be used is an error.
    async fn renew(&self) -> Result<Option<String>> {
        let Some(files) = self.files.clone().filter(|_| self.has_connected.swap(true, Ordering::Relaxed)) else {
            return Ok(None);
        };
        let reading = files.clone();
        let read = self.renewing.lock().await.ask(move || reading.renewed()).await;
        let Renewed { roots, certificates, failures } =
            read.map_err(|e| Error::Internal(format!("reading the files of 'tls' again: {e}")))??;
        if roots.is_some() || certificates.is_some() {
            let before = self.common();
            let trusted = roots.as_ref().map_or_else(|| before.verifier.roots(), |changed| changed.content.clone());
            let own = certificates.as_ref().map_or_else(|| before.identifier.all(), |changed| changed.content.clone());
            *lock(&self.common) = Common::shared(&self.settings, trusted, own)?;
            files.are_in_force(roots.as_ref(), certificates.as_ref());
        }
        let failures: Vec<String> = failures.iter().map(Error::to_string).collect();
        let outdated =
            (!failures.is_empty()).then(|| format!("what was read earlier is used: {}", failures.join("; ")));
        Ok(outdated.inspect(|why| tracing::warn!("{why}")))
    }

    /// Reads the revocation lists anew for each connection: a list is in force for days, but a client may live for months.
    async fn read_revocations(&self, common: &Common) -> Result<()> {
        let Some(source) = self.settings.revocations.clone() else { return Ok(()) };
        let read = tokio::task::spawn_blocking(move || material::revocations(&source)).await;
        common.verifier.revoke(read.map_err(|e| Error::Internal(format!("reading revocation lists: {e}")))??);
        Ok(())
    }
}

async fn renewed_key(common: &Common, token: &InToken) -> Result<Arc<Key>> {
    if let Some(certificate) = token.renewed().await? {
        common.identifier.becomes(certificate);
        if let Some(sessions) = &common.sessions {
            sessions.forget(); // They began with the previous certificate.
        }
    }
    let key = token.key().ok_or_else(|| Error::Internal("the token was not asked for the key".into()))?;
    key.forget();
    Ok(key)
}

impl Common {
    fn shared(settings: &TlsSettings, roots: Arc<Roots>, certificates: Vec<Own>) -> Result<Arc<Common>> {
        match inputs(settings, &roots, &certificates) {
            Some(inputs) => COMMON.get(inputs, || Common::new(settings, roots, certificates)),
            None => Ok(Arc::new(Common::new(settings, roots, certificates)?)),
        }
    }

    fn new(settings: &TlsSettings, roots: Arc<Roots>, certificates: Vec<Own>) -> Result<Common> {
        let identifier = Arc::new(Identifier::new(certificates));
        let mut provider = provider::default_provider();
        if let Some(suites) = &settings.suites {
            provider.cipher_suites.clone_from(suites);
        }
        let provider = Arc::new(provider);
        let verifier = Arc::new(Verifier::new(settings, roots, &provider)?);
        if let Some(source) = &settings.revocations {
            verifier.revoke(material::revocations(source)?);
        }
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(settings.versions.list())
            .map_err(|e| Error::Internal(format!("TLS versions: {e}")))?
            .dangerous()
            .with_custom_certificate_verifier(verifier.clone())
            .with_client_cert_resolver(identifier.clone());
        config.resumption = Resumption::disabled();
        config.alpn_protocols = settings.alpn.iter().map(|name| name.clone().into_bytes()).collect();
        let sessions = settings.revocations.is_none().then(Sessions::default);
        Ok(Common { config, sessions, identifier, verifier })
    }
}

/// Returns a digest of everything that makes two configurations the same. `None` means that the configuration is not shared,
/// since its verifier changes with the revocation lists, or the key is in a token and may be gone at the next moment.
fn inputs(settings: &TlsSettings, roots: &Roots, certificates: &[Own]) -> Option<Digest> {
    let TlsSettings { trust: _, client_certificate, check_hostname, allow_common_name, pins, .. } = settings;
    if settings.revocations.is_some() || matches!(client_certificate, Some(ClientCertificate::Token(_))) {
        return None;
    }
    let mut inputs = Inputs::default();
    inputs.add(&roots.inputs);
    inputs.add(&[(*check_hostname).into(), (*allow_common_name).into()]);
    inputs.add(&pins.concat());
    let versions = settings.versions.list().iter().map(|version| version.version);
    inputs.add(&versions.flat_map(|version| u16::from(version).to_be_bytes()).collect::<Vec<_>>());
    settings.alpn.iter().for_each(|name| inputs.add(name.as_bytes()));
    inputs.add(b"");
    // No configured suites mean all of them, not an empty list.
    let suites = settings.suites.iter().flatten().map(|suite| u16::from(suite.suite()));
    inputs.add(&suites.flat_map(u16::to_be_bytes).collect::<Vec<_>>());
    for Own { certified: certificate, .. } in certificates {
        // The key belongs to the certificate, whose public half is enough to tell it from others.
        inputs.add(certificate.key.public_key()?.as_ref());
        certificate.cert.iter().for_each(|der| inputs.add(der));
    }
    Some(inputs.digest())
}
