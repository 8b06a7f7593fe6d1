//! The tree of values that YAML files and builders give.

use std::collections::HashMap;
use std::fmt;

use zeroize::Zeroize;

/// A value of a parameter. `Debug` shows kinds only, because a value may be a secret.
#[derive(Clone, PartialEq)]
pub enum Value {
    /// No value; the same as not giving the parameter.
    Null,
    /// A boolean.
    Bool(bool),
    /// An integer.
    Int(i64),
    /// A floating-point number.
    Float(f64),
    /// A text.
    Str(String),
    /// Bytes (`!!binary` in YAML).
    Bytes(Vec<u8>),
    /// A list.
    List(Vec<Value>),
    /// Names and values, in the order in which they were written.
    Map(Map),
    /// `!sinetstream/encrypted`: the Base64 text of a value that only the private key decrypts.
    Encrypted(String),
}

impl Value {
    /// Names the kind of the value for an error message, which must never show the value itself.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Value::Null => "nothing",
            Value::Bool(_) => "a boolean",
            Value::Int(_) => "an integer",
            Value::Float(_) => "a number",
            Value::Str(s) if s.is_empty() => "an empty string",
            Value::Str(_) => "a string",
            Value::Bytes(_) => "bytes",
            Value::List(_) => "a list",
            Value::Map(_) => "a map",
            Value::Encrypted(_) => "an encrypted value",
        }
    }
}

impl Map {
    /// True if a value is encrypted, at any depth.
    pub(crate) fn holds_encrypted(&self) -> bool {
        fn holds(value: &Value) -> bool {
            match value {
                Value::Encrypted(_) => true,
                Value::List(items) => items.iter().any(holds),
                Value::Map(map) => map.holds_encrypted(),
                _ => false,
            }
        }
        self.iter().any(|(_, value)| holds(value))
    }

    /// True if the value names a library that is loaded into the program (`tls.pkcs11`), at any depth.
    pub(crate) fn names_code(&self) -> bool {
        self.iter().any(|(name, value)| match value {
            Value::Map(map) => name == "pkcs11" || map.names_code(),
            _ => false,
        })
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::List(items) => f.debug_list().entries(items).finish(),
            Value::Map(map) => map.fmt(f),
            other => f.write_str(other.kind()),
        }
    }
}

/// Overwrites texts and bytes.
impl Zeroize for Value {
    fn zeroize(&mut self) {
        match self {
            Value::Str(text) | Value::Encrypted(text) => text.zeroize(),
            Value::Bytes(bytes) => bytes.zeroize(),
            Value::List(items) => items.iter_mut().for_each(Value::zeroize),
            // A map wipes itself, now or when it is dropped.
            Value::Map(map) => map.wipe(),
            Value::Null | Value::Bool(_) | Value::Int(_) | Value::Float(_) => {}
        }
    }
}

/// Names and values in the order in which they were written; a name occurs once. The values are wiped from memory when the map
/// is dropped, since passwords may be among them.
#[derive(Clone, Default, PartialEq)]
pub struct Map {
    entries: Vec<(String, Value)>,
    /// The index of each name's entry. Without it, the time to build a map would grow with the square of its size, and a file
    /// can have many maps of thousands of names.
    places: HashMap<String, usize>,
}

impl Map {
    /// Creates an empty map.
    pub fn new() -> Map {
        Map::default()
    }

    /// Sets a value, replacing the one of the same name.
    pub fn insert(&mut self, name: impl Into<String>, value: impl Into<Value>) {
        let (name, value) = (name.into(), value.into());
        match self.get_mut(&name) {
            Some(earlier) => std::mem::replace(earlier, value).zeroize(),
            None => {
                self.places.insert(name.clone(), self.entries.len());
                self.entries.push((name, value));
            }
        }
    }

    /// Returns the value of that name.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.places.get(name).map(|place| &self.entries[*place].1)
    }

    pub(crate) fn get_mut(&mut self, name: &str) -> Option<&mut Value> {
        self.places.get(name).map(|place| &mut self.entries[*place].1)
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = (&str, &mut Value)> {
        self.entries.iter_mut().map(|(n, v)| (n.as_str(), v))
    }

    /// Returns names and values, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.entries.iter().map(|(n, v)| (n.as_str(), v))
    }

    /// Returns the number of names.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// True if there is no name.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

impl Map {
    fn wipe(&mut self) {
        self.entries.iter_mut().for_each(|(_, value)| value.zeroize());
    }
}

impl Drop for Map {
    fn drop(&mut self) {
        self.wipe();
    }
}

impl fmt::Debug for Map {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

impl<K: Into<String>, V: Into<Value>> FromIterator<(K, V)> for Map {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(entries: I) -> Map {
        let mut map = Map::new();
        for (name, value) in entries {
            map.insert(name, value);
        }
        map
    }
}

impl<K: Into<String>, V: Into<Value>, const N: usize> From<[(K, V); N]> for Value {
    fn from(entries: [(K, V); N]) -> Value {
        Value::Map(entries.into_iter().collect())
    }
}

impl From<Map> for Value {
    fn from(map: Map) -> Value {
        Value::Map(map)
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Value {
        Value::Bool(value)
    }
}

impl From<i64> for Value {
    fn from(value: i64) -> Value {
        Value::Int(value)
    }
}

impl From<i32> for Value {
    fn from(value: i32) -> Value {
        Value::Int(value.into())
    }
}

impl From<f64> for Value {
    fn from(value: f64) -> Value {
        Value::Float(value)
    }
}

impl From<&str> for Value {
    fn from(value: &str) -> Value {
        Value::Str(value.to_owned())
    }
}

impl From<String> for Value {
    fn from(value: String) -> Value {
        Value::Str(value)
    }
}

impl From<&[u8]> for Value {
    fn from(value: &[u8]) -> Value {
        Value::Bytes(value.to_vec())
    }
}

impl<V: Into<Value>> From<Vec<V>> for Value {
    fn from(items: Vec<V>) -> Value {
        Value::List(items.into_iter().map(Into::into).collect())
    }
}

/// Whether the text is one of these words, in upper or lower case.
pub(super) fn is_word(text: &str, words: &[&str]) -> bool {
    words.iter().any(|word| word.eq_ignore_ascii_case(text.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_no_value() {
        let map: Map = [("password", Value::from("hidden")), ("list", vec!["hidden"].into()), ("number", 47_11.into())]
            .into_iter()
            .collect();
        assert_eq!(format!("{map:?}"), r#"{"password": a string, "list": [a string], "number": an integer}"#);
    }

    #[test]
    fn a_name_occurs_once_and_order_is_kept() {
        let mut map = Map::new();
        map.insert("b", 1);
        map.insert("a", 2);
        map.insert("b", 3);
        let entries: Vec<_> = map.iter().collect();
        assert_eq!(entries, [("b", &Value::Int(3)), ("a", &Value::Int(2))]);
        assert_eq!((map.len(), map.is_empty(), map.get("c")), (2, false, None));
    }
}
