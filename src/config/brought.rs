//! What the program that is configured can do beside the engine.

use super::login_source::LoginSource;

/// What the program can do that is not built in.
#[derive(Debug, Clone, Default)]
pub(crate) struct BroughtAlong {
    /// Names of value types.
    pub value_types: Vec<String>,
    /// Names of compressions.
    pub compressions: Vec<String>,
    /// Messaging systems.
    pub service_types: Vec<String>,
    /// What gives the login, in place of `username_pw`.
    pub login: Option<LoginSource>,
    /// Whether there are ciphers; which parameters they take, they tell later.
    pub ciphers: bool,
    /// Whether it opens key stores (PKCS12, JKS).
    pub key_stores: bool,
    /// Whether it has serializers for the value of a will.
    pub serializers: bool,
}
