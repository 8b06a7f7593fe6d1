//! Requests to the configuration server: JSON over HTTPS, bounded in time and size. One time limit covers all requests
//! together, because the server may ask for hundreds of them.

use std::io::Write;
use std::ops::Deref;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use rustls::pki_types::CertificateDer;
use serde_json::Value as Json;
use ureq::http::HeaderValue;
use ureq::tls::{Certificate, RootCerts, TlsConfig};
use ureq::{Agent, Body};
use zeroize::{Zeroize, Zeroizing};

use super::budget;
use crate::error::{Error, Result};
use crate::files;
use crate::keys::pem;
use crate::tls::Usage;
use crate::wiped;

const MAX_ANSWER: u64 = 16 << 20;

/// A JSON document with secrets in it; its texts are wiped when it is dropped.
pub(super) struct Document(Json);

impl Document {
    /// Parses JSON. The library's error quotes more than a position, so it must not be shown.
    pub fn parse(text: &[u8]) -> serde_json::Result<Document> {
        serde_json::from_slice(text).map(Document)
    }
}

impl From<Json> for Document {
    fn from(json: Json) -> Document {
        Document(json)
    }
}

impl Deref for Document {
    type Target = Json;

    fn deref(&self) -> &Json {
        &self.0
    }
}

impl Drop for Document {
    fn drop(&mut self) {
        wipe(&mut self.0);
    }
}

fn wipe(json: &mut Json) {
    match json {
        Json::String(text) => text.zeroize(),
        Json::Array(items) => items.iter_mut().for_each(wipe),
        Json::Object(map) => map.values_mut().for_each(wipe),
        Json::Null | Json::Bool(_) | Json::Number(_) => {}
    }
}

/// A buffer for JSON with secrets.
#[derive(Default)]
struct Text(Zeroizing<Vec<u8>>);

impl Write for Text {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        wiped::append(&mut self.0, bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

pub(super) struct Http {
    agent: Agent,
    address: String,
    limit: Limit,
}

/// The time by which the whole exchange must end, from the look-up of the name to the last byte of the last answer.
#[derive(Clone, Copy)]
struct Limit {
    timeout: Duration,
    deadline: Instant,
}

/// An answer of the server.
pub(super) struct Answer {
    pub status: u16,
    body: Body,
    what: String,
    limit: Limit,
}

impl Http {
    /// Prepares requests to `address`, which is `https://host[:port]`, perhaps with a path. All requests together take at most
    /// `timeout` from now on. The certificates of `ca_certs` are trusted, or else the system's.
    pub fn new(address: &str, ca_certs: Option<&Path>, timeout: Duration) -> Result<Http> {
        if !address.starts_with("https://") && !address.starts_with("http://") {
            let message = format!("the configuration server's address '{address}' is not an https:// address");
            return Err(Error::InvalidConfiguration(message));
        }
        let certificates: Vec<Certificate<'static>> = match ca_certs {
            Some(file) => from_file(file)?,
            None => rustls_native_certs::load_native_certs().certs,
        }
        .iter()
        .map(|der: &CertificateDer<'_>| Certificate::from_der(der).to_owned())
        .collect();
        let tls = TlsConfig::builder()
            .unversioned_rustls_crypto_provider(Arc::new(crate::tls::provider::default_provider()))
            .root_certs(RootCerts::new_with_certs(&certificates))
            .build();
        let config = Agent::config_builder()
            .tls_config(tls)
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .proxy(None)
            .user_agent(concat!("sinetstream/", env!("CARGO_PKG_VERSION")))
            .build();
        let limit = Limit { timeout, deadline: Instant::now() + timeout };
        Ok(Http { agent: config.into(), address: address.trim_end_matches('/').to_owned(), limit })
    }

    pub fn address(&self) -> &str {
        &self.address
    }

    pub fn post(&self, path: &str, body: &Document) -> Result<Answer> {
        let mut text = Text::default();
        serde_json::to_writer(&mut text, &body.0).map_err(|_| Error::Internal("JSON that can't be written".into()))?;
        let url = format!("{}{path}", self.address);
        let request =
            self.agent.post(&url).header("Content-Type", "application/json").header("Accept", "application/json");
        let request = request.config().timeout_global(Some(self.left(path)?)).build();
        self.answer(path, request.send(&text.0[..]))
    }

    pub fn get(&self, path: &str, token: &str, headers: &[(&str, &str)]) -> Result<Answer> {
        let url = format!("{}{path}", self.address);
        let mut request = self.agent.get(&url).header("Accept", "application/json");
        let bearer = Zeroizing::new(["Bearer ".as_bytes(), token.as_bytes()].concat());
        // Only a token that `authenticate` has accepted comes here.
        if let Ok(bearer) = HeaderValue::from_maybe_shared(Bytes::from_owner(bearer)) {
            request = request.header("Authorization", bearer);
        }
        request = request.config().timeout_global(Some(self.left(path)?)).build();
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.answer(path, request.call())
    }

    fn what(&self, path: &str) -> String {
        format!("configuration server {}{path}", self.address)
    }

    /// Returns the time that is left for this request and those after it.
    fn left(&self, path: &str) -> Result<Duration> {
        let left = self.limit.deadline.saturating_duration_since(Instant::now());
        match left.is_zero() {
            true => Err(Error::connection(format!("{}: {}", self.what(path), self.limit.exceeded()))),
            false => Ok(left),
        }
    }

    fn answer(
        &self,
        path: &str,
        result: std::result::Result<ureq::http::Response<Body>, ureq::Error>,
    ) -> Result<Answer> {
        let what = self.what(path);
        let response = result.map_err(|e| failed(&what, &e, self.limit))?;
        let status = response.status().as_u16();
        if response.status().is_redirection() {
            return Err(Error::connection(format!("{what}: a redirect ({status}), which is not followed")));
        }
        if response.status().is_server_error() {
            return Err(Error::connection(format!("{what}: the server has failed (status {status})")));
        }
        Ok(Answer { status, body: response.into_body(), what, limit: self.limit })
    }
}

impl Answer {
    /// Describes the request for people.
    pub fn what(&self) -> &str {
        &self.what
    }

    pub fn json(self) -> Result<Document> {
        let Answer { mut body, what, limit, .. } = self;
        let expected = body.content_length().unwrap_or(0).min(MAX_ANSWER);
        let bytes = wiped::read(body.with_config().limit(MAX_ANSWER).reader(), expected, MAX_ANSWER);
        let bytes = bytes.map_err(|e| failed(&what, &e.into(), limit))?;
        budget::check_json(&bytes).map_err(|why| Error::InvalidConfiguration(format!("{what}: the answer: {why}")))?;
        // The library's own message may quote the answer.
        Document::parse(&bytes).map_err(|e| {
            Error::InvalidConfiguration(format!(
                "{what}: the answer is not JSON (line {}, column {})",
                e.line(),
                e.column()
            ))
        })
    }
}

impl Limit {
    fn exceeded(&self) -> String {
        let seconds = self.timeout.as_secs_f64();
        format!("no whole answer within {seconds} seconds, the 'connection_timeout' for all requests together")
    }
}

fn failed(what: &str, error: &ureq::Error, limit: Limit) -> Error {
    let why = match error {
        ureq::Error::Timeout(_) => limit.exceeded(),
        ureq::Error::BodyExceedsLimit(limit) => format!("the answer is larger than {limit} bytes"),
        ureq::Error::HostNotFound => "the host is not known".to_owned(),
        other => other.to_string(),
    };
    Error::connection(format!("{what}: {why}"))
}

fn from_file(file: &Path) -> Result<Vec<CertificateDer<'static>>> {
    let wrong =
        |what: String| Error::InvalidConfiguration(format!("parameter 'config_ca_certs': {} {what}", file.display()));
    let text = files::read(file, files::MAX_BYTES).map_err(|e| wrong(format!("can't be read: {e}")))?;
    let sections = pem::sections(&text).map_err(wrong)?;
    let found: Vec<_> = sections
        .into_iter()
        .filter(|section| section.is_certificate())
        .map(|section| section.certificate().to_vec().into())
        .collect();
    // Each certificate of the file would be trusted as an authority.
    let is_authority = |certificate| Usage::of(certificate).is_some_and(|usage| usage.is_authority);
    if !found.iter().all(is_authority) {
        return Err(wrong("has a certificate that is not an authority's (CA:TRUE)".into()));
    }
    if found.is_empty() { Err(wrong("has no certificate".into())) } else { Ok(found) }
}
