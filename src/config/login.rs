//! The login, `username_pw`.

use std::fmt;

use super::extractor::Extractor;
use super::value::Value;
use crate::terms::{Version, text};
use crate::wiped::Secret;

/// A user name and password. `Debug` hides them.
#[derive(Clone, PartialEq)]
pub(crate) struct Credentials {
    /// The user name; MQTT 5 allows a password alone.
    pub username: Option<String>,
    pub password: Option<Secret>,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials")
    }
}

impl Extractor {
    pub fn credentials(&mut self, version: Version) -> Option<Credentials> {
        match self.value("username_pw", &[])? {
            Value::Map(map) if map.iter().all(|(_, value)| *value == Value::Null) => {
                self.no_effect("username_pw", "it is empty, so no user name is sent");
                return None;
            }
            Value::Map(_) => {}
            other => {
                self.wrong("username_pw", &[], "a map with 'username' and 'password'", &other);
                return None;
            }
        }
        let username = self.text("username_pw", &["username"]);
        let password = self.secret("username_pw", &["password"]);
        if let Some(username) = &username {
            self.check_mqtt_string("username_pw", &["username"], username);
        } else if self.value("username_pw", &["username"]).is_none() && version != Version::V5 {
            self.parameters.problem("username_pw", &["username"], "is missing; expected a string");
        }
        if let Some(Err(message)) = password.as_ref().map(|password| text::check_data(password.bytes())) {
            self.parameters.problem("username_pw", &["password"], &message);
        }
        Some(Credentials { username, password })
    }
}
