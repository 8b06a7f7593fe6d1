//! Keys, certificates and cipher suites: from what the configuration names to what rustls takes. No sockets.

mod material;
mod suites;

#[cfg(feature = "jni")]
pub(crate) use material::Identity;
pub(crate) use material::{KeyMaterial, Roots, identity, roots};
pub(crate) use suites::{Versions, suite, version};
