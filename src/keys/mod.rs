//! PEM files and the private keys in them, for TLS and for encrypted values of the configuration; and keys that stay in a token.

pub(crate) mod chain;
mod cost;
mod der;
pub(crate) mod foreign;
pub(crate) mod pem;
pub(crate) mod private;
pub(crate) mod public;
pub(crate) mod section;
pub(crate) mod token;
