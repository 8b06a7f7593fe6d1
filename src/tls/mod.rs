//! Cipher suites, versions, and the permitted uses of a certificate. Nothing here knows sockets or the configuration.

mod suites;
mod usage;

/// The library that does the cryptography of TLS, here and for the configuration server.
#[cfg(feature = "aws-lc-rs")]
pub(crate) use rustls::crypto::aws_lc_rs as provider;
#[cfg(not(feature = "aws-lc-rs"))]
pub(crate) use rustls::crypto::ring as provider;

pub(crate) use suites::{Versions, suite, version};
pub(crate) use usage::Usage;
