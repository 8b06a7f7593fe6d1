//! Keys, certificates and cipher suites: from what the configuration names to what rustls takes. No sockets.

mod material;
mod suites;
mod usage;

/// Who does the cryptography of TLS, here and at the configuration server.
#[cfg(feature = "aws-lc-rs")]
pub(crate) use rustls::crypto::aws_lc_rs as provider;
#[cfg(not(feature = "aws-lc-rs"))]
pub(crate) use rustls::crypto::ring as provider;

#[cfg(feature = "jni")]
pub(crate) use material::Identity;
pub(crate) use material::{KeyMaterial, Roots, identity, revocations, roots};
pub(crate) use suites::{Versions, suite, version};
pub(crate) use usage::Usage;
