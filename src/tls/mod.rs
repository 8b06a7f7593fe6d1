//! Keys, certificates and cipher suites: from what the configuration names to what rustls takes. No sockets.

mod material;
mod suites;
mod usage;

#[cfg(feature = "jni")]
pub(crate) use material::Identity;
pub(crate) use material::{KeyMaterial, Roots, identity, revocations, roots};
pub(crate) use suites::{Versions, suite, version};
pub(crate) use usage::Usage;
