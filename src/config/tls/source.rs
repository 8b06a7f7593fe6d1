//! The sources of keys and certificates.

use std::fmt;
use std::path::PathBuf;

use crate::error::Error;
use crate::keys::token::Wanted;
use crate::wiped::Secret;

/// A file that the configuration names, or its content inside the configuration.
#[derive(Debug, Clone)]
pub(crate) struct Source {
    pub content: Content,
    /// The place in the configuration, for error messages.
    pub place: String,
}

/// The content or the file's name. `Debug` shows no data.
#[derive(Clone)]
pub(crate) enum Content {
    File(PathBuf),
    Data(Secret),
}

impl fmt::Debug for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Content::File(path) => path.fmt(f),
            Content::Data(data) => write!(f, "{} bytes", data.bytes().len()),
        }
    }
}

impl Source {
    pub fn is_file(&self) -> bool {
        matches!(self.content, Content::File(_))
    }

    /// Describes the place, with the file if it is one.
    pub fn described(&self) -> String {
        match &self.content {
            Content::File(path) => format!("{}: {}", self.place, path.display()),
            Content::Data(_) => self.place.clone(),
        }
    }

    /// Describes the source for a message that names another place already.
    pub fn brief(&self) -> String {
        match &self.content {
            Content::File(path) => path.display().to_string(),
            Content::Data(_) => "the data in the configuration".into(),
        }
    }

    /// Makes an error about the file, or about the configuration if that holds the data.
    pub fn problem(&self, what: String) -> Error {
        let message = format!("{}: {what}", self.described());
        match &self.content {
            Content::File(_) => Error::Io(message.into()),
            Content::Data(_) => Error::InvalidConfiguration(message),
        }
    }
}

/// A password and its place.
#[derive(Debug, Clone)]
pub(crate) struct Password {
    pub secret: Secret,
    /// The place in the configuration, for error messages.
    pub place: String,
}

/// A key store that only Java can open.
#[derive(Debug, Clone)]
pub(crate) struct Store {
    pub source: Source,
    /// The type in the terms of `java.security.KeyStore`; `None` means Java's default.
    pub kind: Option<String>,
    pub password: Option<Password>,
    /// The alias of the only key that counts, in a key store.
    pub alias: Option<Alias>,
}

/// The name of a key in a store.
#[derive(Debug, Clone)]
pub(crate) struct Alias {
    pub name: String,
    /// The place in the configuration, for error messages.
    pub place: String,
}

/// The certificates that are trusted.
#[derive(Debug, Clone)]
pub(crate) enum Trust {
    /// The system's certificates; for Java programs, the JVM's.
    Default,
    Pem(Source),
    Store(Store),
}

/// A key in a token of PKCS #11.
#[derive(Debug, Clone)]
pub(crate) struct TokenKey {
    pub wanted: Wanted,
    pub pin: Option<Source>,
    /// The source of the certificate; `None` means that it is in the token, too.
    pub certificate: Option<Source>,
    pub places: TokenPlaces,
}

/// The places in the configuration, for error messages.
#[derive(Debug, Clone)]
pub(crate) struct TokenPlaces {
    pub module: String,
    pub token: String,
    pub key: String,
    pub pin: String,
    /// The place of the whole map.
    pub all: String,
}

/// The client's own certificate with its key.
#[derive(Debug, Clone)]
pub(crate) enum ClientCertificate {
    /// PEM files. Without `key`, the key is in the certificate's file.
    Pem {
        certificate: Source,
        key: Option<Source>,
        password: Option<Password>,
    },
    Store(Store),
    Token(Box<TokenKey>),
}
