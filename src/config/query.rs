//! Paths of WebSockets for people.

use super::value::Value;

/// The options as people may see them.
pub(super) fn without_query(mut options: Value) -> Value {
    if let Value::Map(map) = &mut options
        && let Some(Value::Str(path)) = map.get_mut("path")
    {
        *path = shown(path);
    }
    options
}

/// A query may hold a signature or a token.
pub(super) fn shown(path: &str) -> String {
    match path.split_once('?') {
        Some((path, _)) => format!("{path}?…"),
        None => path.to_owned(),
    }
}
