//! Where keys and certificates come from.

use std::fmt;
use std::path::PathBuf;

use crate::error::Error;
use crate::keys::token::Wanted;
use crate::wiped::Secret;

/// A file that the configuration names, or its content inside the configuration.
#[derive(Debug, Clone)]
pub(crate) struct Source {
    pub content: Content,
    /// Where it was written, for error messages.
    pub place: String,
}

/// `Debug` shows no data.
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

    /// The place, and the file if it is one.
    pub fn described(&self) -> String {
        match &self.content {
            Content::File(path) => format!("{}: {}", self.place, path.display()),
            Content::Data(_) => self.place.clone(),
        }
    }

    /// For a message that names another place already.
    pub fn brief(&self) -> String {
        match &self.content {
            Content::File(path) => path.display().to_string(),
            Content::Data(_) => "the data in the configuration".into(),
        }
    }

    /// What is wrong with it: with the file, or with the configuration when that holds the data.
    pub fn problem(&self, what: String) -> Error {
        let message = format!("{}: {what}", self.described());
        match &self.content {
            Content::File(_) => Error::Io(message.into()),
            Content::Data(_) => Error::InvalidConfiguration(message),
        }
    }
}

/// A password.
#[derive(Debug, Clone)]
pub(crate) struct Password {
    pub secret: Secret,
    /// Where it was written.
    pub place: String,
}

/// A key store that only Java can open.
#[derive(Debug, Clone)]
pub(crate) struct Store {
    pub source: Source,
    /// As `java.security.KeyStore` calls it; `None`: Java's default.
    pub kind: Option<String>,
    pub password: Option<Password>,
    /// Of a key store: the only key that counts.
    pub alias: Option<Alias>,
}

/// The name of a key in a store.
#[derive(Debug, Clone)]
pub(crate) struct Alias {
    pub name: String,
    /// Where it was written.
    pub place: String,
}

/// Which certificates are trusted.
#[derive(Debug, Clone)]
pub(crate) enum Trust {
    /// The system's, from Java the JVM's.
    Default,
    Pem(Source),
    Store(Store),
}

/// A key in a token of PKCS #11.
#[derive(Debug, Clone)]
pub(crate) struct TokenKey {
    pub wanted: Wanted,
    pub pin: Option<Source>,
    /// Where the certificate is; `None`: in the token, too.
    pub certificate: Option<Source>,
    pub places: TokenPlaces,
}

/// Where it was written what is meant, for error messages.
#[derive(Debug, Clone)]
pub(crate) struct TokenPlaces {
    pub module: String,
    pub token: String,
    pub key: String,
    pub pin: String,
    /// The map as a whole.
    pub all: String,
}

/// The client's own certificate with its key.
#[derive(Debug, Clone)]
pub(crate) enum ClientCertificate {
    /// Without `key`, the key stands beside the certificate.
    Pem {
        certificate: Source,
        key: Option<Source>,
        password: Option<Password>,
    },
    Store(Store),
    Token(Box<TokenKey>),
}
