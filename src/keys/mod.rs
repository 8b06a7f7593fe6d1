//! PEM files and the private keys in them, for TLS and for encrypted values of the configuration.

mod cost;
pub(crate) mod pem;
pub(crate) mod private;
