//! Logins that the program provides in Java.

use zeroize::Zeroizing;

use super::tree::{self, Answer};
use crate::config::{Login, Value};
use crate::error::{Error, Result};

/// Reads Java's answer: a tree with `password` and, if there is one, `username`; or with the `problem` that prevented it.
pub(super) fn decode(answer: &[u8]) -> Result<Answer<Login>> {
    let answer = Zeroizing::new(tree::decode(answer)?);
    let Value::Map(answer) = &*answer else {
        return Err(Error::Internal("the login is not a map".into()));
    };
    let text = |name: &str| match answer.get(name) {
        Some(Value::Str(text)) => Some(text.clone()),
        _ => None,
    };
    let password = match answer.get("password") {
        Some(Value::Bytes(password)) => password.clone(),
        _ => Vec::new(),
    };
    Ok(match (text("problem"), text("username")) {
        (Some(problem), _) => Err(problem),
        (None, Some(username)) => Ok(Login::new(username, password)),
        (None, None) => Ok(Login::token(password)),
    })
}
