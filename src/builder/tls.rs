//! The parameter `tls`, for the builders.

use std::fmt;
use std::path::PathBuf;

use crate::config::{Map, Value, path};

/// The parameter `tls`: for [`tls`](crate::MessageWriterBuilder::tls) of a builder. It travels like one that
/// `parameter("tls", …)` gives, is checked when a client is opened, and its errors name the parameter, such as `tls.ca_certs`.
/// With nothing set it trusts what the system trusts. `Debug` shows names only, because a value may be a secret.
///
/// ```no_run
/// use sinetstream::{MessageWriter, Tls};
///
/// let writer = MessageWriter::<str>::builder()
///     .no_config(true)
///     .service_type("mqtt")
///     .broker("broker.example.org", 8883)
///     .tls(Tls::new().ca_certs("/etc/ssl/certs/my-ca.pem"))
///     .login("user01", "user01-pass")
///     .topic("topic-001")
///     .open()?;
/// # Ok::<(), sinetstream::Error>(())
/// ```
#[derive(Clone, Default, PartialEq)]
pub struct Tls {
    parameters: Map,
}

impl Tls {
    /// Nothing is set.
    pub fn new() -> Self {
        Tls::default()
    }

    /// Sets `ca_certs`: the file with the certificates that are trusted: PEM or DER.
    pub fn ca_certs(self, path: impl Into<PathBuf>) -> Self {
        self.parameter("ca_certs", path::to_value(&path.into()))
    }

    /// Sets `ca_certs_data`: the certificates that are trusted, themselves.
    pub fn ca_certs_data(self, text: impl Into<String>) -> Self {
        self.parameter("ca_certs_data", text.into())
    }

    /// Sets `certfile`: the file with the client's certificate, then of the authorities in between: PEM or DER.
    pub fn certfile(self, path: impl Into<PathBuf>) -> Self {
        self.parameter("certfile", path::to_value(&path.into()))
    }

    /// Sets `certfile_data`: the client's certificate itself, then those of the authorities in between.
    pub fn certfile_data(self, text: impl Into<String>) -> Self {
        self.parameter("certfile_data", text.into())
    }

    /// Sets `keyfile`: the file with the private key, when it is not in [`certfile`](Self::certfile): PEM or DER.
    pub fn keyfile(self, path: impl Into<PathBuf>) -> Self {
        self.parameter("keyfile", path::to_value(&path.into()))
    }

    /// Sets `keyfile_data`: the private key itself.
    pub fn keyfile_data(self, text: impl Into<String>) -> Self {
        self.parameter("keyfile_data", text.into())
    }

    /// Sets `keyfile_password`: the password of an encrypted private key.
    pub fn keyfile_password(self, text: impl Into<String>) -> Self {
        self.parameter("keyfile_password", text.into())
    }

    /// Sets `pkcs11`: a private key in a token, in place of a key file: what stands inside `pkcs11`, by the names there.
    pub fn pkcs11(self, token: impl Into<Value>) -> Self {
        self.parameter("pkcs11", token)
    }

    /// Sets `check_hostname`: whether the broker's certificate must have the broker's name; false leaves out the check of the name only.
    pub fn check_hostname(self, on: bool) -> Self {
        self.parameter("check_hostname", on)
    }

    /// Sets `allow_common_name`: whether a common name counts where the certificate has no `subjectAltName`.
    pub fn allow_common_name(self, on: bool) -> Self {
        self.parameter("allow_common_name", on)
    }

    /// Sets `pin_sha256`: the only keys that the broker's certificate may have, each by its SHA-256.
    pub fn pin_sha256(self, items: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.parameter("pin_sha256", list(items))
    }

    /// Sets `crl_file`: the file of what the authorities have revoked.
    pub fn crl_file(self, path: impl Into<PathBuf>) -> Self {
        self.parameter("crl_file", path::to_value(&path.into()))
    }

    /// Sets `ciphers`: the only cipher suites that are spoken, by OpenSSL's or Java's names.
    pub fn ciphers(self, items: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.parameter("ciphers", list(items))
    }

    /// Sets `tls_version`: the version: `TLSv1.2`, `TLSv1.3`, or `TLS` for either.
    pub fn tls_version(self, text: impl Into<String>) -> Self {
        self.parameter("tls_version", text.into())
    }

    /// Sets `alpn`: the protocols that the client offers in the handshake (ALPN), such as `mqtt`.
    pub fn alpn(self, items: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.parameter("alpn", list(items))
    }

    /// Sets any parameter inside `tls`, by its name in a configuration file.
    pub fn parameter(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.parameters.insert(name, value);
        self
    }
}

/// The value of the parameter. An empty map would mean that there is no TLS.
impl From<Tls> for Value {
    fn from(tls: Tls) -> Value {
        if tls.parameters.iter().next().is_none() { Value::Bool(true) } else { Value::Map(tls.parameters) }
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.parameters.iter().map(|(name, _)| name)).finish()
    }
}

/// As a parameter takes several words.
pub(super) fn list(items: impl IntoIterator<Item = impl Into<String>>) -> Value {
    Value::List(items.into_iter().map(|item| Value::Str(item.into())).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_a_setter_for_each_parameter_of_rust() {
        let source = include_str!("tls.rs");
        for (name, _) in crate::config::TLS_PARAMETERS {
            // What only Java opens, another spelling, and one that has a single value.
            let left_out = name.contains("Store") || ["keyfilePassword", "cert_reqs"].contains(name);
            assert!(left_out || source.contains(&format!("pub fn {name}(")), "{name}");
        }
    }

    #[test]
    fn secrets_are_not_shown() {
        let shown = format!("{:?}", Tls::new().keyfile("key.pem").keyfile_password("hunter2"));
        assert_eq!(shown, r#"{"keyfile", "keyfile_password"}"#);
    }
}
