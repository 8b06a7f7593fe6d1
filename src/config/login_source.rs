//! A login that the program supplies anew for each attempt to connect, for instance a token that expires or a password from a
//! vault.

use std::fmt;
use std::sync::Arc;

use super::login::Credentials;
use crate::BoxError;
use crate::error::{Error, Result};
use crate::terms::Version;
use crate::terms::text;
use crate::wiped::Secret;

/// A user name and password for the broker. `Debug` hides both, and dropping it wipes the password.
#[derive(Clone)]
pub struct Login(Credentials);

impl Login {
    /// Creates a login with a user name and a password.
    pub fn new(username: impl Into<String>, password: impl Into<Vec<u8>>) -> Login {
        Login(Credentials { username: Some(username.into()), password: Some(Secret::new(password.into())) })
    }

    /// Creates a login with a password, or token, but no user name, which MQTT 5 allows.
    pub fn token(password: impl Into<Vec<u8>>) -> Login {
        Login(Credentials { username: None, password: Some(Secret::new(password.into())) })
    }
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Login")
    }
}

type Give = dyn Fn() -> std::result::Result<Login, BoxError> + Send + Sync;

/// The program's function that supplies the login.
#[derive(Clone)]
pub(crate) struct LoginSource(Arc<Give>);

impl LoginSource {
    pub fn new(give: impl Fn() -> std::result::Result<Login, BoxError> + Send + Sync + 'static) -> LoginSource {
        LoginSource(Arc::new(give))
    }

    /// Asks the program for a login; the call may block.
    pub fn ask(&self, version: Version) -> Result<Credentials> {
        let problem = |what: &str| Err(Error::connection(format!("the program gave no login: {what}")));
        let Login(credentials) = match (self.0)() {
            Ok(login) => login,
            Err(error) => return problem(&error.to_string()),
        };
        let Credentials { username, password } = &credentials;
        if username.is_none() && version != Version::V5 {
            return problem("a password without a user name needs MQTT 5");
        }
        if let Some(Err(why)) = username.as_ref().map(|name| text::check(name)) {
            return problem(&format!("the user name {why}"));
        }
        if let Some(Err(why)) = password.as_ref().map(|password| text::check_data(password.bytes())) {
            return problem(&format!("the password {why}"));
        }
        Ok(credentials)
    }
}

impl fmt::Debug for LoginSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LoginSource")
    }
}
