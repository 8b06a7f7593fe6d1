//! Cipher suites, versions, and what a certificate may be used for. No sockets, and no configuration.

mod suites;
mod usage;

/// Who does the cryptography of TLS, here and at the configuration server.
#[cfg(feature = "aws-lc-rs")]
pub(crate) use rustls::crypto::aws_lc_rs as provider;
#[cfg(not(feature = "aws-lc-rs"))]
pub(crate) use rustls::crypto::ring as provider;

pub(crate) use suites::{Versions, suite, version};
pub(crate) use usage::Usage;
