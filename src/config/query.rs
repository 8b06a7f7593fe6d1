//! Hides the queries of WebSocket paths from people.

use super::value::Value;

/// Returns the options with the query of the path hidden.
pub(super) fn without_query(mut options: Value) -> Value {
    if let Value::Map(map) = &mut options
        && let Some(Value::Str(path)) = map.get_mut("path")
    {
        *path = shown(path);
    }
    options
}

/// Returns the path with its query hidden: a query may hold a signature or a token.
pub(super) fn shown(path: &str) -> String {
    match path.split_once('?') {
        Some((path, _)) => format!("{path}?…"),
        None => path.to_owned(),
    }
}
