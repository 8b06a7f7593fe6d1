//! The abilities that the configured program adds to the engine.

use super::login_source::LoginSource;

/// The abilities of the program that are not built into the engine.
#[derive(Debug, Clone, Default)]
pub(crate) struct BroughtAlong {
    /// The names of the value types.
    pub value_types: Vec<String>,
    /// The names of the compressions.
    pub compressions: Vec<String>,
    /// The messaging systems, by the names of `type`.
    pub service_types: Vec<String>,
    /// The program's source of the login, which takes the place of `username_pw`.
    pub login: Option<LoginSource>,
    /// Whether there are ciphers; they say later which parameters they take.
    pub ciphers: bool,
    /// Whether the program opens key stores (PKCS12, JKS).
    pub key_stores: bool,
    /// Whether the program has serializers for the value of a will.
    pub serializers: bool,
}
