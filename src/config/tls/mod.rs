//! The parameters of TLS.

mod pkcs11;
mod source;

use base64ct::{Base64, Encoding};
use rustls::SupportedCipherSuite;

use super::Request;
use super::extractor::Extractor;
use super::rights::Use;
use super::value::{Value, is_word};
use crate::tls::{self, Versions};
use crate::wiped::Secret;
pub(crate) use source::{Alias, ClientCertificate, Content, Password, Source, Store, TokenKey, Trust};

/// The SHA-256 of a public key.
pub(crate) type Pin = [u8; 32];

/// The settings of TLS: trusted authorities, the client's own certificate, versions and cipher suites.
#[derive(Debug, Clone)]
pub(crate) struct TlsSettings {
    pub trust: Trust,
    pub client_certificate: Option<ClientCertificate>,
    pub check_hostname: bool,
    /// Whether the common name counts in a certificate without a subjectAltName.
    pub allow_common_name: bool,
    /// SHA-256 of the SubjectPublicKeyInfo of each allowed key; the broker's key must be one of them, unless the list is empty.
    pub pins: Vec<Pin>,
    pub revocations: Option<Source>,
    pub versions: Versions,
    /// The only suites to offer; `None` means all.
    pub suites: Option<Vec<SupportedCipherSuite>>,
    /// The application protocols that the client offers (ALPN, RFC 7301), the preferred one first.
    pub alpn: Vec<String>,
}

const TLS: &str = "tls";

impl Extractor {
    pub fn tls(&mut self, request: &Request) -> Option<TlsSettings> {
        let on = self.tls_is_on();
        let check_hostname = self.flag(TLS, &["check_hostname"]).unwrap_or(true);
        let allow_common_name = self.flag(TLS, &["allow_common_name"]).unwrap_or(true);
        let pins = self.pins();
        let revocations = self.revocations(request);
        let insecure = match self.value("tls_insecure", &[]) {
            Some(Value::Map(_)) => self.flag("tls_insecure", &["value"]),
            Some(_) => self.flag("tls_insecure", &[]),
            None => None,
        };
        if insecure.is_some() && !on {
            self.no_effect("tls_insecure", "TLS is off");
        }
        let trust = self.trust(request);
        self.must_be_filled_in("pkcs11");
        let client_certificate = self.client_certificate(request);
        self.cert_reqs();
        let versions = self.versions();
        let suites = self.suites(versions);
        let alpn = self.alpn();
        if on {
            self.look_at_files(&trust, client_certificate.as_ref(), revocations.as_ref());
        }
        on.then(|| TlsSettings {
            trust,
            client_certificate,
            check_hostname: insecure.map_or(check_hostname, |insecure| !insecure),
            allow_common_name,
            pins,
            revocations,
            versions,
            suites,
            alpn,
        })
    }

    /// Checks who else may write the files of TLS, or read those of them that are secret.
    fn look_at_files(
        &mut self,
        trust: &Trust,
        client_certificate: Option<&ClientCertificate>,
        revocations: Option<&Source>,
    ) {
        let trusted = match trust {
            Trust::Pem(source) | Trust::Store(Store { source, .. }) => Some(source),
            Trust::Default => None,
        };
        let (certificate, key) = match client_certificate {
            Some(ClientCertificate::Pem { certificate, key: Some(key), .. }) => (Some(certificate), Some(key)),
            Some(ClientCertificate::Pem { certificate: key, key: None, .. }) => (None, Some(key)),
            Some(ClientCertificate::Store(store)) => (None, Some(&store.source)),
            Some(ClientCertificate::Token(token)) => (token.certificate.as_ref(), token.pin.as_ref()),
            None => (None, None),
        };
        let files = [trusted, revocations, certificate].map(|source| (source, Use::Trusted));
        for (source, use_) in files.into_iter().chain([(key, Use::Secret)]) {
            if let Some(Source { content: Content::File(file), place }) = source {
                self.look_at(file, None, use_, place);
            }
        }
        if let Some(ClientCertificate::Token(token)) = client_certificate {
            self.look_at(&token.wanted.module, None, Use::Code, &token.places.module);
        }
    }

    fn tls_is_on(&mut self) -> bool {
        match self.value(TLS, &[]) {
            None => false,
            Some(Value::Map(map)) if map.is_empty() => {
                let place = self.place(&[]);
                self.parameters.warnings.push(format!("{place} is empty, so TLS is off; write 'true' to switch it on"));
                false
            }
            // A map without values is an unfilled template: its writer wanted TLS.
            Some(Value::Map(map)) if map.iter().all(|(_, value)| *value == Value::Null) => {
                let message = "has names without values; fill them in, write 'true' for TLS with the system's \
                               authorities, or 'false' for none";
                self.parameters.problem(TLS, &[], message);
                true
            }
            Some(Value::Map(_)) => true,
            Some(Value::Bool(on)) => on,
            Some(Value::Str(text)) if is_word(&text, &["true", "yes", "on"]) => true,
            Some(Value::Str(text)) if is_word(&text, &["false", "no", "off"]) => false,
            Some(other) => {
                self.wrong(TLS, &[], "true, false or a map", &other);
                false
            }
        }
    }

    fn trust(&mut self, request: &Request) -> Trust {
        let pem = self.pem("ca_certs", "ca_certs_data", request);
        let store = self.store("trustStore", request);
        match (pem, store) {
            (Some(pem), None) => Trust::Pem(pem),
            (Some(pem), Some(_)) => {
                self.has_no_effect("trustStore", "'ca_certs' is given too, and is used");
                Trust::Pem(pem)
            }
            (None, Some(store)) => {
                self.refuse_store_in_rust(&store, "ca_certs", request);
                Trust::Store(store)
            }
            (None, None) => Trust::Default,
        }
    }

    fn client_certificate(&mut self, request: &Request) -> Option<ClientCertificate> {
        let certificate = self.pem("certfile", "certfile_data", request);
        let key = self.pem("keyfile", "keyfile_data", request);
        let password = self.key_password();
        let store = self.store("keyStore", request);
        self.refuse_uris();
        if self.value(TLS, &["pkcs11"]).is_some() {
            return self.token_key(certificate, request);
        }
        if !self.has("certfile") && self.has("keyfile") {
            let name = if key.as_ref().is_some_and(is_data) { "keyfile_data" } else { "keyfile" };
            self.parameters.problem(TLS, &[name], "is given without 'certfile', the certificate of the key");
        }
        match (certificate, store) {
            (Some(certificate), store) => {
                if store.is_some() {
                    self.has_no_effect("keyStore", "'certfile' is given too, and is used");
                }
                Some(ClientCertificate::Pem { certificate, key, password })
            }
            (None, Some(store)) => {
                self.refuse_store_in_rust(&store, "certfile", request);
                Some(ClientCertificate::Store(store))
            }
            (None, None) => None,
        }
    }

    fn refuse_store_in_rust(&mut self, store: &Store, instead: &str, request: &Request) {
        if !request.brought.key_stores {
            let name = if instead == "ca_certs" { "trustStore" } else { "keyStore" };
            let data = format!("{name}_data");
            let name = if is_data(&store.source) { data.as_str() } else { name };
            let with = if instead == "ca_certs" { "'ca_certs'" } else { "'certfile' and 'keyfile'" };
            let message =
                format!("Java's key stores are opened by Java programs only; give PEM files with {with} instead");
            self.parameters.problem(TLS, &[name], &message);
        }
    }

    /// Reads the name of a PEM file, or its text inside the configuration.
    fn pem(&mut self, name: &str, data_name: &str, request: &Request) -> Option<Source> {
        let data = match self.value(TLS, &[data_name]) {
            None => None,
            Some(Value::Str(text)) => Some(text.into_bytes()),
            Some(Value::Bytes(bytes)) => Some(bytes),
            Some(other) => {
                self.wrong(TLS, &[data_name], "the text of a PEM file", &other);
                return None;
            }
        };
        self.source(name, data_name, data, "a PEM file", request)
    }

    /// Reads a key store. `name` is `trustStore` or `keyStore`.
    fn store(&mut self, name: &str, request: &Request) -> Option<Store> {
        let [data_name, kind_name, password_name, alias_name] =
            ["_data", "Type", "Password", "Alias"].map(|ending| format!("{name}{ending}"));
        let [data_name, kind_name, password_name, alias_name] =
            [&data_name, &kind_name, &password_name, &alias_name].map(String::as_str);
        let kind = self.text(TLS, &[kind_name]).filter(|kind| !kind.is_empty());
        let password = self.password(password_name);
        let alias = match name {
            "keyStore" => self.alias(alias_name),
            // A trust store needs no alias, because all its certificates count.
            _ => None,
        };
        if !self.has(name) {
            for lonely in [kind_name, password_name, alias_name] {
                self.has_no_effect(lonely, &format!("there is no '{name}'"));
            }
            return None;
        }
        let data = match self.value(TLS, &[data_name]) {
            None => None,
            Some(Value::Bytes(bytes)) => Some(bytes),
            // A key store is binary, so a text can only be its Base64.
            Some(Value::Str(text)) => {
                let decoded = Base64::decode_vec(&text.split_whitespace().collect::<String>());
                if decoded.is_err() {
                    self.parameters.problem(TLS, &[data_name], "expected the store as !!binary or in Base64");
                }
                Some(decoded.ok()?)
            }
            Some(other) => {
                self.wrong(TLS, &[data_name], "the store as !!binary or in Base64", &other);
                return None;
            }
        };
        let source = self.source(name, data_name, data, "a key store", request)?;
        Some(Store { source, kind, password, alias })
    }

    fn alias(&mut self, name: &str) -> Option<Alias> {
        let alias = self.text(TLS, &[name])?;
        if alias.is_empty() {
            self.parameters.problem(TLS, &[name], "is empty; fill it in, or leave it out");
        }
        Some(Alias { name: alias, place: self.place(&[name]) })
    }

    /// Returns the data or the file; the data wins.
    fn source(
        &mut self,
        name: &str,
        data_name: &str,
        data: Option<Vec<u8>>,
        what: &str,
        request: &Request,
    ) -> Option<Source> {
        let path = self.text(TLS, &[name]);
        if path.as_deref() == Some("") {
            self.parameters.problem(TLS, &[name], &format!("expected the path of {what}, found an empty string"));
            return None;
        }
        match (data, path) {
            (Some(data), _) if data.is_empty() => {
                self.parameters.problem(TLS, &[data_name], &format!("expected the content of {what}, found nothing"));
                None
            }
            (Some(data), path) => {
                if path.is_some() {
                    self.has_no_effect(name, &format!("'{data_name}' is given too, and is used"));
                }
                Some(Source { content: Content::Data(Secret::new(data)), place: self.place(&[data_name]) })
            }
            (None, Some(path)) => {
                Some(Source { content: Content::File(request.user_dir.join(path)), place: self.place(&[name]) })
            }
            (None, None) => None,
        }
    }

    fn key_password(&mut self) -> Option<Password> {
        let [first, second] = ["keyfilePassword", "keyfile_password"].map(|name| self.password(name));
        if self.value(TLS, &["pkcs11"]).is_some() {
            for lonely in ["keyfilePassword", "keyfile_password"] {
                self.has_no_effect(lonely, "the key is in a token; 'pkcs11.pin' opens that");
            }
        } else if !self.has("certfile") && !self.has("keyfile") {
            for lonely in ["keyfilePassword", "keyfile_password"] {
                self.has_no_effect(lonely, "there is no 'keyfile'");
            }
        } else if let (Some(first), Some(second)) = (&first, &second)
            && first.secret != second.secret
        {
            self.has_no_effect("keyfile_password", "'keyfilePassword' is given too, and is used");
        }
        first.or(second)
    }

    fn password(&mut self, name: &str) -> Option<Password> {
        let secret = self.secret(TLS, &[name])?;
        Some(Password { secret, place: self.place(&[name]) })
    }

    fn pins(&mut self) -> Vec<Pin> {
        const EXPECTED: &str = "the SHA-256 of the broker's public key in Base64 or hex, or a list of them";
        self.must_be_filled_in("pin_sha256");
        let items = match self.value(TLS, &["pin_sha256"]) {
            None => return Vec::new(),
            Some(Value::List(items)) => items,
            Some(other) => vec![other],
        };
        let pins: Option<Vec<Pin>> =
            items.iter().map(|item| if let Value::Str(text) = item { pin(text) } else { None }).collect();
        match pins {
            Some(pins) if !pins.is_empty() => pins,
            _ => {
                self.parameters.problem(TLS, &["pin_sha256"], &format!("expected {EXPECTED}"));
                Vec::new()
            }
        }
    }

    fn revocations(&mut self, request: &Request) -> Option<Source> {
        self.must_be_filled_in("crl_file");
        self.source("crl_file", "crl_file_data", None, "a file of revocation lists", request)
    }

    /// Requires a value: without one the connection would be open to more peers than the writer of the name intended.
    fn must_be_filled_in(&mut self, name: &str) {
        let Some(Value::Map(map)) = self.value(TLS, &[]) else { return };
        if map.get(name) == Some(&Value::Null) && map.iter().any(|(_, value)| *value != Value::Null) {
            self.parameters.problem(TLS, &[name], "has no value; fill it in, or leave it out");
        }
    }

    /// Checks `cert_reqs`: the broker's certificate is always required and verified.
    fn cert_reqs(&mut self) {
        match self.text(TLS, &["cert_reqs"]).as_deref() {
            None | Some("CERT_REQUIRED") => {}
            Some(weak @ ("CERT_NONE" | "CERT_OPTIONAL")) => {
                let message = format!(
                    "{weak} is not supported, because then anybody could pretend to be the broker; expected CERT_REQUIRED"
                );
                self.parameters.problem(TLS, &["cert_reqs"], &message);
            }
            Some(_) => self.parameters.problem(TLS, &["cert_reqs"], "expected CERT_REQUIRED"),
        }
    }

    fn versions(&mut self) -> Versions {
        let Some(name) = self.text(TLS, &["tls_version"]) else { return Versions::default() };
        tls::version(&name).unwrap_or_else(|message| {
            self.parameters.problem(TLS, &["tls_version"], &message);
            Versions::default()
        })
    }

    fn suites(&mut self, versions: Versions) -> Option<Vec<SupportedCipherSuite>> {
        let names: Vec<String> = match self.value(TLS, &["ciphers"])? {
            Value::Str(text) => text.split([':', ',']).map(|name| name.trim().to_owned()).collect(),
            Value::List(items) => {
                let names = items.iter().map(|item| match item {
                    Value::Str(text) => Some(text.trim().to_owned()),
                    _ => None,
                });
                match names.collect() {
                    Some(names) => names,
                    None => {
                        self.parameters.problem(TLS, &["ciphers"], "expected a list of strings");
                        return None;
                    }
                }
            }
            other => {
                self.wrong(TLS, &["ciphers"], "a string with names of cipher suites, or a list of them", &other);
                return None;
            }
        };
        let mut suites = Vec::new();
        for name in &names {
            match tls::suite(name) {
                Ok(suite) if suites.contains(&suite) => {}
                Ok(suite) => suites.push(suite),
                Err(message) => {
                    self.parameters.problem(TLS, &["ciphers"], &message);
                    return None;
                }
            }
        }
        if !suites.iter().any(|suite| versions.have(suite)) {
            let message = match names.is_empty() {
                true => "expected at least one cipher suite, found an empty list".to_owned(),
                false => format!("none of these cipher suites belongs to {}, the 'tls_version'", versions.name()),
            };
            self.parameters.problem(TLS, &["ciphers"], &message);
        }
        Some(suites)
    }

    fn alpn(&mut self) -> Vec<String> {
        const EXPECTED: &str = "a name of 1 to 255 bytes, such as mqtt, or a list of them";
        let items = match self.value(TLS, &["alpn"]) {
            None => return Vec::new(),
            Some(Value::List(items)) => items,
            Some(other) => vec![other],
        };
        let name = |item: &Value| match item {
            Value::Str(name) if (1..=255).contains(&name.len()) => Some(name.clone()),
            _ => None,
        };
        match items.iter().map(name).collect::<Option<Vec<_>>>() {
            Some(names) if !names.is_empty() => names,
            _ => {
                self.parameters.problem(TLS, &["alpn"], &format!("expected {EXPECTED}"));
                Vec::new()
            }
        }
    }

    /// True if the parameter is given, as a file or as data.
    fn has(&self, name: &str) -> bool {
        self.value(TLS, &[name]).is_some() || self.value(TLS, &[&format!("{name}_data")]).is_some()
    }

    fn has_no_effect(&mut self, name: &str, why: &str) {
        if self.has(name) {
            let data = format!("{name}_data");
            let place = self.place(&[if self.value(TLS, &[name]).is_some() { name } else { &data }]);
            self.parameters.warnings.push(format!("{place} has no effect: {why}"));
        }
    }

    fn place(&self, inside: &[&str]) -> String {
        self.parameters.get(TLS).map(|entry| self.parameters.place_of(entry, inside)).unwrap_or_default()
    }
}

/// Parses 64 hex digits, with or without colons, or Base64.
fn pin(text: &str) -> Option<Pin> {
    let text = text.trim();
    let digits: Vec<u8> = text.bytes().filter(|byte| *byte != b':').collect();
    let hex = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    let bytes = match digits.len() == 64 && digits.iter().all(u8::is_ascii_hexdigit) {
        true => digits.chunks(2).map(hex).collect::<Option<Vec<u8>>>()?,
        false => Base64::decode_vec(text).ok()?,
    };
    bytes.try_into().ok()
}

fn is_data(source: &Source) -> bool {
    matches!(source.content, Content::Data(_))
}
