//! TLS with rustls.

mod certificate;
mod explain;
mod identify;
mod in_token;
mod refusal;
mod stream;
mod verify;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use rustls::ClientConfig;
use rustls::client::Resumption;
use rustls::pki_types::{ServerName, UnixTime};
use tokio_rustls::TlsConnector;

use super::failed;
use super::transport::Transport;
use crate::config::{Broker, ClientCertificate, Source, TlsSettings};
use crate::error::{Cause, Error, Result};
use crate::keys::token::Key;
use crate::lock::lock;
use crate::material::{self, KeyMaterial};
use crate::tls::provider;
pub(crate) use explain::explain;
use identify::{Asked, Identifier};
use in_token::InToken;
pub(crate) use stream::Stream;
use verify::Verifier;
#[cfg(any(test, feature = "fuzz"))]
pub(crate) use verify::fuzz_certificate;

/// A client's TLS configuration.
#[derive(Clone)]
pub(crate) struct Tls {
    config: Arc<ClientConfig>,
    identifier: Arc<Identifier>,
    /// The client's key, if it is in a token.
    token: Option<Arc<InToken>>,
    verifier: Arc<Verifier>,
    revocations: Option<Source>,
}

impl Tls {
    /// Reads the certificates and keys and makes the configuration.
    pub fn new(settings: &TlsSettings, material: &KeyMaterial) -> Result<Tls> {
        let roots = material::roots(&settings.trust, material)?;
        let certificate = settings.client_certificate.as_ref();
        let token = match certificate {
            Some(ClientCertificate::Token(configured)) => Some(Arc::new(InToken::new(configured))),
            _ => None,
        };
        let certificate = certificate.map(|certificate| material::identity(certificate, material)).transpose()?;
        let identifier = Arc::new(Identifier::new(certificate.flatten()));
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
        if settings.revocations.is_some() {
            // A session that is taken up again shows no certificate, which may be revoked by now.
            config.resumption = Resumption::disabled();
        }
        let revocations = settings.revocations.clone();
        Ok(Tls { config: Arc::new(config), identifier, token, verifier, revocations })
    }

    /// Asks the token that has the client's key for it, before the first connection. It may take this long, and each signature
    /// may, too. What about the client's certificate should be changed.
    pub async fn identify(&self, patience: Duration) -> Result<Option<String>> {
        if let Some(token) = &self.token {
            self.identifier.becomes(token.find(patience).await?);
        }
        Ok(self.identifier.out_of_date(UnixTime::now()))
    }

    /// The key in a token.
    pub fn key(&self) -> Option<&Key> {
        self.token.as_ref()?.key()
    }

    /// Why the broker has no certificate of the client's from the last handshake, if it wanted one: under TLS 1.3 it says so only
    /// afterwards.
    pub fn shortcoming(&self) -> Option<&'static str> {
        (self.identifier.asked() == Asked::Unable).then_some(explain::UNABLE)
    }

    /// Besides the connection, what about the broker's certificate should be changed.
    pub async fn handshake(
        &self,
        broker: &Broker,
        transport: Transport,
    ) -> Result<(Transport, Stream, Option<String>)> {
        let tcp = transport.into_tcp().map_err(|e| failed(broker, "TLS", Cause::Tls, e))?;
        let name = ServerName::try_from(broker.host.clone())
            .map_err(|_| failed(broker, "TLS", Cause::Tls, "the host is not a name that a certificate can have"))?;
        // A client makes one connection at a time.
        self.identifier.forget();
        if let Some(key) = self.key() {
            key.forget();
        }
        self.verifier.forget();
        self.read_revocations().await.map_err(|e| failed(broker, "TLS", Cause::Tls, e))?;
        let connecting = TlsConnector::from(self.config.clone()).connect(name, tcp);
        let stream = match self.token {
            Some(_) => in_token::beside(connecting).await,
            None => connecting.await,
        };
        let stream = stream.map_err(|e| {
            let seen = lock(&self.verifier.seen);
            let why = explain::handshake(&e, self.identifier.asked(), seen.facts.as_ref());
            failed(broker, "TLS", explain::kind(&e), why)
        })?;
        let (tcp, connection) = stream.into_inner();
        Ok((tcp.into(), Stream(Mutex::new(connection)), lock(&self.verifier.seen).warning.take()))
    }

    /// Anew for each connection: such a list is in force for days, a client may be for months.
    async fn read_revocations(&self) -> Result<()> {
        let Some(source) = self.revocations.clone() else { return Ok(()) };
        let read = tokio::task::spawn_blocking(move || material::revocations(&source)).await;
        self.verifier.revoke(read.map_err(|e| Error::Internal(format!("reading revocation lists: {e}")))??);
        Ok(())
    }
}
