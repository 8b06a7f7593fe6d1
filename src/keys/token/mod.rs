//! Private keys that never leave a hardware security module or smart card: the token signs, through PKCS #11 (OASIS, version
//! 2.40 and later).
//!
//! `module` loads the vendor's library, `login` keeps one session per token and `refused` the PINs that the token has refused,
//! `pin` checks what can be a PIN, `key` finds a key and the certificates beside it, `belonging` finds which of them are the
//! key's, `signer` makes signatures for rustls, and `words` explains a token's refusals. Only the threads of `worker` call a
//! module.

mod belonging;
mod key;
mod login;
mod module;
pub(crate) mod pin;
mod refused;
mod signer;
mod words;
mod worker;

use std::path::PathBuf;

pub(crate) use belonging::belonging;
pub(crate) use key::{Key, find};
pub(crate) use signer::signing_key;
pub(crate) use worker::Limit;
#[cfg(feature = "cli")]
pub(crate) use worker::settled;

/// The description of the wanted key. Fields that are `None` match anything, but exactly one key must match in the end.
#[derive(Debug, Clone)]
pub(crate) struct Wanted {
    /// The vendor's library, under its absolute path.
    pub module: PathBuf,
    /// The token's label.
    pub token: Option<String>,
    /// The token's serial number.
    pub serial: Option<String>,
    /// The key's label.
    pub label: Option<String>,
    /// The key's CKA_ID.
    pub id: Option<Vec<u8>>,
}

/// The reason why there is no key or no signature, by what has to be changed.
#[derive(Debug, PartialEq)]
pub(crate) enum Problem {
    /// The library can't be used.
    Module(String),
    /// There is no such token, or there are several.
    Token(String),
    /// There is no such key, there are several, or it is of a kind that can't be used.
    Key(String),
    /// The PIN is missing, wrong, or must not be tried.
    Pin(String),
    /// The token does not do what it should.
    Device(String),
    /// The token has not answered in time.
    Late(String),
}

impl Problem {
    pub fn into_words(self) -> String {
        match self {
            Problem::Module(words)
            | Problem::Token(words)
            | Problem::Key(words)
            | Problem::Pin(words)
            | Problem::Device(words)
            | Problem::Late(words) => words,
        }
    }
}
