//! The tagged tree in which options and descriptions cross to Java and back; big endian.
//!
//! One byte tells what follows: 0 null, 1 false, 2 true, 3 a 64-bit integer, 4 a 64-bit floating-point number, 5 a string and 6
//! bytes (each after its 32-bit length), 7 a list (after its 32-bit count), 8 a map (its count, then names and values).

use bytes::Buf;
use zeroize::Zeroizing;

use crate::config::{Map, Value};
use crate::error::{Error, Result};
use crate::wiped::append;

/// Java's answer to a question of the engine, or the problem that prevented it.
pub(super) type Answer<T> = std::result::Result<T, String>;

/// The greatest depth; Java refuses deeper trees before they reach this code.
const MAX_DEPTH: usize = 128;

/// Reads one tree, which must be the whole input.
pub(super) fn decode(mut bytes: &[u8]) -> Result<Value> {
    let value = decode_value(&mut bytes, MAX_DEPTH)?;
    match bytes.is_empty() {
        true => Ok(value),
        false => Err(malformed("bytes after the end")),
    }
}

fn decode_value(bytes: &mut &[u8], depth: usize) -> Result<Value> {
    if depth == 0 {
        return Err(malformed("too deep"));
    }
    Ok(match take(bytes, 1)?[0] {
        0 => Value::Null,
        1 => Value::Bool(false),
        2 => Value::Bool(true),
        3 => Value::Int(take(bytes, 8)?.get_i64()),
        4 => Value::Float(take(bytes, 8)?.get_f64()),
        5 => Value::Str(decode_string(bytes)?),
        6 => {
            let length = decode_length(bytes)?;
            Value::Bytes(take(bytes, length)?.to_vec())
        }
        7 => {
            let count = decode_length(bytes)?;
            let mut items = Vec::new();
            for _ in 0..count {
                items.push(decode_value(bytes, depth - 1)?);
            }
            Value::List(items)
        }
        8 => {
            let count = decode_length(bytes)?;
            let mut map = Map::new();
            for _ in 0..count {
                let name = decode_string(bytes)?;
                map.insert(name, decode_value(bytes, depth - 1)?);
            }
            Value::Map(map)
        }
        _ => return Err(malformed("unknown tag")),
    })
}

fn decode_length(bytes: &mut &[u8]) -> Result<usize> {
    Ok(take(bytes, 4)?.get_u32() as usize)
}

fn decode_string(bytes: &mut &[u8]) -> Result<String> {
    let length = decode_length(bytes)?;
    String::from_utf8(take(bytes, length)?.to_vec()).map_err(|_| malformed("a string is not UTF-8"))
}

fn take<'a>(bytes: &mut &'a [u8], length: usize) -> Result<&'a [u8]> {
    match bytes.split_at_checked(length) {
        Some((taken, rest)) => {
            *bytes = rest;
            Ok(taken)
        }
        None => Err(malformed("cut short")),
    }
}

fn malformed(what: &str) -> Error {
    Error::Internal(format!("malformed tree: {what}"))
}

/// Writes one tree.
pub(super) fn encode(value: &Value) -> Zeroizing<Vec<u8>> {
    let mut bytes = Zeroizing::new(Vec::new());
    encode_value(value, &mut bytes);
    bytes
}

fn encode_value(value: &Value, to: &mut Zeroizing<Vec<u8>>) {
    match value {
        Value::Null => append(to, &[0]),
        Value::Bool(flag) => append(to, &[1 + u8::from(*flag)]),
        Value::Int(number) => {
            append(to, &[3]);
            append(to, &number.to_be_bytes());
        }
        Value::Float(number) => {
            append(to, &[4]);
            append(to, &number.to_be_bytes());
        }
        Value::Str(text) | Value::Encrypted(text) => {
            append(to, &[5]);
            encode_bytes(text.as_bytes(), to);
        }
        Value::Bytes(bytes) => {
            append(to, &[6]);
            encode_bytes(bytes, to);
        }
        Value::List(items) => {
            append(to, &[7]);
            encode_length(items.len(), to);
            items.iter().for_each(|item| encode_value(item, to));
        }
        Value::Map(map) => {
            append(to, &[8]);
            encode_length(map.len(), to);
            for (name, value) in map.iter() {
                encode_bytes(name.as_bytes(), to);
                encode_value(value, to);
            }
        }
    }
}

fn encode_bytes(bytes: &[u8], to: &mut Zeroizing<Vec<u8>>) {
    encode_length(bytes.len(), to);
    append(to, bytes);
}

/// Appends a length; a configuration file is far smaller than 4 GiB.
fn encode_length(length: usize, to: &mut Zeroizing<Vec<u8>>) {
    append(to, &(length as u32).to_be_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn values() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::Bool),
            any::<i64>().prop_map(Value::Int),
            (-1e300..1e300).prop_map(Value::Float),
            any::<String>().prop_map(Value::Str),
            any::<Vec<u8>>().prop_map(Value::Bytes),
        ];
        leaf.prop_recursive(4, 32, 8, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..8).prop_map(Value::List),
                prop::collection::btree_map(any::<String>(), inner, 0..8)
                    .prop_map(|map| Value::Map(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn trees_round_trip(value in values()) {
            prop_assert!(decode(&encode(&value)) == Ok(value));
        }

        #[test]
        fn any_bytes_are_a_tree_or_an_error(bytes: Vec<u8>) {
            let _ = decode(&bytes);
        }
    }
}
