//! The options of one message on their way from Java: a tree with those that are given.

use std::time::Duration;

use super::tree;
use crate::config::Value;
use crate::error::{Error, Result};
use crate::terms::WriteOptions;

pub(super) fn decode(bytes: &[u8]) -> Result<WriteOptions> {
    let Value::Map(given) = tree::decode(bytes)? else { return Err(malformed()) };
    given.iter().try_fold(WriteOptions::new(), |options, (name, value)| option(options, name, value))
}

fn option(options: WriteOptions, name: &str, value: &Value) -> Result<WriteOptions> {
    Ok(match (name, value) {
        ("topic", Value::Str(topic)) => options.topic(topic),
        ("retain", Value::Bool(retain)) => options.retain(*retain),
        ("message_expiry", Value::Int(seconds)) => {
            options.message_expiry(Duration::from_secs(u64::try_from(*seconds).map_err(|_| malformed())?))
        }
        ("content_type", Value::Str(content_type)) => options.content_type(content_type),
        ("response_topic", Value::Str(topic)) => options.response_topic(topic),
        ("correlation_data", Value::Bytes(data)) => options.correlation_data(data.as_slice()),
        ("user_properties", Value::List(pairs)) => pairs.iter().try_fold(options, user_property)?,
        _ => return Err(malformed()),
    })
}

fn user_property(options: WriteOptions, pair: &Value) -> Result<WriteOptions> {
    match pair {
        Value::List(pair) => match pair.as_slice() {
            [Value::Str(name), Value::Str(value)] => Ok(options.user_property(name, value)),
            _ => Err(malformed()),
        },
        _ => Err(malformed()),
    }
}

fn malformed() -> Error {
    Error::Internal("malformed options of a message".into())
}
